//! Text to tokens: indentation becomes block starts and ends, a scalar before a colon becomes a key.

use super::Fault;
use super::cursor::{Cursor, Pos};
use crate::yaml::node::Style;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Deepest nesting of `[` and `{`; the limits of a reader are far below.
const DEEPEST_FLOW: usize = 1_000;
/// A key without `?` may be this long, in characters.
const LONGEST_KEY: usize = 1_024;

#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) start: Pos,
    /// The byte behind it.
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) enum Kind<'t> {
    StreamEnd,
    Version { major: u32, minor: u32 },
    TagDirective { handle: &'t str, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag { handle: &'t str, suffix: String },
    Scalar { text: Cow<'t, str>, style: Style },
}

/// A comment, from `#` to the end of its line.
#[derive(Clone, Copy, Debug)]
pub(in crate::yaml) struct Comment {
    pub(in crate::yaml) start: Pos,
    pub(in crate::yaml) end: usize,
}

/// A token behind which a colon may come, which would make it a key.
#[derive(Clone, Copy, Default)]
struct PossibleKey {
    is_possible: bool,
    /// It stands where only a key can stand.
    is_required: bool,
    /// Its number, counted from the first token of the text.
    number: usize,
    start: Pos,
}

pub(super) struct Scanner<'t> {
    pub(super) cursor: Cursor<'t>,
    tokens: VecDeque<Token<'t>>,
    /// Tokens already given out.
    taken: usize,
    /// Column of the innermost block collection; -1 outside of all.
    pub(super) indent: isize,
    indents: Vec<isize>,
    /// One for the block context, one for each open `[` and `{`.
    keys: Vec<PossibleKey>,
    /// How many of them are possible.
    possible: usize,
    pub(super) key_allowed: bool,
    has_ended: bool,
    /// Comments met so far, if somebody wants them.
    pub(super) comments: Option<Vec<Comment>>,
    /// The text is JSON, which has two escapes more.
    pub(super) is_json: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str, first_line: u32) -> Self {
        Self {
            cursor: Cursor::new(text, first_line),
            tokens: VecDeque::with_capacity(8),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            keys: vec![PossibleKey::default()],
            possible: 0,
            key_allowed: true,
            has_ended: false,
            comments: None,
            is_json: false,
        }
    }

    /// The next token.
    pub(super) fn peek(&mut self) -> Result<&Token<'t>, Fault> {
        if self.tokens.is_empty() || self.possible > 0 {
            self.fill()?;
        }
        match self.tokens.front() {
            Some(token) => Ok(token),
            None => Err(Fault { message: "unexpected end of text".to_owned(), line: 0, column: 0 }),
        }
    }

    fn fill(&mut self) -> Result<(), Fault> {
        while self.needs_more()? {
            self.fetch()?;
        }
        Ok(())
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Token<'t>, Fault> {
        self.peek()?;
        self.taken += 1;
        self.tokens.pop_front().ok_or_else(|| self.fault("unexpected end of text"))
    }

    /// Reads on until `count` tokens wait, so that what is wrong in them is found.
    pub(super) fn look_ahead(&mut self, count: usize) -> Result<(), Fault> {
        while self.tokens.len() < count && !self.has_ended {
            self.fetch()?;
        }
        Ok(())
    }

    pub(super) fn is_in_flow(&self) -> bool {
        self.keys.len() > 1
    }

    pub(super) fn fault(&mut self, message: &str) -> Fault {
        Fault::new(message, self.cursor.pos())
    }

    /// More tokens are needed while the first one may still turn out to be a key.
    fn needs_more(&mut self) -> Result<bool, Fault> {
        if self.has_ended {
            return Ok(false);
        }
        if self.tokens.is_empty() {
            return Ok(true);
        }
        for level in 0..self.keys.len() {
            if self.keys[level].is_possible && self.keys[level].number == self.taken {
                return self.is_still_possible(level);
            }
        }
        Ok(false)
    }

    /// Keys end with their line.
    fn is_still_possible(&mut self, level: usize) -> Result<bool, Fault> {
        let key = self.keys[level];
        if key.is_possible && (key.start.line < self.cursor.line || self.is_too_long(key.start.at)) {
            self.drop_key(level)?;
        }
        Ok(self.keys[level].is_possible)
    }

    fn is_too_long(&self, start: usize) -> bool {
        let end = self.cursor.at;
        end - start > LONGEST_KEY && self.cursor.slice(start, end).chars().count() > LONGEST_KEY
    }

    fn drop_key(&mut self, level: usize) -> Result<(), Fault> {
        let key = &self.keys[level];
        if key.is_possible && key.is_required {
            return Err(Fault::new("could not find expected ':'", key.start));
        }
        self.drop_possible(level);
        Ok(())
    }

    fn drop_possible(&mut self, level: usize) {
        self.possible -= usize::from(self.keys[level].is_possible);
        self.keys[level].is_possible = false;
    }

    pub(super) fn drop_innermost_key(&mut self) -> Result<(), Fault> {
        self.drop_key(self.keys.len() - 1)
    }

    /// Notes that the next token may be a key.
    pub(super) fn save_key(&mut self) -> Result<(), Fault> {
        if !self.key_allowed {
            return Ok(());
        }
        self.drop_innermost_key()?;
        let start = self.cursor.pos();
        let is_required = self.must_be_key(start);
        let number = self.taken + self.tokens.len();
        if let Some(key) = self.keys.last_mut() {
            *key = PossibleKey { is_possible: true, is_required, number, start };
            self.possible += 1;
        }
        Ok(())
    }

    fn must_be_key(&self, start: Pos) -> bool {
        !self.is_in_flow() && self.indent == signed(start.column)
    }

    pub(super) fn push(&mut self, kind: Kind<'t>, start: Pos) {
        let end = self.cursor.at;
        self.tokens.push_back(Token { kind, start, end });
    }

    /// Goes over `length` bytes and makes them a token.
    fn push_sign(&mut self, kind: Kind<'t>, length: usize) {
        let start = self.cursor.pos();
        self.cursor.at += length;
        self.push(kind, start);
    }

    /// Opens a block collection at `start` if it is further in than the one around it. Its token goes
    /// before the token with the given number.
    fn roll(&mut self, start: Pos, number: usize, kind: Kind<'t>) {
        if self.is_in_flow() || self.indent >= signed(start.column) {
            return;
        }
        self.indents.push(self.indent);
        self.indent = signed(start.column);
        let place = number - self.taken;
        self.tokens.insert(place, Token { kind, start, end: start.at });
    }

    /// Closes the block collections that are further in than `column`.
    pub(super) fn unroll(&mut self, column: isize) {
        while !self.is_in_flow() && self.indent > column {
            let pos = self.cursor.pos();
            self.push(Kind::BlockEnd, pos);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn next_number(&self) -> usize {
        self.taken + self.tokens.len()
    }

    /// Blanks, comments and line breaks before the next token.
    fn skip_to_token(&mut self) {
        loop {
            while self.cursor.peek(0) == b' '
                || (self.cursor.peek(0) == b'\t' && (self.is_in_flow() || !self.key_allowed))
            {
                self.cursor.at += 1;
            }
            if self.cursor.peek(0) == b'#' {
                self.skip_comment();
            }
            if self.cursor.skip_break().is_empty() {
                return;
            }
            if !self.is_in_flow() {
                self.key_allowed = true;
            }
        }
    }

    pub(super) fn skip_comment(&mut self) {
        let end = self.cursor.line_end();
        if self.comments.is_some() {
            let start = self.cursor.pos();
            self.comments.get_or_insert_default().push(Comment { start, end });
        }
        self.cursor.at = end;
    }

    /// Reads the next token, and with it those that its indentation opens or closes.
    fn fetch(&mut self) -> Result<(), Fault> {
        self.skip_to_token();
        let column = self.cursor.pos().column;
        self.unroll(signed(column));
        let (first, second) = (self.cursor.peek(0), self.cursor.at + 1);
        match first {
            0 if self.cursor.is_at_end() => self.stream_end(),
            b'%' if column == 0 => self.directive(),
            b'-' | b'.' if self.cursor.is_document_sign() => self.document_sign(),
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => self.flow_entry(),
            b'-' if self.cursor.is_blank_or_end(second) => self.block_entry(),
            b'?' if self.is_in_flow() || self.cursor.is_blank_or_end(second) => self.key(),
            b':' if self.is_in_flow() || self.cursor.is_blank_or_end(second) => self.value(),
            b'*' | b'&' => self.anchor(),
            b'!' => self.tag(),
            b'|' | b'>' if !self.is_in_flow() => self.block_scalar(),
            b'|' | b'>' | b'%' | b'@' | b'`' | b'\t' => {
                Err(self.fault("found character that cannot start any token"))
            }
            _ => self.flow_scalar(),
        }
    }

    fn stream_end(&mut self) -> Result<(), Fault> {
        self.unroll(-1);
        self.drop_innermost_key()?;
        self.key_allowed = false;
        self.has_ended = true;
        self.push_sign(Kind::StreamEnd, 0);
        Ok(())
    }

    fn document_sign(&mut self) -> Result<(), Fault> {
        let kind = if self.cursor.peek(0) == b'-' { Kind::DocumentStart } else { Kind::DocumentEnd };
        self.unroll(-1);
        self.drop_innermost_key()?;
        self.key_allowed = false;
        self.push_sign(kind, 3);
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.save_key()?;
        if self.keys.len() > DEEPEST_FLOW {
            return Err(self.fault("nested too deep"));
        }
        self.keys.push(PossibleKey::default());
        self.key_allowed = true;
        self.push_sign(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.drop_innermost_key()?;
        if self.is_in_flow() {
            self.keys.pop();
        }
        self.key_allowed = false;
        self.push_sign(kind, 1);
        Ok(())
    }

    fn flow_entry(&mut self) -> Result<(), Fault> {
        self.drop_innermost_key()?;
        self.key_allowed = true;
        self.push_sign(Kind::FlowEntry, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Fault> {
        if !self.is_in_flow() {
            if !self.key_allowed {
                return Err(self.fault("block sequence entries are not allowed in this context"));
            }
            let start = self.cursor.pos();
            self.roll(start, self.next_number(), Kind::BlockSequenceStart);
        }
        self.drop_innermost_key()?;
        self.key_allowed = true;
        self.push_sign(Kind::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        if !self.is_in_flow() {
            if !self.key_allowed {
                return Err(self.fault("mapping keys are not allowed in this context"));
            }
            let start = self.cursor.pos();
            self.roll(start, self.next_number(), Kind::BlockMappingStart);
        }
        self.drop_innermost_key()?;
        self.key_allowed = !self.is_in_flow();
        self.push_sign(Kind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Fault> {
        let level = self.keys.len() - 1;
        if self.is_still_possible(level)? {
            let PossibleKey { number, start, .. } = self.keys[level];
            self.tokens.insert(number - self.taken, Token { kind: Kind::Key, start, end: start.at });
            self.roll(start, number, Kind::BlockMappingStart);
            self.drop_possible(level);
            self.key_allowed = false;
        } else {
            if !self.is_in_flow() {
                if !self.key_allowed {
                    return Err(self.fault("mapping values are not allowed in this context"));
                }
                let start = self.cursor.pos();
                self.roll(start, self.next_number(), Kind::BlockMappingStart);
            }
            self.key_allowed = !self.is_in_flow();
        }
        self.push_sign(Kind::Value, 1);
        Ok(())
    }

    /// A plain or quoted scalar. Whether it is a key is known at once, since nothing but blanks may
    /// stand between a key and its colon.
    fn flow_scalar(&mut self) -> Result<(), Fault> {
        let (may_be_key, start) = (self.key_allowed, self.cursor.pos());
        if may_be_key {
            self.drop_innermost_key()?;
        }
        self.key_allowed = false;
        let (text, style, end) = match self.cursor.peek(0) {
            b'\'' => self.single_quoted()?,
            b'"' => self.double_quoted()?,
            _ => self.plain()?,
        };
        let is_key = may_be_key && self.is_key_end(start, end);
        if is_key {
            self.roll(start, self.next_number(), Kind::BlockMappingStart);
            self.tokens.push_back(Token { kind: Kind::Key, start, end: start.at });
        } else if may_be_key && self.must_be_key(start) {
            return Err(Fault::new("could not find expected ':'", start));
        }
        self.tokens.push_back(Token { kind: Kind::Scalar { text, style }, start, end });
        if is_key {
            self.skip_to_token();
            self.push_sign(Kind::Value, 1);
        }
        Ok(())
    }

    /// A colon follows on the same line, and the key is not too long.
    fn is_key_end(&self, start: Pos, end: usize) -> bool {
        if self.cursor.line != start.line {
            return false;
        }
        let mut at = end;
        while matches!(self.cursor.byte(at), b' ' | b'\t') {
            at += 1;
        }
        self.cursor.byte(at) == b':'
            && (self.is_in_flow() || self.cursor.is_blank_or_end(at + 1))
            && (at - start.at <= LONGEST_KEY
                || self.cursor.slice(start.at, at).chars().count() <= LONGEST_KEY)
    }

    fn block_scalar(&mut self) -> Result<(), Fault> {
        self.drop_innermost_key()?;
        self.key_allowed = true;
        let start = self.cursor.pos();
        let (text, style, end) = self.block_text()?;
        self.tokens.push_back(Token { kind: Kind::Scalar { text, style }, start, end });
        Ok(())
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.cursor.is_blank() {
            self.cursor.at += 1;
        }
    }
}

fn signed(column: u32) -> isize {
    isize::try_from(column).unwrap_or(isize::MAX)
}
