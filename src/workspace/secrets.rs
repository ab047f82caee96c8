//! Rows of secrets: every sealed file, every secret in the clear, and how its live twin stands. No value is here.

use super::facts::Compared;
use super::field::Field;
use super::firewall::{self, Exposed};
use super::inventory::secret_keys;
use super::seals::{self, Seals};
use super::session::Session;
use super::snapshot::{KeyState, Next, Recipient, SecretRow, SecretState};
use crate::model::{CommitId, Problem, Reason, Revision, Tree};
use crate::seal::{self, SealedInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a tree's files say about secrets.
#[derive(Default)]
pub(super) struct SecretFiles {
    /// Sealed files by path.
    pub(super) sealed: BTreeMap<Arc<str>, SealedFile>,
    /// What certainly stands in the clear or is sealed in name only, and what is wrong with the rules.
    pub(super) findings: Vec<Problem>,
    /// SealedSecrets, and certificates of their controllers.
    pub(super) seals: Seals,
    /// All that the firewall finds, the likely too.
    pub(super) exposed: Vec<Exposed>,
    /// What nobody can look into: submodules, files that live in LFS, names that are no text, links that lead out.
    pub(super) left_out: Vec<Problem>,
}

/// One sealed file.
pub(super) struct SealedFile {
    pub(super) info: SealedInfo,
    /// For whom its rule seals it.
    pub(super) wanted: Option<Vec<Recipient>>,
    /// Who changed it last.
    pub(super) changed_by: Option<Arc<str>>,
    /// Why it does not open, or that it was tampered with.
    pub(super) broken: Option<Problem>,
}

impl SealedFile {
    /// What is wrong with the file itself. That a key is missing is told where something needs it.
    pub(super) fn damage(&self) -> Option<Problem> {
        self.broken
            .clone()
            .filter(|problem| !matches!(problem.reason, Reason::NeedsKey | Reason::NeedsPlugin))
    }
}

impl Session {
    /// Looks through all files of a tree; who changed them last is asked of the history before `head`.
    pub(super) fn secret_files(&self, tree: &dyn Tree, head: Option<CommitId>) -> Arc<SecretFiles> {
        let rules = Self::rules(tree);
        let exceptions = self.exceptions();
        let all = firewall::files(tree).unwrap_or_default();
        let seen = firewall::in_parallel(all.len(), |at| {
            let (path, id) = all.get(at)?;
            let bytes = tree.read(*id).ok().filter(|bytes| bytes.len() <= firewall::LARGEST)?;
            let exposures = seal::findings(path, &bytes, &rules);
            let kept = exposures.iter().filter(|exposure| !exceptions.hold(path, exposure));
            let exposed: Vec<Exposed> = kept.map(|exposure| Exposed::of(exposure, false)).collect();
            let sealed = seal::inspect(path, &bytes, &rules).map(|info| {
                let broken = seal::verify(&bytes, path, &self.keyring).err();
                let rule = rules.matching(path).filter(|rule| !rule.recipients.is_empty());
                let wanted = rule.map(|rule| rule.recipients.iter().map(shown_recipient).collect());
                SealedFile { info, wanted, changed_by: None, broken }
            });
            Some((path.clone(), exposed, sealed, seals::Seals::of(path, &bytes)))
        });
        let mut files = SecretFiles { findings: rules.problems.clone(), ..SecretFiles::default() };
        for (path, exposed, sealed, seals) in seen.into_iter().flatten() {
            files.findings.extend(exposed.iter().filter(|e| e.is_certain()).map(|e| e.problem.clone()));
            files.exposed.extend(exposed);
            files.seals.add(seals);
            files.sealed.extend(sealed.map(|file| (path, file)));
        }
        if let Some(head) = head {
            self.who_sealed(&mut files, head);
            files.left_out = self.left_out(head);
        }
        Arc::new(files)
    }

    /// What a commit holds that is not read, each with its place and next step.
    pub(super) fn left_out(&self, head: CommitId) -> Vec<Problem> {
        self.repo.problems(Revision::Commit(head)).unwrap_or_else(|error| vec![error.problem()])
    }

    /// Adds who changed each sealed file last.
    fn who_sealed(&self, files: &mut SecretFiles, head: CommitId) {
        let last = |path: &Arc<str>| {
            let log = self.repo.log_of_paths(std::slice::from_ref(path), head, 1).ok();
            log.and_then(|l| l.into_iter().next()).map(|c| c.author)
        };
        for (path, file) in &mut files.sealed {
            file.changed_by = last(path);
        }
        for (path, file) in &mut files.seals.files {
            file.changed_by = last(path);
        }
    }
}

/// The rows, most urgent first.
pub(super) fn rows(files: &SecretFiles, fields: &BTreeMap<Arc<str>, Field>) -> Vec<Arc<SecretRow>> {
    let mut rows = Vec::new();
    let mut used: Vec<&str> = Vec::new();
    for field in fields.values() {
        for compared in field.compared.iter().filter(|c| c.key.is_secret()) {
            let file =
                compared.desired.as_ref().map(|m| m.origin.sealed.clone().unwrap_or(m.origin.file.clone()));
            let known = file.as_ref().and_then(|f| files.sealed.get_key_value(f));
            used.extend(known.iter().map(|(path, _)| &***path));
            rows.push(of_object(files, &field.facts.environment.name, compared, file, known.map(|(_, f)| f)));
        }
    }
    for (path, file) in files.sealed.iter().filter(|(path, _)| !used.contains(&&***path)) {
        rows.push(of_file(path, file));
    }
    rows.extend(seals::rows(files, fields));
    rows.sort_by_key(|r| (r.state, r.environment.clone(), r.file.clone(), r.object.clone()));
    rows.into_iter().map(Arc::new).collect()
}

fn of_object(
    files: &SecretFiles,
    environment: &Arc<str>,
    compared: &Compared,
    path: Option<Arc<str>>,
    file: Option<&SealedFile>,
) -> SecretRow {
    let keys = secret_keys(compared);
    let has = |state: KeyState| keys.iter().filter(|(_, s)| *s == state).count();
    let finding = files.findings.iter().find(|f| {
        f.reason == Reason::Plaintext
            && f.place.as_ref().is_some_and(|p| path.as_ref().is_some_and(|x| *x == p.file))
    });
    let broken = file.and_then(|f| f.broken.as_ref());
    let differs = has(KeyState::Differs) + has(KeyState::OnlyGit) + has(KeyState::OnlyLive);
    let (state, cause, next) = if let Some(finding) = finding {
        (SecretState::Plaintext, finding.cause.clone(), finding.next.as_str().into())
    } else if let Some(problem) = broken {
        let state = if problem.reason == Reason::NeedsKey { SecretState::NoKey } else { SecretState::Broken };
        (state, problem.cause.clone(), problem.next.as_str().into())
    } else if compared.desired.is_none() {
        let key = &compared.key;
        let live = Next::FromLive(format!("{}/{}", key.namespace, key.name));
        (SecretState::OnlyLive, "only the cluster has it".to_owned(), live)
    } else if has(KeyState::Closed) > 0 {
        (
            SecretState::NoKey,
            "no identity at hand opens it".to_owned(),
            "`sealane doctor` says where keys are looked for".into(),
        )
    } else if compared.live.is_none() && keys.iter().all(|(_, s)| *s == KeyState::NotCompared) {
        (SecretState::Sealed, "no live twin to compare with".to_owned(), Next::Nothing)
    } else if differs > 0 {
        (SecretState::Differs, differing(&keys), Next::Keys)
    } else {
        (SecretState::Same, String::new(), Next::Nothing)
    };
    SecretRow {
        environment: environment.clone(),
        object: Some(compared.key.clone()),
        state,
        cause,
        next,
        keys,
        wanted: file.and_then(|f| f.wanted.clone()),
        recipients: file.map(|f| f.info.recipients.iter().map(shown_recipient).collect()).unwrap_or_default(),
        sealed_for: None,
        sealed_at: file.and_then(|f| f.info.sealed_at),
        changed_by: file.and_then(|f| f.changed_by.clone()),
        file: path,
    }
}

fn differing(keys: &[(Arc<str>, KeyState)]) -> String {
    let names: Vec<&str> = keys
        .iter()
        .filter(|(_, s)| matches!(s, KeyState::Differs | KeyState::OnlyGit | KeyState::OnlyLive))
        .map(|(name, _)| &**name)
        .collect();
    match names.as_slice() {
        [one] => format!("the live value of {one} differs"),
        many => format!("the live values of {} differ", many.join(", ")),
    }
}

fn of_file(path: &Arc<str>, file: &SealedFile) -> SecretRow {
    let (state, cause, next) = match &file.broken {
        Some(p) if p.reason == Reason::NeedsKey => {
            (SecretState::NoKey, p.cause.clone(), p.next.as_str().into())
        }
        Some(p) => (SecretState::Broken, p.cause.clone(), p.next.as_str().into()),
        None => (SecretState::Sealed, "no environment renders it".to_owned(), Next::Nothing),
    };
    SecretRow {
        environment: "".into(),
        file: Some(path.clone()),
        object: None,
        state,
        cause,
        next,
        keys: file.info.keys.iter().map(|(name, _)| (name.clone(), KeyState::NotCompared)).collect(),
        wanted: file.wanted.clone(),
        recipients: file.info.recipients.iter().map(shown_recipient).collect(),
        sealed_for: None,
        sealed_at: file.info.sealed_at,
        changed_by: file.changed_by.clone(),
    }
}

pub(super) fn shown_recipient(recipient: &seal::Recipient) -> Recipient {
    Recipient { name: recipient.name.clone(), key: recipient.key.clone() }
}
