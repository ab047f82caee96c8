//! A few paths compared along thousands of commits, reading each folder once.

use super::folder::{raw_entries, read_object};
use super::{GitError, Repo};
use crate::model::ContentId;
use std::collections::HashMap;
use std::sync::Arc;

/// What stands at a set of paths, remembered by folder.
///
/// Most commits leave most folders alone, so nearly every question is answered by an id seen before.
pub(super) struct Paths {
    paths: Vec<Vec<Arc<str>>>,
    known: HashMap<(ContentId, Arc<str>), Option<Found>>,
}

type Found = (u32, ContentId);

/// The id of the empty tree, which need not be in the object store.
const NOTHING: ContentId = ContentId([
    0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb,
    0xee, 0x49, 0x04,
]);

impl Paths {
    pub(super) fn new(paths: &[Arc<str>]) -> Self {
        let split = |path: &Arc<str>| path.split('/').map(Arc::from).collect();
        let paths = if paths.iter().any(|path| path.is_empty()) { &[] } else { paths };
        Self { paths: paths.iter().map(split).collect(), known: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether both trees hold the same at every path.
    pub(super) fn same(&mut self, repo: &Repo, one: ContentId, other: ContentId) -> Result<bool, GitError> {
        for index in 0..self.paths.len() {
            if self.differs(repo, index, one, other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the tree holds something at one of the paths.
    pub(super) fn any_in(&mut self, repo: &Repo, tree: ContentId) -> Result<bool, GitError> {
        Ok(!self.same(repo, NOTHING, tree)?)
    }

    fn differs(
        &mut self,
        repo: &Repo,
        path: usize,
        one: ContentId,
        other: ContentId,
    ) -> Result<bool, GitError> {
        let (mut a, mut b) = (Some((0o040_000, one)), Some((0o040_000, other)));
        for depth in 0..self.paths[path].len() {
            if a == b {
                return Ok(false);
            }
            let name = self.paths[path][depth].clone();
            a = self.child(repo, a, &name)?;
            b = self.child(repo, b, &name)?;
        }
        Ok(a != b)
    }

    fn child(
        &mut self,
        repo: &Repo,
        folder: Option<Found>,
        name: &Arc<str>,
    ) -> Result<Option<Found>, GitError> {
        let Some((0o040_000, id)) = folder else { return Ok(None) };
        if id == NOTHING {
            return Ok(None);
        }
        if let Some(known) = self.known.get(&(id, name.clone())) {
            return Ok(*known);
        }
        let found = look_up(repo, id, name)?;
        self.known.insert((id, name.clone()), found);
        Ok(found)
    }
}

fn look_up(repo: &Repo, folder: ContentId, name: &str) -> Result<Option<Found>, GitError> {
    let object = read_object(&repo.inner.odb, folder, git2::ObjectType::Tree)?;
    for entry in raw_entries(object.data()) {
        match entry {
            Some((mode, own, id)) if own == name.as_bytes() => return Ok(Some((mode, id))),
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_the_empty_tree() {
        assert_eq!(NOTHING, super::super::flat::tree_id(Vec::new()));
    }
}
