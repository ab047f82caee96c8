//! `SecretText`: plaintext bytes that are moved, never copied, and wiped on drop.

use zeroize::Zeroize;

/// Plaintext of a secret value.
///
/// The bytes need not be UTF-8: a binary secret is one too.
pub struct SecretText {
    bytes: Vec<u8>,
}

impl SecretText {
    /// An empty text with room for `capacity` bytes, so that typing into it leaves no copies behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// Takes over bytes that are already in memory; they are wiped when this value is dropped.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Takes over a string that is already in memory.
    pub fn from_string(text: String) -> Self {
        Self { bytes: text.into_bytes() }
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends bytes. When the buffer has to grow, the old one is wiped before it is given back.
    pub fn push(&mut self, more: &[u8]) {
        if self.bytes.len() + more.len() > self.bytes.capacity() {
            let mut grown = Vec::with_capacity((self.bytes.len() + more.len()).max(64) * 2);
            grown.extend_from_slice(&self.bytes);
            self.bytes.zeroize();
            self.bytes = grown;
        }
        self.bytes.extend_from_slice(more);
    }

    /// Appends one character, as a person types it.
    pub fn push_char(&mut self, letter: char) {
        let mut buffer = [0_u8; 4];
        let encoded = letter.encode_utf8(&mut buffer);
        self.push(encoded.as_bytes());
        buffer.zeroize();
    }

    /// Removes the last character, if there is one.
    pub fn pop_char(&mut self) {
        while let Some(byte) = self.bytes.pop() {
            if byte & 0b1100_0000 != 0b1000_0000 {
                break;
            }
        }
    }

    /// The plaintext. The name is long on purpose; `tests/it/house.rs` lists the files that may call it.
    pub fn expose_secret(&self) -> &[u8] {
        &self.bytes
    }

    /// The plaintext as text, if it is UTF-8.
    pub fn expose_secret_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_keeps_the_content() {
        let mut text = SecretText::with_capacity(2);
        for letter in "pässwörd".chars() {
            text.push_char(letter);
        }
        assert_eq!(text.expose_secret_str(), Some("pässwörd"));
    }

    #[test]
    fn a_whole_character_is_removed() {
        let mut text = SecretText::from_string("aé".to_owned());
        text.pop_char();
        assert_eq!(text.expose_secret(), b"a");
        text.pop_char();
        text.pop_char();
        assert!(text.is_empty());
    }
}
