//! Fuzzes variables: see `drive`.
#![no_main]

#[path = "drive/substitution.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
