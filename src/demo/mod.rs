//! An embedded cluster, a repository with a history, and a reconciler between them.

pub mod apiserver;
mod repository;
mod story;

pub use repository::{DemoRepository, RepositoryError};
