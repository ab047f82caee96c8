//! Errands: what the engine starts beside its loop, and the messages in which all comes back.

use super::facts::GroupVersion;
use super::field::Field;
use super::repository::RepositoryRead;
use super::secrets::SecretFiles;
use super::stories::Told;
use crate::cluster::{ClusterError, ClusterEvent, Namespaces, Reader};
use crate::model::{CommitId, Live, ObjectKey, Problem, Rendered, SchemaSet, Scopes};
use futures::StreamExt as _;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What the engine hears.
pub(super) enum Message {
    /// The repository was read, but for its secrets, which take longer.
    Repository(Box<RepositoryRead>),
    /// What its files say about secrets.
    Secrets(Arc<SecretFiles>),
    /// The repository could not be read.
    Broken(Problem),
    /// A base was rendered, with that state of what the cluster adds.
    Base(Arc<str>, CommitId, u64, Arc<Rendered>),
    /// A commit was rendered again, with that state of what the cluster adds.
    Desired(Arc<str>, CommitId, u64, Result<Arc<Rendered>, Problem>),
    /// A connection stands, or does not.
    Connected(Arc<str>, u64, Box<Result<(Reader, Arc<str>), ClusterError>>),
    /// Something came from a cluster.
    Event(Arc<str>, u64, Box<ClusterEvent>),
    /// Objects were read by name.
    Read(Arc<str>, u64, Vec<(ObjectKey, Result<Option<Live>, ClusterError>)>),
    /// The schemas of a group and version came, or could not be had.
    Schema(Arc<str>, u64, GroupVersion, Option<Box<SchemaSet>>),
    /// A server was asked again what it serves.
    Discovered(Arc<str>, u64, Arc<Scopes>),
    /// History was walked.
    Stories(Arc<str>, Told),
    /// Read everything again.
    Refresh,
    /// A context belongs to an environment.
    Choose(Arc<str>, String, oneshot::Sender<Result<(), Problem>>),
    /// The exec plug-in of an environment's context may run.
    Consent(Arc<str>, oneshot::Sender<Result<(), Problem>>),
    /// An identity was unlocked, or a plug-in agreed to, whose program is to be remembered.
    Keys(Option<String>, oneshot::Sender<Result<(), Problem>>),
    /// We made or took back a commit.
    TakesBack(Option<CommitId>),
}

impl Message {
    /// True for what somebody waits for: it is published at once.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self, Self::Repository(_) | Self::Broken(_))
    }
}

/// Watches the kinds that are not watched yet.
pub(super) fn watch_more(
    name: &Arc<str>,
    field: &mut Field,
    reader: &Reader,
    sender: &mpsc::Sender<Message>,
) {
    let kinds = field.kinds_to_watch();
    if kinds.is_empty() {
        return;
    }
    let mut events = reader.watch(&kinds, &Namespaces::All);
    let (name, sender, epoch, stop) = (name.clone(), sender.clone(), field.epoch, field.stop.clone());
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = stop.cancelled() => return,
            };
            let Some(event) = event else { return };
            if sender.send(Message::Event(name.clone(), epoch, Box::new(event))).await.is_err() {
                return;
            }
        }
    });
}

/// Reads the schemas of custom kinds that git declares.
pub(super) fn read_schemas(
    name: &Arc<str>,
    field: &mut Field,
    reader: &Reader,
    sender: &mpsc::Sender<Message>,
) {
    for of in field.schemas_to_read() {
        let (name, sender, epoch, reader) = (name.clone(), sender.clone(), field.epoch, reader.clone());
        tokio::spawn(async move {
            let schema = reader.schema(&of.0, &of.1).await.ok().map(Box::new);
            let _ = sender.send(Message::Schema(name, epoch, of, schema)).await;
        });
    }
}

/// Asks again what the server serves.
pub(super) fn discover(name: &Arc<str>, field: &Field, sender: &mpsc::Sender<Message>) {
    let Some(reader) = field.facts.reader.clone() else { return };
    let (name, epoch, sender) = (name.clone(), field.epoch, sender.clone());
    tokio::spawn(async move {
        // A server that does not answer is told by its watches.
        if let Ok(found) = reader.connection().discover().await {
            let _ = sender.send(Message::Discovered(name, epoch, Arc::new(found.scopes))).await;
        }
    });
}

/// Reads by name what the field wants.
pub(super) fn read_wanted(
    name: &Arc<str>,
    field: &mut Field,
    reader: Reader,
    sender: &mpsc::Sender<Message>,
) {
    let wanted = field.take_wanted();
    if wanted.is_empty() {
        return;
    }
    let (name, sender, epoch) = (name.clone(), sender.clone(), field.epoch);
    tokio::spawn(async move {
        let answers = reader.get_many(&wanted).await;
        let _ = sender.send(Message::Read(name, epoch, answers)).await;
    });
}
