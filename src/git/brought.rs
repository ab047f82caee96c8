//! What commits brought, for a look at all of history: each commit compared with its first parent, and nothing kept.

use super::folder::{RawEntry, kind_of, plain_name, raw_entries, read_object};
use super::tree::DEEPEST;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId, EntryKind, TreeError};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Trees that are kept from one commit to the next, which shares most of them.
const KEPT: usize = 512;

/// Files that a commit brought, with what they hold: every content that its first parent does not have there.
pub type Brought = Vec<(Arc<str>, ContentId)>;

/// While this lives, libgit2 keeps no commits and trees of its own: it would hold up to 256 MiB of what is read once.
pub struct Sparing(());

impl Drop for Sparing {
    fn drop(&mut self) {
        git2::opts::enable_caching(true);
    }
}

impl Repo {
    /// For a walk through all of history: memory is spared until what is given back is dropped. It counts for all
    /// repositories of the process, which are slower meanwhile and otherwise the same.
    pub fn sparing(&self) -> Sparing {
        git2::opts::enable_caching(false);
        Sparing(())
    }

    /// What each of these commits brought; neighbours in history are best asked for together. Where a shallow clone ends
    /// nobody knows ([`GitError::Shallow`]).
    pub fn brought(&self, commits: &[CommitId]) -> Vec<(CommitId, Result<Brought, GitError>)> {
        let history = self.history();
        let mut trees = Trees { repo: self, kept: HashMap::new() };
        let of = |commit: CommitId, trees: &mut Trees<'_>| {
            let (before, after) = history.change(commit)?;
            Ok(trees.brought(before, after)?)
        };
        commits.iter().map(|commit| (*commit, of(*commit, &mut trees))).collect()
    }
}

/// Tree objects as they are stored: taking them apart for good costs more than looking at them twice.
struct Trees<'a> {
    repo: &'a Repo,
    kept: HashMap<ContentId, Rc<[u8]>>,
}

impl Trees<'_> {
    fn read(&mut self, id: Option<ContentId>) -> Result<Rc<[u8]>, TreeError> {
        let Some(id) = id else { return Ok(Rc::default()) };
        if let Some(known) = self.kept.get(&id) {
            return Ok(known.clone());
        }
        let object = read_object(&self.repo.inner.odb, id, git2::ObjectType::Tree)?;
        let raw: Rc<[u8]> = object.data().into();
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        self.kept.insert(id, raw.clone());
        Ok(raw)
    }

    fn brought(&mut self, before: Option<ContentId>, after: ContentId) -> Result<Brought, TreeError> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), before, after, 0)];
        while let Some((path, before, after, depth)) = open.pop() {
            if before == Some(after) || depth > DEEPEST {
                continue;
            }
            let [old, new] = [self.read(before)?, self.read(Some(after))?];
            let mut old = raw_entries(&old).map_while(|entry| entry).peekable();
            for entry in raw_entries(&new) {
                let entry = entry.ok_or_else(|| super::folder::broken(after))?;
                // Where a hostile tree is not in git's order, what is the same may count as brought.
                while old.next_if(|other| order(other, &entry).is_lt()).is_some() {}
                let was = old.next_if(|other| order(other, &entry).is_eq());
                let (mode, name, id) = entry;
                if was.is_some_and(|(_, _, before)| before == id) {
                    continue;
                }
                let name = plain_name(name).map_or_else(|shown| shown, str::to_owned);
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                match kind_of(mode) {
                    EntryKind::Folder => open.push((path, was.map(|(_, _, id)| id), id, depth + 1)),
                    EntryKind::File | EntryKind::Link => found.push((path.into(), id)),
                    EntryKind::Submodule => {}
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// git's order of entries: by bytes, folders as if their names ended in a slash.
fn order(one: &RawEntry<'_>, other: &RawEntry<'_>) -> Ordering {
    let end = |mode: u32| (kind_of(mode) == EntryKind::Folder).then_some(b'/');
    one.1.iter().copied().chain(end(one.0)).cmp(other.1.iter().copied().chain(end(other.0)))
}
