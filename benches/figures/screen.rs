//! The program in a terminal of its own, which answers as terminals do and notes when the picture changed.

use super::console::{Console, Watch, sized};
use super::parts::{Missing, Parts};
use portable_pty::{CommandBuilder, MasterPty, native_pty_system};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// CPU time of a turn of the loop, and what woke it.
pub type Turn = (Duration, String);

/// Columns and lines.
const SIZE: (u16, u16) = (140, 40);
/// Longer than anything may take; what is not there by then never comes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the terminal shows, and since when.
struct Picture {
    parser: vt100::Parser,
    text: String,
    /// The text with its colours.
    marks: Vec<u8>,
    changed: Instant,
}

/// A running program and its terminal.
pub struct Screen {
    console: Console<Picture>,
    _master: Box<dyn MasterPty + Send>,
    /// When the program was started.
    pub begun: Instant,
    stalls: PathBuf,
}

impl Screen {
    /// Starts the program with these words.
    pub fn open(parts: &Parts, words: &[&str]) -> Result<Self, Missing> {
        let broken = |error: anyhow::Error| Missing(format!("no terminal could be made: {error}"));
        let pty = native_pty_system().openpty(sized(SIZE)).map_err(broken)?;
        let stalls = parts.scratch.path().join("stalls");
        let mut command = CommandBuilder::new(&parts.program);
        command.args(words);
        for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("HOME", parts.scratch.path());
        command.env("SEALANE_STALLS", &stalls);
        command.env_remove("KUBECONFIG");
        command.env_remove("NO_COLOR");
        let begun = Instant::now();
        let picture = Picture {
            parser: vt100::Parser::new(SIZE.1, SIZE.0, 0),
            text: String::new(),
            marks: Vec::new(),
            changed: begun,
        };
        let console = Console::start(&pty, command, picture).map_err(broken)?;
        Ok(Self { console, _master: pty.master, begun, stalls })
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.console.with(|picture| picture.text.clone())
    }

    /// Waits until the screen shows what is wanted; when that was.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Instant, Missing> {
        let shown = |picture: &Picture| wanted(&picture.text).then_some(picture.changed);
        let found = self.console.until(PATIENCE, shown);
        found.ok_or_else(|| Missing(format!("the screen never showed {what}:\n{}", self.text())))
    }

    /// Types keys.
    pub fn keys(&self, keys: &str) -> Result<(), Missing> {
        Ok(self.console.send(keys)?)
    }

    /// Types keys and waits until the screen shows what is wanted; how long that took.
    pub fn after(&self, keys: &str, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Duration, Missing> {
        let typed = Instant::now();
        self.keys(keys)?;
        Ok(self.until(what, wanted)?.saturating_duration_since(typed))
    }

    /// Types keys and waits until anything changes; how long that took.
    pub fn moves(&self, keys: &str) -> Result<Duration, Missing> {
        let before = self.console.with(|picture| picture.marks.clone());
        let typed = Instant::now();
        self.keys(keys)?;
        let moved = |picture: &Picture| (picture.marks != before).then_some(picture.changed);
        let found = self.console.until(PATIENCE, moved);
        let changed = found.ok_or_else(|| Missing(format!("{keys:?} changed nothing:\n{}", self.text())))?;
        Ok(changed.saturating_duration_since(typed))
    }

    /// Waits until nothing has moved for so long.
    pub fn rest(&self, quiet: Duration) {
        let begun = Instant::now();
        let moves = || self.console.with(|picture| picture.changed.elapsed() < quiet);
        while moves() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The program's process.
    pub fn process(&self) -> Result<u32, Missing> {
        self.console.id().ok_or_else(|| Missing("the program has ended".to_owned()))
    }

    /// Ends the program as a person does; the worst turn of its loop.
    pub fn quit(mut self) -> Result<Turn, Missing> {
        self.keys("\x1b")?;
        std::thread::sleep(Duration::from_millis(60));
        let begun = Instant::now();
        while self.console.ended()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(Missing(format!("q does not end the program:\n{}", self.text())));
            }
            // Deeper screens take one q each; a program that has just ended reads no more.
            let _ = self.keys("q");
            std::thread::sleep(Duration::from_millis(60));
        }
        let told = std::fs::read_to_string(&self.stalls)?;
        // `worst 1.020 ms snapshot, 812 turns, 400 frames`
        let worst = told.lines().find_map(|line| line.strip_prefix("worst ")?.split_once(" ms "));
        let read = |(millis, rest): (&str, &str)| {
            let woken = rest.split(',').next().unwrap_or_default().to_owned();
            Some((Duration::from_secs_f64(millis.parse::<f64>().ok()? / 1000.0), woken))
        };
        worst.and_then(read).ok_or_else(|| Missing(format!("the stall detector said nothing: {told}")))
    }
}

impl Watch for Picture {
    fn take(&mut self, bytes: &[u8], at: Instant) {
        self.parser.process(bytes);
        let marks = self.parser.screen().contents_formatted();
        if marks != self.marks {
            self.text = self.parser.screen().contents();
            (self.marks, self.changed) = (marks, at);
        }
    }

    fn answer(bytes: &[u8]) -> Option<&'static str> {
        let asks_for_the_background = bytes.windows(6).any(|w| w == b"\x1b]11;?");
        asks_for_the_background.then_some("\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\")
    }
}
