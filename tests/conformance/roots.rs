//! Every kustomization folder of real repositories against what `kubectl kustomize` printed or refused.

use crate::cases::difference;
use crate::folder::Files;
use crate::{Score, say, shows};
use sealane::model::Tree as _;
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs, build, to_text};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// The repositories that the first release must render without one exception.
pub const FIRST: [&str; 3] = ["caarlos0__home", "fluxcd__flux2-kustomize-helm-example", "toboshii__home-ops"];

/// Runs all roots of `expected/index.tsv`.
pub fn run(corpora: &Path) -> Score {
    let index = std::fs::read_to_string(corpora.join("expected/index.tsv")).expect("the index can be read");
    let rows: Vec<Vec<&str>> = index.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let mut score = Score::default();
    let mut trees: BTreeMap<&str, Vec<&Vec<&str>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row[2] != "component") {
        trees.entry(row[0]).or_default().push(row);
    }
    for (repository, rows) in trees {
        let tree = Files::on_disk(&corpora.join(repository));
        assert!(tree.entry("SOURCE.txt").is_ok_and(|e| e.is_some()), "{repository} is there");
        let documents = DocumentCache::default();
        let start = Instant::now();
        for row in &rows {
            one(&mut score, corpora, &tree, &documents, row);
        }
        say(&format!("{repository}: {} roots in {:?}", rows.len(), start.elapsed()));
    }
    score
}

fn one(score: &mut Score, corpora: &Path, tree: &Files, documents: &DocumentCache, row: &[&str]) {
    let (repository, path, wanted) = (row[0], row[1], row[2]);
    let inputs = Inputs::new(documents);
    let options = BuildOptions { confined: row[3] != "none", ..BuildOptions::default() };
    let built = build(tree, if path == "." { "" } else { path }, &options, &inputs);
    let mut count = |what: &str, right: bool| {
        score.count(what, right);
        if FIRST.contains(&repository) {
            score.count(&format!("first {what}"), right);
        }
        if !right && (shows(&format!("{repository}/{path}")) || shows(&format!("all {what}"))) {
            say(&format!("=== {what} {repository} {path}"));
        }
        right
    };
    if wanted != "ok" {
        let reason = match &built {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.reason().code().to_owned(),
        };
        if !count("refusals", reason == wanted) && (shows("all refusals") || shows(path)) {
            let said = built.map_or_else(|e| e.problem().to_string(), |_| String::new());
            say(&format!("wanted {wanted} ({}), found {reason}: {said}", row.get(10).unwrap_or(&"")));
        }
        return;
    }
    let expected = std::fs::read_to_string(corpora.join("expected").join(repository).join(row[4]))
        .expect("the expected text can be read");
    let found = built.map_or_else(|e| format!("error: {}\n", e.problem()), |b| to_text(&b));
    let same_bytes = found == expected;
    count("byte for byte", same_bytes);
    let same_set = same_bytes || documents_of(&found) == documents_of(&expected);
    if !count("as sets", same_set) && (shows("all as sets") || shows(path)) {
        say(&difference(&expected, &found));
    }
}

/// The documents of an output, sorted.
pub fn documents_of(text: &str) -> Vec<&str> {
    let mut documents: Vec<&str> = text.split("---\n").collect();
    documents.sort_unstable();
    documents
}
