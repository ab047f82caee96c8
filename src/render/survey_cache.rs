//! Surveys remembered: of files by their content, of folders by a digest of all that a survey tells of them, so that a
//! revision which changes nothing of that kind has the survey of the one before.

use super::ahead;
use super::survey::{Facts, Found, Survey, is_chart_file, is_yaml, join, passes};
use crate::model::{ContentId, EntryKind, Tree, TreeEntry, TreeError};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A digest of all that a survey tells of a file or folder.
pub(super) type Print = [u8; 16];

/// What is known about files and folders by path and content, for all revisions.
pub struct SurveyCache {
    files: Mutex<HashMap<Key, Arc<Facts>>>,
    folders: Mutex<Prints>,
    whole: Mutex<VecDeque<(ContentId, Print, Arc<Survey>)>>,
    workers: usize,
}

type Key = (Arc<str>, ContentId);
/// Digests of folders by content, with the paths at which it stands.
type Prints = HashMap<ContentId, Vec<(Arc<str>, Print)>>;

/// More than this many files or folders are not remembered; then the memory starts anew.
const MOST_REMEMBERED: usize = 200_000;
/// Whole surveys that are kept.
const MOST_SURVEYS: usize = 8;
/// Fewer files than this are read by one thread.
const WORTH_THREADS: usize = 64;

impl Default for SurveyCache {
    /// A cache that is filled by all cores.
    fn default() -> Self {
        Self::with_workers(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl SurveyCache {
    /// A cache that is filled by so many threads.
    pub fn with_workers(workers: usize) -> Self {
        Self {
            files: Mutex::default(),
            folders: Mutex::default(),
            whole: Mutex::default(),
            workers: workers.max(1),
        }
    }

    /// How many threads fill it.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// What a file says.
    pub(super) fn facts(
        &self,
        tree: &dyn Tree,
        path: &str,
        entry: TreeEntry,
    ) -> Result<Arc<Facts>, TreeError> {
        let key = (Arc::from(path), entry.id);
        if let Some(facts) = lock(&self.files).get(&key) {
            return Ok(facts.clone());
        }
        let facts = match tree.read(entry.id) {
            Ok(bytes) => Arc::new(Facts::glance(&bytes, &key.0, entry.id)),
            // A file that is too large to read declares nothing.
            Err(TreeError::TooLarge { .. }) => Arc::default(),
            Err(error) => return Err(error),
        };
        let mut known = lock(&self.files);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(key, facts.clone());
        Ok(facts)
    }

    /// The survey of a tree.
    pub(super) fn of(&self, tree: &dyn Tree) -> Result<Arc<Survey>, TreeError> {
        // A tree of files on disk has no identity, and neither have its folders.
        let id = Some(tree.id()).filter(|id| id.0 != [0; 20]);
        if let Some(known) = id.and_then(|id| self.kept(|(tree, ..)| *tree == id)) {
            return Ok(known);
        }
        if lock(&self.files).is_empty() {
            self.read_ahead(tree, id.is_some())?;
        }
        let Some(id) = id else { return Survey::of(tree, self).map(Arc::new) };
        let print = self.print(tree, "", id, Folder::Plain)?;
        let survey = match self.kept(|(_, known, _)| *known == print) {
            Some(same) => same,
            None => Arc::new(Survey::of(tree, self)?),
        };
        let mut whole = lock(&self.whole);
        whole.push_front((id, print, survey.clone()));
        whole.truncate(MOST_SURVEYS);
        Ok(survey)
    }

    fn kept(&self, is: impl Fn(&(ContentId, Print, Arc<Survey>)) -> bool) -> Option<Arc<Survey>> {
        let mut whole = lock(&self.whole);
        let place = whole.iter().position(is)?;
        let entry = whole.remove(place)?;
        let survey = entry.2.clone();
        whole.push_front(entry);
        Some(survey)
    }

    /// Reads all files that are not known yet, with all threads.
    fn read_ahead(&self, tree: &dyn Tree, has_ids: bool) -> Result<(), TreeError> {
        let mut unknown = Vec::new();
        self.gather(tree, "", has_ids.then(|| tree.id()), Folder::Plain, &mut unknown)?;
        if unknown.len() < WORTH_THREADS || self.workers < 2 {
            return Ok(());
        }
        ahead::each(self.workers, &unknown, |(path, entry)| {
            // What fails here fails again where it is asked for, and is told there.
            let _ = self.facts(tree, path, *entry);
        });
        Ok(())
    }

    fn gather(
        &self,
        tree: &dyn Tree,
        folder: &str,
        id: Option<ContentId>,
        kind: Folder,
        unknown: &mut Vec<(String, TreeEntry)>,
    ) -> Result<(), TreeError> {
        if id.is_some_and(|id| self.known_print(folder, id).is_some()) {
            return Ok(());
        }
        let entries = tree.list(folder)?.unwrap_or_default();
        let kind = kind.with(&entries);
        for (name, entry) in entries {
            match kind.enters(&name, entry.kind) {
                Found::Folder(below) => {
                    self.gather(tree, &join(folder, &name), id.map(|_| entry.id), below, unknown)?;
                }
                Found::File => {
                    let key = (Arc::from(join(folder, &name)), entry.id);
                    if !lock(&self.files).contains_key(&key) {
                        unknown.push((key.0.to_string(), entry));
                    }
                }
                Found::Nothing => {}
            }
        }
        Ok(())
    }

    /// The digest of a folder.
    fn print(&self, tree: &dyn Tree, folder: &str, id: ContentId, kind: Folder) -> Result<Print, TreeError> {
        if let Some(print) = self.known_print(folder, id) {
            return Ok(print);
        }
        let entries = tree.list(folder)?.unwrap_or_default();
        let kind = kind.with(&entries);
        let mut hash = Sha256::new();
        for (name, entry) in entries {
            let (mark, print) = match kind.enters(&name, entry.kind) {
                Found::Nothing => continue,
                Found::File => (b'f', self.facts(tree, &join(folder, &name), entry)?.print),
                Found::Folder(below) => (b'd', self.print(tree, &join(folder, &name), entry.id, below)?),
            };
            hash.update(name.as_bytes());
            hash.update([0, mark]);
            hash.update(print);
        }
        let print = short(&hash.finalize());
        let mut folders = lock(&self.folders);
        if folders.len() >= MOST_REMEMBERED {
            folders.clear();
        }
        folders.entry(id).or_default().push((folder.into(), print));
        Ok(print)
    }

    fn known_print(&self, folder: &str, id: ContentId) -> Option<Print> {
        let folders = lock(&self.folders);
        folders.get(&id)?.iter().find(|(path, _)| **path == *folder).map(|(_, print)| *print)
    }
}

/// What a folder is to a survey.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    Plain,
    /// With a `Chart.yaml`.
    Chart,
    /// Of a chart's templates.
    Templates,
}

impl Folder {
    fn with(self, entries: &[(Arc<str>, TreeEntry)]) -> Self {
        let is_chart = self != Self::Templates && entries.iter().any(|(name, _)| is_chart_file(name));
        if is_chart { Self::Chart } else { self }
    }

    /// What a survey looks at in it; the same as [`Survey::of`] does.
    fn enters(self, name: &str, kind: EntryKind) -> Found {
        match kind {
            EntryKind::File if is_yaml(name) => Found::File,
            EntryKind::Folder if self == Self::Templates => Found::Folder(Self::Templates),
            EntryKind::Folder if self == Self::Chart && name == "templates" => Found::Folder(Self::Templates),
            EntryKind::Folder if self == Self::Chart && name == "charts" => Found::Nothing,
            EntryKind::Folder if passes(name) => Found::Nothing,
            EntryKind::Folder => Found::Folder(Self::Plain),
            _ => Found::Nothing,
        }
    }
}

pub(super) fn short(digest: &[u8]) -> Print {
    let mut print = Print::default();
    print.copy_from_slice(&digest[..16]);
    print
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
