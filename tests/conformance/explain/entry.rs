//! Whether the entry that a step names is there: `patches[2]` of a kustomization, `spec.images` of a Flux Kustomization.

use super::world::Repository;
use sealane::render::story::{Told, at};
use sealane::yaml::{Dialect, Limits, Node, read_stream};

/// Why the entry is not what the step says; `None` if it is.
pub fn wrong(repository: &Repository, told: &Told) -> Option<String> {
    let Some(field) = told.place.field.as_deref() else {
        let exists = repository.bytes(&told.place.file).is_some();
        // A generated kustomization has no file.
        let made = told.place.file.ends_with("kustomization.yaml");
        return (!exists && !made).then(|| format!("there is no {}", told.place.file));
    };
    let Some(bytes) = repository.bytes(&told.place.file) else {
        return Some(format!("{}: there is no such file", told.place));
    };
    let stream = read_stream(&bytes, &told.place.file, Dialect::Resource, &Limits::default());
    let is_plugin = field.contains('/');
    let found = stream.documents.iter().map(|document| &document.root).find_map(|root| {
        let is_it =
            root.at_path(&["metadata", "name"]).and_then(Node::scalar_text) == field.split('/').nth(1);
        if is_plugin { is_it.then_some(root) } else { entry(root, field, told.place.line) }
    });
    let Some(entry) = found else {
        // A Kustomization may get the field by a patch: then the line stands in that.
        let name = field.rsplit('.').next().unwrap_or(field);
        let text = String::from_utf8_lossy(&bytes);
        let number = usize::try_from(told.place.line).unwrap_or(0);
        let is_there = text.lines().skip(number.saturating_sub(2)).take(2).any(|line| line.contains(name));
        return (!is_there).then(|| format!("{}: there is no such entry", told.place));
    };
    let named = entry.get("path").and_then(Node::scalar_text).or_else(|| entry.scalar_text());
    let file = told.through.as_deref()?;
    let is_named = named.is_some_and(|named| file.ends_with(named.trim_start_matches(['.', '/'])));
    (!is_named).then(|| format!("{} names {named:?}, not {file}", told.place))
}

/// The entry, if it stands at or around the line.
fn entry<'n>(root: &'n Node, field: &str, line: u32) -> Option<&'n Node> {
    let found = at(root, field)?;
    let (first, last) = (found.mark.line, last_line(found));
    (first <= line && line <= last.max(first)).then_some(found)
}

fn last_line(node: &Node) -> u32 {
    let below = node.as_map().into_iter().flat_map(|map| map.iter().map(|(_, value)| last_line(value)));
    let items = node.as_seq().into_iter().flatten().map(last_line);
    below.chain(items).max().unwrap_or(0).max(node.mark.line)
}
