//! The system's `git` as a child process: never through a shell, never asking at the terminal, never endless.

use super::folder::shown_name;
use super::{GitError, Repo};
use crate::model::clean;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One call of `git`.
pub(super) struct Git {
    command: Command,
    name: String,
    stdin: Vec<u8>,
    patience: Duration,
}

/// What a call gave.
pub(super) struct Output {
    pub(super) ok: bool,
    pub(super) stdout: Vec<u8>,
    /// Safe for a screen, without credentials.
    pub(super) stderr: String,
}

/// For what works on local files alone.
const LOCAL: Duration = Duration::from_mins(1);
/// No output needs more, and a child that floods us must not fill memory.
const MOST_OUTPUT: u64 = 64 << 20;

/// Settings of a repository that could start programs or print what we do not expect.
const SAFE: [&str; 8] = [
    "core.fsmonitor=false",
    "core.quotePath=false",
    "color.ui=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "advice.pushUpdateRejected=false",
];

/// Variables that point git at another repository (`git rev-parse --local-env-vars`).
const LOCAL_VARIABLES: [&str; 16] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_IMPLICIT_WORK_TREE",
];

impl Repo {
    /// `git <args>` in this repository; git itself checks once more whether it may trust the folder.
    pub(super) fn git(&self, args: &[&str]) -> Git {
        let mut git = Git::bare(args);
        git.command.current_dir(self.root());
        git
    }
}

impl Git {
    fn bare(args: &[&str]) -> Self {
        let mut command = Command::new("git");
        command.arg("--no-pager");
        for setting in SAFE {
            command.args(["-c", setting]);
        }
        let traces = std::env::vars_os().map(|(name, _)| name).filter(is_trace);
        for name in LOCAL_VARIABLES.iter().map(OsString::from).chain(traces) {
            command.env_remove(name);
        }
        // Passphrases are asked for by agents and askpass programs, never at the terminal we draw on.
        if std::env::var_os("SSH_ASKPASS_REQUIRE").is_none() {
            command.env("SSH_ASKPASS_REQUIRE", "force");
        }
        command
            .args(args)
            .env_remove("GPG_TTY")
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", ":")
            .env("GIT_PAGER", "cat")
            // A group of its own: what it starts can be stopped with it, and a program that reads the
            // terminal behind our back is stopped by the system instead of taking the user's keys.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            name: args.first().map_or_else(String::new, |name| (*name).to_owned()),
            stdin: Vec::new(),
            patience: LOCAL,
        }
    }

    pub(super) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Lets the child keep a file open, and with it the lock on the file, should we die before it.
    pub(super) fn holding(mut self, file: &File) -> Result<Self, GitError> {
        let held = file.try_clone().map_err(|error| GitError::NoGit { cause: error.to_string() })?;
        self.command.stdin(held);
        Ok(self)
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(super) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn folder(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs it; a failure of the command itself is data.
    pub(super) fn run(mut self) -> Result<Output, GitError> {
        let mut child = self.command.spawn().map_err(|error| GitError::NoGit { cause: error.to_string() })?;
        let stdin = child.stdin.take();
        let input = std::mem::take(&mut self.stdin);
        // A child that does not read its input must not stop us; a broken pipe shows in its exit code.
        let writer = std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
        let stdout = Gathered::from(child.stdout.take());
        let stderr = Gathered::from(child.stderr.take());
        let status = self.wait(&mut child)?;
        if writer.is_finished() {
            // The result is told by the exit code.
            drop(writer.join());
        }
        Ok(Output { ok: status.success(), stdout: stdout.take(), stderr: presentable(&stderr.take()) })
    }

    /// Runs it; a failure is an error. Gives the first line of its output.
    pub(super) fn answer(self) -> Result<String, GitError> {
        let command = self.name.clone();
        let output = self.run()?;
        if !output.ok {
            return Err(GitError::Child { command, output: output.stderr });
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
    }

    fn wait(&self, child: &mut Child) -> Result<std::process::ExitStatus, GitError> {
        let begun = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(status) =
                child.try_wait().map_err(|error| GitError::NoGit { cause: error.to_string() })?
            {
                return Ok(status);
            }
            if begun.elapsed() > self.patience {
                // With all that it started; they may have ended meanwhile, either way they are gone now.
                if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                drop(child.kill());
                drop(child.wait());
                return Err(GitError::TimedOut {
                    command: self.name.clone(),
                    seconds: self.patience.as_secs(),
                });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

/// Output read in the background, since a grandchild (an agent, an ssh master) may hold the pipe for ever.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: std::thread::JoinHandle<()>,
}

impl Gathered {
    fn from(pipe: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = bytes.clone();
        let reader = std::thread::spawn(move || {
            let Some(pipe) = pipe else { return };
            let mut pipe = pipe.take(MOST_OUTPUT);
            let mut part = vec![0; 64 << 10];
            while let Ok(count @ 1..) = pipe.read(&mut part) {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..count]);
            }
        });
        Self { bytes, reader }
    }

    fn take(self) -> Vec<u8> {
        let end = Instant::now() + Duration::from_millis(500);
        while !self.reader.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_trace(name: &OsString) -> bool {
    name.to_string_lossy().starts_with("GIT_TRACE")
}

/// What a program printed, for a screen: no escapes, no progress, no credentials in addresses.
pub(super) fn presentable(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let last_state = |line: &str| line.rsplit('\r').find(|part| !part.is_empty()).map(str::to_owned);
    let lines: Vec<String> = text.split('\n').filter_map(|line| last_state(line.trim_end())).collect();
    without_credentials(&clean(&lines.join("\n")))
}

/// `https://user:token@host/` becomes `https://…@host/`.
pub(super) fn without_credentials(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        safe.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || c == '\'').unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(sign) => {
                safe.push('…');
                rest = &after[sign..];
            }
            None => rest = after,
        }
    }
    safe.push_str(rest);
    safe
}

/// Output shortened to what a notice can hold.
pub(super) fn notice(text: &str) -> String {
    const LINES: usize = 20;
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= LINES {
        return shown_name(text.as_bytes()).replace('␊', "\n");
    }
    format!("{}\n… {} more lines", lines[..LINES].join("\n"), lines.len() - LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_never_reach_a_screen() {
        for (raw, safe) in [
            (
                "fatal: 'https://ada:hunter2@example.org/x.git' failed",
                "fatal: 'https://…@example.org/x.git' failed",
            ),
            ("http://token@h/ and ssh://git@h:22/x", "http://…@h/ and ssh://…@h:22/x"),
            ("https://a:p@ss@h/x", "https://…@h/x"),
            ("https://example.org/a@b", "https://example.org/a@b"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_credentials(raw), safe);
        }
    }

    #[test]
    fn output_is_shown_as_a_terminal_would_leave_it() {
        assert_eq!(
            presentable(b"10%\r50%\rdone\n\x1b[31mred\x1b[0m\n\xff\n"),
            "done\n␛[31mred␛[0m\n\u{fffd}"
        );
        let long = (0..50).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        assert!(notice(&long).ends_with("19\n… 30 more lines"));
    }

    #[test]
    fn child_that_hangs_is_stopped_and_one_that_floods_is_read() {
        let begun = Instant::now();
        let folder = tempfile::tempdir().expect("a folder");
        let alias = format!("alias.slow=!sleep 2; touch {}/late", folder.path().display());
        let slow = Git::bare(&["-c", &alias, "slow"]).within(Duration::from_millis(300));
        assert!(matches!(slow.run(), Err(GitError::TimedOut { .. })));
        assert!(begun.elapsed() < Duration::from_secs(20));
        let flood = Git::bare(&["-c", "alias.flood=!head -c 3000000 /dev/zero", "flood"]);
        assert_eq!(flood.run().expect("it ends").stdout.len(), 3_000_000);
        let orphan = Git::bare(&["-c", "alias.orphan=!sleep 9 & echo left", "orphan"]);
        assert_eq!(orphan.run().expect("it ends").stdout, b"left\n");
        assert!(begun.elapsed() < Duration::from_secs(25));
        while begun.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!folder.path().join("late").exists(), "what it started was stopped too");
    }
}
