//! `sealane edit`: a sealed file in an editor, its text in memory alone, and the plan of what was changed.

use super::arguments::EditArguments;
use super::context::{Context, folder_of, path_inside};
use super::exit::Exit;
use super::output::Label;
use super::plan;
use super::terminal::Terminal;
use crate::model::{Problem, Reason, clean};
use crate::workspace::{
    Ask as _, Begun, Edited, Editing, ScratchPlaces, Workspace, editor_command, secret_editor,
};
use rustix::process::{Pid, Signal as Kill, kill_process};
use std::io::{self, IsTerminal as _};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long an editor that is asked to end may take.
const LAST_MOMENT: Duration = Duration::from_secs(1);

pub(super) async fn run(context: &mut Context<'_, '_>, arguments: EditArguments) -> io::Result<Exit> {
    let workspace = match context.open(folder_of(&arguments.file))? {
        Ok(workspace) => workspace,
        Err(exit) => return Ok(exit),
    };
    let file = match path_inside(&workspace, &arguments.file) {
        Ok(path) => path,
        Err(problem) => return context.problem(&problem),
    };
    let variable = |name: &str| std::env::var(name).ok();
    let editor = secret_editor(&variable);
    if editor.is_empty() {
        let problem = Problem::error(Reason::Config, "there is no editor");
        return context.problem(&problem.next("set SOPS_EDITOR, VISUAL or EDITOR"));
    }
    let places = ScratchPlaces::of_user(&variable);
    let begun = match workspace.begin_edit(&file, places, arguments.on_disk).await {
        Ok(Begun::Editing(editing)) => edited(context, &workspace, &editor, editing).await?,
        Ok(Begun::NeedsDisk(folder)) => Err(needs_disk(&folder)),
        Err(problem) => Err(problem),
    };
    match begun {
        Ok(Some(made)) => plan::carry_out(context, &workspace, *made, &arguments.write).await,
        Ok(None) => {
            context.out.line(&[(Label::Muted, "nothing was changed")])?;
            context.out.json(|| serde_json::json!({"changed": false}))?;
            Ok(Exit::Clean)
        }
        Err(problem) => context.problem(&problem),
    }
}

fn needs_disk(folder: &str) -> Problem {
    let cause = format!(
        "no folder here lies in memory, and in {} the opened text would reach the disk",
        clean(folder)
    );
    Problem::error(Reason::Refused, cause)
        .next("`--on-disk` agrees to that; `sealane seal FILE --set KEY` needs no file at all")
}

type Made = Result<Option<Box<crate::workspace::Plan>>, Problem>;

/// Runs the editor until its text can be sealed, nothing was changed, or nobody wants to try again.
async fn edited(
    context: &mut Context<'_, '_>,
    workspace: &Workspace,
    editor: &[String],
    mut editing: Box<Editing>,
) -> io::Result<Made> {
    loop {
        if let Err(problem) = run_editor(editor, &editing).await {
            return Ok(Err(problem));
        }
        match workspace.finish_edit(editing).await {
            Ok(Edited::Unchanged) => return Ok(Ok(None)),
            Ok(Edited::Plan(plan)) => return Ok(Ok(Some(plan))),
            Ok(Edited::Broken(again, problem)) => {
                context.problem(&problem)?;
                if !wants_again().await {
                    let told = Problem::error(Reason::Refused, "nothing was changed, and the text is wiped");
                    return Ok(Err(told.next("edit the file again")));
                }
                editing = again;
            }
            Err(problem) => return Ok(Err(problem)),
        }
    }
}

/// Asks whether to edit again; without a terminal nobody does.
async fn wants_again() -> bool {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return false;
    }
    let asked = tokio::task::spawn_blocking(|| {
        let question = "The text is still there. Edit it again?";
        Terminal::new(None).confirm(question, "edit again", Some("drop it"))
    });
    asked.await.ok().flatten() == Some(true)
}

/// Gives the terminal to the editor. A signal that ends us ends it too, and what it was given is wiped.
async fn run_editor(editor: &[String], editing: &Editing) -> Result<(), Problem> {
    let name = clean(editor.first().map_or("", String::as_str));
    let failed = |cause: String| Problem::error(Reason::Refused, cause).next("nothing was changed");
    let Some((program, arguments)) = editor_command(editor, editing.path()) else {
        return Err(failed("there is no editor".to_owned()));
    };
    // Heard before the editor starts; ctrl-c is the editor's own, and reaches it as it reaches us.
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupted), Ok(mut terminated), Ok(mut hung_up)] = signals else {
        return Err(failed("signals cannot be heard".to_owned()));
    };
    let mut command = Command::new(program);
    let own = editing.folder();
    command.args(arguments).current_dir(own).env("TMPDIR", own).env("TMP", own).env("TEMP", own);
    let child = command.spawn().map_err(|error| failed(format!("{name} cannot be started: {error}")))?;
    let process = Pid::from_child(&child);
    let mut waiting = tokio::task::spawn_blocking(move || waited(child));
    let ended = loop {
        tokio::select! {
            ended = &mut waiting => break ended,
            _ = interrupted.recv() => {}
            _ = terminated.recv() => return Err(stopped(process, waiting).await),
            _ = hung_up.recv() => return Err(stopped(process, waiting).await),
        }
    };
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(format!("{name} ended with {status}"))),
        Ok(Err(error)) => Err(failed(format!("{name} cannot be waited for: {error}"))),
        Err(_) => Err(failed(format!("{name} could not be waited for"))),
    }
}

fn waited(mut child: Child) -> io::Result<ExitStatus> {
    child.wait()
}

/// Ends the editor, by force if it does not hear.
async fn stopped(process: Pid, waiting: tokio::task::JoinHandle<io::Result<ExitStatus>>) -> Problem {
    // Whoever has ended meanwhile needs no signal.
    let _ = kill_process(process, Kill::TERM);
    let mut waiting = waiting;
    if tokio::time::timeout(LAST_MOMENT, &mut waiting).await.is_err() {
        let _ = kill_process(process, Kill::KILL);
        let _ = tokio::time::timeout(LAST_MOMENT, waiting).await;
    }
    Problem::error(Reason::Refused, "a signal ended the editor")
        .next("nothing was changed; the text is wiped")
}
