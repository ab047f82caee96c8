//! A small tree in memory, for tests.

use crate::model::{ContentId, EntryKind, Tree, TreeEntry, TreeError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files by path; a path that ends in `@` is a link.
pub(crate) struct Files {
    files: BTreeMap<String, (EntryKind, Arc<[u8]>)>,
}

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| match path.strip_suffix('@') {
                Some(link) => (link.to_owned(), (EntryKind::Link, Arc::from(text.as_bytes()))),
                None => ((*path).to_owned(), (EntryKind::File, Arc::from(text.as_bytes()))),
            })
            .collect();
        Self { files }
    }

    fn id_of(bytes: &[u8]) -> ContentId {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(bytes);
        let mut id = [0; 20];
        id.copy_from_slice(&hash[..20]);
        ContentId(id)
    }

    fn folder_id(&self, prefix: &str) -> ContentId {
        let mut all = Vec::new();
        for (path, (_, bytes)) in self.files.iter().filter(|(path, _)| path.starts_with(prefix)) {
            all.extend_from_slice(path.as_bytes());
            all.extend_from_slice(&Self::id_of(bytes).0);
        }
        Self::id_of(&all)
    }
}

impl Tree for Files {
    fn id(&self) -> ContentId {
        self.folder_id("")
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        if let Some((kind, bytes)) = self.files.get(path) {
            return Ok(Some(TreeEntry { kind: *kind, id: Self::id_of(bytes) }));
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let found = self.files.keys().any(|file| file.starts_with(&prefix));
        Ok(found.then(|| TreeEntry { kind: EntryKind::Folder, id: self.folder_id(&prefix) }))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        if !self.entry(path)?.is_some_and(|entry| entry.kind == EntryKind::Folder) {
            return Ok(None);
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut names: BTreeMap<Arc<str>, TreeEntry> = BTreeMap::new();
        for file in self.files.keys().filter_map(|file| file.strip_prefix(&prefix)) {
            let name = file.split('/').next().unwrap_or(file);
            if let Some(entry) = self.entry(&format!("{prefix}{name}"))? {
                names.insert(name.into(), entry);
            }
        }
        Ok(Some(names.into_iter().collect()))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        let found = self.files.values().find(|(_, bytes)| Self::id_of(bytes) == id);
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(|| TreeError::Unreadable {
            path: id.to_string(),
            cause: "no such content".to_owned(),
        })
    }
}
