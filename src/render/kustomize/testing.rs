//! Reading and printing small documents in tests.

use crate::yaml::{Dialect, Limits, Node, read_stream, to_masked_string};

/// The first document of a text, read as a resource of the file `test.yaml`.
pub(crate) fn read(text: &str) -> Node {
    let stream = read_stream(text.as_bytes(), &"test.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    stream.documents.into_iter().next().map_or_else(Node::null, |d| d.root)
}

/// A document as a build prints it.
pub(crate) fn print(node: &Node) -> String {
    to_masked_string(node)
}
