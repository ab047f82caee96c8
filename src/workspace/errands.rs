//! Errands: what the engine starts beside its loop, each of which comes back as a message.

use super::engine::Message;
use super::field::Field;
use crate::cluster::{Namespaces, Reader};
use futures::StreamExt as _;
use std::sync::Arc;
use tokio::sync::mpsc;

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
