//! Flux's own objects, all served versions, to one status (diff.md 4.1).

use super::conditions::conditions;
use super::inventory::inventory_id;
use super::revision::revision;
use crate::model::{Condition, Live, ObjectKey, ProducerStatus, SourceRevision};
use crate::yaml::Node;

const SOURCE: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";

/// What a Flux object says about itself: sources, Kustomizations and `HelmRelease`s of any served version.
/// `None` for everything else. Fields that a version does not have are simply not there.
pub fn flux_status(live: &Live) -> Option<ProducerStatus> {
    let body = &live.body;
    let mut status = ProducerStatus {
        key: live.key.clone(),
        suspended: body.at_path(&["spec", "suspend"]).and_then(Node::as_bool) == Some(true),
        conditions: conditions(body),
        applied: None,
        attempted: None,
        artifact: at(body, &["status", "artifact", "revision"]),
        source: None,
        waiting_on: Vec::new(),
        inventory: inventory(body),
        observed: observed(body),
    };
    match (&*live.key.group, &*live.key.kind) {
        (SOURCE, "GitRepository" | "OCIRepository" | "Bucket" | "HelmRepository" | "ExternalArtifact") => {}
        (SOURCE, "HelmChart") => status.source = reference(body.at_path(&["spec", "sourceRef"]), &live.key),
        (KUSTOMIZE, "Kustomization") => {
            status.applied = applied(body);
            status.attempted = at(body, &["status", "lastAttemptedRevision"]);
            status.source = reference(body.at_path(&["spec", "sourceRef"]), &live.key);
        }
        (HELM, "HelmRelease") => {
            status.applied = released(body);
            status.attempted = at(body, &["status", "lastAttemptedRevision"]);
            status.source = chart_source(body, &live.key);
        }
        _ => return None,
    }
    status.waiting_on = waiting_on(body, &status.conditions, &live.key);
    Some(status)
}

fn at(body: &Node, path: &[&str]) -> Option<SourceRevision> {
    revision(body.at_path(path)?.scalar_text()?)
}

/// What a Kustomization applied. An artifact that is not git's own (OCI, or cut out of a repository) is a digest; the
/// commit it was made of stands beside it.
fn applied(body: &Node) -> Option<SourceRevision> {
    let applied = at(body, &["status", "lastAppliedRevision"])?;
    let origin = || at(body, &["status", "lastAppliedOriginRevision"])?.commit;
    Some(SourceRevision { commit: applied.commit.or_else(origin), ..applied })
}

/// `-1` means never seen: Flux's CRDs default it so that a fresh object is not taken for current.
fn observed(body: &Node) -> bool {
    let generation = body.at_path(&["metadata", "generation"]).and_then(Node::as_i64);
    let seen = body.at_path(&["status", "observedGeneration"]).and_then(Node::as_i64);
    match (generation, seen) {
        (_, Some(-1)) => false,
        (Some(generation), Some(seen)) => generation == seen,
        // Static objects (an OCI HelmRepository) have no status at all.
        (_, None) => body.get("status").is_none_or(|s| s.as_map().is_none_or(crate::yaml::Map::is_empty)),
        (None, Some(_)) => true,
    }
}

fn inventory(body: &Node) -> Vec<ObjectKey> {
    let entries = body.at_path(&["status", "inventory", "entries"]).and_then(Node::as_seq).unwrap_or(&[]);
    entries.iter().filter_map(|entry| inventory_id(entry.str_at(&["id"])?)).collect()
}

/// The newest release that is deployed; before v2 the status named only a revision (diff.md 4.1).
fn released(body: &Node) -> Option<SourceRevision> {
    let history = body.at_path(&["status", "history"]).and_then(Node::as_seq).unwrap_or(&[]);
    let number = |entry: &&Node| entry.get("version").and_then(Node::as_i64).unwrap_or(0);
    let newest = history.iter().filter(|e| e.str_at(&["status"]) == Some("deployed")).max_by_key(number);
    match newest.and_then(|entry| entry.get("chartVersion")).and_then(Node::scalar_text) {
        Some(version) => revision(version),
        None => at(body, &["status", "lastAppliedRevision"]),
    }
}

/// A `HelmRelease` reads from its chart, or from an object that `chartRef` names.
fn chart_source(body: &Node, key: &ObjectKey) -> Option<ObjectKey> {
    if let Some(source) = reference(body.at_path(&["spec", "chartRef"]), key) {
        return Some(source);
    }
    reference(body.at_path(&["spec", "chart", "spec", "sourceRef"]), key)
}

fn reference(node: Option<&Node>, from: &ObjectKey) -> Option<ObjectKey> {
    let node = node?;
    let (group, _) = ObjectKey::split_api_version(node.str_at(&["apiVersion"]).unwrap_or(""));
    let group = if group.is_empty() { SOURCE } else { group };
    let namespace = node.str_at(&["namespace"]).unwrap_or(&from.namespace);
    Some(ObjectKey::new(group, node.str_at(&["kind"])?, namespace, node.str_at(&["name"])?))
}

/// What it waits for: the dependencies that its message names, or all of them if the message names none.
fn waiting_on(body: &Node, conditions: &[Condition], key: &ObjectKey) -> Vec<ObjectKey> {
    let Some(ready) = conditions.iter().find(|c| &*c.kind == "Ready" && &*c.reason == "DependencyNotReady")
    else {
        return Vec::new();
    };
    let declared: Vec<ObjectKey> = body
        .at_path(&["spec", "dependsOn"])
        .and_then(Node::as_seq)
        .unwrap_or(&[])
        .iter()
        .filter_map(|entry| {
            let namespace = entry.str_at(&["namespace"]).unwrap_or(&key.namespace);
            Some(ObjectKey::new(&key.group, &key.kind, namespace, entry.str_at(&["name"])?))
        })
        .collect();
    let named: Vec<ObjectKey> = declared
        .iter()
        .filter(|d| words(&ready.message).any(|w| w == format!("{}/{}", d.namespace, d.name)))
        .cloned()
        .collect();
    if named.is_empty() { declared } else { named }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.')))
        .map(|word| word.trim_end_matches('.'))
}
