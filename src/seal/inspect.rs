//! What a sealed file says about itself, without opening it.

use super::cipher::Sealed;
use super::metadata::Metadata;
use super::open::{documents, metadata_of};
use super::rules::{Recipient, Rules};
use super::walk::{is_block, read};
use crate::model::SealedFormat;
use crate::yaml::source::{self, Syntax};
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
    /// How many of how many key groups have to work together; `None` where any one key opens it.
    pub quorum: Option<(usize, usize)>,
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
    let (metadata, keys) = outside(path, bytes)?;
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
    Some(SealedInfo {
        format: format_of(path),
        recipients,
        foreign: metadata.foreign.iter().map(|(name, _)| name.clone()).collect(),
        quorum: metadata.quorum(),
        keys,
        sealed_at: metadata.last_modified.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second),
        version: metadata.version,
        recipients_differ: differ,
    })
}

/// Sealed keys with their types.
type Keys = Vec<(Arc<str>, &'static str)>;

/// The block, and the sealed keys.
fn outside(path: &str, bytes: &[u8]) -> Option<(Metadata, Keys)> {
    let mut keys = Vec::new();
    if matches!(format_of(path), SealedFormat::Dotenv | SealedFormat::Ini) {
        let source = read(bytes, path).ok()?;
        let metadata = metadata_of(&source, path).ok()?;
        let root = source.documents.first()?.root.as_ref()?;
        keys_of(source.syntax, root.as_map()?, true, &mut keys);
        return Some((metadata, keys));
    }
    let documents = documents(bytes, path).ok()?;
    let metadata = Metadata::of(documents.first()?)?.ok()?;
    for document in &documents {
        sealed_keys(document, None, &mut keys);
    }
    Some((metadata, keys))
}

/// The sealed keys of dotenv and of INI's sections.
fn keys_of(syntax: Syntax, map: &source::Map<'_>, is_root: bool, keys: &mut Keys) {
    for entry in map.entries().filter(|e| !(is_root && is_block(syntax, &e.key.text))) {
        if let Some(section) = entry.value.as_map() {
            keys_of(syntax, section, false, keys);
        } else if let Some(Ok(sealed)) = entry.value.as_leaf().map(|leaf| Sealed::parse(&leaf.text)) {
            keys.push((entry.key.text.as_ref().into(), sealed.value_type.word()));
        }
    }
}

/// For whom a file is sealed, and by which other key types, without reading its values; `None` if it is not sealed.
pub fn readers(path: &str, bytes: &[u8]) -> Option<(Vec<Recipient>, Vec<Arc<str>>)> {
    let metadata = if matches!(format_of(path), SealedFormat::Dotenv | SealedFormat::Ini) {
        metadata_of(&read(bytes, path).ok()?, path).ok()?
    } else {
        Metadata::of(&block_of(path, bytes)?)?.ok()?
    };
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

fn sealed_keys(node: &Node, key: Option<&Arc<str>>, keys: &mut Keys) {
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
