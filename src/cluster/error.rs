//! What can stop reading a cluster, each with its cause and next step.

use super::guard::Refusal;
use super::kubeconfig::ExecCommand;
use crate::model::{Problem, Reason, clean};
use std::error::Error as StdError;
use std::time::Duration;

/// Why a cluster, or something in it, could not be read.
///
/// All texts are safe for a screen. None of them quotes a body that could not be decoded, the output of a plug-in or
/// a line of a kubeconfig: those may hold secrets (diff.md 2.12.6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// No kubeconfig exists at the places looked at.
    #[error("there is no kubeconfig: looked at {}", .looked.join(", "))]
    NoKubeconfig {
        /// The places.
        looked: Vec<String>,
    },
    /// A kubeconfig that cannot be read.
    #[error("cannot read the kubeconfig {file}: {cause}")]
    BadKubeconfig {
        /// The file.
        file: String,
        /// Line from 1; 0 if unknown.
        line: u32,
        /// What is wrong.
        cause: String,
    },
    /// The context is in no kubeconfig.
    #[error("there is no context {name}{}", known_contexts(.known))]
    UnknownContext {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No context was chosen and the kubeconfig has no current one.
    #[error("no context is chosen and the kubeconfig has no current-context")]
    NoContext {
        /// The names there are.
        known: Vec<String>,
    },
    /// The kubeconfig wants a command run, and the user has not agreed to it.
    #[error("context {context} runs `{command}` to log in")]
    NeedsConsent {
        /// The context.
        context: String,
        /// The command.
        command: ExecCommand,
    },
    /// The command that logs in failed.
    #[error("`{command}` did not log in: {cause}")]
    Plugin {
        /// The command.
        command: String,
        /// How it failed.
        cause: String,
    },
    /// Something the kubeconfig asks for that Sealane cannot do.
    #[error("{what} is not supported")]
    Unsupported {
        /// What.
        what: String,
    },
    /// Nothing listens there, or no way leads there.
    #[error("{server} cannot be reached: {cause}")]
    Unreachable {
        /// The server.
        server: String,
        /// What the system said.
        cause: String,
    },
    /// The server, or the way to it, takes too long.
    #[error("{server} did not {what} within {} s", .after.as_secs_f32().ceil())]
    Slow {
        /// The server.
        server: String,
        /// What was waited for: "answer", "accept a connection", "go on with its answer".
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The connection broke in the middle.
    #[error("the connection to {server} broke: {cause}")]
    Broken {
        /// The server.
        server: String,
        /// What was seen.
        cause: String,
    },
    /// The server's certificate is not trusted, or the user's was not accepted.
    #[error("the certificate of {server} is not accepted: {cause}")]
    Certificate {
        /// The server.
        server: String,
        /// Why.
        cause: String,
    },
    /// 401.
    #[error("{server} does not accept the credentials (401 Unauthorized){}", skewed(*.skew))]
    Unauthorized {
        /// The server.
        server: String,
        /// Seconds that the server's clock is ahead of ours, if they differ by more than a minute.
        skew: Option<i64>,
    },
    /// 403.
    #[error("{message}")]
    Forbidden {
        /// What the server said: verb and resource.
        message: String,
    },
    /// The kind, or its version, is not served.
    #[error("the cluster does not serve {kind}")]
    NotServed {
        /// `Kind.group` or `Kind.version.group`.
        kind: String,
        /// The versions in which it is served, if any.
        versions: Vec<String>,
    },
    /// 404: the kind is served, the object is not there.
    #[error("{message}")]
    NotFound {
        /// What the server said.
        message: String,
    },
    /// 410: what was asked for is too old; ask anew.
    #[error("the server no longer knows that state (410 Gone)")]
    Gone,
    /// Any other answer that is no success.
    #[error("{server} answers {code}: {message}")]
    Answer {
        /// The server.
        server: String,
        /// The HTTP status.
        code: u16,
        /// What it said.
        message: String,
    },
    /// An answer that could not be understood. The bytes are not kept.
    #[error("{what} from {server} cannot be understood: {cause}")]
    Malformed {
        /// The server.
        server: String,
        /// What was read.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The write guard held the request back.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

fn known_contexts(known: &[String]) -> String {
    match known {
        [] => ": the kubeconfig has none".to_owned(),
        _ => format!("; known are {}", known.join(", ")),
    }
}

fn skewed(skew: Option<i64>) -> String {
    skew.map_or(String::new(), |seconds| format!("; {}", skew_words(seconds)))
}

/// "the server's clock is 2 h ahead of this one".
pub(super) fn skew_words(seconds: i64) -> String {
    let amount = match seconds.unsigned_abs() {
        s if s >= 2 * 86400 => format!("{} days", s / 86400),
        s if s >= 2 * 3600 => format!("{} h", s / 3600),
        s if s >= 120 => format!("{} min", s / 60),
        s => format!("{s} s"),
    };
    let side = if seconds > 0 { "ahead of" } else { "behind" };
    format!("the server's clock is {amount} {side} this one")
}

impl ClusterError {
    /// The same as a problem, with the next step.
    pub fn problem(&self) -> Problem {
        let reason = match self {
            Self::Forbidden { .. } => Reason::Forbidden,
            Self::NoKubeconfig { .. }
            | Self::BadKubeconfig { .. }
            | Self::UnknownContext { .. }
            | Self::NoContext { .. } => Reason::Config,
            Self::NeedsConsent { .. } => Reason::NeedsPlugin,
            Self::Unsupported { .. } => Reason::NotSupported,
            Self::Refused(_) => Reason::Refused,
            _ => Reason::Cluster,
        };
        let problem = Problem::error(reason, clean(&self.to_string())).next(self.next_step());
        match self {
            Self::BadKubeconfig { file, line, .. } => problem.at(file, *line),
            _ => problem,
        }
    }

    fn next_step(&self) -> String {
        match self {
            Self::NoKubeconfig { .. } => {
                "name one with --kubeconfig or KUBECONFIG, or look at git alone with --no-cluster".to_owned()
            }
            Self::BadKubeconfig { .. } => "mend the file, or name another one with --kubeconfig".to_owned(),
            Self::UnknownContext { known, .. } | Self::NoContext { known } => match known.first() {
                Some(first) => format!("choose one, for example --context {}", clean(first)),
                None => "add a context to the kubeconfig, or name another file with --kubeconfig".to_owned(),
            },
            Self::NeedsConsent { .. } => "agree to run it, or choose another context".to_owned(),
            Self::Plugin { .. } => "run the command in a shell to see what it needs, then read again".to_owned(),
            Self::Unsupported { .. } => "choose a context that does without it, or use --no-cluster".to_owned(),
            Self::Unreachable { .. } => {
                "check network, VPN and the server's address in the kubeconfig, then read again".to_owned()
            }
            Self::Slow { .. } | Self::Broken { .. } => {
                "check the way to it (VPN, proxy, load); what was read stays on screen, and it is tried again by itself"
                    .to_owned()
            }
            Self::Certificate { .. } => {
                "check certificate-authority and tls-server-name of this cluster in the kubeconfig, and both clocks"
                    .to_owned()
            }
            Self::Unauthorized { skew: Some(_), .. } => "set the clock right, then log in again".to_owned(),
            Self::Unauthorized { .. } => "the token may have expired: log in again, then read again".to_owned(),
            Self::Forbidden { .. } => "ask for a role with get, list and watch on it".to_owned(),
            Self::NotServed { versions, .. } if !versions.is_empty() => {
                format!("it is served as {}: write one of these in git", versions.join(", "))
            }
            Self::NotServed { .. } => {
                "its CustomResourceDefinition is missing: see whether git installs it earlier".to_owned()
            }
            Self::NotFound { .. } => "see whether it was deleted or never made".to_owned(),
            Self::Gone => "it is listed anew by itself".to_owned(),
            Self::Answer { code: 429 | 500..=599, .. } => "the server is busy or ill; it is tried again".to_owned(),
            Self::Answer { .. } | Self::Malformed { .. } => {
                "see whether something between here and the API server answers in its place".to_owned()
            }
            Self::Refused(_) => "this is a fault of Sealane: please report it".to_owned(),
        }
    }

    /// True if the same question may have another answer in a while.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Slow { .. }
                | Self::Broken { .. }
                | Self::Gone
                | Self::Malformed { .. }
        ) || matches!(self, Self::Answer { code: 429 | 500..=599, .. })
    }

    /// Reads a failure of the client: what stands at the bottom of its chain of causes decides.
    pub(super) fn from_client(error: &kube::Error, server: &str) -> Self {
        let top: &(dyn StdError + 'static) = error;
        let mut chain = vec![top];
        while let Some(source) = chain.last().copied().and_then(StdError::source).filter(|_| chain.len() < 16)
        {
            chain.push(source);
        }
        let server = server.to_owned();
        for link in &chain {
            if let Some(refusal) = link.downcast_ref::<Refusal>() {
                return Self::Refused(refusal.clone());
            }
            if let kube::Error::Service(inner) = &error
                && let Some(refusal) = inner.downcast_ref::<Refusal>()
            {
                return Self::Refused(refusal.clone());
            }
        }
        let texts: Vec<String> = chain.iter().map(ToString::to_string).collect();
        let deepest = clean(texts.last().map_or("", String::as_str));
        let says = |what: &str| texts.iter().any(|t| t.contains(what));
        let kinds: Vec<std::io::ErrorKind> = chain
            .iter()
            .filter_map(|e| e.downcast_ref::<std::io::Error>())
            .map(std::io::Error::kind)
            .collect();
        if says("peer certificate") || says("received fatal alert") || says("certificate required") {
            return Self::Certificate { server, cause: deepest };
        }
        if kinds.contains(&std::io::ErrorKind::TimedOut) {
            return Self::Slow {
                server,
                what: "accept a connection",
                after: super::Patience::default().connect,
            };
        }
        if let kube::Error::Auth(_) = error {
            return Self::from_auth(error);
        }
        if says("dns error") {
            return Self::Unreachable { server, cause: format!("its name is not known ({deepest})") };
        }
        if kinds.contains(&std::io::ErrorKind::ConnectionRefused) {
            return Self::Unreachable { server, cause: "connection refused".to_owned() };
        }
        if says("client error (Connect)") || says("tcp connect error") {
            return Self::Unreachable { server, cause: deepest };
        }
        Self::Broken { server, cause: deepest }
    }

    /// Failures to log in. A plug-in's output is never quoted: its standard output is where the token stands.
    pub(super) fn from_auth(error: &kube::Error) -> Self {
        let kube::Error::Auth(auth) = error else {
            return Self::Plugin { command: "login".to_owned(), cause: "failed".to_owned() };
        };
        let (command, cause) = match auth {
            kube::client::AuthError::AuthExecStart(io) => ("the login plug-in".to_owned(), io.to_string()),
            kube::client::AuthError::AuthExecRun { out, .. } => {
                let said = String::from_utf8_lossy(&out.stderr);
                let said = said.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or("it said nothing");
                let said: String = said.chars().take(200).collect();
                ("the login plug-in".to_owned(), format!("{}: {said}", out.status))
            }
            kube::client::AuthError::ReadTokenFile(io, file) => {
                (format!("the token file {}", file.display()), io.to_string())
            }
            kube::client::AuthError::AuthExec(_) => {
                ("the auth-provider".to_owned(), "this kind of login is not supported".to_owned())
            }
            _ => ("the login plug-in".to_owned(), "what it printed is no ExecCredential".to_owned()),
        };
        Self::Plugin { command: clean(&command), cause: clean(&cause) }
    }
}
