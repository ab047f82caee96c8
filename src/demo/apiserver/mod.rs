//! An in-process Kubernetes API server: a store that a reconciler writes, and an HTTP side that only reads.
//!
//! It stands behind the same [`crate::cluster::Connection`] as a real server does, with the same bytes on the way.
//!
//! | file | job |
//! | --- | --- |
//! | `store` | [`Store`]: objects, versions, history; the writes |
//! | `managed`, `fields` | who owns which fields (server-side apply) |
//! | `defaults` | what an API server adds |
//! | `kinds`, `types` | built-in kinds and CRDs; their fields and OpenAPI |
//! | `logs` | logs of containers |
//!
//! Not for: admission, validation, garbage collection beyond one owner, protobuf.

pub mod defaults;
mod fields;
pub mod kinds;
mod logs;
mod managed;
mod store;
pub mod types;

pub use managed::Writer;
pub use store::{Clock, Store, StoreError, Written};

/// The Kubernetes version that it says it is.
pub const VERSION: &str = "v1.36.3";
