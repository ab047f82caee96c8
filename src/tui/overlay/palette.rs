//! Everything by name: keys of this screen, views, apps, objects, with fuzzy matching.

use super::edit::Edit;
use super::{Outcome, middle};
use crate::tui::canvas::{Canvas, Line, Piece, bold, cells, piece};
use crate::tui::keymap::Action;
use crate::tui::list::List;
use crate::tui::screen::{Facts, Route, Step};
use crate::tui::theme::Label;
use crate::tui::words;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Rows shown at most.
const ROWS: usize = 12;
/// Matches kept at most: nobody scrolls further, and a keystroke stays fast with many objects.
const KEPT: usize = 200;

/// The open palette.
pub(crate) struct Palette {
    edit: Edit,
    items: Vec<Item>,
    hits: Vec<Hit>,
    list: List,
}

/// One thing that can be chosen.
pub(crate) struct Item {
    /// What it is called.
    pub name: String,
    /// Its key, or what kind of thing it is.
    pub hint: String,
    /// What choosing it does.
    pub choice: Choice,
}

/// What choosing an item does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Act(Action),
    Go(Route),
    TakeBack,
    Push,
    HideTour,
    /// Asks again which cluster belongs to the environment.
    Context(std::sync::Arc<str>),
    /// Asks for the passphrase of an identity.
    Unlock(std::sync::Arc<str>),
    /// Asks whether an age plug-in may run.
    Plugin(std::sync::Arc<str>),
}

struct Hit {
    item: usize,
    score: u32,
    letters: Vec<u32>,
}

impl Palette {
    pub(crate) fn new(items: Vec<Item>) -> Self {
        let mut palette = Self { edit: Edit::default(), items, hits: vec![], list: List::default() };
        palette.search();
        palette
    }

    pub(crate) fn act(&mut self, action: Action, facts: &Facts<'_>) -> Outcome {
        match action {
            Action::Back => Outcome::Close(vec![]),
            Action::Enter => {
                let chosen = self.hits.get(self.list.cursor).and_then(|hit| self.items.get(hit.item));
                Outcome::Close(chosen.map_or(vec![], |item| vec![Step::Choose(item.choice.clone())]))
            }
            Action::Up | Action::Down => {
                self.list.act(action, self.hits.len(), ROWS, facts.now);
                Outcome::Stay(vec![])
            }
            action => {
                if self.edit.act(action) {
                    self.search();
                }
                Outcome::Stay(vec![])
            }
        }
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.edit.insert(text, false);
        self.search();
    }

    fn search(&mut self) {
        let pattern = Pattern::parse(&self.edit.text, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        self.hits = self
            .items
            .iter()
            .enumerate()
            .filter_map(|(item, candidate)| {
                let score = pattern.score(Utf32Str::new(&candidate.name, &mut buffer), &mut matcher)?;
                Some(Hit { item, score, letters: vec![] })
            })
            .collect();
        if !self.edit.text.trim().is_empty() {
            self.hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
        }
        self.hits.truncate(KEPT);
        for hit in &mut self.hits {
            let name = Utf32Str::new(&self.items[hit.item].name, &mut buffer);
            pattern.indices(name, &mut matcher, &mut hit.letters);
            hit.letters.sort_unstable();
        }
        self.list = List::default();
    }

    pub(crate) fn draw(&self, _facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let area = middle(canvas, 74, cells(ROWS + 4));
        let mut part = canvas.part(area.x, area.y, area.width, area.height);
        let mut inside = part.boxed("");
        let mut query = vec![bold(Label::Accent, "› ".to_owned())];
        if inside.look.glyphs.ascii {
            query = vec![bold(Label::Accent, "> ".to_owned())];
        }
        query.extend(self.edit.lines().into_iter().next().unwrap_or_default().pieces);
        inside.line(0, &Line::new(query));
        if self.hits.is_empty() {
            inside.line(2, &Line::text(Label::Muted, "nothing is called so"));
        }
        for (row, hit) in self.hits.iter().enumerate().skip(self.list.top).take(ROWS) {
            let y = cells(row - self.list.top + 2);
            let here = row == self.list.cursor;
            let item = &self.items[hit.item];
            let sign = if here { inside.look.glyphs.here } else { ' ' };
            let room = usize::from(inside.width()).saturating_sub(words::width(&item.hint) + 5);
            let mut pieces = vec![piece(Label::Accent, format!("{sign} "))];
            let name = words::cut(&item.name, room, inside.look.glyphs.cut);
            pieces.extend(lettered(&name, &hit.letters));
            let line = Line::new(pieces).right(piece(Label::Muted, format!("{} ", item.hint)));
            inside.row(y, here, &line);
        }
    }
}

/// The matched letters in the accent colour.
fn lettered(name: &str, letters: &[u32]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = vec![];
    for (at, letter) in name.chars().enumerate() {
        let hit = u32::try_from(at).is_ok_and(|at| letters.binary_search(&at).is_ok());
        let label = if hit { Label::Accent } else { Label::Text };
        match pieces.last_mut() {
            Some(last) if last.label == label => last.text.push(letter),
            _ => pieces.push(Piece { bold: hit, ..piece(label, letter) }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keymap::Letter;
    use crate::tui::screen::tests::with_facts;

    fn palette() -> Palette {
        let item = |name: &str, choice| Item { name: name.into(), hint: String::new(), choice };
        Palette::new(vec![
            item("secrets", Choice::Go(Route::Secrets(None))),
            item("search", Choice::Act(Action::Filter)),
            item("Deployment/shop/cart prod", Choice::Push),
        ])
    }

    #[test]
    fn letters_in_order_are_enough() {
        with_facts(|facts| {
            let mut palette = palette();
            for letter in "dpcart".chars() {
                palette.act(Action::Type(Letter(letter)), facts);
            }
            let Outcome::Close(steps) = palette.act(Action::Enter, facts) else { panic!("closed") };
            assert!(matches!(steps.as_slice(), [Step::Choose(Choice::Push)]));
        });
    }

    #[test]
    fn nothing_matches_and_nothing_happens() {
        with_facts(|facts| {
            let mut palette = palette();
            palette.paste("zzzz");
            assert!(matches!(palette.act(Action::Enter, facts), Outcome::Close(steps) if steps.is_empty()));
        });
    }
}
