//! `Canvas`: a piece of the screen that is written with labels. Writing outside of it does nothing.

use super::glyph::Glyphs;
use super::theme::{Label, Theme};
use super::words;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Theme and signs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub theme: Theme,
    pub glyphs: Glyphs,
}

/// Text with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub text: String,
    pub label: Label,
    pub bold: bool,
    pub underlined: bool,
}

/// One line of pieces, with an optional piece of text at its right end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub pieces: Vec<Piece>,
    pub right: Option<Piece>,
}

/// A part of a frame.
pub(crate) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    pub look: Look,
    selected: bool,
}

/// A piece of text.
pub(crate) fn piece(label: Label, text: impl Into<String>) -> Piece {
    Piece { text: text.into(), label, bold: false, underlined: false }
}

/// A piece of bold text.
pub(crate) fn bold(label: Label, text: impl Into<String>) -> Piece {
    Piece { bold: true, ..piece(label, text) }
}

/// A sentence whose words between backticks are keys or commands: those stand out, the ticks go.
pub(crate) fn spoken(said: &Piece) -> Vec<Piece> {
    let parts = said.text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts
        .map(|(at, part)| match at % 2 {
            0 => Piece { text: part.to_owned(), ..said.clone() },
            _ => bold(Label::Accent, part),
        })
        .collect()
}

impl Line {
    pub(crate) fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces, right: None }
    }

    pub(crate) fn text(label: Label, text: impl Into<String>) -> Self {
        Self::new(vec![piece(label, text)])
    }

    pub(crate) fn right(mut self, piece: Piece) -> Self {
        self.right = Some(piece);
        self
    }

    pub(crate) fn width(&self) -> usize {
        self.pieces.iter().map(|p| words::width(&p.text)).sum()
    }
}

/// A number of cells as ratatui counts them.
pub(crate) fn cells(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// The character of a letter that is one.
fn single(letter: &str) -> Option<char> {
    let mut signs = letter.chars();
    signs.next().filter(|_| signs.as_str().is_empty())
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(buffer: &'a mut Buffer, area: Rect, look: Look) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area, look, selected: false }
    }

    pub(crate) fn width(&self) -> u16 {
        self.area.width
    }

    pub(crate) fn height(&self) -> u16 {
        self.area.height
    }

    /// A part of this canvas; what reaches beyond is cut off.
    pub(crate) fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Canvas<'_> {
        let area = Rect::new(
            self.area.x.saturating_add(x),
            self.area.y.saturating_add(y),
            width.min(self.area.width.saturating_sub(x)),
            height.min(self.area.height.saturating_sub(y)),
        );
        Canvas { area, look: self.look, selected: self.selected, buffer: self.buffer }
    }

    /// Writes text at a place, at most `room` cells of it, and gives back the cells used.
    pub(crate) fn put(&mut self, x: u16, y: u16, room: u16, piece: &Piece) -> u16 {
        if y >= self.area.height || x >= self.area.width {
            return 0;
        }
        let room = room.min(self.area.width - x);
        let mark = self.look.glyphs.cut;
        let style = self.style_of(piece);
        let text = words::cut(&piece.text, usize::from(room), mark);
        self.write(self.area.x + x, self.area.y + y, room, &text, style)
    }

    /// Writes a line from the left, and its right piece at the right end if there is room for both.
    pub(crate) fn line(&mut self, y: u16, line: &Line) {
        let mut x = 0;
        let right = line.right.as_ref().map_or(0, |p| cells(words::width(&p.text)));
        let room = self.area.width;
        let fits = right > 0 && cells(line.width()).saturating_add(right).saturating_add(2) <= room;
        for piece in &line.pieces {
            x += self.put(x, y, room.saturating_sub(x), piece);
        }
        if let (true, Some(piece)) = (fits, &line.right) {
            self.put(room - right, y, right, piece);
        }
    }

    /// A horizontal border over the whole width.
    pub(crate) fn rule(&mut self, y: u16) {
        let text = self.look.glyphs.horizontal.to_string().repeat(usize::from(self.area.width));
        self.put(0, y, self.area.width, &piece(Label::Line, text));
    }

    /// A vertical border.
    pub(crate) fn post(&mut self, x: u16, y: u16, height: u16) {
        let sign = piece(Label::Line, self.look.glyphs.vertical);
        for row in y..y.saturating_add(height).min(self.area.height) {
            self.put(x, row, 1, &sign);
        }
    }

    /// A row of a list; the selected one has a background of its own.
    pub(crate) fn row(&mut self, y: u16, here: bool, line: &Line) {
        if here {
            self.select(y);
        }
        self.line(y, line);
        self.unselect();
    }

    /// Paints the background of the selected row; what is written until [`Self::unselect`] suits it.
    pub(crate) fn select(&mut self, y: u16) {
        if y < self.area.height {
            let row = Rect::new(self.area.x, self.area.y + y, self.area.width, 1);
            self.buffer.set_style(row, self.look.theme.selection());
        }
        self.selected = true;
    }

    /// Ends what [`Self::select`] began.
    pub(crate) fn unselect(&mut self) {
        self.selected = false;
    }

    /// A rounded box with a title, cleared inside; gives back the part inside the border and one blank.
    pub(crate) fn boxed(&mut self, title: &str) -> Canvas<'_> {
        let (w, h) = (self.area.width, self.area.height);
        for y in 0..h {
            for x in 0..w {
                if let Some(cell) = self.buffer.cell_mut((self.area.x + x, self.area.y + y)) {
                    cell.reset();
                    cell.set_style(Theme::overlay());
                }
            }
        }
        let [tl, tr, bl, br] = self.look.glyphs.corners;
        let bar = self.look.glyphs.horizontal.to_string().repeat(usize::from(w.saturating_sub(2)));
        self.put(0, 0, w, &piece(Label::Line, format!("{tl}{bar}{tr}")));
        self.put(0, h.saturating_sub(1), w, &piece(Label::Line, format!("{bl}{bar}{br}")));
        self.post(0, 1, h.saturating_sub(2));
        self.post(w.saturating_sub(1), 1, h.saturating_sub(2));
        if w > 8 && !title.is_empty() {
            self.put(2, 0, w - 4, &bold(Label::Text, format!(" {title} ")));
        }
        self.part(2, 1, w.saturating_sub(4), h.saturating_sub(2))
    }

    fn style_of(&self, piece: &Piece) -> Style {
        let theme = self.look.theme;
        let mut style = match piece.label {
            Label::Muted if self.selected => theme.style(Label::Text),
            _ if self.selected && !theme.colours_selection() => Style::new(),
            label => theme.style(label),
        };
        if piece.bold {
            style = style.add_modifier(Modifier::BOLD);
        }
        if piece.underlined {
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        style
    }

    fn write(&mut self, x: u16, y: u16, room: u16, text: &str, style: Style) -> u16 {
        let mut used = 0;
        for (letter, wide) in words::letters(text) {
            let wide = cells(wide);
            // What has no width of its own and nothing to stand upon would act on the cell before it.
            if wide == 0 || letter.contains(char::is_control) {
                continue;
            }
            if used + wide > room {
                break;
            }
            if let Some(cell) = self.buffer.cell_mut((x + used, y)) {
                match single(letter) {
                    Some(sign) => cell.set_char(self.look.glyphs.plain(sign)),
                    None => cell.set_symbol(letter),
                };
                cell.set_style(style);
            }
            for rest in 1..wide {
                if let Some(cell) = self.buffer.cell_mut((x + used + rest, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
            }
            used += wide;
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::super::glyph::UNICODE;
    use super::super::theme::Colours;
    use super::*;

    fn look() -> Look {
        Look { theme: Theme::new(Colours::Plain), glyphs: UNICODE }
    }

    #[test]
    fn writing_outside_does_nothing() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        let mut canvas = Canvas::new(&mut buffer, Rect::new(0, 0, 9, 9), look());
        canvas.put(7, 7, 10, &piece(Label::Text, "far"));
        canvas.put(2, 1, 10, &piece(Label::Text, "abcdef"));
        canvas.part(9, 9, 9, 9).boxed("title").rule(0);
        assert_eq!(buffer, Buffer::with_lines(["    ", "  a…"]));
    }

    #[test]
    fn keys_in_a_sentence_stand_out_without_their_ticks() {
        let pieces = spoken(&piece(Label::Text, "`v` shows it, `R` reads again"));
        let told: Vec<_> = pieces.iter().map(|p| (p.text.as_str(), p.bold)).collect();
        assert_eq!(told, [("v", true), (" shows it, ", false), ("R", true), (" reads again", false)]);
    }

    #[test]
    fn the_right_end_is_left_out_when_it_does_not_fit() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 9, 2));
        let mut canvas = Canvas::new(&mut buffer, Rect::new(0, 0, 9, 2), look());
        let line = |left: &str| Line::text(Label::Text, left).right(piece(Label::Text, "end"));
        canvas.line(0, &line("abcd"));
        canvas.line(1, &line("abcde"));
        assert_eq!(buffer, Buffer::with_lines(["abcd  end", "abcde    "]));
    }
}
