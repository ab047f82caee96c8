//! Lists: which of them are keyed, sets or atomic, and how the elements of two sides find each other (diff.md 2.8).

use super::pattern::Subject;
use crate::model::FieldStep;
use crate::yaml::Node;
use std::sync::Arc;

/// What kind of list stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListShape {
    /// Elements are told apart by these fields; a missing one has its default.
    Keyed(Vec<KeyField>),
    /// A set of scalars; order means nothing.
    Set,
    /// Elements have no identity and their order means nothing (diff.md N14).
    Bag,
    /// One value as a whole.
    Atomic,
}

/// One field of a list's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyField {
    /// Its name.
    pub name: Arc<str>,
    /// What a missing one means; without a default it is missing for good.
    pub default: Option<Arc<str>>,
}

/// Key fields of one keyed list, each with the default of a missing one.
type Keys = &'static [(&'static str, Option<&'static str>)];

const NAME: Keys = &[("name", None)];

/// Keyed lists of the built-in kinds, read off the `OpenAPI` v3 documents of Kubernetes 1.36
/// (`x-kubernetes-list-map-keys`). Lists that are not here are atomic.
const KEYED: &[(&[&str], &str, Keys)] = &[
    (&[], "pod/@c[]", NAME),
    (&[], "pod/@c[].env[]", NAME),
    (&[], "pod/@c[].ports[]", &[("containerPort", None), ("protocol", Some("TCP"))]),
    (&[], "pod/@c[].volumeMounts[]", &[("mountPath", None)]),
    (&[], "pod/@c[].volumeDevices[]", &[("devicePath", None)]),
    (&[], "pod/@c[].resources.claims[]", NAME),
    (&[], "pod/volumes[]", NAME),
    (&[], "pod/imagePullSecrets[]", NAME),
    (&[], "pod/hostAliases[]", &[("ip", None)]),
    (&[], "pod/resourceClaims[]", NAME),
    (&[], "pod/schedulingGates[]", NAME),
    (&[], "pod/topologySpreadConstraints[]", &[("topologyKey", None), ("whenUnsatisfiable", None)]),
    (&["Service"], "spec.ports[]", &[("port", None), ("protocol", Some("TCP"))]),
    (&["ServiceAccount"], "secrets[]", NAME),
    (&["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"], "webhooks[]", NAME),
    (&[], "webhooks[].matchConditions[]", NAME),
    (&["MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"], "spec.matchConditions[]", NAME),
    (&["ValidatingAdmissionPolicy"], "spec.variables[]", NAME),
    (&["CSINode"], "spec.drivers[]", NAME),
    (&[], "metadata.ownerReferences[]", &[("uid", None)]),
    (&[], "status.conditions[]", &[("type", None)]),
];

/// Sets of the built-in kinds, from the same documents.
const SETS: &[(&[&str], &str)] = &[
    (&[], "metadata.finalizers"),
    (&["CSIDriver"], "spec.volumeLifecycleModes"),
    (&["ValidatingAdmissionPolicyBinding"], "spec.validationActions"),
    (&["Node"], "spec.podCIDRs"),
    (&["Job"], "spec.podFailurePolicy.rules[].onExitCodes.values"),
    (&["CronJob"], "spec.jobTemplate.spec.podFailurePolicy.rules[].onExitCodes.values"),
];

/// Lists that their controller reorders: compared without order, element by element (argo-cd#1079).
const BAGS: &[(&[&str], &str)] = &[(&["HorizontalPodAutoscaler"], "spec.metrics")];

/// Fields that tell elements apart where no schema says so, in this order (diff.md 2.8).
const GUESSES: [&[&str]; 9] = [
    &["name"],
    &["key"],
    &["id"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["mountPath"],
    &["ip"],
    &["type"],
    &["topologyKey", "whenUnsatisfiable"],
];

/// What the compiled table says about the list at `path`; `None` for kinds that it does not know.
pub(super) fn known_shape(subject: &Subject, path: &[FieldStep]) -> Option<ListShape> {
    if SETS.iter().any(|(kinds, pattern)| subject.is_one_of(kinds) && subject.at(pattern, path)) {
        return Some(ListShape::Set);
    }
    if BAGS.iter().any(|(kinds, pattern)| subject.is_one_of(kinds) && subject.at(pattern, path)) {
        return Some(ListShape::Bag);
    }
    let keyed = KEYED.iter().find(|(kinds, pattern, _)| {
        subject.is_one_of(kinds) && pattern.strip_suffix("[]").is_some_and(|list| subject.at(list, path))
    });
    match keyed {
        Some((_, _, keys)) => Some(ListShape::Keyed(
            keys.iter()
                .map(|(name, default)| KeyField { name: (*name).into(), default: default.map(Arc::from) })
                .collect(),
        )),
        None if subject.built_in => Some(ListShape::Atomic),
        None => None,
    }
}

/// The keys that tell the elements of all these lists apart, if one of the usual ones does.
pub(super) fn guess(lists: &[&[Node]]) -> Option<ListShape> {
    if lists.iter().all(|list| list.is_empty()) {
        return None;
    }
    GUESSES.iter().find(|names| lists.iter().all(|list| tells_apart(list, names))).map(|names| {
        ListShape::Keyed(
            names
                .iter()
                .map(|name| KeyField {
                    name: (*name).into(),
                    default: (*name == "protocol").then(|| "TCP".into()),
                })
                .collect(),
        )
    })
}

fn tells_apart(list: &[Node], names: &[&str]) -> bool {
    let mut seen = std::collections::HashSet::new();
    list.iter().all(|element| {
        let main = names.first().and_then(|name| element.get(name)).and_then(Node::scalar_text);
        let values: Vec<_> = names.iter().map(|name| element.get(name).and_then(Node::scalar_text)).collect();
        main.is_some() && seen.insert(values)
    })
}

/// The identity of an element in a keyed list: key values, and how often the same came before.
/// An element without any of the key fields has none and is paired by its index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// Values of the key fields; the number tells duplicates apart.
    Key(Vec<Option<String>>, usize),
    /// The element has no key field at all.
    Index(usize),
}

/// The identities of all elements of a keyed list, in its order.
pub(super) fn identities(list: &[Node], keys: &[KeyField]) -> Vec<Identity> {
    let mut found: Vec<Identity> = Vec::with_capacity(list.len());
    let mut counts = std::collections::HashMap::new();
    for (index, element) in list.iter().enumerate() {
        let given: Vec<Option<&str>> =
            keys.iter().map(|key| element.get(&key.name).and_then(Node::scalar_text)).collect();
        if given.iter().all(Option::is_none) {
            found.push(Identity::Index(index));
            continue;
        }
        let values: Vec<Option<String>> = given
            .iter()
            .zip(keys)
            .map(|(value, key)| value.or(key.default.as_deref()).map(str::to_owned))
            .collect();
        let count = counts.entry(values.clone()).or_insert(0);
        found.push(Identity::Key(values, *count));
        *count += 1;
    }
    found
}

impl Identity {
    /// How the element is named in a path: `cart`, `80,TCP`.
    pub fn step(&self) -> FieldStep {
        match self {
            Self::Index(index) => FieldStep::Index(*index),
            Self::Key(values, count) => {
                let mut name =
                    values.iter().map(|v| v.as_deref().unwrap_or("")).collect::<Vec<_>>().join(",");
                if *count > 0 {
                    name = format!("{name}#{}", count + 1);
                }
                FieldStep::Item(crate::model::clean(&name).into())
            }
        }
    }
}
