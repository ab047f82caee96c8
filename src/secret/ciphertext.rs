//! Which ciphertext a sealed value stands in git as: the one thing that can be compared without a key.

use sha2::{Digest, Sha256};

/// The hash of what git holds of a value that nothing here opens, or nothing at all.
///
/// Equal ciphertext means equal values. Other ciphertext means nothing: sealing a value again changes it too. Plaintext is
/// never hashed here.
#[derive(Clone, Copy)]
pub struct Ciphertext(Option<[u8; 32]>);

impl Ciphertext {
    /// Nothing is known; it equals nothing, not even itself.
    pub const UNKNOWN: Self = Self(None);

    /// Of sealed bytes as git holds them.
    pub fn of(sealed: &[u8]) -> Self {
        Self(Some(Sha256::digest(sealed).into()))
    }

    /// Of a value made from public text and sealed ones, in this order; unknown if one of them is.
    pub fn joined<'t>(parts: impl IntoIterator<Item = Result<&'t str, Self>>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            match part {
                Ok(text) => {
                    hash.update(b"text");
                    hash.update(text.len().to_le_bytes());
                    hash.update(text);
                }
                Err(Self(Some(bytes))) => {
                    hash.update(b"sealed");
                    hash.update(bytes);
                }
                Err(Self(None)) => return Self::UNKNOWN,
            }
        }
        Self(Some(hash.finalize().into()))
    }
}

/// Equal only if both are known.
impl PartialEq for Ciphertext {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.0, other.0), (Some(a), Some(b)) if a == b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_equals_nothing() {
        let (a, b) = (Ciphertext::of(b"ENC[a]"), Ciphertext::of(b"ENC[b]"));
        assert!(a == a && a != b && a != Ciphertext::UNKNOWN && Ciphertext::UNKNOWN != Ciphertext::UNKNOWN);
        assert!(Ciphertext::joined([Ok("x"), Err(a)]) == Ciphertext::joined([Ok("x"), Err(a)]));
        assert!(Ciphertext::joined([Ok("x"), Err(a)]) != Ciphertext::joined([Ok("y"), Err(a)]));
        let unknown = Ciphertext::joined([Ok("x"), Err(Ciphertext::UNKNOWN)]);
        assert!(unknown != unknown);
    }
}
