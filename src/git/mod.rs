//! The repository: objects, history, commits, revert, remotes. Only room that knows git2.
//!
//! Reading goes through libgit2, which runs no program whatever a repository's configuration says. Commits,
//! hooks, signatures, fetch and push go through the system `git` (`process`), where they work as the user
//! set them up.
//!
//! | file | job |
//! | --- | --- |
//! | `open` | [`Repo`]: a repository, open; handles that threads share |
//! | `status`, `watch` | [`Status`]: head, upstream, half-done operations, dirty files; has anything changed? |
//! | `tree`, `folder` | trees of commits, parsed once |
//! | `worktree`, `flat` | trees of the index and of the files on disk |
//! | `problems` | what a revision holds that is not read |
//! | `graph`, `log`, `paths`, `blame` | history: names, walking, commits that touched a path, who wrote a line |
//! | `changes`, `lines` | which files and lines differ |
//! | `brought` | what each commit of a whole history brought |
//! | `change`, `merge`, `rename`, `revert`, `conflict` | [`TreeChange`]: undoing and replaying commits in memory |
//! | `commit`, `write`, `hooks` | commits as the repository is set up |
//! | `advance`, `dirty`, `journal`, `place`, `refs` | moving a branch with its files, safe against kills |
//! | `remote`, `process` | fetch and push; the system `git` as a child |
//! | `driver` | our merge driver and textconv in a clone |
//! | `found` | new repositories for what is thrown away again |
//! | `ids`, `error` | object ids; what stops us and what to do |

mod advance;
mod blame;
mod blobs;
mod brought;
mod change;
mod changes;
mod commit;
mod conflict;
mod dirty;
mod disk;
mod driver;
mod error;
mod flat;
mod folder;
mod found;
mod graph;
mod hooks;
mod identity;
mod ids;
mod journal;
mod lines;
mod log;
mod merge;
mod open;
mod paths;
mod place;
mod problems;
mod process;
mod refs;
mod remote;
mod rename;
mod revert;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod watch;
mod worktree;
mod write;

pub use blame::BlameLine;
pub use brought::{Brought, Sparing};
pub use change::{FileChange, FileMode, TreeChange};
pub use changes::changes;
pub use commit::{CommitRequest, Committed, Replaced, Target};
pub use conflict::{Attempt, Conflict, ConflictFile, ConflictKind};
pub use disk::DiskTree;
pub use driver::{MergedText, merge_text, replace};
pub use error::GitError;
pub use found::{Told, fill, found};
pub use identity::Identity;
pub use ids::id_of;
pub use log::{LogOptions, Walk};
pub use merge::Resolve;
pub use open::Repo;
pub use remote::{Fetched, PushOutcome, Refuser, Remote, RemoteError};
pub use status::{Dirty, Head, LfsPointer, Operation, Status, Upstream, lfs_pointer};
pub use tree::LARGEST_FILE;
pub use watch::Fingerprint;
