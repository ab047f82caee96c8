//! Letters as Go writes them into YAML and JSON: what ends a line, what may stand as it is, how the rest is escaped.

use crate::secret::SecretText;

/// Where printed bytes go.
pub(crate) trait Sink {
    /// Takes over the next bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for SecretText {
    fn put(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }
}

/// What YAML 1.1 takes for a line break.
pub(crate) fn is_break(letter: char) -> bool {
    matches!(letter, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml writes without an escape: no control characters, no tab, nothing beyond the basic plane.
pub(crate) fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}')
}

/// A letter's escape between YAML's double quotes; gives back its length.
pub(crate) fn put_escape(letter: char, out: &mut impl Sink) -> usize {
    let code = u32::from(letter);
    let short: &[u8] = match letter {
        '\0' => b"\\0",
        '\u{7}' => b"\\a",
        '\u{8}' => b"\\b",
        '\t' => b"\\t",
        '\n' => b"\\n",
        '\u{B}' => b"\\v",
        '\u{C}' => b"\\f",
        '\r' => b"\\r",
        '\u{1B}' => b"\\e",
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\u{85}' => b"\\N",
        '\u{A0}' => b"\\_",
        '\u{2028}' => b"\\L",
        '\u{2029}' => b"\\P",
        _ if code <= 0xFF => return put_hexadecimal(b"\\x", code, 2, out),
        _ if code <= 0xFFFF => return put_hexadecimal(b"\\u", code, 4, out),
        _ => return put_hexadecimal(b"\\U", code, 8, out),
    };
    out.put(short);
    short.len()
}

fn put_hexadecimal(prefix: &[u8], code: u32, digits: usize, out: &mut impl Sink) -> usize {
    out.put(prefix);
    for place in (0..digits).rev() {
        out.put(&[b"0123456789ABCDEF"[(code >> (4 * place) & 0xF) as usize]]);
    }
    prefix.len() + digits
}

/// A JSON string with Go's escapes.
pub(crate) fn put_json_string(text: &str, out: &mut impl Sink) {
    out.put(b"\"");
    let bytes = text.as_bytes();
    let mut done = 0;
    for (place, letter) in text.char_indices() {
        let mut buffer = *b"\\u0000";
        let escape: &[u8] = match letter {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '\t' => b"\\t",
            '\u{8}' => b"\\b",
            '\u{C}' => b"\\f",
            '\0'..='\u{1F}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                for (slot, shift) in buffer[2..].iter_mut().zip([12, 8, 4, 0]) {
                    *slot = b"0123456789abcdef"[(u32::from(letter) >> shift & 0xF) as usize];
                }
                &buffer
            }
            _ => continue,
        };
        out.put(&bytes[done..place]);
        out.put(escape);
        done = place + letter.len_utf8();
    }
    out.put(&bytes[done..]);
    out.put(b"\"");
}
