//! Errands: what the engine starts beside its loop, each of which comes back as a message.

use super::engine::{Message, Outsides, RepositoryRead};
use super::field::Field;
use super::session::Session;
use crate::cluster::{Namespaces, Reader};
use crate::model::{CommitId, Problem, Revision};
use futures::StreamExt as _;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Reads HEAD and renders every environment.
pub(super) fn read(session: &Session, outsides: Outsides) -> Result<RepositoryRead, Problem> {
    let status = session.repo.status().map_err(|e| e.problem())?;
    let mut read = RepositoryRead {
        status,
        head: None,
        environments: Vec::new(),
        problems: session.problems.clone(),
        secrets: Arc::default(),
        outsides,
    };
    let Some(head) = session.head()? else { return Ok(read) };
    read.head = Some(session.repo.commit_at(head).map_err(|e| e.problem())?);
    let tree = session.tree(Revision::Commit(head))?;
    let found = session.environments(&*tree);
    read.problems.extend(found.problems);
    for environment in found.environments {
        let none = Arc::default();
        let outside = read.outsides.get(&environment.name).unwrap_or(&none);
        let rendered = session.render_with(&*tree, &environment, outside);
        read.environments.push((environment, rendered));
    }
    read.secrets = session.secret_files(&*tree, head);
    Ok(read)
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

/// Renders what was applied.
pub(super) fn render_base(
    name: &Arc<str>,
    field: &Field,
    commit: CommitId,
    session: Arc<Session>,
    sender: mpsc::Sender<Message>,
) {
    let (name, environment, outside) = (name.clone(), field.facts.environment.clone(), field.outside.clone());
    tokio::task::spawn_blocking(move || {
        // A commit that this clone does not have leaves the base unknown, which the verdicts then say.
        let tree = session.tree(Revision::Commit(commit));
        let rendered =
            tree.map(|tree| session.render_with(&*tree, &environment, &outside)).unwrap_or_default();
        let _ = sender.blocking_send(Message::Base(name, commit, outside.id, rendered));
    });
}

/// Renders git again, and forgets what was applied so that it is rendered again too: the cluster adds something else now.
pub(super) fn render_again(
    name: &Arc<str>,
    field: &mut Field,
    head: CommitId,
    session: Arc<Session>,
    sender: mpsc::Sender<Message>,
) {
    field.rendered_with = field.outside.id;
    field.rendering_again = true;
    field.rendering.clear();
    field.facts.bases = Arc::default();
    let (name, environment, outside) = (name.clone(), field.facts.environment.clone(), field.outside.clone());
    tokio::task::spawn_blocking(move || {
        let tree = session.tree(Revision::Commit(head));
        let rendered = tree.map(|tree| session.render_with(&*tree, &environment, &outside));
        let _ = sender.blocking_send(Message::Desired(name, head, outside.id, rendered));
    });
}
