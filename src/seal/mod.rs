//! SOPS and age: opens, seals, verifies. Only room that knows the ciphers.

mod cipher;

pub use cipher::{CipherError, DataKey, Sealed, ValueType};
