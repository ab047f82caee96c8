//! Nodes to the bytes that Go's `sigs.k8s.io/yaml` prints (render.md 2.15, 2.17).
//!
//! Keys are sorted, lists hang under their key without indentation, numbers are printed as after a
//! round trip through JSON, and a string is quoted only where a YAML 1.1 reader would misread it.
//!
//! | file | job |
//! | --- | --- |
//! | `emit` | the pen: quoting, folding, blocks |
//! | `order` | Go's order of keys |
//! | `refold` | the two kinds of values that kustomize's first printer changes |

mod emit;
mod order;
mod refold;
#[cfg(test)]
mod tests;

pub(super) use emit::Pen;
pub use refold::{is_empty_string, text};

use super::letters::Sink;
use super::node::{Map, Node, Scalar, ScalarKind, Value};
use super::scalar::{number, time};

/// What stands for a secret in masked text, whatever the secret is.
pub const MASK: &str = "(secret)";

/// The document as Go prints it, with every secret leaf as a mask that does not tell its length.
///
/// ```
/// use sealane::yaml::{Map, Node, to_masked_string};
/// let map: Map = [("port", Node::int(80)), ("answer", Node::string("yes"))].into_iter().collect();
/// assert_eq!(to_masked_string(&Node::map(map)), "answer: \"yes\"\nport: 80\n");
/// ```
pub fn to_masked_string(node: &Node) -> String {
    let mut bytes = Vec::with_capacity(256);
    Printer { pen: Pen::new(&mut bytes) }.document(node);
    String::from_utf8(bytes).unwrap_or_default()
}

struct Printer<'s, S> {
    pen: Pen<'s, S>,
}

impl<S: Sink> Printer<'_, S> {
    fn document(&mut self, node: &Node) {
        self.node(node, false);
        self.pen.go_to_indent();
    }

    /// `in_map` for the value of a key: lists hang under it without indentation.
    fn node(&mut self, node: &Node, in_map: bool) {
        match &node.value {
            Value::Scalar(scalar) => self.scalar(scalar),
            Value::Secret(_) => self.pen.string(MASK, false),
            Value::Seq(items) if items.is_empty() => self.empty(b"[", b"]"),
            Value::Seq(items) => self.list(items, in_map),
            Value::Map(map) if map.is_empty() => self.empty(b"{", b"}"),
            Value::Map(map) => self.map(map),
        }
    }

    fn empty(&mut self, open: &[u8], close: &[u8]) {
        self.pen.indicator(open, true, false);
        self.pen.indicator(close, false, false);
    }

    fn list(&mut self, items: &[Node], in_map: bool) {
        let before = self.pen.indent;
        let hangs = in_map && !self.pen.indention;
        self.pen.indent = Some(before.map_or(0, |indent| if hangs { indent } else { indent + 2 }));
        for item in items {
            self.pen.go_to_indent();
            self.pen.indicator(b"-", true, true);
            self.node(item, false);
        }
        self.pen.indent = before;
    }

    fn map(&mut self, map: &Map) {
        let before = self.pen.indent;
        self.pen.indent = Some(before.map_or(0, |indent| indent + 2));
        for place in order::places(map) {
            let entry = &map.entries[place];
            self.pen.go_to_indent();
            let key = &entry.key.text;
            if emit::is_simple_key(key) {
                self.pen.string(key, true);
                self.pen.indicator(b":", false, false);
            } else {
                self.pen.indicator(b"?", true, true);
                self.pen.string(key, false);
                self.pen.go_to_indent();
                self.pen.indicator(b":", true, true);
            }
            self.node(&entry.value, true);
        }
        self.pen.indent = before;
    }

    fn scalar(&mut self, scalar: &Scalar) {
        match scalar.kind {
            ScalarKind::Str => self.pen.string(&text(scalar), false),
            ScalarKind::Null if is_empty_string(scalar) => self.pen.string("", false),
            ScalarKind::Null => self.pen.word("null"),
            ScalarKind::Bool => self.pen.word(if scalar.is_true() { "true" } else { "false" }),
            ScalarKind::Int | ScalarKind::Float => match number::of_scalar(scalar) {
                Some(number) => self.pen.word(&number.to_yaml()),
                None => self.pen.string(&scalar.text, false),
            },
            ScalarKind::Time => match time::parse(&scalar.text) {
                Some(full) => self.pen.string(&full, false),
                None => self.pen.string(&scalar.text, false),
            },
        }
    }
}
