//! Volumes, Services, Ingresses, autoscalers, budgets, definitions, namespaces and nodes.

use super::seen::{Seen, degraded, progressing, said, span, suspended};
use crate::model::{Health, HealthState};

/// Some Ingress controllers never report an address; after this time none is expected any more.
const ADDRESS: i64 = 600;
/// An extension server may be away for a moment.
const EXTENSION: i64 = 120;

pub(super) fn rule(seen: &Seen) -> Option<Health> {
    match (&*seen.live.key.group, &*seen.live.key.kind) {
        ("", "PersistentVolumeClaim") => Some(claim(seen)),
        ("", "PersistentVolume") => Some(volume(seen)),
        ("", "Service") => Some(service(seen)),
        ("networking.k8s.io" | "extensions", "Ingress") => Some(ingress(seen)),
        ("autoscaling", "HorizontalPodAutoscaler") => Some(autoscaler(seen)),
        ("policy", "PodDisruptionBudget") => Some(budget(seen)),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Some(definition(seen)),
        ("apiregistration.k8s.io", "APIService") => api_service(seen),
        ("", "Namespace") => Some(namespace(seen)),
        ("", "Node") => Some(node(seen)),
        _ => None,
    }
}

fn claim(seen: &Seen) -> Health {
    match seen.text(&["status", "phase"]) {
        "Bound" => Health::healthy(),
        "Lost" => degraded("its volume is lost"),
        _ => {
            let class = seen.text(&["spec", "storageClassName"]);
            let of = if class.is_empty() {
                String::new()
            } else {
                format!(" of class {}", crate::model::clean(class))
            };
            progressing(format!("waits for a volume{of}; classes that wait for the first Pod bind only then"))
        }
    }
}

fn volume(seen: &Seen) -> Health {
    match seen.text(&["status", "phase"]) {
        "Bound" | "Available" => Health::healthy(),
        "Failed" => degraded(said(seen.text(&["status", "message"]), "failed")),
        "Released" => degraded("its claim is gone and its data is still there"),
        _ => progressing("not available yet"),
    }
}

fn service(seen: &Seen) -> Health {
    let has_address = !seen.list(&["status", "loadBalancer", "ingress"]).is_empty();
    if seen.text(&["spec", "type"]) == "LoadBalancer" && !has_address {
        return progressing("waits for an address from the load balancer");
    }
    Health::healthy()
}

fn ingress(seen: &Seen) -> Health {
    if !seen.list(&["status", "loadBalancer", "ingress"]).is_empty() {
        return Health::healthy();
    }
    if seen.age(seen.text(&["metadata", "creationTimestamp"])) > ADDRESS {
        return Health::new(HealthState::NotApplicable, "its controller reports no address");
    }
    progressing("waits for an address from its controller")
}

fn autoscaler(seen: &Seen) -> Health {
    let scaling = [
        ("AbleToScale", ["FailedGetScale", "FailedUpdateScale"].as_slice()),
        (
            "ScalingActive",
            &[
                "FailedGetResourceMetric",
                "FailedGetContainerResourceMetric",
                "FailedGetPodsMetric",
                "FailedGetObjectMetric",
                "FailedGetExternalMetric",
                "FailedComputeMetricsReplicas",
                "InvalidMetricSourceType",
                "InvalidSelector",
            ],
        ),
    ];
    for (kind, reasons) in scaling {
        if let Some(bad) = seen.condition(kind).filter(|c| c.is("False") && reasons.contains(&c.reason())) {
            return degraded(format!("cannot scale: {}", bad.words()));
        }
    }
    let works =
        ["AbleToScale", "ScalingLimited"].iter().any(|k| seen.condition(k).is_some_and(|c| c.is("True")));
    if works { Health::healthy() } else { progressing("has not scaled anything yet") }
}

fn budget(seen: &Seen) -> Health {
    let allowed = seen.condition("DisruptionAllowed");
    match allowed {
        Some(c) if c.is("False") && c.reason() != "InsufficientPods" => {
            degraded(format!("cannot be kept: {}", c.words()))
        }
        _ if seen.at(&["status", "expectedPods"]).is_none() => progressing("has not counted its Pods yet"),
        _ => Health::healthy(),
    }
}

fn definition(seen: &Seen) -> Health {
    if let Some(names) = seen.condition("NamesAccepted").filter(|c| c.is("False")) {
        return degraded(format!("its names are taken: {}", names.words()));
    }
    if let Some(schema) = seen.condition("NonStructuralSchema").filter(|c| c.is("True")) {
        return degraded(format!("its schema is refused: {}", schema.words()));
    }
    match seen.condition("Established") {
        Some(c) if c.is("True") => Health::healthy(),
        Some(c) if c.is("False") && c.reason() != "Installing" => {
            degraded(format!("not served: {}", c.words()))
        }
        _ => progressing("not served yet"),
    }
}

fn api_service(seen: &Seen) -> Option<Health> {
    let available = seen.condition("Available")?;
    Some(if available.is("True") {
        Health::healthy()
    } else if seen.age(available.since()) > EXTENSION {
        degraded(format!("away for {}: {}", span(seen.age(available.since())), available.words()))
    } else {
        progressing(available.words())
    })
}

fn namespace(seen: &Seen) -> Health {
    if seen.text(&["status", "phase"]) != "Terminating" {
        return Health::healthy();
    }
    let stuck = [
        "NamespaceDeletionContentFailure",
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
    ]
    .iter()
    .find_map(|kind| seen.condition(kind).filter(|c| c.is("True")));
    match stuck {
        Some(why) => degraded(format!("cannot be deleted: {}", why.words())),
        None => Health::new(HealthState::Terminating, "being deleted"),
    }
}

fn node(seen: &Seen) -> Health {
    let Some(ready) = seen.condition("Ready") else { return progressing("has not reported yet") };
    if !ready.is("True") {
        return degraded(format!("not ready for {}: {}", span(seen.age(ready.since())), ready.words()));
    }
    if let Some(pressure) = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"]
        .iter()
        .find_map(|kind| seen.condition(kind).filter(|c| c.is("True")))
    {
        return degraded(pressure.words());
    }
    if seen.is(&["spec", "unschedulable"]) {
        return suspended("cordoned: takes no new Pods");
    }
    Health::healthy()
}
