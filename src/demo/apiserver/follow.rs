//! Watches and followed logs: streams that wake up with each change of the store.

use super::answer::{self, Answer, Form};
use super::list::{Target, metadata_only, shown};
use super::select::{Query, Selector};
use super::store::{Change, Store};
use futures::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

/// How often a silent watch gets a bookmark.
const BOOKMARK: Duration = Duration::from_mins(1);
/// How long a watch lasts if the client does not say.
const LASTS: Duration = Duration::from_mins(30);
/// The annotation of the bookmark that closes the initial events (KEP-3157).
const INITIAL_END: &str = "k8s.io/initial-events-end";

struct Watch {
    store: Arc<Store>,
    target: Target,
    query: Query,
    selector: Selector,
    form: Form,
    bell: Receiver<u64>,
    seen: u64,
    ready: VecDeque<String>,
    until: Instant,
    bookmark: Instant,
    bookmarks: bool,
    over: bool,
}

/// Answers a watch.
pub(super) fn watch(store: &Arc<Store>, target: Target, query: Query, form: Form) -> Answer {
    let selector = match Selector::read(&query, &target.kind) {
        Ok(selector) => selector,
        Err(message) => return answer::bad_request(&message),
    };
    let initial = query.is("sendInitialEvents") && query.get("sendInitialEvents").is_some();
    if initial && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        let message = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires \
                       setting resourceVersionMatch to NotOlderThan";
        let cause = json!({"reason": "FieldValueForbidden", "field": "resourceVersionMatch",
            "message": "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"});
        let details = json!({"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]});
        return answer::failure(http::StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message, details);
    }
    let from: Option<u64> = match query.get("resourceVersion").map(str::parse) {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => return answer::bad_request("resource version is no number"),
    };
    let lasts = query.number("timeoutSeconds").map_or(LASTS, |s| Duration::from_secs(s as u64));
    let now = Instant::now();
    let mut watch = Watch {
        bell: store.changed.subscribe(),
        store: store.clone(),
        bookmarks: query.is("allowWatchBookmarks") && query.get("allowWatchBookmarks").is_some(),
        target,
        query,
        selector,
        form,
        seen: 0,
        ready: VecDeque::new(),
        until: now + lasts,
        bookmark: now + BOOKMARK,
        over: false,
    };
    watch.begin(from, initial);
    answer::stream(
        "application/json",
        stream::unfold(watch, |mut watch| async move { watch.next().await.map(|line| (line, watch)) }),
    )
}

impl Watch {
    /// Without a version, or from 0, all there is comes first.
    fn begin(&mut self, from: Option<u64>, initial: bool) {
        let store = self.store.clone();
        let inner = store.lock();
        match from.filter(|v| *v > 0 && !initial) {
            Some(version) if version < inner.forgotten() => {
                let message = format!("too old resource version: {version} ({})", inner.forgotten());
                self.ready.push_back(line("ERROR", &answer::gone(&message)));
                self.over = true;
            }
            Some(version) => self.seen = version,
            None => {
                let all = inner.of_kind(self.target.place).map(|(_, object)| object.clone());
                let objects: Vec<Arc<Value>> = all.filter(|o| self.wants(o)).collect();
                for object in &objects {
                    self.tell("ADDED", object);
                }
                self.seen = inner.version;
                if initial && self.bookmarks {
                    self.bookmark_line(json!({INITIAL_END: "true"}));
                }
            }
        }
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            if self.over || Instant::now() >= self.until {
                return None;
            }
            self.collect();
            if !self.ready.is_empty() || self.over {
                continue;
            }
            tokio::select! {
                changed = self.bell.changed() => self.over = changed.is_err(),
                () = tokio::time::sleep_until(self.until) => self.over = true,
                () = tokio::time::sleep_until(self.bookmark) => {
                    self.bookmark = Instant::now() + BOOKMARK;
                    if self.bookmarks {
                        self.bookmark_line(Value::Null);
                    }
                }
            }
        }
    }

    /// Takes what happened since the last look.
    fn collect(&mut self) {
        let store = self.store.clone();
        let inner = store.lock();
        if self.seen < inner.forgotten() {
            let message = format!("too old resource version: {} ({})", self.seen, inner.forgotten());
            self.ready.push_back(line("ERROR", &answer::gone(&message)));
            self.over = true;
            return;
        }
        let new: Vec<Change> =
            inner.history.iter().rev().take_while(|c| c.version > self.seen).cloned().collect();
        let own = self.target.place;
        new.iter().rev().filter(|c| c.place.0 == own).for_each(|change| self.change(change));
        self.seen = self.seen.max(inner.version);
        // The CRD is gone: nothing more will come.
        self.over |= inner.kinds.get(self.target.place).is_none_or(Option::is_none);
    }

    /// What enters or leaves the selection is added or deleted for this watch.
    fn change(&mut self, change: &Change) {
        let before = change.before.as_ref().is_some_and(|o| self.wants(o));
        match (&change.after, &change.deleted) {
            (Some(after), _) if self.wants(after) => {
                self.tell(if before { "MODIFIED" } else { "ADDED" }, after);
            }
            (Some(gone), _) | (None, Some(gone)) if before => self.tell("DELETED", gone),
            _ => {}
        }
    }

    fn wants(&self, object: &Value) -> bool {
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
        self.target.namespace.as_deref().is_none_or(|n| Some(n) == namespace) && self.selector.matches(object)
    }

    fn tell(&mut self, kind: &str, object: &Value) {
        let object = shown(object, &self.target, self.form, &self.query, self.store.now());
        self.ready.push_back(line(kind, &object));
    }

    fn bookmark_line(&mut self, annotations: Value) {
        let mut metadata = json!({"resourceVersion": self.seen.to_string()});
        if !annotations.is_null() {
            metadata["annotations"] = annotations;
        }
        let kind = &self.target.kind;
        let object = json!({"kind": kind.kind, "apiVersion": kind.api_version(&self.target.version), "metadata": metadata});
        let object = if self.form == Form::Metadata { metadata_only(&object) } else { object };
        self.ready.push_back(line("BOOKMARK", &object));
    }
}

fn line(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

struct Follow {
    store: Arc<Store>,
    bell: Receiver<u64>,
    container: (String, String, String),
    from: usize,
    times: bool,
    more: bool,
    first: Option<String>,
}

/// Answers `pods/log`.
pub(super) fn log(store: &Arc<Store>, container: (String, String, String), query: &Query) -> Answer {
    let times = query.is("timestamps") && query.get("timestamps").is_some();
    let (lines, from) = store.lock().logs.since(&container.0, &container.1, &container.2, 0);
    let tail = query.number("tailLines").unwrap_or(lines.len()).min(lines.len());
    let since = query.number("sinceSeconds").map(|s| i64::try_from(s).unwrap_or(i64::MAX));
    let oldest = since.map_or(i64::MIN, |s| store.now().as_second().saturating_sub(s));
    let young = |time: &str| time.parse::<jiff::Timestamp>().is_ok_and(|t| t.as_second() >= oldest);
    let chosen: Vec<(String, String)> = lines[lines.len() - tail..]
        .iter()
        .filter(|(time, _)| oldest == i64::MIN || young(time))
        .cloned()
        .collect();
    let mut first = text(&chosen, times);
    if let Some(limit) = query.number("limitBytes") {
        let end = (0..=limit.min(first.len())).rev().find(|at| first.is_char_boundary(*at)).unwrap_or(0);
        first.truncate(end);
    }
    let more = query.is("follow") && query.get("follow").is_some();
    let follow = Follow {
        bell: store.changed.subscribe(),
        store: store.clone(),
        container,
        from,
        times,
        more,
        first: Some(first),
    };
    answer::stream(
        "text/plain",
        stream::unfold(follow, |mut follow| async move { follow.next().await.map(|text| (text, follow)) }),
    )
}

impl Follow {
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take().filter(|f| !f.is_empty()) {
            return Some(first);
        }
        while self.more {
            let (namespace, pod, container) = &self.container;
            let (lines, from) = self.store.lock().logs.since(namespace, pod, container, self.from);
            self.from = from;
            if !lines.is_empty() {
                return Some(text(&lines, self.times));
            }
            self.bell.changed().await.ok()?;
            self.more = self.store.get(&crate::model::ObjectKey::new("", "Pod", namespace, pod)).is_some();
        }
        None
    }
}

fn text(lines: &[(String, String)], times: bool) -> String {
    lines
        .iter()
        .map(|(time, line)| if times { format!("{time} {line}\n") } else { format!("{line}\n") })
        .collect()
}
