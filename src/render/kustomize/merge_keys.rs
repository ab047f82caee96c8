//! Which lists a strategic merge patch merges, and by which keys: the Kubernetes 1.21.2 schema as kustomize ships it.
//!
//! Only lists that can be reached are listed: everything below a list that is replaced as a whole is
//! replaced with it (render.md 2.10).

use super::commented::Commented;
use std::collections::BTreeMap;

/// The keys of a merged list; no key means a set of scalars.
pub type Keys = &'static [&'static str];

/// Merge keys below some folder of the object, by relative path; `[]` stands for an element.
type Block = &'static [(&'static str, Keys)];

const META: Block = &[("finalizers", &[]), ("ownerReferences", &["uid"])];

const POD: Block = &[
    ("containers", &["name"]),
    ("containers[]/env", &["name"]),
    ("containers[]/ports", &["containerPort", "protocol"]),
    ("containers[]/volumeDevices", &["devicePath"]),
    ("containers[]/volumeMounts", &["mountPath"]),
    ("ephemeralContainers", &["name"]),
    ("ephemeralContainers[]/env", &["name"]),
    ("ephemeralContainers[]/volumeDevices", &["devicePath"]),
    ("ephemeralContainers[]/volumeMounts", &["mountPath"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("initContainers[]/env", &["name"]),
    ("initContainers[]/ports", &["containerPort", "protocol"]),
    ("initContainers[]/volumeDevices", &["devicePath"]),
    ("initContainers[]/volumeMounts", &["mountPath"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumes", &["name"]),
    ("volumes[]/ephemeral/volumeClaimTemplate/metadata/finalizers", &[]),
    ("volumes[]/ephemeral/volumeClaimTemplate/metadata/ownerReferences", &["uid"]),
];

const CONDITIONS: Block = &[("conditions", &["type"])];

/// What a kind's lists look like besides its metadata.
type Shape = &'static [(&'static str, Block)];

const PLAIN: Shape = &[];
const STATUS: Shape = &[("status", CONDITIONS)];
const WORKLOAD: Shape =
    &[("spec/template/metadata", META), ("spec/template/spec", POD), ("status", CONDITIONS)];
const CRON_JOB: Shape = &[
    ("spec/jobTemplate/metadata", META),
    ("spec/jobTemplate/spec/template/metadata", META),
    ("spec/jobTemplate/spec/template/spec", POD),
];
const POD_OBJECT: Shape = &[("spec", POD), ("status", &[("conditions", &["type"]), ("podIPs", &["ip"])])];
const POD_TEMPLATE: Shape = &[("template/metadata", META), ("template/spec", POD)];
const WEBHOOKS: Shape = &[("", &[("webhooks", &["name"])])];
const CSI_NODE: Shape = &[("spec", &[("drivers", &["name"])])];
const SERVICE: Shape = &[("spec", &[("ports", &["port", "protocol"])]), ("status", CONDITIONS)];
const SERVICE_ACCOUNT: Shape = &[("", &[("secrets", &["name"])])];
const COMPONENT_STATUS: Shape = &[("", CONDITIONS)];
const NODE: Shape =
    &[("spec", &[("podCIDRs", &[])]), ("status", &[("addresses", &["type"]), ("conditions", &["type"])])];

/// The kinds that the schema knows, by API version.
const KINDS: &[(&str, &[(&str, Shape)])] = &[
    (
        "v1",
        &[
            ("Binding", PLAIN),
            ("ComponentStatus", COMPONENT_STATUS),
            ("ConfigMap", PLAIN),
            ("Endpoints", PLAIN),
            ("Event", PLAIN),
            ("LimitRange", PLAIN),
            ("Namespace", STATUS),
            ("Node", NODE),
            ("PersistentVolume", PLAIN),
            ("PersistentVolumeClaim", STATUS),
            ("Pod", POD_OBJECT),
            ("PodTemplate", POD_TEMPLATE),
            ("ReplicationController", WORKLOAD),
            ("ResourceQuota", PLAIN),
            ("Secret", PLAIN),
            ("Service", SERVICE),
            ("ServiceAccount", SERVICE_ACCOUNT),
        ],
    ),
    (
        "apps/v1",
        &[
            ("ControllerRevision", PLAIN),
            ("DaemonSet", WORKLOAD),
            ("Deployment", WORKLOAD),
            ("ReplicaSet", WORKLOAD),
            ("StatefulSet", WORKLOAD),
        ],
    ),
    ("batch/v1", &[("CronJob", CRON_JOB), ("Job", WORKLOAD)]),
    ("batch/v1beta1", &[("CronJob", CRON_JOB)]),
    (
        "admissionregistration.k8s.io/v1",
        &[("MutatingWebhookConfiguration", WEBHOOKS), ("ValidatingWebhookConfiguration", WEBHOOKS)],
    ),
    (
        "admissionregistration.k8s.io/v1beta1",
        &[("MutatingWebhookConfiguration", WEBHOOKS), ("ValidatingWebhookConfiguration", WEBHOOKS)],
    ),
    ("apiextensions.k8s.io/v1", &[("CustomResourceDefinition", PLAIN)]),
    ("apiextensions.k8s.io/v1beta1", &[("CustomResourceDefinition", PLAIN)]),
    ("apiregistration.k8s.io/v1", &[("APIService", STATUS)]),
    ("apiregistration.k8s.io/v1beta1", &[("APIService", STATUS)]),
    ("authentication.k8s.io/v1", &[("TokenRequest", PLAIN), ("TokenReview", PLAIN)]),
    ("authentication.k8s.io/v1beta1", &[("TokenReview", PLAIN)]),
    ("authorization.k8s.io/v1", REVIEWS),
    ("authorization.k8s.io/v1beta1", REVIEWS),
    ("autoscaling/v1", &[("HorizontalPodAutoscaler", PLAIN), ("Scale", PLAIN)]),
    ("autoscaling/v2beta1", &[("HorizontalPodAutoscaler", PLAIN)]),
    ("autoscaling/v2beta2", &[("HorizontalPodAutoscaler", PLAIN)]),
    ("certificates.k8s.io/v1", &[("CertificateSigningRequest", PLAIN)]),
    ("certificates.k8s.io/v1beta1", &[("CertificateSigningRequest", PLAIN)]),
    ("coordination.k8s.io/v1", &[("Lease", PLAIN)]),
    ("coordination.k8s.io/v1beta1", &[("Lease", PLAIN)]),
    ("discovery.k8s.io/v1", &[("EndpointSlice", PLAIN)]),
    ("discovery.k8s.io/v1beta1", &[("EndpointSlice", PLAIN)]),
    ("events.k8s.io/v1", &[("Event", PLAIN)]),
    ("events.k8s.io/v1beta1", &[("Event", PLAIN)]),
    ("extensions/v1beta1", &[("Ingress", PLAIN)]),
    ("flowcontrol.apiserver.k8s.io/v1beta1", &[("FlowSchema", PLAIN), ("PriorityLevelConfiguration", PLAIN)]),
    ("networking.k8s.io/v1", &[("Ingress", PLAIN), ("IngressClass", PLAIN), ("NetworkPolicy", PLAIN)]),
    ("networking.k8s.io/v1beta1", &[("Ingress", PLAIN), ("IngressClass", PLAIN)]),
    ("node.k8s.io/v1", &[("RuntimeClass", PLAIN)]),
    ("node.k8s.io/v1beta1", &[("RuntimeClass", PLAIN)]),
    ("policy/v1", &[("PodDisruptionBudget", STATUS)]),
    ("policy/v1beta1", &[("Eviction", PLAIN), ("PodDisruptionBudget", STATUS), ("PodSecurityPolicy", PLAIN)]),
    ("rbac.authorization.k8s.io/v1", RBAC),
    ("rbac.authorization.k8s.io/v1beta1", RBAC),
    ("scheduling.k8s.io/v1", &[("PriorityClass", PLAIN)]),
    ("scheduling.k8s.io/v1beta1", &[("PriorityClass", PLAIN)]),
    (
        "storage.k8s.io/v1",
        &[("CSIDriver", PLAIN), ("CSINode", CSI_NODE), ("StorageClass", PLAIN), ("VolumeAttachment", PLAIN)],
    ),
    (
        "storage.k8s.io/v1beta1",
        &[
            ("CSIDriver", PLAIN),
            ("CSINode", CSI_NODE),
            ("CSIStorageCapacity", PLAIN),
            ("StorageClass", PLAIN),
            ("VolumeAttachment", PLAIN),
        ],
    ),
];

const REVIEWS: &[(&str, Shape)] = &[
    ("LocalSubjectAccessReview", PLAIN),
    ("SelfSubjectAccessReview", PLAIN),
    ("SelfSubjectRulesReview", PLAIN),
    ("SubjectAccessReview", PLAIN),
];

const RBAC: &[(&str, Shape)] =
    &[("ClusterRole", PLAIN), ("ClusterRoleBinding", PLAIN), ("Role", PLAIN), ("RoleBinding", PLAIN)];

/// True if the built-in schema has this kind in any version of the group.
pub fn knows(group: &str, kind: &str) -> bool {
    let group_of = |version: &'static str| version.rsplit_once('/').map_or("", |(group, _)| group);
    KINDS.iter().any(|(version, kinds)| group_of(version) == group && kinds.iter().any(|(k, _)| *k == kind))
}

/// How the lists of one kind merge.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    shape: Option<Shape>,
    added: BTreeMap<String, Option<Vec<String>>>,
}

impl Schema {
    /// What the built-in schema knows about a kind; of an unknown kind every list is replaced.
    pub fn of(api_version: &str, kind: &str) -> Self {
        let kinds = KINDS.iter().find(|(version, _)| *version == api_version).map(|(_, kinds)| *kinds);
        let shape = kinds.and_then(|kinds| kinds.iter().find(|(k, _)| *k == kind)).map(|(_, shape)| *shape);
        Self { shape, added: BTreeMap::new() }
    }

    /// The same with one more merged list, as a kustomization's `openapi.path` gives it:
    /// `path` is written as `spec/template/spec/containers[]/env`.
    #[must_use]
    pub fn with_list(mut self, path: &str, keys: &[&str]) -> Self {
        self.added.insert(path.to_owned(), Some(keys.iter().map(|k| (*k).to_owned()).collect()));
        self
    }

    /// The same with what a comment says about a list; the first to say something wins.
    #[must_use]
    pub fn with_comment(mut self, (path, keys): &Commented) -> Self {
        self.added.entry(path.clone()).or_insert_with(|| keys.clone());
        self
    }

    /// The merge keys of the list at `path`; `None` if the list is replaced.
    pub fn keys(&self, path: &str) -> Option<Vec<&str>> {
        if let Some(keys) = self.added.get(path) {
            return keys.as_ref().map(|keys| keys.iter().map(String::as_str).collect());
        }
        let shape = self.shape?;
        std::iter::once(&("metadata", META))
            .chain(shape)
            .find_map(|(prefix, block)| {
                let rest =
                    if prefix.is_empty() { path } else { path.strip_prefix(prefix)?.strip_prefix('/')? };
                block.iter().find(|(list, _)| *list == rest).map(|(_, keys)| *keys)
            })
            .map(<[&str]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_merge_by_name_in_a_deployment_only() {
        assert_eq!(
            Schema::of("apps/v1", "Deployment").keys("spec/template/spec/containers"),
            Some(vec!["name"])
        );
        assert_eq!(Schema::of("argoproj.io/v1alpha1", "Rollout").keys("spec/template/spec/containers"), None);
    }

    #[test]
    fn lists_without_a_merge_strategy_are_replaced() {
        let deployment = Schema::of("apps/v1", "Deployment");
        for list in ["containers[]/args", "containers[]/envFrom", "tolerations"] {
            assert_eq!(deployment.keys(&format!("spec/template/spec/{list}")), None, "{list}");
        }
    }

    #[test]
    fn a_version_newer_than_the_schema_is_unknown() {
        assert_eq!(Schema::of("autoscaling/v2", "HorizontalPodAutoscaler").keys("metadata/finalizers"), None);
    }
}
