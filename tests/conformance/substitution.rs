//! Flux's own cases of `${variables}`: a template and its variables in, text or refusal out.

use crate::{Score, say, shows};
use sealane::render::flux::substitute::{Variables, substitute};
use sealane::yaml::{Entry, Key, Map, Node};
use std::path::Path;

/// Runs `envsubst/cases.json`.
pub fn run(corpora: &Path) -> Score {
    let text = std::fs::read_to_string(corpora.join("envsubst/cases.json")).expect("the cases can be read");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("the cases are JSON");
    let mut score = Score::default();
    for case in &cases {
        let input = case["input"].as_str().expect("a case has an input");
        let found = ours(case, input);
        let right = match (&found, case["error"] == true) {
            (Ok(found), false) => case["output"].as_str() == Some(found),
            // The refusal names the variable.
            (Err(cause), true) => cause.contains("variable missing is not set"),
            _ => false,
        };
        if !right && shows("substitution") {
            say(&format!("=== {input}: {found:?}, wanted {}", case["output"]));
        }
        score.count("cases", right);
    }
    score
}

/// The template as the one value of an object, so that it goes all the way of an object.
fn ours(case: &serde_json::Value, input: &str) -> Result<String, String> {
    let mut variables = Variables::default();
    variables.strict = case["strict"] == true;
    for (name, value) in case["params"].as_object().expect("a case has variables") {
        variables.set_plain(name, value.as_str().expect("a value is a text"));
    }
    let key = Key { text: "text".into(), kind: sealane::yaml::ScalarKind::Str, line: 0 };
    let body = Node::map(Map { entries: vec![Entry { key, value: Node::string(input) }] });
    let done = substitute(&body, &variables).map_err(|error| error.to_string())?;
    let value = done.body.get("text").and_then(Node::as_scalar).ok_or("the value is no scalar")?;
    Ok(value.text.to_string())
}
