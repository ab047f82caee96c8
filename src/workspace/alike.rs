//! Comparing secrets without seeing them: revision with revision, environment with environment, and where else a value stands.

use super::firewall::{self, in_parallel, unreadable};
use super::session::Session;
use crate::model::{Problem, Reason, Revision, clean};
use crate::seal::{self, Held, HeldValue, Needle};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the value of one key stands on two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Both hold the same value.
    Same,
    /// They differ.
    Differs,
    /// Only the left side has the key.
    OnlyLeft,
    /// Only the right side has the key.
    OnlyRight,
    /// No identity at hand opens one of them.
    Closed,
}

/// A place that holds a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// The sealed key; nothing where it stands in the clear.
    pub key: Option<Arc<str>>,
    /// The line on which it stands in the clear; 0 where it is sealed.
    pub line: u32,
}

/// Where a value stands.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Everywhere but where it was asked for.
    pub found: Vec<Place>,
    /// Sealed files that no identity at hand opens.
    pub closed: Vec<Arc<str>>,
    /// False if the value is so short that it was not looked for in the clear.
    pub in_the_clear: bool,
}

impl Session {
    /// How each key of a file stands to the same key of another, or of another revision: `FILE`, `REV:FILE` or `REV:`.
    pub(super) fn compare_held(
        &self,
        left: &str,
        right: &str,
    ) -> Result<BTreeMap<Arc<str>, Standing>, Problem> {
        let file = left.rsplit_once(':').map_or(left, |(_, file)| file);
        let [left, right] = [self.side(left, file)?, self.side(right, file)?];
        let mut keys: BTreeMap<Arc<str>, Standing> = BTreeMap::new();
        for one in &left {
            let other = right.iter().find(|other| other.key == one.key);
            keys.insert(
                one.key.clone(),
                other.map_or(Standing::OnlyLeft, |other| stands(one.value, other.value)),
            );
        }
        for one in right.iter().filter(|one| left.iter().all(|other| other.key != one.key)) {
            keys.insert(one.key.clone(), Standing::OnlyRight);
        }
        Ok(keys)
    }

    fn side(&self, text: &str, default: &str) -> Result<Vec<Held>, Problem> {
        let (revision, file) = match text.split_once(':') {
            Some((revision, "")) => (Some(revision), default),
            Some((revision, file)) => (Some(revision), file),
            None => (None, text),
        };
        let tree = match revision {
            Some(text) => self.tree(Revision::Commit(self.repo.resolve(text).map_err(|e| e.problem())?))?,
            None => self.tree(Revision::Worktree)?,
        };
        let missing = || {
            let at = revision.map_or(String::new(), |r| format!(" at {}", clean(r)));
            Problem::error(Reason::MissingFile, format!("{} does not exist{at}", clean(file)))
                .next("name it from the root of the repository, or another revision")
        };
        let entry = tree.entry(file).map_err(|e| unreadable(&e))?.ok_or_else(missing)?;
        let bytes = tree.read(entry.id).map_err(|e| unreadable(&e))?;
        seal::held(&bytes, file, &self.keyring, &self.digests)
    }

    /// Which other files hold the value of this key, sealed or in the clear.
    pub(super) fn places_of(&self, file: &str, key: &str) -> Result<Places, Problem> {
        let tree = self.tree(Revision::Worktree)?;
        let entry = tree.entry(file).map_err(|e| unreadable(&e))?.ok_or_else(|| {
            Problem::error(Reason::MissingFile, format!("{} does not exist", clean(file)))
                .next("name a sealed file")
        })?;
        let bytes = tree.read(entry.id).map_err(|e| unreadable(&e))?;
        let needle = Needle::of(&bytes, file, &self.keyring, key)?;
        let digest = HeldValue::Digest(needle.digest(&self.digests));
        let files = firewall::files(&*tree).map_err(|e| unreadable(&e))?;
        let is_own = |path: &str, held: &Held| {
            path == file && (*held.key == *key || key.rsplit('.').next() == Some(&*held.key))
        };
        let found = in_parallel(files.len(), |index| {
            let mut places = Places::default();
            let Some((path, id)) = files.get(index) else { return places };
            let bytes = tree.read(*id).ok().filter(|bytes| bytes.len() <= firewall::LARGEST);
            let Some(bytes) = bytes else { return places };
            if needle.is_telling()
                && let Some(line) = needle.in_the_clear(&bytes)
            {
                places.found.push(Place { file: path.clone(), key: None, line });
            }
            if seal::readers(path, &bytes).is_none() {
                return places;
            }
            match seal::held(&bytes, path, &self.keyring, &self.digests) {
                Ok(all) => {
                    let same = all.iter().filter(|held| held.value == digest && !is_own(path, held));
                    places.found.extend(same.map(|held| Place {
                        file: path.clone(),
                        key: Some(held.key.clone()),
                        line: 0,
                    }));
                    if all.iter().any(|held| matches!(held.value, HeldValue::Closed(_))) {
                        places.closed.push(path.clone());
                    }
                }
                Err(_) => places.closed.push(path.clone()),
            }
            places
        });
        let mut all = Places { in_the_clear: needle.is_telling(), ..Places::default() };
        for places in found {
            all.found.extend(places.found);
            all.closed.extend(places.closed);
        }
        Ok(all)
    }
}

fn stands(left: HeldValue, right: HeldValue) -> Standing {
    match (left, right) {
        _ if left == right => Standing::Same,
        (HeldValue::Digest(_), HeldValue::Digest(_)) => Standing::Differs,
        _ => Standing::Closed,
    }
}
