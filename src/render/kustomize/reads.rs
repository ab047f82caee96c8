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
    /// A folder was listed, and its identity was this.
    Listed(ContentId),
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
    /// Notes what was seen. Reading a file or listing a folder outweighs only knowing that it is there.
    pub fn note(&mut self, path: &str, seen: Seen) {
        match self.paths.get(path) {
            Some(Seen::Listed(_)) if seen == Seen::Folder => {}
            Some(old) if *old == seen => {}
            _ => {
                self.paths.insert(path.into(), seen);
            }
        }
    }

    /// Adds all that another build read.
    pub fn merge(&mut self, other: &Self) {
        for (path, seen) in &other.paths {
            self.note(path, *seen);
        }
    }

    /// True if `tree` shows the same at every path.
    pub fn holds(&self, tree: &dyn Tree) -> Result<bool, TreeError> {
        for (path, seen) in &self.paths {
            let entry = tree.entry(path)?;
            let same = match (seen, entry.map(|e| (e.kind, e.id))) {
                (Seen::Absent, None) | (Seen::Folder, Some((EntryKind::Folder, _))) => true,
                (Seen::Listed(id), Some((EntryKind::Folder, found)))
                | (Seen::File(id), Some((EntryKind::File, found)))
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

    /// Paths of the files that were read, sorted.
    pub fn files(&self) -> impl Iterator<Item = &Arc<str>> {
        self.iter().filter(|(_, seen)| matches!(seen, Seen::File(_))).map(|(path, _)| path)
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// True if nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}
