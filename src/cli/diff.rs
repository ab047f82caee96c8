//! `sealane diff`: between two revisions, or between git and the clusters.

use super::context::{Context, settled};
use super::exit::Exit;
use super::output::{self, Label};
use super::status::cluster_words;
use crate::model::{FieldDiff, ObjectDiff, ObjectKey, Problem, Verdict};
use crate::workspace::{
    ClusterView, Differences, EnvironmentView, ObjectRow, PlanEffect, Snapshot, Workspace,
};
use crate::yaml::Node;
use serde_json::json;
use std::collections::HashMap;
use std::io;
use std::path::Path;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    path: &Path,
    range: Option<&str>,
    live: bool,
) -> io::Result<Exit> {
    // With --live there is no range: what is given is the repository, as with the other verbs.
    let path = range.filter(|_| live && path == Path::new(".")).map_or(path, Path::new);
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
    let only = context.place.environment.clone();
    let differences = workspace.differences(Some(from.to_owned()), to.map(str::to_owned), only).await;
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
        return context.out.json(|| {
            json!({
                "effects": differences.effects.iter().map(effect_json).collect::<Vec<_>>(),
                "rendered": {"complete": differences.coverage.complete, "total": differences.coverage.total},
                "notRendered": differences.not_rendered.iter().map(output::problem).collect::<Vec<_>>(),
                "warnings": differences.warnings.iter().map(output::problem).collect::<Vec<_>>(),
            })
        });
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
    context.out.line(&[(
        Label::Muted,
        &format!("{}; {}", output::counted(count, "change"), differences.coverage),
    )])?;
    for problem in &differences.warnings {
        context.problem(problem)?;
    }
    for problem in &differences.not_rendered {
        context.out.line(&[(Label::Muted, &format!("? {problem}"))])?;
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

/// Git against the clusters. As JSON (all keys stable; a key that says nothing is `null` or empty):
///
/// * `objects`: those that do not agree: `environment`, `object` (`Kind/namespace/name`), `group`, `verdict` (a word of
///   `model::Verdict`), `why`, `summary`, `by` (who changed it), `fields`, `folded`
/// * `folded`: those that agree and hold fields that others wrote, with the same keys
/// * a field: `path`, `class` (a word of `model::FieldClass`), `live` and `git` (secrets masked), `manager`, `time`, `note`
/// * `equal`: how many declared objects agree; `rendered`: how much of each environment was rendered
/// * `notRendered`: why the rest was not, and therefore is not in `objects`
async fn against_clusters(context: &mut Context<'_, '_>, workspace: &Workspace) -> io::Result<Exit> {
    let snapshot = settled(workspace).await;
    if let Err(problem) = context.exists(snapshot.environments.iter().map(|e| &*e.name)) {
        return context.problem(&problem);
    }
    let mut exit = context.exit_of_clusters(&snapshot);
    let wanted = context.place.environment.clone();
    let is_wanted = |environment: &str| wanted.as_deref().is_none_or(|w| *environment == *w);
    let diffs: HashMap<(&str, ObjectKey), ObjectDiff> = snapshot
        .environments
        .iter()
        .filter(|e| is_wanted(&e.name))
        .flat_map(|e| workspace.noteworthy(&e.name).into_iter().map(|d| ((&*e.name, d.key.clone()), d)))
        .collect();
    let (mut answers, mut folded, mut equal) = (Vec::new(), Vec::new(), 0);
    for row in snapshot.objects.iter().filter(|r| is_wanted(&r.environment)) {
        let diff = diffs.get(&(&*row.environment, row.key.clone()));
        match &row.verdict {
            Verdict::Synced => {
                equal += usize::from(row.declared);
                folded.extend(diff.map(|diff| object_json(row, Some(diff))));
                continue;
            }
            Verdict::Unknown(_) | Verdict::NotRendered(_) | Verdict::Forbidden => {
                exit = exit.and(Exit::Incomplete);
            }
            _ => exit = exit.and(Exit::Differences),
        }
        if !unread(&snapshot).any(|e| *e.name == *row.environment) {
            show(context, row, diff)?;
        }
        answers.push(object_json(row, diff));
    }
    for environment in unread(&snapshot).filter(|e| is_wanted(&e.name)) {
        let objects = snapshot.objects.iter().filter(|r| r.environment == environment.name).count();
        let (label, words) = cluster_words(&environment.cluster);
        context.out.line(&[
            (Label::Notice, "unknown      "),
            (Label::Strong, &output::counted(objects, "object")),
            (Label::Muted, &format!("  {}, not compared: ", environment.name)),
            (label, &words),
        ])?;
    }
    let environments: Vec<_> = snapshot.environments.iter().filter(|e| is_wanted(&e.name)).collect();
    if environments.iter().any(|e| e.coverage.complete < e.coverage.total) {
        exit = exit.and(Exit::Incomplete);
    }
    let not_rendered: Vec<Problem> =
        environments.iter().flat_map(|e| workspace.not_rendered(&e.name)).collect();
    sums(context, &environments, (folded.len(), equal), &not_rendered)?;
    let coverage: Vec<String> = environments.iter().map(|e| format!("{}: {}", e.name, e.coverage)).collect();
    context.out.json(|| {
        json!({
            "objects": answers,
            "folded": folded,
            "equal": equal,
            "rendered": coverage,
            "notRendered": not_rendered.iter().map(output::problem).collect::<Vec<_>>(),
        })
    })?;
    Ok(exit)
}

/// How many agree, how much was rendered, and what was not.
fn sums(
    context: &mut Context<'_, '_>,
    environments: &[&EnvironmentView],
    (folded, equal): (usize, usize),
    not_rendered: &[Problem],
) -> io::Result<()> {
    if folded > 0 {
        let text =
            format!("{} in agreement, with fields that others wrote", output::counted(folded, "object"));
        context.out.line(&[(Label::Muted, &text)])?;
    }
    let coverage: Vec<String> = environments.iter().map(|e| format!("{}: {}", e.name, e.coverage)).collect();
    let text = format!("{} equal; {}", output::counted(equal, "object"), coverage.join(", "));
    context.out.line(&[(Label::Muted, &text)])?;
    for problem in not_rendered {
        context.out.line(&[(Label::Muted, &format!("? {problem}"))])?;
    }
    Ok(())
}

/// Environments of whose cluster nothing was read: what holds for all their objects is said once.
fn unread(snapshot: &Snapshot) -> impl Iterator<Item = &EnvironmentView> {
    snapshot.environments.iter().filter(|e| {
        matches!(
            e.cluster,
            ClusterView::Off
                | ClusterView::Unchosen { .. }
                | ClusterView::NeedsConsent { .. }
                | ClusterView::Failed(_)
                | ClusterView::Connecting
        )
    })
}

/// What a verdict says beside its word.
fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Unknown(why) => why.to_string(),
        Verdict::OwnedByOther(owner) => owner.to_string(),
        Verdict::NotRendered(reason) => reason.code().to_owned(),
        _ => String::new(),
    }
}

fn show(context: &mut Context<'_, '_>, row: &ObjectRow, diff: Option<&ObjectDiff>) -> io::Result<()> {
    let why = why(&row.verdict);
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    context.out.line(&[
        (Label::Notice, &format!("{:<12} ", row.verdict.word())),
        (Label::Strong, &row.key.to_string()),
        (Label::Muted, &format!("  {}{why}", row.environment)),
    ])?;
    for field in diff.into_iter().flat_map(|d| &d.fields) {
        let text = |node: &Option<Node>| node.as_ref().map(crate::workspace::text);
        let by = field.by.as_ref().map_or(String::new(), |m| format!("{} {}", m.name, m.time));
        let (live, git) = (text(&field.live), text(&field.desired));
        let hidden = live.is_some() && live == git;
        let (live, git) = if hidden { (None, None) } else { (live, git) };
        fields(context, &field.path.to_string(), live.as_deref(), git.as_deref(), &by)?;
        if hidden {
            context.out.line(&[(Label::Notice, "    ≠ the values differ; they are not shown")])?;
        }
    }
    Ok(())
}

fn object_json(row: &ObjectRow, diff: Option<&ObjectDiff>) -> serde_json::Value {
    let all = |fields: Option<&Vec<FieldDiff>>| -> Vec<serde_json::Value> {
        fields.into_iter().flatten().map(field_json).collect()
    };
    json!({
        "environment": &*row.environment,
        "object": row.key.to_string(),
        "group": &*row.key.group,
        "verdict": row.verdict.word(),
        "why": why(&row.verdict),
        "summary": row.summary,
        "by": row.by,
        "fields": all(diff.map(|d| &d.fields)),
        "folded": all(diff.map(|d| &d.folded)),
    })
}

fn field_json(field: &FieldDiff) -> serde_json::Value {
    json!({
        "path": field.path.to_string(),
        "class": field.class.word(),
        "live": field.live.as_ref().map(crate::workspace::text),
        "git": field.desired.as_ref().map(crate::workspace::text),
        "manager": field.by.as_ref().map(|m| crate::model::clean(&m.name)),
        "time": field.by.as_ref().map(|m| crate::model::clean(&m.time)),
        "note": field.note,
    })
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
