//! Two renderings of one object: what changed, and the line that tells it.

use super::super::{ListEdit, compare, list_edits, summarize};
use super::*;

const WHOLE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, labels: {app: cart}}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: cart
        image: registry:5000/shop/cart:1.8.1
        args: [a, b]
        env: [{name: FEATURE_X, value: 'true'}, {name: MODE, value: fast}]
        resources: {limits: {memory: 256Mi}}
        livenessProbe: {httpGet: {path: /a, port: 1}, periodSeconds: 3}
        envFrom: [{configMapRef: {name: cart-config-5hk9g7dkmt}}]
      - {name: side, image: shop/side:1}
";

#[track_caller]
fn says(changes: &[(&str, &str)], expected: &str) {
    let mut after = WHOLE.to_owned();
    for (from, to) in changes {
        assert!(after.contains(from), "{from}");
        after = after.replace(from, to);
    }
    assert_eq!(summarize(&compare(Some(&yaml(WHOLE)), Some(&yaml(&after)))), expected);
}

#[test]
fn one_line_for_people() {
    says(&[], "");
    says(&[("cart:1.8.1", "cart:1.8.2")], "image 1.8.1 → 1.8.2");
    says(&[("cart:1.8.1", "cart:1.8.2"), ("side:1", "side:2")], "image cart 1.8.1 → 1.8.2, image side 1 → 2");
    says(&[("replicas: 3", "replicas: 5")], "replicas 3 → 5");
    says(&[("FEATURE_X, value: 'true'", "FEATURE_X, value: 'false'")], "env FEATURE_X off");
    says(&[("value: fast", "value: slow")], "env MODE fast → slow");
    says(&[(", {name: MODE, value: fast}", "")], "env MODE removed");
    says(&[("256Mi", "512Mi")], "resources.limits.memory 256Mi → 512Mi");
    says(&[("args: [a, b]", "args: [a, b, c]")], "args 1 more");
    says(&[("args: [a, b]", "args: [b, a]")], "args only the order differs");
    says(&[("5hk9g7dkmt", "2222222222")], "content of cart-config changed");
    says(&[("app: cart", "app: basket")], "label app cart → basket");
    says(&[("      - {name: side, image: shop/side:1}\n", "")], "container side removed");
    says(
        &[("        livenessProbe: {httpGet: {path: /a, port: 1}, periodSeconds: 3}\n", "")],
        "livenessProbe removed",
    );
    says(
        &[
            ("replicas: 3", "replicas: 5"),
            ("256Mi", "512Mi"),
            ("value: fast", "value: slow"),
            ("port: 1}", "port: 2}"),
            ("periodSeconds: 3", "periodSeconds: 4"),
        ],
        "replicas 3 → 5, env MODE fast → slow, resources.limits.memory 256Mi → 512Mi, 2 more fields",
    );
}

#[test]
fn spelling_is_no_change() {
    says(&[("256Mi", "0.25Gi"), ("replicas: 3", "replicas: 0x3")], "");
    let (a, b) = (
        yaml("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 1}, {port: 2}]}}"),
        yaml("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 2}, {port: 1}]}}"),
    );
    assert!(compare(Some(&a), Some(&b)).is_empty());
}

#[test]
fn an_empty_value_is_a_value_in_custom_resources_only() {
    let release = |values: &str| {
        yaml(&format!(
            "{{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {{name: a}}, spec: {{values: {{b: 1{values}}}}}}}"
        ))
    };
    for values in [", selector: {}", ", selector: {labels: {}}", ", list: []"] {
        let changes = compare(Some(&release("")), Some(&release(values)));
        assert_eq!(changes.len(), 1, "{values}: {changes:?}");
        assert_eq!(compare(Some(&release(values)), Some(&release(""))).len(), 1, "{values}");
        assert!(compare(Some(&release(values)), Some(&release(values))).is_empty());
    }
    let changes = compare(Some(&release(", s: {}")), Some(&release(", s: {a: 1}")));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(compare(Some(&release("")), Some(&release(", stamp: null"))).is_empty());
    says(&[("{name: cart, labels: {app: cart}}", "{name: cart, labels: {app: cart}, annotations: {}}")], "");
}

#[test]
fn whole_objects_come_and_go() {
    let body = yaml(WHOLE);
    assert_eq!(summarize(&compare(None, Some(&body))), "new");
    assert_eq!(summarize(&compare(Some(&body), None)), "removed");
    assert_eq!(summarize(&compare(None, None)), "");
}

#[test]
fn a_new_api_version_is_a_change_between_renderings() {
    says(&[("apps/v1", "apps/v2")], "apiVersion apps/v1 → apps/v2");
}

#[test]
fn secrets_are_told_by_number() {
    let body = |text: &str| {
        blind(
            &yaml(&format!(
                "{{apiVersion: v1, kind: Secret, metadata: {{name: a}}, stringData: {{{text}}}}}"
            )),
            &DigestKey::new([4; 32]),
        )
    };
    let changes = compare(
        Some(&body("a: canary1, b: canary2, c: canary3")),
        Some(&body("a: canary1, b: canary9, d: canary4")),
    );
    assert_eq!(summarize(&changes), "3 keys of secret changed");
    assert!(!format!("{changes:?}").contains("canary"));
}

#[test]
fn one_sided_blocks_are_one_change() {
    let after = WHOLE
        .replace("replicas: 3", "replicas: 3\n  strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}");
    let changes = compare(Some(&yaml(WHOLE)), Some(&yaml(&after)));
    assert_eq!(changes.iter().map(|c| c.path.to_string()).collect::<Vec<_>>(), ["spec.strategy"]);
}

#[test]
fn edit_scripts_are_shortest() {
    let list = |text: &str| yaml(text).as_seq().map(<[Node]>::to_vec).expect("a list");
    let edits = list_edits(&list("[a, b, c]"), &list("[a, x, c]"));
    assert_eq!(
        edits,
        [
            ListEdit::Keep { old: 0, new: 0 },
            ListEdit::Remove { old: 1 },
            ListEdit::Add { new: 1 },
            ListEdit::Keep { old: 2, new: 2 }
        ]
    );
}

#[test]
fn sealed_values_that_nothing_opens_differ_only_with_their_ciphertext() {
    let sealed = |text: &str| {
        let body = format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: db}}, stringData: {{password: 'ENC[AES256_GCM,{text}]'}}}}"
        );
        blind(&yaml(&body), &DigestKey::new([1; 32]))
    };
    assert!(compare(Some(&sealed("data:a")), Some(&sealed("data:a"))).is_empty());
    assert_eq!(compare(Some(&sealed("data:a")), Some(&sealed("data:b"))).len(), 1);
}
