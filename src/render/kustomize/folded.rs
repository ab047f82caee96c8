//! Values that kustomize changes by printing twice become what they are in the cluster, so that whoever looks
//! at a rendered object sees them and not what the file says.

use crate::yaml::{
    Node, ScalarKind, Style, Value, printed_number, printed_text, prints_as_empty_string, resolve_v3,
};
use std::borrow::Cow;
use std::sync::Arc;

/// Changes them. Objects without such values stay shared with the documents they come from.
pub fn settle(node: &mut Node) {
    if !holds_one(node) {
        return;
    }
    match &mut node.value {
        Value::Seq(items) => Arc::make_mut(items).iter_mut().for_each(settle),
        Value::Map(map) => Arc::make_mut(map).entries.iter_mut().for_each(|entry| settle(&mut entry.value)),
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Null => {
            let mark = node.mark.clone();
            *node = Node::string("").at(mark);
        }
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Float => {
            scalar.text = printed_number(scalar).unwrap_or_default().into();
            scalar.kind = resolve_v3(&scalar.text);
        }
        Value::Scalar(scalar) => {
            scalar.text = printed_text(scalar).into();
            // No longer folded: what is printed now is printed once only.
            scalar.style = Style::Literal;
        }
        Value::Secret(_) => {}
    }
}

fn holds_one(node: &Node) -> bool {
    match &node.value {
        Value::Seq(items) => items.iter().any(holds_one),
        Value::Map(map) => map.iter().any(|(_, value)| holds_one(value)),
        Value::Scalar(scalar) => {
            prints_as_empty_string(scalar)
                || scalar.kind == ScalarKind::Float
                    && printed_number(scalar).is_some_and(|text| text != *scalar.text)
                || scalar.kind == ScalarKind::Str
                    && scalar.style == Style::Folded
                    && matches!(printed_text(scalar), Cow::Owned(text) if text != *scalar.text)
        }
        Value::Secret(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Dialect, Limits, read_stream, to_masked_string};

    #[test]
    fn a_settled_object_prints_the_same_and_says_what_it_prints() {
        let text = "a: >-\n  [\n    deeper\n  ]\nb: {c: }\nd: 1e+06\n";
        let stream = read_stream(text.as_bytes(), &"x".into(), Dialect::Resource, &Limits::default());
        let mut node = stream.documents[0].root.clone();
        let before = to_masked_string(&node);
        settle(&mut node);
        assert_eq!(to_masked_string(&node), before);
        assert_eq!(node.str_at(&["a"]), Some("[\n\n  deeper\n]"));
        assert_eq!(node.str_at(&["b", "c"]), Some(""));
        assert_eq!(node.get("d").and_then(Node::as_i64), Some(1_000_000));
    }
}
