//! Secrets in the clear in all that was ever committed: every file that HEAD's history holds, each content once.

use super::firewall::{self, Exceptions, Exposed, LARGEST, in_parallel};
use super::session::Session;
use super::steps::{self, Today};
use super::valid::Holder;
use crate::git::{GitError, LogOptions};
use crate::model::{Commit, CommitId, ContentId, Problem, Revision, Tree};
use crate::seal;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Commits that are asked for together: they share their trees.
const NEIGHBOURS: usize = 64;
/// Versions that are looked into before the next findings are gathered.
const PORTION: usize = 4096;

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
    /// Where its value is in use today, as far as that was asked ([`super::Workspace::still_valid`]).
    pub holders: Vec<Holder>,
    /// Its file.
    pub(super) path: Arc<str>,
    /// The versions themselves.
    pub(super) contents: Vec<ContentId>,
    pub(super) today: Today,
}

impl Leak {
    /// What to do, in order.
    pub fn steps(&self) -> Vec<String> {
        steps::of(&self.exposed, &self.today, &self.holders)
    }
}

/// One content at one path, and the oldest commit that brought it there.
struct Version {
    path: Arc<str>,
    id: ContentId,
    commit: CommitId,
}

/// A finding with the first version that holds it, and all of them.
struct Told<'v> {
    exposed: Exposed,
    first: &'v Version,
    contents: Vec<ContentId>,
}

impl Session {
    /// Looks through all commits before HEAD. Whether rules of `.sops.yaml` would have sealed a file is not asked: they may
    /// be younger than the file.
    pub(super) fn scan(&self) -> Result<Scan, Problem> {
        let told = |e: GitError| e.problem();
        let mut scan = Scan { leaks: Vec::new(), commits: 0, contents: 0, left_out: Vec::new() };
        let Some(head) = self.head()? else { return Ok(scan) };
        let _sparing = self.repo.sparing();
        let walk = self.repo.walk(head, &LogOptions::default()).map_err(told)?;
        let mut commits = walk.collect::<Result<Vec<CommitId>, GitError>>().map_err(told)?;
        scan.commits = commits.len();
        // The oldest first: it is the one that brought a content.
        commits.reverse();
        let versions = self.versions(&commits, &mut scan.left_out).map_err(told)?;
        drop(commits);
        scan.contents = versions.len();
        let tree = self.tree(Revision::Commit(head))?;
        // The same finding in every later version of a file is one leak.
        let mut leaks: BTreeMap<(Arc<str>, String), Told<'_>> = BTreeMap::new();
        for portion in versions.chunks(PORTION) {
            for (version, exposed) in findings(&*tree, portion, &self.exceptions()) {
                let key = (version.path.clone(), exposed.problem.cause.clone());
                let fresh = || Told { exposed: exposed.clone(), first: version, contents: Vec::new() };
                let leak = leaks.entry(key).or_insert_with(fresh);
                leak.exposed = exposed;
                leak.contents.push(version.id);
            }
        }
        let rules = Self::rules(&*tree);
        for ((path, _), Told { exposed, first, contents }) in leaks {
            let entry = tree.entry(&path).ok().flatten();
            let is_there = entry.is_some_and(|entry| contents.last() == Some(&entry.id));
            let brought = self.repo.commit_at(first.commit).map_err(told)?;
            let today = Today::of(&*tree, &rules, &path);
            let (versions, holders) = (contents.len(), Vec::new());
            scan.leaks.push(Leak { exposed, brought, versions, is_there, holders, path, contents, today });
        }
        scan.leaks.sort_by_key(|leak| (!leak.is_there, std::cmp::Reverse(leak.brought.time)));
        Ok(scan)
    }

    /// Every content that a commit brought, once for each path.
    fn versions(&self, commits: &[CommitId], left_out: &mut Vec<Problem>) -> Result<Vec<Version>, GitError> {
        let neighbours: Vec<&[CommitId]> = commits.chunks(NEIGHBOURS).collect();
        let brought = in_parallel(neighbours.len(), |at| {
            neighbours.get(at).map(|commits| self.repo.brought(commits)).unwrap_or_default()
        });
        // A path is kept once, however many versions stand there.
        let mut seen: HashMap<Arc<str>, HashSet<ContentId>> = HashMap::new();
        let mut versions = Vec::new();
        for (commit, files) in brought.into_iter().flatten() {
            let files = match files {
                Err(error @ GitError::Shallow { .. }) => {
                    left_out.push(error.problem());
                    firewall::files(&*self.repo.tree(Revision::Commit(commit))?).unwrap_or_default()
                }
                files => files?,
            };
            for (path, id) in files {
                let path = seen.get_key_value(&path).map_or(path, |(known, _)| known.clone());
                if seen.entry(path.clone()).or_default().insert(id) {
                    versions.push(Version { path, id, commit });
                }
            }
        }
        Ok(versions)
    }
}

/// What stands in the clear in each version, in their order, found by all cores.
fn findings<'v>(
    tree: &dyn Tree,
    versions: &'v [Version],
    exceptions: &Exceptions<'_>,
) -> Vec<(&'v Version, Exposed)> {
    let rules = seal::Rules::default();
    let found = in_parallel(versions.len(), |at| {
        let version = versions.get(at)?;
        // What cannot be read is no file: another repository.
        let bytes = tree.read(version.id).ok().filter(|bytes| bytes.len() <= LARGEST)?;
        let exposures = seal::findings(&version.path, &bytes, &rules);
        let kept = exposures.iter().filter(|exposure| !exceptions.hold(&version.path, exposure));
        let exposed: Vec<_> = kept.map(|exposure| (version, Exposed::of(exposure, false))).collect();
        (!exposed.is_empty()).then_some(exposed)
    });
    found.into_iter().flatten().flatten().collect()
}
