//! Identity: group, version, kind, name and effective namespace (render.md 2.4).

use super::tables::scopes::CLUSTER_SCOPED;
use crate::yaml::Node;
use std::fmt;
use std::sync::Arc;

/// What stands for the namespace of a kind that is certainly cluster-scoped.
pub const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Group, version and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gvk {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Version.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
}

/// The identity of an object at one moment of its building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// Name.
    pub name: Arc<str>,
    /// Namespace as written; empty if none is.
    pub namespace: Arc<str>,
    /// True if the kind is certainly cluster-scoped.
    pub cluster: bool,
}

impl Gvk {
    /// From the two fields of an object.
    pub fn new(api_version: &str, kind: &str) -> Self {
        // Unlike the last slash of Kubernetes, kustomize splits at the first.
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// From an object's body.
    pub fn of(body: &Node) -> Self {
        Self::new(text(body, "apiVersion"), text(body, "kind"))
    }

    /// True if every part that `selector` names is the same here.
    pub fn selected_by(&self, selector: &Self) -> bool {
        let same = |own: &str, wanted: &str| wanted.is_empty() || own == wanted;
        same(&self.group, &selector.group)
            && same(&self.version, &selector.version)
            && same(&self.kind, &selector.kind)
    }

    /// `group/version`, or the version alone.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// True if the built-in schema says that the kind has no namespace.
    pub fn cluster_scoped(&self) -> bool {
        let api_version = self.api_version();
        CLUSTER_SCOPED.binary_search(&(api_version.as_str(), &*self.kind)).is_ok()
    }

    /// Kustomize's sort key among equals of a kind: empty parts sort after all letters.
    pub fn sort_text(&self) -> String {
        let or = |part: &str, empty: &str| if part.is_empty() { empty.to_owned() } else { part.to_owned() };
        format!("{}_{}_{}", or(&self.group, "~G"), or(&self.version, "~V"), or(&self.kind, "~K"))
    }
}

/// True if the built-in schema says that a kind has no namespace, in any version of its group.
pub fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    let group_of = |version: &'static str| version.rsplit_once('/').map_or("", |(group, _)| group);
    CLUSTER_SCOPED.iter().any(|(version, known)| *known == kind && group_of(version) == group)
}

impl std::hash::Hash for Id {
    /// Kind and name tell nearly all objects apart.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.gvk.kind.hash(state);
    }
}

impl Id {
    /// The identity that a body has now.
    pub fn of(body: &Node) -> Self {
        let gvk = Gvk::of(body);
        let cluster = gvk.cluster_scoped();
        let metadata = body.get("metadata");
        let part = |field| metadata.map_or("", |m| text(m, field)).into();
        Self { gvk, name: part("name"), namespace: part("namespace"), cluster }
    }

    /// True if the body still has this identity; what costs no memory in the common case.
    pub fn still(&self, body: &Node) -> bool {
        let metadata = body.get("metadata");
        let part = |field| metadata.map_or("", |m| text(m, field));
        let (group, version) = {
            let api_version = text(body, "apiVersion");
            api_version.split_once('/').unwrap_or(("", api_version))
        };
        &*self.gvk.kind == text(body, "kind")
            && &*self.gvk.group == group
            && &*self.gvk.version == version
            && &*self.name == part("name")
            && &*self.namespace == part("namespace")
    }

    /// The namespace that counts for comparing: a placeholder for cluster-scoped kinds, else `default` if none.
    pub fn effective_namespace(&self) -> &str {
        match &*self.namespace {
            _ if self.cluster => NO_NAMESPACE,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Same group, version, kind, name and effective namespace.
    pub fn equals(&self, other: &Self) -> bool {
        self.gvk == other.gvk
            && self.name == other.name
            && self.effective_namespace() == other.effective_namespace()
    }

    /// The same identity with its effective namespace written out: what maps of ids use as key.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut id = self.clone();
        if id.effective_namespace() != &*id.namespace {
            id.namespace = id.effective_namespace().into();
        }
        id
    }
}

/// `Kind/namespace/name` for people.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.gvk.kind)?;
        if !self.namespace.is_empty() && !self.cluster {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

fn text<'a>(node: &'a Node, field: &str) -> &'a str {
    node.get(field).and_then(Node::scalar_text).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_of_the_built_in_schema_are_cluster_scoped() {
        assert!(Gvk::new("v1", "Namespace").cluster_scoped());
        assert!(Gvk::new("rbac.authorization.k8s.io/v1", "ClusterRole").cluster_scoped());
        assert!(!Gvk::new("apps/v1", "Deployment").cluster_scoped());
        assert!(!Gvk::new("cert-manager.io/v1", "ClusterIssuer").cluster_scoped());
    }

    #[test]
    fn the_table_is_sorted_for_searching() {
        assert!(CLUSTER_SCOPED.is_sorted());
    }

    #[test]
    fn no_namespace_means_default() {
        let id = |namespace: &str| Id {
            gvk: Gvk::new("v1", "Service"),
            name: "web".into(),
            namespace: namespace.into(),
            cluster: false,
        };
        assert!(id("").equals(&id("default")));
        assert!(!id("").equals(&id("shop")));
        assert_eq!(id("").canonical(), id("default").canonical());
    }
}
