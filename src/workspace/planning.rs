//! Making plans: a change of files in memory, rehearsed on every cluster, looked over by the firewall.

use super::plan::{DiffLine, Plan, PlanFile, PlanKind, Refusal};
use super::rehearse::{Rehearsal, rehearse};
use super::session::Session;
use crate::diff::shortest;
use crate::git::{FileChange, GitError, Head, TreeChange};
use crate::model::{Commit, CommitId, Problem, Reason, Revision, Severity, Tree};
use crate::seal;
use crate::yaml::MASK;
use similar::{ChangeTag, group_diff_ops};
use std::sync::Arc;
use std::time::Instant;

/// Lines of a text diff that are kept for one file; the rest is counted.
const MOST_LINES: usize = 400;

/// Rehearses the revert of commits.
pub(super) fn revert(session: &Session, commits: &[CommitId]) -> Result<Plan, Box<Refusal>> {
    let started = Instant::now();
    let refused = |problem: Problem| Box::new(Refusal { problem, also: Vec::new() });
    let (branch, head) = standing(session).map_err(refused)?;
    let resolve =
        |path: &str, base: &[u8], ours: &[u8], theirs: &[u8]| merge_sealed(session, path, base, ours, theirs);
    let change = match session.repo.revert(commits, head, &resolve) {
        Ok(change) => change,
        Err(error) => return Err(Box::new(blocked(session, &error))),
    };
    let told: Vec<Commit> = commits.iter().filter_map(|c| session.repo.commit_at(*c).ok()).collect();
    let draft = Draft {
        title: title(&told),
        kind: PlanKind::Revert(commits.to_vec()),
        message: message(&told),
        branch,
        change,
        notes: Vec::new(),
        started,
    };
    draft.finish(session).map_err(refused)
}

/// The same change, rehearsed on top of another commit (the remote's).
pub(super) fn replayed(
    session: &Session,
    ours: &Commit,
    change: TreeChange,
    branch: &str,
) -> Result<Plan, Problem> {
    let draft = Draft {
        title: format!("{} on top of the remote's commits", ours.subject),
        kind: PlanKind::Replay(ours.id),
        message: ours.message.to_string(),
        branch: branch.into(),
        change,
        notes: Vec::new(),
        started: Instant::now(),
    };
    draft.finish(session)
}

/// A change that is to become a plan.
pub(super) struct Draft {
    pub(super) title: String,
    pub(super) kind: PlanKind,
    pub(super) message: String,
    pub(super) branch: Arc<str>,
    pub(super) change: TreeChange,
    /// What to say of a file beside its diff.
    pub(super) notes: Vec<(String, String)>,
    pub(super) started: Instant,
}

impl Draft {
    pub(super) fn finish(self, session: &Session) -> Result<Plan, Problem> {
        let before = session.tree(Revision::Commit(self.change.onto))?;
        let after = self.change.over(before.clone());
        let Rehearsal { effects, coverage, not_rendered, warnings } =
            rehearse(session, &*before, &after, None);
        let files =
            self.change.files.iter().map(|f| self.file(&*before, f)).collect::<Result<Vec<_>, _>>()?;
        let mut findings = self.findings(session, &*before);
        findings.extend(warnings);
        let changed =
            self.change.files.iter().filter_map(|file| Some((file.path.clone(), file.content.as_deref()?)));
        findings.extend(session.newly_misnamed(&*before, &after, &changed.collect::<Vec<_>>()));
        let protected = session.protects(&self.branch, effects.iter().any(|e| e.production));
        let identity = session.repo.identity().map_err(|e| e.problem())?;
        Ok(Plan {
            title: self.title,
            kind: self.kind,
            base: self.change.onto,
            branch: self.branch,
            protected,
            files,
            effects,
            coverage,
            not_rendered,
            findings,
            message: self.message,
            author: identity.author,
            signing: identity.signing,
            rehearsed_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            change: self.change,
        })
    }

    fn file(&self, before: &dyn Tree, change: &FileChange) -> Result<PlanFile, Problem> {
        let old = read(before, &change.path)?.unwrap_or_default();
        let new = change.content.clone().unwrap_or_default();
        let (old, new) = (String::from_utf8_lossy(&old), String::from_utf8_lossy(&new));
        let note = self.notes.iter().find(|(file, _)| **file == *change.path);
        let mut file = PlanFile {
            path: change.path.clone(),
            added: 0,
            removed: 0,
            diff: Vec::new(),
            note: note.map(|(_, words)| words.clone()).unwrap_or_default(),
        };
        let rules = Session::rules(before);
        let hidden = [&old, &new].map(|text| seal::open_lines(&change.path, text.as_bytes(), &rules));
        let is_hidden = |at: Option<usize>, side: usize| {
            let line = at.and_then(|at| u32::try_from(at + 1).ok());
            line.is_some_and(|line| hidden.get(side).is_some_and(|lines| lines.contains(&line)))
        };
        let [old_lines, new_lines] =
            [&old, &new].map(|text| text.split_inclusive('\n').collect::<Vec<&str>>());
        for group in group_diff_ops(shortest(&old_lines, &new_lines), 2) {
            if !file.diff.is_empty() {
                file.diff.push(DiffLine { sign: '@', text: String::new() });
            }
            for line in group.iter().flat_map(|op| op.iter_changes(&old_lines, &new_lines)) {
                let sign = match line.tag() {
                    ChangeTag::Equal => ' ',
                    ChangeTag::Insert => '+',
                    ChangeTag::Delete => '-',
                };
                file.added += usize::from(sign == '+');
                file.removed += usize::from(sign == '-');
                if file.diff.len() < MOST_LINES {
                    let text = crate::model::clean(line.value().trim_end_matches('\n'));
                    let secret = is_hidden(line.old_index(), 0) || is_hidden(line.new_index(), 1);
                    let text = if secret { masked(&text) } else { text };
                    file.diff.push(DiffLine { sign, text });
                }
            }
        }
        Ok(file)
    }

    /// What the firewall says of the files as they would be; what was there before is no reason to stop a revert
    /// that does not touch it.
    fn findings(&self, session: &Session, before: &dyn Tree) -> Vec<Problem> {
        let rules = Session::rules(before);
        let exceptions = session.exceptions();
        let mut findings = Vec::new();
        for file in &self.change.files {
            let Some(content) = &file.content else { continue };
            let known =
                read(before, &file.path).ok().flatten().map(|old| seal::findings(&file.path, &old, &rules));
            for exposure in seal::findings(&file.path, content, &rules) {
                if exceptions.hold(&file.path, &exposure) {
                    continue;
                }
                let mut finding = exposure.problem;
                if known.iter().flatten().any(|k| k.problem.cause == finding.cause) {
                    finding.severity = Severity::Warning;
                }
                findings.push(finding);
            }
        }
        findings
    }
}

/// The branch and its newest commit; refuses where a commit of ours could not be made.
pub(super) fn standing(session: &Session) -> Result<(Arc<str>, CommitId), Problem> {
    let refuse = |cause: &str, next: &str| Problem::error(Reason::Repository, cause).next(next);
    if let Some(operation) = session.repo.operation().map_err(|e| e.problem())? {
        return Err(GitError::Busy { operation }.problem());
    }
    match session.repo.head().map_err(|e| e.problem())? {
        Head::Branch { name, at } => Ok((name.into(), at)),
        Head::Detached { .. } => Err(refuse("HEAD is on no branch", "check out a branch first")),
        Head::Unborn { .. } => Err(refuse("the branch has no commit yet", "make a first commit")),
    }
}

pub(super) fn read(tree: &dyn Tree, path: &str) -> Result<Option<Arc<[u8]>>, Problem> {
    let failed =
        |e: crate::model::TreeError| Problem::error(Reason::Repository, e.to_string()).next(e.next_step());
    match tree.entry(path).map_err(failed)? {
        Some(entry) => tree.read(entry.id).map(Some).map_err(failed),
        None => Ok(None),
    }
}

/// A line whose value is a secret: its key stays.
fn masked(line: &str) -> String {
    let end = line.find(": ").map(|at| at + 2).or_else(|| line.find('=').map(|at| at + 1));
    let indent = line.len() - line.trim_start().len();
    format!("{}{MASK}", &line[..end.unwrap_or(indent)])
}

pub(super) fn missing(file: &str) -> Problem {
    Problem::error(Reason::MissingFile, "the file does not exist")
        .at(file, 0)
        .next("name a file that is committed")
}

/// Merges a sealed file key by key, where lines cannot be merged: every edit changes its MAC.
pub(super) fn merge_sealed(
    session: &Session,
    path: &str,
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
) -> Option<Vec<u8>> {
    let time = jiff::Timestamp::now().as_second();
    seal::merge(base, ours, theirs, path, &session.keyring, time).ok()
}

fn blocked(session: &Session, error: &GitError) -> Refusal {
    let also = match error {
        GitError::Conflict(conflict) if conflict.later_suffice => {
            conflict.later.iter().filter_map(|c| session.repo.commit_at(*c).ok()).collect()
        }
        _ => Vec::new(),
    };
    Refusal { problem: error.problem(), also }
}

fn title(commits: &[Commit]) -> String {
    match commits {
        [one] => format!("revert {} \"{}\"", one.id.short(), one.subject),
        many => format!("revert {} commits", many.len()),
    }
}

/// The message that `git revert` would write.
fn message(commits: &[Commit]) -> String {
    match commits {
        [one] => format!("Revert \"{}\"\n\nThis reverts commit {}.\n", one.subject, one.id),
        many => {
            let lines: Vec<String> = many.iter().map(|c| format!("- {} {}\n", c.id, c.subject)).collect();
            format!("Revert {} commits\n\nThis reverts\n{}", many.len(), lines.concat())
        }
    }
}
