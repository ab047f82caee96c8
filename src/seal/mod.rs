//! SOPS and age: opens, seals, verifies. Only room that knows the ciphers.

mod cipher;
mod keys;
mod rules;

pub use cipher::{CipherError, DataKey, Sealed, ValueType};
pub use keys::{KeySources, Keyring, RecipientError, UnusableSource, parse_recipient, wrap};
pub use rules::{Recipient, Rule, Rules, Selector};
