//! Secrets: compared by digest, and nothing that looks secret in any result.

use super::*;
use crate::secret::SecretLeaf;
use crate::yaml::Value;

const SECRET: (&str, &str) = ("", "Secret");

#[test]
fn secrets_differ_by_key_and_never_show_a_value() {
    let case = case(
        SECRET,
        "stringData: {same: canary1, other: canary2, git: canary3}",
        "data: {same: Y2FuYXJ5MQ==, other: Y2FuYXJ5OQ==, live: Y2FuYXJ5NA==}",
    )
    .foreign("kubectl-edit", "{f:data: {f:other: {}, f:live: {}}}");
    case.finds(&[
        "data.other drifted by kubectl-edit",
        "data.git drifted by kubectl-edit",
        "data.live drifted by kubectl-edit",
    ]);
    let shown = format!("{:?}", case.diff());
    assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"));
}

#[test]
fn sealed_values_are_unknown_and_missing_ones_are_not() {
    let case = case(
        SECRET,
        "stringData: {a: 'ENC[AES256_GCM,data:x]', b: 'ENC[AES256_GCM,data:y]'}",
        "data: {a: eA==}",
    );
    case.finds(&["data.a unknown", "data.b drifted"]);
    let only = case_of_one_sealed().diff();
    assert!(matches!(only.verdict, Verdict::Unknown(why) if why.contains("key")));
    assert_eq!(only.fields.len(), 1);
}

fn case_of_one_sealed() -> Case {
    case(SECRET, "stringData: {a: 'ENC[AES256_GCM,data:x]'}", "data: {a: eA==}")
}

#[test]
fn a_secret_that_was_not_blinded_still_shows_nothing() {
    let key = ObjectKey::new("", "Secret", "shop", "x");
    let body = |value: &str| {
        yaml(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\ndata: {{a: {value}}}\n"))
    };
    let rules = Rules::default();
    let (d, l) = (body("canary1"), live(&key, body("canary2"), Vec::new()));
    let result = diff(&Comparison::new(&key, Desired::Is(&d), Found::Is(&l), &rules));
    assert_eq!(result.fields.len(), 1);
    assert!(!format!("{result:?}").contains("canary"));
}

#[test]
fn literals_that_look_secret_are_masked_wherever_they_stand() {
    let with = |value: &str| {
        format!(
            "spec: {{template: {{spec: {{containers: [{{name: a, args: ['--token={value}', x], env: [{{name: DB_PASSWORD, value: {value}}}, {{name: PLAIN, value: seen}}, {{name: URL, value: 'https://bob:{value}@host/x'}}]}}]}}}}}}"
        )
    };
    let case = case(DEPLOYMENT, &with("canary1"), &with("canary2")).controller(Controller::Failing);
    let shown = case.diff();
    assert_eq!(shown.fields.len(), 3, "{:?}", shown.fields.iter().map(line).collect::<Vec<_>>());
    assert!(!format!("{shown:?}").contains("canary"));
    let leaf = shown.fields.iter().find(|f| f.path.to_string().ends_with("env[DB_PASSWORD].value"));
    assert!(
        leaf.is_some_and(|f| matches!(
            &f.live,
            Some(Node { value: Value::Secret(SecretLeaf::Closed(_)), .. })
        ))
    );
}

#[test]
fn whole_containers_and_keys_of_config_are_masked_inside() {
    let added = "spec: {template: {spec: {containers: [{name: a}, {name: b, env: [{name: API_TOKEN, value: canary}, {name: TOKEN_FILE, value: /path}]}]}}}";
    let fields = r#"{f:spec: {f:template: {f:spec: {f:containers: {'k:{"name":"b"}': {.: {}}}}}}}"#;
    let result = case(DEPLOYMENT, "spec: {template: {spec: {containers: [{name: a}]}}}", added)
        .foreign("k9s", fields)
        .diff();
    let shown = format!("{result:?}");
    assert!(!shown.contains("canary") && shown.contains("/path"));
    let config =
        case(CONFIG, "data: {password: canary, id: 'AGE-SECRET-KEY-1CANARY'}", "data: {password: x, id: y}")
            .diff();
    assert!(!format!("{config:?}").to_lowercase().contains("canary"));
}
