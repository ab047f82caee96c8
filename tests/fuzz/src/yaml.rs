//! The YAML layer: whatever is read is printed, and what is printed is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealane::yaml::source;
use sealane::yaml::{Dialect, Limits, from_json, read_stream, to_json, to_masked_string};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bytes: 1 << 16, ..Limits::default() };
    for dialect in [Dialect::Resource, Dialect::Kustomization] {
        for document in read_stream(bytes, &"a.yaml".into(), dialect, &limits).documents {
            let printed = to_masked_string(&document.root);
            let _ = to_json(&document.root);
            let _ = read_stream(printed.as_bytes(), &"b.yaml".into(), dialect, &Limits::default());
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = source::one_line(text);
    }
    let _ = from_json(bytes);
});
