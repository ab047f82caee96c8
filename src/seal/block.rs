//! Writing the `sops` block: fields sorted by name, as sops 3.13 does, and shaped so that Flux and helm-secrets find it
//! (secrets.md 1.8, 1.14).

use super::open::broken;
use super::rules::Selector;
use super::walk::read;
use crate::model::{Problem, Reason};
use crate::yaml::source::{Document, Edit, Source, Syntax, one_line, splice};
use crate::yaml::{Node, to_json};
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

/// Appends the block to every document of a text.
pub(super) fn append(text: &str, file: &str, fields: &Fields<'_>) -> Result<String, Problem> {
    let source = read(text.as_bytes(), file)?;
    let mut edits = Vec::new();
    for document in source.documents.iter().filter(|d| d.root.is_some()) {
        edits.push(appended(&source, document, file, fields)?);
    }
    Ok(splice(text, &edits))
}

fn appended(
    source: &Source<'_>,
    document: &Document<'_>,
    file: &str,
    fields: &Fields<'_>,
) -> Result<Edit, Problem> {
    let map = document.root.as_ref().and_then(|root| root.as_map());
    let map =
        map.ok_or_else(|| broken(file, 0, "the top of a sealed document must be a mapping".to_owned()).0)?;
    if source.syntax == Syntax::Json {
        // One level is what stands before the first key; a tab where all is on one line, as sops indents.
        let first = map.entries().next().map_or(0, |e| e.key.span.start);
        let start = source.text[..first].rfind('\n').map_or(first, |end| end + 1);
        let level = Some(&source.text[start..first]).filter(|l| !l.is_empty() && l.trim().is_empty());
        return Ok(source.insert(map, "sops", &json(fields, level.unwrap_or("\t"))));
    }
    if map.flow || map.indent != 0 {
        let line = document.root.as_ref().map_or(0, |root| root.line);
        let cause = if map.flow { "the document is written in `{}`" } else { "the document is indented" };
        return Err(Problem::error(
            Reason::NotSupported,
            format!("{cause}, so the `sops` block finds no place"),
        )
        .at(file, line)
        .next("write its top level as `key: value` lines that start in the first column"));
    }
    Ok(source.append(document, &yaml(fields)))
}

/// The text without the block of any document.
pub(super) fn without(text: &str, file: &str) -> Result<String, Problem> {
    let source = read(text.as_bytes(), file)?;
    let mut edits = Vec::new();
    for map in source.documents.iter().filter_map(|d| d.root.as_ref()?.as_map()) {
        if let Some(entry) = map.get("sops") {
            edits.push(source.remove(map, entry));
        }
    }
    Ok(splice(text, &edits))
}

/// Names and values of all fields but `age`, sorted.
fn words(fields: &Fields<'_>) -> Vec<(&'static str, String)> {
    let default = ("unencrypted_suffix", "_unencrypted".to_owned());
    let mut words = vec![
        ("lastmodified", fields.when.to_owned()),
        ("mac", fields.mac.to_owned()),
        ("version", VERSION.to_owned()),
        fields.selector.field().unwrap_or(default),
    ];
    if fields.mac_only {
        words.push(("mac_only_encrypted", "true".to_owned()));
    }
    words.sort_unstable();
    words
}

fn yaml(fields: &Fields<'_>) -> String {
    let mut text = String::from("sops:\n    age:\n");
    for (recipient, enc) in fields.wrapped {
        text.push_str("        - enc: |\n");
        for line in enc.lines() {
            let _ = writeln!(text, "            {line}");
        }
        let _ = writeln!(text, "          recipient: {}", one_line(recipient));
    }
    for (name, value) in words(fields) {
        let value = match name {
            "mac" | "mac_only_encrypted" | "version" => value,
            "lastmodified" => format!("\"{value}\""),
            _ => one_line(&value),
        };
        let _ = writeln!(text, "    {name}: {value}");
    }
    text
}

/// The block as a JSON value, one level in. One blank behind each colon: Flux looks for that (secrets.md 1.14, trap 10).
fn json(fields: &Fields<'_>, level: &str) -> String {
    let quoted = |text: &str| to_json(&Node::string(text));
    let mut text = format!("{{\n{level}{level}\"age\": [");
    for (index, (recipient, enc)) in fields.wrapped.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let (enc, recipient) = (quoted(enc), quoted(recipient));
        let (item, inner) = (level.repeat(3), level.repeat(4));
        let _ = write!(
            text,
            "{comma}\n{item}{{\n{inner}\"enc\": {enc},\n{inner}\"recipient\": {recipient}\n{item}}}"
        );
    }
    let _ = write!(text, "\n{level}{level}]");
    for (name, value) in words(fields) {
        let value = if name == "mac_only_encrypted" { value } else { quoted(&value) };
        let _ = write!(text, ",\n{level}{level}\"{name}\": {value}");
    }
    let _ = write!(text, "\n{level}}}");
    text
}
