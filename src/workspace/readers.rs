//! Who can read what: sealed files and recipients as a matrix, at any revision, and what somebody who was removed still knows.

use super::firewall::{self, in_parallel, unreadable};
use super::secrets::shown_recipient;
use super::session::Session;
use super::snapshot::Recipient;
use crate::git::{GitError, LogOptions};
use crate::model::{Commit, CommitId, ContentId, Problem, Revision};
use crate::seal::{self, Held, HeldValue, Rule};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Who can read what.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// The columns: everybody for whom a file is sealed, or should be by its rule.
    pub recipients: Vec<Recipient>,
    /// The rows.
    pub files: Vec<ReadFile>,
    /// What removed recipients could still read, where history was asked for.
    pub removed: Vec<Removed>,
    /// What nobody could look into.
    pub left_out: Vec<Problem>,
}

/// One sealed file.
#[derive(Clone, Debug)]
pub struct ReadFile {
    /// Its path.
    pub path: Arc<str>,
    /// A cell for each recipient.
    pub cells: Vec<Access>,
    /// Other key types that open it.
    pub foreign: Vec<Arc<str>>,
    /// The rule that is for it.
    pub rule: Option<String>,
    /// What is worth saying of its readers.
    pub notes: Vec<&'static str>,
}

/// How somebody stands to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Can open it, as the rule says, or there is no rule.
    Reads,
    /// Can open it, and the rule does not say so.
    Extra,
    /// Cannot open it, and the rule says otherwise.
    Missing,
    /// Cannot open it.
    No,
}

/// Somebody who can open a file no longer, and values of it that they could open and that are still the same.
#[derive(Clone, Debug)]
pub struct Removed {
    /// Who.
    pub recipient: Recipient,
    /// The file.
    pub path: Arc<str>,
    /// Keys whose value is still the one they could open: not rotated since.
    pub still: Vec<Arc<str>>,
    /// Keys of which nobody here can tell: no identity at hand opens them.
    pub unknown: Vec<Arc<str>>,
    /// The newest commit whose version they could open.
    pub last: Commit,
}

struct Seen {
    path: Arc<str>,
    recipients: Vec<seal::Recipient>,
    foreign: Vec<Arc<str>>,
}

impl Session {
    /// Who can read what, at a revision or on disk; only these files, or all. With `history` also what those who were
    /// removed still know.
    pub(super) fn readers(
        &self,
        at: Option<&str>,
        only: &[String],
        history: bool,
    ) -> Result<Readers, Problem> {
        let tree = self.tree_of(at)?;
        let rules = Self::rules(&*tree);
        let mut files = firewall::files(&*tree).map_err(|e| unreadable(&e))?;
        files.retain(|(path, _)| only.is_empty() || only.iter().any(|o| path.starts_with(o.as_str())));
        let seen = in_parallel(files.len(), |index| {
            let (path, id) = files.get(index)?;
            let bytes = tree.read(*id).ok().filter(|bytes| bytes.len() <= firewall::LARGEST)?;
            let readers = seal::readers(path, &bytes)?;
            Some(Seen { path: path.clone(), recipients: readers.0, foreign: readers.1 })
        });
        let seen: Vec<Seen> = seen.into_iter().flatten().collect();
        let named = |r: &seal::Recipient| self.named(r, &rules);
        let mut readers = Readers::default();
        let wanted = seen.iter().filter_map(|s| rules.matching(&s.path)).flat_map(|rule| &rule.recipients);
        for recipient in wanted.chain(seen.iter().flat_map(|s| &s.recipients)) {
            if readers.recipients.iter().all(|r| !is_same(&r.key, &recipient.key)) {
                readers.recipients.push(named(recipient));
            }
        }
        for file in &seen {
            let rule = rules.matching(&file.path).filter(|rule| !rule.recipients.is_empty());
            readers.files.push(row(file, rule, &readers.recipients));
        }
        if let (true, Some(head)) = (history, self.head()?) {
            let at = match at {
                Some(text) => self.repo.resolve(text).map_err(|e| e.problem())?,
                None => head,
            };
            readers.left_out = self.left_out(at);
            readers.removed = self.removed(at, &seen, &named)?;
        }
        Ok(readers)
    }

    /// A recipient with its name: of the people in `.sealane.yaml`, or of a comment in the rules.
    fn named(&self, recipient: &seal::Recipient, rules: &seal::Rules) -> Recipient {
        let mut shown = shown_recipient(recipient);
        let told = self.config.people.iter().find(|(key, _)| is_same(key, &recipient.key));
        let told = told.map(|(_, name)| crate::model::clean(name).into());
        shown.name = told.or(shown.name).or_else(|| rules.name_of(&recipient.key));
        shown
    }

    /// Every version of these files that a commit before `at` brought, oldest first.
    fn versions_of(
        &self,
        at: CommitId,
        paths: &HashSet<&str>,
    ) -> Result<Vec<(Arc<str>, ContentId, CommitId)>, GitError> {
        let walk = self.repo.walk(at, &LogOptions::default())?;
        let mut commits = walk.collect::<Result<Vec<CommitId>, GitError>>()?;
        commits.reverse();
        let changes = in_parallel(commits.len(), |index| {
            let commit = *commits.get(index)?;
            Some((commit, self.repo.changed_by(commit).unwrap_or_default()))
        });
        let mut found = Vec::new();
        for (commit, changes) in changes.into_iter().flatten() {
            let ours = changes.into_iter().filter(|change| paths.contains(&*change.path));
            found.extend(ours.filter_map(|change| Some((change.path, change.after?, commit))));
        }
        Ok(found)
    }

    fn removed(
        &self,
        at: CommitId,
        seen: &[Seen],
        named: &(impl Fn(&seal::Recipient) -> Recipient + Sync),
    ) -> Result<Vec<Removed>, Problem> {
        let told = |e: GitError| e.problem();
        let paths: HashSet<&str> = seen.iter().map(|file| &*file.path).collect();
        let versions = self.versions_of(at, &paths).map_err(told)?;
        let tree = self.tree(Revision::Commit(at))?;
        let mut by_path: BTreeMap<&str, Vec<(ContentId, CommitId)>> = BTreeMap::new();
        for (path, id, commit) in &versions {
            by_path.entry(path).or_default().push((*id, *commit));
        }
        let found = in_parallel(seen.len(), |index| -> Option<Vec<(seal::Recipient, Lost)>> {
            let file = seen.get(index)?;
            let known = by_path.get(&*file.path)?;
            let held = |id: ContentId| {
                let bytes = tree.read(id).ok()?;
                let (recipients, _) = seal::readers(&file.path, &bytes)?;
                let gone = recipients
                    .into_iter()
                    .filter(|r| file.recipients.iter().all(|now| !is_same(&now.key, &r.key)));
                let gone: Vec<seal::Recipient> = gone.collect();
                let all = seal::held(&bytes, &file.path, &self.keyring, &self.digests).ok()?;
                Some((gone, all))
            };
            let (_, now) = held(known.last()?.0)?;
            let mut lost: Vec<(seal::Recipient, Lost)> = Vec::new();
            for (id, commit) in known {
                // A version that cannot be read was readable to nobody.
                let Some((gone, then)) = held(*id) else { continue };
                for recipient in gone {
                    let at = lost.iter().position(|(r, _)| is_same(&r.key, &recipient.key));
                    let at = at.unwrap_or_else(|| {
                        lost.push((recipient, Lost { path: file.path.clone(), ..Lost::default() }));
                        lost.len() - 1
                    });
                    if let Some((_, lost)) = lost.get_mut(at) {
                        lost.add(&now, &then, *commit);
                    }
                }
            }
            Some(lost)
        });
        let mut removed = Vec::new();
        for (recipient, lost) in found.into_iter().flatten().flatten() {
            let Some(last) = lost.last else { continue };
            let unknown = lost.unknown.difference(&lost.still).cloned().collect();
            removed.push(Removed {
                recipient: named(&recipient),
                path: lost.path,
                still: lost.still.into_iter().collect(),
                unknown,
                last: self.repo.commit_at(last).map_err(told)?,
            });
        }
        Ok(removed)
    }
}

/// What somebody lost and still knows.
#[derive(Default)]
struct Lost {
    path: Arc<str>,
    still: BTreeSet<Arc<str>>,
    unknown: BTreeSet<Arc<str>>,
    last: Option<CommitId>,
}

impl Lost {
    /// Compares a version that they could open with what is there now.
    fn add(&mut self, now: &[Held], then: &[Held], commit: CommitId) {
        self.last = Some(commit);
        for held in now {
            for old in then.iter().filter(|old| old.key == held.key) {
                if old.value == held.value {
                    self.still.insert(held.key.clone());
                } else if matches!(old.value, HeldValue::Closed(_))
                    || matches!(held.value, HeldValue::Closed(_))
                {
                    self.unknown.insert(held.key.clone());
                }
            }
        }
    }
}

/// An SSH recipient's comment is no part of it.
fn is_same(one: &str, other: &str) -> bool {
    let key = |text: &str| text.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    one == other || one.starts_with("ssh-") && key(one) == key(other)
}

fn row(file: &Seen, rule: Option<&Rule>, recipients: &[Recipient]) -> ReadFile {
    let cells: Vec<Access> = recipients
        .iter()
        .map(|recipient| {
            let has = file.recipients.iter().any(|r| is_same(&r.key, &recipient.key));
            let should =
                rule.is_none_or(|rule| rule.recipients.iter().any(|r| is_same(&r.key, &recipient.key)));
            match (has, should, rule.is_some()) {
                (true, true, _) => Access::Reads,
                (true, false, _) => Access::Extra,
                (false, true, true) => Access::Missing,
                (false, ..) => Access::No,
            }
        })
        .collect();
    let mut notes = Vec::new();
    if rule.is_none() {
        notes.push("no rule is for it");
    }
    if file.recipients.len() + file.foreign.len() == 1 {
        notes.push("one recipient alone: if that key is lost, so is the file");
    }
    ReadFile {
        path: file.path.clone(),
        cells,
        foreign: file.foreign.clone(),
        rule: rule.map(Rule::describe),
        notes,
    }
}
