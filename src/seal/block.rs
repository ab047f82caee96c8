//! Writing the `sops` block: fields sorted by name, as sops 3.13 does, and shaped so that Flux and helm-secrets find it
//! (secrets.md 1.8, 1.14).

use super::edit::read;
use super::open::broken;
use super::rules::Selector;
use crate::model::Problem;
use crate::yaml::source::{Syntax, one_line, splice};
use std::fmt::Write as _;
use std::sync::Arc;

/// The version of SOPS whose format is written.
const VERSION: &str = "3.13.3";

/// What stands in a block.
pub(super) struct Fields<'a> {
    /// Recipient and armored age file.
    pub(super) wrapped: &'a [(Arc<str>, String)],
    pub(super) when: &'a str,
    pub(super) mac: &'a str,
    pub(super) selector: &'a Selector,
    pub(super) mac_only: bool,
}

/// Appends the block to every document of a YAML text.
pub(super) fn append(text: &str, file: &str, fields: &Fields) -> Result<String, Problem> {
    let source = read(text, file)?;
    if source.syntax == Syntax::Json {
        return Err(broken(file, 0, "a JSON file cannot be sealed anew yet".to_owned()).0);
    }
    let block = yaml(fields);
    let documents = source.documents.iter().filter(|d| d.root.is_some());
    let edits: Vec<_> = documents.map(|d| source.append(d, &block)).collect();
    Ok(splice(text, &edits))
}

/// The text without the block of any document.
pub(super) fn without(text: &str, file: &str) -> Result<String, Problem> {
    let source = read(text, file)?;
    let mut edits = Vec::new();
    for map in source.documents.iter().filter_map(|d| d.root.as_ref()?.as_map()) {
        if let Some(entry) = map.get("sops") {
            edits.push(source.remove(map, entry));
        }
    }
    Ok(splice(text, &edits))
}

fn yaml(fields: &Fields) -> String {
    let mut text = String::from("sops:\n    age:\n");
    for (recipient, enc) in fields.wrapped {
        text.push_str("        - enc: |\n");
        for line in enc.lines() {
            let _ = writeln!(text, "            {line}");
        }
        let _ = writeln!(text, "          recipient: {recipient}");
    }
    let selector = fields.selector.field();
    for name in ["encrypted_comment_regex", "encrypted_regex", "encrypted_suffix"] {
        push_selector(&mut text, selector.as_ref(), name);
    }
    let _ = writeln!(text, "    lastmodified: \"{}\"", fields.when);
    let _ = writeln!(text, "    mac: {}", fields.mac);
    if fields.mac_only {
        text.push_str("    mac_only_encrypted: true\n");
    }
    for name in ["unencrypted_comment_regex", "unencrypted_regex", "unencrypted_suffix"] {
        push_selector(&mut text, selector.as_ref(), name);
    }
    if selector.is_none() {
        text.push_str("    unencrypted_suffix: _unencrypted\n");
    }
    let _ = writeln!(text, "    version: {VERSION}");
    text
}

fn push_selector(text: &mut String, selector: Option<&(&'static str, String)>, name: &str) {
    if let Some((_, value)) = selector.filter(|(n, _)| *n == name) {
        let _ = writeln!(text, "    {name}: {}", one_line(value));
    }
}
