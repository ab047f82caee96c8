//! `SecretLeaf`: how a YAML tree carries a value that must not be seen.

use super::{Ciphertext, SecretDigest, SecretText};
use std::sync::Arc;

/// A leaf of a document whose value is secret.
///
/// Cloning shares the handle; the plaintext itself stays in one place.
#[derive(Clone)]
pub enum SecretLeaf {
    /// Plaintext, held in one wiped buffer. Only rendering and sealing ever see this form.
    Text(Arc<SecretText>),
    /// Only its keyed digest is left. This is what every comparison and every screen gets.
    Digest(SecretDigest),
    /// Sealed, and no identity at hand opens it: only the same ciphertext is known to be equal.
    Closed(Ciphertext),
}

impl std::fmt::Debug for SecretLeaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "[secret]",
            Self::Digest(_) => "[digest]",
            Self::Closed(_) => "[closed]",
        })
    }
}

/// Equality of leaves. Plaintext never equals anything (compare digests); closed leaves are equal where their
/// ciphertext is, and unknown otherwise.
impl PartialEq for SecretLeaf {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Arc::ptr_eq(a, b),
            (Self::Digest(a), Self::Digest(b)) => a == b,
            (Self::Closed(a), Self::Closed(b)) => a == b,
            _ => false,
        }
    }
}
