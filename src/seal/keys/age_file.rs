//! age files: opened with identities, armored or not, and what exactly is wrong with those that do not open.

use crate::secret::SecretText;
use age::DecryptError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::io::{Cursor, Read};
use zeroize::Zeroizing;

/// The work factor of a passphrase above which a file is refused, as `age` does: 4 GiB and some seconds.
const HARDEST: u8 = 22;
/// Letters in a full line, of the armor and of a stanza's body.
const COLUMNS: usize = 64;
/// What armor begins with.
const MARK: &[u8] = b"BEGIN AGE ENCRYPTED FILE-----";

/// Why an age file does not open. The names are those of age's own test kit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// The text around it is damaged.
    #[error("its ASCII armor is damaged")]
    Armor,
    /// It is no age file, or not as the format has it.
    #[error("its header is damaged, or it is no age file")]
    Header,
    /// The header was changed.
    #[error("its header was tampered with")]
    Mac,
    /// None of the identities fits.
    #[error("no identity at hand opens it")]
    NoMatch,
    /// It asks for more work than is done for anybody.
    #[error("its passphrase would cost more work than is allowed")]
    TooHard,
    /// What it holds was changed or cut.
    #[error("what it holds was tampered with or cut off")]
    Payload,
}

/// Opens an age file with the first identity that fits; what it holds is read from the answer.
pub(super) fn open<'a>(
    bytes: &'a [u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<impl Read + 'a, AgeError> {
    decryptor(bytes)?.decrypt(identities).map_err(|e| reason(&e))
}

/// Opens an age file that is locked with a passphrase.
pub(super) fn open_with<'a>(bytes: &'a [u8], passphrase: &SecretText) -> Result<impl Read + 'a, AgeError> {
    let text = passphrase.expose_secret_str().ok_or(AgeError::NoMatch)?;
    let decryptor = decryptor(bytes)?;
    if !decryptor.is_scrypt() {
        return Err(AgeError::NoMatch);
    }
    let mut identity = age::scrypt::Identity::new(age::secrecy::SecretString::from(text.to_owned()));
    identity.set_max_work_factor(HARDEST);
    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|e| reason(&e))
}

/// A file with its armor off and its header read. Both are held to the letter of the format first, which age's own
/// readers are not everywhere.
fn decryptor(bytes: &[u8]) -> Result<age::Decryptor<Cursor<Cow<'_, [u8]>>>, AgeError> {
    let bytes = match bytes.trim_ascii_start() {
        text if text.starts_with(b"-----") => Cow::Owned(unarmored(text).ok_or(AgeError::Armor)?),
        // Whoever wrote the mark meant an armor, whatever stands before it.
        _ if bytes.windows(MARK.len()).take(1024).any(|part| part == MARK) => return Err(AgeError::Armor),
        _ => Cow::Borrowed(bytes),
    };
    stanzas_end(&bytes).ok_or(AgeError::Header)?;
    age::Decryptor::new_buffered(Cursor::new(bytes)).map_err(|e| reason(&e))
}

/// What is inside of ASCII armor: base64 in lines of 64 letters, the last shorter or full, between two marks.
fn unarmored(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text.trim_ascii_end()).ok()?;
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    if lines.next()? != "-----BEGIN AGE ENCRYPTED FILE-----"
        || lines.next_back()? != "-----END AGE ENCRYPTED FILE-----"
    {
        return None;
    }
    let mut encoded = String::with_capacity(text.len());
    let mut is_last = false;
    for line in lines {
        if is_last || line.is_empty() || line.len() > COLUMNS {
            return None;
        }
        is_last = line.len() < COLUMNS || line.ends_with('=');
        encoded.push_str(line);
    }
    STANDARD.decode(encoded).ok()
}

/// Where the stanzas of a header end, if the body of each ends with a line that is not full.
fn stanzas_end(bytes: &[u8]) -> Option<()> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    lines.next().filter(|version| version.starts_with(b"age-encryption.org/"))?;
    let mut open = false;
    for line in lines {
        match (open, line) {
            (false, [b'-', b'-', b'-', ..]) => return Some(()),
            (false, [b'-', b'>', ..]) => open = true,
            (true, body) if body.len() <= COLUMNS && !body.starts_with(b"-") => open = body.len() == COLUMNS,
            _ => return None,
        }
    }
    None
}

/// Reads what an age file holds, up to `limit` bytes; what was read before an error is given back too.
pub(super) fn read_to_end(mut from: impl Read, limit: usize) -> (Zeroizing<Vec<u8>>, Result<(), AgeError>) {
    let mut held = Zeroizing::new(Vec::with_capacity(limit.min(64 << 10)));
    let mut block = Zeroizing::new([0; 4096]);
    loop {
        match from.read(block.as_mut_slice()) {
            Ok(0) => return (held, Ok(())),
            Ok(count) if held.len() + count <= limit => push(&mut held, &block[..count]),
            Ok(_) | Err(_) => return (held, Err(AgeError::Payload)),
        }
    }
}

/// Grows by hand, so that no copy is left behind.
fn push(held: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    if held.capacity() < held.len() + more.len() {
        let mut grown = Zeroizing::new(Vec::with_capacity((held.len() + more.len()) * 2));
        grown.extend_from_slice(held);
        *held = grown;
    }
    held.extend_from_slice(more);
}

/// True if a file begins as one of age does.
pub(super) fn is_age(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/") || bytes.trim_ascii_start().starts_with(b"-----BEGIN AGE")
}

fn reason(error: &DecryptError) -> AgeError {
    match error {
        DecryptError::InvalidMac => AgeError::Mac,
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            AgeError::NoMatch
        }
        DecryptError::ExcessiveWork { .. } => AgeError::TooHard,
        _ => AgeError::Header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
    const END: &str = "-----END AGE ENCRYPTED FILE-----";

    #[test]
    fn armor_is_held_to_the_letter() {
        let full = "QUJD".repeat(16);
        for (body, length) in
            [("QUJD\n", 3), ("QUI=\n", 2), (&*format!("{full}\n"), 48), (&*format!("{full}\nQUJD\n"), 51)]
        {
            for text in [
                format!("{BEGIN}\n{body}{END}"),
                format!(" \n{BEGIN}\n{body}{END}\n \t").replace('\n', "\r\n"),
            ] {
                assert_eq!(unarmored(text.trim_start().as_bytes()).map(|b| b.len()), Some(length), "{text}");
            }
        }
        for body in [
            "QUI\n",
            "QUJ=\n",
            "Q UJD\n",
            "QUJD\n\n",
            "\nQUJD\n",
            "QUJD\nQUJD\n",
            "QUI=\nQUJD\n",
            &*format!("{full}QUJD\n"),
            "a: b\nQUJD\n",
        ] {
            assert_eq!(unarmored(format!("{BEGIN}\n{body}{END}").as_bytes()), None, "{body}");
        }
        for text in [
            format!("{BEGIN}\nQUJD\n"),
            format!("{BEGIN}\nQUJD\n{END}x"),
            format!("{BEGIN} \nQUJD\n{END}"),
            BEGIN.to_owned(),
        ] {
            assert_eq!(unarmored(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_body_ends_with_a_line_that_is_not_full() {
        let full = "A".repeat(64);
        let header =
            |stanza: &str| stanzas_end(format!("age-encryption.org/v1\n{stanza}--- mac\n").as_bytes());
        assert!(header("-> a\n\n").is_some() && header(&format!("-> a b\n{full}\nAA\n-> c\n\n")).is_some());
        for stanza in
            ["-> a\n", &*format!("-> a\n{full}\n"), &*format!("-> a\n{full}A\n\n"), "AA\n", "-> a\n-> b\n\n"]
        {
            assert!(header(stanza).is_none(), "{stanza}");
        }
        assert!(stanzas_end(b"age-encryption.org/v1\n").is_none() && stanzas_end(b"").is_none());
    }
}
