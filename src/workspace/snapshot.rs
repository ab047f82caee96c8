//! `Snapshot`: all that a face shows, immutable, shared, and free of secrets.

use super::identities::KeyNeed;
use crate::model::{
    Commit, CommitId, Coverage, Health, ObjectKey, Origin, Place, Problem, SourceRevision, Verdict,
};
pub use crate::seal::sealed_secrets::Scope as SealScope;
use std::path::PathBuf;
use std::sync::Arc;

/// One state of everything, published as a whole. It can be pasted into a public issue.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows by one with each publication.
    pub generation: u64,
    /// The repository.
    pub repo: RepoView,
    /// The environments, in the order of their names, production last.
    pub environments: Arc<[EnvironmentView]>,
    /// One row for each producer, most urgent first.
    pub apps: Arc<[Arc<AppRow>]>,
    /// One row for each object that git declares or the cluster holds, by environment, producer, kind, name.
    pub objects: Arc<[Arc<ObjectRow>]>,
    /// One row for each secret.
    pub secrets: Arc<[Arc<SecretRow>]>,
    /// Identities that wait for a passphrase or for the user's word.
    pub key_needs: Arc<[KeyNeed]>,
    /// What is wrong beyond single rows.
    pub problems: Arc<[Problem]>,
    /// What is being read right now.
    pub work: Arc<[Work]>,
    /// Seconds since 1970 when this was made.
    pub at: i64,
}

impl Snapshot {
    /// True while more is on its way. A repository that cannot be read is not: its problem stands here instead.
    pub fn is_filling(&self) -> bool {
        !self.work.is_empty() || (!self.repo.read && self.problems.is_empty())
    }
}

/// The repository as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepoView {
    /// Its folder's name.
    pub name: Arc<str>,
    /// Its folder.
    pub path: Arc<str>,
    /// Where HEAD is.
    pub head: HeadView,
    /// The commit at HEAD.
    pub commit: Option<Commit>,
    /// The branch it follows, for example `origin/main`.
    pub upstream: Option<Arc<str>>,
    /// Commits that are not pushed.
    pub ahead: usize,
    /// Commits that the remote has and we do not.
    pub behind: usize,
    /// Files with changes that are not committed.
    pub dirty: usize,
    /// What git is in the middle of, for example `merge`.
    pub operation: Option<Arc<str>>,
    /// The commit of ours that can be taken back.
    pub takes_back: Option<CommitId>,
    /// True once the repository was read.
    pub read: bool,
}

/// Where HEAD is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HeadView {
    /// Not read yet.
    #[default]
    Unread,
    /// On a branch.
    Branch(Arc<str>),
    /// On a commit, without a branch.
    Detached,
    /// On a branch without a commit.
    Unborn(Arc<str>),
}

/// One environment and its cluster.
#[derive(Clone, Debug)]
pub struct EnvironmentView {
    /// Its name.
    pub name: Arc<str>,
    /// Its entry folder.
    pub entry: Arc<str>,
    /// Why it is an environment.
    pub why: String,
    /// True if its name or the configuration says that it is production.
    pub production: bool,
    /// The kubeconfig context that was chosen for it.
    pub context: Option<Arc<str>>,
    /// The state of its cluster.
    pub cluster: ClusterView,
    /// How much of it was rendered.
    pub coverage: Coverage,
}

/// The state of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterView {
    /// The user wants to see git only.
    Off,
    /// Which context belongs to this environment was not said yet.
    Unchosen {
        /// The contexts to choose from.
        contexts: Vec<ContextChoice>,
        /// Why there are none, or not all: no kubeconfig, or one that cannot be read.
        problem: Option<Problem>,
    },
    /// The kubeconfig names a program; it runs only after the user agreed.
    NeedsConsent {
        /// The command as it would be run.
        command: String,
    },
    /// On its way.
    Connecting,
    /// Lists are filling.
    Reading {
        /// Kinds that are complete.
        done: usize,
        /// All kinds.
        kinds: usize,
        /// Objects so far.
        objects: usize,
    },
    /// Up to date.
    Live {
        /// Server version, for example `v1.36.3`.
        version: Arc<str>,
        /// Kinds that cannot be read, with the reason.
        gaps: Vec<Problem>,
    },
    /// It was there and is not reachable now; rows show its last state.
    Lost {
        /// Seconds since 1970.
        since: i64,
        /// Why, and what to do.
        problem: Problem,
    },
    /// It could not be reached at all.
    Failed(Problem),
}

/// One context of the kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextChoice {
    /// Its name.
    pub name: Arc<str>,
    /// The server behind it.
    pub server: Arc<str>,
    /// True if it is the kubeconfig's current one.
    pub current: bool,
}

impl ContextChoice {
    /// The contexts of kubeconfigs, and the first thing that is wrong with those files.
    pub(super) fn all(kubeconfig: &[PathBuf]) -> (Vec<Self>, Option<Problem>) {
        let (contexts, problems) = crate::cluster::contexts(kubeconfig);
        let choice = |c: crate::cluster::ContextInfo| Self {
            name: c.name.as_str().into(),
            server: c.server.as_str().into(),
            current: c.current,
        };
        (contexts.into_iter().map(choice).collect(), problems.into_iter().next())
    }
}

/// What an app (a producer) needs, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AppState {
    /// Its controller or a workload failed.
    Failing,
    /// A plaintext secret stands in git.
    Plaintext,
    /// Git and cluster both moved at the same field.
    Conflict,
    /// The cluster was changed.
    Drifted,
    /// It waits for another app that is not ready.
    Waiting,
    /// Something is declared and missing, kept, or another's.
    Differs,
    /// Something is in the cluster and nobody declares it.
    Undeclared,
    /// Git is ahead.
    Pending,
    /// It is rolling out.
    Progressing,
    /// Somebody paused it.
    Suspended,
    /// It could not be rendered completely.
    NotRendered,
    /// No cluster to compare with, or it could not be read.
    Unknown,
    /// Git and cluster agree, and it is healthy.
    Synced,
}

/// What is best done next. Each face says it in its own commands: the screen by keys, the command line by verbs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// Nothing is to be done, or nothing helps.
    #[default]
    Nothing,
    /// Rehearse the revert of this commit.
    Revert(Commit),
    /// Look at the app's objects and their logs.
    Objects,
    /// Look at git and cluster side by side; then declare what is live, or let the controller undo it.
    BothSides,
    /// Look at the object.
    Object,
    /// See which keys of a secret differ, and set one.
    Keys,
    /// Seal a Secret that only the cluster has, `NAMESPACE/NAME`, into a file.
    FromLive(String),
    /// Something that is done elsewhere, in words.
    Words(String),
}

impl From<&str> for Next {
    fn from(words: &str) -> Self {
        if words.is_empty() { Self::Nothing } else { Self::Words(words.to_owned()) }
    }
}

/// One row of Home.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// Its environment.
    pub environment: Arc<str>,
    /// The producer.
    pub key: ObjectKey,
    /// What it needs.
    pub state: AppState,
    /// Why, as a sentence for people; empty if synced.
    pub cause: String,
    /// Where to look.
    pub place: Option<Place>,
    /// The next step.
    pub next: Next,
    /// The commit that brought the state about, if it is known.
    pub commit: Option<Commit>,
    /// The object that shows it worst, if it is one.
    pub object: Option<ObjectKey>,
    /// Worst health of its objects.
    pub health: Health,
    /// Its objects.
    pub objects: usize,
    /// Objects that drifted.
    pub drifted: usize,
    /// Objects that are pending.
    pub pending: usize,
    /// Objects that are extra or missing.
    pub stray: usize,
    /// Secrets it declares.
    pub secrets: usize,
    /// Secrets whose live twin differs.
    pub secrets_differ: usize,
    /// What its controller applied last.
    pub applied: Option<SourceRevision>,
    /// Commits between the applied revision and HEAD that change it; `None` if unknown.
    pub behind: Option<usize>,
    /// The newest commit that changes what it renders.
    pub changed: Option<Commit>,
    /// What it waits for.
    pub waiting_on: Vec<ObjectKey>,
    /// The folder it renders.
    pub path: Arc<str>,
}

/// One object: both sides of the middle line.
#[derive(Clone, Debug)]
pub struct ObjectRow {
    /// Its environment.
    pub environment: Arc<str>,
    /// Its identity.
    pub key: ObjectKey,
    /// The producer that declares it, or that its live marks name.
    pub producer: Option<ObjectKey>,
    /// True if git declares it.
    pub declared: bool,
    /// Where git declares it.
    pub origin: Option<Origin>,
    /// True if the cluster has it.
    pub live: bool,
    /// The live object that owns it (a ReplicaSet's Deployment), for drawing a tree.
    pub owner: Option<ObjectKey>,
    /// How it stands.
    pub verdict: Verdict,
    /// How it is doing.
    pub health: Health,
    /// What differs, in short: "replicas 5 → 3", "1 key differs".
    pub summary: String,
    /// Who changed it in the cluster: "kubectl-edit, 14:02".
    pub by: String,
    /// How many fields differ.
    pub fields: usize,
}

/// How the value of one secret key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyState {
    /// Git and cluster hold the same value.
    Same,
    /// They differ.
    Differs,
    /// Only git has the key.
    OnlyGit,
    /// Only the cluster has the key.
    OnlyLive,
    /// No identity opens it.
    Closed,
    /// There is nothing to compare with.
    NotCompared,
}

/// What a secret needs, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretState {
    /// It stands in the clear.
    Plaintext,
    /// Its seal is damaged or was tampered with.
    Broken,
    /// The live twin differs.
    Differs,
    /// No identity opens it.
    NoKey,
    /// Only the cluster has it.
    OnlyLive,
    /// Not in the cluster yet.
    OnlyGit,
    /// Sealed, opened, and nothing to compare with.
    Sealed,
    /// Git and cluster agree.
    Same,
}

/// Somebody whose age identity opens a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The name that `.sops.yaml` gives, if it does.
    pub name: Option<Arc<str>>,
    /// The age recipient in full.
    pub key: Arc<str>,
}

impl Recipient {
    /// One word: the name, or the beginning of the key.
    pub fn word(&self) -> String {
        let short = || self.key.chars().take(12).chain(['…']).collect();
        self.name.as_ref().map_or_else(short, ToString::to_string)
    }
}

/// One row of the secrets screen.
#[derive(Clone, Debug)]
pub struct SecretRow {
    /// Its environment; empty if no environment renders it.
    pub environment: Arc<str>,
    /// The file, if git has one.
    pub file: Option<Arc<str>>,
    /// The Secret it makes.
    pub object: Option<ObjectKey>,
    /// What it needs.
    pub state: SecretState,
    /// Why, and where.
    pub cause: String,
    /// The next step.
    pub next: Next,
    /// Its keys.
    pub keys: Vec<(Arc<str>, KeyState)>,
    /// Who can open it.
    pub recipients: Vec<Recipient>,
    /// Where its values open, if it is a SealedSecret: those open in a cluster alone.
    pub sealed_for: Option<SealedFor>,
    /// Who should, by its rule; `None` if no rule is for it.
    pub wanted: Option<Vec<Recipient>>,
    /// When it was sealed last, seconds since 1970.
    pub sealed_at: Option<i64>,
    /// Who changed the file last.
    pub changed_by: Option<Arc<str>>,
}

/// Where a SealedSecret's values open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedFor {
    /// Its scope; `None` where no file says it.
    pub scope: Option<SealScope>,
    /// The same in words: `only as shop/db`.
    pub opens: String,
}

/// Something that takes time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What: "rendering", "reading prod".
    pub what: String,
    /// Done so far.
    pub done: usize,
    /// Of how many; 0 if not known.
    pub total: usize,
}
