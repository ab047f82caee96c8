//! `sealane merge-driver`: what git calls to merge sealed files, and what sets it up.

use super::arguments::MergeArguments;
use super::context::Context;
use super::exit::Exit;
use super::output::Label;
use crate::config::Answers;
use crate::model::clean;
use crate::workspace::{self, MergeRequest};
use serde_json::json;
use std::io;

/// The length of git's own conflict markers.
const MARKER_SIZE: u16 = 7;

/// Merges as git asks: 0 is clean, 1 a conflict.
pub(super) async fn run(context: &mut Context<'_, '_>, arguments: &MergeArguments) -> io::Result<Exit> {
    let [base, ours, theirs, rest @ ..] = arguments.versions.as_slice() else {
        return install(context, arguments).await;
    };
    let word = |index: usize| rest.get(index).map(|word| word.to_string_lossy().into_owned());
    let request = MergeRequest {
        base: base.clone(),
        ours: ours.clone(),
        theirs: theirs.clone(),
        marker_size: word(0).and_then(|size| size.parse().ok()).unwrap_or(MARKER_SIZE),
        path: word(1).unwrap_or_else(|| ours.to_string_lossy().into_owned()),
    };
    let settings = (context.settings)(&arguments.path, context.place);
    let mut keys = settings.keys;
    keys.agreed.extend(Answers::load(settings.state.as_deref()).plugins);
    match workspace::merge(&request, &keys) {
        Ok(()) => Ok(Exit::Clean),
        Err(problem) => context.problem(&problem).map(|_| Exit::Differences),
    }
}

async fn install(context: &mut Context<'_, '_>, arguments: &MergeArguments) -> io::Result<Exit> {
    let workspace = match context.open_offline(&arguments.path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let (file, patterns) = match workspace.install_drivers(std::env::current_exe()?, arguments.textconv).await
    {
        Ok(installed) => installed,
        Err(problem) => return context.problem(&problem),
    };
    let (file, list) = (clean(&file.to_string_lossy()), patterns.join(", "));
    let told = format!("git merges sealed files key by key in this clone: {list}");
    context.out.line(&[(Label::Good, "✓ "), (Label::Plain, &told)])?;
    if arguments.textconv {
        let told = "git diff and git log -p show which of their keys change, and no value";
        context.out.line(&[(Label::Good, "✓ "), (Label::Plain, told)])?;
    }
    context
        .out
        .line(&[(Label::Muted, &format!("  written to {file} and to the clone's own configuration"))])?;
    context.out.json(|| json!({"file": file, "patterns": patterns, "textconv": arguments.textconv}))?;
    Ok(Exit::Clean)
}
