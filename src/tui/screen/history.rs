//! The commits that changed a rendered object, newest first: what each changed, where, and whether it is deployed.

use super::changes::Changes;
use super::commits::commit_lead;
use super::{
    Asked, Facts, Route, Screen, Step, Strip, draw_empty, draw_problem, draw_reading, marked, open_object,
};
use crate::model::{CommitId, Problem};
use crate::tui::canvas::{Canvas, Line, Piece, bold, cells, piece};
use crate::tui::effect::{Answer, Question, Slot};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::{List, Marked, Table};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Deployed, Gap, History, HistoryEntry, ObjectId, Snapshot};
use std::sync::Arc;

/// The screen.
pub(crate) struct HistoryScreen {
    id: ObjectId,
    history: Asked<History>,
    /// The commit at HEAD when it was asked for.
    head: Option<CommitId>,
    list: List,
    filter: Filter,
    marked: Marked<CommitId>,
}

struct EntryFields<'a>(&'a HistoryEntry, i64);

impl Fields for EntryFields<'_> {
    fn text(&self) -> String {
        let entry = self.0;
        let place = entry.place.as_ref().map(ToString::to_string).unwrap_or_default();
        let commit = &entry.commit;
        format!("{} {} {} {} {place}", commit.id, commit.author, commit.subject, entry.summary)
    }

    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "author" => Field::Word(self.0.commit.author.to_string()),
            "age" => Field::Age(self.1 - self.0.commit.time),
            _ => return None,
        })
    }
}

impl HistoryScreen {
    pub(crate) fn new(id: ObjectId) -> Self {
        Self {
            id,
            history: Asked::Reading { since: 0 },
            head: None,
            list: List::default(),
            filter: Filter::default(),
            marked: Marked::default(),
        }
    }

    /// Asks again when HEAD has moved; what is there stays until the answer comes.
    fn follow(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        if self.head == head(facts) {
            return vec![];
        }
        self.head = head(facts);
        vec![Step::Ask(Question::History(self.id.clone()))]
    }

    fn shown(&self, facts: &Facts<'_>) -> Vec<&HistoryEntry> {
        let entries = self.history.here().map(|h| h.entries.as_slice()).unwrap_or_default();
        entries.iter().filter(|e| self.filter.passes(&EntryFields(e, facts.seconds()))).collect()
    }

    /// What could not be rendered or looked at.
    fn notes(&self) -> Vec<Problem> {
        let Some(history) = self.history.here() else { return vec![] };
        history.gaps.iter().map(Gap::told).chain(history.problems.iter().cloned()).collect()
    }

    /// Lines for commits: all but the head and the notes.
    fn height(&self, facts: &Facts<'_>) -> usize {
        let notes = self.notes().len().min(MOST_NOTES);
        facts.height().saturating_sub(1 + notes).max(1)
    }

    fn selected(&self, facts: &Facts<'_>) -> Option<&HistoryEntry> {
        self.shown(facts).get(self.list.cursor).copied()
    }

    /// The marked commits, newest first, or the selected one.
    fn chosen(&self, facts: &Facts<'_>) -> Vec<CommitId> {
        let entries = self.history.here().map(|h| h.entries.as_slice()).unwrap_or_default();
        let selected = self.selected(facts).map(|e| e.commit.id);
        self.marked.chosen(entries.iter().map(|e| e.commit.id), selected)
    }
}

fn head(facts: &Facts<'_>) -> Option<CommitId> {
    facts.snapshot.repo.commit.as_ref().map(|c| c.id)
}

/// At most so many lines below the commits tell what could not be rendered.
const MOST_NOTES: usize = 3;

impl Screen for HistoryScreen {
    fn mode(&self) -> Mode {
        Mode::History
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        format!("history of {}", self.id.key.name)
    }

    fn route(&self) -> Option<Route> {
        Some(Route::History(self.id.clone()))
    }

    fn environment(&self) -> Option<Arc<str>> {
        Some(self.id.environment.clone())
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        if matches!(self.history, Asked::Here(_)) {
            return self.follow(facts);
        }
        self.history = Asked::Reading { since: facts.now };
        self.head = head(facts);
        vec![Step::Ask(Question::History(self.id.clone()))]
    }

    fn refresh(&mut self, _before: &Snapshot, facts: &Facts<'_>) -> Vec<Step> {
        self.follow(facts)
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let len = self.shown(facts).len();
        if self.list.act(action, len, self.height(facts), facts.now) {
            return vec![];
        }
        let Some(entry) = self.selected(facts).cloned() else { return vec![] };
        match action {
            Action::Enter => {
                let changes = Changes::of(self.id.clone(), entry.commit, entry.changes);
                vec![Step::Open(Box::new(changes))]
            }
            Action::Mark => {
                self.marked.toggle(entry.commit.id);
                self.list.act(Action::Down, len, self.height(facts), facts.now);
                vec![]
            }
            Action::Revert => vec![super::plan::revert(self.chosen(facts))],
            Action::Copy => vec![Step::Copy(entry.commit.id.to_string())],
            Action::Details => open_object(&self.id, None, action),
            _ => vec![],
        }
    }

    fn awaits(&self, slot: Slot) -> bool {
        slot == Slot::History
    }

    fn accept(&mut self, answer: Answer, _facts: &Facts<'_>) -> Vec<Step> {
        if let Answer::History(history) = answer {
            self.history = history.into();
        }
        vec![]
    }

    fn table(&mut self, facts: &Facts<'_>) -> Option<Table<'_>> {
        let len = self.shown(facts).len();
        Some(Table { list: &mut self.list, filter: &mut self.filter, len, due: false })
    }

    fn settle(&mut self, facts: &Facts<'_>) {
        let (len, height) = (self.shown(facts).len(), self.height(facts));
        self.list.settle(len, height);
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        let Some(history) = self.history.here() else { return vec![] };
        let end = if history.complete { "" } else { ", older ones were not looked at" };
        let text = format!("{} of {} commits change this object{end}", history.entries.len(), history.seen);
        let mut pieces = vec![piece(Label::Muted, text)];
        if !self.marked.is_empty() {
            pieces.push(piece(Label::Accent, format!("  {} marked", self.marked.len())));
        }
        pieces
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let title = self.id.key.to_string();
        let Some(entry) = self.selected(facts) else { return Strip { title, ..Strip::default() } };
        let mut cause = vec![piece(Label::Text, entry.commit.subject.to_string())];
        cause.push(piece(Label::Muted, format!("  {}", words::absolute(entry.commit.time))));
        let names: Vec<String> =
            entry.also.iter().take(4).map(|id| format!("{} {}", id.environment, id.key.name)).collect();
        let more = entry.also.len().saturating_sub(4);
        if !names.is_empty() {
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            cause.push(piece(Label::Muted, format!("  also changes {}{more}", names.join(", "))));
        }
        let place = entry.place.as_ref().map(ToString::to_string).unwrap_or_default();
        Strip { title, cause, place, next: "`v` shows what its revert would do, before it exists".into() }
    }

    fn waiting_since(&self) -> Option<u64> {
        self.history.since()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        match &self.history {
            Asked::Reading { since } => draw_reading(canvas, facts, "rendering its commits", *since),
            Asked::Failed(problem) => draw_problem(canvas, problem),
            Asked::Here(history) if history.entries.is_empty() => {
                draw_empty(
                    canvas,
                    &format!("None of {} changes this object.", words::count(history.seen, "commit")),
                    "It may be declared only in files that are not committed.",
                );
                self.draw_notes(facts, cells(self.height(facts) + 1), canvas);
            }
            Asked::Here(_) => self.table(facts, canvas),
        }
    }
}

impl HistoryScreen {
    fn table(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let shown = self.shown(facts);
        let who = shown.iter().map(|e| words::width(&e.commit.author)).max().unwrap_or(3).clamp(3, 14);
        let head = format!(
            "  {:7}  {:>4}  {:who$}  {:10}  what changed in the rendered object",
            "commit", "when", "who", "cluster"
        );
        canvas.line(0, &Line::text(Label::Muted, format!("  {}", &head[2..])));
        for (at, entry) in shown.iter().enumerate().skip(self.list.top).take(self.height(facts)) {
            let y = cells(at - self.list.top + 1);
            let here = at == self.list.cursor;
            let word = entry.deployed.word();
            let label = if entry.deployed == Deployed::Applied { Label::Muted } else { Label::Notice };
            let marked_too = self.marked.contains(&entry.commit.id);
            let mut pieces = commit_lead(&entry.commit, (here, marked_too), who, facts);
            pieces.push(piece(label, format!("{word:10}  ")));
            pieces.extend(marked(Label::Text, &entry.summary, here, Some(&self.filter)));
            let mut line = Line::new(pieces);
            if let (true, Some(place)) = (facts.width() >= 100, &entry.place) {
                line = line.right(piece(Label::Muted, format!("{place} ")));
            }
            canvas.row(y, here, &line);
        }
        self.draw_notes(facts, cells(shown.len().min(self.height(facts)) + 1), canvas);
    }

    /// Below the commits: each run of commits that could not be rendered, as far as there is room.
    fn draw_notes(&self, facts: &Facts<'_>, top: u16, canvas: &mut Canvas<'_>) {
        let notes = self.notes();
        let room = notes.len().min(MOST_NOTES);
        for (index, problem) in notes.iter().take(room).enumerate() {
            let more = notes.len() - room;
            let mut pieces = vec![bold(Label::Notice, format!("  {} ", facts.look.glyphs.unknown))];
            if index + 1 == room && more > 0 {
                let text = format!("and {} more; `sealane history` names all", more + 1);
                pieces.push(piece(Label::Notice, text));
            } else {
                pieces.push(piece(Label::Notice, problem.cause.clone()));
                let place = problem.place.as_ref().map(|place| format!("  {place}"));
                pieces.extend(place.map(|place| piece(Label::Muted, place)));
            }
            canvas.line(top + cells(index), &Line::new(pieces));
        }
    }
}
