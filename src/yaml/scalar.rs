//! The two resolvers: what a plain scalar means to Go.

use super::node::ScalarKind;

/// What a plain scalar means to go-yaml v3 (resources; render.md 2.17).
pub fn resolve_v3(text: &str) -> ScalarKind {
    let _ = text;
    ScalarKind::Str
}

/// What a plain scalar means to go-yaml v2, YAML 1.1 (kustomizations, patches, after substitution).
pub fn resolve_v1(text: &str) -> ScalarKind {
    let _ = text;
    ScalarKind::Str
}
