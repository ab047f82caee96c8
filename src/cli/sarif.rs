//! SARIF 2.1.0 (OASIS), as code scanning reads it: one run, a rule for each kind, a result for each finding.

use super::output;
use crate::model::Problem;
use crate::workspace::{Exposed, ExposureKind};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A finding, and what else is known of it.
pub(super) struct Found<'a> {
    pub(super) exposed: &'a Exposed,
    pub(super) more: Option<Value>,
}

/// A log with findings; `problems` are what could not be looked at or is set up wrongly.
pub(super) fn log<'a>(found: impl Iterator<Item = Found<'a>>, problems: &[Problem]) -> Value {
    let results: Vec<Value> = found.map(|found| result(&found)).collect();
    whole(&results, problems, true)
}

/// A log of a run that failed.
pub(super) fn failed(problem: &Problem) -> Value {
    whole(&[], std::slice::from_ref(problem), false)
}

fn whole(results: &[Value], problems: &[Problem], successful: bool) -> Value {
    let rules: Vec<Value> = ExposureKind::ALL
        .iter()
        .map(|kind| json!({"id": kind.code(), "shortDescription": {"text": kind.describe()}}))
        .collect();
    let notices: Vec<Value> = problems
        .iter()
        .map(|problem| {
            json!({
                "level": output::problem(problem)["severity"],
                "message": {"text": problem.to_string()},
                "descriptor": {"id": problem.reason.code()},
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "sealane", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"ROOT": {"description": {"text": "the root of the repository"}}},
            "invocations": [{"executionSuccessful": successful, "toolExecutionNotifications": notices}],
            "results": results,
        }],
    })
}

fn result(found: &Found<'_>) -> Value {
    let Exposed { kind, problem, .. } = found.exposed;
    let index = ExposureKind::ALL.iter().position(|one| one == kind).unwrap_or_default();
    let file = problem.place.as_ref().map_or("", |place| &place.file);
    let line = problem.place.as_ref().map_or(0, |place| place.line);
    let mut place = json!({"artifactLocation": {"uri": uri(file), "uriBaseId": "ROOT"}});
    if line > 0 {
        place["region"] = json!({"startLine": line});
    }
    let mut result = json!({
        "ruleId": kind.code(),
        "ruleIndex": index,
        "level": if found.exposed.is_certain() { "error" } else { "warning" },
        "message": {"text": format!("{}. Next: {}", problem.cause, problem.next)},
        "locations": [{"physicalLocation": place}],
        // Of place and kind alone: a value is in no fingerprint.
        "partialFingerprints": {"sealane/v1": format!("{}:{file}:{}", kind.code(), problem.cause)},
    });
    // A bag of properties is an object, or is not there.
    if let Some(more) = &found.more {
        result["properties"] = more.clone();
    }
    result
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("a b/ü#.yaml"), "a%20b/%C3%BC%23.yaml");
    }
}
