//! A page to read: help, who can read a file, what is wrong.

use super::{Outcome, middle};
use crate::model::Problem;
use crate::tui::canvas::{Canvas, Line, bold, cells, piece};
use crate::tui::keymap::{self, Action, Mode};
use crate::tui::list::Scroll;
use crate::tui::screen::{Facts, problem_lines};
use crate::tui::theme::Label;
use crate::tui::words;

/// A titled page.
pub(crate) struct Pager {
    title: String,
    lines: Vec<Line>,
    scroll: Scroll,
}

impl Pager {
    pub(crate) fn new(title: impl Into<String>, lines: Vec<Line>) -> Self {
        Self { title: title.into(), lines, scroll: Scroll::default() }
    }

    /// The keys of a mode, from the table.
    pub(crate) fn help(mode: Mode, title: &str, facts: &Facts<'_>) -> Self {
        let mut lines = vec![];
        let mut moves = vec![];
        for binding in keymap::all(mode) {
            let keys: Vec<String> = binding.keys.iter().map(|k| k.name()).collect();
            if keymap::moves(binding.action) {
                moves.extend(keys);
                continue;
            }
            let keys =
                if matches!(binding.action, Action::Counter(_)) { "1…9".into() } else { keys.join(" ") };
            lines.push(Line::new(vec![
                bold(Label::Accent, format!("{keys:>14}  ")),
                piece(Label::Text, binding.help),
            ]));
        }
        for row in words::wrap(&moves.join(" "), 58) {
            lines.push(Line::new(vec![bold(Label::Accent, format!("{:16}{row}", ""))]));
        }
        if let Some(last) = lines.last_mut().filter(|_| !moves.is_empty()) {
            last.pieces.push(piece(Label::Text, "  move"));
        }
        lines.push(Line::default());
        let g = &facts.look.glyphs;
        let signs = [
            (g.synced, "synced"),
            (g.drifted, "drifted, differs"),
            (g.only_git, "only in git"),
            (g.removed, "will go"),
            (g.only_live, "only live"),
            (g.failing, "failing"),
            (g.motion, "on its way"),
            (g.paused, "suspended"),
            (g.waiting, "waiting"),
            (g.unknown, "unknown"),
            (g.plaintext, "plaintext"),
            (g.same, "secret: same value"),
            (g.differs, "secret: other value"),
        ];
        for row in signs.chunks(3) {
            let pieces = row
                .iter()
                .flat_map(|(sign, word)| {
                    [bold(Label::Text, format!("  {sign} ")), piece(Label::Muted, format!("{word:<20}"))]
                })
                .collect();
            lines.push(Line::new(pieces));
        }
        Self::new(format!("Keys: {title}"), lines)
    }

    /// Problems, each with cause, place and next step.
    pub(crate) fn problems(title: impl Into<String>, problems: &[Problem], facts: &Facts<'_>) -> Self {
        let room = usize::from(facts.body.width.min(92).saturating_sub(6));
        let mut lines = vec![];
        for problem in problems {
            lines.extend(problem_lines(problem, room, facts.look.glyphs.failing));
            lines.push(Line::default());
        }
        lines.pop();
        Self::new(title, lines)
    }

    pub(crate) fn act(&mut self, action: Action, facts: &Facts<'_>) -> Outcome {
        match action {
            Action::Back | Action::Quit | Action::Enter | Action::Help => Outcome::Close(vec![]),
            action => {
                // The page is as high as the frame allows; the body is a little lower than the frame.
                self.scroll.act(action, self.lines.len(), usize::from(facts.body.height.saturating_sub(2)));
                Outcome::Stay(vec![])
            }
        }
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let longest = self.lines.iter().map(Line::width).max().unwrap_or(0);
        let width = cells(longest.max(words::width(&self.title) + 6) + 6).max(40);
        let area = middle(canvas, width, cells(self.lines.len() + 4));
        let mut part = canvas.part(area.x, area.y, area.width, area.height);
        let mut inside = part.boxed(&self.title);
        let height = usize::from(inside.height().saturating_sub(2));
        let (w, h) = (inside.width(), inside.height());
        for (y, line) in self.lines.iter().skip(self.scroll.top).take(height).enumerate() {
            inside.line(cells(y + 1), line);
        }
        let more = self.lines.len().saturating_sub(self.scroll.top + height);
        if more > 0 {
            let text = format!("{more} more below  ");
            inside.part(0, h.saturating_sub(1), w, 1).line(0, &Line::text(Label::Muted, text));
        }
    }
}
