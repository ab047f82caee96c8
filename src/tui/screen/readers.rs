//! Who can read what: sealed files and recipients as a matrix, beside what the rules say.

use super::{Facts, Route, Screen, Step, Strip, draw_empty, marked};
use crate::tui::canvas::{Canvas, Line, Piece, cells, piece};
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::glyph::Glyphs;
use crate::tui::keymap::{Action, Mode};
use crate::tui::list::{Ordered, Table};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{Recipient, SecretRow, SecretState};
use std::sync::Arc;

/// A column is as wide as its name, and no wider than this.
const WIDEST: usize = 14;

/// The screen.
pub(crate) struct Readers {
    /// The file under the cursor when it was opened.
    start: Option<Arc<str>>,
    rows: Ordered<Arc<str>>,
    filter: Filter,
}

struct ReaderFields<'a>(&'a SecretRow);

impl Fields for ReaderFields<'_> {
    fn text(&self) -> String {
        let names: Vec<String> = self.0.recipients.iter().map(Recipient::word).collect();
        format!("{} {}", self.0.file.as_deref().unwrap_or_default(), names.join(" "))
    }

    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "env" => Some(Field::Word(self.0.environment.to_string())),
            "can" | "recipient" => {
                let names: Vec<String> = self.0.recipients.iter().map(Recipient::word).collect();
                Some(Field::Word(names.join(" ")))
            }
            _ => None,
        }
    }
}

/// How somebody stands to a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Reads,
    /// Reads, and the rule does not say so.
    Extra,
    /// Does not, and the rule says so.
    Missing,
    No,
}

impl Readers {
    pub(crate) fn new(start: Option<Arc<str>>) -> Self {
        Self { start, rows: Ordered::default(), filter: Filter::default() }
    }

    /// A row for each file; several environments may render one.
    fn files<'a>(facts: &Facts<'a>) -> Vec<&'a Arc<SecretRow>> {
        let mut files: Vec<&Arc<SecretRow>> =
            facts.snapshot.secrets.iter().filter(|row| row.file.is_some()).collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        files.dedup_by(|a, b| a.file == b.file);
        files
    }

    fn row<'a>(facts: &Facts<'a>, file: &str) -> Option<&'a Arc<SecretRow>> {
        facts.snapshot.secrets.iter().find(|row| row.file.as_deref() == Some(file))
    }

    /// Everybody who reads a file, or should. Where a rule and a file differ comes first: it must not be what has no room.
    fn columns<'a>(facts: &Facts<'a>) -> Vec<&'a Recipient> {
        let mut columns: Vec<&Recipient> = Vec::new();
        let files = Self::files(facts);
        let all = files.iter().flat_map(|row| row.wanted.iter().flatten().chain(&row.recipients));
        for recipient in all {
            if columns.iter().all(|known| known.key != recipient.key) {
                columns.push(recipient);
            }
        }
        columns.sort_by_cached_key(|recipient| {
            !files.iter().any(|row| matches!(Self::cell(row, recipient), Cell::Extra | Cell::Missing))
        });
        columns
    }

    fn cell(row: &SecretRow, recipient: &Recipient) -> Cell {
        let has = row.recipients.iter().any(|r| r.key == recipient.key);
        let should = row.wanted.as_ref().map(|wanted| wanted.iter().any(|r| r.key == recipient.key));
        match (has, should) {
            (true, Some(false)) => Cell::Extra,
            (true, _) => Cell::Reads,
            (false, Some(true)) => Cell::Missing,
            (false, _) => Cell::No,
        }
    }

    /// What a row says in place of its cells, where no recipient decides who reads it.
    fn instead(row: &SecretRow) -> Option<(Label, &'static str)> {
        if row.sealed_for.is_some() {
            Some((Label::Text, "its cluster's controller alone"))
        } else if row.state == SecretState::Plaintext && row.recipients.is_empty() {
            Some((Label::Bad, "everybody: it is not sealed"))
        } else {
            None
        }
    }

    fn next(row: &SecretRow, columns: &[&Recipient]) -> &'static str {
        if row.sealed_for.is_some() {
            return "";
        }
        if row.state == SecretState::Plaintext {
            return "`esc`, then `r` seals it; history keeps what it was: change the values too";
        }
        if columns.iter().any(|r| matches!(Self::cell(row, r), Cell::Extra | Cell::Missing)) {
            return "`esc`, then `r` seals it for those that its rule names; history keeps what it was";
        }
        "`sealane audit who --history` tells what readers who were removed still know"
    }

    fn names(row: &SecretRow, columns: &[&Recipient], wanted: Cell) -> Vec<String> {
        let of = columns.iter().filter(|recipient| Self::cell(row, recipient) == wanted);
        of.map(|recipient| recipient.word()).collect()
    }
}

fn sign(cell: Cell, g: &Glyphs) -> (Label, char) {
    match cell {
        Cell::Reads => (Label::Good, g.synced),
        Cell::Extra => (Label::Bad, '+'),
        Cell::Missing => (Label::Notice, '-'),
        Cell::No => (Label::Muted, g.dot),
    }
}

impl Screen for Readers {
    fn mode(&self) -> Mode {
        Mode::Readers
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        "who can read".into()
    }

    fn open(&mut self, facts: &Facts<'_>) -> Vec<Step> {
        self.arrange(facts, true);
        if let Some(at) =
            self.start.take().and_then(|file| self.rows.order.iter().position(|one| *one == file))
        {
            self.rows.list.select(at, self.rows.order.len(), facts.now);
        }
        vec![]
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        if self.rows.list.act(action, self.rows.order.len(), facts.rows(), facts.now) {
            return vec![];
        }
        let Some(file) = self.rows.selected().cloned() else { return vec![] };
        match action {
            Action::Enter => vec![Step::Go(Route::Form(file))],
            Action::Copy => vec![Step::Copy(file.to_string())],
            _ => vec![],
        }
    }

    fn table(&mut self, facts: &Facts<'_>) -> Option<Table<'_>> {
        Some(self.rows.table(&mut self.filter, facts.now))
    }

    fn arrange(&mut self, facts: &Facts<'_>, force: bool) {
        let passing = Self::files(facts).into_iter().filter(|row| self.filter.passes(&ReaderFields(row)));
        let wanted = passing.filter_map(|row| row.file.clone()).collect();
        self.rows.arrange(wanted, facts.now, force);
    }

    fn filter(&self) -> Option<&Filter> {
        Some(&self.filter)
    }

    fn remark(&self, facts: &Facts<'_>) -> Vec<Piece> {
        let (files, columns) = (Self::files(facts).len(), Self::columns(facts).len());
        let g = &facts.look.glyphs;
        let told = format!("{}, {}   ", words::count(files, "file"), words::count(columns, "recipient"));
        let mut pieces = vec![piece(Label::Muted, told)];
        for (cell, word) in
            [(Cell::Reads, "reads"), (Cell::Extra, "reads against the rule"), (Cell::Missing, "should")]
        {
            let (label, sign) = sign(cell, g);
            pieces.push(piece(label, format!("{sign} ")));
            pieces.push(piece(Label::Muted, format!("{word}  ")));
        }
        pieces
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let Some(row) = self.rows.selected().and_then(|file| Self::row(facts, file)) else {
            return Strip::default();
        };
        let columns = Self::columns(facts);
        let mut cause = Vec::new();
        let mut say = |label: Label, what: &str, names: Vec<String>| {
            if !names.is_empty() {
                cause.push(piece(label, format!("{what} {}   ", names.join(", "))));
            }
        };
        say(Label::Text, "opens for", Self::names(row, &columns, Cell::Reads));
        say(Label::Bad, "also for", Self::names(row, &columns, Cell::Extra));
        say(Label::Notice, "not for", Self::names(row, &columns, Cell::Missing));
        if let Some(sealed) = &row.sealed_for {
            let who = format!("the sealed-secrets controller of its cluster alone; opens {}", sealed.opens);
            cause.push(piece(Label::Text, who));
        } else if Self::instead(row).is_some() {
            cause.push(piece(Label::Bad, "everybody who can read the repository: it is not sealed"));
        }
        let next = Self::next(row, &columns);
        let place = if row.wanted.is_none() && row.sealed_for.is_none() {
            "no rule of .sops.yaml is for it".to_owned()
        } else {
            String::new()
        };
        Strip {
            title: row.file.as_deref().unwrap_or_default().to_owned(),
            cause,
            place,
            next: next.to_owned(),
        }
    }

    fn can(&self, action: Action, _facts: &Facts<'_>) -> bool {
        action != Action::Enter || self.rows.selected().is_some()
    }

    fn alarm(&self, facts: &Facts<'_>) -> Option<u64> {
        self.rows.alarm(facts.now)
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        if self.rows.order.is_empty() {
            let what =
                if self.filter.is_empty() { "No sealed files." } else { "No file passes this filter." };
            return draw_empty(canvas, what, "esc goes back");
        }
        let g = &facts.look.glyphs;
        let columns = Self::columns(facts);
        let widths: Vec<usize> = columns.iter().map(|r| words::width(&r.word()).clamp(3, WIDEST)).collect();
        let longest = self.rows.order.iter().map(|file| words::width(file)).max().unwrap_or(8);
        // Half of the width at most is the files'; recipients that have no room are counted.
        let room = longest.min(facts.width() / 2).max(12);
        let (mut left, mut shown) = (facts.width().saturating_sub(room + 12), 0);
        while widths.get(shown).is_some_and(|width| width + 2 <= left) {
            left -= widths[shown] + 2;
            shown += 1;
        }
        let hidden = columns.len() - shown;
        let mut head = format!("  {:room$}", "file");
        for (recipient, width) in columns.iter().zip(&widths).take(shown) {
            let name = words::cut(&recipient.word(), *width, g.cut);
            head = format!("{head}  {name}{}", " ".repeat(width - words::width(&name)));
        }
        if hidden > 0 {
            head = format!("{head}  {hidden} more");
        }
        canvas.line(0, &Line::text(Label::Muted, head));
        let end = (self.rows.list.top + facts.rows()).min(self.rows.order.len());
        for (at, file) in self.rows.order[..end].iter().enumerate().skip(self.rows.list.top) {
            let Some(row) = Self::row(facts, file) else { continue };
            let here = at == self.rows.list.cursor;
            let path = words::cut_path(file, room, g.cut);
            let pad = " ".repeat(room - words::width(&path));
            let mut line = vec![piece(Label::Accent, format!("{} ", if here { g.here } else { ' ' }))];
            line.extend(marked(Label::Text, &path, here, Some(&self.filter)));
            line.push(piece(Label::Text, pad));
            if let Some((label, told)) = Self::instead(row) {
                let room = facts.width().saturating_sub(room + 6);
                line.push(piece(label, format!("  {}", words::cut(told, room, g.cut))));
                canvas.row(cells(at - self.rows.list.top + 1), here, &Line::new(line));
                continue;
            }
            for (recipient, width) in columns.iter().zip(&widths).take(shown) {
                let (label, sign) = sign(Self::cell(row, recipient), g);
                line.push(piece(label, format!("  {sign}{}", " ".repeat(width - 1))));
            }
            canvas.row(cells(at - self.rows.list.top + 1), here, &Line::new(line));
        }
    }
}
