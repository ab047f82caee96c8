//! Each row of the table of well-known mutations of diff.md 2.9, and ignore rules of 2.10.

use super::super::{IgnoreRule, RuleError, Target};
use super::*;

const POD: (&str, &str) = ("", "Pod");

/// Kind, git, cluster, who wrote, which fields, what is found.
type Row = (
    (&'static str, &'static str),
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (
        SERVICE,
        "spec: {type: NodePort, ports: [{port: 80}]}",
        "spec: {type: NodePort, clusterIPs: [a], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, ports: [{port: 80, nodePort: 30000}]}",
        "",
        "",
        &[
            "spec.ports[80,TCP].nodePort set by the system",
            "spec.clusterIPs set by the system",
            "spec.ipFamilies set by the system",
            "spec.ipFamilyPolicy set by the system",
        ],
    ),
    (
        SERVICE,
        "spec: {clusterIP: None}",
        "spec: {clusterIP: 10.0.0.1}",
        "k9s",
        "{f:spec: {f:clusterIP: {}}}",
        &["spec.clusterIP drifted by k9s"],
    ),
    (
        DEPLOYMENT,
        "spec: {template: {spec: {containers: [{name: a, resources: {requests: {cpu: 1}}}]}}}",
        "spec: {template: {spec: {containers: [{name: a, resources: {requests: {cpu: 2}}}]}}}",
        "vpa-updater",
        r#"{f:spec: {f:template: {f:spec: {f:containers: {'k:{"name":"a"}': {f:resources: {f:requests: {f:cpu: {}}}}}}}}}"#,
        &["spec.template.spec.containers[a].resources.requests.cpu delegated by vpa-updater"],
    ),
    (
        ("apiregistration.k8s.io", "APIService"),
        "spec: {version: v1}",
        "spec: {version: v1, caBundle: eA==}",
        "cainjector",
        "{f:spec: {f:caBundle: {}}}",
        &["spec.caBundle delegated by cainjector"],
    ),
    (
        POD,
        "spec: {containers: [{name: a}]}",
        "spec: {containers: [{name: a}, {name: istio-proxy}]}",
        "",
        "",
        &["spec.containers[istio-proxy] added by others"],
    ),
    (
        DEPLOYMENT,
        "spec: {paused: false}",
        "spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: now}}}}",
        "kubectl-rollout",
        "{f:spec: {f:template: {f:metadata: {f:annotations: {f:kubectl.kubernetes.io/restartedAt: {}}}}}}",
        &[
            "spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"] added by others by kubectl-rollout",
        ],
    ),
    (
        ("", "ServiceAccount"),
        "{}",
        "secrets: [{name: token}]\nimagePullSecrets: [{name: pull}]",
        "",
        "",
        &["secrets[token] added by others", "imagePullSecrets added by others"],
    ),
    (
        ("", "PersistentVolumeClaim"),
        "spec: {accessModes: [a]}",
        "spec: {accessModes: [a], volumeName: v, storageClassName: s}\nmetadata: {annotations: {volume.kubernetes.io/selected-node: n}, finalizers: [kubernetes.io/pvc-protection]}",
        "kube-controller-manager",
        "{f:spec: {f:volumeName: {}}}",
        &[
            "metadata.annotations[\"volume.kubernetes.io/selected-node\"] set by the system",
            "metadata.finalizers[kubernetes.io/pvc-protection] set by the system",
            "spec.volumeName set by the system by kube-controller-manager",
            "spec.storageClassName set by the system",
        ],
    ),
    (
        ("", "Namespace"),
        "{}",
        "metadata: {labels: {kubernetes.io/metadata.name: x, platform: y}}\nspec: {finalizers: [kubernetes]}",
        "rancher",
        "{f:metadata: {f:labels: {f:platform: {}}}}",
        &[
            "metadata.labels[\"kubernetes.io/metadata.name\"] set by the system",
            "metadata.labels.platform added by others by rancher",
            "spec.finalizers set by the system",
        ],
    ),
    (
        ("kustomize.toolkit.fluxcd.io", "Kustomization"),
        "spec: {path: a}",
        "spec: {path: a}\nmetadata: {finalizers: [finalizers.fluxcd.io]}",
        "gotk-kustomize-controller",
        r#"{f:metadata: {f:finalizers: {.: {}, 'v:"finalizers.fluxcd.io"': {}}}}"#,
        &["metadata.finalizers[finalizers.fluxcd.io] set by the system by gotk-kustomize-controller"],
    ),
    (
        ("batch", "Job"),
        "spec: {backoffLimit: 6}",
        "spec: {backoffLimit: 6, selector: {matchLabels: {batch.kubernetes.io/controller-uid: u}}, template: {metadata: {labels: {job-name: x}}}}",
        "",
        "",
        &[
            "spec.selector.matchLabels[\"batch.kubernetes.io/controller-uid\"] set by the system",
            "spec.template.metadata.labels.job-name set by the system",
        ],
    ),
    (
        POD,
        "spec: {restartPolicy: Always}",
        "spec: {restartPolicy: Always, nodeName: n, tolerations: [{key: a}], serviceAccountName: default}",
        "",
        "",
        &[
            "spec.nodeName set by the system",
            "spec.tolerations set by the system",
            "spec.serviceAccountName set by the system",
        ],
    ),
    (
        ("networking.k8s.io", "Ingress"),
        "spec: {ingressClassName: a}",
        "spec: {ingressClassName: a}\nmetadata: {annotations: {field.cattle.io/x: y}}",
        "rancher",
        "{f:metadata: {f:annotations: {f:field.cattle.io/x: {}}}}",
        &["metadata.annotations[\"field.cattle.io/x\"] added by others by rancher"],
    ),
];

#[test]
fn each_row_of_the_table() {
    for (kind, d, l, who, fields, expected) in ROWS {
        let mut case = case(*kind, d, l);
        if !who.is_empty() {
            case = case.foreign(who, fields);
        }
        case.finds(expected);
    }
}

#[test]
fn what_git_declared_before_is_no_allocation() {
    case(
        ("", "ServiceAccount"),
        "automountServiceAccountToken: true",
        "automountServiceAccountToken: true\nimagePullSecrets: [{name: pull}]",
    )
    .base("automountServiceAccountToken: true\nimagePullSecrets: [{name: pull}]")
    .applied("{f:imagePullSecrets: {}}")
    .finds(&["imagePullSecrets pending remove"]);
}

#[test]
fn restarting_by_hand_says_so() {
    let case = case(
        DEPLOYMENT,
        "{}",
        "spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: now}}}}",
    );
    assert_eq!(case.diff().folded[0].note, "restarted by hand");
}

#[test]
fn additions_to_what_runs_or_who_may_are_drift() {
    let rows: &[((&'static str, &'static str), &str, &str, &str)] = &[
        (("rbac.authorization.k8s.io", "RoleBinding"), "subjects", "[{kind: User, name: eve}]", "subjects"),
        (("rbac.authorization.k8s.io", "Role"), "rules", "[{verbs: ['*']}]", "rules"),
        (("networking.k8s.io", "NetworkPolicy"), "spec", "{ingress: [{}]}", "spec.ingress"),
    ];
    for (kind, field, value, path) in rows {
        let owner =
            format!("{{f:{}: {{}}}}", path.replace('.', ": {f:")) + if path.contains('.') { "}" } else { "" };
        let live = format!("{field}: {value}\nmetadata: {{labels: {{a: b}}}}");
        case(*kind, "metadata: {labels: {a: b}}", &live)
            .foreign("kubectl-edit", &owner)
            .finds(&[&format!("{path} drifted by kubectl-edit")]);
    }
}

#[test]
fn configuration_added_by_a_person_is_drift_and_by_a_controller_is_not() {
    let config = |who: &str| {
        case(CONFIG, "data: {a: x}", "data: {a: x, ca.crt: y}").foreign(who, "{f:data: {f:ca.crt: {}}}")
    };
    config("kubectl-patch").finds(&["data[\"ca.crt\"] drifted by kubectl-patch"]);
    config("trust-manager").finds(&["data[\"ca.crt\"] added by others by trust-manager"]);
}

#[test]
fn rules_of_flux_ignore_with_a_count() {
    let body = yaml(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\nspec:\n  ignore:\n  - paths: [/spec/replicas, /metadata/annotations/a.b~1c]\n    target: {kind: Deploy.*, labelSelector: 'tier in (web, api), !frozen'}\n",
    );
    let (rules, errors) = Rules::of_producer(&body);
    assert_eq!(errors, []);
    let owner = "{f:spec: {f:replicas: {}, f:paused: {}}}";
    let labelled = |labels: &str| {
        let mut case = case(
            DEPLOYMENT,
            &format!("metadata: {{labels: {labels}, annotations: {{a.b/c: x}}}}\nspec: {{replicas: 1}}"),
            &format!("metadata: {{labels: {labels}, annotations: {{a.b/c: y}}}}\nspec: {{replicas: 2}}"),
        )
        .foreign("k9s", owner);
        case.rules = rules.clone();
        case
    };
    let ignored = labelled("{tier: web}");
    ignored.finds(&["metadata.annotations[\"a.b/c\"] ignored", "spec.replicas ignored by k9s"]);
    assert_eq!(ignored.diff().verdict, Verdict::Synced);
    assert_eq!(ignored.diff().folded[0].note, "ignored by Kustomization/flux-system/apps");
    labelled("{tier: db}")
        .finds(&["metadata.annotations[\"a.b/c\"] rewritten on write", "spec.replicas drifted by k9s"]);
    labelled("{tier: web, frozen: x}")
        .finds(&["metadata.annotations[\"a.b/c\"] rewritten on write", "spec.replicas drifted by k9s"]);
}

#[test]
fn rules_of_argo_name_what_is_not_evaluated() {
    let body = yaml(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a, namespace: argocd}\nspec:\n  ignoreDifferences:\n  - {kind: ConfigMap, jsonPointers: [/data/a], jqPathExpressions: ['.data.b'], managedFieldsManagers: [robot]}\n",
    );
    let (rules, errors) = Rules::of_producer(&body);
    assert_eq!(errors, [RuleError::Jq(".data.b".to_owned())]);
    let mut case = case(CONFIG, "data: {a: x, b: x, c: x}", "data: {a: y, b: y, c: y}")
        .foreign("robot", "{f:data: {f:c: {}}}")
        .controller(Controller::Failing);
    case.rules = rules;
    case.finds(&["data.a ignored", "data.b drifted", "data.c ignored by robot"]);
}

#[test]
fn rules_point_into_lists_by_index_or_key_or_any() {
    let with = |image: &str| {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: a, image: z}}, {{name: b, image: {image}}}]}}}}}}"
        )
    };
    for (pointer, covers) in [
        ("/spec/template/spec/containers/1/image", true),
        ("/spec/template/spec/containers/b/image", true),
        ("/spec/template/spec/containers/*/image", true),
        ("/spec/template/spec/containers/0/image", false),
        ("/spec/template", true),
    ] {
        let mut case = case(DEPLOYMENT, &with("x"), &with("y")).controller(Controller::Failing);
        case.rules.add(IgnoreRule::new("mine", Target::default(), &[pointer]).expect("the rule is good"));
        assert_eq!(case.diff().verdict.is_synced(), covers, "{pointer}");
    }
}

#[test]
fn bad_rules_are_refused_by_name() {
    let bad =
        |target, path: &str| IgnoreRule::new("mine", target, &[path]).map(|_| ()).map_err(|e| e.to_string());
    assert_eq!(
        bad(Target::default(), "spec"),
        Err("`spec` is not a JSON pointer: it must start with `/`".to_owned())
    );
    let target = Target { kind: Some("(".to_owned()), ..Target::default() };
    assert_eq!(bad(target, "/spec"), Err("`(` is not a regular expression".to_owned()));
}

#[test]
fn objects_that_flux_leaves_alone_are_ignored_as_a_whole() {
    for mark in ["reconcile: disabled", "ssa: IfNotPresent", "ssa: Ignore"] {
        let with = |value: &str| {
            format!("metadata: {{annotations: {{kustomize.toolkit.fluxcd.io/{mark}}}}}\ndata: {{a: {value}}}")
        };
        let case = case(CONFIG, &with("x"), &with("y")).foreign("k9s", "{f:data: {f:a: {}}}");
        case.finds(&["data.a ignored by k9s"]);
        assert_eq!(case.diff().folded.len(), 1);
    }
}
