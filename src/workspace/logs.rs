//! Logs of an object's pods, followed until nobody wants them any more.

use super::details::LogLine;
use super::publish::FieldFacts;
use crate::cluster::{LogOptions, Reader};
use crate::model::{Live, ObjectKey, Problem, Reason};
use crate::yaml::Node;
use futures::StreamExt as _;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Lines that wait for a slow screen.
const WAITING: usize = 1024;
/// Lines of the past that are shown first, for each container.
const TAIL: usize = 200;
/// Containers that are followed at once.
const MOST: usize = 20;

/// Follows all containers of a pod, or of the pods below a workload.
pub(super) fn follow(
    reader: &Reader,
    field: &FieldFacts,
    key: &ObjectKey,
    cancel: &CancellationToken,
) -> Result<mpsc::Receiver<LogLine>, Problem> {
    let containers: Vec<(ObjectKey, String)> = pods(field, key)
        .iter()
        .flat_map(|pod| names(pod).into_iter().map(|name| (pod.key.clone(), name)))
        .take(MOST)
        .collect();
    if containers.is_empty() {
        return Err(Problem::error(Reason::MissingFile, format!("{key} has no pods to read logs from")));
    }
    let (sender, lines) = mpsc::channel(WAITING);
    for (pod, container) in containers {
        let (reader, sender, cancel) = (reader.clone(), sender.clone(), cancel.clone());
        tokio::spawn(async move {
            let source: Arc<str> = format!("{}/{container}", pod.name).into();
            let options = LogOptions { tail: Some(TAIL), follow: true, ..LogOptions::default() };
            let mut stream = match reader.logs(&pod, Some(&container), options).await {
                Ok(stream) => Box::pin(stream),
                Err(error) => {
                    // The reason stands where the lines would stand.
                    let _ = sender.send(LogLine { source, text: error.problem().cause }).await;
                    return;
                }
            };
            loop {
                let line = tokio::select! {
                    line = stream.next() => line,
                    () = cancel.cancelled() => return,
                };
                let Some(line) = line else { return };
                let text = line.unwrap_or_else(|error| error.problem().cause);
                if sender.send(LogLine { source: source.clone(), text }).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(lines)
}

fn pods(field: &FieldFacts, key: &ObjectKey) -> Vec<Arc<Live>> {
    let live = &field.facts.live;
    let Some(object) = live.get(key) else { return Vec::new() };
    if &*key.kind == "Pod" {
        return vec![object.clone()];
    }
    let mut uids: HashSet<Arc<str>> = [object.uid.clone()].into();
    for kind in ["Job", "ReplicaSet"] {
        let owned =
            live.values().filter(|l| &*l.key.kind == kind && l.owners.iter().any(|o| uids.contains(&o.uid)));
        let more: Vec<Arc<str>> = owned.map(|l| l.uid.clone()).collect();
        uids.extend(more);
    }
    let mut pods: Vec<Arc<Live>> = live
        .values()
        .filter(|l| &*l.key.kind == "Pod" && l.owners.iter().any(|o| uids.contains(&o.uid)))
        .cloned()
        .collect();
    pods.sort_by(|a, b| a.key.cmp(&b.key));
    pods
}

fn names(pod: &Live) -> Vec<String> {
    let containers = pod.body.at_path(&["spec", "containers"]).and_then(Node::as_seq).unwrap_or_default();
    containers.iter().filter_map(|c| c.str_at(&["name"]).map(str::to_owned)).collect()
}
