//! What the server fills in when git says nothing (diff.md 2.8): needed only where ownership cannot decide.

use super::normal::equal_scalars;
use super::pattern::{Subject, last_key};
use crate::model::{FieldStep, SchemaRef};
use crate::yaml::Node;

/// One default of a built-in kind.
struct Default {
    kinds: &'static [&'static str],
    path: &'static str,
    value: Is,
}

/// What the default is.
enum Is {
    /// This scalar.
    Text(&'static str),
    /// One of these scalars.
    OneOf(&'static [&'static str]),
    /// The value of the field beside it.
    Beside(&'static str),
    /// Whatever this finds right.
    Check(fn(&Spot) -> bool),
}

/// A live value with what stands around it.
pub(super) struct Spot<'s, 'n> {
    /// The kind.
    pub subject: &'s Subject<'s>,
    /// Where.
    pub path: &'s [FieldStep],
    /// The live nodes above, from the root of the object down to the parent.
    pub above: &'s [Option<&'n Node>],
    /// The live value.
    pub live: &'s Node,
}

impl<'n> Spot<'_, 'n> {
    fn parent(&self) -> Option<&'n Node> {
        self.above.last().copied().flatten()
    }

    fn root(&self) -> Option<&'n Node> {
        self.above.first().copied().flatten()
    }

    fn text(&self) -> &str {
        self.live.scalar_text().unwrap_or("")
    }
}

const fn row(kinds: &'static [&'static str], path: &'static str, value: Is) -> Default {
    Default { kinds, path, value }
}

const WORKLOADS: &[&str] = &["Deployment", "StatefulSet"];
const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const POLICIES: &[&str] = &["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"];

/// Kinds of admission: an empty selector there is the default and selects everything.
const SELECTING: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "MutatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicyBinding",
];

/// Read from the API server's defaulting code and checked against a running 1.36 (see `tests`).
const DEFAULTS: &[Default] = &[
    row(
        &["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"],
        "spec.replicas",
        Is::Text("1"),
    ),
    row(WORKLOADS, "spec.revisionHistoryLimit", Is::Text("10")),
    row(&["Deployment"], "spec.strategy.type", Is::Text("RollingUpdate")),
    row(&["Deployment"], "spec.strategy.rollingUpdate.maxSurge", Is::Text("25%")),
    row(&["Deployment"], "spec.strategy.rollingUpdate.maxUnavailable", Is::Text("25%")),
    row(&["Deployment"], "spec.progressDeadlineSeconds", Is::Text("600")),
    row(&["DaemonSet"], "spec.revisionHistoryLimit", Is::Text("10")),
    row(&["DaemonSet", "StatefulSet"], "spec.updateStrategy.type", Is::Text("RollingUpdate")),
    row(&["DaemonSet"], "spec.updateStrategy.rollingUpdate.maxUnavailable", Is::Text("1")),
    row(&["DaemonSet"], "spec.updateStrategy.rollingUpdate.maxSurge", Is::Text("0")),
    row(&["StatefulSet"], "spec.updateStrategy.rollingUpdate.partition", Is::Text("0")),
    row(&["StatefulSet"], "spec.updateStrategy.rollingUpdate.maxUnavailable", Is::Text("1")),
    row(&["StatefulSet"], "spec.podManagementPolicy", Is::Text("OrderedReady")),
    row(&["StatefulSet"], "spec.persistentVolumeClaimRetentionPolicy.*", Is::Text("Retain")),
    row(&["StatefulSet"], "spec.volumeClaimTemplates[].spec.volumeMode", Is::Text("Filesystem")),
    row(&["StatefulSet"], "spec.volumeClaimTemplates[].apiVersion", Is::Text("v1")),
    row(&["StatefulSet"], "spec.volumeClaimTemplates[].kind", Is::Text("PersistentVolumeClaim")),
    row(&["StatefulSet"], "spec.volumeClaimTemplates[].status.phase", Is::Text("Pending")),
    row(&[], "pod/dnsPolicy", Is::Text("ClusterFirst")),
    row(&[], "pod/restartPolicy", Is::Text("Always")),
    row(&[], "pod/terminationGracePeriodSeconds", Is::Text("30")),
    row(&[], "pod/schedulerName", Is::Text("default-scheduler")),
    row(&[], "pod/enableServiceLinks", Is::Text("true")),
    row(&[], "pod/serviceAccount", Is::Beside("serviceAccountName")),
    row(&[], "pod/@c[].terminationMessagePath", Is::Text("/dev/termination-log")),
    row(&[], "pod/@c[].terminationMessagePolicy", Is::Text("File")),
    row(&[], "pod/@c[].imagePullPolicy", Is::Check(pull_policy)),
    row(&[], "pod/@c[].ports[].protocol", Is::Text("TCP")),
    row(&[], "pod/@c[].ports[].hostPort", Is::Beside("containerPort")),
    row(&[], "pod/@c[].resources.requests.*", Is::Check(request_is_limit)),
    row(&[], "**.livenessProbe.*", Is::Check(probe)),
    row(&[], "**.readinessProbe.*", Is::Check(probe)),
    row(&[], "**.startupProbe.*", Is::Check(probe)),
    row(&[], "**.httpGet.path", Is::Text("/")),
    row(&[], "**.httpGet.scheme", Is::Text("HTTP")),
    row(&[], "**.grpc.service", Is::Text("")),
    row(&[], "**.fieldRef.apiVersion", Is::Text("v1")),
    row(&[], "**.resourceFieldRef.divisor", Is::Text("0")),
    row(&[], "pod/volumes[].configMap.defaultMode", Is::Text("420")),
    row(&[], "pod/volumes[].secret.defaultMode", Is::Text("420")),
    row(&[], "pod/volumes[].projected.defaultMode", Is::Text("420")),
    row(&[], "pod/volumes[].downwardAPI.defaultMode", Is::Text("420")),
    row(&[], "pod/volumes[].projected.sources[].serviceAccountToken.expirationSeconds", Is::Text("3600")),
    row(&[], "pod/volumes[].hostPath.type", Is::Text("")),
    row(&[], "pod/volumes[].iscsi.iscsiInterface", Is::Text("default")),
    row(&[], "pod/volumes[].ephemeral.volumeClaimTemplate.spec.volumeMode", Is::Text("Filesystem")),
    row(&[], "pod/volumes[].image.pullPolicy", Is::OneOf(&["IfNotPresent", "Always"])),
    row(&["Service"], "spec.type", Is::Text("ClusterIP")),
    row(&["Service"], "spec.sessionAffinity", Is::Text("None")),
    row(&["Service"], "spec.sessionAffinityConfig.clientIP.timeoutSeconds", Is::Text("10800")),
    row(&["Service"], "spec.ports[].protocol", Is::Text("TCP")),
    row(&["Service"], "spec.ports[].targetPort", Is::Beside("port")),
    row(&["Service"], "spec.internalTrafficPolicy", Is::Text("Cluster")),
    row(&["Service"], "spec.externalTrafficPolicy", Is::Text("Cluster")),
    row(&["Service"], "spec.allocateLoadBalancerNodePorts", Is::Text("true")),
    row(&["Job"], "spec.completions", Is::Text("1")),
    row(&["Job"], "spec.parallelism", Is::Text("1")),
    row(&["Job"], "spec.backoffLimit", Is::Text("6")),
    row(&["Job"], "spec.completionMode", Is::Text("NonIndexed")),
    row(&["Job"], "spec.manualSelector", Is::Text("false")),
    row(&["Job"], "spec.podReplacementPolicy", Is::OneOf(&["TerminatingOrFailed", "Failed"])),
    row(&["Job", "CronJob"], "spec.suspend", Is::Text("false")),
    row(&["CronJob"], "spec.concurrencyPolicy", Is::Text("Allow")),
    row(&["CronJob"], "spec.successfulJobsHistoryLimit", Is::Text("3")),
    row(&["CronJob"], "spec.failedJobsHistoryLimit", Is::Text("1")),
    row(&["HorizontalPodAutoscaler"], "spec.minReplicas", Is::Text("1")),
    row(&["HorizontalPodAutoscaler"], "spec.behavior.*.selectPolicy", Is::Text("Max")),
    row(&["HorizontalPodAutoscaler"], "spec.behavior.scaleUp.stabilizationWindowSeconds", Is::Text("0")),
    row(&["NetworkPolicy"], "spec.policyTypes", Is::Check(policy_types)),
    row(&["NetworkPolicy"], "spec.ingress[].ports[].protocol", Is::Text("TCP")),
    row(&["NetworkPolicy"], "spec.egress[].ports[].protocol", Is::Text("TCP")),
    row(WEBHOOKS, "webhooks[].failurePolicy", Is::OneOf(&["Fail", "Ignore"])),
    row(WEBHOOKS, "webhooks[].matchPolicy", Is::OneOf(&["Equivalent", "Exact"])),
    row(WEBHOOKS, "webhooks[].timeoutSeconds", Is::OneOf(&["10", "30"])),
    row(WEBHOOKS, "webhooks[].sideEffects", Is::Text("Unknown")),
    row(WEBHOOKS, "webhooks[].reinvocationPolicy", Is::Text("Never")),
    row(WEBHOOKS, "webhooks[].rules[].scope", Is::Text("*")),
    row(WEBHOOKS, "webhooks[].clientConfig.service.port", Is::Text("443")),
    row(POLICIES, "spec.failurePolicy", Is::Text("Fail")),
    row(POLICIES, "spec.matchConstraints.matchPolicy", Is::Text("Equivalent")),
    row(POLICIES, "spec.matchConstraints.resourceRules[].scope", Is::Text("*")),
    row(POLICIES, "spec.reinvocationPolicy", Is::Text("Never")),
    row(&["ValidatingAdmissionPolicyBinding"], "spec.matchResources.matchPolicy", Is::Text("Equivalent")),
    row(&["ValidatingAdmissionPolicyBinding"], "spec.matchResources.resourceRules[].scope", Is::Text("*")),
    row(SELECTING, "**.namespaceSelector", Is::Check(empty)),
    row(SELECTING, "**.objectSelector", Is::Check(empty)),
    row(&["APIService"], "spec.service.port", Is::Text("443")),
    row(&["CustomResourceDefinition"], "spec.conversion.strategy", Is::Text("None")),
    row(&["CustomResourceDefinition"], "spec.conversion.webhook.clientConfig.service.port", Is::Text("443")),
    row(&["CustomResourceDefinition"], "spec.names.listKind", Is::Check(list_kind)),
    row(&["CustomResourceDefinition"], "spec.names.singular", Is::Check(singular)),
    row(&["RoleBinding", "ClusterRoleBinding"], "roleRef.apiGroup", Is::Text("rbac.authorization.k8s.io")),
    row(&["RoleBinding", "ClusterRoleBinding"], "subjects[].apiGroup", Is::Check(subject_group)),
    row(&["PersistentVolume"], "spec.persistentVolumeReclaimPolicy", Is::Text("Retain")),
    row(&["PersistentVolume", "PersistentVolumeClaim"], "spec.volumeMode", Is::Text("Filesystem")),
    row(&["PersistentVolume"], "spec.hostPath.type", Is::Text("")),
    row(&["StorageClass"], "reclaimPolicy", Is::Text("Delete")),
    row(&["StorageClass"], "volumeBindingMode", Is::Text("Immediate")),
    row(&["PriorityClass"], "preemptionPolicy", Is::Text("PreemptLowerPriority")),
    row(&["IngressClass"], "spec.parameters.scope", Is::Text("Cluster")),
    row(&["CSIDriver"], "spec.attachRequired", Is::Text("true")),
    row(&["CSIDriver"], "spec.fsGroupPolicy", Is::Text("ReadWriteOnceWithFSType")),
    row(&["CSIDriver"], "spec.*", Is::Text("false")),
    row(&["CSIDriver"], "spec.volumeLifecycleModes[]", Is::Text("Persistent")),
    row(&["Secret"], "type", Is::Text("Opaque")),
    row(&["LimitRange"], "spec.limits[].default.*", Is::Check(limit_chain)),
    row(&["LimitRange"], "spec.limits[].defaultRequest.*", Is::Check(limit_chain)),
    row(&["ResourceClaim", "ResourceClaimTemplate"], "**.exactly.allocationMode", Is::Text("ExactCount")),
    row(&["ResourceClaim", "ResourceClaimTemplate"], "**.exactly.count", Is::Text("1")),
    row(&["FlowSchema"], "spec.matchingPrecedence", Is::Text("1000")),
];

/// True if the value is what the server fills in: the published default, or one of the table.
pub(super) fn is_default(spot: &Spot, schema: Option<SchemaRef>) -> bool {
    let published = schema.and_then(SchemaRef::schema).and_then(|s| s.default.as_ref());
    if published.is_some_and(|value| equal_scalars(spot.subject, spot.path, schema, value, spot.live).holds())
    {
        return true;
    }
    if !spot.subject.built_in {
        return false;
    }
    DEFAULTS.iter().filter(|d| spot.subject.is_one_of(d.kinds) && spot.subject.at(d.path, spot.path)).any(
        |d| match &d.value {
            Is::Text(text) => spot.live.scalar_text() == Some(text),
            Is::OneOf(texts) => texts.contains(&spot.text()),
            Is::Beside(name) => spot
                .parent()
                .and_then(|parent| parent.get(name))
                .is_some_and(|beside| beside.scalar_text() == spot.live.scalar_text()),
            Is::Check(check) => check(spot),
        },
    )
}

fn empty(spot: &Spot) -> bool {
    spot.live.as_map().is_some_and(crate::yaml::Map::is_empty)
}

fn pull_policy(spot: &Spot) -> bool {
    let image = spot.parent().and_then(|container| container.str_at(&["image"])).unwrap_or("");
    let name = image.rsplit('/').next().unwrap_or(image);
    let floating = !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    spot.text() == if floating { "Always" } else { "IfNotPresent" }
}

fn request_is_limit(spot: &Spot) -> bool {
    let resources = spot.above.iter().rev().nth(1).copied().flatten();
    let limit =
        resources.and_then(|r| r.get("limits")).zip(last_key(spot.path)).and_then(|(l, key)| l.get(key));
    limit.is_some_and(|limit| equal_scalars(spot.subject, spot.path, None, limit, spot.live).holds())
}

fn probe(spot: &Spot) -> bool {
    let value = match last_key(spot.path) {
        Some("timeoutSeconds" | "successThreshold") => "1",
        Some("periodSeconds") => "10",
        Some("failureThreshold") => "3",
        _ => return false,
    };
    spot.text() == value
}

/// `Ingress`, and `Egress` too where egress rules are given. Asked for the list and for its elements.
fn policy_types(spot: &Spot) -> bool {
    let egress = spot.root().and_then(|root| root.at_path(&["spec", "egress"])).is_some();
    spot.live.as_seq().is_some_and(|types| {
        types
            .iter()
            .all(|t| matches!(t.as_str(), Some("Ingress")) || (egress && t.as_str() == Some("Egress")))
    })
}

fn list_kind(spot: &Spot) -> bool {
    let kind = spot.parent().and_then(|names| names.str_at(&["kind"]));
    kind.is_some_and(|kind| spot.text() == format!("{kind}List"))
}

fn singular(spot: &Spot) -> bool {
    let kind = spot.parent().and_then(|names| names.str_at(&["kind"]));
    kind.is_some_and(|kind| spot.text() == kind.to_lowercase())
}

fn subject_group(spot: &Spot) -> bool {
    let kind = spot.parent().and_then(|subject| subject.str_at(&["kind"]));
    spot.text() == if kind == Some("ServiceAccount") { "" } else { "rbac.authorization.k8s.io" }
}

/// Limits default from `max` to `default` to `defaultRequest`.
fn limit_chain(spot: &Spot) -> bool {
    let item = spot.above.iter().rev().nth(1).copied().flatten();
    let Some((item, key)) = item.zip(last_key(spot.path)) else { return false };
    ["max", "default", "min"]
        .iter()
        .filter_map(|from| item.get(from)?.get(key))
        .any(|source| equal_scalars(spot.subject, spot.path, None, source, spot.live).holds())
}
