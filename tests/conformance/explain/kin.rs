//! What else a change of one line changed: all of it has to be told to come from that line, or to follow what does.

use sealane::model::{Link, Manifest, ObjectKey};
use sealane::render::story::{at, leaves, shown, story};
use sealane::yaml::{Mark, Node};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The first field that changed although nothing says that it has to do with the line.
pub fn stranger(before: &[Arc<Manifest>], after: &[Arc<Manifest>], line: &Mark) -> Option<String> {
    let after: HashMap<&ObjectKey, &Arc<Manifest>> = after.iter().map(|m| (&m.key, m)).collect();
    for old in before {
        let Some(new) = after.get(&old.key) else { continue };
        for (path, was, is) in differences(old, new) {
            let is_kin =
                [(old, was), (new, is)].iter().any(|(m, there)| *there && comes_from(m, &path, line));
            if !is_kin {
                return Some(format!("{}:{path}", old.key));
            }
        }
    }
    None
}

/// Paths whose values differ, and in which of the two they are.
fn differences(old: &Manifest, new: &Manifest) -> Vec<(String, bool, bool)> {
    if old.body.is_shared_with(&new.body) {
        return Vec::new();
    }
    let values = |manifest: &Manifest| -> BTreeMap<String, String> {
        leaves(&manifest.body).into_iter().map(|(path, node)| (path, shown(node))).collect()
    };
    let (was, is) = (values(old), values(new));
    let changed = was.iter().filter(|(path, text)| is.get(*path) != Some(text)).map(|(path, _)| path);
    let added = is.keys().filter(|path| !was.contains_key(*path));
    changed.chain(added).map(|path| (path.clone(), was.contains_key(path), is.contains_key(path))).collect()
}

/// True if any step of the field names the line, or ties it to something that may come from it.
fn comes_from(manifest: &Manifest, path: &str, line: &Mark) -> bool {
    // Inside of an element that came or went as a whole, any of its values may tell.
    let told = story(manifest, path);
    let here = |mark: &Mark| mark.file == line.file && mark.line == line.line;
    // A block, such as a patch in a Kustomization, begins above its lines.
    let holds = |node: &Node| {
        let lines = node.scalar_text().map_or(0, |text| u32::try_from(text.lines().count()).unwrap_or(0));
        node.mark.file == line.file && (node.mark.line..=node.mark.line + lines).contains(&line.line)
    };
    at(&manifest.body, path).is_some_and(holds)
        || told.iter().any(|told| {
            here(&told.written)
                || told.because.iter().any(|because| {
                    matches!(because.link, Link::Hash | Link::Name | Link::Var | Link::Replacement)
                        || because.place.as_ref().is_some_and(here)
                })
        })
}
