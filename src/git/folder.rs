//! Folders of commits: git's tree objects, parsed once and shared by every revision that holds them.

use super::ids::oid;
use crate::model::{ContentId, EntryKind, TreeEntry, TreeError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// git's file modes, the only ones that it writes.
pub(super) mod mode {
    pub(in crate::git) const FOLDER: u32 = 0o040_000;
    pub(in crate::git) const FILE: u32 = 0o100_644;
    pub(in crate::git) const PROGRAM: u32 = 0o100_755;
    pub(in crate::git) const LINK: u32 = 0o120_000;
    pub(in crate::git) const SUBMODULE: u32 = 0o160_000;
}

/// One folder of a commit, entries sorted by name.
pub(super) struct Folder {
    pub(super) entries: Vec<Named>,
    /// What is kept out because of its name, which is made safe for a screen here.
    pub(super) odd: Vec<Named>,
}

/// An entry with its name and git's mode.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) name: Arc<str>,
    pub(super) mode: u32,
    pub(super) id: ContentId,
}

/// Parsed folders by id; equal in all revisions.
#[derive(Default)]
pub(super) struct Folders(Mutex<Known>);

/// Folders by id, and how many entries they have together.
#[derive(Default)]
struct Known {
    folders: HashMap<ContentId, Arc<Folder>>,
    entries: usize,
}

/// Forgotten all at once when they have so many entries, some 30 MiB: a walk through all of history meets each folder in
/// many versions, and nobody looks at that many in one sitting.
const ENTRIES_KEPT: usize = 250_000;

impl Folders {
    pub(super) fn get(&self, odb: &git2::Odb<'_>, id: ContentId) -> Result<Arc<Folder>, TreeError> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).folders.get(&id) {
            return Ok(known.clone());
        }
        let object = read_object(odb, id, git2::ObjectType::Tree)?;
        let folder = Arc::new(Folder::parse(object.data()).ok_or_else(|| broken(id))?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.entries >= ENTRIES_KEPT {
            *known = Known::default();
        }
        known.entries += 1 + folder.entries.len() + folder.odd.len();
        known.folders.insert(id, folder.clone());
        Ok(folder)
    }
}

impl Folder {
    fn parse(raw: &[u8]) -> Option<Self> {
        let mut folder = Self { entries: Vec::new(), odd: Vec::new() };
        for entry in raw_entries(raw) {
            let (mode, name, id) = entry?;
            match plain_name(name) {
                Ok(name) => folder.entries.push(Named { name: name.into(), mode, id }),
                Err(shown) => folder.odd.push(Named { name: shown.into(), mode, id }),
            }
        }
        folder.sort();
        Some(folder)
    }

    /// git sorts folders as if their names ended in a slash; readers want plain bytes. A hostile tree may
    /// hold a name twice: git's own tools then disagree, we keep the first.
    pub(super) fn sort(&mut self) {
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        self.entries.dedup_by(|a, b| a.name == b.name);
        self.odd.sort_by(|a, b| a.name.cmp(&b.name));
    }

    pub(super) fn get(&self, name: &str) -> Option<&Named> {
        let at = self.entries.binary_search_by(|entry| entry.name.as_ref().cmp(name)).ok()?;
        self.entries.get(at)
    }

    pub(super) fn list(&self) -> Vec<(Arc<str>, TreeEntry)> {
        self.entries.iter().map(|entry| (entry.name.clone(), entry.entry())).collect()
    }
}

impl Named {
    pub(super) fn entry(&self) -> TreeEntry {
        TreeEntry { kind: kind_of(self.mode), id: self.id }
    }
}

pub(super) fn kind_of(mode: u32) -> EntryKind {
    match mode & 0o170_000 {
        mode::FOLDER => EntryKind::Folder,
        mode::LINK => EntryKind::Link,
        mode::SUBMODULE => EntryKind::Submodule,
        _ => EntryKind::File,
    }
}

/// A name that a reader may meet, or what to show of one that is kept out: names that are not UTF-8 have no
/// place in `Tree`'s paths, names with control characters or line breaks mislead screens and tools, and the
/// rest cannot be made by git itself (`git fsck`: `hasDot`, `hasDotdot`, `hasDotgit`, `fullPathname`).
pub(super) fn plain_name(name: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(name).map_err(|_| shown_name(name))?;
    let plain = !text.is_empty()
        && text != "."
        && text != ".."
        && !text.eq_ignore_ascii_case(".git")
        && !text.contains('/')
        && (text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) || harmless(text));
    if plain { Ok(text) } else { Err(shown_name(name)) }
}

fn harmless(text: &str) -> bool {
    !text.chars().any(char::is_control) && crate::model::clean(text) == text
}

/// A name for a screen, whatever is in it; a line break would break a list.
pub(super) fn shown_name(name: &[u8]) -> String {
    crate::model::clean(&String::from_utf8_lossy(name)).replace('\n', "␊")
}

/// An entry of a tree object: mode, name and id.
pub(super) type RawEntry<'a> = (u32, &'a [u8], ContentId);

/// The entries of a tree object as stored; a `None` item tells that the rest is damaged.
pub(super) fn raw_entries(mut rest: &[u8]) -> impl Iterator<Item = Option<RawEntry<'_>>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = split_entry(rest);
        rest = entry.map_or(&[], |(_, after)| after);
        Some(entry.map(|(entry, _)| entry))
    })
}

/// `<octal mode> <name>\0<20 bytes>`: gitformat-pack(5) says nothing of it, git's `tree-walk.c` does.
fn split_entry(raw: &[u8]) -> Option<(RawEntry<'_>, &[u8])> {
    let blank = raw.iter().take(8).position(|byte| *byte == b' ')?;
    let mode = u32::from_str_radix(std::str::from_utf8(&raw[..blank]).ok()?, 8).ok()?;
    let after = &raw[blank + 1..];
    let end = after.iter().position(|byte| *byte == 0)?;
    let id = after.get(end + 1..end + 21)?;
    Some(((mode, &after[..end], ContentId(id.try_into().ok()?)), &after[end + 21..]))
}

/// Reads an object and checks its kind.
pub(super) fn read_object<'a>(
    odb: &'a git2::Odb<'_>,
    id: ContentId,
    kind: git2::ObjectType,
) -> Result<git2::OdbObject<'a>, TreeError> {
    let object = odb.read(oid(id.0)).map_err(|error| TreeError::Unreadable {
        path: id.to_string(),
        cause: match error.code() {
            git2::ErrorCode::NotFound => {
                "the object is missing (a partial or damaged clone: run git fetch or git fsck)".to_owned()
            }
            _ => crate::model::clean(error.message()),
        },
    })?;
    if object.kind() == kind { Ok(object) } else { Err(broken(id)) }
}

pub(super) fn broken(id: ContentId) -> TreeError {
    TreeError::Unreadable { path: id.to_string(), cause: "the object is damaged (run git fsck)".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(raw in proptest::collection::vec(0_u8.., 0..200)) {
            if let Some(folder) = Folder::parse(&raw) {
                for named in &folder.entries {
                    proptest::prop_assert!(folder.get(&named.name).is_some());
                    proptest::prop_assert!(!named.name.contains('/') && *named.name != *"..");
                }
            }
        }

        #[test]
        fn any_names_are_kept_or_told(names in proptest::collection::vec(proptest::collection::vec(1_u8.., 1..9), 0..9)) {
            let mut raw = Vec::new();
            for name in &names {
                raw.extend_from_slice(b"100644 ");
                raw.extend_from_slice(name);
                raw.push(0);
                raw.extend_from_slice(&[7; 20]);
            }
            let folder = Folder::parse(&raw).expect("well formed");
            let different: std::collections::BTreeSet<_> = names.iter().collect();
            proptest::prop_assert!(folder.entries.len() <= different.len());
            proptest::prop_assert!(folder.entries.len() + folder.odd.len() >= different.len());
            for odd in &folder.odd {
                proptest::prop_assert!(!odd.name.chars().any(char::is_control));
            }
        }
    }
}
