//! A tree that notes what is looked at, so that another revision can tell whether it would see the same.

use crate::model::{ContentId, EntryKind, Listing, ObjectKey, Tree, TreeEntry, TreeError};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// One look at something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Probe {
    /// What stands at a path.
    Entry(Arc<str>),
    /// Which names a folder has.
    Names(Arc<str>),
    /// All that is in a folder, at any depth.
    Whole(Arc<str>),
    /// An object that gives variables.
    Object(ObjectKey),
}

/// What was seen. Equal sights of equal probes mean equal results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sight {
    /// Nothing is there.
    Nothing,
    /// A folder; what is in it is a probe of its own.
    Folder,
    /// A file.
    File(ContentId),
    /// A link.
    Link(ContentId),
    /// Another repository.
    Submodule,
    /// The names and kinds of a folder's entries, as a digest.
    Names([u8; 16]),
    /// A folder with all that is in it.
    Whole(ContentId),
    /// An object, by the number under which it is known.
    Object(u64),
}

/// What was looked at, and what was seen there; sorted by probe.
pub(super) type Record = Vec<(Probe, Sight)>;

#[derive(Default)]
struct Notes {
    entries: HashMap<Arc<str>, Sight>,
    names: HashMap<Arc<str>, Sight>,
    known: HashSet<ContentId>,
    /// True once something was read that no probe stands for.
    spoiled: bool,
}

/// A tree under observation.
pub(super) struct Recorded<'t> {
    tree: &'t dyn Tree,
    notes: Mutex<Notes>,
}

impl<'t> Recorded<'t> {
    pub fn new(tree: &'t dyn Tree) -> Self {
        Self { tree, notes: Mutex::default() }
    }

    /// What was looked at; `None` if something was read that another revision cannot be asked about.
    pub fn finish(self) -> Option<Record> {
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        if notes.spoiled {
            return None;
        }
        let entries = notes.entries.into_iter().map(|(path, sight)| (Probe::Entry(path), sight));
        let names = notes.names.into_iter().map(|(path, sight)| (Probe::Names(path), sight));
        let mut record: Record = entries.chain(names).collect();
        record.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Some(record)
    }

    fn note<T>(&self, seen: Result<T, TreeError>, into: impl FnOnce(&mut Notes, &T)) -> Result<T, TreeError> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match &seen {
            Ok(seen) => into(&mut notes, seen),
            // What cannot be read now may be read the next time.
            Err(_) => notes.spoiled = true,
        }
        seen
    }
}

impl Tree for Recorded<'_> {
    fn id(&self) -> ContentId {
        self.tree.id()
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        self.note(self.tree.entry(path), |notes, entry| {
            if !notes.entries.contains_key(path) {
                notes.entries.insert(path.into(), of_entry(*entry));
                notes.known.extend(entry.map(|entry| entry.id));
            }
        })
    }

    fn list(&self, path: &str) -> Result<Option<Listing>, TreeError> {
        self.note(self.tree.list(path), |notes, listing| {
            if !notes.names.contains_key(path) {
                notes.names.insert(path.into(), of_names(listing.as_ref()));
            }
        })
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.note(self.tree.read(id), |notes, _| notes.spoiled |= !notes.known.contains(&id))
    }
}

/// Looks at a tree again. Objects are no part of it, and what cannot be read is seen by nobody.
pub(super) fn look(tree: &dyn Tree, probe: &Probe) -> Option<Sight> {
    match probe {
        Probe::Entry(path) => tree.entry(path).ok().map(of_entry),
        Probe::Names(path) => tree.list(path).ok().map(|listing| of_names(listing.as_ref())),
        Probe::Whole(path) if path.is_empty() => Some(Sight::Whole(tree.id())),
        Probe::Whole(path) => tree.entry(path).ok().map(|entry| match entry {
            Some(entry) if entry.kind == EntryKind::Folder => Sight::Whole(entry.id),
            other => of_entry(other),
        }),
        Probe::Object(_) => None,
    }
}

fn of_entry(entry: Option<TreeEntry>) -> Sight {
    match entry.map(|entry| (entry.kind, entry.id)) {
        None => Sight::Nothing,
        Some((EntryKind::Folder, _)) => Sight::Folder,
        Some((EntryKind::File, id)) => Sight::File(id),
        Some((EntryKind::Link, id)) => Sight::Link(id),
        Some((EntryKind::Submodule, _)) => Sight::Submodule,
    }
}

fn of_names(listing: Option<&Listing>) -> Sight {
    let Some(listing) = listing else { return Sight::Nothing };
    let mut hash = Sha256::new();
    for (name, entry) in listing {
        hash.update(name.as_bytes());
        hash.update(match entry.kind {
            EntryKind::File => b"\0f",
            EntryKind::Folder => b"\0d",
            EntryKind::Link => b"\0l",
            EntryKind::Submodule => b"\0s",
        });
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    Sight::Names(short)
}

/// The folder that a probe is about, with all that is in it; where that is the same, so is what the probe shows.
pub(super) fn folder_of(probe: &Probe) -> Option<Probe> {
    match probe {
        Probe::Entry(path) => {
            Some(Probe::Whole(path.rsplit_once('/').map_or("", |(folder, _)| folder).into()))
        }
        Probe::Names(path) | Probe::Whole(path) => Some(Probe::Whole(path.clone())),
        Probe::Object(_) => None,
    }
}

/// True if a path is the folder or lies in it.
pub(super) fn is_inside(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Fewer and coarser probes: where they show the same, the finer ones do too.
pub(super) fn coarse(probes: &[Probe]) -> Vec<Probe> {
    let objects = probes.iter().filter(|probe| matches!(probe, Probe::Object(_))).cloned();
    let mut folders: Vec<Probe> = probes.iter().filter_map(folder_of).collect();
    folders.sort_unstable();
    folders.dedup();
    let mut tops: Vec<Probe> = Vec::new();
    for folder in folders {
        let (Probe::Whole(path), is_covered) = (&folder, |path: &str| {
            tops.iter().any(|top| matches!(top, Probe::Whole(top) if is_inside(path, top)))
        }) else {
            continue;
        };
        // A folder is sorted before all that is in it.
        if !is_covered(path) {
            tops.push(folder);
        }
    }
    tops.into_iter().chain(objects).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    #[test]
    fn what_was_seen_is_told_by_its_probes() {
        let files = Files::new(&[("a/x.yaml", "x"), ("a/y.yaml", "y")]);
        let recorded = Recorded::new(&files);
        let entry = recorded.entry("a/x.yaml").expect("in memory").expect("it is there");
        recorded.read(entry.id).expect("in memory");
        recorded.entry("a/z.yaml").expect("in memory");
        recorded.list("a").expect("in memory");
        let record = recorded.finish().expect("all was looked at first");
        let changed = |all: &[(&str, &str)]| {
            let files = Files::new(all);
            record.iter().filter(|(probe, sight)| look(&files, probe) != Some(*sight)).count()
        };
        assert_eq!(changed(&[("a/x.yaml", "x"), ("a/y.yaml", "other"), ("b", "b")]), 0);
        assert_eq!(changed(&[("a/x.yaml", "other"), ("a/y.yaml", "y")]), 1);
        assert_eq!(changed(&[("a/x.yaml", "x"), ("a/y.yaml", "y"), ("a/z.yaml", "z")]), 2);
        assert_eq!(changed(&[("a/x.yaml", "x")]), 1);
    }

    #[test]
    fn folders_stand_for_all_that_is_in_them() {
        let entries = ["a/b/x", "a/b/y", "a/c/d/z", "a/b/e/w", "f"].map(|path| Probe::Entry(path.into()));
        assert_eq!(coarse(&entries[..4]), ["a/b", "a/c/d"].map(|path| Probe::Whole(path.into())));
        assert_eq!(coarse(&entries), [Probe::Whole("".into())]);
        let key = Probe::Object(ObjectKey::new("", "ConfigMap", "a", "b"));
        assert_eq!(coarse(std::slice::from_ref(&key)), [key]);
        let files = |text| Files::new(&[("a/b/x", "x"), ("a/b/e/w", text), ("g", text)]);
        let probe = Probe::Whole("a/b".into());
        assert_eq!(look(&files("1"), &probe), look(&files("1"), &probe));
        assert_ne!(look(&files("1"), &probe), look(&files("2"), &probe));
    }

    #[test]
    fn content_without_a_path_is_told_to_nobody() {
        let files = Files::new(&[("a/x.yaml", "x")]);
        let id = files.entry("a/x.yaml").expect("in memory").expect("it is there").id;
        let recorded = Recorded::new(&files);
        recorded.read(id).expect("in memory");
        assert!(recorded.finish().is_none());
    }
}
