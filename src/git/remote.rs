//! Fetch and push through the system `git`: never forced, never asking at the terminal.

use super::folder::shown_name;
use super::process::{Git, Output, notice, without_credentials};
use super::{GitError, Repo};
use crate::model::{CommitId, Problem, Reason};
use std::time::Duration;

/// Slow networks exist; endless waits must not.
const PATIENCE: Duration = Duration::from_mins(2);

/// A remote as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name, `origin`.
    pub name: String,
    /// Where it is, without credentials.
    pub url: String,
}

/// What stops talking to a remote.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no such remote.
    #[error("there is no remote {name}")]
    NoSuchRemote {
        /// What was asked for.
        name: String,
    },
    /// No answer.
    #[error("{remote} cannot be reached: {cause}")]
    Unreachable {
        /// The remote's name.
        remote: String,
        /// What git said.
        cause: String,
    },
    /// It does not let us in.
    #[error("{remote} does not accept our credentials: {cause}")]
    AuthFailed {
        /// The remote's name.
        remote: String,
        /// What git said.
        cause: String,
    },
    /// Something of our own stops us.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The remote has it.
    Pushed {
        /// What the remote's branch was before; `None` if it is new.
        from: Option<CommitId>,
        /// What it is now.
        to: CommitId,
    },
    /// The remote's branch is not where it was expected; nothing was sent.
    RemoteMoved {
        /// Where it is; `None` if it is gone.
        theirs: Option<CommitId>,
    },
    /// Somebody said no.
    Refused {
        /// Who.
        by: Refuser,
        /// What they said, safe for a screen.
        message: String,
    },
}

/// Who refused a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// The `pre-push` hook of this repository.
    LocalHook,
    /// A hook of the server.
    RemoteHook,
    /// The branch is protected by a rule of the server.
    Protected,
    /// The server, for another reason.
    Remote,
}

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Branches of the remote that moved, appeared or went: name, before, now.
    pub moved: Vec<(String, Option<CommitId>, Option<CommitId>)>,
}

impl Repo {
    /// The remotes by name.
    pub fn remotes(&self) -> Result<Vec<Remote>, GitError> {
        self.with(|handle| {
            let names = handle.remotes().map_err(GitError::store("cannot read the remotes"))?;
            let names = names.iter_bytes().map(shown_name);
            Ok(names
                .map(|name| {
                    let remote = handle.find_remote(&name).ok();
                    let url = remote.map(|remote| shown_name(remote.url_bytes())).unwrap_or_default();
                    Remote { name, url: without_credentials(&url) }
                })
                .collect())
        })
    }

    /// Fetches a remote's branches.
    pub fn fetch(&self, remote: &str) -> Result<Fetched, RemoteError> {
        self.known(remote)?;
        let before = self.remote_branches(remote)?;
        let args = ["fetch", "--no-progress", "--no-recurse-submodules", "--", remote];
        let output = self.network(&args)?.run().map_err(|error| slow(remote, error))?;
        if !output.ok {
            return Err(failure(remote, &output));
        }
        let now = self.remote_branches(remote)?;
        let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let moved = names
            .into_iter()
            .map(|name| (name.clone(), before.get(name).copied(), now.get(name).copied()))
            .filter(|(_, before, now)| before != now)
            .collect();
        Ok(Fetched { moved })
    }

    /// Sends `commit` to a remote's branch, if that branch is where `expected` says (`None`: not there yet).
    ///
    /// Never forced: git refuses what is no fast-forward, and what the remote has is asked first, so that a
    /// branch that was set back meanwhile is not silently filled up again.
    pub fn push(
        &self,
        remote: &str,
        branch: &str,
        commit: CommitId,
        expected: Option<CommitId>,
    ) -> Result<PushOutcome, RemoteError> {
        self.known(remote)?;
        if !git2::Branch::name_is_valid(branch).unwrap_or(false) {
            return Err(GitError::BranchName { name: crate::model::clean(branch) }.into());
        }
        let theirs = self.ask(remote, branch)?;
        if theirs == Some(commit) {
            return Ok(PushOutcome::Pushed { from: theirs, to: commit });
        }
        if theirs != expected {
            return Ok(PushOutcome::RemoteMoved { theirs });
        }
        let spec = format!("{commit}:refs/heads/{branch}");
        let args = ["push", "--porcelain", "--no-progress", "--no-recurse-submodules", "--", remote, &spec];
        let output = self.network(&args)?.run().map_err(|error| slow(remote, error))?;
        if output.ok {
            return Ok(PushOutcome::Pushed { from: expected, to: commit });
        }
        match refusal(&output) {
            Some(Refusal::Moved) => Ok(PushOutcome::RemoteMoved { theirs: self.ask(remote, branch)? }),
            Some(Refusal::By(by, message)) => Ok(PushOutcome::Refused { by, message }),
            None => match failure(remote, &output) {
                // A push that dies before it talks to anybody was stopped by our own hook.
                RemoteError::Git(GitError::Child { output, .. }) if self.has_hook("pre-push")? => {
                    Ok(PushOutcome::Refused { by: Refuser::LocalHook, message: output })
                }
                other => Err(other),
            },
        }
    }

    /// Where a remote's branch is at this moment.
    pub fn ask(&self, remote: &str, branch: &str) -> Result<Option<CommitId>, RemoteError> {
        self.known(remote)?;
        let full = format!("refs/heads/{branch}");
        let output = self.network(&["ls-remote", "--", remote, &full])?.run();
        let output = output.map_err(|error| slow(remote, error))?;
        if !output.ok {
            return Err(failure(remote, &output));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find(|line| line.split('\t').nth(1) == Some(full.as_str()));
        Ok(line.and_then(|line| CommitId::parse(line.split('\t').next()?)))
    }

    /// Only remotes by name: an address given here would skip what the user configured.
    fn known(&self, remote: &str) -> Result<(), RemoteError> {
        if self.remotes()?.iter().any(|known| known.name == remote) && !remote.starts_with('-') {
            return Ok(());
        }
        Err(RemoteError::NoSuchRemote { name: crate::model::clean(remote) })
    }

    /// A call that may reach the network. ssh shall fail rather than ask for a passphrase where nobody can
    /// answer; agents and askpass programs work as ever.
    fn network(&self, args: &[&str]) -> Result<Git, GitError> {
        let git = self.git(args).within(PATIENCE);
        if std::env::var_os("GIT_SSH_COMMAND").is_some() || std::env::var_os("GIT_SSH").is_some() {
            return Ok(git);
        }
        let own = self.git(&["config", "--get", "core.sshCommand"]).run()?;
        let own = String::from_utf8_lossy(&own.stdout).trim().to_owned();
        Ok(match own.as_str() {
            "" => git.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
            ssh if ssh == "ssh" || ssh.starts_with("ssh ") => {
                git.env("GIT_SSH_COMMAND", format!("{ssh} -o BatchMode=yes"))
            }
            _ => git,
        })
    }

    fn remote_branches(
        &self,
        remote: &str,
    ) -> Result<std::collections::BTreeMap<String, CommitId>, GitError> {
        let prefix = format!("refs/remotes/{remote}/");
        self.with(|handle| {
            let failed = GitError::store("cannot read the remote branches");
            let all = handle.references_glob(&format!("{prefix}*")).map_err(failed)?;
            Ok(all
                .flatten()
                .filter_map(|branch| {
                    let name = branch.name_bytes().strip_prefix(prefix.as_bytes()).map(shown_name)?;
                    Some((name, super::ids::commit_id(branch.target()?)))
                })
                .collect())
        })
    }

    fn has_hook(&self, name: &str) -> Result<bool, GitError> {
        let folder = self.git(&["rev-parse", "--git-path", "hooks"]).answer()?;
        Ok(self.root().join(folder).join(name).is_file())
    }
}

enum Refusal {
    Moved,
    By(Refuser, String),
}

/// Reads `git push --porcelain`: `!<tab>from:to<tab>[rejected] (fetch first)`.
fn refusal(output: &Output) -> Option<Refusal> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("!\t"))?;
    let summary = line.split('\t').nth(1).unwrap_or_default();
    if summary.starts_with("[rejected]") {
        return Some(Refusal::Moved);
    }
    let said: Vec<&str> =
        output.stderr.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim).collect();
    let said = said.join("\n").trim().to_owned();
    let reason = summary.trim_start_matches("[remote rejected]").trim().trim_matches(['(', ')']);
    let message = if said.is_empty() { reason.to_owned() } else { format!("{reason}\n{said}") };
    let about = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| about.contains(word));
    // GitHub says GH006 or GH013, GitLab "protected branches", Gitea and Forgejo "protected branch".
    let by = if says(&["protected", "gh006", "gh013", "not allowed to push", "rule violations"]) {
        Refuser::Protected
    } else if reason.contains("hook declined") {
        Refuser::RemoteHook
    } else {
        Refuser::Remote
    };
    Some(Refusal::By(by, notice(&crate::model::clean(&message))))
}

/// Names a failure of fetch or push by what git and ssh print (with `LC_ALL=C`, so it is not translated).
fn failure(remote: &str, output: &Output) -> RemoteError {
    let cause = notice(&output.stderr);
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    let remote = remote.to_owned();
    if says(&[
        "Authentication failed",
        "Permission denied",
        "could not read Username",
        "could not read Password",
        "terminal prompts disabled",
        "error: 401",
        "error: 403",
        "Invalid username or",
        "access denied",
    ]) {
        return RemoteError::AuthFailed { remote, cause };
    }
    if says(&[
        "Could not resolve host",
        "unable to access",
        "unable to look up",
        "unable to connect",
        "Connection refused",
        "Connection timed out",
        "Connection closed",
        "Connection reset",
        "No route to host",
        "Network is unreachable",
        "does not appear to be a git repository",
        "not found",
        "does not exist",
        "Could not read from remote repository",
        "Host key verification failed",
        "remote end hung up",
        "not allowed",
    ]) {
        return RemoteError::Unreachable { remote, cause };
    }
    RemoteError::Git(GitError::Child { command: "with the remote".to_owned(), output: cause })
}

fn slow(remote: &str, error: GitError) -> RemoteError {
    match error {
        GitError::TimedOut { seconds, .. } => RemoteError::Unreachable {
            remote: remote.to_owned(),
            cause: format!("no answer within {seconds} s"),
        },
        other => RemoteError::Git(other),
    }
}

impl RemoteError {
    /// What a person can do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::NoSuchRemote { .. } => "git remote -v lists those that are there".to_owned(),
            Self::Unreachable { cause, .. } if cause.contains("Host key") => {
                "connect once with ssh and check the host's key".to_owned()
            }
            Self::Unreachable { .. } => {
                "check the network and the address (git remote -v); nothing is lost".to_owned()
            }
            Self::AuthFailed { .. } => {
                "load the key into ssh-agent or set up a credential helper, then try again".to_owned()
            }
            Self::Git(error) => error.next_step(),
        }
    }

    /// The same for screens and lists.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Git(error) => error.problem(),
            other => Problem::error(Reason::Remote, other.to_string()).next(other.next_step()),
        }
    }
}

impl PushOutcome {
    /// What is wrong and what to do next; `None` if it was pushed.
    pub fn problem(&self) -> Option<Problem> {
        let (reason, cause, next) = match self {
            Self::Pushed { .. } => return None,
            Self::RemoteMoved { theirs } => (
                Reason::Remote,
                match theirs {
                    Some(theirs) => format!("the remote branch has moved to {}", theirs.short()),
                    None => "the remote branch is gone".to_owned(),
                },
                "fetch, and look at the change again on top of it",
            ),
            Self::Refused { by, message } => {
                let (who, next) = match by {
                    Refuser::LocalHook => ("the hook pre-push", "mend what it names"),
                    Refuser::RemoteHook => ("a hook of the remote", "mend what it names"),
                    Refuser::Protected => (
                        "the remote, since the branch is protected",
                        "commit on a branch of its own and ask for a review",
                    ),
                    Refuser::Remote => ("the remote", "see what it says"),
                };
                (Reason::Refused, format!("refused by {who}: {message}"), next)
            }
        };
        Some(Problem::error(reason, cause).next(next))
    }
}
