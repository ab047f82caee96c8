//! Conformance of the renderer with `kustomize`: upstream's cases and real repositories, counted against floors.
//!
//! `SEALANE_CORPORA` names the folder with `kustomize/cases.jsonl` and `expected/index.tsv`. Every number may only
//! go up: `floors.txt` beside this file holds the least that is accepted. `SEALANE_CONFORMANCE_SHOW=text` prints what
//! differs in cases and roots whose name contains `text`.

mod alarms;
mod cases;
mod explain;
mod folder;
mod merges;
mod others;
mod program;
mod refusals;
mod revisions;
mod roots;
mod substitution;
mod trees;

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The corpora; missing ones are a failure, never a skip.
fn corpora() -> PathBuf {
    let path = std::env::var_os("SEALANE_CORPORA").expect("SEALANE_CORPORA names the folder of the corpora");
    let path = PathBuf::from(path);
    assert!(path.join("expected/index.tsv").is_file(), "{} holds no expected/index.tsv", path.display());
    path
}

/// Numbers that were reached, by name.
#[derive(Default)]
pub struct Score(BTreeMap<String, (usize, usize)>);

impl Score {
    fn count(&mut self, name: &str, right: bool) {
        let (good, all) = self.0.entry(name.to_owned()).or_default();
        *good += usize::from(right);
        *all += 1;
    }

    /// True if nothing of one name went wrong.
    fn is_perfect_in(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|(good, all)| good == all)
    }

    /// Prints `name: N of M`, and fails if a number is below its floor.
    fn settle(&self, suite: &str) {
        let floors = floors(suite);
        let mut low = Vec::new();
        for (name, (good, all)) in &self.0 {
            say(&format!("{suite} {name}: {good} of {all}"));
            let floor = floors.get(name).copied().unwrap_or(0);
            if *good < floor {
                low.push(format!("{name}: {good}, the floor is {floor}"));
            }
        }
        for name in floors.keys().filter(|name| !self.0.contains_key(*name)) {
            low.push(format!("{name} was not measured"));
        }
        assert!(low.is_empty(), "{suite} fell below its floors: {low:#?}");
    }
}

/// Lines `suite name: N` of the floor file.
fn floors(suite: &str) -> BTreeMap<String, usize> {
    let mut floors = BTreeMap::new();
    for line in include_str!("floors.txt").lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let (key, number) = line.rsplit_once(':').expect("a floor is `suite name: N`");
        let number = number.trim().parse().expect("a floor ends with a number");
        if let Some(name) = key.strip_prefix(suite).and_then(|rest| rest.strip_prefix(' ')) {
            floors.insert(name.to_owned(), number);
        }
    }
    floors
}

/// True if differences in `name` shall be printed.
fn shows(name: &str) -> bool {
    std::env::var("SEALANE_CONFORMANCE_SHOW").is_ok_and(|wanted| name.contains(&wanted))
}

/// The suite's own voice; the library itself never prints.
fn say(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{line}").expect("stderr takes text");
}

#[test]
fn upstream_cases_give_the_same_text() {
    cases::run(&corpora()).settle("cases");
}

#[test]
fn fluxs_variables_give_the_same_text() {
    substitution::run(&corpora()).settle("substitution");
}

#[test]
fn kyamls_merges_give_the_same_objects() {
    merges::run(&corpora()).settle("merges");
}

#[test]
fn real_repositories_give_the_same_objects() {
    roots::run(&corpora()).settle("roots");
}

/// `SEALANE_SEED` chooses other fields.
#[test]
fn the_line_that_is_named_changes_the_field() {
    let seed = std::env::var("SEALANE_SEED").map_or(1, |text| text.parse().expect("a seed is a number"));
    let score = explain::run(&corpora(), seed);
    score.settle("explain");
    assert!(
        score.is_perfect_in("fields") && score.is_perfect_in("entries"),
        "some fields are explained wrongly"
    );
}

#[test]
fn revisions_are_the_same_whatever_is_remembered() {
    revisions::run(&corpora()).settle("revisions");
}

#[test]
fn the_program_builds_the_first_repositories() {
    program::run(&corpora()).settle("program");
}

#[test]
fn the_trees_that_flux_makes_are_the_reviewed_ones() {
    trees::check(&corpora());
}

#[test]
fn the_firewall_gives_few_false_alarms() {
    alarms::check(&corpora());
}
