//! The order of checks that every kind goes through (diff.md 3, after kstatus, corrected).

use super::seen::{Said, Seen, degraded, progressing, suspended};
use super::{custom, platform, pod, workloads};
use crate::model::{Health, HealthState, Live, clean};
use crate::yaml::Node;

/// Grace for `Ready=False` and its like: controllers pass through it on their way up.
const PATIENCE: i64 = 120;
/// A deletion that takes longer hangs on its finalizers.
const DELETION: i64 = 300;

/// How an object is doing at `now` (seconds since 1970), and why.
pub fn health(live: &Live, now: i64) -> Health {
    let seen = Seen { live, now };
    if let Some(health) = deletion(&seen) {
        return health;
    }
    if !live.whole {
        return Health::new(HealthState::Unknown, "only its metadata was read");
    }
    pause(&seen)
        .or_else(|| generation(&seen))
        .or_else(|| reconciling(&seen))
        .or_else(|| by_kind(&seen))
        .or_else(|| ready(&seen))
        .or_else(|| other_conditions(&seen))
        .unwrap_or_else(|| Health::new(HealthState::NotApplicable, ""))
}

fn deletion(seen: &Seen) -> Option<Health> {
    if !seen.live.terminating {
        return None;
    }
    let age = seen.age(seen.text(&["metadata", "deletionTimestamp"]));
    let finalizers: Vec<&str> =
        seen.list(&["metadata", "finalizers"]).iter().filter_map(Node::as_str).collect();
    if age > DELETION && !finalizers.is_empty() {
        let waits = clean(&finalizers.join(", "));
        return Some(degraded(format!(
            "stuck: being deleted for {}, waits for {waits}",
            super::seen::span(age)
        )));
    }
    Some(Health::new(HealthState::Terminating, "being deleted"))
}

fn pause(seen: &Seen) -> Option<Health> {
    let key = &seen.live.key;
    let kind = (&*key.group, &*key.kind);
    if seen.is(&["spec", "suspend"]) {
        return Some(suspended("suspended"));
    }
    let pausable = [
        ("apps", "Deployment"),
        ("argoproj.io", "Rollout"),
        ("fleet.cattle.io", "GitRepo"),
        ("fleet.cattle.io", "Bundle"),
    ];
    if pausable.contains(&kind) && seen.is(&["spec", "paused"]) {
        return Some(suspended("paused: changes do not roll out"));
    }
    None
}

/// `-1` means never seen: Flux's CRDs default it so that a fresh object is not taken for current.
fn generation(seen: &Seen) -> Option<Health> {
    let generation = seen.number(&["metadata", "generation"])?;
    let observed = seen.number(&["status", "observedGeneration"])?;
    (generation != observed).then(|| progressing("its controller has not looked at the newest spec yet"))
}

fn reconciling(seen: &Seen) -> Option<Health> {
    if let Some(stalled) = seen.condition("Stalled").filter(|c| c.is("True")) {
        return Some(degraded(format!("stalled: {}", stalled.words())));
    }
    let working = seen.condition("Reconciling").filter(|c| c.is("True"))?;
    // kstatus hides the failure behind InProgress here (helm-controller#1083).
    match seen.condition("Ready").filter(|c| c.is("False")) {
        Some(ready) if is_waiting(ready) => Some(progressing(ready.words())),
        Some(ready) if is_failure(ready) || working.reason() == "ProgressingWithRetry" => {
            Some(degraded(format!("fails and is tried again: {}", ready.words())))
        }
        _ => Some(progressing(working.words())),
    }
}

fn by_kind(seen: &Seen) -> Option<Health> {
    workloads::rule(seen)
        .or_else(|| pod::rule(seen))
        .or_else(|| platform::rule(seen))
        .or_else(|| custom::rule(seen))
}

/// Flux and others wait for their dependencies with `Ready=False`: that is no failure of theirs.
fn is_waiting(condition: Said) -> bool {
    matches!(condition.reason(), "DependencyNotReady" | "Pending" | "Waiting")
}

fn is_failure(condition: Said) -> bool {
    let reason = condition.reason();
    reason.contains("Fail")
        || reason.contains("Error")
        || reason.contains("Denied")
        || reason.contains("Invalid")
}

fn is_progress(condition: Said) -> bool {
    let reason = condition.reason();
    is_waiting(condition)
        || reason.contains("Progress")
        || reason.contains("Reconciling")
        || reason.contains("Creating")
        || reason.contains("Issuing")
        || reason.contains("Initializing")
}

pub(super) fn ready(seen: &Seen) -> Option<Health> {
    let ready = seen.condition("Ready")?;
    Some(if ready.is("True") {
        Health::healthy()
    } else if ready.is("False")
        && !is_progress(ready)
        && (is_failure(ready) || seen.age(ready.since()) > PATIENCE)
    {
        degraded(format!("not ready: {}", ready.words()))
    } else {
        progressing(format!("not ready yet: {}", ready.words()))
    })
}

/// Conditions that say the same under another name.
fn other_conditions(seen: &Seen) -> Option<Health> {
    let names = ["Available", "Succeeded", "Established", "Synced", "Programmed", "Accepted", "Complete"];
    let found: Vec<(&str, Said)> =
        names.iter().filter_map(|name| Some((*name, seen.condition(name)?))).collect();
    if let Some((name, said)) = found.iter().find(|(_, c)| c.is("False")) {
        return Some(degraded(format!("not {}: {}", name.to_lowercase(), said.words())));
    }
    if found.iter().any(|(_, c)| c.is("True")) {
        return Some(Health::healthy());
    }
    found
        .first()
        .map(|(name, said)| progressing(format!("not {} yet: {}", name.to_lowercase(), said.words())))
}
