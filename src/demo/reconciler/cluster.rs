//! One cluster of the demo and its steps.

use super::{kustomization, neighbours, source, trouble, workloads};
use crate::cluster::Connection;
use crate::demo::apiserver::{ApiServer, Store};
use crate::git::Repo;
use crate::model::{CommitId, Environment, Rendered, Revision};
use crate::render::{self, Caches, Inputs};
use crate::seal::{Keyring, KeyringOpener};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The time in a cluster: the real one, or a moment that is set while the past is made up.
#[derive(Clone, Default)]
pub struct DemoClock(Arc<Mutex<Option<Timestamp>>>);

impl DemoClock {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Timestamp::now)
    }

    /// Sets the time; `None` lets it run.
    pub fn set(&self, time: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    fn forward(&self, seconds: i64) {
        let next = self.now() + SignedDuration::from_secs(seconds);
        self.set(Some(next));
    }
}

/// Seconds after which nothing that has begun still moves by itself, but for a rollout that gives up.
const SETTLING: i64 = 6;
/// Seconds after which the controllers look again even if nothing moved.
const LOOK_AGAIN: i64 = 15;

/// One cluster: an API server's store, and the controllers that write to it.
pub struct DemoCluster {
    pub(super) name: &'static str,
    pub(super) store: Arc<Store>,
    pub(super) clock: DemoClock,
    pub(super) origin: Repo,
    keyring: Arc<Keyring>,
    caches: Caches,
    rendered: BTreeMap<CommitId, Arc<Rendered>>,
    /// What the source has fetched; the controllers work with this.
    pub(super) artifact: Option<CommitId>,
    /// When the source looked last, and how often it looks.
    pub(super) fetched_at: Timestamp,
    pub(super) interval: i64,
    /// The newest version of anything when the controllers had nothing more to do, and when that was.
    rested: Option<(u64, Timestamp)>,
    /// When anything moved last.
    moved_at: Timestamp,
}

impl DemoCluster {
    /// A cluster that follows `origin` with the key that `identities` holds, with a past: it was set up, has applied
    /// what git said, and somebody worked on it by hand.
    pub fn with_past(
        name: &'static str,
        origin: &Path,
        identities: &str,
    ) -> Result<Self, crate::git::GitError> {
        let clock = DemoClock::default();
        let ticking = clock.clone();
        let mut keyring = Keyring::default();
        keyring.add_text(identities, name);
        let mut cluster = Self {
            name,
            store: Arc::new(Store::new(Box::new(move || ticking.now()))),
            clock,
            origin: Repo::open(origin)?,
            keyring: Arc::new(keyring),
            caches: Caches::default(),
            rendered: BTreeMap::new(),
            artifact: None,
            fetched_at: Timestamp::UNIX_EPOCH,
            // Staging has no webhook: its source looks every ten minutes. The others are told of each push.
            interval: if name == "staging" { 600 } else { 0 },
            rested: None,
            moved_at: Timestamp::UNIX_EPOCH,
        };
        cluster.live_through_the_past()?;
        Ok(cluster)
    }

    fn live_through_the_past(&mut self) -> Result<(), crate::git::GitError> {
        let head = self.origin.resolve(crate::demo::repository::BRANCH)?;
        let now = Timestamp::now();
        self.clock.set(Some(now - SignedDuration::from_secs(52 * 60)));
        neighbours::set_up(self);
        let first = if self.name == "staging" { self.ancestor(head, 2)? } else { self.ancestor(head, 3)? };
        self.catch_up(first, 90);
        self.clock.set(Some(now - SignedDuration::from_secs(21 * 60)));
        trouble::before_the_last_commits(self);
        if self.name != "staging" {
            self.catch_up(head, 150);
        }
        self.clock.set(Some(now - SignedDuration::from_secs(4 * 60)));
        trouble::by_hand(self);
        for _ in 0..4 {
            self.controllers();
            self.clock.forward(2);
        }
        self.fetched_at = now;
        self.clock.set(None);
        Ok(())
    }

    fn ancestor(&self, of: CommitId, generations: usize) -> Result<CommitId, crate::git::GitError> {
        self.origin.resolve(&format!("{of}~{generations}"))
    }

    /// Applies a commit and lets so many seconds pass, two at a time while something moves.
    fn catch_up(&mut self, commit: CommitId, seconds: i64) {
        source::store(self, commit);
        let mut passed = 0;
        let mut quiet = 0;
        while passed < seconds && quiet < 3 {
            let before = self.store.version();
            self.controllers();
            self.clock.forward(2);
            passed += 2;
            quiet = if self.store.version() == before { quiet + 1 } else { 0 };
        }
        if quiet >= 3 && passed < seconds {
            self.clock.forward(seconds - passed);
            self.controllers();
        }
    }

    /// One turn of everything: the source looks at git if it is time, then the controllers work.
    pub fn step(&mut self) {
        source::look(self);
        self.controllers();
        let (now, version) = (self.clock.now(), self.store.version());
        match self.rested {
            Some((before, _)) if before == version => self.rested = Some((version, now)),
            _ => (self.rested, self.moved_at) = (Some((version, now)), now),
        }
    }

    /// False while a turn could change nothing: nobody wrote anything since the last one, origin is where it was, and
    /// what takes its time (a pod that starts, a rollout that gives up) had that time.
    pub fn has_work(&self) -> bool {
        let Some((version, at)) = self.rested else { return true };
        let now = self.clock.now();
        let since = |then: Timestamp| now.as_second() - then.as_second();
        version != self.store.version()
            || since(self.moved_at) <= SETTLING
            || since(at) >= LOOK_AGAIN
            || source::sees_more(self)
    }

    fn controllers(&mut self) {
        kustomization::reconcile_all(self);
        neighbours::follow(self);
        workloads::run(self);
    }

    /// What a commit says about this cluster, opened with its own key.
    pub(super) fn rendered(&mut self, commit: CommitId) -> Arc<Rendered> {
        if let Some(known) = self.rendered.get(&commit) {
            return known.clone();
        }
        let opener = KeyringOpener::new(self.keyring.clone());
        let inputs = Inputs { opener: Some(&opener), ..Inputs::new(&self.caches) };
        let rendered = match self.origin.tree(Revision::Commit(commit)) {
            Ok(tree) => Arc::new(render::render_environment(&*tree, &self.environment(), &inputs)),
            // A commit that cannot be read is applied as nothing new: the last state stays.
            Err(_) => Arc::default(),
        };
        self.rendered.insert(commit, rendered.clone());
        rendered
    }

    fn environment(&self) -> Environment {
        Environment {
            name: self.name.into(),
            entry: format!("clusters/{}", self.name).into(),
            why: "the demo's cluster follows this folder".to_owned(),
            evidence: None,
        }
    }

    /// The time as Kubernetes writes it.
    pub(super) fn stamp(&self) -> String {
        self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// A connection to its API server, through the same guard as any other.
    pub fn connection(&self) -> Connection {
        Connection::from_service(self.server(), &format!("demo-{}", self.name))
    }

    /// Its API server.
    pub fn server(&self) -> ApiServer {
        ApiServer::new(self.store.clone())
    }

    /// Its name: `dev`, `staging` or `prod`.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
