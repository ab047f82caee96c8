//! `sealane scan`: secrets in the clear in all that was ever committed.

use super::check;
use super::context::{Context, settled};
use super::exit::Exit;
use super::output::{self, Label, counted};
use super::sarif;
use crate::model::clean;
use crate::workspace::{Compared, Holder, Leak, Scan, Workspace};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

pub(super) async fn run(context: &mut Context<'_, '_>, path: &Path) -> io::Result<Exit> {
    let workspace = match context.open_offline(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let mut scan = match workspace.scan().await {
        Ok(scan) => scan,
        Err(problem) => return context.problem(&problem),
    };
    let mut exit = if scan.leaks.is_empty() { Exit::Clean } else { Exit::Differences };
    let compared = if scan.leaks.is_empty() {
        None
    } else {
        match compare(context, workspace, path, &mut scan).await? {
            Ok((compared, reached)) => {
                exit = exit.and(reached);
                Some(compared)
            }
            Err(failed) => return Ok(failed),
        }
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
    sum(context, &scan, compared.as_ref())?;
    if context.out.is_json() {
        context.out.json(|| {
            json!({
                "leaks": scan.leaks.iter().map(leak_json).collect::<Vec<_>>(),
                "commits": scan.commits,
                "contents": scan.contents,
                "compared": compared.as_ref().map(compared_json),
                "leftOut": scan.left_out.iter().map(output::problem).collect::<Vec<_>>(),
            })
        })?;
    }
    for problem in &scan.left_out {
        let code = if context.out.is_text() { context.problem(problem)? } else { Exit::of(problem) };
        exit = exit.and(code);
    }
    Ok(exit)
}

/// Looks for the leaked values among what is in use: in the clusters too, unless none is to be looked at.
async fn compare(
    context: &mut Context<'_, '_>,
    offline: Workspace,
    path: &Path,
    scan: &mut Scan,
) -> io::Result<Result<(Compared, Exit), Exit>> {
    let (mut workspace, mut reached) = (offline, Exit::Clean);
    if !context.place.no_cluster && workspace.has_clusters() {
        workspace = match context.open(path)? {
            Ok(workspace) => workspace,
            Err(exit) => return Ok(Err(exit)),
        };
        let snapshot = settled(&workspace).await;
        reached = context.exit_of_clusters(&snapshot);
    }
    match workspace.still_valid(std::mem::take(&mut scan.leaks), context.place.environment.clone()).await {
        Ok((leaks, compared)) => {
            scan.leaks = leaks;
            Ok(Ok((compared, reached)))
        }
        Err(problem) => context.problem(&problem).map(Err),
    }
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
    for holder in &leak.holders {
        context.out.line(&[(Label::Bad, "    still valid: "), (Label::Plain, &valid(holder))])?;
    }
    context.out.line(&[
        (Label::Muted, "    brought by "),
        (Label::Notice, &brought.id.short()),
        (Label::Muted, &format!("  {}  {}  ", output::day(brought.time), brought.author)),
        (Label::Plain, &brought.subject),
    ])?;
    check::steps(context, &leak.steps(), "    ")
}

fn valid(holder: &Holder) -> String {
    match holder {
        Holder::Live { .. } => format!("{holder} holds this value"),
        Holder::Sealed { .. } => format!("{holder} holds this value: it was sealed and never changed"),
    }
}

/// How much was looked at, and what the leaks were compared with.
fn sum(context: &mut Context<'_, '_>, scan: &Scan, compared: Option<&Compared>) -> io::Result<()> {
    let sum = format!(
        "{} in {} with {}",
        counted(scan.leaks.len(), "leak"),
        counted(scan.commits, "commit"),
        counted(scan.contents, "file version")
    );
    if let Some(compared) = compared {
        let mut with = vec![counted(compared.sealed, "sealed file")];
        with.extend(
            compared.live.iter().map(|(name, count)| format!("{} of {name}", counted(*count, "live Secret"))),
        );
        let mut told = format!("compared with {}", with.join(", "));
        let closed = counted(compared.closed.len(), "sealed file");
        if !compared.closed.is_empty() {
            let _ = write!(told, "; not with {closed} that no identity here opens");
        }
        for (name, why) in &compared.not_live {
            let _ = write!(told, "; not with {name}: {why}");
        }
        context.out.line(&[(Label::Muted, &told)])?;
    }
    context.out.line(&[(Label::Muted, &sum)])
}

fn leak_json(leak: &Leak) -> Value {
    let steps = leak.steps();
    json!({
        "problem": output::exposed(&leak.exposed),
        "stillThere": leak.is_there,
        "stillValid": leak.holders.iter().map(holder_json).collect::<Vec<_>>(),
        "versions": leak.versions,
        "broughtBy": {
            "commit": leak.brought.id.to_string(),
            "author": &*leak.brought.author,
            "time": leak.brought.time,
            "subject": &*leak.brought.subject,
        },
        "next": steps.first(),
        "steps": steps,
    })
}

fn holder_json(holder: &Holder) -> Value {
    match holder {
        Holder::Live { environment, secret, key } => {
            json!({"environment": &**environment, "secret": secret, "key": &**key})
        }
        Holder::Sealed { file, key } => json!({"file": clean(file), "key": &**key}),
    }
}

fn compared_json(compared: &Compared) -> Value {
    json!({
        "live": compared.live.iter().map(|(name, count)| json!({"environment": &**name, "secrets": count})).collect::<Vec<_>>(),
        "notLive": compared.not_live.iter().map(|(name, why)| json!({"environment": &**name, "why": why})).collect::<Vec<_>>(),
        "sealedFiles": compared.sealed,
        "closedFiles": compared.closed.iter().map(|path| clean(path)).collect::<Vec<_>>(),
    })
}
