//! Published schemas (OpenAPI v3 of a server, or a CRD's own) to the compact [`SchemaSet`].

use super::error::ClusterError;
use super::json::{AnyNode, Keys};
use super::read::Reader;
use super::request::accept;
use crate::model::{FieldSchema, ListKind, SchemaId, SchemaSet, Shape, clean};
use crate::yaml::Node;
use serde::Deserialize;
use serde::de::DeserializeSeed as _;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Deeper nesting than this is not followed. The deepest real schemas have about 30 levels.
const DEEPEST: usize = 64;

impl Reader {
    /// The schemas of all kinds of a group and version, from `/openapi/v3`. A server that publishes none gives an empty set.
    pub async fn schema(&self, group: &str, version: &str) -> Result<SchemaSet, ClusterError> {
        let safe = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if !safe(group) || !safe(version) {
            return Err(ClusterError::NotServed {
                kind: clean(&format!("{group}/{version}")),
                versions: Vec::new(),
            });
        }
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let connection = self.connection();
        match connection.fetch(&format!("/openapi/v3/{path}"), accept::JSON).await {
            Ok(answer) => openapi(&answer)
                .map_err(|error| connection.malformed(&format!("the schema of {path}"), &error)),
            Err(ClusterError::NotServed { .. } | ClusterError::NotFound { .. }) => Ok(SchemaSet::default()),
            Err(error) => Err(error),
        }
    }
}

/// Reads an OpenAPI v3 document.
pub fn openapi(json: &[u8]) -> Result<SchemaSet, serde_json::Error> {
    let document: Document = serde_json::from_slice(json)?;
    let mut builder =
        Builder { named: &document.components.schemas, done: HashMap::new(), nodes: Vec::new() };
    let mut kinds = HashMap::new();
    for (name, schema) in &document.components.schemas {
        for kind in &schema.kinds {
            let key = (kind.group.as_str().into(), kind.version.as_str().into(), kind.kind.as_str().into());
            kinds.insert(key, builder.named(name, 0));
        }
    }
    Ok(SchemaSet { nodes: builder.nodes, kinds })
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    components: Components,
}

#[derive(Deserialize, Default)]
struct Components {
    #[serde(default)]
    schemas: BTreeMap<String, Raw>,
}

/// The keywords that matter; descriptions and validations are skipped while reading.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    r#type: Option<String>,
    format: Option<String>,
    properties: Option<BTreeMap<String, Raw>>,
    additional_properties: Option<Additional>,
    items: Option<Box<Raw>>,
    all_of: Option<Vec<Raw>>,
    nullable: bool,
    default: Option<serde_json::Value>,
    #[serde(rename = "x-kubernetes-list-type")]
    list_type: Option<String>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    list_keys: Option<Vec<String>>,
    #[serde(rename = "x-kubernetes-map-type")]
    map_type: Option<String>,
    #[serde(rename = "x-kubernetes-patch-merge-key")]
    merge_key: Option<String>,
    #[serde(rename = "x-kubernetes-patch-strategy")]
    strategy: Option<String>,
    #[serde(rename = "x-kubernetes-int-or-string")]
    int_or_string: bool,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    keeps_unknown: bool,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Additional {
    Schema(Box<Raw>),
    Any(serde::de::IgnoredAny),
}

#[expect(clippy::struct_field_names, reason = "fields are named as Kubernetes names them")]
#[derive(Deserialize)]
struct Kind {
    group: String,
    version: String,
    kind: String,
}

struct Builder<'d> {
    named: &'d BTreeMap<String, Raw>,
    done: HashMap<&'d str, SchemaId>,
    nodes: Vec<FieldSchema>,
}

impl<'d> Builder<'d> {
    fn push(&mut self, shape: Shape) -> SchemaId {
        let id = SchemaId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(FieldSchema { shape, keeps_unknown: false, nullable: false, default: None });
        id
    }

    /// A type by its name. The place is taken first, so that a type may contain itself.
    fn named(&mut self, name: &'d str, depth: usize) -> SchemaId {
        if let Some(known) = self.done.get(name) {
            return *known;
        }
        let id = self.push(Shape::Any);
        self.done.insert(name, id);
        if name.ends_with(".resource.Quantity") {
            self.set(id, Shape::Quantity);
        } else if name.ends_with(".meta.v1.Duration") {
            self.set(id, Shape::Duration);
        } else if let Some(raw) = self.named.get(name)
            && depth < DEEPEST
        {
            self.fill(id, raw, depth);
        }
        id
    }

    fn set(&mut self, id: SchemaId, shape: Shape) {
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.shape = shape;
        }
    }

    fn add(&mut self, raw: &'d Raw, depth: usize) -> SchemaId {
        if depth >= DEEPEST {
            return self.push(Shape::Any);
        }
        if let Some(target) = raw.target() {
            let id = self.named(target, depth + 1);
            return self.adjusted(id, raw);
        }
        let id = self.push(Shape::Any);
        self.fill(id, raw, depth);
        id
    }

    /// A referenced type with what is said beside the reference: a default, or that it is replaced as a whole.
    fn adjusted(&mut self, id: SchemaId, raw: &'d Raw) -> SchemaId {
        let default = raw.default();
        let whole = raw.map_type.as_deref() == Some("atomic");
        let Some(known) = self.nodes.get(id.0 as usize).cloned() else { return id };
        if default.is_none() && !whole && !raw.nullable {
            return id;
        }
        let own = self.push(match known.shape {
            Shape::Object { fields, atomic } => Shape::Object { fields, atomic: atomic || whole },
            Shape::Map { values, atomic } => Shape::Map { values, atomic: atomic || whole },
            other => other,
        });
        if let Some(node) = self.nodes.get_mut(own.0 as usize) {
            node.keeps_unknown = known.keeps_unknown;
            node.nullable = known.nullable || raw.nullable;
            node.default = default.or(known.default);
        }
        own
    }

    fn fill(&mut self, id: SchemaId, raw: &'d Raw, depth: usize) {
        let shape = self.shape(raw, depth);
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.shape = shape;
            node.keeps_unknown = raw.keeps_unknown;
            node.nullable = raw.nullable;
            node.default = raw.default();
        }
    }

    fn shape(&mut self, raw: &'d Raw, depth: usize) -> Shape {
        let atomic = raw.map_type.as_deref() == Some("atomic");
        if raw.int_or_string || raw.format.as_deref() == Some("int-or-string") {
            return Shape::IntOrText;
        }
        if let Some(properties) = &raw.properties {
            let fields =
                properties.iter().map(|(name, field)| (Arc::from(name.as_str()), self.add(field, depth + 1)));
            return Shape::Object { fields: fields.collect(), atomic };
        }
        if let Some(additional) = &raw.additional_properties {
            let values = match additional {
                Additional::Schema(values) => self.add(values, depth + 1),
                Additional::Any(_) => self.push(Shape::Any),
            };
            return Shape::Map { values, atomic };
        }
        if let Some(items) = &raw.items {
            return Shape::List { items: self.add(items, depth + 1), kind: raw.list_kind() };
        }
        match (raw.r#type.as_deref(), raw.format.as_deref()) {
            (Some("string"), Some("byte")) => Shape::Bytes,
            (Some("string"), Some("date-time")) => Shape::Time,
            (Some("string"), Some("duration")) => Shape::Duration,
            (Some("string"), _) => Shape::Text,
            (Some("integer"), _) => Shape::Integer,
            (Some("number"), _) => Shape::Number,
            (Some("boolean"), _) => Shape::Boolean,
            (Some("object"), _) if atomic || raw.keeps_unknown => {
                let values = self.push(Shape::Any);
                Shape::Map { values, atomic }
            }
            (Some("object"), _) => Shape::Object { fields: BTreeMap::new(), atomic },
            (Some("array"), _) => Shape::List { items: self.push(Shape::Any), kind: raw.list_kind() },
            _ => Shape::Any,
        }
    }
}

impl Raw {
    /// The name of the type that is referred to, directly or as the only part of `allOf`.
    fn target(&self) -> Option<&str> {
        let only = match self.all_of.as_deref() {
            Some([only]) => only.reference.as_deref(),
            _ => None,
        };
        let reference = self.reference.as_deref().or(only)?;
        reference.strip_prefix("#/components/schemas/")
    }

    /// A default that says something: `{}` stands at nearly every object and means nothing.
    fn default(&self) -> Option<Node> {
        let value =
            self.default.as_ref().filter(|d| !d.as_object().is_some_and(serde_json::Map::is_empty))?;
        AnyNode(&mut Keys::default()).deserialize(value).ok()
    }

    /// Without a list type a list is atomic, except where strategic merge knows a key (diff.md 2.8).
    fn list_kind(&self) -> ListKind {
        match (self.list_type.as_deref(), &self.list_keys, &self.merge_key) {
            (Some("map"), Some(keys), _) => ListKind::Keyed(keys.iter().map(|k| k.as_str().into()).collect()),
            (Some("set"), ..) => ListKind::Set,
            (None, _, Some(key)) => ListKind::Merged(key.as_str().into()),
            (None, _, None) if self.strategy.as_deref() == Some("merge") => ListKind::Set,
            _ => ListKind::Atomic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r##"{"components":{"schemas":{
        "io.k8s.api.apps.v1.Deployment":{"type":"object","properties":{"spec":{"allOf":[{"$ref":"#/components/schemas/Spec"}],"default":{}}},
            "x-kubernetes-group-version-kind":[{"group":"apps","version":"v1","kind":"Deployment"}]},
        "Spec":{"type":"object","properties":{
            "ports":{"type":"array","items":{"allOf":[{"$ref":"#/components/schemas/Port"}],"default":{}},
                "x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["port","protocol"],"x-kubernetes-patch-merge-key":"port"},
            "old":{"type":"array","items":{"$ref":"#/components/schemas/Port"},"x-kubernetes-patch-merge-key":"port"},
            "finalizers":{"type":"array","items":{"type":"string"},"x-kubernetes-patch-strategy":"merge"},
            "cpu":{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"},
            "selector":{"type":"object","additionalProperties":{"type":"string","default":""},"x-kubernetes-map-type":"atomic"},
            "again":{"$ref":"#/components/schemas/Spec"},
            "target":{"$ref":"#/components/schemas/IntOrString"}}},
        "Port":{"type":"object","properties":{"port":{"type":"integer"},"protocol":{"type":"string","default":"TCP"}}},
        "IntOrString":{"oneOf":[{"type":"integer"},{"type":"string"}],"format":"int-or-string"},
        "io.k8s.apimachinery.pkg.api.resource.Quantity":{"oneOf":[{"type":"string"},{"type":"number"}]}}}}"##;

    #[test]
    fn lists_keys_defaults_and_recursion_are_kept() {
        let set = openapi(DOCUMENT.as_bytes()).expect("a document");
        let spec = set.kind("apps", "v1", "Deployment").and_then(|k| k.field("spec")).expect("spec");
        let at = |name: &str| spec.field(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(at("ports").list_kind(), Some(&ListKind::Keyed(vec!["port".into(), "protocol".into()])));
        assert_eq!(at("old").list_kind(), Some(&ListKind::Merged("port".into())));
        assert_eq!(at("finalizers").list_kind(), Some(&ListKind::Set));
        assert_eq!(at("cpu").shape(), &Shape::Quantity);
        assert_eq!(at("target").shape(), &Shape::IntOrText);
        assert!(matches!(at("selector").shape(), Shape::Map { atomic: true, .. }));
        let protocol =
            at("again").field("ports").and_then(|p| p.items()?.field("protocol")).expect("recursive");
        assert_eq!(protocol.schema().and_then(|s| s.default.as_ref()?.as_str()), Some("TCP"));
    }

    /// The properties of a document that has the schema of one kind, as those of custom kinds are served.
    fn of_a_thing(schema: &str) -> Result<SchemaSet, serde_json::Error> {
        let kind =
            r#""x-kubernetes-group-version-kind":[{"group":"example.org","version":"v1","kind":"Thing"}]"#;
        let schema = schema.replacen('{', &format!("{{{kind},"), 1);
        openapi(format!(r#"{{"components":{{"schemas":{{"org.example.v1.Thing":{schema}}}}}}}"#).as_bytes())
    }

    #[test]
    fn a_crd_gives_its_schema() {
        let schema = r#"{"type":"object","properties":{"spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
            "port":{"x-kubernetes-int-or-string":true},"tags":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"}}}"#;
        let set = of_a_thing(schema).expect("a schema");
        let thing = set.kind("example.org", "v1", "Thing").expect("the kind");
        assert!(
            thing.field("spec").and_then(crate::model::SchemaRef::schema).is_some_and(|s| s.keeps_unknown)
        );
        assert_eq!(thing.field("tags").and_then(crate::model::SchemaRef::list_kind), Some(&ListKind::Set));
        assert_eq!(thing.field("port").map(crate::model::SchemaRef::shape), Some(&Shape::IntOrText));
    }

    #[test]
    fn endless_nesting_ends() {
        let schema = format!("{}{}{}", r#"{"items":"#.repeat(100), r#"{"type":"string"}"#, "}".repeat(100));
        assert!(of_a_thing(&schema).is_ok());
    }
}
