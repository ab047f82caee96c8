//! The Plan: what would be written and what it does to every cluster, before anything exists. The only place
//! from which the repository is written to.

use super::blocks::{Block, Cursor, draw_blocks};
use super::{Facts, Given, Screen, Step, Strip, draw_reading};
use crate::model::{Commit, CommitId, Problem, Severity};
use crate::tui::canvas::{Canvas, Line, Piece, bold, cells, piece};
use crate::tui::effect::{Answer, Deed, Question, Slot};
use crate::tui::keymap::{Action, Mode};
use crate::tui::menu;
use crate::tui::overlay::{Overlay, confirm::Confirm, message::Message, prompt::Prompt};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Committed, Destination, Plan, PlanKind, PushOutcome, Refusal};
use std::collections::HashSet;

mod openings;
mod parts;
mod refusal;

use parts::{MESSAGE, Shown};
use refusal::draw_refusal;

/// How far the plan is.
enum Stage {
    Rehearsing { since: u64 },
    Refused(Box<Refusal>),
    Ready(Box<Plan>),
    Writing { since: u64, what: &'static str },
    Committed(Committed),
    Pushed { commits: usize, to: String },
}

/// The screen.
pub(crate) struct PlanScreen {
    title: String,
    /// What is asked when the screen opens; it may hold secrets, so it is moved out once.
    question: Option<Question>,
    /// The commits of a revert, for rehearsing again.
    commits: Vec<CommitId>,
    stage: Stage,
    shown: Option<Shown>,
    /// What happened on the way: the remote had moved, a push failed.
    note: Option<(Label, String)>,
    open: HashSet<String>,
    cursors: [Cursor; 2],
    focus: usize,
}

/// Opens the rehearsal of a revert.
pub(crate) fn revert(commits: Vec<CommitId>) -> Step {
    Step::Open(Box::new(PlanScreen::revert(commits)))
}

impl PlanScreen {
    fn revert(commits: Vec<CommitId>) -> Self {
        let names: Vec<String> = commits.iter().map(CommitId::short).collect();
        let question = Question::Revert(commits.clone());
        Self { commits, ..Self::new(format!("revert {}", words::and(&names)), question) }
    }

    fn new(title: String, question: Question) -> Self {
        Self {
            title,
            question: Some(question),
            commits: vec![],
            stage: Stage::Rehearsing { since: 0 },
            shown: None,
            note: None,
            open: HashSet::new(),
            cursors: [Cursor::default(), Cursor::default()],
            focus: 0,
        }
    }

    fn take(&mut self, plan: Plan) {
        self.title.clone_from(&plan.title);
        if let PlanKind::Revert(commits) = &plan.kind {
            self.commits.clone_from(commits);
        }
        self.shown = Some(Shown::of(&plan));
        self.stage = Stage::Ready(Box::new(plan));
        self.cursors = [Cursor::default(), Cursor::default()];
    }

    fn take_moved(&mut self, theirs: &[Commit], plan: Plan) {
        let newest =
            theirs.first().map(|c| format!(", newest {} {}", c.id.short(), c.author)).unwrap_or_default();
        let text = format!(
            "The remote has {}{newest}. Nothing was pushed; this is our change on top of theirs.",
            words::count(theirs.len(), "new commit")
        );
        self.note = Some((Label::Notice, text));
        self.take(plan);
    }

    /// One column where it is narrow; files and message beside the effect where it is wide.
    fn columns(&self, facts: &Facts<'_>) -> Vec<Vec<Block>> {
        let Some(shown) = &self.shown else { return vec![] };
        let wide = facts.width() >= 120;
        let (left, right) = if wide {
            (facts.width() * 2 / 5, facts.width() * 3 / 5 - 3)
        } else {
            (facts.width(), facts.width())
        };
        let mut effect = shown.effect_blocks(&self.open, right.saturating_sub(4), facts);
        let mut files = shown.file_blocks(&self.open, left.saturating_sub(4), facts);
        files.extend(shown.message_blocks(left.saturating_sub(4)));
        if wide {
            vec![effect, files]
        } else {
            effect.append(&mut files);
            vec![effect]
        }
    }

    fn focused(&self, columns: &[Vec<Block>]) -> usize {
        self.focus.min(columns.len().saturating_sub(1))
    }

    fn selected(&self, facts: &Facts<'_>) -> Option<Block> {
        let columns = self.columns(facts);
        let at = self.focused(&columns);
        columns.get(at)?.get(self.cursors[at].at).cloned()
    }

    fn next_part(&mut self, facts: &Facts<'_>) {
        let columns = self.columns(facts);
        if columns.len() > 1 {
            self.focus = 1 - self.focused(&columns);
            return;
        }
        let Some(blocks) = columns.first() else { return };
        let here = blocks.get(self.cursors[0].at).map_or(0, |b| b.section);
        let next = blocks.iter().position(|b| b.section > here).unwrap_or(0);
        while self.cursors[0].at != next {
            let action = if next > self.cursors[0].at { Action::Down } else { Action::Top };
            self.cursors[0].act(action, blocks, height(facts));
        }
    }

    fn commit(&mut self, to: Destination, facts: &Facts<'_>) -> Vec<Step> {
        let stage = Stage::Writing { since: facts.now, what: "committing" };
        match std::mem::replace(&mut self.stage, stage) {
            Stage::Ready(plan) => vec![Step::Do(Deed::Commit { plan, to })],
            other => {
                self.stage = other;
                vec![]
            }
        }
    }

    fn ask_to_push(&self, facts: &Facts<'_>) -> Vec<Step> {
        let Some(shown) = &self.shown else { return vec![] };
        let repo = &facts.snapshot.repo;
        let to = repo.upstream.as_deref().unwrap_or("the remote");
        let all = || facts.snapshot.environments.iter().map(|e| e.name.to_string()).collect();
        let names = if shown.environments.is_empty() { all() } else { shown.environments.clone() };
        // The snapshot may be older than our commit.
        let seen = matches!(&self.stage, Stage::Committed(done)
            if repo.commit.as_ref().is_some_and(|c| c.id == done.commit.id));
        let sentence = menu::push_sentence(repo.ahead + usize::from(!seen), to, &names);
        let confirm = Confirm::new(sentence, "", "push", vec![Step::Given(Given::PushAgreed)]);
        let production = shown.production.clone();
        let any = || facts.snapshot.environments.iter().find(|e| e.production).map(|e| e.name.to_string());
        let confirm = match (shown.protected, production.or_else(any)) {
            (true, Some(name)) => confirm.typing(name),
            (true, None) => confirm.typing(shown.branch.clone()),
            (false, _) => confirm,
        };
        vec![Step::Show(Box::new(Overlay::Confirm(confirm)))]
    }

    fn ready(&self) -> Option<&Plan> {
        match &self.stage {
            Stage::Ready(plan) => Some(plan),
            _ => None,
        }
    }

    /// What forbids committing.
    fn forbids(&self) -> Option<&Problem> {
        self.ready()?.findings.iter().find(|f| f.severity == Severity::Error)
    }

    fn stage_words(&self) -> (Label, String) {
        match &self.stage {
            Stage::Rehearsing { .. } => (Label::Motion, "rehearsing".into()),
            Stage::Refused(_) => (Label::Bad, "not possible like this".into()),
            Stage::Ready(_) => (Label::Accent, "nothing written yet".into()),
            Stage::Writing { what, .. } => (Label::Motion, (*what).into()),
            Stage::Committed(done) => {
                (Label::Good, format!("committed {} to {}, not pushed", done.commit.id.short(), done.branch))
            }
            Stage::Pushed { commits, to } => {
                (Label::Good, format!("pushed {} to {to}", words::count(*commits, "commit")))
            }
        }
    }

    fn written(&mut self, done: Result<Committed, Problem>) {
        match done {
            Ok(done) => self.stage = Stage::Committed(done),
            Err(problem) => self.stage = Stage::Refused(Box::new(Refusal { problem, also: vec![] })),
        }
    }

    fn pushed(&mut self, outcome: Result<PushOutcome, Problem>, before: Option<Committed>) {
        match outcome {
            Ok(PushOutcome::Pushed { commits, to }) => {
                self.note = None;
                self.stage = Stage::Pushed { commits, to: to.to_string() };
            }
            Ok(PushOutcome::Moved { theirs, plan }) => self.take_moved(&theirs, *plan),
            Err(problem) => {
                self.note = Some((Label::Bad, problem.to_string()));
                if let Some(done) = before {
                    self.stage = Stage::Committed(done);
                }
            }
        }
    }
}

/// Lines of the body below the title.
fn height(facts: &Facts<'_>) -> usize {
    facts.height().saturating_sub(3)
}

impl Screen for PlanScreen {
    fn mode(&self) -> Mode {
        Mode::Plan
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        "plan".into()
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        match self.question.take() {
            Some(question) => {
                self.stage = Stage::Rehearsing { since: facts.now };
                vec![Step::Ask(question)]
            }
            None => vec![],
        }
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let columns = self.columns(facts);
        let at = self.focused(&columns);
        if let Some(blocks) = columns.get(at)
            && self.cursors[at].act(action, blocks, height(facts))
        {
            return vec![];
        }
        match action {
            Action::NextPane => self.next_part(facts),
            Action::Enter => match self.selected(facts) {
                Some(block) if block.path == MESSAGE => return self.act(Action::Edit, facts),
                Some(block) if !self.open.remove(&block.path) => {
                    self.open.insert(block.path);
                }
                _ => {}
            },
            Action::Edit => {
                if let Some(plan) = self.ready() {
                    return vec![Step::Show(Box::new(Overlay::Message(Message::new(&plan.message))))];
                }
            }
            Action::Commit => {
                if let Some(problem) = self.forbids() {
                    return vec![Step::Say(Label::Bad, format!("not committed: {}", problem.cause))];
                }
                return self.commit(Destination::Current, facts);
            }
            Action::Branch if self.ready().is_some() && self.forbids().is_none() => {
                return vec![Step::Show(Box::new(Overlay::Prompt(Prompt::branch_name(""))))];
            }
            Action::Push if matches!(self.stage, Stage::Committed(_)) => return self.ask_to_push(facts),
            Action::Push => return vec![Step::Say(Label::Notice, "commit first: C or B".into())],
            Action::Drop if self.ready().is_some() || matches!(self.stage, Stage::Refused(_)) => {
                return vec![Step::Say(Label::Muted, "dropped; nothing was written".into()), Step::Leave];
            }
            Action::Revert => return self.again(),
            Action::Copy => {
                if let Stage::Committed(done) = &self.stage {
                    return vec![Step::Copy(done.commit.id.to_string())];
                }
            }
            _ => {}
        }
        vec![]
    }

    fn awaits(&self, slot: Slot) -> bool {
        match self.stage {
            Stage::Rehearsing { .. } => slot == Slot::Plan,
            Stage::Writing { .. } => slot == Slot::Write,
            _ => false,
        }
    }

    fn accept(&mut self, answer: Answer, _facts: &Facts<'_>) -> Vec<Step> {
        match answer {
            Answer::Plan(Ok(plan)) => self.take(*plan),
            Answer::Plan(Err(refusal)) => self.stage = Stage::Refused(refusal),
            Answer::Committed(done) => self.written(done),
            Answer::Pushed(outcome) => {
                let before = self.shown.as_mut().and_then(|s| s.committed.take());
                self.pushed(outcome, before);
            }
            _ => {}
        }
        vec![]
    }

    fn given(&mut self, given: Given, facts: &Facts<'_>) -> Vec<Step> {
        match given {
            Given::Message(text) => {
                if let (Stage::Ready(plan), Some(shown)) = (&mut self.stage, &mut self.shown) {
                    plan.message.clone_from(&text);
                    shown.message = text;
                }
                vec![]
            }
            Given::BranchName(name) => self.commit(Destination::Branch(name), facts),
            Given::PushAgreed => {
                let stage = Stage::Writing { since: facts.now, what: "pushing" };
                if let Stage::Committed(done) = std::mem::replace(&mut self.stage, stage)
                    && let Some(shown) = &mut self.shown
                {
                    shown.committed = Some(done);
                }
                vec![Step::Do(Deed::Push)]
            }
            _ => vec![],
        }
    }

    fn settle(&mut self, facts: &Facts<'_>) {
        let columns = self.columns(facts);
        for (cursor, blocks) in self.cursors.iter_mut().zip(columns) {
            cursor.settle(&blocks, height(facts));
        }
    }

    fn click(&mut self, x: u16, y: u16, facts: &Facts<'_>) -> bool {
        let columns = self.columns(facts);
        let left = columns.len() > 1 && usize::from(x) < facts.width() * 2 / 5;
        let at = usize::from(left).min(columns.len().saturating_sub(1));
        let Some(blocks) = columns.get(at) else { return false };
        let hit = self.cursors[at].at_line(usize::from(y).saturating_sub(3), blocks);
        let again = self.focus == at && hit == Some(self.cursors[at].at);
        self.focus = at;
        self.cursors[at].at = hit.unwrap_or(self.cursors[at].at);
        again
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        let Some(shown) = &self.shown else { return vec![] };
        vec![piece(Label::Muted, format!("rehearsed in {} ms", shown.rehearsed_ms))]
    }

    fn counters(&self, _facts: &Facts<'_>) -> Vec<super::Counter> {
        let Some(shown) = &self.shown else { return vec![] };
        shown.counters()
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let title = self.title.clone();
        if let Some(problem) = self.forbids() {
            return Strip::problem("not committed like this", problem);
        }
        let block = self.selected(facts);
        let place = block.as_ref().and_then(|b| b.place.clone()).map(|p| p.to_string()).unwrap_or_default();
        let next = match &self.stage {
            Stage::Committed(done)
                if facts.snapshot.repo.head != crate::workspace::HeadView::Branch(done.branch.clone()) =>
            {
                format!("it is on branch {}; git push origin {} sends it", done.branch, done.branch)
            }
            Stage::Committed(_) => "`P` pushes it, `: take back` undoes it".into(),
            Stage::Pushed { .. } => {
                "the controllers fetch it in their own time; esc goes back to watch".into()
            }
            _ => String::new(),
        };
        Strip { title, cause: block.map(|b| b.cause).unwrap_or_default(), place, next }
    }

    fn can(&self, action: Action, facts: &Facts<'_>) -> bool {
        match action {
            Action::Commit | Action::Branch => self.ready().is_some() && self.forbids().is_none(),
            Action::Edit => self.ready().is_some(),
            Action::Drop => self.ready().is_some() || matches!(self.stage, Stage::Refused(_)),
            Action::Push => match &self.stage {
                Stage::Committed(done) => {
                    facts.snapshot.repo.head == crate::workspace::HeadView::Branch(done.branch.clone())
                }
                _ => false,
            },
            Action::Enter | Action::NextPane => self.shown.is_some(),
            Action::Revert => !self.commits.is_empty() && matches!(self.stage, Stage::Refused(_)),
            _ => true,
        }
    }

    fn word(&self, action: Action, _facts: &Facts<'_>) -> Option<String> {
        match (&self.stage, action) {
            (Stage::Refused(refusal), Action::Revert) if refusal.also.is_empty() => {
                Some("rehearse again".into())
            }
            _ => None,
        }
    }

    fn waiting_since(&self) -> Option<u64> {
        match self.stage {
            Stage::Rehearsing { since } | Stage::Writing { since, .. } => Some(since),
            _ => None,
        }
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let (label, words) = self.stage_words();
        let title = Line::new(vec![piece(Label::Text, "  "), bold(Label::Text, self.title.clone())]);
        let beside = title.width() + words::width(&words) + 3 <= facts.width();
        canvas.line(0, &title.right(bold(label, format!("{words} "))));
        if !beside {
            canvas.line(1, &Line::new(vec![bold(label, format!("  {words}"))]));
        }
        if let Some((label, text)) = &self.note {
            canvas.line(if beside { 1 } else { 2 }, &Line::text(*label, format!("  {text}")));
        }
        let (width, below) = (canvas.width(), canvas.height().saturating_sub(3));
        let mut part = canvas.part(0, 3, width, below);
        match &self.stage {
            Stage::Rehearsing { since } => {
                draw_reading(&mut part, facts, "rendering every environment before and after", *since);
            }
            Stage::Refused(refusal) => draw_refusal(refusal, facts, &mut part),
            _ => self.draw_plan(facts, &mut part),
        }
        if let Stage::Writing { since, what } = self.stage {
            draw_reading(&mut canvas.part(0, 0, width, 2), facts, what, since);
        }
    }
}

impl PlanScreen {
    /// Rehearses again, with the later commits that stood in the way.
    fn again(&mut self) -> Vec<Step> {
        let Stage::Refused(refusal) = &self.stage else { return vec![] };
        let mut commits: Vec<CommitId> = refusal.also.iter().map(|c| c.id).collect();
        commits.extend(self.commits.iter().filter(|id| !refusal.also.iter().any(|c| c.id == **id)));
        if commits.is_empty() {
            return vec![];
        }
        vec![Step::Replace(Box::new(Self::revert(commits)))]
    }

    fn draw_plan(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let columns = self.columns(facts);
        let (width, height) = (canvas.width(), canvas.height());
        match columns.as_slice() {
            [effect, files] => {
                let left = cells(facts.width() * 2 / 5);
                draw_blocks(files, &self.cursors[1], self.focus == 1, &mut canvas.part(0, 0, left, height));
                canvas.post(left, 0, height);
                let rest = width.saturating_sub(left + 1);
                let mut part = canvas.part(left + 1, 0, rest, height);
                draw_blocks(effect, &self.cursors[0], self.focus == 0, &mut part);
            }
            [all] => draw_blocks(all, &self.cursors[0], true, canvas),
            _ => {}
        }
    }
}
