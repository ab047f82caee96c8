//! Secret values to digests, before anything else sees them.

use super::object::ObjectKey;
use crate::secret::{Ciphertext, DigestKey, SecretLeaf};
use crate::yaml::{Map, Node, Value};

/// Annotations that embed whole objects, secret values among them (diff.md 2.12).
const EMBEDDING: [&str; 4] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "objectset.rio.cattle.io/applied",
    "kapp.k14s.io/original",
    "configmanagement.gke.io/declared-config",
];

/// True for annotations that embed whole objects: they may quote a Secret's values and are never kept.
pub fn embeds_objects(annotation: &str) -> bool {
    EMBEDDING.contains(&annotation) || annotation.starts_with("kapp.k14s.io/original")
}

/// The object with every secret value replaced by its digest under `key`.
///
/// For a core Secret, `stringData` is merged over `data` (diff.md N9) and each value becomes the digest of
/// its decoded bytes, whoever wrote it; everywhere else only leaves that carry plaintext of a sealed file
/// are replaced. Annotations that embed the object are dropped. The result may be shown and kept.
#[must_use]
pub fn blind(body: &Node, key: &DigestKey) -> Node {
    let secret = ObjectKey::of_unnamed(body).is_secret();
    let mut blinded = leaves(body, key);
    drop_embedding(&mut blinded);
    if secret && let Some(map) = blinded.as_map_mut() {
        merge_string_data(map, body, key);
    }
    blinded
}

/// The live object with a digest wherever `git` holds one: a value that came out of a sealed file by substitution stands
/// in the clear in the cluster's object. `None` if there is no such place. Elements of lists are paired by `name`, else by
/// their place.
#[must_use]
pub fn veil(live: &Node, git: &Node, key: &DigestKey) -> Option<Node> {
    let value = match (&live.value, &git.value) {
        (Value::Scalar(scalar), Value::Secret(SecretLeaf::Digest(_))) => {
            Value::Secret(SecretLeaf::Digest(key.digest(scalar.text.as_bytes())))
        }
        (Value::Map(map), Value::Map(declared)) => {
            let mut copy = None;
            for (at, entry) in map.entries.iter().enumerate() {
                let veiled = declared.get(&entry.key.text).and_then(|below| veil(&entry.value, below, key));
                if let Some(veiled) = veiled {
                    copy.get_or_insert_with(|| Map::clone(map)).entries[at].value = veiled;
                }
            }
            Value::Map(copy?.into())
        }
        (Value::Seq(items), Value::Seq(declared)) => {
            let mut copy = None;
            for (at, item) in items.iter().enumerate() {
                let named = item.str_at(&["name"]);
                let twin = declared
                    .iter()
                    .find(|d| named.is_some() && d.str_at(&["name"]) == named)
                    .or_else(|| declared.get(at));
                if let Some(veiled) = twin.and_then(|below| veil(item, below, key)) {
                    copy.get_or_insert_with(|| items.to_vec())[at] = veiled;
                }
            }
            Value::Seq(copy?.into())
        }
        _ => return None,
    };
    Some(Node { value, mark: live.mark.clone() })
}

fn leaves(node: &Node, key: &DigestKey) -> Node {
    let value = match &node.value {
        Value::Secret(SecretLeaf::Text(text)) => Value::Secret(SecretLeaf::Digest(text.digest(key))),
        Value::Seq(items) if items.iter().any(carries_secret) => {
            return Node::seq(items.iter().map(|i| leaves(i, key)).collect()).at(node.mark.clone());
        }
        Value::Map(map) if map.entries.iter().any(|e| carries_secret(&e.value)) => {
            let mut copy = Map::clone(map);
            for entry in &mut copy.entries {
                entry.value = leaves(&entry.value, key);
            }
            return Node::map(copy).at(node.mark.clone());
        }
        other => other.clone(),
    };
    Node { value, mark: node.mark.clone() }
}

fn carries_secret(node: &Node) -> bool {
    match &node.value {
        Value::Secret(SecretLeaf::Text(_)) => true,
        Value::Seq(items) => items.iter().any(carries_secret),
        Value::Map(map) => map.entries.iter().any(|e| carries_secret(&e.value)),
        _ => false,
    }
}

fn drop_embedding(body: &mut Node) {
    let holds = body
        .at_path(&["metadata", "annotations"])
        .and_then(Node::as_map)
        .is_some_and(|m| m.iter().any(|(name, _)| embeds_objects(name)));
    if !holds {
        return;
    }
    let annotations = body
        .as_map_mut()
        .and_then(|m| m.get_mut("metadata"))
        .and_then(Node::as_map_mut)
        .and_then(|m| m.get_mut("annotations"))
        .and_then(Node::as_map_mut);
    if let Some(annotations) = annotations {
        annotations.entries.retain(|e| !embeds_objects(&e.key.text));
    }
}

fn merge_string_data(map: &mut Map, body: &Node, key: &DigestKey) {
    let mut data = Map::new();
    for (field, base64) in [("data", true), ("stringData", false)] {
        for (name, value) in body.get(field).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
            data.set(name, digest_value(value, base64, key));
        }
    }
    map.remove("stringData");
    if map.contains("data") || !data.is_empty() {
        map.set("data", Node::map(data));
    }
}

fn digest_value(value: &Node, base64: bool, key: &DigestKey) -> Node {
    let leaf = match &value.value {
        Value::Secret(SecretLeaf::Text(text)) if base64 => SecretLeaf::Digest(text.digest_base64(key)),
        Value::Secret(SecretLeaf::Text(text)) => SecretLeaf::Digest(text.digest(key)),
        Value::Secret(other) => other.clone(),
        _ => {
            let text = value.scalar_text().unwrap_or("");
            if text.starts_with("ENC[AES256_GCM,") {
                SecretLeaf::Closed(Ciphertext::of(text.as_bytes()))
            } else if base64 {
                SecretLeaf::Digest(key.digest_base64(text.as_bytes()))
            } else {
                SecretLeaf::Digest(key.digest(text.as_bytes()))
            }
        }
    };
    Node::new(Value::Secret(leaf)).at(value.mark.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(field: &str, value: &str) -> Node {
        let data: Map = [("password", Node::string(value))].into_iter().collect();
        let metadata: Map = [("name", Node::string("db"))].into_iter().collect();
        Node::map(
            [
                ("apiVersion", Node::string("v1")),
                ("kind", Node::string("Secret")),
                ("metadata", Node::map(metadata)),
                (field, Node::map(data)),
            ]
            .into_iter()
            .collect(),
        )
    }

    fn leaf(body: &Node) -> Value {
        body.at_path(&["data", "password"]).map(|n| n.value.clone()).expect("the key is there")
    }

    #[test]
    fn string_data_equals_the_same_value_in_data() {
        let key = DigestKey::new([1; 32]);
        let plain = blind(&secret("stringData", "hunter2"), &key);
        let encoded = blind(&secret("data", "aHVudGVyMg=="), &key);
        let (Value::Secret(a), Value::Secret(b)) = (leaf(&plain), leaf(&encoded)) else {
            panic!("both are secret leaves");
        };
        assert_eq!(a, b);
        assert!(plain.get("stringData").is_none());
        assert!(!format!("{plain:?}{encoded:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_whose_name_is_secret_too_shows_no_value() {
        let key = DigestKey::new([1; 32]);
        let mut body = secret("stringData", "hunter2");
        let name = Node::new(Value::Secret(SecretLeaf::Digest(key.digest(b"db"))));
        let metadata = body.as_map_mut().and_then(|m| m.get_mut("metadata")).and_then(Node::as_map_mut);
        metadata.expect("it is there").set("name", name);
        let blinded = blind(&body, &key);
        assert!(matches!(leaf(&blinded), Value::Secret(_)));
        assert!(!format!("{blinded:?}").contains("hunter2"));
    }

    #[test]
    fn a_sealed_value_in_the_clear_is_veiled_where_git_holds_its_digest() {
        let key = DigestKey::new([1; 32]);
        let digest = |text: &str| Node::new(Value::Secret(SecretLeaf::Digest(key.digest(text.as_bytes()))));
        let item = |name: &str, value: Node| {
            Node::map([("name", Node::string(name)), ("value", value)].into_iter().collect())
        };
        let object = |items: Vec<Node>| Node::map([("env", Node::seq(items))].into_iter().collect());
        let git = object(vec![item("a", Node::string("plain")), item("b", digest("canary"))]);
        let live = object(vec![item("b", Node::string("canary")), item("a", Node::string("plain"))]);
        let veiled = veil(&live, &git, &key).expect("one place is veiled");
        assert!(!format!("{veiled:?}").contains("canary"));
        let leaf = veiled.get("env").and_then(Node::as_seq).and_then(|s| s[0].get("value")).cloned();
        let is_digest = |leaf: &SecretLeaf| *leaf == SecretLeaf::Digest(key.digest(b"canary"));
        assert!(matches!(leaf.map(|n| n.value), Some(Value::Secret(leaf)) if is_digest(&leaf)));
        assert!(veil(&live, &live, &key).is_none());
    }

    #[test]
    fn ciphertext_is_a_closed_leaf() {
        let closed = blind(&secret("stringData", "ENC[AES256_GCM,data:x]"), &DigestKey::new([1; 32]));
        assert!(matches!(leaf(&closed), Value::Secret(SecretLeaf::Closed(_))));
    }
}
