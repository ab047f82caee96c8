//! The editor of a commit message.

use super::edit::Edit;
use super::{Outcome, middle};
use crate::tui::canvas::{Canvas, Line, bold, cells, piece};
use crate::tui::keymap::Action;
use crate::tui::screen::{Given, Step};
use crate::tui::theme::Label;

/// A message under work.
pub(crate) struct Message {
    edit: Edit,
}

impl Message {
    pub(crate) fn new(text: &str) -> Self {
        Self { edit: Edit::new(text).at_start() }
    }

    pub(crate) fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Back => Outcome::Close(vec![]),
            Action::Done => Outcome::Close(vec![Step::Given(Given::Message(self.edit.text.clone()))]),
            Action::Enter => {
                self.edit.insert("\n", true);
                Outcome::Stay(vec![])
            }
            action => {
                self.edit.act(action);
                Outcome::Stay(vec![])
            }
        }
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.edit.insert(text, true);
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let lines = self.edit.lines();
        let area = middle(canvas, 78, cells(lines.len().max(6) + 5));
        let mut part = canvas.part(area.x, area.y, area.width, area.height);
        let mut inside = part.boxed("Commit message");
        let (w, h) = (inside.width(), inside.height());
        let height = usize::from(h.saturating_sub(2));
        let top = (self.edit.row() + 1).saturating_sub(height);
        for (y, line) in lines.iter().skip(top).take(height).enumerate() {
            inside.line(cells(y), line);
        }
        let keys = Line::new(vec![
            bold(Label::Accent, "ctrl-s"),
            piece(Label::Text, " done   "),
            bold(Label::Accent, "esc"),
            piece(Label::Text, " leave it as it was"),
        ]);
        inside.part(0, h.saturating_sub(1), w, 1).line(0, &keys);
    }
}
