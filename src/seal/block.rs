//! Writing the `sops` block: fields sorted by name, as sops 3.13 does, and shaped so that Flux and helm-secrets find it
//! (secrets.md 1.8, 1.14).

use super::flat::flattened;
use super::open::broken;
use super::rules::Selector;
use super::walk::read_as;
use crate::model::{Problem, Reason, SealedFormat};
use crate::yaml::source::{Document, Edit, Map, Source, Syntax, one_line, splice};
use crate::yaml::{self, Node, to_json};
use std::fmt::Write as _;
use std::sync::Arc;

/// The version of SOPS whose format is written.
pub(super) const VERSION: &str = "3.13.3";

/// A recipient and the armored age file that holds the data key, or a share of it, for them.
pub(super) type WrappedFor = (Arc<str>, String);

/// What is to stand in a block; nothing leaves the fields as they are.
#[derive(Default)]
pub(super) struct Fields<'a> {
    /// Key groups, and how many of several have to work together.
    pub(super) keys: Option<(&'a [Vec<WrappedFor>], usize)>,
    /// `lastmodified` and `mac`.
    pub(super) stamp: Option<(&'a str, &'a str)>,
    /// Which leaves are sealed, and whether only those count for the MAC.
    pub(super) selection: Option<(&'a Selector, bool)>,
    /// The version is raised to the one whose format is written.
    pub(super) version: bool,
}

impl Fields<'_> {
    /// The fields that are to stand, sorted.
    pub(super) fn tree(&self) -> Node {
        let mut fields = std::collections::BTreeMap::new();
        if let Some((groups, threshold)) = self.keys {
            match groups {
                [one] => drop(fields.insert("age", age(one))),
                many => {
                    let node = |group: &Vec<WrappedFor>| {
                        let mut map = yaml::Map::new();
                        map.set("age", age(group));
                        Node::map(map)
                    };
                    fields.insert("key_groups", Node::seq(many.iter().map(node).collect()));
                    fields.insert("shamir_threshold", Node::int(i64::try_from(threshold).unwrap_or(0)));
                }
            }
        }
        if let Some((when, mac)) = self.stamp {
            fields.insert("lastmodified", Node::string(when));
            fields.insert("mac", Node::string(mac));
        }
        if let Some((selector, mac_only)) = self.selection {
            let (name, value) =
                selector.field().unwrap_or_else(|| ("unencrypted_suffix", "_unencrypted".to_owned()));
            fields.insert(name, Node::string(value));
            if mac_only {
                fields.insert("mac_only_encrypted", Node::bool(true));
            }
        }
        if self.version {
            fields.insert("version", Node::string(VERSION));
        }
        let mut map = yaml::Map::new();
        for (name, node) in fields {
            map.set(name, node);
        }
        Node::map(map)
    }
}

fn age(group: &[WrappedFor]) -> Node {
    let one = |(recipient, enc): &WrappedFor| {
        let mut map = yaml::Map::new();
        map.set("enc", Node::string(enc.as_str()));
        map.set("recipient", Node::string(recipient.clone()));
        Node::map(map)
    };
    Node::seq(group.iter().map(one).collect())
}

/// Appends the block to every document of a text.
pub(super) fn append(
    text: &str,
    file: &str,
    format: SealedFormat,
    fields: &Fields<'_>,
) -> Result<String, Problem> {
    let source = read_as(text.as_bytes(), file, format)?;
    let tree = fields.tree();
    let mut edits = Vec::new();
    for document in source.documents.iter().filter(|d| d.root.is_some()) {
        edits.push(appended(&source, document, file, &tree)?);
    }
    Ok(splice(text, &edits))
}

fn appended(source: &Source<'_>, document: &Document<'_>, file: &str, tree: &Node) -> Result<Edit, Problem> {
    let map = document.root.as_ref().and_then(|root| root.as_map());
    let map =
        map.ok_or_else(|| broken(file, 0, "the top of a sealed document must be a mapping".to_owned()).0)?;
    match source.syntax {
        Syntax::Dotenv | Syntax::Ini => return Ok(appended_lines(source, tree)),
        Syntax::Json => return Ok(source.insert(map, "sops", &json(tree, json_level(source, map), 1))),
        Syntax::Yaml => {}
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
    Ok(source.append(document, &format!("sops:\n{}", yaml_lines(tree, 4))))
}

/// The block of dotenv and INI, behind all that is there.
fn appended_lines(source: &Source<'_>, tree: &Node) -> Edit {
    let lines = flattened(tree);
    let mut text = String::new();
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        text.push('\n');
    }
    if source.syntax == Syntax::Ini {
        let before = source.text.trim_end_matches(['\r', '\n']).len();
        if before > 0 && source.text[before..].matches('\n').count() < 2 {
            text.push('\n');
        }
        text.push_str("[sops]\n");
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in lines {
        let _ = if source.syntax == Syntax::Ini {
            writeln!(text, "{name:<width$} = {value}")
        } else {
            writeln!(text, "sops_{name}={value}")
        };
    }
    let end = source.text.len();
    Edit { range: end..end, text }
}

/// What one level is in this JSON: what stands before its first key; a tab where all is on one line, as sops indents.
pub(super) fn json_level<'t>(source: &Source<'t>, root: &Map<'_>) -> &'t str {
    let first = root.entries().next().map_or(0, |e| e.key.span.start);
    let start = source.text[..first].rfind('\n').map_or(first, |end| end + 1);
    Some(&source.text[start..first]).filter(|l| !l.is_empty() && l.trim().is_empty()).unwrap_or("\t")
}

/// Fields as lines of YAML at an indentation.
pub(super) fn yaml_lines(tree: &Node, indent: usize) -> String {
    let mut text = String::new();
    let Some(map) = tree.as_map() else { return text };
    for (name, node) in map.iter() {
        let _ = write!(text, "{:indent$}{name}:", "");
        yaml_value(name, node, indent + 4, &mut text);
    }
    text
}

/// A value behind its colon, to the end of its last line. `inner` is where a list or a text inside it stands.
fn yaml_value(name: &str, node: &Node, inner: usize, text: &mut String) {
    if let Some(items) = node.as_seq() {
        text.push('\n');
        for map in items.iter().filter_map(Node::as_map) {
            for (index, (name, node)) in map.iter().enumerate() {
                let dash = if index == 0 { "- " } else { "  " };
                let _ = write!(text, "{:inner$}{dash}{name}:", "");
                yaml_value(name, node, inner + 4, text);
            }
        }
        return;
    }
    let value = node.scalar_text().unwrap_or_default();
    if value.contains('\n') {
        text.push_str(" |\n");
        for line in value.lines() {
            let _ = writeln!(text, "{:inner$}{line}", "");
        }
        return;
    }
    let _ = writeln!(text, " {}", yaml_scalar(name, value));
}

/// A field as it stands on its line. Flux looks for `mac: ENC[`, and a time without quotes would be one to YAML.
pub(super) fn yaml_scalar(name: &str, value: &str) -> String {
    match name {
        "mac" | "mac_only_encrypted" | "version" | "shamir_threshold" => value.to_owned(),
        "lastmodified" => format!("\"{value}\""),
        _ => one_line(value),
    }
}

/// A field as JSON, `depth` levels in. One blank behind each colon: Flux looks for that (secrets.md 1.14, trap 10).
pub(super) fn json(node: &Node, level: &str, depth: usize) -> String {
    let (inner, outer) = (level.repeat(depth + 1), level.repeat(depth));
    let parts: Vec<String> = if let Some(map) = node.as_map() {
        let entry = |(name, node): (&str, &Node)| format!("\"{name}\": {}", json(node, level, depth + 1));
        map.iter().map(entry).collect()
    } else if let Some(items) = node.as_seq() {
        items.iter().map(|item| json(item, level, depth + 1)).collect()
    } else {
        return to_json(node);
    };
    let (open, close) = if node.as_map().is_some() { ('{', '}') } else { ('[', ']') };
    format!("{open}\n{inner}{}\n{outer}{close}", parts.join(&format!(",\n{inner}")))
}
