//! What a Plan screen can be opened with, beside the revert of commits.

use super::PlanScreen;
use crate::model::Commit;
use crate::tui::effect::Question;
use crate::tui::words;
use crate::workspace::{KeyEdit, Plan};
use std::sync::Arc;

impl PlanScreen {
    /// Rehearses changes to a sealed file. The values go with the question.
    pub(crate) fn seal(file: &str, edits: Vec<KeyEdit>) -> Self {
        Self::new(format!("seal {file}"), Question::Seal { file: file.to_owned(), edits })
    }

    /// Rehearses sealing files again.
    pub(crate) fn reseal(files: Vec<String>) -> Self {
        Self::new(format!("re-seal {}", words::count(files.len(), "file")), Question::Reseal(files))
    }

    /// Rehearses sealing what one file holds into another.
    pub(crate) fn copy(from: String, file: String) -> Self {
        Self::new(format!("copy {from}"), Question::Copy { from, file })
    }

    /// Rehearses sealing a Secret that the cluster has.
    pub(crate) fn from_live(environment: Arc<str>, live: String, file: String) -> Self {
        Self::new(format!("seal {live}"), Question::FromLive { environment, live, file })
    }

    /// A plan that was made already.
    pub(crate) fn made(plan: Plan) -> Self {
        let mut screen = Self::new(plan.title.clone(), Question::Commits(0));
        screen.question = None;
        screen.take(plan);
        screen
    }

    /// Our commit on top of theirs, after a push that met a remote that had moved.
    pub(crate) fn moved(theirs: &[Commit], plan: Plan) -> Self {
        let mut screen = Self::new(plan.title.clone(), Question::Commits(0));
        screen.question = None;
        screen.take_moved(theirs, plan);
        screen
    }
}
