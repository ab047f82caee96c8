//! Whether a leaked value is still in use: looked for, by keyed digest, among the live Secrets and the sealed files of HEAD.

use super::facts::Absence;
use super::firewall::{self, LARGEST, in_parallel, unreadable};
use super::publish::FieldFacts;
use super::scan::Leak;
use super::session::Session;
use crate::model::{Problem, Revision, clean};
use crate::seal::{self, HeldValue};
use crate::secret::{SecretDigest, SecretLeaf};
use crate::yaml::{Map, Node, Value};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Who holds a leaked value today. The value is not here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A Secret in a cluster: what leaked opens what it opens.
    Live {
        /// The environment.
        environment: Arc<str>,
        /// Namespace and name.
        secret: String,
        /// The key.
        key: Arc<str>,
    },
    /// A sealed file at HEAD: the value was sealed later, and never changed.
    Sealed {
        /// The file.
        file: Arc<str>,
        /// The key.
        key: Arc<str>,
    },
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Live { environment, secret, key } => {
                write!(f, "`{key}` of Secret {secret} in {environment}")
            }
            Self::Sealed { file, key } => write!(f, "`{key}` of {}", clean(file)),
        }
    }
}

/// What leaked values were compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Environments whose Secrets were looked at, and how many of them.
    pub live: Vec<(Arc<str>, usize)>,
    /// Environments whose Secrets nobody could look at, and why.
    pub not_live: Vec<(Arc<str>, String)>,
    /// Sealed files of HEAD that were opened.
    pub sealed: usize,
    /// Those that no identity at hand opens.
    pub closed: Vec<Arc<str>>,
}

/// Values by their digests.
type Holders = HashMap<SecretDigest, BTreeSet<Holder>>;

impl Session {
    /// Tells of each leak who holds its value today, and what was looked at. `fields` are the environments as they were
    /// published last.
    pub(super) fn still_valid<'f>(
        &self,
        leaks: &mut [Leak],
        fields: impl Iterator<Item = (&'f Arc<str>, &'f Arc<FieldFacts>)>,
    ) -> Result<Compared, Problem> {
        let (mut holders, mut compared) = (Holders::new(), Compared::default());
        for (name, field) in fields {
            live(name, field, &mut holders, &mut compared);
        }
        let Some(head) = self.head()? else { return Ok(compared) };
        let tree = self.tree(Revision::Commit(head))?;
        self.sealed(&*tree, &mut holders, &mut compared)?;
        let rules = seal::Rules::default();
        for leak in leaks {
            let mut found = BTreeSet::new();
            for id in &leak.contents {
                let Ok(bytes) = tree.read(*id) else { continue };
                for exposure in seal::findings(&leak.path, &bytes, &rules) {
                    if exposure.problem.cause == leak.exposed.problem.cause {
                        let digests = exposure.digests(&self.digests);
                        found.extend(digests.iter().filter_map(|d| holders.get(d)).flatten().cloned());
                    }
                }
            }
            leak.holders = found.into_iter().collect();
        }
        Ok(compared)
    }

    fn sealed(
        &self,
        tree: &dyn crate::model::Tree,
        holders: &mut Holders,
        compared: &mut Compared,
    ) -> Result<(), Problem> {
        let files = firewall::files(tree).map_err(|e| unreadable(&e))?;
        let held = in_parallel(files.len(), |at| {
            let (path, id) = files.get(at)?;
            let bytes = tree.read(*id).ok().filter(|bytes| bytes.len() <= LARGEST)?;
            seal::readers(path, &bytes)?;
            Some((path, seal::held(&bytes, path, &self.keyring, &self.digests).unwrap_or_default()))
        });
        for (path, keys) in held.into_iter().flatten() {
            let mut opened = false;
            for key in keys {
                if let HeldValue::Digest(digest) = key.value {
                    opened = true;
                    let holder = Holder::Sealed { file: path.clone(), key: key.key };
                    holders.entry(digest).or_default().insert(holder);
                }
            }
            if opened {
                compared.sealed += 1;
            } else {
                compared.closed.push(path.clone());
            }
        }
        Ok(())
    }
}

/// The Secrets of an environment, which are digests from the door on.
fn live(name: &Arc<str>, field: &FieldFacts, holders: &mut Holders, compared: &mut Compared) {
    let secrets = field.facts.live.values().filter(|live| live.whole && live.key.is_secret());
    let mut count = 0;
    for secret in secrets {
        count += 1;
        let data = secret.body.get("data").and_then(Node::as_map);
        for (key, value) in data.into_iter().flat_map(Map::iter) {
            if let Value::Secret(SecretLeaf::Digest(digest)) = &value.value {
                let holder = Holder::Live {
                    environment: name.clone(),
                    secret: clean(&format!("{}/{}", secret.key.namespace, secret.key.name)),
                    key: clean(key).into(),
                };
                holders.entry(*digest).or_default().insert(holder);
            }
        }
    }
    if field.facts.complete {
        compared.live.push((name.clone(), count));
    } else {
        compared.not_live.push((name.clone(), "its cluster was not read".to_owned()));
    }
    let hidden = field.facts.absent.iter().filter(|(key, why)| key.is_secret() && **why != Absence::Missing);
    match hidden.count() {
        0 => {}
        1 => compared.not_live.push((name.clone(), "one of its Secrets could not be read".to_owned())),
        many => compared.not_live.push((name.clone(), format!("{many} of its Secrets could not be read"))),
    }
}
