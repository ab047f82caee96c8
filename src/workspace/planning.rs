//! Making plans: a change of files in memory, rehearsed on every cluster, looked over by the firewall.

use super::audit::only;
use super::plan::{DiffLine, KeyEdit, Plan, PlanFile, PlanKind, Refusal};
use super::rehearse::{Rehearsal, rehearse};
use super::session::Session;
use crate::git::{FileChange, GitError, Head, TreeChange};
use crate::model::{Commit, CommitId, Problem, Reason, Revision, Severity, Tree};
use crate::seal;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// Lines of a text diff that are kept for one file; the rest is counted.
const MOST_LINES: usize = 400;

/// Where the rules stand.
const RULES: &str = ".sops.yaml";

/// Rehearses the revert of commits.
pub(super) fn revert(session: &Session, commits: &[CommitId]) -> Result<Plan, Box<Refusal>> {
    let started = Instant::now();
    let refused = |problem: Problem| Box::new(Refusal { problem, also: Vec::new() });
    let (branch, head) = standing(session).map_err(refused)?;
    let resolve =
        |_: &str, base: &[u8], ours: &[u8], theirs: &[u8]| merge_sealed(session, base, ours, theirs);
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

/// Rehearses changes to one sealed file.
pub(super) fn seal(session: &Session, file: &str, edits: Vec<KeyEdit>) -> Result<Plan, Problem> {
    let started = Instant::now();
    let (branch, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    let edits = edits
        .into_iter()
        .map(|edit| match edit {
            KeyEdit::Set { key, value } => {
                set.push(key.to_string());
                seal::Edit::Set { key: key.to_string(), value }
            }
            KeyEdit::Remove { key } => {
                removed.push(key.to_string());
                seal::Edit::Remove { key: key.to_string() }
            }
        })
        .collect();
    let rules = Session::rules(&*tree).with_plugins(session.keyring.plugins());
    let existing = read(&*tree, file)?;
    let time = jiff::Timestamp::now().as_second();
    let bytes = match &existing {
        Some(bytes) => seal::edit(bytes, file, &session.keyring, edits, time)?,
        None => seal::create(file, &rules, edits, time)?,
    };
    let words = in_words(&set, &removed);
    let draft = Draft {
        title: format!("seal {file}: {words}"),
        kind: PlanKind::Seal,
        message: format!("{}: {words}\n", short_name(file)),
        branch,
        change: TreeChange { onto: head, files: vec![FileChange::write(file, bytes)] },
        notes: vec![(file.to_owned(), words)],
        started,
    };
    draft.finish(session)
}

/// Rehearses sealing files again, under new data keys, for the recipients that the rules give now.
pub(super) fn reseal(session: &Session, files: &[String]) -> Result<Plan, Problem> {
    let started = Instant::now();
    let (branch, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let rules = Session::rules(&*tree).with_plugins(session.keyring.plugins());
    let time = jiff::Timestamp::now().as_second();
    if read(&*tree, RULES)? != read(&*session.tree(Revision::Worktree)?, RULES)? {
        let cause =
            "the rules on disk are not the committed ones, and files are sealed for the committed ones";
        return Err(Problem::error(Reason::Refused, cause)
            .at(RULES, 0)
            .next("commit .sops.yaml first, then seal the files again"));
    }
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
    for file in files {
        let bytes = read(&*tree, file)?.ok_or_else(|| missing(file))?;
        let sealed = seal::reseal(&bytes, file, &session.keyring, &rules, time)?;
        notes.push((file.clone(), resealed(file, [&bytes, &sealed], &rules)));
        changes.push(FileChange::write(file, sealed));
    }
    let what = if let [one] = files { one.clone() } else { format!("{} files", files.len()) };
    let draft = Draft {
        title: format!("re-seal {what}"),
        kind: PlanKind::Seal,
        message: format!("secrets: re-seal {what}\n"),
        branch,
        change: TreeChange { onto: head, files: changes },
        notes,
        started,
    };
    draft.finish(session)
}

/// What sealing again means for who can open the file.
fn resealed(file: &str, sides: [&[u8]; 2], rules: &seal::Rules) -> String {
    let recipients =
        |bytes: &[u8]| seal::inspect(file, bytes, rules).map(|i| i.recipients).unwrap_or_default();
    let [before, after] = sides.map(recipients);
    let mut words = "sealed again under a new data key".to_owned();
    let (gains, loses) = (only(&after, &before), only(&before, &after));
    if !gains.is_empty() {
        let _ = write!(words, "; {} can open it from now on", gains.join(", "));
    }
    if !loses.is_empty() {
        let _ = write!(
            words,
            "; {} no longer can, but history keeps what they could open: change the values too",
            loses.join(", ")
        );
    }
    words
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

struct Draft {
    title: String,
    kind: PlanKind,
    message: String,
    branch: Arc<str>,
    change: TreeChange,
    /// What to say of a file beside its diff.
    notes: Vec<(String, String)>,
    started: Instant,
}

impl Draft {
    fn finish(self, session: &Session) -> Result<Plan, Problem> {
        let before = session.tree(Revision::Commit(self.change.onto))?;
        let after = self.change.over(before.clone());
        let Rehearsal { effects, coverage, not_rendered, warnings } =
            rehearse(session, &*before, &after, None);
        let files =
            self.change.files.iter().map(|f| self.file(&*before, f)).collect::<Result<Vec<_>, _>>()?;
        let mut findings = self.findings(&*before);
        findings.extend(warnings);
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
        let diff = TextDiff::from_lines(&*old, &*new);
        for group in diff.grouped_ops(2) {
            if !file.diff.is_empty() {
                file.diff.push(DiffLine { sign: '@', text: String::new() });
            }
            for line in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let sign = match line.tag() {
                    ChangeTag::Equal => ' ',
                    ChangeTag::Insert => '+',
                    ChangeTag::Delete => '-',
                };
                file.added += usize::from(sign == '+');
                file.removed += usize::from(sign == '-');
                if file.diff.len() < MOST_LINES {
                    let text = crate::model::clean(line.value().trim_end_matches('\n'));
                    file.diff.push(DiffLine { sign, text });
                }
            }
        }
        Ok(file)
    }

    /// What the firewall says of the files as they would be; what was there before is no reason to stop a revert
    /// that does not touch it.
    fn findings(&self, before: &dyn Tree) -> Vec<Problem> {
        let rules = Session::rules(before);
        let mut findings = Vec::new();
        for file in &self.change.files {
            let Some(content) = &file.content else { continue };
            let known =
                read(before, &file.path).ok().flatten().map(|old| seal::findings(&file.path, &old, &rules));
            for mut finding in seal::findings(&file.path, content, &rules) {
                if known.iter().flatten().any(|k| k.cause == finding.cause) {
                    finding.severity = Severity::Warning;
                }
                findings.push(finding);
            }
        }
        findings
    }
}

/// The branch and its newest commit; refuses where a commit of ours could not be made.
fn standing(session: &Session) -> Result<(Arc<str>, CommitId), Problem> {
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

fn read(tree: &dyn Tree, path: &str) -> Result<Option<Arc<[u8]>>, Problem> {
    let failed = |e: crate::model::TreeError| Problem::error(Reason::Repository, e.to_string());
    match tree.entry(path).map_err(failed)? {
        Some(entry) => tree.read(entry.id).map(Some).map_err(failed),
        None => Ok(None),
    }
}

fn missing(file: &str) -> Problem {
    Problem::error(Reason::MissingFile, "the file does not exist").at(file, 0)
}

/// Merges a sealed file key by key, where lines cannot be merged: every edit changes its MAC.
pub(super) fn merge_sealed(session: &Session, base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let time = jiff::Timestamp::now().as_second();
    seal::merge(base, ours, theirs, &session.keyring, time).ok()
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

fn in_words(set: &[String], removed: &[String]) -> String {
    let mut parts = Vec::new();
    if !set.is_empty() {
        parts.push(format!("set {}", set.join(", ")));
    }
    if !removed.is_empty() {
        parts.push(format!("remove {}", removed.join(", ")));
    }
    parts.join("; ")
}

fn short_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file)
}
