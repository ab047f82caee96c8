//! Nodes from and to JSON.

use super::letters::{Sink, put_json_string};
use super::node::{Entry, Key, Map, Node, Scalar, ScalarKind, Style, Value};
use super::read::{Unique, Words};
use super::scalar::number::{self, Number};
use super::scalar::time;
use super::write::{self, MASK};
use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::sync::Arc;

/// JSON that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

/// Reads JSON (a live object, a sealed JSON file).
///
/// Keys keep their order; of a repeated key the last value counts. Integers of 64 bits stay exact.
/// Nesting deeper than 127 levels is an error.
///
/// ```
/// use sealane::yaml::{from_json, to_masked_string};
/// let node = from_json(br#"{"replicas": 2, "on": "yes"}"#).expect("it is JSON");
/// assert_eq!(to_masked_string(&node), "\"on\": \"yes\"\nreplicas: 2\n");
/// ```
pub fn from_json(bytes: &[u8]) -> Result<Node, JsonError> {
    let mut words = Words::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let node = NodeSeed { words: &mut words }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(node)
}

/// Compact JSON with keys sorted and `<`, `>`, `&` escaped, as Go's encoder prints it; secrets masked.
///
/// ```
/// use sealane::yaml::{from_json, to_json};
/// let node = from_json(br#"{"b": 1.0, "a": "<&>"}"#).expect("it is JSON");
/// assert_eq!(to_json(&node), r#"{"a":"\u003c\u0026\u003e","b":1}"#);
/// ```
pub fn to_json(node: &Node) -> String {
    let mut bytes = Vec::with_capacity(256);
    encode(node, &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

fn encode(node: &Node, out: &mut impl Sink) {
    match &node.value {
        Value::Scalar(scalar) => put_scalar(scalar, out),
        Value::Secret(_) => put_json_string(MASK, out),
        Value::Seq(items) => {
            out.put(b"[");
            for (place, item) in items.iter().enumerate() {
                out.put(if place == 0 { b"" } else { b"," });
                encode(item, out);
            }
            out.put(b"]");
        }
        Value::Map(map) => put_map(map, out),
    }
}

fn put_map(map: &Map, out: &mut impl Sink) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    out.put(b"{");
    for (place, (key, value)) in entries.into_iter().enumerate() {
        out.put(if place == 0 { b"" } else { b"," });
        put_json_string(key, out);
        out.put(b":");
        encode(value, out);
    }
    out.put(b"}");
}

fn put_scalar(scalar: &Scalar, out: &mut impl Sink) {
    match scalar.kind {
        ScalarKind::Null if write::is_empty_string(scalar) => out.put(b"\"\""),
        ScalarKind::Null => out.put(b"null"),
        ScalarKind::Bool => out.put(if scalar.is_true() { b"true" } else { b"false" }),
        ScalarKind::Str => put_json_string(&write::text(scalar), out),
        ScalarKind::Time => match time::parse(&scalar.text) {
            Some(full) => put_json_string(&full, out),
            None => put_json_string(&scalar.text, out),
        },
        ScalarKind::Int | ScalarKind::Float => match number::of_scalar(scalar) {
            Some(number) => out.put(number.to_json().as_bytes()),
            None => put_json_string(&scalar.text, out),
        },
    }
}

/// A JSON string.
pub(super) fn string(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    put_json_string(text, &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Reads one JSON value straight into a node.
struct NodeSeed<'w> {
    words: &'w mut Words,
}

impl NodeSeed<'_> {
    fn scalar(self, text: &str, kind: ScalarKind) -> Node {
        let style = if kind == ScalarKind::Str { Style::Double } else { Style::Plain };
        Node::new(Value::Scalar(Scalar { text: self.words.get(text), kind, style }))
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Node, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(self.scalar("null", ScalarKind::Null))
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Node, E> {
        Ok(self.scalar(if yes { "true" } else { "false" }, ScalarKind::Bool))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(self.scalar(&value.to_string(), ScalarKind::Int))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(self.scalar(&value.to_string(), ScalarKind::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(self.scalar(&Number::Float(value).to_json(), ScalarKind::Float))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(self.scalar(text, ScalarKind::Str))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(NodeSeed { words: self.words })? {
            items.push(item);
        }
        Ok(Node::seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Unique::default();
        while let Some(text) = access.next_key_seed(KeySeed { words: self.words })? {
            let value = access.next_value_seed(NodeSeed { words: self.words })?;
            entries.set(Entry { key: Key { text, kind: ScalarKind::Str, line: 0 }, value });
        }
        Ok(Node::map(entries.into_map()))
    }
}

/// Reads a key, shared with the other keys of the same text.
struct KeySeed<'w> {
    words: &'w mut Words,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Arc<str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Arc<str>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(reader)?;
        Ok(self.words.get(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{SecretLeaf, SecretText};

    fn read(json: &str) -> Node {
        from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"))
    }

    #[test]
    fn json_is_printed_as_go_prints_it() {
        for (json, printed) in [
            (r#"{"b":[1,true,null],"a":{}}"#, r#"{"a":{},"b":[1,true,null]}"#),
            (r#"{"B":1,"a":2,"a.b":3,"_":4}"#, r#"{"B":1,"_":4,"a":2,"a.b":3}"#),
            (r#""\u0001\b\f\n\r\t\u2028é😀\u007f/""#, "\"\\u0001\\b\\f\\n\\r\\t\\u2028é😀\u{7f}/\""),
            ("[1e21,1e20,0.000001,1e-7,-0.0]", "[1e+21,100000000000000000000,0.000001,1e-7,-0]"),
            ("[18446744073709551615,-9223372036854775808]", "[18446744073709551615,-9223372036854775808]"),
        ] {
            assert_eq!(to_json(&read(json)), printed);
        }
    }

    #[test]
    fn the_last_of_repeated_keys_counts() {
        let many: Vec<_> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
        let node = read(&format!("{{{},\"k3\":\"x\",\"k30\":\"y\"}}", many.join(",")));
        assert_eq!((node.str_at(&["k3"]), node.str_at(&["k30"])), (Some("x"), Some("y")));
        assert_eq!(node.as_map().map(Map::len), Some(40));
    }

    #[test]
    fn deep_nesting_and_rubbish_are_errors() {
        for json in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[1".into(), "1 2".into(), String::new()]
        {
            assert!(from_json(json.as_bytes()).is_err());
        }
    }

    #[test]
    fn secrets_are_masked() {
        let open = SecretLeaf::Text(Arc::new(SecretText::from_string("canary".into())));
        assert_eq!(to_json(&Node::seq(vec![Node::new(Value::Secret(open))])), r#"["(secret)"]"#);
    }
}
