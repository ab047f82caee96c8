//! Fuzzes age files, identities and recipients: see `drive`.
#![no_main]

#[path = "drive/age.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
