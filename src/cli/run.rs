//! From arguments to an exit code: each verb asks the workspace and prints the answer.

use super::arguments::{Arguments, AuditOf, Command, Where};
use super::context::Context;
use super::exit::Exit;
use super::output::Printer;
use super::{
    audit, build, check, diff, doctor, edit, history, merge_driver, readers, render, reseal, revert, scan,
    seal, status, textconv,
};
use crate::model::{Problem, Reason};
use crate::workspace::Settings;
use clap::CommandFactory as _;
use std::io::{self, Read, Write};
use std::path::Path;

/// What a headless command is given: how a repository is opened (where keys, kubeconfigs and answers are), and where
/// it reads and prints.
pub struct Face<'a> {
    /// Settings for a path.
    pub settings: &'a dyn Fn(&Path, &Where) -> Settings,
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// True to use colours.
    pub colour: bool,
}

/// Runs a headless command.
pub async fn run(command: Command, place: &Where, face: Face<'_>) -> Exit {
    let mut printer = Printer::new(face.out, place.output, face.colour);
    let mut context = Context { place, settings: face.settings, input: face.input, out: &mut printer };
    if context.out.is_sarif() && !matches!(command, Command::Check(_) | Command::Scan { .. }) {
        let problem = Problem::error(Reason::Config, "SARIF is written by `check` and `scan` alone")
            .next("use --output json");
        return context.problem(&problem).map_or(Exit::Usage, |_| Exit::Usage);
    }
    let outcome = match command {
        Command::Status { path } => status::run(&mut context, &path).await,
        Command::Render { path, at, object, explain } => {
            let (at, object) = (at.as_deref(), object.as_deref());
            render::run(&mut context, &path, at, object, explain.as_deref()).await
        }
        Command::Build(arguments) => build::run(&mut context, &arguments),
        Command::Diff { range, live, path } => diff::run(&mut context, &path, range.as_deref(), live).await,
        Command::History { object, path, limit } => history::run(&mut context, &path, &object, limit).await,
        Command::Revert { revisions, path, write } => {
            revert::run(&mut context, &path, &revisions, &write).await
        }
        Command::Seal(arguments) => seal::run(&mut context, *arguments).await,
        Command::Edit(arguments) => edit::run(&mut context, arguments).await,
        Command::Reseal { files, keep_key, write } => {
            reseal::run(&mut context, &files, keep_key, &write).await
        }
        Command::Audit { path, at, what } => audited(&mut context, &path, at.as_deref(), what).await,
        Command::Check(arguments) => check::run(&mut context, &arguments).await,
        Command::Scan { path } => scan::run(&mut context, &path).await,
        Command::MergeDriver(arguments) => merge_driver::run(&mut context, &arguments).await,
        Command::Textconv { file } => textconv::run(&mut context, &file),
        Command::Doctor { path } => doctor::run(&mut context, &path).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "sealane", &mut script);
            context.out.raw(&String::from_utf8_lossy(&script)).map(|()| Exit::Clean)
        }
        Command::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Arguments::command()).render(&mut page);
            rendered.and_then(|()| context.out.raw(&String::from_utf8_lossy(&page))).map(|()| Exit::Clean)
        }
        // The demo is a root of its own; `main` starts it.
        Command::Demo { .. } => Ok(Exit::Usage),
    };
    let outcome = outcome.and_then(|exit| context.out.flush().map(|()| exit));
    // A closed pipe (`sealane status | head`) is the reader's choice, not an error.
    outcome.unwrap_or_else(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe { Exit::Clean } else { Exit::Incomplete }
    })
}

async fn audited(
    context: &mut Context<'_, '_>,
    path: &Path,
    at: Option<&str>,
    what: Option<AuditOf>,
) -> io::Result<Exit> {
    match what {
        None => audit::run(context, path, at).await,
        Some(AuditOf::Rules { files }) => audit::rules(context, &files).await,
        Some(AuditOf::Who { files, at, history }) => {
            readers::who(context, &files, at.as_deref(), history).await
        }
        Some(AuditOf::Compare { file, with }) => readers::compare(context, &file, &with).await,
        Some(AuditOf::Same { file, key }) => readers::same(context, &file, &key).await,
    }
}
