//! Keyed digests: equality of secrets without their values.

use super::{MarkKey, SecretText};
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A random key that lives as long as the session and is never stored or shown.
pub struct DigestKey(Zeroizing<[u8; 32]>);

/// HMAC-SHA-256 of a secret under the session's [`DigestKey`].
///
/// Two digests of one session are equal if and only if the secrets are. The bytes are kept private:
/// a digest is compared, never printed or saved.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretDigest([u8; 32]);

impl std::fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[digest]")
    }
}

impl DigestKey {
    /// Makes a key from 32 random bytes, which the caller takes from the operating system.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// The digest of plaintext bytes.
    pub fn digest(&self, plaintext: &[u8]) -> SecretDigest {
        SecretDigest(hmac(self.0.as_slice(), &[plaintext]))
    }

    /// The digest of what standard base64 text decodes to; line breaks in the text do not count.
    /// Text that is not base64 is digested as it is, behind a mark, so that it equals nothing else.
    pub fn digest_base64(&self, encoded: &[u8]) -> SecretDigest {
        let compact: Zeroizing<Vec<u8>> =
            Zeroizing::new(encoded.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect());
        let plain = base64::engine::general_purpose::STANDARD.decode(compact.as_slice()).map(Zeroizing::new);
        let marked = || Zeroizing::new([&b"not base64:"[..], encoded].concat());
        self.digest(&plain.unwrap_or_else(|_| marked()))
    }
}

/// HMAC-SHA-256 of parts, one behind the other.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl SecretText {
    /// The digest of this text under `key`.
    pub fn digest(&self, key: &DigestKey) -> SecretDigest {
        key.digest(self.expose_secret())
    }

    /// The mark of this text at a place.
    pub fn mark(&self, key: &MarkKey, place: &str) -> String {
        key.mark(place, self.expose_secret())
    }

    /// The digest of what this text, being base64, decodes to.
    pub fn digest_base64(&self, key: &DigestKey) -> SecretDigest {
        key.digest_base64(self.expose_secret())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_have_equal_digests_and_others_do_not() {
        let key = DigestKey::new([7; 32]);
        assert_eq!(key.digest(b"hunter2"), key.digest_base64(b"aHVudGVy\nMg=="));
        assert_ne!(key.digest(b"hunter2"), key.digest(b"hunter3"));
        assert_ne!(key.digest(b"hunter2"), DigestKey::new([8; 32]).digest(b"hunter2"));
    }

    #[test]
    fn a_digest_prints_nothing() {
        assert_eq!(format!("{:?}", DigestKey::new([7; 32]).digest(b"x")), "[digest]");
    }
}
