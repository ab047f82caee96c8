//! The repository: objects, history, commits, revert, remotes. Only room that knows git2.
