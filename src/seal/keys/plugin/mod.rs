//! age plug-ins: programs `age-plugin-NAME` that wrap and unwrap file keys, run only after the user agreed to each.
//!
//! | file | job |
//! | --- | --- |
//! | `stanza` | messages of the protocol |
//! | `conversation` | a running plug-in, bounded in time and output |
//! | `exchange` | what is said to it and what it answers |

mod conversation;
mod exchange;
#[cfg(test)]
mod hostile;
mod stanza;

use super::ask::Ask;
use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_decode;
use conversation::Limits;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Why a plug-in did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// It is not installed.
    #[error("the plug-in {program} is not in any folder of PATH")]
    Missing {
        /// Its file name.
        program: Arc<str>,
    },
    /// Nobody agreed to run it.
    #[error("the plug-in {program} is run only after you agree to it")]
    NotAgreed {
        /// Its path.
        program: Arc<str>,
    },
    /// The system did not start it.
    #[error("the plug-in {program} cannot be started: {why}")]
    NotStarted {
        /// Its path.
        program: Arc<str>,
        /// Why.
        why: String,
    },
    /// It said nothing for too long.
    #[error("the plug-in {program} did not answer within {} s and was ended", after.as_secs_f32())]
    Silent {
        /// Its path.
        program: Arc<str>,
        /// How long it had.
        after: Duration,
    },
    /// It said too much.
    #[error("the plug-in {program} wrote more than {limit} bytes and was ended")]
    Flood {
        /// Its path.
        program: Arc<str>,
        /// What it may write.
        limit: usize,
    },
    /// It ended in the middle.
    #[error("the plug-in {program} ended before it was done")]
    Died {
        /// Its path.
        program: Arc<str>,
    },
    /// It does not keep to the protocol.
    #[error("the plug-in {program} does not keep to the protocol: {what}")]
    Broken {
        /// Its path.
        program: Arc<str>,
        /// How.
        what: String,
    },
    /// It refused, in its own words.
    #[error("the plug-in {program} says: {message}")]
    Said {
        /// Its path.
        program: Arc<str>,
        /// What it said, made safe for a screen, without the identity.
        message: String,
    },
    /// It asked something that nobody was there to answer.
    #[error("the plug-in {program} asks `{question}`, and nobody can answer here")]
    Asked {
        /// Its path.
        program: Arc<str>,
        /// What it asked.
        question: String,
    },
}

/// Which plug-ins there are, which of them may run, and who answers their questions. Cloning shares it.
#[derive(Clone, Default)]
pub struct Plugins(Arc<Shared>);

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plugins")
    }
}

#[derive(Default)]
struct Shared {
    folders: Vec<PathBuf>,
    ask: Option<Arc<dyn Ask>>,
    limits: Limits,
    answers: Mutex<Answers>,
    /// One plug-in at a time: two would ask over each other.
    talking: Mutex<()>,
}

#[derive(Default)]
struct Answers {
    agreed: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// What went wrong with an identity; it is not tried again before somebody asks for it.
    failed: BTreeMap<String, PluginError>,
}

impl Plugins {
    /// Plug-ins found in these folders; `agreed` are the paths of those that may run.
    pub fn new(folders: Vec<PathBuf>, agreed: BTreeSet<String>, ask: Option<Arc<dyn Ask>>) -> Self {
        let answers = Mutex::new(Answers { agreed, ..Answers::default() });
        Self(Arc::new(Shared { folders, ask, answers, ..Shared::default() }))
    }

    #[cfg(test)]
    fn within(folder: &std::path::Path, limits: Limits, ask: Option<Arc<dyn Ask>>) -> Self {
        Self(Arc::new(Shared { folders: vec![folder.to_owned()], ask, limits, ..Shared::default() }))
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Agrees to run a program, by its path.
    pub fn agree(&self, program: &str) {
        let mut answers = self.answers();
        answers.agreed.insert(program.to_owned());
        answers.refused.remove(program);
        answers.failed.clear();
    }

    /// True if the program at this path may run.
    pub fn may_run(&self, program: &str) -> bool {
        self.answers().agreed.contains(program)
    }

    /// Forgets what went wrong and what was refused, so that everything is tried again; true if there was anything.
    pub fn retry(&self) -> bool {
        let mut answers = self.answers();
        let (failed, refused) = (std::mem::take(&mut answers.failed), std::mem::take(&mut answers.refused));
        !failed.is_empty() || !refused.is_empty()
    }

    /// Where the program of a plug-in is: the first that can be run in an absolute folder of PATH.
    pub fn find(&self, name: &str) -> Result<PathBuf, PluginError> {
        let program = format!("age-plugin-{name}");
        let runs = |path: &PathBuf| {
            std::fs::metadata(path)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        let absolute = self.0.folders.iter().filter(|folder| folder.is_absolute());
        let mut found = absolute.map(|folder| folder.join(&program)).filter(runs);
        found.next().ok_or_else(|| PluginError::Missing { program: program.into() })
    }

    /// The program of a plug-in if it may run; whoever can be asked is asked once.
    fn permitted(&self, name: &str) -> Result<PathBuf, PluginError> {
        let path = self.find(name)?;
        let id = path.to_string_lossy().into_owned();
        let refused = || PluginError::NotAgreed { program: crate::model::clean(&id).into() };
        if self.may_run(&id) {
            return Ok(path);
        }
        let Some(ask) = self.0.ask.as_ref().filter(|_| !self.answers().refused.contains(&id)) else {
            return Err(refused());
        };
        if ask.agree(&id) {
            self.agree(&id);
            return Ok(path);
        }
        self.answers().refused.insert(id.clone());
        Err(refused())
    }

    fn talk<T>(&self, work: impl FnOnce(&Shared) -> Result<T, PluginError>) -> Result<T, PluginError> {
        let _turn = self.0.talking.lock().unwrap_or_else(PoisonError::into_inner);
        work(&self.0)
    }
}

/// A recipient whose file key a plug-in wraps.
pub(super) struct Recipient {
    name: String,
    text: String,
    plugins: Plugins,
}

impl Recipient {
    /// Reads `age1NAME1…`.
    pub(super) fn parse(text: &str, plugins: &Plugins) -> Option<Self> {
        let name = name_of(text, |prefix| prefix.strip_prefix("age1"))?;
        Some(Self { name, text: text.to_owned(), plugins: plugins.clone() })
    }
}

/// An identity that a plug-in holds.
pub(super) struct Identity {
    name: String,
    text: Zeroizing<String>,
    plugins: Plugins,
}

impl Identity {
    /// Reads `AGE-PLUGIN-NAME-1…`.
    pub(super) fn parse(text: &str, plugins: &Plugins) -> Option<Self> {
        let name = name_of(text, |prefix| prefix.strip_prefix("AGE-PLUGIN-")?.strip_suffix('-'))?;
        let name = name.to_ascii_lowercase();
        Some(Self { name, text: Zeroizing::new(text.to_owned()), plugins: plugins.clone() })
    }

    /// The name of its plug-in.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// True if files for this recipient are what its plug-in may open.
    pub(super) fn may_open(&self, recipient: &str) -> bool {
        let kind = name_of(recipient, |prefix| prefix.strip_prefix("age1"));
        // Keys in hardware may be written in the way that needs no plug-in to seal for them.
        kind.is_some_and(|kind| kind == self.name || matches!(&*kind, "tag" | "tagpq"))
    }

    /// The same question to the plug-in, as age asks; why it failed is put down in `trouble`.
    pub(super) fn attempt<'a>(&'a self, trouble: &'a Mutex<Option<PluginError>>) -> impl age::Identity + 'a {
        Attempt { identity: self, trouble }
    }

    fn file_key(&self, stanzas: &[Stanza]) -> Result<Option<FileKey>, PluginError> {
        self.plugins.talk(|shared| {
            // Asked under the turn, so that one question is put once.
            if let Some(error) = self.plugins.answers().failed.get(&*self.text) {
                return Err(error.clone());
            }
            let program = self.plugins.permitted(&self.name)?;
            let outcome =
                exchange::unwrap(&program, &self.text, stanzas, shared.limits, shared.ask.as_deref());
            if let Err(error) = &outcome {
                self.plugins.answers().failed.insert(self.text.to_string(), error.clone());
            }
            outcome
        })
    }
}

struct Attempt<'a> {
    identity: &'a Identity,
    trouble: &'a Mutex<Option<PluginError>>,
}

impl age::Identity for Attempt<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match self.identity.file_key(stanzas) {
            Ok(key) => key.map(Ok),
            Err(error) => {
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                None
            }
        }
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let wrapped = self.plugins.talk(|shared| {
            let program = self.plugins.permitted(&self.name)?;
            exchange::wrap(&program, &self.text, file_key, shared.limits, shared.ask.as_deref())
        });
        wrapped.map_err(|error| EncryptError::Io(std::io::Error::other(error)))
    }
}

/// The plug-in's name in a Bech32 text whose prefix `cut` takes apart. A name is what may be a part of a file name and
/// nothing else.
fn name_of(text: &str, cut: impl Fn(&str) -> Option<&str>) -> Option<String> {
    let found = |hrp: &str| cut(hrp).map(str::to_owned).ok_or(());
    let name = bech32_decode(text, |_| (), |hrp| found(hrp.as_str()).map(drop), |hrp, _| found(hrp.as_str()))
        .ok()?;
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    (!name.is_empty() && name.bytes().all(is_safe)).then_some(name)
}
