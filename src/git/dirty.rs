//! Whether files in the way of a change hold work of the user.

use super::changes::Delta;
use super::folder::mode;
use super::{GitError, Repo};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

impl Repo {
    /// Refuses if replacing the files of `deltas` would lose something that is not committed: changed or
    /// staged files, and files that git does not know or ignores where a new one goes.
    pub(super) fn refuse_dirty(&self, deltas: &[Delta]) -> Result<(), GitError> {
        let root = self.workdir()?;
        let going: HashSet<&str> =
            deltas.iter().filter(|delta| delta.after.is_none()).map(|delta| delta.path.as_ref()).collect();
        let mut files: Vec<Arc<str>> = Vec::new();
        for delta in deltas {
            let is_dirty = match &delta.before {
                Some(before) if before.mode == mode::SUBMODULE => false,
                Some(_) => !self.is_clean(&delta.path)?,
                None => false,
            };
            if is_dirty {
                files.push(delta.path.clone());
            }
            if delta.after.is_some() && delta.before.is_none() {
                files.extend(self.in_the_way(root, &delta.path, &going)?);
            }
        }
        files.sort();
        files.dedup();
        if files.is_empty() { Ok(()) } else { Err(GitError::Dirty { files }) }
    }

    fn is_clean(&self, path: &str) -> Result<bool, GitError> {
        self.with(|handle| match handle.status_file(Path::new(path)) {
            Ok(status) => Ok(status.is_empty()),
            // A folder or nothing where the file should be.
            Err(error) if matches!(error.code(), git2::ErrorCode::NotFound | git2::ErrorCode::Ambiguous) => {
                Ok(false)
            }
            Err(error) => Err(GitError::store("cannot read the state of a file")(error)),
        })
    }

    /// What stands where a new file goes, apart from what goes in the same change.
    fn in_the_way(&self, root: &Path, path: &str, going: &HashSet<&str>) -> Result<Vec<Arc<str>>, GitError> {
        for (end, _) in path.match_indices('/') {
            let above = &path[..end];
            let is_other = root.join(above).symlink_metadata().is_ok_and(|meta| !meta.is_dir());
            if is_other && !going.contains(above) {
                return Ok(vec![above.into()]);
            }
        }
        let staged = self.index_has(path)?;
        match root.join(path).symlink_metadata() {
            Ok(meta) if meta.is_dir() => Ok(left_in(root, path, going)),
            Ok(_) => Ok(vec![path.into()]),
            Err(_) if staged => Ok(vec![path.into()]),
            Err(_) => Ok(Vec::new()),
        }
    }

    fn index_has(&self, path: &str) -> Result<bool, GitError> {
        self.with(|handle| {
            let failed = GitError::store("cannot read the index");
            let mut index = handle.index().map_err(&failed)?;
            index.read(false).map_err(&failed)?;
            Ok((0..4).any(|stage| index.get_path(Path::new(path), stage).is_some()))
        })
    }
}

/// The files in a folder that do not go with the change.
fn left_in(root: &Path, folder: &str, going: &HashSet<&str>) -> Vec<Arc<str>> {
    let mut left = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if !going.contains(path.as_str()) {
                left.push(crate::model::clean(&path).replace('\n', "␊").into());
            }
        }
    }
    left
}
