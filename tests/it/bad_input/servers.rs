//! Servers for the program under test: the demo's API server on a port, in the manner that is asked for, and some that
//! answer everybody alike.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sealane::demo::apiserver::{Access, Answer, ApiServer, Store};
use sealane::demo::{DemoCluster, DemoRepository};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};
use tower::Service as _;

/// How a cluster behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    Well,
    /// It takes requests and never answers; what was answered before goes on.
    Silent,
    /// It knows no version that it ever told: each watch is refused with 410.
    Forgetful,
    /// Its clock stands in 2020.
    Skewed,
}

/// The prod cluster of the demo, on a port of this machine. Nothing moves in it by itself.
pub(super) struct Cluster {
    runtime: Runtime,
    server: ApiServer,
    manner: Arc<Mutex<Manner>>,
    /// Status and path with query of everything that was answered.
    pub(super) answered: Arc<Mutex<Vec<(u16, String)>>>,
    /// Where it listens.
    pub(super) address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

impl Cluster {
    pub(super) fn of(repository: &DemoRepository, access: Access) -> Self {
        let key = include_str!("../../../keys/demo-flux-prod.agekey");
        let demo = DemoCluster::with_past("prod", &repository.origin, key).expect("a cluster");
        let server = ApiServer::with_access(demo.server().store().clone(), access);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let mut cluster = Self {
            runtime: runtime.expect("a runtime"),
            server,
            manner: Arc::new(Mutex::new(Manner::Well)),
            answered: Arc::default(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            serving: None,
        };
        cluster.starts();
        cluster
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        self.server.store()
    }

    pub(super) fn behaves(&self, manner: Manner) {
        *self.manner.lock().expect("not poisoned") = manner;
    }

    /// Listens, where it did before if it ever did.
    pub(super) fn starts(&mut self) {
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind(self.address)).expect("the port");
        self.address = listener.local_addr().expect("an address");
        let (server, manner, answered) = (self.server.clone(), self.manner.clone(), self.answered.clone());
        self.serving = Some(self.runtime.spawn(async move {
            // Connections are children of this task and end with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (server, manner, answered) = (server.clone(), manner.clone(), answered.clone());
                let service = tower::service_fn(move |request: Request<Incoming>| {
                    let path = request.uri().to_string();
                    let (manner, answered) = (*manner.lock().expect("not poisoned"), answered.clone());
                    let answer = answer(server.clone(), manner, request);
                    async move {
                        let answer = answer.await;
                        answered.lock().expect("not poisoned").push((answer.status().as_u16(), path));
                        Ok::<_, Infallible>(answer)
                    }
                });
                connections.spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // The other side may go at any time.
                    let _ = builder
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                        .await;
                });
            }
        }));
    }

    /// Closes the port and every connection.
    pub(super) fn stops(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            assert!(self.runtime.block_on(serving).is_err_and(|ended| ended.is_cancelled()));
        }
    }
}

async fn answer(mut server: ApiServer, manner: Manner, request: Request<Incoming>) -> Answer {
    let query = request.uri().query().unwrap_or_default();
    let goes_on = query.contains("watch=") && query.contains("resourceVersion=");
    match manner {
        Manner::Silent => std::future::pending().await,
        Manner::Forgetful if goes_on => {
            let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}"#;
            let body = Full::new(Bytes::from_static(body.as_bytes())).boxed_unsync();
            let mut gone = Answer::new(body);
            *gone.status_mut() = StatusCode::GONE;
            gone.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return gone;
        }
        _ => {}
    }
    let mut answer = match server.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    if manner == Manner::Skewed {
        let date = HeaderValue::from_static("Wed, 01 Jan 2020 00:00:00 GMT");
        answer.headers_mut().insert(header::DATE, date);
    }
    answer
}

/// A server that gives every connection the same bytes for its first request and then, if it `stays`, nothing more.
pub(super) fn alike(bytes: &'static [u8], stays: bool) -> SocketAddr {
    serves(move |mut stream| {
        let mut request = [0; 16 * 1024];
        let read = stream.read(&mut request);
        if read.is_ok() && stream.write_all(bytes).is_ok() && stays {
            // Until the other side gives up.
            while stream.read(&mut request).is_ok_and(|length| length > 0) {}
        }
    })
}

/// A server with TLS and a certificate that nobody vouches for.
pub(super) fn untrusted() -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("untrusted.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("untrusted.key")).expect("a key");
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they fit");
    let config = Arc::new(config);
    serves(move |mut stream| {
        let mut tls = rustls::ServerConnection::new(config.clone()).expect("a connection");
        // It ends when the other side has seen the certificate.
        while tls.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {}
    })
}

/// An address where nobody listens.
pub(super) fn nobody() -> SocketAddr {
    listener().local_addr().expect("an address")
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

/// Each connection gets a thread; all of them end with the program.
fn serves(talk: impl Fn(std::net::TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = listener();
    let address = listener.local_addr().expect("an address");
    let talk = Arc::new(talk);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = talk.clone();
            std::thread::spawn(move || talk(stream));
        }
    });
    address
}

/// A kubeconfig: context, address with its scheme, and more of the cluster and the user as YAML in one line.
pub(super) fn kubeconfig(contexts: &[(&str, String, &str)]) -> String {
    let mut text = "apiVersion: v1\nkind: Config\n".to_owned();
    let lists = [("clusters", "cluster"), ("contexts", "context"), ("users", "user")];
    for (list, one) in lists {
        let _ = writeln!(text, "{list}:");
        for (name, server, more) in contexts {
            let (cluster, user) = more.split_once('|').unwrap_or(("", more));
            let value = match one {
                "cluster" => format!("server: \"{server}\"{cluster}"),
                "context" => format!("cluster: {name}, user: {name}"),
                _ => (*user).to_owned(),
            };
            let _ = writeln!(text, "- {{name: {name}, {one}: {{{value}}}}}");
        }
    }
    text
}
