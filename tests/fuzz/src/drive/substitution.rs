//! Flux's `${variables}`: lines `NAME=value`, a line `===`, the object they are put into.

use sealane::render::flux::substitute::{Variables, substitute};
use sealane::secret::SecretText;
use sealane::yaml::{Dialect, Limits, read_stream, to_masked_string};

/// One input.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((pairs, object)) = text.split_once("===\n") else { return };
    let mut variables = Variables::default();
    for (number, line) in pairs.lines().enumerate() {
        let Some((name, value)) = line.split_once('=') else { continue };
        // Every third one is secret.
        if number % 3 == 2 {
            variables.set_secret(name, &SecretText::from_string(value.to_owned()));
        } else {
            variables.set_plain(name, value);
        }
    }
    let stream = read_stream(object.as_bytes(), &"a.yaml".into(), Dialect::Resource, &Limits::default());
    for document in &stream.documents {
        for (strict, incomplete) in [(false, false), (true, false), (false, true)] {
            (variables.strict, variables.incomplete) = (strict, incomplete);
            if let Ok(done) = substitute(&document.root, &variables) {
                let _ = to_masked_string(&done.body);
            }
        }
    }
}
