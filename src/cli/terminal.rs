//! Asking at the terminal: passphrases without echo, a yes for a plug-in. It looks at answers that are no secret alone.

use crate::config::Answers;
use crate::model::clean;
use crate::secret::SecretText;
use crate::workspace::Ask;
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const WIPE_LINE: u8 = 0x15;
/// The most that is typed: no passphrase is longer.
const LONGEST: usize = 4096;

/// The terminal of the process, if it has one when something is asked.
pub struct Terminal {
    /// Where answers are kept; `None` for the usual folder.
    state: Option<PathBuf>,
    /// One question at a time.
    turn: Mutex<()>,
}

impl Terminal {
    /// Asks at the terminal and keeps what was agreed to in the state folder.
    pub fn new(state: Option<PathBuf>) -> Self {
        Self { state, turn: Mutex::default() }
    }

    fn asked(&self, question: &str, echo: bool) -> Option<SecretText> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        asked(question, echo)
    }
}

impl Ask for Terminal {
    fn passphrase(&self, question: &str) -> Option<SecretText> {
        self.asked(&format!("{}: ", clean(question)), false)
    }

    fn line(&self, question: &str) -> Option<String> {
        let line = self.asked(&format!("{}: ", clean(question)), true)?;
        line.expose_secret_str().map(str::to_owned)
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let (question, yes) = (clean(question), clean(yes));
        let other = no.map_or(String::new(), |no| format!(", n = {}", clean(no)));
        let line = self.asked(&format!("{question} [y = {yes}{other}] "), true)?;
        Some(is_yes(line.expose_secret()))
    }

    fn tell(&self, text: &str) {
        // Without a terminal nobody is there to be told.
        if let Ok(mut terminal) = open() {
            let _ = writeln!(terminal, "{}", clean(text));
        }
    }

    fn agree(&self, program: &str) -> bool {
        let question = format!(
            "An age identity or recipient needs the plug-in {}.\nRun it, now and later? [y/N] ",
            clean(program)
        );
        let agreed = self.asked(&question, true).is_some_and(|line| is_yes(line.expose_secret()));
        if agreed {
            let mut answers = Answers::load(self.state.as_deref());
            answers.plugins.insert(program.to_owned());
            if let Err(error) = answers.save(self.state.as_deref()) {
                self.tell(&format!("the answer holds for now; it could not be kept: {error}"));
            }
        }
        agreed
    }
}

fn open() -> std::io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

fn is_yes(answer: &[u8]) -> bool {
    matches!(answer.first(), Some(b'y' | b'Y'))
}

/// The terminal read letter by letter, without echo; it is as before when this goes.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: File) -> rustix::io::Result<Self> {
        let before = termios::tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        // Signals as letters: whoever interrupts must find the terminal as it was.
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// What is typed until enter; `None` without a terminal, or if it was interrupted.
fn asked(question: &str, echo: bool) -> Option<SecretText> {
    let mut quiet = Quiet::new(open().ok()?).ok()?;
    quiet.terminal.write_all(question.as_bytes()).ok()?;
    let mut text = SecretText::with_capacity(LONGEST);
    let mut letter = zeroize::Zeroizing::new([0_u8; 1]);
    let mut typed = 0;
    let answered = loop {
        match quiet.terminal.read(letter.as_mut_slice()) {
            Ok(1) => {}
            _ => break false,
        }
        match letter[0] {
            b'\r' | b'\n' => break true,
            INTERRUPT => break false,
            END => break typed > 0,
            WIPE_LINE => {
                text = SecretText::with_capacity(LONGEST);
                typed = 0;
            }
            0x7f | 0x08 => {
                text.pop_char();
                typed = usize::from(!text.is_empty());
                if echo {
                    let _ = quiet.terminal.write_all(b"\x08 \x08");
                }
            }
            other if typed < LONGEST => {
                text.push(&[other]);
                typed += 1;
                if echo && (other.is_ascii_graphic() || other == b' ') {
                    let _ = quiet.terminal.write_all(&[other]);
                }
            }
            _ => {}
        }
    };
    let _ = quiet.terminal.write_all(b"\n");
    answered.then_some(text)
}
