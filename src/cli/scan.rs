//! `sealane scan`: secrets in the clear in all that was ever committed.

use super::context::Context;
use super::exit::Exit;
use super::output::{self, Label, counted};
use super::sarif;
use crate::workspace::Leak;
use serde_json::json;
use std::io;
use std::path::Path;

pub(super) async fn run(context: &mut Context<'_, '_>, path: &Path) -> io::Result<Exit> {
    let workspace = match context.open_offline(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let scan = match workspace.scan().await {
        Ok(scan) => scan,
        Err(problem) => return context.problem(&problem),
    };
    if context.out.is_sarif() {
        let found = scan
            .leaks
            .iter()
            .map(|leak| sarif::Found { exposed: &leak.exposed, more: Some(leak_json(leak)) });
        context.out.sarif(&sarif::log(found, &scan.left_out))?;
    }
    for leak in &scan.leaks {
        print(context, leak)?;
    }
    let mut exit = if scan.leaks.is_empty() { Exit::Clean } else { Exit::Differences };
    let sum = format!(
        "{} in {} with {}",
        counted(scan.leaks.len(), "leak"),
        counted(scan.commits, "commit"),
        counted(scan.contents, "file version")
    );
    context.out.line(&[(Label::Muted, &sum)])?;
    if context.out.is_json() {
        context.out.json(&json!({
            "leaks": scan.leaks.iter().map(leak_json).collect::<Vec<_>>(),
            "commits": scan.commits,
            "contents": scan.contents,
            "leftOut": scan.left_out.iter().map(output::problem).collect::<Vec<_>>(),
        }))?;
        exit = exit.and(scan.left_out.iter().map(Exit::of).max().unwrap_or_default());
    } else if context.out.is_sarif() {
        exit = exit.and(scan.left_out.iter().map(Exit::of).max().unwrap_or_default());
    } else {
        for problem in &scan.left_out {
            exit = exit.and(context.problem(problem)?);
        }
    }
    Ok(exit)
}

fn print(context: &mut Context<'_, '_>, leak: &Leak) -> io::Result<()> {
    let place = leak.exposed.problem.place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default();
    let (label, now) =
        if leak.is_there { (Label::Bad, "still there") } else { (Label::Notice, "in history") };
    let brought = &leak.brought;
    context.out.line(&[
        (label, &format!("! {now}  ")),
        (Label::Strong, &place),
        (Label::Plain, &leak.exposed.problem.cause),
    ])?;
    context.out.line(&[
        (Label::Muted, "    brought by "),
        (Label::Notice, &brought.id.short()),
        (Label::Muted, &format!("  {}  {}  ", output::day(brought.time), brought.author)),
        (Label::Plain, &brought.subject),
    ])?;
    context.out.line(&[(Label::Muted, "    next: "), (Label::Plain, next(leak))])
}

/// What to do, in order: the value first, then the file; history is never rewritten by us.
fn next(leak: &Leak) -> &'static str {
    if leak.is_there {
        "make a new value and revoke this one, then seal the file: history keeps what it was"
    } else {
        "make a new value and revoke this one, if that was not done: history keeps it"
    }
}

fn leak_json(leak: &Leak) -> serde_json::Value {
    json!({
        "problem": output::exposed(&leak.exposed),
        "stillThere": leak.is_there,
        "versions": leak.versions,
        "broughtBy": {
            "commit": leak.brought.id.to_string(),
            "author": &*leak.brought.author,
            "time": leak.brought.time,
            "subject": &*leak.brought.subject,
        },
        "next": next(leak),
    })
}
