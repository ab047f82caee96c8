//! Nodes to the bytes that Go's `sigs.k8s.io/yaml` prints (render.md 2.15, 2.17).

use super::node::Node;
use crate::secret::SecretText;

/// The document as Go prints it, with every secret leaf as a mask that does not tell its length.
pub fn to_masked_string(node: &Node) -> String {
    let _ = node;
    String::new()
}

/// The document as Go prints it, secrets included; what substitution works on.
pub fn to_secret_text(node: &Node) -> SecretText {
    let _ = node;
    SecretText::with_capacity(0)
}
