//! The start of the screen: the frame comes before anything is read, and whenever the program is ended, the terminal is
//! given back and nothing is left on disk.

use crate::console::{Console, Watch, sized};
use portable_pty::{CommandBuilder, MasterPty, native_pty_system};
use rustix::process::{Pid, Signal};
use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(1);
const ENTER: &[u8] = b"\x1b[?1049h";
const LEAVE: &[u8] = b"\x1b[?1049l";

impl Watch for Vec<u8> {
    fn take(&mut self, bytes: &[u8], _at: Instant) {
        self.extend_from_slice(bytes);
    }
}

/// The program in a terminal of its own.
struct Seen {
    console: Console<Vec<u8>>,
    _master: Box<dyn MasterPty + Send>,
}

impl Seen {
    fn start(words: &[&str], scratch: &Path) -> Self {
        let pty = native_pty_system().openpty(sized((120, 30))).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sealane"));
        command.args(words);
        command.env("TMPDIR", scratch);
        command.env("TERM", "xterm-256color");
        command.env("KUBECONFIG", scratch.join("none"));
        let console = Console::start(&pty, command, vec![]).expect("it starts");
        Self { console, _master: pty.master }
    }

    fn shows(&self, wanted: &[u8]) -> bool {
        self.console.with(|output| output.windows(wanted.len()).any(|w| w == wanted))
    }

    fn output(&self) -> String {
        self.console.with(|output| String::from_utf8_lossy(output).into_owned())
    }

    fn wait_for(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !seen(self) {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", self.output());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.console.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
        rustix::process::kill_process(id, signal).expect("sent");
    }

    /// Waits for the end; true if it was in order.
    fn ended(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.console.ended().expect("a child") {
                // What it wrote last is on its way through the terminal.
                self.console.until(PATIENCE, |_| None::<()>);
                return status.success();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the scratch folder");
    entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_signal_at_any_moment_of_the_start_leaves_nothing_behind() {
    const SIGNALS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];
    for (signal, number) in SIGNALS.into_iter().cycle().zip(0..8) {
        let scratch = tempfile::tempdir().expect("a folder");
        let mut seen = Seen::start(&["demo"], scratch.path());
        seen.wait_for("the alternate screen", |s| s.shows(ENTER));
        std::thread::sleep(Duration::from_millis(37) * number);
        seen.signal(signal);
        assert!(seen.ended(), "{signal:?} after {number} steps is no error");
        assert!(seen.shows(LEAVE), "{signal:?} after {number} steps gives the terminal back");
        assert_eq!(left_in(scratch.path()), [""; 0], "{signal:?} after {number} steps");
    }
}

#[test]
fn a_signal_while_the_served_demo_starts_leaves_nothing_behind() {
    for number in 0..4 {
        let scratch = tempfile::tempdir().expect("a folder");
        let mut seen = Seen::start(&["demo", "--serve"], scratch.path());
        seen.wait_for("its folder", |_| !left_in(scratch.path()).is_empty());
        std::thread::sleep(Duration::from_millis(41 * number));
        seen.signal(Signal::TERM);
        assert!(seen.ended());
        assert_eq!(left_in(scratch.path()), [""; 0], "after {number} steps");
    }
}

#[test]
fn q_while_the_demo_starts_ends_it_in_order() {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut seen = Seen::start(&["demo"], scratch.path());
    seen.wait_for("the alternate screen", |s| s.shows(ENTER));
    seen.console.send("q").expect("typed");
    assert!(seen.ended());
    assert!(seen.shows(LEAVE));
    assert_eq!(left_in(scratch.path()), [""; 0]);
}

#[test]
fn what_cannot_be_opened_is_said_on_the_terminal_that_was_given_back() {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut seen = Seen::start(&[&scratch.path().to_string_lossy()], scratch.path());
    assert!(!seen.ended());
    let output = seen.output();
    let (_, after) = output.split_once("\x1b[?1049l").expect("the terminal was given back");
    assert!(after.contains("sealane: ") && after.contains("git repository"), "{after}");
}
