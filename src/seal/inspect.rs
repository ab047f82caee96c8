//! What a sealed file says about itself, without opening it.

use super::cipher::Sealed;
use super::metadata::Metadata;
use super::open::documents;
use super::rules::{Recipient, Rules};
use crate::model::SealedFormat;
use crate::yaml::{Map, Node, Value};
use std::sync::Arc;

/// A sealed file, seen from outside.
#[derive(Clone, Debug)]
pub struct SealedInfo {
    /// Its format.
    pub format: SealedFormat,
    /// Who can open it; names come from `.sops.yaml`.
    pub recipients: Vec<Recipient>,
    /// Other key types that can open it.
    pub foreign: Vec<Arc<str>>,
    /// Its sealed keys by name (the last part of the path), with their type.
    pub keys: Vec<(Arc<str>, &'static str)>,
    /// When it was sealed last, seconds since 1970.
    pub sealed_at: Option<i64>,
    /// The version of the program that sealed it.
    pub version: Option<Arc<str>>,
    /// True if one of the recipients is not in the rule that applies to the path, or the other way round.
    pub recipients_differ: bool,
}

/// Looks at a file; `None` if it carries no `sops` block.
pub fn inspect(path: &str, bytes: &[u8], rules: &Rules) -> Option<SealedInfo> {
    // Parsing is only worth it where the block's name occurs at all.
    if !bytes.windows(4).any(|w| w == b"sops") {
        return None;
    }
    let documents = documents(bytes, path).ok()?;
    let root = documents.first()?;
    let metadata = Metadata::of(root)?.ok()?;
    let recipients: Vec<Recipient> = metadata
        .age
        .iter()
        .map(|w| Recipient { key: w.recipient.clone(), name: rules.name_of(&w.recipient) })
        .collect();
    let rule = rules.matching(path);
    let differ = rule.is_some_and(|rule| {
        let mut wanted: Vec<&str> = rule.recipients.iter().map(|r| &*r.key).collect();
        let mut had: Vec<&str> = recipients.iter().map(|r| &*r.key).collect();
        wanted.sort_unstable();
        had.sort_unstable();
        wanted != had
    });
    let mut keys = Vec::new();
    for document in &documents {
        sealed_keys(document, None, &mut keys);
    }
    Some(SealedInfo {
        format: format_of(path),
        recipients,
        foreign: metadata.foreign.iter().map(|(name, _)| name.clone()).collect(),
        keys,
        sealed_at: metadata.last_modified.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second),
        version: metadata.version,
        recipients_differ: differ,
    })
}

/// For whom a file is sealed, and by which other key types, without reading its values; `None` if it is not sealed.
pub fn readers(path: &str, bytes: &[u8]) -> Option<(Vec<Recipient>, Vec<Arc<str>>)> {
    let block = block_of(path, bytes)?;
    let metadata = Metadata::of(&block)?.ok()?;
    let recipient =
        |wrapped: &super::metadata::Wrapped| Recipient { key: wrapped.recipient.clone(), name: None };
    let foreign = metadata.foreign.iter().map(|(name, _)| name.clone()).collect();
    Some((metadata.age.iter().map(recipient).collect(), foreign))
}

/// The block alone, where it stands by itself at the end of a YAML file as SOPS writes it; the whole document otherwise.
fn block_of(path: &str, bytes: &[u8]) -> Option<Node> {
    let mark = b"\nsops:\n";
    if bytes.first() != Some(&b'{')
        && let Some(at) = bytes.windows(mark.len()).rposition(|window| window == mark)
    {
        let block = &bytes[at + 1..];
        let is_last = !block.windows(4).any(|window| window == b"\n---");
        if is_last && let Ok(all) = documents(block, path) {
            return all.into_iter().next();
        }
    }
    if !bytes.windows(4).any(|w| w == b"sops") {
        return None;
    }
    documents(bytes, path).ok()?.into_iter().next()
}

/// The format that SOPS chooses by extension.
pub fn format_of(path: &str) -> SealedFormat {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("yaml" | "yml") => SealedFormat::Yaml,
        Some("json") => SealedFormat::Json,
        Some("env") => SealedFormat::Dotenv,
        Some("ini") => SealedFormat::Ini,
        _ => SealedFormat::Binary,
    }
}

fn sealed_keys(node: &Node, key: Option<&Arc<str>>, keys: &mut Vec<(Arc<str>, &'static str)>) {
    match &node.value {
        Value::Map(map) => {
            for entry in Map::clone(map).entries.iter().filter(|e| key.is_some() || &*e.key.text != "sops") {
                sealed_keys(&entry.value, Some(&entry.key.text), keys);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| sealed_keys(item, key, keys)),
        _ => {
            if let (Some(name), Some(Ok(sealed))) =
                (key, node.as_str().filter(|t| Sealed::looks_sealed(t)).map(Sealed::parse))
            {
                keys.push((name.clone(), sealed.value_type.word()));
            }
        }
    }
}
