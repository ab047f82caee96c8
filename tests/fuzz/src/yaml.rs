//! Fuzzes the reader and the writer: see `drive`.
#![no_main]

#[path = "drive/yaml.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
