//! Fuzzes patches and replacements: see `drive`.
#![no_main]

#[path = "drive/merge.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
