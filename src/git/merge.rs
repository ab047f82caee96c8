//! Three-way merge of whole commits in memory; nothing is written anywhere.

use super::change::{FileChange, FileMode, TreeChange};
use super::changes::Delta;
use super::conflict::{ConflictFile, ConflictKind};
use super::folder::Named;
use super::ids::id_of;
use super::lines::{Joined, join};
use super::tree::CommitTree;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tried for a file that line-wise merging cannot join: path, base, ours, theirs. A sealed file conflicts on
/// its MAC with every edit, and whoever can open it can join it by value (secrets.md 5.2).
pub type Resolve<'a> = &'a dyn Fn(&str, &[u8], &[u8], &[u8]) -> Option<Vec<u8>>;

/// The files of a commit with changes laid on top, one after the other.
pub(super) struct Workbench<'a> {
    repo: &'a Repo,
    onto: CommitId,
    tree: CommitTree,
    touched: BTreeMap<Arc<str>, Option<Version>>,
    resolve: Resolve<'a>,
}

/// Whether a file could be changed, or which file could not and why.
type Fits = Result<(), (Arc<str>, ConflictKind)>;

/// A file as it stands on the bench.
#[derive(Clone)]
struct Version {
    mode: FileMode,
    id: ContentId,
    /// `None` while it is in the object store.
    content: Option<Arc<[u8]>>,
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        (self.mode, self.id) == (other.mode, other.id)
    }
}

impl<'a> Workbench<'a> {
    pub(super) fn new(repo: &'a Repo, onto: CommitId, resolve: Resolve<'a>) -> Result<Self, GitError> {
        Ok(Self { repo, onto, tree: repo.commit_tree(onto)?, touched: BTreeMap::new(), resolve })
    }

    /// Applies `deltas`; gives the files that would not fit, which are left as they were.
    pub(super) fn apply(&mut self, deltas: &[Delta]) -> Result<Vec<ConflictFile>, GitError> {
        let renames = self.repo.renames(deltas)?;
        let mut conflicts = Vec::new();
        for delta in deltas {
            let is_source = renames.values().any(|from| *from == delta.path);
            let source = renames.get(&delta.path);
            let fits = match source.and_then(|from| deltas.iter().find(|other| other.path == *from)) {
                Some(from) => self.follow(from, delta)?,
                None if is_source => Ok(()),
                None => self.change(deltas, delta)?,
            };
            if let Err((path, kind)) = fits {
                conflicts.push(ConflictFile { path, kind, later: Vec::new() });
            }
        }
        Ok(conflicts)
    }

    /// Changes one file in place.
    fn change(&mut self, deltas: &[Delta], delta: &Delta) -> Result<Fits, GitError> {
        let base = version(delta, delta.before.as_ref())?;
        let theirs = version(delta, delta.after.as_ref())?;
        let (path, ours) = self.ours(deltas, delta)?;
        if ours == theirs {
            return Ok(self.moved(delta)?.map_or(Ok(()), |to| Err((path, ConflictKind::MovedLater(to)))));
        }
        let new = if ours == base {
            theirs
        } else {
            match self.join(&path, base.as_ref(), ours.as_ref(), theirs.as_ref())? {
                Ok(joined) => Some(joined),
                Err(kind) => return Ok(Err((path, kind))),
            }
        };
        self.touched.insert(path, new);
        Ok(Ok(()))
    }

    /// Renames one file, taking along what was changed in it since.
    fn follow(&mut self, from: &Delta, to: &Delta) -> Result<Fits, GitError> {
        let base = version(from, from.before.as_ref())?;
        let theirs = version(to, to.after.as_ref())?;
        let (ours, there) = (self.version(&from.path)?, self.version(&to.path)?);
        if ours.is_none() && there == theirs {
            return Ok(Ok(()));
        }
        if ours.is_none() {
            return Ok(Err((from.path.clone(), ConflictKind::RemovedLater)));
        }
        if there.is_some() {
            return Ok(Err((to.path.clone(), ConflictKind::AddedTwice)));
        }
        match self.join(&from.path, base.as_ref(), ours.as_ref(), theirs.as_ref())? {
            Ok(joined) => {
                self.touched.insert(from.path.clone(), None);
                self.touched.insert(to.path.clone(), Some(joined));
                Ok(Ok(()))
            }
            Err(kind) => Ok(Err((from.path.clone(), kind))),
        }
    }

    /// Where a file lives on that would have to be removed and is not at its path any more.
    fn moved(&self, delta: &Delta) -> Result<Option<Arc<str>>, GitError> {
        if delta.before.is_none() || delta.after.is_some() || self.touched.contains_key(&delta.path) {
            return Ok(None);
        }
        let to = self.repo.renamed_to(&delta.path, self.onto)?;
        Ok(match to {
            Some(to) if self.version(&to)?.is_some() => Some(to),
            _ => None,
        })
    }

    /// Our version of a changed file, under the name that it has by now.
    fn ours(&self, deltas: &[Delta], delta: &Delta) -> Result<(Arc<str>, Option<Version>), GitError> {
        let here = self.version(&delta.path)?;
        if here.is_none()
            && delta.before.is_some()
            && delta.after.is_some()
            && let Some(path) = self.repo.renamed_to(&delta.path, self.onto)?
            && !deltas.iter().any(|other| other.path == path)
            && let Some(moved) = self.version(&path)?
        {
            return Ok((path, Some(moved)));
        }
        Ok((delta.path.clone(), here))
    }

    fn version(&self, path: &str) -> Result<Option<Version>, GitError> {
        if let Some(touched) = self.touched.get(path) {
            return Ok(touched.clone());
        }
        Ok(self.tree.named(path)?.and_then(|named| {
            let mode = FileMode::from_bits(named.mode)?;
            Some(Version { mode, id: named.id, content: None })
        }))
    }

    fn join(
        &self,
        path: &str,
        base: Option<&Version>,
        ours: Option<&Version>,
        theirs: Option<&Version>,
    ) -> Result<Result<Version, ConflictKind>, GitError> {
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return Ok(Err(if ours.is_none() {
                ConflictKind::RemovedLater
            } else {
                ConflictKind::ChangedLater
            }));
        };
        let Some(base) = base else { return Ok(Err(ConflictKind::AddedTwice)) };
        let Some(mode) = three_way(&base.mode, &ours.mode, &theirs.mode) else {
            return Ok(Err(ConflictKind::Kind));
        };
        if let Some(id) = three_way(&base.id, &ours.id, &theirs.id) {
            let content = if *id == ours.id { &ours.content } else { &theirs.content };
            return Ok(Ok(Version { mode: *mode, id: *id, content: content.clone() }));
        }
        if [base, ours, theirs].iter().any(|side| side.mode == FileMode::Link) {
            return Ok(Err(ConflictKind::Kind));
        }
        let [base, ours, theirs] = [self.bytes(base)?, self.bytes(ours)?, self.bytes(theirs)?];
        let kind = match join(&base, &ours, &theirs)? {
            Joined::Clean(content) => return Ok(Ok(Version::new(*mode, content))),
            Joined::Collide(lines) => ConflictKind::Lines(lines.into_iter().map(from_one).collect()),
            Joined::Binary => ConflictKind::Binary,
        };
        Ok(match (self.resolve)(path, &base, &ours, &theirs) {
            Some(content) => Ok(Version::new(*mode, content)),
            None => Err(kind),
        })
    }

    fn bytes(&self, version: &Version) -> Result<Arc<[u8]>, GitError> {
        match &version.content {
            Some(content) => Ok(content.clone()),
            None => Ok(self.repo.inner.blob(version.id)?),
        }
    }

    /// What differs from `onto` in the end.
    pub(super) fn finish(self) -> Result<TreeChange, GitError> {
        let mut files = Vec::new();
        for (path, version) in &self.touched {
            let now = self.tree.named(path)?.map(|named| (FileMode::from_bits(named.mode), named.id));
            let then = version.as_ref().map(|version| (Some(version.mode), version.id));
            if now == then {
                continue;
            }
            let content = version.as_ref().map(|version| self.bytes(version)).transpose()?;
            let mode = version.as_ref().map(|version| version.mode);
            files.push(FileChange { path: path.clone(), content, mode });
        }
        Ok(TreeChange { onto: self.onto, files })
    }
}

impl Version {
    fn new(mode: FileMode, content: Vec<u8>) -> Self {
        Self { mode, id: id_of(&content), content: Some(content.into()) }
    }
}

fn version(delta: &Delta, side: Option<&Named>) -> Result<Option<Version>, GitError> {
    let Some(named) = side else { return Ok(None) };
    let refuse = |cause| GitError::Path { path: delta.path.to_string(), cause };
    if delta.odd {
        return Err(refuse("its name is not plain text"));
    }
    let mode = FileMode::from_bits(named.mode).ok_or_else(|| refuse("it is a submodule"))?;
    Ok(Some(Version { mode, id: named.id, content: None }))
}

/// The side that changed; `None` if both did, differently.
fn three_way<'v, T: PartialEq>(base: &'v T, ours: &'v T, theirs: &'v T) -> Option<&'v T> {
    if ours == base {
        Some(theirs)
    } else if theirs == base || theirs == ours {
        Some(ours)
    } else {
        None
    }
}

fn from_one(lines: std::ops::Range<u32>) -> std::ops::Range<u32> {
    lines.start + 1..lines.end + 1
}
