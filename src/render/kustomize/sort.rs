//! The order of the output (render.md 2.15).

use super::entries::Sort;
use super::error::Cause;
use super::resmap::ResMap;
use super::resource::Resource;
use std::cmp::Ordering;

/// The kinds that kustomize puts before all others, in its order.
pub(super) const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Those that it puts after all others.
pub(super) const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts by kind, then by identity.
pub fn legacy(objects: &mut ResMap) -> Result<(), Cause> {
    by(objects, &FIRST, &LAST)
}

/// Sorts as the outermost kustomization asks.
pub fn chosen(objects: &mut ResMap, sort: &Sort) -> Result<(), Cause> {
    let refuse = |what: &str| Err(Cause::Transformer { transformer: "sortOptions", what: what.to_owned() });
    match (&*sort.order, &sort.legacy) {
        ("fifo", None) => Ok(()),
        ("fifo", Some(_)) => refuse("legacySortOptions needs order: legacy"),
        ("legacy", None) => legacy(objects),
        ("legacy", Some((first, last))) => {
            let first: Vec<&str> = first.iter().map(|t| &**t).collect();
            let last: Vec<&str> = last.iter().map(|t| &**t).collect();
            by(objects, &first, &last)
        }
        _ => refuse("order must be fifo or legacy"),
    }
}

fn by(objects: &mut ResMap, first: &[&str], last: &[&str]) -> Result<(), Cause> {
    let rank = |kind: &str| {
        let after = last.iter().rposition(|k| *k == kind).map(|place| place + 1);
        let before = first.iter().rposition(|k| *k == kind);
        match (after, before) {
            (Some(place), _) => (1, place),
            (None, Some(place)) => (-1, place),
            (None, None) => (0, 0),
        }
    };
    let list = objects.list();
    let keys: Vec<_> =
        list.iter().map(|r| (rank(&r.id.gvk.kind), r.id.gvk.sort_text(), identity(r))).collect();
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by(|left, right| {
        let core = |r: &Resource| &*r.id.gvk.kind == "Namespace" && r.id.gvk.group.is_empty();
        let (a, b, left, right) = (&keys[*left], &keys[*right], &list[*left], &list[*right]);
        // Upstream sorts Namespaces of other groups the wrong way round, and keeps it.
        let namespaces = &*left.id.gvk.kind == "Namespace" && &*right.id.gvk.kind == "Namespace";
        let reversed = namespaces && (core(left) || core(right));
        a.0.cmp(&b.0).then_with(|| flip(a.1.cmp(&b.1), reversed)).then_with(|| a.2.cmp(&b.2))
    });
    // Objects are large: each moves once.
    let mut unsorted: Vec<Option<Resource>> =
        std::mem::take(objects.list_mut()).into_iter().map(Some).collect();
    objects.append_all(order.into_iter().filter_map(|place| unsorted[place].take()))
}

fn flip(order: Ordering, yes: bool) -> Ordering {
    if yes { order.reverse() } else { order }
}

fn identity(resource: &Resource) -> String {
    let or = |part: &str, empty: &str| if part.is_empty() { empty.to_owned() } else { part.to_owned() };
    format!("{}|{}", or(&resource.id.namespace, "~X"), or(&resource.id.name, "~N"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::documents::objects_of;
    use crate::yaml::Limits;

    #[test]
    fn namespaces_come_first_and_webhooks_last() {
        let text = "kind: ValidatingWebhookConfiguration\nmetadata: {name: w}\n---\nkind: Zebra\nmetadata: {name: z}\n\
                    ---\nkind: Service\nmetadata: {name: b}\n---\nkind: Service\nmetadata: {name: a}\n\
                    ---\nkind: Namespace\nmetadata: {name: n}\n";
        let mut objects = ResMap::default();
        objects
            .append_all(objects_of(text.as_bytes(), &"x".into(), &Limits::default()).expect("objects"))
            .expect("all differ");
        legacy(&mut objects).expect("all differ");
        let names: Vec<&str> = objects.list().iter().map(Resource::name).collect();
        assert_eq!(names, ["n", "a", "b", "z", "w"]);
    }
}
