//! Rendered objects to the JSON that the demo's cluster stores, secrets included: the cluster holds them as a real one does.

use crate::secret::SecretLeaf;
use crate::yaml::{Node, Value as Yaml, to_json};
use serde_json::{Map, Value};

/// The object as an API server receives it.
pub(super) fn reveal(node: &Node) -> Value {
    match &node.value {
        Yaml::Map(map) => Value::Object(
            map.entries.iter().map(|e| (e.key.text.to_string(), reveal(&e.value))).collect::<Map<_, _>>(),
        ),
        Yaml::Seq(items) => Value::Array(items.iter().map(reveal).collect()),
        Yaml::Scalar(_) => serde_json::from_str(&to_json(node)).unwrap_or(Value::Null),
        Yaml::Secret(SecretLeaf::Text(text)) => {
            Value::String(String::from_utf8_lossy(text.expose_secret()).into_owned())
        }
        Yaml::Secret(_) => Value::Null,
    }
}
