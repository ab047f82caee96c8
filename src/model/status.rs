//! What a controller says about one of its own objects.

use super::object::ObjectKey;
use std::fmt;
use std::sync::Arc;

/// A revision as a controller writes it: `main@sha1:<hex>`, `sha256:<hex>`, a chart version …
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceRevision {
    /// The text as written.
    pub text: Arc<str>,
    /// The branch or tag in front of `@`, if any.
    pub reference: Option<Arc<str>>,
    /// The 40 hex digits, if it names a git commit.
    pub commit: Option<super::commit::CommitId>,
}

/// `True`, `False` or `Unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known.
    Unknown,
}

/// One condition of an object's status. Texts are safe for a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type, for example `Ready`.
    pub kind: Arc<str>,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The reason code.
    pub reason: Arc<str>,
    /// The message.
    pub message: Arc<str>,
    /// Since when, RFC 3339; empty if unknown.
    pub since: Arc<str>,
}

/// What a producer's controller says (diff.md 4.1).
#[derive(Clone, Debug)]
pub struct ProducerStatus {
    /// The producer.
    pub key: ObjectKey,
    /// True if it is suspended in the cluster.
    pub suspended: bool,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// The revision that was last applied with success.
    pub applied: Option<SourceRevision>,
    /// The revision that was last tried.
    pub attempted: Option<SourceRevision>,
    /// For sources: the revision of the stored artifact.
    pub artifact: Option<SourceRevision>,
    /// The source object that it reads from.
    pub source: Option<ObjectKey>,
    /// The producers it waits for, as it says itself.
    pub waiting_on: Vec<ObjectKey>,
    /// The objects it made; the namespace is empty for cluster-scoped ones.
    pub inventory: Vec<ObjectKey>,
    /// True if the controller has seen the newest spec.
    pub observed: bool,
}

impl ProducerStatus {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| &*c.kind == kind)
    }
}

impl fmt::Display for SourceRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
