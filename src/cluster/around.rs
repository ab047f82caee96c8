//! What surrounds an object: its events, the Pods of a workload, the logs of a container.

use super::error::ClusterError;
use super::object::{Asked, Page};
use super::path;
use super::read::Reader;
use super::request::{Lines, accept};
use crate::model::{Live, ObjectKey, clean};
use crate::yaml::Node;
use futures::Stream;
use serde::Deserialize;
use std::fmt::Write as _;
use std::time::Duration;

/// Events that are read of one object at most.
const EVENTS: usize = 500;
/// A log that is followed may be silent for a day.
const SILENT: Duration = Duration::from_hours(24);
/// A line of a log is shown up to here.
const LINE: usize = 16 << 10;

/// One event of an object. Texts are safe for a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// When it was last seen, RFC 3339.
    pub last: String,
    /// How often it was seen.
    pub count: u64,
    /// True for warnings.
    pub warning: bool,
    /// The reason code.
    pub reason: String,
    /// The message.
    pub message: String,
    /// Who says so.
    pub source: String,
}

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only so many lines of the end.
    pub tail: Option<usize>,
    /// True to go on as new lines come.
    pub follow: bool,
    /// True for the container before the last restart.
    pub previous: bool,
    /// True to have each line begin with its time.
    pub timestamps: bool,
}

impl Reader {
    /// The events about an object, oldest first. Those of its predecessors of the same name are among them.
    pub async fn events(&self, key: &ObjectKey) -> Result<Vec<ObjectEvent>, ClusterError> {
        // Events about cluster-scoped objects live in `default`.
        let namespace = if key.namespace.is_empty() { "default" } else { &key.namespace };
        let about = format!("involvedObject.kind={},involvedObject.name={}", key.kind, key.name);
        let events = ObjectKey::new("", "Event", namespace, "");
        let info = self.served(&events, "v1")?;
        let path = path::of(info, "", "v1", namespace, None)?;
        let query = format!("?limit={EVENTS}&fieldSelector={}", path::encode(&about));
        let answer = self.connection().fetch(&format!("{path}{query}"), accept::JSON).await?;
        let list: EventList =
            serde_json::from_slice(&answer).map_err(|e| self.connection().malformed("events", &e))?;
        let mut events: Vec<ObjectEvent> = list.items.into_iter().map(RawEvent::told).collect();
        events.sort_by(|a, b| a.last.cmp(&b.last));
        Ok(events)
    }

    /// The Pods that a workload or Service selects; a Pod is its own.
    pub async fn pods(&self, workload: &Live) -> Result<Vec<Live>, ClusterError> {
        if workload.key.group.is_empty() && &*workload.key.kind == "Pod" {
            return Ok(vec![workload.clone()]);
        }
        let Some(selector) = workload.body.at_path(&["spec", "selector"]).and_then(selector) else {
            return Ok(Vec::new());
        };
        self.select("Pod", &workload.key.namespace, &selector).await
    }

    /// The objects of a core kind in a namespace that a label selector chooses.
    async fn select(&self, kind: &str, namespace: &str, selector: &str) -> Result<Vec<Live>, ClusterError> {
        let info = self.served(&ObjectKey::new("", kind, namespace, ""), "v1")?;
        let path = path::of(info, "", "v1", namespace, None)?;
        let asked = Asked { group: "".into(), version: "v1".into(), kind: kind.into(), whole: true };
        let mut decoder = self.decoder();
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let mut query = format!("?limit=500&labelSelector={}", path::encode(selector));
            if !next.is_empty() {
                write!(query, "&continue={}", path::encode(&next)).unwrap_or_default();
            }
            let answer = self.connection().fetch(&format!("{path}{query}"), accept::JSON).await?;
            let malformed = |error| self.connection().malformed(&format!("a list of {kind}s"), &error);
            let page = Page::read(&answer).map_err(malformed)?;
            for item in page.items() {
                found.push(decoder.decode(item, &asked).map_err(malformed)?);
            }
            if page.metadata.r#continue.is_empty() {
                return Ok(found);
            }
            next = page.metadata.r#continue;
        }
    }

    /// The log of a container, line by line, each safe for a screen. With one container in the Pod none need be named.
    pub async fn logs(
        &self,
        pod: &ObjectKey,
        container: Option<&str>,
        options: LogOptions,
    ) -> Result<impl Stream<Item = Result<String, ClusterError>> + Send + use<>, ClusterError> {
        let info = self.served(pod, "v1")?;
        let mut path = path::of(info, "", "v1", &pod.namespace, Some(&pod.name))?;
        write!(path, "/log?follow={}&previous={}", options.follow, options.previous).unwrap_or_default();
        write!(path, "&timestamps={}", options.timestamps).unwrap_or_default();
        if let Some(tail) = options.tail {
            write!(path, "&tailLines={tail}").unwrap_or_default();
        }
        if let Some(container) = container {
            write!(path, "&container={}", path::encode(container)).unwrap_or_default();
        }
        let idle = if options.follow { SILENT } else { self.connection().patience.idle };
        let lines = self.connection().open(&path, accept::ANY, idle).await?;
        Ok(futures::stream::unfold(Some(lines), |lines| async move {
            let mut lines: Lines = lines?;
            match lines.next().await {
                Ok(None) => None,
                Ok(Some(line)) => {
                    let shown = &line[..line.len().min(LINE)];
                    let mut text = clean(&String::from_utf8_lossy(shown));
                    if shown.len() < line.len() {
                        text.push('…');
                    }
                    Some((Ok(text), Some(lines)))
                }
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

/// A workload's selector as a query: `matchLabels` and `matchExpressions`, or a Service's plain mapping.
fn selector(node: &Node) -> Option<String> {
    let map = node.as_map()?;
    let labelled = map.contains("matchLabels") || map.contains("matchExpressions");
    let labels = if labelled { node.get("matchLabels").and_then(Node::as_map) } else { Some(map) };
    let mut parts: Vec<String> = labels
        .into_iter()
        .flat_map(crate::yaml::Map::iter)
        .filter_map(|(name, value)| Some(format!("{name}={}", value.scalar_text()?)))
        .collect();
    for rule in node.get("matchExpressions").and_then(Node::as_seq).unwrap_or_default() {
        let (name, operator) = (rule.str_at(&["key"])?, rule.str_at(&["operator"])?);
        let values = rule.get("values").and_then(Node::as_seq).unwrap_or_default();
        let values: Vec<&str> = values.iter().filter_map(Node::scalar_text).collect();
        parts.push(match operator {
            "In" => format!("{name} in ({})", values.join(",")),
            "NotIn" => format!("{name} notin ({})", values.join(",")),
            "Exists" => name.to_owned(),
            "DoesNotExist" => format!("!{name}"),
            _ => return None,
        });
    }
    // An empty selector would choose every Pod of the namespace.
    (!parts.is_empty()).then(|| parts.join(","))
}

#[derive(Deserialize)]
struct EventList {
    #[serde(default)]
    items: Vec<RawEvent>,
}

/// Both generations of events: `count` and `lastTimestamp`, or `series` and `eventTime`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawEvent {
    r#type: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    count: Option<u64>,
    last_timestamp: Option<String>,
    event_time: Option<String>,
    series: Option<Series>,
    source: Source,
    reporting_component: Option<String>,
    metadata: EventMeta,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Series {
    count: u64,
    last_observed_time: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    component: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EventMeta {
    creation_timestamp: Option<String>,
}

impl RawEvent {
    fn told(self) -> ObjectEvent {
        let text = |text: Option<String>| clean(text.as_deref().unwrap_or(""));
        let series = self.series.unwrap_or_default();
        let times = [
            series.last_observed_time,
            self.last_timestamp,
            self.event_time,
            self.metadata.creation_timestamp,
        ];
        let reporting = self.reporting_component.filter(|c| !c.is_empty());
        ObjectEvent {
            last: text(times.into_iter().flatten().find(|t| !t.is_empty())),
            count: self.count.unwrap_or(1).max(series.count),
            warning: self.r#type.as_deref() == Some("Warning"),
            reason: text(self.reason),
            message: text(self.message),
            source: text(reporting.or(self.source.component)),
        }
    }
}
