//! A real terminal for the real program: keys go in, what stands on the screen comes out, and all of it is kept.

use crate::sandbox::Sandbox;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal};
use std::ffi::OsStr;
use std::io::{Read as _, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Long enough for a busy machine; every wait ends as soon as its state is there.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What came out of the program so far.
struct Seen {
    terminal: vt100::Parser,
    raw: Vec<u8>,
    /// Every screen that was different from the one before.
    screens: Vec<String>,
    closed: bool,
}

/// A program on a terminal of its own. Dropping it kills the program.
pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that what is written last can be read after the program has ended.
    slave: Option<Box<dyn SlavePty + Send>>,
    keyboard: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Keys pressed so far, typed text not counted.
    pub keys: usize,
    before: String,
}

impl Pty {
    /// Starts `sealane` with these arguments on a terminal of 100 by 30.
    pub fn sealane(sandbox: &Sandbox, arguments: &[&OsStr]) -> Self {
        Self::start(sandbox, (100, 30), env!("CARGO_BIN_EXE_sealane").as_ref(), arguments)
    }

    /// Starts any program on a terminal of this size.
    pub fn start(sandbox: &Sandbox, size: (u16, u16), program: &OsStr, arguments: &[&OsStr]) -> Self {
        let pair = native_pty_system().openpty(sized(size)).expect("a terminal");
        let before = format!("{:?}", pair.master.get_termios());
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(sandbox.folder());
        command.env_clear();
        for (name, value) in sandbox.variables() {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("it starts");
        let seen = Seen {
            terminal: vt100::Parser::new(size.1, size.0, 0),
            raw: vec![],
            screens: vec![],
            closed: false,
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let shared = seen.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                shared.0.lock().expect("not poisoned").take(&buffer[..length]);
                shared.1.notify_all();
            }
            shared.0.lock().expect("not poisoned").closed = true;
            shared.1.notify_all();
        });
        let keyboard = pair.master.take_writer().expect("a writer");
        Self { child, master: pair.master, slave: Some(pair.slave), keyboard, seen, keys: 0, before }
    }

    /// Waits until the screen is as wanted; what it shows then.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        let mut seen = self.seen.0.lock().expect("not poisoned");
        loop {
            let now = seen.terminal.screen().contents();
            if wanted(&now) {
                return now;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            if left.is_zero() || seen.closed {
                drop(seen);
                panic!("never saw: {what}\n{now}");
            }
            // A screen that is complete may be followed by nothing; looking again costs little.
            seen = self.seen.1.wait_timeout(seen, left.min(Duration::from_secs(1))).expect("not poisoned").0;
        }
    }

    /// Waits until this text stands on the screen.
    pub fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Presses one key.
    pub fn press(&mut self, key: &str) {
        self.keys += 1;
        self.send(key);
    }

    /// Types text, one letter after the other as a person does.
    pub fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.send(letter.encode_utf8(&mut [0; 4]));
        }
    }

    /// Sends bytes to the program.
    pub fn send(&mut self, bytes: &str) {
        self.keyboard.write_all(bytes.as_bytes()).and_then(|()| self.keyboard.flush()).expect("sent");
    }

    /// Gives the terminal another size.
    pub fn resize(&self, (columns, lines): (u16, u16)) {
        // The screen here first: what the program draws after the signal is meant for the new size.
        self.seen.0.lock().expect("not poisoned").terminal.screen_mut().set_size(lines, columns);
        self.master.resize(sized((columns, lines))).expect("resized");
    }

    /// Answers a question that the program puts to the terminal, once it does.
    pub fn answers(&mut self, question: &str, answer: &str) {
        let begun = Instant::now();
        while !self.everything().0.windows(question.len()).any(|w| w == question.as_bytes()) {
            assert!(begun.elapsed() < PATIENCE, "it never asks {question:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.send(answer);
    }

    /// Waits until the screen has not changed for a moment.
    pub fn rests(&self) {
        let (begun, mut before) = (Instant::now(), String::new());
        let mut since = Instant::now();
        while since.elapsed() < Duration::from_millis(600) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
            let now = self.screen();
            if now != before {
                (before, since) = (now, Instant::now());
            }
        }
    }

    /// Looks at the screen with its colours.
    pub fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.seen.0.lock().expect("not poisoned").terminal.screen())
    }

    /// The id of the program's process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.pid()).expect("an id")).expect("an id");
        rustix::process::kill_process(id, signal).expect("sent");
    }

    /// Waits until the process is in this state: `T` stopped, `S` sleeping and so on (proc(5)).
    pub fn in_state(&self, wanted: &str) {
        let file = format!("/proc/{}/stat", self.pid());
        self.until(&format!("state {wanted}"), |_| {
            let stat = std::fs::read_to_string(&file).unwrap_or_default();
            stat.rsplit(") ").next().and_then(|rest| rest.get(..1)).is_some_and(|s| wanted.contains(s))
        });
    }

    /// Waits for the program's end.
    pub fn ends(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                // With the last holder of the other end gone, the reader comes to the end of what was written.
                self.slave = None;
                let mut seen = self.seen.0.lock().expect("not poisoned");
                while !seen.closed && begun.elapsed() < PATIENCE {
                    seen = self.seen.1.wait_timeout(seen, Duration::from_secs(1)).expect("not poisoned").0;
                }
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        self.seen.0.lock().expect("not poisoned").terminal.screen().contents()
    }

    /// All bytes the program wrote, and every screen it showed, as one text each.
    pub fn everything(&self) -> (Vec<u8>, String) {
        let seen = self.seen.0.lock().expect("not poisoned");
        (seen.raw.clone(), seen.screens.join("\n"))
    }

    /// Waits until the program has taken the terminal.
    pub fn takes_the_terminal(&self) {
        let begun = Instant::now();
        while self.is_given_back().is_ok() {
            assert!(begun.elapsed() < PATIENCE, "it does not take the terminal");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the terminal is as it was before the program took it.
    pub fn given_back(&self) {
        let begun = Instant::now();
        while let Err(taken) = self.is_given_back() {
            assert!(begun.elapsed() < PATIENCE, "{taken}\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_given_back(&self) -> Result<(), String> {
        let seen = self.seen.0.lock().expect("not poisoned");
        let screen = seen.terminal.screen();
        let modes = (
            screen.alternate_screen(),
            screen.hide_cursor(),
            screen.bracketed_paste(),
            screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None,
        );
        if modes != (false, false, false, true) {
            return Err(format!("(alternate screen, hidden cursor, paste, no mouse): {modes:?}"));
        }
        let now = format!("{:?}", self.master.get_termios());
        if now == self.before { Ok(()) } else { Err(format!("{}\nis now\n{now}", self.before)) }
    }
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        // After each frame and not only after each read, which may hold several.
        let end_of_frame = b"\x1b[?2026l";
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = rest.windows(end_of_frame.len()).position(|w| w == end_of_frame);
            let (frame, after) = rest.split_at(at.map_or(rest.len(), |at| at + end_of_frame.len()));
            self.terminal.process(frame);
            let now = self.terminal.screen().contents();
            if self.screens.last() != Some(&now) {
                self.screens.push(now);
            }
            rest = after;
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sized((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}
