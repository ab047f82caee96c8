//! The screen. Only room that knows ratatui and crossterm.
//!
//! ```text
//!          keys, resize, signals            Snapshot (watch)          replies (mpsc)
//!                   │                             │                        │
//!                   ▼                             ▼                        ▼
//!   keymap(mode, key) ───────────────► Message ◄──────────────────────────────┐
//!                                         │                                   │
//!                     update(&mut State, Message) -> Vec<Effect>              │
//!                              │                      │                       │
//!                     draw(&State, &mut Frame)   effect::Hands ──► Workspace ─┘
//! ```
//!
//! | file | job |
//! | --- | --- |
//! | `mod` | the one loop; [`run`] |
//! | `terminal` | taking the terminal and always giving it back |
//! | `input` | what the terminal sends becomes messages |
//! | `secret_input` | the keyboard while a secret is typed, in buffers that are wiped |
//! | `keymap` | the one table of keys |
//! | `state`, `update` | what is known, and how messages change it |
//! | `effect` | the only place that acts |
//! | `stall` | turns of the loop that took too long |
//! | `draw`, `canvas`, `theme`, `glyph`, `words` | the frame, its pieces, colours, signs, and how things are said |
//! | `list`, `filter`, `menu` | lists that keep still, filters, what the palette offers |
//! | `screen/` | one file a screen |
//! | `overlay/` | what lies over a screen for a moment |

mod canvas;
mod draw;
mod effect;
mod filter;
#[cfg(test)]
mod fixture;
mod glyph;
mod input;
mod keymap;
mod list;
mod menu;
mod overlay;
mod screen;
mod secret_input;
mod stall;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod words;

use crate::config::{ThemeChoice, UserConfig};
use crate::workspace::{Snapshot, Workspace, secret_editor};
use canvas::Look;
use crossterm::event::Event;
use effect::{Back, Carry, Effect, Errand, Hands};
use futures::FutureExt as _;
use futures::stream::{BoxStream, StreamExt as _};
use stall::Stalls;
use state::Message;
pub use state::{Ending, State, TourStep};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
pub use theme::Colours;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// At most one frame in this time.
const FRAME: Duration = Duration::from_millis(16);
/// How long the end waits for what is still being opened, so that it can be undone.
const UNDOING: Duration = Duration::from_secs(30);
/// Messages taken in one turn before a frame is drawn.
const BURST: usize = 20;

/// How the screen looks and behaves.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which colours to use; `None` asks the terminal whether it is light or dark.
    pub colours: Option<Colours>,
    /// True to draw ASCII only.
    pub ascii: bool,
    /// True to hear of the mouse; otherwise the terminal marks text with it.
    pub mouse: bool,
    /// The editor's command, as words; empty if none is set.
    pub editor: Vec<String>,
    /// The same for opened text of sealed files, as sops chooses it.
    pub secret_editor: Vec<String>,
    /// True if the terminal is far away (SSH), so that its clipboard is reached through it.
    pub remote: bool,
    /// A file that is told of turns of the loop that took too long.
    pub stalls: Option<PathBuf>,
}

/// What the screen looks at, once it is open.
pub struct Opened {
    /// The repository and its clusters.
    pub workspace: Workspace,
    /// Steps of a tour, each one dim line.
    pub tour: Option<watch::Receiver<TourStep>>,
    /// What must live as long as the screen does; dropped once the terminal is given back.
    pub keeps: Option<Box<dyn Send>>,
}

/// Why the screen could not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard output or input is no terminal.
    #[error("this is no terminal; `sealane status` prints the same as text")]
    NotATerminal,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] std::io::Error),
    /// What was to be shown could not be opened.
    #[error("{0}")]
    NotOpened(String),
    /// A part of the program died. Nothing half-written is left behind.
    #[error("a part of Sealane died: {0}")]
    Crashed(String),
}

impl Options {
    /// Options as the environment variables ask for them: `NO_COLOR`, `COLORTERM`, `TERM`, `LC_ALL`,
    /// `LC_CTYPE`, `LANG`, `SOPS_EDITOR`, `VISUAL`, `EDITOR`, `PATH`, `SSH_TTY`, `SEALANE_STALLS`.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let exact = set("COLORTERM").is_some_and(|c| c == "truecolor" || c == "24bit");
        let colours = match (set("NO_COLOR"), exact || term.ends_with("-direct")) {
            (Some(_), _) => Some(Colours::Plain),
            (None, false) => Some(Colours::Sixteen),
            (None, true) => None,
        };
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let utf8 = locale.to_lowercase().replace('-', "").contains("utf8");
        let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_default();
        Self {
            colours,
            // The Linux console draws 256 or 512 signs only; a locale that says nothing is no reason.
            ascii: term == "linux" || (!locale.is_empty() && !utf8),
            mouse: true,
            secret_editor: secret_editor(&variable),
            editor: editor.split_whitespace().map(str::to_owned).collect(),
            remote: set("SSH_TTY").is_some(),
            stalls: set("SEALANE_STALLS").map(PathBuf::from),
        }
    }

    /// The same as the user's `config.yaml` wishes it, as far as the terminal can.
    #[must_use]
    pub fn wished(mut self, user: &UserConfig) -> Self {
        self.colours = match (self.colours, user.theme) {
            (None, ThemeChoice::Dark) => Some(Colours::Dark),
            (None, ThemeChoice::Light) => Some(Colours::Light),
            (found, _) => found,
        };
        self.ascii |= user.ascii;
        self.mouse = user.mouse.unwrap_or(true);
        self
    }
}

/// Shows the screen until somebody leaves it. The first frame stands before `open` is called, which runs on a
/// thread of its own; what it opened is dropped before this returns, also if the screen has ended meanwhile. Call it
/// by `block_on` on the main thread of a multi-thread runtime: a panic of this thread gives the terminal back at
/// once, a panic elsewhere ends the loop in order.
pub async fn run(
    open: impl FnOnce() -> Result<Opened, Error> + Send + 'static,
    options: Options,
) -> Result<State, Error> {
    // A signal between taking the terminal and hearing signals would leave the terminal taken.
    let signals = terminal::signals()?;
    let (crash, crashes) = mpsc::unbounded_channel();
    let mut surface = terminal::Surface::enter(crash, options.mouse)?;
    let glyphs = if options.ascii { glyph::ASCII } else { glyph::UNICODE };
    let guess = options.colours.unwrap_or(Colours::Sixteen);
    let look = Look { theme: theme::Theme::new(guess), glyphs };
    let mut state = State::new(Arc::default(), look, surface.size(), terminal::wall_time());
    state.editor.clone_from(&options.editor);
    state.secret_editor.clone_from(&options.secret_editor);
    surface.draw(&state)?;
    let (send, back) = mpsc::channel(64);
    let mut opening = tokio::task::spawn_blocking({
        let send = send.clone();
        // If the screen has ended, nobody takes it, and it goes here.
        move || drop(send.blocking_send(Back::Opened(Box::new(open()))))
    });
    if options.colours.is_none() {
        // The first frame does not wait for an answer; the terminal's own colours suit every background.
        state.look.theme = theme::Theme::new(surface.ask_colours());
    }
    // Until something is open, nothing is published.
    let (_silent, snapshots) = watch::channel(Arc::default());
    let mut wires = Wires {
        snapshots,
        back,
        crashes,
        tour: None,
        signals,
        hands: Hands::new(send, options.remote),
        wall: terminal::wall_time,
        cpu: terminal::thread_time,
        stalls: Stalls::into_file(options.stalls.as_deref())?,
    };
    let ended = live(state, &mut surface, &mut wires).await;
    drop(surface);
    let mut signals = std::mem::replace(&mut wires.signals, futures::stream::pending().boxed());
    drop(wires);
    tokio::select! {
        _ = &mut opening => {}
        // A disk that hangs must not keep the shell from coming back, and whoever asks twice means it.
        Some(_) = signals.next() => {}
        () = tokio::time::sleep(UNDOING) => {}
    }
    let state = ended?;
    match &state.ending {
        Some(Ending::Crashed(report)) => Err(Error::Crashed(report.clone())),
        Some(Ending::NotOpened(problem)) => Err(Error::NotOpened(problem.clone())),
        _ => Ok(state),
    }
}

/// What the loop draws on and hears from.
pub(crate) trait Face {
    /// Draws one frame.
    fn draw(&mut self, state: &State) -> std::io::Result<()>;
    /// Keys, paste, mouse, resize.
    fn input(&mut self) -> BoxStream<'static, Event>;
    /// The same while a secret is typed: nothing may keep what it read.
    fn secret_input(&mut self) -> std::io::Result<BoxStream<'static, Event>>;
    /// Does what only the owner of the terminal can do; what went wrong, if anything.
    fn errand(&mut self, errand: Errand) -> impl Future<Output = std::io::Result<Option<String>>>;
}

/// A signal that the loop heeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Terminate,
    Interrupt,
    Suspend,
    Continue,
    /// The terminal has this many columns and lines now. Crossterm loses the signal when a key comes with it.
    Resized(u16, u16),
}

/// Everything that reaches the loop, and the hands it has.
pub(crate) struct Wires<C> {
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub back: mpsc::Receiver<Back>,
    pub crashes: mpsc::UnboundedReceiver<String>,
    pub tour: Option<watch::Receiver<TourStep>>,
    pub signals: BoxStream<'static, Signal>,
    pub hands: C,
    /// Milliseconds since 1970.
    pub wall: fn() -> u64,
    /// CPU time of this thread, for the stall detector.
    pub cpu: fn() -> Duration,
    pub stalls: Stalls,
}

/// What woke the loop.
enum Woken {
    Message(Message),
    Event(Event),
    Signal(Signal),
    Opened(Box<Result<Opened, Error>>),
    InputClosed,
    Time,
}

impl Woken {
    /// For the stall detector; says nothing of what was typed.
    fn name(&self) -> &'static str {
        match self {
            Self::Message(Message::Snapshot(_)) => "snapshot",
            Self::Message(Message::Reply(_)) => "reply",
            Self::Message(_) => "message",
            Self::Event(Event::Key(_)) => "key",
            Self::Event(_) => "event",
            Self::Signal(_) => "signal",
            Self::Opened(_) => "opened",
            Self::InputClosed | Self::Time => "time",
        }
    }
}

/// The one loop: a message, the state, effects, a frame.
pub(crate) async fn live<F: Face, C: Carry>(
    mut state: State,
    face: &mut F,
    wires: &mut Wires<C>,
) -> Result<State, Error> {
    let mut input = face.input();
    state.frames += 1;
    face.draw(&state)?;
    let mut drawn = Instant::now();
    let mut dirty = false;
    let mut secret = false;
    if let Some(tour) = &mut wires.tour {
        tour.mark_changed();
    }
    while state.ending.is_none() {
        let until = deadline(&state, wires, dirty, drawn);
        let woken = wait(wires, &mut input, until).await;
        let (begun, what) = ((wires.cpu)(), woken.name());
        let mut errands = vec![];
        dirty |= turn(&mut state, woken, wires, &mut errands);
        for _ in 0..BURST {
            // What ended the session first is why it ended; what comes next may be a secret's first letter.
            if state.ending.is_some() || state.types_secret() != secret {
                break;
            }
            let Some(woken) = ready(wires, &mut input).await else { break };
            dirty |= turn(&mut state, woken, wires, &mut errands);
        }
        if state.types_secret() != secret {
            // What was read already is in order before what another stream reads.
            while let Some(Some(event)) = input.next().now_or_never() {
                dirty |= turn(&mut state, Woken::Event(event), wires, &mut errands);
            }
            drop(std::mem::replace(&mut input, futures::stream::pending().boxed()));
            secret = state.types_secret();
            input = if secret { face.secret_input()? } else { face.input() };
        }
        if dirty && drawn.elapsed() >= FRAME && state.ending.is_none() {
            state.frames += 1;
            face.draw(&state)?;
            (drawn, dirty) = (Instant::now(), false);
        }
        wires.stalls.turn((wires.cpu)().saturating_sub(begun), what);
        for errand in errands {
            // The stream must not read the keys that the program is meant to get.
            drop(std::mem::replace(&mut input, futures::stream::pending().boxed()));
            let ran = matches!(errand, Errand::Run { .. });
            let problem = away(face, errand, &mut wires.signals, &mut state).await?;
            input = if secret { face.secret_input()? } else { face.input() };
            if ran {
                turn(&mut state, Woken::Message(Message::Returned(problem)), wires, &mut vec![]);
            }
            dirty = true;
        }
    }
    wires.stalls.end(state.frames);
    wires.hands.finish().await;
    Ok(state)
}

/// Runs an errand. Signals are heard meanwhile: ctrl-c and ctrl-z in an editor reach the whole process group,
/// and a stopped editor must stop us too, or the shell would wait for nobody.
async fn away<F: Face>(
    face: &mut F,
    errand: Errand,
    signals: &mut BoxStream<'static, Signal>,
    state: &mut State,
) -> Result<Option<String>, Error> {
    let running = matches!(errand, Errand::Run { .. });
    let mut errand = std::pin::pin!(face.errand(errand));
    loop {
        tokio::select! {
            done = &mut errand => return Ok(done?),
            Some(signal) = signals.next(), if running => match signal {
                Signal::Suspend => terminal::stop(),
                Signal::Terminate => state.ending = Some(Ending::Terminated),
                Signal::Resized(width, height) => state.size = (width, height),
                Signal::Interrupt | Signal::Continue => {}
            },
        }
    }
}

fn deadline<C>(state: &State, wires: &Wires<C>, dirty: bool, drawn: Instant) -> Instant {
    if dirty {
        return drawn + FRAME;
    }
    let now = (wires.wall)();
    let wait = state.alarm().map_or(60_000, |alarm| alarm.saturating_sub(now).max(1));
    Instant::now() + Duration::from_millis(wait)
}

/// Waits for whatever comes first. Replies go before keys, so that a screen knows its answers;
/// snapshots come last, since they collapse by themselves.
async fn wait<C>(wires: &mut Wires<C>, input: &mut BoxStream<'static, Event>, until: Instant) -> Woken {
    let tour = wires.tour.as_mut();
    let tour_changed = async move {
        if let Some(tour) = tour
            && tour.changed().await.is_ok()
        {
            return Message::Tour(tour.borrow_and_update().clone());
        }
        // A tour whose guide is gone has nothing more to say.
        std::future::pending().await
    };
    tokio::select! {
        biased;
        Some(signal) = wires.signals.next() => Woken::Signal(signal),
        Some(report) = wires.crashes.recv() => Woken::Message(Message::Crashed(report)),
        Some(back) = wires.back.recv() => match back {
            Back::Reply(reply) => Woken::Message(Message::Reply(reply)),
            Back::NoClipboard(text) => Woken::Message(Message::NoClipboard(text)),
            Back::Opened(opened) => Woken::Opened(opened),
        },
        event = input.next() => event.map_or(Woken::InputClosed, Woken::Event),
        Ok(()) = wires.snapshots.changed() => {
            Woken::Message(Message::Snapshot(wires.snapshots.borrow_and_update().clone()))
        }
        message = tour_changed => Woken::Message(message),
        () = tokio::time::sleep_until(until) => Woken::Time,
    }
}

/// What is there already, without waiting. It is polled with the loop's own waker: crossterm's stream keeps
/// the waker of the poll that found nothing, and one that wakes nobody would silence the keyboard.
async fn ready<C>(wires: &mut Wires<C>, input: &mut BoxStream<'static, Event>) -> Option<Woken> {
    let far = Instant::now() + Duration::from_hours(1);
    let mut next = std::pin::pin!(wait(wires, input, far));
    std::future::poll_fn(|context| match next.as_mut().poll(context) {
        Poll::Ready(woken) => Poll::Ready(Some(woken)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What was opened is there: from now on it is heard, and asked.
fn begin<C: Carry>(state: &mut State, opened: Result<Opened, Error>, wires: &mut Wires<C>) {
    match opened {
        Ok(opened) => {
            wires.snapshots = opened.workspace.snapshots();
            wires.tour = opened.tour;
            if let Some(tour) = &mut wires.tour {
                tour.mark_changed();
            }
            wires.hands.begin(opened.workspace, opened.keeps);
        }
        Err(error) => state.ending = Some(Ending::NotOpened(error.to_string())),
    }
}

/// Takes one thing in; true if the screen may look different now.
fn turn<C: Carry>(state: &mut State, woken: Woken, wires: &mut Wires<C>, errands: &mut Vec<Errand>) -> bool {
    let mut effects = update::update(state, Message::Tick((wires.wall)()));
    let message = match woken {
        Woken::Time => None,
        Woken::Message(message) => Some(message),
        Woken::Opened(opened) => {
            begin(state, *opened, wires);
            None
        }
        Woken::InputClosed => {
            state.ending = Some(Ending::InputClosed);
            None
        }
        Woken::Signal(Signal::Suspend) => {
            errands.push(Errand::Suspend);
            None
        }
        Woken::Signal(Signal::Continue) => {
            errands.push(Errand::Redraw);
            None
        }
        Woken::Signal(Signal::Resized(width, height)) => Some(Message::Resize { width, height }),
        Woken::Signal(Signal::Terminate | Signal::Interrupt) => Some(Message::Terminated),
        Woken::Event(event) => match input::message(event) {
            Some(message) => Some(message),
            None => return false,
        },
    };
    if let Some(message) = message {
        effects.extend(update::update(state, message));
    }
    for effect in effects {
        match effect {
            Effect::Errand(errand) => errands.push(errand),
            effect => wires.hands.start(effect),
        }
    }
    true
}
