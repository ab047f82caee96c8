//! A live object with the clock, and the questions that rules ask of it.

use crate::model::{Health, HealthState, Live, instant, screened};
use crate::yaml::Node;

/// One object at one moment.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub live: &'a Live,
    /// Seconds since 1970.
    pub now: i64,
}

/// One condition, read in place.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    node: &'a Node,
}

impl<'a> Seen<'a> {
    pub fn at(&self, path: &[&str]) -> Option<&'a Node> {
        self.live.body.at_path(path)
    }

    pub fn text(&self, path: &[&str]) -> &'a str {
        self.at(path).and_then(Node::scalar_text).unwrap_or("")
    }

    pub fn number(&self, path: &[&str]) -> Option<i64> {
        self.at(path)?.as_i64()
    }

    pub fn is(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Node::as_bool) == Some(true)
    }

    pub fn list(&self, path: &[&str]) -> &'a [Node] {
        self.at(path).and_then(Node::as_seq).unwrap_or(&[])
    }

    /// The condition of this type. One that speaks of an older generation does not count.
    pub fn condition(&self, kind: &str) -> Option<Said<'a>> {
        let generation = self.number(&["metadata", "generation"]);
        self.list(&["status", "conditions"])
            .iter()
            .find(|c| c.str_at(&["type"]) == Some(kind))
            .filter(|c| {
                let of = c.get("observedGeneration").and_then(Node::as_i64);
                of.is_none() || of == Some(0) || generation.is_none() || of == generation
            })
            .map(|node| Said { node })
    }

    /// Seconds since an RFC 3339 text; 0 for what cannot be read or lies ahead (clocks differ).
    pub fn age(&self, since: &str) -> i64 {
        instant(since).map_or(0, |(seconds, _)| (self.now - seconds).max(0))
    }
}

impl<'a> Said<'a> {
    pub fn is(self, status: &str) -> bool {
        self.node.str_at(&["status"]) == Some(status)
    }

    pub fn reason(self) -> &'a str {
        self.node.str_at(&["reason"]).unwrap_or("")
    }

    pub fn since(self) -> &'a str {
        self.node.str_at(&["lastTransitionTime"]).unwrap_or("")
    }

    /// What it says, for people: the first line of its message, else its reason.
    pub fn words(self) -> String {
        let message = self.node.str_at(&["message"]).unwrap_or("");
        said(message, self.reason())
    }
}

/// The first line of a message, or what stands in for it; safe for a screen.
pub(super) fn said(message: &str, otherwise: &str) -> String {
    let line = message.lines().next().unwrap_or("").trim();
    screened(if line.is_empty() { otherwise } else { line })
}

pub(super) fn degraded(reason: impl Into<String>) -> Health {
    Health::new(HealthState::Degraded, reason)
}

pub(super) fn progressing(reason: impl Into<String>) -> Health {
    Health::new(HealthState::Progressing, reason)
}

pub(super) fn suspended(reason: impl Into<String>) -> Health {
    Health::new(HealthState::Suspended, reason)
}

/// A span of time as people say it.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
