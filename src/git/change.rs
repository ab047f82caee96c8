//! A change that is not committed: files to write and to remove, on top of a commit.

use super::folder::mode;
use super::ids::id_of;
use crate::model::{CommitId, Overlay, Tree};
use std::sync::Arc;

/// What kind of file to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileMode {
    /// A regular file.
    File,
    /// A file that may be executed.
    Program,
    /// A symbolic link; its content is the target.
    Link,
}

/// One file of a change.
#[derive(Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path in the repository.
    pub path: Arc<str>,
    /// What it shall hold; `None` removes it.
    pub content: Option<Arc<[u8]>>,
    /// Its kind; `None` keeps what is there, a regular file if nothing is.
    pub mode: Option<FileMode>,
}

/// A change of files on top of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeChange {
    /// The commit that the change was made for.
    pub onto: CommitId,
    /// The files, by path, each once.
    pub files: Vec<FileChange>,
}

impl FileChange {
    /// Writes a file, keeping its mode.
    pub fn write(path: &str, content: impl Into<Arc<[u8]>>) -> Self {
        Self { path: path.into(), content: Some(content.into()), mode: None }
    }

    /// Removes a file.
    pub fn remove(path: &str) -> Self {
        Self { path: path.into(), content: None, mode: None }
    }
}

impl TreeChange {
    /// The files as they would be, for rehearsing; `below` is the tree of [`TreeChange::onto`].
    pub fn over(&self, below: Arc<dyn Tree>) -> Overlay {
        let files = self.files.iter().map(|file| (file.path.to_string(), file.content.clone()));
        Overlay::new(below, files, id_of)
    }
}

/// Contents may hold what a screen must not show, so only sizes are told.
impl std::fmt::Debug for FileChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.content.as_ref().map(|content| content.len());
        f.debug_struct("FileChange")
            .field("path", &self.path)
            .field("bytes", &bytes)
            .field("mode", &self.mode)
            .finish()
    }
}

impl FileMode {
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::File => mode::FILE,
            Self::Program => mode::PROGRAM,
            Self::Link => mode::LINK,
        }
    }

    pub(super) fn from_bits(bits: u32) -> Option<Self> {
        match bits & 0o170_000 {
            mode::LINK => Some(Self::Link),
            0o100_000 if bits & 0o100 != 0 => Some(Self::Program),
            0o100_000 => Some(Self::File),
            _ => None,
        }
    }
}
