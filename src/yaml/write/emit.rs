//! The printer's pen: columns, indentation, and the five ways to write a scalar.
//!
//! Follows the emitter of go-yaml v2, which is libyaml's, to the byte: what may stand plain, where long
//! lines are folded (at the first single blank past column 80), what is escaped.

use crate::yaml::letters::{Sink, is_break, is_printable, put_escape};
use crate::yaml::scalar;

/// Lines are folded behind this column.
const BEST_WIDTH: usize = 80;
/// A longer key is written behind a question mark.
const LONGEST_SIMPLE_KEY: usize = 128;

/// A sink with a place in the line and an indentation.
pub(in crate::yaml) struct Pen<'s, S> {
    sink: &'s mut S,
    column: usize,
    /// Indentation of the collection being written; `None` before the first.
    pub(in crate::yaml) indent: Option<usize>,
    /// The last thing written was a blank or an indentation.
    whitespace: bool,
    /// Only blanks and indicators stand in this line so far.
    pub(in crate::yaml) indention: bool,
}

impl<'s, S: Sink> Pen<'s, S> {
    pub(in crate::yaml) fn new(sink: &'s mut S) -> Self {
        Self { sink, column: 0, indent: None, whitespace: true, indention: true }
    }

    /// Writes bytes that hold no line break; `columns` is their number of characters.
    fn write(&mut self, bytes: &[u8], columns: usize) {
        self.sink.put(bytes);
        self.column += columns;
    }

    fn line_break(&mut self) {
        self.sink.put(b"\n");
        self.column = 0;
    }

    /// Goes to the indentation, on a new line unless this one is still free up to there.
    pub(in crate::yaml) fn go_to_indent(&mut self) {
        const BLANKS: &[u8] = b"                                ";
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        while self.column < indent {
            let count = (indent - self.column).min(BLANKS.len());
            self.write(&BLANKS[..count], count);
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// Writes one of YAML's signs, behind a blank if `spaced`. Signs that may start a line's content
    /// (`-`, `?` and a `:` on its own line) keep the line open for a nested collection.
    pub(in crate::yaml) fn indicator(&mut self, sign: &[u8], spaced: bool, opens_line: bool) {
        if spaced && !self.whitespace {
            self.write(b" ", 1);
        }
        self.write(sign, sign.len());
        self.whitespace = false;
        self.indention = self.indention && opens_line;
    }

    /// Words that are never quoted: numbers, booleans, null.
    pub(in crate::yaml) fn word(&mut self, text: &str) {
        if !self.whitespace {
            self.write(b" ", 1);
        }
        self.write(text.as_bytes(), text.len());
        self.whitespace = false;
        self.indention = false;
    }

    /// A string in the style that Go chooses for it; `simple_key` for a key before its colon.
    pub(in crate::yaml) fn string(&mut self, text: &str, simple_key: bool) {
        let before = self.indent;
        self.indent = Some(before.map_or(2, |indent| indent + 2));
        match choose_style(text, simple_key) {
            Written::Plain => self.plain(text, !simple_key),
            Written::Single => self.single(text, !simple_key),
            Written::Double => self.double(text, !simple_key),
            Written::Literal => self.literal(text),
        }
        self.indent = before;
    }

    fn plain(&mut self, text: &str, may_fold: bool) {
        if !self.whitespace {
            self.write(b" ", 1);
        }
        if !may_fold || self.column + text.len() <= BEST_WIDTH {
            self.write(text.as_bytes(), text.chars().count());
        } else {
            self.folded_words(text);
        }
        self.whitespace = false;
        self.indention = false;
    }

    /// Words and blanks of one line of text; a single blank past the width becomes a line break.
    fn folded_words(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut blank_before = false;
        for (place, letter) in text.char_indices() {
            if letter != ' ' {
                self.letter(text, place, letter);
                self.indention = false;
                blank_before = false;
                continue;
            }
            let inside = place > 0 && place + 1 < bytes.len() && bytes[place + 1] != b' ';
            if inside && !blank_before && self.column > BEST_WIDTH {
                self.go_to_indent();
            } else {
                self.write(b" ", 1);
            }
            blank_before = true;
        }
    }

    fn single(&mut self, text: &str, may_fold: bool) {
        self.indicator(b"'", true, false);
        let (mut blank_before, mut breaks) = (false, false);
        for (place, letter) in text.char_indices() {
            match letter {
                ' ' => {
                    let next = text.as_bytes().get(place + 1);
                    let inside = place > 0 && next.is_some_and(|next| *next != b' ');
                    if may_fold && inside && !blank_before && self.column > BEST_WIDTH {
                        self.go_to_indent();
                    } else {
                        self.write(b" ", 1);
                    }
                    blank_before = true;
                }
                _ if is_break(letter) => {
                    if !breaks && letter == '\n' {
                        self.line_break();
                    }
                    self.text_break(text, place, letter);
                    breaks = true;
                }
                _ => {
                    if breaks {
                        self.go_to_indent();
                    }
                    if letter == '\'' {
                        self.write(b"'", 1);
                    }
                    self.letter(text, place, letter);
                    self.indention = false;
                    (blank_before, breaks) = (false, false);
                }
            }
        }
        self.indicator(b"'", false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double(&mut self, text: &str, may_fold: bool) {
        self.indicator(b"\"", true, false);
        // A byte order mark at the start makes Go escape everything: its check looks at the first
        // character of the text instead of the current one.
        let escape_all = text.starts_with('\u{FEFF}');
        let bytes = text.as_bytes();
        let mut blank_before = false;
        for (place, letter) in text.char_indices() {
            if escape_all || !is_printable(letter) || is_break(letter) || matches!(letter, '"' | '\\') {
                self.column += put_escape(letter, self.sink);
                blank_before = false;
            } else if letter == ' ' {
                let inside = place > 0 && place + 1 < bytes.len();
                if may_fold && inside && !blank_before && self.column > BEST_WIDTH {
                    self.go_to_indent();
                    if bytes[place + 1] == b' ' {
                        self.write(b"\\", 1);
                    }
                } else {
                    self.write(b" ", 1);
                }
                blank_before = true;
            } else {
                self.letter(text, place, letter);
                blank_before = false;
            }
        }
        self.indicator(b"\"", false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn literal(&mut self, text: &str) {
        self.indicator(b"|", true, false);
        if text.starts_with(|c: char| c == ' ' || is_break(c)) {
            self.indicator(b"2", false, false);
        }
        match chomping(text) {
            b"" => {}
            sign => self.indicator(sign, false, false),
        }
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut rest = text;
        while let Some(end) = rest.find(is_break) {
            self.literal_line(&rest[..end]);
            let letter = rest[end..].chars().next().unwrap_or('\n');
            self.text_break(rest, end, letter);
            rest = &rest[end + letter.len_utf8()..];
        }
        self.literal_line(rest);
    }

    fn literal_line(&mut self, line: &str) {
        if !line.is_empty() {
            self.go_to_indent();
            self.write(line.as_bytes(), line.chars().count());
            self.indention = false;
        }
    }

    /// A line break that belongs to the text.
    fn text_break(&mut self, text: &str, place: usize, letter: char) {
        if letter == '\n' {
            self.line_break();
        } else {
            self.letter(text, place, letter);
            self.column = 0;
        }
        self.indention = true;
    }

    /// One letter, straight from the text it stands in.
    fn letter(&mut self, text: &str, place: usize, letter: char) {
        self.write(&text.as_bytes()[place..place + letter.len_utf8()], 1);
    }
}

/// The sign behind `|` that says what happens to line breaks at the end.
fn chomping(text: &str) -> &'static [u8] {
    let mut from_end = text.chars().rev();
    match (from_end.next(), from_end.next()) {
        (Some(last), _) if !is_break(last) => b"-",
        (None, _) => b"-",
        (Some(_), None) => b"+",
        (Some(_), Some(before)) if is_break(before) => b"+",
        _ => b"",
    }
}

/// True if the key can be written before a colon on one line.
pub(in crate::yaml) fn is_simple_key(text: &str) -> bool {
    text.len() <= LONGEST_SIMPLE_KEY && !text.contains(is_break)
}

enum Written {
    Plain,
    Single,
    Double,
    Literal,
}

fn choose_style(text: &str, simple_key: bool) -> Written {
    if text.bytes().all(is_always_plain) {
        return if scalar::is_misread(text) {
            Written::Double
        } else if starts_like_a_sign(text) {
            Written::Single
        } else {
            Written::Plain
        };
    }
    let allowed = Allowed::of(text);
    if text.contains('\n') {
        let literal = allowed.block && !simple_key;
        return if literal { Written::Literal } else { Written::Double };
    }
    if scalar::is_misread(text) || (simple_key && allowed.multiline) {
        Written::Double
    } else if allowed.plain {
        Written::Plain
    } else if allowed.single {
        Written::Single
    } else {
        Written::Double
    }
}

/// Letters that need no second look wherever they stand, except for `---` at the start.
fn is_always_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'+' | b'=' | b'$')
}

/// In which styles a text can be written without changing it.
#[expect(clippy::struct_excessive_bools, reason = "four independent answers about one text")]
struct Allowed {
    multiline: bool,
    plain: bool,
    single: bool,
    block: bool,
}

impl Allowed {
    fn of(text: &str) -> Self {
        let (mut breaks, mut special, mut signs) = (false, false, starts_like_a_sign(text));
        let (mut break_then_space, mut space_then_break) = (false, false);
        let mut before = '\0';
        let mut letters = text.char_indices().peekable();
        while let Some((place, letter)) = letters.next() {
            let next = letters.peek().map(|(_, next)| *next);
            let blank_follows = next.is_none_or(|next| matches!(next, ' ' | '\t'));
            if place > 0 {
                signs |= letter == ':' && blank_follows;
                signs |= letter == '#' && is_blank_or_break(before);
            }
            special |= !is_printable(letter);
            breaks |= is_break(letter);
            break_then_space |= letter == ' ' && place > 0 && is_break(before);
            space_then_break |= is_break(letter) && before == ' ';
            before = letter;
        }
        let starts_open = text.starts_with(|c: char| c == ' ' || is_break(c));
        let ends_open = text.ends_with(|c: char| c == ' ' || is_break(c));
        let broken = space_then_break || special;
        Self {
            multiline: breaks,
            plain: !(starts_open || ends_open || break_then_space || broken || breaks || signs),
            single: !(break_then_space || broken),
            block: !(text.ends_with(' ') || broken || text.is_empty()),
        }
    }
}

/// True if go-yaml v3 writes a text in a block when asked to; unlike v2, it lets tabs pass.
pub(in crate::yaml) fn may_be_block(text: &str) -> bool {
    !text.ends_with(' ')
        && !text.contains(" \n")
        && text.chars().all(|letter| letter == '\t' || is_printable(letter))
}

/// True if the first characters would be taken for YAML's own.
fn starts_like_a_sign(text: &str) -> bool {
    if text.starts_with("---") || text.starts_with("...") {
        return true;
    }
    let mut bytes = text.bytes();
    match bytes.next() {
        Some(first) if b"#,[]{}&*!|>'\"%@`".contains(&first) => true,
        Some(b'?' | b':' | b'-') => matches!(bytes.next(), None | Some(b' ' | b'\t')),
        _ => false,
    }
}

fn is_blank_or_break(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\0') || is_break(letter)
}
