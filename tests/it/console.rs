//! A program on a terminal of its own, whose screen somebody watches: what the stories and the bench are told with.

use portable_pty::{Child, CommandBuilder, ExitStatus, PtyPair, PtySize};
use std::io::{Read as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who watches: what is noted of all that the program writes.
pub trait Watch: Send + 'static {
    /// Takes in what was read at this moment.
    fn take(&mut self, bytes: &[u8], at: Instant);
    /// What a terminal says to this by itself.
    fn answer(_bytes: &[u8]) -> Option<&'static str> {
        None
    }
}

struct Seen<W> {
    noted: W,
    /// Nothing comes any more.
    closed: bool,
}

type Keyboard = Arc<Mutex<Box<dyn Write + Send>>>;

/// A running program with its screen and its keyboard. Dropping it kills the program.
pub struct Console<W> {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Keyboard,
    seen: Arc<(Mutex<Seen<W>>, Condvar)>,
}

/// A terminal's size: columns and lines.
pub fn sized((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

impl<W: Watch> Console<W> {
    /// Starts a program on this terminal, which lives as long as its master. As long as its slave is held, what was written
    /// last can be read, and the end of the program is not the end of what comes.
    pub fn start(pair: &PtyPair, command: CommandBuilder, noted: W) -> anyhow::Result<Self> {
        let keyboard = Arc::new(Mutex::new(pair.master.take_writer()?));
        let seen = Arc::new((Mutex::new(Seen { noted, closed: false }), Condvar::new()));
        let mut reader = pair.master.try_clone_reader()?;
        let (watched, typing) = (seen.clone(), keyboard.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                let (bytes, at) = (&buffer[..read], Instant::now());
                if let Some(answer) = W::answer(bytes) {
                    // A program that has just ended takes no answer.
                    let _ = sent(&typing, answer);
                }
                locked(&watched.0).noted.take(bytes, at);
                watched.1.notify_all();
            }
            locked(&watched.0).closed = true;
            watched.1.notify_all();
        });
        let child = pair.slave.spawn_command(command)?;
        Ok(Self { child, keyboard, seen })
    }

    /// Looks at what was noted.
    pub fn with<T>(&self, look: impl FnOnce(&mut W) -> T) -> T {
        look(&mut locked(&self.seen.0).noted)
    }

    /// Waits until what was noted gives an answer; `None` if nothing comes any more, or not in time.
    pub fn until<T>(&self, patience: Duration, wanted: impl Fn(&W) -> Option<T>) -> Option<T> {
        let begun = Instant::now();
        let mut seen = locked(&self.seen.0);
        loop {
            if let Some(found) = wanted(&seen.noted) {
                return Some(found);
            }
            if seen.closed || begun.elapsed() > patience {
                return None;
            }
            // What is wanted may hang on more than the screen; looking again costs little.
            let again = self.seen.1.wait_timeout(seen, Duration::from_millis(100));
            seen = again.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends bytes to the program.
    pub fn send(&self, bytes: &str) -> std::io::Result<()> {
        sent(&self.keyboard, bytes)
    }

    /// The id of the program's process.
    pub fn id(&self) -> Option<u32> {
        self.child.process_id()
    }

    /// How the program ended, if it did.
    pub fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl<W> Drop for Console<W> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sent(keyboard: &Keyboard, bytes: &str) -> std::io::Result<()> {
    let mut keyboard = locked(keyboard);
    keyboard.write_all(bytes.as_bytes())?;
    keyboard.flush()
}

/// What somebody held who panicked is as good as before.
fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
