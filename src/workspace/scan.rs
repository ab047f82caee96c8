//! Secrets in the clear in all that was ever committed: every file that HEAD's history holds, each content once.

use super::session::Session;
use crate::git::{GitError, LogOptions};
use crate::model::{Change, Commit, CommitId, ContentId, EntryKind, Problem, Revision, Tree};
use crate::seal;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Contents larger than this are not looked into.
const LARGEST: usize = 5 << 20;

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
    pub problem: Problem,
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
        let found = findings(&*tree, &versions);
        // The same finding in every later version of a file is one leak.
        let mut leaks: BTreeMap<(Arc<str>, String), (Problem, CommitId, usize)> = BTreeMap::new();
        for (version, problems) in found {
            for problem in problems {
                let leak = leaks
                    .entry((version.path.clone(), problem.cause.clone()))
                    .or_insert_with(|| (problem.clone(), version.commit, 0));
                (leak.0, leak.2) = (problem, leak.2 + 1);
            }
        }
        for ((path, cause), (problem, commit, versions)) in leaks {
            let now = tree.entry(&path).ok().flatten().and_then(|entry| tree.read(entry.id).ok());
            let is_there = now.is_some_and(|bytes| of(&path, &bytes).iter().any(|p| p.cause == cause));
            let brought = self.repo.commit_at(commit).map_err(told)?;
            scan.leaks.push(Leak { problem, brought, versions, is_there });
        }
        scan.leaks.sort_by_key(|leak| (!leak.is_there, std::cmp::Reverse(leak.brought.time)));
        Ok(scan)
    }

    /// Every content that a commit brought, once for each path.
    fn versions(&self, commits: &[CommitId], left_out: &mut Vec<Problem>) -> Result<Vec<Version>, GitError> {
        let (mut seen, mut versions) = (HashSet::new(), Vec::new());
        for commit in commits {
            let changes = match self.repo.changed_by(*commit) {
                Err(error @ GitError::Shallow { .. }) => {
                    left_out.push(error.problem());
                    everything(&*self.repo.tree(Revision::Commit(*commit))?)
                }
                changes => changes?,
            };
            for Change { path, after, .. } in changes {
                if let Some(id) = after.filter(|id| seen.insert((path.clone(), *id))) {
                    versions.push(Version { path, id, commit: *commit });
                }
            }
        }
        Ok(versions)
    }
}

/// All files of a tree, as if they had just come.
fn everything(tree: &dyn Tree) -> Vec<Change> {
    let (mut found, mut open) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = open.pop() {
        for (name, entry) in tree.list(&folder).ok().flatten().unwrap_or_default() {
            let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
            match entry.kind {
                EntryKind::Folder => open.push(path),
                EntryKind::File => {
                    found.push(Change { path: path.into(), before: None, after: Some(entry.id) });
                }
                EntryKind::Link | EntryKind::Submodule => {}
            }
        }
    }
    found
}

/// What stands in the clear in each version, in their order, found by all cores.
fn findings<'v>(tree: &dyn Tree, versions: &'v [Version]) -> Vec<(&'v Version, Vec<Problem>)> {
    let next = AtomicUsize::new(0);
    let look = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(version) = versions.get(at) else { return found };
            // What cannot be read is no file: another repository.
            let Ok(bytes) = tree.read(version.id) else { continue };
            let problems = of(&version.path, &bytes);
            if !problems.is_empty() {
                found.push((at, problems));
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<(usize, Vec<Problem>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(look)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().filter_map(|(at, problems)| Some((versions.get(at)?, problems))).collect()
}

/// Words without which nothing is found; looking for them costs a hundredth of reading YAML.
const MARKS: [&[u8]; 4] = [b"Secret", b"PRIVATE KEY", b"AGE-", b"sops"];

fn of(path: &str, bytes: &[u8]) -> Vec<Problem> {
    let has = |mark: &&[u8]| bytes.windows(mark.len()).any(|window| window == *mark);
    if bytes.len() > LARGEST || !MARKS.iter().any(has) {
        return Vec::new();
    }
    seal::findings(path, bytes, &seal::Rules::default())
}
