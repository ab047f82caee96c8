//! What a face can ask about one object: its comparison, texts, events, history and logs.

use crate::model::{Commit, CommitId, Health, ObjectDiff, ObjectKey, Origin, Place, Problem};
use std::sync::Arc;

/// An object of one environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// The environment.
    pub environment: Arc<str>,
    /// The object.
    pub key: ObjectKey,
}

/// All about one object, read afresh. Texts are masked and safe for a screen.
#[derive(Clone, Debug)]
pub struct Details {
    /// Which object.
    pub id: ObjectId,
    /// The three-way comparison.
    pub diff: ObjectDiff,
    /// How it is doing.
    pub health: Health,
    /// Where git declares it.
    pub origin: Option<Origin>,
    /// The producer.
    pub producer: Option<ObjectKey>,
    /// What git says, as YAML.
    pub desired: Option<String>,
    /// What the cluster has, as YAML.
    pub live: Option<String>,
    /// Name and value pairs for the Describe tab, in order; an empty value starts a section.
    pub describe: Vec<(String, String)>,
    /// Its events, newest first.
    pub events: Vec<EventLine>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// The commit that the desired side was rendered at.
    pub revision: Option<Commit>,
    /// The commit that was applied, which the base was rendered at.
    pub applied: Option<Commit>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    /// Seconds since 1970.
    pub at: i64,
    /// True for warnings.
    pub warning: bool,
    /// The reason code.
    pub reason: String,
    /// The message.
    pub message: String,
    /// How often.
    pub count: u32,
    /// Who says so.
    pub source: String,
}

/// The commits that changed a rendered object, newest first.
#[derive(Clone, Debug)]
pub struct History {
    /// Which object.
    pub id: ObjectId,
    /// The commits.
    pub entries: Vec<HistoryEntry>,
    /// How many commits were looked at.
    pub seen: usize,
    /// True if the walk reached the root of history.
    pub complete: bool,
    /// Commits at which it could not be rendered, one run after the other, newest first.
    pub gaps: Vec<Gap>,
    /// What ended the walk early.
    pub problems: Vec<Problem>,
}

/// A run of commits at which an object could not be rendered, all for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The newest of them.
    pub newest: CommitId,
    /// The oldest of them.
    pub oldest: CommitId,
    /// How many they are.
    pub commits: usize,
    /// Why.
    pub problem: Problem,
}

impl Gap {
    /// The reason with the commits in its cause, oldest first.
    pub fn told(&self) -> Problem {
        let (newest, oldest, cause) = (self.newest.short(), self.oldest.short(), &self.problem.cause);
        let cause = match self.commits {
            1 => format!("not rendered at {newest}: {cause}"),
            many => format!("not rendered at {many} commits from {oldest} to {newest}: {cause}"),
        };
        Problem { cause, ..self.problem.clone() }
    }
}

/// One commit that changed the object.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// The commit.
    pub commit: Commit,
    /// What changed in the rendered object: "image 1.8.1 → 1.8.2".
    pub summary: String,
    /// The changes themselves: path, before, after (masked text).
    pub changes: Vec<FieldChange>,
    /// Where the change was made.
    pub place: Option<Place>,
    /// Other producers that the commit changes too, by environment.
    pub also: Vec<ObjectId>,
    /// How far the cluster's controller has come with it.
    pub deployed: Deployed,
}

/// How far a controller has come with a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deployed {
    /// No cluster is looked at, or it has no controller to ask.
    #[default]
    Unasked,
    /// It has not seen it.
    NotYet,
    /// It has tried and not succeeded: what it could apply may be in the cluster.
    Tried,
    /// It says that it applied it.
    Applied,
}

impl Deployed {
    /// One word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unasked => "",
            Self::NotYet => "not yet",
            Self::Tried => "tried",
            Self::Applied => "applied",
        }
    }
}

/// One changed field as a face shows it; secrets are named, never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field.
    pub path: String,
    /// Before; `None` if it was not there. Secret values read `sealed`.
    pub before: Option<String>,
    /// After; `None` if it is gone.
    pub after: Option<String>,
    /// Where the new value stands.
    pub place: Option<Place>,
}

/// One line of a log, safe for a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// `pod/container`.
    pub source: Arc<str>,
    /// The text.
    pub text: String,
}
