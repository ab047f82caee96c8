//! The rows of clusters that need a word before their apps can speak.

use crate::model::Problem;
use crate::tui::overlay::palette::Choice;
use crate::tui::overlay::{Overlay, pager::Pager};
use crate::tui::screen::{Facts, Step};
use crate::tui::theme::Label;
use crate::tui::words;
use crate::workspace::{ClusterView, EnvironmentView};

/// True if a cluster has something to say before its apps can.
pub(super) fn needs_word(view: &EnvironmentView) -> bool {
    matches!(
        view.cluster,
        ClusterView::Unchosen { .. }
            | ClusterView::NeedsConsent { .. }
            | ClusterView::Lost { .. }
            | ClusterView::Failed(_)
    )
}

pub(super) fn open(view: &EnvironmentView, facts: &Facts<'_>) -> Vec<Step> {
    match &view.cluster {
        ClusterView::Lost { problem, .. } | ClusterView::Failed(problem) => {
            let page = Pager::problems(
                format!("The cluster of {}", view.name),
                std::slice::from_ref(problem),
                facts,
            );
            vec![Step::Show(Box::new(Overlay::Pager(page)))]
        }
        _ => vec![Step::Choose(Choice::Context(view.name.clone()))],
    }
}

/// What the row of a cluster says: sign, label, word, cause, next step.
pub(super) fn words_of(
    view: &EnvironmentView,
    facts: &Facts<'_>,
) -> (char, Label, &'static str, String, String) {
    let g = &facts.look.glyphs;
    let told = |p: &Problem| (p.cause.clone(), p.next.clone());
    match &view.cluster {
        ClusterView::Unchosen { contexts, problem: Some(problem) } if contexts.is_empty() => {
            let (cause, next) = told(problem);
            (g.unknown, Label::Notice, "no cluster", cause, next)
        }
        ClusterView::Unchosen { contexts, .. } if contexts.is_empty() => (
            g.unknown,
            Label::Notice,
            "no cluster",
            "the kubeconfig has no context; git is shown alone".into(),
            "set KUBECONFIG or start with --kubeconfig".into(),
        ),
        ClusterView::Unchosen { .. } => (
            g.unknown,
            Label::Notice,
            "no cluster",
            "which cluster this is was not said yet; git is shown alone".into(),
            "`enter` chooses one".into(),
        ),
        ClusterView::NeedsConsent { command } => (
            g.unknown,
            Label::Notice,
            "asks first",
            format!("signing in runs {command}"),
            "`enter` shows it and asks".into(),
        ),
        ClusterView::Lost { since, problem } => {
            let (cause, next) = told(problem);
            let ago = words::ago(facts.seconds(), *since);
            (g.unknown, Label::Notice, "offline", format!("as of {ago} ago: {cause}"), next)
        }
        ClusterView::Failed(problem) => {
            let (cause, next) = told(problem);
            (g.failing, Label::Bad, "unreachable", cause, next)
        }
        _ => (' ', Label::Muted, "", String::new(), String::new()),
    }
}
