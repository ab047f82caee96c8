//! A home of its own for a program under test, and the search for what must not be in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Folders for everything that a program may write to.
pub struct Sandbox {
    folder: TempDir,
    /// Variables beside those of every sandbox.
    pub more: Vec<(String, String)>,
}

/// Where the folders of a user lie inside a sandbox.
const FOLDERS: [(&str, &str); 6] = [
    ("HOME", "home"),
    ("TMPDIR", "tmp"),
    ("XDG_CONFIG_HOME", "home/.config"),
    ("XDG_STATE_HOME", "home/.local/state"),
    ("XDG_CACHE_HOME", "home/.cache"),
    ("XDG_RUNTIME_DIR", "run"),
];

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("sealane-it-").tempdir().expect("a folder");
        for (_, below) in FOLDERS {
            std::fs::create_dir_all(folder.path().join(below)).expect("made");
        }
        Self { folder, more: vec![] }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All variables that a program in here sees.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = FOLDERS
            .iter()
            .map(|(name, below)| ((*name).to_owned(), self.folder.path().join(below).display().to_string()))
            .collect();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("GIT_CONFIG_NOSYSTEM", "1")] {
            all.push((name.to_owned(), value.to_owned()));
        }
        all.push(("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()));
        all.extend(self.more.iter().cloned());
        all
    }

    /// A command that runs in here.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables()).current_dir(self.folder.path());
        command
    }

    /// What git says in this folder; the test fails if git does.
    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).current_dir(folder).output().expect("git runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Folders of demos that are there now.
    pub fn demos(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("tmp")).expect("readable").flatten();
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("sealane-demo-"))
        };
        entries.map(|entry| entry.path()).filter(named).collect()
    }

    /// Where a secret stands in the clear, in any spelling: files, their names, and git's objects unpacked.
    pub fn leaks(&self, secret: &str) -> Vec<String> {
        let spellings = spellings(secret);
        let holds = |bytes: &[u8]| holds(bytes, &spellings);
        let mut found = vec![];
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(next) = open.pop() {
            if next.join("objects").is_dir() && next.join("HEAD").is_file() {
                let all = ["cat-file", "--batch", "--batch-all-objects", "--unordered"];
                let objects = self.command("git").arg("--git-dir").arg(&next).args(all).output();
                if holds(&objects.expect("git runs").stdout) {
                    found.push(format!("an object of {}", next.display()));
                }
            }
            // What goes away while it is looked at is no file.
            for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
                let path = entry.path();
                if holds(path.as_os_str().as_encoded_bytes()) {
                    found.push(format!("the name of {}", path.display()));
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push(path),
                    Ok(kind) if kind.is_file() && std::fs::read(&path).is_ok_and(|b| holds(&b)) => {
                        found.push(path.display().to_string());
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Core files anywhere in here.
    pub fn cores(&self) -> Vec<PathBuf> {
        let mut found = vec![];
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = entry.path();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else if name == "core" || name.starts_with("core.") {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// A secret as it may stand somewhere: as it is, as base64 at each of its three phases, as hexadecimal digits,
/// in either case, as the wide letters of other programs, backwards.
pub fn spellings(secret: &str) -> Vec<String> {
    let hex: Vec<String> = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let mut all = vec![secret.to_owned(), hex.concat(), hex.concat().to_uppercase()];
    for phase in 0..3 {
        let text = STANDARD.encode([&b"???"[..phase], secret.as_bytes()].concat());
        // The first and the last letter also depend on what stands beside it.
        let (from, to) = ((phase * 8).div_ceil(6), (phase + secret.len()) * 8 / 6);
        all.push(text[from..to].to_owned());
    }
    for zeros in ["\0", "\0\0\0"] {
        all.push(secret.chars().flat_map(|letter| [letter.to_string(), zeros.to_owned()]).collect());
    }
    all.push(secret.chars().rev().collect());
    all.push(STANDARD.encode(secret.bytes().rev().collect::<Vec<u8>>()).trim_end_matches('=').to_owned());
    all
}

/// True if one of the spellings stands in the bytes.
pub fn holds(bytes: &[u8], spellings: &[String]) -> bool {
    // What is no text is replaced, and no spelling loses a letter by that.
    let text = String::from_utf8_lossy(bytes);
    spellings.iter().any(|spelling| text.contains(spelling.as_str()))
}

#[test]
fn every_spelling_is_recognised() {
    let secret = "canary-and-more";
    let all = spellings(secret);
    for before in ["", "a", "ab", "abc"] {
        for after in ["", "x", "xy"] {
            let text = format!("{before}{secret}{after}");
            assert!(holds(text.as_bytes(), &all));
            assert!(holds(STANDARD.encode(&text).as_bytes(), &all), "{text}");
        }
    }
    assert!(!holds(b"canary-and-less and Y2FuYXJ5LWFuZC", &all));
}
