//! Plain, single-quoted and double-quoted scalars.

use super::Fault;
use super::cursor::Pos;
use super::scan::Scanner;
use crate::yaml::node::Style;
use std::borrow::Cow;

/// A scalar's text and style, and the byte behind its end.
pub(super) type Scanned<'t> = (Cow<'t, str>, Style, usize);

impl<'t> Scanner<'t> {
    /// A plain scalar. What stands on one line is borrowed from the text.
    pub(super) fn plain(&mut self) -> Result<Scanned<'t>, Fault> {
        let start = self.cursor.pos();
        let mut folded = String::new();
        // The part of the current line that belongs to the scalar.
        let (mut from, mut end) = (start.at, start.at);
        while !self.cursor.is_document_sign() && self.cursor.peek(0) != b'#' {
            let word_end = self.word_end();
            if word_end == self.cursor.at {
                break;
            }
            self.cursor.at = word_end;
            end = word_end;
            if !(self.cursor.is_blank() || self.cursor.is_break()) {
                break;
            }
            self.skip_blanks();
            if !self.cursor.is_break() {
                continue;
            }
            let breaks = self.line_breaks(start)?;
            self.key_allowed = true;
            if !self.is_in_flow() && self.cursor.column() < self.least_column() {
                break;
            }
            if !self.continues() {
                break;
            }
            folded.push_str(self.cursor.slice(from, end));
            breaks.fold_into(&mut folded);
            from = self.cursor.at;
            self.key_allowed = false;
        }
        let last = self.cursor.slice(from, end);
        let text = if folded.is_empty() { Cow::Borrowed(last) } else { Cow::Owned(folded + last) };
        Ok((text, Style::Plain, end))
    }

    /// The column at which the content of the current block starts.
    fn least_column(&self) -> usize {
        usize::try_from(self.indent + 1).unwrap_or(0)
    }

    /// True if the scalar goes on where the cursor stands, on a new line.
    fn continues(&self) -> bool {
        !self.cursor.is_document_sign() && self.cursor.peek(0) != b'#' && self.word_end() > self.cursor.at
    }

    /// Where the run of characters ends that may stand in a plain scalar.
    fn word_end(&self) -> usize {
        let in_flow = self.is_in_flow();
        let mut at = self.cursor.at;
        loop {
            match CLASS[usize::from(self.cursor.byte(at))] {
                COLON if self.cursor.is_blank_or_end(at + 1) => return at,
                FLOW_SIGN if in_flow => return at,
                ORDINARY | COLON | FLOW_SIGN => at += 1,
                _ if self.cursor.is_blank_or_end(at) => return at,
                _ => at += 1,
            }
        }
    }

    /// Line breaks and the indentation behind them, within a plain scalar.
    fn line_breaks(&mut self, start: Pos) -> Result<Breaks<'t>, Fault> {
        let mut breaks = Breaks { first: self.cursor.skip_break(), ..Breaks::default() };
        loop {
            match self.cursor.peek(0) {
                b'\t' if self.cursor.column() < self.least_column() => {
                    return Err(Fault::new("found a tab character that violates indentation", start));
                }
                b' ' | b'\t' => self.cursor.at += 1,
                _ => match self.cursor.skip_break() {
                    "" => return Ok(breaks),
                    more => breaks.more.push_str(more),
                },
            }
        }
    }

    /// A scalar in single quotes.
    pub(super) fn single_quoted(&mut self) -> Result<Scanned<'t>, Fault> {
        let start = self.cursor.pos();
        self.cursor.at += 1;
        let mut text = Cow::Borrowed("");
        let mut from = self.cursor.at;
        loop {
            self.check_quoted(start)?;
            match self.cursor.peek(0) {
                b'\'' if self.cursor.peek(1) == b'\'' => {
                    self.cursor.at += 1;
                    append(&mut text, self.cursor.slice(from, self.cursor.at));
                    self.cursor.at += 1;
                    from = self.cursor.at;
                }
                b'\'' => break,
                b' ' | b'\t' | b'\n' | b'\r' | 0xC2 | 0xE2 => from = self.quoted_blanks(&mut text, from),
                _ => self.cursor.at += 1,
            }
        }
        append(&mut text, self.cursor.slice(from, self.cursor.at));
        self.cursor.at += 1;
        Ok((text, Style::Single, self.cursor.at))
    }

    /// A scalar in double quotes.
    pub(super) fn double_quoted(&mut self) -> Result<Scanned<'t>, Fault> {
        let start = self.cursor.pos();
        self.cursor.at += 1;
        let mut text = Cow::Borrowed("");
        let mut from = self.cursor.at;
        loop {
            self.check_quoted(start)?;
            match self.cursor.peek(0) {
                b'"' => break,
                b'\\' => {
                    append(&mut text, self.cursor.slice(from, self.cursor.at));
                    self.escape(text.to_mut(), start)?;
                    from = self.cursor.at;
                }
                b' ' | b'\t' | b'\n' | b'\r' | 0xC2 | 0xE2 => from = self.quoted_blanks(&mut text, from),
                _ => self.cursor.at += 1,
            }
        }
        append(&mut text, self.cursor.slice(from, self.cursor.at));
        self.cursor.at += 1;
        Ok((text, Style::Double, self.cursor.at))
    }

    /// Neither the end of the text nor of the document may stand inside quotes.
    fn check_quoted(&mut self, start: Pos) -> Result<(), Fault> {
        if self.cursor.is_at_end() {
            return Err(Fault::new("found unexpected end of stream in a quoted scalar", start));
        }
        if matches!(self.cursor.peek(0), b'-' | b'.') && self.cursor.is_document_sign() {
            return Err(Fault::new("found unexpected document indicator in a quoted scalar", start));
        }
        Ok(())
    }

    /// Blanks inside quotes: kept within a line, folded around line breaks. Gives back where the text
    /// that is not yet taken over starts.
    fn quoted_blanks(&mut self, text: &mut Cow<'t, str>, from: usize) -> usize {
        let blanks = self.cursor.at;
        self.skip_blanks();
        if !self.cursor.is_break() {
            // Not a blank, but a letter whose first byte is that of a break.
            if self.cursor.at == blanks {
                self.cursor.at += 1;
            }
            return from;
        }
        append(text, self.cursor.slice(from, blanks));
        let breaks = Breaks { first: self.cursor.skip_break(), more: self.more_breaks() };
        breaks.fold_into(text.to_mut());
        self.cursor.at
    }

    /// Further line breaks and all blanks around them.
    fn more_breaks(&mut self) -> String {
        let mut more = String::new();
        loop {
            self.skip_blanks();
            match self.cursor.skip_break() {
                "" => return more,
                one => more.push_str(one),
            }
        }
    }

    /// What a backslash and the characters behind it mean.
    fn escape(&mut self, text: &mut String, start: Pos) -> Result<(), Fault> {
        self.cursor.at += 1;
        let letter = match self.cursor.peek(0) {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\u{B}',
            b'f' => '\u{C}',
            b'r' => '\r',
            b'e' => '\u{1B}',
            byte @ (b' ' | b'"' | b'\'' | b'\\') => char::from(byte),
            b'N' => '\u{85}',
            b'_' => '\u{A0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'/' if self.is_json => '/',
            b'u' if self.is_json => self.json_code(start)?,
            b'x' => self.code(2, start)?,
            b'u' => self.code(4, start)?,
            b'U' => self.code(8, start)?,
            // A break behind a backslash joins the lines: only further breaks count.
            _ if self.cursor.is_break() => {
                self.cursor.skip_break();
                text.push_str(&self.more_breaks());
                return Ok(());
            }
            _ => return Err(Fault::new("found unknown escape character", start)),
        };
        self.cursor.at += 1;
        text.push(letter);
        Ok(())
    }

    /// JSON writes characters beyond the basic plane as two halves.
    fn json_code(&mut self, start: Pos) -> Result<char, Fault> {
        let mut rest = self.cursor.slice(self.cursor.at + 1, self.cursor.at + 11).split("\\u");
        let half = |digits: Option<&str>| {
            digits.filter(|d| d.len() == 4).and_then(|d| u32::from_str_radix(d, 16).ok()).unwrap_or(0)
        };
        let (high, low) = (half(rest.next()), half(rest.next()));
        if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
            return self.code(4, start);
        }
        self.cursor.at += 10;
        let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        char::from_u32(code).ok_or_else(|| Fault::new("found invalid Unicode character escape code", start))
    }

    /// A character by its number; the cursor ends on the last digit.
    fn code(&mut self, digits: usize, start: Pos) -> Result<char, Fault> {
        let from = self.cursor.at + 1;
        let written = self.cursor.slice(from, from + digits);
        if written.len() != digits || !written.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Fault::new("did not find expected hexdecimal number", start));
        }
        self.cursor.at += digits;
        u32::from_str_radix(written, 16)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| Fault::new("found invalid Unicode character escape code", start))
    }
}

/// Line breaks between two parts of a scalar.
#[derive(Default)]
struct Breaks<'t> {
    first: &'t str,
    more: String,
}

impl Breaks<'_> {
    /// One line feed becomes a blank, of several the first is dropped.
    fn fold_into(&self, text: &mut String) {
        if self.first != "\n" {
            text.push_str(self.first);
        } else if self.more.is_empty() {
            text.push(' ');
        }
        text.push_str(&self.more);
    }
}

/// Appends without copying as long as there was nothing before.
fn append<'t>(text: &mut Cow<'t, str>, more: &'t str) {
    if text.is_empty() {
        *text = Cow::Borrowed(more);
    } else if !more.is_empty() {
        text.to_mut().push_str(more);
    }
}

const ORDINARY: u8 = 0;
const COLON: u8 = 1;
const FLOW_SIGN: u8 = 2;
const PERHAPS_BLANK: u8 = 3;

/// What each byte means inside a plain scalar.
static CLASS: [u8; 256] = {
    let mut class = [ORDINARY; 256];
    class[b':' as usize] = COLON;
    let mut signs: &[u8] = b",?[]{}";
    while let [sign, rest @ ..] = signs {
        class[*sign as usize] = FLOW_SIGN;
        signs = rest;
    }
    let mut blanks: &[u8] = b" \t\n\r\0\xC2\xE2";
    while let [blank, rest @ ..] = blanks {
        class[*blank as usize] = PERHAPS_BLANK;
        blanks = rest;
    }
    class
};
