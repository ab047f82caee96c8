//! `Plan`: what would be written, with its effect on every cluster; the only thing that can be committed.

use crate::git::TreeChange;
use crate::model::{Commit, CommitId, Coverage, LiveSecret, ObjectKey, Problem};
use crate::secret::SecretText;
use std::sync::Arc;

/// A change that is ready to be shown and, after that, committed. It is consumed by committing,
/// so what was shown is what is written, once.
#[derive(Debug)]
pub struct Plan {
    /// What it does, for the title: `revert 77aa310 "raise cart memory"`.
    pub title: String,
    /// The kind of change.
    pub kind: PlanKind,
    /// The commit it stands on; committing refuses when the branch has moved.
    pub base: CommitId,
    /// The branch that is checked out.
    pub branch: Arc<str>,
    /// True if the configuration protects the branch for an environment.
    pub protected: bool,
    /// The files it changes.
    pub files: Vec<PlanFile>,
    /// The effect on every environment; producers without an effect are left out.
    pub effects: Vec<PlanEffect>,
    /// How much was rendered on both sides; "no effect" is only said when it is complete.
    pub coverage: Coverage,
    /// What could not be rendered and therefore is not in `effects`.
    pub not_rendered: Vec<Problem>,
    /// What the firewall and the rules say. Errors forbid committing.
    pub findings: Vec<Problem>,
    /// The commit message, which the user may change.
    pub message: String,
    /// Who will be the author: `Ana <ana@example.com>`.
    pub author: String,
    /// How the commit will be signed; empty if it will not be.
    pub signing: String,
    /// How long it took to rehearse, in milliseconds.
    pub rehearsed_ms: u64,
    /// What is written: new contents of files, sealed bytes only.
    pub(crate) change: TreeChange,
}

#[cfg(test)]
impl Plan {
    /// A change of nothing, for plans that are only drawn.
    pub(crate) fn without_files(onto: CommitId) -> TreeChange {
        TreeChange { onto, files: Vec::new() }
    }
}

/// What a plan does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Reverts commits, newest first.
    Revert(Vec<CommitId>),
    /// An unpushed commit of ours, put on top of what the remote has.
    Replay(CommitId),
    /// Sets, adds or removes keys of sealed files.
    Seal,
}

/// One changed file.
#[derive(Clone, Debug)]
pub struct PlanFile {
    /// Its path.
    pub path: Arc<str>,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// The change as unified diff lines; ciphertext is shown as it stands in the file.
    pub diff: Vec<DiffLine>,
    /// For sealed files: "key password changed, 5 unchanged".
    pub note: String,
}

/// One line of a text diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// `+`, `-`, ` ` or `@`.
    pub sign: char,
    /// The line.
    pub text: String,
}

/// What the change does to one producer of one environment.
#[derive(Clone, Debug)]
pub struct PlanEffect {
    /// The environment.
    pub environment: Arc<str>,
    /// True if it is production.
    pub production: bool,
    /// The producer.
    pub producer: ObjectKey,
    /// The objects.
    pub objects: Vec<ObjectEffect>,
}

/// What the change does to one object.
#[derive(Clone, Debug)]
pub struct ObjectEffect {
    /// The object.
    pub key: ObjectKey,
    /// `+`, `~` or `-`.
    pub sign: char,
    /// In short: "image 1.8.2 → 1.8.1".
    pub summary: String,
    /// The changed fields.
    pub changes: Vec<super::FieldChange>,
    /// How many pods will be replaced, if any.
    pub rollout: Option<u32>,
    /// True if it is no longer declared and stays in the cluster all the same, since nothing prunes it.
    pub kept: bool,
    /// What to think about twice: "lowers a memory limit", "deletes a volume claim"; empty if nothing.
    pub caution: String,
}

/// Why there is no plan.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What stands in the way, where, and what to do.
    pub problem: Problem,
    /// Later commits in the way: reverting them too would work.
    pub also: Vec<Commit>,
}

/// Where a plan's commit goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The branch that is checked out.
    Current,
    /// A new branch on top of it; the checked-out branch stays.
    Branch(String),
}

/// The proof that a commit was made.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The commit.
    pub commit: Commit,
    /// The branch it is on.
    pub branch: Arc<str>,
}

/// What a push led to.
#[derive(Debug)]
pub enum PushOutcome {
    /// The remote has it.
    Pushed {
        /// How many commits.
        commits: usize,
        /// Where: `origin/main`.
        to: Arc<str>,
    },
    /// The remote had moved. Our commit, rehearsed on top of theirs, is this new plan; nothing was pushed.
    Moved {
        /// Their commits, newest first.
        theirs: Vec<Commit>,
        /// Our change on top of them.
        plan: Box<Plan>,
    },
}

/// One change to a sealed file.
pub enum KeyEdit {
    /// Sets or adds a key.
    Set {
        /// The key under `stringData` or `data`, or a path of keys.
        key: Arc<str>,
        /// Its new value.
        value: SecretText,
    },
    /// Sets or adds a key with a random value that nobody sees.
    Generate {
        /// The key.
        key: Arc<str>,
        /// How many letters it gets.
        letters: usize,
    },
    /// Gives a key another name.
    Rename {
        /// The key.
        key: Arc<str>,
        /// Its new name, without what it stands in.
        to: Arc<str>,
    },
    /// Removes a key.
    Remove {
        /// The key.
        key: Arc<str>,
    },
}

/// A change to one file that is sealed, or is going to be.
pub enum FileEdit {
    /// Keys of it; a file that is not there is made.
    Keys(Vec<KeyEdit>),
    /// What a plain file holds: as a whole where the file is new and of the same format, else key by key.
    Import {
        /// Its name, which gives its format.
        name: String,
        /// What stands in it; of a sealed file what stands there sealed.
        content: SecretText,
        /// These keys of it; none means all.
        keys: Vec<String>,
    },
    /// The same of a file of the repository: `FILE` at HEAD, `REV:FILE`, or `REV:` for the same file.
    Copy {
        /// Which.
        from: String,
        /// These keys of it; none means all.
        keys: Vec<String>,
    },
    /// A Secret of a cluster: as a new file of its name and type, or its keys.
    Live {
        /// It, with its values.
        secret: LiveSecret,
        /// These keys of it; none means all.
        keys: Vec<String>,
    },
    /// A plain file that is committed is sealed where it stands.
    Convert,
}

/// A sealed file as its form shows it: names and states, no value.
#[derive(Clone, Debug)]
pub struct SecretForm {
    /// The file.
    pub file: Arc<str>,
    /// True if it does not exist yet.
    pub new: bool,
    /// The rule of `.sops.yaml` that applies: `rule 2 (path_regex secrets/prod)`.
    pub rule: String,
    /// Who will be able to open it.
    pub recipients: Vec<Arc<str>>,
    /// Its keys, with their type.
    pub keys: Vec<(Arc<str>, &'static str)>,
    /// True for a SealedSecret: its values open in its cluster alone, and are never shown.
    pub sealed_secret: bool,
    /// What stands in the way of sealing, if anything.
    pub problems: Vec<Problem>,
}
