//! Watching: list and follow each kind, say how fresh it is, and never stop trying.

use super::connect::{Connection, Patience};
use super::error::ClusterError;
use super::object::{Asked, Decoder, Event, Page};
use super::read::Reader;
use super::request::{Status, accept};
use super::{backoff::Backoff, path, pulse::Pulse};
use crate::model::{KindInfo, Live, ObjectKey, Problem, Reason};
use futures::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Initial lists at a time (diff.md 6.5).
const LISTS: usize = 3;
/// Objects in one page of a list.
const PAGE: usize = 500;
/// Events that wait for a slow reader before the watches wait too.
const WAITING: usize = 256;
/// A kind that is forbidden or not served is asked for again after this many first pauses.
const RARELY: u32 = 30;

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchKind {
    /// API group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// The version to read at; `None` for the preferred one.
    pub version: Option<Arc<str>>,
    /// True for whole objects, false for their metadata. Secrets are never watched whole.
    pub whole: bool,
}

/// Where to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// Everywhere, in one watch for each kind.
    #[default]
    All,
    /// In these only; cluster-scoped kinds are watched as well.
    Only(Vec<Arc<str>>),
}

/// One watch: a kind, everywhere or in one namespace. Init brackets and states belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// API group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace; empty for all.
    pub namespace: Arc<str>,
}

/// How fresh a slot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindState {
    /// Being listed; so many have arrived.
    Listing(usize),
    /// Followed: what was told is what is.
    Live,
    /// Not watched: its objects are read by name (Secrets, diff.md 2.12.5).
    ByName,
    /// The server does not let us; what it said.
    Forbidden(String),
    /// The server does not serve the kind (any more).
    NotServed,
    /// Contact was lost; what was told is old.
    Lost {
        /// Since when.
        since: SystemTime,
        /// Why.
        cause: ClusterError,
    },
}

/// What a watch tells.
#[derive(Clone, Debug)]
pub enum ClusterEvent {
    /// A list begins: what follows up to [`ClusterEvent::InitDone`] replaces all that was known of the slot.
    Init(Slot),
    /// An object of the list.
    InitApply(Slot, Box<Live>),
    /// The list is complete: swap it in.
    InitDone(Slot),
    /// An object is new or has changed.
    Apply(Slot, Box<Live>),
    /// An object is gone.
    Delete(Slot, ObjectKey),
    /// The slot is in another state now.
    State(Slot, KindState),
    /// Something about the slot is wrong, and the rest goes on.
    Problem(Slot, Problem),
}

/// The stream of all events. Dropping it ends all watches.
pub struct Watch {
    events: mpsc::Receiver<ClusterEvent>,
    _tasks: JoinSet<()>,
}

impl Stream for Watch {
    type Item = ClusterEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClusterEvent>> {
        self.events.poll_recv(cx)
    }
}

impl Reader {
    /// Watches these kinds until the stream is dropped. Must be called inside a tokio runtime.
    pub fn watch(&self, kinds: &[WatchKind], namespaces: &Namespaces) -> Watch {
        let (sender, events) = mpsc::channel(WAITING);
        let lists = Arc::new(Semaphore::new(LISTS));
        let mut tasks = JoinSet::new();
        let (pulse, beat) = Pulse::new(self.connection().clone());
        tasks.spawn(beat);
        for kind in kinds {
            let info = self.scopes().get(&kind.group, &kind.kind).cloned();
            let everywhere = vec![Arc::from("")];
            let slots = match (namespaces, &info) {
                (Namespaces::Only(list), Some(info)) if info.namespaced => list.clone(),
                _ => everywhere,
            };
            for namespace in slots {
                let slot = Slot { group: kind.group.clone(), kind: kind.kind.clone(), namespace };
                let watcher = self.watcher(slot, kind, info.clone(), &sender, &lists, &pulse);
                tasks.spawn(watcher.run());
            }
        }
        Watch { events, _tasks: tasks }
    }

    fn watcher(
        &self,
        slot: Slot,
        kind: &WatchKind,
        info: Option<KindInfo>,
        sender: &mpsc::Sender<ClusterEvent>,
        lists: &Arc<Semaphore>,
        pulse: &Pulse,
    ) -> Watcher {
        let secret = slot.group.is_empty() && &*slot.kind == "Secret";
        let preferred = info.as_ref().and_then(|i| i.versions.first().cloned());
        Watcher {
            asked: Asked {
                group: slot.group.clone(),
                kind: slot.kind.clone(),
                version: kind.version.clone().or(preferred).unwrap_or_else(|| "v1".into()),
                whole: kind.whole && !secret,
            },
            by_name: secret && !self.watches_secrets(),
            backoff: Backoff::new(self.connection().patience.backoff),
            decoder: self.decoder(),
            connection: self.connection().clone(),
            lost_since: None,
            said: None,
            slot,
            info,
            sender: sender.clone(),
            lists: lists.clone(),
            pulse: pulse.clone(),
        }
    }
}

/// The reader of the events is gone.
struct Closed;

/// What ends one round of a watcher.
enum Ended {
    /// Nobody listens.
    Closed,
    /// The server, or the way to it.
    Failed(ClusterError),
}

impl From<Closed> for Ended {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<ClusterError> for Ended {
    fn from(error: ClusterError) -> Self {
        Self::Failed(error)
    }
}

struct Watcher {
    connection: Connection,
    slot: Slot,
    asked: Asked,
    info: Option<KindInfo>,
    by_name: bool,
    sender: mpsc::Sender<ClusterEvent>,
    lists: Arc<Semaphore>,
    decoder: Decoder,
    backoff: Backoff,
    pulse: Pulse,
    lost_since: Option<SystemTime>,
    said: Option<KindState>,
}

impl Watcher {
    async fn run(mut self) {
        if self.by_name {
            self.say(KindState::ByName).await.unwrap_or(());
            return;
        }
        let Some(path) = self.path() else {
            self.say(KindState::NotServed).await.unwrap_or(());
            return;
        };
        let mut version: Option<String> = None;
        loop {
            let error = match self.round(&path, &mut version).await {
                Ok(()) => continue,
                Err(Ended::Closed) => return,
                Err(Ended::Failed(error)) => error,
            };
            let Ok(pause) = self.failed(error, &mut version).await else { return };
            tokio::time::sleep(pause).await;
        }
    }

    fn path(&self) -> Option<String> {
        let info = self.info.as_ref().filter(|i| i.watchable && i.versions.contains(&self.asked.version))?;
        path::of(info, &self.asked.group, &self.asked.version, &self.slot.namespace, None).ok()
    }

    /// Lists if nothing is known, then follows until the server ends the watch.
    async fn round(&mut self, path: &str, version: &mut Option<String>) -> Result<(), Ended> {
        if version.is_none() {
            let lists = self.lists.clone();
            let permit = lists.acquire().await;
            *version = Some(self.list(path).await?);
            drop(permit);
        }
        self.follow(path, version).await
    }

    /// Reads all pages; gives the version to follow from.
    async fn list(&mut self, path: &str) -> Result<String, Ended> {
        let accept = if self.asked.whole { accept::JSON } else { accept::METADATA_LIST };
        self.say(KindState::Listing(0)).await?;
        self.tell(ClusterEvent::Init(self.slot.clone())).await?;
        let (mut count, mut next) = (0, String::new());
        loop {
            let from =
                if next.is_empty() { String::new() } else { format!("&continue={}", path::encode(&next)) };
            let answer = self.connection.fetch(&format!("{path}?limit={PAGE}{from}"), accept).await?;
            let page = Page::read(&answer).map_err(|e| self.connection.malformed("a list", &e))?;
            for item in page.items() {
                count += 1;
                match self.decoder.decode(item, &self.asked) {
                    Ok(live) => self.tell(ClusterEvent::InitApply(self.slot.clone(), Box::new(live))).await?,
                    Err(error) => self.skipped(&error).await?,
                }
            }
            if page.metadata.r#continue.is_empty() {
                self.tell(ClusterEvent::InitDone(self.slot.clone())).await?;
                return Ok(page.metadata.resource_version);
            }
            next = page.metadata.r#continue;
            self.say(KindState::Listing(count)).await?;
        }
    }

    async fn follow(&mut self, path: &str, version: &mut Option<String>) -> Result<(), Ended> {
        let Patience { watch, idle, .. } = self.connection.patience;
        let accept = if self.asked.whole { accept::JSON } else { accept::METADATA };
        let from = version.as_deref().unwrap_or("0");
        let query = format!(
            "?watch=true&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
            path::encode(from),
            watch.as_secs().max(1)
        );
        let mut lines = self.connection.open(&format!("{path}{query}"), accept, watch + idle).await?;
        self.say(KindState::Live).await?;
        self.lost_since = None;
        let mut told = false;
        self.pulse.settle();
        loop {
            let line = tokio::select! {
                line = lines.next() => line?,
                cause = self.pulse.lost() => return Err(cause.into()),
            };
            let Some(line) = line else { break };
            self.pulse.heard();
            let event: Event =
                serde_json::from_slice(&line).map_err(|e| self.connection.malformed("a watch", &e))?;
            self.event(&event, version).await?;
            if !told {
                told = true;
                self.backoff.reset();
            }
        }
        if !told {
            // A server, or a proxy, that ends watches at once must not be asked in a tight loop.
            tokio::time::sleep(self.backoff.next()).await;
        }
        Ok(())
    }

    async fn event(&mut self, event: &Event<'_>, version: &mut Option<String>) -> Result<(), Ended> {
        let json = event.object.get().as_bytes();
        if event.kind == "ERROR" {
            let status: Status = serde_json::from_slice(json).unwrap_or_default();
            let code = status.code.and_then(|c| http::StatusCode::from_u16(c).ok());
            let code = code.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
            return Err(self.connection.told(code, status, &http::HeaderMap::new()).into());
        }
        if event.kind == "BOOKMARK" {
            let page: Page<'_> = Page::read(json).map_err(|e| self.connection.malformed("a bookmark", &e))?;
            *version = Some(page.metadata.resource_version);
            return Ok(());
        }
        let live = match self.decoder.decode(json, &self.asked) {
            Ok(live) => live,
            Err(error) => return Ok(self.skipped(&error).await?),
        };
        *version = Some(live.resource_version.to_string());
        let slot = self.slot.clone();
        let event = match &*event.kind {
            "DELETED" => ClusterEvent::Delete(slot, live.key),
            _ => ClusterEvent::Apply(slot, Box::new(live)),
        };
        Ok(self.tell(event).await?)
    }

    /// Tells what went wrong; gives the pause before the next try.
    async fn failed(
        &mut self,
        error: ClusterError,
        version: &mut Option<String>,
    ) -> Result<Duration, Closed> {
        let rarely = self.connection.patience.backoff * RARELY;
        match error {
            ClusterError::Gone => {
                *version = None;
                Ok(self.backoff.next())
            }
            ClusterError::Forbidden { message } => {
                *version = None;
                self.say(KindState::Forbidden(message)).await?;
                Ok(rarely)
            }
            ClusterError::NotServed { .. } | ClusterError::NotFound { .. } => {
                *version = None;
                self.say(KindState::NotServed).await?;
                Ok(rarely)
            }
            cause => {
                let since = *self.lost_since.get_or_insert_with(SystemTime::now);
                self.say(KindState::Lost { since, cause }).await?;
                Ok(self.backoff.next())
            }
        }
    }

    async fn skipped(&self, error: &serde_json::Error) -> Result<(), Closed> {
        let cause = self.connection.malformed(&format!("a {}", self.slot.kind), error);
        let problem = Problem::warning(Reason::Cluster, cause.to_string()).next(cause.problem().next);
        self.tell(ClusterEvent::Problem(self.slot.clone(), problem)).await
    }

    async fn say(&mut self, state: KindState) -> Result<(), Closed> {
        if self.said.as_ref() == Some(&state) {
            return Ok(());
        }
        self.said = Some(state.clone());
        self.tell(ClusterEvent::State(self.slot.clone(), state)).await
    }

    async fn tell(&self, event: ClusterEvent) -> Result<(), Closed> {
        self.sender.send(event).await.map_err(|_| Closed)
    }
}
