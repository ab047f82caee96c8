//! `metadata.managedFields`: who owns which fields, kept as the API server keeps it (KEP-555).

use super::fields::{self, Fields, Path};
use super::store::StoreError;
use crate::model::SchemaRef;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager, for example `kubectl-edit`.
    pub manager: &'a str,
    /// True for server-side apply.
    pub apply: bool,
    /// The subresource, for example `scale`; empty for the object itself.
    pub subresource: &'a str,
}

impl<'a> Writer<'a> {
    /// An update of the object itself.
    pub fn update(manager: &'a str) -> Self {
        Self { manager, apply: false, subresource: "" }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    manager: String,
    apply: bool,
    subresource: String,
    fields: Fields,
}

impl Entry {
    pub(super) fn new(writer: &Writer<'_>, fields: Fields) -> Self {
        Self {
            manager: writer.manager.to_owned(),
            apply: writer.apply,
            subresource: writer.subresource.to_owned(),
            fields,
        }
    }

    fn is(&self, writer: &Writer<'_>) -> bool {
        self.manager == writer.manager && self.apply == writer.apply && self.subresource == writer.subresource
    }
}

pub(super) fn read(object: &Value) -> Vec<Entry> {
    let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    list.into_iter()
        .flatten()
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            apply: text(entry, "operation") == "Apply",
            subresource: text(entry, "subresource"),
            fields: fields::from_v1(&entry["fieldsV1"]),
        })
        .collect()
}

/// Writes the entries. One that did not change keeps its time.
pub(super) fn write(object: &mut Value, entries: &[Entry], before: &[Entry], now: &str) {
    let times: Vec<Value> = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .map(|list| list.iter().map(|entry| entry["time"].clone()).collect())
        .unwrap_or_default();
    let api = object["apiVersion"].clone();
    let list: Vec<Value> = entries
        .iter()
        .filter(|entry| !entry.fields.is_empty())
        .map(|entry| {
            let kept = before.iter().position(|b| b == entry).and_then(|place| times.get(place));
            let mut written = json!({
                "manager": entry.manager,
                "operation": if entry.apply { "Apply" } else { "Update" },
                "apiVersion": api,
                "fieldsType": "FieldsV1",
                "fieldsV1": fields::to_v1(&entry.fields),
            });
            // Scaling leaves no time behind (seen with kube-apiserver 1.36).
            if entry.subresource != "scale" {
                written["time"] = kept.cloned().unwrap_or_else(|| json!(now));
            }
            if !entry.subresource.is_empty() {
                written["subresource"] = json!(entry.subresource);
            }
            written
        })
        .collect();
    object["metadata"]["managedFields"] = json!(list);
}

pub(super) fn of(entries: &[Entry], writer: &Writer<'_>) -> Fields {
    entries.iter().find(|e| e.is(writer)).map(|e| e.fields.clone()).unwrap_or_default()
}

pub(super) fn set(entries: &mut Vec<Entry>, writer: &Writer<'_>, fields: Fields) {
    match entries.iter_mut().find(|e| e.is(writer)) {
        Some(entry) => entry.fields = fields,
        None => entries.push(Entry::new(writer, fields)),
    }
}

pub(super) fn owned_by_others(entries: &[Entry], writer: &Writer<'_>, path: &Path) -> bool {
    entries.iter().filter(|e| !e.is(writer)).any(|e| e.fields.contains(path))
}

/// What is applied with another value than somebody else owns is a conflict, or, by force, taken from them.
pub(super) fn take_over(
    entries: &mut [Entry],
    writer: &Writer<'_>,
    config: &Value,
    live: &Value,
    schema: Option<SchemaRef<'_>>,
    force: bool,
) -> Result<(), StoreError> {
    let (wanted, there) = (fields::flatten(config, schema), fields::flatten(live, schema));
    for (path, _) in wanted.iter().filter(|(path, value)| there.get(*path).is_some_and(|old| old != *value)) {
        for entry in entries.iter_mut().filter(|e| !e.is(writer)) {
            if !force && entry.fields.contains(path) {
                let field = path.iter().map(|step| step.replacen("f:", ".", 1)).collect();
                return Err(StoreError::Conflict { manager: entry.manager.clone(), field });
            }
            entry.fields.remove(path);
        }
    }
    Ok(())
}

/// After an update, the writer owns what it changed, and nobody owns what is gone.
pub(super) fn note_changes(
    entries: &mut Vec<Entry>,
    writer: &Writer<'_>,
    before: &BTreeMap<Path, Value>,
    after: &BTreeMap<Path, Value>,
) {
    let changed: Fields = after
        .iter()
        .filter(|(path, value)| before.get(*path) != Some(*value))
        .map(|(path, _)| path.clone())
        .collect();
    for entry in entries.iter_mut() {
        let own = entry.is(writer);
        entry.fields.retain(|path| after.contains_key(path) && (own || !changed.contains(path)));
    }
    let mut fields = of(entries, writer);
    fields.extend(changed);
    set(entries, writer, fields);
}

pub(super) fn finalizers(object: &Value) -> usize {
    object.pointer("/metadata/finalizers").and_then(Value::as_array).map_or(0, Vec::len)
}

/// True if the object's only hold is the owner with this uid.
pub(super) fn is_owned_by(object: &Value, uid: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    !uid.is_empty() && owners.is_some_and(|list| list.len() == 1 && list[0]["uid"] == json!(uid))
}

/// Equal in everything but the bookkeeping.
pub(super) fn same_content(old: &Value, new: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
            metadata.remove("resourceVersion");
        }
        object
    };
    bare(old) == bare(new)
}

/// True if anything but metadata and status differs: then the generation goes up.
pub(super) fn spec_changed(old: &Value, new: &Value) -> bool {
    let rest = |object: &Value| {
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("metadata");
            fields.remove("status");
        }
        object
    };
    rest(old) != rest(new)
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// A uid that is the same on every run.
pub(super) fn uid(group: &str, kind: &str, namespace: &str, name: &str, version: u64) -> String {
    let seed = format!("{group}/{kind}/{namespace}/{name}/{version}");
    let hash = Sha256::digest(seed.as_bytes());
    let hex = hex(&hash);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
