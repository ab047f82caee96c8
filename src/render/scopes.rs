//! Which kinds have namespaces: what a cluster says, what the repository's own definitions say, and what is
//! built in.

use super::builds::Scoping;
use super::kustomize::merge_keys;
use crate::model::{Manifest, Scopes};
use crate::yaml::Node;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds without namespaces that are newer than kustomize's table.
const NEWER: [(&str, &[&str]); 7] = [
    (
        "admissionregistration.k8s.io",
        &[
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
        ],
    ),
    ("certificates.k8s.io", &["ClusterTrustBundle"]),
    ("networking.k8s.io", &["IPAddress", "ServiceCIDR"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("storage.k8s.io", &["VolumeAttributesClass"]),
    ("storagemigration.k8s.io", &["StorageVersionMigration"]),
    ("internal.apiserver.k8s.io", &["StorageVersion"]),
];

/// What is known about kinds.
pub(super) struct Known<'a> {
    cluster: Option<&'a Scopes>,
    /// True for kinds with namespaces, by group and kind.
    pub defined: Scoping,
}

impl<'a> Known<'a> {
    /// From a cluster, if there is one, and the `CustomResourceDefinition`s among rendered objects.
    pub fn of<'m>(cluster: Option<&'a Scopes>, objects: impl Iterator<Item = &'m Manifest>) -> Self {
        let defined: BTreeMap<_, _> = objects
            .filter(|m| &*m.key.kind == "CustomResourceDefinition")
            .filter_map(|m| {
                let text =
                    |path: &[&str]| m.body.at_path(path).and_then(Node::scalar_text).map(str::to_owned);
                let kind = text(&["spec", "names", "kind"])?;
                Some(((text(&["spec", "group"])?, kind), text(&["spec", "scope"])? == "Namespaced"))
            })
            .collect();
        Self { cluster, defined: Arc::new(defined) }
    }

    /// The namespace an object really has, if that is another one than its key says.
    pub fn namespace_of(&self, manifest: &Manifest) -> Option<Arc<str>> {
        let key = &manifest.key;
        let namespaced = self.scope(&key.group, &key.kind)?;
        match (namespaced, key.namespace.is_empty()) {
            (true, true) => Some("default".into()),
            (false, false) => Some("".into()),
            _ => None,
        }
    }

    /// True for kinds that are known to have namespaces.
    pub fn is_namespaced(&self, group: &str, kind: &str) -> bool {
        self.scope(group, kind) == Some(true)
    }

    /// True for kinds that are known to have none. What nobody knows has one: so Argo CD takes it.
    pub fn is_cluster_wide(&self, group: &str, kind: &str) -> bool {
        match self.scope(group, kind) {
            Some(namespaced) => !namespaced,
            None => {
                super::kustomize::is_cluster_scoped(group, kind)
                    || NEWER.iter().any(|(own, kinds)| *own == group && kinds.contains(&kind))
            }
        }
    }

    fn scope(&self, group: &str, kind: &str) -> Option<bool> {
        if let Some(info) = self.cluster.and_then(|scopes| scopes.get(group, kind)) {
            return Some(info.namespaced);
        }
        if let Some(namespaced) = self.defined.get(&(group.to_owned(), kind.to_owned())) {
            return Some(*namespaced);
        }
        // Cluster-scoped kinds that are built in have lost their namespace already.
        (merge_keys::knows(group, kind) && !super::kustomize::is_cluster_scoped(group, kind)).then_some(true)
    }
}
