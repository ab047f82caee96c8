//! Consecutive commits of real repositories, rendered with everything remembered, with nothing remembered, and by eight
//! threads that share one memory in an order of their own: the results must be the same, object by object.

use crate::{Score, say, shows};
use sealane::git::{LogOptions, Repo};
use sealane::model::{CommitId, Producer, Rendered, Revision, Tree};
use sealane::render::kustomize::DocumentCache;
use sealane::render::{BuildCache, Caches, Inputs, discover, render_environment};
use sealane::yaml::{Node, Value};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Commits of one repository.
const COMMITS: usize = 300;
const THREADS: usize = 8;

/// What was rendered at one revision, line by line: producers and objects in order, each with a hash of all it says.
type Told = Vec<(String, u64)>;

/// Renders the newest commits of every bundle.
pub fn run(corpora: &Path) -> Score {
    let mut score = Score::default();
    let scratch = tempfile::tempdir().expect("a folder");
    let bundles = std::fs::read_dir(corpora.join("bundles")).expect("the corpora have bundles");
    let mut bundles: Vec<_> = bundles.map(|entry| entry.expect("readable").path()).collect();
    bundles.sort();
    for bundle in bundles {
        let name = bundle.file_stem().expect("a name").to_string_lossy().into_owned();
        let clone = scratch.path().join(&name);
        let status =
            Command::new("git").args(["clone", "--quiet", "--bare"]).arg(&bundle).arg(&clone).status();
        assert!(status.expect("git runs").success(), "{name} is cloned");
        one(&mut score, &name, &Repo::open(&clone).expect("the clone opens"));
    }
    score
}

fn one(score: &mut Score, name: &str, repo: &Repo) {
    let begun = Instant::now();
    let head = repo.resolve("HEAD").expect("a branch");
    let walk = repo.walk(head, &LogOptions::default()).expect("history");
    let mut commits: Vec<CommitId> = walk.take(COMMITS).map(|id| id.expect("a commit")).collect();
    commits.reverse();
    let alone = in_parallel(2, &commits, |commit| told(repo, commit, &nothing_remembered()));
    let caches = Caches::default();
    let mut objects = 0;
    for (commit, alone) in commits.iter().zip(&alone) {
        let cached = told(repo, *commit, &caches);
        objects += cached.len();
        score.count("equal with caches", same(name, *commit, alone, &cached));
    }
    let caches = Caches::default();
    // Neighbours are far from each other, so that what one thread needs is what another one just changed.
    let mixed: Vec<CommitId> = (0..commits.len()).map(|n| commits[n * 7919 % commits.len()]).collect();
    let places: HashMap<CommitId, usize> =
        commits.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let threads = in_parallel(THREADS, &mixed, |commit| told(repo, commit, &caches));
    for (commit, shared) in mixed.iter().zip(&threads) {
        score.count("equal with 8 threads", same(name, *commit, &alone[places[commit]], shared));
    }
    let (count, took) = (commits.len(), begun.elapsed());
    say(&format!("{name}: {count} commits, {objects} producers and objects, three times in {took:?}"));
}

/// Caches that are empty, are thrown away after one revision, and keep no build.
fn nothing_remembered() -> Caches {
    let mut caches = Caches::with_workers(1);
    caches.builds = BuildCache::new(0);
    caches.documents = DocumentCache::new(0, caches.documents.limits().clone());
    caches
}

fn in_parallel<T: Send>(threads: usize, commits: &[CommitId], task: impl Fn(CommitId) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(commit) = commits.get(place) else { break };
                    let result = task(*commit);
                    done.lock().expect("nobody panicked").push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panicked");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Every environment of a revision.
fn told(repo: &Repo, commit: CommitId, caches: &Caches) -> Told {
    let tree = repo.tree(Revision::Commit(commit)).expect("a commit has a tree");
    let found = discover(&*tree, &caches.surveys, &[]).expect("the tree can be read");
    let mut told = vec![(format!("{:?}", found.problems), 0)];
    for environment in &found.environments {
        told.push((format!("{environment:?}"), 0));
        tell(&render(&*tree, environment, caches), &mut told);
    }
    told
}

fn render(tree: &dyn Tree, environment: &sealane::model::Environment, caches: &Caches) -> Rendered {
    let inputs = Inputs::new(caches);
    render_environment(tree, environment, &inputs)
}

fn tell(rendered: &Rendered, told: &mut Told) {
    told.push((format!("{:?}", rendered.problems), 0));
    for producer in &rendered.producers {
        let Producer { key, parent, declared, spec, objects, problems, complete, reads } = producer;
        told.push((format!("{key} {parent:?} {declared:?} {spec:?} {complete} {problems:?} {reads:?}"), 0));
        for object in objects {
            let mut hasher = DefaultHasher::new();
            add(&object.body, &mut hasher);
            told.push((format!("{} {} {:?}", object.key, object.version, object.origin), hasher.finish()));
        }
    }
}

/// All that a node says, and where it says it.
fn add(node: &Node, hasher: &mut DefaultHasher) {
    node.mark.hash(hasher);
    match &node.value {
        Value::Scalar(scalar) => (0, &scalar.text, scalar.kind, scalar.style).hash(hasher),
        Value::Secret(leaf) => (1, format!("{leaf:?}")).hash(hasher),
        Value::Seq(items) => {
            (2, items.len()).hash(hasher);
            items.iter().for_each(|item| add(item, hasher));
        }
        Value::Map(map) => {
            (3, map.entries.len()).hash(hasher);
            for entry in &map.entries {
                (&entry.key.text, entry.key.kind, entry.key.line).hash(hasher);
                add(&entry.value, hasher);
            }
        }
    }
}

fn same(name: &str, commit: CommitId, alone: &Told, other: &Told) -> bool {
    if alone == other {
        return true;
    }
    if shows(name) || shows("all revisions") {
        let first = alone.iter().zip(other).find(|(a, b)| a != b);
        say(&format!("{name} {commit}: {} and {} lines; {first:#?}", alone.len(), other.len()));
    }
    false
}
