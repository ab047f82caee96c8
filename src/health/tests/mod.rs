//! Case data for every rule: object, clock, expected state and the words that must be in the reason.

mod custom;
mod generic;
mod platform;
mod workloads;

use super::health;
use crate::model::{HealthState, Live, ObjectKey};
use crate::yaml::{Dialect, Limits, Node, read_stream};

/// 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

fn live(text: &str) -> Live {
    let stream = read_stream(text.as_bytes(), &"case.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?} in {text}", stream.errors);
    let body: Node = stream.documents.into_iter().next().expect("one document").root;
    let (key, version) = ObjectKey::of(&body).expect("it has a name");
    let terminating = body.at_path(&["metadata", "deletionTimestamp"]).is_some();
    Live {
        key,
        version,
        body,
        whole: true,
        managers: [].into(),
        uid: "1".into(),
        resource_version: "1".into(),
        owners: Vec::new(),
        terminating,
    }
}

/// `kind` is `apiVersion Kind`; `rest` is what stands beside metadata, `generation: 2` in it.
#[track_caller]
fn check(kind: &str, rest: &str, state: HealthState, words: &str) {
    let (api, kind) = kind.split_once(' ').expect("apiVersion and kind");
    let found = health(
        &live(&format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x, namespace: shop, generation: 2, creationTimestamp: '2026-11-21T11:00:00Z'}}\n{rest}\n"
        )),
        NOW,
    );
    assert_eq!(found.state, state, "{kind} {rest}: {}", found.reason);
    assert!(found.reason.contains(words), "`{words}` is not in `{}`", found.reason);
}

use HealthState::{Degraded, Healthy, NotApplicable, Progressing, Suspended, Terminating, Unknown};

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> String {
    format!(
        "{{type: {kind}, status: '{status}', reason: {reason}, message: '{message}', lastTransitionTime: '2026-11-21T11:50:00Z'}}"
    )
}

fn conditions(list: &[(&str, &str, &str, &str)]) -> String {
    let all: Vec<String> = list.iter().map(|(k, s, r, m)| condition(k, s, r, m)).collect();
    format!("status: {{observedGeneration: 2, conditions: [{}]}}", all.join(", "))
}
