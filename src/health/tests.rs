//! Case data for every rule: object, clock, expected state and the words that must be in the reason.

use super::{explained_by, health, worst};
use crate::model::{Health, HealthState, Live, ObjectKey};
use crate::yaml::{Dialect, Limits, Node, read_stream};

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

fn live(text: &str) -> Live {
    let stream = read_stream(text.as_bytes(), &"case.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?} in {text}", stream.errors);
    let body: Node = stream.documents.into_iter().next().expect("one document").root;
    let (key, version) = ObjectKey::of(&body).expect("it has a name");
    let terminating = body.at_path(&["metadata", "deletionTimestamp"]).is_some();
    Live {
        key,
        version,
        body,
        whole: true,
        managers: [].into(),
        uid: "1".into(),
        resource_version: "1".into(),
        owners: Vec::new(),
        terminating,
    }
}

/// `kind` is `apiVersion Kind`; `rest` is what stands beside metadata, `generation: 2` in it.
#[track_caller]
fn check(kind: &str, rest: &str, state: HealthState, words: &str) {
    let (api, kind) = kind.split_once(' ').expect("apiVersion and kind");
    let found = health(
        &live(&format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x, namespace: shop, generation: 2, creationTimestamp: '2026-11-21T11:00:00Z'}}\n{rest}\n"
        )),
        NOW,
    );
    assert_eq!(found.state, state, "{kind} {rest}: {}", found.reason);
    assert!(found.reason.contains(words), "`{words}` is not in `{}`", found.reason);
}

use HealthState::{Degraded, Healthy, NotApplicable, Progressing, Suspended, Terminating, Unknown};

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> String {
    format!(
        "{{type: {kind}, status: '{status}', reason: {reason}, message: '{message}', lastTransitionTime: '2026-11-21T11:50:00Z'}}"
    )
}

fn conditions(list: &[(&str, &str, &str, &str)]) -> String {
    let all: Vec<String> = list.iter().map(|(k, s, r, m)| condition(k, s, r, m)).collect();
    format!("status: {{observedGeneration: 2, conditions: [{}]}}", all.join(", "))
}

#[test]
fn deployments() {
    let kind = "apps/v1 Deployment";
    let with = |status: &str| format!("spec: {{replicas: 3}}\nstatus: {{observedGeneration: 2, {status}}}");
    check(kind, &with("replicas: 3, updatedReplicas: 3, availableReplicas: 3"), Healthy, "");
    check(
        kind,
        &with("replicas: 3, updatedReplicas: 1, availableReplicas: 3"),
        Progressing,
        "1 of 3 replicas updated",
    );
    check(
        kind,
        &with("replicas: 4, updatedReplicas: 3, availableReplicas: 3"),
        Progressing,
        "1 old replica is still there",
    );
    check(kind, &with("replicas: 3, updatedReplicas: 3, availableReplicas: 2"), Progressing, "2 available");
    let stuck = condition("Progressing", "False", "ProgressDeadlineExceeded", "x");
    check(
        kind,
        &with(&format!("replicas: 4, updatedReplicas: 1, availableReplicas: 3, conditions: [{stuck}]")),
        Degraded,
        "stuck since 10 min: 1 of 3 replicas updated",
    );
    let quota = condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: small");
    check(
        kind,
        &with(&format!("conditions: [{quota}]")),
        Degraded,
        "Pods cannot be made: exceeded quota: small",
    );
    check(kind, "spec: {replicas: 3, paused: true}", Suspended, "paused");
    check(kind, "spec: {replicas: 3}\nstatus: {observedGeneration: 1}", Progressing, "newest spec");
    check(kind, "spec: {replicas: 3}", Progressing, "not looked at it yet");
    check(kind, "spec: {replicas: 0}\nstatus: {observedGeneration: 2}", Healthy, "");
}

#[test]
fn replica_sets() {
    check(
        "apps/v1 ReplicaSet",
        "spec: {replicas: 2}\nstatus: {observedGeneration: 2, availableReplicas: 1}",
        Progressing,
        "1 of 2",
    );
    check("apps/v1 ReplicaSet", "spec: {replicas: 0}\nstatus: {observedGeneration: 2}", Healthy, "");
    let bad = condition("ReplicaFailure", "True", "FailedCreate", "forbidden");
    check(
        "apps/v1 ReplicaSet",
        &format!("spec: {{replicas: 2}}\nstatus: {{conditions: [{bad}]}}"),
        Degraded,
        "forbidden",
    );
}

#[test]
fn stateful_sets() {
    let kind = "apps/v1 StatefulSet";
    let with = |spec: &str, status: &str| {
        format!("spec: {{replicas: 3, {spec}}}\nstatus: {{observedGeneration: 2, {status}}}")
    };
    check(kind, &with("a: b", "readyReplicas: 3, currentRevision: r1, updateRevision: r1"), Healthy, "");
    check(kind, &with("a: b", "readyReplicas: 2"), Progressing, "2 of 3 replicas ready");
    check(
        kind,
        &with("a: b", "readyReplicas: 3, updatedReplicas: 1, currentRevision: r1, updateRevision: r2"),
        Progressing,
        "1 of 3 replicas updated",
    );
    check(
        kind,
        &with(
            "updateStrategy: {type: OnDelete}",
            "readyReplicas: 3, currentRevision: r1, updateRevision: r2",
        ),
        Healthy,
        "",
    );
    let partition = "updateStrategy: {rollingUpdate: {partition: 2}}";
    check(kind, &with(partition, "readyReplicas: 3, updatedReplicas: 1"), Healthy, "");
    check(kind, &with(partition, "readyReplicas: 3, updatedReplicas: 0"), Progressing, "0 of 1");
    check(kind, "spec: {replicas: 1}", Progressing, "not looked at it yet");
}

#[test]
fn daemon_sets() {
    let kind = "apps/v1 DaemonSet";
    let with =
        |status: &str| format!("status: {{observedGeneration: 2, desiredNumberScheduled: 3, {status}}}");
    check(kind, &with("updatedNumberScheduled: 3, numberAvailable: 3"), Healthy, "");
    check(kind, &with("updatedNumberScheduled: 1, numberAvailable: 3"), Progressing, "1 of 3 nodes updated");
    check(kind, &with("updatedNumberScheduled: 3, numberAvailable: 2"), Progressing, "2 of 3 nodes");
    check(kind, "status: {}", Progressing, "not looked at it yet");
}

fn pod(spec: &str, phase: &str, container: &str, more: &str) -> String {
    format!(
        "spec: {{{spec}, containers: [{{name: pay, image: 'shop/pay:2.4.1', resources: {{limits: {{memory: 512Mi}}}}}}]}}\nstatus: {{phase: {phase}, containerStatuses: [{{name: pay, {container}}}], {more}}}"
    )
}

#[test]
fn pods_name_container_image_and_exit_code() {
    let kind = "v1 Pod";
    let always = |phase: &str, container: &str| pod("restartPolicy: Always", phase, container, "a: b");
    let waiting = |reason: &str, message: &str| {
        format!(
            "ready: false, restartCount: 5, state: {{waiting: {{reason: {reason}, message: '{message}'}}}}"
        )
    };
    check(
        kind,
        &always("Pending", &waiting("ImagePullBackOff", "rpc error: manifest unknown")),
        Degraded,
        "image shop/pay:2.4.1 cannot be pulled: it does not exist",
    );
    check(
        kind,
        &always("Pending", &waiting("ErrImagePull", "401 Unauthorized")),
        Degraded,
        "image shop/pay:2.4.1 cannot be pulled: the registry refuses us",
    );
    check(
        kind,
        &always("Pending", &waiting("CreateContainerConfigError", "secret \"db\" not found")),
        Degraded,
        "container pay cannot be started: secret \"db\" not found",
    );
    check(kind, &always("Pending", &waiting("ContainerCreating", "")), Progressing, "starting container pay");
    let crash =
        |end: &str| format!("{}, lastState: {{terminated: {end}}}", waiting("CrashLoopBackOff", "back-off"));
    check(
        kind,
        &always("Running", &crash("{exitCode: 3, reason: Error}")),
        Degraded,
        "container pay ended with exit code 3; restarted 5 times",
    );
    check(
        kind,
        &always("Running", &crash("{exitCode: 137, reason: OOMKilled}")),
        Degraded,
        "container pay ran out of memory (limit 512Mi)",
    );
    check(
        kind,
        &always(
            "Running",
            "ready: false, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 1}}",
        ),
        Degraded,
        "exit code 1",
    );
    check(
        kind,
        &always("Running", "ready: false, restartCount: 0, state: {running: {}}"),
        Progressing,
        "container pay is not ready",
    );
    let ready = condition("Ready", "True", "x", "");
    check(
        kind,
        &pod("restartPolicy: Always", "Running", "ready: true", &format!("conditions: [{ready}]")),
        Healthy,
        "",
    );
    check(
        kind,
        &always("Failed", "state: {terminated: {exitCode: 2, message: 'no config'}}"),
        Degraded,
        "container pay ended with exit code 2: no config",
    );
    check(
        kind,
        "spec: {}\nstatus: {phase: Failed, reason: Evicted, message: 'low on disk'}",
        Degraded,
        "evicted: low on disk",
    );
    check(kind, &pod("restartPolicy: Never", "Succeeded", "a: b", "a: b"), Healthy, "");
    check(kind, &pod("restartPolicy: OnFailure", "Running", "ready: true", "a: b"), Progressing, "running");
    let nowhere = condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available");
    check(
        kind,
        &format!("spec: {{}}\nstatus: {{phase: Pending, conditions: [{nowhere}]}}"),
        Degraded,
        "no node takes it: 0/3 nodes are available (for 10 min)",
    );
    check(kind, "spec: {}\nstatus: {phase: Pending}", Progressing, "waits for a node");
}

#[test]
fn init_containers_are_named_first() {
    check(
        "v1 Pod",
        "spec: {initContainers: [{name: migrate, image: 'shop/migrate:1'}]}\nstatus: {phase: Pending, initContainerStatuses: [{name: migrate, state: {waiting: {reason: ErrImagePull, message: ''}}}], containerStatuses: [{name: pay, state: {waiting: {reason: PodInitializing}}}]}",
        Degraded,
        "image shop/migrate:1 cannot be pulled",
    );
}

#[test]
fn jobs_and_cron_jobs() {
    check("batch/v1 Job", &conditions(&[("Complete", "True", "a", "")]), Healthy, "");
    check(
        "batch/v1 Job",
        &conditions(&[(
            "Failed",
            "True",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        )]),
        Degraded,
        "backoff limit",
    );
    check("batch/v1 Job", "status: {active: 1, failed: 2}", Progressing, "1 Pod active, 2 failed");
    check("batch/v1 Job", "spec: {suspend: true}", Suspended, "");
    check("batch/v1 CronJob", "spec: {suspend: true}", Suspended, "");
    check("batch/v1 CronJob", "status: {}", Healthy, "has not run yet");
    check(
        "batch/v1 CronJob",
        "status: {lastScheduleTime: '2026-11-21T11:00:00Z', lastSuccessfulTime: '2026-11-21T11:01:00Z'}",
        Healthy,
        "",
    );
    check(
        "batch/v1 CronJob",
        "status: {lastScheduleTime: '2026-11-21T11:00:00Z', lastSuccessfulTime: '2026-11-20T11:01:00Z'}",
        Degraded,
        "last success was 24 h ago",
    );
    check(
        "batch/v1 CronJob",
        "status: {lastScheduleTime: '2026-11-21T11:00:00Z'}",
        Degraded,
        "never succeeded",
    );
    check(
        "batch/v1 CronJob",
        "status: {lastScheduleTime: '2026-11-21T11:00:00Z', active: [{name: y}]}",
        Healthy,
        "",
    );
}

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

#[test]
fn custom_resources() {
    check(
        "bitnami.com/v1alpha1 SealedSecret",
        &conditions(&[("Synced", "False", "", "no key could decrypt secret")]),
        Degraded,
        "cannot be unsealed: no key could decrypt",
    );
    check("bitnami.com/v1alpha1 SealedSecret", "spec: {}", Progressing, "not unsealed yet");
    check("bitnami.com/v1alpha1 SealedSecret", &conditions(&[("Synced", "True", "", "")]), Healthy, "");
    let certificate = "cert-manager.io/v1 Certificate";
    check(
        certificate,
        &conditions(&[
            ("Issuing", "True", "a", "waiting for order"),
            ("Ready", "False", "DoesNotExist", "x"),
        ]),
        Progressing,
        "waiting for order",
    );
    check(
        certificate,
        &conditions(&[("Ready", "False", "Failed", "order is invalid")]),
        Degraded,
        "order is invalid",
    );
    check("cert-manager.io/v1 ClusterIssuer", &conditions(&[("Ready", "True", "a", "")]), Healthy, "");
    check(
        "external-secrets.io/v1 ExternalSecret",
        &conditions(&[("Ready", "False", "SecretSyncedError", "could not get secret")]),
        Degraded,
        "could not get secret",
    );
    check("external-secrets.io/v1 ExternalSecret", "spec: {}", Progressing, "");
    check(
        "keda.sh/v1alpha1 ScaledObject",
        &conditions(&[("Ready", "True", "a", ""), ("Paused", "True", "a", "")]),
        Suspended,
        "",
    );
    check(
        "gateway.networking.k8s.io/v1 HTTPRoute",
        "status: {parents: [{parentRef: {name: gw}, conditions: [{type: Accepted, status: 'False', reason: NoMatchingParent, message: ''}]}]}",
        Degraded,
        "gw does not take it: NoMatchingParent",
    );
    check(
        "example.org/v1 Thing",
        &conditions(&[("Available", "False", "Broken", "it broke")]),
        Degraded,
        "not available: it broke",
    );
    check("example.org/v1 Thing", &conditions(&[("Established", "True", "a", "")]), Healthy, "");
    check("example.org/v1 Thing", "spec: {}", NotApplicable, "");
    check("v1 ConfigMap", "data: {a: b}", NotApplicable, "");
}

#[test]
fn flux() {
    let kustomization = "kustomize.toolkit.fluxcd.io/v1 Kustomization";
    check(
        kustomization,
        &conditions(&[("Ready", "True", "ReconciliationSucceeded", "Applied")]),
        Healthy,
        "",
    );
    check(
        kustomization,
        &conditions(&[("Ready", "False", "BuildFailed", "kustomize build failed")]),
        Degraded,
        "kustomize build failed",
    );
    check(
        kustomization,
        &conditions(&[
            ("Ready", "False", "DependencyNotReady", "dependency shop/db is not ready"),
            ("Reconciling", "True", "ProgressingWithRetry", "x"),
        ]),
        Progressing,
        "shop/db",
    );
    check(
        kustomization,
        &conditions(&[
            ("Ready", "False", "HealthCheckFailed", "timeout"),
            ("Reconciling", "True", "ProgressingWithRetry", "x"),
        ]),
        Degraded,
        "tried again: timeout",
    );
    check(
        kustomization,
        &conditions(&[
            ("Ready", "Unknown", "Progressing", "x"),
            ("Reconciling", "True", "Progressing", "building"),
        ]),
        Progressing,
        "building",
    );
    check(
        kustomization,
        &conditions(&[("Stalled", "True", "InvalidCELExpression", "bad expression")]),
        Degraded,
        "stalled: bad expression",
    );
    check(kustomization, "spec: {suspend: true}", Suspended, "");
    check(kustomization, "status: {observedGeneration: -1}", Progressing, "newest spec");
    let release = "helm.toolkit.fluxcd.io/v2 HelmRelease";
    check(
        release,
        &conditions(&[
            ("Ready", "True", "a", ""),
            ("Released", "True", "a", ""),
            ("TestSuccess", "True", "a", ""),
        ]),
        Healthy,
        "",
    );
    check(
        release,
        &conditions(&[
            ("Ready", "False", "UpgradeFailed", "x"),
            ("Released", "False", "UpgradeFailed", "cannot patch"),
        ]),
        Degraded,
        "cannot patch",
    );
    check("source.toolkit.fluxcd.io/v1 HelmRepository", "spec: {type: oci}", NotApplicable, "address only");
    check("notification.toolkit.fluxcd.io/v1beta3 Alert", "spec: {}", NotApplicable, "");
    check(
        "source.toolkit.fluxcd.io/v1 GitRepository",
        &conditions(&[("Ready", "False", "GitOperationFailed", "cannot clone https://bob:canary@host/x")]),
        Degraded,
        "cannot clone https://•@host/x",
    );
}

#[test]
fn deletion_comes_first_and_hangs_on_finalizers() {
    let with = |time: &str, finalizers: &str| {
        health(
            &live(&format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x, deletionTimestamp: '{time}', finalizers: {finalizers}}}\n"
            )),
            NOW,
        )
    };
    assert_eq!(with("2026-11-21T11:59:00Z", "[a.org/b]").state, Terminating);
    let stuck = with("2026-11-21T11:00:00Z", "[a.org/b]");
    assert_eq!(
        (stuck.state, &*stuck.reason),
        (Degraded, "stuck: being deleted for 60 min, waits for a.org/b")
    );
}

#[test]
fn conditions_of_an_older_generation_do_not_count() {
    check(
        "example.org/v1 Thing",
        "status: {conditions: [{type: Ready, status: 'False', reason: Failed, observedGeneration: 1}]}",
        NotApplicable,
        "",
    );
}

#[test]
fn young_failures_without_a_failing_reason_are_progress() {
    let with = |since: &str| {
        health(&live(&format!("apiVersion: example.org/v1\nkind: Thing\nmetadata: {{name: x}}\nstatus: {{conditions: [{{type: Ready, status: 'False', reason: NotThere, message: no, lastTransitionTime: '{since}'}}]}}\n")), NOW).state
    };
    assert_eq!(with("2026-11-21T11:59:30Z"), Progressing);
    assert_eq!(with("2026-11-21T11:50:00Z"), Degraded);
}

#[test]
fn partial_reads_are_unknown() {
    let mut partial = live("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n");
    partial.whole = false;
    assert_eq!(health(&partial, NOW).state, Unknown);
}

#[test]
fn sums() {
    let all = [
        Health::healthy(),
        Health::new(Unknown, "u"),
        Health::new(Degraded, "d"),
        Health::new(NotApplicable, ""),
    ];
    assert_eq!(worst(&all), Health::new(Degraded, "d"));
    assert_eq!(worst(&all[..1]), Health::healthy());
    assert_eq!(worst(&[]).state, NotApplicable);
    let own = Health::new(Degraded, "the rollout is stuck");
    assert_eq!(explained_by(own, &all).reason, "d; the rollout is stuck");
    assert_eq!(explained_by(Health::healthy(), &all), Health::healthy());
}
