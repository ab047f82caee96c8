//! Identities and recipients: where age keys are found, and how a file's data key is wrapped for each of them.
//!
//! Identities are looked for where `sops` looks (secrets.md 1.12). What is found and cannot be used (a locked
//! file, a plug-in, an SSH key) is named with its reason, never passed over in silence.

use super::cipher::DataKey;
use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where identities are looked for: handed in, so that nothing here reaches for the environment itself.
#[derive(Default)]
pub struct KeySources {
    /// `SOPS_AGE_KEY`: identities themselves.
    pub inline: Option<Zeroizing<String>>,
    /// `SOPS_AGE_KEY_FILE`, then the standard `sops/age/keys.txt` below the user's configuration.
    pub files: Vec<PathBuf>,
    /// `SOPS_AGE_KEY_CMD`, only named: it is not run.
    pub command: Option<String>,
    /// SSH private keys that `sops` would try.
    pub ssh: Vec<PathBuf>,
}

/// The identities at hand.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Key>,
    /// Sources that gave nothing, with the reason.
    pub unusable: Vec<UnusableSource>,
    generation: u64,
}

struct Key {
    identity: x25519::Identity,
    recipient: Arc<str>,
    source: Arc<str>,
}

/// A source of identities that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableSource {
    /// File or variable.
    pub source: Arc<str>,
    /// Line in the file, from 1; 0 for the whole.
    pub line: u32,
    /// Why.
    pub why: String,
}

/// A recipient that cannot be sealed for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// A kind of recipient that is not supported yet.
    #[error("recipient {short} is {kind}, which Sealane cannot seal for yet")]
    Unsupported {
        /// Its beginning.
        short: String,
        /// What it is.
        kind: &'static str,
    },
    /// Not a recipient at all.
    #[error("`{0}` is no age recipient")]
    Invalid(String),
    /// age refused.
    #[error("age could not wrap the data key")]
    Failed,
}

impl KeySources {
    /// The usual places of a user: the environment is read here, by the caller's wish, and nowhere else.
    pub fn of_user(variable: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Self {
        let mut files: Vec<PathBuf> = variable("SOPS_AGE_KEY_FILE").map(PathBuf::from).into_iter().collect();
        let config =
            variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.map(|h| h.join(".config")));
        files.extend(config.map(|folder| folder.join("sops/age/keys.txt")));
        let mut ssh: Vec<PathBuf> =
            variable("SOPS_AGE_SSH_PRIVATE_KEY_FILE").map(PathBuf::from).into_iter().collect();
        ssh.extend(home.iter().flat_map(|h| [h.join(".ssh/id_ed25519"), h.join(".ssh/id_rsa")]));
        Self {
            inline: variable("SOPS_AGE_KEY").map(Zeroizing::new),
            files,
            command: variable("SOPS_AGE_KEY_CMD"),
            ssh,
        }
    }
}

impl Keyring {
    /// Reads all sources; files that do not exist are passed over.
    pub fn load(sources: &KeySources) -> Self {
        let mut ring = Self::default();
        if let Some(text) = &sources.inline {
            ring.add_text(text, "SOPS_AGE_KEY");
        }
        for file in &sources.files {
            let name = file.to_string_lossy();
            match std::fs::read(file).map(Zeroizing::new) {
                Ok(bytes) => match std::str::from_utf8(&bytes) {
                    Ok(text) => ring.add_text(text, &name),
                    Err(_) => ring.refuse(&name, 0, "it is no text file of age identities"),
                },
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => ring.refuse(&name, 0, &format!("it cannot be read: {e}")),
            }
        }
        if let Some(command) = &sources.command {
            ring.refuse(
                "SOPS_AGE_KEY_CMD",
                0,
                &format!("`{}` is not run by Sealane yet", crate::model::clean(command)),
            );
        }
        for file in sources.ssh.iter().filter(|f| f.is_file()) {
            ring.refuse(&file.to_string_lossy(), 0, "SSH keys are not used by Sealane yet");
        }
        ring
    }

    /// Adds the identities of a key file's text.
    pub fn add_text(&mut self, text: &str, source: &str) {
        self.generation += 1;
        if text.starts_with("age-encryption.org/") || text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
            return self.refuse(
                source,
                0,
                "the file is locked with a passphrase, which Sealane cannot ask for yet",
            );
        }
        for (number, line) in text.lines().enumerate() {
            let line_number = u32::try_from(number + 1).unwrap_or(u32::MAX);
            for word in line.split_whitespace().take_while(|w| !w.starts_with('#')) {
                self.add_identity(word, source, line_number);
            }
        }
    }

    fn add_identity(&mut self, word: &str, source: &str, line: u32) {
        if word.starts_with("AGE-SECRET-KEY-PQ-") {
            return self.refuse(source, line, "a post-quantum identity, which Sealane cannot use yet");
        }
        if word.starts_with("AGE-PLUGIN-") {
            return self.refuse(source, line, "an identity of an age plug-in, which Sealane cannot use yet");
        }
        match word.parse::<x25519::Identity>() {
            Ok(identity) => {
                let recipient: Arc<str> = identity.to_public().to_string().into();
                if self.keys.iter().all(|k| k.recipient != recipient) {
                    self.keys.push(Key { identity, recipient, source: source.into() });
                }
            }
            Err(_) => self.refuse(source, line, "this is no age identity"),
        }
    }

    fn refuse(&mut self, source: &str, line: u32, why: &str) {
        self.unusable.push(UnusableSource { source: source.into(), line, why: why.to_owned() });
    }

    /// The public recipients of the identities at hand, with where each was found.
    pub fn recipients(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|k| (&*k.recipient, &*k.source))
    }

    /// True if one of the identities belongs to this recipient.
    pub fn holds(&self, recipient: &str) -> bool {
        self.keys.iter().any(|k| &*k.recipient == recipient.trim())
    }

    /// True if there is no identity.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Grows with every source that was added.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Opens one wrapped data key: a complete armored age file.
    pub fn unwrap(&self, armored: &str) -> Option<DataKey> {
        DataKey::from_bytes(&self.unwrap_bytes(armored)?)
    }

    /// Opens what is wrapped in an armored age file: a data key, or one share of it.
    pub(super) fn unwrap_bytes(&self, armored: &str) -> Option<Zeroizing<Vec<u8>>> {
        let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(armored.trim().as_bytes())).ok()?;
        let identities = self.keys.iter().map(|k| &k.identity as &dyn age::Identity);
        let mut reader = decryptor.decrypt(identities).ok()?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        reader.by_ref().take(64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// Wraps a data key for one recipient, as a complete armored age file.
pub fn wrap(key: &DataKey, recipient: &str) -> Result<String, RecipientError> {
    wrap_bytes(key.bytes(), recipient)
}

/// Wraps a data key, or one share of it, for one recipient.
pub(super) fn wrap_bytes(bytes: &[u8], recipient: &str) -> Result<String, RecipientError> {
    let recipient: x25519::Recipient = parse_recipient(recipient)?;
    let failed = |_| RecipientError::Failed;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|_| RecipientError::Failed)?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failed)?;
    writer.write_all(bytes).map_err(failed)?;
    let bytes = writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| RecipientError::Failed)
}

/// Reads a recipient, or says what kind it is.
pub fn parse_recipient(text: &str) -> Result<x25519::Recipient, RecipientError> {
    let text = text.trim();
    let short = || crate::model::clean(&text.chars().take(16).collect::<String>());
    if text.starts_with("age1pq1") {
        return Err(RecipientError::Unsupported { short: short(), kind: "a post-quantum recipient" });
    }
    if text.starts_with("ssh-") {
        return Err(RecipientError::Unsupported { short: short(), kind: "an SSH key" });
    }
    text.parse().map_err(|_| match text.strip_prefix("age1") {
        Some(rest) if rest.contains('1') => {
            RecipientError::Unsupported { short: short(), kind: "a recipient of an age plug-in" }
        }
        _ => RecipientError::Invalid(short()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{DEV, OPS, ring};
    use super::*;

    #[test]
    fn a_wrapped_key_opens_for_its_recipient_only() {
        let (ops, dev) = (ring(OPS), ring(DEV));
        let recipient = ops.recipients().next().expect("one identity").0.to_owned();
        let key = DataKey::generate().expect("random");
        let wrapped = wrap(&key, &recipient).expect("wrapped");
        assert_eq!(ops.unwrap(&wrapped).map(|k| k.bytes().to_vec()), Some(key.bytes().to_vec()));
        assert!(dev.unwrap(&wrapped).is_none());
        assert!(ops.holds(&recipient) && !dev.holds(&recipient));
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_line() {
        let ring = ring("# a comment\nAGE-PLUGIN-YUBIKEY-1QQQQ\nnonsense\n");
        let lines: Vec<u32> = ring.unusable.iter().map(|u| u.line).collect();
        assert!(ring.is_empty());
        assert_eq!(lines, [2, 3]);
        assert!(ring.unusable[0].why.contains("plug-in"));
    }

    #[test]
    fn recipients_that_are_not_supported_are_named() {
        for (text, kind) in [
            ("age1pq1qqqq", "a post-quantum recipient"),
            ("ssh-ed25519 AAAA", "an SSH key"),
            ("age1yubikey1qqqq", "a recipient of an age plug-in"),
        ] {
            assert!(
                matches!(parse_recipient(text), Err(RecipientError::Unsupported { kind: k, .. }) if k == kind)
            );
        }
        assert!(matches!(parse_recipient("bob"), Err(RecipientError::Invalid(_))));
    }

    #[test]
    fn sources_are_those_of_sops() {
        let sources = KeySources::of_user(
            |name| (name == "SOPS_AGE_KEY_FILE").then(|| "/k/one".to_owned()),
            Some(Path::new("/home/ana")),
        );
        assert_eq!(
            sources.files,
            [PathBuf::from("/k/one"), PathBuf::from("/home/ana/.config/sops/age/keys.txt")]
        );
    }
}
