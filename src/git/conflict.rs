//! Changes that cannot be reconciled: which files and lines, and which later commits stand in the way.

use crate::model::CommitId;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Undoing a commit.
    Revert,
    /// Making the same change on top of another commit.
    Replay,
}

/// A change that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What was tried.
    pub attempt: Attempt,
    /// The commit that could not be reverted or replayed.
    pub commit: CommitId,
    /// The files that do not fit.
    pub files: Vec<ConflictFile>,
    /// The later commits in its way, newest first; for a replay those of the other side.
    pub later: Vec<CommitId>,
    /// Whether reverting those as well was tried in memory and fits.
    pub later_suffice: bool,
}

/// One file that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictFile {
    /// Its path.
    pub path: Arc<str>,
    /// What is wrong.
    pub kind: ConflictKind,
    /// The later commits that wrote the lines in question, newest first.
    pub later: Vec<CommitId>,
}

/// Why a file does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// The same lines were changed again: lines of the present file, from 1. An empty range stands for lines
    /// that were removed before that line.
    Lines(Vec<Range<u32>>),
    /// It is not text, and was changed again.
    Binary,
    /// It was removed or renamed later.
    RemovedLater,
    /// It would have to be removed, but has another name by now, which is this.
    MovedLater(Arc<str>),
    /// It would have to be removed, but was changed later.
    ChangedLater,
    /// It would have to be added, but another one stands there now.
    AddedTwice,
    /// It became a link, or a file again.
    Kind,
}

impl Conflict {
    pub(super) fn next_step(&self) -> String {
        match (self.attempt, self.later_suffice) {
            (Attempt::Revert, true) if self.later.len() == 1 => {
                format!("revert {} too", self.later.first().map_or_else(String::new, CommitId::short))
            }
            (Attempt::Revert, true) => format!("revert the {} later commits too", self.later.len()),
            (Attempt::Revert, false) => "edit the files by hand instead".to_owned(),
            (Attempt::Replay, _) => "take the commit back and make the change again on top".to_owned(),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.attempt {
            Attempt::Revert => "reverted",
            Attempt::Replay => "put on top",
        };
        write!(f, "{} cannot be {verb}: ", self.commit.short())?;
        for (index, file) in self.files.iter().enumerate() {
            write!(f, "{}{file}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for ConflictFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ConflictKind::Lines(ranges) => {
                write!(f, "{}", self.path)?;
                for (index, lines) in ranges.iter().enumerate() {
                    let last = lines.end.saturating_sub(1).max(lines.start);
                    let sign = if index == 0 { ':' } else { ',' };
                    write!(f, "{sign}{}", lines.start)?;
                    if last > lines.start {
                        write!(f, "-{last}")?;
                    }
                }
                f.write_str(" changed again since")
            }
            ConflictKind::Binary => write!(f, "{} is not text and changed since", self.path),
            ConflictKind::RemovedLater => write!(f, "{} was removed since", self.path),
            ConflictKind::MovedLater(to) => write!(f, "{} would go, but is {to} by now", self.path),
            ConflictKind::ChangedLater => write!(f, "{} would go, but changed since", self.path),
            ConflictKind::AddedTwice => write!(f, "{} would come back, but another stands there", self.path),
            ConflictKind::Kind => write!(f, "{} became another kind of file since", self.path),
        }
    }
}
