//! A real terminal for the real program: keys go in, what stands on the screen comes out, and all of it is kept.

use crate::console::{Console, Watch, sized};
use crate::sandbox::Sandbox;
use portable_pty::{CommandBuilder, ExitStatus, MasterPty, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal};
use std::ffi::OsStr;
use std::time::{Duration, Instant};

/// Long enough for a busy machine; every wait ends as soon as its state is there.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What came out of the program so far.
struct Seen {
    terminal: vt100::Parser,
    raw: Vec<u8>,
    /// Every screen that was different from the one before.
    screens: Vec<String>,
}

/// A program on a terminal of its own. Dropping it kills the program.
pub struct Pty {
    console: Console<Seen>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that what is written last can be read after the program has ended.
    slave: Option<Box<dyn SlavePty + Send>>,
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
        let terminal = vt100::Parser::new(size.1, size.0, 0);
        let seen = Seen { terminal, raw: vec![], screens: vec![] };
        let console = Console::start(&pair, command, seen).expect("it starts");
        Self { console, master: pair.master, slave: Some(pair.slave), keys: 0, before }
    }

    /// Waits until the screen is as wanted; what it shows then.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let shown = |seen: &Seen| Some(seen.terminal.screen().contents()).filter(|now| wanted(now));
        let found = self.console.until(PATIENCE, shown);
        found.unwrap_or_else(|| panic!("never saw: {what}\n{}", self.screen()))
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
        self.console.send(bytes).expect("sent");
    }

    /// Gives the terminal another size.
    pub fn resize(&self, (columns, lines): (u16, u16)) {
        // The screen here first: what the program draws after the signal is meant for the new size.
        self.console.with(|seen| seen.terminal.screen_mut().set_size(lines, columns));
        self.master.resize(sized((columns, lines))).expect("resized");
    }

    /// Answers a question that the program puts to the terminal, once it does.
    pub fn answers(&mut self, question: &str, answer: &str) {
        let asked = |seen: &Seen| seen.raw.windows(question.len()).any(|w| w == question.as_bytes());
        let found = self.console.until(PATIENCE, |seen| asked(seen).then_some(()));
        assert!(found.is_some(), "it never asks {question:?}");
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
        self.console.with(|seen| look(seen.terminal.screen()))
    }

    /// The id of the program's process.
    pub fn pid(&self) -> u32 {
        self.console.id().expect("it was started")
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
            if let Some(status) = self.console.ended().expect("waited") {
                // With the last holder of the other end gone, the reader comes to the end of what was written.
                self.slave = None;
                self.console.until(PATIENCE, |_| None::<()>);
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        self.with(vt100::Screen::contents)
    }

    /// All bytes the program wrote, and every screen it showed, as one text each.
    pub fn everything(&self) -> (Vec<u8>, String) {
        self.console.with(|seen| (seen.raw.clone(), seen.screens.join("\n")))
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
        let modes = self.with(|screen| {
            let no_mouse = screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None;
            (screen.alternate_screen(), screen.hide_cursor(), screen.bracketed_paste(), no_mouse)
        });
        if modes != (false, false, false, true) {
            return Err(format!("(alternate screen, hidden cursor, paste, no mouse): {modes:?}"));
        }
        let now = format!("{:?}", self.master.get_termios());
        if now == self.before { Ok(()) } else { Err(format!("{}\nis now\n{now}", self.before)) }
    }
}

impl Watch for Seen {
    fn take(&mut self, bytes: &[u8], _at: Instant) {
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
