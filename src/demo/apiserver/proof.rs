//! Tests: the store behind a real `kube::Client`, read through the `cluster` room and its guard.

use super::{Access, ApiServer, Store, StoreError, Writer, Written};
use crate::cluster::{
    ClusterError, ClusterEvent, Connection, KindState, LogOptions, Namespaces, Patience, Reader, Watch,
    WatchKind,
};
use crate::model::{Live, ObjectKey, Reason};
use crate::secret::DigestKey;
use crate::yaml::Node;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn store() -> Arc<Store> {
    let store = Store::new(Box::new(|| "2024-05-01T12:00:00Z".parse().expect("a time")));
    store
        .apply("test", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}), true)
        .expect("applied");
    Arc::new(store)
}

fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop", "labels": {"app": "cart"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "cart"}},
            "template": {"metadata": {"labels": {"app": "cart"}},
                "spec": {"containers": [{"name": "cart", "image": image, "ports": [{"containerPort": 80}]}]}}}})
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"k": value}})
}

fn crd(scope: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "kustomizations.kustomize.toolkit.fluxcd.io"},
        "spec": {"group": "kustomize.toolkit.fluxcd.io", "scope": scope,
            "names": {"kind": "Kustomization", "plural": "kustomizations", "shortNames": ["ks"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "additionalPrinterColumns": [{"name": "Ready", "type": "string",
                        "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}],
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": {"path": {"type": "string"},
                            "dependsOn": {"type": "array", "items": {"type": "object"}}}},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
                {"name": "v1beta2", "served": true, "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

fn kustomization() -> Value {
    json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "shop"}, "spec": {"path": "./apps"}})
}

fn patience() -> Patience {
    Patience { backoff: Duration::from_millis(20), watch: Duration::from_secs(20), ..Patience::default() }
}

fn connect(server: ApiServer) -> Connection {
    Connection::from_service(server, "demo").with_patience(patience())
}

async fn reader(store: &Arc<Store>) -> Reader {
    let key = Arc::new(DigestKey::new([9; 32]));
    Reader::open(connect(ApiServer::new(store.clone())), key).await.expect("a reader").0
}

fn key(kind: &str, name: &str) -> ObjectKey {
    let group = match kind {
        "Deployment" => "apps",
        "Kustomization" => "kustomize.toolkit.fluxcd.io",
        "CustomResourceDefinition" => "apiextensions.k8s.io",
        _ => "",
    };
    ObjectKey::new(group, kind, if group == "apiextensions.k8s.io" { "" } else { "shop" }, name)
}

fn kind(group: &str, kind: &str, whole: bool) -> WatchKind {
    WatchKind { group: group.into(), kind: kind.into(), version: None, whole }
}

async fn next(watch: &mut Watch) -> ClusterEvent {
    tokio::time::timeout(Duration::from_secs(10), watch.next())
        .await
        .expect("an event in time")
        .expect("an event")
}

/// Reads events until one is as wished.
async fn until(watch: &mut Watch, wished: impl Fn(&ClusterEvent) -> bool) -> ClusterEvent {
    loop {
        let event = next(watch).await;
        if wished(&event) {
            return event;
        }
    }
}

fn manager<'l>(live: &'l Live, name: &str) -> &'l crate::model::Manager {
    live.managers.iter().find(|m| &*m.name == name).unwrap_or_else(|| panic!("{name} is no manager"))
}

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
    let owned = |path: &[&str]| owner.fields.at_path(path).is_some();
    assert!(owned(&["f:spec", "f:replicas"]) && owned(&["f:spec", "f:selector"]));
    assert!(!owned(&["f:spec", "f:strategy"]) && !owned(&["f:spec", "f:selector", "f:matchLabels"]));
    let container = ["f:spec", "f:template", "f:spec", "f:containers", "k:{\"name\":\"cart\"}"];
    assert!(owned(
        &[&container[..], &["f:ports", "k:{\"containerPort\":80,\"protocol\":\"TCP\"}", "f:containerPort"]]
            .concat()
    ));
    assert!(!owned(&[&container[..], &["f:imagePullPolicy"]].concat()));
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

#[tokio::test]
async fn a_secret_is_read_as_digests() {
    let store = store();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"password\":\"Y2FuYXJ5LTE3\"}}"}},
        "stringData": {"password": "canary-17"}});
    store.apply("kustomize-controller", &secret, true).expect("applied");
    let reader = reader(&store).await;
    let live = reader.get(&key("Secret", "db"), "v1").await.expect("read").expect("there");
    let told = format!("{live:?}");
    assert!(!told.contains("canary-17") && !told.contains("Y2FuYXJ5LTE3"), "{told}");
    assert!(manager(&live, "kustomize-controller").fields.at_path(&["f:data", "f:password"]).is_some());
    let metadata = reader.get_metadata(&key("Secret", "db"), "v1").await.expect("read").expect("there");
    assert!(!format!("{metadata:?}").contains("Y2FuYXJ5LTE3"));
    let mut watch = reader.watch(&[kind("", "Secret", true)], &Namespaces::All);
    assert!(matches!(next(&mut watch).await, ClusterEvent::State(_, KindState::ByName)));
}

#[tokio::test]
async fn a_watch_lists_in_a_bracket_and_then_follows() {
    let store = store();
    for number in 0..3 {
        store.apply("x", &config_map(&format!("c{number}"), "1"), true).expect("applied");
    }
    let reader = reader(&store).await;
    let mut watch = reader.watch(&[kind("", "ConfigMap", false)], &Namespaces::All);
    assert!(matches!(next(&mut watch).await, ClusterEvent::State(_, KindState::Listing(0))));
    assert!(matches!(next(&mut watch).await, ClusterEvent::Init(_)));
    for _ in 0..3 {
        let ClusterEvent::InitApply(_, live) = next(&mut watch).await else { panic!("an object") };
        assert!(!live.whole && live.body.get("data").is_none());
    }
    assert!(matches!(next(&mut watch).await, ClusterEvent::InitDone(_)));
    assert!(matches!(next(&mut watch).await, ClusterEvent::State(_, KindState::Live)));
    store.apply("x", &config_map("c1", "2"), true).expect("applied");
    let ClusterEvent::Apply(_, live) = next(&mut watch).await else { panic!("a change") };
    assert_eq!(live.key, key("ConfigMap", "c1"));
    store.delete(&key("ConfigMap", "c1")).expect("deleted");
    let ClusterEvent::Delete(_, gone) = next(&mut watch).await else { panic!("a deletion") };
    assert_eq!(gone, key("ConfigMap", "c1"));
}

#[tokio::test]
async fn a_watch_that_is_too_old_lists_anew() {
    let store = store();
    store.apply("x", &config_map("c", "1"), true).expect("applied");
    let reader = reader(&store).await;
    let short = Patience { watch: Duration::from_secs(1), ..patience() };
    let reader = Reader::new(
        reader.connection().clone().with_patience(short),
        reader.scopes().clone(),
        Arc::new(DigestKey::new([9; 32])),
    );
    let mut watch = reader.watch(&[kind("", "ConfigMap", true)], &Namespaces::Only(vec!["shop".into()]));
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::Live))).await;
    // Everything the watch has seen is forgotten, together with changes it never saw.
    for number in 0..5000 {
        store.apply("x", &config_map("c", &number.to_string()), true).expect("applied");
    }
    store.compact();
    until(&mut watch, |e| matches!(e, ClusterEvent::Init(_))).await;
    let ClusterEvent::InitApply(_, live) = next(&mut watch).await else { panic!("an object") };
    assert_eq!(live.body.str_at(&["data", "k"]), Some("4999"));
}

#[tokio::test]
async fn custom_kinds_come_and_go() {
    let store = store();
    store.apply("flux", &crd("Namespaced"), true).expect("applied");
    store.apply("kustomize-controller", &kustomization(), true).expect("applied");
    let reader = reader(&store).await;
    let info = reader.scopes().get("kustomize.toolkit.fluxcd.io", "Kustomization").expect("served");
    assert_eq!(info.versions.iter().map(|v| &**v).collect::<Vec<_>>(), ["v1", "v1beta2"]);
    let old = reader.get(&key("Kustomization", "apps"), "v1beta2").await.expect("read").expect("there");
    assert_eq!(old.body.str_at(&["apiVersion"]), Some("kustomize.toolkit.fluxcd.io/v1beta2"));
    let schema = reader.schema("kustomize.toolkit.fluxcd.io", "v1").await.expect("a schema");
    assert!(
        schema
            .kind("kustomize.toolkit.fluxcd.io", "v1", "Kustomization")
            .is_some_and(|k| k.field("spec").is_some())
    );

    let mut watch =
        reader.watch(&[kind("kustomize.toolkit.fluxcd.io", "Kustomization", true)], &Namespaces::All);
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::Live))).await;
    store
        .delete(&key("CustomResourceDefinition", "kustomizations.kustomize.toolkit.fluxcd.io"))
        .expect("deleted");
    until(&mut watch, |e| matches!(e, ClusterEvent::Delete(_, k) if &*k.name == "apps")).await;
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::NotServed))).await;
    let error = reader.get(&key("Kustomization", "apps"), "v1").await.expect_err("not served");
    assert_eq!(
        error,
        ClusterError::NotServed { kind: "Kustomization.v1.kustomize.toolkit.fluxcd.io".to_owned() }
    );
    assert!(error.problem().next.contains("CustomResourceDefinition"));
    // And back again: the watch finds out by itself.
    store.apply("flux", &crd("Namespaced"), true).expect("applied");
    store.apply("kustomize-controller", &kustomization(), true).expect("applied");
    until(&mut watch, |e| matches!(e, ClusterEvent::InitApply(_, l) if &*l.key.name == "apps")).await;
}

#[tokio::test]
async fn rights_on_three_kinds_are_told_kind_by_kind() {
    let store = store();
    store.apply("x", &deployment("cart:1"), true).expect("applied");
    let readable = ["/configmaps", "/services", "apps/deployments"].map(str::to_owned).to_vec();
    let server = ApiServer::with_access(store, Access { token: None, readable: Some(readable) });
    let key9 = Arc::new(DigestKey::new([9; 32]));
    let (reader, _) = Reader::open(connect(server), key9).await.expect("discovery is allowed");
    assert!(reader.get(&key("Deployment", "cart"), "v1").await.expect("allowed").is_some());
    let error = reader.get(&key("Secret", "db"), "v1").await.expect_err("forbidden");
    let problem = error.problem();
    assert_eq!(problem.reason, Reason::Forbidden);
    assert!(
        problem.cause.contains("secrets \"db\" is forbidden") && problem.cause.contains("cannot get"),
        "{problem}"
    );
    assert!(problem.next.contains("role"));
    let mut watch =
        reader.watch(&[kind("", "Pod", false), kind("apps", "Deployment", false)], &Namespaces::All);
    let mut seen = (false, false);
    while seen != (true, true) {
        match next(&mut watch).await {
            ClusterEvent::State(slot, KindState::Forbidden(said)) => {
                assert!(&*slot.kind == "Pod" && said.contains("cannot list"));
                seen.0 = true;
            }
            ClusterEvent::InitApply(slot, _) => {
                assert_eq!(&*slot.kind, "Deployment");
                seen.1 = true;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_as_such() {
    let server = ApiServer::with_access(store(), Access { token: Some("right".to_owned()), readable: None });
    let error = connect(server).discover().await.err().expect("401");
    assert!(matches!(error, ClusterError::Unauthorized { .. }));
    let problem = error.problem();
    assert!(problem.cause.contains("401") && problem.next.contains("log in again"), "{problem}");
}

#[tokio::test]
async fn nothing_but_reads_is_answered() {
    use tower::Service as _;
    let store = store();
    store.apply("x", &config_map("c", "1"), true).expect("applied");
    let before = store.version();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/api/v1/namespaces/shop/configmaps/c", "/api/v1/namespaces/shop/configmaps", "/version"]
        {
            let request = http::Request::builder().method(method).uri(path);
            let request =
                request.body(http_body_util::Full::new(bytes::Bytes::from("{}"))).expect("a request");
            let answer = ApiServer::new(store.clone()).call(request).await.expect("an answer");
            assert_eq!(answer.status(), 405, "{method} {path}");
        }
    }
    assert_eq!(store.version(), before);
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": {"app": "cart"}},
        "spec": {"containers": [{"name": "cart", "image": "cart:1"}]}})
}

#[tokio::test]
async fn pods_events_and_logs_of_a_workload_are_read() {
    let store = store();
    store.apply("x", &deployment("cart:1"), true).expect("applied");
    store.apply("kube-controller-manager", &pod("cart-1"), true).expect("applied");
    store.append_log("shop", "cart-1", "cart", "first");
    store.append_log("shop", "cart-1", "cart", "\u{1b}[31mred");
    let about = key("Deployment", "cart");
    store.create_event("deployment-controller", &about, true, "FailedCreate", "no quota \u{7}");
    let reader = reader(&store).await;
    let workload = reader.get(&about, "v1").await.expect("read").expect("there");
    let pods = reader.pods(&workload).await.expect("pods");
    assert_eq!(pods.iter().map(|p| p.key.to_string()).collect::<Vec<_>>(), ["Pod/shop/cart-1"]);
    let events = reader.events(&about).await.expect("events");
    assert_eq!(events.len(), 1);
    assert!(
        events[0].warning && events[0].message == "no quota ␇" && events[0].source == "deployment-controller"
    );

    let options = LogOptions { follow: true, tail: Some(1), ..LogOptions::default() };
    let mut lines = Box::pin(reader.logs(&pods[0].key, None, options).await.expect("a log"));
    assert_eq!(lines.next().await, Some(Ok("␛[31mred".to_owned())));
    store.append_log("shop", "cart-1", "cart", "later");
    assert_eq!(lines.next().await, Some(Ok("later".to_owned())));
    store.delete(&pods[0].key).expect("deleted");
    assert_eq!(lines.next().await, None);
    let options = LogOptions::default();
    assert!(matches!(
        reader.logs(&pods[0].key, None, options).await.err(),
        Some(ClusterError::NotFound { .. })
    ));
}

#[tokio::test]
async fn access_reviews_are_the_one_question_that_is_posted() {
    let readable = Some(vec!["apps/deployments".to_owned()]);
    let connection = connect(ApiServer::with_access(store(), Access { token: None, readable }));
    assert!(connection.can("list", "apps", "deployments", "").await.expect("an answer").allowed);
    assert!(!connection.can("list", "", "secrets", "shop").await.expect("an answer").allowed);
    assert!(!connection.can("delete", "apps", "deployments", "shop").await.expect("an answer").allowed);
    let (rules, whole) = connection.rules("shop").await.expect("rules");
    assert!(whole && rules[0].resources == ["deployments"] && rules[0].verbs == ["get", "list", "watch"]);
}

#[tokio::test]
async fn pages_of_a_list_show_one_version() {
    let store = store();
    for number in 0..5 {
        store.apply("x", &config_map(&format!("c{number}"), "old"), true).expect("applied");
    }
    let get = |path: String| {
        let server = ApiServer::new(store.clone());
        async move { answer(server, &path, "application/json").await.1 }
    };
    let first = get("/api/v1/namespaces/shop/configmaps?limit=2".to_owned()).await;
    assert_eq!(first["metadata"]["remainingItemCount"], json!(3));
    store.apply("x", &config_map("c3", "new"), true).expect("applied");
    store.delete(&key("ConfigMap", "c4")).expect("deleted");
    let next = first["metadata"]["continue"].as_str().expect("a token").to_owned();
    let second = get(format!("/api/v1/namespaces/shop/configmaps?limit=9&continue={next}")).await;
    let values: Vec<_> =
        second["items"].as_array().expect("items").iter().map(|i| i["data"]["k"].clone()).collect();
    assert_eq!(values, ["old", "old", "old"]);
    store.compact();
    let gone = get(format!("/api/v1/namespaces/shop/configmaps?limit=9&continue={next}")).await;
    assert_eq!((&gone["code"], &gone["reason"]), (&json!(410), &json!("Expired")));
}

async fn answer(mut server: ApiServer, path: &str, accept: &str) -> (u16, Value) {
    use http_body_util::BodyExt as _;
    use tower::Service as _;
    let request = http::Request::builder().uri(path).header("accept", accept);
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
    let answer = server.call(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_table_has_the_columns_that_kubectl_prints() {
    let store = store();
    store.apply("x", &pod("cart-1"), true).expect("applied");
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let (_, table) = answer(ApiServer::new(store), "/api/v1/pods", accept).await;
    let names: Vec<_> =
        table["columnDefinitions"].as_array().expect("columns").iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["Name", "Ready", "Status", "Restarts", "Age"]);
    assert_eq!(table["rows"][0]["cells"], json!(["cart-1", "0/1", "Pending", "0", "0s"]));
    assert_eq!(table["rows"][0]["object"]["kind"], json!("PartialObjectMetadata"));
}

#[tokio::test]
async fn a_watch_with_initial_events_closes_them_with_a_bookmark() {
    let store = store();
    store.apply("x", &config_map("c", "1"), true).expect("applied");
    let path = "/api/v1/namespaces/shop/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan\
                &allowWatchBookmarks=true&timeoutSeconds=1";
    let events = lines(&store, path).await;
    assert_eq!(events.iter().map(|e| e["type"].clone()).collect::<Vec<_>>(), ["ADDED", "BOOKMARK"]);
    assert_eq!(events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], json!("true"));
    store.compact();
    let events = lines(&store, "/api/v1/configmaps?watch=1&resourceVersion=2&timeoutSeconds=1").await;
    assert_eq!((&events[0]["type"], &events[0]["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

async fn lines(store: &Arc<Store>, path: &str) -> Vec<Value> {
    use http_body_util::BodyExt as _;
    use tower::Service as _;
    let request = http::Request::builder()
        .uri(path)
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .expect("a request");
    let answer = ApiServer::new(store.clone()).call(request).await.expect("an answer");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    body.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

#[tokio::test]
async fn it_is_served_on_a_port_with_a_kubeconfig() {
    let store = store();
    store.apply("x", &config_map("c", "1"), true).expect("applied");
    let served = ApiServer::new(store).serve(0).await.expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, served.kubeconfig("demo")).expect("written");
    let options = crate::cluster::ConnectOptions { kubeconfig: vec![file], ..Default::default() };
    let connection = Connection::from_kubeconfig(&options, &|_| false).await.expect("connected");
    assert!(connection.warnings.is_empty(), "{:?}", connection.warnings);
    let (reader, found) =
        Reader::open(connection, Arc::new(DigestKey::new([9; 32]))).await.expect("a reader");
    assert_eq!(&*found.version, super::VERSION);
    assert!(reader.get(&key("ConfigMap", "c"), "v1").await.expect("read").is_some());
    assert_eq!(reader.connection().skew_problem(), None);
}
