//! Kustomizations, as kustomize-controller reconciles them: dependencies, apply, prune, wait, conditions, inventory.

use super::cluster::DemoCluster;
use super::{FLUX, KUSTOMIZE, condition, key_of, number, source, text};
use crate::demo::reveal::reveal;
use crate::model::{CommitId, Manifest, ObjectKey, Producer};
use serde_json::{Value, json};
use std::sync::Arc;

const MANAGER: &str = "kustomize-controller";

/// One turn over all Kustomizations that are in the cluster.
pub(super) fn reconcile_all(cluster: &mut DemoCluster) {
    let Some(commit) = cluster.artifact else { return };
    let mut names: Vec<String> = cluster
        .store
        .list(KUSTOMIZE, "Kustomization")
        .iter()
        .map(|k| text(k, "/metadata/name").to_owned())
        .collect();
    // The entry first: it makes the others.
    names.sort_by_key(|name| (name != FLUX, name.clone()));
    for name in names {
        reconcile(cluster, &name, commit);
    }
}

fn reconcile(cluster: &mut DemoCluster, name: &str, commit: CommitId) {
    let key = ObjectKey::new(KUSTOMIZE, "Kustomization", FLUX, name);
    let Some(object) = cluster.store.get(&key) else { return };
    if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
        return;
    }
    if let Some(dependency) = unready_dependency(cluster, &object) {
        let message = format!("dependency '{FLUX}/{dependency}' is not ready");
        let ready = condition(
            &object,
            "Ready",
            "False",
            "DependencyNotReady",
            &message,
            &cluster.stamp(),
            generation(&object),
        );
        set_conditions(cluster, &key, &object, vec![ready], &[]);
        return;
    }
    let revision = source::revision(commit);
    if text(&object, "/status/lastAttemptedRevision") != revision {
        apply(cluster, &key, &object, commit, &revision);
    } else if text(&object, "/status/lastAppliedRevision") != revision {
        wait(cluster, &key, &object, &revision);
    }
}

fn generation(object: &Value) -> i64 {
    number(object, "/metadata/generation")
}

fn unready_dependency(cluster: &DemoCluster, object: &Value) -> Option<String> {
    let wanted = object.pointer("/spec/dependsOn").and_then(Value::as_array)?;
    let artifact = cluster.artifact.map(source::revision);
    wanted.iter().map(|d| text(d, "/name").to_owned()).find(|name| {
        let key = ObjectKey::new(KUSTOMIZE, "Kustomization", FLUX, name);
        let Some(dependency) = cluster.store.get(&key) else { return true };
        let ready = is_ready(&dependency);
        let suspended = dependency.pointer("/spec/suspend") == Some(&Value::Bool(true));
        !ready
            || (!suspended && Some(text(&dependency, "/status/lastAppliedRevision")) != artifact.as_deref())
    })
}

fn is_ready(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True")
}

/// Applies everything the commit says, prunes what it no longer says, and starts waiting.
fn apply(cluster: &mut DemoCluster, key: &ObjectKey, object: &Value, commit: CommitId, revision: &str) {
    let rendered = cluster.rendered(commit);
    let producer = rendered.producers.iter().find(|p| p.key == *key);
    let Some(producer) = producer.filter(|p| p.complete || !p.objects.is_empty() || p.problems.is_empty())
    else {
        let message = format!("kustomization path not found in revision {revision}");
        return fail(cluster, key, object, ("BuildFailed", &message), revision);
    };
    let failed = staged(producer).into_iter().find_map(|manifest| {
        let outcome = cluster.store.apply(MANAGER, &reveal(&manifest.body), true);
        outcome.err().map(|e| format!("{} dry-run failed: {e}", manifest.key))
    });
    if let Some(message) = failed {
        return fail(cluster, key, object, ("ReconciliationFailed", &message), revision);
    }
    let inventory: Vec<Value> = producer.objects.iter().map(|m| entry(m)).collect();
    prune(cluster, object, &inventory);
    let message = "Reconciliation in progress";
    let (now, generation) = (cluster.stamp(), generation(object));
    let conditions = vec![
        condition(object, "Reconciling", "True", "Progressing", message, &now, generation),
        condition(object, "Ready", "Unknown", "Progressing", message, &now, generation),
    ];
    let more = [
        ("lastAttemptedRevision", json!(revision)),
        ("inventory", json!({"entries": inventory})),
        ("observedGeneration", json!(generation)),
    ];
    set_conditions(cluster, key, object, conditions, &more);
    if let Some(fresh) = cluster.store.get(key) {
        wait(cluster, key, &fresh, revision);
    }
}

/// Says why a revision could not be applied.
fn fail(
    cluster: &mut DemoCluster,
    key: &ObjectKey,
    object: &Value,
    (reason, message): (&str, &str),
    revision: &str,
) {
    let now = cluster.stamp();
    let ready = condition(object, "Ready", "False", reason, message, &now, generation(object));
    set_conditions(cluster, key, object, vec![ready], &[("lastAttemptedRevision", json!(revision))]);
}

/// Definitions and namespaces before what needs them (render.md 6.5).
fn staged(producer: &Producer) -> Vec<Arc<Manifest>> {
    let mut objects = producer.objects.clone();
    objects.sort_by_key(|m| !matches!(&*m.key.kind, "CustomResourceDefinition" | "Namespace"));
    objects
}

/// An inventory entry: `<namespace>_<name>_<group>_<kind>`.
fn entry(manifest: &Manifest) -> Value {
    let key = &manifest.key;
    let namespace =
        if matches!(&*key.kind, "Namespace" | "CustomResourceDefinition") { "" } else { &key.namespace };
    json!({
        "id": format!("{namespace}_{}_{}_{}", key.name.replace(':', "__"), key.group, key.kind),
        "v": &*manifest.version,
    })
}

fn prune(cluster: &DemoCluster, object: &Value, inventory: &[Value]) {
    if object.pointer("/spec/prune") != Some(&Value::Bool(true)) {
        return;
    }
    let before = object.pointer("/status/inventory/entries").and_then(Value::as_array);
    for old in
        before.into_iter().flatten().filter(|e| !inventory.iter().any(|n| text(n, "/id") == text(e, "/id")))
    {
        let parts: Vec<&str> = text(old, "/id").split('_').collect();
        if let [namespace, name, group, kind] = parts.as_slice() {
            // What is gone already needs no pruning.
            let _ = cluster.store.delete(&ObjectKey::new(group, kind, namespace, name));
        }
    }
}

/// Ready once everything applied is healthy; failed once a rollout has given up.
fn wait(cluster: &DemoCluster, key: &ObjectKey, object: &Value, revision: &str) {
    let waits = object.pointer("/spec/wait") == Some(&Value::Bool(true));
    let (now, generation) = (cluster.stamp(), generation(object));
    let standing = if waits { health_of_all(cluster, object) } else { Standing::Healthy };
    match standing {
        Standing::Progressing => {}
        Standing::Failed(what) => {
            let message = format!("timeout waiting for: [{what} status: 'Failed']");
            let conditions =
                vec![condition(object, "Ready", "False", "HealthCheckFailed", &message, &now, generation)];
            set_conditions(cluster, key, object, conditions, &[]);
        }
        Standing::Healthy => {
            let message = format!("Applied revision: {revision}");
            let mut conditions = vec![condition(
                object,
                "Ready",
                "True",
                "ReconciliationSucceeded",
                &message,
                &now,
                generation,
            )];
            if waits {
                let message = "Health check passed";
                conditions.push(condition(object, "Healthy", "True", "Succeeded", message, &now, generation));
            }
            let more = [("lastAppliedRevision", json!(revision)), ("observedGeneration", json!(generation))];
            set_conditions(cluster, key, object, conditions, &more);
        }
    }
}

enum Standing {
    Healthy,
    Progressing,
    Failed(String),
}

fn health_of_all(cluster: &DemoCluster, object: &Value) -> Standing {
    let entries = object.pointer("/status/inventory/entries").and_then(Value::as_array);
    let mut standing = Standing::Healthy;
    for entry in entries.into_iter().flatten() {
        let parts: Vec<&str> = text(entry, "/id").split('_').collect();
        let [namespace, name, group, kind] = parts.as_slice() else { continue };
        let Some(live) = cluster.store.get(&ObjectKey::new(group, kind, namespace, name)) else {
            return Standing::Progressing;
        };
        match *kind {
            "Deployment" if gave_up(&live) => return Standing::Failed(key_of(&live).to_string()),
            "Deployment" | "StatefulSet" if !rolled_out(&live) => standing = Standing::Progressing,
            "HelmRelease" if !is_ready(&live) => standing = Standing::Progressing,
            _ => {}
        }
    }
    standing
}

fn gave_up(deployment: &Value) -> bool {
    let conditions = deployment.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|c| text(c, "/reason") == "ProgressDeadlineExceeded")
        && number(deployment, "/status/observedGeneration") == number(deployment, "/metadata/generation")
}

fn rolled_out(workload: &Value) -> bool {
    let wanted = number(workload, "/spec/replicas");
    number(workload, "/status/observedGeneration") == number(workload, "/metadata/generation")
        && number(workload, "/status/updatedReplicas") == wanted
        && number(workload, "/status/readyReplicas") == wanted
        && number(workload, "/status/replicas") == wanted
}

/// Writes conditions and further fields; other conditions and fields stay, `Reconciling` goes once it is not set.
fn set_conditions(
    cluster: &DemoCluster,
    key: &ObjectKey,
    object: &Value,
    set: Vec<Value>,
    more: &[(&str, Value)],
) {
    let mut status = object.get("status").cloned().unwrap_or_else(|| json!({}));
    let kept = status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut conditions = set;
    for old in kept {
        let kind = text(&old, "/type");
        let replaced = conditions.iter().any(|c| text(c, "/type") == kind);
        if !replaced && !matches!(kind, "Reconciling" | "Healthy") {
            conditions.push(old);
        }
    }
    status["conditions"] = Value::Array(conditions);
    for (field, value) in more {
        status[*field] = value.clone();
    }
    if object.get("status") != Some(&status) {
        // The object was read in this turn and nobody deletes it in between.
        let _ = cluster.store.update_status(MANAGER, key, status);
    }
}
