//! What can be made of a key without typing its value: removed, renamed, given a random one; or all of them in the editor.

use super::in_editor::InEditor;
use super::{Change, Form, NOT_HERE};
use crate::model::clean;
use crate::tui::overlay::{Overlay, prompt::Prompt};
use crate::tui::screen::Step;
use crate::tui::theme::Label;

impl Form {
    pub(super) fn remove(&mut self) {
        let Some(key) = self.keys.get_mut(self.list.cursor) else { return };
        if key.new {
            self.keys.remove(self.list.cursor);
            return;
        }
        key.change = match key.change {
            Change::Removed => Change::Kept,
            _ => Change::Removed,
        };
    }

    /// A random value instead of what is there, or not after all.
    pub(super) fn generate(&mut self) {
        self.revealed = None;
        let Some(key) = self.keys.get_mut(self.list.cursor) else { return };
        key.change = match key.change {
            Change::Generated if !key.new => Change::Kept,
            _ => Change::Generated,
        };
    }

    /// Another name; its own takes the renaming back.
    pub(super) fn rename(&mut self, to: &str) -> Vec<Step> {
        let taken = self.keys.iter().any(|key| {
            let kept = !matches!(key.change, Change::Renamed(_) | Change::Removed) && *key.name == *to;
            kept || matches!(&key.change, Change::Renamed(other) if **other == *to)
        });
        let Some(key) = self.keys.get_mut(self.list.cursor) else { return vec![] };
        if *key.name == *to {
            key.change = Change::Kept;
        } else if taken {
            return vec![Step::Say(Label::Notice, format!("there is a key {} already", clean(to)))];
        } else if key.new {
            key.name = to.into();
        } else {
            key.change = Change::Renamed(to.into());
        }
        vec![]
    }

    /// The name of the selected key to begin with.
    pub(super) fn ask_for_name(&self) -> Vec<Step> {
        let Some(key) = self.keys.get(self.list.cursor) else { return vec![] };
        if matches!(key.change, Change::Set(_) | Change::Generated) && !key.new {
            let said =
                "it gets a new value: rename it in a plan of its own, or remove it and add the new one";
            return vec![Step::Say(Label::Muted, said.into())];
        }
        let start = if let Change::Renamed(to) = &key.change { to } else { &key.name };
        vec![Step::Show(Box::new(Overlay::Prompt(Prompt::new_name(start))))]
    }

    /// The whole text in the editor; what is typed here would be lost on the way.
    pub(super) fn edit(&self) -> Vec<Step> {
        if self.is_sealed_secret() {
            return vec![Step::Say(Label::Muted, NOT_HERE.into())];
        }
        if self.changed() > 0 {
            return vec![Step::Say(
                Label::Muted,
                "ctrl-s shows the plan of what is changed here first".into(),
            )];
        }
        InEditor::begin(&self.file, false)
    }

    pub(super) fn is_sealed_secret(&self) -> bool {
        self.content.here().is_some_and(|form| form.sealed_secret)
    }
}
