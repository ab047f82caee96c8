//! History: what names mean, single commits, and walking back from one.

use super::error::shown;
use super::ids::{commit_id, content_id, oid};
use super::paths::Paths;
use super::{GitError, Head, Repo};
use crate::model::{Commit, CommitId, ContentId, clean};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// How to walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Commits to pass over first.
    pub skip: usize,
    /// At most so many; all if `None`.
    pub limit: Option<usize>,
    /// Follow only the first parent of merges: the branch's own story.
    pub first_parent: bool,
    /// Only commits that changed one of these files or folders; all commits if empty.
    pub paths: Vec<Arc<str>>,
    /// Stop at these commits and what they contain.
    pub without: Vec<CommitId>,
}

impl Repo {
    /// The commit that a name, tag, id, short id or expression (`HEAD~2`, `main^2`, `v1.0`) means.
    pub fn resolve(&self, text: &str) -> Result<CommitId, GitError> {
        let found = self.with(|handle| {
            let object = handle.revparse_single(text).map_err(|error| unresolved(text, &error))?;
            let commit = object.peel_to_commit().map_err(|error| unresolved(text, &error))?;
            Ok(commit_id(commit.id()))
        });
        match (found, text.starts_with("HEAD")) {
            (Err(GitError::NoSuchRevision { name }), true) => Err(match self.head()? {
                Head::Unborn { name: branch } => GitError::Unborn { branch },
                _ => GitError::NoSuchRevision { name },
            }),
            (found, _) => found,
        }
    }

    /// Whether `old` is `new` or one of the commits before it.
    pub fn contains(&self, new: CommitId, old: CommitId) -> Result<bool, GitError> {
        if new == old {
            return Ok(true);
        }
        self.with(|handle| {
            handle
                .graph_descendant_of(oid(new.0), oid(old.0))
                .map_err(GitError::store("cannot compare histories"))
        })
    }

    /// One commit. Where a shallow clone ends, it has no parents.
    pub fn commit_at(&self, id: CommitId) -> Result<Commit, GitError> {
        let edge = self.inner.graph.edge();
        self.with(|handle| {
            let commit = handle
                .find_commit(oid(id.0))
                .map_err(|_| GitError::NoSuchRevision { name: id.to_string() })?;
            let parents = if edge.contains(&id) { Vec::new() } else { commit.parent_ids().collect() };
            let author = commit.author();
            let message = clean(&String::from_utf8_lossy(commit.message_bytes()));
            Ok(Commit {
                id,
                tree: content_id(commit.tree_id()),
                parents: parents.into_iter().map(commit_id).collect(),
                author: one_line(author.name_bytes()),
                email: one_line(author.email_bytes()),
                time: author.when().seconds(),
                subject: one_line(commit.summary_bytes().unwrap_or_default()),
                message: message.into(),
            })
        })
    }

    /// The commits before and including `from`, newest first by commit time as in `git log`: a child comes
    /// before its parents wherever clocks were right.
    pub fn log(&self, from: CommitId, options: &LogOptions) -> Result<Vec<Commit>, GitError> {
        let limit = options.limit.unwrap_or(usize::MAX);
        self.walk(from, options)?.skip(options.skip).take(limit).map(|id| self.commit_at(id?)).collect()
    }

    /// The same as ids, one by one, without end until history ends; `skip` and `limit` are the caller's.
    pub fn walk(&self, from: CommitId, options: &LogOptions) -> Result<Walk, GitError> {
        let mut walk = Walk {
            repo: self.clone(),
            edge: self.inner.graph.edge(),
            queue: BinaryHeap::new(),
            queued: HashSet::new(),
            hidden: self.all_before(&options.without)?,
            first_parent: options.first_parent,
            paths: Paths::new(&options.paths),
        };
        walk.enqueue(from, i64::MAX)?;
        Ok(walk)
    }

    /// The last `limit` commits that touched one of `paths`, newest first.
    pub fn log_of_paths(
        &self,
        paths: &[Arc<str>],
        from: CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>, GitError> {
        let options = LogOptions { paths: paths.to_vec(), limit: Some(limit), ..LogOptions::default() };
        self.log(from, &options)
    }

    fn all_before(&self, ends: &[CommitId]) -> Result<HashSet<CommitId>, GitError> {
        let history = self.history();
        let mut all = HashSet::new();
        let mut open = ends.to_vec();
        while let Some(id) = open.pop() {
            if all.insert(id) {
                let node = history.node(id)?;
                open.extend(history.parents(id, &node).iter().filter(|parent| !all.contains(*parent)));
            }
        }
        Ok(all)
    }
}

/// A walk through history; made by [`Repo::walk`].
pub struct Walk {
    repo: Repo,
    edge: HashSet<CommitId>,
    /// By time; those of the same second in the order they were found, as in git.
    queue: BinaryHeap<(i64, Reverse<usize>, CommitId)>,
    queued: HashSet<CommitId>,
    hidden: HashSet<CommitId>,
    first_parent: bool,
    paths: Paths,
}

impl Walk {
    /// A parent never counts as newer than the child that led to it, so that one wrong clock disturbs little.
    fn enqueue(&mut self, id: CommitId, child_time: i64) -> Result<(), GitError> {
        if !self.hidden.contains(&id) && self.queued.insert(id) {
            let time = self.repo.node(id)?.time.min(child_time);
            self.queue.push((time, Reverse(self.queued.len()), id));
        }
        Ok(())
    }

    /// Takes the next commit; `None` if it did not touch the paths.
    fn step(&mut self, id: CommitId, time: i64) -> Result<Option<CommitId>, GitError> {
        let node = self.repo.node(id)?;
        let mut parents: &[CommitId] = if self.edge.contains(&id) { &[] } else { &node.parents };
        if self.first_parent {
            parents = &parents[..parents.len().min(1)];
        }
        let mut touched = true;
        if !self.paths.is_empty() {
            // As `git log -- path`: a parent that has the same explains everything.
            if let Some(same) = self.same_parent(node.tree, parents)? {
                parents = std::slice::from_ref(&parents[same]);
                touched = false;
            } else if parents.is_empty() {
                touched = self.paths.any_in(&self.repo, node.tree)?;
            }
        }
        for parent in parents {
            self.enqueue(*parent, time)?;
        }
        Ok(touched.then_some(id))
    }

    fn same_parent(&mut self, tree: ContentId, parents: &[CommitId]) -> Result<Option<usize>, GitError> {
        for (index, parent) in parents.iter().enumerate() {
            let before = self.repo.node(*parent)?.tree;
            if self.paths.same(&self.repo, before, tree)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}

impl Iterator for Walk {
    type Item = Result<CommitId, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((time, _, id)) = self.queue.pop() {
            match self.step(id, time) {
                Ok(None) => {}
                Ok(Some(id)) => return Some(Ok(id)),
                Err(error) => {
                    self.queue.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn unresolved(text: &str, error: &git2::Error) -> GitError {
    let name = shown(Path::new(text));
    match error.code() {
        git2::ErrorCode::Ambiguous => GitError::Ambiguous { name },
        git2::ErrorCode::UnbornBranch => GitError::Unborn { branch: name },
        _ => GitError::NoSuchRevision { name },
    }
}

fn one_line(bytes: &[u8]) -> Arc<str> {
    clean(&String::from_utf8_lossy(bytes)).replace('\n', " ").into()
}
