//! The commits that changed a rendered object, not its files: found by rendering where something was read changed.

use super::details::{Deployed, FieldChange, Gap, HistoryEntry, ObjectId};
use super::facts::{hidden_name, same_object};
use super::rehearse::{Failed, failed, hidden_by};
use super::session::Session;
use crate::diff;
use crate::git::{GitError, LogOptions};
use crate::model::{Commit, CommitId, Environment, Manifest, ObjectKey, Place, Problem, Rendered, Revision};
use crate::secret::{DigestKey, SecretLeaf};
use crate::yaml::{Node, Value, to_masked_string};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where to look.
pub(super) struct Question<'a> {
    pub(super) session: &'a Session,
    pub(super) environment: &'a Environment,
    pub(super) key: &'a ObjectKey,
    pub(super) from: CommitId,
    /// Look at this many commits at the most.
    pub(super) limit: usize,
    /// Stop after this many changes.
    pub(super) enough: usize,
    pub(super) cancel: &'a CancellationToken,
}

/// What was found.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) entries: Vec<HistoryEntry>,
    pub(super) seen: usize,
    pub(super) complete: bool,
    pub(super) gaps: Gaps,
    pub(super) problems: Vec<Problem>,
}

/// Walks first parents from `from` back and tells each commit after which the rendered object was another one.
/// A commit that changed nothing the environment's rendering read is passed without rendering.
pub(super) fn walk(question: &Question) -> Result<Answer, Problem> {
    let repo = &question.session.repo;
    let options = LogOptions { first_parent: true, limit: Some(question.limit), ..LogOptions::default() };
    let mut answer = Answer::default();
    let Some(mut newer) = Side::of(question, question.from)? else { return Ok(answer) };
    // Where it was not, one commit after the other.
    let mut absent = Absent::default();
    for id in repo.walk(question.from, &options).map_err(|e| e.problem())?.take(question.limit) {
        let id = id.map_err(|e| e.problem())?;
        if question.cancel.is_cancelled() || answer.entries.len() >= question.enough {
            return Ok(answer);
        }
        answer.seen += 1;
        absent.note(answer.seen, id, &newer);
        let commit = repo.commit_at(id).map_err(|e| e.problem())?;
        let Some(parent) = commit.parents.first().copied() else {
            // Where a shallow clone ends, nobody knows whether this commit declared the object.
            if let Err(error @ GitError::Shallow { .. }) = repo.changed_by(id) {
                answer.problems.push(error.problem());
                return Ok(answer);
            }
            answer.complete = true;
            answer.entries.extend(newer.object.is_some().then(|| entry(question, commit, None, &newer)));
            return Ok(answer);
        };
        let older = newer.before(question, id, parent)?.known_by(&newer);
        if let Some(broken) = &older.broken {
            answer.gaps.add(answer.seen + 1, Gap::at(parent, &broken.problem));
        } else if let (Some(object), None) = (&older.object, &newer.object) {
            let gone = absent.tell(&older, &mut answer.gaps);
            // It went no later than where it is known to be gone; this commit is the first after which it may have been.
            answer.entries.extend(gone.then(|| entry(question, commit, Some(object), &newer)));
        } else if changed(older.object.as_deref(), newer.object.as_deref()) {
            answer.entries.push(entry(question, commit, older.object.as_deref(), &newer));
        }
        newer = older;
    }
    Ok(answer)
}

/// The newest object that earlier commits declared and that the key, as typed by a person, can mean.
pub(super) fn once_declared(question: &Question) -> Result<Option<ObjectKey>, Problem> {
    let repo = &question.session.repo;
    let options = LogOptions { first_parent: true, limit: Some(question.limit), ..LogOptions::default() };
    let Some(mut side) = Side::of(question, question.from)? else { return Ok(None) };
    for id in repo.walk(question.from, &options).map_err(|e| e.problem())?.take(question.limit) {
        if question.cancel.is_cancelled() {
            break;
        }
        let id = id.map_err(|e| e.problem())?;
        if let Some((_, found)) = side.rendered.objects().find(|(_, m)| question.key.means(&m.key)) {
            return Ok(Some(found.key.clone()));
        }
        let commit = repo.commit_at(id).map_err(|e| e.problem())?;
        let Some(parent) = commit.parents.first().copied() else { break };
        side = match side.before(question, id, parent) {
            Ok(older) => older,
            // A shallow clone ends here.
            Err(_) => break,
        };
    }
    Ok(None)
}

/// Runs of commits at which the object could not be rendered, newest first.
#[derive(Default)]
pub(super) struct Gaps {
    pub(super) runs: Vec<Gap>,
    /// How far from the start the last of them ends.
    end: usize,
}

impl Gaps {
    /// Adds a run that begins so far from the start; it continues the last one if that ends right before, for the same
    /// reason.
    fn add(&mut self, begin: usize, gap: Gap) {
        let commits = gap.commits;
        match self.runs.last_mut().filter(|last| begin == self.end + 1 && last.problem == gap.problem) {
            Some(last) => (last.commits, last.oldest) = (last.commits + commits, gap.oldest),
            None => self.runs.push(gap),
        }
        self.end = begin + commits - 1;
    }
}

impl Gap {
    fn at(commit: CommitId, problem: &Problem) -> Self {
        Self { newest: commit, oldest: commit, commits: 1, problem: problem.clone() }
    }
}

/// The commits since the object was seen last, in runs at which the same producers failed: any of them may hide it, but
/// which one is known only where it is found again.
#[derive(Default)]
struct Absent(Vec<AbsentRun>);

struct AbsentRun {
    begin: usize,
    commits: usize,
    newest: CommitId,
    oldest: CommitId,
    failed: Failed,
}

impl Absent {
    fn note(&mut self, place: usize, commit: CommitId, side: &Side) {
        if side.object.is_some() {
            self.0.clear();
            return;
        }
        let failed = failed(&side.rendered);
        match self.0.last_mut().filter(|last| last.failed == failed) {
            Some(last) => (last.commits, last.oldest) = (last.commits + 1, commit),
            None => {
                self.0.push(AbsentRun { begin: place, commits: 1, newest: commit, oldest: commit, failed });
            }
        }
    }

    /// Tells the runs that hide an object which was there before; true if one of them does not, so that it was gone.
    fn tell(&self, older: &Side, gaps: &mut Gaps) -> bool {
        let mut gone = false;
        for run in &self.0 {
            match older.hidden_by(&run.failed) {
                None => gone = true,
                Some(problem) => {
                    let AbsentRun { commits, newest, oldest, .. } = *run;
                    gaps.add(run.begin, Gap { newest, oldest, commits, problem: problem.clone() });
                }
            }
        }
        gone
    }
}

/// One object at one revision.
#[derive(Clone)]
struct Side {
    rendered: Arc<Rendered>,
    object: Option<Arc<Manifest>>,
    /// What was rendered at this revision, if that failed and the rest is of a newer one.
    broken: Option<Broken>,
}

#[derive(Clone)]
struct Broken {
    rendered: Arc<Rendered>,
    problem: Problem,
}

impl Side {
    fn of(question: &Question, at: CommitId) -> Result<Option<Self>, Problem> {
        let tree = question.session.tree(Revision::Commit(at))?;
        let environment = environment_at(question.session, &*tree, question.environment);
        let rendered = question.session.render(&*tree, &environment);
        let object = find(&rendered, question.key, &question.session.digests);
        Ok(Some(Self { rendered, object, broken: None }))
    }

    /// Why the object that is here would not be seen where these producers failed: what makes it, or something above
    /// that, is among them.
    fn hidden_by<'f>(&self, failed: &'f Failed) -> Option<&'f Problem> {
        let object = self.object.as_ref()?;
        let maker = self.rendered.producers.iter().find(|p| p.objects.iter().any(|m| m.key == object.key));
        hidden_by(&maker?.key, &self.rendered, failed)
    }

    /// Where the object cannot be rendered nobody knows what it was; it is looked for further back, under what is known
    /// of it at a newer commit.
    fn known_by(self, newer: &Self) -> Self {
        if self.object.is_some() || newer.object.is_none() {
            return self;
        }
        match newer.hidden_by(&failed(&self.rendered)).cloned() {
            None => self,
            Some(problem) => {
                Self { broken: Some(Broken { rendered: self.rendered, problem }), ..newer.clone() }
            }
        }
    }

    /// The same object one commit earlier; without rendering if nothing that was read changed.
    fn before(&self, question: &Question, commit: CommitId, parent: CommitId) -> Result<Self, Problem> {
        let changes = question.session.repo.changed_by(commit).map_err(|e| e.problem())?;
        let touches = changes.iter().any(|change| self.reads(&change.path));
        if !touches {
            return Ok(self.clone());
        }
        let mut older = Self::of(question, parent)?.unwrap_or(Self {
            rendered: Arc::default(),
            object: None,
            broken: None,
        });
        // A name that is made of a secret may have been another one; what it is made of stays.
        if let (None, Some(own)) = (&older.object, self.object.as_ref().filter(|o| hidden_name(o).is_some()))
        {
            older.object = find(&older.rendered, &own.key, &question.session.digests);
        }
        Ok(older)
    }

    /// True if rendering read this path, listed its folder, or looked for it in vain.
    fn reads(&self, path: &str) -> bool {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let rendered = self.broken.as_ref().map_or(&self.rendered, |broken| &broken.rendered);
        rendered.producers.iter().any(|p| p.reads.iter().any(|r| **r == *path || **r == *folder))
    }
}

/// The environment of the same name in another tree; its entry folder may have moved.
pub(super) fn environment_at(
    session: &Session,
    tree: &dyn crate::model::Tree,
    environment: &Environment,
) -> Environment {
    let found = session.environments(tree).environments;
    found.into_iter().find(|e| e.name == environment.name).unwrap_or_else(|| environment.clone())
}

/// An object by its key, by the name that a cluster tells where git's is made of a secret, or under another hash.
pub(super) fn find(rendered: &Rendered, key: &ObjectKey, digests: &DigestKey) -> Option<Arc<Manifest>> {
    let exact = rendered.objects().find(|(_, m)| same_object(&m.key, key) || unscoped(&m.key, key));
    let hidden = || {
        let name = digests.digest(key.name.as_bytes());
        let alike = |declared: &ObjectKey| ObjectKey { name: declared.name.clone(), ..key.clone() };
        rendered.objects().find(|(_, m)| {
            let alike = alike(&m.key);
            (same_object(&m.key, &alike) || unscoped(&m.key, &alike)) && hidden_name(m) == Some(name)
        })
    };
    let twin = || rendered.objects().find(|(_, m)| generated_twin(m, key));
    exact.or_else(hidden).or_else(twin).map(|(_, m)| m.clone())
}

/// The cluster knows no namespace for cluster-scoped kinds, where kustomize may have written one.
fn unscoped(declared: &ObjectKey, asked: &ObjectKey) -> bool {
    asked.namespace.is_empty()
        && declared.kind == asked.kind
        && declared.name == asked.name
        && declared.group == asked.group
}

/// A generated object is the same one under another hash (render.md 12).
fn generated_twin(manifest: &Manifest, key: &ObjectKey) -> bool {
    let base = |name: &str| -> Option<String> {
        let (base, hash) = name.rsplit_once('-')?;
        (hash.len() == 10).then(|| base.to_owned())
    };
    manifest.origin.generated
        && manifest.key.kind == key.kind
        && manifest.key.namespace == key.namespace
        && base(&manifest.key.name).is_some_and(|b| Some(b) == base(&key.name))
}

fn changed(older: Option<&Manifest>, newer: Option<&Manifest>) -> bool {
    match (older, newer) {
        (None, None) => false,
        // What was not rendered anew is the very same.
        (Some(a), Some(b)) if std::ptr::eq(a, b) => false,
        (Some(a), Some(b)) => {
            a.key != b.key || renamed(a, b) || !diff::compare(Some(&a.body), Some(&b.body)).is_empty()
        }
        _ => true,
    }
}

/// True if a name that is made of a secret became another one.
fn renamed(older: &Manifest, newer: &Manifest) -> bool {
    hidden_name(older) != hidden_name(newer)
}

fn entry(question: &Question, commit: Commit, older: Option<&Manifest>, newer: &Side) -> HistoryEntry {
    let after = newer.object.as_deref();
    let changes = diff::compare(older.map(|m| &m.body), after.map(|m| &m.body));
    let summary = match (older, after) {
        (None, Some(_)) => "declared".to_owned(),
        (Some(_), None) => "no longer declared".to_owned(),
        (Some(older), Some(after)) if renamed(older, after) && changes.is_empty() => {
            "another secret name".to_owned()
        }
        (Some(older), Some(after)) if renamed(older, after) => {
            format!("another secret name, {}", diff::summarize(&changes))
        }
        _ => diff::summarize(&changes),
    };
    let place = changes
        .iter()
        .find_map(|c| place_of(c.after.as_ref()?))
        .or_else(|| after.map(|m| Place { file: m.origin.file.clone(), line: m.origin.line, field: None }));
    HistoryEntry {
        commit,
        summary,
        changes: shown(&changes),
        place,
        also: also(question, newer),
        deployed: Deployed::Unasked,
    }
}

/// Other producers of the same environment that read the object's file too.
fn also(question: &Question, newer: &Side) -> Vec<ObjectId> {
    let Some(object) = &newer.object else { return Vec::new() };
    let own = newer.rendered.producers.iter().find(|p| p.objects.iter().any(|m| m.key == object.key));
    newer
        .rendered
        .producers
        .iter()
        .filter(|p| p.reads.iter().any(|r| *r == object.origin.file))
        .filter(|p| own.is_none_or(|o| o.key != p.key))
        .map(|p| ObjectId { environment: question.environment.name.clone(), key: p.key.clone() })
        .collect()
}

/// Changes as a face shows them.
pub(super) fn shown(changes: &[diff::Change]) -> Vec<FieldChange> {
    changes
        .iter()
        .map(|change| FieldChange {
            path: change.path.to_string(),
            before: change.before.as_ref().map(text),
            after: change.after.as_ref().map(text),
            place: change.after.as_ref().or(change.before.as_ref()).and_then(place_of),
        })
        .collect()
}

/// A value in one line or as YAML; a secret as a word.
pub fn text(node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) => crate::model::clean(&scalar.text),
        Value::Secret(SecretLeaf::Closed(_)) => "sealed, not opened".to_owned(),
        Value::Secret(_) => "sealed".to_owned(),
        _ => crate::model::clean(to_masked_string(node).trim_end()),
    }
}

/// Where a value was written.
pub(super) fn place_of(node: &Node) -> Option<Place> {
    Some(Place { file: node.mark.file.clone()?, line: node.mark.line, field: None })
}
