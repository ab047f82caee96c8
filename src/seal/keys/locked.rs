//! Identities behind a passphrase: encrypted SSH keys, and identity files that are age files themselves.

use super::age_file::{self, AgeError};
use super::plugin::Plugins;
use super::sources::{self, UnusableSource};
use super::{Key, Kind};
use crate::secret::SecretText;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// An identity file holds no more than this, as in sops.
const LARGEST: usize = 1 << 24;

/// What stands behind a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockedKind {
    /// A private SSH key.
    Ssh,
    /// A file of identities.
    File,
}

/// Why a passphrase did not open what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// It does not fit.
    #[error("this is not the passphrase of {source_name}")]
    Wrong {
        /// What it should open.
        source_name: Arc<str>,
    },
    /// It fits, and what is inside cannot be used.
    #[error("{source_name}: {why}")]
    Unusable {
        /// What was opened.
        source_name: Arc<str>,
        /// Why.
        why: String,
    },
    /// Nothing of this name is locked.
    #[error("nothing called {0} is locked")]
    Unknown(String),
}

pub(super) struct Locked {
    lock: Lock,
    opened: OnceLock<Vec<Key>>,
    /// True once nobody answered: one question a session.
    refused: Mutex<bool>,
}

pub(super) enum Lock {
    Ssh(age::ssh::EncryptedKey),
    File(Vec<u8>),
}

impl Locked {
    pub(super) fn new(lock: Lock) -> Self {
        Self { lock, opened: OnceLock::new(), refused: Mutex::default() }
    }

    pub(super) fn kind(&self) -> LockedKind {
        match self.lock {
            Lock::Ssh(_) => LockedKind::Ssh,
            Lock::File(_) => LockedKind::File,
        }
    }

    /// What is inside, once it is open.
    pub(super) fn opened(&self) -> Option<&[Key]> {
        self.opened.get().map(Vec::as_slice)
    }

    /// Asks by `ask` until the passphrase fits, three times at most, or nobody answers.
    pub(super) fn ask(
        &self,
        source: &Arc<str>,
        plugins: &Plugins,
        mut ask: impl FnMut(&str) -> Option<SecretText>,
    ) -> Result<(), UnlockError> {
        let wrong = || UnlockError::Wrong { source_name: source.clone() };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if self.opened.get().is_some() {
            return Ok(());
        }
        if *refused {
            return Err(wrong());
        }
        for attempt in 0..3 {
            let again = if attempt == 0 { "" } else { "this is not it; once more: " };
            let Some(passphrase) = ask(&format!("{again}passphrase of {source}")).filter(|p| !p.is_empty())
            else {
                break;
            };
            match self.unlock(&passphrase, source, plugins) {
                Err(UnlockError::Wrong { .. }) => {}
                outcome => return outcome,
            }
        }
        *refused = true;
        Err(wrong())
    }

    /// Asks again from now on; true if nobody answered before.
    pub(super) fn retry(&self) -> bool {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens it. What was opened stays open.
    pub(super) fn unlock(
        &self,
        passphrase: &SecretText,
        source: &Arc<str>,
        plugins: &Plugins,
    ) -> Result<(), UnlockError> {
        let keys = match &self.lock {
            Lock::Ssh(key) => vec![ssh(key, passphrase, source)?],
            Lock::File(bytes) => file(bytes, passphrase, source, plugins)?,
        };
        // If somebody else was faster, it is open as well.
        let _ = self.opened.set(keys);
        Ok(())
    }
}

fn ssh(key: &age::ssh::EncryptedKey, passphrase: &SecretText, source: &Arc<str>) -> Result<Key, UnlockError> {
    let wrong = || UnlockError::Wrong { source_name: source.clone() };
    let text = passphrase.expose_secret_str().ok_or_else(wrong)?;
    let open = key.decrypt(age::secrecy::SecretString::from(text.to_owned())).map_err(|_| wrong())?;
    let identity = age::ssh::Identity::Unencrypted(open);
    let recipient =
        age::ssh::Recipient::try_from(identity.clone()).map(|r| r.to_string()).unwrap_or_default();
    Ok(Key {
        kind: Kind::Ready(Box::new(identity)),
        recipient: recipient.into(),
        source: source.clone(),
        line: 0,
    })
}

fn file(
    bytes: &[u8],
    passphrase: &SecretText,
    source: &Arc<str>,
    plugins: &Plugins,
) -> Result<Vec<Key>, UnlockError> {
    let unusable = |why: String| UnlockError::Unusable { source_name: source.clone(), why };
    let reader = age_file::open_with(bytes, passphrase).map_err(|error| match error {
        AgeError::NoMatch => UnlockError::Wrong { source_name: source.clone() },
        error => unusable(error.to_string()),
    })?;
    let (plain, whole) = age_file::read_to_end(reader, LARGEST);
    whole.map_err(|error| unusable(error.to_string()))?;
    let text = std::str::from_utf8(&plain).map_err(|_| unusable("what it holds is no text".to_owned()))?;
    sources::identities(text, source, false, plugins).map_err(|bad| {
        let told = bad.first().map_or_else(String::new, |UnusableSource { line, why, .. }| {
            format!("line {line} of what it holds: {why}")
        });
        unusable(told)
    })
}
