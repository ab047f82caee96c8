//! A place in the worktree, reached folder by folder without following links.
//!
//! A folder swapped for a link, by accident or by somebody else, would lead a write out of the repository
//! (secrets.md 8, "worktree writes"); opened this way there is no moment in which it could.

use super::GitError;
use super::error::shown;
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The folder of a file, open, and the file's name in it.
pub(super) struct Place {
    folder: OwnedFd,
    name: String,
    path: PathBuf,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Place {
    /// Where `path` lies below `root`; `None` if a folder on the way is missing and none shall be made.
    pub(super) fn find(root: &Path, path: &str, make_folders: bool) -> Result<Option<Self>, GitError> {
        super::write::check_path(path)?;
        let full = root.join(path);
        let failed = |error: Errno| GitError::disk(&full)(error.into());
        let root_flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = fs::openat(CWD, root, root_flags, Mode::empty()).map_err(failed)?;
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        for step in above.split('/').filter(|step| !step.is_empty()) {
            if make_folders {
                match fs::mkdirat(&folder, step, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            folder = match fs::openat(&folder, step, FOLDER, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    let cause = "a folder of it is a link or a file";
                    return Err(GitError::Path { path: path.to_owned(), cause });
                }
                Err(error) => return Err(failed(error)),
            };
        }
        Ok(Some(Self { folder, name: name.to_owned(), path: full }))
    }

    /// Moves a staged file here, replacing what is here, in one step.
    pub(super) fn put(&self, staged: &Path) -> Result<(), GitError> {
        let failed = |error: Errno| GitError::disk(&self.path)(error.into());
        match fs::renameat(CWD, staged, &self.folder, self.name.as_str()) {
            Err(Errno::XDEV) => self.copy(staged),
            other => other.map_err(failed),
        }
    }

    /// A worktree may span file systems; then it is a copy beside the target and a rename.
    fn copy(&self, staged: &Path) -> Result<(), GitError> {
        let failed = |error: Errno| GitError::disk(&self.path)(error.into());
        let aside = format!(".sealane-{}", std::process::id());
        if staged.is_symlink() {
            let target = std::fs::read_link(staged).map_err(GitError::disk(staged))?;
            fs::symlinkat(target, &self.folder, aside.as_str()).map_err(failed)?;
        } else {
            let content = std::fs::read(staged).map_err(GitError::disk(staged))?;
            let meta = fs::stat(staged).map_err(failed)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(meta.st_mode);
            let new = fs::openat(&self.folder, aside.as_str(), flags, mode).map_err(failed)?;
            File::from(new).write_all(&content).map_err(GitError::disk(&self.path))?;
        }
        fs::renameat(&self.folder, aside.as_str(), &self.folder, self.name.as_str()).map_err(failed)?;
        std::fs::remove_file(staged).map_err(GitError::disk(staged))
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> Result<(), GitError> {
        match fs::unlinkat(&self.folder, self.name.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(GitError::disk(&self.path)(error.into())),
        }
    }

    fn remove_folder(&self) -> bool {
        fs::unlinkat(&self.folder, self.name.as_str(), AtFlags::REMOVEDIR).is_ok()
    }
}

/// Removes the folders of a removed file that became empty, as git does.
pub(super) fn prune(root: &Path, path: &str) {
    let mut path = path;
    while let Some((above, _)) = path.rsplit_once('/') {
        let removed =
            Place::find(root, above, false).is_ok_and(|place| place.is_some_and(|p| p.remove_folder()));
        if !removed {
            return;
        }
        path = above;
    }
}

/// Opens a regular file for reading: no link, and without waiting for the other end of a pipe.
pub(super) fn open_file(path: &Path) -> Result<File, GitError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::openat(CWD, path, flags, Mode::empty());
    file.map(File::from)
        .map_err(|error| GitError::Disk { path: shown(path), cause: std::io::Error::from(error).to_string() })
}
