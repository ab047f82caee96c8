//! kyaml's own cases of strategic merge: a patch and a target in, an object out.

use crate::cases::difference;
use crate::{Score, say, shows};
use sealane::render::kustomize::commented::Comments;
use sealane::render::kustomize::merge_keys::Schema;
use sealane::render::kustomize::strategic::merge;
use sealane::yaml::{Dialect, Entry, Limits, Map, Node, Value, read_stream, to_masked_string};
use std::path::Path;
use std::sync::Arc;

/// Runs `smp-merge/cases.json`.
pub fn run(corpora: &Path) -> Score {
    let text = std::fs::read_to_string(corpora.join("smp-merge/cases.json")).expect("the cases can be read");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("the cases are JSON");
    let mut score = Score::default();
    for case in &cases {
        let text = |name: &str| case[name].as_str().expect("a case has texts");
        let (found, wanted) = both(case, text("source"), text("dest"), text("expected"));
        let right = found.as_ref() == Ok(&wanted);
        if !right && shows("merges") {
            let found = found.unwrap_or_else(|why| why);
            say(&format!("=== {}\n{}", case["description"], difference(&wanted, &found)));
        }
        score.count("cases", right);
    }
    score
}

/// What we make of it and what is expected, as texts.
fn both(
    case: &serde_json::Value,
    patch: &str,
    target: &str,
    expected: &str,
) -> (Result<String, String>, String) {
    let [patch, target, expected] = [patch, target, expected].map(|text| (text, read(text)));
    let text = |name: &str| target.1.get(name).and_then(Node::as_str).unwrap_or_default();
    let mut schema = Schema::of(text("apiVersion"), text("kind"));
    for (text, root) in [&target, &patch] {
        let commented = Comments::of(text.as_bytes()).lists(root);
        schema = commented.iter().flat_map(|lists| lists.iter()).fold(schema, Schema::with_comment);
    }
    if case["infer"] == true {
        // Builds never guess merge keys. Here the caller does, and the merge is the same.
        schema = schema.with_list("containers", &["name"]);
    }
    // Builds put what a patch adds to a list before what was there; cases that want it behind are compared
    // with their lists sorted, as upstream's own test does.
    let is_sorted = case["prepend"] != true;
    let print =
        |node: &Node| to_masked_string(&if is_sorted { sorted(node, "", &schema) } else { node.clone() });
    let merged = merge(&patch.1, &target.1, &schema).map_err(|error| error.to_string());
    // Nothing is left where the patch deletes the object.
    let wanted = if expected.1.is_null() { String::new() } else { print(&expected.1) };
    (merged.map(|node| node.as_ref().map(print).unwrap_or_default()), wanted)
}

/// The object with each list that merges in the order of its text.
fn sorted(node: &Node, at: &str, schema: &Schema) -> Node {
    let value = match &node.value {
        Value::Map(map) => {
            let child = |entry: &Entry| {
                let name = &entry.key.text;
                let below = if at.is_empty() { name.to_string() } else { format!("{at}/{name}") };
                Entry { key: entry.key.clone(), value: sorted(&entry.value, &below, schema) }
            };
            Value::Map(Arc::new(Map { entries: map.entries.iter().map(child).collect() }))
        }
        Value::Seq(items) => {
            let below = format!("{at}[]");
            let mut items: Vec<Node> = items.iter().map(|item| sorted(item, &below, schema)).collect();
            if schema.keys(at).is_some() {
                items.sort_by_cached_key(to_masked_string);
            }
            Value::Seq(Arc::new(items))
        }
        value => value.clone(),
    };
    Node { value, mark: node.mark.clone() }
}

fn read(text: &str) -> Node {
    let stream = read_stream(text.as_bytes(), &"case".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{text}: {:?}", stream.errors);
    stream.documents.into_iter().next().map_or_else(Node::null, |document| document.root)
}
