//! Each row of the field table of diff.md 2.7.

use super::*;

const REPLICAS: &str = "{f:spec: {f:replicas: {}}}";

#[test]
fn row_1_equal_is_synced() {
    let diff = case(DEPLOYMENT, "spec: {replicas: 2}", "spec: {replicas: 2}").applied(REPLICAS).diff();
    assert_eq!((diff.verdict, diff.fields.len(), diff.folded.len(), diff.hidden), (Verdict::Synced, 0, 0, 0));
}

#[test]
fn row_2_git_is_ahead() {
    let case = case(DEPLOYMENT, "spec: {replicas: 3}", "spec: {replicas: 2}")
        .base("spec: {replicas: 2}")
        .applied(REPLICAS);
    case.finds(&["spec.replicas pending change"]);
    assert_eq!(case.diff().verdict, Verdict::Pending(PendingKind::Change));
}

#[test]
fn row_3_somebody_changed_the_cluster() {
    let case =
        case(DEPLOYMENT, "spec: {replicas: 2}", "spec: {replicas: 5}").foreign("kubectl-edit", REPLICAS);
    case.finds(&["spec.replicas drifted by kubectl-edit"]);
    assert_eq!(case.diff().verdict, Verdict::Drifted);
    let by = case.diff().fields[0].by.clone().expect("the writer is known");
    assert_eq!(&*by.time, "2026-11-02T10:00:00Z");
}

fn scaler(min: i64, max: i64) -> Scaler {
    Scaler {
        key: ObjectKey::new("autoscaling", "HorizontalPodAutoscaler", "shop", "x"),
        target: ObjectKey::new("apps", "Deployment", "shop", "x"),
        min,
        max,
    }
}

#[test]
fn row_4_an_autoscaler_rules_replicas_inside_its_range_only() {
    let mut case = case(DEPLOYMENT, "spec: {replicas: 2}", "spec: {replicas: 5}")
        .foreign("kube-controller-manager/scale", REPLICAS);
    case.scalers = vec![scaler(2, 6)];
    case.finds(&["spec.replicas delegated by kube-controller-manager"]);
    assert_eq!(case.diff().verdict, Verdict::Synced);
    case.scalers = vec![scaler(2, 4)];
    case.finds(&["spec.replicas drifted by kube-controller-manager"]);
    case.scalers.clear();
    case.finds(&["spec.replicas delegated by kube-controller-manager"]);
}

#[test]
fn row_4_a_person_scaling_without_an_autoscaler_is_drift() {
    case(DEPLOYMENT, "spec: {replicas: 2}", "spec: {replicas: 5}")
        .foreign("kubectl/scale", REPLICAS)
        .finds(&["spec.replicas drifted by kubectl"]);
}

#[test]
fn row_5_rewritten_on_write_if_the_controller_is_content() {
    let case = case(CONFIG, "data: {a: x}", "data: {a: y}").applied("{f:data: {f:a: {}}}");
    case.finds(&["data.a rewritten on write"]);
    assert_eq!(case.diff().verdict, Verdict::Synced);
    assert_eq!(case.diff().folded.len(), 1);
}

#[test]
fn row_6_drift_by_an_unknown_writer_if_it_is_not() {
    for controller in [Controller::Suspended, Controller::Failing, Controller::Unknown] {
        let case = case(CONFIG, "data: {a: x}", "data: {a: y}")
            .applied("{f:data: {f:a: {}}}")
            .controller(controller);
        case.finds(&["data.a drifted"]);
    }
}

#[test]
fn row_7_both_moved_is_a_conflict_with_all_three_values() {
    let case = case(DEPLOYMENT, "spec: {replicas: 3}", "spec: {replicas: 5}")
        .base("spec: {replicas: 2}")
        .foreign("k9s", REPLICAS);
    case.finds(&["spec.replicas conflict by k9s"]);
    let diff = case.diff();
    assert_eq!(diff.verdict, Verdict::Conflict);
    let field = &diff.fields[0];
    let text = |node: &Option<Node>| node.as_ref().and_then(Node::as_i64);
    assert_eq!((text(&field.desired), text(&field.live), text(&field.base)), (Some(3), Some(5), Some(2)));
}

#[test]
fn row_7_a_default_that_git_now_sets_is_no_conflict() {
    case(DEPLOYMENT, "spec: {revisionHistoryLimit: 3}", "spec: {revisionHistoryLimit: 10}")
        .base("spec: {}")
        .finds(&["spec.revisionHistoryLimit pending change"]);
}

#[test]
fn row_8_without_a_base_the_cause_is_unknown() {
    let foreign =
        case(CONFIG, "data: {a: x}", "data: {a: y}").base_unknown().foreign("k9s", "{f:data: {f:a: {}}}");
    foreign.finds(&["data.a changed by k9s"]);
    assert_eq!(foreign.diff().verdict, Verdict::Drifted);
    let nobody = case(CONFIG, "data: {a: x}", "data: {a: y}").base_unknown();
    nobody.finds(&["data.a changed"]);
    assert_eq!(nobody.diff().verdict, Verdict::Pending(PendingKind::Change));
}

#[test]
fn row_9_removed_from_the_cluster_names_candidates() {
    let one = case(CONFIG, "data: {a: x, b: y}", "data: {b: y}")
        .applied("{f:data: {f:b: {}}}")
        .foreign("k9s", "{f:metadata: {f:labels: {f:z: {}}}}");
    one.finds(&["data.a drifted by k9s"]);
    assert_eq!(one.diff().fields[0].note, "removed, probably by k9s");
    let two = one.foreign("kubectl-edit", "{f:metadata: {f:labels: {f:y: {}}}}");
    two.finds(&["data.a drifted"]);
    assert!(two.diff().fields[0].note.starts_with("removed by one of "));
}

#[test]
fn row_10_git_adds() {
    case(CONFIG, "data: {a: x, b: y}", "data: {a: x}").base("data: {a: x}").finds(&["data.b pending add"]);
}

#[test]
fn row_11_the_server_does_not_know_the_field() {
    use crate::model::{FieldSchema, SchemaId, SchemaSet, Shape};
    let field = |shape| FieldSchema { shape, keeps_unknown: false, nullable: false, default: None };
    let set = SchemaSet {
        nodes: vec![
            field(Shape::Object { fields: [("spec".into(), SchemaId(1))].into(), atomic: false }),
            field(Shape::Object { fields: [("size".into(), SchemaId(2))].into(), atomic: false }),
            field(Shape::Integer),
        ],
        kinds: [(("shop.example.org".into(), "v1".into(), "Widget".into()), SchemaId(0))].into(),
    };
    let case = case(WIDGET, "spec: {size: 1, sise: 2}", "spec: {size: 1}");
    let diff = case.with(|input| {
        diff(&Comparison { schema: set.kind("shop.example.org", "v1", "Widget"), ..input.clone() })
    });
    assert_eq!(diff.folded.iter().map(line).collect::<Vec<_>>(), ["spec.sise unknown field"]);
    assert_eq!(diff.verdict, Verdict::Synced);
}

#[test]
fn row_11_holds_for_built_in_kinds_without_a_schema() {
    let git = "spec: {template: {spec: {dnsPolicy: Default, livenessProbe: {periodSeconds: 3}}}}";
    case(DEPLOYMENT, git, "spec: {template: {spec: {dnsPolicy: Default}}}")
        .finds(&["spec.template.spec.livenessProbe unknown field"]);
}

#[test]
fn row_12_git_removes_and_says_if_it_may_stay() {
    let owned = case(CONFIG, "data: {a: x}", "data: {a: x, b: y}")
        .base("data: {a: x, b: y}")
        .applied("{f:data: {f:a: {}, f:b: {}}}");
    owned.finds(&["data.b pending remove"]);
    assert_eq!(owned.diff().fields[0].note, "");
    let left_over = case(CONFIG, "data: {a: x}", "data: {a: x, b: y}")
        .base("data: {a: x, b: y}")
        .foreign("kubectl-client-side-apply", "{f:data: {f:b: {}}}");
    assert!(left_over.diff().fields[0].note.starts_with("may stay"));
}

#[test]
fn row_13_nobody_owns_it() {
    case(
        DEPLOYMENT,
        "spec: {replicas: 1}",
        "spec: {replicas: 1, revisionHistoryLimit: 10, minReadySeconds: 4}",
    )
    .applied(REPLICAS)
    .finds(&["spec.revisionHistoryLimit default", "spec.minReadySeconds unowned"]);
    case(SERVICE, "spec: {selector: {a: b}}", "spec: {selector: {a: b}, clusterIP: 10.0.0.1}")
        .applied("{f:spec: {f:selector: {}}}")
        .finds(&["spec.clusterIP set by the system"]);
}

const LABEL: &str = "metadata: {labels: {kustomize.toolkit.fluxcd.io/name: apps}}";
const LABEL_FIELD: &str = "{f:metadata: {f:labels: {f:kustomize.toolkit.fluxcd.io/name: {}}}}";

#[test]
fn row_14_what_the_applier_adds_itself() {
    let path = "metadata.labels[\"kustomize.toolkit.fluxcd.io/name\"] controller's mark";
    case(CONFIG, "data: {a: x}", &format!("data: {{a: x}}\n{LABEL}")).applied(LABEL_FIELD).finds(&[path]);
    case(CONFIG, "data: {a: x}", &format!("data: {{a: x}}\n{LABEL}"))
        .base_unknown()
        .applied(LABEL_FIELD)
        .finds(&[path]);
    case(CONFIG, "data: {a: x}", "data: {a: x, b: y}")
        .base_unknown()
        .applied("{f:data: {f:b: {}}}")
        .finds(&["data.b pending remove"]);
}

#[test]
fn row_14_owned_and_empty_is_no_difference() {
    // What a typed round trip leaves (rig.md, "Seen on the way"): the applier owns `strategy: {}` and the server filled it.
    let live = "spec: {replicas: 1, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}}";
    for unknown in [false, true] {
        let mut case = case(DEPLOYMENT, "spec: {replicas: 1}", live)
            .applied("{f:spec: {f:replicas: {}, f:strategy: {}}}");
        if unknown {
            case = case.base_unknown();
        }
        let diff = case.diff();
        assert_eq!((diff.verdict, diff.fields.len(), diff.folded.len()), (Verdict::Synced, 0, 0));
        assert_eq!(diff.hidden, 3);
    }
}

#[test]
fn row_15_an_applier_by_update_owns_its_defaults() {
    case(DEPLOYMENT, "spec: {replicas: 1}", "spec: {replicas: 1, minReadySeconds: 4}")
        .updated("{f:spec: {f:replicas: {}, f:minReadySeconds: {}}}")
        .finds(&["spec.minReadySeconds default"]);
}

#[test]
fn row_16_added_by_others_is_folded_and_strict_paths_are_drift() {
    let label = case(CONFIG, "data: {a: x}", "data: {a: x}\nmetadata: {labels: {team: b}}")
        .foreign("kubectl-label", "{f:metadata: {f:labels: {f:team: {}}}}");
    label.finds(&["metadata.labels.team added by others by kubectl-label"]);
    assert_eq!(label.diff().verdict, Verdict::Synced);
    let containers = "spec: {template: {spec: {containers: [{name: a, image: i}]}}}";
    let more = "spec: {template: {spec: {containers: [{name: a, image: i}, {name: evil, image: j, env: [{name: X, value: y}]}]}}}";
    let fields = r#"{f:spec: {f:template: {f:spec: {f:containers: {'k:{"name":"evil"}': {.: {}, f:name: {}, f:image: {}}}}}}}"#;
    let strict = case(DEPLOYMENT, containers, more).foreign("kubectl-patch", fields);
    strict.finds(&["spec.template.spec.containers[evil] drifted by kubectl-patch"]);
    assert_eq!(strict.diff().fields[0].note, "added");
}

#[test]
fn row_17_no_base_and_an_applier_by_update() {
    let case = case(
        DEPLOYMENT,
        "spec: {replicas: 1}",
        "spec: {replicas: 1, revisionHistoryLimit: 10, minReadySeconds: 4}",
    )
    .base_unknown()
    .updated("{f:spec: {f:replicas: {}, f:minReadySeconds: {}, f:revisionHistoryLimit: {}}}");
    case.finds(&["spec.revisionHistoryLimit default", "spec.minReadySeconds unknown"]);
    assert!(matches!(case.diff().verdict, Verdict::Unknown(_)));
}

#[test]
fn the_worst_field_gives_the_verdict() {
    let case = case(CONFIG, "data: {a: new, b: x}", "data: {a: old, b: y}")
        .base("data: {a: old, b: x}")
        .foreign("k9s", "{f:data: {f:b: {}}}");
    case.finds(&["data.a pending change", "data.b drifted by k9s"]);
    assert_eq!(case.diff().verdict, Verdict::Drifted);
}

#[test]
fn several_managers_the_newest_foreign_one_is_named() {
    let mut case = case(CONFIG, "data: {a: x}", "data: {a: y}")
        .foreign("old", "{f:data: {f:a: {}}}")
        .foreign("new", "{f:data: {f:a: {}}}");
    case.managers[0].time = "2020-01-01T00:00:00Z".into();
    case.finds(&["data.a drifted by new"]);
}
