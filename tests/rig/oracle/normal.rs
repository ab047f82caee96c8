//! Objects as they are compared: what cannot be shown or opened is masked on both sides.

use super::Desired;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// An object as JSON.
pub type Body = Value;

/// What Sealane prints in the place of a secret.
const MASK: &str = "(secret)";

/// Where the oracle notes the sealed variables that were put into an object.
pub const SEALED: &str = "(sealed variables)";

/// The documents of a YAML text.
pub fn of_yaml(text: &str) -> Vec<Body> {
    use serde::Deserialize as _;
    let documents = serde_yaml::Deserializer::from_str(text);
    let values = documents.map(|one| Value::deserialize(one).unwrap_or_else(|e| panic!("{e} in\n{text}")));
    values.filter(|value| !value.is_null()).collect()
}

/// The same of a file that somebody wrote, which may be no YAML.
pub fn of_yaml_or_nothing(text: &str) -> Vec<Body> {
    use serde::Deserialize as _;
    serde_yaml::Deserializer::from_str(text).map_while(|one| Value::deserialize(one).ok()).collect()
}

/// True for an object whose name is made of variables that are set nowhere: no server takes one without a name.
pub fn is_nameless(body: &Body) -> bool {
    body["metadata"]["name"].as_str().unwrap_or("").is_empty()
}

/// True if a server makes the same of both: a null is no value, and the namespace is the one of the key, whether the body
/// repeats it or not.
pub fn same(a: &Body, b: &Body) -> bool {
    let stored = |body: &Body| {
        let mut body = without_nulls(body);
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("namespace");
        }
        body
    };
    a == b || stored(a) == stored(b)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(map) => {
            let values = map.iter().filter(|(_, value)| !value.is_null());
            values.map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        other => other.clone(),
    }
}

/// An object as the product may show it: sealed values and all values of Secrets masked, seals left out.
fn normal(body: &Body) -> Body {
    let mut body = sealed(body);
    let Some(map) = body.as_object_mut() else { return body };
    map.remove(SEALED);
    if map.get("sops").is_some_and(|sops| sops.get("mac").is_some()) {
        map.remove("sops");
    }
    if map["kind"] == "Secret" && map["apiVersion"] == "v1" {
        let string_data = map.remove("stringData");
        let data = map.remove("data");
        let has_data = data.is_some();
        let all = [data, string_data].into_iter().flatten();
        let keys = all.filter_map(|data| data.as_object().cloned()).flatten();
        let masked: Map<String, Value> = keys.map(|(key, _)| (key, MASK.into())).collect();
        if has_data || !masked.is_empty() {
            map.insert("data".into(), masked.into());
        }
    }
    body
}

fn sealed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("ENC[AES256_GCM,") => MASK.into(),
        Value::Array(items) => items.iter().map(sealed).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), sealed(value))).collect(),
        other => other.clone(),
    }
}

/// Where two objects differ first; `None` if they are the same. A text of the oracle that still holds a variable may
/// be masked on our side: its value is sealed.
fn difference(oracle: &Body, ours: &Body) -> Option<String> {
    match (oracle, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().find_map(|key| {
                let found = match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => difference(a, b),
                    (Some(a), None) => Some(format!(" = {a}, ours has none")),
                    (None, b) => Some(format!(": ours has {}", b.unwrap_or(&Value::Null))),
                };
                found.map(|found| format!(".{key}{found}"))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.into_iter().find_map(|(i, (a, b))| difference(a, b).map(|found| format!("[{i}]{found}")))
        }
        (Value::String(text), Value::String(mask)) if text.contains("${") && mask.contains(MASK) => None,
        (a, b) => (a != b).then(|| format!(" = {a}, ours {b}")),
    }
}

/// Compares all objects of one side, keys and YAML texts as Sealane shows them, and counts those that are the same.
pub fn bodies_differ<'y>(
    oracle: &Desired,
    ours: impl Iterator<Item = (String, &'y str)>,
    same: &mut usize,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (key, yaml) in ours {
        if !seen.insert(key.clone()) {
            continue;
        }
        let body = of_yaml(yaml).into_iter().next().unwrap_or_default();
        match oracle.objects.get(&key).map(|wanted| difference(&normal(wanted), &body)) {
            // Sealane tells it under the expression that became nothing.
            None if is_nameless(&body) => {}
            None if oracle.failed.is_empty() => wrong.push(format!("{key}: kustomize has none")),
            None => {}
            Some(None) => *same += 1,
            Some(Some(place)) => wrong.push(format!("{key}{place}")),
        }
    }
    let missing = oracle.objects.keys().filter(|key| !seen.contains(*key));
    wrong.extend(missing.map(|key| format!("{key}: ours has none")));
    wrong
}
