//! One row of the tree: git on the left, the cluster on the right, the sign between them.

use super::{Chip, Node, Tree, chip};
use crate::model::{HealthState, Verdict};
use crate::tui::canvas::{Canvas, Line, Piece, bold, piece};
use crate::tui::screen::{Facts, marked, state};
use crate::tui::theme::Label;
use crate::tui::words;

impl Tree {
    pub(super) fn draw_row(
        &self,
        node: &Node,
        here: bool,
        y: u16,
        facts: &Facts<'_>,
        canvas: &mut Canvas<'_>,
    ) {
        let middle = canvas.width() / 2;
        let mut face = state::verdict(&node.row.verdict, node.row.key.is_secret(), &facts.look.glyphs);
        // What the cluster makes by itself below a declared object has no other side to agree with.
        if !node.row.declared && node.row.verdict.is_synced() {
            face.sign = ' ';
        }
        if here {
            canvas.select(y);
            canvas.put(0, y, 1, &piece(Label::Accent, facts.look.glyphs.here));
        }
        let left = self.left(node, here, facts);
        // The heading says it for all of them.
        let right = if self.has_cluster(facts) { self.right(node, here, facts) } else { Line::default() };
        let wide = canvas.width();
        canvas.part(2, y, middle.saturating_sub(5), 1).line(0, &left);
        canvas.put(middle - 1, y, 1, &piece(Label::Line, facts.look.glyphs.vertical));
        canvas.put(middle, y, 1, &bold(face.label, face.sign));
        canvas.put(middle + 1, y, 1, &piece(Label::Line, facts.look.glyphs.vertical));
        canvas.part(middle + 3, y, wide.saturating_sub(middle + 4), 1).line(0, &right);
        canvas.unselect();
    }

    fn name(&self, node: &Node, here: bool, facts: &Facts<'_>) -> Vec<Piece> {
        let g = &facts.look.glyphs;
        let quiet = chip(&node.row) == Chip::Synced;
        let main = if quiet { Label::Muted } else { Label::Text };
        let twig = match node.depth {
            0 => String::new(),
            depth => format!("{}{} ", "  ".repeat(depth - 1), if node.last { g.last } else { g.branch }),
        };
        let mut pieces =
            vec![piece(Label::Line, twig), piece(Label::Muted, format!("{} ", node.row.key.kind))];
        pieces.extend(marked(main, &node.row.key.name, here, Some(&self.filter)));
        pieces
    }

    fn left(&self, node: &Node, here: bool, facts: &Facts<'_>) -> Line {
        if !node.row.declared {
            return Line::default();
        }
        let line = Line::new(self.name(node, here, facts));
        let room = usize::from(facts.body.width / 2).saturating_sub(line.width() + 7);
        let Some(origin) = &node.row.origin else { return line };
        let mut text = match (&origin.sealed, origin.generated, origin.line) {
            (Some(file), ..) => format!("{file} sealed"),
            (None, true, _) => format!("{} generated", origin.file),
            (None, false, 0) => origin.file.to_string(),
            (None, false, line) => format!("{}:{line}", origin.file),
        };
        // A path that does not fit leaves its folders out: the strip names them.
        if words::width(&text) > room {
            text = text.rsplit_once('/').map_or(text.clone(), |(_, name)| name.to_owned());
        }
        line.right(piece(Label::Muted, text))
    }

    fn right(&self, node: &Node, here: bool, facts: &Facts<'_>) -> Line {
        let g = &facts.look.glyphs;
        let row = &node.row;
        if !row.live {
            let text = match &row.verdict {
                Verdict::Pending(_) => "not there yet, will be made",
                Verdict::Missing => "gone from the cluster",
                Verdict::Unknown(why) => why,
                Verdict::NotRendered(_) => "unknown",
                Verdict::Forbidden => "we may not read it",
                _ => "not there",
            };
            let label = state::verdict(&row.verdict, false, g).label;
            return Line::text(label, text);
        }
        let face = state::verdict(&row.verdict, row.key.is_secret(), g);
        let health = state::health(row.health.state, g);
        let mut pieces = self.name(node, here, facts);
        if !row.summary.is_empty() {
            pieces.push(piece(face.label, format!("  {}", row.summary)));
        } else if !row.verdict.is_synced() {
            pieces.push(piece(face.label, format!("  {}", face.word)));
        } else if row.key.is_secret() {
            pieces.push(piece(Label::Muted, "  same value"));
        }
        let mut line = Line::new(pieces);
        let quiet = match row.health.state {
            HealthState::Healthy | HealthState::NotApplicable => true,
            // Kinds that nobody can judge are not worth a question mark in every row.
            HealthState::Unknown => row.health.reason.is_empty(),
            _ => false,
        };
        if !quiet {
            line.pieces.push(piece(health.label, format!("  {} {}", health.sign, health.word)));
        } else if row.health.state == HealthState::Healthy {
            line.right = Some(piece(Label::Muted, "healthy"));
        }
        line
    }
}
