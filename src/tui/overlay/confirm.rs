//! A question before something that reaches others. It names the thing and the place.

use super::edit::Edit;
use super::{Outcome, draw_boxed};
use crate::model::Problem;
use crate::tui::canvas::{Canvas, Line, bold, piece};
use crate::tui::keymap::{Action, Mode};
use crate::tui::screen::Step;
use crate::tui::theme::Label;
use crate::tui::words;

/// One question.
pub(crate) struct Confirm {
    sentence: String,
    detail: String,
    /// What has to be typed to agree; `None` if enter is enough.
    expects: Option<String>,
    edit: Edit,
    refused: bool,
    yes: Vec<Step>,
    /// What esc does, beside closing it.
    no: Vec<Step>,
    word: &'static str,
}

impl Confirm {
    /// Asks with enter for yes and esc for no.
    pub(crate) fn new(
        sentence: impl Into<String>,
        detail: impl Into<String>,
        word: &'static str,
        yes: Vec<Step>,
    ) -> Self {
        Self {
            sentence: sentence.into(),
            detail: detail.into(),
            expects: None,
            edit: Edit::default(),
            refused: false,
            yes,
            no: vec![],
            word,
        }
    }

    /// What is done if nobody agrees.
    pub(crate) fn otherwise(mut self, no: Vec<Step>) -> Self {
        self.no = no;
        self
    }

    /// Tells what went wrong with something that was asked for; there is nothing to agree to.
    pub(crate) fn told(problem: &Problem) -> Self {
        let place = problem.place.as_ref().map(|p| format!("{p}\n")).unwrap_or_default();
        Self::new(problem.cause.clone(), format!("{place}{}", problem.next), "", vec![])
    }

    /// Asks for a name to be typed, where a slip would reach production.
    pub(crate) fn typing(mut self, name: impl Into<String>) -> Self {
        self.expects = Some(name.into());
        self
    }

    pub(crate) fn mode(&self) -> Mode {
        if self.expects.is_some() { Mode::Text } else { Mode::Confirm }
    }

    pub(crate) fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Back => Outcome::Close(std::mem::take(&mut self.no)),
            Action::Enter if self.agreed() => Outcome::Close(std::mem::take(&mut self.yes)),
            Action::Enter => {
                self.refused = true;
                Outcome::Stay(vec![])
            }
            action => {
                if self.expects.is_some() && self.edit.act(action) {
                    self.refused = false;
                }
                Outcome::Stay(vec![])
            }
        }
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.edit.insert(text, false);
    }

    fn agreed(&self) -> bool {
        self.expects.as_ref().is_none_or(|name| *name == self.edit.text.trim())
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(68);
        let room = usize::from(width.saturating_sub(6));
        let mut lines: Vec<Line> = words::wrap(&self.sentence, room)
            .into_iter()
            .map(|l| Line::new(vec![bold(Label::Text, l)]))
            .collect();
        for text in words::wrap(&self.detail, room) {
            lines.push(Line::text(Label::Muted, text));
        }
        lines.push(Line::default());
        let mut keys = vec![];
        if let Some(name) = &self.expects {
            let label = if self.refused { Label::Bad } else { Label::Text };
            let mut typed = vec![piece(label, format!("Type {name} to agree: "))];
            typed.extend(self.edit.lines().into_iter().next().unwrap_or_default().pieces);
            lines.push(Line::new(typed));
            lines.push(Line::default());
        }
        if self.word.is_empty() {
            keys.push(bold(Label::Accent, "enter"));
            keys.push(piece(Label::Text, " close"));
        } else {
            keys.push(bold(Label::Accent, "enter"));
            keys.push(piece(Label::Text, format!(" {}   ", self.word)));
            keys.push(bold(Label::Accent, "esc"));
            keys.push(piece(Label::Text, " no"));
        }
        lines.push(Line::new(keys));
        draw_boxed(canvas, width, &lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_agrees() {
        let mut confirm = Confirm::new("Push?", "", "push", vec![Step::Leave]).typing("prod");
        assert!(matches!(confirm.act(Action::Enter), Outcome::Stay(_)));
        confirm.paste("prod");
        assert!(matches!(confirm.act(Action::Enter), Outcome::Close(steps) if steps.len() == 1));
    }

    #[test]
    fn esc_does_nothing() {
        let mut confirm = Confirm::new("Push?", "", "push", vec![Step::Leave]);
        assert!(matches!(confirm.act(Action::Back), Outcome::Close(steps) if steps.is_empty()));
    }
}
