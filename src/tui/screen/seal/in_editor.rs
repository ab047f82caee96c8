//! The text of a sealed file in the editor: asked for, lent out, taken back, and wiped whatever happens.

use crate::model::Problem;
use crate::tui::effect::Question;
use crate::tui::overlay::{Overlay, confirm::Confirm};
use crate::tui::screen::plan::PlanScreen;
use crate::tui::screen::{Given, Step};
use crate::tui::theme::Label;
use crate::workspace::{Begun, Edited, Editing};

/// What the editor was given, while it has it. Dropping it wipes it.
#[derive(Default)]
pub(super) struct InEditor(Option<Box<Editing>>);

impl InEditor {
    pub(super) fn begin(file: &str, on_disk: bool) -> Vec<Step> {
        vec![Step::Ask(Question::BeginEdit { file: file.to_owned(), on_disk })]
    }

    /// The file is there, or a person has to agree to one on disk.
    pub(super) fn begun(&mut self, begun: Result<Begun, Problem>) -> Vec<Step> {
        match begun {
            Ok(Begun::Editing(editing)) => {
                self.0 = Some(editing);
                self.open()
            }
            Ok(Begun::NeedsDisk(folder)) => {
                let sentence = format!("Write the opened text to {folder}?");
                let detail = "No folder here lies in memory. The file is overwritten and removed when the editor ends, but what was on a disk may be found there later.";
                let yes = vec![Step::Given(Given::EditOnDisk)];
                let confirm = Confirm::new(sentence, detail, "write it", yes);
                vec![Step::Show(Box::new(Overlay::Confirm(confirm)))]
            }
            Err(problem) => told(&problem),
        }
    }

    pub(super) fn open(&self) -> Vec<Step> {
        let Some(editing) = &self.0 else { return vec![] };
        vec![Step::EditOpened { file: editing.path().to_owned(), folder: editing.folder().to_owned() }]
    }

    /// The editor has ended.
    pub(super) fn returned(&mut self, failed: bool) -> Vec<Step> {
        match self.0.take() {
            // The failure is said already; the text goes here.
            Some(_) if failed => vec![],
            Some(editing) => vec![Step::Ask(Question::FinishEdit(editing))],
            None => vec![],
        }
    }

    pub(super) fn edited(&mut self, edited: Result<Edited, Problem>) -> Vec<Step> {
        match edited {
            Ok(Edited::Unchanged) => vec![Step::Say(Label::Muted, "nothing was changed".into())],
            Ok(Edited::Plan(plan)) => vec![Step::Open(Box::new(PlanScreen::made(*plan)))],
            Ok(Edited::Broken(editing, problem)) => {
                self.0 = Some(editing);
                let place = problem.place.as_ref().map(|place| format!("{place}\n")).unwrap_or_default();
                let detail = format!("{place}{}\nThe text is still there; esc wipes it.", problem.next);
                let again = vec![Step::Given(Given::EditAgain)];
                let confirm = Confirm::new(problem.cause, detail, "edit again", again)
                    .otherwise(vec![Step::Given(Given::EditDropped)]);
                vec![Step::Show(Box::new(Overlay::Confirm(confirm)))]
            }
            Err(problem) => told(&problem),
        }
    }

    pub(super) fn drop_it(&mut self) {
        self.0 = None;
    }
}

fn told(problem: &Problem) -> Vec<Step> {
    vec![Step::Show(Box::new(Overlay::Confirm(Confirm::told(problem))))]
}
