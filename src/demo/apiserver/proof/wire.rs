//! What is said on the wire: pages, tables, watches, refusals, a port.

use super::*;

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
    assert_eq!(&*found.version, crate::demo::apiserver::VERSION);
    assert!(reader.get(&key("ConfigMap", "c"), "v1").await.expect("read").is_some());
    assert_eq!(reader.connection().skew_problem(), None);
}
