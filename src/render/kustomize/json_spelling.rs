//! What going through JSON does to an object: numbers and texts are spelled anew (render.md 2.9).

use super::resource::child_map;
use crate::yaml::{Map, Node, Scalar, ScalarKind, Style, Value, resolve_v3, to_json};
use std::sync::Arc;

/// Upstream goes through JSON to patch, and annotations become texts right after: what is no text there is
/// spelled as JSON spells it, `null` for `~` and 8 for 010.
pub fn spell_as_json(body: &mut Node, field: &str) {
    let plain = |node: &Node| node.as_scalar().is_some_and(|s| s.kind != ScalarKind::Str);
    let texts = body.at_path(&["metadata", field]).and_then(Node::as_map);
    if !texts.is_some_and(|map| map.iter().any(|(_, value)| plain(value))) {
        return;
    }
    let texts = child_map(body, "metadata").get_mut(field).and_then(Node::as_map_mut);
    for entry in texts.into_iter().flat_map(|map| &mut map.entries).filter(|e| plain(&e.value)) {
        let text = to_json(&entry.value);
        entry.value = Node::string(text.trim_matches('"')).at(entry.value.mark.clone());
    }
}

/// The body with its numbers spelled as they are read back: what takes their text later takes that. `None` if there is
/// nothing to change.
pub fn respelled(node: &Node, number: fn(&Scalar) -> Option<String>) -> Option<Node> {
    let value = match &node.value {
        Value::Scalar(s) if matches!(s.kind, ScalarKind::Int | ScalarKind::Float) => {
            let text = number(s)?;
            let kind = resolve_v3(&text);
            (*text != *s.text).then(|| Value::Scalar(Scalar { text: text.into(), kind, style: s.style }))?
        }
        // What was read again is tagged again.
        Value::Scalar(s) if s.style == Style::Untagged => {
            Value::Scalar(Scalar { style: Style::Plain, ..s.clone() })
        }
        Value::Scalar(_) | Value::Secret(_) => return None,
        Value::Seq(items) => {
            let new: Vec<Option<Node>> = items.iter().map(|item| respelled(item, number)).collect();
            if new.iter().all(Option::is_none) {
                return None;
            }
            let all = items.iter().zip(new).map(|(old, new)| new.unwrap_or_else(|| old.clone()));
            Value::Seq(Arc::new(all.collect()))
        }
        Value::Map(map) => {
            let new: Vec<Option<Node>> =
                map.entries.iter().map(|entry| respelled(&entry.value, number)).collect();
            if new.iter().all(Option::is_none) {
                return None;
            }
            let mut map = Map::clone(map);
            for (entry, new) in map.entries.iter_mut().zip(new) {
                entry.value = new.unwrap_or_else(|| entry.value.clone());
            }
            Value::Map(Arc::new(map))
        }
    };
    Some(Node { value, mark: node.mark.clone() })
}
