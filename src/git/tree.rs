//! `Tree` for a commit, and the door to the trees of every revision.

use super::folder::{Folder, Named, kind_of, mode, read_object};
use super::open::Inner;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId, EntryKind, Revision, Tree, TreeEntry, TreeError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Larger files are not read: no configuration is that long, and a screen must not wait for a video.
pub const LARGEST_FILE: u64 = 20 << 20;

/// Content that stands at more paths than this beside its first one is named at so many.
const MOST_PLACES: usize = 4;
/// Deeper folders are not looked into; only a hostile tree has them.
pub(super) const DEEPEST: usize = 512;

impl Repo {
    /// The files of a revision.
    ///
    /// Trees of commits are lazy and never grow old. Those of the index and the worktree are taken at the
    /// moment of the call; what is equal to a commit has the commit's ids.
    /// Names that are not plain text are kept out of all of them; [`Repo::problems`] tells which.
    pub fn tree(&self, revision: Revision) -> Result<Arc<dyn Tree>, GitError> {
        Ok(match revision {
            Revision::Commit(id) => Arc::new(self.commit_tree(id)?),
            Revision::Index => Arc::new(self.index_tree()?),
            Revision::Worktree => Arc::new(self.worktree_tree()?),
        })
    }

    pub(super) fn commit_tree(&self, id: CommitId) -> Result<CommitTree, GitError> {
        Ok(CommitTree::new(self.inner.clone(), self.node(id)?.tree))
    }
}

/// The files of one commit.
pub(super) struct CommitTree {
    pub(super) inner: Arc<Inner>,
    pub(super) root: ContentId,
    /// Folders by path, as they were looked for: a build asks for many things in few of them.
    paths: Mutex<HashMap<Box<str>, Option<Arc<Folder>>>>,
}

impl CommitTree {
    pub(super) fn new(inner: Arc<Inner>, root: ContentId) -> Self {
        Self { inner, root, paths: Mutex::default() }
    }

    pub(super) fn folder(&self, id: ContentId) -> Result<Arc<Folder>, TreeError> {
        self.inner.folders.get(&self.inner.odb, id)
    }

    /// The entry with git's mode.
    pub(super) fn named(&self, path: &str) -> Result<Option<Named>, TreeError> {
        if path.is_empty() {
            return Ok(Some(Named { name: "".into(), mode: mode::FOLDER, id: self.root }));
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(self.folder_at(above, 0)?.and_then(|folder| folder.get(name).cloned()))
    }

    /// The folder at a path; `None` if there is none.
    fn folder_at(&self, path: &str, depth: usize) -> Result<Option<Arc<Folder>>, TreeError> {
        if let Some(known) = self.paths.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(known.clone());
        }
        let found = if path.is_empty() {
            Some(self.folder(self.root)?)
        } else if depth > DEEPEST {
            None
        } else {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            let above = self.folder_at(above, depth + 1)?;
            let entry = above.as_ref().and_then(|folder| folder.get(name));
            match entry.filter(|entry| kind_of(entry.mode) == EntryKind::Folder) {
                Some(entry) => Some(self.folder(entry.id)?),
                None => None,
            }
        };
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.insert(path.into(), found.clone());
        Ok(found)
    }
}

impl Tree for CommitTree {
    fn id(&self) -> ContentId {
        self.root
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(self.named(path)?.map(|named| named.entry()))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        Ok(self.folder_at(path, 0)?.map(|folder| folder.list()))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.inner.blob(id).map_err(|error| placed(self, id, error))
    }
}

/// For content that is too large the same error with the paths at which it stands in the tree: its id tells a person
/// nothing. (Of a damaged object the id is what git is asked about.)
pub(super) fn placed(tree: &dyn Tree, id: ContentId, error: TreeError) -> TreeError {
    let TreeError::TooLarge { bytes, limit, .. } = error else { return error };
    let mut found = Vec::new();
    let mut open = vec![(String::new(), 0)];
    while let Some((folder, depth)) = open.pop() {
        // Another part of the tree that cannot be read is not what this is about.
        for (name, entry) in tree.list(&folder).ok().flatten().unwrap_or_default() {
            let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
            match entry.kind {
                EntryKind::Folder if depth < DEEPEST => open.push((path, depth + 1)),
                EntryKind::File | EntryKind::Link if entry.id == id => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    let mut paths = found.into_iter();
    let Some(mut named) = paths.next() else {
        return TreeError::TooLarge { path: id.to_string(), bytes, limit };
    };
    let others: Vec<String> = paths.by_ref().take(MOST_PLACES).collect();
    if !others.is_empty() {
        let more = match paths.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        named = format!("{named} (also at {}{more})", others.join(", "));
    }
    TreeError::TooLarge { path: named, bytes, limit }
}

impl Inner {
    /// The bytes of a file in the object store.
    pub(super) fn blob(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        if let Some(known) = self.blobs.get(id) {
            return Ok(known);
        }
        // The size first: a compressed bomb must not be unpacked to be refused.
        if let Ok((bytes, _)) = self.odb.read_header(super::ids::oid(id.0)) {
            within_limit(&id.to_string(), bytes as u64)?;
        }
        let bytes: Arc<[u8]> = read_object(&self.odb, id, git2::ObjectType::Blob)?.data().into();
        self.blobs.keep(id, &bytes);
        Ok(bytes)
    }
}

pub(super) fn within_limit(path: &str, bytes: u64) -> Result<(), TreeError> {
    if bytes > LARGEST_FILE {
        return Err(TreeError::TooLarge { path: path.to_owned(), bytes, limit: LARGEST_FILE });
    }
    Ok(())
}
