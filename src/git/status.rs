//! The state the repository is in: head, upstream, half-done operations, dirty files.

use super::folder::shown_name;
use super::ids::commit_id;
use super::worktree::stage;
use super::{GitError, Repo};
use crate::model::CommitId;
use std::fmt;

/// What `HEAD` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch with commits.
    Branch {
        /// Its name without `refs/heads/`.
        name: String,
        /// Its newest commit.
        at: CommitId,
    },
    /// A commit, on no branch.
    Detached {
        /// The commit.
        at: CommitId,
    },
    /// A branch that has no commit yet.
    Unborn {
        /// Its name.
        name: String,
    },
}

/// The branch of a remote that the current branch follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The remote, `origin`.
    pub remote: String,
    /// The branch there, `main`.
    pub branch: String,
    /// Its newest commit as of the last fetch; `None` if it is gone or was never fetched.
    pub at: Option<CommitId>,
    /// Commits of ours that it lacks.
    pub ahead: usize,
    /// Commits of its own that we lack.
    pub behind: usize,
}

/// An operation of git that the user began and did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `git merge`.
    Merge,
    /// `git rebase`.
    Rebase,
    /// `git cherry-pick`.
    CherryPick,
    /// `git revert`.
    Revert,
    /// `git bisect`.
    Bisect,
    /// `git am`.
    ApplyMailbox,
}

/// Files with changes that are not committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Staged.
    pub staged: usize,
    /// Changed on disk, not staged.
    pub unstaged: usize,
    /// New on disk, unknown to git, not ignored.
    pub untracked: usize,
    /// With conflicts of a merge.
    pub conflicted: usize,
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What is checked out.
    pub head: Head,
    /// What it follows; `None` if nothing.
    pub upstream: Option<Upstream>,
    /// What is half done.
    pub operation: Option<Operation>,
    /// No worktree: reading works, committing does not.
    pub bare: bool,
    /// History is cut off somewhere.
    pub shallow: bool,
    /// Files with changes; all zero in a bare repository.
    pub dirty: Dirty,
    /// A Sealane was killed while it committed, and what it began could not be finished: files that show as
    /// changed may only lag behind the branch. Opening the repository again tries once more.
    pub unfinished: bool,
    /// Number of submodules in the index; their contents are not read.
    pub submodules: usize,
}

impl Repo {
    /// Reads the state. Costs a `stat` for each file, as `git status` does.
    pub fn status(&self) -> Result<Status, GitError> {
        let dirty = if self.inner.workdir.is_some() { self.dirty()? } else { Dirty::default() };
        let submodules = if self.inner.workdir.is_some() {
            self.index_entries()?.iter().filter(|entry| entry.mode == super::folder::mode::SUBMODULE).count()
        } else {
            0
        };
        let head = self.head()?;
        Ok(Status {
            upstream: self.upstream(&head)?,
            head,
            operation: self.operation()?,
            bare: self.inner.workdir.is_none(),
            shallow: !self.inner.graph.edge().is_empty(),
            dirty,
            unfinished: self.is_unfinished(),
            submodules,
        })
    }

    /// What is checked out.
    pub fn head(&self) -> Result<Head, GitError> {
        self.with(|handle| {
            let failed = GitError::store("cannot read HEAD");
            let head = handle.find_reference("HEAD").map_err(&failed)?;
            let Some(target) = head.symbolic_target_bytes() else {
                let at = head.target().ok_or_else(|| failed(git2::Error::from_str("HEAD is damaged")))?;
                return Ok(Head::Detached { at: commit_id(at) });
            };
            let name = shown_name(target.strip_prefix(b"refs/heads/").unwrap_or(target));
            match head.resolve().and_then(|branch| branch.peel_to_commit()) {
                Ok(commit) => Ok(Head::Branch { name, at: commit_id(commit.id()) }),
                Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(Head::Unborn { name }),
                Err(error) => Err(failed(error)),
            }
        })
    }

    /// The operation that is half done.
    pub fn operation(&self) -> Result<Option<Operation>, GitError> {
        use git2::RepositoryState as State;
        self.with(|handle| {
            Ok(match handle.state() {
                State::Clean => None,
                State::Merge => Some(Operation::Merge),
                State::Revert | State::RevertSequence => Some(Operation::Revert),
                State::CherryPick | State::CherryPickSequence => Some(Operation::CherryPick),
                State::Bisect => Some(Operation::Bisect),
                State::Rebase | State::RebaseInteractive | State::RebaseMerge => Some(Operation::Rebase),
                State::ApplyMailbox | State::ApplyMailboxOrRebase => Some(Operation::ApplyMailbox),
            })
        })
    }

    fn upstream(&self, head: &Head) -> Result<Option<Upstream>, GitError> {
        let (Head::Branch { name, .. } | Head::Unborn { name }) = head else { return Ok(None) };
        self.with(|handle| {
            let full = format!("refs/heads/{name}");
            let (Ok(remote), Ok(merge)) =
                (handle.branch_upstream_remote(&full), handle.branch_upstream_merge(&full))
            else {
                return Ok(None);
            };
            let branch = merge.strip_prefix(b"refs/heads/").unwrap_or(&merge);
            let tracked = handle.branch_upstream_name(&full).ok();
            let tracked = tracked.as_deref().and_then(|name| std::str::from_utf8(name).ok());
            let theirs = tracked.and_then(|name| handle.refname_to_id(name).ok());
            let (ahead, behind) = match (head, theirs) {
                (Head::Branch { at, .. }, Some(theirs)) => handle
                    .graph_ahead_behind(super::ids::oid(at.0), theirs)
                    .map_err(GitError::store("cannot compare with the upstream"))?,
                _ => (0, 0),
            };
            Ok(Some(Upstream {
                remote: shown_name(&remote),
                branch: shown_name(branch),
                at: theirs.map(commit_id),
                ahead,
                behind,
            }))
        })
    }

    fn dirty(&self) -> Result<Dirty, GitError> {
        let absent: std::collections::HashSet<Vec<u8>> = self.sparse_entries()?;
        self.with(|handle| {
            let mut options = git2::StatusOptions::new();
            options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true);
            let all =
                handle.statuses(Some(&mut options)).map_err(GitError::store("cannot read the worktree"))?;
            let mut dirty = Dirty::default();
            for entry in all.iter().filter(|entry| !absent.contains(entry.path_bytes())) {
                dirty.count(entry.status());
            }
            Ok(dirty)
        })
    }

    /// Entries that a sparse checkout leaves out; libgit2 takes them for deleted.
    fn sparse_entries(&self) -> Result<std::collections::HashSet<Vec<u8>>, GitError> {
        const SKIP_WORKTREE: u16 = 1 << 14;
        let entries = self.index_entries()?;
        let sparse = entries.into_iter().filter(|e| e.flags_extended & SKIP_WORKTREE != 0 && stage(e) == 0);
        Ok(sparse.map(|entry| entry.path).collect())
    }
}

impl Dirty {
    fn count(&mut self, status: git2::Status) {
        use git2::Status as S;
        let staged =
            S::INDEX_NEW | S::INDEX_MODIFIED | S::INDEX_DELETED | S::INDEX_RENAMED | S::INDEX_TYPECHANGE;
        let unstaged = S::WT_MODIFIED | S::WT_DELETED | S::WT_TYPECHANGE | S::WT_RENAMED;
        self.conflicted += usize::from(status.contains(S::CONFLICTED));
        self.staged += usize::from(status.intersects(staged));
        self.unstaged += usize::from(status.intersects(unstaged));
        self.untracked += usize::from(status.contains(S::WT_NEW));
    }

    /// Nothing is dirty.
    pub fn is_clean(self) -> bool {
        self == Self::default()
    }
}

impl Operation {
    pub(super) fn next_step(self) -> &'static str {
        match self {
            Self::Merge => "finish it with git commit, or git merge --abort",
            Self::Rebase => "finish it with git rebase --continue, or --abort",
            Self::CherryPick => "finish it with git cherry-pick --continue, or --abort",
            Self::Revert => "finish it with git revert --continue, or --abort",
            Self::Bisect => "end it with git bisect reset",
            Self::ApplyMailbox => "finish it with git am --continue, or --abort",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Merge => "a merge",
            Self::Rebase => "a rebase",
            Self::CherryPick => "a cherry-pick",
            Self::Revert => "a revert",
            Self::Bisect => "a bisect",
            Self::ApplyMailbox => "git am",
        })
    }
}

/// The object that an LFS pointer stands for: git has the pointer, an LFS server has the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LfsPointer {
    /// The SHA-256 of the real file, in hex.
    pub oid: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Reads an LFS pointer (git-lfs `docs/spec.md`); `None` if the file is none. Controllers that do not fetch
/// LFS see the pointer too, so it must be told apart from broken YAML.
pub fn lfs_pointer(content: &[u8]) -> Option<LfsPointer> {
    if content.len() > 1024 || !content.starts_with(b"version https://git-lfs.github.com/spec/") {
        return None;
    }
    let text = std::str::from_utf8(content).ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let oid = value("oid sha256:")?;
    let hex = oid.len() == 64 && oid.bytes().all(|digit| digit.is_ascii_hexdigit());
    hex.then(|| Some(LfsPointer { oid: oid.to_owned(), bytes: value("size ")?.parse().ok()? }))?
}
