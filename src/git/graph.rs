//! The shape of history: parents, trees and times of commits, read once.

use super::folder::read_object;
use super::ids::oid;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId, TreeError};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What walking needs of a commit.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) tree: ContentId,
    /// As written in the commit, also where a shallow clone ends.
    pub(super) parents: Box<[CommitId]>,
    /// Committer time.
    pub(super) time: i64,
}

pub(super) struct Graph {
    nodes: Mutex<HashMap<CommitId, Arc<Node>>>,
    shallow: PathBuf,
}

impl Graph {
    pub(super) fn new(common_dir: &Path) -> Self {
        Self { nodes: Mutex::default(), shallow: common_dir.join("shallow") }
    }

    /// Commits whose parents a shallow clone left out; read anew, since a fetch may deepen it.
    pub(super) fn edge(&self) -> HashSet<CommitId> {
        let text = std::fs::read_to_string(&self.shallow).unwrap_or_default();
        text.lines().filter_map(CommitId::parse).collect()
    }
}

/// The history as this clone has it.
pub(super) struct History<'a> {
    repo: &'a Repo,
    edge: HashSet<CommitId>,
}

impl Repo {
    pub(super) fn history(&self) -> History<'_> {
        History { repo: self, edge: self.inner.graph.edge() }
    }

    pub(super) fn node(&self, id: CommitId) -> Result<Arc<Node>, GitError> {
        let nodes = &self.inner.graph.nodes;
        if let Some(known) = nodes.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(known.clone());
        }
        let missing = |error: TreeError| match error {
            TreeError::Unreadable { cause, .. } => GitError::Store { doing: "cannot read a commit", cause },
            other @ TreeError::TooLarge { .. } => {
                GitError::Store { doing: "cannot read a commit", cause: other.to_string() }
            }
        };
        if !self.inner.odb.exists(oid(id.0)) {
            return Err(GitError::NoSuchRevision { name: id.to_string() });
        }
        let object =
            read_object(&self.inner.odb, ContentId(id.0), git2::ObjectType::Commit).map_err(missing)?;
        let node =
            Arc::new(parse(object.data()).ok_or(GitError::Store {
                doing: "cannot read a commit",
                cause: format!("{id} is damaged"),
            })?);
        nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(id, node.clone());
        Ok(node)
    }
}

impl History<'_> {
    pub(super) fn node(&self, id: CommitId) -> Result<Arc<Node>, GitError> {
        self.repo.node(id)
    }

    /// The parents that this clone has.
    pub(super) fn parents<'n>(&self, id: CommitId, node: &'n Node) -> &'n [CommitId] {
        if self.edge.contains(&id) { &[] } else { &node.parents }
    }

    pub(super) fn at_edge(&self, id: CommitId) -> bool {
        self.edge.contains(&id)
    }

    /// The trees of a commit's first parent, if it has one, and of the commit. Where a shallow clone ends nobody knows
    /// what a commit changed ([`GitError::Shallow`]).
    pub(super) fn change(&self, commit: CommitId) -> Result<(Option<ContentId>, ContentId), GitError> {
        let node = self.node(commit)?;
        if self.at_edge(commit) {
            return Err(GitError::Shallow { at: commit });
        }
        let before = match self.parents(commit, &node).first() {
            Some(parent) => Some(self.node(*parent)?.tree),
            None => None,
        };
        Ok((before, node.tree))
    }
}

/// The head of a commit object: `tree`, `parent`s, `author`, `committer <name> <mail> <seconds> <zone>`.
fn parse(raw: &[u8]) -> Option<Node> {
    let mut lines = raw.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let tree = CommitId::parse(text_after(lines.next()?, b"tree ")?)?;
    let mut node = Node { tree: ContentId(tree.0), parents: Box::default(), time: 0 };
    let mut parents = Vec::new();
    for line in lines {
        if let Some(parent) = text_after(line, b"parent ") {
            parents.push(CommitId::parse(parent)?);
        } else if let Some(committer) = line.strip_prefix(b"committer ") {
            node.time = seconds(committer);
            break;
        }
    }
    node.parents = parents.into();
    Some(node)
}

fn text_after<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a str> {
    std::str::from_utf8(line.strip_prefix(word)?).ok()
}

/// A time that cannot be read counts as 1970, as in git.
fn seconds(signature: &[u8]) -> i64 {
    let mut words = signature.rsplit(|byte| *byte == b' ');
    words.nth(1).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()).unwrap_or(0)
}
