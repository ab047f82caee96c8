//! `sealane status`: how every app stands, most urgent first.

use super::context::{Context, settled};
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::{Problem, Reason};
use crate::workspace::{
    AppRow, AppState, ClusterView, EnvironmentView, HeadView, Next, RepoView, Snapshot, Workspace,
};
use serde_json::json;
use std::io;
use std::path::Path;

/// So many problems are printed; a broken repository has hundreds.
const MOST_PROBLEMS: usize = 12;

pub(super) async fn run(context: &mut Context<'_, '_>, path: &Path) -> io::Result<Exit> {
    let workspace = match context.open(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let snapshot = settled(&workspace).await;
    if let Err(problem) = context.exists(snapshot.environments.iter().map(|e| &*e.name)) {
        return context.problem(&problem);
    }
    let apps: Vec<_> = snapshot.apps.iter().filter(|a| context.means(&a.environment)).collect();
    let problems = in_scope(context, &workspace, &snapshot);
    print(context, &snapshot, &apps, &problems)?;
    let mut exit = context.exit_of_clusters(&snapshot);
    for app in apps {
        exit = exit.and(match app.state {
            AppState::Synced | AppState::Unknown | AppState::Progressing => Exit::Clean,
            AppState::NotRendered => Exit::Incomplete,
            _ => Exit::Differences,
        });
    }
    for problem in problems.iter().filter(|p| p.reason != Reason::Plaintext) {
        exit = exit.and(Exit::of(problem));
    }
    Ok(exit)
}

/// All problems but those that only environments have which were not asked for.
fn in_scope(context: &Context<'_, '_>, workspace: &Workspace, snapshot: &Snapshot) -> Vec<Problem> {
    let environments = snapshot.environments.iter();
    let (own, others): (Vec<_>, Vec<_>) = environments.partition(|e| context.means(&e.name));
    let of = |all: Vec<&EnvironmentView>| -> Vec<Problem> {
        all.iter().flat_map(|e| workspace.problems_of(&e.name)).collect()
    };
    let (own, others) = (of(own), of(others));
    snapshot.problems.iter().filter(|p| own.contains(p) || !others.contains(p)).cloned().collect()
}

/// What is said about HEAD when it is not simply on a branch.
fn unusual(repo: &RepoView) -> String {
    let head = match &repo.head {
        HeadView::Unread | HeadView::Branch(_) => String::new(),
        HeadView::Detached => "  HEAD is detached; `git switch` goes to a branch".to_owned(),
        HeadView::Unborn(name) => format!("  no commit on {name} yet; `git commit` makes the first"),
    };
    let operation = |what: &std::sync::Arc<str>| format!("  {what} is in progress; finish or abort it");
    head + &repo.operation.as_ref().map(operation).unwrap_or_default()
}

fn print(
    context: &mut Context<'_, '_>,
    snapshot: &Snapshot,
    apps: &[&std::sync::Arc<AppRow>],
    problems: &[Problem],
) -> io::Result<()> {
    if context.out.is_json() {
        return context.out.json(|| {
            json!({
                "repository": {
                    "name": &*snapshot.repo.name,
                    "commit": snapshot.repo.commit.as_ref().map(|c| c.id.to_string()),
                    "ahead": snapshot.repo.ahead,
                    "behind": snapshot.repo.behind,
                },
                "environments": snapshot.environments.iter().map(environment_json).collect::<Vec<_>>(),
                "apps": apps.iter().map(|a| app_json(a)).collect::<Vec<_>>(),
                "problems": problems.iter().map(output::problem).collect::<Vec<_>>(),
            })
        });
    }
    let repo = &snapshot.repo;
    let commit = repo.commit.as_ref().map(|c| c.id.short()).unwrap_or_default();
    context.out.line(&[
        (Label::Strong, &repo.name),
        (Label::Muted, &format!("  {commit}")),
        (Label::Notice, &unusual(repo)),
    ])?;
    let wanted = context.place.environment.clone();
    let is_wanted = |e: &&EnvironmentView| wanted.as_deref().is_none_or(|wanted| *e.name == *wanted);
    for environment in snapshot.environments.iter().filter(is_wanted) {
        let (label, words) = cluster_words(&environment.cluster);
        let cluster = environment.context.as_deref().unwrap_or("no cluster");
        let coverage = environment.coverage.to_string();
        context.out.line(&[
            (Label::Plain, &format!("  {:<10} ", environment.name)),
            (Label::Muted, &format!("{cluster}  ")),
            (label, &words),
            (Label::Muted, &format!("  {coverage}")),
        ])?;
    }
    context.out.line(&[])?;
    let width = apps.iter().map(|a| name(a).chars().count()).max().unwrap_or(0).min(40);
    for app in apps {
        print_app(context, app, width)?;
    }
    print_problems(context, problems, apps)
}

/// What no row of an app has said yet; the first few of them, and how to see the rest.
fn print_problems(
    context: &mut Context<'_, '_>,
    problems: &[Problem],
    apps: &[&std::sync::Arc<AppRow>],
) -> io::Result<()> {
    let told = |problem: &Problem| {
        apps.iter()
            .any(|a| problem.cause.ends_with(&a.cause) && a.place == problem.place && a.next != Next::Nothing)
    };
    let open: Vec<&Problem> = problems.iter().filter(|p| !told(p)).collect();
    for problem in open.iter().take(MOST_PROBLEMS) {
        context.problem(problem)?;
    }
    if let Some(more @ 1..) = open.len().checked_sub(MOST_PROBLEMS) {
        context.out.line(&[(Label::Muted, &format!("and {more} more: `sealane doctor` lists them all"))])?;
    }
    Ok(())
}

fn print_app(context: &mut Context<'_, '_>, app: &AppRow, width: usize) -> io::Result<()> {
    let (sign, label, word) = output::state(app.state);
    context.out.line(&[
        (label, &format!("{sign} {word:<13}")),
        (Label::Strong, &format!("{:<width$}  ", name(app))),
        (Label::Muted, &format!("{:<8} ", app.environment)),
        (Label::Muted, &place_of(app)),
        (Label::Plain, &app.cause),
    ])?;
    let next = output::next(&app.next);
    if app.state != AppState::Synced && !next.is_empty() {
        context.out.line(&[(Label::Muted, &format!("{:>15} next: {next}", ""))])?;
    }
    Ok(())
}

/// An app as people call it: what is no Kustomization says what it is.
fn name(app: &AppRow) -> String {
    match &*app.key.kind {
        "Kustomization" | "Folder" => app.key.name.to_string(),
        "Undeclared" => "declared by nobody".to_owned(),
        kind => format!("{kind} {}", app.key.name),
    }
}

/// Where what is wrong with an app's files stands.
fn place_of(app: &AppRow) -> String {
    let in_files = matches!(app.state, AppState::NotRendered | AppState::Plaintext);
    app.place.as_ref().filter(|_| in_files).map_or(String::new(), |place| format!("{place}: "))
}

pub(super) fn cluster_words(cluster: &ClusterView) -> (Label, String) {
    match cluster {
        ClusterView::Off => (Label::Muted, "not looked at".to_owned()),
        ClusterView::Unchosen { contexts, problem: Some(problem) } if contexts.is_empty() => {
            (Label::Notice, problem.to_string())
        }
        ClusterView::Unchosen { contexts, .. } => (
            Label::Notice,
            format!("no context chosen ({} in the kubeconfig): --context, or .sealane.yaml", contexts.len()),
        ),
        ClusterView::NeedsConsent { command } => {
            (Label::Notice, format!("its login program was not agreed to: {command}"))
        }
        ClusterView::Connecting | ClusterView::Reading { .. } => {
            (Label::Notice, "did not answer in time".to_owned())
        }
        ClusterView::Live { version, gaps } if !gaps.is_empty() => {
            (Label::Notice, format!("partly live, {version}"))
        }
        ClusterView::Live { version, .. } => (Label::Good, format!("live, {version}")),
        ClusterView::Lost { problem, .. } | ClusterView::Failed(problem) => (Label::Bad, problem.to_string()),
    }
}

fn environment_json(environment: &EnvironmentView) -> serde_json::Value {
    let (_, words) = cluster_words(&environment.cluster);
    json!({
        "name": &*environment.name,
        "entry": &*environment.entry,
        "production": environment.production,
        "context": environment.context.as_deref(),
        "cluster": words,
        "rendered": {"complete": environment.coverage.complete, "total": environment.coverage.total},
    })
}

fn app_json(app: &AppRow) -> serde_json::Value {
    let (_, _, word) = output::state(app.state);
    json!({
        "environment": &*app.environment,
        "app": app.key.to_string(),
        "state": word,
        "cause": app.cause,
        "place": app.place.as_ref().map(ToString::to_string),
        "next": output::next(&app.next),
        "commit": app.commit.as_ref().map(|c| c.id.to_string()),
        "health": app.health.state.word(),
        "objects": app.objects,
        "drifted": app.drifted,
        "pending": app.pending,
        "applied": app.applied.as_ref().map(ToString::to_string),
        "behind": app.behind,
    })
}
