//! `.argocd-source.yaml` and `.argocd-source-NAME.yaml` of a folder: merged over the source, as JSON merge patches.

use super::files;
use crate::model::{EntryKind, Problem, Reason, Tree};
use crate::yaml::{Dialect, Limits, Map, Node, Value, read_stream};
use std::sync::Arc;

/// Fields that the files cannot change.
const FIXED: [&str; 4] = ["chart", "path", "repoURL", "targetRevision"];

/// The source with what the files of its folder say.
pub(super) fn merged(
    tree: &dyn Tree,
    folder: &str,
    instance: &str,
    source: &Node,
    reads: &mut Vec<Arc<str>>,
) -> Result<Node, Problem> {
    let mut node = source.clone();
    for name in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{instance}.yaml")] {
        let path = files::join(folder, &name);
        let broken = |error: &crate::model::TreeError| {
            Problem::error(Reason::Repository, error.to_string()).at(&path, 0)
        };
        let entry = tree.entry(&path).map_err(|e| broken(&e))?;
        let Some(entry) = entry.filter(|e| e.kind == EntryKind::File) else { continue };
        let bytes = tree.read(entry.id).map_err(|e| broken(&e.of(&path)))?;
        let file: Arc<str> = path.as_str().into();
        reads.push(file.clone());
        let stream = read_stream(&bytes, &file, Dialect::Kustomization, &Limits::default());
        if let Some(error) = stream.errors.first() {
            return Err(Problem::error(Reason::InvalidYaml, &error.message).at(&path, error.line));
        }
        if let Some(document) = stream.documents.into_iter().next() {
            merge(&mut node, &document.root);
        }
    }
    if let Some(map) = node.as_map_mut() {
        for field in FIXED {
            match source.get(field) {
                Some(own) => map.set(field, own.clone()),
                None => drop(map.remove(field)),
            }
        }
    }
    Ok(node)
}

/// RFC 7396: mappings are merged, null removes, everything else replaces.
fn merge(target: &mut Node, patch: &Node) {
    let Some(changes) = patch.as_map() else {
        *target = patch.clone();
        return;
    };
    if target.as_map().is_none() {
        target.value = Value::Map(Arc::new(Map::new()));
        target.mark = patch.mark.clone();
    }
    let Some(map) = target.as_map_mut() else { return };
    for entry in &changes.entries {
        let key = &*entry.key.text;
        if entry.value.is_null() {
            map.remove(key);
            continue;
        }
        if map.get(key).is_none() {
            map.set(key, Node::null());
        }
        if let Some(place) = map.get_mut(key) {
            merge(place, &entry.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;
    use crate::yaml::to_masked_string;

    #[test]
    fn files_are_merged_over_the_source_and_cannot_move_it() {
        let tree = Files::new(&[
            ("a/.argocd-source.yaml", "path: elsewhere\nkustomize:\n  images: [x:2]\n  namePrefix: null\n"),
            ("a/.argocd-source-web.yaml", "kustomize: {nameSuffix: -w}\n"),
            ("a/.argocd-source-other.yaml", "kustomize: {nameSuffix: -o}\n"),
        ]);
        let text = b"{path: a, kustomize: {namePrefix: p-, images: [x:1, y:1]}}";
        let source = read_stream(text, &"app.yaml".into(), Dialect::Resource, &Limits::default());
        let mut reads = Vec::new();
        let node =
            merged(&tree, "a", "web", &source.documents[0].root, &mut reads).expect("they can be read");
        assert_eq!(to_masked_string(&node), "kustomize:\n  images:\n  - x:2\n  nameSuffix: -w\npath: a\n");
        assert_eq!(reads.len(), 2);
    }

    #[test]
    fn a_broken_file_is_told() {
        let tree = Files::new(&[("a/.argocd-source.yaml", "a: [\n")]);
        let problem = merged(&tree, "a", "web", &Node::map(Map::new()), &mut Vec::new()).expect_err("broken");
        assert_eq!(problem.reason, Reason::InvalidYaml);
    }
}
