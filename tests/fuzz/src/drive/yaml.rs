//! The YAML layer: whatever is read is printed, and what is printed is read again and stays as it is.

use sealane::yaml::source;
use sealane::yaml::{Dialect, Limits, from_json, read_stream, to_json, to_masked_string};

/// One input.
pub fn run(bytes: &[u8]) {
    let limits = Limits { bytes: 1 << 16, ..Limits::default() };
    for dialect in [Dialect::Resource, Dialect::Kustomization] {
        for document in read_stream(bytes, &"a.yaml".into(), dialect, &limits).documents {
            let printed = to_masked_string(&document.root);
            let _ = to_json(&document.root);
            // The first print may change folded texts and values left out in brackets, as kustomize does; the next may not.
            let again = |text: &str| {
                let stream =
                    read_stream(text.as_bytes(), &"b.yaml".into(), Dialect::Resource, &Limits::default());
                stream.documents.first().map(|document| to_masked_string(&document.root))
            };
            if let Some(second) = again(&printed) {
                assert_eq!(again(&second).as_ref(), Some(&second), "printed {printed:?}");
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = source::one_line(text);
    }
    let _ = from_json(bytes);
}
