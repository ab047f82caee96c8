//! Deployment, `ReplicaSet`, `StatefulSet`, `DaemonSet`, Job and `CronJob`.

use super::seen::{Seen, degraded, progressing, span, suspended};
use crate::model::{Health, instant};

pub(super) fn rule(seen: &Seen) -> Option<Health> {
    match (&*seen.live.key.group, &*seen.live.key.kind) {
        ("apps" | "extensions", "Deployment") => Some(deployment(seen)),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => Some(replica_set(seen)),
        ("apps", "StatefulSet") => Some(stateful_set(seen)),
        ("apps" | "extensions", "DaemonSet") => Some(daemon_set(seen)),
        ("batch", "Job") => Some(job(seen)),
        ("batch", "CronJob") => Some(cron_job(seen)),
        _ => None,
    }
}

fn status(seen: &Seen, field: &str) -> i64 {
    seen.number(&["status", field]).unwrap_or(0)
}

fn replicas(seen: &Seen) -> i64 {
    seen.number(&["spec", "replicas"]).unwrap_or(1)
}

fn never_seen(seen: &Seen) -> Option<Health> {
    status(seen, "observedGeneration").eq(&0).then(|| progressing("its controller has not looked at it yet"))
}

fn deployment(seen: &Seen) -> Health {
    let wanted = replicas(seen);
    let (updated, available) = (status(seen, "updatedReplicas"), status(seen, "availableReplicas"));
    let count = format!("{updated} of {wanted} replicas updated, {available} available");
    if let Some(failure) = seen.condition("ReplicaFailure").filter(|c| c.is("True")) {
        return degraded(format!("Pods cannot be made: {}", failure.words()));
    }
    if let Some(stuck) = seen.condition("Progressing").filter(|c| c.reason() == "ProgressDeadlineExceeded") {
        let since = span(seen.age(stuck.since()));
        return degraded(format!("the rollout is stuck since {since}: {count}"));
    }
    if let Some(early) = never_seen(seen) {
        return early;
    }
    let old = status(seen, "replicas") - updated;
    if updated < wanted || available < updated.min(wanted) {
        return progressing(format!("rolling out: {count}"));
    }
    if old > 0 {
        return progressing(format!(
            "rolling out: {old} old {} still there",
            plural(old, "replica is", "replicas are")
        ));
    }
    match seen.condition("Available") {
        Some(available) if available.is("False") => {
            progressing(format!("not available: {}", available.words()))
        }
        _ => Health::healthy(),
    }
}

fn plural<'t>(number: i64, one: &'t str, many: &'t str) -> &'t str {
    if number == 1 { one } else { many }
}

fn replica_set(seen: &Seen) -> Health {
    if let Some(failure) = seen.condition("ReplicaFailure").filter(|c| c.is("True")) {
        return degraded(format!("Pods cannot be made: {}", failure.words()));
    }
    let (wanted, available) = (replicas(seen), status(seen, "availableReplicas"));
    if available < wanted {
        return progressing(format!("{available} of {wanted} replicas available"));
    }
    Health::healthy()
}

fn stateful_set(seen: &Seen) -> Health {
    if let Some(early) = never_seen(seen) {
        return early;
    }
    let (wanted, ready) = (replicas(seen), status(seen, "readyReplicas"));
    if ready < wanted {
        return progressing(format!("{ready} of {wanted} replicas ready"));
    }
    if seen.text(&["spec", "updateStrategy", "type"]) == "OnDelete" {
        return Health::healthy();
    }
    let updated = status(seen, "updatedReplicas");
    let partition = seen.number(&["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
    if partition > 0 {
        let due = (wanted - partition).max(0);
        return if updated < due {
            progressing(format!("rolling out: {updated} of {due} replicas above the partition updated"))
        } else {
            Health::healthy()
        };
    }
    let (current, update) =
        (seen.text(&["status", "currentRevision"]), seen.text(&["status", "updateRevision"]));
    if !update.is_empty() && current != update {
        return progressing(format!("rolling out: {updated} of {wanted} replicas updated"));
    }
    Health::healthy()
}

fn daemon_set(seen: &Seen) -> Health {
    if let Some(early) = never_seen(seen) {
        return early;
    }
    let wanted = status(seen, "desiredNumberScheduled");
    let (updated, available) = (status(seen, "updatedNumberScheduled"), status(seen, "numberAvailable"));
    let by_hand = seen.text(&["spec", "updateStrategy", "type"]) == "OnDelete";
    if !by_hand && updated < wanted {
        return progressing(format!("rolling out: {updated} of {wanted} nodes updated"));
    }
    if available < wanted {
        return progressing(format!("available on {available} of {wanted} nodes"));
    }
    Health::healthy()
}

fn job(seen: &Seen) -> Health {
    if let Some(failed) = seen.condition("Failed").filter(|c| c.is("True")) {
        return degraded(format!("failed: {}", failed.words()));
    }
    if seen.condition("Complete").is_some_and(|c| c.is("True")) {
        return Health::healthy();
    }
    if seen.condition("Suspended").is_some_and(|c| c.is("True")) {
        return suspended("suspended");
    }
    let (active, failed) = (status(seen, "active"), status(seen, "failed"));
    let failures = if failed > 0 { format!(", {failed} failed and tried again") } else { String::new() };
    progressing(format!("running: {active} {} active{failures}", plural(active, "Pod", "Pods")))
}

fn cron_job(seen: &Seen) -> Health {
    let scheduled = seen.text(&["status", "lastScheduleTime"]);
    if scheduled.is_empty() {
        return Health::new(crate::model::HealthState::Healthy, "has not run yet");
    }
    let succeeded = seen.text(&["status", "lastSuccessfulTime"]);
    let running = !seen.list(&["status", "active"]).is_empty();
    if !running && instant(succeeded) < instant(scheduled) {
        let last = if succeeded.is_empty() {
            "it never succeeded".to_owned()
        } else {
            format!("the last success was {} ago", span(seen.age(succeeded)))
        };
        return degraded(format!("the last run did not succeed; {last}"));
    }
    Health::healthy()
}
