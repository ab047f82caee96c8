//! Workloads, Pods and Jobs, by case data.

use super::*;

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

fn running(phase: &str, container: &str) -> String {
    pod("restartPolicy: Always", phase, container, "a: b")
}

fn waiting(reason: &str, message: &str) -> String {
    format!("ready: false, restartCount: 5, state: {{waiting: {{reason: {reason}, message: '{message}'}}}}")
}

#[test]
fn pods_that_wait_name_container_and_image() {
    for (reason, message, state, words) in [
        (
            "ImagePullBackOff",
            "rpc error: manifest unknown",
            Degraded,
            "image shop/pay:2.4.1 cannot be pulled: it does not exist",
        ),
        (
            "ErrImagePull",
            "401 Unauthorized",
            Degraded,
            "image shop/pay:2.4.1 cannot be pulled: the registry refuses us",
        ),
        (
            "CreateContainerConfigError",
            "secret \"db\" not found",
            Degraded,
            "container pay cannot be started: secret \"db\" not found",
        ),
        ("ContainerCreating", "", Progressing, "starting container pay"),
    ] {
        check("v1 Pod", &running("Pending", &waiting(reason, message)), state, words);
    }
}

#[test]
fn containers_that_ended_name_their_exit_code() {
    let crash =
        |end: &str| format!("{}, lastState: {{terminated: {end}}}", waiting("CrashLoopBackOff", "back-off"));
    let again = "ready: false, restartCount: 2, state: {running: {}}, lastState: {terminated: {exitCode: 1}}";
    let failed = "state: {terminated: {exitCode: 2, message: 'no config'}}";
    for (phase, container, words) in [
        (
            "Running",
            crash("{exitCode: 3, reason: Error}"),
            "container pay ended with exit code 3; restarted 5 times",
        ),
        (
            "Running",
            crash("{exitCode: 137, reason: OOMKilled}"),
            "container pay ran out of memory (limit 512Mi)",
        ),
        ("Running", again.to_owned(), "exit code 1"),
        ("Failed", failed.to_owned(), "container pay ended with exit code 2: no config"),
    ] {
        check("v1 Pod", &running(phase, &container), Degraded, words);
    }
}

#[test]
fn pods_say_what_their_phase_means() {
    let ready = condition("Ready", "True", "x", "");
    let ready = pod("restartPolicy: Always", "Running", "ready: true", &format!("conditions: [{ready}]"));
    let not_ready = running("Running", "ready: false, restartCount: 0, state: {running: {}}");
    let evicted = "spec: {}\nstatus: {phase: Failed, reason: Evicted, message: 'low on disk'}";
    let nowhere = condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available");
    let nowhere = format!("spec: {{}}\nstatus: {{phase: Pending, conditions: [{nowhere}]}}");
    let done = pod("restartPolicy: Never", "Succeeded", "a: b", "a: b");
    let task = pod("restartPolicy: OnFailure", "Running", "ready: true", "a: b");
    for (rest, state, words) in [
        (&*not_ready, Progressing, "container pay is not ready"),
        (&ready, Healthy, ""),
        (evicted, Degraded, "evicted: low on disk"),
        (&done, Healthy, ""),
        (&task, Progressing, "running"),
        (&nowhere, Degraded, "no node takes it: 0/3 nodes are available (for 10 min)"),
        ("spec: {}\nstatus: {phase: Pending}", Progressing, "waits for a node"),
    ] {
        check("v1 Pod", rest, state, words);
    }
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
