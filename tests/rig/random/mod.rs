//! Random trees, ours against the real kustomize: the same text, or a refusal by both. What differs is made small.
//!
//! | file | job |
//! | --- | --- |
//! | `tree` | folders: bases, overlays, components, and which fields each has |
//! | `objects` | the objects of a base |
//! | `fields` | the fields of a kustomization |
//! | `patches` | patches in all forms, replacements, vars |
//! | `shrink` | the smallest tree that still differs |
//! | `dice` | numbers from a seed |

mod dice;
mod fields;
mod objects;
mod patches;
mod shrink;
mod tree;

use crate::bundles::say;
use crate::folder::Files;
use crate::kustomize::Kustomize;
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs, build, to_text};
use std::collections::BTreeMap;
use std::time::Instant;

/// Files by path; the folder that is built is `top`.
pub type Tree = BTreeMap<String, String>;

/// How many trees are made unless another number is asked for: from the same seed each time, so that the same commit gives
/// the same answer. `SEALANE_SEED=today` looks elsewhere.
const TREES: u64 = 3_000;

/// What both make of a tree: texts, or why not.
struct Both {
    ours: Result<String, String>,
    theirs: Result<String, String>,
}

impl Both {
    fn of(tree: &Tree, kustomize: &mut Kustomize) -> Self {
        Self { theirs: kustomize.tree(tree, "top"), ours: ours(tree) }
    }

    fn is_same(&self) -> bool {
        match (&self.ours, &self.theirs) {
            (Ok(ours), Ok(theirs)) => ours == theirs,
            (Err(_), Err(_)) => true,
            _ => false,
        }
    }

    /// The kind of difference, which stays while it is made small.
    fn who_builds(&self) -> (bool, bool) {
        (self.ours.is_ok(), self.theirs.is_ok())
    }

    fn told(&self) -> String {
        match (&self.ours, &self.theirs) {
            (Ok(ours), Ok(theirs)) => {
                similar::TextDiff::from_lines(theirs, ours).unified_diff().context_radius(2).to_string()
            }
            (Err(ours), Ok(_)) => format!("kustomize builds it; ours: {ours}"),
            (_, Err(theirs)) => format!("kustomize refuses: {theirs}"),
        }
    }
}

fn ours(tree: &Tree) -> Result<String, String> {
    let files = Files::of(tree.iter().map(|(path, text)| (path.as_str(), text.as_bytes())));
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let built = build(&files, "top", &BuildOptions::default(), &inputs);
    built.map(|built| to_text(&built)).map_err(|error| error.problem().to_string())
}

/// `SEALANE_SEED` is the first seed, or `today` for one that is another every day; `SEALANE_COUNT` how many trees are made.
#[test]
fn random_trees_are_built_as_kustomize_builds_them() {
    let number = |text: String| text.parse::<u64>().expect("seed and count are numbers");
    let first = match std::env::var("SEALANE_SEED") {
        Ok(text) if text == "today" => dice::today(),
        Ok(text) => number(text),
        Err(_) => 1,
    };
    let count = std::env::var("SEALANE_COUNT").map_or(TREES, number);
    let (start, mut kustomize) = (Instant::now(), Kustomize::start());
    let (mut made, mut built, mut wrong) = (0, 0, Vec::new());
    while made < count && wrong.len() < 5 {
        let seed = first + made;
        let tree = tree::Maker::new(seed).make();
        let both = Both::of(&tree, &mut kustomize);
        made += 1;
        built += u64::from(both.theirs.is_ok());
        if !both.is_same() {
            let small = shrink::smallest(tree, |tree| {
                let small = Both::of(tree, &mut kustomize);
                !small.is_same() && small.who_builds() == both.who_builds()
            });
            let told = Both::of(&small, &mut kustomize).told();
            let files: Vec<String> = small.iter().map(|(path, text)| format!("--- {path}\n{text}")).collect();
            say(&format!("=== SEALANE_SEED={seed} SEALANE_COUNT=1\n{}\n{told}", files.concat()));
            wrong.push(seed);
        }
    }
    say(&format!("random trees: seeds {first} to {}: {made} trees in {:?}", first + made, start.elapsed()));
    say(&format!("random trees: {built} build, {} are refused, {} differ", made - built, wrong.len()));
    assert!(wrong.is_empty(), "seeds {wrong:?} differ");
    assert!(
        built * 5 > made * 2 || made < 20,
        "only {built} of {made} build: the trees are too wild to tell much"
    );
}
