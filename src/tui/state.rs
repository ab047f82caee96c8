//! `State`: all that the screen knows, and the messages that change it.

use super::canvas::Look;
use super::draw;
use super::effect::{Reply, Slot};
use super::keymap::{Action, Mode};
use super::overlay::Overlay;
use super::screen::{Facts, Route, Screen, Step, home::Home};
use super::theme::Label;
use crate::workspace::Snapshot;
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Rect;
use std::collections::HashMap;
use std::sync::Arc;

/// How long a message stands in the last line, in milliseconds.
pub(crate) const NOTICE: u64 = 4_000;

/// One step of a tour: a dim line that offers what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TourStep {
    /// The line.
    pub text: String,
    /// The line while a Plan is on screen, if it is another one.
    pub in_plan: Option<String>,
    /// A key that hides the tour, if it means nothing else where it is pressed.
    pub key_to_hide: Option<char>,
}

/// What happened. It may hold a typed secret, so it cannot be printed.
pub(crate) enum Message {
    Key(KeyEvent),
    /// Pasted text. It may be a secret; whoever is typed into decides.
    Paste(String),
    Mouse(MouseEvent),
    Resize {
        width: u16,
        height: u16,
    },
    Snapshot(Arc<Snapshot>),
    Reply(Reply),
    /// There is no clipboard; the text goes through the terminal.
    NoClipboard(String),
    Tour(TourStep),
    /// Time passes. Milliseconds since 1970.
    Tick(u64),
    /// An errand ended; what went wrong, if anything.
    Returned(Option<String>),
    /// A signal asks to end.
    Terminated,
    /// A thread died; its report.
    Crashed(String),
}

/// Why the screen ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody quit.
    Quit,
    /// SIGTERM or SIGHUP.
    Terminated,
    /// The input ended.
    InputClosed,
    /// What was to be shown could not be opened; why.
    NotOpened(String),
    /// A thread panicked; its report.
    Crashed(String),
}

/// Something in the last line for a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub label: Label,
    pub text: String,
    pub until: u64,
}

/// What the screen knows. Scripted sessions get it back at their end and look inside.
pub struct State {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Milliseconds since 1970.
    pub(crate) now: u64,
    pub(crate) size: (u16, u16),
    pub(crate) look: Look,
    /// The screen that is seen.
    pub(crate) top: Box<dyn Screen>,
    /// The screens it was reached through.
    pub(crate) below: Vec<Box<dyn Screen>>,
    /// Trails that were left, for `[`, `]` and `-`.
    pub(crate) past: Vec<Vec<Route>>,
    pub(crate) future: Vec<Vec<Route>>,
    pub(crate) overlay: Option<Box<Overlay>>,
    pub(crate) notice: Option<Notice>,
    pub(crate) tour: Option<TourStep>,
    pub(crate) tour_hidden: bool,
    /// The newest question of each slot; older answers are void.
    pub(crate) generations: HashMap<Slot, u64>,
    pub(crate) counter: u64,
    /// The editor's command line, as words.
    pub(crate) editor: Vec<String>,
    /// The same for opened text of sealed files.
    pub(crate) secret_editor: Vec<String>,
    /// Environments whose cluster was asked for already.
    pub(crate) asked: Vec<Arc<str>>,
    pub(crate) ending: Option<Ending>,
    pub(crate) frames: u64,
}

impl State {
    pub(crate) fn new(snapshot: Arc<Snapshot>, look: Look, size: (u16, u16), now: u64) -> Self {
        let mut state = Self {
            snapshot,
            now,
            size,
            look,
            top: Box::new(Home::default()),
            below: vec![],
            past: vec![],
            future: vec![],
            overlay: None,
            notice: None,
            tour: None,
            tour_hidden: false,
            generations: HashMap::new(),
            counter: 0,
            editor: vec![],
            secret_editor: vec![],
            asked: vec![],
            ending: None,
            frames: 0,
        };
        state.on_top(|screen, facts| {
            let _ = screen.open(facts);
            screen.settle(facts);
        });
        state
    }

    /// Why the screen ended; `None` while it runs.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// How many frames were drawn.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// True while the letters typed belong to a secret.
    pub(crate) fn types_secret(&self) -> bool {
        self.overlay.as_ref().map_or_else(|| self.top.mode(), |overlay| overlay.mode()) == Mode::Secret
    }

    /// What screens may look at.
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts { snapshot: &self.snapshot, now: self.now, look: self.look, body: self.body() }
    }

    /// Lets the screen that is seen work with the facts.
    pub(crate) fn on_top<R>(&mut self, work: impl FnOnce(&mut dyn Screen, &Facts<'_>) -> R) -> R {
        let snapshot = Arc::clone(&self.snapshot);
        let facts = Facts { snapshot: &snapshot, now: self.now, look: self.look, body: self.body() };
        work(self.top.as_mut(), &facts)
    }

    /// Tells every screen that a program which had the terminal has ended: whoever lent it may lie below by now.
    pub(crate) fn returned(&mut self, failed: bool) -> Vec<Step> {
        let snapshot = Arc::clone(&self.snapshot);
        let facts = Facts { snapshot: &snapshot, now: self.now, look: self.look, body: self.body() };
        let screens = std::iter::once(&mut self.top).chain(self.below.iter_mut());
        screens.flat_map(|screen| screen.returned(failed, &facts)).collect()
    }

    /// The tour's line, unless it is hidden.
    pub(crate) fn tour_line(&self) -> Option<&str> {
        let tour = self.tour.as_ref().filter(|_| !self.tour_hidden)?;
        // What can be committed does not depend on the room there is, which depends on this line.
        let facts = Facts { snapshot: &self.snapshot, now: self.now, look: self.look, body: Rect::default() };
        let rehearsed = self.top.mode() == Mode::Plan && self.top.can(Action::Commit, &facts);
        let in_plan = tour.in_plan.as_deref().filter(|_| rehearsed);
        Some(in_plan.unwrap_or(&tour.text)).filter(|text| !text.is_empty())
    }

    /// Puts something into the last line.
    pub(crate) fn say(&mut self, label: Label, text: impl Into<String>) {
        self.notice = Some(Notice { label, text: text.into(), until: self.now + NOTICE });
    }

    /// When something changes by itself next (milliseconds since 1970).
    pub(crate) fn alarm(&self) -> Option<u64> {
        let facts = self.facts();
        let waits = self.top.waiting_since().is_some() || self.top.reads(&facts);
        let spinning = waits || !self.snapshot.work.is_empty();
        let spin = spinning.then_some(self.now + 100);
        let notice = self.notice.as_ref().map(|n| n.until);
        // Ages in tables grow; a minute is their finest step that matters on a resting screen.
        let ages = Some(self.now + 10_000);
        [spin, notice, self.top.alarm(&facts), ages].into_iter().flatten().min()
    }

    fn body(&self) -> ratatui::layout::Rect {
        draw::areas(self.size, self.tour_line().is_some()).body
    }
}
