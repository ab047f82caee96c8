//! What a commit changed in an object, or how two revisions of it differ.

use super::blocks::{Block, Cursor, draw_blocks};
use super::diff;
use super::{Asked, Facts, Screen, Step, Strip, draw_empty, draw_problem, draw_reading};
use crate::model::Commit;
use crate::tui::canvas::{Canvas, Piece, piece};
use crate::tui::effect::{Answer, Question, Slot};
use crate::tui::keymap::{Action, Mode};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{FieldChange, ObjectId};
use std::sync::Arc;

/// The screen.
pub(crate) struct Changes {
    id: ObjectId,
    commit: Commit,
    /// True if the commit is compared with now, false if it is what the commit did.
    compared: bool,
    fields: Asked<Vec<FieldChange>>,
    side: bool,
    cursor: Cursor,
}

impl Changes {
    /// What a commit did.
    pub(crate) fn of(id: ObjectId, commit: Commit, changes: Vec<FieldChange>) -> Self {
        Self {
            id,
            commit,
            compared: false,
            fields: Asked::Here(changes),
            side: false,
            cursor: Cursor::default(),
        }
    }

    /// How an object at a commit differs from now.
    pub(crate) fn compared(id: ObjectId, commit: Commit, now: u64) -> Self {
        let fields = Asked::Reading { since: now };
        Self { fields, compared: true, ..Self::of(id, commit, vec![]) }
    }

    fn blocks(&self, facts: &Facts<'_>) -> Vec<Block> {
        self.fields.here().map(|c| diff::change_blocks(c, self.side, facts)).unwrap_or_default()
    }
}

impl Screen for Changes {
    fn mode(&self) -> Mode {
        Mode::Changes
    }

    fn title(&self, _facts: &Facts<'_>) -> String {
        if self.compared { format!("{} to now", self.commit.id.short()) } else { self.commit.id.short() }
    }

    fn environment(&self) -> Option<Arc<str>> {
        Some(self.id.environment.clone())
    }

    fn open(&mut self, _facts: &Facts<'_>) -> Vec<Step> {
        match self.fields {
            Asked::Reading { .. } => vec![Step::Ask(Question::Compare(self.id.clone(), self.commit.id))],
            _ => vec![],
        }
    }

    fn act(&mut self, action: Action, facts: &Facts<'_>) -> Vec<Step> {
        let blocks = self.blocks(facts);
        if self.cursor.act(action, &blocks, facts.height().saturating_sub(1)) {
            return vec![];
        }
        match action {
            Action::Side => {
                self.side = !self.side;
                vec![]
            }
            Action::Revert if !self.compared => vec![super::plan::revert(vec![self.commit.id])],
            Action::Copy => vec![Step::Copy(self.commit.id.to_string())],
            _ => vec![],
        }
    }

    fn awaits(&self, slot: Slot) -> bool {
        slot == Slot::Compare
    }

    fn accept(&mut self, answer: Answer, _facts: &Facts<'_>) -> Vec<Step> {
        if let Answer::Compare(changes) = answer {
            self.fields = changes.into();
        }
        vec![]
    }

    fn settle(&mut self, facts: &Facts<'_>) {
        let blocks = self.blocks(facts);
        self.cursor.settle(&blocks, facts.rows());
    }

    fn click(&mut self, _x: u16, y: u16, facts: &Facts<'_>) -> bool {
        let blocks = self.blocks(facts);
        if let Some(at) = self.cursor.at_line(usize::from(y).saturating_sub(1), &blocks) {
            self.cursor.at = at;
        }
        false
    }

    fn remark(&self, _facts: &Facts<'_>) -> Vec<Piece> {
        let number = self.fields.here().map_or(0, Vec::len);
        let text = if self.compared {
            format!("{} differ between {} and now", words::count(number, "field"), self.commit.id.short())
        } else {
            format!("{} changed by {}", words::count(number, "field"), self.commit.id.short())
        };
        vec![piece(Label::Muted, text)]
    }

    fn strip(&self, facts: &Facts<'_>) -> Strip {
        let commit = &self.commit;
        let ago = words::ago(facts.seconds(), commit.time);
        let cause = vec![
            piece(Label::Text, commit.subject.to_string()),
            piece(Label::Muted, format!("  {} {}, {ago} ago", commit.id.short(), commit.author)),
        ];
        let place = self.blocks(facts).get(self.cursor.at).and_then(|b| b.place.clone());
        let place = place.map(|p| p.to_string()).unwrap_or_default();
        let next = if self.compared { "" } else { "`v` shows what its revert would do, before it exists" };
        Strip { title: self.id.key.to_string(), cause, place, next: next.into() }
    }

    fn can(&self, action: Action, _facts: &Facts<'_>) -> bool {
        action != Action::Revert || !self.compared
    }

    fn word(&self, action: Action, _facts: &Facts<'_>) -> Option<String> {
        (action == Action::Side && self.side).then(|| "unified".into())
    }

    fn waiting_since(&self) -> Option<u64> {
        self.fields.since()
    }

    fn draw(&self, facts: &Facts<'_>, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height().saturating_sub(1));
        let mut part = canvas.part(0, 1, width, height);
        match &self.fields {
            Asked::Reading { since } => draw_reading(&mut part, facts, "rendering both revisions", *since),
            Asked::Failed(problem) => draw_problem(&mut part, problem),
            Asked::Here(changes) if changes.is_empty() => {
                draw_empty(&mut part, "The object is the same in both.", "");
            }
            Asked::Here(_) => draw_blocks(&self.blocks(facts), &self.cursor, true, &mut part),
        }
    }
}
