//! `sealane check`: what stands in the clear or is sealed wrongly, for hooks and pipelines.

use super::audit::told;
use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use super::sarif;
use crate::workspace::Exposed;
use serde_json::json;
use std::io;
use std::path::Path;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    path: &Path,
    staged: bool,
    digests: bool,
) -> io::Result<Exit> {
    let workspace = match context.open_offline(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let checked = match workspace.check(staged, digests).await {
        Ok(checked) => checked,
        Err(problem) => return context.problem(&problem),
    };
    let exit = found(context, &checked.exposed)?.and(told(context, &checked.problems)?);
    let mut all: Vec<serde_json::Value> = checked.exposed.iter().map(output::exposed).collect();
    all.extend(checked.problems.iter().map(output::problem));
    context.out.json(&json!(all))?;
    if context.out.is_sarif() {
        let found = checked.exposed.iter().map(|exposed| sarif::Found { exposed, more: None });
        context.out.sarif(&sarif::log(found, &checked.problems))?;
    }
    Ok(exit)
}

/// Prints findings of the firewall.
pub(super) fn found(context: &mut Context<'_, '_>, all: &[Exposed]) -> io::Result<Exit> {
    for exposed in all {
        let problem = &exposed.problem;
        let label = if exposed.is_certain() { Label::Bad } else { Label::Notice };
        let sign = if exposed.is_certain() { "! " } else { "? " };
        let place = problem.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
        context.out.line(&[(label, sign), (Label::Strong, &place), (Label::Plain, &problem.cause)])?;
        if !problem.next.is_empty() {
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
