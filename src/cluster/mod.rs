//! Live state, read only: the only room that talks to a Kubernetes API server.
//!
//! | file | job |
//! | --- | --- |
//! | `guard` | the layer every request passes: reads and access reviews, nothing else |
//! | `kubeconfig` | which contexts there are, what each would run and trust |
//! | `proxy` | whether the way leads through a proxy |
//! | `connect` | [`Connection`]: one server behind the guard |
//! | `request` | raw bytes in, with patience; buffers are wiped |
//! | `discover` | which kinds the server serves |
//! | `json`, `object` | the door: bytes to [`crate::model::Live`], secrets to digests |
//! | `read` | [`Reader`]: single objects at the version git writes |
//! | `secret` | one Secret with its values, to be sealed |
//! | `watch`, `backoff`, `pulse` | list and follow kinds, with their freshness |
//! | `around` | events of an object, Pods of a workload, logs |
//! | `review` | what the server would let us read |
//! | `schema` | published schemas: OpenAPI v3 and CRDs |
//! | `path` | paths of the API, every part encoded |
//! | `error` | [`ClusterError`]: cause and next step of everything that can go wrong |
//!
//! Not for: what an object means. That is `controllers`', `health`'s and `diff`'s.

mod around;
mod backoff;
mod connect;
mod discover;
mod error;
mod guard;
mod json;
mod kubeconfig;
mod object;
mod path;
mod proxy;
mod pulse;
mod read;
mod request;
mod review;
mod schema;
mod secret;
#[cfg(test)]
mod trouble;
mod watch;

/// The body of the requests that a service behind [`Connection::from_service`] gets.
pub use kube::client::Body;

pub use around::{LogOptions, ObjectEvent};
pub use connect::{ConnectOptions, Connection, Patience};
pub use discover::Discovered;
pub use error::ClusterError;
pub use guard::{Guard, GuardLayer, Refusal};
pub use kubeconfig::{ContextInfo, ExecCommand, contexts, default_paths};
pub use object::{Asked, Decoder};
pub use read::Reader;
pub use review::{Allowed, Rule};
pub use schema::openapi;
pub use watch::{ClusterEvent, KindState, Namespaces, Slot, Watch, WatchKind};
