//! One object: what its presence says, what its fields say, and the verdict over both (diff.md 2.7).

use super::comparison::{Base, Comparison, Desired, Found, Mark};
use super::owners::Owners;
use super::sides::Sides;
use super::walk::Walk;
use crate::model::{FieldClass, FieldDiff, Live, ObjectDiff, ObjectKey, PendingKind, Verdict};
use crate::yaml::Node;

/// Compares one object on its three sides.
#[must_use]
pub fn diff(input: &Comparison) -> ObjectDiff {
    sort(input, walk(input))
}

/// All that was found about an object's fields, also what [`diff`] only counts: defaults, allocations, and values
/// that are equal though they are spelled otherwise.
#[cfg(test)]
pub(super) fn all_fields(input: &Comparison) -> Vec<FieldDiff> {
    walk(input).map_or_else(Vec::new, |found| found.fields)
}

/// True if a field of this class is only counted (rows 1, 13, 14, 15).
pub(super) fn is_hidden(class: FieldClass) -> bool {
    matches!(
        class,
        FieldClass::Synced
            | FieldClass::SystemSet
            | FieldClass::Defaulted
            | FieldClass::Unowned
            | FieldClass::InjectedByController
    )
}

/// True if a field of this class is folded (rows 4, 5, 11, 16). A field that the server drops is folded too: the cluster
/// runs all of git that it can run, and nothing will ever change that.
fn is_folded(class: FieldClass) -> bool {
    matches!(
        class,
        FieldClass::MutatedOnWrite
            | FieldClass::Delegated
            | FieldClass::AddedByOthers
            | FieldClass::Ignored
            | FieldClass::InvalidInGit
    )
}

/// What a walk through the fields brought home.
struct Walked {
    fields: Vec<FieldDiff>,
    approximate: bool,
    exhausted: bool,
}

fn walk(input: &Comparison) -> Option<Walked> {
    let (Desired::Is(desired), Found::Is(live)) = (input.desired, input.live) else { return None };
    if other_shape(input.key, desired, live) {
        return None;
    }
    let mut rules = input.rules.of_object(input.key, &live.version, Some(desired));
    rules.everything = left_alone(desired, &live.body);
    let mut walk = Walk::new(input, &live.managers, rules);
    if !live.whole {
        return Some(walk_metadata(input, &only_metadata(desired), live));
    }
    walk.visit(Sides { d: Some(desired), b: input.base, l: Some(&live.body) }, Owners::root(), input.schema);
    let version = desired.str_at(&["apiVersion"]).map_or("", |v| ObjectKey::split_api_version(v).1);
    Some(Walked {
        fields: walk.out,
        approximate: walk.approximate || version != &*live.version,
        exhausted: walk.exhausted,
    })
}

/// Only the metadata of the live object is known: nothing can be said about the rest.
fn walk_metadata(input: &Comparison, desired: &Node, live: &Live) -> Walked {
    let base = input.base.body().map(only_metadata);
    let narrowed = Comparison {
        desired: Desired::Is(desired),
        base: match (&base, input.base) {
            (Some(node), _) => Base::Is(node),
            (None, other) => other,
        },
        ..input.clone()
    };
    let rules = input.rules.of_object(input.key, &live.version, Some(desired));
    let mut walk = Walk::new(&narrowed, &live.managers, rules);
    walk.visit(
        Sides { d: Some(desired), b: narrowed.base, l: Some(&live.body) },
        Owners::root(),
        input.schema,
    );
    Walked { fields: walk.out, approximate: walk.approximate, exhausted: walk.exhausted }
}

fn only_metadata(body: &Node) -> Node {
    let metadata = body.get("metadata").map(|m| ("metadata", m.clone()));
    Node::map(metadata.into_iter().collect())
}

/// Annotations and labels by which Flux leaves an object alone (diff.md 1.3).
fn left_alone(desired: &Node, live: &Node) -> Option<&'static str> {
    let says = |name: &str, value: &str| {
        [desired, live].iter().any(|body| {
            ["annotations", "labels"].iter().any(|map| {
                body.at_path(&["metadata", map])
                    .and_then(|m| m.get(name))
                    .and_then(Node::scalar_text)
                    .is_some_and(|text| text.eq_ignore_ascii_case(value))
            })
        })
    };
    [
        ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
        ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"),
        ("kustomize.toolkit.fluxcd.io/ssa", "Ignore"),
        ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
    ]
    .into_iter()
    .find(|(name, value)| says(name, value))
    .map(|(name, _)| name)
}

/// Kinds whose old versions have another shape, so that fields cannot be compared across versions (diff.md 2.3).
const RESHAPED: [(&str, &str, &[&str]); 4] = [
    ("networking.k8s.io", "Ingress", &["v1beta1"]),
    ("extensions", "Ingress", &["v1beta1"]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", &["v1beta1"]),
    ("autoscaling", "HorizontalPodAutoscaler", &["v1", "v2beta1"]),
];

fn other_shape(key: &ObjectKey, desired: &Node, live: &Live) -> bool {
    let (group, version) = ObjectKey::split_api_version(desired.str_at(&["apiVersion"]).unwrap_or(""));
    version != &*live.version
        && RESHAPED.iter().any(|(g, kind, versions)| {
            *g == group
                && *kind == &*key.kind
                && (versions.contains(&version) || versions.contains(&&*live.version))
        })
}

fn sort(input: &Comparison, walked: Option<Walked>) -> ObjectDiff {
    let presence = presence(input);
    let walked = match presence {
        Some(Verdict::Terminating | Verdict::OwnedByOther(_) | Verdict::Unadopted) | None => walked,
        Some(_) => None,
    };
    let mut result = ObjectDiff {
        key: input.key.clone(),
        verdict: Verdict::Synced,
        fields: Vec::new(),
        folded: Vec::new(),
        hidden: 0,
        approximate: walked.as_ref().is_some_and(|w| w.approximate),
    };
    let exhausted = walked.as_ref().is_some_and(|w| w.exhausted);
    for field in walked.into_iter().flat_map(|w| w.fields) {
        // Row 17 is folded: it says that nothing can be said, not that something differs.
        let no_base = field.class == FieldClass::Unknown && field.desired.is_none();
        if is_hidden(field.class) {
            result.hidden += 1;
        } else if is_folded(field.class) || no_base {
            result.folded.push(field);
        } else {
            result.fields.push(field);
        }
    }
    result.verdict = presence.unwrap_or_else(|| {
        if exhausted { Verdict::Unknown("too large to compare".into()) } else { of_fields(input, &result) }
    });
    result
}

/// What presence, marks and inventory say; `None` if the fields decide.
fn presence(input: &Comparison) -> Option<Verdict> {
    match input.live {
        Found::Forbidden => return Some(Verdict::Forbidden),
        Found::Unread(why) => return Some(Verdict::Unknown(crate::model::clean(why).into())),
        Found::Is(live) if live.terminating => return Some(Verdict::Terminating),
        _ => {}
    }
    match (input.desired, input.live) {
        (Desired::NotRendered(reason), _) => Some(Verdict::NotRendered(reason)),
        (Desired::Is(_), Found::Is(live)) => declared(input, live),
        (Desired::Is(_), _) => Some(not_there(input)),
        (Desired::Absent, Found::Is(live)) => Some(undeclared(input, live)),
        (Desired::Absent, _) => Some(Verdict::Synced),
    }
}

fn declared(input: &Comparison, live: &Live) -> Option<Verdict> {
    match input.standing.mark {
        Mark::Other(owner) => return Some(Verdict::OwnedByOther(owner.to_string().into())),
        Mark::Missing if input.standing.inventoried != Some(true) => return Some(Verdict::Unadopted),
        _ => {}
    }
    if let Desired::Is(desired) = input.desired
        && other_shape(input.key, desired, live)
    {
        let version = desired.str_at(&["apiVersion"]).unwrap_or("");
        let why = format!("{version} has another shape than {}, which the cluster serves", live.version);
        return Some(Verdict::Unknown(crate::model::clean(&why).into()));
    }
    None
}

fn not_there(input: &Comparison) -> Verdict {
    match (input.standing.inventoried, input.base) {
        (Some(true), _) | (None, Base::Is(_)) => Verdict::Missing,
        _ => Verdict::Pending(PendingKind::Create),
    }
}

fn undeclared(input: &Comparison, live: &Live) -> Verdict {
    if let Mark::Gone(_) = input.standing.mark {
        return Verdict::Orphan;
    }
    let was_ours = input.standing.inventoried == Some(true)
        || (input.standing.inventoried.is_none() && matches!(input.base, Base::Is(_)))
        || matches!(input.standing.mark, Mark::Ours);
    if was_ours {
        return Verdict::Extra { kept: !input.standing.prune || is_kept(&live.body) };
    }
    if let Mark::Other(owner) = input.standing.mark {
        return Verdict::OwnedByOther(owner.to_string().into());
    }
    // A child follows its root (diff.md 2.7).
    if live.owners.iter().any(|owner| owner.controller) { Verdict::Synced } else { Verdict::Unmanaged }
}

/// Marks on an object that keep it from being pruned (diff.md 2.11).
pub fn is_kept(body: &Node) -> bool {
    let value = |map: &str, name: &str| body.at_path(&["metadata", map]).and_then(|m| m.str_at(&[name]));
    let either = |name: &str| value("annotations", name).or(value("labels", name));
    either("kustomize.toolkit.fluxcd.io/prune") == Some("disabled")
        || either("kustomize.toolkit.fluxcd.io/reconcile") == Some("disabled")
        || value("annotations", "helm.sh/resource-policy") == Some("keep")
        || value("annotations", "objectset.rio.cattle.io/prune") == Some("false")
        || value("annotations", "argocd.argoproj.io/sync-options")
            .is_some_and(|options| options.split(',').any(|o| o.trim() == "Prune=false"))
}

/// The worst of the fields. A difference without a base (row 8) is drift if a foreign manager owns it, else git ahead.
fn of_fields(input: &Comparison, found: &ObjectDiff) -> Verdict {
    let worst = found.fields.iter().map(|field| match field.class {
        FieldClass::Conflict => Verdict::Conflict,
        FieldClass::Drifted => Verdict::Drifted,
        FieldClass::Changed if field.by.is_some() => Verdict::Drifted,
        FieldClass::Changed | FieldClass::Pending(_) => Verdict::Pending(PendingKind::Change),
        _ => Verdict::Unknown("sealed values cannot be compared without a key".into()),
    });
    match worst.min() {
        Some(verdict) => verdict,
        None => match input.live {
            Found::Is(live) if !live.whole => Verdict::Unknown("only its metadata was read".into()),
            _ if found.folded.iter().any(|f| f.class == FieldClass::Unknown) => {
                Verdict::Unknown("the applied revision is not known".into())
            }
            _ => Verdict::Synced,
        },
    }
}

/// Groups under which the same objects were served before (diff.md 2.2): keys are compared in today's form.
#[must_use]
pub fn todays_key(key: &ObjectKey) -> ObjectKey {
    let group = match (&*key.group, &*key.kind) {
        ("extensions", "Deployment" | "DaemonSet" | "ReplicaSet") => "apps",
        ("extensions", "Ingress" | "NetworkPolicy") => "networking.k8s.io",
        ("", "Event") => "events.k8s.io",
        _ => return key.clone(),
    };
    ObjectKey { group: group.into(), ..key.clone() }
}
