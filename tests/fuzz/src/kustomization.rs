//! Fuzzes the loader: see `drive`.
#![no_main]

#[path = "drive/kustomization.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drive::run(bytes));
