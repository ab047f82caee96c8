//! `Tree` for the index and the worktree: a list of paths, made into folders that have git's own ids.

use super::folder::{Folder, Named, kind_of, mode, plain_name, shown_name};
use super::ids::hash;
use super::open::Inner;
use super::tree::placed;
use super::worktree::OnDisk;
use crate::model::{ContentId, EntryKind, Tree, TreeEntry, TreeError};
use std::collections::HashMap;
use std::sync::Arc;

/// One path of the index or the worktree.
pub(super) struct Listed {
    pub(super) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) id: ContentId,
}

/// A tree made from a list of paths at one moment.
pub(super) struct FlatTree {
    inner: Arc<Inner>,
    folders: HashMap<Arc<str>, Arc<Folder>>,
    root: ContentId,
    /// Contents that are not in the object store.
    disk: HashMap<ContentId, OnDisk>,
}

/// Paths with more names than this are kept out; Linux' own limit of 4,096 bytes allows 2,048.
const DEEPEST: usize = 256;

impl FlatTree {
    pub(super) fn new(inner: Arc<Inner>, mut files: Vec<Listed>, disk: HashMap<ContentId, OnDisk>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut folders = HashMap::new();
        let shallow: Vec<&Listed> = files.iter().filter(|file| depth(&file.path) <= DEEPEST).collect();
        let root = build("", &shallow, 0, &mut folders);
        let mut tree = Self { inner, folders, root, disk };
        tree.keep_out_deep(&files);
        tree
    }

    fn keep_out_deep(&mut self, files: &[Listed]) {
        let deep = files.iter().filter(|file| depth(&file.path) > DEEPEST);
        let deep: Vec<Named> = deep
            .map(|file| Named { name: shown_name(&file.path).into(), mode: file.mode, id: file.id })
            .collect();
        if let Some(top) = self.folders.get("").filter(|_| !deep.is_empty()) {
            let odd = [top.odd.clone(), deep].concat();
            let top = Folder { entries: top.entries.clone(), odd };
            self.folders.insert("".into(), Arc::new(top));
        }
    }

    pub(super) fn folder(&self, path: &str) -> Option<&Arc<Folder>> {
        self.folders.get(path)
    }

    fn named(&self, path: &str) -> Option<Named> {
        if path.is_empty() {
            return Some(Named { name: "".into(), mode: mode::FOLDER, id: self.root });
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.folders.get(parent)?.get(name).cloned()
    }
}

fn depth(path: &[u8]) -> usize {
    path.split(|byte| *byte == b'/').count() - 1
}

/// Makes the folder at `path` from the files in it, whose own names begin at byte `skip`; gives its id.
fn build(
    path: &str,
    files: &[&Listed],
    skip: usize,
    folders: &mut HashMap<Arc<str>, Arc<Folder>>,
) -> ContentId {
    let mut entries = Vec::new();
    let mut rest = files;
    while let Some(first) = rest.first() {
        let name = first_name(&first.path, skip);
        let is_folder = first.path.len() > skip + name.len();
        let many = if is_folder { rest.partition_point(|file| within(&file.path, skip, name)) } else { 1 };
        let (inside, after) = rest.split_at(many.max(1));
        rest = after;
        entries.push(if is_folder {
            let below = [path.as_bytes(), if path.is_empty() { b"" } else { b"/" }, name].concat();
            let below = String::from_utf8_lossy(&below);
            (name, mode::FOLDER, build(&below, inside, skip + name.len() + 1, folders))
        } else {
            (name, first.mode, first.id)
        });
    }
    let mut folder = Folder { entries: Vec::new(), odd: Vec::new() };
    for (name, mode, id) in &entries {
        match plain_name(name) {
            Ok(name) => folder.entries.push(Named { name: name.into(), mode: *mode, id: *id }),
            Err(shown) => folder.odd.push(Named { name: shown.into(), mode: *mode, id: *id }),
        }
    }
    folder.sort();
    folders.insert(path.into(), Arc::new(folder));
    tree_id(entries)
}

fn first_name(path: &[u8], skip: usize) -> &[u8] {
    let own = path.get(skip..).unwrap_or_default();
    &own[..own.iter().position(|byte| *byte == b'/').unwrap_or(own.len())]
}

fn within(path: &[u8], skip: usize, name: &[u8]) -> bool {
    path.get(skip..).and_then(|own| own.strip_prefix(name)).is_some_and(|after| after.first() == Some(&b'/'))
}

/// The id of the tree object that git would write: names as bytes, folders sorted as if they ended in `/`.
pub(super) fn tree_id(mut entries: Vec<(&[u8], u32, ContentId)>) -> ContentId {
    entries.sort_by_key(|(name, mode, _)| {
        let mut key = name.to_vec();
        if *mode == mode::FOLDER {
            key.push(b'/');
        }
        key
    });
    let mut raw = Vec::new();
    for (name, mode, id) in entries {
        raw.extend_from_slice(format!("{mode:o} ").as_bytes());
        raw.extend_from_slice(name);
        raw.push(0);
        raw.extend_from_slice(&id.0);
    }
    hash(git2::ObjectType::Tree, &raw)
}

impl Tree for FlatTree {
    fn id(&self) -> ContentId {
        self.root
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(self.named(path).map(|named| named.entry()))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        match self.named(path) {
            Some(at) if kind_of(at.mode) == EntryKind::Folder => {
                Ok(self.folders.get(path).map(|folder| folder.list()))
            }
            _ => Ok(None),
        }
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        match self.disk.get(&id) {
            Some(file) => file.read(id),
            None => self.inner.blob(id),
        }
        .map_err(|error| placed(self, id, error))
    }
}
