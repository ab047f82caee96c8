//! The first three repositories through the built program: `sealane build DIR`, its output and its exit codes.

use crate::cases::difference;
use crate::roots::{FIRST, documents_of};
use crate::{Score, say, shows};
use std::path::Path;
use std::process::{Command, Stdio};

/// Builds all roots of the first repositories.
pub fn run(corpora: &Path) -> Score {
    let index = std::fs::read_to_string(corpora.join("expected/index.tsv")).expect("the index can be read");
    let rows = index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let mut score = Score::default();
    for row in rows.filter(|row| FIRST.contains(&row[0]) && row[2] != "component") {
        one(&mut score, corpora, &row);
    }
    score
}

fn one(score: &mut Score, corpora: &Path, row: &[&str]) {
    let (repository, path, wanted) = (row[0], row[1], row[2]);
    let mut build = Command::new(env!("CARGO_BIN_EXE_sealane"));
    build.arg("build").arg(corpora.join(repository).join(path)).stdin(Stdio::null());
    if row[3] == "none" {
        build.args(["--load-restrictor", "LoadRestrictionsNone"]);
    }
    let output = build.output().expect("the program runs");
    let found = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let mut count = |what: &str, right: bool| {
        score.count(what, right);
        if !right && (shows(path) || shows(&format!("all {what}"))) {
            say(&format!("=== {what} {repository} {path}, {}\n{said}", output.status));
        }
    };
    if wanted == "ok" {
        let expected = std::fs::read_to_string(corpora.join("expected").join(repository).join(row[4]))
            .expect("the expected text can be read");
        let well = output.status.code() == Some(0) && said.is_empty();
        count("byte for byte", well && found == expected);
        let same = well && documents_of(&found) == documents_of(&expected);
        count("as sets", same);
        if !same && shows(path) {
            say(&difference(&expected, &found));
        }
        return;
    }
    // As kustomize: status 1, the reason on standard error, nothing on standard output.
    let fails = output.status.code() == Some(1) && found.is_empty() && said.starts_with("Error: ");
    count("refusals", fails && said.contains(&format!("[{wanted}]")));
}
