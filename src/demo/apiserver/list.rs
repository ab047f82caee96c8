//! Lists: pages of one consistent version, and the forms an object is shown in.

use super::answer::{self, Answer, Form};
use super::kinds::Kind;
use super::select::{Query, Selector};
use super::store::{Inner, Place};
use super::table;
use base64::Engine as _;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) place: usize,
    pub(super) kind: Kind,
    pub(super) version: String,
    pub(super) namespace: Option<String>,
}

/// Answers a list.
pub(super) fn list(inner: &Inner, target: &Target, query: &Query, form: Form, now: Timestamp) -> Answer {
    let selector = match Selector::read(query, &target.kind) {
        Ok(selector) => selector,
        Err(message) => return answer::bad_request(&message),
    };
    let token = match query.get("continue").map(Token::read) {
        None => None,
        Some(Some(token)) => Some(token),
        Some(None) => return answer::bad_request("continue key is not valid: it is no token of this server"),
    };
    let exact = query.get("resourceVersion").filter(|_| query.get("resourceVersionMatch") == Some("Exact"));
    let version =
        token.as_ref().map(|t| t.version).or(exact.and_then(|v| v.parse().ok())).unwrap_or(inner.version);
    let Some(objects) = snapshot(inner, target.place, version) else {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a \
                       new list without the continue parameter.";
        return answer::json(StatusCode::GONE, &answer::gone(message));
    };
    let chosen: Vec<(&Place, &Arc<Value>)> = objects
        .iter()
        .filter(|(place, _)| target.namespace.as_ref().is_none_or(|n| *n == place.1))
        .filter(|(place, _)| token.as_ref().is_none_or(|t| (&place.1, &place.2) > (&t.namespace, &t.name)))
        .filter(|(_, object)| selector.matches(object))
        .collect();
    let limit = query.number("limit").filter(|l| *l > 0).unwrap_or(usize::MAX);
    let page = &chosen[..chosen.len().min(limit)];
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if target.kind.custom && form == Form::Whole {
        metadata["continue"] = json!("");
    }
    if let Some((last, _)) = page.last().filter(|_| page.len() < chosen.len()) {
        let token = Token { version, namespace: last.1.clone(), name: last.2.clone() };
        metadata["continue"] = json!(token.write());
        metadata["remainingItemCount"] = json!(chosen.len() - page.len());
    }
    let items = page.iter().map(|(_, object)| object.as_ref());
    answer::json(StatusCode::OK, &shown_list(target, items, form, &metadata, query, now))
}

fn shown_list<'o>(
    target: &Target,
    items: impl Iterator<Item = &'o Value>,
    form: Form,
    metadata: &Value,
    query: &Query,
    now: Timestamp,
) -> Value {
    let kind = &target.kind;
    match form {
        Form::Table => table::table(kind, &target.version, items, metadata, query.get("includeObject"), now),
        Form::Metadata => {
            let items: Vec<Value> = items.map(metadata_only).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
        }
        Form::Whole | Form::Discovery => {
            let items: Vec<Value> = items.map(|object| item(object, target)).collect();
            json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(&target.version),
                "metadata": metadata, "items": items})
        }
    }
}

/// Items of built-in kinds do not repeat what the list says; custom ones do.
fn item(object: &Value, target: &Target) -> Value {
    let mut item = at_version(object, target);
    if !target.kind.custom
        && let Some(fields) = item.as_object_mut()
    {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    item
}

/// An object at the version that was asked for. Versions of a kind differ by name only.
pub(super) fn at_version(object: &Value, target: &Target) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(target.kind.api_version(&target.version));
    if target.kind.kind == "DaemonSet" {
        // The conversion to v1 repeats the generation in an annotation of old (`apps/v1/conversion.go`).
        let generation = object["metadata"]["generation"].to_string();
        if object["metadata"].get("annotations").is_none() {
            object["metadata"]["annotations"] = json!({});
        }
        object["metadata"]["annotations"]["deprecated.daemonset.template.generation"] = json!(generation);
    }
    object
}

/// An object in the form that was asked for.
pub(super) fn shown(object: &Value, target: &Target, form: Form, query: &Query, now: Timestamp) -> Value {
    match form {
        Form::Table => {
            let version = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
            let metadata = json!({"resourceVersion": version});
            let one = std::iter::once(object);
            table::table(&target.kind, &target.version, one, &metadata, query.get("includeObject"), now)
        }
        Form::Metadata => metadata_only(object),
        Form::Whole | Form::Discovery => at_version(object, target),
    }
}

pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// The objects of a kind as they were at a version: today's, with the changes since then undone. `None` if the history
/// does not go back that far.
fn snapshot(inner: &Inner, kind: usize, version: u64) -> Option<BTreeMap<Place, Arc<Value>>> {
    let mut objects: BTreeMap<Place, Arc<Value>> =
        inner.of_kind(kind).map(|(place, object)| (place.clone(), object.clone())).collect();
    if version >= inner.version {
        return Some(objects);
    }
    if version < inner.forgotten() {
        return None;
    }
    for change in inner.history.iter().rev().take_while(|c| c.version > version).filter(|c| c.place.0 == kind)
    {
        match &change.before {
            Some(before) => drop(objects.insert(change.place.clone(), before.clone())),
            None => drop(objects.remove(&change.place)),
        }
    }
    Some(objects)
}

/// Where the next page starts.
struct Token {
    version: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let value: Value = serde_json::from_slice(&engine.decode(text).ok()?).ok()?;
        let start = value["start"].as_str()?.trim_end_matches('\0');
        let (namespace, name) = start.split_once('/')?;
        Some(Self { version: value["rv"].as_u64()?, namespace: namespace.to_owned(), name: name.to_owned() })
    }

    fn write(&self) -> String {
        let token = json!({"v": "meta.k8s.io/v1", "rv": self.version, "start": format!("{}/{}\0", self.namespace, self.name)});
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token.to_string())
    }
}
