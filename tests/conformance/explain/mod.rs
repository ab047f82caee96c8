//! What `--explain` says of a field, proven by doing: the line it names is changed, and the field has to change.
//!
//! Fields are chosen by seed (`SEALANE_SEED`) from all repositories, as many of each kind of provenance as of any other.

mod by_hand;
mod change;
mod entry;
mod kin;
mod kinds;
mod world;

use crate::folder::Files;
use crate::{Score, say, shows};
use sealane::model::{Link, Manifest};
use sealane::render::settle;
use sealane::render::story::{Told, at, leaves, shown, story};
use sealane::yaml::{Mark, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use world::{Repository, Root};

/// Most fields of one kind that are kept to choose from, for each repository.
const KEPT: usize = 60;
/// Fields of one kind that are tried in all repositories together.
const TRIED: usize = 16;
/// Most values of one object that are looked at.
const LOOKED: usize = 150;

/// One field and what is told of it.
struct Field {
    root: Root,
    manifest: Arc<Manifest>,
    /// All objects of the root.
    all: Arc<[Arc<Manifest>]>,
    /// How many objects of the same origin come before it.
    twin: usize,
    path: String,
    told: Told,
}

/// By kind of provenance, then by repository.
type Fields = BTreeMap<String, Vec<(usize, Field)>>;

/// Runs the suite.
pub fn run(corpora: &Path, seed: u64) -> Score {
    let mut repositories = Vec::new();
    let mut roots = folders(corpora);
    for (name, tree) in by_hand::repositories() {
        repositories.push(Repository::new(name, Arc::new(tree)));
    }
    for name in by_hand::CORPORA {
        repositories.push(Repository::new(name, Arc::new(Files::on_disk(&corpora.join(name)))));
    }
    let mut dice = Dice(seed);
    let mut fields = Fields::new();
    for (number, repository) in repositories.iter().enumerate() {
        let mut own = roots.remove(&repository.name).unwrap_or_default();
        own.extend(repository.environments());
        let mut kept = BTreeMap::new();
        for root in own {
            if let Ok(objects) = repository.render(&*repository.tree, &root) {
                gather(repository, &root, &objects.into(), &mut dice, &mut kept);
            }
        }
        for (kind, list) in kept {
            fields.entry(kind).or_default().extend(list.1.into_iter().map(|field| (number, field)));
        }
    }
    say(&format!("explain: seed {seed}"));
    let mut score = Score::default();
    for (kind, mut list) in fields {
        let mut tally = Tally::default();
        // Each repository in turn, so that a large one does not hide the others.
        let mut turns = BTreeMap::new();
        list.sort_by_cached_key(|(number, _)| {
            let turn: &mut usize = turns.entry(*number).or_default();
            *turn += 1;
            *turn
        });
        for (number, field) in list {
            if tally.tried == TRIED {
                break;
            }
            tally.add(&mut score, &kind, &repositories[number], &field);
        }
        say(&format!("explain {kind}: {tally}"));
    }
    score
}

/// Folders that `kustomize` builds, by repository.
fn folders(corpora: &Path) -> BTreeMap<String, Vec<Root>> {
    let index = std::fs::read_to_string(corpora.join("expected/index.tsv")).expect("the index can be read");
    let mut roots: BTreeMap<String, Vec<Root>> = by_hand::folders();
    for row in index.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        if row[2] == "ok" {
            let folder = if row[1] == "." { "" } else { row[1] };
            let root = Root::Folder(folder.to_owned(), row[3] != "none");
            roots.entry(row[0].to_owned()).or_default().push(root);
        }
    }
    roots
}

/// What is kept of one kind: how many were seen, and a fair choice of them.
type Kept = BTreeMap<String, (u64, Vec<Field>)>;

/// Looks at the values of all objects and keeps some of each kind.
fn gather(
    repository: &Repository,
    root: &Root,
    objects: &Arc<[Arc<Manifest>]>,
    dice: &mut Dice,
    kept: &mut Kept,
) {
    for (place, manifest) in objects.iter().enumerate() {
        let all = leaves(&manifest.body);
        let every = (all.len() / LOOKED + 1) as u64;
        for (path, node) in all {
            let fixed = matches!(&*path, "apiVersion" | "kind");
            if fixed || node.is_null() || matches!(node.value, Value::Secret(_)) || dice.roll(every) != 0 {
                continue;
            }
            // Two values may share a printed path, as elements of one name do.
            if !at(&manifest.body, &path).is_some_and(|found| std::ptr::eq(found, node)) {
                continue;
            }
            let Some(mut told) = story(manifest, &path).pop() else {
                panic!("{}: {} {path}: nothing is told", repository.name, manifest.key)
            };
            settle(&mut told, &*repository.tree);
            let twins = objects[..place].iter().filter(|other| other.origin == manifest.origin);
            let (manifest, twin) = (manifest.clone(), twins.count());
            let (seen, list) = kept.entry(kinds::kind_of(repository, &told)).or_default();
            let field = Field { root: root.clone(), manifest, all: objects.clone(), twin, path, told };
            *seen += 1;
            if list.len() < KEPT {
                list.push(field);
            } else if let Ok(slot) = usize::try_from(dice.roll(*seen))
                && slot < KEPT
            {
                list[slot] = field;
            }
        }
    }
    // They are tried from the first on, so their order must not tell which root they came from.
    for (_, list) in kept.values_mut() {
        for last in (1..list.len()).rev() {
            let other = usize::try_from(dice.roll(last as u64 + 1)).expect("lists are short");
            list.swap(last, other);
        }
    }
}

/// What became of the fields of one kind.
#[derive(Default)]
struct Tally {
    tried: usize,
    right: usize,
    /// Changes after which the root cannot be built.
    refused: usize,
    /// Lines that hold nothing that can be changed in place.
    fixed: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.right, self.tried)?;
        write!(f, " ({} more are refused once changed, {} cannot be changed)", self.refused, self.fixed)
    }
}

/// What a change did.
enum Outcome {
    /// The field is another; beside it, perhaps, one that has nothing to do with the line.
    Changed(Option<String>),
    Same(String),
    Refused,
    Fixed,
}

impl Outcome {
    fn stranger(&self) -> Option<&String> {
        if let Self::Changed(stranger) = self { stranger.as_ref() } else { None }
    }
}

impl Tally {
    fn add(&mut self, score: &mut Score, kind: &str, repository: &Repository, field: &Field) {
        let outcomes: Vec<Outcome> =
            lines(&field.told).into_iter().map(|mark| outcome(repository, field, &mark)).collect();
        let title = || format!("{} {}:{}", repository.name, field.manifest.key, field.path);
        if let Some(Outcome::Same(why)) = outcomes.iter().find(|o| matches!(o, Outcome::Same(_))) {
            self.tried += 1;
            score.count("fields", false);
            say(&format!("=== {kind}: {}\n{why}", title()));
        } else if let Some(Outcome::Changed(_)) = outcomes.iter().find(|o| matches!(o, Outcome::Changed(_))) {
            self.tried += 1;
            self.right += 1;
            score.count("fields", true);
            let wrong = entry::wrong(repository, &field.told);
            score.count("entries", wrong.is_none());
            let strangers: Vec<&String> = outcomes.iter().filter_map(Outcome::stranger).collect();
            // What a Kustomization asks for changes what it makes, and an element's name its path.
            let steers =
                &*field.manifest.key.kind == "Kustomization" || field.path.rsplit('.').next() == Some("name");
            let strangers = if steers { Vec::new() } else { strangers };
            score.count("kin", strangers.is_empty());
            for why in wrong.iter().chain(strangers) {
                say(&format!("=== {kind}: {} {:?}: {why}", title(), field.told.source()));
            }
            if shows(kind) {
                say(&format!("{kind}: {} {:?}", title(), field.told.source()));
            }
        } else if outcomes.iter().any(|o| matches!(o, Outcome::Refused)) {
            self.refused += 1;
        } else {
            self.fixed += 1;
        }
    }
}

/// The lines that the last step names: where the value is written, and where it was taken from.
fn lines(told: &Told) -> Vec<Mark> {
    // What nobody wrote has no line.
    if told.because.iter().any(|because| because.link == Link::Default && because.place.is_none()) {
        return Vec::new();
    }
    let mut lines = vec![told.written.clone()];
    for because in &told.because {
        lines.extend(because.place.clone().filter(|mark| !lines.contains(mark)));
    }
    lines
}

/// Changes one line and looks at the field again.
fn outcome(repository: &Repository, field: &Field, mark: &Mark) -> Outcome {
    let said = |what: &str| {
        Outcome::Same(format!(
            "{what}: {:?}:{}:{}, set by {} ({}) to {:?}, because {:?}",
            mark.file,
            mark.line,
            mark.column,
            field.told.by,
            field.told.place,
            field.told.after.as_ref().map(shown),
            field.told.because.iter().map(|b| (b.link, &b.source)).collect::<Vec<_>>(),
        ))
    };
    let Some(file) = mark.file.as_deref().filter(|_| mark.line > 0) else { return said("no line is named") };
    let Some(bytes) = repository.bytes(file) else { return said("the file is not there") };
    let Some(changed) = change::changed(&bytes, mark.line, mark.column) else { return Outcome::Fixed };
    if changed[..] == bytes[..] {
        return Outcome::Fixed;
    }
    let Ok(objects) = repository.render(&repository.with(file, changed), &field.root) else {
        return Outcome::Refused;
    };
    let own = objects.iter().filter(|other| other.origin == field.manifest.origin).nth(field.twin);
    let before = at(&field.manifest.body, &field.path).map(shown);
    match own {
        None if matches!(field.root, Root::Environment(_)) => Outcome::Refused,
        Some(own) if at(&own.body, &field.path).map(shown) == before => said("the field stays the same"),
        _ => Outcome::Changed(stranger(field, &objects, mark)),
    }
}

/// What else changed without being told. Where an object got another identity, much follows that no field tells.
fn stranger(field: &Field, after: &[Arc<Manifest>], mark: &Mark) -> Option<String> {
    let keys = |objects: &[Arc<Manifest>]| objects.iter().map(|m| m.key.clone()).collect::<BTreeSet<_>>();
    if keys(&field.all) != keys(after) {
        return None;
    }
    kin::stranger(&field.all, after, mark)
}

/// A small generator of numbers, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}
