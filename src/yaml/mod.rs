//! YAML documents: read with positions, resolved as Go reads them, printed as Go prints them.
//!
//! | file | job |
//! | --- | --- |
//! | `node` | [`Node`], [`Map`], [`Scalar`]: the tree everybody works on; cheap to clone, copied on write |
//! | `read` | text to [`Document`]s: split at `---`, what is wrong and where |
//! | `parse` | text to events: the YAML that go-yaml reads, with byte positions and comments |
//! | `build` | events to nodes: anchors, merge keys, duplicate keys, limits |
//! | `scalar` | the two resolvers: go-yaml v3 (resources) and YAML 1.1 as in go-yaml v2 (kustomizations) |
//! | `number`, `time` | values behind the kinds, and how Go prints them |
//! | `write` | nodes to the bytes that Go's `sigs.k8s.io/yaml` prints |
//! | `emit`, `order` | its pen (quoting, folding, blocks) and its order of keys |
//! | `refold` | the two values that kustomize's first printer changes |
//! | `json` | nodes from and to JSON (live objects, hashes) |
//! | `source` | the lossless view: byte spans, styles and comments, for splicing single values |
//!
//! Not for: what a document means. Kubernetes objects are `model`'s, kustomizations are `render`'s.

mod build;
mod emit;
mod json;
mod node;
mod number;
mod order;
mod parse;
mod read;
mod refold;
mod scalar;
pub mod source;
mod time;
mod write;

pub use json::{JsonError, canonical_hash, from_json, to_json};
pub use node::{Entry, Key, Map, Mark, Node, Scalar, ScalarKind, Style, Value};
pub use read::{Dialect, Document, Limits, ReadError, Stream, read_stream};
pub use refold::{is_empty_string as prints_as_empty_string, text as printed_text};
pub use scalar::{resolve_v1, resolve_v3};
pub use write::{MASK, to_masked_string, to_secret_text};
