//! An in-process Kubernetes API server: a store that a reconciler writes, and an HTTP side that only reads.
//!
//! It stands behind the same [`crate::cluster::Connection`] as a real server does, with the same bytes on the way.
//!
//! | file | job |
//! | --- | --- |
//! | `store` | [`Store`]: objects, versions, history; the writes |
//! | `managed`, `fields` | who owns which fields (server-side apply) |
//! | `defaults` | what an API server adds |
//! | `kinds`, `shapes` | built-in kinds and CRDs; their fields and OpenAPI |
//! | `logs` | logs of containers |
//! | `route` | [`ApiServer`]: requests to answers |
//! | `list`, `select`, `follow`, `table` | lists, selectors, watches and followed logs, tables |
//! | `serve` | the same on a port of this machine |
//! | `discovery`, `access`, `answer` | discovery; who may read what; answers and their forms |
//! | `questions` | what is asked of it and of a real server, and how answers are compared |
//!
//! Not for: admission, validation, garbage collection beyond one owner, protobuf.

mod access;
mod answer;
mod defaults;
mod discovery;
mod fields;
mod follow;
mod kinds;
mod list;
mod logs;
mod managed;
#[cfg(test)]
mod proof;
pub mod questions;
mod route;
mod select;
mod serve;
mod shapes;
mod store;
mod table;

pub use access::Access;
pub use answer::{Answer, AnswerBody};
pub use managed::Writer;
pub use route::ApiServer;
pub use serve::Served;
pub use store::{Clock, Store, StoreError, Written};

/// The Kubernetes version that it says it is.
pub const VERSION: &str = "v1.36.3";
