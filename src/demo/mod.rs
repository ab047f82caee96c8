//! An embedded cluster, a repository with a history, and a reconciler between them.
pub mod apiserver;
