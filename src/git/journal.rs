//! The note that lets the next Sealane finish, or forget, what a killed one began.
//!
//! A move of a branch has a folder `<git dir>/sealane/<name>/` with everything that it will put in place:
//! the new files (`0`, `1`, …), the new index (`index`) and the note itself (`move.json`), which its process
//! holds locked. The system drops that lock when the process dies, so a note that can be locked is a dead
//! process' note.

use super::{GitError, Repo};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is going to happen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) branch: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) steps: Vec<Step>,
}

/// One file of the worktree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) path: String,
    /// The id of its content before; `None` if it is new.
    pub(super) before: Option<String>,
    /// The number of the staged file that takes its place; `None` if it goes. Only a number, since a note may
    /// come with a hostile copy of a repository and must not name files elsewhere.
    pub(super) staged: Option<usize>,
}

/// The folder of one move, held by this process.
pub(super) struct Journal {
    pub(super) folder: PathBuf,
    pub(super) note: File,
}

impl Journal {
    /// Begins one, with an empty note: killed now, nothing has happened.
    pub(super) fn begin(repo: &Repo) -> Result<Self, GitError> {
        let all = repo.journals();
        std::fs::create_dir_all(&all).map_err(GitError::disk(&all))?;
        let folder =
            tempfile::Builder::new().prefix("move-").tempdir_in(&all).map_err(GitError::disk(&all))?.keep();
        let path = folder.join("move.json");
        let note = OpenOptions::new().write(true).create_new(true).open(&path);
        let note = note.map_err(GitError::disk(&path))?;
        note.lock().map_err(GitError::disk(&path))?;
        Ok(Self { folder, note })
    }

    /// Writes the note: from here on a kill is finished by whoever comes next.
    pub(super) fn write(&mut self, note: &Note) -> Result<(), GitError> {
        let failed = GitError::disk(&self.folder);
        let text = serde_json::to_vec(note).map_err(|error| failed(error.into()))?;
        self.note.write_all(&text).map_err(&failed)?;
        self.note.sync_all().map_err(&failed)
    }

    /// The lock of the index, that git's own programs honour; it names this folder, so that it can be told
    /// from the lock of another program.
    pub(super) fn lock_index(&self, repo: &Repo) -> Result<(), GitError> {
        let path = repo.index_lock();
        let name = name_of(&self.folder);
        let aside = self.folder.join("lock");
        std::fs::write(&aside, &name).map_err(GitError::disk(&aside))?;
        // A link appears with its content at once; not every file system has links.
        let linked = std::fs::hard_link(&aside, &path).or_else(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(name.as_bytes())
        });
        linked.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => GitError::Locked { file: super::error::shown(&path) },
            _ => GitError::disk(&path)(error),
        })
    }

    /// Ends it, done or given up.
    pub(super) fn end(self, repo: &Repo) {
        close(repo, &self.folder);
    }
}

impl Repo {
    fn journals(&self) -> PathBuf {
        self.inner.git_dir.join("sealane")
    }

    pub(super) fn index_lock(&self) -> PathBuf {
        self.inner.git_dir.join("index.lock")
    }

    /// Whether a killed process left something half done that could not be finished.
    pub(super) fn is_unfinished(&self) -> bool {
        self.dead_journals().next().is_some()
    }

    /// Finishes moves of killed processes whose branch has moved, and clears away those whose branch has not.
    /// What cannot be finished now is told by [`super::Status::unfinished`].
    pub(super) fn finish_interrupted(&self) {
        let dead: Vec<(PathBuf, File, String)> = self.dead_journals().collect();
        for (folder, _held, text) in dead {
            let note: Note = serde_json::from_str(&text).unwrap_or_default();
            let moved = self.branch_tip(&note.branch).ok().flatten().map(|tip| tip.to_string());
            let is_ours = self.holds_index_lock(&folder);
            let done = moved.as_ref() != Some(&note.to)
                || note.to.is_empty()
                || !is_ours
                || self.put_in_place(&note, &folder).is_ok();
            if done {
                close(self, &folder);
            }
        }
    }

    fn holds_index_lock(&self, folder: &Path) -> bool {
        std::fs::read(self.index_lock()).is_ok_and(|text| text == name_of(folder).as_bytes())
    }

    /// Folders of moves with their note, locked by us now: their own process is gone.
    fn dead_journals(&self) -> impl Iterator<Item = (PathBuf, File, String)> {
        let folders = std::fs::read_dir(self.journals()).into_iter().flatten().flatten();
        let folders = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.map(|entry| entry.path()).filter_map(|folder| {
            let path = folder.join("move.json");
            let Ok(mut note) = OpenOptions::new().read(true).write(true).open(&path) else {
                clear_if_old(&folder);
                return None;
            };
            match note.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
            }
            let mut text = String::new();
            note.read_to_string(&mut text).ok()?;
            Some((folder, note, text))
        })
    }
}

/// A folder without a note was made a moment ago, or by a process that died in that moment.
fn clear_if_old(folder: &Path) {
    let age = std::fs::metadata(folder).and_then(|meta| meta.modified()).ok();
    if age.and_then(|age| age.elapsed().ok()).is_some_and(|age| age > Duration::from_mins(1)) {
        // Nothing refers to it; whoever comes next tries again.
        drop(std::fs::remove_dir_all(folder));
    }
}

/// Drops our index lock first: then the folder only takes room.
fn close(repo: &Repo, folder: &Path) {
    if repo.holds_index_lock(folder) {
        // Gone already is as good.
        drop(std::fs::remove_file(repo.index_lock()));
    }
    drop(std::fs::remove_dir_all(folder));
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map_or_else(String::new, |name| format!("sealane {}", name.to_string_lossy()))
}
