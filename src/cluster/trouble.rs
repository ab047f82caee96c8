//! Tests: everything that can be wrong with a kubeconfig, a server or the way to it, each with its cause and next step.

use super::{
    ClusterError, ClusterEvent, ConnectOptions, Connection, ExecCommand, KindState, Namespaces, Patience,
    Reader, WatchKind, contexts, default_paths,
};
use crate::model::{Reason, Severity};
use crate::secret::DigestKey;
use futures::StreamExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn kubeconfig(server: &str, user: &str, cluster: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
         clusters:\n- name: c\n  cluster:\n    server: {server}\n{cluster}\
         contexts:\n- name: prod\n  context: {{cluster: c, user: u, namespace: shop}}\n\
         - name: broken\n  context: {{cluster: nowhere, user: u}}\n\
         users:\n- name: u\n  user: {user}\n"
    )
}

struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config"), config).expect("written");
        Self(folder)
    }

    fn options(&self) -> ConnectOptions {
        let second = Duration::from_secs(1);
        ConnectOptions {
            kubeconfig: vec![self.0.path().join("config")],
            patience: Patience {
                connect: second,
                answer: second,
                idle: second,
                backoff: second / 50,
                ..Patience::default()
            },
            ..ConnectOptions::default()
        }
    }

    async fn connect(&self) -> Result<Connection, ClusterError> {
        Connection::from_kubeconfig(&self.options(), &|_| false).await
    }
}

fn failed<T>(result: Result<T, ClusterError>) -> ClusterError {
    match result {
        Ok(_) => panic!("it worked"),
        Err(error) => error,
    }
}

/// The problem says why and what to do.
fn check(error: &ClusterError, cause: &str, next: &str) {
    let problem = error.problem();
    assert!(problem.cause.contains(cause), "cause: {problem}");
    assert!(problem.next.contains(next), "next step: {problem}");
}

/// A server that answers every connection with the same bytes, and then stays silent.
async fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await;
            if read.is_ok() && stream.write_all(answer).await.is_ok() {
                open.push(stream);
            }
        }
    });
    address
}

async fn version_from(answer: &'static [u8]) -> ClusterError {
    let home = Home::new(&kubeconfig(&format!("http://{}", server(answer).await), "{}", ""));
    failed(home.connect().await.expect("nothing is sent yet").version().await)
}

#[tokio::test]
async fn no_kubeconfig_is_told_with_the_places_looked_at() {
    let options =
        ConnectOptions { kubeconfig: vec![PathBuf::from("/nowhere/config")], ..ConnectOptions::default() };
    let error = failed(Connection::from_kubeconfig(&options, &|_| true).await);
    check(&error, "/nowhere/config", "--no-cluster");
    let (none, problems) = contexts(&options.kubeconfig);
    assert!(none.is_empty() && problems[0].reason == Reason::Config);
}

#[test]
fn kubeconfigs_are_looked_for_as_kubectl_does() {
    let home = Path::new("/home/me");
    assert_eq!(default_paths(None, Some(home)), [home.join(".kube/config")]);
    assert_eq!(default_paths(Some("".as_ref()), Some(home)), [home.join(".kube/config")]);
    assert_eq!(default_paths(Some("/a:/b".as_ref()), Some(home)), [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert!(default_paths(None, None).is_empty());
}

#[tokio::test]
async fn a_broken_kubeconfig_is_told_by_line_and_never_quoted() {
    let home = Home::new("apiVersion: v1\nkind: Config\nusers:\n- name: u\n  user: {token: canary-5, [}\n");
    let error = failed(home.connect().await);
    check(&error, "config", "mend the file");
    assert!(!format!("{error:?} {error} {}", error.problem()).contains("canary-5"));
    let place = error.problem().place.expect("a place");
    assert!(place.file.ends_with("config") && place.line > 0, "{place}");
}

#[tokio::test]
async fn an_unknown_context_names_those_there_are() {
    let home = Home::new(&kubeconfig("https://127.0.0.1:1", "{}", ""));
    let options = ConnectOptions { context: Some("prd".to_owned()), ..home.options() };
    let error = failed(Connection::from_kubeconfig(&options, &|_| true).await);
    check(&error, "prd; known are prod, broken", "--context prod");
    let options = ConnectOptions { context: Some("broken".to_owned()), ..home.options() };
    let error = failed(Connection::from_kubeconfig(&options, &|_| true).await);
    check(&error, "nowhere", "kubeconfig");
}

#[test]
fn contexts_are_listed_with_what_they_trust_and_run() {
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token, 'a b'], \
                env: [{name: AWS_PROFILE, value: canary-6}, {name: PATH, value: /evil}]}}";
    let home = Home::new(&kubeconfig("https://10.0.0.1", exec, "    insecure-skip-tls-verify: true\n"));
    let (found, problems) = contexts(&home.options().kubeconfig);
    assert!(problems.is_empty());
    let prod = &found[0];
    assert_eq!(
        (prod.name.as_str(), prod.server.as_str(), prod.namespace.as_str()),
        ("prod", "https://10.0.0.1", "shop")
    );
    assert!(prod.current && prod.insecure);
    let runs = prod.runs.as_ref().expect("a command");
    assert_eq!(runs.to_string(), "aws eks get-token 'a b'");
    assert_eq!(runs.environment, ["AWS_PROFILE", "PATH=/evil"]);
    assert!(!format!("{runs:?}{}", runs.id()).contains("canary-6"));
}

#[tokio::test]
async fn a_plug_in_runs_only_after_the_user_agreed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (script, mark) = (folder.path().join("login"), folder.path().join("ran"));
    let says = "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}";
    std::fs::write(&script, format!("touch {}\necho '{says}'\n", mark.display())).expect("written");
    let exec = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['{}']}}}}",
        script.display()
    );
    let home = Home::new(&kubeconfig("http://127.0.0.1:1", &exec, ""));
    let error = failed(home.connect().await);
    let ClusterError::NeedsConsent { command, .. } = &error else { panic!("{error:?}") };
    assert!(command.to_string().starts_with("sh ") && command.file.ends_with("config"));
    check(&error, "runs `sh", "agree");
    assert_eq!(error.problem().reason, Reason::NeedsPlugin);
    assert!(!mark.exists());
    let known = command.id();
    let agreed = move |c: &ExecCommand| c.id() == known;
    Connection::from_kubeconfig(&home.options(), &agreed).await.expect("connected");
    assert!(mark.exists());
}

#[tokio::test]
async fn a_plug_in_that_fails_is_told_without_what_it_printed() {
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, \
                args: ['-c', 'echo canary-7; echo please log in >&2; exit 3']}}";
    let home = Home::new(&kubeconfig("http://127.0.0.1:1", exec, ""));
    let error = failed(Connection::from_kubeconfig(&home.options(), &|_| true).await);
    check(&error, "please log in", "shell");
    assert!(!error.problem().to_string().replace("echo canary-7", "").contains("canary-7"));
    let missing = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plug-in}}";
    let home = Home::new(&kubeconfig("http://127.0.0.1:1", missing, ""));
    let error = failed(Connection::from_kubeconfig(&home.options(), &|_| true).await);
    check(&error, "`no-such-plug-in` did not log in", "shell");
}

#[tokio::test]
async fn what_is_unsafe_about_a_context_is_flagged() {
    let home = Home::new(&kubeconfig("https://10.0.0.1", "{}", "    insecure-skip-tls-verify: true\n"));
    let options = ConnectOptions { repository: Some(home.0.path().to_owned()), ..home.options() };
    let connection = Connection::from_kubeconfig(&options, &|_| false).await.expect("connected");
    let told: Vec<String> = connection.warnings.iter().map(ToString::to_string).collect();
    assert!(
        told.len() == 2
            && told[0].contains("insecure-skip-tls-verify")
            && told[1].contains("inside the repository")
    );
    let home = Home::new(&kubeconfig("http://10.0.0.1", "{}", ""));
    let connection = home.connect().await.expect("connected");
    assert!(connection.warnings[0].cause.contains("without TLS"));
    assert_eq!(connection.warnings[0].severity, Severity::Warning);
    assert_eq!((&*connection.context, &*connection.namespace), ("prod", "shop"));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let home = Home::new(&kubeconfig(&format!("http://{address}"), "{}", ""));
    let error = failed(home.connect().await.expect("nothing is sent yet").version().await);
    check(&error, "connection refused", "VPN");
    assert!(error.is_passing());
    let home = Home::new(&kubeconfig("http://no-such-host.invalid", "{}", ""));
    let error = failed(home.connect().await.expect("nothing is sent yet").version().await);
    assert!(matches!(error, ClusterError::Unreachable { .. } | ClusterError::Slow { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_slow_or_half_dead_is_given_up() {
    check(&version_from(b"").await, "did not answer within 1 s", "tried again");
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"gitVersion\":";
    check(&version_from(half).await, "did not go on with its answer within 1 s", "tried again");
}

#[tokio::test]
async fn an_expired_token_and_a_wrong_clock_are_told_together() {
    let answer =
        b"HTTP/1.1 401 Unauthorized\r\ndate: Wed, 01 Jan 2020 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n";
    let home = Home::new(&kubeconfig(&format!("http://{}", server(answer).await), "{token: x}", ""));
    let connection = home.connect().await.expect("connected");
    let error = failed(connection.version().await);
    check(&error, "401 Unauthorized", "clock");
    assert!(error.to_string().contains("behind this one"), "{error}");
    let skew = connection.skew_problem().expect("a warning");
    assert!(skew.severity == Severity::Warning && skew.cause.contains("clock"), "{skew}");
}

#[tokio::test]
async fn a_refused_certificate_is_told_as_such() {
    // TLS alert 42, bad_certificate, as a server sends it that does not accept the client's one.
    let home = Home::new(&kubeconfig(
        &format!("https://{}", server(&[0x15, 3, 3, 0, 2, 2, 42]).await),
        "{}",
        "    insecure-skip-tls-verify: true\n",
    ));
    let error = failed(home.connect().await.expect("nothing is sent yet").version().await);
    check(&error, "certificate", "certificate-authority");
    let untrusted =
        std::io::Error::new(std::io::ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer");
    let error = ClusterError::from_client(&kube::Error::Service(Box::new(untrusted)), "https://prod");
    check(
        &error,
        "https://prod is not accepted: invalid peer certificate: UnknownIssuer",
        "certificate-authority",
    );
}

#[tokio::test]
async fn somebody_else_answering_in_its_place_is_no_api_server() {
    let portal = b"HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n<html>canary-8 log in</htm";
    let error = version_from(portal).await;
    check(&error, "cannot be understood", "something between here and the API server");
    assert!(!format!("{error:?}").contains("canary-8"));
    let gateway = b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nno\n";
    assert!(matches!(version_from(gateway).await, ClusterError::NotServed { .. }));
}

#[tokio::test]
async fn a_lost_server_is_told_by_its_watches_which_go_on_trying() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let home = Home::new(&kubeconfig(&format!("http://{address}"), "{}", ""));
    let connection = home.connect().await.expect("connected");
    let mut scopes = crate::model::Scopes::default();
    let pods = crate::model::KindInfo {
        plural: "pods".into(),
        namespaced: true,
        versions: vec!["v1".into()],
        watchable: true,
    };
    scopes.kinds.insert(("".into(), "Pod".into()), pods);
    let reader = Reader::new(connection, Arc::new(scopes), Arc::new(DigestKey::new([1; 32])));
    let kind = WatchKind { group: "".into(), kind: "Pod".into(), version: None, whole: false };
    let mut watch = reader.watch(&[kind], &Namespaces::All);
    let mut lost = None;
    for _ in 0..20 {
        if let Some(ClusterEvent::State(_, KindState::Lost { since, cause })) = watch.next().await {
            check(&cause, "connection refused", "VPN");
            lost = Some(since);
            break;
        }
    }
    let since = lost.expect("told");
    // Back on the same port: the watch finds it by itself.
    let body = r#"{"metadata":{"resourceVersion":"5"},"items":[]}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let listener = TcpListener::bind(address).await.expect("the port");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    while !matches!(watch.next().await.expect("it goes on"), ClusterEvent::InitDone(_)) {}
    assert!(since <= std::time::SystemTime::now());
}

#[tokio::test]
async fn a_proxy_that_the_kubeconfig_names_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.expect("a request");
        let connect = String::from_utf8_lossy(&request[..length]).into_owned();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("answered");
        let _ = stream.read(&mut request).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n{\"gitVersion\":\"v1.36.3\"}";
        stream.write_all(answer).await.expect("answered");
        connect
    });
    let config = kubeconfig("http://10.9.8.7:6443", "{}", &format!("    proxy-url: http://{proxy}\n"));
    let version = Home::new(&config).connect().await.expect("connected").version().await;
    assert_eq!(version.as_deref(), Ok("v1.36.3"));
    assert!(asked.await.expect("asked").starts_with("CONNECT 10.9.8.7:6443 "));
    let config = kubeconfig("http://10.9.8.7:6443", "{}", "    proxy-url: ftp://example.org\n");
    let error = failed(Home::new(&config).connect().await);
    check(&error, "proxy", "--no-cluster");
}

/// Everything here runs in spawned tasks. Compiled, never called.
#[expect(dead_code, reason = "compiling it is the test")]
fn all_of_it_can_be_spawned(connection: &Connection, reader: &Reader, key: &crate::model::ObjectKey) {
    fn spawned<T: Send>(_: T) {}
    let options = ConnectOptions::default();
    spawned(Connection::from_kubeconfig(&options, &|_| false));
    spawned(connection.discover());
    spawned(connection.can("get", "", "pods", ""));
    spawned(reader.get(key, "v1"));
    spawned(reader.get_many(&[]));
    spawned(reader.events(key));
    spawned(reader.schema("apps", "v1"));
    spawned(reader.logs(key, None, super::LogOptions::default()));
    spawned(reader.watch(&[], &Namespaces::All));
}
