//! The start of the screen: the frame comes before anything is read, and whenever the program is ended, the terminal is
//! given back and nothing is left on disk.

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(1);
const ENTER: &[u8] = b"\x1b[?1049h";
const LEAVE: &[u8] = b"\x1b[?1049l";

/// The program in a terminal of its own.
struct Seen {
    child: Box<dyn Child + Send + Sync>,
    output: Arc<Mutex<Vec<u8>>>,
    /// The terminal lives as long as this does; its keyboard too.
    master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Seen {
    fn start(words: &[&str], scratch: &Path) -> Self {
        let size = PtySize { rows: 30, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_sealane"));
        command.args(words);
        command.env("TMPDIR", scratch);
        command.env("TERM", "xterm-256color");
        command.env("KUBECONFIG", scratch.join("none"));
        let child = pty.slave.spawn_command(command).expect("it starts");
        drop(pty.slave);
        let output = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, into) = (pty.master.try_clone_reader().expect("a reader"), output.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                into.lock().expect("no panic").extend_from_slice(&buffer[..read]);
            }
        });
        Self { child, output, master: pty.master }
    }

    fn shows(&self, wanted: &[u8]) -> bool {
        self.output.lock().expect("no panic").windows(wanted.len()).any(|w| w == wanted)
    }

    fn wait_for(&self, what: &str, seen: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !seen(self) {
            let output = String::from_utf8_lossy(&self.output.lock().expect("no panic")).into_owned();
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{output}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for the end; true if it was in order.
    fn ended(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                // What it wrote last is on its way through the terminal.
                std::thread::sleep(Duration::from_millis(50));
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
    for (signal, number) in ["TERM", "INT", "HUP", "TERM", "INT", "TERM", "HUP", "TERM"].into_iter().zip(0..)
    {
        let scratch = tempfile::tempdir().expect("a folder");
        let mut seen = Seen::start(&["demo"], scratch.path());
        seen.wait_for("the alternate screen", |s| s.shows(ENTER));
        std::thread::sleep(Duration::from_millis(37) * number);
        seen.signal(signal);
        assert!(seen.ended(), "{signal} after {number} steps is no error");
        assert!(seen.shows(LEAVE), "{signal} after {number} steps gives the terminal back");
        assert_eq!(left_in(scratch.path()), [""; 0], "{signal} after {number} steps");
    }
}

#[test]
fn a_signal_while_the_served_demo_starts_leaves_nothing_behind() {
    for number in 0..4 {
        let scratch = tempfile::tempdir().expect("a folder");
        let mut seen = Seen::start(&["demo", "--serve"], scratch.path());
        seen.wait_for("its folder", |_| !left_in(scratch.path()).is_empty());
        std::thread::sleep(Duration::from_millis(41 * number));
        seen.signal("TERM");
        assert!(seen.ended());
        assert_eq!(left_in(scratch.path()), [""; 0], "after {number} steps");
    }
}

#[test]
fn q_while_the_demo_starts_ends_it_in_order() {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut seen = Seen::start(&["demo"], scratch.path());
    seen.wait_for("the alternate screen", |s| s.shows(ENTER));
    std::io::Write::write_all(&mut seen.master.take_writer().expect("a keyboard"), b"q").expect("typed");
    assert!(seen.ended());
    assert!(seen.shows(LEAVE));
    assert_eq!(left_in(scratch.path()), [""; 0]);
}

#[test]
fn what_cannot_be_opened_is_said_on_the_terminal_that_was_given_back() {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut seen = Seen::start(&[&scratch.path().to_string_lossy()], scratch.path());
    assert!(!seen.ended());
    let output = String::from_utf8_lossy(&seen.output.lock().expect("no panic")).into_owned();
    let (_, after) = output.split_once("\x1b[?1049l").expect("the terminal was given back");
    assert!(after.contains("sealane: ") && after.contains("git repository"), "{after}");
}
