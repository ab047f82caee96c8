//! Opening what is sealed in an object, as kustomize-controller does before it substitutes (render.md 6.3).

use super::super::reveal;
use crate::model::{Manifest, OpenError, Opened, Opener, Problem, Reason, SealedFormat};
use crate::secret::{Ciphertext, SecretLeaf, SecretText};
use crate::yaml::{Map, Node, Value};
use std::sync::Arc;

/// Opens an object if it is sealed. Without a key its values become closed leaves, and the problem says so.
pub(in crate::render) fn open(
    manifest: &mut Manifest,
    opener: Option<&dyn Opener>,
    decrypts: bool,
) -> Option<Problem> {
    let is_sealed = manifest.body.at_path(&["sops", "mac"]).is_some();
    if !is_sealed {
        if manifest.key.is_secret() && decrypts && !opts_out(&manifest.body) {
            return open_values(manifest, opener);
        }
        return None;
    }
    let file = manifest.origin.file.clone();
    manifest.origin.sealed = Some(file.clone());
    if !decrypts || opts_out(&manifest.body) {
        return refuse(manifest, "set spec.decryption.provider: sops on the Kustomization that applies it");
    }
    let problem = match opener.map(|opener| opener.open_object(&manifest.body, &file)) {
        Some(Ok(Opened::Plain(body))) => {
            manifest.body = body;
            return None;
        }
        Some(Ok(Opened::NotSealed)) => return None,
        Some(Err(OpenError(problem))) => problem,
        None => no_key(manifest),
    };
    close(&mut manifest.body);
    Some(problem)
}

/// Closes an object that is sealed and that its controller applies as it is; `next` says what to do instead.
pub(in crate::render) fn refuse(manifest: &mut Manifest, next: &str) -> Option<Problem> {
    manifest.body.at_path(&["sops", "mac"])?;
    let file = manifest.origin.file.clone();
    manifest.origin.sealed = Some(file.clone());
    close(&mut manifest.body);
    let cause = format!("{} is sealed, and nothing opens it before it is applied", manifest.key);
    Some(Problem::error(Reason::InvalidObject, cause).at(&file, manifest.origin.line).next(next))
}

fn no_key(manifest: &Manifest) -> Problem {
    Problem::warning(Reason::NeedsKey, format!("{} is sealed and no identity is at hand", manifest.key))
        .at(&manifest.origin.file, manifest.origin.line)
        .next("set SOPS_AGE_KEY_FILE to a key that may read it")
}

fn opts_out(body: &Node) -> bool {
    body.at_path(&["metadata", "annotations", "kustomize.toolkit.fluxcd.io/decrypt"])
        .and_then(Node::as_str)
        .is_some_and(|value| value.eq_ignore_ascii_case("disabled"))
}

/// Replaces every sealed value by a closed leaf and drops the `sops` block.
fn close(body: &mut Node) {
    if let Some(map) = body.as_map_mut() {
        map.remove("sops");
    }
    *body = closed(body);
}

fn closed(node: &Node) -> Node {
    let value = match &node.value {
        Value::Scalar(scalar) if scalar.text.starts_with("ENC[AES256_GCM,") => {
            Value::Secret(SecretLeaf::Closed(Ciphertext::of(scalar.text.as_bytes())))
        }
        Value::Seq(items) => Value::Seq(Arc::new(items.iter().map(closed).collect())),
        Value::Map(map) => {
            let mut copy = Map::clone(map);
            for entry in &mut copy.entries {
                entry.value = closed(&entry.value);
            }
            Value::Map(Arc::new(copy))
        }
        other => other.clone(),
    };
    Node { value, mark: node.mark.clone() }
}

/// Opens the values of a Secret that are themselves sealed files, as a generator put them there.
fn open_values(manifest: &mut Manifest, opener: Option<&dyn Opener>) -> Option<Problem> {
    let (file, line, key) = (manifest.origin.file.clone(), manifest.origin.line, manifest.key.clone());
    let data = manifest.body.get("data").and_then(Node::as_map)?;
    let sealed: Vec<(Arc<str>, Arc<[u8]>, SealedFormat)> = data
        .entries
        .iter()
        .filter_map(|entry| {
            let bytes = reveal::plain_base64(entry.value.as_str()?)?;
            let format = format_of(&bytes)?;
            Some((entry.key.text.clone(), bytes.into(), format))
        })
        .collect();
    let mut problem = None;
    for (name, bytes, format) in sealed {
        let answer = opener.map(|opener| opener.open_file(&bytes, &name, format));
        let leaf = match answer {
            Some(Ok(Opened::Plain(text))) => SecretLeaf::Text(Arc::new(reveal::encode_base64(&text))),
            Some(Ok(Opened::NotSealed)) => continue,
            Some(Err(OpenError(own))) => {
                problem.get_or_insert(own);
                SecretLeaf::Closed(Ciphertext::of(&bytes))
            }
            None => {
                let cause = format!("the value {name} of {key} is a sealed file and no identity is at hand");
                problem.get_or_insert(Problem::warning(Reason::NeedsKey, cause).at(&file, line));
                SecretLeaf::Closed(Ciphertext::of(&bytes))
            }
        };
        let data = manifest.body.as_map_mut().and_then(|m| m.get_mut("data")).and_then(Node::as_map_mut);
        if let Some(value) = data.and_then(|data| data.get_mut(&name)) {
            value.value = Value::Secret(leaf);
        }
    }
    problem
}

/// The format of a sealed file by the marks it bears; `None` if it bears none.
fn format_of(bytes: &[u8]) -> Option<SealedFormat> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.contains("sops") || !text.contains("ENC[") {
        None
    } else if text.trim_start().starts_with('{') {
        Some(if text.contains("\"data\"") { SealedFormat::Binary } else { SealedFormat::Json })
    } else if text.lines().any(|line| line == "sops:") {
        Some(SealedFormat::Yaml)
    } else if text.lines().any(|line| line.starts_with("sops_")) {
        Some(SealedFormat::Dotenv)
    } else {
        text.lines().any(|line| line == "[sops]").then_some(SealedFormat::Ini)
    }
}

/// True if a leaf holds plaintext of something sealed.
pub(super) fn secret_of(node: &Node) -> Option<&Arc<SecretText>> {
    match &node.value {
        Value::Secret(SecretLeaf::Text(text)) => Some(text),
        _ => None,
    }
}
