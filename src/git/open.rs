//! Opening a repository, and the handles that many threads share.

use super::error::{opening, shown};
use super::{GitError, blobs::Blobs, folder::Folders, graph::Graph, worktree::Seen};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A repository, open. Cheap to clone; every clone and every tree made from it shares its caches.
///
/// libgit2's handle may be sent between threads but not shared, so a few are kept and lent out; its object
/// store may be shared, and reading trees and files goes through that alone, without waiting for a handle.
#[derive(Clone)]
pub struct Repo {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// The `.git` folder of this worktree.
    pub(super) git_dir: PathBuf,
    /// The `.git` folder that all worktrees share.
    pub(super) common_dir: PathBuf,
    /// The worktree; `None` in a bare repository.
    pub(super) workdir: Option<PathBuf>,
    pub(super) odb: git2::Odb<'static>,
    pub(super) folders: Folders,
    pub(super) blobs: Blobs,
    pub(super) graph: Graph,
    pub(super) seen: Mutex<Seen>,
    handles: Mutex<Vec<git2::Repository>>,
}

/// More idle handles than this are closed again.
const IDLE_HANDLES: usize = 8;

impl Repo {
    /// Opens the repository that holds `path`, looking upward as git does.
    ///
    /// A bare, empty or unborn repository opens well: what it lacks is said by [`Repo::status`] and by the
    /// calls that need it. A commit that a killed process of ours left half done is finished first
    /// ([`Repo::commit`] tells how).
    pub fn open(path: &Path) -> Result<Self, GitError> {
        // As git itself reads: zlib's checksum finds what was damaged, and hashing each object again took a fifteenth
        // of a rendering. `git fsck` is for those who want to know.
        git2::opts::strict_hash_verification(false);
        let handle = git2::Repository::discover(path).map_err(|error| opening(path, &error))?;
        refuse_foreign_formats(&handle)?;
        let common_dir = handle.commondir().to_path_buf();
        let inner = Inner {
            git_dir: handle.path().to_path_buf(),
            workdir: handle.workdir().map(Path::to_path_buf),
            odb: object_store(&common_dir)?,
            folders: Folders::default(),
            blobs: Blobs::default(),
            graph: Graph::new(&common_dir),
            seen: Mutex::default(),
            common_dir,
            handles: Mutex::new(vec![handle]),
        };
        let repo = Self { inner: Arc::new(inner) };
        repo.finish_interrupted();
        Ok(repo)
    }

    /// The folder that holds the files; the `.git` folder of a bare repository.
    pub fn root(&self) -> &Path {
        self.inner.workdir.as_deref().unwrap_or(&self.inner.git_dir)
    }

    pub(super) fn workdir(&self) -> Result<&Path, GitError> {
        self.inner.workdir.as_deref().ok_or(GitError::Bare)
    }

    /// Lends a handle of libgit2 for one task.
    pub(super) fn with<T>(
        &self,
        task: impl FnOnce(&git2::Repository) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        self.inner.with(task)
    }
}

impl Inner {
    pub(super) fn with<T>(
        &self,
        task: impl FnOnce(&git2::Repository) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let idle = self.idle().pop();
        let handle = match idle {
            Some(handle) => handle,
            None => git2::Repository::open(&self.git_dir).map_err(|error| opening(&self.git_dir, &error))?,
        };
        let result = task(&handle);
        let mut idle = self.idle();
        if idle.len() < IDLE_HANDLES {
            idle.push(handle);
        }
        result
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<git2::Repository>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// libgit2 opens some formats and then reads them wrongly or not at all, so they are named here.
fn refuse_foreign_formats(handle: &git2::Repository) -> Result<(), GitError> {
    let unsupported = |what: &str, next: &str| {
        Err(GitError::Unsupported {
            path: shown(handle.path()),
            what: what.to_owned(),
            next: next.to_owned(),
        })
    };
    if handle.object_format() != git2::ObjectFormat::Sha1 {
        return unsupported("SHA-256 object ids", "use a repository with SHA-1 ids");
    }
    if handle.commondir().join("reftable").is_dir() {
        return unsupported("the reftable format", "git refs migrate --ref-format=files");
    }
    Ok(())
}

fn object_store(common_dir: &Path) -> Result<git2::Odb<'static>, GitError> {
    let objects = common_dir.join("objects");
    let failed = GitError::store("cannot open the object store");
    let odb = git2::Odb::new().map_err(&failed)?;
    let text = objects.to_str().ok_or_else(|| GitError::Unsupported {
        path: shown(&objects),
        what: "a folder name that is not UTF-8".to_owned(),
        next: "move the clone to a folder with a plain name".to_owned(),
    })?;
    odb.add_disk_alternate(text).map_err(&failed)?;
    Ok(odb)
}
