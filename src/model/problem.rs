//! Problems: what is wrong, where, why, and what to do about it.

use std::fmt;
use std::sync::Arc;

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Path in the repository (or of a kubeconfig, a key file).
    pub file: Arc<str>,
    /// Line from 1; 0 if the whole file is meant.
    pub line: u32,
    /// Field or key inside, if known.
    pub field: Option<Arc<str>>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work or must not go on.
    Error,
    /// Something needs a look.
    Warning,
    /// Worth knowing.
    Note,
}

/// Why, as a code for machines (decisions.md 6). Screens show [`Problem::cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A remote base would have to be fetched.
    NeedsNetwork,
    /// A Helm chart would have to be rendered.
    NeedsHelm,
    /// An exec or container plug-in would have to be run.
    NeedsPlugin,
    /// Jsonnet would have to be evaluated.
    NeedsJsonnet,
    /// The layer of another controller is not rendered yet (Argo CD, Fleet).
    NotSupported,
    /// A file that is named does not exist.
    MissingFile,
    /// A kustomization that kustomize would refuse.
    InvalidKustomization,
    /// A kustomization with nothing in it.
    EmptyKustomization,
    /// A patch that matches nothing.
    PatchTargetMissing,
    /// YAML that cannot be read.
    InvalidYaml,
    /// An object that Kubernetes would refuse.
    InvalidObject,
    /// No identity at hand opens a sealed file.
    NeedsKey,
    /// A sealed file is damaged or was tampered with.
    SealBroken,
    /// A value that should be sealed is in the clear.
    Plaintext,
    /// Substitution failed.
    Substitution,
    /// Kustomizations or links form a circle.
    Cycle,
    /// A limit for untrusted input was exceeded.
    LimitExceeded,
    /// The repository is in a state that stops us (not a repository, bare, empty, merge in progress …).
    Repository,
    /// The cluster cannot be reached or refuses us.
    Cluster,
    /// The server does not allow reading this.
    Forbidden,
    /// Configuration of Sealane itself.
    Config,
    /// A rule refuses it (protected branch, firewall, hook).
    Refused,
    /// Changes that cannot be reconciled.
    Conflict,
    /// What a controller starts from is no longer declared.
    EntryGone,
    /// Git's remote cannot be reached or refuses us.
    Remote,
}

/// One problem. All its texts are safe for a screen and never hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Why, for machines.
    pub reason: Reason,
    /// Where.
    pub place: Option<Place>,
    /// Why, as a sentence for people: lower case, no full stop, names the thing.
    pub cause: String,
    /// What to do next; empty if nothing can be done.
    pub next: String,
}

impl Reason {
    /// The code in JSON output.
    pub fn code(self) -> &'static str {
        match self {
            Self::NeedsNetwork => "needs-network",
            Self::NeedsHelm => "needs-helm",
            Self::NeedsPlugin => "needs-plugin",
            Self::NeedsJsonnet => "needs-jsonnet",
            Self::NotSupported => "not-supported",
            Self::MissingFile => "missing-file",
            Self::InvalidKustomization => "invalid-kustomization",
            Self::EmptyKustomization => "empty-kustomization",
            Self::PatchTargetMissing => "patch-target-missing",
            Self::InvalidYaml => "invalid-yaml",
            Self::InvalidObject => "invalid-object",
            Self::NeedsKey => "needs-key",
            Self::SealBroken => "seal-broken",
            Self::Plaintext => "plaintext",
            Self::Substitution => "substitution",
            Self::Cycle => "cycle",
            Self::LimitExceeded => "limit-exceeded",
            Self::Repository => "repository",
            Self::Cluster => "cluster",
            Self::Forbidden => "forbidden",
            Self::Config => "config",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::EntryGone => "entry-gone",
            Self::Remote => "remote",
        }
    }
}

impl Reason {
    /// How many have it, for people: "1 needs Helm", "3 need Helm".
    pub fn counted(self, number: usize) -> String {
        let (one, more) = match self {
            Self::NeedsNetwork => ("needs the network", "need the network"),
            Self::NeedsHelm => ("needs Helm", "need Helm"),
            Self::NeedsPlugin => ("needs a plug-in", "need a plug-in"),
            Self::NeedsJsonnet => ("needs jsonnet", "need jsonnet"),
            Self::NeedsKey => ("needs a key", "need a key"),
            Self::MissingFile => ("misses a file", "miss files"),
            Self::SealBroken => ("has a damaged seal", "have damaged seals"),
            Self::InvalidYaml => ("has broken YAML", "have broken YAML"),
            Self::InvalidObject => ("has an invalid object", "have invalid objects"),
            Self::InvalidKustomization => ("cannot be built", "cannot be built"),
            Self::EmptyKustomization => ("is empty", "are empty"),
            Self::PatchTargetMissing => ("patches nothing", "patch nothing"),
            Self::Substitution => ("fails in substitution", "fail in substitution"),
            Self::Cycle => ("goes in a circle", "go in a circle"),
            Self::LimitExceeded => ("exceeds a limit", "exceed a limit"),
            Self::NotSupported => ("is not supported", "are not supported"),
            other => (other.code(), other.code()),
        };
        format!("{number} {}", if number == 1 { one } else { more })
    }
}

impl Problem {
    /// An error without a place yet.
    pub fn error(reason: Reason, cause: impl Into<String>) -> Self {
        Self { severity: Severity::Error, reason, place: None, cause: cause.into(), next: String::new() }
    }

    /// A warning without a place yet.
    pub fn warning(reason: Reason, cause: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(reason, cause) }
    }

    /// The same problem at a file and line (0 = the whole file).
    #[must_use]
    pub fn at(mut self, file: &str, line: u32) -> Self {
        self.place = Some(Place { file: file.into(), line, field: None });
        self
    }

    /// The same problem with its next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        self.field.as_ref().map_or(Ok(()), |field| write!(f, " {field}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.cause)?;
        if !self.next.is_empty() {
            write!(f, " ({})", self.next)?;
        }
        Ok(())
    }
}
