//! Secret values: what may be held, moved and compared, and never shown.
//!
//! [`SecretText`] owns plaintext bytes and wipes them when dropped. It has no `Debug`, `Display`,
//! `Serialize` or `Clone`, so it cannot reach a log, a snapshot or a screen by accident.
//! [`SecretDigest`] answers one question only: are two secrets equal? It is an HMAC-SHA-256 under a
//! random key of this session, so it tells nothing to anybody who does not hold the key.
//! [`MarkKey`] makes short digests that may be shown, under a key that only the user can derive.
//! [`Ciphertext`] is all that can be compared of a value that nothing here opens.
//! [`SecretLeaf`] is the handle with which a YAML tree carries any of them.

mod ciphertext;
mod digest;
mod leaf;
mod mark;
mod text;

pub use ciphertext::Ciphertext;
pub use digest::{DigestKey, SecretDigest};
pub use leaf::SecretLeaf;
pub use mark::MarkKey;
pub use text::SecretText;
