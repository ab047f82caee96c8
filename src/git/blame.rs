//! Blame: which commit wrote each line of a file.

use super::graph::History;
use super::lines::{Hunk, count, hunks, origins};
use super::tree::CommitTree;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId, EntryKind, Revision, Tree};
use std::collections::{BinaryHeap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Who wrote a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlameLine {
    /// The line in the file that was asked about, from 1.
    pub line: u32,
    /// The commit that wrote it; `None` if it is not committed yet.
    pub commit: Option<CommitId>,
    /// What the file was called then.
    pub path: Arc<str>,
    /// The line in that commit's version, from 1.
    pub original: u32,
}

impl Repo {
    /// Who wrote the lines of a file (all if `None`), across exact and near renames.
    ///
    /// Where a shallow clone ends, lines belong to the last commit it has.
    pub fn blame(
        &self,
        path: &str,
        revision: Revision,
        lines: Option<RangeInclusive<u32>>,
    ) -> Result<Vec<BlameLine>, GitError> {
        let tree = self.tree(revision)?;
        let Some(entry) = tree.entry(path)?.filter(|entry| entry.kind != EntryKind::Folder) else {
            return Err(GitError::NoSuchRevision { name: format!("{path} at this revision") });
        };
        let content = tree.read(entry.id)?;
        let asked = lines.unwrap_or(1..=u32::MAX);
        let open: Vec<Open> = (0..count(&content))
            .filter(|line| asked.contains(&(line + 1)))
            .map(|line| Open { asked: line, here: line })
            .collect();
        let mut blame = Blame {
            repo: self,
            history: self.history(),
            heap: BinaryHeap::new(),
            at: HashMap::new(),
            done: Vec::new(),
        };
        match revision {
            Revision::Commit(id) => blame.add(id, path.into(), open)?,
            Revision::Index | Revision::Worktree => blame.uncommitted(path, &content, open)?,
        }
        blame.run()
    }
}

/// A line whose author is not known yet: its number where it was asked for, and in the version at hand.
#[derive(Clone, Copy)]
struct Open {
    asked: u32,
    here: u32,
}

type Stop = (CommitId, Arc<str>);

struct Blame<'a> {
    repo: &'a Repo,
    history: History<'a>,
    /// Newest first, so that all children of a commit have spoken before it does.
    heap: BinaryHeap<(i64, CommitId, Arc<str>)>,
    at: HashMap<Stop, Vec<Open>>,
    done: Vec<BlameLine>,
}

impl Blame<'_> {
    fn add(&mut self, commit: CommitId, path: Arc<str>, open: Vec<Open>) -> Result<(), GitError> {
        if open.is_empty() {
            return Ok(());
        }
        let time = self.history.node(commit)?.time;
        let waiting = self.at.entry((commit, path.clone())).or_default();
        if waiting.is_empty() {
            self.heap.push((time, commit, path));
        }
        waiting.extend(open);
        Ok(())
    }

    fn run(mut self) -> Result<Vec<BlameLine>, GitError> {
        while let Some((_, commit, path)) = self.heap.pop() {
            if let Some(open) = self.at.remove(&(commit, path.clone())) {
                self.visit(commit, &path, open)?;
            }
        }
        self.done.sort_by_key(|line| line.line);
        Ok(self.done)
    }

    /// Hands on to the parents what they had already; the rest was written here.
    fn visit(&mut self, commit: CommitId, path: &Arc<str>, mut open: Vec<Open>) -> Result<(), GitError> {
        let node = self.history.node(commit)?;
        let Some(id) = self.file(node.tree, path)? else { return Ok(()) };
        let parents = self.history.parents(commit, &node).to_vec();
        let mut before = Vec::new();
        for parent in parents {
            if let Some((old_path, old)) = self.before(commit, parent, path, id)? {
                if old == id {
                    return self.add(parent, old_path, open);
                }
                before.push((parent, old_path, old));
            }
        }
        for (parent, old_path, old) in before {
            let (old, new) = (self.repo.inner.blob(old)?, self.repo.inner.blob(id)?);
            let (kept, rest) = hand_on(open, &hunks(&old, &new)?, count(&new));
            self.add(parent, old_path, kept)?;
            open = rest;
        }
        self.settle(Some(commit), path, &open);
        Ok(())
    }

    fn settle(&mut self, commit: Option<CommitId>, path: &Arc<str>, open: &[Open]) {
        self.done.extend(open.iter().map(|line| BlameLine {
            line: line.asked + 1,
            commit,
            path: path.clone(),
            original: line.here + 1,
        }));
    }

    fn uncommitted(&mut self, path: &str, content: &[u8], open: Vec<Open>) -> Result<(), GitError> {
        let path: Arc<str> = path.into();
        let head = match self.repo.head()? {
            super::Head::Branch { at, .. } | super::Head::Detached { at } => Some(at),
            super::Head::Unborn { .. } => None,
        };
        let tree = head.map(|head| self.history.node(head)).transpose()?.map(|node| node.tree);
        let old = tree.map(|tree| self.file(tree, &path)).transpose()?.flatten();
        let (Some(head), Some(old)) = (head, old) else {
            self.settle(None, &path, &open);
            return Ok(());
        };
        let old = self.repo.inner.blob(old)?;
        let (kept, rest) = hand_on(open, &hunks(&old, content)?, count(content));
        self.settle(None, &path, &rest);
        self.add(head, path, kept)
    }

    fn file(&self, tree: ContentId, path: &str) -> Result<Option<ContentId>, GitError> {
        let tree = CommitTree::new(self.repo.inner.clone(), tree);
        Ok(tree.entry(path)?.filter(|entry| entry.kind != EntryKind::Folder).map(|entry| entry.id))
    }

    /// The file in a parent: at its path, or where it was renamed from.
    fn before(
        &self,
        commit: CommitId,
        parent: CommitId,
        path: &Arc<str>,
        id: ContentId,
    ) -> Result<Option<(Arc<str>, ContentId)>, GitError> {
        let tree = self.history.node(parent)?.tree;
        if let Some(old) = self.file(tree, path)? {
            return Ok(Some((path.clone(), old)));
        }
        let deltas = self.repo.deltas(Some(tree), Some(self.history.node(commit)?.tree))?;
        self.repo.renamed_from(&deltas, id)
    }
}

fn hand_on(open: Vec<Open>, hunks: &[Hunk], lines: u32) -> (Vec<Open>, Vec<Open>) {
    let origins = origins(hunks, lines);
    let mut kept = Vec::new();
    let mut rest = Vec::new();
    for line in open {
        match origins.get(line.here as usize).copied().flatten() {
            Some(here) => kept.push(Open { here, ..line }),
            None => rest.push(line),
        }
    }
    (kept, rest)
}
