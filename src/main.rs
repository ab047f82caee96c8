//! Chooses a face: the screen, a headless command, or the demo.

use anyhow::Context as _;
use sealane::cli::{self, Arguments, Command, Exit, Where};
use sealane::demo::Demo;
use sealane::tui;
use sealane::workspace::{Settings, Workspace};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    // No core file and no debugger may get at what is in memory. Where the system does not allow it, go on.
    let _ = secmem_proc::harden_process();
    let arguments = <Arguments as clap::Parser>::parse();
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let text = format!("sealane: {error:#}\n");
            // Nothing is left to tell if standard error is closed.
            let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
            Exit::Usage.into()
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let exit = runtime.block_on(async {
        match arguments.command {
            None => {
                screen(arguments.path.as_deref().unwrap_or_else(|| Path::new(".")), &arguments.place).await
            }
            Some(Command::Demo { serve: false }) => demo().await,
            Some(Command::Demo { serve: true }) => serve().await,
            Some(command) => {
                let colour =
                    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
                Ok(cli::run(command, &arguments.place, &settings, &mut io::stdout(), colour).await)
            }
        }
    });
    // Blocking reads that nobody waits for any more must not keep the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    exit
}

async fn screen(path: &Path, place: &Where) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(settings(path, place)).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    tui::run(workspace, tui::Options::detect(variable)).await?;
    Ok(Exit::Clean)
}

async fn demo() -> anyhow::Result<Exit> {
    let demo = Demo::start().context("the demo cannot be started")?;
    let workspace = Workspace::open(demo.settings()).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    tui::run(workspace, tui::Options::detect(variable)).await?;
    Ok(Exit::Clean)
}

async fn serve() -> anyhow::Result<Exit> {
    let demo = Demo::start().context("the demo cannot be started")?;
    let _ = demo.servers();
    tokio::signal::ctrl_c().await?;
    Ok(Exit::Clean)
}

fn settings(path: &Path, place: &Where) -> Settings {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    Settings {
        kubeconfig: place.kubeconfig.clone(),
        context: place.context.clone(),
        environment: place.environment.clone(),
        no_cluster: place.no_cluster,
        ..Settings::of_user(path, variable, home.as_deref())
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
