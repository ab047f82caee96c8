//! What the `cluster` room reads: objects, watches, Pods, events, logs, rights.

use super::*;
use crate::demo::apiserver::Access;

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
        ClusterError::NotServed {
            kind: "Kustomization.v1.kustomize.toolkit.fluxcd.io".to_owned(),
            versions: Vec::new()
        }
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
    let error = connect(server).discover().await.expect_err("401");
    assert!(matches!(error, ClusterError::Unauthorized { .. }));
    let problem = error.problem();
    assert!(problem.cause.contains("401") && problem.next.contains("log in again"), "{problem}");
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
async fn a_version_that_is_not_served_names_those_that_are() {
    let error =
        reader(&store()).await.get(&key("Deployment", "cart"), "v1beta2").await.expect_err("not served");
    let problem = error.problem();
    assert_eq!(problem.cause, "the cluster does not serve Deployment.v1beta2.apps");
    assert_eq!(problem.next, "it is served as v1: write one of these in git");
}

#[tokio::test]
async fn a_connection_that_died_silently_is_noticed() {
    let server = ApiServer::new(store());
    let dead = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_dead = dead.clone();
    let half = tower::service_fn(move |request: http::Request<crate::cluster::Body>| {
        let mut server = server.clone();
        let dead = is_dead.load(std::sync::atomic::Ordering::SeqCst);
        async move {
            if dead {
                std::future::pending::<()>().await;
            }
            tower::Service::call(&mut server, request).await
        }
    });
    let short = Duration::from_millis(100);
    let connection = Connection::from_service(half, "half dead");
    let connection = connection.with_patience(Patience { pulse: short, answer: short * 3, ..patience() });
    let (reader, _) = Reader::open(connection, Arc::new(DigestKey::new([9; 32]))).await.expect("a reader");
    let mut watch = reader.watch(&[kind("", "ConfigMap", false)], &Namespaces::All);
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::Live))).await;
    dead.store(true, std::sync::atomic::Ordering::SeqCst);
    let lost = until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::Lost { .. }))).await;
    assert!(matches!(lost, ClusterEvent::State(_, KindState::Lost { cause: ClusterError::Slow { .. }, .. })));
    dead.store(false, std::sync::atomic::Ordering::SeqCst);
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::Live))).await;
}
