//! Verdicts: how an object, and each of its fields, stands between git and the cluster (diff.md 2.7).

use super::live::Manager;
use super::object::ObjectKey;
use super::problem::Reason;
use crate::yaml::Node;
use std::fmt;
use std::sync::Arc;

/// What git wants and the cluster does not have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PendingKind {
    /// The object will be made.
    Create,
    /// The object will change.
    Change,
    /// The object will go.
    Remove,
}

/// How one object stands. The order is urgency: what needs a person first comes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Git is ahead and the cluster was changed, at the same field.
    Conflict,
    /// The cluster was changed.
    Drifted,
    /// It was applied once and is gone from the cluster.
    Missing,
    /// Git no longer declares it and it will be, or was not, pruned.
    Extra {
        /// True if a policy keeps it.
        kept: bool,
    },
    /// Another controller says that it owns it.
    OwnedByOther(Arc<str>),
    /// It exists in the cluster, git declares it, and no controller has taken it over.
    Unadopted,
    /// Its mark names an owner that does not exist.
    Orphan,
    /// Nobody declares it.
    Unmanaged,
    /// It is being deleted.
    Terminating,
    /// Git is ahead.
    Pending(PendingKind),
    /// It could not be rendered.
    NotRendered(Reason),
    /// The server does not let us read it.
    Forbidden,
    /// It could not be compared; the text says why.
    Unknown(Arc<str>),
    /// Git and cluster agree.
    Synced,
}

/// How one field stands (the rows of diff.md 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldClass {
    /// Row 7: pending and drifted at once.
    Conflict,
    /// Rows 3, 6, 9: the cluster was changed.
    Drifted,
    /// Row 8: differs, and no base says which side moved.
    Changed,
    /// Row 11: the server does not know this field and drops it.
    InvalidInGit,
    /// Rows 2, 10, 12: git is ahead.
    Pending(PendingKind),
    /// Row 5: the server or an admission hook rewrote the value.
    MutatedOnWrite,
    /// Row 4: another controller rules this field by right (an autoscaler …).
    Delegated,
    /// Row 16: somebody else added a field that git does not mention.
    AddedByOthers,
    /// A rule of the controller or of the user says to ignore it.
    Ignored,
    /// Row 13: the server set it.
    SystemSet,
    /// Rows 13, 15, 17: the default.
    Defaulted,
    /// Row 13: nobody owns it.
    Unowned,
    /// Row 14: the controller adds it to what git says.
    InjectedByController,
    /// Row 17: cannot be told.
    Unknown,
    /// Row 1: equal.
    Synced,
}

/// One step into an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldStep {
    /// A mapping's key.
    Key(Arc<str>),
    /// The element of a keyed list, by the value of its key: `[cart]`, `[80,TCP]`.
    Item(Arc<str>),
    /// The element of a plain list, from 0.
    Index(usize),
}

/// The way to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<FieldStep>);

/// One field that is worth a line. Secret values are digests or closed leaves.
#[derive(Clone, Debug)]
pub struct FieldDiff {
    /// Where in the object.
    pub path: FieldPath,
    /// How it stands.
    pub class: FieldClass,
    /// What git says at the revision that is looked at, with its place in `mark`.
    pub desired: Option<Node>,
    /// What the cluster has.
    pub live: Option<Node>,
    /// What git said at the revision that was applied.
    pub base: Option<Node>,
    /// Who wrote the live value, if it is known.
    pub by: Option<Manager>,
    /// A hint for people ("null has no effect", "restarted by hand"); empty if none.
    pub note: String,
}

/// One object, compared.
#[derive(Clone, Debug)]
pub struct ObjectDiff {
    /// The object.
    pub key: ObjectKey,
    /// The worst of its fields, or what its presence says.
    pub verdict: Verdict,
    /// Fields that are shown, in order of the object.
    pub fields: Vec<FieldDiff>,
    /// Fields that are folded with a count: delegated, mutated on write, added by others, ignored, dropped by the server.
    pub folded: Vec<FieldDiff>,
    /// How many fields are hidden because they say nothing: defaults, allocations, marks of the controller.
    pub hidden: usize,
    /// True if no schema was at hand and lists were paired by guess.
    pub approximate: bool,
}

impl Verdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Drifted => "drifted",
            Self::Missing => "missing",
            Self::Extra { kept: false } => "extra",
            Self::Extra { kept: true } => "kept",
            Self::OwnedByOther(_) => "owned by other",
            Self::Unadopted => "unadopted",
            Self::Orphan => "orphan",
            Self::Unmanaged => "unmanaged",
            Self::Terminating => "terminating",
            Self::Pending(_) => "pending",
            Self::NotRendered(_) => "not rendered",
            Self::Forbidden => "forbidden",
            Self::Unknown(_) => "unknown",
            Self::Synced => "synced",
        }
    }

    /// True if there is nothing to report.
    pub fn is_synced(&self) -> bool {
        *self == Self::Synced
    }
}

impl FieldClass {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Drifted => "drifted",
            Self::Changed => "changed",
            Self::InvalidInGit => "unknown field",
            Self::Pending(_) => "pending",
            Self::MutatedOnWrite => "rewritten on write",
            Self::Delegated => "delegated",
            Self::AddedByOthers => "added by others",
            Self::Ignored => "ignored",
            Self::SystemSet => "set by the system",
            Self::Defaulted => "default",
            Self::Unowned => "unowned",
            Self::InjectedByController => "controller's mark",
            Self::Unknown => "unknown",
            Self::Synced => "synced",
        }
    }
}

/// `spec.template.spec.containers[cart].image`; keys with dots in brackets and quotes.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                FieldStep::Key(key) if key.contains('.') || key.contains('/') => write!(f, "[\"{key}\"]")?,
                FieldStep::Key(key) if index == 0 => f.write_str(key)?,
                FieldStep::Key(key) => write!(f, ".{key}")?,
                FieldStep::Item(item) => write!(f, "[{item}]")?,
                FieldStep::Index(number) => write!(f, "[{number}]")?,
            }
        }
        Ok(())
    }
}
