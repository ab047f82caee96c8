//! Patches of both kinds and replacements over one object: the patch, a line `===`, the object.

use sealane::render::kustomize::commented::Comments;
use sealane::render::kustomize::json6902;
use sealane::render::kustomize::merge_keys::Schema;
use sealane::render::kustomize::replacement::{Replacement, Subject};
use sealane::render::kustomize::strategic::merge;
use sealane::yaml::{Dialect, Limits, Node, read_stream, to_masked_string};

/// One input.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((patch, object)) = text.split_once("===\n") else { return };
    let (Some(patch_node), Some(object_node)) = (read(patch), read(object)) else { return };
    let kind = |name: &str| object_node.get(name).and_then(Node::as_str).unwrap_or_default();
    let schema = Comments::of(object.as_bytes())
        .lists(&object_node)
        .iter()
        .flat_map(|lists| lists.iter())
        .fold(Schema::of(kind("apiVersion"), kind("kind")), Schema::with_comment);
    if let Ok(Some(merged)) = merge(&patch_node, &object_node, &schema) {
        let _ = to_masked_string(&merged);
    }
    if let Ok(operations) = json6902::parse(patch, &"patch.yaml".into())
        && let Ok(patched) = json6902::apply(&operations, &object_node)
    {
        let _ = to_masked_string(&patched);
    }
    if let Ok(replacement) = Replacement::parse(&patch_node) {
        let mut body = object_node.clone();
        let mut subjects = [Subject { ids: Vec::new(), body: &mut body }];
        let _ = replacement.apply(&mut subjects);
    }
}

fn read(text: &str) -> Option<Node> {
    let stream = read_stream(text.as_bytes(), &"a.yaml".into(), Dialect::Resource, &Limits::default());
    stream.documents.into_iter().next().map(|document| document.root)
}
