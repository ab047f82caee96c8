//! The read set: what a build looked at, so that another revision can tell whether it would see the same.

use crate::model::{ContentId, EntryKind, Tree, TreeError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was seen at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Nothing is there.
    Absent,
    /// A folder is there; its content was not looked at.
    Folder,
    /// A file was read.
    File(ContentId),
    /// A link was followed.
    Link(ContentId),
    /// Something else (a submodule).
    Other,
}

/// All paths a build looked at, and what it saw there.
///
/// A build of another revision whose tree still [`holds`](ReadSet::holds) this set gives the same result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    paths: BTreeMap<Arc<str>, Seen>,
}

impl ReadSet {
    /// Notes what was seen.
    pub fn note(&mut self, path: &str, seen: Seen) {
        if self.paths.get(path) != Some(&seen) {
            self.paths.insert(path.into(), seen);
        }
    }

    /// True if `tree` shows the same at every path.
    pub fn holds(&self, tree: &dyn Tree) -> Result<bool, TreeError> {
        for (path, seen) in &self.paths {
            let entry = tree.entry(path)?;
            let same = match (seen, entry.map(|e| (e.kind, e.id))) {
                (Seen::Absent, None) | (Seen::Folder, Some((EntryKind::Folder, _))) => true,
                (Seen::File(id), Some((EntryKind::File, found)))
                | (Seen::Link(id), Some((EntryKind::Link, found))) => *id == found,
                (Seen::Other, Some((kind, _))) => kind == EntryKind::Submodule,
                _ => false,
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Paths and what was seen there, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Seen)> {
        self.paths.iter().map(|(path, seen)| (path, *seen))
    }
}
