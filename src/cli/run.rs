//! From arguments to an exit code: each verb asks the workspace and prints the answer.

use super::arguments::{Arguments, Command, Where};
use super::exit::Exit;
use super::output::{Label, Printer};
use super::{build, diff, doctor, history, render, revert, seal, status};
use crate::model::{Problem, Reason};
use crate::workspace::{ClusterView, Settings, Snapshot, Workspace};
use clap::CommandFactory as _;
use std::io::{self, Read, Write};
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

/// What a headless command is given: how a repository is opened (where keys, kubeconfigs and answers are), and where
/// it reads and prints.
pub struct Face<'a> {
    /// Settings for a path.
    pub settings: &'a dyn Fn(&Path, &Where) -> Settings,
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// True to use colours.
    pub colour: bool,
}

/// Runs a headless command.
pub async fn run(command: Command, place: &Where, face: Face<'_>) -> Exit {
    let mut printer = Printer::new(face.out, place.output, face.colour);
    let mut context = Context { place, settings: face.settings, input: face.input, out: &mut printer };
    let outcome = match command {
        Command::Status { path } => status::run(&mut context, &path).await,
        Command::Render { path, at, object, explain } => {
            let (at, object) = (at.as_deref(), object.as_deref());
            render::run(&mut context, &path, at, object, explain.as_deref()).await
        }
        Command::Build(arguments) => build::run(&mut context, &arguments),
        Command::Diff { range, live, path } => diff::run(&mut context, &path, range.as_deref(), live).await,
        Command::History { object, path, limit } => history::run(&mut context, &path, &object, limit).await,
        Command::Revert { revisions, path, write } => {
            revert::run(&mut context, &path, &revisions, &write).await
        }
        Command::Seal { file, set, remove, write } => {
            seal::run(&mut context, &file, set, &remove, &write).await
        }
        Command::Doctor { path } => doctor::run(&mut context, &path).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "sealane", &mut script);
            context.out.raw(&String::from_utf8_lossy(&script)).map(|()| Exit::Clean)
        }
        Command::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Arguments::command()).render(&mut page);
            rendered.and_then(|()| context.out.raw(&String::from_utf8_lossy(&page))).map(|()| Exit::Clean)
        }
        // The demo is a root of its own; `main` starts it.
        Command::Demo { .. } => Ok(Exit::Usage),
    };
    // A closed pipe (`sealane status | head`) is the reader's choice, not an error.
    outcome.unwrap_or_else(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe { Exit::Clean } else { Exit::Incomplete }
    })
}

impl Context<'_, '_> {
    /// Opens the repository; a problem is printed.
    pub(super) fn open(&mut self, path: &Path) -> io::Result<Result<Workspace, Exit>> {
        match Workspace::open((self.settings)(path, self.place)) {
            Ok(workspace) => Ok(Ok(workspace)),
            Err(problem) => self.problem(&problem).map(Err),
        }
    }

    /// Opens the repository without looking at any cluster.
    pub(super) fn open_offline(&mut self, path: &Path) -> io::Result<Result<Workspace, Exit>> {
        let settings = Settings { no_cluster: true, ..(self.settings)(path, self.place) };
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
            self.out.json(&serde_json::json!({ "problem": super::output::problem(problem) }))?;
        }
        Ok(Exit::of(problem))
    }
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
