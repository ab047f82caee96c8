//! Where identities are looked for: all the places of sops, pooled (secrets.md 1.12).

use super::ask::Ask;
use super::command::KeyCommand;
use super::locked::{Lock, Locked};
use super::plugin::{self, Plugins};
use super::{Key, Keyring, Kind, age_file, hybrid, ssh};
use crate::secret::MarkKey;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What of a source cannot be said without showing it.
const VOID: &str = "because of this line nothing of the source is used, as with sops";

/// Where identities are looked for: handed in, so that nothing here reaches for the environment itself.
#[derive(Clone, Default)]
pub struct KeySources {
    /// `SOPS_AGE_KEY`: identities themselves.
    pub inline: Option<Zeroizing<String>>,
    /// `SOPS_AGE_KEY_FILE`.
    pub file: Option<PathBuf>,
    /// `sops/age/keys.txt` below the user's configuration.
    pub standard: Option<PathBuf>,
    /// `SOPS_AGE_KEY_CMD`: prints identities; run when a file needs it.
    pub command: Option<String>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_FILE`.
    pub ssh_file: Option<PathBuf>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_CMD`: prints a private SSH key; run when a file needs it.
    pub ssh_command: Option<String>,
    /// The user's own SSH keys.
    pub ssh: Vec<PathBuf>,
    /// Folders of PATH, where plug-ins are.
    pub path: Vec<PathBuf>,
    /// Paths of the plug-ins that the user agreed to.
    pub agreed: BTreeSet<String>,
    /// Who is asked for passphrases, if anybody is there.
    pub ask: Option<Arc<dyn Ask>>,
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

impl KeySources {
    /// The usual places of a user: the environment is read here, by the caller's wish, and nowhere else.
    pub fn of_user(variable: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Self {
        let said = |name: &str| variable(name).filter(|text| !text.is_empty());
        let usual = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        let config = said("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.map(|h| h.join(usual)));
        let ssh = |name: &str| home.map(|folder| folder.join(".ssh").join(name));
        Self {
            inline: said("SOPS_AGE_KEY").map(Zeroizing::new),
            file: said("SOPS_AGE_KEY_FILE").map(PathBuf::from),
            standard: config.map(|folder| folder.join("sops/age/keys.txt")),
            command: said("SOPS_AGE_KEY_CMD"),
            ssh_file: said("SOPS_AGE_SSH_PRIVATE_KEY_FILE").map(PathBuf::from),
            ssh_command: said("SOPS_AGE_SSH_PRIVATE_KEY_CMD"),
            ssh: [ssh("id_ed25519"), ssh("id_rsa")].into_iter().flatten().collect(),
            path: said("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
            agreed: BTreeSet::new(),
            ask: None,
        }
    }
}

impl Keyring {
    /// Reads all sources. Commands and plug-ins are not run, and nobody is asked, before a file needs it.
    pub fn load(sources: &KeySources) -> Self {
        let plugins = Plugins::new(sources.path.clone(), sources.agreed.clone(), sources.ask.clone());
        let mut ring = Self { plugins, ask: sources.ask.clone(), ..Self::default() };
        match &sources.ssh_file {
            Some(file) => ring.add_ssh(file, true),
            None => ring.absent.push("SOPS_AGE_SSH_PRIVATE_KEY_FILE".into()),
        }
        ring.add_command("SOPS_AGE_SSH_PRIVATE_KEY_CMD", sources.ssh_command.as_ref(), true);
        for file in &sources.ssh {
            ring.add_ssh(file, false);
        }
        match &sources.inline {
            Some(text) => ring.add(text.as_bytes(), "SOPS_AGE_KEY", true),
            None => ring.absent.push("SOPS_AGE_KEY".into()),
        }
        match &sources.file {
            Some(file) => ring.add_file(file, true),
            None => ring.absent.push("SOPS_AGE_KEY_FILE".into()),
        }
        ring.add_command("SOPS_AGE_KEY_CMD", sources.command.as_ref(), false);
        if let Some(file) = &sources.standard {
            ring.add_file(file, false);
        }
        ring
    }

    /// Adds the identities of a key file's text.
    pub fn add_text(&mut self, text: &str, source: &str) {
        self.add(text.as_bytes(), source, false);
    }

    fn add(&mut self, bytes: &[u8], source: &str, words: bool) {
        *self.generation.get_mut() += 1;
        let source: Arc<str> = source.into();
        if age_file::is_age(bytes) {
            let locked = Locked::new(Lock::File(bytes.to_vec()));
            return self.keys.push(Key { kind: Kind::Locked(locked), recipient: "".into(), source, line: 0 });
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.refuse(&source, 0, "it is no text file of age identities");
        };
        match identities(text, &source, words, &self.plugins) {
            Ok(keys) => {
                let words =
                    text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_ascii_whitespace);
                let secret = words.into_iter().find(|word| word.starts_with("AGE-SECRET-KEY-"));
                self.marked_by(secret.map(str::as_bytes));
                for key in keys {
                    if key.recipient.is_empty() || !self.holds(&key.recipient) {
                        self.keys.push(key);
                    }
                }
            }
            Err(bad) => self.unusable.extend(bad),
        }
    }

    fn marked_by(&mut self, secret: Option<&[u8]>) {
        if self.marks.is_none() {
            self.marks = secret.map(MarkKey::of);
        }
    }

    fn read(&mut self, file: &Path, expected: bool) -> Option<(Arc<str>, Zeroizing<Vec<u8>>)> {
        let source: Arc<str> = file.to_string_lossy().into();
        match std::fs::read(file).map(Zeroizing::new) {
            Ok(bytes) => return Some((source, bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound && !expected => self.absent.push(source),
            Err(error) => self.refuse(&source, 0, &format!("it cannot be read: {}", error.kind())),
        }
        None
    }

    fn add_file(&mut self, file: &Path, expected: bool) {
        if let Some((source, bytes)) = self.read(file, expected) {
            self.add(&bytes, &source, false);
        }
    }

    fn add_ssh(&mut self, file: &Path, expected: bool) {
        let Some((source, bytes)) = self.read(file, expected) else { return };
        *self.generation.get_mut() += 1;
        match std::str::from_utf8(&bytes)
            .map_err(|_| "it is no private key".to_owned())
            .and_then(ssh::identity)
        {
            Ok((key, recipient)) => {
                let is_open = matches!(key, ssh::PrivateKey::Open(_));
                self.marked_by(is_open.then_some(&bytes[..]));
                self.keys.push(ssh_key(key, recipient, source));
            }
            Err(why) => self.refuse(&source, 0, &why),
        }
    }

    fn add_command(&mut self, name: &'static str, line: Option<&String>, ssh: bool) {
        match line {
            Some(line) => self.commands.push(KeyCommand::new(name, line, ssh)),
            None => self.absent.push(name.into()),
        }
    }

    fn refuse(&mut self, source: &Arc<str>, line: u32, why: &str) {
        self.unusable.push(UnusableSource { source: source.clone(), line, why: why.to_owned() });
    }
}

pub(super) fn ssh_key(key: ssh::PrivateKey, recipient: String, source: Arc<str>) -> Key {
    let kind = match key {
        ssh::PrivateKey::Open(identity) => Kind::Ready(Box::new(identity)),
        ssh::PrivateKey::Locked(key) => Kind::Locked(Locked::new(Lock::Ssh(key))),
    };
    Key { kind, recipient: recipient.into(), source, line: 0 }
}

/// The identities of a text, one a line, or one a word. One that is none voids the whole.
pub(super) fn identities(
    text: &str,
    source: &Arc<str>,
    words: bool,
    plugins: &Plugins,
) -> Result<Vec<Key>, Vec<UnusableSource>> {
    let (mut keys, mut bad) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts: Vec<&str> = if words { line.split_whitespace().collect() } else { vec![line] };
        for part in parts {
            match identity(part, plugins) {
                Ok((kind, recipient)) => {
                    keys.push(Key {
                        kind,
                        recipient: recipient.into(),
                        source: source.clone(),
                        line: number,
                    });
                }
                Err(why) => {
                    let why = format!("{why}; {VOID}");
                    bad.push(UnusableSource { source: source.clone(), line: number, why });
                }
            }
        }
    }
    if bad.is_empty() { Ok(keys) } else { Err(bad) }
}

fn identity(text: &str, plugins: &Plugins) -> Result<(Kind, String), &'static str> {
    if text.starts_with("AGE-SECRET-KEY-PQ-1") {
        let identity: hybrid::Identity =
            text.parse().map_err(|()| "this post-quantum identity is damaged")?;
        let recipient = identity.recipient();
        return Ok((Kind::Ready(Box::new(identity)), recipient));
    }
    if text.starts_with("AGE-PLUGIN-") {
        let identity =
            plugin::Identity::parse(text, plugins).ok_or("this identity of a plug-in is damaged")?;
        return Ok((Kind::Plugin(identity), String::new()));
    }
    if text.starts_with("AGE-SECRET-KEY-1") {
        let identity: age::x25519::Identity = text.parse().map_err(|_| "this age identity is damaged")?;
        let recipient = identity.to_public().to_string();
        return Ok((Kind::Ready(Box::new(identity)), recipient));
    }
    Err(if ssh::looks_private(text) {
        "an SSH key does not belong into a file of age identities; name it with SOPS_AGE_SSH_PRIVATE_KEY_FILE"
    } else {
        "this is no age identity"
    })
}
