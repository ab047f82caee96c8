//! The demo's repository: a bare `origin` with the story as its history, and a clone to work in.

use super::story::{self, StoryCommit, StoryError};
use crate::git::{self, GitError, Told};
use std::fs;
use std::path::{Path, PathBuf};

/// The branch of the demo.
pub(super) const BRANCH: &str = "main";

/// `origin` and its clone in one folder.
#[derive(Debug, Clone)]
pub struct DemoRepository {
    /// The bare repository that the demo's clusters follow.
    pub origin: PathBuf,
    /// The clone that is worked in.
    pub clone: PathBuf,
}

/// Why the demo's repository could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The story itself is broken.
    #[error(transparent)]
    Story(#[from] StoryError),
    /// A file could not be written.
    #[error("the demo's repository cannot be written: {0}")]
    Files(#[from] std::io::Error),
    /// Its objects could not be written.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl DemoRepository {
    /// Makes both repositories below `folder`. Commit ids are the same on every machine and in every run.
    ///
    /// No process is started: `git fast-import` and `git clone` would take longer than the first screen may.
    pub fn create(folder: &Path) -> Result<Self, RepositoryError> {
        let repository = Self { origin: folder.join("fleet.git"), clone: folder.join("fleet") };
        let commits: Vec<Told> = story::commits()?.into_iter().map(told).collect();
        let (origin, own) = (&repository.origin, &repository.clone.join(".git"));
        lay_out(origin, "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")?;
        git::found(origin, BRANCH, &commits)?;
        lay_out(own, &config_of_clone(origin))?;
        for entry in fs::read_dir(origin.join("objects/pack"))? {
            let pack = entry?;
            fs::copy(pack.path(), own.join("objects/pack").join(pack.file_name()))?;
        }
        let head = fs::read(origin.join("refs/heads").join(BRANCH))?;
        fs::write(own.join("refs/heads").join(BRANCH), &head)?;
        fs::create_dir_all(own.join("refs/remotes/origin"))?;
        fs::write(own.join("refs/remotes/origin").join(BRANCH), &head)?;
        fs::write(own.join("refs/remotes/origin/HEAD"), format!("ref: refs/remotes/origin/{BRANCH}\n"))?;
        Ok(git::fill(&repository.clone).map(|()| repository)?)
    }
}

/// The folders and files by which git knows a repository, with no object yet.
fn lay_out(folder: &Path, config: &str) -> std::io::Result<()> {
    for below in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        fs::create_dir_all(folder.join(below))?;
    }
    fs::write(folder.join("HEAD"), format!("ref: refs/heads/{BRANCH}\n"))?;
    fs::write(folder.join("config"), config)
}

/// What `git clone` writes, and who works here: the visitor, without anybody's keys or hooks.
fn config_of_clone(origin: &Path) -> String {
    let url = origin.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tautocrlf = false\n\
         \tlogallrefupdates = true\n\thooksPath = /dev/null\n\
         [remote \"origin\"]\n\turl = \"{url}\"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
         [branch \"{BRANCH}\"]\n\tremote = origin\n\tmerge = refs/heads/{BRANCH}\n\
         [user]\n\tname = You\n\temail = you@shop.example\n\
         [commit]\n\tgpgsign = false\n"
    )
}

fn told(commit: StoryCommit) -> Told {
    Told {
        name: commit.author.to_owned(),
        email: commit.email.to_owned(),
        seconds: commit.time.as_second(),
        ahead: commit.ahead,
        message: commit.message,
        files: commit.files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn head(folder: &Path) -> String {
        let output =
            Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().expect("git runs");
        String::from_utf8(output.stdout).expect("hex")
    }

    fn said(folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git").args(arguments).current_dir(folder).output().expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    #[test]
    fn git_finds_a_whole_repository_and_a_clean_clone_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = DemoRepository::create(folder.path()).expect("the repository is made");
        for place in [&made.origin, &made.clone] {
            assert_eq!(said(place, &["fsck", "--strict", "--full"]), "");
        }
        assert_eq!(said(&made.clone, &["status", "--porcelain=v2", "--branch"]).lines().count(), 4);
        let ahead = said(&made.clone, &["status", "--porcelain=v2", "--branch"]);
        assert!(ahead.ends_with("# branch.upstream origin/main\n# branch.ab +0 -0"), "{ahead}");
        assert_eq!(
            said(&made.clone, &["symbolic-ref", "refs/remotes/origin/HEAD"]),
            "refs/remotes/origin/main"
        );
        said(&made.clone, &["commit", "--allow-empty", "-m", "ours"]);
        said(&made.clone, &["push", "--quiet"]);
        assert_eq!(head(&made.clone), head(&made.origin));
    }

    #[test]
    fn the_ids_are_those_of_every_run_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = DemoRepository::create(folder.path()).expect("the repository is made");
        assert_eq!(head(&made.clone).trim(), "5054947b94a2c4244ed2a87411806bcece190040");
    }

    #[test]
    fn two_runs_give_the_same_commits() {
        let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = DemoRepository::create(a.path()).expect("the repository is made");
        let second = DemoRepository::create(b.path()).expect("the repository is made");
        assert_eq!(head(&first.clone), head(&second.clone));
        assert_eq!(head(&first.clone), head(&first.origin));
        assert_eq!(head(&first.clone).trim().len(), 40);
    }
}
