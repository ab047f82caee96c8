//! Upstream's own cases, one a line: files in, text or refusal out.

use crate::folder::Files;
use crate::{Score, say, shows};
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs, Order, build, to_text};
use std::collections::BTreeMap;
use std::path::Path;

/// Runs all native cases that the oracle confirms.
pub fn run(corpora: &Path) -> Score {
    let text = std::fs::read_to_string(corpora.join("kustomize/cases.jsonl")).expect("the cases can be read");
    let mut score = Score::default();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case is JSON");
        let confirmed = matches!(case["oracle"]["verdict"].as_str(), Some("bytes" | "error-text"));
        let kind = if confirmed && case["native"] == true { "confirmed" } else { "others" };
        let name = case["name"].as_str().expect("a case has a name");
        let outcome = outcome(&case);
        if let Err(why) = &outcome
            && (shows(name) || shows(&format!("all-{kind}")))
        {
            say(&format!("=== {kind} {name}\n{why}"));
        }
        score.count(kind, outcome.is_ok());
    }
    score
}

fn outcome(case: &serde_json::Value) -> Result<(), String> {
    let files = case["files"].as_object().expect("a case has files");
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(path, content)| (path.trim_start_matches('/'), bytes(content))).collect();
    let tree = Files::of(files.iter().map(|(path, bytes)| (*path, bytes.as_slice())));
    let asked = &case["options"];
    let options = BuildOptions {
        confined: asked["loadRestrictions"] != "none",
        order: if asked["reorder"] == "none" { Order::None } else { Order::Legacy },
        managed_by_label: asked["addManagedByLabel"] == true,
        partial: false,
    };
    let documents = DocumentCache::default();
    let inputs = Inputs { opener: None, remotes: &BTreeMap::new(), documents: &documents, steps: false };
    let root = case["root"].as_str().expect("a case has a root").trim_start_matches('/');
    let built = build(&tree, root, &options, &inputs);
    match (case["expect"].as_str(), built) {
        (Some("ok"), Ok(built)) => {
            let (found, wanted) = (to_text(&built), case["expected"].as_str().expect("a text is expected"));
            if found == wanted { Ok(()) } else { Err(difference(wanted, &found)) }
        }
        (Some("error"), Ok(built)) => Err(format!("should fail with {}\n{}", case["error"], to_text(&built))),
        (Some("ok"), Err(error)) => Err(format!("fails: {}", error.problem())),
        (Some("error"), Err(error)) => {
            if shows("errors") {
                say(&format!(
                    "--- {}\n    wanted {}\n    said   {}",
                    case["name"],
                    case["error"],
                    error.problem()
                ));
            }
            Ok(())
        }
        (other, _) => Err(format!("unknown expectation {other:?}")),
    }
}

/// A file's text, or its bytes in base64.
fn bytes(content: &serde_json::Value) -> Vec<u8> {
    use base64::Engine as _;
    if let Some(text) = content.as_str() {
        return text.as_bytes().to_vec();
    }
    let text = content["base64"].as_str().expect("a file is a text or base64");
    base64::engine::general_purpose::STANDARD.decode(text).expect("it is base64")
}

/// Lines that differ, in the way of a diff.
pub fn difference(wanted: &str, found: &str) -> String {
    similar::TextDiff::from_lines(wanted, found).unified_diff().context_radius(2).to_string()
}
