//! Many healths to one.

use crate::model::{Health, HealthState};

/// The worst of many, with its reason; what has no health does not count, and one that is unknown does not hide a
/// worse one (diff.md 3). Nothing at all has no health.
pub fn worst<'h>(all: impl IntoIterator<Item = &'h Health>) -> Health {
    all.into_iter()
        .filter(|h| h.state != HealthState::NotApplicable)
        .min_by_key(|h| h.state)
        .cloned()
        .unwrap_or_else(|| Health::new(HealthState::NotApplicable, ""))
}

/// A workload's health with the reason of its worst child in front: a Deployment knows only that its rollout is stuck,
/// its Pods know why. A workload that is well stays well, whatever an old child says.
pub fn explained_by<'h>(own: Health, children: impl IntoIterator<Item = &'h Health>) -> Health {
    if !matches!(own.state, HealthState::Degraded | HealthState::Progressing) {
        return own;
    }
    let child = worst(children);
    if child.state != HealthState::Degraded || child.reason.is_empty() {
        return own;
    }
    let reason =
        if own.reason.is_empty() { child.reason } else { format!("{}; {}", child.reason, own.reason) };
    Health::new(HealthState::Degraded, reason)
}
