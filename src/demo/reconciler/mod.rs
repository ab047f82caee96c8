//! What makes the demo's clusters live: a source that polls git, Kustomizations that are applied as Flux applies
//! them, workloads that roll out over seconds, and neighbours that make noise.
//!
//! | file | job |
//! | --- | --- |
//! | `cluster` | [`DemoCluster`]: one cluster and its steps |
//! | `source` | the GitRepository and its artifact |
//! | `kustomization` | apply, prune, wait, conditions, inventory |
//! | `workloads` | Deployments, StatefulSets, their pods and volumes |
//! | `neighbours` | nodes, system pods, HelmReleases' and SealedSecrets' children, CRDs |
//! | `trouble` | what somebody did by hand |

mod cluster;
mod kustomization;
mod neighbours;
mod source;
mod trouble;
mod workloads;

pub use cluster::{DemoClock, DemoCluster};

use crate::model::ObjectKey;
use serde_json::{Value, json};

const FLUX: &str = "flux-system";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
const SOURCE: &str = "source.toolkit.fluxcd.io";
const HELM: &str = "helm.toolkit.fluxcd.io";

/// The text at a JSON pointer; empty if there is none.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The key of a stored object.
fn key_of(object: &Value) -> ObjectKey {
    let (group, _) = ObjectKey::split_api_version(text(object, "/apiVersion"));
    ObjectKey::new(
        group,
        text(object, "/kind"),
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    )
}

/// An owner reference to a stored object.
fn owned_by(owner: &Value) -> Value {
    json!([{
        "apiVersion": text(owner, "/apiVersion"),
        "kind": text(owner, "/kind"),
        "name": text(owner, "/metadata/name"),
        "uid": text(owner, "/metadata/uid"),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// A condition; the time of the last transition is kept while the status stays.
fn condition(
    before: &Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: &str,
    generation: i64,
) -> Value {
    let old = before.pointer("/status/conditions").and_then(Value::as_array);
    let old = old.into_iter().flatten().find(|c| text(c, "/type") == kind && text(c, "/status") == status);
    let since = old.map_or(now, |c| text(c, "/lastTransitionTime")).to_owned();
    let mut made = json!({
        "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
    });
    if generation > 0 {
        made["observedGeneration"] = json!(generation);
    }
    made
}
