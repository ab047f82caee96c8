//! New tree objects: a commit's tree with some files changed.

use super::change::{FileChange, FileMode};
use super::folder::{mode, plain_name};
use super::ids::oid;
use super::{GitError, Repo};
use crate::model::{ContentId, clean};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Default, Clone, Copy)]
pub(super) enum Change {
    #[default]
    Keep,
    Remove,
    Write(u32, git2::Oid),
}

/// The changes below one name: of the file that has it, and of the folder.
#[derive(Default)]
pub(super) struct Node {
    pub(super) file: Change,
    pub(super) inside: BTreeMap<String, Node>,
}

impl Repo {
    /// Writes blobs and trees into the object store, nothing else; gives the new root.
    /// Whoever is killed here leaves objects that nothing refers to, which git clears away by and by.
    pub(super) fn write_tree(&self, base: ContentId, files: &[FileChange]) -> Result<ContentId, GitError> {
        let tree = super::tree::CommitTree::new(self.inner.clone(), base);
        self.with(|handle| {
            let mut root = Node::default();
            for file in files {
                check_path(&file.path)?;
                let bits = match file.mode {
                    Some(kind) => kind.bits(),
                    None => tree
                        .named(&file.path)?
                        .and_then(|named| FileMode::from_bits(named.mode))
                        .map_or(mode::FILE, FileMode::bits),
                };
                let blob = file.content.as_ref().map(|content| handle.blob(content)).transpose();
                let blob = blob.map_err(|error| no_room(&self.inner.common_dir, &error))?;
                let at = file
                    .path
                    .split('/')
                    .fold(&mut root, |at, name| at.inside.entry(name.to_owned()).or_default());
                at.file = blob.map_or(Change::Remove, |blob| Change::Write(bits, blob));
            }
            let top = folder(handle, Some(oid(base.0)), "", &root)
                .map_err(|stop| stop.into_error(&self.inner.common_dir))?;
            let top = match top {
                Some(top) => top,
                None => handle
                    .treebuilder(None)
                    .and_then(|empty| empty.write())
                    .map_err(|error| no_room(&self.inner.common_dir, &error))?,
            };
            Ok(super::ids::content_id(top))
        })
    }
}

/// What stops the writing of a folder.
pub(super) enum Stop {
    Path(String, &'static str),
    Store(git2::Error),
}

impl Stop {
    /// The error, for a repository whose shared folder this is.
    pub(super) fn into_error(self, common_dir: &Path) -> GitError {
        match self {
            Self::Path(path, cause) => GitError::Path { path: clean(&path), cause },
            Self::Store(error) => no_room(common_dir, &error),
        }
    }
}

impl From<git2::Error> for Stop {
    fn from(error: git2::Error) -> Self {
        Self::Store(error)
    }
}

/// Writes one folder; `None` if nothing is left in it.
pub(super) fn folder(
    handle: &git2::Repository,
    old: Option<git2::Oid>,
    path: &str,
    changes: &Node,
) -> Result<Option<git2::Oid>, Stop> {
    let old = old.map(|id| handle.find_tree(id)).transpose()?;
    let mut builder = handle.treebuilder(old.as_ref())?;
    for (name, change) in &changes.inside {
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let here = old.as_ref().and_then(|tree| tree.get_name(name).map(|e| (e.id(), e.kind())));
        let is_folder = matches!(here, Some((_, Some(git2::ObjectType::Tree))));
        let stays = here.is_some() && !is_folder && matches!(change.file, Change::Keep);
        if stays && !change.inside.is_empty() {
            return Err(Stop::Path(path, "a file, link or submodule stands where it needs a folder"));
        }
        let below = here.filter(|_| is_folder).map(|(id, _)| id);
        let inside = if change.inside.is_empty() { below } else { folder(handle, below, &path, change)? };
        let new = match (inside, change.file) {
            (Some(_), Change::Write(..)) => return Err(Stop::Path(path, "a folder stands there")),
            (Some(tree), _) => Some((tree, mode::FOLDER)),
            (None, Change::Write(bits, blob)) => Some((blob, bits)),
            (None, _) => None,
        };
        match new {
            Some((id, bits)) => {
                // The six modes that git knows fit any integer.
                builder.insert(name.as_str(), id, bits.cast_signed())?;
            }
            None if here.is_some() => builder.remove(name.as_str())?,
            None => {}
        }
    }
    if builder.is_empty() { Ok(None) } else { Ok(Some(builder.write()?)) }
}

/// Refuses what must never be written: outside of the worktree, into `.git` under any of its aliases, names
/// that trees keep out (secrets.md 8, git's `verify_path`).
pub(super) fn check_path(path: &str) -> Result<(), GitError> {
    let refuse = |cause| Err(GitError::Path { path: clean(path).replace('\n', "␊"), cause });
    if path.split('/').count() > 256 {
        return refuse("it has too many folders");
    }
    for name in path.split('/') {
        if plain_name(name.as_bytes()).is_err() {
            return refuse("a name in it is empty, reserved or not plain text");
        }
        let alias = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
        if name.contains('\\') || alias == "git~1" || alias == ".git" || alias.starts_with(".git:") {
            return refuse("a name in it means git's own folder on some systems");
        }
    }
    Ok(())
}

fn no_room(common_dir: &Path, error: &git2::Error) -> GitError {
    let path = super::error::shown(&common_dir.join("objects"));
    GitError::Disk { path, cause: clean(error.message()) }
}
