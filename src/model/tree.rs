//! `Tree`: the files of one revision, whatever holds them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Identity of a file's content or of a whole folder: git's object id, also for files not yet in git.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId(pub [u8; 20]);

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; its content is the target.
    Link,
    /// Another repository.
    Submodule,
}

/// One entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TreeEntry {
    /// What it is.
    pub kind: EntryKind,
    /// What it holds.
    pub id: ContentId,
}

/// The entries of a folder by name.
pub type Listing = Vec<(Arc<str>, TreeEntry)>;

/// A tree that cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreeError {
    /// The object store or the disk failed.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// Path inside the repository, or the object's id.
        path: String,
        /// What the store said.
        cause: String,
    },
    /// The file is larger than the reader allows.
    #[error("{path} has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Path or id.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

impl TreeError {
    /// What a person does about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the repository with `git fsck`, and who may read the file",
            Self::TooLarge { .. } => "split it, or keep it out of the repository",
        }
    }

    /// The same error of a file whose path is known: trees read by id and name what they cannot read by it.
    #[must_use]
    pub fn of(self, path: &str) -> Self {
        match self {
            Self::Unreadable { path: id, cause } if id != path => {
                Self::Unreadable { path: format!("{path} ({id})"), cause }
            }
            Self::TooLarge { bytes, limit, .. } => Self::TooLarge { path: path.to_owned(), bytes, limit },
            same @ Self::Unreadable { .. } => same,
        }
    }
}

/// The files of one revision: a commit, the index, the worktree, or a rehearsed change on top of one.
///
/// Paths are relative to the repository, with `/`, without leading, trailing or doubled slashes; the root is `""`.
/// A symbolic link is an entry of its own: following it is the reader's affair.
pub trait Tree: Send + Sync {
    /// Identity of the whole content: equal ids mean equal files.
    fn id(&self) -> ContentId;
    /// What stands at `path`; `None` if nothing does.
    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError>;
    /// The entries of a folder by name, sorted by bytes; `None` if it is no folder.
    fn list(&self, path: &str) -> Result<Option<Listing>, TreeError>;
    /// The bytes of a file or link.
    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError>;
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", &self.to_string()[..10])
    }
}

type Blob = (ContentId, Arc<[u8]>);

/// A tree with some files changed, added or removed, for rehearsing a change that is not committed.
pub struct Overlay {
    below: Arc<dyn Tree>,
    id: ContentId,
    files: BTreeMap<String, Option<Blob>>,
}

impl Overlay {
    /// Lays changed files (`None` = removed) over `below`. `id_of` gives the content id of bytes
    /// (git's blob id), and the whole overlay's id from a summary of its changes.
    pub fn new(
        below: Arc<dyn Tree>,
        changes: impl IntoIterator<Item = (String, Option<Arc<[u8]>>)>,
        id_of: impl Fn(&[u8]) -> ContentId,
    ) -> Self {
        let files: BTreeMap<_, _> =
            changes.into_iter().map(|(path, bytes)| (path, bytes.map(|b| (id_of(&b), b)))).collect();
        let mut summary = format!("overlay {}\n", below.id()).into_bytes();
        for (path, content) in &files {
            summary.extend_from_slice(path.as_bytes());
            summary.push(0);
            summary.extend(content.as_ref().map_or([0; 20], |(id, _)| id.0));
        }
        Self { below, id: id_of(&summary), files }
    }

    fn has_changes_below(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        folder.is_empty()
            || self.files.range(prefix.clone()..).next().is_some_and(|(p, _)| p.starts_with(&prefix))
    }
}

impl Tree for Overlay {
    fn id(&self) -> ContentId {
        self.id
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        match self.files.get(path) {
            Some(Some((id, _))) => return Ok(Some(TreeEntry { kind: EntryKind::File, id: *id })),
            Some(None) => return Ok(None),
            None => {}
        }
        if !self.has_changes_below(path) {
            return self.below.entry(path);
        }
        // A folder with changed files in it exists as long as something is left in it.
        Ok(self.list(path)?.filter(|entries| !entries.is_empty() || path.is_empty()).map(|entries| {
            let mut id = self.id;
            for (index, byte) in path.bytes().enumerate() {
                id.0[index % 20] ^= byte.rotate_left(u32::try_from(entries.len() % 7).unwrap_or(0));
            }
            TreeEntry { kind: EntryKind::Folder, id }
        }))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        if !self.has_changes_below(path) {
            return self.below.list(path);
        }
        let below = self.below.list(path)?;
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut names: BTreeMap<Arc<str>, Option<TreeEntry>> =
            below.iter().flatten().map(|(name, entry)| (name.clone(), Some(*entry))).collect();
        for (changed, _) in self.files.range(prefix.clone()..).take_while(|(p, _)| p.starts_with(&prefix)) {
            let name = changed[prefix.len()..].split('/').next().unwrap_or_default();
            let entry = self.entry(&format!("{prefix}{name}"))?;
            names.insert(name.into(), entry);
        }
        if below.is_none() && names.values().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(names.into_iter().filter_map(|(name, entry)| Some((name, entry?))).collect()))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        match self.files.values().flatten().find(|(own, _)| *own == id) {
            Some((_, bytes)) => Ok(bytes.clone()),
            None => self.below.read(id),
        }
    }
}
