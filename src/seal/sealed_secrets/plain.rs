//! Secrets in the clear, or opened out of SOPS, read for sealing: their values go straight into wiped buffers.

use super::object::LAST_APPLIED;
use super::{Identity, Scope};
use crate::model::{Problem, Reason, clean};
use crate::seal::walk::read;
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::source::{self, Item, Source};
use crate::yaml::{Map, Node, ScalarKind, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::ops::Range;
use zeroize::Zeroizing;

/// What the server or others keep in metadata, and nobody seals.
const OF_SERVER: [&str; 9] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "ownerReferences",
];

/// One Secret of a file.
pub(super) struct PlainSecret {
    pub(super) identity: Identity,
    pub(super) line: u32,
    /// The scope that its annotations say, as `kubeseal` reads them.
    pub(super) scope: Scope,
    pub(super) kind: Option<String>,
    pub(super) immutable: bool,
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) values: Vec<(String, SecretText)>,
    /// Fields that a SealedSecret has no place for.
    pub(super) left_out: Vec<String>,
    /// The bytes of its document's content.
    pub(super) span: Range<usize>,
}

/// What a file's Secrets are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretNames {
    /// Of those that can be converted, in order.
    pub secrets: Vec<Identity>,
    /// How many other documents there are.
    pub others: usize,
}

/// The names of the Secrets in a file; `None` if it holds none that could be converted.
pub fn secret_names(path: &str, bytes: &[u8]) -> Option<SecretNames> {
    let source = read(bytes, path).ok()?;
    let roots: Vec<&Item<'_>> =
        source.documents.iter().filter_map(|document| document.root.as_ref()).collect();
    let secrets: Vec<Identity> =
        roots.iter().filter(|root| is_secret(root)).map(|root| identity(root)).collect();
    let others = roots.len() - secrets.len();
    (!secrets.is_empty()).then_some(SecretNames { secrets, others })
}

/// Reads every Secret; `opened` are the documents of a sealed file, in the same order.
pub(super) fn secrets(
    source: &Source<'_>,
    file: &str,
    mut opened: Option<Vec<Node>>,
) -> Result<Vec<PlainSecret>, Problem> {
    let roots = source.documents.iter().filter_map(|d| Some((d.root.as_ref()?, d.span.clone())));
    let mut found = Vec::new();
    for (index, (root, span)) in roots.enumerate() {
        let is_sealed = opened.is_some();
        if !is_secret(root) {
            if is_sealed {
                let cause =
                    "a sealed file holds something else than Secrets, which would have to stay sealed";
                return Err(refused(file, root.line, cause, "give each Secret a file of its own"));
            }
            continue;
        }
        let mut secret = headed(root, file, span)?;
        secret.values = match &mut opened {
            Some(documents) => {
                let document = documents.get_mut(index).map(|node| std::mem::replace(node, Node::null()));
                opened_values(&document.unwrap_or_else(Node::null), file)?
            }
            None => plain_values(root, file)?,
        };
        if secret.values.is_empty() {
            let cause = format!("Secret {} holds no value: there is nothing to seal", secret.identity);
            return Err(refused(file, secret.line, &cause, "give it `stringData` with a key at least"));
        }
        found.push(secret);
    }
    if found.is_empty() {
        return Err(refused(file, 0, "the file holds no Secret", "name a file with a Secret of Kubernetes"));
    }
    Ok(found)
}

fn is_secret(root: &Item<'_>) -> bool {
    text_at(root, &["kind"]).as_deref() == Some("Secret")
        && text_at(root, &["apiVersion"]).as_deref() == Some("v1")
}

fn identity(root: &Item<'_>) -> Identity {
    let part = |name: &str| text_at(root, &["metadata", name]).unwrap_or_default();
    Identity::new(&part("namespace"), &part("name"))
}

/// All of it but the values.
fn headed(root: &Item<'_>, file: &str, span: Range<usize>) -> Result<PlainSecret, Problem> {
    let metadata = root.get("metadata").and_then(|entry| entry.value.as_map());
    let mut annotations = pairs(root, "annotations", file)?;
    let scope = Scope::of_annotations(|name| {
        annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    });
    annotations.retain(|(name, _)| !Scope::is_annotation(name));
    let left = metadata.into_iter().flat_map(source::Map::entries).map(|entry| entry.key.text.to_string());
    let known = ["name", "namespace", "labels", "annotations"];
    let left = left.filter(|key| !known.contains(&key.as_str()) && !OF_SERVER.contains(&key.as_str()));
    let identity = identity(root);
    for text in [&identity.name, &identity.namespace] {
        if text.starts_with("ENC[") {
            return Err(refused(
                file,
                root.line,
                "the Secret's name is sealed",
                "leave `metadata` in the clear",
            ));
        }
    }
    Ok(PlainSecret {
        identity,
        line: root.line,
        scope,
        kind: text_at(root, &["type"]).filter(|kind| !kind.is_empty()),
        immutable: text_at(root, &["immutable"]).as_deref() == Some("true"),
        labels: pairs(root, "labels", file)?,
        annotations,
        values: Vec::new(),
        left_out: left.map(|key| format!("metadata.{}", clean(&key))).collect(),
        span,
    })
}

/// Labels or annotations; the copies that kubectl keeps hold the values, and are never read.
fn pairs(root: &Item<'_>, field: &str, file: &str) -> Result<Vec<(String, String)>, Problem> {
    let map =
        root.get("metadata").and_then(|entry| entry.value.get(field)).and_then(|entry| entry.value.as_map());
    let entries = map.into_iter().flat_map(source::Map::entries);
    entries
        .filter(|entry| !LAST_APPLIED.contains(&&*entry.key.text))
        .map(|entry| {
            let leaf = entry.value.as_leaf();
            let text = leaf.map(|leaf| leaf.text.to_string()).filter(|text| !text.starts_with("ENC["));
            let name = entry.key.text.to_string();
            text.map(|text| (name, text)).ok_or_else(|| {
                let cause = format!("`metadata.{field}` holds something that is sealed, or no text");
                refused(file, entry.key.line, &cause, "leave `metadata` in the clear")
            })
        })
        .collect()
}

/// The values of a Secret in the clear.
fn plain_values(root: &Item<'_>, file: &str) -> Result<Vec<(String, SecretText)>, Problem> {
    let mut values = Vec::new();
    for field in ["data", "stringData"] {
        let map = root.get(field).and_then(|entry| entry.value.as_map());
        for entry in map.into_iter().flat_map(source::Map::entries) {
            let (key, line) = (entry.key.text.to_string(), entry.key.line);
            let leaf =
                entry.value.as_leaf().filter(|leaf| leaf.kind == ScalarKind::Str || leaf.text.is_empty());
            let leaf = leaf.ok_or_else(|| no_text(&key, file, line))?;
            put(&mut values, field, &key, leaf.text.as_bytes(), file, line)?;
        }
    }
    Ok(values)
}

/// The values of an opened document.
fn opened_values(document: &Node, file: &str) -> Result<Vec<(String, SecretText)>, Problem> {
    let mut values = Vec::new();
    for field in ["data", "stringData"] {
        let map = document.get(field).and_then(Node::as_map);
        for (key, value) in map.into_iter().flat_map(Map::iter) {
            let line = value.mark.line;
            match &value.value {
                Value::Secret(SecretLeaf::Text(text)) => {
                    put(&mut values, field, key, text.expose_secret(), file, line)?;
                }
                Value::Scalar(scalar) if matches!(scalar.kind, ScalarKind::Str | ScalarKind::Null) => {
                    put(&mut values, field, key, scalar.text.as_bytes(), file, line)?;
                }
                _ => return Err(no_text(key, file, line)),
            }
        }
    }
    Ok(values)
}

/// `stringData` wins over `data`, as in the API server.
fn put(
    values: &mut Vec<(String, SecretText)>,
    field: &str,
    key: &str,
    text: &[u8],
    file: &str,
    line: u32,
) -> Result<(), Problem> {
    let value = if field == "data" {
        let compact: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect());
        let decoded = STANDARD.decode(compact.as_slice()).map_err(|_| {
            let cause = format!("`data.{}` is no base64, which Kubernetes refuses", clean(key));
            refused(file, line, &cause, "write it as base64, or put it under `stringData`")
        })?;
        SecretText::from_vec(decoded)
    } else {
        SecretText::from_vec(text.to_vec())
    };
    values.retain(|(name, _)| name != key);
    values.push((key.to_owned(), value));
    Ok(())
}

fn text_at(root: &Item<'_>, path: &[&str]) -> Option<String> {
    let mut item = root;
    for key in path {
        item = &item.get(key)?.value;
    }
    item.as_leaf().map(|leaf| leaf.text.to_string())
}

fn no_text(key: &str, file: &str, line: u32) -> Problem {
    let cause = format!("`{}` is no text, which Kubernetes refuses in a Secret", clean(key));
    refused(file, line, &cause, "put it in quotes")
}

fn refused(file: &str, line: u32, cause: &str, next: &str) -> Problem {
    Problem::error(Reason::Refused, cause).at(file, line).next(next)
}
