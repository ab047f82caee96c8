//! `sealane diff`: between two revisions, or between git and the clusters.

use super::exit::Exit;
use super::output::{self, Label};
use super::run::{Context, exit_of_clusters, settled};
use crate::model::Verdict;
use crate::workspace::{Differences, ObjectId, ObjectRow, PlanEffect, Workspace};
use serde_json::json;
use std::io;
use std::path::Path;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    path: &Path,
    range: Option<&str>,
    live: bool,
) -> io::Result<Exit> {
    match range {
        Some(range) if !live => {
            let workspace = match context.open_offline(path)? {
                Ok(workspace) => workspace,
                Err(exit) => return Ok(exit),
            };
            between(context, &workspace, range).await
        }
        _ => {
            let workspace = match context.open(path)? {
                Ok(workspace) => workspace,
                Err(exit) => return Ok(exit),
            };
            against_clusters(context, &workspace).await
        }
    }
}

async fn between(context: &mut Context<'_, '_>, workspace: &Workspace, range: &str) -> io::Result<Exit> {
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (from, Some(if to.is_empty() { "HEAD" } else { to })),
        None => (range, None),
    };
    let differences = workspace.differences(Some(from.to_owned()), to.map(str::to_owned)).await;
    match differences {
        Ok(differences) => {
            print(context, &differences)?;
            let found = if differences.effects.is_empty() { Exit::Clean } else { Exit::Differences };
            Ok(if differences.not_rendered.is_empty() { found } else { found.and(Exit::Incomplete) })
        }
        Err(problem) => context.problem(&problem),
    }
}

fn print(context: &mut Context<'_, '_>, differences: &Differences) -> io::Result<()> {
    if context.out.is_json() {
        return context.out.json(&json!({
            "effects": differences.effects.iter().map(effect_json).collect::<Vec<_>>(),
            "rendered": {"complete": differences.coverage.complete, "total": differences.coverage.total},
            "notRendered": differences.not_rendered.iter().map(output::problem).collect::<Vec<_>>(),
        }));
    }
    for effect in &differences.effects {
        context.out.line(&[(Label::Strong, &format!("{} {}", effect.environment, effect.producer.name))])?;
        for object in &effect.objects {
            context.out.line(&[
                (Label::Notice, &format!("  {} ", object.sign)),
                (Label::Plain, &format!("{}  {}", object.key, object.summary)),
            ])?;
            for change in &object.changes {
                fields(context, &change.path, change.before.as_deref(), change.after.as_deref(), "")?;
            }
        }
    }
    let count = differences.effects.iter().map(|e| e.objects.len()).sum::<usize>();
    context
        .out
        .line(&[(Label::Muted, &format!("{count} change(s) in {} rendered", differences.coverage))])?;
    for problem in &differences.not_rendered {
        context.out.line(&[(Label::Muted, &format!("not rendered: {problem}"))])?;
    }
    Ok(())
}

fn effect_json(effect: &PlanEffect) -> serde_json::Value {
    json!({
        "environment": &*effect.environment,
        "app": effect.producer.to_string(),
        "objects": effect.objects.iter().map(|o| json!({
            "object": o.key.to_string(),
            "change": o.sign.to_string(),
            "summary": o.summary,
            "fields": o.changes.iter().map(output::change).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

async fn against_clusters(context: &mut Context<'_, '_>, workspace: &Workspace) -> io::Result<Exit> {
    let snapshot = settled(workspace).await;
    let mut exit = exit_of_clusters(&snapshot);
    let wanted = context.place.environment.clone();
    let rows = snapshot.objects.iter().filter(|r| wanted.as_deref().is_none_or(|w| *r.environment == *w));
    let mut answers = Vec::new();
    let mut equal = 0;
    for row in rows {
        match &row.verdict {
            Verdict::Synced => equal += 1,
            Verdict::Unknown(_) | Verdict::NotRendered(_) | Verdict::Forbidden => {
                exit = exit.and(Exit::Incomplete);
                answers.push(show(context, workspace, row).await?);
            }
            _ => {
                exit = exit.and(Exit::Differences);
                answers.push(show(context, workspace, row).await?);
            }
        }
    }
    let coverage: Vec<String> =
        snapshot.environments.iter().map(|e| format!("{}: {} rendered", e.name, e.coverage)).collect();
    context.out.line(&[(Label::Muted, &format!("{equal} object(s) equal; {}", coverage.join(", ")))])?;
    context.out.json(&json!({"objects": answers, "equal": equal, "rendered": coverage}))?;
    Ok(exit)
}

async fn show(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    row: &ObjectRow,
) -> io::Result<serde_json::Value> {
    let id = ObjectId { environment: row.environment.clone(), key: row.key.clone() };
    let details = workspace.details(&id).await.ok();
    let why = match &row.verdict {
        Verdict::Unknown(why) => format!(" ({why})"),
        Verdict::OwnedByOther(owner) => format!(" ({owner})"),
        _ => String::new(),
    };
    context.out.line(&[
        (Label::Notice, &format!("{:<12} ", row.verdict.word())),
        (Label::Strong, &row.key.to_string()),
        (Label::Muted, &format!("  {}{why}", row.environment)),
    ])?;
    let mut shown = Vec::new();
    for field in details.iter().flat_map(|d| &d.diff.fields) {
        let (live, git) = (
            field.live.as_ref().map(crate::workspace::text),
            field.desired.as_ref().map(crate::workspace::text),
        );
        let by = field.by.as_ref().map_or(String::new(), |m| format!("{} {}", m.name, m.time));
        fields(context, &field.path.to_string(), live.as_deref(), git.as_deref(), &by)?;
        shown.push(json!({
            "path": field.path.to_string(),
            "class": field.class.word(),
            "live": live,
            "git": git,
            "manager": field.by.as_ref().map(|m| m.name.to_string()),
            "time": field.by.as_ref().map(|m| m.time.to_string()),
        }));
    }
    Ok(json!({
        "environment": &*row.environment,
        "object": row.key.to_string(),
        "group": &*row.key.group,
        "verdict": row.verdict.word(),
        "summary": row.summary,
        "fields": shown,
    }))
}

/// One field: what is, what will be, and who set it.
fn fields(
    context: &mut Context<'_, '_>,
    path: &str,
    before: Option<&str>,
    after: Option<&str>,
    by: &str,
) -> io::Result<()> {
    let line = |text: &str| text.replace('\n', "\n      ");
    context.out.line(&[(Label::Plain, &format!("    {path}")), (Label::Muted, &format!("  {by}"))])?;
    if let Some(before) = before {
        context.out.line(&[(Label::Bad, &format!("    - {}", line(before)))])?;
    }
    if let Some(after) = after {
        context.out.line(&[(Label::Good, &format!("    + {}", line(after)))])?;
    }
    Ok(())
}
