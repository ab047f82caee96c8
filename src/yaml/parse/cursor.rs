//! A place in the text, and what stands there.

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::yaml) struct Pos {
    /// Byte from the start of the text.
    pub(in crate::yaml) at: usize,
    /// Line of the file, from 1.
    pub(in crate::yaml) line: u32,
    /// Characters before it on its line.
    pub(in crate::yaml) column: u32,
}

/// A place that moves forward through the text. Behind the end stand zero bytes.
pub(super) struct Cursor<'t> {
    text: &'t str,
    pub(super) at: usize,
    pub(super) line: u32,
    line_start: usize,
    is_ascii: bool,
    /// Bytes of this line, up to `counted`, that continue a character.
    wide: usize,
    counted: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, first_line: u32) -> Self {
        // A byte order mark at the start is no part of the text.
        let at = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
        let is_ascii = text.is_char_boundary(at) && text[at..].is_ascii();
        Self { text, at, line: first_line, line_start: at, is_ascii, wide: 0, counted: at }
    }

    /// The byte `ahead` bytes further on.
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.byte(self.at + ahead)
    }

    pub(super) fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Characters before the cursor on its line.
    pub(super) fn column(&mut self) -> usize {
        let bytes = self.at - self.line_start;
        if self.is_ascii {
            return bytes;
        }
        let new = &self.text.as_bytes()[self.counted..self.at];
        self.wide += new.iter().filter(|b| **b & 0b1100_0000 == 0b1000_0000).count();
        self.counted = self.at;
        bytes - self.wide
    }

    pub(super) fn pos(&mut self) -> Pos {
        let column = u32::try_from(self.column()).unwrap_or(u32::MAX);
        Pos { at: self.at, line: self.line, column }
    }

    /// Bytes of the line break at `at`, or 0.
    pub(super) fn break_len(&self, at: usize) -> usize {
        match self.byte(at) {
            b'\r' if self.byte(at + 1) == b'\n' => 2,
            b'\n' | b'\r' => 1,
            0xC2 if self.byte(at + 1) == 0x85 => 2,
            0xE2 if self.byte(at + 1) == 0x80 && matches!(self.byte(at + 2), 0xA8 | 0xA9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self) -> bool {
        self.break_len(self.at) > 0
    }

    pub(super) fn is_blank(&self) -> bool {
        is_blank(self.peek(0))
    }

    /// A blank, a line break or the end stands at `at`.
    pub(super) fn is_blank_or_end(&self, at: usize) -> bool {
        match self.byte(at) {
            b' ' | b'\t' | b'\n' | b'\r' | 0 => true,
            0xC2 | 0xE2 => self.break_len(at) > 0,
            _ => false,
        }
    }

    /// A line break or the end stands at `at`.
    pub(super) fn is_line_end(&self, at: usize) -> bool {
        match self.byte(at) {
            b'\n' | b'\r' | 0 => true,
            0xC2 | 0xE2 => self.break_len(at) > 0,
            _ => false,
        }
    }

    /// Where this line ends.
    pub(super) fn line_end(&self) -> usize {
        let mut end = self.at;
        while !self.is_line_end(end) {
            end += 1;
        }
        end
    }

    /// Goes over a line break, if one is here, and gives back what it means: a line feed, except for
    /// the two separators of Unicode, which mean themselves.
    pub(super) fn skip_break(&mut self) -> &'t str {
        let length = self.break_len(self.at);
        if length == 0 {
            return "";
        }
        let written = self.slice(self.at, self.at + length);
        self.at += length;
        self.line = self.line.saturating_add(1);
        self.line_start = self.at;
        self.counted = self.at;
        self.wide = 0;
        if length == 3 { written } else { "\n" }
    }

    /// `---` or `...` stands here, at the start of a line, with nothing glued to it.
    pub(super) fn is_document_sign(&self) -> bool {
        self.at == self.line_start
            && matches!(self.peek(0), b'-' | b'.')
            && self.peek(1) == self.peek(0)
            && self.peek(2) == self.peek(0)
            && self.is_blank_or_end(self.at + 3)
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Letters of anchors, tag handles and directives.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
