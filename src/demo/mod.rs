//! An embedded cluster, a repository with a history, and a reconciler between them.

pub mod apiserver;
mod reconciler;
mod repository;
mod reveal;
mod story;

pub use reconciler::{DemoClock, DemoCluster};
pub use repository::{DemoRepository, RepositoryError};
