//! How states look and read: the sign, the label and the word of each.

use crate::model::{HealthState, PendingKind, Verdict};
use crate::tui::glyph::Glyphs;
use crate::tui::theme::Label;
use crate::workspace::{AppState, KeyState, Next, SecretState};

/// A sign with its label and word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    pub sign: char,
    pub label: Label,
    pub word: &'static str,
}

fn face(sign: char, label: Label, word: &'static str) -> Face {
    Face { sign, label, word }
}

/// Every state of an app, most urgent first.
pub(crate) const APP_STATES: [AppState; 13] = [
    AppState::Failing,
    AppState::Plaintext,
    AppState::Conflict,
    AppState::Drifted,
    AppState::Waiting,
    AppState::Differs,
    AppState::Undeclared,
    AppState::Pending,
    AppState::Progressing,
    AppState::Suspended,
    AppState::NotRendered,
    AppState::Unknown,
    AppState::Synced,
];

/// What an app needs.
pub(crate) fn app(state: AppState, g: &Glyphs) -> Face {
    match state {
        AppState::Failing => face(g.failing, Label::Bad, "failing"),
        AppState::Plaintext => face(g.plaintext, Label::Bad, "plaintext"),
        AppState::Conflict => face(g.drifted, Label::Bad, "conflict"),
        AppState::Drifted => face(g.drifted, Label::Notice, "drifted"),
        AppState::Waiting => face(g.waiting, Label::Notice, "waiting"),
        AppState::Differs => face(g.drifted, Label::Notice, "differs"),
        AppState::Undeclared => face(g.only_live, Label::Notice, "undeclared"),
        AppState::Pending => face(g.only_git, Label::Notice, "pending"),
        AppState::Progressing => face(g.motion, Label::Motion, "rolling out"),
        AppState::Suspended => face(g.paused, Label::Paused, "suspended"),
        AppState::NotRendered => face(g.unknown, Label::Muted, "not rendered"),
        AppState::Unknown => face(g.unknown, Label::Muted, "unknown"),
        AppState::Synced => face(g.synced, Label::Muted, "synced"),
    }
}

/// The next step in the keys of the screen.
pub(crate) fn next(next: &Next) -> String {
    match next {
        Next::Nothing => String::new(),
        Next::Revert(commit) => {
            format!("`v` rehearses the revert of {} \"{}\"", commit.id.short(), commit.subject)
        }
        Next::Objects => "`enter` shows its objects, `l` their logs".to_owned(),
        Next::BothSides => {
            "`enter` shows both sides; declare it in git or let the controller undo it".to_owned()
        }
        Next::Object => "`enter` shows the object".to_owned(),
        Next::Keys => "`enter` shows which keys; `e` sets one".to_owned(),
        Next::FromLive(_) => "`p` seals it into a file".to_owned(),
        Next::Words(words) => words.clone(),
    }
}

/// How an object stands between git and the cluster.
pub(crate) fn verdict(verdict: &Verdict, secret: bool, g: &Glyphs) -> Face {
    match verdict {
        Verdict::Conflict => face(g.drifted, Label::Bad, "conflict"),
        Verdict::Drifted if secret => face(g.differs, Label::Notice, "differs"),
        Verdict::Drifted => face(g.drifted, Label::Notice, "drifted"),
        Verdict::Missing => face(g.only_git, Label::Bad, "missing"),
        Verdict::Extra { kept: true } => face(g.only_live, Label::Muted, "kept"),
        Verdict::OwnedByOther(_) => face(g.unknown, Label::Notice, "owned by other"),
        Verdict::Unadopted => face(g.drifted, Label::Notice, "not adopted"),
        Verdict::Orphan => face(g.only_live, Label::Notice, "orphan"),
        Verdict::Unmanaged => face(g.only_live, Label::Notice, "undeclared"),
        Verdict::Terminating => face(g.removed, Label::Motion, "terminating"),
        Verdict::Pending(PendingKind::Create) => face(g.only_git, Label::Notice, "will be made"),
        Verdict::Pending(PendingKind::Change) => face(g.drifted, Label::Notice, "pending"),
        Verdict::Extra { kept: false } | Verdict::Pending(PendingKind::Remove) => {
            face(g.removed, Label::Notice, "will go")
        }
        Verdict::NotRendered(_) => face(g.unknown, Label::Muted, "not rendered"),
        Verdict::Forbidden => face(g.unknown, Label::Muted, "not readable"),
        Verdict::Unknown(_) => face(g.unknown, Label::Muted, "unknown"),
        Verdict::Synced if secret => face(g.same, Label::Muted, "same"),
        Verdict::Synced => face(g.synced, Label::Muted, "synced"),
    }
}

/// How an object is doing.
pub(crate) fn health(state: HealthState, g: &Glyphs) -> Face {
    match state {
        HealthState::Degraded => face(g.failing, Label::Bad, "failing"),
        HealthState::Missing => face(g.only_git, Label::Bad, "missing"),
        HealthState::Terminating => face(g.removed, Label::Motion, "terminating"),
        HealthState::Progressing => face(g.motion, Label::Motion, "progressing"),
        HealthState::Suspended => face(g.paused, Label::Paused, "suspended"),
        HealthState::Unknown => face(g.unknown, Label::Muted, "unknown"),
        HealthState::Healthy => face(g.synced, Label::Muted, "healthy"),
        HealthState::NotApplicable => face(' ', Label::Muted, ""),
    }
}

/// Every state of a secret, most urgent first.
pub(crate) const SECRET_STATES: [SecretState; 8] = [
    SecretState::Plaintext,
    SecretState::Broken,
    SecretState::Differs,
    SecretState::NoKey,
    SecretState::OnlyLive,
    SecretState::OnlyGit,
    SecretState::Sealed,
    SecretState::Same,
];

/// What a secret needs.
pub(crate) fn secret(state: SecretState, g: &Glyphs) -> Face {
    match state {
        SecretState::Plaintext => face(g.plaintext, Label::Bad, "plaintext"),
        SecretState::Broken => face(g.failing, Label::Bad, "broken"),
        SecretState::Differs => face(g.differs, Label::Notice, "differs"),
        SecretState::NoKey => face(g.unknown, Label::Notice, "no key"),
        SecretState::OnlyLive => face(g.only_live, Label::Notice, "only live"),
        SecretState::OnlyGit => face(g.only_git, Label::Notice, "only in git"),
        SecretState::Sealed => face(g.synced, Label::Muted, "sealed"),
        SecretState::Same => face(g.same, Label::Muted, "same"),
    }
}

/// How the value of a key stands.
pub(crate) fn key(state: KeyState, g: &Glyphs) -> Face {
    match state {
        KeyState::Same => face(g.same, Label::Muted, "same"),
        KeyState::Differs => face(g.differs, Label::Notice, "differs"),
        KeyState::OnlyGit => face(g.only_git, Label::Notice, "only in git"),
        KeyState::OnlyLive => face(g.only_live, Label::Notice, "only live"),
        KeyState::Closed => face(g.unknown, Label::Notice, "no key opens it"),
        KeyState::NotCompared => face(' ', Label::Muted, "not compared"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyph::{ASCII, UNICODE};

    #[test]
    fn every_state_has_a_sign_and_a_word() {
        for glyphs in [UNICODE, ASCII] {
            for state in APP_STATES {
                let face = app(state, &glyphs);
                assert!(face.sign != ' ' && !face.word.is_empty(), "{state:?}");
            }
            for state in SECRET_STATES {
                let face = secret(state, &glyphs);
                assert!(face.sign != ' ' && !face.word.is_empty(), "{state:?}");
            }
        }
    }

    #[test]
    fn states_are_listed_by_urgency() {
        assert!(APP_STATES.is_sorted());
        assert!(SECRET_STATES.is_sorted());
    }

    #[test]
    fn words_of_apps_differ() {
        let mut words: Vec<_> = APP_STATES.iter().map(|s| app(*s, &UNICODE).word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), APP_STATES.len());
    }
}
