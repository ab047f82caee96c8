//! The one table of keys: `(Mode, key)` becomes an [`Action`]. Help and the last line are made from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// The apps.
    Home,
    /// Repository and cluster side by side.
    Tree,
    /// One object.
    Details,
    /// The commits that changed an object.
    History,
    /// The newest commits.
    Commits,
    /// What a commit or a comparison changes in an object.
    Changes,
    /// The secrets.
    Secrets,
    /// Who can read what.
    Readers,
    /// The keys of one sealed file.
    Form,
    /// A change before it is made.
    Plan,
    /// Logs.
    Logs,
    /// An overlay that is read: help, recipients, problems.
    Pager,
    /// An overlay that is chosen from: contexts.
    Chooser,
    /// A question that is answered with yes or no.
    Confirm,
    /// Text is typed: filter, palette, names, messages.
    Text,
    /// A secret is typed. Keys of this mode are never kept, traced or shown.
    Secret,
}

/// What a key means. A letter means the same on every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Palette,
    Filter,
    Help,
    Enter,
    Back,
    Quit,
    QuitNow,
    Suspend,
    Redraw,
    Up,
    Down,
    Left,
    Right,
    Top,
    Bottom,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    NextPane,
    Mark,
    Earlier,
    Later,
    Last,
    Copy,
    Refresh,
    Counter(u8),
    Details,
    Compare,
    Yaml,
    Logs,
    History,
    Edit,
    K9s,
    Revert,
    Secrets,
    New,
    Reseal,
    Who,
    Reveal,
    CopyTo,
    Rename,
    Generate,
    Fold,
    LessContext,
    MoreContext,
    Side,
    Commit,
    Branch,
    Push,
    Drop,
    Done,
    /// A character of a text.
    Type(Letter),
    Erase,
    EraseWord,
    EraseLine,
    LineStart,
    LineEnd,
}

/// A typed character. It may belong to a secret, so it prints as a bullet.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Letter(pub char);

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("•")
    }
}

/// One key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    code: KeyCode,
    ctrl: bool,
}

/// One row of the table.
pub(crate) struct Binding {
    pub keys: &'static [Key],
    pub action: Action,
    modes: &'static [Mode],
    /// For the last line: one or two words.
    pub word: &'static str,
    /// For help and palette.
    pub help: &'static str,
    /// Its place in the last line, from 1; 0 if it is not there.
    rank: u8,
}

const fn ch(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), ctrl: false }
}

const fn ctrl(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), ctrl: true }
}

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn row(
    keys: &'static [Key],
    action: Action,
    modes: &'static [Mode],
    rank: u8,
    word: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, modes, word, help, rank }
}

use Action as A;
use Mode as M;

const ENTER: &[Key] = &[key(KeyCode::Enter)];
/// All modes, in the order of [`Mode`]: screens, what is read or chosen from, a question, where one types.
const EVERY: &[Mode] = &[
    M::Home,
    M::Tree,
    M::Details,
    M::History,
    M::Commits,
    M::Changes,
    M::Secrets,
    M::Readers,
    M::Form,
    M::Plan,
    M::Logs,
    M::Pager,
    M::Chooser,
    M::Confirm,
    M::Text,
    M::Secret,
];
const SCREENS: &[Mode] = EVERY.split_at(M::Pager as usize).0;
const MOVING: &[Mode] = EVERY.split_at(M::Confirm as usize).0;
const NOT_TEXT: &[Mode] = EVERY.split_at(M::Text as usize).0;
const TYPING: &[Mode] = EVERY.split_at(M::Text as usize).1;
const LISTS: &[Mode] = &[M::Home, M::Tree, M::History, M::Commits, M::Secrets, M::Readers, M::Logs];
const OBJECTS: &[Mode] = &[M::Home, M::Tree, M::Details];

/// All bindings (decisions.md 10), in the order of help.
pub(crate) const BINDINGS: &[Binding] = &[
    row(ENTER, A::Enter, &[M::Home], 1, "open", "repository and cluster side by side"),
    row(ENTER, A::Enter, &[M::Tree], 1, "open", "details of the object"),
    row(ENTER, A::Enter, &[M::History], 1, "changes", "what the commit changed in this object"),
    row(ENTER, A::Enter, &[M::Commits], 1, "choose", "this commit"),
    row(ENTER, A::Enter, &[M::Secrets, M::Readers], 1, "keys", "the keys of this file"),
    row(ENTER, A::Enter, &[M::Form], 1, "set value", "type a new value for this key"),
    row(ENTER, A::Enter, &[M::Plan], 5, "unfold", "show or hide what is inside"),
    row(ENTER, A::Enter, &[M::Chooser], 1, "choose", "take this one"),
    row(ENTER, A::Enter, &[M::Confirm], 1, "yes", "do it"),
    row(ENTER, A::Enter, TYPING, 1, "done", "finish typing"),
    row(&[ch('d')], A::Details, OBJECTS, 2, "details", "diff, describe, YAML, events"),
    row(&[ch('d')], A::Details, &[M::History, M::Logs], 3, "details", "diff, describe, YAML, events"),
    row(&[ch('v')], A::Revert, &[M::Home], 3, "revert…", "rehearse the revert of the commit that did it"),
    row(
        &[ch('v')],
        A::Revert,
        &[M::History, M::Commits, M::Changes],
        2,
        "revert…",
        "rehearse the revert of this commit or the marked ones",
    ),
    row(
        &[ch('v')],
        A::Revert,
        &[M::Plan],
        7,
        "revert those too…",
        "rehearse with the later commits in the way",
    ),
    row(
        &[ch('h')],
        A::History,
        &[M::Home, M::Tree, M::Details],
        4,
        "history",
        "commits that changed this object",
    ),
    row(&[ch('l')], A::Logs, OBJECTS, 5, "logs", "logs of its pods"),
    row(&[ch('y')], A::Yaml, OBJECTS, 0, "YAML", "what git and the cluster say, as YAML"),
    row(&[ch('e')], A::Edit, OBJECTS, 6, "edit source", "open the source file in the editor"),
    row(&[ch('D')], A::Compare, OBJECTS, 0, "compare", "compare with another revision"),
    row(&[ch('K')], A::K9s, OBJECTS, 0, "k9s", "open the object in k9s"),
    row(&[ch('s')], A::Secrets, &[M::Home, M::Tree], 7, "secrets", "secrets of this app"),
    row(&[ch('z')], A::Fold, &[M::Details], 7, "fold noise", "show or fold what is no difference"),
    row(&[ch('{')], A::LessContext, &[M::Details], 0, "less", "fewer lines around a difference"),
    row(&[ch('}')], A::MoreContext, &[M::Details], 0, "more", "more lines around a difference"),
    row(&[ch('S')], A::Side, &[M::Details, M::Changes], 8, "side by side", "side by side or unified"),
    row(&[ctrl('s')], A::Done, &[M::Form], 2, "to plan", "show what would be written"),
    row(&[ctrl('s')], A::Done, &[M::Text], 0, "done", "finish a text of several lines"),
    row(&[ch('n')], A::New, &[M::Secrets], 3, "new", "seal a new file"),
    row(&[ch('n')], A::New, &[M::Form], 3, "new key", "add a key"),
    row(&[ch('e')], A::Edit, &[M::Secrets], 2, "edit", "set, add or remove keys"),
    row(&[ch('e')], A::Edit, &[M::Plan], 6, "edit message", "change the commit message"),
    row(
        &[ch('r')],
        A::Reseal,
        &[M::Secrets],
        4,
        "re-seal",
        "seal again for the recipients of today, under a new key",
    ),
    row(&[ch('w')], A::Who, &[M::Secrets], 5, "who can read", "files and their readers, as a matrix"),
    row(
        &[ch('p')],
        A::CopyTo,
        &[M::Secrets],
        7,
        "copy to…",
        "seal its keys into another file, or into a first one what only the cluster has",
    ),
    row(&[ch('m')], A::Rename, &[M::Form], 6, "rename", "give this key another name"),
    row(&[ch('a')], A::Generate, &[M::Form], 7, "random", "give this key a random value that nobody sees"),
    row(&[ctrl('g')], A::Generate, &[M::Secret], 0, "random", "take a random value that nobody sees"),
    row(&[ch('e')], A::Edit, &[M::Form], 8, "editor", "edit the opened text in the editor, in memory alone"),
    row(&[ch('V')], A::Reveal, &[M::Form], 5, "reveal 10 s", "show this value for ten seconds"),
    row(&[ch('V')], A::Reveal, &[M::Secrets], 0, "reveal", "choose a value to show for ten seconds"),
    row(&[ch('C')], A::Commit, &[M::Plan], 1, "commit", "commit to the branch that is checked out"),
    row(&[ch('B')], A::Branch, &[M::Plan], 2, "branch…", "commit to a new branch"),
    row(&[ch('P')], A::Push, &[M::Plan], 3, "push", "push the commit"),
    row(&[ch('x')], A::Drop, &[M::Plan], 4, "drop", "forget this plan; nothing was written"),
    row(&[ch('x')], A::Drop, &[M::Form], 4, "remove key", "take this key out, or leave it in again"),
    row(&[ch(' ')], A::Mark, &[M::History, M::Commits, M::Secrets], 6, "mark", "mark several"),
    row(&[key(KeyCode::Tab)], A::NextPane, &[M::Details], 3, "next tab", "diff, describe, YAML, events"),
    row(&[key(KeyCode::Tab)], A::NextPane, &[M::Plan], 0, "next part", "files, effects, message"),
    row(&[ch('c')], A::Copy, SCREENS, 0, "copy", "copy the name, never a value"),
    row(&[ch('R')], A::Refresh, SCREENS, 0, "read again", "read git and cluster again, and sort"),
    row(&[ch('1')], A::Counter(1), LISTS, 0, "", "show only what a counter counts (1 to 9)"),
    row(&[ch('2')], A::Counter(2), LISTS, 0, "", ""),
    row(&[ch('3')], A::Counter(3), LISTS, 0, "", ""),
    row(&[ch('4')], A::Counter(4), LISTS, 0, "", ""),
    row(&[ch('5')], A::Counter(5), LISTS, 0, "", ""),
    row(&[ch('6')], A::Counter(6), LISTS, 0, "", ""),
    row(&[ch('7')], A::Counter(7), LISTS, 0, "", ""),
    row(&[ch('8')], A::Counter(8), LISTS, 0, "", ""),
    row(&[ch('9')], A::Counter(9), LISTS, 0, "", ""),
    row(&[ch('/')], A::Filter, LISTS, 20, "filter", "words, !word, env:prod, drift>0, age<2h"),
    row(&[ch(':'), ctrl('k')], A::Palette, SCREENS, 21, "palette", "everything by name"),
    row(&[ch('?')], A::Help, SCREENS, 22, "help", "these keys"),
    row(&[ch('[')], A::Earlier, SCREENS, 0, "earlier", "the view before"),
    row(&[ch(']')], A::Later, SCREENS, 0, "later", "the view after"),
    row(&[ch('-')], A::Last, SCREENS, 0, "last", "the last view, and back"),
    row(&[ch('j'), key(KeyCode::Down)], A::Down, MOVING, 0, "", "down"),
    row(&[ch('k'), key(KeyCode::Up)], A::Up, MOVING, 0, "", "up"),
    row(&[key(KeyCode::Left)], A::Left, MOVING, 0, "", "left"),
    row(&[key(KeyCode::Right)], A::Right, MOVING, 0, "", "right"),
    row(&[ch('g'), key(KeyCode::Home)], A::Top, MOVING, 0, "", "first"),
    row(&[ch('G'), key(KeyCode::End)], A::Bottom, MOVING, 0, "", "last"),
    row(&[ctrl('d')], A::HalfDown, MOVING, 0, "", "half a page down"),
    row(&[ctrl('u')], A::HalfUp, MOVING, 0, "", "half a page up"),
    row(&[key(KeyCode::PageDown)], A::PageDown, MOVING, 0, "", "a page down"),
    row(&[key(KeyCode::PageUp)], A::PageUp, MOVING, 0, "", "a page up"),
    row(&[key(KeyCode::Esc)], A::Back, NOT_TEXT, 23, "back", "one step back"),
    row(&[key(KeyCode::Esc)], A::Back, TYPING, 2, "cancel", "leave it as it was"),
    row(&[ch('q')], A::Quit, SCREENS, 0, "quit", "back; at home: quit"),
    row(&[ch('q')], A::Quit, &[M::Pager, M::Chooser], 0, "close", "close"),
    row(&[key(KeyCode::Backspace)], A::Erase, TYPING, 0, "", "erase"),
    row(&[ctrl('w')], A::EraseWord, &[M::Text], 0, "", "erase a word, or a part of a path"),
    row(&[ctrl('u')], A::EraseLine, &[M::Text], 0, "", "erase to the start of the line"),
    row(&[key(KeyCode::Left)], A::Left, &[M::Text], 0, "", "left"),
    row(&[key(KeyCode::Right)], A::Right, &[M::Text], 0, "", "right"),
    row(&[key(KeyCode::Up)], A::Up, &[M::Text], 0, "", "up"),
    row(&[key(KeyCode::Down)], A::Down, &[M::Text], 0, "", "down"),
    row(&[key(KeyCode::Home), ctrl('a')], A::LineStart, &[M::Text], 0, "", "start"),
    row(&[key(KeyCode::End), ctrl('e')], A::LineEnd, &[M::Text], 0, "", "end"),
    row(&[ctrl('l')], A::Redraw, EVERY, 0, "", "draw the screen again"),
    row(&[ctrl('z')], A::Suspend, EVERY, 0, "", "to the shell and back"),
    row(&[ctrl('c')], A::QuitNow, EVERY, 0, "", "quit at once"),
];

/// What a key means in a mode; `None` if nothing.
pub(crate) fn action(mode: Mode, event: &KeyEvent) -> Option<Action> {
    let key = Key::of(event)?;
    let bound = BINDINGS.iter().find(|b| b.modes.contains(&mode) && b.keys.contains(&key));
    match (bound, key.code) {
        (Some(binding), _) => Some(binding.action),
        (None, KeyCode::Char(letter)) if !key.ctrl && TYPING.contains(&mode) => {
            Some(Action::Type(Letter(letter)))
        }
        _ => None,
    }
}

/// The bindings of the last line, most important first.
pub(crate) fn footer(mode: Mode) -> Vec<&'static Binding> {
    let mut rows: Vec<_> = BINDINGS.iter().filter(|b| b.rank > 0 && b.modes.contains(&mode)).collect();
    rows.sort_by_key(|b| b.rank);
    rows
}

/// True for actions that only move.
pub(crate) fn moves(action: Action) -> bool {
    matches!(
        action,
        A::Up
            | A::Down
            | A::Left
            | A::Right
            | A::Top
            | A::Bottom
            | A::HalfUp
            | A::HalfDown
            | A::PageUp
            | A::PageDown
    )
}

/// All bindings of a mode that have words for help.
pub(crate) fn all(mode: Mode) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.modes.contains(&mode) && !b.help.is_empty())
}

impl Key {
    fn of(event: &KeyEvent) -> Option<Self> {
        if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META) {
            return None;
        }
        Some(Self { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) })
    }

    /// How it is written: `ctrl-k`, `enter`, `v`.
    pub(crate) fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(letter) => letter.to_string(),
            KeyCode::Backspace => "backspace".to_owned(),
            KeyCode::PageDown => "page-down".to_owned(),
            KeyCode::PageUp => "page-up".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        if self.ctrl { format!("ctrl-{name}") } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_modes_stand_in_the_order_that_their_groups_are_cut_by() {
        assert!(EVERY.iter().enumerate().all(|(at, mode)| *mode as usize == at), "{EVERY:?}");
        assert_eq!((SCREENS.last(), TYPING), (Some(&M::Logs), [M::Text, M::Secret].as_slice()));
    }

    #[test]
    fn no_key_is_bound_twice_in_a_mode() {
        for mode in EVERY {
            let mut seen = HashMap::new();
            for binding in BINDINGS.iter().filter(|b| b.modes.contains(mode)) {
                for key in binding.keys {
                    let before = seen.insert(*key, binding.action);
                    assert_eq!(before, None, "{} in {mode:?}", key.name());
                }
            }
        }
    }

    #[test]
    fn a_key_means_the_same_on_every_screen() {
        let mut meaning: HashMap<Key, Action> = HashMap::new();
        let screens = |b: &&Binding| !b.modes.iter().any(|m| TYPING.contains(m)) || b.modes.len() > 2;
        for binding in BINDINGS.iter().filter(screens) {
            for key in binding.keys {
                let first = *meaning.entry(*key).or_insert(binding.action);
                assert_eq!(first, binding.action, "{}", key.name());
            }
        }
    }

    #[test]
    fn the_last_line_has_a_word_for_each_of_its_keys() {
        for mode in EVERY {
            for binding in footer(*mode) {
                assert!(!binding.word.is_empty(), "{:?} in {mode:?}", binding.action);
            }
        }
    }

    #[test]
    fn ranks_of_a_mode_are_different() {
        for mode in EVERY {
            let mut ranks: Vec<u8> = footer(*mode).iter().map(|b| b.rank).collect();
            let all = ranks.len();
            ranks.dedup();
            assert_eq!(ranks.len(), all, "{mode:?}");
        }
    }

    #[test]
    fn only_the_keys_of_the_decision_are_bound() {
        // decisions.md 10, plus what every terminal program has (ctrl-c, ctrl-z, ctrl-l) and text editing, plus copying (p),
        // renaming (m) and random values (a).
        let letters = ":/?jkgGc R123456789dDylhe KvsnrwVz{}SCBPx[]-q pma";
        for binding in BINDINGS {
            for key in binding.keys {
                if let (KeyCode::Char(letter), false) = (key.code, key.ctrl) {
                    assert!(letters.contains(letter), "{letter}");
                }
            }
        }
    }

    #[test]
    fn letters_are_text_where_text_is_typed() {
        let press = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        for mode in TYPING {
            for letter in "qvj:/é".chars() {
                assert_eq!(action(*mode, &press(letter)), Some(Action::Type(Letter(letter))));
            }
        }
        assert_eq!(action(Mode::Home, &press('é')), None);
    }
}
