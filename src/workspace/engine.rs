//! The engine: one task that owns everything that changes. Streams go in, snapshots come out.
//!
//! Blocking work (git, rendering) runs beside it and comes back as a [`Message`]; a burst of messages costs one
//! publication, since snapshots are made at most every [`SETTLE`].

use super::errands;
pub(super) use super::errands::Message;
use super::facts::Facts;
use super::field::Field;
use super::outside::Outside;
use super::publish::{self, Published, now};
use super::repository::{self, RepositoryRead};
use super::session::Session;
use super::snapshot::{ClusterView, ContextChoice};
use super::stories;
use crate::cluster::{ClusterError, Connection, ExecCommand, Reader};
use crate::config::Answers;
use crate::git::Fingerprint;
use crate::model::{CommitId, Problem};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long messages are gathered before a snapshot is made of them.
const SETTLE: Duration = Duration::from_millis(60);
/// How often the repository is asked whether something moved.
const POLL: Duration = Duration::from_secs(1);
/// How often a server is asked again what it serves, as long as it does not serve a kind that git declares.
const REDISCOVER: Duration = Duration::from_secs(10);
/// How often what cannot be watched (Secrets) is read again.
const REREAD: Duration = Duration::from_secs(5);
/// Seconds after which rows are made again even if nothing moved.
const OLD: i64 = 30;

/// Where clusters come from.
#[derive(Clone, Default)]
pub(super) struct Clusters {
    /// Connections that are handed in, by environment (the demo's).
    pub(super) given: BTreeMap<Arc<str>, Connection>,
    pub(super) kubeconfig: Vec<PathBuf>,
    /// The context for the environment, if the user named one.
    pub(super) context: Option<String>,
    /// Look at git only.
    pub(super) off: bool,
    /// Only this environment is connected with `context`.
    pub(super) environment: Option<String>,
    /// Where answers are kept; `None` for the usual folder.
    pub(super) state: Option<PathBuf>,
}

/// What clusters add to renderings, by environment.
pub(super) type Outsides = BTreeMap<Arc<str>, Arc<Outside>>;

/// The engine's own state.
pub(super) struct Engine {
    session: Arc<Session>,
    clusters: Clusters,
    answers: Answers,
    sender: mpsc::Sender<Message>,
    published: watch::Sender<Arc<Published>>,
    repository: Option<RepositoryRead>,
    broken: Option<Problem>,
    fields: BTreeMap<Arc<str>, Field>,
    takes_back: Option<CommitId>,
    fingerprint: Option<Fingerprint>,
    reading: bool,
    /// True if something moved while it was being read.
    again: bool,
    /// True if anything but an environment's own facts changed since the last publication, and when that was.
    moved: bool,
    published_at: i64,
    generation: u64,
    consents: HashMap<Arc<str>, String>,
}

impl Engine {
    pub(super) fn new(
        session: Arc<Session>,
        clusters: Clusters,
        sender: mpsc::Sender<Message>,
        published: watch::Sender<Arc<Published>>,
    ) -> Self {
        let answers = Answers::load(clusters.state.as_deref());
        Self {
            session,
            clusters,
            answers,
            sender,
            published,
            repository: None,
            broken: None,
            fields: BTreeMap::new(),
            takes_back: None,
            fingerprint: None,
            reading: false,
            again: false,
            moved: true,
            published_at: 0,
            generation: 0,
            consents: HashMap::new(),
        }
    }

    /// Runs until every handle of the workspace is gone.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        self.read_repository();
        let mut poll = tokio::time::interval(POLL);
        let mut reread = tokio::time::interval(REREAD);
        let mut rediscover = tokio::time::interval(REDISCOVER);
        rediscover.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        reread.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.recv() => {
                    let Some(message) = message else { return };
                    let urgent = message.is_urgent();
                    self.hear(message);
                    if !urgent {
                        self.drain(&mut messages).await;
                    }
                    self.publish();
                }
                _ = poll.tick() => self.poll(),
                _ = reread.tick() => self.reread(),
                _ = rediscover.tick() => self.rediscover(),
                () = self.published.closed() => return,
            }
        }
    }

    async fn drain(&mut self, messages: &mut mpsc::Receiver<Message>) {
        let deadline = tokio::time::Instant::now() + SETTLE;
        while let Ok(Some(message)) = tokio::time::timeout_at(deadline, messages.recv()).await {
            let urgent = message.is_urgent();
            self.hear(message);
            if urgent {
                return;
            }
        }
    }

    fn hear(&mut self, message: Message) {
        self.moved |= !matches!(message, Message::Read(..) | Message::Event(..));
        match message {
            Message::Repository(read) => self.repository_read(*read),
            Message::Secrets(secrets) => {
                if let Some(repository) = &mut self.repository {
                    repository.secrets = secrets;
                }
                self.has_read();
            }
            Message::Broken(problem) => {
                self.broken = Some(problem);
                self.has_read();
            }
            Message::Desired(name, commit, outside, rendered) => {
                let head = self.head();
                if let Some(field) = self.fields.get_mut(&name).filter(|f| f.rendered_with == outside) {
                    field.rendering_again = false;
                    match rendered {
                        Ok(rendered) if head == Some(commit) => field.set_desired(rendered),
                        Ok(_) => {}
                        Err(problem) => self.broken = Some(problem),
                    }
                }
            }
            Message::Base(name, commit, outside, rendered) => {
                if let Some(field) = self.fields.get_mut(&name).filter(|f| f.rendered_with == outside) {
                    Arc::make_mut(&mut field.facts.bases).insert(commit, rendered);
                    field.rendering.remove(&commit);
                    field.stale = true;
                }
            }
            Message::Connected(name, epoch, outcome) => self.connected(&name, epoch, *outcome),
            Message::Event(name, epoch, event) => self.watched(&name, epoch, |field| field.hear(*event)),
            Message::Read(name, epoch, answers) => self.watched(&name, epoch, |field| field.read(answers)),
            Message::Schema(name, epoch, of, schema) => {
                self.watched(&name, epoch, |field| field.read_schema(of, schema.map(|boxed| *boxed)));
            }
            Message::Discovered(name, epoch, scopes) => {
                self.watched(&name, epoch, |field| field.discovered(&scopes));
            }
            Message::Stories(name, told) => {
                if let Some(field) = self.fields.get_mut(&name) {
                    field.told(told);
                }
            }
            Message::Refresh => self.refresh(),
            Message::Choose(name, context, reply) => drop(reply.send(self.choose(&name, &context))),
            Message::Consent(name, reply) => drop(reply.send(self.consent(&name))),
            Message::Keys(program, reply) => drop(reply.send(self.keys(program))),
            Message::TakesBack(commit) => {
                self.takes_back = commit;
                self.read_repository();
            }
        }
    }

    /// Hands what a connection said to its field, unless that field has connected anew since.
    fn watched(&mut self, name: &str, epoch: u64, tell: impl FnOnce(&mut Field)) {
        if let Some(field) = self.fields.get_mut(name).filter(|f| f.epoch == epoch) {
            tell(field);
        }
    }

    fn poll(&mut self) {
        if Some(self.session.repo.fingerprint()) != self.fingerprint {
            self.read_repository();
        }
    }

    fn reread(&mut self) {
        for field in self.fields.values_mut() {
            field.want_unwatched();
        }
        self.follow_up();
    }

    fn rediscover(&self) {
        for (name, field) in self.fields.iter().filter(|(_, field)| field.has_unserved()) {
            errands::discover(name, field, &self.sender);
        }
    }

    fn refresh(&mut self) {
        self.session.keyring.retry();
        self.read_repository();
        let names: Vec<Arc<str>> = self.fields.keys().cloned().collect();
        for name in names {
            self.connect(&name);
        }
    }

    /// Reads HEAD and renders every environment, beside the loop. What moves meanwhile is read after it.
    fn read_repository(&mut self) {
        if self.reading {
            self.again = true;
            return;
        }
        self.reading = true;
        // Taken before anything is read: what moves from now on is another change.
        self.fingerprint = Some(self.session.repo.fingerprint());
        let outsides =
            self.fields.iter().map(|(name, field)| (name.clone(), field.outside.clone())).collect();
        repository::read(self.session.clone(), outsides, self.sender.clone());
    }

    fn has_read(&mut self) {
        self.reading = false;
        if std::mem::take(&mut self.again) {
            self.read_repository();
        }
    }

    fn repository_read(&mut self, mut read: RepositoryRead) {
        self.broken = None;
        if let Some(before) = &self.repository {
            read.secrets = before.secrets.clone();
        }
        let now = now();
        let known: Vec<Arc<str>> = read.environments.iter().map(|(e, _)| e.name.clone()).collect();
        self.fields.retain(|name, field| {
            let stays = known.contains(name);
            if !stays {
                field.stop.cancel();
            }
            stays
        });
        let mut fresh = Vec::new();
        for (environment, desired) in &read.environments {
            if let Some(field) = self.fields.get_mut(&environment.name) {
                field.rendered_with = read.outsides.get(&environment.name).map_or(0, |o| o.id);
                field.set_desired(desired.clone());
            } else {
                let means = (self.session.digests.clone(), self.session.ignore.clone());
                let field = Field::new(Facts::of_git(environment.clone(), desired.clone(), means, now));
                self.fields.insert(environment.name.clone(), field);
                fresh.push(environment.name.clone());
            }
        }
        self.repository = Some(read);
        for name in fresh {
            self.connect(&name);
        }
    }

    /// Connects an environment with the context that belongs to it, or asks for one.
    fn connect(&mut self, name: &Arc<str>) {
        let chosen = self.context_of(name);
        let single = self.fields.len() == 1;
        let Some(field) = self.fields.get_mut(name) else { return };
        if self.clusters.off {
            field.cluster = ClusterView::Off;
            return;
        }
        let given = self.clusters.given.get(name).cloned();
        // What is typed is stronger than what a file says, where it can mean this environment alone.
        let meant = self.clusters.environment.as_deref() == Some(name) || single;
        let typed = self.clusters.context.clone().filter(|_| meant).map(Arc::from);
        let context = match &given {
            Some(connection) => Some(connection.context.clone()),
            None => typed.or(chosen),
        };
        let Some(context) = context else {
            field.context = None;
            let (contexts, problem) = ContextChoice::all(&self.clusters.kubeconfig);
            field.cluster = ClusterView::Unchosen { contexts, problem };
            return;
        };
        let epoch = field.connect();
        field.context = Some(context.clone());
        field.cluster = ClusterView::Connecting;
        let options = crate::cluster::ConnectOptions {
            kubeconfig: self.clusters.kubeconfig.clone(),
            context: Some(context.to_string()),
            repository: Some(self.session.repo.root().to_owned()),
            ..crate::cluster::ConnectOptions::default()
        };
        let consents = self.answers.consents.clone();
        let (digests, sender, name) = (self.session.digests.clone(), self.sender.clone(), name.clone());
        tokio::spawn(async move {
            let connection = if let Some(connection) = given {
                Ok(connection)
            } else {
                let agreed = |command: &ExecCommand| consents.contains(&command.id());
                Connection::from_kubeconfig(&options, &agreed).await
            };
            let outcome = match connection {
                Ok(connection) => {
                    Reader::open(connection, digests).await.map(|(r, found)| (r, found.version))
                }
                Err(error) => Err(error),
            };
            let _ = sender.send(Message::Connected(name, epoch, Box::new(outcome))).await;
        });
    }

    fn context_of(&self, name: &Arc<str>) -> Option<Arc<str>> {
        let said = self.session.config.environments.get(&**name).and_then(|c| c.context.clone());
        let folder = self.session.repo.root().to_string_lossy();
        let answered = self.answers.contexts.get(&*folder).and_then(|c| c.get(&**name)).cloned();
        said.or(answered).map(Arc::from)
    }

    fn connected(&mut self, name: &Arc<str>, epoch: u64, outcome: Result<(Reader, Arc<str>), ClusterError>) {
        let Some(field) = self.fields.get_mut(name).filter(|f| f.epoch == epoch) else { return };
        field.stale = true;
        match outcome {
            Ok((reader, version)) => {
                field.connected(reader, version);
                field.cluster = ClusterView::Reading { done: 0, kinds: 0, objects: 0 };
            }
            Err(ClusterError::NeedsConsent { command, .. }) => {
                self.consents.insert(name.clone(), command.id());
                field.cluster = ClusterView::NeedsConsent { command: command.to_string() };
            }
            Err(error) => field.cluster = ClusterView::Failed(error.problem()),
        }
    }

    fn choose(&mut self, name: &Arc<str>, context: &str) -> Result<(), Problem> {
        let folder = self.session.repo.root().to_string_lossy().into_owned();
        self.answers.contexts.entry(folder).or_default().insert(name.to_string(), context.to_owned());
        self.connect(name);
        self.keep_answers()
    }

    fn consent(&mut self, name: &Arc<str>) -> Result<(), Problem> {
        if let Some(id) = self.consents.remove(name) {
            self.answers.consents.insert(id);
            self.connect(name);
        }
        self.keep_answers()
    }

    /// More can be opened now: everything is rendered again, also what was applied.
    fn keys(&mut self, program: Option<String>) -> Result<(), Problem> {
        for field in self.fields.values_mut() {
            field.rendering.clear();
            field.facts.bases = Arc::default();
        }
        self.moved = true;
        self.read_repository();
        match program {
            Some(program) => {
                self.answers.plugins.insert(program);
                self.keep_answers()
            }
            None => Ok(()),
        }
    }

    fn keep_answers(&mut self) -> Result<(), Problem> {
        // Somebody at a terminal may have agreed to one meanwhile.
        self.answers.plugins.extend(Answers::load(self.clusters.state.as_deref()).plugins);
        self.answers.save(self.clusters.state.as_deref()).map_err(|error| {
            Problem::warning(crate::model::Reason::Config, format!("the answer could not be kept: {error}"))
                .next("it holds for this session; make the state folder writable to keep it")
        })
    }

    /// Starts what the new state asks for: watches, reads, bases.
    fn follow_up(&mut self) {
        let head = self.head();
        for (name, field) in &mut self.fields {
            if let Some(reader) = field.facts.reader.clone() {
                errands::watch_more(name, field, &reader, &self.sender);
                errands::read_schemas(name, field, &reader, &self.sender);
                errands::read_wanted(name, field, reader, &self.sender);
            }
            if let Some(head) = head.filter(|_| field.outside.id != field.rendered_with) {
                repository::render_again(name, field, head, self.session.clone(), self.sender.clone());
            }
            for commit in field.applied() {
                if !field.facts.bases.contains_key(&commit) {
                    // Rendered once; an empty base stands in until it comes, so that it is asked for once only.
                    Arc::make_mut(&mut field.facts.bases).insert(commit, Arc::default());
                    field.rendering.insert(commit);
                    repository::render_base(name, field, commit, self.session.clone(), self.sender.clone());
                }
            }
        }
    }

    /// Asks for the stories of what was compared; before it is published, so that whoever waits for all of it sees that
    /// something is still being read.
    fn ask_stories(&mut self) {
        let Some(head) = self.head() else { return };
        for (name, field) in &mut self.fields {
            stories::ask(name, field, head, &self.session, &self.sender);
        }
    }

    fn head(&self) -> Option<CommitId> {
        self.repository.as_ref()?.head.as_ref().map(|commit| commit.id)
    }

    fn publish(&mut self) {
        self.follow_up();
        let now = now();
        // Health knows deadlines, which pass while nothing else happens.
        let old = now - self.published_at >= OLD;
        let mut moved = std::mem::take(&mut self.moved) || old;
        for field in self.fields.values_mut() {
            moved |= field.settle();
            if std::mem::take(&mut field.stale) || old {
                field.facts.now = now;
                field.compared = field.facts.compare();
                moved = true;
            }
        }
        self.ask_stories();
        if !moved {
            return;
        }
        self.published_at = now;
        self.generation += 1;
        let scene = publish::Scene {
            session: &self.session,
            repository: self.repository.as_ref(),
            broken: self.broken.as_ref(),
            fields: &self.fields,
            takes_back: self.takes_back,
            generation: self.generation,
            reading: self.reading,
            now,
        };
        self.published.send_replace(Arc::new(scene.publish()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeySources;

    fn engine(folder: &std::path::Path) -> (Engine, mpsc::Receiver<Message>) {
        let git = std::process::Command::new("git").args(["init", "--quiet"]).current_dir(folder).status();
        assert!(git.expect("git runs").success());
        let session = Session::open(folder, &KeySources::default()).expect("it opens");
        let (sender, messages) = mpsc::channel(16);
        let (publisher, _) = watch::channel(Arc::default());
        let clusters = Clusters { off: true, ..Clusters::default() };
        (Engine::new(Arc::new(session), clusters, sender, publisher), messages)
    }

    #[tokio::test]
    async fn what_moves_while_the_repository_is_read_is_read_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut engine, mut messages) = engine(folder.path());
        engine.read_repository();
        engine.hear(Message::TakesBack(None));
        for reading in [true, true, true, false] {
            let waiting = tokio::time::timeout(Duration::from_secs(30), messages.recv());
            let message = waiting.await.expect("it is being read").expect("the engine lives");
            engine.hear(message);
            assert_eq!(engine.reading, reading);
        }
    }
}
