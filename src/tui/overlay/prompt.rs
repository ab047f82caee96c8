//! One line that is typed at the bottom of the screen: a filter, a name.

use super::Outcome;
use super::edit::Edit;
use crate::tui::canvas::{Canvas, Line, bold, piece};
use crate::tui::keymap::Action;
use crate::tui::screen::{Given, Step};
use crate::tui::theme::Label;

/// What is asked.
pub(crate) struct Prompt {
    question: String,
    hint: String,
    edit: Edit,
    purpose: Purpose,
}

/// What the text is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    /// The filter of the screen; `before` comes back with esc.
    Filter {
        before: String,
    },
    KeyName,
    NewName,
    FileName,
    CopyTo,
    BranchName,
}

impl Prompt {
    /// Asks for a filter; every letter narrows at once.
    pub(crate) fn filter(before: &str) -> Self {
        Self {
            question: "/".into(),
            hint: "words  !word  env:prod  drift>0  age<2h".into(),
            edit: Edit::new(before),
            purpose: Purpose::Filter { before: before.to_owned() },
        }
    }

    /// Asks for the name of a new key.
    pub(crate) fn key_name() -> Self {
        Self::named("Name of the new key: ", "", Purpose::KeyName)
    }

    /// Asks for another name of a key.
    pub(crate) fn new_name(start: &str) -> Self {
        Self::named("New name of the key: ", start, Purpose::NewName)
    }

    /// Asks for the file that a secret is copied to.
    pub(crate) fn copy_to(start: &str) -> Self {
        Self::named("Seal into (path in the repository): ", start, Purpose::CopyTo)
    }

    /// Asks for the path of a new sealed file.
    pub(crate) fn file_name(start: &str) -> Self {
        Self::named("Path of the new file in the repository: ", start, Purpose::FileName)
    }

    /// Asks for the name of a new branch.
    pub(crate) fn branch_name(start: &str) -> Self {
        Self::named("Name of the new branch: ", start, Purpose::BranchName)
    }

    fn named(question: &str, start: &str, purpose: Purpose) -> Self {
        Self { question: question.into(), hint: String::new(), edit: Edit::new(start), purpose }
    }

    pub(crate) fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Back => Outcome::Close(match &self.purpose {
                Purpose::Filter { before } => vec![Step::Filter(before.clone())],
                _ => vec![],
            }),
            Action::Enter | Action::Done => Outcome::Close(self.finish()),
            action => {
                self.edit.act(action);
                Outcome::Stay(self.typed())
            }
        }
    }

    pub(crate) fn paste(&mut self, text: &str) -> Vec<Step> {
        self.edit.insert(text, false);
        self.typed()
    }

    fn typed(&self) -> Vec<Step> {
        match self.purpose {
            Purpose::Filter { .. } => vec![Step::Filter(self.edit.text.clone())],
            _ => vec![],
        }
    }

    fn finish(&self) -> Vec<Step> {
        let text = self.edit.text.trim().to_owned();
        match self.purpose {
            Purpose::Filter { .. } => vec![Step::Filter(self.edit.text.clone())],
            _ if text.is_empty() => vec![],
            Purpose::KeyName => vec![Step::Given(Given::KeyName(text))],
            Purpose::NewName => vec![Step::Given(Given::NewName(text))],
            Purpose::CopyTo => vec![Step::Given(Given::CopyTo(text))],
            Purpose::FileName => vec![Step::Given(Given::FileName(text))],
            Purpose::BranchName => vec![Step::Given(Given::BranchName(text))],
        }
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let y = canvas.height().saturating_sub(1);
        let width = canvas.width();
        canvas.part(0, y, width, 1).put(0, 0, width, &piece(Label::Text, " ".repeat(usize::from(width))));
        let mut pieces = vec![bold(Label::Accent, format!(" {}", self.question))];
        pieces.extend(self.edit.lines().into_iter().next().unwrap_or_default().pieces);
        canvas.line(y, &Line::new(pieces).right(piece(Label::Muted, format!("{} ", self.hint))));
    }
}
