//! Rows of objects: what was compared, in the words that a face shows.

use super::facts::Compared;
use super::snapshot::{KeyState, ObjectRow};
use crate::diff;
use crate::model::{FieldClass, FieldDiff, Live, ObjectKey, Verdict};
use crate::secret::SecretLeaf;
use crate::yaml::{Map, Node, Value};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The rows of one environment: declared objects, strays, and the children of live workloads.
pub(super) fn rows(
    environment: &Arc<str>,
    compared: &[Arc<Compared>],
    children: &[(ObjectKey, Arc<Live>, crate::model::Health)],
) -> Vec<Arc<ObjectRow>> {
    let mut rows: Vec<Arc<ObjectRow>> = compared.iter().map(|c| Arc::new(row(environment, c))).collect();
    let parents: HashMap<&ObjectKey, Option<ObjectKey>> =
        compared.iter().map(|c| (&c.key, c.producer.clone())).collect();
    for (owner, live, health) in children {
        rows.push(Arc::new(ObjectRow {
            environment: environment.clone(),
            key: live.key.clone(),
            producer: parents.get(owner).cloned().flatten(),
            declared: false,
            origin: None,
            live: true,
            owner: Some(owner.clone()),
            verdict: Verdict::Synced,
            health: health.clone(),
            summary: String::new(),
            by: String::new(),
            fields: 0,
        }));
    }
    rows
}

fn row(environment: &Arc<str>, compared: &Compared) -> ObjectRow {
    ObjectRow {
        environment: environment.clone(),
        key: compared.key.clone(),
        producer: compared.producer.clone(),
        declared: compared.desired.is_some(),
        origin: compared.desired.as_ref().map(|m| m.origin.clone()),
        live: compared.live.is_some(),
        owner: None,
        verdict: compared.diff.verdict.clone(),
        health: compared.health.clone(),
        summary: summary(compared),
        by: writer(compared),
        fields: compared.diff.fields.len(),
    }
}

/// What differs, in a few words.
pub(super) fn summary(compared: &Compared) -> String {
    if compared.key.is_secret() {
        let differing = secret_keys(compared).iter().filter(|(_, s)| *s != KeyState::Same).count();
        return match differing {
            _ if compared.diff.verdict.is_synced() => String::new(),
            0 => in_words(&compared.diff.fields),
            1 => "1 key differs".to_owned(),
            n => format!("{n} keys differ"),
        };
    }
    in_words(&compared.diff.fields)
}

/// Drift reads from git to the cluster, everything else from the cluster to git.
fn in_words(fields: &[FieldDiff]) -> String {
    let changes: Vec<diff::Change> = fields
        .iter()
        .map(|field| {
            let drifted =
                matches!(field.class, FieldClass::Drifted | FieldClass::Changed | FieldClass::AddedByOthers);
            let (before, after) =
                if drifted { (&field.desired, &field.live) } else { (&field.live, &field.desired) };
            diff::Change {
                path: field.path.clone(),
                before: before.clone(),
                after: after.clone(),
                note: String::new(),
            }
        })
        .collect();
    diff::summarize(&changes)
}

/// Who wrote the most urgent field that was changed in the cluster: `kubectl-edit`; for what nobody declares, who made it.
fn writer(compared: &Compared) -> String {
    let is_change =
        |f: &&FieldDiff| matches!(f.class, FieldClass::Drifted | FieldClass::Conflict | FieldClass::Changed);
    let made_by = || {
        let undeclared = matches!(compared.diff.verdict, Verdict::Unmanaged | Verdict::Orphan);
        let managers = compared.live.as_ref().filter(|_| undeclared)?.managers.iter();
        managers.filter(|m| m.subresource.is_empty()).min_by(|a, b| a.time.cmp(&b.time))
    };
    let changed = compared.diff.fields.iter().filter(is_change).find_map(|f| f.by.as_ref());
    changed.or_else(made_by).map_or(String::new(), |by| crate::model::clean(&by.name))
}

/// How each key of a Secret stands, by name.
pub(super) fn secret_keys(compared: &Compared) -> Vec<(Arc<str>, KeyState)> {
    let data = |node: Option<&Node>| -> HashMap<Arc<str>, SecretLeaf> {
        let map = node.and_then(|n| n.get("data")).and_then(Node::as_map);
        map.into_iter().flat_map(Map::iter).filter_map(|(k, v)| Some((Arc::from(k), leaf(v)?))).collect()
    };
    let git = data(compared.desired.as_ref().map(|m| &m.body));
    let live = compared.live.as_ref().filter(|l| l.whole).map(|l| data(Some(&l.body)));
    let names: BTreeSet<&Arc<str>> = git.keys().chain(live.iter().flat_map(HashMap::keys)).collect();
    names
        .into_iter()
        .map(|name| {
            let state = match (git.get(name), live.as_ref().map(|l| l.get(name))) {
                (Some(SecretLeaf::Closed(_)), _) => KeyState::Closed,
                (_, None) => KeyState::NotCompared,
                (Some(_), Some(None)) => KeyState::OnlyGit,
                (None, _) => KeyState::OnlyLive,
                (Some(a), Some(Some(b))) if a == b => KeyState::Same,
                _ => KeyState::Differs,
            };
            (name.clone(), state)
        })
        .collect()
}

fn leaf(node: &Node) -> Option<SecretLeaf> {
    match &node.value {
        Value::Secret(leaf) => Some(leaf.clone()),
        _ => None,
    }
}
