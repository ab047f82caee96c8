//! Messages of the plug-in protocol: `-> command argument…`, then the body in lines of base64 (c2sp.org/age-plugin).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::{Zeroize as _, Zeroizing};

/// Letters in a full line of a body; the last line is shorter, and may be empty.
const FULL: usize = 64;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// One message. The body is wiped on drop: it may be a file key or a PIN.
pub(super) struct Message {
    pub(super) command: String,
    pub(super) arguments: Vec<String>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// What stands at the beginning of a buffer.
pub(super) enum Parsed {
    /// A message, and the bytes that it took.
    Message(Message, usize),
    /// The beginning of one.
    Incomplete,
    /// No message.
    Broken,
}

/// Writes a message.
pub(super) fn written(command: &str, arguments: &[&str], body: &[u8]) -> Zeroizing<Vec<u8>> {
    let encoded = Zeroizing::new(BASE64.encode(body));
    let mut text = Zeroizing::new(Vec::with_capacity(encoded.len() + encoded.len() / FULL + 4096));
    text.extend_from_slice(b"-> ");
    text.extend_from_slice(command.as_bytes());
    for argument in arguments {
        text.push(b' ');
        text.extend_from_slice(argument.as_bytes());
    }
    text.push(b'\n');
    for line in encoded.as_bytes().chunks(FULL) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    if encoded.len().is_multiple_of(FULL) {
        text.push(b'\n');
    }
    text
}

/// Reads the message at the beginning of a buffer.
pub(super) fn read(buffer: &[u8]) -> Parsed {
    let mut lines = Lines { buffer, at: 0 };
    let Some(first) = lines.next() else { return Parsed::Incomplete };
    let Some(words) = words_of(first) else { return Parsed::Broken };
    let mut encoded = Zeroizing::new(Vec::new());
    loop {
        let Some(line) = lines.next() else { return Parsed::Incomplete };
        if line.len() > FULL {
            return Parsed::Broken;
        }
        encoded.extend_from_slice(line);
        if line.len() < FULL {
            break;
        }
    }
    let Ok(body) = BASE64.decode(&*encoded).map(Zeroizing::new) else { return Parsed::Broken };
    encoded.zeroize();
    let mut words = words.into_iter();
    let command = words.next().unwrap_or_default();
    Parsed::Message(Message { command, arguments: words.collect(), body }, lines.at)
}

/// The words of a first line; each is printable ASCII, and there is at least one.
fn words_of(line: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(line.strip_prefix(b"-> ")?).ok()?;
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    words.iter().all(|word| is_word(word)).then_some(words)
}

/// Whole lines of a buffer.
struct Lines<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.buffer[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        self.at += end + 1;
        Some(&rest[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 47, 48, 49, 96, 1000] {
            let body = vec![7; length];
            let mut text = written("file-key", &["0", "x"], &body).to_vec();
            let whole = text.len();
            text.extend_from_slice(b"-> done\n");
            let Parsed::Message(message, taken) = read(&text) else { panic!("{length}: no message") };
            assert_eq!((&*message.command, taken), ("file-key", whole), "{length}");
            assert_eq!(
                (message.arguments.as_slice(), message.body.len()),
                (&["0".to_owned(), "x".to_owned()][..], length)
            );
            assert!(matches!(read(&text[..whole - 1]), Parsed::Incomplete), "{length}");
        }
    }

    #[test]
    fn what_is_no_message_is_broken() {
        let long = format!("-> msg\n{}\n", "A".repeat(65));
        for text in [
            "hello\n",
            "->\n\n",
            "-> \n\n",
            "-> a  b\n\n",
            "-> \u{7}\n\n",
            "-> a\nA\n",
            "-> a\nAA==\n",
            &*long,
        ] {
            assert!(matches!(read(text.as_bytes()), Parsed::Broken), "{text:?}");
        }
    }
}
