//! The newest commits: to look at, to revert, or to compare an object with.

use super::changes::Changes;
use super::{Asked, Facts, Route, Screen, Step, Strip, draw_empty, draw_problem, draw_reading, marked};
use crate::model::{Commit, CommitId};
use crate::tui::canvas::{Canvas, Line, Piece, cells, piece};
use crate::tui::effect::{Answer, Question, Slot};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::{List, Marked, Table};
use crate::tui::overlay::{Overlay, pager::Pager};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{ObjectId, Snapshot};
use std::sync::Arc;

/// Commits read at once.
const LIMIT: usize = 500;

/// The screen.
pub(crate) struct Commits {
    /// The object that is compared with the chosen commit; `None` to browse.
    with: Option<ObjectId>,
    newest: Asked<Vec<Commit>>,
    list: List,
    filter: Filter,
    marked: Marked<CommitId>,
}

struct CommitFields<'a>(&'a Commit, i64);

impl Fields for CommitFields<'_> {
    fn text(&self) -> String {
        format!("{} {} {}", self.0.id, self.0.author, self.0.message)
    }

    fn field(&self, name: &str) -> Option<Field> {
        Some(match name {
            "author" => Field::Word(self.0.author.to_string()),
            "age" => Field::Age(self.1 - self.0.time),
            _ => return None,
        })
    }
}

impl Commits {
    pub(crate) fn new(with: Option<ObjectId>) -> Self {
        Self {
            with,
            newest: Asked::Reading { since: 0 },
            list: List::default(),
            filter: Filter::default(),
            marked: Marked::default(),
        }
    }

    fn shown(&self, facts: &Facts<'_>) -> Vec<&Commit> {
        let commits = self.newest.here().map(Vec::as_slice).unwrap_or_default();
        commits.iter().filter(|c| self.filter.passes(&CommitFields(c, facts.seconds()))).collect()
    }

    fn enter(&self, commit: Commit, facts: &Facts<'_>) -> Vec<Step> {
        if let Some(id) = &self.with {
            return vec![Step::Replace(Box::new(Changes::compared(id.clone(), commit, facts.now)))];
        }
        let mut lines = vec![Line::text(
            Label::Muted,
            format!("{} <{}>, {}", commit.author, commit.email, words::absolute(commit.time)),
        )];
        lines.push(Line::default());
        let message = crate::model::clean(&commit.message);
        lines.extend(words::wrap(&message, 72).into_iter().map(|l| Line::text(Label::Text, l)));
        vec![Step::Show(Box::new(Overlay::Pager(Pager::new(commit.id.short(), lines))))]
    }
}

impl Screen for Commits {
    fn mode(&self) -> Mode {
        Mode::Commits
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        match &self.with {
            Some(id) => format!("compare {} with", id.key.name),
            None => "commits".into(),
        }
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Commits(self.with.clone()))
    }

    fn environment(&self) -> Option<Arc<str>> {
        self.with.as_ref().map(|id| id.environment.clone())
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        if !matches!(self.newest, Asked::Here(_)) {
            self.newest = Asked::Reading { since: facts.now };
        }
        vec![Step::Ask(Question::Commits(LIMIT))]
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let len = self.shown(facts).len();
        if self.list.act(action, len, facts.rows(), facts.now) {
            return vec![];
        }
        let shown = self.shown(facts);
        let Some(commit) = shown.get(self.list.cursor).map(|c| (*c).clone()) else { return vec![] };
        match action {
            Action::Enter => self.enter(commit, facts),
            Action::Mark => {
                self.marked.toggle(commit.id);
                self.list.act(Action::Down, len, facts.rows(), facts.now);
                vec![]
            }
            Action::Revert if self.with.is_none() => {
                let all = self.newest.here().map(Vec::as_slice).unwrap_or_default();
                let chosen = self.marked.chosen(all.iter().map(|c| c.id), Some(commit.id));
                vec![super::plan::revert(chosen)]
            }
            Action::Copy => vec![Step::Copy(commit.id.to_string())],
            _ => vec![],
        }
    }

    fn awaits(&self, slot: Slot) -> bool {
        slot == Slot::Commits
    }

    fn accept(&mut self, answer: Answer, _facts: &Facts<'_>) -> Vec<Step> {
        if let Answer::Commits(commits) = answer {
            self.newest = commits.into();
        }
        vec![]
    }

    fn refresh(&mut self, before: &Snapshot, facts: &Facts<'_>) -> Vec<Step> {
        let head = |s: &Snapshot| s.repo.commit.as_ref().map(|c| c.id);
        if head(before) == head(facts.snapshot) { vec![] } else { vec![Step::Ask(Question::Commits(LIMIT))] }
    }

    fn table(&mut self, facts: &Facts<'_>) -> Option<Table<'_>> {
        let len = self.shown(facts).len();
        Some(Table { list: &mut self.list, filter: &mut self.filter, len, due: false })
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn remark(&self, facts: &Facts<'_>) -> Vec<Piece> {
        let number = self.shown(facts).len();
        let newest = if number >= LIMIT { "newest " } else { "" };
        let marked =
            if self.marked.is_empty() { String::new() } else { format!(", {} marked", self.marked.len()) };
        vec![piece(Label::Muted, format!("{newest}{}{marked}", words::count(number, "commit")))]
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let shown = self.shown(facts);
        let Some(commit) = shown.get(self.list.cursor) else { return Strip::default() };
        let next = match &self.with {
            Some(id) => format!("`enter` compares {} at this commit with now", id.key),
            None => "`v` shows what its revert would do, before it exists".into(),
        };
        Strip {
            title: commit.id.short(),
            cause: vec![
                piece(Label::Text, commit.subject.to_string()),
                piece(Label::Muted, format!("  {}, {}", commit.author, words::absolute(commit.time))),
            ],
            place: String::new(),
            next,
        }
    }

    fn can(&self, action: Action, _facts: &Facts<'_>) -> bool {
        self.with.is_none() || !matches!(action, Action::Revert | Action::Mark)
    }

    fn word(&self, action: Action, _facts: &Facts<'_>) -> Option<String> {
        (action == Action::Enter).then(|| if self.with.is_some() { "compare" } else { "message" }.to_owned())
    }

    fn waiting_since(&self) -> Option<u64> {
        self.newest.since()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        match &self.newest {
            Asked::Reading { since } => draw_reading(canvas, facts, "reading commits", *since),
            Asked::Failed(problem) => draw_problem(canvas, problem),
            Asked::Here(commits) if commits.is_empty() => draw_empty(canvas, "There is no commit yet.", ""),
            Asked::Here(_) => self.table(facts, canvas),
        }
    }
}

/// How a row about a commit begins: where one is, its mark, its id, its age and its author in `who` cells.
pub(super) fn commit_lead(
    commit: &Commit,
    (here, marked): (bool, bool),
    who: usize,
    facts: &Facts<'_>,
) -> Vec<Piece> {
    let g = &facts.look.glyphs;
    let sign = if here { g.here } else { ' ' };
    let mark = if marked { g.bullet } else { ' ' };
    let author = words::cut(&commit.author, who, g.cut);
    let pad = " ".repeat(who - words::width(&author));
    let ago = words::ago(facts.seconds(), commit.time);
    vec![
        piece(Label::Accent, format!("{sign}{mark}")),
        Piece { bold: here, ..piece(Label::Text, commit.id.short()) },
        piece(Label::Muted, format!("  {ago:>4}  {author}{pad}  ")),
    ]
}

impl Commits {
    fn table(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let shown = self.shown(facts);
        let who = shown.iter().map(|c| words::width(&c.author)).max().unwrap_or(3).clamp(3, 18);
        let head = format!("  {:7}  {:>4}  {:who$}  subject", "commit", "when", "who");
        canvas.line(0, &Line::text(Label::Muted, head));
        let unpushed = facts.snapshot.repo.ahead;
        let all = self.newest.here().map(Vec::as_slice).unwrap_or_default();
        for (at, commit) in shown.iter().enumerate().skip(self.list.top).take(facts.rows()) {
            let y = cells(at - self.list.top + 1);
            let here = at == self.list.cursor;
            let marked_too = self.marked.contains(&commit.id);
            let mut pieces = commit_lead(commit, (here, marked_too), who, facts);
            pieces.extend(marked(Label::Text, &commit.subject, here, Some(&self.filter)));
            let mut line = Line::new(pieces);
            // The first `ahead` commits of the branch are ours alone.
            if all.iter().take(unpushed).any(|c| c.id == commit.id) {
                line = line.right(piece(Label::Notice, "not pushed "));
            }
            canvas.row(y, here, &line);
        }
    }
}
