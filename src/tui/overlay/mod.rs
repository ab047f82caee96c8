//! What lies over a screen for a moment: palette, prompt, confirmation, chooser, pages to read, the message editor, a passphrase.

pub(crate) mod chooser;
pub(crate) mod confirm;
pub(crate) mod edit;
pub(crate) mod message;
pub(crate) mod pager;
pub(crate) mod palette;
pub(crate) mod prompt;
pub(crate) mod unlock;

use super::canvas::{Canvas, Line, cells};
use super::keymap::{Action, Mode};
use super::screen::{Facts, Step};
use ratatui::layout::Rect;

/// One overlay. There is at most one.
pub(crate) enum Overlay {
    Palette(palette::Palette),
    Prompt(prompt::Prompt),
    Message(message::Message),
    Pager(pager::Pager),
    Confirm(confirm::Confirm),
    Chooser(chooser::Chooser),
    Unlock(unlock::Unlock),
}

/// What an overlay does with a key.
pub(crate) enum Outcome {
    /// It stays.
    Stay(Vec<Step>),
    /// It is closed, then the steps are taken.
    Close(Vec<Step>),
}

impl Overlay {
    /// Which keys it takes.
    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Palette(_) | Self::Prompt(_) | Self::Message(_) => Mode::Text,
            Self::Pager(_) => Mode::Pager,
            Self::Chooser(_) => Mode::Chooser,
            Self::Confirm(confirm) => confirm.mode(),
            Self::Unlock(_) => Mode::Secret,
        }
    }

    /// A key.
    pub(crate) fn act(&mut self, action: Action, facts: &Facts<'_>) -> Outcome {
        match self {
            Self::Palette(palette) => palette.act(action, facts),
            Self::Prompt(prompt) => prompt.act(action),
            Self::Message(message) => message.act(action),
            Self::Pager(pager) => pager.act(action, facts),
            Self::Confirm(confirm) => confirm.act(action),
            Self::Chooser(chooser) => chooser.act(action, facts),
            Self::Unlock(unlock) => unlock.act(action),
        }
    }

    /// Pasted text, where text is typed.
    pub(crate) fn paste(&mut self, text: &str) -> Vec<Step> {
        match self {
            Self::Palette(palette) => palette.paste(text),
            Self::Prompt(prompt) => return prompt.paste(text),
            Self::Message(message) => message.paste(text),
            Self::Confirm(confirm) => confirm.paste(text),
            // A secret is never pasted as a text.
            Self::Pager(_) | Self::Chooser(_) | Self::Unlock(_) => {}
        }
        vec![]
    }

    /// Draws it over the whole frame.
    pub(crate) fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        match self {
            Self::Palette(palette) => palette.draw(facts, canvas),
            Self::Prompt(prompt) => prompt.draw(canvas),
            Self::Message(message) => message.draw(canvas),
            Self::Pager(pager) => pager.draw(canvas),
            Self::Confirm(confirm) => confirm.draw(canvas),
            Self::Chooser(chooser) => chooser.draw(canvas),
            Self::Unlock(unlock) => unlock.draw(facts, canvas),
        }
    }
}

/// A box in the middle with some lines in it.
pub(crate) fn draw_boxed(canvas: &mut Canvas<'_>, width: u16, lines: &[Line]) {
    let area = middle(canvas, width, cells(lines.len() + 4));
    let mut part = canvas.part(area.x, area.y, area.width, area.height);
    let mut inside = part.boxed("");
    let (w, h) = (inside.width(), inside.height());
    let mut room = inside.part(1, 1, w.saturating_sub(1), h.saturating_sub(1));
    for (y, line) in lines.iter().enumerate() {
        room.line(cells(y), line);
    }
}

/// A box of at most this size, in the middle of a frame, a little above its half.
pub(crate) fn middle(canvas: &Canvas<'_>, width: u16, height: u16) -> Rect {
    let (w, h) = (width.min(canvas.width()), height.min(canvas.height()));
    Rect::new((canvas.width() - w) / 2, (canvas.height() - h) / 3, w, h)
}
