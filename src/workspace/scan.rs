//! Secrets in the clear in all that was ever committed: every file that HEAD's history holds, each content once.

use super::firewall::{self, Exceptions, Exposed, LARGEST, in_parallel};
use super::session::Session;
use crate::git::{GitError, LogOptions};
use crate::model::{Change, Commit, CommitId, ContentId, Problem, Revision, Tree};
use crate::seal;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What was found in history.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The leaks, newest first.
    pub leaks: Vec<Leak>,
    /// Commits that were looked at.
    pub commits: usize,
    /// Contents that were looked at.
    pub contents: usize,
    /// What could not be looked at.
    pub left_out: Vec<Problem>,
}

/// One secret that stands, or stood, in the clear.
#[derive(Clone, Debug)]
pub struct Leak {
    /// What and where, as it is written in the newest version.
    pub exposed: Exposed,
    /// The commit that brought it.
    pub brought: Commit,
    /// Versions of the file that hold it.
    pub versions: usize,
    /// True if HEAD still has it.
    pub is_there: bool,
}

/// One content at one path, and the oldest commit that brought it there.
struct Version {
    path: Arc<str>,
    id: ContentId,
    commit: CommitId,
}

/// A finding with the first and the last version that hold it, and how many do.
type Told<'v> = (Exposed, &'v Version, &'v Version, usize);

impl Session {
    /// Looks through all commits before HEAD. Whether rules of `.sops.yaml` would have sealed a file is not asked: they may
    /// be younger than the file.
    pub(super) fn scan(&self) -> Result<Scan, Problem> {
        let told = |e: GitError| e.problem();
        let mut scan = Scan { leaks: Vec::new(), commits: 0, contents: 0, left_out: Vec::new() };
        let Some(head) = self.head()? else { return Ok(scan) };
        let walk = self.repo.walk(head, &LogOptions::default()).map_err(told)?;
        let mut commits = walk.collect::<Result<Vec<CommitId>, GitError>>().map_err(told)?;
        scan.commits = commits.len();
        // The oldest first: it is the one that brought a content.
        commits.reverse();
        let versions = self.versions(&commits, &mut scan.left_out).map_err(told)?;
        scan.contents = versions.len();
        let tree = self.tree(Revision::Commit(head))?;
        let found = findings(&*tree, &versions, &self.exceptions());
        // The same finding in every later version of a file is one leak.
        let mut leaks: BTreeMap<(Arc<str>, String), Told<'_>> = BTreeMap::new();
        for (version, all) in found {
            for exposed in all {
                let leak = leaks
                    .entry((version.path.clone(), exposed.problem.cause.clone()))
                    .or_insert_with(|| (exposed.clone(), version, version, 0));
                (leak.0, leak.2, leak.3) = (exposed, version, leak.3 + 1);
            }
        }
        let mut now: BTreeMap<Arc<str>, Option<ContentId>> = BTreeMap::new();
        for ((path, _), (exposed, first, last, versions)) in leaks {
            let here =
                now.entry(path.clone()).or_insert_with(|| tree.entry(&path).ok().flatten().map(|e| e.id));
            let is_there = *here == Some(last.id);
            let brought = self.repo.commit_at(first.commit).map_err(told)?;
            scan.leaks.push(Leak { exposed, brought, versions, is_there });
        }
        scan.leaks.sort_by_key(|leak| (!leak.is_there, std::cmp::Reverse(leak.brought.time)));
        Ok(scan)
    }

    /// Every content that a commit brought, once for each path.
    fn versions(&self, commits: &[CommitId], left_out: &mut Vec<Problem>) -> Result<Vec<Version>, GitError> {
        let changes = in_parallel(commits.len(), |at| {
            let commit = *commits.get(at)?;
            Some((commit, self.repo.changed_by(commit)))
        });
        let (mut seen, mut versions) = (HashSet::new(), Vec::new());
        for (commit, changes) in changes.into_iter().flatten() {
            let changes = match changes {
                Err(error @ GitError::Shallow { .. }) => {
                    left_out.push(error.problem());
                    everything(&*self.repo.tree(Revision::Commit(commit))?)
                }
                changes => changes?,
            };
            for Change { path, after, .. } in changes {
                if let Some(id) = after.filter(|id| seen.insert((path.clone(), *id))) {
                    versions.push(Version { path, id, commit });
                }
            }
        }
        Ok(versions)
    }
}

/// All files of a tree, as if they had just come.
fn everything(tree: &dyn Tree) -> Vec<Change> {
    let files = firewall::files(tree).unwrap_or_default();
    files.into_iter().map(|(path, id)| Change { path, before: None, after: Some(id) }).collect()
}

/// What stands in the clear in each version, in their order, found by all cores.
fn findings<'v>(
    tree: &dyn Tree,
    versions: &'v [Version],
    exceptions: &Exceptions<'_>,
) -> Vec<(&'v Version, Vec<Exposed>)> {
    let rules = seal::Rules::default();
    let found = in_parallel(versions.len(), |at| {
        let version = versions.get(at)?;
        // What cannot be read is no file: another repository.
        let bytes = tree.read(version.id).ok().filter(|bytes| bytes.len() <= LARGEST)?;
        let exposures = seal::findings(&version.path, &bytes, &rules);
        let kept = exposures.iter().filter(|exposure| !exceptions.hold(&version.path, exposure));
        let exposed: Vec<Exposed> = kept.map(|exposure| Exposed::of(exposure, false)).collect();
        (!exposed.is_empty()).then_some((version, exposed))
    });
    found.into_iter().flatten().collect()
}
