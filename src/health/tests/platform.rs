//! Volumes, networks, autoscalers, definitions and nodes, by case data.

use super::*;

#[test]
fn volumes_services_and_ingresses() {
    check("v1 PersistentVolumeClaim", "status: {phase: Bound}", Healthy, "");
    check(
        "v1 PersistentVolumeClaim",
        "spec: {storageClassName: fast}\nstatus: {phase: Pending}",
        Progressing,
        "of class fast",
    );
    check("v1 PersistentVolumeClaim", "status: {phase: Lost}", Degraded, "lost");
    check("v1 PersistentVolume", "status: {phase: Available}", Healthy, "");
    check("v1 PersistentVolume", "status: {phase: Released}", Degraded, "data is still there");
    check("v1 PersistentVolume", "status: {phase: Failed, message: gone}", Degraded, "gone");
    check("v1 Service", "spec: {type: ClusterIP}", Healthy, "");
    check("v1 Service", "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {}}", Progressing, "address");
    check(
        "v1 Service",
        "spec: {type: LoadBalancer}\nstatus: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}",
        Healthy,
        "",
    );
    check("networking.k8s.io/v1 Ingress", "status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}", Healthy, "");
    check("networking.k8s.io/v1 Ingress", "status: {}", NotApplicable, "no address");
    let young = live(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x, creationTimestamp: '2026-11-21T11:59:00Z'}\n",
    );
    assert_eq!(health(&young, NOW).state, Progressing);
}

#[test]
fn autoscalers_and_budgets() {
    let hpa = "autoscaling/v2 HorizontalPodAutoscaler";
    check(
        hpa,
        &conditions(&[("AbleToScale", "True", "a", ""), ("ScalingActive", "True", "a", "")]),
        Healthy,
        "",
    );
    check(
        hpa,
        &conditions(&[
            ("AbleToScale", "True", "a", ""),
            ("ScalingActive", "False", "FailedGetResourceMetric", "no metrics"),
        ]),
        Degraded,
        "cannot scale: no metrics",
    );
    check(
        hpa,
        &conditions(&[
            ("AbleToScale", "True", "a", ""),
            ("ScalingActive", "False", "ScalingDisabled", "zero"),
        ]),
        Healthy,
        "",
    );
    check(hpa, "spec: {}", Progressing, "");
    let pdb = "policy/v1 PodDisruptionBudget";
    check(pdb, "status: {observedGeneration: 2, expectedPods: 1}", Healthy, "");
    check(
        pdb,
        &conditions(&[("DisruptionAllowed", "False", "SyncFailed", "no controllers")]),
        Degraded,
        "no controllers",
    );
    check(pdb, "spec: {}", Progressing, "");
}

#[test]
fn definitions_and_extension_servers() {
    let crd = "apiextensions.k8s.io/v1 CustomResourceDefinition";
    check(
        crd,
        &conditions(&[("NamesAccepted", "True", "a", ""), ("Established", "True", "a", "")]),
        Healthy,
        "",
    );
    check(crd, &conditions(&[("NamesAccepted", "False", "Conflict", "taken by y")]), Degraded, "taken by y");
    check(crd, &conditions(&[("Established", "False", "Installing", "")]), Progressing, "");
    check(
        crd,
        &conditions(&[("Established", "True", "a", ""), ("NonStructuralSchema", "True", "V", "bad schema")]),
        Degraded,
        "bad schema",
    );
    let api = "apiregistration.k8s.io/v1 APIService";
    check(
        api,
        &conditions(&[("Available", "False", "MissingEndpoints", "no endpoints")]),
        Degraded,
        "away for 10 min: no endpoints",
    );
    check(api, &conditions(&[("Available", "True", "a", "")]), Healthy, "");
}

#[test]
fn namespaces_and_nodes() {
    check("v1 Namespace", "status: {phase: Active}", Healthy, "");
    check(
        "v1 Namespace",
        &format!(
            "status: {{phase: Terminating, conditions: [{}]}}",
            condition("NamespaceDeletionDiscoveryFailure", "True", "x", "stale API")
        ),
        Degraded,
        "stale API",
    );
    check(
        "v1 Node",
        &conditions(&[("Ready", "False", "KubeletNotReady", "no network")]),
        Degraded,
        "no network",
    );
    check(
        "v1 Node",
        &conditions(&[("Ready", "True", "a", ""), ("DiskPressure", "True", "a", "disk is full")]),
        Degraded,
        "disk is full",
    );
    check(
        "v1 Node",
        &format!("spec: {{unschedulable: true}}\n{}", conditions(&[("Ready", "True", "a", "")])),
        Suspended,
        "cordoned",
    );
}
