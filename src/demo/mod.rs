//! An embedded cluster, a repository with a history, and a reconciler between them.

pub mod apiserver;
mod embedded;
mod reconciler;
mod repository;
mod reveal;
mod starting;
mod story;
mod tour;

pub use embedded::{Demo, DemoError, OPERATOR};
pub use reconciler::{DemoClock, DemoCluster};
pub use repository::{DemoRepository, RepositoryError};
pub use tour::{REHEARSED, commands, directions, next_step};
