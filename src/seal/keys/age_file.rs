//! age files: opened with identities, armored or not, and what exactly is wrong with those that do not open.

use crate::secret::SecretText;
use age::DecryptError;
use age::armor::ArmoredReader;
use std::io::Read;
use zeroize::Zeroizing;

/// The work factor of a passphrase above which a file is refused, as `age` does: 4 GiB and some seconds.
const HARDEST: u8 = 22;

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
    let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(bytes)).map_err(|e| reason(&e, bytes))?;
    decryptor.decrypt(identities).map_err(|e| reason(&e, bytes))
}

/// Opens an age file that is locked with a passphrase.
pub(super) fn open_with<'a>(bytes: &'a [u8], passphrase: &SecretText) -> Result<impl Read + 'a, AgeError> {
    let text = passphrase.expose_secret_str().ok_or(AgeError::NoMatch)?;
    let mut identity = age::scrypt::Identity::new(age::secrecy::SecretString::from(text.to_owned()));
    identity.set_max_work_factor(HARDEST);
    let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(bytes)).map_err(|e| reason(&e, bytes))?;
    if !decryptor.is_scrypt() {
        return Err(AgeError::NoMatch);
    }
    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|e| reason(&e, bytes))
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
    bytes.starts_with(b"age-encryption.org/") || is_armored(bytes)
}

fn is_armored(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN AGE")
}

fn reason(error: &DecryptError, bytes: &[u8]) -> AgeError {
    match error {
        DecryptError::InvalidMac => AgeError::Mac,
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            AgeError::NoMatch
        }
        DecryptError::ExcessiveWork { .. } => AgeError::TooHard,
        // Reading a damaged armor is an error of reading.
        DecryptError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData && is_armored(bytes) => {
            AgeError::Armor
        }
        _ => AgeError::Header,
    }
}
