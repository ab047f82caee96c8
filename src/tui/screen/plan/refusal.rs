//! A change that is not possible like this, and the later commits that stand in its way.

use crate::tui::canvas::{Canvas, Line, cells, piece};
use crate::tui::screen::{Facts, draw_problem};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::Refusal;

pub(super) fn draw_refusal(refusal: &Refusal, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
    draw_problem(canvas, &refusal.problem);
    if refusal.also.is_empty() {
        return;
    }
    let (width, height) = (canvas.width(), canvas.height());
    let used = 6.min(height);
    let mut part = canvas.part(2, used, width.saturating_sub(4), height - used);
    part.line(
        0,
        &Line::text(Label::Text, "Later commits changed the same lines; reverting them too would work:"),
    );
    for (y, commit) in refusal.also.iter().enumerate() {
        let ago = words::ago(facts.seconds(), commit.time);
        let line = Line::new(vec![
            piece(Label::Text, format!("  {}  ", commit.id.short())),
            piece(Label::Muted, format!("{ago:>4}  {}  ", commit.author)),
            piece(Label::Text, commit.subject.to_string()),
        ]);
        part.line(cells(y + 1), &line);
    }
}
