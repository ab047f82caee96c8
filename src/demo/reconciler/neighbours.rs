//! Everything else that lives in a real cluster: CRDs, nodes, system pods, the children of HelmReleases, SealedSecrets
//! and Services. None of it is declared in git, and none of it is anybody's business there.

use super::cluster::DemoCluster;
use super::{FLUX, HELM, KUSTOMIZE, SOURCE, condition, key_of, number, owned_by, text};
use crate::demo::apiserver::Writer;
use crate::model::ObjectKey;
use serde_json::{Value, json};

/// Sets a cluster up as its operators did: definitions, nodes, Flux with its first two objects, the decryption key.
pub(super) fn set_up(cluster: &mut DemoCluster) {
    for (group, version, kind, plural) in [
        (SOURCE, "v1", "GitRepository", "gitrepositories"),
        (SOURCE, "v1", "HelmRepository", "helmrepositories"),
        (KUSTOMIZE, "v1", "Kustomization", "kustomizations"),
        (HELM, "v2", "HelmRelease", "helmreleases"),
        ("bitnami.com", "v1alpha1", "SealedSecret", "sealedsecrets"),
    ] {
        put(cluster, "kubectl-client-side-apply", &definition(group, version, kind, plural));
    }
    for node in ["node-a", "node-b"] {
        put(cluster, "kubelet", &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}));
        let ready = json!([{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}]);
        status(cluster, "kubelet", &ObjectKey::new("", "Node", "", node), json!({"conditions": ready}));
    }
    let coredns = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "template": {"metadata": {"labels": {"k8s-app": "kube-dns"}},
                "spec": {"containers": [{"name": "coredns", "image": "registry.k8s.io/coredns:1.12.4"}]}}}});
    put(cluster, "kubeadm", &coredns);
    put(
        cluster,
        "kubectl-create",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FLUX}}),
    );
    put(
        cluster,
        "kubectl-create",
        &json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "sops-age", "namespace": FLUX}, "type": "Opaque",
        "stringData": {"age.agekey": "held by the cluster"}}),
    );
    bootstrap(cluster);
}

/// `flux bootstrap`: the source and the first Kustomization; from then on git rules them too.
fn bootstrap(cluster: &DemoCluster) {
    let path = format!("./clusters/{}", cluster.name);
    let source = json!({"apiVersion": format!("{SOURCE}/v1"), "kind": "GitRepository",
        "metadata": {"name": FLUX, "namespace": FLUX},
        "spec": {"interval": "1m0s", "ref": {"branch": "main"},
            "url": "ssh://git@git.shop.example/platform/fleet.git"}});
    let entry = json!({"apiVersion": format!("{KUSTOMIZE}/v1"), "kind": "Kustomization",
        "metadata": {"name": FLUX, "namespace": FLUX},
        "spec": {"interval": "10m0s", "path": path, "prune": true,
            "sourceRef": {"kind": "GitRepository", "name": FLUX}}});
    for object in [source, entry] {
        // Both kinds were defined above.
        let _ = cluster.store.apply("kustomize-controller", &object, true);
    }
}

fn definition(group: &str, version: &str, kind: &str, plural: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

/// One turn: HelmReleases, SealedSecrets, HelmRepositories and Services get what their controllers make.
pub(super) fn follow(cluster: &DemoCluster) {
    for namespace in cluster.store.list("", "Namespace") {
        system_objects(cluster, text(&namespace, "/metadata/name"));
    }
    for repository in cluster.store.list(SOURCE, "HelmRepository") {
        ready(
            cluster,
            &repository,
            "Succeeded",
            "stored artifact",
            json!({"artifact": {"revision": "sha256:7c1f"}}),
        );
    }
    for release in cluster.store.list(HELM, "HelmRelease") {
        helm_release(cluster, &release);
    }
    for sealed in cluster.store.list("bitnami.com", "SealedSecret") {
        unsealed(cluster, &sealed);
    }
    for scaler in cluster.store.list("autoscaling", "HorizontalPodAutoscaler") {
        autoscaler(cluster, &scaler);
    }
    for service in cluster.store.list("", "Service") {
        endpoints(cluster, &service);
    }
}

/// What Kubernetes puts into every namespace.
fn system_objects(cluster: &DemoCluster, namespace: &str) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}});
    let roots = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": "demo"}});
    make(cluster, "kube-controller-manager", &account);
    make(cluster, "kube-controller-manager", &roots);
}

fn helm_release(cluster: &DemoCluster, release: &Value) {
    let (name, namespace) = (text(release, "/metadata/name"), text(release, "/metadata/namespace"));
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm",
        "helm.toolkit.fluxcd.io/name": name, "helm.toolkit.fluxcd.io/namespace": namespace});
    let marks = json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace});
    let controller = format!("{name}-controller");
    let metadata =
        json!({"name": controller, "namespace": namespace, "labels": labels, "annotations": marks});
    let pods = json!({"app.kubernetes.io/name": name});
    let replicas =
        release.pointer("/spec/values/controller/replicaCount").cloned().unwrap_or_else(|| json!(1));
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": pods, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"use-gzip": "true"}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": replicas, "selector": {"matchLabels": pods},
                "template": {"metadata": {"labels": pods},
                    "spec": {"containers": [{"name": "controller", "image": "registry.k8s.io/ingress-nginx/controller:v1.13.3"}]}}}}),
    ] {
        make(cluster, "helm-controller", &object);
    }
    let version = text(release, "/spec/chart/spec/version").to_owned();
    let message =
        format!("Helm install succeeded for release {namespace}/{name}.v1 with chart {name}@{version}");
    let entries: Vec<Value> = ["ServiceAccount", "Service", "ConfigMap"]
        .into_iter()
        .map(|kind| json!({"id": format!("{namespace}_{controller}__{kind}"), "v": "v1"}))
        .chain([json!({"id": format!("{namespace}_{controller}_apps_Deployment"), "v": "v1"})])
        .collect();
    let more = json!({
        "history": [{"name": name, "namespace": namespace, "chartName": name, "chartVersion": version, "version": 1, "status": "deployed"}],
        "lastAttemptedRevision": version,
        "inventory": {"entries": entries},
    });
    ready(cluster, release, "InstallSucceeded", &message, more);
}

/// An autoscaler that is content with what it finds.
fn autoscaler(cluster: &DemoCluster, scaler: &Value) {
    if scaler.pointer("/status/conditions").is_some() {
        return;
    }
    let replicas = number(scaler, "/spec/minReplicas");
    let now = cluster.stamp();
    let message =
        "recent recommendations were higher than current one, applying the highest recent recommendation";
    let new = json!({
        "currentReplicas": replicas,
        "desiredReplicas": replicas,
        "conditions": [
            condition(scaler, "AbleToScale", "True", "ReadyForNewScale", message, &now, 0),
            condition(scaler, "ScalingActive", "True", "ValidMetricFound", "the HPA was able to compute the replica count", &now, 0),
            condition(scaler, "ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range", &now, 0),
        ],
    });
    status(cluster, "kube-controller-manager", &key_of(scaler), new);
}

/// The Secret that the sealed-secrets controller makes of a SealedSecret.
fn unsealed(cluster: &DemoCluster, sealed: &Value) {
    let (name, namespace) = (text(sealed, "/metadata/name"), text(sealed, "/metadata/namespace"));
    make(
        cluster,
        "controller",
        &json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": owned_by(sealed)},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{\"auths\":{}}"}}),
    );
    let generation = number(sealed, "/metadata/generation");
    let synced = condition(sealed, "Synced", "True", "", "", &cluster.stamp(), 0);
    if number(sealed, "/status/observedGeneration") != generation {
        status(
            cluster,
            "controller",
            &key_of(sealed),
            json!({"observedGeneration": generation, "conditions": [synced]}),
        );
    }
}

fn endpoints(cluster: &DemoCluster, service: &Value) {
    let (name, namespace) = (text(service, "/metadata/name"), text(service, "/metadata/namespace"));
    if namespace == "default" {
        return;
    }
    make(
        cluster,
        "kube-controller-manager",
        &json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": format!("{name}-x7k2p"), "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
            "ownerReferences": owned_by(service)},
        "addressType": "IPv4", "endpoints": [], "ports": []}),
    );
}

fn ready(cluster: &DemoCluster, object: &Value, reason: &str, message: &str, more: Value) {
    let generation = number(object, "/metadata/generation");
    if number(object, "/status/observedGeneration") == generation
        && object.pointer("/status/conditions").is_some()
    {
        return;
    }
    let mut new = more;
    new["observedGeneration"] = json!(generation);
    new["conditions"] =
        json!([condition(object, "Ready", "True", reason, message, &cluster.stamp(), generation)]);
    let manager =
        if text(object, "/kind") == "HelmRelease" { "helm-controller" } else { "source-controller" };
    status(cluster, manager, &key_of(object), new);
}

/// Makes an object that is not there yet.
fn make(cluster: &DemoCluster, manager: &str, object: &Value) {
    if cluster.store.get(&key_of(object)).is_none() {
        put(cluster, manager, object);
    }
}

fn put(cluster: &DemoCluster, manager: &str, object: &Value) {
    // Its namespace may be going; then there is nothing to make.
    let _ = cluster.store.put(Writer::update(manager), object);
}

fn status(cluster: &DemoCluster, manager: &str, key: &ObjectKey, status: Value) {
    // The object was listed in this turn.
    let _ = cluster.store.update_status(manager, key, status);
}
