//! Undoing commits, and making a commit's change again elsewhere: both in memory.

use super::change::TreeChange;
use super::changes::Delta;
use super::conflict::{Attempt, Conflict, ConflictFile, ConflictKind};
use super::merge::{Resolve, Workbench};
use super::{GitError, LogOptions, Repo};
use crate::model::{CommitId, Revision};
use std::collections::HashSet;

impl Repo {
    /// What undoing `commits` would change on top of `onto`; nothing is written.
    ///
    /// The newest is undone first, whatever the order given. A merge is undone against its first parent, as
    /// `git revert -m 1` does. `resolve` is asked about files that do not fit line by line. What does not fit
    /// is [`GitError::Conflict`], with the later commits that stand in the way.
    pub fn revert(
        &self,
        commits: &[CommitId],
        onto: CommitId,
        resolve: Resolve<'_>,
    ) -> Result<TreeChange, GitError> {
        let commits = self.newest_first(commits, onto)?;
        match self.try_revert(&commits, onto, resolve)? {
            Ok(change) => Ok(change),
            Err((commit, files)) => {
                Err(GitError::Conflict(Box::new(self.blocked(&commits, commit, files, onto, resolve)?)))
            }
        }
    }

    /// What making `commits`' changes again, oldest first as given, would change on top of `onto`.
    pub fn replay(
        &self,
        commits: &[CommitId],
        onto: CommitId,
        resolve: Resolve<'_>,
    ) -> Result<TreeChange, GitError> {
        let mut bench = Workbench::new(self, onto, resolve)?;
        for commit in commits {
            let mut files = bench.apply(&self.deltas_of(*commit)?)?;
            if files.is_empty() {
                continue;
            }
            let known = self.node(*commit)?.parents.to_vec();
            let mut later = Vec::new();
            for file in &mut files {
                file.later = self.touched_since(&file.path, &known, onto)?;
                later.extend(&file.later);
            }
            let later = unique(later);
            let conflict =
                Conflict { attempt: Attempt::Replay, commit: *commit, files, later, later_suffice: false };
            return Err(GitError::Conflict(Box::new(conflict)));
        }
        bench.finish()
    }

    /// Undoes what it can; the inner error is the first commit that does not fit, with its files.
    fn try_revert(
        &self,
        commits: &[CommitId],
        onto: CommitId,
        resolve: Resolve<'_>,
    ) -> Result<Result<TreeChange, (CommitId, Vec<ConflictFile>)>, GitError> {
        let mut bench = Workbench::new(self, onto, resolve)?;
        for commit in commits {
            let undo: Vec<Delta> = self.deltas_of(*commit)?.into_iter().map(Delta::turned).collect();
            let files = bench.apply(&undo)?;
            if !files.is_empty() {
                return Ok(Err((*commit, files)));
            }
        }
        bench.finish().map(Ok)
    }

    /// The order of history from `onto`; all must be part of it.
    fn newest_first(&self, commits: &[CommitId], onto: CommitId) -> Result<Vec<CommitId>, GitError> {
        let mut wanted: HashSet<CommitId> = commits.iter().copied().collect();
        let mut ordered = Vec::new();
        let mut walk = self.walk(onto, &LogOptions::default())?;
        while !wanted.is_empty() {
            let Some(id) = walk.next().transpose()? else { break };
            if wanted.remove(&id) {
                ordered.push(id);
            }
        }
        match wanted.into_iter().next() {
            Some(commit) => Err(GitError::NotTakenBack { commit, cause: "it is not part of this branch" }),
            None => Ok(ordered),
        }
    }

    /// Finds who stands in the way, and whether undoing them too would do.
    fn blocked(
        &self,
        commits: &[CommitId],
        commit: CommitId,
        mut files: Vec<ConflictFile>,
        onto: CommitId,
        resolve: Resolve<'_>,
    ) -> Result<Conflict, GitError> {
        let mut by_line = Vec::new();
        let mut by_file = Vec::new();
        for file in &mut files {
            let touched = self.touched_since(&file.path, &[commit], onto)?;
            let touched: Vec<CommitId> = touched.into_iter().filter(|id| !commits.contains(id)).collect();
            file.later = self.wrote_lines(file, &touched, onto)?;
            by_line.extend(&file.later);
            by_file.extend(touched);
        }
        let (by_line, by_file) = (unique(by_line), unique(by_file));
        // As few as possible: those that wrote the lines, else all that touched the files.
        let mut found = None;
        for first in [&by_line, &by_file] {
            found = found.or(self.sufficient(commits, first, onto, resolve)?);
        }
        let later_suffice = found.is_some();
        let later = self.newest_first(&found.unwrap_or(by_file), onto)?;
        Ok(Conflict { attempt: Attempt::Revert, commit, files, later, later_suffice })
    }

    /// The later commits to undo as well, beginning with `first` and taking in those that in turn stand in
    /// their way; `None` if that leads nowhere.
    fn sufficient(
        &self,
        commits: &[CommitId],
        first: &[CommitId],
        onto: CommitId,
        resolve: Resolve<'_>,
    ) -> Result<Option<Vec<CommitId>>, GitError> {
        /// Nobody undoes more than this at once.
        const MOST: usize = 40;
        let mut later = first.to_vec();
        while !later.is_empty() && later.len() <= MOST {
            let all = self.newest_first(&[commits, &later].concat(), onto)?;
            let Err((commit, files)) = self.try_revert(&all, onto, resolve)? else {
                return Ok(Some(later));
            };
            let known = later.len();
            for file in &files {
                let touched = self.touched_since(&file.path, &[commit], onto)?;
                let touched = self.wrote_lines(file, &touched, onto)?;
                later.extend(touched.into_iter().filter(|id| !all.contains(id)));
            }
            later = unique(later);
            if later.len() == known {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The commits up to `onto` that touched a file and are not part of `known`, newest first.
    fn touched_since(
        &self,
        path: &std::sync::Arc<str>,
        known: &[CommitId],
        onto: CommitId,
    ) -> Result<Vec<CommitId>, GitError> {
        let options =
            LogOptions { paths: vec![path.clone()], without: known.to_vec(), ..LogOptions::default() };
        self.walk(onto, &options)?.collect()
    }

    /// Those of `touched` that wrote the lines in question; all of them if lines say nothing.
    fn wrote_lines(
        &self,
        file: &ConflictFile,
        touched: &[CommitId],
        onto: CommitId,
    ) -> Result<Vec<CommitId>, GitError> {
        let ConflictKind::Lines(ranges) = &file.kind else { return Ok(touched.to_vec()) };
        let mut writers = HashSet::new();
        for lines in ranges.iter().filter(|lines| !lines.is_empty()) {
            let asked = lines.start..=lines.end - 1;
            // After other reverts the file may stand where `onto` has none; then lines say nothing.
            let blamed = match self.blame(&file.path, Revision::Commit(onto), Some(asked)) {
                Err(GitError::NoSuchRevision { .. }) => Vec::new(),
                other => other?,
            };
            writers.extend(blamed.into_iter().filter_map(|line| line.commit));
        }
        let found: Vec<CommitId> = touched.iter().copied().filter(|id| writers.contains(id)).collect();
        Ok(if found.is_empty() { touched.to_vec() } else { found })
    }
}

fn unique(ids: Vec<CommitId>) -> Vec<CommitId> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}
