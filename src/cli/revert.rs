//! `sealane revert`: the rehearsal of a revert, and the commit if it is asked for.

use super::arguments::Write;
use super::context::Context;
use super::exit::Exit;
use super::output::Label;
use super::plan;
use std::io;
use std::path::Path;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    path: &Path,
    revisions: &[String],
    write: &Write,
) -> io::Result<Exit> {
    let workspace = match context.open(path)? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let mut commits = Vec::new();
    for revision in revisions {
        match workspace.resolve(revision).await {
            Ok(commit) => commits.push(commit),
            Err(problem) => return context.problem(&problem),
        }
    }
    match workspace.plan_revert(&commits).await {
        Ok(made) => plan::carry_out(context, &workspace, made, write).await,
        Err(refusal) => {
            let exit = context.problem(&refusal.problem)?;
            for commit in &refusal.also {
                context.out.line(&[
                    (Label::Muted, "  in the way: "),
                    (Label::Notice, &commit.id.short()),
                    (Label::Plain, &format!(" {} ({})", commit.subject, commit.author)),
                ])?;
            }
            Ok(exit)
        }
    }
}
