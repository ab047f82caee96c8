//! The firewall over trees: every file looked at by all cores, what is excepted left out, sealed files verified.

use super::session::Session;
use super::steps::{self, Today};
use crate::config::{ExceptionConfig, REPOSITORY_FILE};
use crate::model::{CommitId, EntryKind, Problem, Reason, Revision, Severity, Tree, TreeError, clean};
use crate::seal::{self, Exposure, ExposureKind};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Files larger than this are not looked into.
pub(super) const LARGEST: usize = 5 << 20;

/// One thing that stands in the clear, or is sealed wrongly. No value is here.
#[derive(Clone, Debug)]
pub struct Exposed {
    /// What kind of thing.
    pub kind: ExposureKind,
    /// Where, why and what to do.
    pub problem: Problem,
    /// The digest for an exception, where it was asked for.
    pub digest: Option<String>,
    /// What to do about a leak, in order; empty where [`Problem::next`] is all there is to do.
    pub steps: Vec<String>,
}

impl Exposed {
    /// What is told of an exposure; its digest only if somebody wants to except it.
    pub(super) fn of(exposure: &Exposure, digests: bool) -> Self {
        let digest = digests.then(|| exposure.fresh_digest()).flatten();
        Self { kind: exposure.kind, problem: exposure.problem.clone(), digest, steps: Vec::new() }
    }

    /// A finding that is about more than one file's bytes.
    pub(super) fn lint(kind: ExposureKind, path: &str, line: u32, cause: String, next: &str) -> Self {
        Self::of(&Exposure::new(kind, path, line, cause, b"").next(next), false)
    }

    /// True if it stops a commit; others want a look.
    pub fn is_certain(&self) -> bool {
        self.problem.severity == Severity::Error
    }
}

/// The exceptions of `.sealane.yaml`, and which of them were used.
pub(super) struct Exceptions<'a> {
    list: &'a [ExceptionConfig],
    used: Vec<AtomicBool>,
    today: String,
}

impl<'a> Exceptions<'a> {
    pub(super) fn new(list: &'a [ExceptionConfig]) -> Self {
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        Self { list, used: list.iter().map(|_| AtomicBool::new(false)).collect(), today }
    }

    /// True if an exception is for this very value at this very path.
    pub(super) fn hold(&self, path: &str, exposure: &Exposure) -> bool {
        let fits = |one: &ExceptionConfig| one.path == path && exposure.has_digest(&one.digest);
        let Some(at) = self.list.iter().position(fits) else { return false };
        if let Some(used) = self.used.get(at) {
            used.store(true, Ordering::Relaxed);
        }
        // Without a reason, or after its day, an exception is none.
        self.list.get(at).is_some_and(|one| self.defect(one).is_none())
    }

    fn defect(&self, one: &ExceptionConfig) -> Option<&'static str> {
        match &one.until {
            _ if one.reason.trim().is_empty() => Some("has no reason, and is not used"),
            Some(until) if *until < self.today => Some("is over, and is not used"),
            _ => None,
        }
    }

    /// What is wrong with exceptions; those that nothing fits are told where everything was looked at.
    pub(super) fn problems(&self, everything: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (one, used) in self.list.iter().zip(&self.used) {
            let what = match self.defect(one) {
                Some(defect) => defect,
                None if everything && !used.load(Ordering::Relaxed) => "matches nothing any more",
                None => continue,
            };
            let cause = format!("the exception for {} {what}", clean(&one.path));
            let next = "take it out, or make it anew from `sealane check --digests`";
            problems.push(Problem::warning(Reason::Config, cause).at(REPOSITORY_FILE, 0).next(next));
        }
        problems
    }
}

/// What a look over files found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What stands in the clear or is sealed wrongly.
    pub exposed: Vec<Exposed>,
    /// What is wrong with the rules and the exceptions.
    pub problems: Vec<Problem>,
}

impl Session {
    /// What is excepted in this repository.
    pub(super) fn exceptions(&self) -> Exceptions<'_> {
        Exceptions::new(&self.config.exceptions)
    }

    /// What stands in the clear in the files on disk, or in what is staged and differs from HEAD.
    pub(super) fn check(&self, staged: bool, digests: bool) -> Result<Checked, Problem> {
        let tree = self.tree(if staged { Revision::Index } else { Revision::Worktree })?;
        let Some(head) = self.head()?.filter(|_| staged) else {
            let mut checked = self.check_all(&*tree, digests)?;
            checked.problems.extend(self.all_broken_seals(&*tree)?);
            return Ok(checked);
        };
        let changes = self.repo.changed(Revision::Commit(head), Revision::Index).map_err(|e| e.problem())?;
        let changed: BTreeSet<Arc<str>> = changes.into_iter().map(|change| change.path).collect();
        let mut checked = self.check_some(&*tree, &changed, digests)?;
        checked.exposed.extend(self.unsigned(&*tree, head, &changed)?);
        checked.problems.extend(self.broken_seals(&*tree, head, &changed)?);
        Ok(checked)
    }

    /// Sealed files that were changed behind the MAC's back: only the version before shows it.
    fn unsigned(
        &self,
        tree: &dyn Tree,
        head: CommitId,
        changed: &BTreeSet<Arc<str>>,
    ) -> Result<Vec<Exposed>, Problem> {
        let before = self.tree(Revision::Commit(head))?;
        let bytes = |tree: &dyn Tree, path: &str| -> Result<Option<Arc<[u8]>>, Problem> {
            let entry = tree.entry(path).map_err(|e| unreadable(&e))?;
            let file = entry.filter(|entry| entry.kind == EntryKind::File);
            file.map(|file| tree.read(file.id).map_err(|e| unreadable(&e))).transpose()
        };
        let mut found = Vec::new();
        for path in changed {
            if let (Some(old), Some(new)) = (bytes(&*before, path)?, bytes(tree, path)?)
                && let Some(problem) = seal::unsigned(path, &old, &new)
            {
                let line = problem.place.as_ref().map_or(0, |place| place.line);
                found.push(Exposed::lint(ExposureKind::Tampered, path, line, problem.cause, &problem.next));
            }
        }
        Ok(found)
    }

    /// Every file of a tree, and what only several files together tell.
    pub(super) fn check_all(&self, tree: &dyn Tree, digests: bool) -> Result<Checked, Problem> {
        let files = files(tree).map_err(|e| unreadable(&e))?;
        let mut checked = self.look(tree, &files, digests, true);
        checked.exposed.extend(super::delivery::lints(tree, &files));
        Ok(checked)
    }

    fn check_some(
        &self,
        tree: &dyn Tree,
        changed: &BTreeSet<Arc<str>>,
        digests: bool,
    ) -> Result<Checked, Problem> {
        let mut files = Vec::new();
        for path in changed {
            let entry = tree.entry(path).map_err(|e| unreadable(&e))?;
            if let Some(entry) = entry.filter(|entry| entry.kind == EntryKind::File) {
                files.push((path.clone(), entry.id));
            }
        }
        Ok(self.look(tree, &files, digests, false))
    }

    fn look(&self, tree: &dyn Tree, files: &[File], digests: bool, everything: bool) -> Checked {
        let rules = Self::rules(tree);
        let exceptions = self.exceptions();
        let found = in_parallel(files.len(), |at| {
            let (path, id) = files.get(at)?;
            Some(match tree.read(*id) {
                Ok(bytes) if bytes.len() <= LARGEST => {
                    Ok(self.look_at(path, &bytes, &rules, &exceptions, digests))
                }
                Ok(_) => Ok(Vec::new()),
                Err(error) => Err(unreadable(&error.of(path))),
            })
        });
        let mut checked = Checked { exposed: Vec::new(), problems: rules.problems.clone() };
        for exposed in found.into_iter().flatten() {
            match exposed {
                Ok(exposed) => checked.exposed.extend(exposed),
                // A file that nobody can read is told, and the others are looked at.
                Err(problem) => checked.problems.push(problem),
            }
        }
        checked.problems.extend(exceptions.problems(everything));
        checked
    }

    /// What one file exposes; a sealed one is verified too, where an identity at hand opens it.
    fn look_at(
        &self,
        path: &str,
        bytes: &[u8],
        rules: &seal::Rules,
        exceptions: &Exceptions<'_>,
        digests: bool,
    ) -> Vec<Exposed> {
        let exposures = seal::findings(path, bytes, rules);
        let mut found: Vec<Exposed> = exposures
            .iter()
            .filter(|exposure| !exceptions.hold(path, exposure))
            .map(|exposure| Exposed::of(exposure, digests))
            .collect();
        if !found.is_empty() {
            let today = Today::of_bytes(bytes, rules, path);
            for one in &mut found {
                one.steps = steps::of(one, &today, &[]);
            }
        }
        let is_told = found.iter().any(|one| {
            matches!(
                one.kind,
                ExposureKind::OpenValue | ExposureKind::SealedInNameOnly | ExposureKind::LostBlock
            )
        });
        let Some(info) = seal::inspect(path, bytes, rules) else { return found };
        if !is_told {
            let broken = seal::verify(bytes, path, &self.keyring).err();
            let broken = broken.filter(|problem| problem.reason == Reason::SealBroken);
            let told = |problem| {
                let (digest, steps) = (None, Vec::new());
                Exposed { kind: ExposureKind::Tampered, problem, digest, steps }
            };
            found.extend(broken.map(told));
        }
        found.extend(super::audit::of_others(path, &info, rules));
        found
    }
}

/// A file of a tree.
pub(super) type File = (Arc<str>, crate::model::ContentId);

/// All files of a tree, by path.
pub(super) fn files(tree: &dyn Tree) -> Result<Vec<File>, TreeError> {
    let (mut found, mut open) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = open.pop() {
        for (name, entry) in tree.list(&folder)?.unwrap_or_default() {
            let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
            match entry.kind {
                EntryKind::Folder => open.push(path),
                EntryKind::File => found.push((path.into(), entry.id)),
                EntryKind::Link | EntryKind::Submodule => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn unreadable(error: &TreeError) -> Problem {
    Problem::error(Reason::Repository, error.to_string())
}

/// Does something for each number below `count` on all cores; the answers come in order.
pub(super) fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return done;
            }
            done.push((at, work(at)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(count.max(1));
    if cores == 1 {
        return some().into_iter().map(|(_, answer)| answer).collect();
    }
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(some)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, answer)| answer).collect()
}
