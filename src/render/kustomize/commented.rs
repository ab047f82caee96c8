//! Comments that say how a list merges: kyaml reads an OpenAPI schema in JSON behind or above a field.
//!
//! Any JSON object there stands in place of what is known about the field, so that a list with a comment of
//! another tool (`# {"$openapi": "…"}`) is replaced and no longer merged (kyaml `fieldmeta`, `walk.Walker.GetSchema`).

use crate::yaml::{Map, Node, Value, from_json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A list and its merge keys; `None` if it is replaced.
pub type Commented = (String, Option<Vec<String>>);

/// The schemas in a file's comments, by the line of the field they are about.
pub struct Comments(BTreeMap<u32, Node>);

impl Comments {
    /// Reads them out of a file's text.
    pub fn of(text: &[u8]) -> Self {
        let mut found = BTreeMap::new();
        match std::str::from_utf8(text) {
            Ok(text) if text.contains("# {") || text.contains("#{") => {
                for (line, number) in text.lines().zip(1..) {
                    note(line, number, &mut found);
                }
            }
            _ => {}
        }
        Self(found)
    }

    /// The lists of one object of the file that have such a comment, by path as
    /// [`Schema`](super::merge_keys::Schema) writes it; `None` if there are none.
    pub fn lists(&self, object: &Node) -> Option<Arc<[Commented]>> {
        let mut found = Vec::new();
        if !self.0.is_empty() {
            walk(object, "", &self.0, &mut found);
        }
        (!found.is_empty()).then(|| found.into())
    }
}

fn note(line: &str, number: u32, found: &mut BTreeMap<u32, Node>) {
    let (before, comment) = match line.find(" #") {
        Some(place) => line.split_at(place),
        None if line.starts_with('#') => ("", line),
        None => return,
    };
    let json = comment.trim_start().trim_start_matches('#').trim();
    if !json.starts_with('{') {
        return;
    }
    // Whatever is no JSON is a comment for people.
    let Ok(schema) = from_json(json.as_bytes()) else { return };
    if schema.as_map().is_none_or(Map::is_empty) {
        return;
    }
    // What stands behind a field is stronger than what stands above it.
    if before.trim().is_empty() {
        found.entry(number + 1).or_insert(schema);
    } else {
        found.insert(number, schema);
    }
}

fn walk(node: &Node, at: &str, comments: &BTreeMap<u32, Node>, found: &mut Vec<Commented>) {
    match &node.value {
        Value::Map(map) => {
            for entry in &map.entries {
                let name = &entry.key.text;
                let below = if at.is_empty() { name.to_string() } else { format!("{at}/{name}") };
                if let (Value::Seq(_), Some(schema)) = (&entry.value.value, comments.get(&entry.key.line)) {
                    found.push((below.clone(), keys(schema)));
                }
                walk(&entry.value, &below, comments, found);
            }
        }
        Value::Seq(items) => {
            let below = format!("{at}[]");
            items.iter().for_each(|item| walk(item, &below, comments, found));
        }
        Value::Scalar(_) | Value::Secret(_) => {}
    }
}

/// The merge keys that a schema gives a list; none for a list of scalars.
fn keys(schema: &Node) -> Option<Vec<String>> {
    let strategy = schema.str_at(&["x-kubernetes-patch-strategy"])?;
    let is_merged = strategy.split(',').any(|part| part == "merge");
    is_merged.then(|| super::openapi::keys(schema))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::testing::read;

    fn found(text: &str) -> Vec<Commented> {
        Comments::of(text.as_bytes()).lists(&read(text)).map(|lists| lists.to_vec()).unwrap_or_default()
    }

    #[test]
    fn a_comment_behind_or_above_a_list_says_how_it_merges() {
        let merged = r#"{"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"}"#;
        let wanted = [("spec/a".to_owned(), Some(vec!["name".to_owned()]))];
        assert_eq!(found(&format!("spec:\n  a: # {merged}\n  - name: x\n")), wanted);
        assert_eq!(found(&format!("spec:\n  # {merged}\n  a:\n  - name: x\n")), wanted);
        assert_eq!(
            found("spec:\n  a: # {\"$openapi\": \"x\"}\n  - name: x\n"),
            [("spec/a".to_owned(), None)]
        );
    }

    #[test]
    fn other_comments_say_nothing() {
        assert_eq!(found("a: # {not json}\n- x\nb: x # {\"$imagepolicy\": \"x\"}\nc: # {}\n- x\n"), []);
        assert_eq!(found("a: |\n  b: # {\"x-kubernetes-patch-strategy\": \"merge\"}\n  - c\n"), []);
    }
}
