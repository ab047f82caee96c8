//! Branches: where they point, and moving them atomically.

use super::ids::commit_id;
use super::process::notice;
use super::{GitError, Repo};
use crate::model::CommitId;

impl Repo {
    /// The newest commit of a local branch; `None` if there is no such branch.
    pub fn branch_tip(&self, branch: &str) -> Result<Option<CommitId>, GitError> {
        self.tip(&format!("refs/heads/{branch}"))
    }

    /// The newest commit of a remote's branch as of the last fetch.
    pub fn remote_tip(&self, remote: &str, branch: &str) -> Result<Option<CommitId>, GitError> {
        self.tip(&format!("refs/remotes/{remote}/{branch}"))
    }

    fn tip(&self, full: &str) -> Result<Option<CommitId>, GitError> {
        self.with(|handle| match handle.refname_to_id(full) {
            Ok(id) => Ok(Some(commit_id(id))),
            Err(error)
                if matches!(error.code(), git2::ErrorCode::NotFound | git2::ErrorCode::InvalidSpec) =>
            {
                Ok(None)
            }
            Err(error) => Err(GitError::store("cannot read a branch")(error)),
        })
    }

    pub(super) fn is_checked_out(&self, branch: &str) -> Result<bool, GitError> {
        Ok(match self.head()? {
            super::Head::Branch { name, .. } | super::Head::Unborn { name } => name == branch,
            super::Head::Detached { .. } => false,
        })
    }

    /// Moves a branch from `old` (`None`: it must not exist) to `new`, with a line in its reflog. `held` stays
    /// locked until git is done with it, even if this process dies before.
    pub(super) fn update_ref(
        &self,
        branch: &str,
        old: Option<CommitId>,
        new: CommitId,
        note: &str,
        held: Option<&std::fs::File>,
    ) -> Result<(), GitError> {
        let full = format!("refs/heads/{branch}");
        let old_id = old.unwrap_or(CommitId([0; 20])).to_string();
        let args = ["update-ref", "--create-reflog", "-m", note, &full, &new.to_string(), &old_id];
        let git = self.git(&args);
        let git = match held {
            Some(file) => git.holding(file)?,
            None => git,
        };
        self.ref_result(branch, old, &git.run()?)
    }

    pub(super) fn delete_ref(&self, branch: &str, old: CommitId) -> Result<(), GitError> {
        let full = format!("refs/heads/{branch}");
        let output = self.git(&["update-ref", "-d", &full, &old.to_string()]).run()?;
        self.ref_result(branch, Some(old), &output)
    }

    fn ref_result(
        &self,
        branch: &str,
        old: Option<CommitId>,
        output: &super::process::Output,
    ) -> Result<(), GitError> {
        if output.ok {
            return Ok(());
        }
        let said = notice(&output.stderr);
        if said.contains("aborted by hook") {
            return Err(GitError::HookRefused { hook: "reference-transaction".to_owned(), output: said });
        }
        let actual = self.branch_tip(branch)?;
        match old {
            Some(expected) if actual != Some(expected) => {
                Err(GitError::Moved { branch: branch.to_owned(), expected, actual })
            }
            None if actual.is_some() => Err(GitError::BranchExists { branch: branch.to_owned() }),
            _ if said.contains(".lock': File exists") => {
                Err(GitError::Locked { file: said.split('\'').nth(3).unwrap_or(branch).to_owned() })
            }
            None if said.contains("cannot create") => Err(GitError::BranchName { name: branch.to_owned() }),
            _ => Err(GitError::Child { command: "update-ref".to_owned(), output: said }),
        }
    }
}
