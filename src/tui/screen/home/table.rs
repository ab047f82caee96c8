//! The table of apps: which columns there are at which width, and what stands in them.

use super::{UNDECLARED, cluster};
use crate::model::HealthState;
use crate::tui::canvas::{Canvas, Piece, cells, piece};
use crate::tui::filter::Filter;
use crate::tui::screen::{Facts, marked, state};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{AppRow, AppState, EnvironmentView};

/// The widths of the columns; they do not change while one scrolls.
pub(super) struct Columns {
    state: u16,
    app: u16,
    environment: u16,
    author: u16,
    /// Which columns there are, from the left; the last one always is.
    shown: [bool; 10],
}

/// The cause is what people look for: it has as many cells as it needs, up to these, before columns that only help do.
const WHY: (usize, usize) = (32, 56);
/// From this width on there is more than state, name, environment and cause.
const WIDE: usize = 100;
/// Columns that go for it, the first first: health, author, what is waited on, age, revision.
const DROPPED: [usize; 5] = [9, 7, 8, 6, 5];

impl Columns {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let apps = &facts.snapshot.apps;
        let width = facts.width();
        let face = |row: &AppRow| words::width(state::app(row.state, &facts.look.glyphs).word) + 2;
        let any = |of: &dyn Fn(&AppRow) -> usize| apps.iter().any(|row| of(row) > 0);
        let longest = |of: &dyn Fn(&AppRow) -> usize, least: usize, most: usize| {
            cells(apps.iter().map(|row| of(row)).max().unwrap_or(0).clamp(least, most))
        };
        let (wide, widest) = (width >= WIDE, width >= 140);
        let (drift, secrets) = (wide && any(&|row| row.drifted), wide && any(&|row| row.secrets));
        let revisions = wide && any(&|row| usize::from(row.applied.is_some()));
        let ages = wide && any(&|row| usize::from(row.changed.is_some()));
        let waits = widest && any(&|row| row.waiting_on.len());
        let judged = widest && any(&|row| usize::from(row.health.state != HealthState::Unknown));
        let author = |row: &AppRow| row.changed.as_ref().map_or(0, |c| words::width(&c.author));
        let mut columns = Self {
            state: longest(&face, 11, 14),
            app: longest(&|row| words::width(&name(row, wide)), 8, if wide { 36 } else { 18 }),
            environment: longest(&|row| words::width(&row.environment), 4, 12),
            author: longest(&author, 4, 16),
            shown: [true, true, true, drift, secrets, revisions, ages, ages && widest, waits, judged],
        };
        let wanted = longest(&|row| words::width(&why(row)), WHY.0, WHY.1);
        for column in DROPPED {
            if columns.start_of_why() + wanted <= facts.body.width {
                break;
            }
            columns.shown[column] = false;
        }
        columns
    }

    fn widths(&self) -> [u16; 10] {
        [self.state, self.app, self.environment, 5, 6, 7, 4, self.author, 14, 11]
    }

    fn start_of_why(&self) -> u16 {
        let shown = self.widths().into_iter().zip(self.shown).filter(|(_, shown)| *shown);
        2 + shown.map(|(width, _)| width + 2).sum::<u16>()
    }

    pub(super) fn head(&self, canvas: &mut Canvas<'_>) {
        let down = canvas.look.glyphs.down;
        let texts = [
            format!("state {down}"),
            "app".into(),
            "env".into(),
            "drift".into(),
            "secret".into(),
            "rev".into(),
            "age".into(),
            "by".into(),
            "waiting on".into(),
            "health".into(),
            "why".into(),
        ];
        let texts = texts.map(|t| vec![piece(Label::Muted, t)]);
        self.row(0, texts, canvas);
    }

    /// Puts cells into the columns that this width has.
    fn row(&self, y: u16, parts: [Vec<Piece>; 11], canvas: &mut Canvas<'_>) {
        let widths = self.widths();
        let mut x = 2;
        let mut parts = parts.into_iter();
        for (index, width) in widths.into_iter().enumerate() {
            let Some(pieces) = parts.next() else { return };
            if !self.shown[index] {
                continue;
            }
            let right = matches!(index, 3 | 4 | 6);
            let wide = cells(pieces.iter().map(|p| words::width(&p.text)).sum());
            let mut at = x + if right { width.saturating_sub(wide) } else { 0 };
            for piece in &pieces {
                at += canvas.put(at, y, (x + width).saturating_sub(at), piece);
            }
            x += width + 2;
        }
        let mut at = x;
        let end = canvas.width().saturating_sub(1);
        for piece in parts.next().into_iter().flatten() {
            at += canvas.put(at, y, end.saturating_sub(at), &piece);
        }
    }

    pub(super) fn cluster(
        &self,
        view: &EnvironmentView,
        here: bool,
        y: u16,
        facts: &Facts<'_>,
        canvas: &mut Canvas<'_>,
    ) {
        let (sign, label, word, cause, _) = cluster::words_of(view, facts);
        let mut parts: [Vec<Piece>; 11] = Default::default();
        parts[0] = vec![piece(label, format!("{sign} {word}"))];
        parts[1] = vec![Piece { bold: here, ..piece(Label::Text, "cluster") }];
        parts[2] = vec![piece(Label::Muted, view.name.to_string())];
        parts[10] = vec![piece(Label::Text, cause)];
        self.row(y, parts, canvas);
    }

    pub(super) fn app(
        &self,
        row: &AppRow,
        (here, fresh): (bool, bool),
        y: u16,
        filter: &Filter,
        facts: &Facts<'_>,
        canvas: &mut Canvas<'_>,
    ) {
        let face = state::app(row.state, &facts.look.glyphs);
        let quiet = matches!(row.state, AppState::Synced | AppState::Unknown | AppState::NotRendered);
        let main = if quiet { Label::Muted } else { Label::Text };
        let number = |n: usize| {
            if n == 0 { vec![] } else { vec![piece(Label::Notice, n.to_string())] }
        };
        let mut parts: [Vec<Piece>; 11] = Default::default();
        parts[0] = vec![Piece { bold: fresh, ..piece(face.label, format!("{} {}", face.sign, face.word)) }];
        parts[1] = marked(main, &name(row, facts.width() >= WIDE), here, Some(filter));
        parts[2] = vec![piece(if quiet { Label::Muted } else { Label::Text }, row.environment.to_string())];
        parts[3] = number(row.drifted);
        parts[4] = secrets(row);
        parts[5] = vec![piece(Label::Muted, revision(row))];
        let age = row.changed.as_ref().map(|c| words::ago(facts.seconds(), c.time)).unwrap_or_default();
        parts[6] = vec![piece(Label::Muted, age)];
        let by = row.changed.as_ref().map(|c| c.author.to_string()).unwrap_or_default();
        parts[7] = vec![piece(Label::Muted, by)];
        let waits: Vec<String> = row.waiting_on.iter().map(|k| k.name.to_string()).collect();
        parts[8] = vec![piece(main, waits.join(", "))];
        let health = state::health(row.health.state, &facts.look.glyphs);
        parts[9] = vec![piece(health.label, health.word)];
        parts[10] = marked(main, &why(row), false, Some(filter));
        if fresh {
            parts[10].iter_mut().for_each(|p| p.bold = true);
        }
        self.row(y, parts, canvas);
    }
}

/// The app's name; what is no Kustomization says what it is, where there is room.
fn name(row: &AppRow, wide: bool) -> String {
    match &*row.key.kind {
        "Kustomization" | "Folder" => row.key.name.to_string(),
        UNDECLARED => "declared by nobody".to_owned(),
        _ if !wide => row.key.name.to_string(),
        kind => format!("{} {}", kind, row.key.name),
    }
}

/// The cause in few words: the strip says which object of which kind it is.
fn why(row: &AppRow) -> String {
    let key = row.object.as_ref().unwrap_or(&row.key);
    let full = key.to_string();
    let rest = row.cause.strip_prefix(full.as_str()).and_then(|rest| rest.strip_prefix(": "));
    match rest {
        Some(rest) if key.name == row.key.name => rest.replace('`', ""),
        _ => row.cause.replace(full.as_str(), &format!("{} {}", key.kind, key.name)).replace('`', ""),
    }
}

fn secrets(row: &AppRow) -> Vec<Piece> {
    match (row.secrets_differ, row.secrets) {
        (_, 0) => vec![],
        (0, all) => vec![piece(Label::Muted, all.to_string())],
        (differ, all) => vec![piece(Label::Notice, format!("{differ}/{all}"))],
    }
}

fn revision(row: &AppRow) -> String {
    let Some(applied) = &row.applied else {
        return String::new();
    };
    applied.commit.map_or_else(|| applied.text.chars().take(7).collect(), |id| id.short())
}
