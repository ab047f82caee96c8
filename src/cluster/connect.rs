//! `Connection`: one server behind the write guard. There is no other way to make one, and no way around the guard.

use super::Body;
use super::error::{ClusterError, skew_words};
use super::guard::GuardLayer;
use super::kubeconfig::{ContextInfo, ExecCommand, Loaded, unusable};
use super::proxy::ProxyEnvironment;
use crate::model::{Problem, Reason, clean};
use http::{Request, Response};
use kube::client::ClientBuilder;
use kube::config::{Config, KubeConfigOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};
use tower::{BoxError, Layer as _, Service};

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the first bytes of an answer.
    pub answer: Duration,
    /// Between two parts of an answer.
    pub idle: Duration,
    /// For a login plug-in.
    pub plugin: Duration,
    /// How long one watch lasts before it is renewed.
    pub watch: Duration,
    /// How often the server is asked whether it is still there while watches are silent. A dead connection is noticed
    /// after this and `answer`.
    pub pulse: Duration,
    /// First pause before something that failed is tried again; it doubles up to a minute.
    pub backoff: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(5),
            answer: seconds(15),
            idle: seconds(15),
            plugin: seconds(60),
            watch: seconds(180),
            pulse: seconds(20),
            backoff: seconds(1),
        }
    }
}

/// Which server, and how.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The kubeconfigs, first wins; see [`super::default_paths`].
    pub kubeconfig: Vec<PathBuf>,
    /// The context; `None` for the current one.
    pub context: Option<String>,
    /// The repository that is looked at: a kubeconfig inside it was written by whoever writes commits.
    pub repository: Option<PathBuf>,
    /// How long to wait.
    pub patience: Patience,
}

/// A server that can be read.
#[derive(Clone)]
pub struct Connection {
    pub(super) client: kube::Client,
    /// The context's name, safe for a screen.
    pub context: Arc<str>,
    /// The server's address, safe for a screen.
    pub server: Arc<str>,
    /// The context's namespace.
    pub namespace: Arc<str>,
    /// What is worth a warning about this connection.
    pub warnings: Arc<[Problem]>,
    pub(super) patience: Patience,
    skew: Arc<AtomicI64>,
}

/// No answer with a `Date` was seen yet.
const UNKNOWN_SKEW: i64 = i64::MIN;

impl Connection {
    /// Prepares a connection to a context. Nothing is sent yet, but a login plug-in is run, if `agreed` says yes to it;
    /// otherwise the answer is [`ClusterError::NeedsConsent`].
    pub async fn from_kubeconfig(
        options: &ConnectOptions,
        agreed: &(dyn Fn(&ExecCommand) -> bool + Sync),
    ) -> Result<Self, ClusterError> {
        let mut loaded = Loaded::read(&options.kubeconfig)?;
        let context = loaded.choose(options.context.as_deref())?;
        if let Some(command) = &context.runs
            && !agreed(command)
        {
            return Err(ClusterError::NeedsConsent {
                context: clean(&context.name),
                command: command.clone(),
            });
        }
        loaded.keep_plugins_quiet();
        let chosen =
            KubeConfigOptions { context: Some(context.name.clone()), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(loaded.config, &chosen)
            .await
            .map_err(|error| unusable(&error, &context))?;
        // kube has read HTTPS_PROXY from the environment by now.
        if !context.proxied && ProxyEnvironment::of_process().is_direct(&config.cluster_url) {
            config.proxy_url = None;
        }
        config.connect_timeout = Some(options.patience.connect);
        // Our own retries know when to stop; kube's would go on for many minutes on 503.
        config.default_retry = false;
        let warnings = warnings(&context, options);
        let client = build(config, &context, options.patience).await?;
        Ok(Self::guarded_client(client, &context.name, &context.server, &context.namespace, options.patience)
            .warned(warnings))
    }

    /// A connection to a server inside this process. The same guard stands in front of it.
    pub fn from_service<S, B>(service: S, name: &str) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let client = kube::Client::new(GuardLayer.layer(service), "default");
        Self::guarded_client(client, name, "this process", "default", Patience::default())
    }

    /// The same connection with another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// How many seconds the server's clock is ahead of ours, once an answer was seen.
    pub fn skew(&self) -> Option<i64> {
        Some(self.skew.load(Ordering::Relaxed)).filter(|s| *s != UNKNOWN_SKEW)
    }

    /// The clocks differ so much that ages and "who was first" cannot be trusted.
    pub fn skew_problem(&self) -> Option<Problem> {
        let seconds = self.skew().filter(|s| s.abs() > 60)?;
        Some(
            Problem::warning(Reason::Cluster, format!("{}: {}", self.server, skew_words(seconds)))
                .next("set the clock right; until then ages are shown as the server tells them"),
        )
    }

    pub(super) fn large_skew(&self) -> Option<i64> {
        self.skew().filter(|s| s.abs() > 60)
    }

    /// Takes the server's `Date` (RFC 9110, 5.6.7) and notes how far the clocks are apart.
    pub(super) fn note_date(&self, headers: &http::HeaderMap) {
        let date = headers.get(http::header::DATE).and_then(|d| d.to_str().ok());
        let Some(theirs) = date.and_then(|d| jiff::fmt::rfc2822::parse(d).ok()) else { return };
        let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let ours = i64::try_from(ours.as_secs()).unwrap_or(i64::MAX);
        self.skew.store(theirs.timestamp().as_second().saturating_sub(ours), Ordering::Relaxed);
    }

    fn guarded_client(
        client: kube::Client,
        context: &str,
        server: &str,
        namespace: &str,
        patience: Patience,
    ) -> Self {
        Self {
            client,
            context: clean(context).into(),
            server: clean(server).into(),
            namespace: clean(namespace).into(),
            warnings: Arc::new([]),
            patience,
            skew: Arc::new(AtomicI64::new(UNKNOWN_SKEW)),
        }
    }

    fn warned(mut self, warnings: Vec<Problem>) -> Self {
        self.warnings = warnings.into();
        self
    }
}

/// Builds the client with the guard outermost: it judges what Sealane asks for, before kube adds server and login.
async fn build(
    config: Config,
    context: &ContextInfo,
    patience: Patience,
) -> Result<kube::Client, ClusterError> {
    let command = context.runs.as_ref().map_or_else(|| "the login".to_owned(), ToString::to_string);
    // A plug-in is waited for inside `try_from`.
    let built = tokio::task::spawn_blocking(move || {
        ClientBuilder::try_from(config).map(|builder| builder.with_layer(&GuardLayer).build())
    });
    let slow = ClusterError::Plugin {
        command: command.clone(),
        cause: format!("it did not end within {} s", patience.plugin.as_secs()),
    };
    let built = tokio::time::timeout(patience.plugin, built).await.map_err(|_| slow)?;
    let built = built
        .map_err(|_| ClusterError::Plugin { command: command.clone(), cause: "it crashed".to_owned() })?;
    built.map_err(|error| match &error {
        kube::Error::Auth(_) => match ClusterError::from_auth(&error) {
            ClusterError::Plugin { cause, .. } if context.runs.is_some() => {
                ClusterError::Plugin { command, cause }
            }
            other => other,
        },
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            ClusterError::Unsupported { what: "this kind of proxy (proxy-url or HTTPS_PROXY)".to_owned() }
        }
        // The text of these errors would name key material at most by its file, and never quotes it.
        other => {
            ClusterError::Certificate { server: clean(&context.server), cause: clean(&other.to_string()) }
        }
    })
}

fn warnings(context: &ContextInfo, options: &ConnectOptions) -> Vec<Problem> {
    let mut found = Vec::new();
    let name = clean(&context.name);
    if context.insecure {
        found.push(
            Problem::warning(
                Reason::Cluster,
                format!("context {name} does not check the server's certificate (insecure-skip-tls-verify)"),
            )
            .next("name the cluster's certificate-authority in the kubeconfig instead"),
        );
    }
    if context.server.starts_with("http://") && !is_loopback(&context.server) {
        found.push(
            Problem::warning(Reason::Cluster, format!("context {name} talks to its server without TLS"))
                .next("use an https:// address in the kubeconfig"),
        );
    }
    for path in options.kubeconfig.iter().filter(|p| p.exists()) {
        if options.repository.as_deref().is_some_and(|repository| inside(path, repository)) {
            found.push(
                Problem::warning(
                    Reason::Cluster,
                    "this kubeconfig lies inside the repository: whoever writes commits chooses the server and what is run",
                )
                .at(&clean(&path.display().to_string()), 0)
                .next("move it out of the repository, and see that it is in no commit"),
            );
        }
    }
    found
}

fn is_loopback(server: &str) -> bool {
    let uri: Option<http::Uri> = server.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn inside(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}
