//! A passphrase, typed masked, straight into wiped memory, for one identity.

use super::{Outcome, draw_boxed};
use crate::secret::SecretText;
use crate::tui::canvas::{Canvas, Line, bold, piece};
use crate::tui::effect::Deed;
use crate::tui::keymap::{Action, Letter};
use crate::tui::screen::{Facts, Step};
use crate::tui::theme::Label;
use crate::tui::words;
use std::sync::Arc;

/// Room from the start, so that typing leaves no copies behind.
const ROOM: usize = 1_024;

/// The question.
pub(crate) struct Unlock {
    source: Arc<str>,
    text: SecretText,
    letters: usize,
}

impl Unlock {
    /// Asks for the passphrase of a source.
    pub(crate) fn new(source: Arc<str>) -> Self {
        Self { source, text: SecretText::with_capacity(ROOM), letters: 0 }
    }

    pub(crate) fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Back => return Outcome::Close(vec![]),
            Action::Enter if self.text.is_empty() => {}
            Action::Enter => {
                let passphrase = std::mem::replace(&mut self.text, SecretText::with_capacity(0));
                let deed = Deed::Unlock { source: self.source.clone(), passphrase };
                return Outcome::Close(vec![Step::Do(deed)]);
            }
            Action::Type(Letter(letter)) => {
                self.text.push_char(letter);
                self.letters += 1;
            }
            Action::Erase => {
                self.text.pop_char();
                self.letters = self.letters.saturating_sub(1);
            }
            _ => {}
        }
        Outcome::Stay(vec![])
    }

    /// Takes a paste over as it is.
    pub(crate) fn paste(&mut self, text: SecretText) {
        if self.text.is_empty() {
            self.text = text;
            self.letters = 1;
        }
    }

    pub(crate) fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let width = canvas.width().min(68);
        let room = usize::from(width.saturating_sub(6));
        let sentence = format!("Passphrase of {}", crate::model::clean(&self.source));
        let mut lines: Vec<Line> =
            words::wrap(&sentence, room).into_iter().map(|l| Line::new(vec![bold(Label::Text, l)])).collect();
        let told = "It is kept in memory until you quit, and opens what was sealed for it.";
        lines.extend(words::wrap(told, room).into_iter().map(|text| Line::text(Label::Muted, text)));
        lines.push(Line::default());
        let glyphs = &facts.look.glyphs;
        let mask = glyphs.bullet.to_string().repeat(self.letters.min(room.saturating_sub(1)));
        let cursor = if glyphs.ascii { "_" } else { "▏" };
        lines.push(Line::new(vec![piece(Label::Text, mask), piece(Label::Accent, cursor)]));
        lines.push(Line::default());
        lines.push(Line::new(vec![
            bold(Label::Accent, "enter"),
            piece(Label::Text, " unlock   "),
            bold(Label::Accent, "esc"),
            piece(Label::Text, " no"),
        ]));
        draw_boxed(canvas, width, &lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_goes_to_the_deed_and_esc_drops_it() {
        let mut unlock = Unlock::new("id_ed25519".into());
        assert!(matches!(unlock.act(Action::Enter), Outcome::Stay(_)));
        for letter in "pwx".chars() {
            unlock.act(Action::Type(Letter(letter)));
        }
        unlock.act(Action::Erase);
        let Outcome::Close(steps) = unlock.act(Action::Enter) else { panic!("it stays") };
        let [Step::Do(Deed::Unlock { source, passphrase })] = steps.as_slice() else { panic!("no deed") };
        assert_eq!((&**source, passphrase.is_empty()), ("id_ed25519", false));
        let mut dropped = Unlock::new("id".into());
        dropped.paste(SecretText::from_string("pw".to_owned()));
        assert!(matches!(dropped.act(Action::Back), Outcome::Close(steps) if steps.is_empty()));
    }
}
