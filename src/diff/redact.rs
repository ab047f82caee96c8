//! The gate for everything this room hands out: no node in a result holds a value that looks secret (diff.md 2.12).
//!
//! Comparison happens before the gate, on the nodes as they came; only the copies in the result are changed. Writing a
//! mask into what is compared is how a mask once ended up in a `ConfigMap` (helm-controller#925).

use super::pattern::{Subject, last_key};
use crate::model::FieldStep;
use crate::secret::{Ciphertext, SecretLeaf};
use crate::yaml::{Map, Node, Value};

/// Words in the name of a variable or key whose value is taken for a secret.
const WORDS: [&str; 11] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "ACCESSKEY",
    "PRIVATEKEY",
    "CREDENTIAL",
    "CLIENTSECRET",
    "WEBHOOKURL",
];

/// Ends of such names that say that the value only points to the secret.
const POINTERS: [&str; 9] = ["FILE", "PATH", "NAME", "REF", "DIR", "TTL", "ENABLED", "KEY_ID", "EXPIRY"];

/// Starts of texts that are secret wherever they stand.
const STARTS: [&str; 6] = ["AGE-SECRET-KEY-", "ghp_", "github_pat_", "glpat-", "xoxb-", "AKIA"];

/// A copy of the node that may be shown.
pub(super) fn hide(subject: &Subject, path: &[FieldStep], node: &Node) -> Node {
    let secret_kind = subject.group.is_empty() && subject.kind == "Secret";
    let key = |at: usize| match path.get(at) {
        Some(FieldStep::Key(key)) => Some(&**key),
        _ => None,
    };
    let in_data = secret_kind && matches!(key(0), Some("data" | "stringData"));
    if in_data {
        return all(node);
    }
    if secret_kind && path.is_empty() {
        return fields(node, &|name, value| match name {
            "data" | "stringData" => all(value),
            _ => value.clone(),
        });
    }
    let of_variable = match path {
        [.., FieldStep::Key(env), FieldStep::Item(name), FieldStep::Key(value)] => {
            &**env == "env" && &**value == "value" && is_secret_name(name)
        }
        _ => false,
    };
    let of_map = matches!(key(0), Some("data")) && last_key(path).is_some_and(is_secret_name);
    if of_variable || of_map {
        return all(node);
    }
    inside(node)
}

/// True if a value of this name is taken for a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let joined = upper.replace('_', "");
    WORDS.iter().any(|word| joined.contains(word)) && !POINTERS.iter().any(|end| upper.ends_with(end))
}

fn mask(node: &Node) -> Node {
    Node::new(Value::Secret(SecretLeaf::Closed(Ciphertext::UNKNOWN))).at(node.mark.clone())
}

/// Every scalar below is a secret; digests say nothing and stay.
fn all(node: &Node) -> Node {
    match &node.value {
        Value::Scalar(_) if node.is_null() => node.clone(),
        Value::Scalar(_) | Value::Secret(SecretLeaf::Text(_)) => mask(node),
        Value::Secret(_) => node.clone(),
        Value::Seq(items) => Node::seq(items.iter().map(all).collect()).at(node.mark.clone()),
        Value::Map(_) => fields(node, &|_, value| all(value)),
    }
}

/// Single values inside that look secret are masked; the copy shares the rest.
fn inside(node: &Node) -> Node {
    if !holds_secret(node) {
        return node.clone();
    }
    match &node.value {
        Value::Scalar(_) | Value::Secret(_) => mask(node),
        Value::Seq(items) => Node::seq(items.iter().map(inside).collect()).at(node.mark.clone()),
        Value::Map(map) => {
            let variable = is_secret_variable(map);
            fields(node, &|name, value| if variable && name == "value" { all(value) } else { inside(value) })
        }
    }
}

fn is_secret_variable(map: &Map) -> bool {
    map.get("name").and_then(Node::as_str).is_some_and(is_secret_name)
        && map.get("value").is_some_and(|v| v.as_scalar().is_some())
}

fn holds_secret(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => is_secret_text(&scalar.text),
        Value::Secret(leaf) => matches!(leaf, SecretLeaf::Text(_)),
        Value::Seq(items) => items.iter().any(holds_secret),
        Value::Map(map) => is_secret_variable(map) || map.iter().any(|(_, value)| holds_secret(value)),
    }
}

/// Keys and tokens of well-known forms, `--password=…` arguments, and URLs with a password inside.
fn is_secret_text(text: &str) -> bool {
    STARTS.iter().any(|start| text.contains(start))
        || text.contains("PRIVATE KEY-----")
        || text
            .strip_prefix("--")
            .and_then(|t| t.split_once('='))
            .is_some_and(|(n, v)| !v.is_empty() && is_secret_name(n))
        || text.split_once("://").is_some_and(|(_, rest)| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
            authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':') && !user.contains("$("))
        })
}

fn fields(node: &Node, change: &dyn Fn(&str, &Node) -> Node) -> Node {
    let Some(map) = node.as_map() else { return all(node) };
    let mut copy = map.clone();
    for entry in &mut copy.entries {
        entry.value = change(&entry.key.text, &entry.value);
    }
    Node::map(copy).at(node.mark.clone())
}
