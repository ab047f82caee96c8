//! What stops git work, why, and what a person does next.

use super::{Conflict, Operation};
use crate::model::{CommitId, Problem, Reason, TreeError, clean};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stops us. Every text in it is safe for a screen and free of credentials.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No repository here or above.
    #[error("{path} is not inside a git repository")]
    NotARepository {
        /// Where was looked.
        path: String,
    },
    /// The folder belongs to somebody else, and git refuses such repositories.
    #[error("{path} belongs to another user, so git does not trust it")]
    NotOwned {
        /// The repository.
        path: String,
    },
    /// A repository format that we do not read.
    #[error("{path} uses {what}, which is not supported")]
    Unsupported {
        /// The repository or file.
        path: String,
        /// What it uses.
        what: String,
        /// What helps.
        next: String,
    },
    /// The branch has no commit yet.
    #[error("branch {branch} has no commits yet")]
    Unborn {
        /// The branch that `HEAD` names.
        branch: String,
    },
    /// There is no worktree.
    #[error("the repository is bare: it has no worktree")]
    Bare,
    /// `HEAD` names no branch.
    #[error("HEAD is detached at {}: a commit would belong to no branch", at.short())]
    Detached {
        /// The commit that is checked out.
        at: CommitId,
    },
    /// Another operation is half done.
    #[error("{operation} is in progress")]
    Busy {
        /// Which.
        operation: Operation,
    },
    /// A name that means nothing here.
    #[error("no commit is named {name}")]
    NoSuchRevision {
        /// What was asked for.
        name: String,
    },
    /// A short id that several objects share.
    #[error("{name} fits more than one commit")]
    Ambiguous {
        /// What was asked for.
        name: String,
    },
    /// The history ends here because the clone is shallow.
    #[error("the parents of {} are not in this shallow clone", at.short())]
    Shallow {
        /// The commit at the edge.
        at: CommitId,
    },
    /// Files that we would have to overwrite hold changes of the user.
    #[error("uncommitted changes in {}", names(files))]
    Dirty {
        /// Their paths, safe for a screen.
        files: Vec<Arc<str>>,
    },
    /// Somebody moved the branch meanwhile.
    #[error("branch {branch} has moved to {} meanwhile", actual.map_or_else(|| "nothing".to_owned(), |id| id.short()))]
    Moved {
        /// The branch.
        branch: String,
        /// Where it should have been.
        expected: CommitId,
        /// Where it is.
        actual: Option<CommitId>,
    },
    /// The branch to make is already there.
    #[error("branch {branch} exists already")]
    BranchExists {
        /// Its name.
        branch: String,
    },
    /// A name that git does not allow for a branch.
    #[error("{name} is no valid branch name")]
    BranchName {
        /// The name.
        name: String,
    },
    /// A path that must not be written.
    #[error("{path} cannot be written: {cause}")]
    Path {
        /// The path, safe for a screen.
        path: String,
        /// Why.
        cause: &'static str,
    },
    /// The change changes nothing.
    #[error("nothing would change")]
    Nothing,
    /// A commit needs a message.
    #[error("the commit message is empty")]
    NoMessage,
    /// A hook of the repository said no.
    #[error("the hook {hook} refused: {output}")]
    HookRefused {
        /// Its name.
        hook: String,
        /// What it printed.
        output: String,
    },
    /// git does not know who commits.
    #[error("git does not know who you are: {output}")]
    NoIdentity {
        /// What git said.
        output: String,
    },
    /// The commit could not be signed.
    #[error("the commit could not be signed: {output}")]
    Signing {
        /// What git said.
        output: String,
    },
    /// Another process writes to the repository.
    #[error("another process is writing to the repository ({file} exists)")]
    Locked {
        /// The lock's path.
        file: String,
    },
    /// A commit that we will not take back or replace.
    #[error("{} is not taken back: {cause}", commit.short())]
    NotTakenBack {
        /// The commit.
        commit: CommitId,
        /// Why not.
        cause: &'static str,
    },
    /// A file or folder of a revision that cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Changes that cannot be reconciled.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// The disk refused.
    #[error("cannot write {path}: {cause}")]
    Disk {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// libgit2 failed in a way we have no name for.
    #[error("{doing}: {cause}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// What libgit2 said.
        cause: String,
    },
    /// The `git` program failed in a way we have no name for.
    #[error("git {command} failed: {output}")]
    Child {
        /// The subcommand.
        command: String,
        /// What it printed.
        output: String,
    },
    /// There is no `git` program, or it cannot be started.
    #[error("the program git cannot be started: {cause}")]
    NoGit {
        /// What the system said.
        cause: String,
    },
    /// A child process did not end in time and was stopped.
    #[error("git {command} did not answer within {seconds} s")]
    TimedOut {
        /// The subcommand.
        command: String,
        /// How long we waited.
        seconds: u64,
    },
}

impl GitError {
    /// What a person can do about it; empty if nothing.
    pub fn next_step(&self) -> String {
        let text = match self {
            Self::NotARepository { .. } => "run sealane in a clone, or give its path",
            Self::NotOwned { path } => {
                return format!("if you trust it: git config --global --add safe.directory '{path}'");
            }
            Self::Unsupported { next, .. } => return next.clone(),
            Self::Unborn { .. } => "make the first commit with git",
            Self::Bare => "work in a clone that has a worktree",
            Self::Detached { .. } => "choose a branch to commit to, or run git switch",
            Self::Busy { operation } => return operation.next_step().to_owned(),
            Self::NoSuchRevision { .. } => "check the spelling; git fetch if it is newer than this clone",
            Self::Ambiguous { .. } => "give more digits of the id",
            Self::Shallow { .. } => "fetch the rest: git fetch --unshallow",
            Self::Dirty { .. } => "commit or stash these files, or commit on a branch of its own",
            Self::Moved { .. } => "look at the change again on top of it",
            Self::BranchExists { .. } | Self::BranchName { .. } => "choose another name",
            Self::NoMessage => "say what the change is for",
            Self::Path { .. } | Self::Nothing => "",
            Self::HookRefused { .. } => "mend what it names, or change the hook; it is never skipped",
            Self::NoIdentity { .. } => "git config user.name and git config user.email",
            Self::Signing { .. } => "unlock the signing key, or set commit.gpgsign to false",
            Self::Locked { .. } => "wait for it; if it crashed, remove the file",
            Self::NotTakenBack { .. } => "make a commit that reverts it",
            Self::Conflict(conflict) => return conflict.next_step(),
            Self::Disk { .. } => "nothing was changed; make room or check permissions, then try again",
            Self::Store { .. } | Self::Tree(_) => "check the repository: git fsck",
            Self::Child { .. } => "run the same in a terminal to see more",
            Self::NoGit { .. } => "install git 2.36 or newer",
            Self::TimedOut { .. } => "check the network, agents and hooks, then try again",
        };
        text.to_owned()
    }

    /// The same for screens and lists.
    pub fn problem(&self) -> Problem {
        let reason = match self {
            Self::Conflict(_) => Reason::Conflict,
            Self::HookRefused { .. } | Self::Path { .. } => Reason::Refused,
            _ => Reason::Repository,
        };
        Problem::error(reason, self.to_string()).next(self.next_step())
    }

    pub(super) fn store(doing: &'static str) -> impl Fn(git2::Error) -> Self {
        move |error| Self::Store { doing, cause: clean(error.message()) }
    }

    pub(super) fn disk(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::Disk { path: shown(path), cause: error.to_string() }
    }
}

/// A path of the system as text for a screen.
pub(super) fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy())
}

/// The path from the root: what was asked for may have been `.`.
fn whole(path: &Path) -> PathBuf {
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    whole.unwrap_or_else(|_| path.to_owned())
}

fn names(files: &[Arc<str>]) -> String {
    let shown: Vec<&str> = files.iter().take(3).map(AsRef::as_ref).collect();
    match files.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Names what libgit2 refuses when it opens a repository.
pub(super) fn opening(path: &Path, error: &git2::Error) -> GitError {
    use git2::ErrorCode as Code;
    let message = error.message();
    match error.code() {
        Code::NotFound => GitError::NotARepository { path: shown(&whole(path)) },
        Code::Owner => GitError::NotOwned { path: owner_path(path, message) },
        _ => unsupported(path, message),
    }
}

/// The formats that libgit2 refuses (`check_repository_format` in its `repository.c`), by their own names.
fn unsupported(path: &Path, message: &str) -> GitError {
    let (what, next) = match message.to_lowercase() {
        text if text.contains("object format") => ("SHA-256 object ids", "use a repository with SHA-1 ids"),
        text if text.contains("partialclone") => {
            ("a partial clone", "make a full clone: git clone <address>")
        }
        text if text.contains("refstorage") => ("the reftable format", "git refs migrate --ref-format=files"),
        text if text.contains("extension") || text.contains("version") => {
            ("a newer repository format", "make a plain clone of it")
        }
        _ => return GitError::Store { doing: "cannot open the repository", cause: clean(message) },
    };
    GitError::Unsupported { path: shown(path), what: what.to_owned(), next: next.to_owned() }
}

/// libgit2 quotes the folder that has the wrong owner; it may be above or below the path asked for.
fn owner_path(path: &Path, message: &str) -> String {
    message.split('\'').nth(1).map_or_else(|| shown(path), |quoted| shown(&PathBuf::from(quoted)))
}
