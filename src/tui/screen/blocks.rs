//! Blocks of lines with a cursor: what diffs and plans are drawn from.

use crate::model::Place;
use crate::tui::canvas::{Canvas, Line, Piece, cells, piece};
use crate::tui::keymap::Action;
use crate::tui::theme::Label;

/// One field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// Its path, for copying.
    pub path: String,
    /// Where git says it.
    pub place: Option<Place>,
    /// What the strip says.
    pub cause: Vec<Piece>,
    /// What can be done about it.
    pub next: &'static str,
    pub lines: Vec<Line>,
    /// Lines before the one that carries the cursor: a heading.
    pub head: usize,
    /// Which part of a screen it belongs to.
    pub section: u8,
}

/// Where one is among blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The selected block.
    pub at: usize,
    /// The first line on screen.
    pub top: usize,
}

impl Cursor {
    /// Moves over blocks. A block higher than the screen is scrolled through first.
    pub(crate) fn act(&mut self, action: Action, blocks: &[Block], height: usize) -> bool {
        let starts = starts(blocks);
        let total = starts.last().copied().unwrap_or(0);
        let last = blocks.len().saturating_sub(1);
        let half = height.div_ceil(2).max(1);
        match action {
            Action::Down if starts.get(self.at + 1).is_some_and(|end| *end > self.top + height) => {
                self.top += 1;
            }
            Action::Down => self.go((self.at + 1).min(last), &starts, height),
            Action::Up if starts.get(self.at).is_some_and(|start| *start < self.top) => self.top -= 1,
            Action::Up => self.go(self.at.saturating_sub(1), &starts, height),
            Action::Top => self.go(0, &starts, height),
            Action::Bottom => self.go(last, &starts, height),
            Action::HalfDown | Action::PageDown => {
                self.top = (self.top + half).min(total.saturating_sub(height));
                self.at = starts.iter().position(|s| *s >= self.top).unwrap_or(last).min(last);
            }
            Action::HalfUp | Action::PageUp => {
                self.top = self.top.saturating_sub(half);
                self.at = starts.iter().position(|s| *s >= self.top).unwrap_or(last).min(last);
            }
            _ => return false,
        }
        true
    }

    fn go(&mut self, to: usize, starts: &[usize], height: usize) {
        self.at = to;
        let (start, end) = (starts.get(to).copied().unwrap_or(0), starts.get(to + 1).copied().unwrap_or(0));
        if end > self.top + height {
            self.top = end - height;
        }
        if start < self.top {
            self.top = start;
        }
    }

    /// Brings the cursor back when there are fewer blocks or lines than before.
    pub(crate) fn settle(&mut self, blocks: &[Block], height: usize) {
        let total = starts(blocks).last().copied().unwrap_or(0);
        self.at = self.at.min(blocks.len().saturating_sub(1));
        self.top = self.top.min(total.saturating_sub(height));
    }

    /// The block at a line of the window.
    pub(crate) fn at_line(&self, line: usize, blocks: &[Block]) -> Option<usize> {
        starts(blocks).windows(2).position(|w| (w[0]..w[1]).contains(&(self.top + line)))
    }
}

/// Where each block starts, and where the last one ends.
fn starts(blocks: &[Block]) -> Vec<usize> {
    let mut at = 0;
    let mut starts = vec![0];
    for block in blocks {
        at += block.lines.len();
        starts.push(at);
    }
    starts
}

/// Draws the window of blocks.
pub(crate) fn draw_blocks(blocks: &[Block], cursor: &Cursor, focused: bool, canvas: &mut Canvas<'_>) {
    let lines = blocks
        .iter()
        .enumerate()
        .flat_map(|(at, block)| block.lines.iter().enumerate().map(move |(row, line)| (at, row, line)));
    let height = usize::from(canvas.height());
    for (y, (at, row, line)) in lines.skip(cursor.top).take(height).enumerate() {
        let y = cells(y);
        if focused && at == cursor.at && row == blocks[at].head {
            canvas.select(y);
            canvas.put(0, y, 1, &piece(Label::Accent, canvas.look.glyphs.here));
        }
        let width = canvas.width().saturating_sub(3);
        canvas.part(2, y, width, 1).line(0, line);
        canvas.unselect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_block_is_scrolled_through() {
        let block = |n: usize| Block { lines: vec![Line::default(); n], ..Block::default() };
        let blocks = [block(2), block(10), block(2)];
        let mut cursor = Cursor::default();
        cursor.act(Action::Down, &blocks, 5);
        assert_eq!(cursor, Cursor { at: 1, top: 2 });
        for _ in 0..5 {
            cursor.act(Action::Down, &blocks, 5);
        }
        assert_eq!(cursor.at, 1);
        cursor.act(Action::Down, &blocks, 5);
        assert_eq!(cursor.at, 2);
        cursor.act(Action::Top, &blocks, 5);
        assert_eq!(cursor, Cursor::default());
    }
}
