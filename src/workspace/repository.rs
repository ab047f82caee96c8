//! One reading of the repository, beside the engine: what it declares first, what it says about secrets after that.

use super::engine::{Message, Outsides};
use super::field::Field;
use super::secrets::SecretFiles;
use super::session::Session;
use crate::git::Status;
use crate::model::{Commit, CommitId, Environment, Problem, Rendered, Revision, Tree};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What one reading of the repository gave.
pub(super) struct RepositoryRead {
    pub(super) status: Status,
    pub(super) head: Option<Commit>,
    pub(super) environments: Vec<(Environment, Arc<Rendered>)>,
    pub(super) problems: Vec<Problem>,
    /// What its files say about secrets; those of the reading before until [`Message::Secrets`] comes.
    pub(super) secrets: Arc<SecretFiles>,
    /// What was taken from clusters.
    pub(super) outsides: Outsides,
}

/// Reads HEAD and renders every environment on a thread of its own. Ends with [`Message::Secrets`] or
/// [`Message::Broken`].
pub(super) fn read(session: Arc<Session>, outsides: Outsides, sender: mpsc::Sender<Message>) {
    tokio::task::spawn_blocking(move || {
        let read = match declared(&session, outsides) {
            Ok(read) => read,
            // The engine may be gone; then nobody wants the answer.
            Err(problem) => return drop(sender.blocking_send(Message::Broken(problem))),
        };
        let head = read.head.as_ref().map(|c| c.id);
        if sender.blocking_send(Message::Repository(Box::new(read))).is_ok() {
            let secrets = head.map(|head| secrets_at(&session, head)).unwrap_or_default();
            let _ = sender.blocking_send(Message::Secrets(secrets));
        }
    });
}

fn declared(session: &Session, outsides: Outsides) -> Result<RepositoryRead, Problem> {
    let status = session.repo.status().map_err(|e| e.problem())?;
    let mut read = RepositoryRead {
        status,
        head: None,
        environments: Vec::new(),
        problems: session.problems.clone(),
        secrets: Arc::default(),
        outsides,
    };
    let Some(head) = session.head()? else { return Ok(read) };
    read.head = Some(session.repo.commit_at(head).map_err(|e| e.problem())?);
    let tree = session.tree(Revision::Commit(head))?;
    let found = session.environments(&*tree);
    read.problems.extend(found.problems);
    let rendered = render_all(session, &*tree, &found.environments, &read.outsides);
    read.environments = found.environments.into_iter().zip(rendered).collect();
    Ok(read)
}

/// Renders environments side by side, as many at once as there are cores.
fn render_all(
    session: &Session,
    tree: &dyn Tree,
    environments: &[Environment],
    outsides: &Outsides,
) -> Vec<Arc<Rendered>> {
    let none = Arc::default();
    let render = |environment: &Environment| {
        session.render_with(tree, environment, outsides.get(&environment.name).unwrap_or(&none))
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = environments.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let started: Vec<_> = environments
            .chunks(share)
            .map(|some| scope.spawn(|| some.iter().map(render).collect::<Vec<_>>()))
            .collect();
        let joined = started.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// What the files of a commit say about secrets.
fn secrets_at(session: &Session, head: CommitId) -> Arc<SecretFiles> {
    // It was read a moment ago; should it be gone now, the next reading says so.
    session
        .tree(Revision::Commit(head))
        .map(|tree| session.secret_files(&*tree, Some(head)))
        .unwrap_or_default()
}

/// Renders what was applied.
pub(super) fn render_base(
    name: &Arc<str>,
    field: &Field,
    commit: CommitId,
    session: Arc<Session>,
    sender: mpsc::Sender<Message>,
) {
    let (name, environment, outside) = (name.clone(), field.facts.environment.clone(), field.outside.clone());
    tokio::task::spawn_blocking(move || {
        // A commit that this clone does not have leaves the base unknown, which the verdicts then say.
        let tree = session.tree(Revision::Commit(commit));
        let rendered =
            tree.map(|tree| session.render_with(&*tree, &environment, &outside)).unwrap_or_default();
        let _ = sender.blocking_send(Message::Base(name, commit, outside.id, rendered));
    });
}

/// Renders git again, and forgets what was applied so that it is rendered again too: the cluster adds something else now.
pub(super) fn render_again(
    name: &Arc<str>,
    field: &mut Field,
    head: CommitId,
    session: Arc<Session>,
    sender: mpsc::Sender<Message>,
) {
    field.rendered_with = field.outside.id;
    field.rendering_again = true;
    field.rendering.clear();
    field.facts.bases = Arc::default();
    let (name, environment, outside) = (name.clone(), field.facts.environment.clone(), field.outside.clone());
    tokio::task::spawn_blocking(move || {
        let tree = session.tree(Revision::Commit(head));
        let rendered = tree.map(|tree| session.render_with(&*tree, &environment, &outside));
        let _ = sender.blocking_send(Message::Desired(name, head, outside.id, rendered));
    });
}
