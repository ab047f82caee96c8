//! Chooses a face: the screen, a headless command, or the demo.

use anyhow::Context as _;
use sealane::cli::{self, Arguments, Command, Exit, Where};
use sealane::config::UserConfig;
use sealane::demo::{self, Demo};
use sealane::tui;
use sealane::workspace::{Settings, Workspace, wipe_abandoned};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Rendering makes and drops millions of small nodes: the system's allocator took a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // No core file and no debugger may get at what is in memory. Where the system does not allow it, go on.
    // Nor does it ask whether somebody traces already: an answer would change nothing, and reading /proc costs a tenth of the
    // start.
    let mut hardening = secmem_proc::Config::DEFAULT;
    hardening.set_fs(false);
    let _ = hardening.harden_process();
    // What an editor was given before a kill goes before anything else is done.
    wipe_abandoned(&variable);
    let arguments = Arguments::of(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Nothing is left to tell if standard error is closed.
            let _ = io::stderr().write_all(format!("sealane: {error:#}\n").as_bytes());
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
    // Behind a pointer the whole program is compiled once, and not for each kind of runtime.
    let program: Pin<Box<dyn Future<Output = anyhow::Result<Exit>>>> = Box::pin(async {
        match arguments.command {
            None => {
                screen(arguments.path.as_deref().unwrap_or_else(|| Path::new(".")), &arguments.place).await
            }
            Some(Command::Demo { serve: true }) => serve().await,
            Some(Command::Demo { serve: false })
                if io::stdout().is_terminal() && io::stdin().is_terminal() =>
            {
                demo_screen().await
            }
            Some(Command::Demo { serve: false }) => demo_story().await,
            Some(command) => {
                let face = cli::Face {
                    settings: &asking,
                    input: &mut io::stdin(),
                    out: &mut *output(),
                    colour: colour(),
                };
                Ok(cli::run(command, &arguments.place, face).await)
            }
        }
    });
    let exit = runtime.block_on(program);
    // Blocking reads that nobody waits for any more must not keep the program.
    runtime.shutdown_timeout(Duration::from_secs(2));
    exit
}

async fn screen(path: &Path, place: &Where) -> anyhow::Result<Exit> {
    let settings = settings(path, place);
    let open = move || Ok(tui::Opened { workspace: open(settings)?, tour: None, keeps: None });
    tui::run(open, options()?).await?;
    Ok(Exit::Clean)
}

async fn demo_screen() -> anyhow::Result<Exit> {
    let open = || {
        let demo =
            Demo::start().map_err(|e| tui::Error::NotOpened(format!("the demo cannot be started: {e}")))?;
        let workspace = open(demo.settings())?;
        Ok(tui::Opened { tour: Some(tour(&workspace)), workspace, keeps: Some(Box::new(demo)) })
    };
    tui::run(open, options()?).await?;
    Ok(Exit::Clean)
}

fn open(settings: Settings) -> Result<Workspace, tui::Error> {
    Workspace::open(settings).map_err(|problem| tui::Error::NotOpened(problem.to_string()))
}

/// How the screen is drawn: by the terminal, and by the user's `config.yaml`.
fn options() -> anyhow::Result<tui::Options> {
    let user = UserConfig::load().map_err(|problem| anyhow::anyhow!("{problem}"))?;
    Ok(tui::Options::detect(variable).wished(&user))
}

/// The tour's line follows the snapshots.
fn tour(workspace: &Workspace) -> watch::Receiver<tui::TourStep> {
    let step = |text: String| tui::TourStep {
        in_plan: text.contains("`v`").then(|| demo::REHEARSED.to_owned()),
        text,
        key_to_hide: Some('t'),
    };
    let (sender, receiver) = watch::channel(step(String::new()));
    let mut snapshots = workspace.snapshots();
    tokio::spawn(async move {
        while snapshots.changed().await.is_ok() {
            let text = demo::next_step(&snapshots.borrow_and_update()).unwrap_or_default();
            if sender.borrow().text != text && sender.send(step(text)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Without a terminal: the commands one would type, with their real output.
async fn demo_story() -> anyhow::Result<Exit> {
    let mut ended = ended()?;
    let Some(demo) = start(&mut ended).await? else { return Ok(Exit::Clean) };
    let at_demo = |_: &Path, _: &Where| demo.settings();
    let story = async {
        for (words, typed) in demo::commands() {
            let arguments = Arguments::of(std::iter::once("sealane").chain(words.iter().copied()))?;
            let piped = if typed.is_empty() { "" } else { "printf … | " };
            io::stdout().write_all(format!("$ {piped}sealane {}\n", words.join(" ")).as_bytes())?;
            if let Some(command) = arguments.command {
                let command = command.inside(&demo.repository.clone);
                let mut input = typed.as_bytes();
                let face = cli::Face {
                    settings: &at_demo,
                    input: &mut input,
                    out: &mut io::stdout(),
                    colour: colour(),
                };
                cli::run(command, &arguments.place, face).await;
            }
            io::stdout().write_all(b"\n")?;
            if words.contains(&"--push") {
                tokio::time::sleep(Duration::from_secs(6)).await;
            }
        }
        anyhow::Ok(Exit::Clean)
    };
    tokio::select! {
        told = story => match told {
            // Whoever closed the pipe has read enough.
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => Ok(Exit::Clean),
            told => told,
        },
        _ = ended.recv() => Ok(Exit::Clean),
    }
}

/// Starts the demo; `None` if a signal ended the program meanwhile, with nothing left behind.
async fn start(ended: &mut mpsc::Receiver<()>) -> anyhow::Result<Option<Demo>> {
    let mut starting = tokio::task::spawn_blocking(Demo::start);
    let (started, ended) = tokio::select! {
        started = &mut starting => (started, false),
        _ = ended.recv() => (starting.await, true),
    };
    let demo = started?.context("the demo cannot be started")?;
    Ok((!ended).then_some(demo))
}

async fn serve() -> anyhow::Result<Exit> {
    let mut ended = ended()?;
    let Some(demo) = start(&mut ended).await? else { return Ok(Exit::Clean) };
    let (mut served, mut files) = (Vec::new(), Vec::new());
    for (name, server) in demo.servers().await? {
        let port = server.serve(0).await.context("no port can be opened")?;
        let file = demo.folder().join(format!("{name}.kubeconfig"));
        std::fs::write(&file, port.kubeconfig(&format!("demo-{name}")))?;
        files.push(file);
        served.push(port);
    }
    let keys = demo.folder().join("keys.txt");
    std::fs::write(&keys, demo::OPERATOR)?;
    io::stdout().write_all(demo::directions(&demo, &files, &keys).as_bytes())?;
    ended.recv().await;
    Ok(Exit::Clean)
}

/// Hears SIGINT, SIGTERM and SIGHUP from now on.
fn ended() -> anyhow::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(1);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut heard, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            heard.recv().await;
            // If nobody listens any more, the program is ending already.
            let _ = sender.send(()).await;
        });
    }
    Ok(receiver)
}

/// Standard output: a person sees each line at once, a program gets them by the block.
fn output() -> Box<dyn io::Write> {
    let out = io::stdout();
    if out.is_terminal() { Box::new(out) } else { Box::new(io::BufWriter::with_capacity(64 << 10, out)) }
}

fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
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

/// The same; what is locked is asked for at the terminal.
fn asking(path: &Path, place: &Where) -> Settings {
    let mut settings = settings(path, place);
    settings.keys.ask = Some(Arc::new(cli::Terminal::new(settings.state.clone())));
    settings
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
