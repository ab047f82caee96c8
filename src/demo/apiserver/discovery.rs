//! Discovery: aggregated (KEP-3352) and in the older form, group by group.

use super::kinds::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What can be done with a resource here.
const VERBS: [&str; 3] = ["get", "list", "watch"];

/// Groups with their versions, preferred first, and what is served in each.
pub(super) type Groups<'k> = BTreeMap<&'k str, Vec<(&'k str, Vec<&'k Kind>)>>;

/// The access reviews are the one resource that is not stored.
const REVIEWS: [(&str, &str); 2] = [
    ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
];
/// Their group.
pub(super) const REVIEW_GROUP: &str = "authorization.k8s.io";

pub(super) fn groups(kinds: &[Option<Kind>]) -> Groups<'_> {
    let mut groups: Groups<'_> = BTreeMap::new();
    groups.insert(REVIEW_GROUP, vec![("v1", Vec::new())]);
    for kind in kinds.iter().flatten() {
        let versions = groups.entry(&kind.group).or_default();
        for version in &kind.versions {
            match versions.iter_mut().find(|(v, _)| v == version) {
                Some((_, kinds)) => kinds.push(kind),
                None => versions.push((version, vec![kind])),
            }
        }
    }
    groups
}

/// `/api` and `/apis` in one answer each.
pub(super) fn aggregated(groups: &Groups<'_>, core: bool) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, kinds)| {
                    let mut resources: Vec<Value> =
                        kinds.iter().map(|kind| resource(kind, version)).collect();
                    if *group == REVIEW_GROUP {
                        resources.extend(REVIEWS.iter().map(|(plural, kind)| review(plural, kind)));
                    }
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if core { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn review(plural: &str, kind: &str) -> Value {
    json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Cluster", "singularResource": kind.to_lowercase(), "verbs": ["create"]})
}

fn resource(kind: &Kind, version: &str) -> Value {
    // Built-in kinds leave out what their place in the answer says already; custom ones do not.
    let (group, at) = if kind.custom { (kind.group.as_str(), version) } else { ("", "") };
    let response = json!({"group": group, "version": at, "kind": kind.kind});
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": response,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": VERBS,
    });
    if !kind.short.is_empty() {
        resource["shortNames"] = json!(kind.short);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let subresources: Vec<Value> = subresources(kind)
        .map(|name| json!({"subresource": name, "responseKind": response, "verbs": ["get"]}))
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = json!(subresources);
    }
    resource
}

/// Subresources that are served.
pub(super) fn subresources(kind: &Kind) -> impl Iterator<Item = &'static str> {
    let log = kind.group.is_empty() && kind.kind == "Pod";
    [("status", kind.status), ("log", log)].into_iter().filter(|(_, served)| *served).map(|(name, _)| name)
}

/// `/api` in the older form.
pub(super) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "sealane-demo"}]})
}

/// `/apis` in the older form.
pub(super) fn group_list(groups: &Groups<'_>) -> Value {
    let named: Vec<Value> =
        groups.iter().filter(|(g, _)| !g.is_empty()).map(|(g, versions)| group(g, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": named})
}

/// One group in the older form.
pub(super) fn group(name: &str, versions: &[(&str, Vec<&Kind>)]) -> Value {
    let all: Vec<Value> = versions
        .iter()
        .map(|(version, _)| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "versions": all, "preferredVersion": all.first()})
}

/// The resources of one version in the older form.
pub(super) fn resource_list(group: &str, version: &str, kinds: &[&Kind]) -> Value {
    let mut resources = Vec::new();
    for kind in kinds {
        let mut entry = json!({"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": VERBS});
        if !kind.short.is_empty() {
            entry["shortNames"] = json!(kind.short);
        }
        if !kind.categories.is_empty() {
            entry["categories"] = json!(kind.categories);
        }
        resources.push(entry);
        for sub in subresources(kind) {
            resources.push(json!({"name": format!("{}/{sub}", kind.plural), "singularName": "",
                "namespaced": kind.namespaced, "kind": kind.kind, "verbs": ["get"]}));
        }
    }
    if group == REVIEW_GROUP {
        resources.extend(REVIEWS.iter().map(|(plural, kind)| {
            json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"]})
        }));
    }
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut list = json!({"kind": "APIResourceList", "groupVersion": name, "resources": resources});
    if !group.is_empty() {
        list["apiVersion"] = json!("v1");
    }
    list
}
