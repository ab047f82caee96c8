//! `sealane history`: the commits that changed a rendered object.

use super::exit::Exit;
use super::output::{self, Label};
use super::run::{Context, settled};
use crate::model::{ObjectKey, Problem, Reason};
use crate::workspace::{Deployed, HeadView, HistoryEntry, ObjectId, Snapshot};
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
    let ids = match find(&snapshot, object, context.place.environment.as_deref()) {
        Ok(ids) => ids,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = Exit::Clean;
    for id in ids {
        match workspace.history(&id, &CancellationToken::new()).await {
            Ok(history) => {
                let entries = &history.entries[..history.entries.len().min(limit)];
                print(context, &id, entries, history.seen)?;
                for problem in &history.problems {
                    exit = exit.and(context.problem(problem)?);
                }
            }
            Err(problem) => exit = exit.and(context.problem(&problem)?),
        }
    }
    Ok(exit)
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
        return Err(Problem::error(Reason::MissingFile, format!("no environment has {object}"))
            .next("`sealane render` lists what git declares"));
    }
    Ok(ids)
}

fn print(
    context: &mut Context<'_, '_>,
    id: &ObjectId,
    entries: &[HistoryEntry],
    seen: usize,
) -> io::Result<()> {
    if context.out.is_json() {
        return context.out.json(&json!({
            "environment": &*id.environment,
            "object": id.key.to_string(),
            "commitsSeen": seen,
            "commits": entries.iter().map(entry_json).collect::<Vec<_>>(),
        }));
    }
    let title = format!("{} in {}", id.key, id.environment);
    let count = format!("  {} of {seen} commits change this object", entries.len());
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
    Ok(())
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
