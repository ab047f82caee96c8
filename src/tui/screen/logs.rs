//! The logs of an object's pods, followed. They are only read.

use super::{Asked, Facts, Route, Screen, Step, Strip, draw_empty, draw_problem, draw_reading, marked};
use crate::tui::canvas::{Canvas, Line, Piece, cells, piece};
use crate::tui::effect::{Answer, Question, Slot};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::Scroll;
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{LogLine, ObjectId};
use std::collections::VecDeque;
use std::sync::Arc;

/// Lines that are kept. A log that runs for a day must not eat the machine (k9s#1188).
const KEPT: usize = 5_000;

/// The screen.
pub(crate) struct Logs {
    id: ObjectId,
    state: Asked<()>,
    lines: VecDeque<LogLine>,
    dropped: usize,
    ended: bool,
    scroll: Scroll,
    /// True while the newest line is kept on screen.
    follows: bool,
    /// Cells that long lines are moved to the left.
    shift: usize,
    filter: Filter,
}

struct LineFields<'a>(&'a LogLine);

impl Fields for LineFields<'_> {
    fn text(&self) -> String {
        format!("{} {}", self.0.source, self.0.text)
    }

    fn field(&self, name: &str) -> Option<Field> {
        (name == "pod").then(|| Field::Word(self.0.source.to_string()))
    }
}

impl Logs {
    pub(crate) fn new(id: ObjectId) -> Self {
        Self {
            id,
            state: Asked::Reading { since: 0 },
            lines: VecDeque::new(),
            dropped: 0,
            ended: false,
            scroll: Scroll::default(),
            follows: true,
            shift: 0,
            filter: Filter::default(),
        }
    }

    fn shown(&self) -> Vec<&LogLine> {
        self.lines.iter().filter(|line| self.filter.passes(&LineFields(line))).collect()
    }

    fn end(&mut self, height: usize) {
        self.scroll.top = self.shown().len().saturating_sub(height);
    }
}

impl Screen for Logs {
    fn mode(&self) -> Mode {
        Mode::Logs
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        format!("logs of {}", self.id.key.name)
    }

    fn route(&self) -> Option<Route> {
        Some(Route::Logs(self.id.clone()))
    }

    fn environment(&self) -> Option<Arc<str>> {
        Some(self.id.environment.clone())
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        *self = Self { state: Asked::Reading { since: facts.now }, ..Self::new(self.id.clone()) };
        vec![Step::Ask(Question::Logs(self.id.clone()))]
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let len = self.shown().len();
        if self.scroll.act(action, len, facts.height()) {
            self.follows = self.scroll.top + facts.height() >= len;
            return vec![];
        }
        match action {
            Action::Right => {
                self.shift = (self.shift + 20).min(4_000);
                vec![]
            }
            Action::Left => {
                self.shift = self.shift.saturating_sub(20);
                vec![]
            }
            Action::Back | Action::Quit => vec![Step::Cancel(Slot::Logs), Step::Leave],
            Action::Copy => vec![Step::Copy(self.id.key.to_string())],
            Action::Details => super::open_object(&self.id, None, action),
            _ => vec![],
        }
    }

    fn awaits(&self, slot: Slot) -> bool {
        slot == Slot::Logs
    }

    fn accept(&mut self, answer: Answer, facts: &Facts<'_>) -> Vec<Step> {
        match answer {
            Answer::LogLines(lines) => {
                self.state = Asked::Here(());
                self.lines.extend(lines);
                while self.lines.len() > KEPT {
                    self.lines.pop_front();
                    self.dropped += 1;
                    self.scroll.top = self.scroll.top.saturating_sub(1);
                }
                if self.follows {
                    self.end(facts.height());
                }
            }
            Answer::LogEnd(Some(problem)) => self.state = Asked::Failed(problem),
            Answer::LogEnd(None) => {
                self.ended = true;
                self.state = Asked::Here(());
            }
            _ => {}
        }
        vec![]
    }

    fn settle(&mut self, facts: &Facts<'_>) {
        let len = self.shown().len();
        self.scroll.settle(len, facts.height());
        if self.follows {
            self.end(facts.height());
        }
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn set_filter(&mut self, filter: Filter, facts: &Facts<'_>) {
        self.filter = filter;
        self.end(facts.height());
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        let mut text = words::count(self.lines.len(), "line");
        if self.dropped > 0 {
            text = format!("newest {text}");
        }
        let state = match (self.ended, self.follows) {
            (true, _) => "ended",
            (false, true) => "following",
            (false, false) => "paused here, G follows",
        };
        vec![piece(Label::Muted, format!("{text}, {state}"))]
    }

    fn strip(&self, _facts: &Facts<'_>) -> Strip {
        let mut sources: Vec<&str> = self.lines.iter().map(|l| &*l.source).collect();
        sources.sort_unstable();
        sources.dedup();
        let said = match sources.len() {
            0 => String::new(),
            1..=3 => sources.join(", "),
            many => words::count(many, "container"),
        };
        Strip { title: self.id.key.to_string(), cause: vec![piece(Label::Muted, said)], ..Strip::default() }
    }

    fn waiting_since(&self) -> Option<u64> {
        self.state.since()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        match &self.state {
            Asked::Reading { since } => return draw_reading(canvas, facts, "opening the logs", *since),
            Asked::Failed(problem) => return draw_problem(canvas, problem),
            Asked::Here(()) => {}
        }
        let shown = self.shown();
        if shown.is_empty() {
            let what =
                if self.lines.is_empty() { "Nothing was logged." } else { "No line passes this filter." };
            return draw_empty(canvas, what, "");
        }
        let sources = self.lines.iter().map(|l| words::width(&l.source)).max().unwrap_or(0);
        let room = sources.min(facts.width() / 4);
        for (y, line) in shown.iter().skip(self.scroll.top).take(facts.height()).enumerate() {
            let source = words::cut_path(&line.source, room, facts.look.glyphs.cut);
            let pad = " ".repeat(room.saturating_sub(words::width(&source)) + 2);
            let mut pieces = vec![piece(Label::Muted, format!(" {source}{pad}"))];
            let text: String = line.text.chars().skip(self.shift).collect();
            pieces.extend(marked(Label::Text, &text, false, Some(&self.filter)));
            canvas.line(cells(y), &Line::new(pieces));
        }
    }
}
