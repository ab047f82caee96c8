//! Custom resources of well-known projects, where the generic order would judge them wrongly.

use super::generic::ready;
use super::seen::{Seen, degraded, progressing, suspended};
use crate::model::{Health, HealthState};
use crate::yaml::Node;

pub(super) fn rule(seen: &Seen) -> Option<Health> {
    match (&*seen.live.key.group, &*seen.live.key.kind) {
        ("bitnami.com", "SealedSecret") => Some(sealed_secret(seen)),
        ("cert-manager.io", "Certificate") => Some(certificate(seen)),
        ("cert-manager.io", "Issuer" | "ClusterIssuer") => Some(refused_or(seen, "the issuer")),
        (
            "external-secrets.io",
            "ExternalSecret" | "ClusterExternalSecret" | "SecretStore" | "ClusterSecretStore" | "PushSecret",
        ) => Some(refused_or(seen, "the secret store")),
        ("keda.sh", "ScaledObject" | "ScaledJob") => Some(keda(seen)),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => release(seen),
        ("source.toolkit.fluxcd.io", "HelmRepository") => repository(seen),
        ("notification.toolkit.fluxcd.io", "Alert" | "Provider") => stateless(seen),
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => Some(route(seen)),
        _ => None,
    }
}

fn sealed_secret(seen: &Seen) -> Health {
    match seen.condition("Synced") {
        Some(c) if c.is("True") => Health::healthy(),
        Some(c) if c.is("False") => degraded(format!("cannot be unsealed: {}", c.words())),
        _ => progressing("not unsealed yet"),
    }
}

fn certificate(seen: &Seen) -> Health {
    if let Some(issuing) = seen.condition("Issuing").filter(|c| c.is("True")) {
        return progressing(format!("being issued: {}", issuing.words()));
    }
    refused_or(seen, "its issuer")
}

/// These kinds say `Ready=False` only when they failed.
fn refused_or(seen: &Seen, waits_for: &str) -> Health {
    match seen.condition("Ready") {
        Some(c) if c.is("True") => Health::healthy(),
        Some(c) if c.is("False") => degraded(format!("not ready: {}", c.words())),
        _ => progressing(format!("waits for {waits_for}")),
    }
}

fn keda(seen: &Seen) -> Health {
    if seen.condition("Paused").is_some_and(|c| c.is("True")) {
        return suspended("paused");
    }
    if let Some(fallback) = seen.condition("Fallback").filter(|c| c.is("True")) {
        return degraded(format!("its metrics fail, the fallback holds: {}", fallback.words()));
    }
    refused_or(seen, "its metrics")
}

/// Tests that failed make a release bad though it is installed; passed ones do not (diff.md 3, traps).
fn release(seen: &Seen) -> Option<Health> {
    if let Some(test) = seen.condition("TestSuccess").filter(|c| c.is("False")) {
        return Some(degraded(format!("its tests failed: {}", test.words())));
    }
    if let Some(released) = seen.condition("Released").filter(|c| c.is("False")) {
        return Some(degraded(format!("not released: {}", released.words())));
    }
    ready(seen)
}

/// An OCI repository is an address only and has no status (diff.md 4.1).
fn repository(seen: &Seen) -> Option<Health> {
    (seen.text(&["spec", "type"]) == "oci" && seen.condition("Ready").is_none())
        .then(|| Health::new(HealthState::NotApplicable, "an address only: it has no state"))
}

/// Since v1beta3 Alerts and Providers have no status at all (diff.md 4.1).
fn stateless(seen: &Seen) -> Option<Health> {
    seen.condition("Ready").is_none().then(|| Health::new(HealthState::NotApplicable, ""))
}

/// Every parent says for itself whether it takes the route.
fn route(seen: &Seen) -> Health {
    let generation = seen.number(&["metadata", "generation"]);
    let parents = seen.list(&["status", "parents"]);
    for parent in parents {
        let name = crate::model::clean(parent.str_at(&["parentRef", "name"]).unwrap_or("its parent"));
        for condition in parent.get("conditions").and_then(Node::as_seq).unwrap_or(&[]) {
            let kind = condition.str_at(&["type"]).unwrap_or("");
            let of = condition.get("observedGeneration").and_then(Node::as_i64);
            let current = of.is_none() || generation.is_none() || of == generation;
            if !current {
                return progressing(format!("{name} has not looked at the newest spec yet"));
            }
            if matches!(kind, "Accepted" | "ResolvedRefs") && condition.str_at(&["status"]) == Some("False") {
                let message = condition.str_at(&["message"]).unwrap_or("");
                let reason = condition.str_at(&["reason"]).unwrap_or("");
                return degraded(format!("{name} does not take it: {}", super::seen::said(message, reason)));
            }
        }
    }
    if parents.is_empty() { progressing("no gateway has taken it yet") } else { Health::healthy() }
}
