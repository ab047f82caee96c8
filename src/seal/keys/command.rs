//! `SOPS_AGE_KEY_CMD` and `SOPS_AGE_SSH_PRIVATE_KEY_CMD`: commands of the user's own environment that print a key.
//!
//! They are run as sops runs them, without a shell, when a file needs them and not before; bounded in time and output.

use super::plugin::Plugins;
use super::sources::{self, UnusableSource};
use super::{Key, ssh};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use zeroize::Zeroizing;

/// Time for a command: somebody may have to unlock something.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes that it may print.
const LARGEST: u64 = 1 << 20;

/// Recipients that a command is asked about in one session.
const ASKED: usize = 16;

/// The keys that a command printed, or what went wrong.
type Printed = Result<Arc<[Key]>, String>;

/// A command that prints keys, with what it printed for each recipient.
pub(super) struct KeyCommand {
    pub(super) name: &'static str,
    pub(super) line: String,
    ssh: bool,
    printed: Mutex<BTreeMap<String, Printed>>,
}

impl KeyCommand {
    pub(super) fn new(name: &'static str, line: &str, ssh: bool) -> Self {
        Self { name, line: line.to_owned(), ssh, printed: Mutex::default() }
    }

    fn printed(&self) -> MutexGuard<'_, BTreeMap<String, Printed>> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it prints for a recipient; run once for each, and not for ever more of them.
    pub(super) fn keys(&self, recipient: &str, alone: bool, plugins: &Plugins) -> Printed {
        let mut printed = self.printed();
        if let Some(known) = printed.get(recipient) {
            return known.clone();
        }
        if printed.len() >= ASKED {
            return Err(format!("it was asked about {ASKED} recipients already"));
        }
        let keys = output(&self.line, recipient, alone).and_then(|text| self.read(&text, plugins));
        printed.insert(recipient.to_owned(), keys.clone());
        keys
    }

    fn read(&self, text: &str, plugins: &Plugins) -> Printed {
        let source: Arc<str> = self.name.into();
        if !self.ssh {
            let bad = |bad: Vec<UnusableSource>| bad.into_iter().next().map(|b| b.why).unwrap_or_default();
            return sources::identities(text, &source, false, plugins).map(Arc::from).map_err(bad);
        }
        match ssh::identity(text)? {
            (ssh::PrivateKey::Locked(_), _) => {
                Err("it prints a key that is locked with a passphrase".to_owned())
            }
            (key, recipient) => Ok(Arc::from(vec![sources::ssh_key(key, recipient, source)])),
        }
    }

    /// Runs it again where it failed; true if it did.
    pub(super) fn retry(&self) -> bool {
        let mut printed = self.printed();
        let before = printed.len();
        printed.retain(|_, outcome| outcome.is_ok());
        printed.len() < before
    }
}

/// Runs a command line for a recipient and gives back what it prints. What went wrong is told without what it printed.
fn output(line: &str, recipient: &str, alone: bool) -> Result<Zeroizing<String>, String> {
    let words = words(line).ok_or("its quotes do not match")?;
    let (program, arguments) = words.split_first().ok_or("it is empty")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("SOPS_AGE_RECIPIENT", recipient)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if alone {
        // It must not write to the screen that is drawn.
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(|error| format!("it cannot be started: {}", error.kind()))?;
    let printed = printed(&mut child);
    if printed.is_err() {
        if alone {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = child.kill();
    }
    let status = child.wait();
    let bytes = printed?;
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("it failed ({status})")),
        Err(error) => return Err(format!("it failed: {}", error.kind())),
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it printed something that is no text")?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn printed(child: &mut Child) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some(stdout) = child.stdout.take() else { return Err("it has no output".to_owned()) };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
        let read = stdout.take(LARGEST + 1).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(bytes)) if bytes.len() as u64 > LARGEST => Err("it printed more than 1 MiB".to_owned()),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(format!("its output cannot be read: {}", error.kind())),
        Err(_) => Err(format!("it did not end within {} s and was ended", PATIENCE.as_secs())),
    }
}

/// The words of a command line as a shell would part them: quotes, backslashes, `#` comments. Nothing is expanded.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let text = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inside => text.push(inside),
                    }
                }
            }
            '"' => {
                let text = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => text.push(letters.next()?),
                        inside => text.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            '#' if word.is_none() => break,
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parted_as_a_shell_does() {
        let parted = |line: &str| words(line).map(|w| w.join("|"));
        for (line, told) in [
            ("op read 'op://vault/a key'", Some("op|read|op://vault/a key")),
            (r#"cat "a \"b\"" c\ d # no"#, Some(r#"cat|a "b"|c d"#)),
            ("a#b ''", Some("a#b|")),
            ("", Some("")),
            ("it's", None),
            ("a \\", None),
        ] {
            assert_eq!(parted(line).as_deref(), told, "{line}");
        }
    }

    #[test]
    fn what_a_command_prints_is_taken_and_its_failure_told_without_it() {
        let told = output("sh -c 'echo $SOPS_AGE_RECIPIENT'", "age1x", true);
        assert_eq!(told.map(|text| text.to_string()), Ok("age1x\n".to_owned()));
        for (line, why) in [
            ("sh -c 'echo AGE-SECRET-KEY-1; exit 3'", "it failed (exit status: 3)"),
            ("/nowhere/at/all", "it cannot be started: entity not found"),
            ("head -c 2000000 /dev/zero", "it printed more than 1 MiB"),
            ("  ", "it is empty"),
        ] {
            assert_eq!(output(line, "", true).expect_err("it fails"), why, "{line}");
        }
    }
}
