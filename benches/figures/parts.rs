//! What is measured and what it is measured with. A part that is missing ends the run with the step that brings it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why nothing could be measured, with the next step.
#[derive(Debug)]
pub struct Missing(pub String);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Missing {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Everything that a run needs.
pub struct Parts {
    /// The program, as `cargo build --release` makes it.
    pub program: PathBuf,
    pub kubectl: PathBuf,
    /// A peer that is run and nothing else; `None` if it is not in the rig's cache.
    pub flate: Option<PathBuf>,
    pub corpora: PathBuf,
    /// A clone of `caarlos0__home` with its history.
    pub home: PathBuf,
    /// Scratch space; the programs' home.
    pub scratch: tempfile::TempDir,
}

impl Parts {
    pub fn find() -> Result<Self, Missing> {
        if cfg!(debug_assertions) {
            return Err(Missing("figures are promised of a release build: run `just bench`".to_owned()));
        }
        let corpora = variable("SEALANE_CORPORA")
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"));
        let bundle = corpora.join("bundles/caarlos0__home.bundle");
        for needed in [&corpora.join("expected/index.tsv"), &bundle] {
            if !needed.is_file() {
                let needed = needed.display();
                return Err(Missing(format!(
                    "{needed} is missing: SEALANE_CORPORA names the folder of the real repositories"
                )));
            }
        }
        let kubectl = rig()?.join("bin/kubectl");
        if !kubectl.is_file() {
            return Err(Missing(format!("{} is missing: run `just rig` first", kubectl.display())));
        }
        let flate = Some(rig()?.join("bin/flate")).filter(|flate| flate.is_file());
        let scratch = tempfile::Builder::new().prefix("sealane-bench-").tempdir()?;
        let home = scratch.path().join("home");
        run(Command::new("git").args(["clone", "--quiet"]).arg(&bundle).arg(&home))?;
        Ok(Self {
            program: PathBuf::from(env!("CARGO_BIN_EXE_sealane")),
            kubectl,
            flate,
            corpora,
            home,
            scratch,
        })
    }

    /// A program of the rig's cache.
    pub fn part(name: &str) -> Result<PathBuf, Missing> {
        let program = rig()?.join("bin").join(name);
        if program.is_file() {
            Ok(program)
        } else {
            Err(Missing(format!("{} is missing: run `just rig {name}`", program.display())))
        }
    }

    /// The program with no configuration of anybody.
    pub fn program(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("HOME", self.scratch.path()).env_remove("KUBECONFIG");
        command
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The cache of `just rig`.
fn rig() -> Result<PathBuf, Missing> {
    let user = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    variable("SEALANE_RIG")
        .or_else(|| Some(user()?.join("sealane-rig")))
        .ok_or_else(|| Missing("SEALANE_RIG, XDG_CACHE_HOME or HOME must name the rig's cache".to_owned()))
}

/// Runs a command; its output, or what it said when it failed.
pub fn run(command: &mut Command) -> Result<String, Missing> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| Missing(format!("{command:?}: {e}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Missing(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))))
}
