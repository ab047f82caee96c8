//! Trees over a folder on disk and over files in memory, read whole before anything is measured.

use sealane::model::{ContentId, EntryKind, Tree, TreeEntry, TreeError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Files by path.
pub struct Files {
    entries: BTreeMap<String, TreeEntry>,
    contents: HashMap<ContentId, Arc<[u8]>>,
}

impl Files {
    /// From texts by path.
    pub fn of<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Self {
        let mut tree = Self { entries: BTreeMap::new(), contents: HashMap::new() };
        for (path, bytes) in files {
            tree.add(path, EntryKind::File, bytes);
        }
        tree
    }

    /// From a folder on disk.
    pub fn on_disk(root: &Path) -> Self {
        let mut tree = Self::of([]);
        tree.walk(root, "");
        tree
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        for entry in std::fs::read_dir(folder).expect("the corpus can be listed") {
            let entry = entry.expect("the corpus can be listed");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let kind = entry.file_type().expect("the corpus can be read");
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).expect("links can be read");
                self.add(&path, EntryKind::Link, target.to_string_lossy().as_bytes());
            } else if kind.is_dir() {
                self.walk(&entry.path(), &path);
            } else {
                self.add(&path, EntryKind::File, &std::fs::read(entry.path()).expect("files can be read"));
            }
        }
    }

    fn add(&mut self, path: &str, kind: EntryKind, bytes: &[u8]) {
        let mut id = [0; 20];
        id.copy_from_slice(&Sha256::digest(bytes)[..20]);
        let id = ContentId(id);
        self.contents.insert(id, bytes.into());
        self.entries.insert(path.to_owned(), TreeEntry { kind, id });
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            self.entries.insert(above.to_owned(), TreeEntry { kind: EntryKind::Folder, id });
            folder = above;
        }
    }
}

impl Tree for Files {
    fn id(&self) -> ContentId {
        ContentId([0; 20])
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        Ok(self.entries.get(path).copied())
    }

    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = self.entries.range(prefix.clone()..).take_while(|(p, _)| p.starts_with(&prefix));
        let direct = below.filter(|(p, _)| !p[prefix.len()..].contains('/'));
        Ok(Some(direct.map(|(p, e)| (p[prefix.len()..].into(), *e)).collect()))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        self.contents.get(&id).cloned().ok_or_else(|| TreeError::Unreadable {
            path: id.to_string(),
            cause: "there is no such content".to_owned(),
        })
    }
}
