//! Where a key stands that a person names: under `stringData` or `data`, at the top, in a section, or by its path with dots.

use super::edit::not_writable;
use super::walk::is_block;
use crate::model::{Problem, Reason, clean};
use crate::yaml::source::{Content, Item, Map, Source, Syntax};
use std::sync::Arc;

/// A place for a value.
pub(super) struct Place {
    /// Number of the document, from 0.
    pub(super) document: usize,
    /// The keys from the root.
    pub(super) path: Vec<Arc<str>>,
    /// Under `stringData` or `data`.
    pub(super) in_secret: bool,
}

const HOLDERS: [&str; 2] = ["stringData", "data"];
/// Levels that are searched for a path.
const DEEPEST: usize = 32;

/// The mapping that holds the last key of a path. INI may have a section more than once: the one that has the key.
pub(super) fn parent<'s, 't>(
    source: &'s Source<'t>,
    document: usize,
    path: &[Arc<str>],
) -> Option<&'s Map<'t>> {
    let (last, parents) = path.split_last()?;
    let root = source.documents.get(document)?.root.as_ref()?.as_map()?;
    if let (Syntax::Ini, [section]) = (source.syntax, parents) {
        let maps = || root.entries().filter(|e| *e.key.text == **section).filter_map(|e| e.value.as_map());
        // Of the two ways to write DEFAULT the one with a header may be the only one that has keys.
        return maps().find(|map| map.get(last).is_some()).or_else(|| maps().next());
    }
    parents.iter().try_fold(root, |map, part| map.get(part)?.value.as_map())
}

/// The place of a key that is there; `None` if there is none. A name that means several is refused.
pub(super) fn existing(source: &Source<'_>, file: &str, key: &str) -> Result<Option<Place>, Problem> {
    let roots = || source.documents.iter().filter_map(|d| Some((d.index, d.root.as_ref()?.as_map()?)));
    let place = |document: usize, path: Vec<Arc<str>>, in_secret| Place { document, path, in_secret };
    for (document, root) in roots() {
        if source.syntax == Syntax::Ini {
            break;
        }
        let holder = HOLDERS.into_iter().find(|h| root.get(h).is_some_and(|e| e.value.get(key).is_some()));
        if let Some(holder) = holder {
            return Ok(Some(place(document, vec![holder.into(), key.into()], true)));
        }
        if root.get(key).is_some() && !is_block(source.syntax, key) {
            let count = root.entries().filter(|entry| entry.key.text == key).count();
            return if count == 1 {
                Ok(Some(place(document, vec![key.into()], false)))
            } else {
                Err(several(file, key))
            };
        }
    }
    let mut found = Vec::new();
    for (document, root) in roots() {
        let mut path = Vec::new();
        search(source.syntax, root, key, &mut path, &mut |path| found.push((document, path.to_vec())));
    }
    // In INI a key without a section may be meant, or the one section that has it.
    if found.is_empty() && source.syntax == Syntax::Ini {
        for (document, root) in roots() {
            for section in root.entries().filter(|e| !is_block(Syntax::Ini, &e.key.text)) {
                if section.value.get(key).is_some() {
                    found.push((document, vec![section.key.text.as_ref().into(), key.into()]));
                }
            }
        }
    }
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop().map(|(document, path)| place(document, path, false))),
        _ => Err(several(file, key)),
    }
}

pub(super) fn several(file: &str, key: &str) -> Problem {
    Problem::error(Reason::Refused, format!("`{}` means more than one key", clean(key)))
        .at(file, 0)
        .next("name it with what it stands in: `section.key`")
}

/// All paths whose keys, joined with dots, are this text.
fn search(
    syntax: Syntax,
    map: &Map<'_>,
    rest: &str,
    path: &mut Vec<Arc<str>>,
    found: &mut dyn FnMut(&[Arc<str>]),
) {
    for entry in map.entries() {
        let key = &*entry.key.text;
        if path.is_empty() && is_block(syntax, key) {
            continue;
        }
        let Some(behind) = rest.strip_prefix(key) else { continue };
        path.push(key.into());
        if behind.is_empty() && path.len() > 1 {
            found(path);
        } else if let (Some(behind), Some(map)) = (behind.strip_prefix('.'), entry.value.as_map())
            && path.len() < DEEPEST
        {
            search(syntax, map, behind, path, found);
        }
        path.pop();
    }
}

/// The place of a new key. What is no text belongs under `data`.
pub(super) fn new(source: &Source<'_>, file: &str, key: &str, is_text: bool) -> Result<Place, Problem> {
    let roots = || source.documents.iter().filter_map(|d| Some((d.index, d.root.as_ref()?.as_map()?)));
    let place = |document, path: &[&str], in_secret| {
        Ok(Place { document, path: path.iter().map(|p| Arc::from(*p)).collect(), in_secret })
    };
    let reserved = |name: &str| {
        let cause = format!("`{}` is a name that SOPS keeps for its block", clean(name));
        Err(Problem::error(Reason::Refused, cause).at(file, 0).next("give the key another name"))
    };
    if source.syntax == Syntax::Ini {
        let root = roots().next().map(|(_, root)| root);
        let sections = root.into_iter().flat_map(Map::entries).map(|e| &*e.key.text);
        let known = sections.filter_map(|s| Some((s, key.strip_prefix(s)?.strip_prefix('.')?)));
        let known = known.max_by_key(|(section, _)| section.len());
        let (section, name) = known.or_else(|| key.rsplit_once('.')).unwrap_or(("DEFAULT", key));
        return if section == "sops" { reserved(section) } else { place(0, &[section, name], false) };
    }
    if source.syntax == Syntax::Dotenv && source.written_key(key).is_none() {
        return Err(not_writable(source, file, "key"));
    }
    for (document, root) in roots().filter(|_| source.syntax != Syntax::Dotenv) {
        if root.get("data").is_some_and(|e| is_envelope(root, &e.value)) {
            let cause = "a binary file has one value, `data`";
            return Err(Problem::error(Reason::Refused, cause).at(file, 0).next("set `data`"));
        }
        let holds = |holder: &str| root.get(holder).is_some_and(|e| e.value.as_map().is_some());
        let mut holders = HOLDERS;
        if !is_text {
            holders.reverse();
        }
        if let Some(holder) = holders.into_iter().find(|holder| holds(holder)) {
            return place(document, &[holder, key], true);
        }
    }
    if is_block(source.syntax, key) {
        return reserved(key);
    }
    let (document, root) = roots().next().map_or((0, None), |(document, root)| (document, Some(root)));
    // Under the deepest mapping that the path leads into.
    let parts: Vec<&str> = key.split('.').collect();
    for count in (1..parts.len()).rev() {
        let parents = &parts[..count];
        let inside = root.and_then(|root| parents.iter().try_fold(root, |map, p| map.get(p)?.value.as_map()));
        if inside.is_some() {
            let last = parts[count..].join(".");
            let path: Vec<&str> = parents.iter().copied().chain([&*last]).collect();
            return place(document, &path, false);
        }
    }
    place(document, &[key], false)
}

/// True for the mapping that SOPS' binary store writes: `data`, one value, and the block.
fn is_envelope(root: &Map<'_>, data: &Item<'_>) -> bool {
    matches!(data.content, Content::Scalar(_))
        && root.entries().all(|e| matches!(&*e.key.text, "data" | "sops"))
}
