//! The index and the files on disk, seen as git sees them.

use super::error::shown;
use super::flat::{FlatTree, Listed};
use super::folder::{mode, shown_name};
use super::ids::{content_id, id_of};
use super::tree::{LARGEST_FILE, within_limit};
use super::{GitError, Repo};
use crate::model::{ContentId, TreeError};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

/// Files of the worktree that were hashed before, by path.
#[derive(Default)]
pub(super) struct Seen {
    files: HashMap<PathBuf, (Stamp, OnDisk, ContentId)>,
    bytes: usize,
}

/// What tells that a file has not changed; the same that git compares.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    seconds: i64,
    nanos: i64,
    bytes: u64,
    inode: u64,
}

/// A content that the object store does not have.
#[derive(Clone)]
pub(super) enum OnDisk {
    /// Small: kept, so that it stays readable when the file changes.
    Kept(Arc<[u8]>),
    /// Large: read again when asked for.
    At(PathBuf),
    /// Not readable; why.
    Failed(TreeError),
}

/// Contents up to this size are kept in memory …
const KEPT_FILE: usize = 256 << 10;
/// … as long as all of them together stay below this.
const KEPT_ALL: usize = 32 << 20;

impl OnDisk {
    pub(super) fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        match self {
            Self::Kept(bytes) => Ok(bytes.clone()),
            Self::Failed(error) => Err(error.clone()),
            Self::At(path) => {
                let bytes = contents(path)?;
                // The hash also proves that no link led us elsewhere meanwhile.
                if id_of(&bytes) == id {
                    Ok(bytes.into())
                } else {
                    Err(unreadable(path, "it changed while it was read; read again"))
                }
            }
        }
    }
}

impl Repo {
    /// What is staged; where a merge left several versions, ours.
    pub(super) fn index_tree(&self) -> Result<FlatTree, GitError> {
        let entries = self.index_entries()?;
        let files = entries
            .into_iter()
            .filter(|entry| matches!(stage(entry), 0 | 2))
            .map(|entry| Listed { mode: entry.mode, id: content_id(entry.id), path: entry.path })
            .collect();
        Ok(FlatTree::new(self.inner.clone(), files, HashMap::new()))
    }

    /// The files on disk: what git tracks, as it is now, and what it would offer to add.
    ///
    /// A file that is as it was staged has the staged id and content, so a file that git converts on its
    /// way to disk (line ends, LFS) reads as it is committed. Others read byte for byte as they lie there.
    pub(super) fn worktree_tree(&self) -> Result<FlatTree, GitError> {
        let root = self.workdir()?;
        let mut files: HashMap<Vec<u8>, (u32, ContentId)> = self
            .index_entries()?
            .into_iter()
            .map(|entry| (entry.path, (entry.mode, content_id(entry.id))))
            .collect();
        let mut disk = HashMap::new();
        for (path, status) in self.differing_from_index()? {
            files.remove(&path);
            if status.contains(git2::Status::WT_DELETED) {
                continue;
            }
            if let Some((mode, id, content)) = self.look_at(&root.join(OsStr::from_bytes(&path))) {
                files.insert(path, (mode, id));
                disk.insert(id, content);
            }
        }
        let files = files.into_iter().map(|(path, (mode, id))| Listed { path, mode, id }).collect();
        Ok(FlatTree::new(self.inner.clone(), files, disk))
    }

    pub(super) fn index_entries(&self) -> Result<Vec<git2::IndexEntry>, GitError> {
        self.with(|handle| {
            let mut index = handle.index().map_err(|error| index_refused(handle, &error))?;
            index.read(false).map_err(|error| index_refused(handle, &error))?;
            Ok(index.iter().collect())
        })
    }

    fn differing_from_index(&self) -> Result<Vec<(Vec<u8>, git2::Status)>, GitError> {
        self.with(|handle| {
            let mut options = git2::StatusOptions::new();
            options
                .show(git2::StatusShow::Workdir)
                .include_untracked(true)
                .recurse_untracked_dirs(true)
                .include_unreadable(true)
                .exclude_submodules(true);
            let all =
                handle.statuses(Some(&mut options)).map_err(GitError::store("cannot read the worktree"))?;
            Ok(all
                .iter()
                // An untracked folder that is a repository of its own ends in a slash; git would not add it.
                .filter(|entry| !entry.path_bytes().ends_with(b"/"))
                .map(|entry| (entry.path_bytes().to_vec(), entry.status()))
                .collect())
        })
    }

    /// Mode, id and content of a file or link on disk; `None` if it is neither, or gone.
    fn look_at(&self, path: &Path) -> Option<(u32, ContentId, OnDisk)> {
        let meta = std::fs::symlink_metadata(path).ok()?;
        if meta.is_symlink() {
            let target = std::fs::read_link(path).ok()?;
            let target = target.as_os_str().as_bytes();
            return Some((mode::LINK, id_of(target), OnDisk::Kept(target.into())));
        }
        if !meta.is_file() {
            return None;
        }
        let mode = if meta.mode() & 0o100 == 0 { mode::FILE } else { mode::PROGRAM };
        let stamp = Stamp::of(&meta);
        let mut seen = self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, content, id)) = seen.files.get(path).filter(|(known, ..)| *known == stamp) {
            return Some((mode, *id, content.clone()));
        }
        let (id, mut content) = match load(path, &meta) {
            Ok(bytes) => (id_of(&bytes), OnDisk::Kept(bytes.into())),
            // No content to tell it by, so it is told by its name and stamp.
            Err(error) => (id_of(format!("{} {stamp:?}", path.display()).as_bytes()), OnDisk::Failed(error)),
        };
        if stamp.is_settled() {
            seen.keep(path, stamp, &content, id);
        } else if matches!(&content, OnDisk::Kept(bytes) if bytes.len() > KEPT_FILE) {
            content = OnDisk::At(path.to_owned());
        }
        Some((mode, id, content))
    }
}

impl Seen {
    /// Memory stays bounded: what is large is read again when asked for, and too much is forgotten.
    fn keep(&mut self, path: &Path, stamp: Stamp, content: &OnDisk, id: ContentId) {
        let content = match content {
            OnDisk::Kept(bytes) if bytes.len() > KEPT_FILE => OnDisk::At(path.to_owned()),
            other => other.clone(),
        };
        if let OnDisk::Kept(bytes) = &content {
            self.bytes += bytes.len();
        }
        if self.bytes > KEPT_ALL {
            *self = Self::default();
        }
        self.files.insert(path.to_owned(), (stamp, content, id));
    }
}

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} {} {}", self.seconds, self.nanos, self.bytes, self.inode)
    }
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self { seconds: meta.mtime(), nanos: meta.mtime_nsec(), bytes: meta.len(), inode: meta.ino() }
    }

    /// A file written within the clock's grain may change again without a new stamp: git's "racy" entries.
    fn is_settled(self) -> bool {
        let written = u64::try_from(self.seconds).unwrap_or(0);
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        age.saturating_sub(Duration::from_secs(written)) > Duration::from_secs(2)
    }
}

fn load(path: &Path, meta: &Metadata) -> Result<Vec<u8>, TreeError> {
    within_limit(&shown(path), meta.len())?;
    contents(path)
}

/// The bytes of a regular file; a link or pipe put there meanwhile is refused.
fn contents(path: &Path) -> Result<Vec<u8>, TreeError> {
    let failed = |error: std::io::Error| unreadable(path, &error.to_string());
    let file = super::place::open_file(path).map_err(|error| unreadable(path, &error.to_string()))?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(unreadable(path, "it was replaced while it was read; read again"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    within_limit(&shown(path), bytes.len() as u64)?;
    Ok(bytes)
}

fn unreadable(path: &Path, cause: &str) -> TreeError {
    TreeError::Unreadable { path: shown(path), cause: cause.to_owned() }
}

pub(super) fn stage(entry: &git2::IndexEntry) -> u16 {
    (entry.flags >> 12) & 3
}

/// libgit2 refuses an index with extensions that it must know and does not: `link` (split), `sdir` (sparse).
fn index_refused(handle: &git2::Repository, error: &git2::Error) -> GitError {
    let message = error.message();
    if message.contains("extension") {
        return GitError::Unsupported {
            path: shown(&handle.path().join("index")),
            what: "a split or sparse index".to_owned(),
            next: "git update-index --no-split-index, or git sparse-checkout reapply --no-sparse-index"
                .to_owned(),
        };
    }
    GitError::Store { doing: "cannot read the index", cause: shown_name(message.as_bytes()) }
}
