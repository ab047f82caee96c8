//! New repositories from a list of commits, without a process, a disk flush, or anybody's configuration. For what is thrown
//! away again: the demo.

use super::GitError;
use super::folder::mode;
use super::write::{Change, Node, check_path, folder};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// A commit on top of the one before it in the list.
#[derive(Clone, Debug)]
pub struct Told {
    /// The author's and committer's name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Minutes that their clock is ahead of UTC.
    pub ahead: i32,
    /// The whole message, with its last newline.
    pub message: String,
    /// Path and content of what changes; `None` removes the file.
    pub files: BTreeMap<String, Option<String>>,
}

/// Writes the commits into one pack of the repository at `git_dir`, which is laid out and empty, and moves `branch` to the
/// last one. Ids depend on the commits alone.
pub fn found(git_dir: &Path, branch: &str, commits: &[Told]) -> Result<(), GitError> {
    let failed = GitError::store("cannot write the new repository");
    let repository = git2::Repository::open(git_dir).map_err(&failed)?;
    let store = repository.odb().map_err(&failed)?;
    // Objects gather in memory first: one file is written instead of hundreds.
    let memory = store.add_new_mempack_backend(1000).map_err(&failed)?;
    let mut last = None;
    for told in commits {
        last = Some(commit(&repository, told, last)?);
    }
    let mut pack = git2::Buf::new();
    memory.dump(&repository, &mut pack).map_err(&failed)?;
    let mut writer = store.packwriter().map_err(&failed)?;
    writer.write_all(&pack).map_err(GitError::disk(git_dir))?;
    writer.commit().map_err(&failed)?;
    if let Some(last) = last {
        repository.reference(&format!("refs/heads/{branch}"), last, true, "").map_err(&failed)?;
    }
    Ok(())
}

fn commit(
    repository: &git2::Repository,
    told: &Told,
    parent: Option<git2::Oid>,
) -> Result<git2::Oid, GitError> {
    let failed = GitError::store("cannot write a commit of the new repository");
    let parent = parent.map(|id| repository.find_commit(id)).transpose().map_err(&failed)?;
    let mut root = Node::default();
    for (path, content) in &told.files {
        check_path(path)?;
        let blob = content.as_ref().map(|text| repository.blob(text.as_bytes())).transpose();
        let at = path.split('/').fold(&mut root, |at, name| at.inside.entry(name.to_owned()).or_default());
        at.file = blob.map_err(&failed)?.map_or(Change::Remove, |blob| Change::Write(mode::FILE, blob));
    }
    let before = parent.as_ref().map(git2::Commit::tree_id);
    let tree = folder(repository, before, "", &root).map_err(|stop| stop.into_error(repository.path()))?;
    let tree = match tree {
        Some(tree) => tree,
        None => repository.treebuilder(None).and_then(|empty| empty.write()).map_err(&failed)?,
    };
    let tree = repository.find_tree(tree).map_err(&failed)?;
    let time = git2::Time::new(told.seconds, told.ahead);
    let who = git2::Signature::new(&told.name, &told.email, &time).map_err(&failed)?;
    let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
    repository.commit(None, &who, &who, &told.message, &tree, &parents).map_err(&failed)
}

/// Writes the index and the files of HEAD into a worktree that is empty. A file that is there is left as it is.
#[expect(clippy::disallowed_methods, reason = "the worktree of a clone just made is nobody's yet")]
pub fn fill(worktree: &Path) -> Result<(), GitError> {
    let failed = GitError::store("cannot write the files of the new clone");
    let repository = git2::Repository::open(worktree).map_err(&failed)?;
    let mut how = git2::build::CheckoutBuilder::new();
    how.safe().recreate_missing(true).disable_filters(true);
    repository.checkout_head(Some(&mut how)).map_err(&failed)
}
