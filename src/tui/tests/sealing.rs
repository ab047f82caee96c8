//! Sealed files on the screen without a typed value: random ones, other names, copies, the editor.

use super::super::effect::{Effect, Question};
use super::super::state::Message;
use super::super::update::update;
use super::{Desk, fixture, named_key};
use crate::workspace::KeyEdit;

fn desk(keys: &str) -> Desk {
    let mut desk = Desk::new(fixture::snapshot(), 140, 40);
    desk.keys(":secrets: all<enter>").keys(keys);
    desk
}

/// What is asked when this key is pressed.
fn asked(desk: &mut Desk, key: &str) -> Option<Question> {
    let effects = update(&mut desk.state, Message::Key(named_key(key)));
    effects.into_iter().find_map(|effect| match effect {
        Effect::Ask { question, .. } => Some(question),
        _ => None,
    })
}

#[test]
fn random_values_and_other_names_go_into_the_plan() {
    let mut desk = desk("j<enter>ajm2<enter>n");
    assert!(
        desk.text().contains("random value") && desk.text().contains("will be password2"),
        "{}",
        desk.text()
    );
    // While a value is typed its letters are its own: a control key takes a random one instead.
    desk.keys("token<enter>abc<c-g>");
    assert!(desk.text().contains("new, random"), "{}", desk.text());
    let Some(Question::Seal { edits, .. }) = asked(&mut desk, "c-s") else { panic!("no plan is asked for") };
    let told: Vec<String> = edits
        .iter()
        .map(|edit| match edit {
            KeyEdit::Generate { key, letters } => format!("generate {key} {letters}"),
            KeyEdit::Rename { key, to } => format!("rename {key} {to}"),
            KeyEdit::Set { key, .. } => format!("set {key}"),
            KeyEdit::Remove { key } => format!("remove {key}"),
        })
        .collect();
    assert_eq!(told, ["generate username 32", "rename password password2", "generate token 32"]);
}

#[test]
fn what_was_asked_for_can_be_taken_back() {
    let mut desk = desk("j<enter>aajm2<enter>m<bs><enter>");
    assert!(desk.text().contains("nothing changed yet"), "{}", desk.text());
    // A name that is taken is none.
    desk.keys("m<bs><bs><bs><bs><bs><bs><bs><bs>username<enter>");
    assert!(desk.text().contains("there is a key username already"), "{}", desk.text());
}

#[test]
fn a_secret_is_copied_and_what_only_the_cluster_has_is_sealed() {
    let mut desk = desk("jp2");
    assert!(desk.text().contains("Seal into (path in the repository): apps/cart"), "{}", desk.text());
    let Some(Question::Copy { from, file }) = asked(&mut desk, "enter") else {
        panic!("no copy is asked for")
    };
    assert_eq!((&*from, file), ("apps/cart/overlays/prod/db.enc.yaml", format!("{from}2")));
    let mut desk = self::desk("jp");
    assert!(asked(&mut desk, "enter").is_none() && desk.text().contains("this is the same file"));
    let mut desk = self::desk("jjjp");
    let Some(Question::FromLive { environment, live, file }) = asked(&mut desk, "enter") else {
        panic!("no live Secret is asked for")
    };
    assert_eq!((&*environment, &*live, &*file), ("prod", "shop/legacy-token", "legacy-token.sops.yaml"));
}

#[test]
fn the_editor_is_asked_for_and_a_file_on_disk_only_after_a_yes() {
    let mut desk = desk("j<enter>");
    desk.keys("e");
    assert!(desk.text().contains("Write the opened text to /tmp?"), "{}", desk.text());
    let question = asked(&mut desk, "enter");
    assert!(matches!(question, Some(Question::BeginEdit { on_disk: true, .. })));
    // What is typed and not sealed yet would be lost on the way.
    let desk = self::desk("j<enter>ae");
    assert!(desk.text().contains("ctrl-s shows the plan of what is changed here first"), "{}", desk.text());
    let mut desk = Desk::new(fixture::sealed_secrets(), 140, 40);
    desk.keys(":secrets: all<enter>j<enter>e");
    assert!(
        desk.text().contains("the values of a SealedSecret open in its cluster alone"),
        "{}",
        desk.text()
    );
}
