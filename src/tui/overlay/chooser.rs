//! One of several: which cluster belongs to an environment.

use super::{Outcome, middle};
use crate::tui::canvas::{Canvas, Line, bold, cells, piece};
use crate::tui::effect::Deed;
use crate::tui::keymap::Action;
use crate::tui::list::List;
use crate::tui::screen::{Facts, Step};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::ContextChoice;
use std::sync::Arc;

/// The contexts of a kubeconfig, for one environment.
pub(crate) struct Chooser {
    environment: Arc<str>,
    contexts: Vec<ContextChoice>,
    list: List,
}

impl Chooser {
    pub(crate) fn new(environment: Arc<str>, contexts: Vec<ContextChoice>) -> Self {
        let current = contexts.iter().position(|c| c.current).unwrap_or(0);
        Self { environment, contexts, list: List { cursor: current, ..List::default() } }
    }

    pub(crate) fn act(&mut self, action: Action, facts: &Facts<'_>) -> Outcome {
        match action {
            Action::Back | Action::Quit => Outcome::Close(vec![]),
            Action::Enter => Outcome::Close(self.contexts.get(self.list.cursor).map_or(vec![], |chosen| {
                let deed =
                    Deed::Context { environment: self.environment.clone(), context: chosen.name.clone() };
                vec![Step::Do(deed)]
            })),
            action => {
                self.list.act(action, self.contexts.len(), self.height(facts.body.height), facts.now);
                Outcome::Stay(vec![])
            }
        }
    }

    fn height(&self, frame: u16) -> usize {
        self.contexts.len().min(usize::from(frame.saturating_sub(8))).max(1)
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(84);
        let height = self.height(canvas.height());
        let area = middle(canvas, width, cells(height + 6));
        let mut part = canvas.part(area.x, area.y, area.width, area.height);
        let title = format!("Which cluster is {}?", self.environment);
        let mut inside = part.boxed(&title);
        inside.line(
            0,
            &Line::text(Label::Muted, "Asked once. Its name alone says nothing, so nothing is guessed."),
        );
        let names = self.contexts.iter().map(|c| words::width(&c.name)).max().unwrap_or(0).min(36);
        for (row, choice) in self.contexts.iter().enumerate().skip(self.list.top).take(height) {
            let y = cells(row - self.list.top + 2);
            let here = row == self.list.cursor;
            let sign = if here { inside.look.glyphs.here } else { ' ' };
            let name = words::cut(&choice.name, names, inside.look.glyphs.cut);
            let pad = " ".repeat(names.saturating_sub(words::width(&name)) + 2);
            let current = if choice.current { "  current" } else { "" };
            let name = if here { bold(Label::Text, name) } else { piece(Label::Text, name) };
            let line = Line::new(vec![
                piece(Label::Accent, format!("{sign} ")),
                name,
                piece(Label::Muted, format!("{pad}{}{current}", choice.server)),
            ]);
            inside.row(y, here, &line);
        }
        let y = inside.height().saturating_sub(1);
        inside.line(
            y,
            &Line::new(vec![
                bold(Label::Accent, "enter"),
                piece(Label::Text, " choose   "),
                bold(Label::Accent, "esc"),
                piece(Label::Text, " git only for now"),
            ]),
        );
    }
}
