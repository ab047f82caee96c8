//! What every verb is given: the repository to open, where it prints, what was asked for.

use super::arguments::Where;
use super::exit::Exit;
use super::output::{Label, Printer};
use crate::model::{Problem, Reason, clean};
use crate::workspace::{ClusterView, Settings, Snapshot, Workspace};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a headless command waits for a cluster.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a command works with.
pub(super) struct Context<'a, 'b> {
    pub(super) place: &'a Where,
    pub(super) settings: &'a dyn Fn(&Path, &Where) -> Settings,
    pub(super) input: &'a mut dyn Read,
    pub(super) out: &'a mut Printer<'b>,
}

impl Context<'_, '_> {
    /// Opens the repository; a problem is printed.
    pub(super) fn open(&mut self, path: &Path) -> io::Result<Result<Workspace, Exit>> {
        match Workspace::open((self.settings)(path, self.place)) {
            Ok(workspace) => Ok(Ok(workspace)),
            Err(problem) => self.problem(&problem).map(Err),
        }
    }

    /// Opens the repository without looking at any cluster, for questions alone: nothing is published.
    pub(super) fn open_offline(&mut self, path: &Path) -> io::Result<Result<Workspace, Exit>> {
        let settings = Settings { no_cluster: true, quiet: true, ..(self.settings)(path, self.place) };
        match Workspace::open(settings) {
            Ok(workspace) => Ok(Ok(workspace)),
            Err(problem) => self.problem(&problem).map(Err),
        }
    }

    /// True if what belongs to this environment was asked for.
    pub(super) fn means(&self, environment: &str) -> bool {
        self.place.environment.as_deref().is_none_or(|wanted| wanted == environment)
    }

    /// Refuses an environment that does not exist; `known` are those that do.
    pub(super) fn exists<'n>(&self, mut known: impl Iterator<Item = &'n str>) -> Result<(), Problem> {
        match self.place.environment.as_deref() {
            Some(wanted) if !known.any(|name| name == wanted) => {
                Err(Problem::error(Reason::Config, format!("there is no environment {wanted}"))
                    .next("`sealane status` lists the environments"))
            }
            _ => Ok(()),
        }
    }

    /// What the clusters' states mean for the exit code.
    pub(super) fn exit_of_clusters(&self, snapshot: &Snapshot) -> Exit {
        let unreachable = snapshot.environments.iter().filter(|e| self.means(&e.name)).any(|e| {
            matches!(
                e.cluster,
                ClusterView::Lost { .. }
                    | ClusterView::Failed(_)
                    | ClusterView::NeedsConsent { .. }
                    | ClusterView::Connecting
                    | ClusterView::Reading { .. }
            )
        });
        // No kubeconfig at all is a choice; one that cannot be read is a mistake.
        let broken = snapshot.environments.iter().filter(|e| self.means(&e.name)).any(|e| {
            matches!(&e.cluster, ClusterView::Unchosen { problem: Some(problem), .. } if problem.place.is_some())
        });
        match (unreachable, broken) {
            (true, _) => Exit::Unreachable,
            (false, true) => Exit::Usage,
            (false, false) => Exit::Clean,
        }
    }

    /// Prints a problem with its next step.
    pub(super) fn problem(&mut self, problem: &Problem) -> io::Result<Exit> {
        let place = problem.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
        self.out.line(&[(Label::Bad, "✗ "), (Label::Strong, &place), (Label::Plain, &problem.cause)])?;
        if !problem.next.is_empty() {
            self.out.line(&[(Label::Muted, "  next: "), (Label::Plain, &problem.next)])?;
        }
        if self.out.is_json() {
            self.out.json(|| serde_json::json!({ "problem": super::output::problem(problem) }))?;
        }
        self.out.sarif(&super::sarif::failed(problem))?;
        Ok(Exit::of(problem))
    }
}

/// The folder of a file that need not be there: where the repository is looked for.
pub(super) fn folder_of(file: &Path) -> &Path {
    let mut folders = file.ancestors().skip(1);
    let there = folders.find(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    there.unwrap_or_else(|| Path::new("."))
}

/// A file by its path inside the repository.
pub(super) fn path_inside(workspace: &Workspace, file: &Path) -> Result<String, Problem> {
    workspace.path_inside(file).ok_or_else(|| {
        let shown = clean(&file.display().to_string());
        Problem::error(Reason::Repository, format!("{shown} is not inside the repository"))
            .next("name a file below the folder that holds .git")
    })
}

/// Waits until git is read and every cluster is live or has failed.
pub(super) async fn settled(workspace: &Workspace) -> Arc<Snapshot> {
    let mut snapshots = workspace.snapshots();
    let waiting = async {
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if is_settled(&snapshot) || snapshots.changed().await.is_err() {
                return snapshot;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(snapshot) => snapshot,
        Err(_) => workspace.snapshots().borrow().clone(),
    }
}

fn is_settled(snapshot: &Snapshot) -> bool {
    let read = snapshot.repo.read || !snapshot.problems.is_empty();
    read && snapshot.work.is_empty()
        && snapshot
            .environments
            .iter()
            .all(|e| !matches!(e.cluster, ClusterView::Connecting | ClusterView::Reading { .. }))
}
