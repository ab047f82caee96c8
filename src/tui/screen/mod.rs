//! The screens. Each is one file with its own state, what its keys do, and how it is drawn.
//!
//! ```text
//! line 1      where am I            sealane  shop  prod      main 4f2c9d1 +2      cluster live      breadcrumb
//! line 2      what is the state     ✗ 2 failing  ≠ 1 drifted  41 synced                             filter, sort
//! body        the screen draws this, and nothing else
//! rule        the selected row's name
//! strip       its cause in a sentence, its place, the next step
//! last line   keys, or what just happened
//! ```
//!
//! A screen asks for what it cannot do by [`Step`]s; the root (`update.rs`) carries them on.

pub(crate) mod blocks;
pub(crate) mod changes;
pub(crate) mod commits;
pub(crate) mod details;
pub(crate) mod diff;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod readers;
pub(crate) mod seal;
pub(crate) mod secrets;
pub(crate) mod state;
pub(crate) mod tree;

use super::canvas::{Canvas, Line, Look, Piece, bold, piece, spoken};
use super::draw::wrap_pieces;
use super::effect::{Answer, Deed, Question, Slot};
use super::filter::Filter;
use super::keymap::{Action, Mode};
use super::list::Table;
use super::overlay::Overlay;
use super::theme::Label;
use crate::model::{Place, Problem, Severity};
use crate::secret::SecretText;
use crate::workspace::{ObjectId, Snapshot};
use ratatui::layout::Rect;
use std::path::PathBuf;
use std::sync::Arc;

/// Longer than this, and a spinner shows that something is being read (milliseconds).
const PATIENCE: u64 = 200;

/// What every screen may look at.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub snapshot: &'a Snapshot,
    /// Milliseconds since 1970.
    pub now: u64,
    pub look: Look,
    /// Where the body stands.
    pub body: Rect,
}

/// Where one can go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Home,
    Tree(tree::Scope),
    Details(ObjectId, details::Tab),
    History(ObjectId),
    Commits(Option<ObjectId>),
    Secrets(Option<tree::Scope>),
    Form(Arc<str>),
    Logs(ObjectId),
}

/// What a screen or an overlay wants from the root.
pub(crate) enum Step {
    Open(Box<dyn Screen>),
    Replace(Box<dyn Screen>),
    Go(Route),
    /// Closes this screen.
    Leave,
    /// To Home.
    Top,
    Ask(Question),
    Do(Deed),
    Cancel(Slot),
    Show(Box<Overlay>),
    /// Something for the last line, for four seconds.
    Say(Label, String),
    Copy(String),
    /// Opens a file of the repository in the editor.
    Edit(Place),
    /// Opens the text of a sealed file in the editor.
    EditOpened {
        file: PathBuf,
        folder: PathBuf,
    },
    K9s(ObjectId),
    /// The screen's filter, as typed so far.
    Filter(String),
    /// Text for the screen that asked for it.
    Given(Given),
    /// What was chosen in the palette.
    Choose(super::overlay::palette::Choice),
}

/// What a person typed for a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Message(String),
    BranchName(String),
    KeyName(String),
    /// Another name for the key that is selected.
    NewName(String),
    FileName(String),
    /// The file that a secret is copied to.
    CopyTo(String),
    /// Opened text on disk was agreed to.
    EditOnDisk,
    /// The editor is opened again with what it left.
    EditAgain,
    /// What the editor left is wiped.
    EditDropped,
    /// The push was agreed to.
    PushAgreed,
    /// Leaving without what was typed was agreed to.
    Discard,
}

/// One number of the header that is a filter too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    pub label: Label,
    pub number: usize,
    pub word: String,
    /// True if it narrows the list now.
    pub on: bool,
}

/// What stands below the body about the selected row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strip {
    /// The row's name, in the rule above.
    pub title: String,
    /// Why, in a sentence.
    pub cause: Vec<Piece>,
    /// Where, and what to do.
    pub place: String,
    pub next: String,
}

/// One screen.
pub(crate) trait Screen: Send {
    /// Which keys it takes.
    fn mode(&self) -> Mode;
    /// Its name in the breadcrumb.
    fn title(&self, facts: &Facts<'_>) -> String;
    /// How to come back to it; `None` if one cannot.
    fn route(&self) -> Option<Route> {
        None
    }
    /// The environment it shows, if it shows one.
    fn environment(&self) -> Option<Arc<str>> {
        None
    }
    /// It comes on screen, for the first time or again.
    fn open(&mut self, _facts: &Facts<'_>) -> Vec<Step> {
        vec![]
    }
    /// A key.
    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step>;
    /// Pasted text, where a secret is typed. True if it was taken.
    fn paste(&mut self, _text: SecretText) -> bool {
        false
    }
    /// True if it waits for an answer of this slot.
    fn awaits(&self, _slot: Slot) -> bool {
        false
    }
    /// An answer.
    fn accept(&mut self, _answer: Answer, _facts: &Facts<'_>) -> Vec<Step> {
        vec![]
    }
    /// Something a person typed for it.
    fn given(&mut self, _given: Given, _facts: &Facts<'_>) -> Vec<Step> {
        vec![]
    }
    /// A program that had the terminal has ended.
    fn returned(&mut self, _failed: bool, _facts: &Facts<'_>) -> Vec<Step> {
        vec![]
    }
    /// Its table, if it is one: what all tables do in the same way is done for it below.
    fn table(&mut self, _facts: &Facts<'_>) -> Option<Table<'_>> {
        None
    }
    /// Chooses and orders its rows anew; with `force` they change places under a selection that was just moved, too.
    fn arrange(&mut self, _facts: &Facts<'_>, _force: bool) {}
    /// A new snapshot is there.
    fn refresh(&mut self, _before: &Snapshot, facts: &Facts<'_>) -> Vec<Step> {
        self.arrange(facts, false);
        vec![]
    }
    /// Time has passed, or the size has changed.
    fn settle(&mut self, facts: &Facts<'_>) {
        if self.table(facts).is_some_and(|table| table.due) {
            self.arrange(facts, false);
        }
        if let Some(table) = self.table(facts) {
            table.list.settle(table.len, facts.rows());
        }
    }
    /// Its filter, if it has one.
    fn filter(&self) -> Option<&Filter> {
        None
    }
    /// Takes over a filter.
    fn set_filter(&mut self, filter: Filter, facts: &Facts<'_>) {
        if let Some(table) = self.table(facts) {
            *table.filter = filter;
            self.arrange(facts, true);
        }
    }
    /// A click at a place of the body. True if it met the row that was selected already.
    fn click(&mut self, _x: u16, y: u16, facts: &Facts<'_>) -> bool {
        let line = usize::from(y).checked_sub(1);
        let table = line.zip(self.table(facts));
        table.is_some_and(|(line, table)| table.list.click(line, table.len, facts.now))
    }
    /// The numbers of line 2.
    fn counters(&self, _facts: &Facts<'_>) -> Vec<Counter> {
        vec![]
    }
    /// What line 2 says after the counters.
    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        vec![]
    }
    /// What the strip says.
    fn strip(&self, facts: &Facts<'_>) -> Strip;
    /// True if the key would do something now.
    fn can(&self, _action: Action, _facts: &Facts<'_>) -> bool {
        true
    }
    /// The word for a key in the last line, where it differs from the table's.
    fn word(&self, _action: Action, _facts: &Facts<'_>) -> Option<String> {
        None
    }
    /// Since when it has been waiting; a spinner turns after a moment.
    fn waiting_since(&self) -> Option<u64> {
        None
    }
    /// True while it waits for a snapshot that can fill it.
    fn reads(&self, _facts: &Facts<'_>) -> bool {
        false
    }
    /// When it wants to be settled again (milliseconds since 1970).
    fn alarm(&self, _facts: &Facts<'_>) -> Option<u64> {
        None
    }
    /// True if leaving would lose what was typed.
    fn dirty(&self) -> bool {
        false
    }
    /// Draws the body.
    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>);
}

/// Something that was asked for.
#[derive(Debug)]
pub(crate) enum Asked<T> {
    Reading { since: u64 },
    Here(T),
    Failed(Problem),
}

impl<T> Asked<T> {
    pub(crate) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn since(&self) -> Option<u64> {
        match self {
            Self::Reading { since } => Some(*since),
            _ => None,
        }
    }
}

impl<T> From<Result<T, Problem>> for Asked<T> {
    fn from(result: Result<T, Problem>) -> Self {
        result.map_or_else(Self::Failed, Self::Here)
    }
}

impl Facts<'_> {
    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        i64::try_from(self.now / 1_000).unwrap_or(i64::MAX)
    }

    /// Lines of the body.
    pub(crate) fn height(&self) -> usize {
        usize::from(self.body.height)
    }

    /// Lines of the body below one line of headings.
    pub(crate) fn rows(&self) -> usize {
        self.height().saturating_sub(1)
    }

    /// Cells of the body.
    pub(crate) fn width(&self) -> usize {
        usize::from(self.body.width)
    }
}

impl Strip {
    /// The strip of a problem.
    pub(crate) fn problem(title: &str, problem: &Problem) -> Self {
        Self {
            title: title.to_owned(),
            cause: vec![piece(severity_label(problem.severity), problem.cause.clone())],
            place: problem.place.as_ref().map(ToString::to_string).unwrap_or_default(),
            next: problem.next.clone(),
        }
    }
}

/// The label of a severity.
pub(crate) fn severity_label(severity: Severity) -> Label {
    match severity {
        Severity::Error => Label::Bad,
        Severity::Warning => Label::Notice,
        Severity::Note => Label::Muted,
    }
}

/// Says that something is being read, once it takes longer than a moment.
pub(crate) fn draw_reading(canvas: &mut Canvas<'_>, facts: &Facts<'_>, what: &str, since: u64) {
    let waited = facts.now.saturating_sub(since);
    if waited < PATIENCE {
        return;
    }
    let spin = facts.look.glyphs.spin(facts.now);
    let mut pieces = vec![piece(Label::Motion, format!("{spin} ")), piece(Label::Text, what.to_owned())];
    if waited >= 2_000 {
        pieces.push(piece(Label::Muted, format!("  {}s", waited / 1_000)));
    }
    canvas.part(2, 1, canvas.width().saturating_sub(4), 1).line(0, &Line::new(pieces));
}

/// Shows a problem in place of what should stand here: cause, place, next step.
pub(crate) fn draw_problem(canvas: &mut Canvas<'_>, problem: &Problem) {
    let room = usize::from(canvas.width().saturating_sub(4)).min(100);
    let lines = problem_lines(problem, room, canvas.look.glyphs.failing);
    let mut part = canvas.part(2, 1, canvas.width().saturating_sub(4), canvas.height().saturating_sub(1));
    for (y, line) in lines.iter().enumerate() {
        part.line(super::canvas::cells(y), line);
    }
}

/// A problem in lines: cause, place, next step.
pub(crate) fn problem_lines(problem: &Problem, room: usize, sign: char) -> Vec<Line> {
    let label = severity_label(problem.severity);
    let mut lines = Vec::new();
    let said = |text: &str| wrap_pieces(&spoken(&piece(Label::Text, text)), room.saturating_sub(2));
    for (index, line) in said(&problem.cause).into_iter().enumerate() {
        let lead = if index == 0 { bold(label, format!("{sign} ")) } else { piece(label, "  ") };
        lines.push(Line::new([vec![lead], line.pieces].concat()));
    }
    if let Some(place) = &problem.place {
        lines.push(Line::text(Label::Muted, format!("  {place}")));
    }
    if !problem.next.is_empty() {
        let indent = |line: Line| Line::new([vec![piece(Label::Text, "  ")], line.pieces].concat());
        lines.extend(said(&problem.next).into_iter().map(indent));
    }
    lines
}

/// Shows what an empty screen says: what is not there, and how to get it.
pub(crate) fn draw_empty(canvas: &mut Canvas<'_>, what: &str, next: &str) {
    let room = usize::from(canvas.width().saturating_sub(4)).min(90);
    let mut part = canvas.part(2, 1, canvas.width().saturating_sub(4), canvas.height().saturating_sub(1));
    let mut y = 0;
    for (label, text) in [(Label::Text, what), (Label::Muted, next)] {
        for line in wrap_pieces(&spoken(&piece(label, text)), room) {
            part.line(y, &line);
            y += 1;
        }
    }
}

/// What keys on an object do, whichever screen shows it.
pub(crate) fn open_object(id: &ObjectId, place: Option<Place>, action: Action) -> Vec<Step> {
    match action {
        Action::Details => vec![Step::Go(Route::Details(id.clone(), details::Tab::Diff))],
        Action::Yaml => vec![Step::Go(Route::Details(id.clone(), details::Tab::Yaml))],
        Action::History => vec![Step::Go(Route::History(id.clone()))],
        Action::Logs if home::has_logs(&id.key) => vec![Step::Go(Route::Logs(id.clone()))],
        Action::Logs => vec![Step::Say(Label::Muted, format!("a {} has no logs", id.key.kind))],
        Action::Compare => vec![Step::Go(Route::Commits(Some(id.clone())))],
        Action::K9s => vec![Step::K9s(id.clone())],
        Action::Copy => vec![Step::Copy(id.key.to_string())],
        Action::Edit => match place {
            Some(place) => vec![Step::Edit(place)],
            None => vec![Step::Say(Label::Muted, format!("{} stands in no file of the repository", id.key))],
        },
        _ => vec![],
    }
}

/// A text with the matches of a filter marked.
pub(crate) fn marked(label: Label, text: &str, is_bold: bool, filter: Option<&Filter>) -> Vec<Piece> {
    let ranges = filter.map(|f| f.matches(text)).unwrap_or_default();
    let mut pieces = Vec::with_capacity(1 + 2 * ranges.len());
    let mut from = 0;
    let plain = |text: &str| Piece { bold: is_bold, ..piece(label, text) };
    for range in ranges {
        if range.start > from {
            pieces.push(plain(&text[from..range.start]));
        }
        pieces.push(bold(Label::Accent, &text[range.clone()]));
        from = range.end;
    }
    if from < text.len() {
        pieces.push(plain(&text[from..]));
    }
    pieces
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tui::glyph::UNICODE;
    use crate::tui::theme::{Colours, Theme};

    /// Facts over an empty snapshot, 100 by 20.
    pub(crate) fn with_facts(check: impl FnOnce(&Facts<'_>)) {
        let snapshot = Snapshot::default();
        check(&Facts {
            snapshot: &snapshot,
            now: 1_000_000,
            look: Look { theme: Theme::new(Colours::Dark), glyphs: UNICODE },
            body: Rect::new(0, 2, 100, 20),
        });
    }

    #[test]
    fn matches_are_marked_without_losing_text() {
        let pieces = marked(Label::Text, "shop/cart", false, Some(&Filter::parse("cart hop")));
        assert_eq!(pieces.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["s", "hop", "/", "cart"]);
    }
}
