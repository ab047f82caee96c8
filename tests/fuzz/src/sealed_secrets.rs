//! Fuzzes certificates and SealedSecrets: see `drive`.
#![no_main]

#[path = "drive/sealed_secrets.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
