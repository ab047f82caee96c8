//! The traffic light of a producer: where its revision got stuck, in one sentence (diff.md 4.1).

use crate::model::{CommitId, Condition, ConditionStatus, ProducerStatus, SourceRevision};

/// The colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Light {
    /// It failed.
    Failing,
    /// It waits for another producer.
    Waiting,
    /// Somebody paused it.
    Suspended,
    /// It is on its way, or a newer revision has not arrived yet.
    Behind,
    /// Nothing is known.
    Unknown,
    /// It applied what the remote has.
    Synced,
}

/// A light with its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The colour.
    pub light: Light,
    /// Why, as a sentence for people, safe for a screen.
    pub sentence: String,
}

/// Where a producer stands. `source` is the status of what it reads from, `head` the commit that the remote branch is at;
/// both may be unknown, then those hops are not judged.
pub fn light(status: &ProducerStatus, source: Option<&ProducerStatus>, head: Option<CommitId>) -> Signal {
    let signal = |light, sentence: String| Signal { light, sentence };
    if status.suspended {
        let at = status.applied.as_ref().map_or(String::new(), |r| format!(" at {}", short(r)));
        return signal(Light::Suspended, format!("suspended{at}: changes in git are not applied"));
    }
    if let Some(stalled) = status.condition("Stalled").filter(|c| c.status == ConditionStatus::True) {
        return signal(Light::Failing, format!("stalled: {}", said(stalled)));
    }
    let ready = status.condition("Ready");
    if let Some(ready) = ready.filter(|c| c.status == ConditionStatus::False) {
        return not_ready(status, ready);
    }
    if !status.observed {
        return signal(Light::Behind, "its controller has not looked at the newest spec yet".to_owned());
    }
    let Some(ready) = ready else { return nothing_said(status) };
    if ready.status == ConditionStatus::Unknown {
        return signal(Light::Behind, format!("working: {}", said(ready)));
    }
    hops(status, source, head)
}

fn not_ready(status: &ProducerStatus, ready: &Condition) -> Signal {
    if &*ready.reason == "DependencyNotReady" {
        let names: Vec<String> = status.waiting_on.iter().map(|k| k.name.to_string()).collect();
        let names = if names.is_empty() { "a dependency".to_owned() } else { names.join(", ") };
        return Signal { light: Light::Waiting, sentence: format!("waits for {names}") };
    }
    if matches!(&*ready.reason, "Progressing" | "ProgressingWithRetry" | "Reconciling") {
        return Signal { light: Light::Behind, sentence: format!("working: {}", said(ready)) };
    }
    let at = match (&status.attempted, &status.applied) {
        (Some(tried), Some(applied)) if tried.text != applied.text => {
            format!(" at {}; {} still runs", short(tried), short(applied))
        }
        (Some(tried), _) => format!(" at {}", short(tried)),
        _ => String::new(),
    };
    Signal { light: Light::Failing, sentence: format!("fails{at}: {}", said(ready)) }
}

fn nothing_said(status: &ProducerStatus) -> Signal {
    // An OCI HelmRepository and a HelmRelease nobody has touched look alike: no status at all.
    if status.conditions.is_empty() && &*status.key.kind == "HelmRepository" {
        return Signal { light: Light::Synced, sentence: "an address only: it has no state".to_owned() };
    }
    Signal { light: Light::Unknown, sentence: "its controller has said nothing yet".to_owned() }
}

/// Attempted, applied, artifact, remote: the first gap is the answer.
fn hops(status: &ProducerStatus, source: Option<&ProducerStatus>, head: Option<CommitId>) -> Signal {
    let behind = |sentence: String| Signal { light: Light::Behind, sentence };
    if let (Some(tried), Some(applied)) = (&status.attempted, &status.applied)
        && !same(tried, applied)
    {
        return behind(format!("applying {}; {} still runs", short(tried), short(applied)));
    }
    let artifact = source.and_then(|s| s.artifact.as_ref()).or(status.artifact.as_ref());
    if let (Some(applied), Some(artifact)) = (&status.applied, artifact)
        && applied.commit.is_some()
        && !same(applied, artifact)
    {
        return behind(format!("{} has arrived, {} is applied", short(artifact), short(applied)));
    }
    if let (Some(commit), Some(head)) = (artifact.and_then(|a| a.commit), head)
        && commit != head
    {
        return behind(format!("{} is pushed, the cluster has fetched {}", head.short(), commit.short()));
    }
    let at = status
        .applied
        .as_ref()
        .or(status.artifact.as_ref())
        .map_or(String::new(), |r| format!(" at {}", short(r)));
    Signal { light: Light::Synced, sentence: format!("in step{at}") }
}

/// Two texts of one commit are the same revision, whatever their age.
fn same(a: &SourceRevision, b: &SourceRevision) -> bool {
    match (a.commit, b.commit) {
        (Some(a), Some(b)) => a == b,
        _ => a.text == b.text,
    }
}

fn short(revision: &SourceRevision) -> String {
    match revision.commit {
        Some(commit) => commit.short(),
        None => revision.text.chars().take(24).collect(),
    }
}

/// What a condition says: its message up to the first line break, or its reason.
fn said(condition: &Condition) -> String {
    let line = condition.message.lines().next().unwrap_or("").trim();
    if line.is_empty() { condition.reason.to_string() } else { line.to_owned() }
}
