//! Workloads: Deployments and StatefulSets get ReplicaSets, pods and volumes, and roll out over a few seconds.

use super::cluster::DemoCluster;
use super::{condition, key_of, number, owned_by, text};
use crate::demo::apiserver::Writer;
use crate::model::ObjectKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

const MANAGER: &str = "kube-controller-manager";
/// Seconds from a pod's creation until it is ready.
const START: i64 = 3;
/// Images that no registry has.
const MISSING_IMAGES: [&str; 1] = ["registry.shop.example/pay:2.4.1"];

/// One turn over all workloads.
pub(super) fn run(cluster: &DemoCluster) {
    for deployment in cluster.store.list("apps", "Deployment") {
        roll_out(cluster, &deployment);
    }
    for set in cluster.store.list("apps", "StatefulSet") {
        stateful(cluster, &set);
    }
    for pod in cluster.store.list("", "Pod") {
        start(cluster, &pod);
    }
}

/// Brings a Deployment one step on: new pods up to one more than wanted, old ones away as new ones get ready.
fn roll_out(cluster: &DemoCluster, deployment: &Value) {
    let wanted = number(deployment, "/spec/replicas");
    let hash = template_hash(deployment);
    let current = replica_set(cluster, deployment, &hash);
    let sets = children(cluster, "apps", "ReplicaSet", deployment);
    let new_pods = children(cluster, "", "Pod", &current);
    let old_sets: Vec<_> =
        sets.iter().filter(|s| text(s, "/metadata/name") != text(&current, "/metadata/name")).collect();
    let old_pods: Vec<_> = old_sets.iter().flat_map(|s| children(cluster, "", "Pod", s)).collect();
    let ready = count_ready(&new_pods);
    let surge = (wanted / 4).max(1);
    let room = (wanted + surge - i64::try_from(old_pods.len()).unwrap_or(0)).clamp(0, wanted);
    for index in i64::try_from(new_pods.len()).unwrap_or(0)..room {
        make_pod(cluster, &current, deployment, &suffix(&current, index));
    }
    let extra = usize::try_from(i64::try_from(new_pods.len()).unwrap_or(0) - wanted).unwrap_or(0);
    for pod in new_pods.iter().rev().take(extra) {
        // Gone already is as good.
        let _ = cluster.store.delete(&key_of(pod));
    }
    let keep = usize::try_from(wanted - ready).unwrap_or(0);
    for pod in old_pods.iter().skip(keep) {
        let _ = cluster.store.delete(&key_of(pod));
    }
    for set in &sets {
        set_status(cluster, set, wanted, text(set, "/metadata/name") == text(&current, "/metadata/name"));
    }
    deployment_status(cluster, deployment, &current);
}

fn deployment_status(cluster: &DemoCluster, deployment: &Value, current: &Value) {
    let new = children(cluster, "", "Pod", current);
    let sets = children(cluster, "apps", "ReplicaSet", deployment);
    let all: Vec<_> = sets.iter().flat_map(|s| children(cluster, "", "Pod", s)).collect();
    let (wanted, ready, updated) = (number(deployment, "/spec/replicas"), count_ready(&all), new.len());
    let done = count_ready(&new) >= wanted && i64::try_from(all.len()) == Ok(wanted);
    let now = cluster.stamp();
    let started = text(current, "/metadata/creationTimestamp");
    let deadline = deployment.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_i64).unwrap_or(600);
    let name = text(current, "/metadata/name");
    // Once a rollout has come to its end, scaling does not make it a failed one.
    let ended = deployment
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|c| text(c, "/reason") == "NewReplicaSetAvailable" && text(c, "/message").contains(name));
    let late = !done && !ended && age(cluster, started) > deadline;
    let available = ready >= wanted - (wanted / 4);
    let progressing = if done || ended {
        ("True", "NewReplicaSetAvailable", format!("ReplicaSet \"{name}\" has successfully progressed."))
    } else if late {
        ("False", "ProgressDeadlineExceeded", format!("ReplicaSet \"{name}\" has timed out progressing."))
    } else {
        ("True", "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."))
    };
    let availability = if available {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let mut status = json!({
        "observedGeneration": number(deployment, "/metadata/generation"),
        "replicas": all.len(),
        "updatedReplicas": updated,
        "conditions": [
            condition(deployment, "Available", availability.0, availability.1, availability.2, &now, 0),
            condition(deployment, "Progressing", progressing.0, progressing.1, &progressing.2, &now, 0),
        ],
    });
    for (field, value) in [
        ("readyReplicas", ready),
        ("availableReplicas", ready),
        ("unavailableReplicas", wanted.max(i64::try_from(all.len()).unwrap_or(0)) - ready),
    ] {
        if value > 0 {
            status[field] = json!(value);
        }
    }
    write_status(cluster, deployment, status);
}

fn stateful(cluster: &DemoCluster, set: &Value) {
    let wanted = number(set, "/spec/replicas");
    let hash = template_hash(set);
    let revision = format!("{}-{hash}", text(set, "/metadata/name"));
    for index in 0..wanted {
        let name = format!("{}-{index}", text(set, "/metadata/name"));
        let key = ObjectKey::new("", "Pod", text(set, "/metadata/namespace"), &name);
        if cluster.store.get(&key).is_none() {
            claims(cluster, set, index);
            make_pod(cluster, set, set, &index.to_string());
        }
    }
    let pods = children(cluster, "", "Pod", set);
    let mut status = json!({
        "observedGeneration": number(set, "/metadata/generation"),
        "replicas": pods.len(),
        "updatedReplicas": pods.len(),
        "currentReplicas": pods.len(),
        "currentRevision": revision,
        "updateRevision": revision,
        "collisionCount": 0,
    });
    let ready = count_ready(&pods);
    if ready > 0 {
        status["readyReplicas"] = json!(ready);
        status["availableReplicas"] = json!(ready);
    }
    write_status(cluster, set, status);
}

fn claims(cluster: &DemoCluster, set: &Value, index: i64) {
    for template in set.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten()
    {
        let name = format!("{}-{}-{index}", text(template, "/metadata/name"), text(set, "/metadata/name"));
        let namespace = text(set, "/metadata/namespace");
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace, "labels": set.pointer("/spec/selector/matchLabels")},
            "spec": template.get("spec"),
        });
        put(cluster, &claim);
        let key = ObjectKey::new("", "PersistentVolumeClaim", namespace, &name);
        let status = json!({"phase": "Bound", "accessModes": template.pointer("/spec/accessModes"),
            "capacity": template.pointer("/spec/resources/requests")});
        // The claim was made one line above.
        let _ = cluster.store.update_status(MANAGER, &key, status);
    }
}

/// The ReplicaSet of a Deployment's current template; made if it is not there.
fn replica_set(cluster: &DemoCluster, deployment: &Value, hash: &str) -> Arc<Value> {
    let (name, namespace) =
        (format!("{}-{hash}", text(deployment, "/metadata/name")), text(deployment, "/metadata/namespace"));
    let key = ObjectKey::new("apps", "ReplicaSet", namespace, &name);
    if let Some(set) = cluster.store.get(&key) {
        return set;
    }
    let mut labels =
        deployment.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    labels["pod-template-hash"] = json!(hash);
    let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    template["metadata"]["labels"] = labels.clone();
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owned_by(deployment)},
        "spec": {"replicas": number(deployment, "/spec/replicas"), "selector": {"matchLabels": labels}, "template": template},
    });
    put(cluster, &set);
    let message = format!("Scaled up replica set {name} to {}", number(deployment, "/spec/replicas"));
    cluster.store.create_event(
        "deployment-controller",
        &key_of(deployment),
        false,
        "ScalingReplicaSet",
        &message,
    );
    cluster.store.get(&key).unwrap_or_else(|| Arc::new(set))
}

fn set_status(cluster: &DemoCluster, set: &Value, wanted: i64, current: bool) {
    let pods = children(cluster, "", "Pod", set);
    let target = if current { wanted } else { i64::try_from(pods.len()).unwrap_or(0) };
    if number(set, "/spec/replicas") != target {
        // Scaling its own child cannot meet a conflict here.
        let _ = cluster
            .store
            .edit_as(Writer::update(MANAGER), &key_of(set), |s| s["spec"]["replicas"] = json!(target));
    }
    let mut status =
        json!({"observedGeneration": number(set, "/metadata/generation"), "replicas": pods.len()});
    let ready = count_ready(&pods);
    if ready > 0 {
        for field in ["readyReplicas", "availableReplicas", "fullyLabeledReplicas"] {
            status[field] = json!(ready);
        }
    }
    if let Some(fresh) = cluster.store.get(&key_of(set)) {
        write_status(cluster, &fresh, status);
    }
}

fn make_pod(cluster: &DemoCluster, owner: &Value, workload: &Value, suffix: &str) {
    let name = format!("{}-{suffix}", text(owner, "/metadata/name"));
    let mut spec = workload.pointer("/spec/template/spec").cloned().unwrap_or_default();
    let node = if suffix.bytes().map(u32::from).sum::<u32>() % 2 == 0 { "node-a" } else { "node-b" };
    spec["nodeName"] = json!(node);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": text(owner, "/metadata/namespace"),
            "labels": owner.pointer("/spec/template/metadata/labels"),
            "ownerReferences": owned_by(owner),
        },
        "spec": spec,
    });
    put(cluster, &pod);
}

/// A pod's way: pending, then running and ready, or waiting for an image that does not exist.
fn start(cluster: &DemoCluster, pod: &Value) {
    let waited = age(cluster, text(pod, "/metadata/creationTimestamp"));
    let missing = missing_image(pod);
    let phase = text(pod, "/status/phase");
    let state = match (missing, waited >= START) {
        (Some(image), true) => json!({"waiting": {"reason": "ImagePullBackOff",
            "message": format!("Back-off pulling image \"{image}\": ErrImagePull: {image}: not found")}}),
        (_, false) => json!({"waiting": {"reason": "ContainerCreating"}}),
        (None, true) => json!({"running": {"startedAt": text(pod, "/metadata/creationTimestamp")}}),
    };
    let ready = missing.is_none() && waited >= START;
    if (ready && phase == "Running")
        || (phase == "Pending" && pod.pointer("/status/containerStatuses/0/state") == Some(&state))
    {
        return;
    }
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
    let statuses: Vec<Value> = containers
        .iter()
        .map(|c| {
            json!({"name": text(c, "/name"), "image": text(c, "/image"), "imageID": "", "ready": ready,
            "restartCount": 0, "started": ready, "state": state, "lastState": {}})
        })
        .collect();
    let (now, said) = (cluster.stamp(), if ready { "True" } else { "False" });
    let reason = if ready { "" } else { "ContainersNotReady" };
    let status = json!({
        "phase": if ready { "Running" } else { "Pending" },
        "startTime": text(pod, "/metadata/creationTimestamp"),
        "conditions": [
            condition(pod, "PodScheduled", "True", "", "", &now, 0),
            condition(pod, "Ready", said, reason, "", &now, 0),
            condition(pod, "ContainersReady", said, reason, "", &now, 0),
        ],
        "containerStatuses": statuses,
    });
    // The pod was listed in this turn.
    let _ = cluster.store.update_status("kubelet", &key_of(pod), status);
    speak(cluster, pod, &containers, missing, ready);
}

fn speak(cluster: &DemoCluster, pod: &Value, containers: &[Value], missing: Option<&str>, ready: bool) {
    if let (Some(image), false) = (missing, ready) {
        let message = format!("Failed to pull image \"{image}\": not found");
        cluster.store.create_event("kubelet", &key_of(pod), true, "Failed", &message);
    }
    if ready {
        for container in containers {
            let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
            for line in ["starting", "configuration read", "ready to serve"] {
                let line = format!("{} {line}", cluster.stamp());
                cluster.store.append_log(namespace, name, text(container, "/name"), &line);
            }
        }
    }
}

fn missing_image(pod: &Value) -> Option<&'static str> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let images: Vec<&str> = containers.into_iter().flatten().map(|c| text(c, "/image")).collect();
    MISSING_IMAGES.into_iter().find(|m| images.contains(m))
}

/// Objects of a kind whose controller is `owner`.
fn children(cluster: &DemoCluster, group: &str, kind: &str, owner: &Value) -> Vec<Arc<Value>> {
    let uid = text(owner, "/metadata/uid");
    let mut found = cluster.store.list(group, kind);
    found.retain(|o| {
        text(o, "/metadata/ownerReferences/0/uid") == uid
            && o.pointer("/metadata/deletionTimestamp").is_none()
    });
    found
}

fn count_ready(pods: &[Arc<Value>]) -> i64 {
    let ready = pods.iter().filter(|p| text(p, "/status/phase") == "Running").count();
    i64::try_from(ready).unwrap_or(0)
}

fn age(cluster: &DemoCluster, stamp: &str) -> i64 {
    stamp.parse::<jiff::Timestamp>().map_or(0, |t| cluster.clock.now().as_second() - t.as_second())
}

fn template_hash(workload: &Value) -> String {
    let template = workload.pointer("/spec/template").map(Value::to_string).unwrap_or_default();
    let digest = Sha256::digest(template.as_bytes());
    digest.iter().take(5).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn suffix(set: &Value, index: i64) -> String {
    let digest = Sha256::digest(format!("{}{index}", text(set, "/metadata/uid")).as_bytes());
    digest.iter().take(5).map(|b| char::from(b"bcdfghjklmnpqrstvwxz2456789"[usize::from(*b) % 27])).collect()
}

fn put(cluster: &DemoCluster, object: &Value) {
    // Its namespace may be going; then there is nothing to make.
    let _ = cluster.store.put(Writer::update(MANAGER), object);
}

fn write_status(cluster: &DemoCluster, object: &Value, status: Value) {
    if object.get("status") != Some(&status) {
        // The object was listed in this turn.
        let _ = cluster.store.update_status(MANAGER, &key_of(object), status);
    }
}
