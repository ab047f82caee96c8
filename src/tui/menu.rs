//! What the palette offers, and the questions that can be reached from it.

use super::effect::Deed;
use super::keymap::{self, Action};
use super::overlay::chooser::Chooser;
use super::overlay::palette::{Choice, Item};
use super::overlay::{Overlay, confirm::Confirm};
use super::screen::details::Tab;
use super::screen::tree::Scope;
use super::screen::{Route, Step};
use super::state::State;
use super::theme::Label;
use super::words;
use crate::model::clean;
use crate::workspace::{ClusterView, KeyNeed, ObjectId};
use std::sync::Arc;

/// Everything that can be named: keys of this screen, views, repository, clusters, apps, objects.
pub(crate) fn items(state: &State) -> Vec<Item> {
    let mut items = vec![];
    commands(state, &mut items);
    views(state, &mut items);
    for app in state.snapshot.apps.iter() {
        items.push(Item {
            name: format!("{} {}", app.key.name, app.environment),
            hint: "app".into(),
            choice: Choice::Go(Route::Tree(Scope::App(app.environment.clone(), app.key.clone()))),
        });
    }
    for object in state.snapshot.objects.iter() {
        let id = ObjectId { environment: object.environment.clone(), key: object.key.clone() };
        items.push(Item {
            name: format!("{} {}", object.key, object.environment),
            hint: "object".into(),
            choice: Choice::Go(Route::Details(id, Tab::Diff)),
        });
    }
    items
}

fn commands(state: &State, items: &mut Vec<Item>) {
    let facts = state.facts();
    for binding in keymap::all(state.top.mode()) {
        let skip = keymap::moves(binding.action)
            || matches!(binding.action, Action::Palette | Action::Counter(_) | Action::Back);
        if !skip && state.top.can(binding.action, &facts) {
            let word = state.top.word(binding.action, &facts).unwrap_or_else(|| binding.word.to_owned());
            let word = if word.is_empty() { binding.help.to_owned() } else { word };
            items.push(Item {
                name: word,
                hint: binding.keys.first().map(|k| k.name()).unwrap_or_default(),
                choice: Choice::Act(binding.action),
            });
        }
    }
}

fn views(state: &State, items: &mut Vec<Item>) {
    let mut add = |name: &str, hint: &str, choice| {
        items.push(Item { name: name.to_owned(), hint: hint.to_owned(), choice });
    };
    add("home: all apps", "view", Choice::Go(Route::Home));
    add("secrets: all of them", "view", Choice::Go(Route::Secrets(None)));
    add("commits", "view", Choice::Go(Route::Commits(None)));
    let repo = &state.snapshot.repo;
    if repo.ahead > 0 && repo.upstream.is_some() {
        add(&format!("push {}…", words::count(repo.ahead, "commit")), "git", Choice::Push);
    }
    if let Some(commit) = repo.takes_back {
        add(&format!("take back {}…", commit.short()), "git", Choice::TakeBack);
    }
    if state.tour_line().is_some() {
        add("hide tour", "tour", Choice::HideTour);
    }
    for need in state.snapshot.key_needs.iter() {
        match need {
            KeyNeed::Passphrase { source } => {
                add(&format!("unlock {}…", clean(source)), "keys", Choice::Unlock(source.clone()));
            }
            KeyNeed::Agreement { program } => {
                add(&format!("let {} run…", clean(program)), "keys", Choice::Plugin(program.clone()));
            }
        }
    }
    for environment in state.snapshot.environments.iter() {
        let name = &environment.name;
        let everything = Choice::Go(Route::Tree(Scope::Environment(name.clone())));
        add(&format!("objects of {name}"), "view", everything);
        if matches!(environment.cluster, ClusterView::Unchosen { .. } | ClusterView::NeedsConsent { .. }) {
            add(&format!("choose the cluster of {name}…"), "cluster", Choice::Context(name.clone()));
        }
    }
}

/// What opens for an environment whose cluster is not connected yet.
pub(crate) fn choose_cluster(state: &State, environment: &str) -> Vec<Step> {
    let Some(view) = state.snapshot.environments.iter().find(|e| &*e.name == environment) else {
        return vec![];
    };
    let overlay = match &view.cluster {
        ClusterView::Unchosen { contexts, .. } if contexts.is_empty() => {
            return vec![Step::Say(Label::Notice, "the kubeconfig has no contexts to choose from".into())];
        }
        ClusterView::Unchosen { contexts, .. } => {
            Overlay::Chooser(Chooser::new(view.name.clone(), contexts.clone()))
        }
        ClusterView::NeedsConsent { command } => Overlay::Confirm(Confirm::new(
            format!("Run this program to sign in to {}?", view.name),
            format!(
                "{command}\n\nThe kubeconfig names it. It runs only if you agree, and you are asked once."
            ),
            "run it",
            vec![Step::Do(Deed::Consent { environment: view.name.clone() })],
        )),
        _ => return vec![],
    };
    vec![Step::Show(Box::new(overlay))]
}

/// Asks before an age plug-in runs for the first time.
pub(crate) fn plugin(program: &Arc<str>) -> Confirm {
    Confirm::new(
        "Run this plug-in to open sealed files?",
        format!(
            "{}\n\nAn age identity of yours names it. It runs only if you agree, and you are asked once.",
            clean(program)
        ),
        "run it",
        vec![Step::Do(Deed::Agree { program: program.clone() })],
    )
}

/// Asks before a push that no plan stands for. Which branch is protected is not known here, so production
/// has to be typed.
pub(crate) fn push(state: &State) -> Confirm {
    let repo = &state.snapshot.repo;
    let to = repo.upstream.as_deref().unwrap_or("the remote");
    let names: Vec<String> = state.snapshot.environments.iter().map(|e| e.name.to_string()).collect();
    let production = state.snapshot.environments.iter().find(|e| e.production).map(|e| e.name.to_string());
    let sentence = push_sentence(repo.ahead, to, &names);
    let confirm = Confirm::new(sentence, "", "push", vec![Step::Do(Deed::Push)]);
    match production {
        Some(name) => confirm.typing(name),
        None => confirm,
    }
}

/// "Push 1 commit to origin/main? prod deploys from it."
pub(crate) fn push_sentence(commits: usize, to: &str, environments: &[String]) -> String {
    let deploys = match environments {
        [] => String::new(),
        [one] => format!(" {one} deploys from it."),
        many => format!(" {} deploy from it.", words::and(many)),
    };
    format!("Push {} to {to}?{deploys}", words::count(commits, "commit"))
}

/// Asks before the last commit of ours is taken back.
pub(crate) fn take_back(state: &State) -> Confirm {
    let repo = &state.snapshot.repo;
    let what = match (&repo.commit, repo.takes_back) {
        (Some(commit), Some(id)) if commit.id == id => format!("{} \"{}\"", id.short(), commit.subject),
        (_, Some(id)) => id.short(),
        _ => "the last commit".to_owned(),
    };
    Confirm::new(
        format!("Take back {what}?"),
        "It was not pushed. The branch goes back to the commit before it; your own changed files stay.",
        "take it back",
        vec![Step::Do(Deed::TakeBack)],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_names_thing_and_place() {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            push_sentence(1, "origin/main", &names(&["prod-eu"])),
            "Push 1 commit to origin/main? prod-eu deploys from it."
        );
        assert_eq!(
            push_sentence(2, "origin/main", &names(&["dev", "staging", "prod"])),
            "Push 2 commits to origin/main? dev, staging and prod deploy from it."
        );
        assert_eq!(push_sentence(1, "origin/main", &[]), "Push 1 commit to origin/main?");
    }
}
