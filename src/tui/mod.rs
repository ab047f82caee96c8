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
//! | `keymap` | the one table of keys |
//! | `state`, `update` | what is known, and how messages change it |
//! | `effect` | the only place that acts |
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
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod update;
mod words;

use crate::workspace::{Snapshot, Workspace};
use canvas::Look;
use crossterm::event::Event;
use effect::{Back, Carry, Effect, Errand, Hands};
use futures::stream::{BoxStream, StreamExt as _};
use state::Message;
pub use state::{Ending, State, TourStep};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
pub use theme::Colours;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// At most one frame in this time.
const FRAME: Duration = Duration::from_millis(16);
/// Messages taken in one turn before a frame is drawn.
const BURST: usize = 20;

/// How the screen looks and behaves.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which colours to use; `None` asks the terminal whether it is light or dark.
    pub colours: Option<Colours>,
    /// True to draw ASCII only.
    pub ascii: bool,
    /// The editor's command, as words; empty if none is set.
    pub editor: Vec<String>,
    /// True if the terminal is far away (SSH), so that its clipboard is reached through it.
    pub remote: bool,
    /// Steps of a tour, each one dim line.
    pub tour: Option<watch::Receiver<TourStep>>,
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
    /// A part of the program died. Nothing half-written is left behind.
    #[error("a part of Sealane died: {0}")]
    Crashed(String),
}

impl Options {
    /// Options as the environment variables ask for them: `NO_COLOR`, `COLORTERM`, `TERM`, `LC_ALL`,
    /// `LC_CTYPE`, `LANG`, `VISUAL`, `EDITOR`, `SSH_TTY`.
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
            editor: editor.split_whitespace().map(str::to_owned).collect(),
            remote: set("SSH_TTY").is_some(),
            tour: None,
        }
    }
}

/// Shows the screen until somebody leaves it. Call it by `block_on` on the main thread of a
/// multi-thread runtime: a panic of this thread gives the terminal back at once, a panic elsewhere ends
/// the loop in order.
pub async fn run(workspace: Workspace, options: Options) -> Result<State, Error> {
    let (crash, crashes) = mpsc::unbounded_channel();
    let mut surface = terminal::Surface::enter(crash)?;
    let glyphs = if options.ascii { glyph::ASCII } else { glyph::UNICODE };
    let guess = options.colours.unwrap_or(Colours::Sixteen);
    let look = Look { theme: theme::Theme::new(guess), glyphs };
    let snapshots = workspace.snapshots();
    let first = snapshots.borrow().clone();
    let mut state = State::new(first, look, surface.size(), terminal::wall_time());
    state.editor.clone_from(&options.editor);
    if options.colours.is_none() {
        // The first frame does not wait for an answer; the terminal's own colours suit every background.
        surface.draw(&state)?;
        state.look.theme = theme::Theme::new(surface.ask_colours());
    }
    let (send, back) = mpsc::channel(64);
    let wires = Wires {
        snapshots,
        back,
        crashes,
        tour: options.tour,
        signals: terminal::signals()?,
        hands: Hands::new(workspace, send, options.remote),
        wall: terminal::wall_time,
        cpu: terminal::thread_time,
    };
    let ended = live(state, &mut surface, wires).await;
    drop(surface);
    let state = ended?;
    match &state.ending {
        Some(Ending::Crashed(report)) => Err(Error::Crashed(report.clone())),
        _ => Ok(state),
    }
}

/// What the loop draws on and hears from.
pub(crate) trait Face {
    /// Draws one frame.
    fn draw(&mut self, state: &State) -> std::io::Result<()>;
    /// Keys, paste, mouse, resize.
    fn input(&mut self) -> BoxStream<'static, Event>;
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
}

/// What woke the loop.
enum Woken {
    Message(Message),
    Event(Event),
    Signal(Signal),
    InputClosed,
    Time,
}

/// The one loop: a message, the state, effects, a frame.
pub(crate) async fn live<F: Face, C: Carry>(
    mut state: State,
    face: &mut F,
    mut wires: Wires<C>,
) -> Result<State, Error> {
    let mut input = face.input();
    state.frames += 1;
    face.draw(&state)?;
    let mut drawn = Instant::now();
    let mut dirty = false;
    if let Some(tour) = &mut wires.tour {
        tour.mark_changed();
    }
    while state.ending.is_none() {
        let until = deadline(&state, &wires, dirty, drawn);
        let woken = wait(&mut wires, &mut input, until).await;
        let begun = (wires.cpu)();
        let mut errands = vec![];
        dirty |= turn(&mut state, woken, &mut wires, &mut errands);
        for _ in 0..BURST {
            // What ended the session first is why it ended.
            if state.ending.is_some() {
                break;
            }
            let Some(woken) = ready(&mut wires, &mut input).await else { break };
            dirty |= turn(&mut state, woken, &mut wires, &mut errands);
        }
        if dirty && drawn.elapsed() >= FRAME && state.ending.is_none() {
            state.frames += 1;
            face.draw(&state)?;
            (drawn, dirty) = (Instant::now(), false);
        }
        state.worst_turn = state.worst_turn.max((wires.cpu)().saturating_sub(begun));
        for errand in errands {
            // The stream must not read the keys that the program is meant to get.
            drop(std::mem::replace(&mut input, futures::stream::pending().boxed()));
            let ran = matches!(errand, Errand::Run { .. });
            let problem = away(face, errand, &mut wires.signals, &mut state).await?;
            input = face.input();
            if ran {
                turn(&mut state, Woken::Message(Message::Returned(problem)), &mut wires, &mut vec![]);
            }
            dirty = true;
        }
    }
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
        Some(back) = wires.back.recv() => Woken::Message(match back {
            Back::Reply(reply) => Message::Reply(reply),
            Back::NoClipboard(text) => Message::NoClipboard(text),
        }),
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

/// Takes one thing in; true if the screen may look different now.
fn turn<C: Carry>(state: &mut State, woken: Woken, wires: &mut Wires<C>, errands: &mut Vec<Errand>) -> bool {
    let mut effects = update::update(state, Message::Tick((wires.wall)()));
    let message = match woken {
        Woken::Time => None,
        Woken::Message(message) => Some(message),
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
