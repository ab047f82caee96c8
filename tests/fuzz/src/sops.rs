//! Fuzzes the five stores of SOPS and both envelopes: see `drive`.
#![no_main]

#[path = "drive/sops.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
