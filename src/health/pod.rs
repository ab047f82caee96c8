//! Pods: which container, which image, which exit code.

use super::seen::{Seen, degraded, progressing, said, span};
use crate::model::{Health, clean};
use crate::yaml::Node;

/// How long a Pod may wait for a node before that is a failure.
const SCHEDULING: i64 = 15;

pub(super) fn rule(seen: &Seen) -> Option<Health> {
    if !seen.live.key.group.is_empty() || &*seen.live.key.kind != "Pod" {
        return None;
    }
    Some(match seen.text(&["status", "phase"]) {
        "Succeeded" => Health::healthy(),
        "Failed" => degraded(failed(seen)),
        "Running" => running(seen),
        _ => pending(seen),
    })
}

/// Statuses of init containers first: they run first.
fn statuses<'a>(seen: &Seen<'a>) -> impl Iterator<Item = &'a Node> {
    seen.list(&["status", "initContainerStatuses"]).iter().chain(seen.list(&["status", "containerStatuses"]))
}

fn failed(seen: &Seen) -> String {
    if let Some(sentence) =
        statuses(seen).find_map(|status| ended(seen, status, status.at_path(&["state", "terminated"])?))
    {
        return sentence;
    }
    let reason = seen.text(&["status", "reason"]);
    let message = seen.text(&["status", "message"]);
    match reason {
        "Evicted" => format!("evicted: {}", said(message, "the node was short of resources")),
        _ => said(message, if reason.is_empty() { "failed" } else { reason }),
    }
}

/// A container that ended badly, in words.
fn ended(seen: &Seen, status: &Node, end: &Node) -> Option<String> {
    let code = end.get("exitCode").and_then(Node::as_i64).unwrap_or(0);
    let reason = end.str_at(&["reason"]).unwrap_or("");
    if code == 0 && reason != "OOMKilled" {
        return None;
    }
    let name = clean(status.str_at(&["name"]).unwrap_or("?"));
    if reason == "OOMKilled" {
        let limit = memory_limit(seen, status).map_or(String::new(), |limit| format!(" (limit {limit})"));
        return Some(format!("container {name} ran out of memory{limit}"));
    }
    let message = end.str_at(&["message"]).unwrap_or("");
    let more = if message.trim().is_empty() { String::new() } else { format!(": {}", said(message, "")) };
    Some(format!("container {name} ended with exit code {code}{more}"))
}

fn container<'a>(seen: &Seen<'a>, status: &Node) -> Option<&'a Node> {
    let name = status.str_at(&["name"])?;
    ["containers", "initContainers"]
        .iter()
        .flat_map(|list| seen.list(&["spec", list]))
        .find(|c| c.str_at(&["name"]) == Some(name))
}

fn memory_limit(seen: &Seen, status: &Node) -> Option<String> {
    Some(clean(container(seen, status)?.at_path(&["resources", "limits", "memory"])?.scalar_text()?))
}

fn image(seen: &Seen, status: &Node) -> String {
    let declared = container(seen, status).and_then(|c| c.str_at(&["image"]));
    clean(declared.or_else(|| status.str_at(&["image"])).unwrap_or("?"))
}

fn pending(seen: &Seen) -> Health {
    if let Some(health) = statuses(seen).find_map(|status| waiting(seen, status)) {
        return health;
    }
    if let Some(scheduled) = seen.condition("PodScheduled").filter(|c| c.is("False")) {
        let age = seen.age(scheduled.since());
        let sentence = format!("no node takes it: {}", scheduled.words());
        return if scheduled.reason() == "Unschedulable" && age > SCHEDULING {
            degraded(format!("{sentence} (for {})", span(age)))
        } else {
            progressing(sentence)
        };
    }
    match statuses(seen).find(|s| s.get("ready").and_then(Node::as_bool) != Some(true)) {
        Some(status) => {
            progressing(format!("starting container {}", clean(status.str_at(&["name"]).unwrap_or("?"))))
        }
        None => progressing("waits for a node"),
    }
}

/// A container that waits for a bad reason.
fn waiting(seen: &Seen, status: &Node) -> Option<Health> {
    let wait = status.at_path(&["state", "waiting"])?;
    let reason = wait.str_at(&["reason"]).unwrap_or("");
    let message = wait.str_at(&["message"]).unwrap_or("");
    let name = clean(status.str_at(&["name"]).unwrap_or("?"));
    Some(match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "ImageInspectError" => {
            let why = pull_failure(message).map_or(String::new(), |why| format!(": {why}"));
            degraded(format!("image {} cannot be pulled{why}", image(seen, status)))
        }
        "CrashLoopBackOff" => {
            let restarts = status.get("restartCount").and_then(Node::as_i64).unwrap_or(0);
            let last = status.at_path(&["lastState", "terminated"]).and_then(|end| ended(seen, status, end));
            let last = last.unwrap_or_else(|| format!("container {name} ends right after its start"));
            degraded(format!("{last}; restarted {restarts} times"))
        }
        "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "PreCreateHookError"
        | "PostStartHookError"
        | "ContainerCannotRun" => {
            degraded(format!("container {name} cannot be started: {}", said(message, reason)))
        }
        _ if reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff") => {
            degraded(format!("container {name}: {}", said(message, reason)))
        }
        _ => return None,
    })
}

/// What the registry said, told shortly.
fn pull_failure(message: &str) -> Option<&'static str> {
    let lower = message.to_ascii_lowercase();
    [
        ("not found", "it does not exist"),
        ("manifest unknown", "it does not exist"),
        ("unauthorized", "the registry refuses us"),
        ("authentication required", "the registry refuses us"),
        ("denied", "the registry refuses us"),
        ("forbidden", "the registry refuses us"),
        ("toomanyrequests", "the registry allows no more pulls now"),
        ("no such host", "the registry is not known"),
        ("timeout", "the registry does not answer"),
        ("connection refused", "the registry does not answer"),
        ("invalid reference", "its name is not valid"),
        ("couldn't parse image", "its name is not valid"),
    ]
    .iter()
    .find(|(sign, _)| lower.contains(sign))
    .map(|(_, why)| *why)
}

fn running(seen: &Seen) -> Health {
    if let Some(health) = statuses(seen).find_map(|status| waiting(seen, status)) {
        return health;
    }
    let once = matches!(seen.text(&["spec", "restartPolicy"]), "Never" | "OnFailure");
    if once {
        return progressing("running");
    }
    if seen.condition("Ready").is_some_and(|c| c.is("True")) {
        return Health::healthy();
    }
    let unready = seen
        .list(&["status", "containerStatuses"])
        .iter()
        .find(|s| s.get("ready").and_then(Node::as_bool) != Some(true));
    let Some(status) = unready else { return progressing("not ready yet") };
    let name = clean(status.str_at(&["name"]).unwrap_or("?"));
    let restarts = status.get("restartCount").and_then(Node::as_i64).unwrap_or(0);
    let last = ["state", "lastState"]
        .iter()
        .find_map(|state| ended(seen, status, status.at_path(&[state, "terminated"])?));
    match last {
        Some(last) => degraded(format!("{last}; restarted {restarts} times")),
        None => progressing(format!("container {name} is not ready")),
    }
}
