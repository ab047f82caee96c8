//! The real kube-apiserver: the demo's server answers like it, and the `cluster` room reads it, without ever writing.

use crate::support::{Parts, Rig, User};
use futures::StreamExt as _;
use sealane::cluster::{
    ClusterError, ClusterEvent, ConnectOptions, Connection, KindState, Namespaces, Patience, Reader, Watch,
    WatchKind,
};
use sealane::demo::apiserver::questions::{
    Answered, Compare, PLANTED, PLANTER, QUESTIONS, Question, differences,
};
use sealane::demo::apiserver::{ApiServer, Store, Writer};
use sealane::model::{ObjectKey, Reason};
use sealane::secret::DigestKey;
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const THING: &str = "crd/things.probe.sealane.dev";

/// Plants the same objects in the real server and in a store of our own.
fn planted(rig: &Rig) -> Arc<Store> {
    let file = rig.folder().join("planted.yaml");
    fs::write(&file, PLANTED).expect("written");
    plant(rig);
    let store = Arc::new(Store::default());
    replant(&store);
    store
}

/// Applies until the CRD that is among the objects is served.
fn plant(rig: &Rig) {
    let file = rig.folder().join("planted.yaml");
    let manager = format!("--field-manager={PLANTER}");
    let words = ["apply", "--server-side", "--force-conflicts", &manager, "-f", &file.display().to_string()];
    let start = Instant::now();
    loop {
        let output = rig.try_kubectl(User::Admin, &words);
        if output.status.success() {
            return;
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(start.elapsed() < Duration::from_secs(30), "{said}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn replant(store: &Store) {
    for document in serde_yaml::Deserializer::from_str(PLANTED) {
        let object = Value::deserialize(document).expect("YAML");
        store.apply(PLANTER, &object, true).expect("applied");
    }
}

/// Asks as curl does: neither side gets help from our own client.
fn ask(server: &str, question: &Question) -> Answered {
    let mut curl = Command::new("curl");
    curl.args(["-sk", "--max-time", "20", "-X", question.method, "-w", "\n%{http_code} %{content_type}"]);
    curl.args(["-H", "Authorization: Bearer sealane-token", "-H", &format!("Accept: {}", question.accept)]);
    if !question.body.is_empty() {
        curl.args(["-H", "Content-Type: application/json", "-d", question.body]);
    }
    let out = curl.arg(format!("{server}{}", question.path)).output().expect("curl runs").stdout;
    let end = out.iter().rposition(|b| *b == b'\n').expect("curl tells the code");
    let told = String::from_utf8_lossy(&out[end + 1..]).into_owned();
    let (status, media) = told.split_once(' ').unwrap_or((&told, ""));
    Answered {
        status: status.parse().unwrap_or_else(|_| panic!("{server}{} gave {told}", question.path)),
        media: media.to_owned(),
        body: out[..end].to_vec(),
    }
}

/// Everything both servers answer differently, one line each.
fn told_apart(real: &str, ours: &str, questions: impl Iterator<Item = &'static Question>) -> Vec<String> {
    let mut found = Vec::new();
    for question in questions {
        let lines = differences(question, &ask(real, question), &ask(ours, question));
        found
            .extend(lines.into_iter().map(|line| format!("{} [{}]: {line}", question.path, question.accept)));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_server_answers_like_a_real_one() {
    let rig = Rig::start(Parts::Api);
    let store = planted(&rig);
    let served = ApiServer::new(store.clone()).serve(0).await.expect("a port");
    let (real, ours) = (rig.env("RIG_API").to_owned(), format!("http://{}", served.address()));
    assert!(QUESTIONS.len() >= 40);
    let told = told_apart(&real, &ours, QUESTIONS.iter());
    assert!(told.is_empty(), "{} differences\n{}", told.len(), told.join("\n"));

    // Changes by hand are booked alike, and taken back alike.
    by_hand(&rig, &store);
    let changed = || {
        let paths = ["/deployments/cart", "/configmaps/settings"];
        QUESTIONS
            .iter()
            .filter(move |q| q.compare == Compare::Equal && paths.iter().any(|p| q.path.ends_with(p)))
    };
    assert_eq!(told_apart(&real, &ours, changed()), Vec::<String>::new());
    plant(&rig);
    replant(&store);
    assert_eq!(told_apart(&real, &ours, changed()), Vec::<String>::new());
    rig.assert_only_reads();
}

/// The same edits: by kubectl there, by the store's writers here.
fn by_hand(rig: &Rig, store: &Store) {
    let cart = ObjectKey::new("apps", "Deployment", "probe", "cart");
    let settings = ObjectKey::new("", "ConfigMap", "probe", "settings");
    let scale = Writer { manager: "kubectl", apply: false, subresource: "scale" };
    rig.kubectl(&["-n", "probe", "scale", "deploy/cart", "--replicas=4"]);
    store.edit_as(scale, &cart, |o| o["spec"]["replicas"] = json!(4)).expect("scaled");
    rig.kubectl(&["-n", "probe", "label", "deploy/cart", "x=y"]);
    let label = Writer::update("kubectl-label");
    store.edit_as(label, &cart, |o| o["metadata"]["labels"]["x"] = json!("y")).expect("labelled");
    rig.kubectl(&["-n", "probe", "set", "image", "deploy/cart", "cart=cart:9"]);
    let image = |o: &mut Value| o["spec"]["template"]["spec"]["containers"][0]["image"] = json!("cart:9");
    store.edit_as(Writer::update("kubectl-set"), &cart, image).expect("set");
    rig.kubectl(&["-n", "probe", "annotate", "cm/settings", "who=me"]);
    let note = |o: &mut Value| o["metadata"]["annotations"] = json!({"who": "me"});
    store.edit_as(Writer::update("kubectl-annotate"), &settings, note).expect("annotated");
    rig.kubectl(&[
        "-n",
        "probe",
        "patch",
        "cm/settings",
        "--type=merge",
        "-p",
        r#"{"data":{"a":null,"n":"1"}}"#,
    ]);
    let patch = |o: &mut Value| o["data"] = json!({"file.txt": "line\n", "n": "1"});
    store.edit_as(Writer::update("kubectl-patch"), &settings, patch).expect("patched");
}

fn options(file: std::path::PathBuf) -> ConnectOptions {
    let patience = Patience { backoff: Duration::from_millis(100), ..Patience::default() };
    ConnectOptions { kubeconfig: vec![file], patience, ..ConnectOptions::default() }
}

async fn connect(rig: &Rig, user: User) -> Connection {
    Connection::from_kubeconfig(&options(rig.kubeconfig(user)), &|_| false).await.expect("connected")
}

async fn open(rig: &Rig, user: User) -> Reader {
    let digests = Arc::new(DigestKey::new([5; 32]));
    Reader::open(connect(rig, user).await, digests).await.expect("discovered").0
}

fn watched(group: &str, kind: &str) -> WatchKind {
    WatchKind { group: group.into(), kind: kind.into(), version: None, whole: false }
}

async fn until(watch: &mut Watch, wished: impl Fn(&ClusterEvent) -> bool) {
    let all = async {
        while let Some(event) = watch.next().await {
            if wished(&event) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await.expect("it happens in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_cluster_is_read_and_nothing_else() {
    let rig = Rig::start(Parts::Api);
    planted(&rig);
    let reader = open(&rig, User::Sealane).await;
    let cart = ObjectKey::new("apps", "Deployment", "probe", "cart");
    let live = reader.get(&cart, "v1").await.expect("read").expect("there");
    assert!(live.managers.iter().any(|m| &*m.name == PLANTER && m.apply));
    let secret = reader
        .get(&ObjectKey::new("", "Secret", "probe", "sealed"), "v1")
        .await
        .expect("read")
        .expect("there");
    assert!(
        !format!("{secret:?}").contains("not-a-secret")
            && !format!("{secret:?}").contains("bm90LWEtc2VjcmV0")
    );
    let old = reader.get(&ObjectKey::new("probe.sealane.dev", "Thing", "probe", "one"), "v1beta1").await;
    assert_eq!(old.expect("read").expect("there").version.as_ref(), "v1beta1");
    assert!(reader.schema("apps", "v1").await.expect("a schema").kind("apps", "v1", "Deployment").is_some());
    assert!(reader.connection().can("list", "apps", "deployments", "").await.expect("an answer").allowed);
    assert_eq!(reader.connection().skew_problem(), None);

    let mut watch = reader.watch(&[watched("probe.sealane.dev", "Thing")], &Namespaces::All);
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::Live))).await;
    rig.kubectl(&["delete", THING]);
    until(&mut watch, |e| matches!(e, ClusterEvent::Delete(_, key) if &*key.name == "one")).await;
    until(&mut watch, |e| matches!(e, ClusterEvent::State(_, KindState::NotServed))).await;
    plant(&rig);
    // The watch may come back between the definition and its object: then the object is new, not listed.
    let back = |e: &ClusterEvent| match e {
        ClusterEvent::InitApply(_, live) | ClusterEvent::Apply(_, live) => &*live.key.name == "one",
        _ => false,
    };
    until(&mut watch, back).await;
    rig.assert_only_reads();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_that_refuses_says_why() {
    let rig = Rig::start(Parts::Api);
    planted(&rig);
    let narrow = open(&rig, User::Narrow).await;
    let services = narrow.get(&ObjectKey::new("", "Service", "probe", "web"), "v1").await;
    assert!(services.expect("allowed").is_some());
    let problem = narrow
        .get(&ObjectKey::new("", "Pod", "probe", "lonely"), "v1")
        .await
        .expect_err("forbidden")
        .problem();
    assert!(
        problem.reason == Reason::Forbidden && problem.cause.contains("cannot get resource \"pods\""),
        "{problem}"
    );
    let mut watch = narrow.watch(&[watched("", "Pod"), watched("", "Service")], &Namespaces::All);
    until(&mut watch, |e| matches!(e, ClusterEvent::State(s, KindState::Forbidden(_)) if &*s.kind == "Pod"))
        .await;

    let kubeconfig = fs::read_to_string(rig.kubeconfig(User::Sealane)).expect("a kubeconfig");
    let changed = rig.folder().join("changed.kubeconfig");
    fs::write(&changed, kubeconfig.replace("sealane-token", "expired")).expect("written");
    let connection =
        Connection::from_kubeconfig(&options(changed.clone()), &|_| false).await.expect("nothing sent");
    let error = connection.version().await.expect_err("refused");
    assert!(
        matches!(error, ClusterError::Unauthorized { .. }) && error.problem().next.contains("log in again")
    );

    // No certificate authority: the system's own do not know the rig's.
    let authority =
        format!(", \"certificate-authority\": \"{}/certs/apiserver.crt\"", rig.folder().display());
    assert!(kubeconfig.contains(&authority), "{kubeconfig}");
    fs::write(&changed, kubeconfig.replace(&authority, "")).expect("written");
    let connection = Connection::from_kubeconfig(&options(changed), &|_| false).await.expect("nothing sent");
    let error = connection.version().await.expect_err("refused");
    assert!(matches!(error, ClusterError::Certificate { .. }), "{error:?}");
    assert!(error.problem().next.contains("certificate-authority"), "{}", error.problem());
}
