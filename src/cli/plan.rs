//! Plans on paper: the files, the effect on every cluster, and, if it is asked for, the commit and the push.

use super::arguments::Write;
use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use crate::workspace::{Destination, Plan, PushOutcome, Workspace};
use serde_json::json;
use std::io;

/// Prints a plan and does with it what was asked.
pub(super) async fn carry_out(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    mut plan: Plan,
    write: &Write,
) -> io::Result<Exit> {
    if let Some(message) = &write.message {
        plan.message.clone_from(message);
    }
    print(context, &plan)?;
    if !write.commit {
        context.out.line(&[(Label::Muted, "nothing written; --commit makes the commit, --push sends it")])?;
        return Ok(exit_of(&plan));
    }
    let to = write.branch.clone().map_or(Destination::Current, Destination::Branch);
    let committed = match workspace.commit(plan, to).await {
        Ok(committed) => committed,
        Err(problem) => return context.problem(&problem),
    };
    let id = committed.commit.id;
    context.out.line(&[
        (Label::Good, "✓ committed "),
        (Label::Notice, &id.short()),
        (Label::Plain, &format!(" on {}", committed.branch)),
    ])?;
    context.out.json(|| json!({"committed": id.to_string(), "branch": &*committed.branch}))?;
    if write.push { push(context, workspace).await } else { Ok(Exit::Clean) }
}

async fn push(context: &mut Context<'_, '_>, workspace: &Workspace) -> io::Result<Exit> {
    match workspace.push().await {
        Ok(PushOutcome::Pushed { commits, to }) => {
            context.out.line(&[(
                Label::Good,
                &format!("✓ pushed {} to {to}", super::output::counted(commits, "commit")),
            )])?;
            context.out.json(|| json!({"pushed": commits, "to": &*to}))?;
            Ok(Exit::Clean)
        }
        Ok(PushOutcome::Moved { theirs, plan }) => {
            let upstream = workspace.snapshots().borrow().repo.upstream.clone();
            let remote = upstream.as_deref().unwrap_or("the remote");
            let told = format!("{remote} has moved; nothing was pushed. On top of its commits:");
            context.out.line(&[(Label::Notice, &told)])?;
            for commit in &theirs {
                context.out.line(&[
                    (Label::Notice, &commit.id.short()),
                    (Label::Plain, &format!(" {}", commit.subject)),
                ])?;
            }
            print(context, &plan)?;
            let next = "`git pull --rebase` puts the commit on top of theirs, `git push` sends it";
            context.out.line(&[(Label::Muted, "  next: "), (Label::Plain, next)])?;
            context.out.json(|| json!({"moved": remote, "next": next}))?;
            Ok(Exit::Refused)
        }
        Err(problem) => context.problem(&problem),
    }
}

fn exit_of(plan: &Plan) -> Exit {
    let findings = plan.findings.iter().map(Exit::of).max().unwrap_or_default();
    let missing = if plan.not_rendered.is_empty() { Exit::Clean } else { Exit::Incomplete };
    let changes = if plan.files.is_empty() { Exit::Clean } else { Exit::Differences };
    changes.and(findings).and(missing)
}

/// The whole plan.
pub(super) fn print(context: &mut Context<'_, '_>, plan: &Plan) -> io::Result<()> {
    if context.out.is_json() {
        return context.out.json(|| json!({"plan": as_json(plan)}));
    }
    context.out.line(&[(Label::Strong, &plan.title)])?;
    for file in &plan.files {
        let counts = format!("  +{} -{}", file.added, file.removed);
        context.out.line(&[
            (Label::Plain, &format!("  {}", file.path)),
            (Label::Muted, &format!("{counts}  {}", file.note)),
        ])?;
        for line in &file.diff {
            let label = match line.sign {
                '+' => Label::Good,
                '-' => Label::Bad,
                _ => Label::Muted,
            };
            context.out.line(&[(label, &format!("    {}{}", line.sign, line.text))])?;
        }
    }
    context.out.line(&[(Label::Strong, "effect on clusters")])?;
    for effect in &plan.effects {
        let name = format!("  {} {}", effect.environment, effect.producer.name);
        context.out.line(&[(Label::Plain, &name)])?;
        for object in &effect.objects {
            let rollout = object.rollout.map_or(String::new(), |pods| {
                format!(", {} replaced", super::output::counted(pods as usize, "pod"))
            });
            let caution = if object.caution.is_empty() {
                String::new()
            } else {
                format!("  caution: {}", object.caution)
            };
            context.out.line(&[
                (Label::Notice, &format!("    {} ", object.sign)),
                (Label::Plain, &format!("{}  {}{rollout}", object.key, object.summary)),
                (Label::Bad, &caution),
            ])?;
        }
    }
    let changes = plan.effects.iter().map(|e| e.objects.len()).sum::<usize>();
    let coverage = format!(
        "  {}; {}; rehearsed in {} ms",
        super::output::counted(changes, "change"),
        plan.coverage,
        plan.rehearsed_ms
    );
    context.out.line(&[(Label::Muted, &coverage)])?;
    for problem in &plan.not_rendered {
        context.out.line(&[(Label::Muted, &format!("  not rendered: {problem}"))])?;
    }
    for problem in &plan.findings {
        context.problem(problem)?;
    }
    Ok(())
}

fn as_json(plan: &Plan) -> serde_json::Value {
    json!({
        "title": plan.title,
        "base": plan.base.to_string(),
        "branch": &*plan.branch,
        "message": plan.message,
        "files": plan.files.iter().map(|f| json!({"path": &*f.path, "added": f.added, "removed": f.removed, "note": f.note})).collect::<Vec<_>>(),
        "effects": plan.effects.iter().map(|e| json!({
            "environment": &*e.environment,
            "app": e.producer.to_string(),
            "objects": e.objects.iter().map(|o| json!({
                "object": o.key.to_string(),
                "change": o.sign.to_string(),
                "summary": o.summary,
                "pods": o.rollout,
                "caution": o.caution,
                "kept": o.kept,
                "fields": o.changes.iter().map(output::change).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rendered": {"complete": plan.coverage.complete, "total": plan.coverage.total},
        "notRendered": plan.not_rendered.iter().map(output::problem).collect::<Vec<_>>(),
        "findings": plan.findings.iter().map(output::problem).collect::<Vec<_>>(),
    })
}
