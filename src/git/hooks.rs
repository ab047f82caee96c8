//! The user's own commit hooks, run on what would be committed, away from the user's worktree and index.

use super::error::shown;
use super::folder::shown_name;
use super::process::notice;
use super::{GitError, Repo};
use crate::model::{CommitId, ContentId};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Hooks run test suites at times.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a commit will be.
pub(super) struct Draft<'a> {
    pub(super) tree: ContentId,
    pub(super) parent: CommitId,
    /// The branch that hooks see as checked out; `None` for a detached head.
    pub(super) branch: Option<&'a str>,
    pub(super) message: &'a str,
}

impl Repo {
    /// Runs `pre-commit`, `prepare-commit-msg` and `commit-msg` as `git commit` would; gives the message.
    ///
    /// They run in a worktree of their own: a temporary folder with a `.git` file, private `HEAD` and index,
    /// the repository's objects and configuration, and, if there is a `pre-commit`, the files of the new tree.
    /// A hook that changes files is refused, because what was shown would not be what is committed.
    pub(super) fn run_hooks(&self, draft: &Draft<'_>) -> Result<String, GitError> {
        let folder = PathBuf::from(self.git(&["rev-parse", "--git-path", "hooks"]).answer()?);
        let folder = absolute(&self.root().join(folder)).unwrap_or_default();
        let has = |name: &str| is_program(&folder.join(name));
        if !["pre-commit", "prepare-commit-msg", "commit-msg"].into_iter().any(has) {
            return Ok(draft.message.to_owned());
        }
        let room = HookRoom::new(self, draft, &folder)?;
        if has("pre-commit") {
            room.check_out()?;
            room.hook("pre-commit", &[])?;
            let tree = room.git(&["write-tree"]).answer()?;
            if tree != draft.tree.to_string() {
                return Err(GitError::HookRefused {
                    hook: "pre-commit".to_owned(),
                    output: "it changed the files; what was shown is not what it would commit".to_owned(),
                });
            }
        }
        let file = room.private.join("COMMIT_EDITMSG");
        std::fs::write(&file, draft.message).map_err(GitError::disk(&file))?;
        let path = file.to_string_lossy();
        if has("prepare-commit-msg") {
            room.hook("prepare-commit-msg", &[&path, "message"])?;
        }
        if has("commit-msg") {
            room.hook("commit-msg", &[&path])?;
        }
        let message = std::fs::read(&file).map_err(GitError::disk(&file))?;
        Ok(String::from_utf8_lossy(&message).into_owned())
    }
}

/// A worktree made for hooks, gone when dropped.
struct HookRoom<'a> {
    repo: &'a Repo,
    tree: PathBuf,
    private: PathBuf,
    hooks: String,
    _folder: tempfile::TempDir,
}

impl<'a> HookRoom<'a> {
    /// A folder with `HEAD` and `commondir` is what git takes for the private part of a linked worktree
    /// (gitrepository-layout(5)); nothing is registered in the repository, so a kill leaves nothing there.
    fn new(repo: &'a Repo, draft: &Draft<'_>, hooks: &Path) -> Result<Self, GitError> {
        let temp = std::env::temp_dir();
        let folder =
            tempfile::Builder::new().prefix("sealane-hook-").tempdir().map_err(GitError::disk(&temp))?;
        let (tree, private) = (folder.path().join("tree"), folder.path().join("git"));
        let head = match draft.branch {
            Some(branch) => format!("ref: refs/heads/{branch}\n"),
            None => format!("{}\n", draft.parent),
        };
        let common = absolute(&repo.inner.common_dir)?;
        let write = |path: PathBuf, text: String| std::fs::write(&path, text).map_err(GitError::disk(&path));
        for made in [&tree, &private] {
            std::fs::create_dir(made).map_err(GitError::disk(made))?;
        }
        write(private.join("HEAD"), head)?;
        write(private.join("commondir"), format!("{}\n", common.display()))?;
        write(private.join("gitdir"), format!("{}\n", tree.join(".git").display()))?;
        write(tree.join(".git"), format!("gitdir: {}\n", private.display()))?;
        let own = repo.inner.git_dir.join("config.worktree");
        if own.is_file() {
            std::fs::copy(&own, private.join("config.worktree")).map_err(GitError::disk(&own))?;
        }
        // A relative `core.hooksPath` counts from the user's worktree; untracked hooks are only there.
        let hooks = format!("core.hooksPath={}", hooks.display());
        let room = Self { repo, tree, private, hooks, _folder: folder };
        room.git(&["read-tree", &draft.tree.to_string()]).answer()?;
        Ok(room)
    }

    fn git(&self, args: &[&str]) -> super::process::Git {
        self.repo.git(args).folder(&self.tree).within(PATIENCE)
    }

    fn check_out(&self) -> Result<(), GitError> {
        self.git(&["checkout-index", "--all", "--quiet"]).env("GIT_LFS_SKIP_SMUDGE", "1").answer()?;
        self.git(&["update-index", "-q", "--refresh"]).run()?;
        Ok(())
    }

    fn hook(&self, name: &str, args: &[&str]) -> Result<(), GitError> {
        let all = [&["-c", &self.hooks, "hook", "run", name, "--"], args].concat();
        let output = self.git(&all).run()?;
        if output.ok {
            return Ok(());
        }
        let said = notice(&output.stderr);
        let said = if said.is_empty() { "it said nothing".to_owned() } else { said };
        Err(GitError::HookRefused { hook: shown_name(name.as_bytes()), output: said })
    }
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn absolute(path: &Path) -> Result<PathBuf, GitError> {
    std::fs::canonicalize(path)
        .map_err(|error| GitError::Disk { path: shown(path), cause: error.to_string() })
}
