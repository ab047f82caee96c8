//! A Flux Kustomization as its object says it, in the words of all its API versions.

use crate::model::{Manifest, ObjectKey, Origin, Place, ProducerSpec};
use crate::yaml::{Node, Value};

/// The group of Flux Kustomizations.
pub const GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// The group of sources.
pub const SOURCES: &str = "source.toolkit.fluxcd.io";

/// A Flux Kustomization.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its identity.
    pub key: ObjectKey,
    /// Where it is declared.
    pub origin: Origin,
    /// The whole object.
    pub body: Node,
    /// The folder it builds, relative to its artifact, cleaned.
    pub path: String,
    /// The source it reads from.
    pub source: ObjectKey,
}

impl Spec {
    /// Reads an object; `None` if it is no Flux Kustomization with a source.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        if &*manifest.key.kind != "Kustomization" || &*manifest.key.group != GROUP {
            return None;
        }
        let spec = manifest.body.get("spec")?;
        let source = spec.get("sourceRef")?;
        let name = source.str_at(&["name"])?;
        let kind = source.str_at(&["kind"]).unwrap_or("GitRepository");
        let namespace = text(source, "namespace").unwrap_or(&manifest.key.namespace);
        let group =
            source.str_at(&["apiVersion"]).map_or(SOURCES, |version| ObjectKey::split_api_version(version).0);
        let group = if group.is_empty() { SOURCES } else { group };
        Some(Self {
            key: manifest.key.clone(),
            origin: manifest.origin.clone(),
            body: manifest.body.clone(),
            path: clean_path(text(spec, "path").unwrap_or("")),
            source: ObjectKey::new(group, kind, namespace, name),
        })
    }

    fn field(&self, name: &str) -> Option<&Node> {
        self.body.at_path(&["spec", name]).filter(|n| !n.is_null())
    }

    /// Where a field is written, as near as the object tells: `spec.postBuild`.
    pub fn place_of(&self, field: &str) -> Place {
        let path: Vec<&str> = field.split('.').collect();
        let mark = self.body.at_path(&path).map(|node| &node.mark).filter(|mark| mark.line > 0);
        let (file, line) = mark.map_or((None, self.origin.line), |mark| (mark.file.clone(), mark.line));
        Place { file: file.unwrap_or_else(|| self.origin.file.clone()), line, field: Some(field.into()) }
    }

    /// A text field; `None` if it is missing.
    pub fn text(&self, name: &str) -> Option<&Node> {
        self.field(name).filter(|n| n.scalar_text().is_some())
    }

    /// The elements of a list field.
    pub fn list(&self, name: &str) -> &[Node] {
        self.field(name).and_then(Node::as_seq).unwrap_or_default()
    }

    fn is_set(&self, name: &str) -> bool {
        self.field(name).and_then(Node::as_bool).unwrap_or(false)
    }

    /// True if components that do not exist are skipped.
    pub fn ignores_missing_components(&self) -> bool {
        self.is_set("ignoreMissingComponents")
    }

    /// True if sealed objects are opened before they are applied.
    pub fn decrypts(&self) -> bool {
        self.body.str_at(&["spec", "decryption", "provider"]) == Some("sops")
    }

    /// `spec.postBuild`, if variables are substituted at all.
    pub fn post_build(&self) -> Option<&Node> {
        self.field("postBuild")
    }

    /// `spec.commonMetadata.labels` or `.annotations`.
    pub fn common_metadata(&self, name: &str) -> Option<&Node> {
        self.body.at_path(&["spec", "commonMetadata", name]).filter(|n| n.as_map().is_some())
    }

    /// True if the objects go to another cluster than this one.
    pub fn is_remote(&self) -> bool {
        self.field("kubeConfig").is_some()
    }

    /// What the controller is asked for.
    pub fn producer(&self) -> ProducerSpec {
        let depends_on = self
            .list("dependsOn")
            .iter()
            .filter_map(|dependency| {
                let name = dependency.str_at(&["name"])?;
                let namespace = text(dependency, "namespace").unwrap_or(&self.key.namespace);
                Some(ObjectKey::new(GROUP, "Kustomization", namespace, name))
            })
            .collect();
        ProducerSpec {
            path: self.path.as_str().into(),
            depends_on,
            source: Some(self.source.clone()),
            suspend: self.is_set("suspend"),
            prune: self.is_set("prune"),
            wait: self.is_set("wait"),
        }
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::scalar_text).filter(|t| !t.is_empty())
}

/// A path inside an artifact without dots, doubled or outer slashes; it cannot climb out.
pub fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// True if a node holds nothing: null, or an empty list or mapping.
pub(super) fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Map(map) => map.is_empty(),
        Value::Seq(items) => items.is_empty(),
        _ => node.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_cannot_climb_out() {
        for (path, expected) in
            [("./a/b/", "a/b"), ("", ""), ("./", ""), ("/a//b", "a/b"), ("a/../b", "b"), ("../../etc", "etc")]
        {
            assert_eq!(clean_path(path), expected, "{path}");
        }
    }
}
