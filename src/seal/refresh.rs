//! Changing fields of a `sops` block where they stand: what is not named keeps its bytes, known here or not
//! (secrets.md 1.8).

use super::block::{Fields, json, json_level, yaml_lines, yaml_scalar};
use super::flat::{self, flattened};
use crate::yaml::source::{Edit, Map, Source, Syntax};
use crate::yaml::{self, Node, to_json};
use std::fmt::Write as _;

/// The six selectors, of which a block has one at most.
const SELECTORS: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// The edits that bring the fields into the block of every document.
pub(super) fn edits(source: &Source<'_>, fields: &Fields<'_>) -> Vec<Edit> {
    let tree = fields.tree();
    if matches!(source.syntax, Syntax::Dotenv | Syntax::Ini) {
        return of_lines(source, fields, &tree);
    }
    let roots = source.documents.iter().filter_map(|document| document.root.as_ref()?.as_map());
    let mut edits = Vec::new();
    for root in roots {
        let Some(block) = root.get("sops").and_then(|entry| entry.value.as_map()) else { continue };
        of_block(source, root, block, fields, &tree, &mut edits);
    }
    edits
}

/// Fields that the block must not keep beside the new ones.
fn is_replaced(name: &str, fields: &Fields<'_>) -> bool {
    let keys = ["age", "key_groups", "shamir_threshold"];
    (fields.keys.is_some() && keys.contains(&name))
        || (fields.selection.is_some() && (SELECTORS.contains(&name) || name == "mac_only_encrypted"))
}

fn of_block(
    source: &Source<'_>,
    root: &Map<'_>,
    block: &Map<'_>,
    fields: &Fields<'_>,
    tree: &Node,
    edits: &mut Vec<Edit>,
) {
    let in_json = source.syntax == Syntax::Json;
    let level = json_level(source, root);
    for entry in block.entries() {
        let name = &*entry.key.text;
        match tree.get(name) {
            None if is_replaced(name, fields) => edits.push(source.remove(block, entry)),
            None => {}
            Some(new) if in_json => edits.push(source.replace(&entry.value, &json(new, level, 2))),
            Some(new) if block.flow => edits.push(source.replace(&entry.value, &to_json(new))),
            Some(new) if new.as_seq().is_some() => {
                let start = source.text[..entry.key.span.start].rfind('\n').map_or(0, |end| end + 1);
                let mut one = yaml::Map::new();
                one.set(name, new.clone());
                let text = yaml_lines(&Node::map(one), block.indent);
                edits.push(Edit { range: start..start, text: text.replace('\n', source.line_break()) });
                edits.push(source.remove(block, entry));
            }
            Some(new) => {
                let text = yaml_scalar(name, new.scalar_text().unwrap_or_default());
                edits.push(source.replace(&entry.value, &text));
            }
        }
    }
    for (name, new) in tree.as_map().into_iter().flat_map(yaml::Map::iter) {
        if block.get(name).is_some() {
            continue;
        }
        if in_json || block.flow {
            let text = if in_json { json(new, level, 2) } else { to_json(new) };
            edits.push(source.insert(block, name, &text));
        } else if new.as_seq().is_some() {
            let first = block.entries().next().map_or(block.span.start, |e| e.key.span.start);
            let start = source.text[..first].rfind('\n').map_or(0, |end| end + 1);
            let mut one = yaml::Map::new();
            one.set(name, new.clone());
            let text = yaml_lines(&Node::map(one), block.indent);
            edits.push(Edit { range: start..start, text: text.replace('\n', source.line_break()) });
        } else {
            let text = yaml_scalar(name, new.scalar_text().unwrap_or_default());
            edits.push(source.insert(block, name, &text));
        }
    }
}

fn of_lines(source: &Source<'_>, fields: &Fields<'_>, tree: &Node) -> Vec<Edit> {
    let (Some(map), Some(lines)) = (flat::holder(source), flat::lines(source)) else { return Vec::new() };
    let (many, single): (Vec<_>, Vec<_>) =
        flattened(tree).into_iter().partition(|(name, _)| name.contains("__"));
    let top = |name: &str| name.split("__").next().unwrap_or_default().to_owned();
    let mut edits = Vec::new();
    let gone: Vec<_> = lines
        .iter()
        .filter(|line| {
            let new = single.iter().any(|(name, _)| name == line.name);
            is_replaced(&top(line.name), fields) && !new
        })
        .collect();
    // New lists stand where the first of the old ones stood, else before the block's other lines.
    let place = gone.iter().map(|line| line.entry.key.span.start).find(|_| true);
    let place = place.or_else(|| lines.first().map(|line| line.entry.key.span.start));
    if let Some(place) = place.filter(|_| !many.is_empty()) {
        let start = source.text[..place].rfind('\n').map_or(0, |end| end + 1);
        let prefix = if source.syntax == Syntax::Dotenv { "sops_" } else { "" };
        let width = lines.iter().map(|l| l.name.len()).chain(many.iter().map(|(name, _)| name.len())).max();
        let width = width.unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &many {
            let _ = match source.syntax {
                Syntax::Ini => write!(text, "{name:<width$} = {value}{}", source.line_break()),
                _ => writeln!(text, "{prefix}{name}={value}"),
            };
        }
        edits.push(Edit { range: start..start, text });
    }
    edits.extend(gone.iter().map(|line| source.remove(map, line.entry)));
    for (name, value) in &single {
        edits.push(match lines.iter().find(|line| line.name == name) {
            Some(line) => source.replace(&line.entry.value, value),
            None if source.syntax == Syntax::Dotenv => source.insert(map, &format!("sops_{name}"), value),
            None => source.insert(map, name, value),
        });
    }
    edits
}
