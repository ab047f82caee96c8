//! The program in a terminal of its own, which answers as terminals do and notes when the picture changed.

use super::parts::{Missing, Parts};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const SIZE: PtySize = PtySize { rows: 40, cols: 140, pixel_width: 0, pixel_height: 0 };
/// Longer than anything may take; what is not there by then never comes.
const PATIENCE: Duration = Duration::from_mins(1);

type Seen = Arc<(Mutex<Picture>, Condvar)>;

/// What the terminal shows, and since when.
struct Picture {
    parser: vt100::Parser,
    text: String,
    /// The text with its colours.
    marks: Vec<u8>,
    changed: Instant,
    over: bool,
}

/// A running program and its terminal.
pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    seen: Seen,
    keyboard: Arc<Mutex<Box<dyn Write + Send>>>,
    _master: Box<dyn MasterPty + Send>,
    /// When the program was started.
    pub begun: Instant,
    stalls: PathBuf,
}

impl Screen {
    /// Starts the program with these words.
    pub fn open(parts: &Parts, words: &[&str]) -> Result<Self, Missing> {
        let broken = |error: anyhow::Error| Missing(format!("no terminal could be made: {error}"));
        let pty = native_pty_system().openpty(SIZE).map_err(broken)?;
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
        let keyboard = Arc::new(Mutex::new(pty.master.take_writer().map_err(broken)?));
        let reader = pty.master.try_clone_reader().map_err(broken)?;
        let picture = Picture {
            parser: vt100::Parser::new(SIZE.rows, SIZE.cols, 0),
            text: String::new(),
            marks: Vec::new(),
            changed: Instant::now(),
            over: false,
        };
        let seen: Seen = Arc::new((Mutex::new(picture), Condvar::new()));
        let (watching, answering) = (seen.clone(), keyboard.clone());
        std::thread::spawn(move || watch(reader, &watching, &answering));
        let begun = Instant::now();
        let child = pty.slave.spawn_command(command).map_err(broken)?;
        Ok(Self { child, seen, keyboard, _master: pty.master, begun, stalls })
    }

    fn picture(&self) -> MutexGuard<'_, Picture> {
        self.seen.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.picture().text.clone()
    }

    /// Waits until the screen shows what is wanted; when that was.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Instant, Missing> {
        let asked = Instant::now();
        let mut picture = self.picture();
        loop {
            if wanted(&picture.text) {
                return Ok(picture.changed);
            }
            if picture.over || asked.elapsed() > PATIENCE {
                return Err(Missing(format!("the screen never showed {what}:\n{}", picture.text)));
            }
            let waited = self.seen.1.wait_timeout(picture, Duration::from_millis(100));
            picture = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Types keys.
    pub fn keys(&self, keys: &str) -> Result<(), Missing> {
        let mut keyboard = self.keyboard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        keyboard.write_all(keys.as_bytes())?;
        Ok(keyboard.flush()?)
    }

    /// Types keys and waits until the screen shows what is wanted; how long that took.
    pub fn after(&self, keys: &str, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Duration, Missing> {
        let typed = Instant::now();
        self.keys(keys)?;
        Ok(self.until(what, wanted)?.saturating_duration_since(typed))
    }

    /// Types keys and waits until anything changes; how long that took.
    pub fn moves(&self, keys: &str) -> Result<Duration, Missing> {
        let before = self.picture().marks.clone();
        let typed = Instant::now();
        self.keys(keys)?;
        let mut picture = self.picture();
        while picture.marks == before {
            if picture.over || typed.elapsed() > PATIENCE {
                return Err(Missing(format!("{keys:?} changed nothing:\n{}", picture.text)));
            }
            let waited = self.seen.1.wait_timeout(picture, Duration::from_millis(100));
            picture = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Ok(picture.changed.saturating_duration_since(typed))
    }

    /// Waits until nothing has moved for so long.
    pub fn rest(&self, quiet: Duration) {
        let begun = Instant::now();
        while self.picture().changed.elapsed() < quiet && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The program's process.
    pub fn process(&self) -> Result<u32, Missing> {
        self.child.process_id().ok_or_else(|| Missing("the program has ended".to_owned()))
    }

    /// Ends the program as a person does; the worst turn of its loop.
    pub fn quit(mut self) -> Result<Duration, Missing> {
        self.keys("\x1b")?;
        std::thread::sleep(Duration::from_millis(60));
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(Missing(format!("q does not end the program:\n{}", self.text())));
            }
            // Deeper screens take one q each; a program that has just ended reads no more.
            let _ = self.keys("q");
            std::thread::sleep(Duration::from_millis(60));
        }
        let told = std::fs::read_to_string(&self.stalls)?;
        let worst =
            told.lines().find_map(|line| line.strip_prefix("worst ")?.split(' ').next()?.parse().ok());
        worst
            .map(|millis: f64| Duration::from_secs_f64(millis / 1000.0))
            .ok_or_else(|| Missing(format!("the stall detector said nothing: {told}")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(mut reader: Box<dyn Read + Send>, seen: &Seen, keyboard: &Mutex<Box<dyn Write + Send>>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let at = Instant::now();
        if buffer[..read].windows(6).any(|w| w == b"\x1b]11;?")
            && let Ok(mut keyboard) = keyboard.lock()
        {
            let _ = keyboard.write_all(b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\");
        }
        let mut picture = seen.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        picture.parser.process(&buffer[..read]);
        let marks = picture.parser.screen().contents_formatted();
        if marks != picture.marks {
            picture.text = picture.parser.screen().contents();
            (picture.marks, picture.changed) = (marks, at);
            seen.1.notify_all();
        }
    }
    seen.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).over = true;
    seen.1.notify_all();
}
