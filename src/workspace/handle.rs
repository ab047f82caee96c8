//! `Workspace`: the handle that faces hold.

use super::{
    Committed, Destination, Details, FieldChange, History, KeyEdit, LogLine, ObjectId, Plan, PushOutcome,
    Refusal, SecretForm, Snapshot,
};
use crate::model::{Commit, CommitId, Problem, Reason};
use crate::secret::SecretText;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What a workspace is opened with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The repository, or a folder inside it.
    pub path: PathBuf,
    /// The kubeconfig to use instead of the usual ones.
    pub kubeconfig: Option<PathBuf>,
    /// The context for the (only) environment.
    pub context: Option<String>,
    /// True to look at git only.
    pub no_cluster: bool,
}

/// One repository and its clusters. Cloning shares it.
#[derive(Clone)]
pub struct Workspace {
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

type Answer<T> = Result<T, Problem>;

fn not_yet<T>() -> Answer<T> {
    Err(Problem::error(Reason::NotSupported, "not built yet"))
}

impl Workspace {
    /// The stream of snapshots; the first one is there at once.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Reads git and clusters again.
    pub fn refresh(&self) {}

    /// Says which context belongs to an environment, and remembers it.
    pub async fn choose_context(&self, environment: &str, context: &str) -> Answer<()> {
        let _ = (environment, context);
        not_yet()
    }

    /// Agrees to run the program that the kubeconfig names for this environment.
    pub async fn consent(&self, environment: &str) -> Answer<()> {
        let _ = environment;
        not_yet()
    }

    /// All about one object.
    pub async fn details(&self, id: &ObjectId) -> Answer<Details> {
        let _ = id;
        not_yet()
    }

    /// The commits that changed a rendered object.
    pub async fn history(&self, id: &ObjectId, cancel: &CancellationToken) -> Answer<History> {
        let _ = (id, cancel);
        not_yet()
    }

    /// How a rendered object differs between a commit and what is viewed now.
    pub async fn compare(&self, id: &ObjectId, with: CommitId) -> Answer<Vec<FieldChange>> {
        let _ = (id, with);
        not_yet()
    }

    /// The newest commits, newest first.
    pub async fn commits(&self, limit: usize) -> Answer<Vec<Commit>> {
        let _ = limit;
        not_yet()
    }

    /// Follows the logs of an object's pods until `cancel`.
    pub async fn logs(&self, id: &ObjectId, cancel: &CancellationToken) -> Answer<mpsc::Receiver<LogLine>> {
        let _ = (id, cancel);
        not_yet()
    }

    /// Rehearses the revert of commits.
    pub async fn plan_revert(&self, commits: &[CommitId]) -> Result<Plan, Box<Refusal>> {
        let _ = commits;
        Err(Box::new(Refusal {
            problem: Problem::error(Reason::NotSupported, "not built yet"),
            also: vec![],
        }))
    }

    /// The form for a sealed file; a file that does not exist yet gives an empty form.
    pub async fn secret_form(&self, file: &str) -> Answer<SecretForm> {
        let _ = file;
        not_yet()
    }

    /// Rehearses changes to one sealed file. The values are consumed.
    pub async fn plan_seal(&self, file: &str, edits: Vec<KeyEdit>) -> Answer<Plan> {
        let _ = (file, edits);
        not_yet()
    }

    /// Rehearses sealing a file again for the recipients that the rules give now, under a new data key.
    pub async fn plan_reseal(&self, files: &[String]) -> Answer<Plan> {
        let _ = files;
        not_yet()
    }

    /// One value, asked for by a person; logged without the value.
    pub async fn reveal(&self, file: &str, key: &str) -> Answer<SecretText> {
        let _ = (file, key);
        not_yet()
    }

    /// Commits a plan. Nothing else writes to the repository.
    pub async fn commit(&self, plan: Plan, to: Destination) -> Answer<Committed> {
        let _ = (plan, to);
        not_yet()
    }

    /// Takes back the last unpushed commit of ours.
    pub async fn take_back(&self) -> Answer<Commit> {
        not_yet()
    }

    /// Pushes the checked-out branch, never by force.
    pub async fn push(&self) -> Answer<PushOutcome> {
        not_yet()
    }
}
