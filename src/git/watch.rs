//! A cheap answer to "has anything changed?", for asking every second.

use super::Repo;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Equal as long as nothing changed; only good for comparing within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// Files of the `.git` folder that tell of a change: what is checked out, staged, half done, fetched.
const OWN: [&str; 9] = [
    "HEAD",
    "index",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "rebase-merge",
    "rebase-apply",
    "BISECT_LOG",
    "sealane",
];
const SHARED: [&str; 5] = ["packed-refs", "config", "shallow", "FETCH_HEAD", "info/exclude"];

impl Repo {
    /// Changes when a branch, tag or `HEAD` moves, something is staged, or an operation begins or ends.
    ///
    /// git moves a ref by renaming a file over it, which changes its folder, so one `stat` a folder of
    /// `refs` is enough.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        for name in OWN {
            stamp(&self.inner.git_dir.join(name), &mut hasher);
        }
        for name in SHARED {
            stamp(&self.inner.common_dir.join(name), &mut hasher);
        }
        let mut open: Vec<PathBuf> = vec![self.inner.common_dir.join("refs")];
        while let Some(folder) = open.pop() {
            stamp(&folder, &mut hasher);
            let below = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut below: Vec<PathBuf> = below
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path())
                .collect();
            below.sort();
            open.extend(below);
        }
        Fingerprint(hasher.finish())
    }

    /// Changes when a tracked file changes on disk, or a file appears or goes in a folder that has tracked
    /// ones: one `stat` for each.
    pub fn worktree_fingerprint(&self) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        let (Some(root), Ok(entries)) = (&self.inner.workdir, self.index_entries()) else {
            return Fingerprint(hasher.finish());
        };
        let mut folders: std::collections::BTreeSet<PathBuf> = std::collections::BTreeSet::new();
        folders.insert(root.clone());
        for entry in entries {
            let path = root.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&entry.path));
            stamp(&path, &mut hasher);
            let above = path.ancestors().skip(1).take_while(|folder| *folder != root);
            for folder in above {
                if !folders.insert(folder.to_owned()) {
                    break;
                }
            }
        }
        for folder in folders {
            stamp(&folder, &mut hasher);
        }
        Fingerprint(hasher.finish())
    }
}

fn stamp(path: &Path, hasher: &mut DefaultHasher) {
    let meta = std::fs::symlink_metadata(path).ok();
    let of = |meta: &Metadata| (meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino(), meta.mode());
    meta.as_ref().map(of).hash(hasher);
}
