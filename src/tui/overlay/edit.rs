//! Typed text with a cursor: one line or several. Not for secrets.

use crate::tui::canvas::{Line, Piece, piece};
use crate::tui::keymap::{Action, Letter};
use crate::tui::theme::Label;

/// A text under work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The text.
    pub text: String,
    /// Where the next character goes, in bytes.
    at: usize,
}

impl Edit {
    /// A text with the cursor at its end.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.len(), text }
    }

    /// Puts the cursor at the start.
    pub(crate) fn at_start(mut self) -> Self {
        self.at = 0;
        self
    }

    /// Inserts text; control characters are left out, line breaks only stay if `lines`.
    pub(crate) fn insert(&mut self, text: &str, lines: bool) {
        for letter in text.chars().filter(|c| !c.is_control() || (lines && *c == '\n')) {
            self.text.insert(self.at, letter);
            self.at += letter.len_utf8();
        }
    }

    /// Does what an editing key means; false if it is none.
    pub(crate) fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Type(Letter(letter)) => self.insert(letter.encode_utf8(&mut [0; 4]), false),
            Action::Erase => {
                if let Some(letter) = self.text[..self.at].chars().next_back() {
                    self.at -= letter.len_utf8();
                    self.text.remove(self.at);
                }
            }
            Action::EraseWord => {
                let kept = self.text[..self.at].trim_end();
                let kept = kept.strip_suffix('/').unwrap_or(kept);
                self.erase_from(kept.rfind([' ', '\n', '/']).map_or(0, |end| end + 1));
            }
            Action::EraseLine => self.erase_from(self.line_start()),
            Action::Left => self.at -= self.text[..self.at].chars().next_back().map_or(0, char::len_utf8),
            Action::Right => self.at += self.text[self.at..].chars().next().map_or(0, char::len_utf8),
            Action::LineStart => self.at = self.line_start(),
            Action::LineEnd => {
                self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
            }
            Action::Up => self.vertical(false),
            Action::Down => self.vertical(true),
            _ => return false,
        }
        true
    }

    fn erase_from(&mut self, start: usize) {
        self.text.replace_range(start..self.at, "");
        self.at = start;
    }

    /// The text in lines, with the cursor as an underlined bold cell.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut start = 0;
        self.text
            .split('\n')
            .map(|line| {
                let from = start;
                start += line.len() + 1;
                let at = self.at.checked_sub(from).filter(|at| *at <= line.len());
                Line::new(with_cursor(line, at))
            })
            .collect()
    }

    /// The line that the cursor is in, from 0.
    pub(crate) fn row(&self) -> usize {
        self.text[..self.at].matches('\n').count()
    }

    fn line_start(&self) -> usize {
        self.text[..self.at].rfind('\n').map_or(0, |at| at + 1)
    }

    fn vertical(&mut self, down: bool) {
        let start = self.line_start();
        let column = self.text[start..self.at].chars().count();
        let target = if down {
            self.text[self.at..].find('\n').map(|end| self.at + end + 1)
        } else {
            (start > 0).then(|| self.text[..start - 1].rfind('\n').map_or(0, |at| at + 1))
        };
        if let Some(target) = target {
            let line = self.text[target..].split('\n').next().unwrap_or_default();
            self.at = target + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        }
    }
}

fn with_cursor(line: &str, at: Option<usize>) -> Vec<Piece> {
    let Some(at) = at else {
        return vec![piece(Label::Text, line)];
    };
    let under = line[at..].chars().next();
    let after = at + under.map_or(0, char::len_utf8);
    let cursor =
        Piece { text: under.unwrap_or(' ').to_string(), label: Label::Accent, bold: true, underlined: true };
    vec![piece(Label::Text, &line[..at]), cursor, piece(Label::Text, &line[after..])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn editing_works_on_whole_characters() {
        let mut edit = Edit::new("wörld");
        edit.act(Action::Left);
        edit.act(Action::Erase);
        edit.act(Action::LineStart);
        edit.insert("é\u{1b}\n", false);
        assert_eq!(edit.text, "éwörd");
    }

    #[test]
    fn a_word_is_erased_with_its_blanks() {
        let mut edit = Edit::new("env:prod pay  ");
        edit.act(Action::EraseWord);
        assert_eq!(edit.text, "env:prod ");
        let mut edit = Edit::new("subject\napps/pay/");
        edit.act(Action::EraseWord);
        assert_eq!(edit.text, "subject\napps/");
        edit.act(Action::EraseLine);
        assert_eq!(edit.text, "subject\n");
    }

    #[test]
    fn up_and_down_keep_the_column() {
        let mut edit = Edit::new("subject\n\nbody");
        edit.act(Action::Up);
        edit.act(Action::Up);
        edit.insert("!", true);
        assert_eq!(edit.text, "!subject\n\nbody");
        assert_eq!(edit.row(), 0);
    }

    proptest! {
        #[test]
        fn no_sequence_of_keys_breaks_it(steps in prop::collection::vec(0_usize..10, 0..60)) {
            let actions = [Action::Type(Letter('é')), Action::Erase, Action::EraseWord, Action::EraseLine, Action::Left,
                Action::Right, Action::LineStart, Action::LineEnd, Action::Up, Action::Down];
            let mut edit = Edit::new("a\nbü ß\n\nc");
            for step in steps {
                edit.act(actions[step]);
                prop_assert!(!edit.lines().is_empty());
            }
        }
    }
}
