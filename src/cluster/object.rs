//! The door: what comes from the server becomes [`Live`], and no secret value passes it.
//!
//! A Secret's `data` goes from the JSON text straight into keyed digests: no string, node or scratch buffer ever holds
//! a value (diff.md 2.12.4). Annotations that embed whole objects are skipped unread, in metadata-only answers too.

use super::json::{AnyNode, Keys, MapBuilder, Name};
use crate::model::{Live, LiveOwner, Manager, ObjectKey, embeds_objects};
use crate::secret::{DigestKey, SecretLeaf};
use crate::yaml::{Node, Value};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What is known of an object before its bytes are read: lists leave kind and version out of their items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// API group.
    pub group: Arc<str>,
    /// Version.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// True if whole objects were asked for, false for their metadata.
    pub whole: bool,
}

/// Decodes objects under the session's digest key.
pub struct Decoder {
    keys: Keys,
    digests: Arc<DigestKey>,
}

impl Decoder {
    /// A decoder for this session.
    pub fn new(digests: Arc<DigestKey>) -> Self {
        Self { keys: Keys::default(), digests }
    }

    /// Reads one object.
    pub fn decode(&mut self, json: &[u8], asked: &Asked) -> Result<Live, serde_json::Error> {
        let secret = asked.group.is_empty() && &*asked.kind == "Secret";
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let digests = secret.then(|| self.digests.clone());
        let found = Object { keys: &mut self.keys, digests }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        found.into_live(asked).ok_or_else(|| serde::de::Error::custom("an object without a name"))
    }
}

/// One page of a list, its items still unread.
#[derive(serde::Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    pub(super) metadata: PageMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

/// What a list says about itself.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMeta {
    pub(super) resource_version: String,
    pub(super) r#continue: String,
    pub(super) remaining_item_count: Option<u64>,
}

impl<'a> Page<'a> {
    pub(super) fn read(json: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &'a [u8]> {
        self.items.iter().flatten().map(|raw| raw.get().as_bytes())
    }
}

/// One event of a watch, its object still unread.
#[derive(serde::Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// The parts of an object as they are read.
#[derive(Default)]
struct Found {
    metadata: Option<Node>,
    managers: Vec<Manager>,
    rest: MapBuilder,
}

impl Found {
    fn into_live(self, asked: &Asked) -> Option<Live> {
        let metadata = self.metadata?;
        let text = |field: &str| -> Arc<str> { metadata.str_at(&[field]).unwrap_or("").into() };
        let name = metadata.get("name")?.scalar_text()?.into();
        let key = ObjectKey {
            group: asked.group.clone(),
            kind: asked.kind.clone(),
            namespace: text("namespace"),
            name,
        };
        let owners = metadata.get("ownerReferences").and_then(Node::as_seq).unwrap_or_default();
        let mut live = Live {
            version: asked.version.clone(),
            body: Node::null(),
            whole: asked.whole,
            managers: self.managers.into(),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            owners: owners.iter().map(owner).collect(),
            terminating: metadata.get("deletionTimestamp").is_some_and(|t| !t.is_null()),
            key,
        };
        let mut body = MapBuilder::default();
        body.push("apiVersion".into(), Node::string(live.key.api_version(&live.version)));
        body.push("kind".into(), Node::string(live.key.kind.clone()));
        body.push("metadata".into(), metadata);
        if asked.whole {
            self.rest.build().entries.into_iter().for_each(|e| body.push(e.key.text, e.value));
        }
        live.body = Node::map(body.build());
        Some(live)
    }
}

fn owner(node: &Node) -> LiveOwner {
    let text = |field: &str| -> Arc<str> { node.str_at(&[field]).unwrap_or("").into() };
    LiveOwner {
        group: ObjectKey::split_api_version(&text("apiVersion")).0.into(),
        kind: text("kind"),
        name: text("name"),
        uid: text("uid"),
        controller: node.get("controller").and_then(Node::as_bool).unwrap_or(false),
    }
}

/// Reads an object; with digests at hand it is a Secret.
struct Object<'k> {
    keys: &'k mut Keys,
    digests: Option<Arc<DigestKey>>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Found;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Found, A::Error> {
        let mut found = Found::default();
        while let Some(name) = fields.next_key_seed(Name(self.keys))? {
            match (&*name, &self.digests) {
                ("apiVersion" | "kind", _) => {
                    fields.next_value::<IgnoredAny>()?;
                }
                ("metadata", _) => {
                    let (metadata, managers) = fields.next_value_seed(Metadata(self.keys))?;
                    found.metadata = Some(metadata);
                    found.managers = managers;
                }
                ("data" | "stringData", Some(digests)) => {
                    let seed = Digested { keys: self.keys, digests, base64: &*name == "data" };
                    let values = fields.next_value_seed(seed)?;
                    found.rest.push(name, values);
                }
                _ => {
                    let value = fields.next_value_seed(AnyNode(self.keys))?;
                    found.rest.push(name, value);
                }
            }
        }
        Ok(found)
    }
}

/// Reads `metadata`: managed fields apart, embedding annotations not at all.
struct Metadata<'k>(&'k mut Keys);

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = (Node, Vec<Manager>);

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = (Node, Vec<Manager>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object's metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut metadata = MapBuilder::default();
        let mut managers = Vec::new();
        while let Some(name) = fields.next_key_seed(Name(self.0))? {
            match &*name {
                "managedFields" => {
                    let list = fields.next_value_seed(AnyNode(self.0))?;
                    managers = list.as_seq().unwrap_or_default().iter().map(manager).collect();
                }
                "annotations" => {
                    let kept = fields.next_value_seed(Annotations(self.0))?;
                    if let Some(kept) = kept {
                        metadata.push(name, kept);
                    }
                }
                _ => {
                    let value = fields.next_value_seed(AnyNode(self.0))?;
                    metadata.push(name, value);
                }
            }
        }
        Ok((Node::map(metadata.build()), managers))
    }
}

fn manager(entry: &Node) -> Manager {
    let text = |field: &str| -> Arc<str> { entry.str_at(&[field]).unwrap_or("").into() };
    Manager {
        name: text("manager"),
        apply: entry.str_at(&["operation"]) == Some("Apply"),
        subresource: text("subresource"),
        time: text("time"),
        fields: entry.get("fieldsV1").cloned().unwrap_or_else(|| Node::map(crate::yaml::Map::new())),
    }
}

/// Reads annotations without those that embed objects. `None` if nothing is left.
struct Annotations<'k>(&'k mut Keys);

impl<'de> DeserializeSeed<'de> for Annotations<'_> {
    type Value = Option<Node>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Option<Node>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Annotations<'_> {
    type Value = Option<Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_none<E>(self) -> Result<Option<Node>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Node>, E> {
        Ok(None)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Option<Node>, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Option<Node>, A::Error> {
        let mut kept = MapBuilder::default();
        while let Some(name) = fields.next_key_seed(Name(self.0))? {
            if embeds_objects(&name) {
                fields.next_value::<IgnoredAny>()?;
            } else {
                let value = fields.next_value_seed(AnyNode(self.0))?;
                kept.push(name, value);
            }
        }
        let kept = kept.build();
        Ok((!kept.is_empty()).then(|| Node::map(kept)))
    }
}

/// Reads a Secret's values as digests.
struct Digested<'k> {
    keys: &'k mut Keys,
    digests: &'k DigestKey,
    base64: bool,
}

impl<'de> DeserializeSeed<'de> for Digested<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Digested<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Secret's values")
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::map(crate::yaml::Map::new()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::map(crate::yaml::Map::new()))
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut values = MapBuilder::default();
        while let Some(name) = fields.next_key_seed(Name(self.keys))? {
            // The raw text lies in the answer's own buffer, which is wiped; a decoded string would not be.
            let raw: &RawValue = fields.next_value()?;
            let leaf = SecretLeaf::Digest(digest(raw.get(), self.digests, self.base64));
            values.push(name, Node::new(Value::Secret(leaf)));
        }
        Ok(Node::map(values.build()))
    }
}

fn digest(raw: &str, digests: &DigestKey, base64: bool) -> crate::secret::SecretDigest {
    let inner = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"'));
    // `null` is an empty value (diff.md N9). Anything that is no string is digested as it is written.
    let text = if raw == "null" { "" } else { inner.unwrap_or(raw) };
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(unescaped(text.as_bytes()));
    if base64 { digests.digest_base64(&plain) } else { digests.digest(&plain) }
}

/// Undoes JSON's escapes. One buffer of the right size from the start, so that nothing is left behind.
pub(super) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let escape = text.get(at).copied().unwrap_or(b'\\');
        at += 1;
        match escape {
            b'n' => plain.push(b'\n'),
            b't' => plain.push(b'\t'),
            b'r' => plain.push(b'\r'),
            b'b' => plain.push(8),
            b'f' => plain.push(12),
            b'u' => {
                let (letter, length) = unicode(&text[at..]);
                at += length;
                let mut encoded = [0; 4];
                plain.extend_from_slice(letter.encode_utf8(&mut encoded).as_bytes());
            }
            other => plain.push(other),
        }
    }
    plain
}

/// The letter of `XXXX` or of a surrogate pair `XXXX\uXXXX`, and how many bytes it took.
fn unicode(digits: &[u8]) -> (char, usize) {
    let unit = |from: usize| {
        let hex = digits.get(from..from + 4).and_then(|d| std::str::from_utf8(d).ok());
        hex.and_then(|h| u16::from_str_radix(h, 16).ok())
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if let Some(letter) = char::from_u32(first.into()) {
        return (letter, 4);
    }
    let second = (digits.get(4..6) == Some(b"\\u")).then(|| unit(6)).flatten();
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    pair.map_or((char::REPLACEMENT_CHARACTER, 4), |letter| (letter, 10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretDigest;

    fn asked(group: &str, kind: &str) -> Asked {
        Asked { group: group.into(), version: "v1".into(), kind: kind.into(), whole: true }
    }

    fn decode(json: &str, asked: &Asked) -> Live {
        Decoder::new(Arc::new(DigestKey::new([3; 32]))).decode(json.as_bytes(), asked).expect("an object")
    }

    const SECRET: &str = r#"{"metadata":{"name":"db","namespace":"shop","uid":"u1","resourceVersion":"7",
        "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"password\":\"Y2FuYXJ5\"}}","team":"shop"},
        "managedFields":[{"manager":"kubectl-edit","operation":"Update","time":"2024-01-01T00:00:00Z","subresource":"scale",
            "fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:password":{}}}}]},
        "data":{"password":"Y2FuYXJ5","empty":null,"slashed":"Y\/8="},"type":"Opaque"}"#;

    fn leaf(live: &Live, key: &str) -> SecretDigest {
        match live.body.at_path(&["data", key]).map(|n| &n.value) {
            Some(Value::Secret(SecretLeaf::Digest(digest))) => *digest,
            other => panic!("no digest but {other:?}"),
        }
    }

    #[test]
    fn a_secret_passes_the_door_as_digests_only() {
        let live = decode(SECRET, &asked("", "Secret"));
        let key = DigestKey::new([3; 32]);
        assert_eq!(leaf(&live, "password"), key.digest(b"canary"));
        assert_eq!(leaf(&live, "empty"), key.digest(b""));
        assert_eq!(leaf(&live, "slashed"), key.digest_base64(b"Y/8="));
        let shown = format!("{live:?}");
        assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"), "{shown}");
        assert_eq!(live.body.str_at(&["metadata", "annotations", "team"]), Some("shop"));
        assert!(
            live.body
                .at_path(&["metadata", "annotations"])
                .is_some_and(|a| a.as_map().map_or(0, crate::yaml::Map::len) == 1)
        );
    }

    #[test]
    fn metadata_of_a_secret_keeps_no_embedded_object() {
        let live = decode(SECRET, &Asked { whole: false, ..asked("", "Secret") });
        assert!(!live.whole && live.body.get("data").is_none() && live.body.get("type").is_none());
        assert!(!format!("{live:?}").contains("Y2FuYXJ5"));
    }

    #[test]
    fn a_custom_kind_named_secret_is_not_blinded() {
        let live = decode(r#"{"metadata":{"name":"x"},"data":{"a":"b"}}"#, &asked("example.org", "Secret"));
        assert_eq!(live.body.str_at(&["data", "a"]), Some("b"));
    }

    #[test]
    fn managed_fields_become_managers() {
        let live = decode(SECRET, &asked("", "Secret"));
        let [manager] = &*live.managers else { panic!("one manager") };
        assert_eq!((&*manager.name, manager.apply, &*manager.subresource), ("kubectl-edit", false, "scale"));
        assert!(manager.fields.at_path(&["f:data", "f:password"]).is_some());
        assert!(live.body.at_path(&["metadata", "managedFields"]).is_none());
    }

    #[test]
    fn items_of_lists_get_their_kind_back() {
        let json = r#"{"metadata":{"name":"cart","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet",
            "name":"r","uid":"2","controller":true}],"deletionTimestamp":"2024-01-01T00:00:00Z"},"spec":{"n":1.5,"b":18446744073709551615}}"#;
        let live = decode(json, &asked("apps", "Deployment"));
        assert_eq!(live.body.str_at(&["apiVersion"]), Some("apps/v1"));
        assert_eq!(live.key.to_string(), "Deployment/cart");
        assert!(live.terminating && live.owners[0].controller && &*live.owners[0].group == "apps");
        assert_eq!(
            live.body.at_path(&["spec", "b"]).and_then(Node::scalar_text),
            Some("18446744073709551615")
        );
    }

    #[test]
    fn the_last_of_repeated_fields_counts() {
        let live = decode(r#"{"metadata":{"name":"x"},"a":{"k":1,"j":2,"k":3}}"#, &asked("", "ConfigMap"));
        let fields: Vec<_> = live.body.get("a").and_then(Node::as_map).expect("a map").iter().collect();
        assert_eq!(fields.len(), 2);
        assert_eq!(live.body.at_path(&["a", "k"]).and_then(Node::as_i64), Some(3));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let mut decoder = Decoder::new(Arc::new(DigestKey::new([3; 32])));
        let deep = format!(r#"{{"metadata":{{"name":"x"}},"a":{}"#, "[".repeat(100_000));
        for json in
            ["", "{}", "[]", "null", r#"{"metadata":{}}"#, r#"{"metadata":{"name":"x"}} trailing"#, &deep]
        {
            assert!(decoder.decode(json.as_bytes(), &asked("", "ConfigMap")).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_string_is_digested_as_json_means_it(text in "\\PC{0,40}|[\u{0}-\u{1f}\"\\\\/]{0,10}") {
            let json = serde_json::json!({"metadata": {"name": "x"}, "stringData": {"k": text}}).to_string();
            let live = decode(&json, &asked("", "Secret"));
            let found = live.body.at_path(&["stringData", "k"]).map(|n| n.value.clone());
            let Some(Value::Secret(SecretLeaf::Digest(found))) = found else { panic!("a digest") };
            proptest::prop_assert_eq!(found, DigestKey::new([3; 32]).digest(text.as_bytes()));
        }
    }
}
