//! Identities and recipients: where age keys are found, and how a file's data key is wrapped for each of them.
//!
//! | file | job |
//! | --- | --- |
//! | `sources` | the places where sops looks, and what stands there |
//! | `age_file` | age files, and what is wrong with those that do not open |
//! | `recipient` | kinds of recipients; wrapping a data key |
//! | `hybrid` | post-quantum keys |
//! | `ssh` | SSH keys |
//! | `locked` | what a passphrase opens |
//! | `plugin` | programs that hold keys |
//! | `command` | commands that print keys |
//! | `ask` | who answers questions |
//!
//! What is found and cannot be used is named with its reason, never passed over in silence.

mod age_file;
mod ask;
mod command;
mod hybrid;
mod locked;
mod plugin;
mod recipient;
mod sources;
mod ssh;
#[cfg(test)]
mod tests;

use super::cipher::DataKey;
use super::metadata::Wrapped;
use crate::secret::{MarkKey, SecretText};
use command::KeyCommand;
use locked::Locked;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

pub use age_file::AgeError;
pub use ask::Ask;
pub use locked::{LockedKind, UnlockError};
pub use plugin::{PluginError, Plugins};
pub(super) use recipient::wrap_bytes;
pub use recipient::{RecipientError, RecipientKind, parse_recipient, wrap, wrap_with};
pub use sources::{KeySources, UnusableSource};

/// A data key, or one share of it.
type Bytes = Zeroizing<Vec<u8>>;

/// The identities at hand.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Key>,
    commands: Vec<KeyCommand>,
    /// Sources that gave nothing, with the reason.
    pub unusable: Vec<UnusableSource>,
    /// Places that were looked at where nothing is.
    pub absent: Vec<Arc<str>>,
    plugins: Plugins,
    ask: Option<Arc<dyn Ask>>,
    /// The key of the first identity whose secret is at hand, for marks.
    marks: Option<MarkKey>,
    /// Data keys that were got from slow identities, by the sum of what they were wrapped in.
    late: Mutex<BTreeMap<[u8; 32], Bytes>>,
    generation: AtomicU64,
}

/// One identity.
struct Key {
    kind: Kind,
    /// Its recipient; empty if only somebody else knows it.
    recipient: Arc<str>,
    source: Arc<str>,
    line: u32,
}

enum Kind {
    Ready(Box<dyn age::Identity + Send + Sync>),
    Locked(Locked),
    Plugin(plugin::Identity),
}

/// An identity that waits for its passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedSource {
    /// Its file.
    pub source: Arc<str>,
    /// What it is.
    pub kind: LockedKind,
    /// Whom it belongs to, if that can be seen.
    pub recipient: Option<Arc<str>>,
}

/// An identity that a plug-in holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSource {
    /// Where it is written.
    pub source: Arc<str>,
    /// The line.
    pub line: u32,
    /// The name of the plug-in.
    pub name: String,
    /// Its program, or why there is none.
    pub program: Result<String, PluginError>,
    /// True if the user agreed to run it.
    pub agreed: bool,
}

/// Why no identity opened any of the wrapped keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shut {
    /// What could have opened it, and why it did not.
    pub reasons: Vec<String>,
    /// What to do about the first of them.
    pub next: Option<String>,
    /// True if it waits for the user's agreement to a plug-in.
    pub needs_plugin: bool,
}

impl Key {
    /// Itself, or what was inside once it is unlocked.
    fn open(&self) -> &[Key] {
        match &self.kind {
            Kind::Ready(_) => std::slice::from_ref(self),
            Kind::Locked(locked) => locked.opened().unwrap_or_default(),
            Kind::Plugin(_) => &[],
        }
    }

    fn ready(&self) -> Option<&dyn age::Identity> {
        match &self.kind {
            Kind::Ready(identity) => Some(&**identity),
            _ => None,
        }
    }
}

/// Opens what is wrapped in a complete armored age file.
fn unwrapped<'a>(armored: &'a str, identities: impl Iterator<Item = &'a dyn age::Identity>) -> Option<Bytes> {
    let reader = age_file::open(armored.trim().as_bytes(), identities).ok()?;
    let (bytes, whole) = age_file::read_to_end(reader, 64);
    whole.ok().map(|()| bytes)
}

impl Keyring {
    /// The public recipients of the identities at hand, with where each was found.
    pub fn recipients(&self) -> impl Iterator<Item = (&str, &str)> {
        self.open_keys().map(|k| (&*k.recipient, &*k.source))
    }

    /// Identities that can be used as they are.
    fn open_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().flat_map(Key::open).filter(|key| key.ready().is_some())
    }

    /// True if one of the identities belongs to this recipient.
    pub fn holds(&self, recipient: &str) -> bool {
        self.open_keys().any(|k| recipient::same(&k.recipient, recipient))
    }

    /// The key for marks of values; `None` where no identity's own secret is at hand (passphrases, plug-ins, commands).
    pub(super) fn marks(&self) -> Option<&MarkKey> {
        self.marks.as_ref()
    }

    /// True if there is no identity, not even one that is locked or elsewhere.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.commands.is_empty()
    }

    /// Grows with every source that was added, and with everything that was unlocked.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The plug-ins, for sealing.
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// What waits for a passphrase.
    pub fn locked(&self) -> Vec<LockedSource> {
        let waiting = self.keys.iter().filter_map(|key| match &key.kind {
            Kind::Locked(locked) if locked.opened().is_none() => Some((key, locked.kind())),
            _ => None,
        });
        let recipient = |key: &Key| Some(key.recipient.clone()).filter(|text| !text.is_empty());
        waiting
            .map(|(key, kind)| LockedSource { source: key.source.clone(), kind, recipient: recipient(key) })
            .collect()
    }

    /// The identities that plug-ins hold.
    pub fn plugin_identities(&self) -> Vec<PluginSource> {
        let inside = self.keys.iter().chain(self.keys.iter().flat_map(Key::open));
        let held = inside.filter_map(|key| match &key.kind {
            Kind::Plugin(identity) => Some((key, identity.name())),
            _ => None,
        });
        held.map(|(key, name)| {
            let program = self.plugins.find(name).map(|path| path.to_string_lossy().into_owned());
            PluginSource {
                source: key.source.clone(),
                line: key.line,
                name: name.to_owned(),
                agreed: program.as_ref().is_ok_and(|program| self.plugins.may_run(program)),
                program,
            }
        })
        .collect()
    }

    /// Commands that print keys, by the variable that names them, with the command line.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.commands.iter().map(|command| (command.name, &*command.line))
    }

    /// Unlocks a source with its passphrase.
    pub fn unlock(&self, source: &str, passphrase: &SecretText) -> Result<(), UnlockError> {
        let found = self.keys.iter().find_map(|key| match &key.kind {
            Kind::Locked(locked) if &*key.source == source => Some((key, locked)),
            _ => None,
        });
        let (key, locked) = found.ok_or_else(|| UnlockError::Unknown(crate::model::clean(source)))?;
        locked.unlock(passphrase, &key.source, &self.plugins)?;
        self.grown();
        Ok(())
    }

    /// Agrees to a plug-in by the path of its program.
    pub fn agree(&self, program: &str) {
        self.plugins.agree(program);
        self.grown();
    }

    /// Asks and tries again what was refused or failed.
    pub fn retry(&self) {
        let mut again = self.plugins.retry();
        for key in &self.keys {
            if let Kind::Locked(locked) = &key.kind {
                again |= locked.retry();
            }
        }
        for command in &self.commands {
            again |= command.retry();
        }
        // What is rendered stays where nothing could come out otherwise.
        if again {
            self.grown();
        }
    }

    fn grown(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Opens one wrapped data key with the identities that can be used as they are.
    pub fn unwrap(&self, armored: &str) -> Option<DataKey> {
        DataKey::from_bytes(&self.unwrap_bytes(armored)?)
    }

    /// Opens what is wrapped in an armored age file: a data key, or one share of it.
    pub(super) fn unwrap_bytes(&self, armored: &str) -> Option<Bytes> {
        unwrapped(armored, self.open_keys().filter_map(Key::ready))
    }

    /// Opens a whole age file of up to `limit` bytes with the identities that can be used as they are, or with a
    /// passphrase. What was read before something wrong was met is given back too: each part of it is authentic.
    pub fn open_age(
        &self,
        bytes: &[u8],
        passphrase: Option<&SecretText>,
        limit: usize,
    ) -> (SecretText, Result<(), AgeError>) {
        let outcome = match passphrase {
            Some(passphrase) => {
                age_file::open_with(bytes, passphrase).map(|from| age_file::read_to_end(from, limit))
            }
            None => age_file::open(bytes, self.open_keys().filter_map(Key::ready))
                .map(|from| age_file::read_to_end(from, limit)),
        };
        match outcome {
            Ok((mut held, whole)) => (SecretText::from_vec(std::mem::take(&mut held)), whole),
            Err(error) => (SecretText::with_capacity(0), Err(error)),
        }
    }

    /// Opens one of several wrappings: first with what is at hand, then with what has to be unlocked, asked or run.
    pub(super) fn unwrap_any(&self, wrapped: &[Wrapped]) -> Result<Bytes, Shut> {
        let (ours, others): (Vec<_>, Vec<_>) = wrapped.iter().partition(|w| self.holds(&w.recipient));
        if let Some(key) = ours.iter().chain(&others).find_map(|w| self.unwrap_bytes(&w.enc)) {
            return Ok(key);
        }
        let mut shut = Shut::default();
        let slowly = self
            .with_passphrases(wrapped, LockedKind::Ssh, &mut shut)
            .or_else(|| self.with_commands(wrapped, &mut shut))
            .or_else(|| self.with_passphrases(wrapped, LockedKind::File, &mut shut))
            .or_else(|| self.with_plugins(wrapped, &mut shut));
        slowly.ok_or(shut)
    }

    fn with_passphrases(&self, wrapped: &[Wrapped], kind: LockedKind, shut: &mut Shut) -> Option<Bytes> {
        for key in &self.keys {
            let Kind::Locked(locked) = &key.kind else { continue };
            let fits =
                |w: &&Wrapped| key.recipient.is_empty() || recipient::same(&w.recipient, &key.recipient);
            if locked.kind() != kind || locked.opened().is_some() || !wrapped.iter().any(|w| fits(&w)) {
                continue;
            }
            let outcome = match &self.ask {
                Some(ask) => locked.ask(&key.source, &self.plugins, |question| ask.passphrase(question)),
                None => Err(UnlockError::Wrong { source_name: key.source.clone() }),
            };
            match outcome {
                Ok(()) => {
                    self.grown();
                    if let Some(key) = wrapped.iter().find_map(|w| self.unwrap_bytes(&w.enc)) {
                        return Some(key);
                    }
                }
                Err(UnlockError::Wrong { .. }) => shut.locked(&key.source, kind),
                Err(error) => shut.reasons.push(error.to_string()),
            }
        }
        None
    }

    fn with_commands(&self, wrapped: &[Wrapped], shut: &mut Shut) -> Option<Bytes> {
        for command in &self.commands {
            for one in wrapped {
                match command.keys(&one.recipient, self.ask.is_none(), &self.plugins) {
                    Ok(keys) => {
                        if let Some(key) = unwrapped(&one.enc, keys.iter().filter_map(Key::ready)) {
                            return Some(key);
                        }
                    }
                    Err(why) => {
                        let told = format!("{}: {why}", command.name);
                        if !shut.reasons.contains(&told) {
                            shut.reasons.push(told);
                        }
                    }
                }
            }
        }
        None
    }

    fn with_plugins(&self, wrapped: &[Wrapped], shut: &mut Shut) -> Option<Bytes> {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        for one in wrapped {
            let sum: [u8; 32] = Sha256::digest(one.enc.as_bytes()).into();
            if let Some(key) = late.get(&sum) {
                return Some(key.clone());
            }
            for key in self.keys.iter().chain(self.keys.iter().flat_map(Key::open)) {
                let Kind::Plugin(identity) = &key.kind else { continue };
                if !identity.may_open(&one.recipient) {
                    continue;
                }
                let trouble = Mutex::default();
                let attempt = identity.attempt(&trouble);
                let opened = unwrapped(&one.enc, std::iter::once(&attempt as &dyn age::Identity));
                if let Some(kept) = &opened {
                    late.insert(sum, kept.clone());
                    return opened;
                }
                if let Some(error) = trouble.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    shut.plugin(&error);
                }
            }
        }
        None
    }
}

impl Shut {
    /// Adds what else keeps it shut.
    pub(super) fn merge(&mut self, more: Self) {
        let fresh = more.reasons.into_iter().filter(|reason| !self.reasons.contains(reason));
        let fresh: Vec<String> = fresh.collect();
        self.reasons.extend(fresh);
        self.next = self.next.take().or(more.next);
        self.needs_plugin |= more.needs_plugin;
    }

    fn locked(&mut self, source: &str, kind: LockedKind) {
        let source = crate::model::clean(source);
        self.reasons.push(format!("locked: {source} needs its passphrase"));
        self.next.get_or_insert_with(|| match kind {
            LockedKind::Ssh => {
                format!(
                    "unlock {source} (an SSH agent can only sign, not open files), or use another identity"
                )
            }
            LockedKind::File => format!("unlock {source}, or use another identity"),
        });
    }

    fn plugin(&mut self, error: &PluginError) {
        let told = error.to_string();
        if !self.reasons.contains(&told) {
            self.reasons.push(told);
        }
        let next = match error {
            PluginError::Missing { program } => format!("install {program}, or use another identity"),
            PluginError::NotAgreed { .. } => "agree to run it, or use another identity".to_owned(),
            _ => "mend the plug-in or plug its key in, then read again".to_owned(),
        };
        self.needs_plugin |= matches!(error, PluginError::NotAgreed { .. } | PluginError::Missing { .. });
        self.next.get_or_insert(next);
    }
}
