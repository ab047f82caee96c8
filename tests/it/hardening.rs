//! Nobody reads the memory of the screen: not its own user either, unless that is root.

use crate::pty::Pty;
use crate::sandbox::Sandbox;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Names the program for the half of the test that becomes another user and then that program.
const BECOMES: &str = "SEALANE_IT_BECOMES";
/// The user that owns nothing: root may read everything, so that a test as root would tell nothing.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// The same command as a user who is not root.
pub fn as_a_user(mut command: Command) -> Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Gives a folder and all in it to the user.
pub fn give(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("given");
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        give(&entry.path());
    }
}

/// A copy of a program that the user may read: one that may not be read is never dumped, hardened or not.
pub fn readable(program: &Path, sandbox: &Sandbox) -> PathBuf {
    let copy = sandbox.folder().join(program.file_name().expect("a name"));
    std::fs::copy(program, &copy).expect("copied");
    std::fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("set");
    copy
}

/// True if the user may open this file of a process.
fn may_open(id: u32, file: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", &format!(": < /proc/{id}/{file}")]).current_dir("/").stderr(Stdio::piped());
    let output = as_a_user(command).output().expect("sh runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || said.contains("ermission denied"), "{file}: {said}");
    output.status.success()
}

/// Where Yama is in force, only a parent may attach to a process, whatever that process allows.
fn may_attach() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    matches!(scope.trim(), "" | "0")
}

/// Any other program of the user, which ends with this.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_memory_of_the_screen_cannot_be_read_by_its_own_user() {
    if let Some(program) = std::env::var_os(BECOMES) {
        let mut command = Command::new(program);
        command.arg("demo");
        panic!("it could not be started: {}", as_a_user(command).exec());
    }
    let mut sandbox = Sandbox::new();
    let sealane = readable(Path::new(env!("CARGO_BIN_EXE_sealane")), &sandbox);
    let sleep = Command::new("sh").args(["-c", "command -v sleep"]).output().expect("sh runs").stdout;
    let sleep = readable(Path::new(String::from_utf8_lossy(&sleep).trim()), &sandbox);
    give(sandbox.folder());

    let mut command = Command::new(sleep);
    command.arg("600").current_dir("/");
    let other = Other(as_a_user(command).spawn().expect("it starts"));
    assert!(may_open(other.0.id(), "environ"), "the control: what is not hardened can be looked into");
    assert!(!may_attach() || may_open(other.0.id(), "mem"), "the control: its memory can be read");

    sandbox.more.push((BECOMES.to_owned(), sealane.display().to_string()));
    let program = std::env::current_exe().expect("this program");
    let name = "hardening::the_memory_of_the_screen_cannot_be_read_by_its_own_user";
    let arguments = ["--exact", name, "--nocapture", "--test-threads", "1"].map(AsRef::as_ref);
    let mut screen = Pty::start(&sandbox, (100, 30), program.as_ref(), &arguments);
    screen.shows("rendered");
    let status = std::fs::read_to_string(format!("/proc/{}/status", screen.pid())).expect("it runs");
    assert!(status.starts_with("Name:\tsealane\n"), "{status}");
    let user = status.lines().find(|line| line.starts_with("Uid:")).expect("a user").to_owned();
    assert!(!user.split_whitespace().any(|id| id == "0"), "{user}");
    for file in ["mem", "environ", "maps"] {
        assert!(!may_open(screen.pid(), file), "{file} of the screen can be read");
    }
    screen.press("\x03");
    assert!(screen.ends().success());
    assert_eq!(sandbox.demos(), Vec::<PathBuf>::new());
}
