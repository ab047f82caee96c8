//! Each rule of the normal form of diff.md 2.4: what is equal though it is spelled otherwise, and what is not.

use super::*;

#[track_caller]
fn equal(kind: (&'static str, &'static str), a: &str, b: &str) {
    for (d, l) in [(a, b), (b, a)] {
        let diff = case(kind, d, l).diff();
        assert_eq!(
            diff.verdict,
            Verdict::Synced,
            "{d} and {l}: {:?}",
            diff.fields.iter().map(line).collect::<Vec<_>>()
        );
        assert!(diff.fields.is_empty() && diff.folded.is_empty());
    }
}

#[track_caller]
fn differs(kind: (&'static str, &'static str), d: &str, l: &str) {
    let diff = case(kind, d, l).controller(Controller::Suspended).diff();
    assert_eq!(diff.verdict, Verdict::Drifted, "{d} and {l}");
}

#[test]
fn n1_the_servers_own_fields() {
    equal(
        CONFIG,
        "data: {a: x}",
        "data: {a: x}\nstatus: {z: 1}\nmetadata: {uid: u, resourceVersion: '1', generation: 3, creationTimestamp: '2026-01-01T00:00:00Z', selfLink: s}",
    );
    equal(
        DEPLOYMENT,
        "spec: {template: {metadata: {creationTimestamp: null}}}",
        "spec: {template: {metadata: {}}}",
    );
}

#[test]
fn n2_annotations_of_tools() {
    for name in [
        "kubectl.kubernetes.io/last-applied-configuration",
        "objectset.rio.cattle.io/id",
        "deployment.kubernetes.io/revision",
        "autoscaling.alpha.kubernetes.io/conditions",
        "pv.kubernetes.io/bind-completed",
        "control-plane.alpha.kubernetes.io/leader",
        "config.kubernetes.io/origin",
        "internal.config.kubernetes.io/index",
    ] {
        equal(CONFIG, "data: {a: x}", &format!("data: {{a: x}}\nmetadata: {{annotations: {{{name}: y}}}}"));
    }
}

#[test]
fn n3_numbers_by_value_and_texts_exactly() {
    equal(WIDGET, "spec: {n: 1.0}", "spec: {n: 1}");
    equal(DEPLOYMENT, "spec: {replicas: 0o2}", "spec: {replicas: 2}");
    differs(WIDGET, "spec: {n: 1}", "spec: {n: 2}");
    differs(WIDGET, "spec: {n: 9007199254740993}", "spec: {n: 9007199254740992}");
    differs(CONFIG, "data: {a: \"x\\n\"}", "data: {a: x}");
}

fn limits(value: &str) -> String {
    format!(
        "spec: {{template: {{spec: {{containers: [{{name: a, resources: {{limits: {{cpu: {value}}}}}}}]}}}}}}"
    )
}

#[test]
fn n4_quantities() {
    for (a, b) in
        [("1000m", "'1'"), ("1", "'1'"), ("'0.1'", "100m"), ("3072Mi", "3Gi"), ("'1.0001'", "1001m")]
    {
        equal(DEPLOYMENT, &limits(a), &limits(b));
    }
    differs(DEPLOYMENT, &limits("1Gi"), &limits("1G"));
    equal(WIDGET, "spec: {resources: {limits: {cpu: 1000m}}}", "spec: {resources: {limits: {cpu: 1}}}");
    differs(CONFIG, "data: {a: 1000m}", "data: {a: '1'}");
}

#[test]
fn n5_a_port_by_name_is_not_a_port_by_number() {
    let port = |port: &str| format!("spec: {{ports: [{{port: 80, targetPort: {port}}}]}}");
    differs(SERVICE, &port("'80'"), &port("80"));
}

#[test]
fn n6_durations() {
    const FLUX: (&str, &str) = ("kustomize.toolkit.fluxcd.io", "Kustomization");
    equal(FLUX, "spec: {interval: 1h, timeout: 60s}", "spec: {interval: 60m0s, timeout: 1m}");
    differs(FLUX, "spec: {interval: 1h}", "spec: {interval: 2h}");
    differs(FLUX, "spec: {postBuild: {substitute: {X: 1h}}}", "spec: {postBuild: {substitute: {X: 60m}}}");
}

#[test]
fn n7_instants() {
    equal(WIDGET, "spec: {at: '2026-01-01T00:00:00Z'}", "spec: {at: '2026-01-01T01:00:00+01:00'}");
    differs(WIDGET, "spec: {at: '2026-01-01T00:00:00Z'}", "spec: {at: '2026-01-01T00:00:01Z'}");
}

#[test]
fn n8_wrapped_base64() {
    equal(CONFIG, "binaryData: {a: \"aHVu\\ndGVy\"}", "binaryData: {a: aHVudGVy}");
    differs(CONFIG, "binaryData: {a: aHVu}", "binaryData: {a: dGVy}");
}

#[test]
fn n9_string_data_and_the_default_type() {
    equal(("", "Secret"), "stringData: {a: hunter2}", "data: {a: aHVudGVyMg==}");
    case(("", "Secret"), "stringData: {a: hunter2}", "data: {a: aHVudGVyMg==}\ntype: Opaque")
        .finds(&["type default"]);
}

#[test]
fn n10_empty_is_none_except_where_presence_speaks() {
    equal(DEPLOYMENT, "spec: {replicas: 1, strategy: {}, x: []}", "spec: {replicas: 1}");
    differs(
        DEPLOYMENT,
        "spec: {template: {spec: {volumes: [{name: a, emptyDir: {}}]}}}",
        "spec: {template: {spec: {volumes: [{name: a}]}}}",
    );
    differs(("networking.k8s.io", "NetworkPolicy"), "spec: {ingress: [{}]}", "spec: {ingress: []}");
}

#[test]
fn n11_zero_is_none_for_built_in_kinds() {
    let probe = |more: &str| {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: a, livenessProbe: {{periodSeconds: 5{more}}}}}]}}}}}}"
        )
    };
    assert!(case(DEPLOYMENT, &probe(", initialDelaySeconds: 0"), &probe("")).diff().fields.is_empty());
    differs(WIDGET, "spec: {zero: 0, a: 1}", "spec: {a: 1}");
    differs(CONFIG, "data: {a: '', b: x}", "data: {b: x}");
    // A pointer in Go: false is stored, so a missing one was taken out.
    differs(
        DEPLOYMENT,
        "spec: {template: {spec: {automountServiceAccountToken: false, dnsPolicy: Default}}}",
        "spec: {template: {spec: {dnsPolicy: Default}}}",
    );
}

#[test]
fn n12_null_is_not_set_and_has_no_effect() {
    equal(WIDGET, "spec: {a: null, b: 1}", "spec: {b: 1}");
    let case =
        case(WIDGET, "spec: {a: null, b: 1}", "spec: {a: 2, b: 1}").foreign("k9s", "{f:spec: {f:a: {}}}");
    case.finds(&["spec.a added by others by k9s"]);
    assert!(case.diff().folded[0].note.contains("null in git has no effect"));
}

#[test]
fn n13_roles_without_rules_and_aggregated_ones() {
    let role = ("rbac.authorization.k8s.io", "ClusterRole");
    equal(role, "rules: []", "rules: null");
    case(
        role,
        "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: []",
        "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: [{verbs: [get]}]",
    )
    .foreign("clusterrole-aggregation-controller", "{f:rules: {}}")
    .finds(&["rules delegated by clusterrole-aggregation-controller"]);
}

#[test]
fn n14_metrics_of_an_autoscaler_have_no_order() {
    let hpa = ("autoscaling", "HorizontalPodAutoscaler");
    let (cpu, memory) = (
        "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}",
        "{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1024Mi}}}",
    );
    let other = memory.replace("1024Mi", "1Gi");
    equal(
        hpa,
        &format!("spec: {{metrics: [{cpu}, {memory}]}}"),
        &format!("spec: {{metrics: [{other}, {cpu}]}}"),
    );
    differs(
        hpa,
        &format!("spec: {{metrics: [{cpu}, {memory}]}}"),
        &format!("spec: {{metrics: [{cpu}, {cpu}]}}"),
    );
}

#[test]
fn n14_what_git_takes_out_of_a_metric_is_ahead() {
    let with = |target: &str| {
        format!(
            "spec: {{metrics: [{{type: Resource, resource: {{name: cpu, target: {{averageUtilization: 60{target}}}}}}}]}}"
        )
    };
    case(("autoscaling", "HorizontalPodAutoscaler"), &with(""), &with(", type: Utilization"))
        .base(&with(", type: Utilization"))
        .finds(&["spec.metrics pending change"]);
}

#[test]
fn n15_sets_have_no_order() {
    equal(CONFIG, "metadata: {finalizers: [a, b]}", "metadata: {finalizers: [b, a]}");
    case(CONFIG, "metadata: {finalizers: [a, b]}", "metadata: {finalizers: [a, c]}")
        .foreign("k9s", r#"{f:metadata: {f:finalizers: {'v:"c"': {}}}}"#)
        .finds(&["metadata.finalizers[b] drifted by k9s", "metadata.finalizers[c] added by others by k9s"]);
}

#[test]
fn n16_certificates_that_are_filled_in() {
    let hook = ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration");
    let with =
        |bundle: &str| format!("webhooks: [{{name: a, clientConfig: {{service: {{name: s}}{bundle}}}}}]");
    for placeholder in ["", ", caBundle: ''", ", caBundle: Cg==", ", caBundle: \"\\n\""] {
        case(hook, &with(placeholder), &with(", caBundle: Y2VydA=="))
            .finds(&["webhooks[a].clientConfig.caBundle delegated"]);
    }
    differs(hook, &with(", caBundle: YQ=="), &with(", caBundle: Yg=="));
}

#[test]
fn n17_claims_and_their_templates() {
    let git = "spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {resources: {requests: {storage: 1024Mi}}}}]}";
    let live = "spec: {volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: d, creationTimestamp: null}, spec: {resources: {requests: {storage: 1Gi}}, volumeMode: Filesystem, storageClassName: fast}, status: {phase: Pending}}]}";
    let diff =
        case(("apps", "StatefulSet"), git, live).applied("{f:spec: {f:volumeClaimTemplates: {}}}").diff();
    assert_eq!((diff.verdict, diff.fields.len(), diff.folded.len()), (Verdict::Synced, 0, 0));
}

#[test]
fn equal_spellings_say_why() {
    let all = case(DEPLOYMENT, &limits("1000m"), &limits("'1'")).with(all_fields);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].class, &*all[0].note), (FieldClass::Synced, "the same quantity (N4)"));
}

#[test]
fn keyed_lists_pair_by_keys_with_defaults() {
    let git = "spec: {ports: [{port: 80}, {port: 53, protocol: UDP}]}";
    let live = "spec: {ports: [{port: 53, protocol: UDP, targetPort: 53}, {port: 80, protocol: TCP, targetPort: 80}]}";
    let diff = case(SERVICE, git, live).diff();
    assert!(diff.fields.is_empty() && diff.folded.is_empty(), "{:?}", diff.fields);
}

#[test]
fn duplicates_in_a_keyed_list_are_paired_by_occurrence() {
    let with = |second: &str| {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: a, env: [{{name: X, value: '1'}}, {{name: X, value: '{second}'}}]}}]}}}}}}"
        )
    };
    case(DEPLOYMENT, &with("2"), &with("3"))
        .controller(Controller::Failing)
        .finds(&["spec.template.spec.containers[a].env[X#2].value drifted"]);
}

#[test]
fn order_is_told_where_it_means_something() {
    let with = |list: &str, names: [&str; 2]| {
        let items: Vec<String> = names.iter().map(|n| format!("{{name: {n}, value: $(B)}}")).collect();
        format!("spec: {{template: {{spec: {{{list}: [{}]}}}}}}", items.join(", "))
    };
    equal(DEPLOYMENT, &with("containers", ["a", "b"]), &with("containers", ["b", "a"]));
    let moved = case(DEPLOYMENT, &with("initContainers", ["a", "b"]), &with("initContainers", ["b", "a"]));
    moved.finds(&["spec.template.spec.initContainers drifted"]);
    assert_eq!(moved.diff().fields[0].note, "only the order differs");
}

#[test]
fn lists_of_custom_resources_are_known_by_schema_owners_or_guess() {
    let (git, live) =
        ("spec: {l: [{name: a, v: 1}, {name: b, v: 2}]}", "spec: {l: [{name: b, v: 2}, {name: a, v: 1}]}");
    let keyed = case(WIDGET, git, live).applied(r#"{f:spec: {f:l: {'k:{"name":"a"}': {.: {}}}}}"#).diff();
    assert!(keyed.fields.is_empty() && !keyed.approximate);
    let guessed = case(WIDGET, git, live).diff();
    assert!(guessed.fields.is_empty() && guessed.approximate);
    let atomic =
        case(WIDGET, git, live).applied("{f:spec: {f:l: {}}}").controller(Controller::Suspended).diff();
    assert_eq!(atomic.fields[0].note, "only the order differs");
}
