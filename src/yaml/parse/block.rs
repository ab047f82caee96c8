//! Literal (`|`) and folded (`>`) scalars.

use super::Fault;
use super::cursor::Pos;
use super::flow::Scanned;
use super::scan::Scanner;
use crate::yaml::node::Style;
use std::borrow::Cow;

/// What the header of a block scalar says.
#[derive(Default)]
struct Header {
    chomping: Chomping,
    /// Indentation beyond the parent's, if it is given.
    increment: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Chomping {
    Strip,
    #[default]
    Clip,
    Keep,
}

impl<'t> Scanner<'t> {
    /// A block scalar from its sign on. It ends behind its last line break that counts as its own.
    pub(super) fn block_text(&mut self) -> Result<Scanned<'t>, Fault> {
        let start = self.cursor.pos();
        let style = if self.cursor.peek(0) == b'|' { Style::Literal } else { Style::Folded };
        self.cursor.at += 1;
        let header = self.block_header(start)?;
        let mut indent = match header.increment {
            0 => 0,
            increment => usize::try_from(self.indent.max(0)).unwrap_or(0) + increment,
        };
        let mut text = String::new();
        let mut breaks = String::new();
        let mut end = self.block_breaks(&mut indent, &mut breaks, start)?;
        let mut first_break = "";
        let mut was_blank = false;
        while self.cursor.column() == indent && !self.cursor.is_at_end() {
            let is_blank = self.cursor.is_blank();
            let joins = style == Style::Folded && first_break == "\n" && !was_blank && !is_blank;
            match (joins, breaks.is_empty()) {
                (true, true) => text.push(' '),
                (true, false) => {}
                (false, _) => text.push_str(first_break),
            }
            text.push_str(&breaks);
            breaks.clear();
            was_blank = is_blank;
            let line_end = self.cursor.line_end();
            text.push_str(self.cursor.slice(self.cursor.at, line_end));
            self.cursor.at = line_end;
            first_break = self.cursor.skip_break();
            end = self.block_breaks(&mut indent, &mut breaks, start)?;
        }
        if header.chomping != Chomping::Strip {
            text.push_str(first_break);
        }
        if header.chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        Ok((Cow::Owned(text), style, end))
    }

    /// Signs behind `|` or `>`, a comment, and the end of the line.
    fn block_header(&mut self, start: Pos) -> Result<Header, Fault> {
        let mut header = Header::default();
        let (mut has_chomping, mut has_increment) = (false, false);
        loop {
            match self.cursor.peek(0) {
                sign @ (b'+' | b'-') if !has_chomping => {
                    header.chomping = if sign == b'+' { Chomping::Keep } else { Chomping::Strip };
                    has_chomping = true;
                }
                b'0' if !has_increment => {
                    return Err(Fault::new("found an indentation indicator equal to 0", start));
                }
                digit @ b'1'..=b'9' if !has_increment => {
                    header.increment = usize::from(digit - b'0');
                    has_increment = true;
                }
                _ => break,
            }
            self.cursor.at += 1;
        }
        self.skip_blanks();
        if self.cursor.peek(0) == b'#' {
            self.skip_comment();
        }
        if !self.cursor.is_line_end(self.cursor.at) {
            return Err(Fault::new("did not find expected comment or line break", start));
        }
        self.cursor.skip_break();
        Ok(header)
    }

    /// Indentation and empty lines; finds out the indentation if it is not known. Gives back where the
    /// last line break ended.
    fn block_breaks(&mut self, indent: &mut usize, breaks: &mut String, start: Pos) -> Result<usize, Fault> {
        let mut end = self.cursor.at;
        let mut widest = 0;
        loop {
            let mut column = self.cursor.column();
            while (*indent == 0 || column < *indent) && self.cursor.peek(0) == b' ' {
                self.cursor.at += 1;
                column += 1;
            }
            widest = widest.max(column);
            if (*indent == 0 || column < *indent) && self.cursor.peek(0) == b'\t' {
                let message = "found a tab character where an indentation space is expected";
                return Err(Fault::new(message, start));
            }
            match self.cursor.skip_break() {
                "" => break,
                one => breaks.push_str(one),
            }
            end = self.cursor.at;
        }
        if *indent == 0 {
            let least = usize::try_from(self.indent + 1).unwrap_or(0);
            *indent = widest.max(least).max(1);
        }
        Ok(end)
    }
}
