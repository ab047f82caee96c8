//! Fields that others than the applier write by right, and fields where an addition is never harmless (diff.md 2.7, 2.9).

use super::normal::listed;
use super::pattern::{Subject, last_key};
use crate::model::{FieldStep, Manager};
use crate::yaml::Node;

/// One row of the table of well-known mutations.
pub(super) struct Mutation {
    kinds: &'static [&'static str],
    paths: &'static [&'static str],
    /// Managers that may; none means anybody, also nobody.
    writers: &'static [&'static str],
    when: When,
    /// How such a field stands.
    pub effect: Effect,
    /// The note for people.
    pub note: &'static str,
}

/// On which shape of the difference a row applies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Git says nothing and said nothing, the cluster has something.
    LiveOnly,
    /// Git says nothing or a placeholder.
    BlankInGit,
    /// Whatever git says.
    Always,
}

/// How a well-known mutation is classed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The system allocates it.
    SystemSet,
    /// Another controller rules it by right.
    Delegated,
    /// Somebody added it; never strict.
    Added,
}

const WEBHOOKS: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "CustomResourceDefinition",
    "APIService",
];

/// The table of diff.md 2.9, in its order. `spec.replicas` is decided with the autoscalers at hand, in `classify`.
pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        kinds: &["Service"],
        paths: &[
            "spec.clusterIP",
            "spec.clusterIPs",
            "spec.ipFamilies",
            "spec.ipFamilyPolicy",
            "spec.healthCheckNodePort",
            "spec.ports[].nodePort",
        ],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "allocated by the cluster",
    },
    Mutation {
        kinds: &[],
        paths: &["pod/@c[].resources"],
        writers: &["vpa-*"],
        when: When::Always,
        effect: Effect::Delegated,
        note: "ruled by the vertical autoscaler",
    },
    Mutation {
        kinds: WEBHOOKS,
        paths: &[
            "webhooks[].clientConfig.caBundle",
            "spec.conversion.webhook.clientConfig.caBundle",
            "spec.caBundle",
        ],
        writers: &[],
        when: When::BlankInGit,
        effect: Effect::Delegated,
        note: "filled in by the certificate injector",
    },
    Mutation {
        kinds: &["Pod"],
        paths: &[
            "spec.@c[]",
            "spec.@c[].env[]",
            "spec.@c[].volumeMounts[]",
            "spec.volumes[]",
            "metadata.labels.*",
            "metadata.annotations.*",
        ],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::Added,
        note: "injected into the Pod when it was made",
    },
    Mutation {
        kinds: &[],
        paths: &["spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::Added,
        note: "restarted by hand",
    },
    Mutation {
        kinds: &["ServiceAccount"],
        paths: &["secrets", "imagePullSecrets"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::Added,
        note: "added by the token controller",
    },
    Mutation {
        kinds: &["PersistentVolumeClaim"],
        paths: &["spec.volumeName", "spec.storageClassName", "metadata.annotations.*", "metadata.finalizers"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set when the claim was bound",
    },
    Mutation {
        kinds: &["StatefulSet"],
        paths: &[
            "spec.volumeClaimTemplates[].status",
            "spec.volumeClaimTemplates[].spec.storageClassName",
            "spec.volumeClaimTemplates[].spec.volumeName",
        ],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set by the server",
    },
    Mutation {
        kinds: &["PersistentVolume"],
        paths: &["spec.claimRef", "metadata.finalizers"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set when the volume was bound",
    },
    Mutation {
        kinds: &["Namespace"],
        paths: &["spec.finalizers", "metadata.labels.kubernetes.io/metadata.name"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set by the server",
    },
    Mutation {
        kinds: &["Namespace"],
        paths: &["metadata.labels", "metadata.annotations"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::Added,
        note: "added by the platform",
    },
    // Flux's controllers put their own finalizer on the objects that they reconcile.
    Mutation {
        kinds: &[],
        paths: &["metadata.finalizers"],
        writers: &["gotk-*", "kustomize-controller", "helm-controller", "source-controller"],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set by the kind's own controller",
    },
    Mutation {
        kinds: &["Job"],
        paths: &["spec.selector", "metadata.labels.*", "spec.template.metadata.labels.*"],
        writers: &["", "kube-controller-manager"],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set when the Job was made",
    },
    Mutation {
        kinds: &["Pod"],
        paths: &[
            "spec.nodeName",
            "spec.tolerations",
            "spec.serviceAccountName",
            "spec.serviceAccount",
            "spec.priority",
            "spec.preemptionPolicy",
        ],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::SystemSet,
        note: "set when the Pod was made or scheduled",
    },
    Mutation {
        kinds: &["ClusterRole"],
        paths: &["rules"],
        writers: &["kube-controller-manager", "clusterrole-aggregation-controller"],
        when: When::Always,
        effect: Effect::Delegated,
        note: "collected by aggregation",
    },
    Mutation {
        kinds: &["Ingress"],
        paths: &["metadata.annotations"],
        writers: &[],
        when: When::LiveOnly,
        effect: Effect::Added,
        note: "added by a controller",
    },
];

/// Where an addition by others is drift, because it changes what runs or who may do what (argo-cd#18038).
const STRICT: &[&str] = &[
    "pod/@c[]",
    "pod/@c[].env",
    "pod/@c[].envFrom",
    "pod/@c[].command",
    "pod/@c[].args",
    "pod/@c[].securityContext",
    "pod/@c[].volumeMounts",
    "pod/volumes",
    "pod/securityContext",
    "pod/hostNetwork",
    "pod/hostPID",
    "pod/hostIPC",
    "pod/serviceAccountName",
];

/// The same for single kinds.
const STRICT_KINDS: &[(&[&str], &str)] = &[
    (&["Role", "ClusterRole"], "rules"),
    (&["RoleBinding", "ClusterRoleBinding"], "subjects"),
    (&["Service"], "spec.ports"),
    (&["Service"], "spec.selector"),
    (&["Service"], "spec.externalIPs"),
    (&["Service"], "spec.loadBalancerSourceRanges"),
    (&["NetworkPolicy"], "spec.ingress"),
    (&["NetworkPolicy"], "spec.egress"),
    (&["Ingress"], "spec.rules"),
    (&["Ingress"], "spec.tls"),
    (&["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"], "webhooks"),
];

/// Content of configuration: an addition is drift if a person made it. Controllers inject there by right
/// (trust bundles, certificates).
const STRICT_FOR_PEOPLE: &[(&[&str], &str)] =
    &[(&["ConfigMap"], "data"), (&["ConfigMap"], "binaryData"), (&["Secret"], "data")];

/// Managers behind which a person sits (diff.md 2.6).
const PEOPLE: &[&str] = &[
    "kubectl*",
    "k9s*",
    "Mozilla",
    "node-fetch",
    "rancher",
    "lens*",
    "OpenLens*",
    "Headlamp",
    "headlamp",
    "curl",
];

/// True if a person wrote with this manager's name.
pub(super) fn is_person(manager: &Manager) -> bool {
    listed(PEOPLE, &manager.name)
}

/// The row that explains this difference, if one does. `writers` are the foreign managers of the field.
pub(super) fn well_known(
    subject: &Subject,
    path: &[FieldStep],
    desired: Option<&Node>,
    base: Option<&Node>,
    writers: &[&Manager],
) -> Option<&'static Mutation> {
    MUTATIONS.iter().find(|row| {
        let blank = desired.is_none_or(|d| matches!(d.scalar_text(), Some("" | "\n" | "Cg==")));
        let fits = match row.when {
            When::LiveOnly => desired.is_none() && base.is_none(),
            When::BlankInGit => blank,
            When::Always => true,
        };
        fits && subject.is_one_of(row.kinds)
            && row.paths.iter().any(|pattern| within(subject, pattern, path))
            && (row.writers.is_empty()
                || (writers.is_empty() && row.writers.contains(&""))
                || writers.iter().any(|w| listed(row.writers, &w.name)))
    })
}

/// True if something added here by these managers is drift.
pub(super) fn is_strict(subject: &Subject, path: &[FieldStep], writers: &[&Manager]) -> bool {
    let kinds = |table: &[(&[&str], &str)]| {
        table.iter().any(|(kinds, pattern)| subject.is_one_of(kinds) && within(subject, pattern, path))
    };
    if subject.kind == "Pod" {
        return false;
    }
    STRICT.iter().any(|pattern| within(subject, pattern, path))
        || kinds(STRICT_KINDS)
        || (writers.iter().any(|w| is_person(w)) && kinds(STRICT_FOR_PEOPLE))
}

/// True if `path` is the place of `pattern` or below it. A pattern that ends in `[]` means whole elements, whose fields
/// have rows of their own. The last name may hold dots (labels, annotations).
fn within(subject: &Subject, pattern: &str, path: &[FieldStep]) -> bool {
    if pattern.ends_with("[]") {
        return subject.at(pattern, path);
    }
    if let Some((map, name)) = dotted(pattern) {
        return last_key(path) == Some(name) && path.split_last().is_some_and(|(_, p)| subject.at(map, p));
    }
    (1..=path.len()).any(|end| subject.at(pattern, &path[..end]))
}

/// Splits `metadata.labels.kubernetes.io/x` where the name of the label begins.
fn dotted(pattern: &str) -> Option<(&str, &str)> {
    let slash = pattern.rfind('/').filter(|at| !pattern[..*at].starts_with("pod") || *at > 3)?;
    ["labels.", "annotations."].iter().find_map(|map| {
        let start = pattern[..slash].find(map)? + map.len();
        Some((&pattern[..start - 1], &pattern[start..]))
    })
}
