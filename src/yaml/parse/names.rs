//! Anchors, aliases, tags and directives.

use super::Fault;
use super::cursor::{Pos, is_word};
use super::scan::{Kind, Scanner};

impl<'t> Scanner<'t> {
    pub(super) fn anchor(&mut self) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.pos();
        let is_alias = self.cursor.peek(0) == b'*';
        self.cursor.at += 1;
        let name = self.word();
        let ends = self.cursor.is_blank_or_end(self.cursor.at)
            || matches!(self.cursor.peek(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(Fault::new("did not find expected alphabetic or numeric character", start));
        }
        self.push(if is_alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    fn word(&mut self) -> &'t str {
        let start = self.cursor.at;
        while is_word(self.cursor.peek(0)) {
            self.cursor.at += 1;
        }
        self.cursor.slice(start, self.cursor.at)
    }

    pub(super) fn tag(&mut self) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.pos();
        let kind = if self.cursor.peek(1) == b'<' {
            self.cursor.at += 2;
            let suffix = self.tag_uri(start)?;
            if self.cursor.peek(0) != b'>' {
                return Err(Fault::new("did not find the expected '>'", start));
            }
            self.cursor.at += 1;
            Kind::Tag { handle: "", suffix }
        } else {
            self.short_tag(start)?
        };
        if !self.cursor.is_blank_or_end(self.cursor.at) {
            return Err(Fault::new("did not find expected whitespace or line break", start));
        }
        self.push(kind, start);
        Ok(())
    }

    /// `!suffix`, `!handle!suffix`, `!!suffix` or a bare `!`.
    fn short_tag(&mut self, start: Pos) -> Result<Kind<'t>, Fault> {
        self.cursor.at += 1;
        self.word();
        if self.cursor.peek(0) == b'!' {
            self.cursor.at += 1;
            let handle = self.cursor.slice(start.at, self.cursor.at);
            return Ok(Kind::Tag { handle, suffix: self.tag_uri(start)? });
        }
        self.cursor.at = start.at + 1;
        if !is_tag_byte(self.cursor.peek(0)) {
            return Ok(Kind::Tag { handle: "", suffix: "!".to_owned() });
        }
        Ok(Kind::Tag { handle: "!", suffix: self.tag_uri(start)? })
    }

    /// The rest of a tag, its `%` escapes undone.
    fn tag_uri(&mut self, start: Pos) -> Result<String, Fault> {
        let from = self.cursor.at;
        let mut bytes = Vec::new();
        while is_tag_byte(self.cursor.peek(0)) {
            let byte = self.cursor.peek(0);
            if byte == b'%' {
                let digits = self.cursor.slice(self.cursor.at + 1, self.cursor.at + 3);
                let escaped = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
                bytes.push(escaped.ok_or_else(|| Fault::new("did not find URI escaped octet", start))?);
                self.cursor.at += 3;
            } else {
                bytes.push(byte);
                self.cursor.at += 1;
            }
        }
        if self.cursor.at == from {
            return Err(Fault::new("did not find expected tag URI", start));
        }
        String::from_utf8(bytes).map_err(|_| Fault::new("found an incorrect octet in a tag", start))
    }

    pub(super) fn directive(&mut self) -> Result<(), Fault> {
        self.unroll(-1);
        self.drop_innermost_key()?;
        self.key_allowed = false;
        let start = self.cursor.pos();
        self.cursor.at += 1;
        let kind = match self.word() {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return Err(Fault::new("found unknown directive name", start)),
        };
        self.push(kind, start);
        self.skip_blanks();
        if self.cursor.peek(0) == b'#' {
            self.skip_comment();
        }
        if !self.cursor.is_line_end(self.cursor.at) {
            return Err(Fault::new("did not find expected comment or line break", start));
        }
        self.cursor.skip_break();
        Ok(())
    }

    fn version(&mut self, start: Pos) -> Result<Kind<'t>, Fault> {
        self.skip_blanks();
        let major = self.version_number(start)?;
        if self.cursor.peek(0) != b'.' {
            return Err(Fault::new("did not find expected digit or '.' character", start));
        }
        self.cursor.at += 1;
        Ok(Kind::Version { major, minor: self.version_number(start)? })
    }

    fn version_number(&mut self, start: Pos) -> Result<u32, Fault> {
        let from = self.cursor.at;
        while self.cursor.peek(0).is_ascii_digit() {
            self.cursor.at += 1;
        }
        let digits = self.cursor.slice(from, self.cursor.at);
        match digits.parse() {
            Ok(number) if digits.len() <= 2 => Ok(number),
            _ => Err(Fault::new("did not find expected version number", start)),
        }
    }

    fn tag_directive(&mut self, start: Pos) -> Result<Kind<'t>, Fault> {
        self.skip_blanks();
        let from = self.cursor.at;
        if self.cursor.peek(0) != b'!' {
            return Err(Fault::new("did not find expected '!'", start));
        }
        self.cursor.at += 1;
        let name = self.word();
        if self.cursor.peek(0) == b'!' {
            self.cursor.at += 1;
        } else if !name.is_empty() {
            return Err(Fault::new("did not find expected '!'", start));
        }
        let handle = self.cursor.slice(from, self.cursor.at);
        if !self.cursor.is_blank() {
            return Err(Fault::new("did not find expected whitespace", start));
        }
        self.skip_blanks();
        let prefix = self.tag_uri(start)?;
        if !self.cursor.is_blank_or_end(self.cursor.at) {
            return Err(Fault::new("did not find expected whitespace or line break", start));
        }
        Ok(Kind::TagDirective { handle, prefix })
    }
}
/// What a tag may consist of.
fn is_tag_byte(byte: u8) -> bool {
    is_word(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte)
}
