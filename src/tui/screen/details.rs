//! One object: what differs and why, what it is, its YAML on both sides, its events.

use super::blocks::{Block, Cursor, draw_blocks};
use super::diff::{self, Style};
use super::state;
use super::{
    Asked, Facts, Route, Screen, Step, Strip, draw_empty, draw_problem, draw_reading, open_object,
    problem_lines,
};
use crate::model::{Place, Verdict};
use crate::tui::canvas::{Canvas, Line, Piece, bold, cells, piece};
use crate::tui::effect::{Answer, Question, Slot};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::Scroll;
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Details, ObjectId, ObjectRow, Snapshot};
use std::sync::Arc;

mod pages;

use pages::{describe, events, yaml};

/// Which tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Diff,
    Describe,
    Yaml,
    Events,
}

const TABS: [Tab; 4] = [Tab::Diff, Tab::Describe, Tab::Yaml, Tab::Events];

/// The screen.
pub(crate) struct DetailsScreen {
    id: ObjectId,
    tab: Tab,
    details: Asked<Box<Details>>,
    style: Style,
    cursor: Cursor,
    scroll: Scroll,
}

impl DetailsScreen {
    pub(crate) fn new(id: ObjectId, tab: Tab) -> Self {
        Self {
            id,
            tab,
            details: Asked::Reading { since: 0 },
            style: Style::default(),
            cursor: Cursor::default(),
            scroll: Scroll::default(),
        }
    }

    fn blocks(&self, facts: &Facts<'_>) -> Vec<Block> {
        let Some(details) = self.details.here() else { return vec![] };
        let mut blocks = diff::object_blocks(details, self.style, facts);
        let lines = self.notes(details, facts);
        if !lines.is_empty() {
            // It scrolls with the fields and is never marked as selected.
            blocks.push(Block { lines, head: usize::MAX, ..Block::default() });
        }
        blocks
    }

    fn here(&self) -> Option<&Details> {
        self.details.here().map(AsRef::as_ref)
    }

    fn lines(&self, facts: &Facts<'_>) -> Vec<Line> {
        let Some(details) = self.details.here() else { return vec![] };
        match self.tab {
            Tab::Diff => vec![],
            Tab::Describe => describe(details, facts),
            Tab::Yaml => yaml(details, self.style.side != (facts.width() >= 120), facts),
            Tab::Events => events(details, facts),
        }
    }

    fn turn(&mut self, tab: Tab) {
        self.tab = tab;
        self.scroll = Scroll::default();
    }

    fn next_tab(&mut self, forward: bool) {
        let at = TABS.iter().position(|t| *t == self.tab).unwrap_or(0);
        let step = if forward { 1 } else { TABS.len() - 1 };
        self.turn(TABS[(at + step) % TABS.len()]);
    }

    fn row<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Arc<ObjectRow>> {
        snapshot.objects.iter().find(|o| o.environment == self.id.environment && o.key == self.id.key)
    }

    fn place(&self, facts: &Facts<'_>) -> Option<Place> {
        let field = match self.tab {
            Tab::Diff => self.blocks(facts).get(self.cursor.at).and_then(|b| b.place.clone()),
            _ => None,
        };
        let details = self.details.here();
        let origin = details.and_then(|d| d.origin.clone());
        let origin = origin.or_else(|| self.row(facts.snapshot).and_then(|r| r.origin.clone()));
        field.or_else(|| origin.map(|o| Place { file: o.file, line: o.line, field: None }))
    }
}

/// Lines of the body below the tabs.
fn height(facts: &Facts<'_>) -> usize {
    facts.height().saturating_sub(2)
}

impl Screen for DetailsScreen {
    fn mode(&self) -> Mode {
        Mode::Details
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        format!("{} {}", self.id.key.kind, self.id.key.name)
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Details(self.id.clone(), self.tab))
    }

    fn environment(&self) -> Option<Arc<str>> {
        Some(self.id.environment.clone())
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        if !matches!(self.details, Asked::Here(_)) {
            self.details = Asked::Reading { since: facts.now };
        }
        vec![Step::Ask(Question::Details(self.id.clone()))]
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let moved = if self.tab == Tab::Diff {
            let blocks = self.blocks(facts);
            self.cursor.act(action, &blocks, height(facts))
        } else {
            let len = self.lines(facts).len();
            self.scroll.act(action, len, height(facts))
        };
        if moved {
            return vec![];
        }
        match action {
            Action::NextPane | Action::Right => self.next_tab(true),
            Action::Left => self.next_tab(false),
            Action::Details => self.turn(Tab::Diff),
            Action::Yaml => self.turn(Tab::Yaml),
            Action::Fold => self.style.noise = !self.style.noise,
            Action::Side => self.style.side = !self.style.side,
            Action::LessContext => self.style.context = self.style.context.saturating_sub(1),
            Action::MoreContext => self.style.context = (self.style.context + 1).min(9),
            Action::Copy if self.tab == Tab::Diff => {
                let path = self.blocks(facts).get(self.cursor.at).map(|b| b.path.clone());
                return vec![Step::Copy(path.unwrap_or_else(|| self.id.key.to_string()))];
            }
            Action::Back | Action::Quit => {}
            action => return open_object(&self.id, self.place(facts), action),
        }
        vec![]
    }

    fn awaits(&self, slot: Slot) -> bool {
        slot == Slot::Details
    }

    fn accept(&mut self, answer: Answer, _facts: &Facts<'_>) -> Vec<Step> {
        if let Answer::Details(details) = answer {
            self.details = details.into();
        }
        vec![]
    }

    fn refresh(&mut self, before: &Snapshot, facts: &Facts<'_>) -> Vec<Step> {
        // The object is read again when its row says that it changed; until then the old answer stands.
        let face = |row: &ObjectRow| (row.verdict.clone(), row.health.clone(), row.summary.clone(), row.live);
        let (was, is) = (self.row(before).map(|r| face(r)), self.row(facts.snapshot).map(|r| face(r)));
        let head = |s: &Snapshot| s.repo.commit.as_ref().map(|c| c.id);
        if was == is && head(before) == head(facts.snapshot) {
            return vec![];
        }
        vec![Step::Ask(Question::Details(self.id.clone()))]
    }

    fn settle(&mut self, facts: &Facts<'_>) {
        if self.tab == Tab::Diff {
            let blocks = self.blocks(facts);
            self.cursor.settle(&blocks, height(facts));
        } else {
            let len = self.lines(facts).len();
            self.scroll.settle(len, height(facts));
        }
    }

    fn click(&mut self, x: u16, y: u16, facts: &Facts<'_>) -> bool {
        if y == 0 {
            if let Some(tab) = tab_at(x, self.here()) {
                self.turn(tab);
            }
        } else if self.tab == Tab::Diff {
            let blocks = self.blocks(facts);
            if let Some(at) = self.cursor.at_line(usize::from(y).saturating_sub(2), &blocks) {
                self.cursor.at = at;
            }
        }
        false
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        let Some(details) = self.details.here() else { return vec![] };
        let applied = details.applied.as_ref().map(|c| format!("cluster applied {}", c.id.short()));
        let seen = details.revision.as_ref().map(|c| format!("git {}", c.id.short()));
        let text: Vec<String> = applied.into_iter().chain(seen).collect();
        vec![piece(Label::Muted, text.join(", "))]
    }

    fn counters(&self, _facts: &Facts<'_>) -> Vec<super::Counter> {
        let Some(details) = self.details.here() else { return vec![] };
        let mut counters: Vec<super::Counter> = vec![];
        for field in &details.diff.fields {
            match counters.iter_mut().find(|c| c.word == field.class.word()) {
                Some(counter) => counter.number += 1,
                None => counters.push(super::Counter {
                    label: diff::class_label(field.class),
                    number: 1,
                    word: field.class.word().into(),
                    on: false,
                }),
            }
        }
        counters
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let g = &facts.look.glyphs;
        let Some(details) = self.details.here() else {
            return Strip { title: self.id.key.to_string(), ..Strip::default() };
        };
        let health = state::health(details.health.state, g);
        let mut cause = vec![];
        let mut next = String::new();
        match (self.tab, self.blocks(facts).get(self.cursor.at)) {
            (Tab::Diff, Some(block)) if !block.cause.is_empty() => {
                cause.clone_from(&block.cause);
                block.next.clone_into(&mut next);
            }
            (Tab::Diff, _) if matches!(details.diff.verdict, Verdict::Unknown(_)) => {
                let face = state::verdict(&details.diff.verdict, false, g);
                cause.push(bold(face.label, format!("{} {}", face.sign, face.word)));
                "`tab` shows what git declares".clone_into(&mut next);
            }
            _ if !details.health.reason.is_empty() => {
                cause.push(bold(health.label, format!("{} {}", health.sign, health.word)));
                cause.push(piece(Label::Text, format!("  {}", details.health.reason)));
            }
            _ => cause.push(piece(Label::Muted, health.word)),
        }
        let place = self.place(facts).map(|p| p.to_string()).unwrap_or_default();
        Strip { title: self.id.key.to_string(), cause, place, next }
    }

    fn can(&self, action: Action, facts: &Facts<'_>) -> bool {
        let diff = self.tab == Tab::Diff;
        match action {
            Action::Details => !diff,
            Action::Fold => diff && self.details.here().is_some_and(|d| !d.diff.folded.is_empty()),
            Action::LessContext | Action::MoreContext => diff,
            Action::Side => matches!(self.tab, Tab::Diff | Tab::Yaml),
            Action::Yaml => self.tab != Tab::Yaml,
            Action::Edit => self.place(facts).is_some(),
            Action::Logs => super::home::has_logs(&self.id.key),
            _ => true,
        }
    }

    fn word(&self, action: Action, facts: &Facts<'_>) -> Option<String> {
        let side = match self.tab {
            Tab::Yaml => self.style.side != (facts.width() >= 120),
            _ => self.style.side,
        };
        match action {
            Action::Side if side => Some("unified".into()),
            Action::Fold if !self.style.noise => Some("show noise".into()),
            _ => None,
        }
    }

    fn waiting_since(&self) -> Option<u64> {
        self.details.since()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        draw_tabs(self.tab, self.here(), canvas);
        let (width, below) = (canvas.width(), canvas.height().saturating_sub(2));
        let mut part = canvas.part(0, 2, width, below);
        match &self.details {
            Asked::Reading { since } => draw_reading(&mut part, facts, "reading the object", *since),
            Asked::Failed(problem) => draw_problem(&mut part, problem),
            Asked::Here(_) if self.tab == Tab::Diff => {
                draw_blocks(&self.blocks(facts), &self.cursor, true, &mut part);
            }
            Asked::Here(_) => {
                let lines = self.lines(facts);
                if lines.is_empty() {
                    return draw_empty(&mut part, empty(self.tab), "");
                }
                for (y, line) in lines.iter().skip(self.scroll.top).take(usize::from(below)).enumerate() {
                    part.part(2, cells(y), width.saturating_sub(3), 1).line(0, line);
                }
            }
        }
    }
}

impl DetailsScreen {
    /// What is not shown, and what could not be read.
    fn notes(&self, details: &Details, facts: &Facts<'_>) -> Vec<Line> {
        let g = &facts.look.glyphs;
        let mut lines = vec![];
        let diff = &details.diff;
        if diff.fields.is_empty() {
            let face = state::verdict(&diff.verdict, details.id.key.is_secret(), g);
            let text = match &diff.verdict {
                Verdict::Synced => "git and the cluster agree in every field that git declares".to_owned(),
                Verdict::Unmanaged => {
                    "nobody declares it; there is nothing in git to compare with".to_owned()
                }
                Verdict::Unknown(why) => why.to_string(),
                Verdict::OwnedByOther(who) => format!("{who} says that it owns it"),
                other => other.word().to_owned(),
            };
            lines
                .push(Line::new(vec![bold(face.label, format!("{} ", face.sign)), piece(Label::Text, text)]));
            lines.push(Line::default());
        }
        if !diff.folded.is_empty() && !self.style.noise {
            let mut counts: Vec<(&str, usize)> = vec![];
            for field in &diff.folded {
                match counts.iter_mut().find(|(word, _)| *word == field.class.word()) {
                    Some((_, number)) => *number += 1,
                    None => counts.push((field.class.word(), 1)),
                }
            }
            let words: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
            let folded = format!("{} folded: {}", fields(diff.folded.len()), words.join(", "));
            lines.push(Line::new(vec![
                piece(Label::Muted, format!("{} {folded}  ", diff.folded.len())),
                bold(Label::Accent, "z"),
                piece(Label::Muted, " shows them"),
            ]));
        }
        if diff.hidden > 0 {
            let text = format!("{} {} equal or set by the server", diff.hidden, fields(diff.hidden));
            lines.push(Line::text(Label::Muted, text));
        }
        if diff.approximate {
            lines.push(Line::text(Label::Notice, "no schema was at hand: lists were paired by guess"));
        }
        for problem in &details.problems {
            lines.extend(problem_lines(problem, facts.width().saturating_sub(6), g.failing));
        }
        lines
    }
}

fn fields(number: usize) -> &'static str {
    if number == 1 { "field" } else { "fields" }
}

fn tab_names(details: Option<&Details>) -> [String; 4] {
    let count = |n: usize| if n == 0 { String::new() } else { format!(" {n}") };
    let (diff, events) = details.map_or((0, 0), |d| (d.diff.fields.len(), d.events.len()));
    [format!("Diff{}", count(diff)), "Describe".into(), "YAML".into(), format!("Events{}", count(events))]
}

fn draw_tabs(tab: Tab, details: Option<&Details>, canvas: &mut Canvas<'_>) {
    let mut pieces = vec![piece(Label::Text, "  ")];
    for (which, name) in TABS.iter().zip(tab_names(details)) {
        let here = *which == tab;
        let label = if here { Label::Accent } else { Label::Muted };
        pieces.push(Piece { bold: here, underlined: here, ..piece(label, name) });
        pieces.push(piece(Label::Text, "   "));
    }
    canvas.line(0, &Line::new(pieces));
}

fn tab_at(x: u16, details: Option<&Details>) -> Option<Tab> {
    let mut at = 2;
    for (which, name) in TABS.iter().zip(tab_names(details)) {
        let wide = words::width(&name);
        if (at..at + wide).contains(&usize::from(x)) {
            return Some(*which);
        }
        at += wide + 3;
    }
    None
}

fn empty(tab: Tab) -> &'static str {
    match tab {
        Tab::Events => "No events. The cluster forgets them after an hour.",
        Tab::Yaml => "Neither git nor the cluster has it.",
        Tab::Diff | Tab::Describe => "Nothing to say about it.",
    }
}
