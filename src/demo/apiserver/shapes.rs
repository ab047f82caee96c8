//! What the server knows about the fields of built-in kinds, and how it publishes that as OpenAPI.
//!
//! `types.txt` holds one type a line, facts of Kubernetes 1.36: `Name[#group/version/Kind][!] field:code …` or
//! `Name = code`. Codes: `s` text, `i` `I` integers, `n` number, `b` boolean, `B` bytes, `t` time, `q` quantity,
//! `x` number or text, `*` anything, `@Name` a type, `{code}` a mapping, `[code]` a list with `k(a,b)` keys,
//! `s` set, `a` atomic and `p(a)` merge key behind it; `!` replaced as a whole, `=json` default.

use super::kinds::Kind;
use crate::model::SchemaSet;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TYPES: &str = include_str!("types.txt");
const PREFIX: &str = "#/components/schemas/";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/// The OpenAPI v3 document of a group and version of built-in kinds.
pub fn document(group: &str, version: &str) -> Value {
    let lines: BTreeMap<&str, Line<'_>> = TYPES.lines().filter_map(Line::read).map(|l| (l.name, l)).collect();
    let wanted = format!("{group}/{version}/");
    let mut waiting: Vec<&str> =
        lines.values().filter(|l| l.kind.is_some_and(|k| k.starts_with(&wanted))).map(|l| l.name).collect();
    let mut schemas = Map::new();
    let mut seen: BTreeSet<&str> = waiting.iter().copied().collect();
    while let Some(name) = waiting.pop() {
        let Some(line) = lines.get(name) else { continue };
        let mut uses = Vec::new();
        schemas.insert(name.to_owned(), line.schema(&mut uses));
        waiting.extend(uses.into_iter().filter(|used| seen.insert(used)));
    }
    schemas.insert(QUANTITY.to_owned(), json!({"oneOf": [{"type": "string"}, {"type": "number"}]}));
    schemas.insert(
        INT_OR_STRING.to_owned(),
        json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}),
    );
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": super::VERSION},
        "paths": {},
        "components": {"schemas": schemas},
    })
}

/// The OpenAPI v3 document of a CRD's version: its own schema with the fields that every object has.
pub fn custom_document(kind: &Kind, version: &str, schema: Option<&Value>) -> Value {
    let mut document = document("", "v1");
    let mut own = schema.cloned().unwrap_or_else(|| json!({"type": "object"}));
    if let Some(fields) = own.as_object_mut() {
        let properties = fields.entry("properties").or_insert_with(|| json!({}));
        properties["metadata"] = json!({"allOf": [{"$ref": format!("{PREFIX}ObjectMeta")}]});
        properties["apiVersion"] = json!({"type": "string"});
        properties["kind"] = json!({"type": "string"});
        let gvk = json!([{"group": kind.group, "version": version, "kind": kind.kind}]);
        fields.insert("x-kubernetes-group-version-kind".to_owned(), gvk);
    }
    let keep = ["ObjectMeta", "ManagedFieldsEntry", "OwnerReference"];
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.retain(|name, _| keep.contains(&name.as_str()));
        schemas.insert(format!("{}.{version}.{}", kind.group, kind.kind), own);
    }
    document
}

/// A document as the rest of Sealane reads it.
pub fn schemas(document: &Value) -> SchemaSet {
    crate::cluster::openapi(document.to_string().as_bytes()).unwrap_or_default()
}

struct Line<'t> {
    name: &'t str,
    kind: Option<&'t str>,
    atomic: bool,
    rest: Rest<'t>,
}

enum Rest<'t> {
    Fields(&'t str),
    Alias(&'t str),
}

impl<'t> Line<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let (head, rest) = line.split_once(' ')?;
        let (head, atomic) = head.strip_suffix('!').map_or((head, false), |h| (h, true));
        let (name, kind) = head.split_once('#').map_or((head, None), |(n, k)| (n, Some(k)));
        let rest = rest.strip_prefix("= ").map_or(Rest::Fields(rest), Rest::Alias);
        Some(Self { name, kind, atomic, rest })
    }

    fn schema(&self, uses: &mut Vec<&'t str>) -> Value {
        let mut schema = match self.rest {
            Rest::Alias(code) => Code { text: code, uses }.whole(),
            Rest::Fields(fields) => {
                let properties: Map<String, Value> = fields
                    .split(' ')
                    .filter_map(|field| field.split_once(':'))
                    .map(|(name, code)| (name.to_owned(), Code { text: code, uses }.whole()))
                    .collect();
                json!({"type": "object", "properties": properties})
            }
        };
        if self.atomic {
            schema["x-kubernetes-map-type"] = json!("atomic");
        }
        if let Some((group, rest)) = self.kind.and_then(|k| k.split_once('/'))
            && let Some((version, kind)) = rest.split_once('/')
        {
            schema["x-kubernetes-group-version-kind"] =
                json!([{"group": group, "version": version, "kind": kind}]);
        }
        schema
    }
}

/// A code that is being read.
struct Code<'t, 'u> {
    text: &'t str,
    uses: &'u mut Vec<&'t str>,
}

impl<'t> Code<'t, '_> {
    fn whole(mut self) -> Value {
        let mut schema = self.value();
        if self.take('!') {
            schema = match schema.get("$ref") {
                Some(_) => json!({"allOf": [schema]}),
                None => schema,
            };
            schema["x-kubernetes-map-type"] = json!("atomic");
        }
        if let Some(default) = self.text.strip_prefix('=').and_then(|d| serde_json::from_str::<Value>(d).ok())
        {
            schema["default"] = default;
        }
        schema
    }

    fn take(&mut self, letter: char) -> bool {
        let rest = self.text.strip_prefix(letter);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn value(&mut self) -> Value {
        let mut letters = self.text.chars();
        let first = letters.next().unwrap_or('*');
        self.text = letters.as_str();
        match first {
            's' => json!({"type": "string"}),
            'i' => json!({"type": "integer", "format": "int32"}),
            'I' => json!({"type": "integer", "format": "int64"}),
            'n' => json!({"type": "number", "format": "double"}),
            'b' => json!({"type": "boolean"}),
            'B' => json!({"type": "string", "format": "byte"}),
            't' => json!({"type": "string", "format": "date-time"}),
            'q' => json!({"$ref": format!("{PREFIX}{QUANTITY}")}),
            'x' => json!({"$ref": format!("{PREFIX}{INT_OR_STRING}")}),
            '@' => {
                let end = self
                    .text
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                    .unwrap_or(self.text.len());
                let (name, rest) = self.text.split_at(end);
                self.text = rest;
                self.uses.push(name);
                json!({"$ref": format!("{PREFIX}{name}")})
            }
            '{' if self.take('}') => json!({"type": "object"}),
            '{' => {
                let values = self.value();
                self.take('}');
                json!({"type": "object", "additionalProperties": values})
            }
            '[' => self.list(),
            _ => json!({}),
        }
    }

    fn list(&mut self) -> Value {
        let items = self.value();
        self.take(']');
        let mut list = json!({"type": "array", "items": items});
        if self.take('k') {
            list["x-kubernetes-list-type"] = json!("map");
            list["x-kubernetes-list-map-keys"] = json!(self.names());
        } else if self.take('s') {
            list["x-kubernetes-list-type"] = json!("set");
        } else if self.take('a') {
            list["x-kubernetes-list-type"] = json!("atomic");
        }
        if self.take('p') {
            list["x-kubernetes-patch-strategy"] = json!("merge");
            if let Some(key) = self.names().first() {
                list["x-kubernetes-patch-merge-key"] = json!(key);
            }
        }
        list
    }

    /// `(a,b)`
    fn names(&mut self) -> Vec<&'t str> {
        let inner = self.text.strip_prefix('(').and_then(|t| t.split_once(')'));
        let Some((names, rest)) = inner else { return Vec::new() };
        self.text = rest;
        names.split(',').collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ListKind, Shape};

    #[test]
    fn every_type_that_is_used_is_there() {
        for kind in super::super::kinds::built_in() {
            let document = document(&kind.group, &kind.versions[0]);
            let text = document.to_string();
            for used in text.split(PREFIX).skip(1).filter_map(|t| t.split('"').next()) {
                assert!(document["components"]["schemas"].get(used).is_some(), "{used} of {}", kind.kind);
            }
            let set = schemas(&document);
            assert!(set.kind(&kind.group, &kind.versions[0], &kind.kind).is_some(), "{}", kind.kind);
        }
    }

    #[test]
    fn lists_have_the_keys_of_kubernetes() {
        let set = schemas(&document("apps", "v1"));
        let pod = ["spec", "template", "spec"];
        let spec = set.kind("apps", "v1", "Deployment");
        let spec =
            spec.and_then(|k| pod.iter().try_fold(k, |at, field| at.field(field))).expect("the pod's spec");
        let ports = spec.field("containers").and_then(|c| c.items()?.field("ports")).expect("ports");
        assert_eq!(
            ports.list_kind(),
            Some(&ListKind::Keyed(vec!["containerPort".into(), "protocol".into()]))
        );
        assert!(matches!(
            spec.field("nodeSelector").map(crate::model::SchemaRef::shape),
            Some(Shape::Map { atomic: true, .. })
        ));
        let selector = set.kind("apps", "v1", "Deployment").and_then(|k| k.field("spec")?.field("selector"));
        assert!(matches!(
            selector.map(crate::model::SchemaRef::shape),
            Some(Shape::Object { atomic: true, .. })
        ));
    }
}
