//! Real repositories in temporary folders for this room's tests, independent of the machine's git settings.

use super::Repo;
use crate::model::CommitId;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) struct Scratch {
    pub(super) folder: tempfile::TempDir,
}

impl Scratch {
    /// A repository with a committer and branch `main`, without commits.
    pub(super) fn empty() -> Self {
        let scratch = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        scratch.git(&["init", "-q", "-b", "main", "."]);
        scratch.identify();
        scratch
    }

    /// The same with one commit: `app.yaml` (ten lines), `dir/deep/web.yaml`.
    pub(super) fn new() -> Self {
        let scratch = Self::empty();
        scratch.write("app.yaml", &ten_lines("app"));
        scratch.write("dir/deep/web.yaml", &ten_lines("web"));
        scratch.save("first");
        scratch
    }

    pub(super) fn identify(&self) {
        self.git(&["config", "user.name", "Ada"]);
        self.git(&["config", "user.email", "ada@example.org"]);
        self.git(&["config", "commit.gpgsign", "false"]);
        self.git(&["config", "core.hooksPath", ".git/hooks"]);
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn repo(&self) -> Repo {
        Repo::open(self.path()).expect("opens")
    }

    pub(super) fn write(&self, path: &str, content: &str) -> PathBuf {
        let full = self.path().join(path);
        std::fs::create_dir_all(full.parent().expect("has a parent")).expect("folders");
        std::fs::write(&full, content).expect("writes");
        full
    }

    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect("reads")
    }

    /// Commits everything with the system git.
    pub(super) fn save(&self, message: &str) -> CommitId {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub(super) fn head(&self) -> CommitId {
        CommitId::parse(self.git(&["rev-parse", "HEAD"]).trim()).expect("an id")
    }

    pub(super) fn git(&self, args: &[&str]) -> String {
        git_in(self.path(), args)
    }

    pub(super) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(&format!(".git/hooks/{name}"), &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }
}

pub(super) fn ten_lines(name: &str) -> String {
    let lines: Vec<String> = (1..=10).map(|line| format!("{name}{line}: {line}\n")).collect();
    lines.concat()
}

/// Time passes with each call, so that commits have an order.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Runs the system git, away from the machine's settings; its commits have fixed times that grow.
pub(super) fn git_in(folder: &Path, args: &[&str]) -> String {
    let date = format!("{} +0000", 1_700_000_000 + 60 * CALLS.fetch_add(1, Ordering::Relaxed));
    let output = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("HOME", folder)
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
