//! JSON of the API server to nodes, without a tree in between.

use crate::yaml::{Entry, Key, Map, Node, Scalar, ScalarKind, Style, Value};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Field names that were seen before: objects of one kind share them.
#[derive(Default)]
pub(super) struct Keys(HashSet<Arc<str>>);

/// More names than the fields of any set of kinds have; labels and data keys need not be shared.
const MOST_KEYS: usize = 4096;

impl Keys {
    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        if self.0.len() < MOST_KEYS && text.len() <= 64 {
            self.0.insert(new.clone());
        }
        new
    }
}

/// Reads any JSON value as a node.
pub(super) struct AnyNode<'k>(pub(super) &'k mut Keys);

impl<'de> DeserializeSeed<'de> for AnyNode<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn plain(text: String, kind: ScalarKind) -> Node {
    Node::new(Value::Scalar(Scalar { text: text.into(), kind, style: Style::Plain }))
}

impl<'de> Visitor<'de> for AnyNode<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Node, E> {
        Ok(Node::bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(plain(number.to_string(), ScalarKind::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        let text = serde_json::Number::from_f64(number).ok_or_else(|| E::custom("a number out of range"))?;
        Ok(plain(text.to_string(), ScalarKind::Float))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::string(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::string(text))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::null())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = items.next_element_seed(AnyNode(self.0))? {
            list.push(item);
        }
        Ok(Node::seq(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut map = MapBuilder::default();
        while let Some(name) = fields.next_key_seed(Name(self.0))? {
            let value = fields.next_value_seed(AnyNode(self.0))?;
            map.push(name, value);
        }
        Ok(Node::map(map.build()))
    }
}

/// Reads a field's name.
pub(super) struct Name<'k>(pub(super) &'k mut Keys);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Arc<str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Arc<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Arc<str>, E> {
        Ok(self.0.shared(text))
    }
}

/// A mapping under construction. Repeated names are settled once at the end, so that a hostile answer with a million
/// fields does not cost their square.
#[derive(Default)]
pub(super) struct MapBuilder {
    entries: Vec<Entry>,
}

impl MapBuilder {
    pub(super) fn push(&mut self, text: Arc<str>, value: Node) {
        self.entries.push(Entry { key: Key { text, kind: ScalarKind::Str, line: 0 }, value });
    }

    /// The last value of a name counts, as in Go.
    pub(super) fn build(mut self) -> Map {
        let mut seen = HashSet::with_capacity(self.entries.len());
        let repeated = !self.entries.iter().all(|e| seen.insert(e.key.text.clone()));
        if repeated {
            seen.clear();
            let last_first = std::mem::take(&mut self.entries).into_iter().rev();
            self.entries = last_first.filter(|e| seen.insert(e.key.text.clone())).collect();
            self.entries.reverse();
        }
        self.entries.shrink_to_fit();
        Map { entries: self.entries }
    }
}
