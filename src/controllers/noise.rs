//! Why an object that nobody declares is no finding: the noise of every real cluster (diff.md 2.7).

use crate::model::Live;
use crate::yaml::Node;

/// Whole kinds that systems make: group, kind (empty for all), why.
const KINDS: &[(&str, &str, &str)] = &[
    ("", "Endpoints", "kept by the cluster for a Service"),
    ("discovery.k8s.io", "EndpointSlice", "kept by the cluster for a Service"),
    ("coordination.k8s.io", "Lease", "a lock of a controller"),
    ("", "Event", "an event"),
    ("events.k8s.io", "Event", "an event"),
    ("", "Node", "a machine of the cluster"),
    ("", "ComponentStatus", "a status of the cluster"),
    ("apps", "ControllerRevision", "history of a workload"),
    ("authentication.k8s.io", "", "a question to the server"),
    ("authorization.k8s.io", "", "a question to the server"),
    ("certificates.k8s.io", "CertificateSigningRequest", "a request for a certificate"),
    ("cert-manager.io", "CertificateRequest", "a request for a certificate"),
    ("acme.cert-manager.io", "", "a request for a certificate"),
    ("metrics.k8s.io", "", "a measurement"),
    ("wgpolicyk8s.io", "", "a report"),
    ("reports.kyverno.io", "", "a report"),
    ("kyverno.io", "AdmissionReport", "a report"),
    ("kyverno.io", "BackgroundScanReport", "a report"),
    ("kyverno.io", "ClusterAdmissionReport", "a report"),
    ("kyverno.io", "ClusterBackgroundScanReport", "a report"),
    ("kyverno.io", "UpdateRequest", "a report"),
    ("aquasecurity.github.io", "", "a report"),
    ("cilium.io", "CiliumIdentity", "kept by the network"),
    ("cilium.io", "CiliumEndpoint", "kept by the network"),
    ("cilium.io", "CiliumEndpointSlice", "kept by the network"),
    ("cilium.io", "CiliumNode", "kept by the network"),
    ("flowcontrol.apiserver.k8s.io", "", "kept by the API server"),
    ("apiregistration.k8s.io", "APIService", "kept by the API server"),
    ("storage.k8s.io", "CSINode", "kept by the storage driver"),
    ("storage.k8s.io", "CSIStorageCapacity", "kept by the storage driver"),
    ("storage.k8s.io", "VolumeAttachment", "kept by the storage driver"),
    ("networking.k8s.io", "ServiceCIDR", "kept by the API server"),
    ("networking.k8s.io", "IPAddress", "kept by the API server"),
    ("resource.k8s.io", "ResourceSlice", "kept by a device driver"),
];

/// Single objects that every cluster or namespace has: kind, name, why.
const OBJECTS: &[(&str, &str, &str)] = &[
    ("ServiceAccount", "default", "every namespace has one"),
    ("ConfigMap", "kube-root-ca.crt", "every namespace has one"),
    ("ConfigMap", "openshift-service-ca.crt", "every namespace has one"),
    ("Service", "kubernetes", "the API server itself"),
    ("Namespace", "default", "every cluster has it"),
    ("Namespace", "kube-system", "every cluster has it"),
    ("Namespace", "kube-public", "every cluster has it"),
    ("Namespace", "kube-node-lease", "every cluster has it"),
    ("PriorityClass", "system-cluster-critical", "every cluster has it"),
    ("PriorityClass", "system-node-critical", "every cluster has it"),
];

const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Why an undeclared object is not worth a line; `None` if it is.
pub fn is_noise(live: &Live) -> Option<&'static str> {
    let key = &live.key;
    if live.owners.iter().any(|owner| owner.controller) {
        return Some("made by the object that owns it");
    }
    if SYSTEM_NAMESPACES.contains(&&*key.namespace) {
        return Some("in a namespace of the system");
    }
    let kind = KINDS
        .iter()
        .find(|(group, kind, _)| *group == &*key.group && (kind.is_empty() || *kind == &*key.kind));
    if let Some((_, _, why)) = kind {
        // An APIService for an extension server is somebody's; those of the server itself say so.
        let own = &*key.kind != "APIService" || is_automatic(&live.body);
        if own {
            return Some(why);
        }
    }
    if let Some((_, _, why)) =
        OBJECTS.iter().find(|(kind, name, _)| *kind == &*key.kind && *name == &*key.name)
    {
        return Some(why);
    }
    by_marks(live)
}

fn by_marks(live: &Live) -> Option<&'static str> {
    let (key, body) = (&live.key, &live.body);
    let labels = body.at_path(&["metadata", "labels"]);
    let annotations = body.at_path(&["metadata", "annotations"]);
    let label = |name: &str| labels.and_then(|l| l.get(name)).and_then(Node::scalar_text);
    if label("kubernetes.io/bootstrapping").is_some() {
        return Some("RBAC that the API server made");
    }
    if key.group.starts_with("rbac.") && key.name.starts_with("system:") {
        return Some("RBAC of the system");
    }
    if key.is_secret() {
        return secret(body, &key.name, label("owner"));
    }
    if &*key.kind == "ConfigMap" && label("owner") == Some("helm") && label("status").is_some() {
        return Some("a release that Helm stores");
    }
    if &*key.kind == "ConfigMap"
        && annotations.is_some_and(|a| a.get("control-plane.alpha.kubernetes.io/leader").is_some())
    {
        return Some("a lock of a controller");
    }
    None
}

/// Metadata-only reads carry no type: Helm's label and name tell as well.
fn secret(body: &Node, name: &str, owner: Option<&str>) -> Option<&'static str> {
    match body.str_at(&["type"]) {
        Some("helm.sh/release.v1") => Some("a release that Helm stores"),
        Some("kubernetes.io/service-account-token") => Some("a token of a ServiceAccount"),
        Some("bootstrap.kubernetes.io/token") => Some("a token for joining machines"),
        _ if owner == Some("helm") && name.starts_with("sh.helm.release.v1.") => {
            Some("a release that Helm stores")
        }
        _ => None,
    }
}

fn is_automatic(body: &Node) -> bool {
    body.at_path(&["metadata", "labels"])
        .is_some_and(|l| l.get("kube-aggregator.kubernetes.io/automanaged").is_some())
}
