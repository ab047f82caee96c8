//! What changed between two renderings of one object: for history, rehearsals and comparing revisions.

use super::comparison::{Base, Comparison, Desired, Found};
use super::owners::Owners;
use super::redact;
use super::rules::{ObjectRules, Rules};
use super::sides::Sides;
use super::walk::Walk;
use crate::model::{FieldPath, FieldStep, ObjectKey};
use crate::yaml::Node;

/// One place that changed. Secret values are digests or closed leaves.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where; empty if the whole object came or went.
    pub path: FieldPath,
    /// What it was.
    pub before: Option<Node>,
    /// What it is.
    pub after: Option<Node>,
    /// About lists: how many elements came and went, or that only the order changed; empty for the rest.
    pub note: String,
}

/// What changed between two renderings of one object, in the order of the new one. Lists are paired by their keys, and
/// what is only spelled otherwise is no change. An empty map or list is a value in a custom resource, and none elsewhere. Both bodies have been through `model::blind`.
#[must_use]
pub fn compare(before: Option<&Node>, after: Option<&Node>) -> Vec<Change> {
    let (old, new) = match (before, after) {
        (Some(old), Some(new)) if kind(old) == kind(new) => (old, new),
        _ => return whole(before, None).into_iter().chain(whole(None, after)).collect(),
    };
    let key = ObjectKey::of_unnamed(new);
    let rules = Rules::default();
    let input = Comparison::new(&key, Desired::Absent, Found::Absent, &rules);
    let mut walk = Walk::two_way(&input, ObjectRules::default());
    walk.visit(Sides { d: Some(new), b: Base::Unknown, l: Some(old) }, Owners::root(), None);
    let version = api_version(old, new);
    let found = walk.out.into_iter().filter(|field| field.class != crate::model::FieldClass::Synced);
    version
        .into_iter()
        .chain(found.map(|field| Change {
            path: field.path,
            before: field.live,
            after: field.desired,
            note: field.note,
        }))
        .collect()
}

/// Group and kind: only renderings of one kind are compared field by field.
fn kind(body: &Node) -> (&str, &str) {
    let (group, _) = ObjectKey::split_api_version(body.str_at(&["apiVersion"]).unwrap_or(""));
    (group, body.str_at(&["kind"]).unwrap_or(""))
}

/// A whole object that came or went.
fn whole(before: Option<&Node>, after: Option<&Node>) -> Option<Change> {
    let (group, kind) = kind(before.or(after)?);
    let key = ObjectKey::new(group, kind, "", "");
    let hide = |node: &Node| redact::hide(&super::pattern::Subject::of(&key), &[], node);
    let (before, after) = (before.map(hide), after.map(hide));
    Some(Change { path: FieldPath::default(), before, after, note: String::new() })
}

/// A live object answers at any version, so the walk passes it over; between two renderings it is a change.
fn api_version(old: &Node, new: &Node) -> Option<Change> {
    let (before, after) = (old.get("apiVersion")?, new.get("apiVersion")?);
    (before.as_str() != after.as_str()).then(|| Change {
        path: FieldPath(vec![FieldStep::Key("apiVersion".into())]),
        before: Some(before.clone()),
        after: Some(after.clone()),
        note: String::new(),
    })
}
