//! The repository: objects, history, commits, revert, remotes. Only room that knows git2.
//!
//! Reading goes through libgit2, which runs no program whatever a repository's configuration says. Commits,
//! hooks, signatures, fetch and push go through the system `git` (`process`), where they work as the user
//! set them up.
//!
//! | file | job |
//! | --- | --- |
//! | `open` | [`Repo`]: a repository, open; handles that threads share |
//! | `status` | [`Status`]: head, upstream, half-done operations, dirty files |
//! | `tree`, `folder` | trees of commits, parsed once |
//! | `worktree`, `flat` | trees of the index and of the files on disk |
//! | `graph`, `log`, `paths` | history: names, walking, commits that touched a path |
//! | `changes` | which files differ |
//! | `error` | what stops us and what to do |

mod changes;
mod error;
mod flat;
mod folder;
mod graph;
mod ids;
mod log;
mod open;
mod paths;
mod status;
mod tree;
mod worktree;

pub use changes::changes;
pub use error::GitError;
pub use ids::id_of;
pub use log::{LogOptions, Walk};
pub use open::Repo;
pub use status::{Dirty, Head, LfsPointer, Operation, Status, Upstream, lfs_pointer};
pub use tree::LARGEST_FILE;
