//! What the store books when things are applied, edited and taken over.

use super::*;
use crate::demo::apiserver::{StoreError, Writer, Written};

#[tokio::test]
async fn an_applied_object_is_read_with_defaults_nobody_owns() {
    let store = store();
    assert_eq!(store.apply("kustomize-controller", &deployment("cart:1"), true), Ok(Written::Created));
    let live =
        reader(&store).await.get(&key("Deployment", "cart"), "v1").await.expect("read").expect("there");
    let spec = |path: &[&str]| live.body.at_path(&["spec"]).and_then(|s| s.at_path(path)).cloned();
    assert_eq!(spec(&["revisionHistoryLimit"]).and_then(|n| n.as_i64()), Some(10));
    assert_eq!(
        spec(&["strategy", "rollingUpdate", "maxSurge"])
            .and_then(|n| n.as_str().map(str::to_owned))
            .as_deref(),
        Some("25%")
    );
    let owner = manager(&live, "kustomize-controller");
    assert!(owner.apply);
    let has = |path: &[&str]| owner.fields.at_path(path).is_some();
    assert!(has(&["f:spec", "f:replicas"]) && has(&["f:spec", "f:selector"]));
    assert!(!has(&["f:spec", "f:strategy"]) && !has(&["f:spec", "f:selector", "f:matchLabels"]));
    let container = ["f:spec", "f:template", "f:spec", "f:containers", "k:{\"name\":\"cart\"}"];
    assert!(has(&[
        &container[..],
        &["f:ports", "k:{\"containerPort\":80,\"protocol\":\"TCP\"}", "f:containerPort"]
    ]
    .concat()));
    assert!(!has(&[&container[..], &["f:imagePullPolicy"]].concat()));
}

#[tokio::test]
async fn applying_again_changes_nothing_and_leaving_out_removes() {
    let store = store();
    let mut config = config_map("settings", "1");
    config["data"]["extra"] = json!("x");
    store.apply("kustomize-controller", &config, true).expect("applied");
    assert_eq!(store.apply("kustomize-controller", &config, true), Ok(Written::Same));
    let before = store.version();
    assert_eq!(store.apply("kustomize-controller", &config_map("settings", "1"), true), Ok(Written::Changed));
    assert_eq!(store.version(), before + 1);
    let live = store.get(&key("ConfigMap", "settings")).expect("there");
    assert_eq!(live["data"], json!({"k": "1"}));
}

#[tokio::test]
async fn an_edit_takes_the_field_and_a_forced_apply_takes_it_back() {
    let store = store();
    store.apply("kustomize-controller", &deployment("cart:1"), true).expect("applied");
    let scale = Writer { manager: "kubectl", apply: false, subresource: "scale" };
    store.edit_as(scale, &key("Deployment", "cart"), |o| o["spec"]["replicas"] = json!(7)).expect("scaled");
    let reader = reader(&store).await;
    let live = reader.get(&key("Deployment", "cart"), "v1").await.expect("read").expect("there");
    let person = manager(&live, "kubectl");
    assert_eq!((&*person.subresource, person.apply), ("scale", false));
    assert!(person.fields.at_path(&["f:spec", "f:replicas"]).is_some());
    assert!(manager(&live, "kustomize-controller").fields.at_path(&["f:spec", "f:replicas"]).is_none());
    assert_eq!(live.body.at_path(&["metadata", "generation"]).and_then(Node::as_i64), Some(2));

    let refused = store.apply("kustomize-controller", &deployment("cart:1"), false);
    assert!(matches!(refused, Err(StoreError::Conflict { manager, .. }) if manager == "kubectl"));
    store.apply("kustomize-controller", &deployment("cart:1"), true).expect("forced");
    let live = store.get(&key("Deployment", "cart")).expect("there");
    assert_eq!(live["spec"]["replicas"], json!(3));
    assert!(!live["metadata"]["managedFields"].to_string().contains("\"kubectl\""));
}

#[tokio::test]
async fn what_others_added_stays_when_it_is_applied_again() {
    let store = store();
    store.apply("kustomize-controller", &deployment("cart:1"), true).expect("applied");
    let edit = Writer::update("kubectl-edit");
    let sidecar = json!({"name": "spy", "image": "spy:1"});
    let add = |o: &mut Value| {
        o["spec"]["template"]["spec"]["containers"].as_array_mut().expect("a list").push(sidecar.clone());
        o["metadata"]["annotations"] = json!({"team": "x"});
    };
    store.edit_as(edit, &key("Deployment", "cart"), add).expect("edited");
    store.apply("kustomize-controller", &deployment("cart:2"), true).expect("applied");
    let live = store.get(&key("Deployment", "cart")).expect("there");
    let containers = live["spec"]["template"]["spec"]["containers"].as_array().expect("a list");
    let images: Vec<_> = containers.iter().map(|c| c["image"].as_str().unwrap_or("")).collect();
    assert_eq!(images, ["cart:2", "spy:1"]);
    assert_eq!(live["metadata"]["annotations"]["team"], json!("x"));
}
