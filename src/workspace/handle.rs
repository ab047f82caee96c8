//! `Workspace`: the handle that faces hold.

use super::engine::{Clusters, Engine, Message};
use super::publish::{FieldFacts, Published};
use super::session::Session;
use super::{
    Audit, Committed, Deployed, Destination, Details, Differences, Explained, FieldChange, Finding, History,
    LogLine, ObjectId, Places, Plan, PushOutcome, Readers, Refusal, RenderedEnvironment, RulesFor,
    SecretForm, Snapshot, Standing, ask, doctor, forms, history, identities, planning, writing,
};
use crate::cluster::{Connection, default_paths};
use crate::config::Answers;
use crate::model::{Commit, CommitId, ObjectDiff, ObjectKey, Problem, Reason};
use crate::seal::KeySources;
use crate::secret::SecretText;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Messages that wait for the engine before their senders wait too.
const WAITING: usize = 1024;
/// Commits that a history looks at.
const FAR: usize = 5000;

/// What a workspace is opened with.
#[derive(Default)]
pub struct Settings {
    /// The repository, or a folder inside it.
    pub path: PathBuf,
    /// The kubeconfig to use instead of the usual ones.
    pub kubeconfig: Option<PathBuf>,
    /// The context for the environment, or for the only one.
    pub context: Option<String>,
    /// The environment that `context` belongs to, where there are several.
    pub environment: Option<String>,
    /// True to look at git only.
    pub no_cluster: bool,
    /// True to publish nothing: questions are answered, and nothing else is read.
    pub quiet: bool,
    /// Connections that stand already, by environment (the demo's).
    pub connections: BTreeMap<Arc<str>, Connection>,
    /// Where identities are looked for.
    pub keys: KeySources,
    /// Where answers are kept, instead of the user's state folder.
    pub state: Option<PathBuf>,
}

/// One repository and its clusters. Cloning shares it.
#[derive(Clone)]
pub struct Workspace {
    pub(super) session: Arc<Session>,
    pub(super) published: watch::Receiver<Arc<Published>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    engine: mpsc::Sender<Message>,
    pub(super) kubeconfig: Arc<[PathBuf]>,
    /// True if connections were handed in.
    pub(super) is_connected: bool,
    ours: Arc<Mutex<Option<crate::git::Committed>>>,
}

pub(super) type Answer<T> = Result<T, Problem>;

impl Settings {
    /// Settings of a user: identities where sops looks, kubeconfigs where kubectl looks.
    pub fn of_user(path: &Path, variable: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Self {
        Self { path: path.to_owned(), keys: KeySources::of_user(variable, home), ..Self::default() }
    }
}

impl Workspace {
    /// Opens a repository and starts reading it and its clusters. Must be called inside a tokio runtime.
    pub fn open(settings: Settings) -> Answer<Self> {
        let mut keys = settings.keys;
        keys.agreed.extend(Answers::load(settings.state.as_deref()).plugins);
        let session = Arc::new(Session::open(&settings.path, &keys)?);
        let variable = std::env::var_os("KUBECONFIG");
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let clusters = Clusters {
            given: settings.connections,
            kubeconfig: match settings.kubeconfig {
                Some(path) => vec![path],
                None => default_paths(variable.as_deref(), home.as_deref()),
            },
            context: settings.context,
            off: settings.no_cluster,
            environment: settings.environment,
            state: settings.state,
        };
        let is_connected = !clusters.given.is_empty();
        let kubeconfig: Arc<[PathBuf]> = clusters.kubeconfig.clone().into();
        let (engine, messages) = mpsc::channel(WAITING);
        let (results, published) = watch::channel(Arc::new(Published::default()));
        let (sender, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        if !settings.quiet {
            tokio::spawn(Engine::new(session.clone(), clusters, engine.clone(), results).run(messages));
        }
        tokio::spawn(forward(published.clone(), sender));
        Ok(Self { session, published, snapshots, engine, kubeconfig, is_connected, ours: Arc::default() })
    }

    /// The stream of snapshots; the first one is there at once.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Reads git and clusters again.
    pub fn refresh(&self) {
        // A full queue means that the engine is about to read anyway.
        let _ = self.engine.try_send(Message::Refresh);
    }

    /// Says which context belongs to an environment, and remembers it.
    pub async fn choose_context(&self, environment: &str, context: &str) -> Answer<()> {
        self.tell(|reply| Message::Choose(environment.into(), context.to_owned(), reply)).await
    }

    /// Agrees to run the program that the kubeconfig names for this environment.
    pub async fn consent(&self, environment: &str) -> Answer<()> {
        self.tell(|reply| Message::Consent(environment.into(), reply)).await
    }

    /// Unlocks an identity with its passphrase; what it opens is read again.
    pub async fn unlock(&self, source: &str, passphrase: SecretText) -> Answer<()> {
        let (session, source) = (self.session.clone(), source.to_owned());
        blocking(move || identities::unlock(&session, &source, &passphrase)).await?;
        self.tell(|reply| Message::Keys(None, reply)).await
    }

    /// Agrees to run the age plug-in at this path, now and later.
    pub async fn agree(&self, program: &str) -> Answer<()> {
        self.session.keyring.agree(program);
        self.tell(|reply| Message::Keys(Some(program.to_owned()), reply)).await
    }

    async fn tell(&self, message: impl FnOnce(oneshot::Sender<Answer<()>>) -> Message) -> Answer<()> {
        let (reply, answer) = oneshot::channel();
        self.engine.send(message(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    fn field(&self, environment: &str) -> Answer<Arc<FieldFacts>> {
        self.published.borrow().fields.get(environment).cloned().ok_or_else(|| {
            Problem::error(Reason::MissingFile, format!("there is no environment {environment}"))
                .next("`sealane status` lists the environments")
        })
    }

    /// All about one object.
    pub async fn details(&self, id: &ObjectId) -> Answer<Details> {
        let field = self.field(&id.environment)?;
        let (session, asked, facts) = (self.session.clone(), id.clone(), field.clone());
        let mut details = blocking(move || ask::details(&asked, &facts, &session)).await?;
        if let Some(reader) = &field.facts.reader {
            match ask::events(reader, &id.key).await {
                Ok(events) => details.events = events,
                Err(problem) => details.problems.push(problem),
            }
        }
        Ok(details)
    }

    /// The comparisons of an environment that have something to tell, as they were published last: objects that do
    /// not agree, and objects with fields that are folded.
    pub fn noteworthy(&self, environment: &str) -> Vec<ObjectDiff> {
        let field = self.published.borrow().fields.get(environment).cloned();
        let compared = field.iter().flat_map(|f| &f.compared).map(|c| &c.diff);
        compared.filter(|d| !d.verdict.is_synced() || !d.folded.is_empty()).cloned().collect()
    }

    /// What is wrong with an environment as git says it, as it was published last.
    pub fn problems_of(&self, environment: &str) -> Vec<Problem> {
        let published = self.published.borrow();
        let field = published.fields.get(environment);
        field.map(|field| field.facts.desired.all_problems().cloned().collect()).unwrap_or_default()
    }

    /// Why parts of an environment are not rendered, as it was published last.
    pub fn not_rendered(&self, environment: &str) -> Vec<Problem> {
        let published = self.published.borrow();
        let field = published.fields.get(environment);
        field.map(|field| field.facts.desired.not_rendered().cloned().collect()).unwrap_or_default()
    }

    /// The commits that changed a rendered object.
    pub async fn history(&self, id: &ObjectId, cancel: &CancellationToken) -> Answer<History> {
        let field = self.field(&id.environment)?;
        let (session, id, cancel) = (self.session.clone(), id.clone(), cancel.clone());
        blocking(move || {
            let Some(from) = session.head()? else { return Err(ask::unknown(&id)) };
            let question = history::Question {
                session: &session,
                environment: &field.facts.environment,
                key: &id.key,
                from,
                limit: FAR,
                enough: usize::MAX,
                cancel: &cancel,
            };
            let mut answer = history::walk(&question)?;
            let status =
                ask::find(&field, &id.key).and_then(|c| field.facts.statuses.get(c.producer.as_ref()?));
            let applied = status.and_then(|s| s.applied.as_ref()?.commit);
            let tried = status.and_then(|s| s.attempted.as_ref()?.commit);
            for entry in &mut answer.entries {
                let within = |at: Option<CommitId>| {
                    at.is_some_and(|at| session.repo.contains(at, entry.commit.id).unwrap_or(false))
                };
                entry.deployed = match (within(applied), within(tried)) {
                    _ if status.is_none() => Deployed::Unasked,
                    (true, _) => Deployed::Applied,
                    (false, true) => Deployed::Tried,
                    (false, false) => Deployed::NotYet,
                };
            }
            Ok(History {
                id,
                entries: answer.entries,
                seen: answer.seen,
                complete: answer.complete,
                gaps: answer.gaps.runs,
                problems: answer.problems,
            })
        })
        .await
    }

    /// The object that nothing declares any more and an earlier commit did, by what a person typed.
    pub async fn once_declared(
        &self,
        environment: &str,
        typed: &ObjectKey,
        cancel: &CancellationToken,
    ) -> Answer<Option<ObjectId>> {
        let field = self.field(environment)?;
        let (session, key, cancel) = (self.session.clone(), typed.clone(), cancel.clone());
        blocking(move || {
            let Some(from) = session.head()? else { return Ok(None) };
            let environment = &field.facts.environment;
            let (limit, enough) = (FAR, 1);
            let question = history::Question {
                session: &session,
                environment,
                key: &key,
                from,
                limit,
                enough,
                cancel: &cancel,
            };
            let found = history::once_declared(&question)?;
            Ok(found.map(|key| ObjectId { environment: environment.name.clone(), key }))
        })
        .await
    }

    /// How a rendered object differs between a commit and what is viewed now.
    pub async fn compare(&self, id: &ObjectId, with: CommitId) -> Answer<Vec<FieldChange>> {
        let field = self.field(&id.environment)?;
        let (session, key) = (self.session.clone(), id.key.clone());
        blocking(move || ask::compare(&session, &field, &key, with)).await
    }

    /// The newest commits, newest first.
    pub async fn commits(&self, limit: usize) -> Answer<Vec<Commit>> {
        let session = self.session.clone();
        blocking(move || {
            let Some(head) = session.head()? else { return Ok(Vec::new()) };
            let options = crate::git::LogOptions { limit: Some(limit), ..crate::git::LogOptions::default() };
            session.repo.log(head, &options).map_err(|e| e.problem())
        })
        .await
    }

    /// Follows the logs of an object's pods until `cancel`.
    #[expect(
        clippy::unused_async,
        reason = "called as the other questions are; it spawns what it answers with"
    )]
    pub async fn logs(&self, id: &ObjectId, cancel: &CancellationToken) -> Answer<mpsc::Receiver<LogLine>> {
        let field = self.field(&id.environment)?;
        let reader = field.facts.reader.clone().ok_or_else(|| {
            Problem::error(Reason::Cluster, format!("{} has no cluster to read logs from", id.environment))
                .next("choose its context first")
        })?;
        super::logs::follow(&reader, &field, &id.key, cancel)
    }

    /// All environments as git says them, at a revision or as the files lie on disk.
    pub async fn rendered(&self, at: Option<String>) -> Answer<Vec<RenderedEnvironment>> {
        let session = self.session.clone();
        blocking(move || session.rendered_at(at.as_deref())).await
    }

    /// The way of every object that `key` means, step by step, or of one of its fields.
    pub async fn explain(
        &self,
        at: Option<String>,
        key: ObjectKey,
        field: Option<String>,
    ) -> Answer<Vec<Explained>> {
        let session = self.session.clone();
        blocking(move || session.explain(at.as_deref(), &key, field.as_deref())).await
    }

    /// What differs between two revisions, object by object, in all environments or in one; `None` is the files on disk.
    pub async fn differences(
        &self,
        from: Option<String>,
        to: Option<String>,
        environment: Option<String>,
    ) -> Answer<Differences> {
        let session = self.session.clone();
        blocking(move || session.differences(from.as_deref(), to.as_deref(), environment.as_deref())).await
    }

    /// What is here and what is missing; `clusters` to look at the kubeconfig too.
    pub async fn doctor(&self, clusters: bool) -> Answer<Vec<Finding>> {
        let (session, kubeconfig) = (self.session.clone(), self.kubeconfig.clone());
        blocking(move || Ok(doctor::examine(&session, clusters.then_some(&*kubeconfig)))).await
    }

    /// Every sealed file at a revision, or on disk, and what should be sealed and is not.
    pub async fn audit(&self, at: Option<String>) -> Answer<Audit> {
        let session = self.session.clone();
        blocking(move || session.audit(at.as_deref())).await
    }

    /// Who can read what, at a revision or on disk; with `history` also what those who were removed still know.
    pub async fn readers(&self, at: Option<String>, only: Vec<String>, history: bool) -> Answer<Readers> {
        let session = self.session.clone();
        blocking(move || session.readers(at.as_deref(), &only, history)).await
    }

    /// How each key of a file stands to the same key of another file or revision (`FILE`, `REV:FILE`, `REV:`).
    pub async fn compare_held(&self, left: &str, right: &str) -> Answer<BTreeMap<Arc<str>, Standing>> {
        let (session, left, right) = (self.session.clone(), left.to_owned(), right.to_owned());
        blocking(move || session.compare_held(&left, &right)).await
    }

    /// Which other files hold the value of a key of this file.
    pub async fn places_of(&self, file: &str, key: &str) -> Answer<Places> {
        let (session, file, key) = (self.session.clone(), file.to_owned(), key.to_owned());
        blocking(move || session.places_of(&file, &key)).await
    }

    /// What the rules of `.sops.yaml` say of paths inside the repository.
    pub async fn rules_for(&self, paths: Vec<String>) -> Answer<Vec<RulesFor>> {
        let session = self.session.clone();
        blocking(move || session.rules_for(&paths)).await
    }

    /// A file on disk, or one that is not there yet, by its path inside the repository; `None` if it lies outside.
    pub fn path_inside(&self, file: &Path) -> Option<String> {
        let mut folders = file.ancestors().skip(1);
        let there = |folder: &&Path| folder.as_os_str().is_empty() || folder.is_dir();
        let folder = folders.find(there).unwrap_or_else(|| Path::new(""));
        let rest = file.strip_prefix(folder).ok()?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let full = folder.canonicalize().ok()?.join(rest);
        let root = self.session.repo.root().canonicalize().ok()?;
        let inside = full.strip_prefix(root).ok()?;
        let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        (plain && inside.file_name().is_some()).then(|| inside.to_string_lossy().replace('\\', "/"))
    }

    /// The commit that a name, an id or an expression means.
    pub async fn resolve(&self, text: &str) -> Answer<CommitId> {
        let (session, text) = (self.session.clone(), text.to_owned());
        blocking(move || session.repo.resolve(&text).map_err(|e| e.problem())).await
    }

    /// Rehearses the revert of commits.
    pub async fn plan_revert(&self, commits: &[CommitId]) -> Result<Plan, Box<Refusal>> {
        let (session, commits) = (self.session.clone(), commits.to_vec());
        let made = tokio::task::spawn_blocking(move || planning::revert(&session, &commits)).await;
        made.unwrap_or_else(|_| Err(Box::new(Refusal { problem: crashed(), also: Vec::new() })))
    }

    /// The form for a sealed file; a file that does not exist yet gives an empty form.
    pub async fn secret_form(&self, file: &str) -> Answer<SecretForm> {
        let (session, file) = (self.session.clone(), file.to_owned());
        blocking(move || forms::of(&session, &file)).await
    }

    /// One value, asked for by a person; logged without the value.
    pub async fn reveal(&self, file: &str, key: &str) -> Answer<SecretText> {
        tracing::info!(file, key, "a value was revealed");
        let (session, file, key) = (self.session.clone(), file.to_owned(), key.to_owned());
        blocking(move || forms::reveal(&session, &file, &key)).await
    }

    /// Commits a plan. Nothing else writes to the repository.
    pub async fn commit(&self, plan: Plan, to: Destination) -> Answer<Committed> {
        let (session, before) = (self.session.clone(), self.take_ours());
        let (committed, ours) = blocking(move || writing::commit(&session, plan, &to, before)).await?;
        self.keep_ours(Some(ours)).await;
        Ok(committed)
    }

    /// Takes back the last unpushed commit of ours.
    pub async fn take_back(&self) -> Answer<Commit> {
        let Some(ours) = self.take_ours() else {
            return Err(Problem::error(Reason::Refused, "there is no commit of ours to take back"));
        };
        let (session, kept) = (self.session.clone(), ours.clone());
        match blocking(move || writing::take_back(&session, &ours)).await {
            Ok(commit) => {
                self.keep_ours(None).await;
                Ok(commit)
            }
            Err(problem) => {
                self.keep_ours(Some(kept)).await;
                Err(problem)
            }
        }
    }

    /// Pushes the checked-out branch, never by force.
    pub async fn push(&self) -> Answer<PushOutcome> {
        let (session, ours) = (self.session.clone(), self.lock_ours().clone());
        let outcome = blocking(move || writing::push(&session, ours.as_ref())).await?;
        let ours = if matches!(outcome, PushOutcome::Pushed { .. }) { None } else { self.take_ours() };
        self.keep_ours(ours).await;
        Ok(outcome)
    }

    fn lock_ours(&self) -> std::sync::MutexGuard<'_, Option<crate::git::Committed>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_ours(&self) -> Option<crate::git::Committed> {
        self.lock_ours().take()
    }

    async fn keep_ours(&self, ours: Option<crate::git::Committed>) {
        let id = ours.as_ref().map(|o| o.id);
        *self.lock_ours() = ours;
        // Without an engine nobody is left to hear of it.
        let _ = self.engine.send(Message::TakesBack(id)).await;
    }
}

async fn forward(mut from: watch::Receiver<Arc<Published>>, to: watch::Sender<Arc<Snapshot>>) {
    while from.changed().await.is_ok() {
        let snapshot = from.borrow_and_update().snapshot.clone();
        if to.send(snapshot).is_err() {
            return;
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(crashed()))
}

fn crashed() -> Problem {
    Problem::error(Reason::Config, "an internal error stopped this")
        .next("please report it; nothing was written")
}

fn closed() -> Problem {
    Problem::error(Reason::Config, "the workspace is closed")
}
