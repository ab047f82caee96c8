//! `sealane history`: the commits that changed a rendered object.

use super::context::{Context, settled};
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::{Coverage, ObjectKey, Problem, Reason};
use crate::workspace::{Deployed, Gap, HeadView, History, HistoryEntry, ObjectId, Snapshot, Workspace};
use serde_json::json;
use std::io;
use std::path::Path;
use tokio_util::sync::CancellationToken;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    path: &Path,
    object: &str,
    limit: usize,
) -> io::Result<Exit> {
    let workspace = match context.open(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let snapshot = settled(&workspace).await;
    if let HeadView::Unborn(branch) = &snapshot.repo.head {
        let problem = Problem::error(Reason::Repository, format!("{branch} has no commit yet"))
            .next("make the first commit with git");
        return context.problem(&problem);
    }
    if let Err(problem) = context.exists(snapshot.environments.iter().map(|e| &*e.name)) {
        return context.problem(&problem);
    }
    match find(&snapshot, object, context.place.environment.as_deref()) {
        Ok(ids) => {
            let mut exit = Exit::Clean;
            for id in ids {
                exit = exit.and(match workspace.history(&id, &CancellationToken::new()).await {
                    Ok(history) => tell(context, &history, limit)?,
                    Err(problem) => context.problem(&problem)?,
                });
            }
            Ok(exit)
        }
        Err(problem) => gone(context, &workspace, &snapshot, object, limit, problem).await,
    }
}

/// What no environment has any more may be one that an earlier commit declared.
async fn gone(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    snapshot: &Snapshot,
    object: &str,
    limit: usize,
    nowhere: Problem,
) -> io::Result<Exit> {
    let Ok(key) = ObjectKey::parse(object) else { return context.problem(&nowhere) };
    let place = context.place;
    let (mut exit, cancel) = (None, CancellationToken::new());
    for environment in
        snapshot.environments.iter().filter(|e| place.environment.as_deref().is_none_or(|w| *e.name == *w))
    {
        let history = match workspace.once_declared(&environment.name, &key, &cancel).await {
            Ok(None) => continue,
            Ok(Some(id)) => workspace.history(&id, &cancel).await,
            Err(problem) => Err(problem),
        };
        let told = match history {
            Ok(history) => tell(context, &history, limit)?,
            Err(problem) => context.problem(&problem)?,
        };
        exit = Some(exit.unwrap_or(Exit::Clean).and(told));
    }
    exit.map_or_else(|| context.problem(&nowhere), Ok)
}

/// Prints a history; one with gaps is not the whole.
fn tell(context: &mut Context<'_, '_>, history: &History, limit: usize) -> io::Result<Exit> {
    print(context, history, limit)?;
    let whole = history.gaps.is_empty() && history.problems.is_empty();
    Ok(if whole { Exit::Clean } else { Exit::Incomplete })
}

/// The objects that a person can mean, one for each environment.
pub(super) fn find(
    snapshot: &Snapshot,
    object: &str,
    environment: Option<&str>,
) -> Result<Vec<ObjectId>, Problem> {
    let key = ObjectKey::parse(object).map_err(|e| {
        Problem::error(Reason::Config, e.to_string()).next("write Kind/namespace/name, or Kind/name")
    })?;
    let ids: Vec<ObjectId> = snapshot
        .objects
        .iter()
        .filter(|row| environment.is_none_or(|e| *row.environment == *e) && key.means(&row.key))
        .map(|row| ObjectId { environment: row.environment.clone(), key: row.key.clone() })
        .collect();
    if ids.is_empty() {
        let looked = snapshot.environments.iter().filter(|e| environment.is_none_or(|w| *e.name == *w));
        let mut problem = nowhere(object, looked.map(|e| &e.coverage));
        let unknown: Vec<String> = snapshot
            .objects
            .iter()
            .filter(|row| environment.is_none_or(|e| *row.environment == *e) && may_be(&row.key, &key))
            .map(|row| row.key.to_string())
            .collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            problem.next = format!(
                "names of variables that are secret or not known are asked for as git has them: {names}"
            );
        }
        return Err(problem);
    }
    Ok(ids)
}

/// True if an object's name is an expression, which no cluster has told the value of: it may be the one that is meant.
fn may_be(declared: &ObjectKey, asked: &ObjectKey) -> bool {
    let named = ObjectKey { name: declared.name.clone(), ..asked.clone() };
    declared.name.contains("${") && named.means(declared)
}

/// Nothing that was rendered has the object. Where something was not, nobody knows.
pub(super) fn nowhere<'c>(object: &str, looked: impl Iterator<Item = &'c Coverage>) -> Problem {
    let (complete, total) =
        looked.fold((0, 0), |(complete, total), c| (complete + c.complete, total + c.total));
    let cause = format!("no environment has {object}");
    let problem = if complete < total {
        let cause = format!("{cause}; {} of {total} were not rendered and may", total - complete);
        Problem::error(Reason::MissingFile, cause)
    } else {
        Problem::error(Reason::Config, cause)
    };
    problem.next("`sealane render` lists what git declares")
}

fn print(context: &mut Context<'_, '_>, history: &History, limit: usize) -> io::Result<()> {
    let (id, all) = (&history.id, history.entries.len());
    let entries = &history.entries[..all.min(limit)];
    if context.out.is_json() {
        return context.out.json(|| {
            json!({
                "environment": &*id.environment,
                "object": id.key.to_string(),
                "commitsSeen": history.seen,
                "complete": history.complete && entries.len() == all,
                "commits": entries.iter().map(entry_json).collect::<Vec<_>>(),
                "notRendered": history.gaps.iter().map(gap_json).collect::<Vec<_>>(),
                "problems": history.problems.iter().map(output::problem).collect::<Vec<_>>(),
            })
        });
    }
    let title = format!("{} in {}", id.key, id.environment);
    let newest = if entries.len() < all { format!("; the newest {limit}") } else { String::new() };
    let count = format!("  {all} of {} commits change this object{newest}", history.seen);
    context.out.line(&[(Label::Strong, &title), (Label::Muted, &count)])?;
    for entry in entries {
        let deployed = entry.deployed.word();
        let place = entry.place.as_ref().map(ToString::to_string).unwrap_or_default();
        context.out.line(&[
            (Label::Notice, &entry.commit.id.short()),
            (Label::Muted, &format!("  {}  {:<14} ", output::day(entry.commit.time), entry.commit.author)),
            (Label::Plain, &format!("{:<44} ", entry.summary)),
            (Label::Muted, &format!("{deployed}  {place}")),
        ])?;
    }
    for problem in history.gaps.iter().map(Gap::told).chain(history.problems.iter().cloned()) {
        context.problem(&problem)?;
    }
    Ok(())
}

fn gap_json(gap: &Gap) -> serde_json::Value {
    json!({
        "newest": gap.newest.to_string(),
        "oldest": gap.oldest.to_string(),
        "commits": gap.commits,
        "problem": output::problem(&gap.problem),
    })
}

fn entry_json(entry: &HistoryEntry) -> serde_json::Value {
    json!({
        "commit": entry.commit.id.to_string(),
        "author": &*entry.commit.author,
        "time": entry.commit.time,
        "subject": &*entry.commit.subject,
        "summary": entry.summary,
        "place": entry.place.as_ref().map(ToString::to_string),
        "applied": (entry.deployed != Deployed::Unasked).then_some(entry.deployed == Deployed::Applied),
        "cluster": entry.deployed.word(),
        "changes": entry.changes.iter().map(output::change).collect::<Vec<_>>(),
    })
}
