//! Talking to a plug-in that may be hostile: bounded in time and in what it may say, and killed with everything it started.

use super::PluginError;
use super::stanza::{Message, Parsed, read, written};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What a plug-in may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Time between two of its messages: a person may have to touch a key meanwhile.
    pub(super) silence: Duration,
    /// Time for all, without what is spent asking the user.
    pub(super) total: Duration,
    /// Bytes that it may write.
    pub(super) output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), total: Duration::from_mins(2), output: 256 << 10 }
    }
}

/// How long a plug-in may take to end after it said that it is done.
const FAREWELL: Duration = Duration::from_millis(300);
/// Blocks that are read ahead.
const AHEAD: usize = 4;

/// A running plug-in.
pub(super) struct Conversation {
    child: Child,
    program: Arc<str>,
    to: Sender<Zeroizing<Vec<u8>>>,
    from: Receiver<Zeroizing<Vec<u8>>>,
    buffer: Zeroizing<Vec<u8>>,
    heard: usize,
    limits: Limits,
    deadline: Instant,
}

impl Conversation {
    /// Starts the program with one of the two state machines of the protocol.
    pub(super) fn start(program: &Path, machine: &str, limits: Limits) -> Result<Self, PluginError> {
        let name: Arc<str> = crate::model::clean(&program.to_string_lossy()).into();
        let failed = |error: std::io::Error| PluginError::NotStarted {
            program: name.clone(),
            why: error.kind().to_string(),
        };
        let mut child = Command::new(program)
            .arg(format!("--age-plugin={machine}"))
            .current_dir("/")
            .env_remove("AGEDEBUG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A group of its own, so that what it starts can be ended with it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (to, outgoing) = mpsc::channel();
        let (incoming, from) = mpsc::sync_channel(AHEAD);
        if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
            // Both end when the plug-in is killed.
            std::thread::spawn(move || write_all(stdin, &outgoing));
            std::thread::spawn(move || read_all(stdout, &incoming));
        }
        let deadline = Instant::now() + limits.total;
        Ok(Self {
            child,
            program: name,
            to,
            from,
            buffer: Zeroizing::new(Vec::new()),
            heard: 0,
            limits,
            deadline,
        })
    }

    /// The program, as it is shown.
    pub(super) fn program(&self) -> Arc<str> {
        self.program.clone()
    }

    /// Sends a message. Whether anybody reads it shows with the next answer.
    pub(super) fn send(&self, command: &str, arguments: &[&str], body: &[u8]) {
        let _ = self.to.send(written(command, arguments, body));
    }

    /// The next message of the plug-in.
    pub(super) fn receive(&mut self) -> Result<Message, PluginError> {
        let silent_at = Instant::now() + self.limits.silence;
        loop {
            match read(&self.buffer) {
                Parsed::Message(message, taken) => {
                    let rest = Zeroizing::new(self.buffer[taken..].to_vec());
                    self.buffer = rest;
                    return Ok(message);
                }
                Parsed::Broken => return Err(self.broken("it says something that is no message")),
                Parsed::Incomplete => {}
            }
            let until = silent_at.min(self.deadline);
            match self.from.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(block) => self.hear(&block)?,
                Err(RecvTimeoutError::Timeout) => {
                    let waited = if until == self.deadline { self.limits.total } else { self.limits.silence };
                    return Err(PluginError::Silent { program: self.program(), after: waited });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(PluginError::Died { program: self.program() });
                }
            }
        }
    }

    fn hear(&mut self, block: &[u8]) -> Result<(), PluginError> {
        self.heard += block.len();
        if self.heard > self.limits.output {
            return Err(PluginError::Flood { program: self.program(), limit: self.limits.output });
        }
        // Grown by hand, so that no copy of a key is left behind.
        let mut grown = Zeroizing::new(Vec::with_capacity(self.buffer.len() + block.len()));
        grown.extend_from_slice(&self.buffer);
        grown.extend_from_slice(block);
        self.buffer = grown;
        Ok(())
    }

    /// An error for what breaks the protocol.
    pub(super) fn broken(&self, what: &str) -> PluginError {
        PluginError::Broken { program: self.program(), what: what.to_owned() }
    }

    /// Asks a person; the time that it takes does not count.
    pub(super) fn meanwhile<T>(&mut self, ask: impl FnOnce() -> T) -> T {
        let before = Instant::now();
        let answer = ask();
        self.deadline += before.elapsed();
        answer
    }

    /// Lets a plug-in that is done end by itself.
    pub(super) fn farewell(mut self) {
        let until = Instant::now() + FAREWELL;
        // Its input ends, as it waits for.
        self.to = mpsc::channel().0;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // The group may outlive its first process.
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_all(mut to: impl std::io::Write, messages: &Receiver<Zeroizing<Vec<u8>>>) {
    for message in messages {
        if to.write_all(&message).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn read_all(mut from: impl std::io::Read, to: &SyncSender<Zeroizing<Vec<u8>>>) {
    let mut block = Zeroizing::new([0; 4096]);
    while let Ok(count) = from.read(block.as_mut_slice()) {
        if count == 0 || to.send(Zeroizing::new(block[..count].to_vec())).is_err() {
            return;
        }
    }
}
