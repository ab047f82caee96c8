//! `DiskTree`: files as they lie on disk, read one by one when somebody asks; for building a folder that git may not know.

use super::ids::id_of;
use super::tree::LARGEST_FILE;
use crate::model::{ContentId, EntryKind, Tree, TreeEntry, TreeError};
use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files below a folder. Nothing is listed or read before it is asked for.
///
/// A file's id says which file it is and when it was changed, not what it holds: two equal files have different ids.
pub struct DiskTree {
    root: PathBuf,
    known: Mutex<HashMap<ContentId, PathBuf>>,
}

impl DiskTree {
    /// The tree for building `folder`: rooted at its repository, or at the file system's root where there is none.
    /// Gives the folder's path inside the tree, too.
    pub fn around(folder: &Path) -> std::io::Result<(Self, String)> {
        let folder = folder.canonicalize()?;
        let repository = folder.ancestors().find(|a| a.join(".git").exists());
        let root = repository.or_else(|| folder.ancestors().last()).unwrap_or(&folder).to_owned();
        let inside = folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().replace('\\', "/");
        Ok((Self { root, known: Mutex::default() }, inside))
    }

    fn describe(&self, path: &Path, metadata: &Metadata) -> Option<TreeEntry> {
        let kind = if metadata.file_type().is_symlink() {
            EntryKind::Link
        } else if metadata.is_dir() {
            EntryKind::Folder
        } else if metadata.is_file() {
            EntryKind::File
        } else {
            return None;
        };
        let id = identity(path, metadata);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(id, path.to_owned());
        Some(TreeEntry { kind, id })
    }
}

impl Tree for DiskTree {
    fn id(&self) -> ContentId {
        ContentId([0; 20])
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>, TreeError> {
        let full = self.root.join(path);
        match full.symlink_metadata() {
            Ok(metadata) => Ok(self.describe(&full, &metadata)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    fn list(&self, path: &str) -> Result<Option<Vec<(Arc<str>, TreeEntry)>>, TreeError> {
        let entries = match std::fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(unreadable(path, &error)),
        };
        let mut found: Vec<(Arc<str>, TreeEntry)> = Vec::new();
        for entry in entries.flatten().filter(|e| e.file_name() != ".git") {
            let Ok(metadata) = entry.metadata() else { continue };
            if let (Some(name), Some(described)) =
                (entry.file_name().to_str(), self.describe(&entry.path(), &metadata))
            {
                found.push((Arc::from(name), described));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Some(found))
    }

    fn read(&self, id: ContentId) -> Result<Arc<[u8]>, TreeError> {
        let path = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let path = path.ok_or_else(|| TreeError::Unreadable {
            path: id.to_string(),
            cause: "nobody asked for it".into(),
        })?;
        let shown = path.to_string_lossy().into_owned();
        let metadata = path.symlink_metadata().map_err(|e| unreadable(&shown, &e))?;
        if metadata.is_symlink() {
            let target = std::fs::read_link(&path).map_err(|e| unreadable(&shown, &e))?;
            return Ok(target.to_string_lossy().as_bytes().into());
        }
        if metadata.len() > LARGEST_FILE {
            return Err(TreeError::TooLarge { path: shown, bytes: metadata.len(), limit: LARGEST_FILE });
        }
        std::fs::read(&path).map(Into::into).map_err(|e| unreadable(&shown, &e))
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn unreadable(path: &str, error: &std::io::Error) -> TreeError {
    TreeError::Unreadable { path: path.to_owned(), cause: error.to_string() }
}

/// Which file, and when it was changed.
fn identity(path: &Path, metadata: &Metadata) -> ContentId {
    let changed = metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    id_of(format!("{} {} {changed:?}", path.display(), metadata.len()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_git_is_read_where_it_lies() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("base")).expect("made");
        std::fs::write(folder.path().join("base/a.yaml"), "a: 1\n").expect("written");
        let (tree, inside) = DiskTree::around(&folder.path().join("base")).expect("there");
        let entry = tree.entry(&format!("{inside}/a.yaml")).expect("readable").expect("there");
        assert_eq!(&*tree.read(entry.id).expect("read"), b"a: 1\n");
        assert_eq!(tree.list(&inside).expect("readable").expect("a folder").len(), 1);
        assert!(tree.entry(&format!("{inside}/b.yaml")).expect("readable").is_none());
    }
}
