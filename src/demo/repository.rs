//! The demo's repository: a bare `origin` with the story as its history, and a clone to work in.

use super::story::{self, StoryError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    /// `git` could not be started.
    #[error("git cannot be run: {0}; install git and try again")]
    NoGit(#[source] std::io::Error),
    /// `git` refused.
    #[error("git {what} failed: {output}")]
    Git {
        /// The subcommand.
        what: String,
        /// What it printed.
        output: String,
    },
}

impl DemoRepository {
    /// Makes both repositories below `folder`. Commit ids are the same on every machine and in every run.
    pub fn create(folder: &Path) -> Result<Self, RepositoryError> {
        let repository = Self { origin: folder.join("fleet.git"), clone: folder.join("fleet") };
        let stream = fast_import_stream()?;
        run(folder, &["init", "--quiet", "--bare", "--initial-branch", BRANCH, "fleet.git"], &[])?;
        run(&repository.origin, &["fast-import", "--quiet", "--date-format=raw"], &stream)?;
        run(folder, &["clone", "--quiet", "--no-hardlinks", "fleet.git", "fleet"], &[])?;
        for (key, value) in [
            ("user.name", "You"),
            ("user.email", "you@shop.example"),
            ("commit.gpgsign", "false"),
            ("core.hooksPath", "/dev/null"),
        ] {
            run(&repository.clone, &["config", key, value], &[])?;
        }
        Ok(repository)
    }
}

fn fast_import_stream() -> Result<Vec<u8>, StoryError> {
    let mut stream = Vec::with_capacity(256 << 10);
    for commit in story::commits()? {
        let who = format!("{} <{}> {} {}", commit.author, commit.email, commit.time.as_second(), commit.zone);
        stream.extend_from_slice(
            format!("commit refs/heads/{BRANCH}\nauthor {who}\ncommitter {who}\n").as_bytes(),
        );
        data(&mut stream, &commit.message);
        for (path, content) in &commit.files {
            match content {
                Some(text) => {
                    stream.extend_from_slice(format!("M 100644 inline {path}\n").as_bytes());
                    data(&mut stream, text);
                }
                None => stream.extend_from_slice(format!("D {path}\n").as_bytes()),
            }
        }
    }
    stream.extend_from_slice(b"done\n");
    Ok(stream)
}

fn data(stream: &mut Vec<u8>, text: &str) {
    stream.extend_from_slice(format!("data {}\n{text}\n", text.len()).as_bytes());
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Result<(), RepositoryError> {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        // The demo must not depend on anybody's configuration, templates or hooks.
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TEMPLATE_DIR", "")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(RepositoryError::NoGit)?;
    // A broken pipe shows in git's exit status and message, which say more.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
    let output = child.wait_with_output().map_err(RepositoryError::NoGit)?;
    if output.status.success() {
        return Ok(());
    }
    let what = arguments.first().copied().unwrap_or_default().to_owned();
    Err(RepositoryError::Git { what, output: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(folder: &Path) -> String {
        let output =
            Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().expect("git runs");
        String::from_utf8(output.stdout).expect("hex")
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
