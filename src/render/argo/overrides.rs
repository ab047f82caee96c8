//! `.argocd-source.yaml` and `.argocd-source-NAME.yaml` of a folder: merged over the source.

use super::files;
use crate::model::{EntryKind, Problem, Reason, Tree};
use crate::yaml::{Dialect, Limits, Node, read_stream};
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

/// As Argo CD merges: mappings key by key, elements of lists place by place, everything else replaced. A null, which
/// RFC 7396 takes for "remove it", changes nothing: what it removes is filled in again from the source.
fn merge(target: &mut Node, patch: &Node) {
    if patch.is_null() {
        return;
    }
    if let (Some(_), Some(changes)) = (target.as_map(), patch.as_map()) {
        let Some(map) = target.as_map_mut() else { return };
        for entry in &changes.entries {
            match map.get_mut(&entry.key.text) {
                Some(place) => merge(place, &entry.value),
                None => map.set(entry.key.text.clone(), entry.value.clone()),
            }
        }
        return;
    }
    let mut made = patch.clone();
    if let (Some(old), Some(items)) = (target.as_seq(), made.as_seq_mut()) {
        for (item, old) in
            items.iter_mut().zip(old).filter(|(item, old)| item.as_map().is_some() && old.as_map().is_some())
        {
            let mut merged = old.clone();
            merge(&mut merged, item);
            *item = merged;
        }
    }
    *target = made;
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
        let expected = "kustomize:\n  images:\n  - x:2\n  namePrefix: p-\n  nameSuffix: -w\npath: a\n";
        assert_eq!(to_masked_string(&node), expected);
        assert_eq!(reads.len(), 2);
    }

    #[test]
    fn a_broken_file_is_told() {
        let tree = Files::new(&[("a/.argocd-source.yaml", "a: [\n")]);
        let problem = merged(&tree, "a", "web", &Node::null(), &mut Vec::new()).expect_err("broken");
        assert_eq!(problem.reason, Reason::InvalidYaml);
    }
}
