//! Upstream's own cases, one a line: files in, text or refusal out.

use crate::folder::Files;
use crate::others::{OTHERS, Ours};
use crate::refusals::{REFUSALS, kind_of};
use crate::{Score, say, shows};
use sealane::render::kustomize::{BuildError, BuildOptions, DocumentCache, Inputs, Order, build, to_text};
use std::collections::BTreeSet;
use std::path::Path;

/// Runs all cases: those that the oracle confirms, and the others, each of which a table of ours explains.
pub fn run(corpora: &Path) -> Score {
    let text = std::fs::read_to_string(corpora.join("kustomize/cases.jsonl")).expect("the cases can be read");
    let mut score = Score::default();
    let (mut errors, mut others) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("a case is JSON");
        let name = case["name"].as_str().expect("a case has a name");
        let verdict = case["oracle"]["verdict"].as_str();
        let is_confirmed = case["native"] == true && matches!(verdict, Some("bytes" | "error-text"));
        let (kind, outcome) = match (is_confirmed, case["expect"] == "error") {
            (true, false) => ("byte for byte", same_text(&case)),
            (true, true) => {
                errors.insert(name.to_owned());
                ("errors", same_refusal(&case, name))
            }
            (false, _) => {
                others.insert(name.to_owned());
                ("others explained", other(&case, name))
            }
        };
        if let Err(why) = &outcome
            && (shows(name) || shows(&format!("all {kind}")))
        {
            say(&format!("=== {kind} {name}\n{why}"));
        }
        score.count(kind, outcome.is_ok());
        if is_confirmed {
            score.count("confirmed", outcome.is_ok());
        }
    }
    // A row without a case is as wrong as a case without a row.
    let rows: BTreeSet<String> = REFUSALS.iter().map(|row| row.case.to_owned()).collect();
    assert_eq!(rows, errors, "the refusals of the table are those that the oracle confirms");
    let rows: BTreeSet<String> = OTHERS.iter().map(|row| row.case.to_owned()).collect();
    assert_eq!(rows, others, "the others of the table are those that the oracle does not confirm");
    score
}

/// What we make of a case.
fn ours(case: &serde_json::Value) -> Result<String, BuildError> {
    let files = case["files"].as_object().expect("a case has files");
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(path, content)| (path.trim_start_matches('/'), bytes(content))).collect();
    let tree = Files::of(files.iter().map(|(path, bytes)| (*path, bytes.as_slice())));
    let asked = &case["options"];
    let options = BuildOptions {
        confined: asked["loadRestrictions"] != "none",
        order: if asked["reorder"] == "none" { Order::None } else { Order::Legacy },
        managed_by_label: asked["addManagedByLabel"] == true,
        partial: false,
    };
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let root = case["root"].as_str().expect("a case has a root").trim_start_matches('/');
    build(&tree, root, &options, &inputs).map(|built| to_text(&built))
}

fn same_text(case: &serde_json::Value) -> Result<(), String> {
    let wanted = case["expected"].as_str().expect("a text is expected");
    match ours(case) {
        Ok(found) if found == wanted => Ok(()),
        Ok(found) => Err(difference(wanted, &found)),
        Err(error) => Err(format!("fails: {}", error.problem())),
    }
}

/// The type of error, the file and the field or line that our table says.
fn same_refusal(case: &serde_json::Value, name: &str) -> Result<(), String> {
    let error = match ours(case) {
        Ok(text) => return Err(format!("should fail with {}\n{text}", case["error"])),
        Err(error) => error,
    };
    let place = &error.place;
    let found = (kind_of(&error.cause), &*place.file, place.line, place.field.as_deref().unwrap_or(""));
    let row = REFUSALS.iter().find(|row| row.case == name).ok_or("has no row in the table of refusals");
    let same = row.is_ok_and(|row| found == (row.cause, row.file, row.line, row.field));
    let told = || format!("found {found:?}: {}\nwanted {}", error.problem(), case["error"]);
    if same { Ok(()) } else { Err(row.err().map_or_else(told, |why| format!("{why}: {}", told()))) }
}

/// What our table says of a case that the oracle does not confirm.
fn other(case: &serde_json::Value, name: &str) -> Result<(), String> {
    let found = match ours(case) {
        Ok(text) if case["expected"].as_str() == Some(&text) => Ours::Expected,
        Ok(text) => {
            let wanted = case["expected"].as_str().unwrap_or_default();
            if shows(name) || shows("all others") {
                say(&difference(wanted, &text));
            }
            Ours::Differs
        }
        Err(error) => {
            if shows(name) || shows("all others") {
                say(&error.problem().to_string());
            }
            Ours::Refuses(kind_of(&error.cause))
        }
    };
    let row = OTHERS.iter().find(|row| row.case == name);
    let row = row.ok_or_else(|| format!("has no row in the table of others: {found:?}"))?;
    say(&format!("other {name}: {}", row.reason));
    if row.ours == found { Ok(()) } else { Err(format!("{found:?}, the table says {:?}", row.ours)) }
}

/// A file's text, or its bytes in base64.
fn bytes(content: &serde_json::Value) -> Vec<u8> {
    use base64::Engine as _;
    if let Some(text) = content.as_str() {
        return text.as_bytes().to_vec();
    }
    let text = content["base64"].as_str().expect("a file is a text or base64");
    base64::engine::general_purpose::STANDARD.decode(text).expect("it is base64")
}

/// Lines that differ, in the way of a diff.
pub fn difference(wanted: &str, found: &str) -> String {
    similar::TextDiff::from_lines(wanted, found).unified_diff().context_radius(2).to_string()
}
