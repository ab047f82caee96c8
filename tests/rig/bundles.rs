//! Clones of the real repositories' histories, each with its oracle and a Sealane that looks at it.

use crate::oracle::{Oracle, git};
use sealane::model::ObjectKey;
use sealane::workspace::{Settings, Workspace};
use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// A clone in a scratch folder.
pub struct Bundle {
    _scratch: tempfile::TempDir,
    pub clone: PathBuf,
    /// A second worktree, where real git works.
    pub beside: PathBuf,
    pub oracle: Oracle,
    pub runtime: tokio::runtime::Runtime,
}

impl Bundle {
    /// Clones `bundles/NAME.bundle` of the corpora.
    pub fn of(name: &str) -> Self {
        Self::newest(name, None)
    }

    /// The same with the newest commits only: first parents, so many below the newest.
    pub fn newest(name: &str, depth: Option<usize>) -> Self {
        let corpora = env::var_os("SEALANE_CORPORA").map(PathBuf::from);
        let bundle = corpora.expect("SEALANE_CORPORA names no folder").join(format!("bundles/{name}.bundle"));
        let scratch = tempfile::tempdir().expect("a folder");
        let (clone, beside) = (scratch.path().join("clone"), scratch.path().join("beside"));
        git(scratch.path(), &["clone", "--quiet", &bundle.to_string_lossy(), &clone.to_string_lossy()]);
        if let Some(depth) = depth {
            let whole = scratch.path().join("whole");
            std::fs::rename(&clone, &whole).expect("moved");
            let (from, depth) = (format!("file://{}", whole.display()), depth.to_string());
            git(scratch.path(), &["clone", "--quiet", "--depth", &depth, &from, &clone.to_string_lossy()]);
        }
        git(&clone, &["worktree", "add", "--quiet", "--detach", &beside.to_string_lossy()]);
        for (key, value) in [("user.name", "Rig"), ("user.email", "rig@example.test")] {
            git(&clone, &["config", key, value]);
        }
        let oracle = Oracle::of(&clone);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Self { _scratch: scratch, clone, beside, oracle, runtime }
    }

    /// The first parents of HEAD, newest first.
    pub fn line(&self) -> Vec<String> {
        git(&self.clone, &["rev-list", "--first-parent", "HEAD"]).lines().map(str::to_owned).collect()
    }

    /// Sealane on the clone, without a cluster and without keys.
    pub fn open(&self) -> Workspace {
        let _inside = self.runtime.enter();
        let state = Some(self.clone.join(".git/state"));
        let settings = Settings { path: self.clone.clone(), no_cluster: true, state, ..Settings::default() };
        Workspace::open(settings).expect("the clone opens")
    }

    /// The names of the environments, once they are read.
    pub fn environments(&self, workspace: &Workspace) -> Vec<String> {
        let mut snapshots = workspace.snapshots();
        let read = snapshots.wait_for(|s| s.repo.read && !s.environments.is_empty() && s.work.is_empty());
        let found = self.runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), read).await });
        let snapshot = found.expect("the clone is read within a minute").expect("the engine lives").clone();
        snapshot.environments.iter().map(|environment| environment.name.to_string()).collect()
    }
}

/// The file or folder without which a cluster is not told to apply an entry.
pub fn sync_of(entry: &str) -> &str {
    if entry.is_empty() { "flux-system/gotk-sync.yaml" } else { entry }
}

/// The seed where none is said: a run without one is the same run every time.
const SEED: u64 = 1;

/// The seed of the choices: `SEALANE_RIG_SEED`, or else the same one every time.
pub fn seed() -> u64 {
    let said = env::var("SEALANE_RIG_SEED").ok();
    said.map_or(SEED, |seed| seed.parse().expect("SEALANE_RIG_SEED is a number"))
}

/// The suite's own voice.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes text");
}

/// A key as the oracle writes it.
pub fn key_text(key: &ObjectKey) -> String {
    format!("{}/{}/{}/{}", key.group, key.kind, key.namespace, key.name)
}
