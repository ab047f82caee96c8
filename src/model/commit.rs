//! Commits and revisions.

use super::tree::ContentId;
use std::fmt;
use std::sync::Arc;

/// The id of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(pub [u8; 20]);

/// Which state of the repository is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revision {
    /// A commit.
    Commit(CommitId),
    /// What is staged.
    Index,
    /// The files on disk that git does not ignore.
    Worktree,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Its tree.
    pub tree: ContentId,
    /// Its parents, first parent first.
    pub parents: Vec<CommitId>,
    /// The author's name, made safe for a screen.
    pub author: Arc<str>,
    /// The author's address.
    pub email: Arc<str>,
    /// Author time in seconds since 1970.
    pub time: i64,
    /// First line of the message, made safe for a screen.
    pub subject: Arc<str>,
    /// The whole message.
    pub message: Arc<str>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its content changed.
    Modified,
    /// It is gone.
    Removed,
}

/// One changed file between two trees; `None` for a side where it does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path.
    pub path: Arc<str>,
    /// Content before.
    pub before: Option<ContentId>,
    /// Content after.
    pub after: Option<ContentId>,
}

impl Change {
    /// What happened.
    pub fn kind(&self) -> ChangeKind {
        match (self.before, self.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Modified,
        }
    }
}

impl CommitId {
    /// Reads 40 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 40 || !text.is_ascii() {
            return None;
        }
        let mut id = [0; 20];
        for (index, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(id))
    }

    /// The first seven digits, as screens show it.
    pub fn short(&self) -> String {
        self.to_string()[..7].to_owned()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}
