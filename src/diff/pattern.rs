//! Where a field stands in its kind: short patterns that all tables of this room use.
//!
//! A pattern is a path of names with `[]` for an element of a list: `spec.ports[].nodePort`. It counts from the root of
//! the object, or from the Pod spec of a workload (`pod/containers[].image`), or from anywhere (`**.resources.limits.*`).
//! `*` is any one name, `@c` any of the three container lists.

use crate::model::{FieldStep, ObjectKey};

/// The kind whose fields are looked at.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// API group, empty for the core group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// True if Kubernetes itself serves the kind, so that Go types rewrite what is written.
    pub built_in: bool,
}

/// API groups that Kubernetes itself serves. Others are custom resources, stored as they are sent.
const BUILT_IN: [&str; 22] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

impl<'a> Subject<'a> {
    pub fn of(key: &'a ObjectKey) -> Self {
        Self { group: &key.group, kind: &key.kind, built_in: BUILT_IN.contains(&&*key.group) }
    }

    /// The way to the Pod spec, for kinds that have one.
    pub fn pod_spec(&self) -> Option<&'static [&'static str]> {
        if !self.built_in {
            return None;
        }
        match self.kind {
            "Pod" => Some(&["spec"]),
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicationController" => {
                Some(&["spec", "template", "spec"])
            }
            "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
            "PodTemplate" => Some(&["template", "spec"]),
            _ => None,
        }
    }

    /// True if this is one of the built-in kinds named; an empty list means every kind.
    pub fn is_one_of(&self, kinds: &[&str]) -> bool {
        kinds.is_empty() || (self.built_in && kinds.contains(&self.kind))
    }

    /// True if `path` is a place that `pattern` describes.
    pub fn at(&self, pattern: &str, path: &[FieldStep]) -> bool {
        let (anchor, body) = match (pattern.strip_prefix("pod/"), pattern.strip_prefix("**.")) {
            (Some(body), _) => (Anchor::Pod, body),
            (_, Some(body)) => (Anchor::Anywhere, body),
            _ => (Anchor::Root, pattern),
        };
        let mut rest = path;
        for token in body.rsplit('.') {
            match strip(token, rest) {
                Some(shorter) => rest = shorter,
                None => return false,
            }
        }
        match anchor {
            Anchor::Anywhere => true,
            Anchor::Root => rest.is_empty(),
            Anchor::Pod => self.pod_spec().is_some_and(|spec| is_path(rest, spec)),
        }
    }

    /// True if `path` is a place that one of `patterns` describes.
    pub fn at_any(&self, patterns: &[&str], path: &[FieldStep]) -> bool {
        patterns.iter().any(|pattern| self.at(pattern, path))
    }
}

enum Anchor {
    Root,
    Pod,
    Anywhere,
}

fn is_path(steps: &[FieldStep], names: &[&str]) -> bool {
    steps.len() == names.len()
        && steps.iter().zip(names).all(|(s, n)| matches!(s, FieldStep::Key(k) if &**k == *n))
}

/// Takes what `token` describes off the end of `path`.
fn strip<'p>(token: &str, path: &'p [FieldStep]) -> Option<&'p [FieldStep]> {
    let (name, mut rest) = match token.strip_suffix("[]") {
        Some(name) => match path.split_last() {
            Some((FieldStep::Item(_) | FieldStep::Index(_), rest)) => (name, rest),
            _ => return None,
        },
        None => (token, path),
    };
    let Some((FieldStep::Key(key), before)) = rest.split_last() else { return None };
    rest = before;
    let fits = match name {
        "*" => true,
        "@c" => CONTAINER_LISTS.contains(&&**key),
        _ => &**key == name,
    };
    fits.then_some(rest)
}

/// The last name of a path, if it ends in one.
pub(super) fn last_key(path: &[FieldStep]) -> Option<&str> {
    match path.last() {
        Some(FieldStep::Key(key)) => Some(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<FieldStep> {
        text.split('.')
            .map(|part| match part.strip_prefix('#') {
                Some(item) => FieldStep::Item(item.into()),
                None => FieldStep::Key(part.into()),
            })
            .collect()
    }

    #[test]
    fn patterns_count_from_root_pod_spec_or_anywhere() {
        let deployment = ObjectKey::new("apps", "Deployment", "shop", "cart");
        let cron = ObjectKey::new("batch", "CronJob", "shop", "clean");
        let custom = ObjectKey::new("example.org", "Deployment", "shop", "x");
        for (key, pattern, at, expected) in [
            (&deployment, "pod/@c[].image", "spec.template.spec.containers.#cart.image", true),
            (&deployment, "pod/@c[].image", "spec.containers.#cart.image", false),
            (&cron, "pod/@c[].image", "spec.jobTemplate.spec.template.spec.initContainers.#a.image", true),
            (&custom, "pod/@c[].image", "spec.template.spec.containers.#cart.image", false),
            (&custom, "**.limits.*", "spec.a.limits.memory", true),
            (&deployment, "spec.replicas", "spec.replicas", true),
            (&deployment, "spec.replicas", "spec.template.spec.replicas", false),
            (&deployment, "spec.ports[]", "spec.ports", false),
        ] {
            assert_eq!(Subject::of(key).at(pattern, &path(at)), expected, "{pattern} at {at}");
        }
    }
}
