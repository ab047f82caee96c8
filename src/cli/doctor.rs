//! `sealane doctor`: what is here and what is missing.

use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::Problem;
use serde_json::json;
use std::io;
use std::path::Path;

pub(super) async fn run(context: &mut Context<'_, '_>, path: &Path) -> io::Result<Exit> {
    let workspace = match context.open_offline(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let findings = match workspace.doctor(!context.place.no_cluster).await {
        Ok(findings) => findings,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = Exit::Clean;
    for finding in &findings {
        // The command was understood; what is wrong with a configuration is what it found.
        let found = |problem: &Problem| match Exit::of(problem) {
            Exit::Usage => Exit::Differences,
            exit => exit,
        };
        let worst = finding.problems.iter().map(found).max().unwrap_or_default();
        let (label, sign) = if worst == Exit::Clean { (Label::Good, "✓") } else { (Label::Notice, "!") };
        context
            .out
            .line(&[(label, &format!("{sign} {:<16}", finding.what)), (Label::Plain, &finding.found)])?;
        for detail in &finding.details {
            context.out.line(&[(Label::Muted, &format!("    {detail}"))])?;
        }
        for problem in &finding.problems {
            let place = problem.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
            context.out.line(&[
                (Label::Notice, "  ! "),
                (Label::Muted, &place),
                (Label::Plain, &problem.cause),
            ])?;
            if !problem.next.is_empty() {
                context.out.line(&[(Label::Muted, &format!("    next: {}", problem.next))])?;
            }
        }
        exit = exit.and(worst);
    }
    let list = findings.iter().map(|f| json!({"what": f.what, "found": f.found, "details": f.details, "problems": f.problems.iter().map(output::problem).collect::<Vec<_>>()}));
    context.out.json(&list.collect::<Vec<_>>())?;
    Ok(exit)
}
