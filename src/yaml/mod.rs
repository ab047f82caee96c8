//! YAML documents: read with positions, resolved as Go reads them, printed as Go prints them.
//!
//! | file | job |
//! | --- | --- |
//! | `node` | [`Node`], [`Map`], [`Scalar`]: the tree everybody works on; cheap to clone, copied on write |
//! | `parse` | text to events: the YAML that go-yaml reads, with byte positions and comments |
//! | `read` | files to [`Document`]s: cut at `---`, events to nodes, anchors, merge keys, limits |
//! | `scalar` | the two resolvers: go-yaml v3 (resources) and v2 (kustomizations); numbers, timestamps |
//! | `letters` | what a letter is to YAML and JSON, and its escape |
//! | `write` | nodes to the bytes that Go's `sigs.k8s.io/yaml` prints |
//! | `json` | nodes from and to JSON (live objects) |
//! | `source` | the lossless view: byte spans, styles and comments, for splicing single values |
//!
//! Not for: what a document means. Kubernetes objects are `model`'s, kustomizations are `render`'s.

mod json;
pub(crate) mod letters;
mod node;
mod parse;
#[cfg(test)]
mod properties;
mod read;
mod scalar;
pub mod source;
mod write;

pub use json::{JsonError, from_json, to_json};
pub use node::{Entry, Key, Map, Mark, Node, Scalar, ScalarKind, Style, Value};
pub use read::{Dialect, Document, Limits, ReadError, Stream, read_stream};
pub use scalar::{float_number, json_number, printed_number, resolve_v1, resolve_v3};
pub(crate) use scalar::{is_base60, whole_number};
pub use write::{MASK, is_empty_string as prints_as_empty_string, text as printed_text, to_masked_string};
