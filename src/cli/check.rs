//! `sealane check`: what stands in the clear or is sealed wrongly, for hooks and pipelines; and one plan that seals it.

use super::arguments::CheckArguments;
use super::audit::told;
use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use super::{plan, sarif};
use crate::model::{Problem, Reason};
use crate::workspace::Exposed;
use serde_json::json;
use std::io;

pub(super) async fn run(context: &mut Context<'_, '_>, arguments: &CheckArguments) -> io::Result<Exit> {
    if arguments.seal {
        return seal(context, arguments).await;
    }
    let workspace = match context.open_offline(&arguments.path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let checked = match workspace.check(arguments.staged, arguments.digests).await {
        Ok(checked) => checked,
        Err(problem) => return context.problem(&problem),
    };
    let exit = found(context, &checked.exposed)?.and(told(context, &checked.problems)?);
    let mut all: Vec<serde_json::Value> = checked.exposed.iter().map(output::exposed).collect();
    all.extend(checked.problems.iter().map(output::problem));
    context.out.json(|| json!(all))?;
    if context.out.is_sarif() {
        let found = checked.exposed.iter().map(|exposed| sarif::Found {
            exposed,
            more: (!exposed.steps.is_empty()).then(|| json!({"steps": exposed.steps})),
        });
        context.out.sarif(&sarif::log(found, &checked.problems))?;
    }
    Ok(exit)
}

/// Plans to seal all leaks of HEAD that can be sealed where they stand, and names the others.
async fn seal(context: &mut Context<'_, '_>, arguments: &CheckArguments) -> io::Result<Exit> {
    if context.out.is_sarif() {
        let problem =
            Problem::error(Reason::Config, "a plan is not written as SARIF").next("use --output json");
        return context.problem(&problem).map(|_| Exit::Usage);
    }
    let workspace = match context.open(&arguments.path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let sealed = match workspace.plan_leaks().await {
        Ok(sealed) => sealed,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = Exit::Clean;
    for problem in &sealed.left {
        context.problem(problem)?;
        exit = Exit::Differences;
    }
    let Some(made) = sealed.plan else {
        let said =
            if sealed.left.is_empty() { "nothing stands in the clear at HEAD" } else { "nothing to seal" };
        context.out.line(&[(Label::Muted, said)])?;
        if sealed.left.is_empty() {
            context.out.json(|| json!({"plan": null}))?;
        }
        return Ok(exit);
    };
    plan::carry_out(context, &workspace, made, &arguments.write).await.map(|code| code.and(exit))
}

/// Prints findings of the firewall.
pub(super) fn found(context: &mut Context<'_, '_>, all: &[Exposed]) -> io::Result<Exit> {
    for exposed in all {
        let problem = &exposed.problem;
        let label = if exposed.is_certain() { Label::Bad } else { Label::Notice };
        let sign = if exposed.is_certain() { "! " } else { "? " };
        let place = problem.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
        context.out.line(&[(label, sign), (Label::Strong, &place), (Label::Plain, &problem.cause)])?;
        if !exposed.steps.is_empty() {
            steps(context, &exposed.steps, "  ")?;
        } else if !problem.next.is_empty() {
            context.out.line(&[(Label::Muted, "  next: "), (Label::Plain, &problem.next)])?;
        }
        if let Some(digest) = &exposed.digest {
            let file = problem.place.as_ref().map_or("", |p| &p.file);
            let exception = format!("  - {{path: {}, digest: {digest}, reason: …}}", json!(file));
            context.out.line(&[(Label::Muted, &exception)])?;
        }
    }
    Ok(if all.is_empty() { Exit::Clean } else { Exit::Differences })
}

/// Prints what to do, in order.
pub(super) fn steps(context: &mut Context<'_, '_>, steps: &[String], indent: &str) -> io::Result<()> {
    for (number, step) in steps.iter().enumerate() {
        context.out.line(&[(Label::Muted, &format!("{indent}{}. ", number + 1)), (Label::Plain, step)])?;
    }
    Ok(())
}
