//! `sealane doctor`: what is here and what is missing.

use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label};
use crate::model::Problem;
use crate::workspace::{Finding, Reasoned};
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
    context.out.json(|| findings.iter().map(as_json).collect::<Vec<_>>())?;
    Ok(exit)
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let environment = |reasoned: &Reasoned| {
        let (environment, coverage) = (&reasoned.environment, &reasoned.coverage);
        json!({
            "environment": &*environment.name,
            "entry": &*environment.entry,
            "why": environment.why,
            "evidence": environment.evidence.as_ref().map(|place| {
                json!({"file": &*place.file, "line": (place.line > 0).then_some(place.line)})
            }),
            "rendered": {"complete": coverage.complete, "total": coverage.total},
        })
    };
    json!({
        "what": finding.what,
        "found": finding.found,
        "details": finding.details,
        "environments": finding.environments.iter().map(environment).collect::<Vec<_>>(),
        "files": finding.files.iter().map(|file| &**file).collect::<Vec<_>>(),
        "problems": finding.problems.iter().map(output::problem).collect::<Vec<_>>(),
    })
}
