//! The history of objects, against a rendering of every commit by the real `kubectl kustomize`.

use crate::bundles::{Bundle, say, seed, sync_of};
use crate::oracle::{Desired, same};
use crate::trees::Dice;
use sealane::model::ObjectKey;
use sealane::workspace::{History, ObjectId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

/// A bundle, the entry of one of its environments, and how many objects are followed over how many commits.
struct Line {
    bundle: &'static str,
    entry: &'static str,
    objects: usize,
    commits: usize,
}

const LINES: [Line; 4] = [
    Line { bundle: "caarlos0__home", entry: "", objects: 12, commits: 200 },
    Line {
        bundle: "fluxcd__flux2-kustomize-helm-example",
        entry: "clusters/production",
        objects: 8,
        commits: 100,
    },
    Line { bundle: "toboshii__home-ops", entry: "cluster/flux", objects: 12, commits: 60 },
    Line { bundle: "budimanjojo__home-cluster", entry: "cluster/base", objects: 12, commits: 30 },
];

mod corpora {
    use super::*;

    #[test]
    fn the_history_of_twenty_objects_is_what_every_commit_says() {
        let seed = seed();
        let mut dice = Dice::new(seed);
        let (mut right, mut entries, mut wrong) = (0, 0, Vec::new());
        for line in &LINES {
            // What lies further back is not compared, and need not be walked.
            let mut bundle = Bundle::newest(line.bundle, Some(line.commits + 5));
            let told = Told::of(&mut bundle, line);
            let objects = told.some_objects(line.objects, &mut dice);
            let found = histories(&bundle, line, &objects);
            for (object, history) in objects.iter().zip(found) {
                let expected = told.changes(object);
                let history: Vec<String> = history
                    .entries
                    .iter()
                    .map(|entry| entry.commit.id.to_string())
                    .filter(|id| told.covers(id))
                    .collect();
                if history == expected {
                    right += 1;
                    entries += expected.len();
                } else {
                    let differs = format!(
                        "{} {object}: every commit says {expected:#?}, ours {history:#?}",
                        line.bundle
                    );
                    say(&differs);
                    wrong.push(differs);
                }
            }
            let (commits, all) = (told.commits.len(), bundle.line().len());
            say(&format!(
                "history of {}: {commits} of {all} commits, kubectl ran {} times",
                line.bundle, bundle.oracle.runs
            ));
        }
        say(&format!("history, seed {seed}: {right} of {} objects, {entries} changes", right + wrong.len()));
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
        assert!(right >= 20 && entries >= 40, "seed {seed}: only {right} objects and {entries} changes");
    }
}

/// What every commit says, newest first.
struct Told {
    /// Each commit that is compared with its first parent.
    commits: Vec<String>,
    /// One more than commits: the last is the first parent of the last commit.
    sides: Vec<Desired>,
}

impl Told {
    fn of(bundle: &mut Bundle, line: &Line) -> Self {
        let mut told = Self { commits: Vec::new(), sides: Vec::new() };
        let (heads, mut before) = (bundle.line(), String::new());
        // Where the entry is not there yet, or a part cannot be rendered, no history is compared any more.
        for commit in heads.iter().take(line.commits + 1) {
            if !bundle.oracle.has(commit, sync_of(line.entry)) {
                break;
            }
            let side = bundle.oracle.desired(commit, line.entry);
            if !side.composed.is_empty() && told.sides.is_empty() {
                continue;
            }
            let newer = std::mem::replace(&mut before, commit.clone());
            told.commits.extend(Some(newer).filter(|newer| !newer.is_empty()));
            told.sides.push(side);
        }
        told
    }

    fn covers(&self, commit: &str) -> bool {
        self.commits.iter().any(|known| known == commit)
    }

    /// The object at one commit: under its name, or, for a generated name, under its name with another hash.
    fn at<'s>(&'s self, place: usize, key: &str) -> Option<(&'s String, &'s serde_json::Value)> {
        let objects = &self.sides[place].objects;
        if let Some((key, body)) = objects.get_key_value(key) {
            return Some((key, body));
        }
        let base = generated_base(key)?;
        let twin = objects.iter().find(|(other, _)| generated_base(other) == Some(base))?;
        Some((twin.0, twin.1))
    }

    /// The commits after which the object was another one, newest first.
    fn changes(&self, key: &str) -> Vec<String> {
        let mut changes = Vec::new();
        let mut newer = self.at(0, key);
        let mut unknown = newer.is_none() && !self.sides[0].failed.is_empty();
        for place in 0..self.commits.len() {
            let older = self.at(place + 1, key);
            if older.is_none() && !self.sides[place + 1].failed.is_empty() {
                // Nobody knows what it was; the last that is known stands for it.
                continue;
            }
            let kept = match (older, newer) {
                (Some((old_key, old)), Some((new_key, new))) => old_key == new_key && same(old, new),
                (older, newer) => older.is_none() && newer.is_none(),
            };
            if !kept && !unknown {
                changes.push(self.commits[place].clone());
            }
            (newer, unknown) = (older, false);
        }
        changes
    }

    /// Objects of the newest commit, those with many changes more often; also some that are gone by now.
    fn some_objects(&self, count: usize, dice: &mut Dice) -> Vec<String> {
        let everything: BTreeSet<&String> = self.sides.iter().flat_map(|side| side.objects.keys()).collect();
        let comparable = everything.into_iter().filter(|key| !key.contains("${"));
        let mut by_changes: BTreeMap<usize, Vec<&String>> = BTreeMap::new();
        for key in comparable {
            by_changes.entry(self.changes(key).len()).or_default().push(key);
        }
        let mut chosen: Vec<String> = Vec::new();
        while chosen.len() < count {
            let lively: Vec<&&String> =
                by_changes.iter().filter(|(changes, _)| **changes > 1).flat_map(|(_, keys)| keys).collect();
            let all: Vec<&&String> = by_changes.values().flatten().collect();
            let pool = if dice.below(4) > 0 && !lively.is_empty() { lively } else { all };
            let key = (*pool[dice.below(pool.len())]).clone();
            let base = generated_base(&key);
            if !chosen.iter().any(|known| *known == key || base.is_some() && generated_base(known) == base) {
                chosen.push(key);
            }
        }
        chosen
    }
}

/// The key of a generated object without its hash.
fn generated_base(key: &str) -> Option<&str> {
    let (base, hash) = key.rsplit_once('-')?;
    let is_hash = hash.len() == 10 && hash.bytes().all(|b| b"bcdfghkmt2456789".contains(&b));
    (is_hash && (key.starts_with("/ConfigMap/") || key.starts_with("/Secret/"))).then_some(base)
}

/// What Sealane says.
fn histories(bundle: &Bundle, line: &Line, objects: &[String]) -> Vec<History> {
    let workspace = bundle.open();
    let names = bundle.environments(&workspace);
    let own = line.entry.rsplit('/').next().unwrap_or("");
    let name = names.iter().find(|name| *name == own).unwrap_or(&names[0]);
    let of = |object: &String| {
        let [group, kind, namespace, plain] = object.splitn(4, '/').collect::<Vec<_>>()[..] else {
            panic!("{object} is no key");
        };
        let key = ObjectKey::new(group, kind, namespace, plain);
        let id = ObjectId { environment: name.as_str().into(), key };
        let history = bundle.runtime.block_on(workspace.history(&id, &CancellationToken::new()));
        history.unwrap_or_else(|problem| panic!("{object}: {problem}"))
    };
    objects.iter().map(of).collect()
}
