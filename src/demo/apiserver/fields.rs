//! Field sets: which fields an object has, who owns which, in the `FieldsV1` form of Kubernetes.

use crate::model::{ListKind, SchemaRef, Shape};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The way to a field: `f:spec`, `f:containers`, `k:{"name":"cart"}`, `f:image`.
pub type Path = Vec<String>;
/// A set of fields.
pub type Fields = BTreeSet<Path>;

/// The step that stands for a mapping itself: whoever made it by an update owns it. Appliers never do.
const MADE: &str = ".";

/// Paths nobody owns (`managedfields/internal/stripmeta.go`).
const STRIPPED: [&str; 9] = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
];

/// All fields of an object that can be owned, with their values. Items of keyed lists are there themselves too.
pub fn flatten(object: &Value, schema: Option<SchemaRef<'_>>) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let below = schema.and_then(|s| s.field(name));
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if !STRIPPED.contains(&name.as_str()) {
                        let mut path = vec!["f:metadata".to_owned(), format!("f:{name}")];
                        walk(value, below.and_then(|b| b.field(name)), &mut path, &mut found);
                    }
                }
            }
            _ => walk(value, below, &mut vec![format!("f:{name}")], &mut found),
        }
    }
    found
}

/// What a server-side apply of this object owns.
pub fn said(object: &Value, schema: Option<SchemaRef<'_>>) -> Fields {
    flatten(object, schema).into_keys().filter(|path| path.last().is_some_and(|step| step != MADE)).collect()
}

fn walk(value: &Value, schema: Option<SchemaRef<'_>>, path: &mut Path, found: &mut BTreeMap<Path, Value>) {
    let shape = schema.map_or(&Shape::Any, |s| s.shape());
    match (value, shape) {
        (
            Value::Object(fields),
            Shape::Any | Shape::Object { atomic: false, .. } | Shape::Map { atomic: false, .. },
        ) if !fields.is_empty() => {
            if matches!(shape, Shape::Map { .. }) {
                path.push(MADE.to_owned());
                found.insert(path.clone(), Value::Null);
                path.pop();
            }
            for (name, value) in fields {
                path.push(format!("f:{name}"));
                walk(value, schema.and_then(|s| s.field(name)), path, found);
                path.pop();
            }
        }
        (Value::Array(items), Shape::List { kind: ListKind::Keyed(keys), .. }) => {
            let below = schema.and_then(SchemaRef::items);
            for item in items {
                path.push(key_of(item, keys, below));
                found.insert(path.clone(), Value::Null);
                for (name, value) in item.as_object().into_iter().flatten() {
                    path.push(format!("f:{name}"));
                    walk(value, below.and_then(|s| s.field(name)), path, found);
                    path.pop();
                }
                path.pop();
            }
        }
        (Value::Array(items), Shape::List { kind: ListKind::Set, .. }) => {
            for item in items {
                path.push(format!("v:{item}"));
                found.insert(path.clone(), Value::Null);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone(), value.clone());
        }
    }
}

/// `k:{…}` of an item, with the schema's defaults for key fields that are missing.
fn key_of(item: &Value, keys: &[std::sync::Arc<str>], schema: Option<SchemaRef<'_>>) -> String {
    let mut key = Map::new();
    for name in keys {
        let default = || {
            let default = schema?.field(name)?.schema()?.default.as_ref()?;
            default.scalar_text().map(|text| json!(text))
        };
        if let Some(value) = item.get(&**name).cloned().or_else(default) {
            key.insert(name.to_string(), value);
        }
    }
    format!("k:{}", Value::Object(key))
}

/// The set as `FieldsV1`.
pub fn to_v1(fields: &Fields) -> Value {
    let mut root = Map::new();
    for path in fields {
        let mut at = &mut root;
        for (index, step) in path.iter().enumerate() {
            let last = index + 1 == path.len();
            let entry = at.entry(step.clone()).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(below) = entry else { break };
            if last && step.starts_with("k:") {
                below.insert(".".to_owned(), json!({}));
            }
            at = below;
        }
    }
    Value::Object(root)
}

/// Reads `FieldsV1`.
pub fn from_v1(value: &Value) -> Fields {
    let mut fields = Fields::new();
    read(value, &mut Vec::new(), &mut fields);
    fields
}

fn read(value: &Value, path: &mut Path, fields: &mut Fields) {
    for (step, below) in value.as_object().into_iter().flatten() {
        let item = path.last().is_some_and(|last| last.starts_with("k:"));
        if step == "." && item {
            fields.insert(path.clone());
            continue;
        }
        path.push(step.clone());
        if below.as_object().is_none_or(Map::is_empty) {
            fields.insert(path.clone());
        } else {
            read(below, path, fields);
        }
        path.pop();
    }
}

/// Lays what is applied over what is there (structured-merge-diff's merge): mappings field by field, keyed lists item by
/// item, sets as unions, everything else as a whole.
pub fn merge(live: &Value, applied: &Value, schema: Option<SchemaRef<'_>>) -> Value {
    let shape = schema.map_or(&Shape::Any, |s| s.shape());
    match (live, applied, shape) {
        (
            Value::Object(old),
            Value::Object(new),
            Shape::Any | Shape::Object { atomic: false, .. } | Shape::Map { atomic: false, .. },
        ) => {
            let mut merged = old.clone();
            for (name, value) in new {
                let below = schema.and_then(|s| s.field(name));
                let laid = old.get(name).map_or_else(|| value.clone(), |old| merge(old, value, below));
                merged.insert(name.clone(), laid);
            }
            Value::Object(merged)
        }
        (Value::Array(old), Value::Array(new), Shape::List { kind: ListKind::Keyed(keys), .. }) => {
            let below = schema.and_then(SchemaRef::items);
            let key = |item: &Value| key_of(item, keys, below);
            let mut merged: Vec<Value> = new
                .iter()
                .map(|item| match old.iter().find(|o| key(o) == key(item)) {
                    Some(old) => merge(old, item, below),
                    None => item.clone(),
                })
                .collect();
            merged.extend(old.iter().filter(|o| !new.iter().any(|n| key(n) == key(o))).cloned());
            Value::Array(merged)
        }
        (Value::Array(old), Value::Array(new), Shape::List { kind: ListKind::Set, .. }) => {
            let mut merged = new.clone();
            merged.extend(old.iter().filter(|o| !new.contains(o)).cloned());
            Value::Array(merged)
        }
        _ => applied.clone(),
    }
}

/// Removes a field or item; parents that are left empty go with it.
pub fn remove(object: &mut Value, path: &[String], schema: Option<SchemaRef<'_>>) {
    let Some((step, rest)) = path.split_first() else { return };
    if let (Value::Object(fields), Some(name)) = (&mut *object, step.strip_prefix("f:")) {
        let Some(below) = fields.get_mut(name) else { return };
        if !rest.is_empty() {
            remove(below, rest, schema.and_then(|s| s.field(name)));
        }
        let empty =
            below.as_object().is_some_and(Map::is_empty) || below.as_array().is_some_and(Vec::is_empty);
        if rest.is_empty() || empty {
            fields.remove(name);
        }
        return;
    }
    let Value::Array(items) = object else { return };
    let below = schema.and_then(SchemaRef::items);
    let keys = match schema.and_then(SchemaRef::list_kind) {
        Some(ListKind::Keyed(keys)) => keys.as_slice(),
        _ => &[],
    };
    let place = items.iter().position(|item| match step.strip_prefix("v:") {
        Some(text) => serde_json::from_str::<Value>(text).is_ok_and(|wanted| wanted == *item),
        None => key_of(item, keys, below) == *step,
    });
    match place {
        Some(place) if rest.is_empty() => {
            items.remove(place);
        }
        Some(place) => remove(&mut items[place], rest, below),
        None => {}
    }
}
