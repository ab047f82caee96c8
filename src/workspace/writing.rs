//! Writing: a plan becomes a commit, a commit is taken back or pushed. The only file that asks git to write.

use super::plan::{Committed, Destination, Plan, PlanKind, PushOutcome};
use super::planning;
use super::session::Session;
use crate::git::{self, CommitRequest, GitError, Head, LogOptions, Target};
use crate::model::{Commit, Problem, Reason, Severity};

/// Commits a plan; refuses what the firewall forbids and what no longer stands on what was shown.
pub(super) fn commit(
    session: &Session,
    plan: Plan,
    to: &Destination,
    before: Option<git::Committed>,
) -> Result<(Committed, git::Committed), Problem> {
    if let Some(finding) = plan.findings.iter().find(|f| f.severity == Severity::Error) {
        let cause = format!("the firewall refuses: {}", finding.cause);
        return Err(Problem { reason: Reason::Refused, cause, ..finding.clone() });
    }
    let ours = match (&plan.kind, before) {
        (PlanKind::Replay(replaced), Some(ours)) if ours.id == *replaced => {
            let done = session.repo.replace_unpushed(&ours, plan.base, &plan.change.files);
            done.map_err(|e| e.problem())?.committed
        }
        _ => {
            let target = match to {
                Destination::Current => Target::Current,
                Destination::Branch(name) => Target::New(name.clone()),
            };
            let request = CommitRequest {
                target,
                expected_parent: plan.base,
                files: plan.change.files,
                message: plan.message,
            };
            session.repo.commit(&request).map_err(|e| e.problem())?
        }
    };
    let commit = session.repo.commit_at(ours.id).map_err(|e| e.problem())?;
    Ok((Committed { commit, branch: ours.branch.as_str().into() }, ours))
}

/// Takes back a commit of ours; gives the commit that HEAD is at again.
pub(super) fn take_back(session: &Session, ours: &git::Committed) -> Result<Commit, Problem> {
    session.repo.take_back(ours).map_err(|e| e.problem())?;
    session.repo.commit_at(ours.parent).map_err(|e| e.problem())
}

/// Pushes the branch that is checked out. If the remote moved, fetches and rehearses our commit on top of theirs.
pub(super) fn push(session: &Session, ours: Option<&git::Committed>) -> Result<PushOutcome, Problem> {
    let Head::Branch { name, at } = session.repo.head().map_err(|e| e.problem())? else {
        return Err(
            Problem::error(Reason::Repository, "HEAD is on no branch").next("check out a branch first")
        );
    };
    let status = session.repo.status().map_err(|e| e.problem())?;
    let Some(upstream) = status.upstream else {
        return Err(Problem::error(Reason::Remote, format!("{name} follows no branch of a remote"))
            .next(format!("`git push --set-upstream origin {name}` sets one")));
    };
    let outcome =
        session.repo.push(&upstream.remote, &upstream.branch, at, upstream.at).map_err(|e| e.problem())?;
    let to = format!("{}/{}", upstream.remote, upstream.branch);
    match outcome {
        git::PushOutcome::Pushed { .. } => Ok(PushOutcome::Pushed { commits: upstream.ahead, to: to.into() }),
        git::PushOutcome::RemoteMoved { theirs } => {
            let theirs = theirs.ok_or_else(|| {
                Problem::error(Reason::Remote, format!("{to} is gone"))
                    .next("look at the remote; nothing was pushed")
            })?;
            session.repo.fetch(&upstream.remote).map_err(|e| e.problem())?;
            moved(session, ours, at, theirs, &name, &to)
        }
        refused @ git::PushOutcome::Refused { .. } => {
            let told = refused.problem().unwrap_or_else(|| Problem::error(Reason::Refused, "refused"));
            Err(Problem { cause: format!("{to}: {}", told.cause), ..told })
        }
    }
}

fn moved(
    session: &Session,
    ours: Option<&git::Committed>,
    at: crate::model::CommitId,
    theirs: crate::model::CommitId,
    branch: &str,
    to: &str,
) -> Result<PushOutcome, Problem> {
    let stop = |next: &str| {
        Problem::error(Reason::Remote, format!("{to} has commits that we do not have")).next(next)
    };
    let Some(ours) = ours.filter(|o| o.id == at) else {
        return Err(stop("pull them with git, then push again"));
    };
    let options = LogOptions { without: vec![at], ..LogOptions::default() };
    let new = session.repo.log(theirs, &options).map_err(|e| e.problem())?;
    let resolve = |path: &str, base: &[u8], ours: &[u8], theirs: &[u8]| {
        planning::merge_sealed(session, path, base, ours, theirs)
    };
    let change = session.repo.replay(&[ours.id], theirs, &resolve).map_err(|e: GitError| e.problem())?;
    let commit = session.repo.commit_at(ours.id).map_err(|e| e.problem())?;
    let plan = planning::replayed(session, &commit, change, branch)?;
    Ok(PushOutcome::Moved { theirs: new, plan: Box::new(plan) })
}
