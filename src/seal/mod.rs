//! SOPS and age: opens, seals, verifies. Only room that knows the ciphers.
