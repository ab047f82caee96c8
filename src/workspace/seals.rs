//! SealedSecrets of a tree: what they are, what they are rendered as, and which of them cannot open any more.

use super::firewall;
use super::for_controller::{is_sealed_secret, named};
use super::secrets::SecretFiles;
use super::session::Session;
use super::snapshot::{Next, SealedFor, SecretRow, SecretState};
use crate::model::{
    CommitId, EntryKind, HealthState, ObjectKey, Problem, Reason, Revision, Severity, Tree, clean,
};
use crate::seal::sealed_secrets::{Certificate, Identity, Scope, SealedSecret, sealed_secrets};
use crate::yaml::{Map, Node};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One SealedSecret of a repository.
#[derive(Clone, Debug)]
pub struct AuditedSealedSecret {
    /// Its file.
    pub path: Arc<str>,
    /// Its line, from 1.
    pub line: u32,
    /// What the file calls it: `namespace/name`.
    pub name: String,
    /// Where its values open.
    pub scope: Scope,
    /// The same in words: `only as shop/db`.
    pub opens: String,
    /// Its keys by name.
    pub keys: Vec<Arc<str>>,
    /// What it is called where it is rendered, by environment.
    pub rendered: Vec<(Arc<str>, String)>,
    /// Who changed its file last.
    pub changed_by: Option<Arc<str>>,
}

/// One certificate of a sealed-secrets controller in a repository.
#[derive(Clone, Debug)]
pub struct AuditedCertificate {
    /// Its file.
    pub path: Arc<str>,
    /// SHA-256 of it, in hex.
    pub fingerprint: Arc<str>,
    /// From when it is valid, seconds since 1970.
    pub not_before: i64,
    /// Until when it is valid, seconds since 1970.
    pub not_after: i64,
    /// Bits of its key.
    pub bits: usize,
    /// True if it can be sealed for.
    pub usable: bool,
    /// True if the controller has probably a newer one.
    pub stale: bool,
}

/// SealedSecrets and certificates of a tree.
#[derive(Default)]
pub(super) struct Seals {
    pub(super) files: BTreeMap<Arc<str>, FileSeals>,
    pub(super) certificates: Vec<Arc<Certificate>>,
}

/// The SealedSecrets of one file.
pub(super) struct FileSeals {
    pub(super) sealed: Vec<SealedSecret>,
    pub(super) changed_by: Option<Arc<str>>,
}

/// A SealedSecret as an environment renders it.
struct RenderedSeal {
    environment: Arc<str>,
    file: Arc<str>,
    identity: Identity,
    /// Sealed texts by key: what tells it from others of its file.
    first: Option<(Arc<str>, Arc<str>)>,
}

impl Seals {
    /// Those of one file.
    pub(super) fn of(path: &str, bytes: &[u8]) -> Self {
        let mut seals = Self::default();
        seals.look(path, bytes);
        seals
    }

    /// Takes those of others in.
    pub(super) fn add(&mut self, more: Self) {
        self.files.extend(more.files);
        self.certificates.extend(more.certificates);
    }

    /// Looks at one file.
    pub(super) fn look(&mut self, path: &str, bytes: &[u8]) {
        let sealed = sealed_secrets(path, bytes);
        if !sealed.is_empty() {
            self.files.insert(path.into(), FileSeals { sealed, changed_by: None });
        }
        if super::certificates::may_be_certificate(path) {
            self.certificates.extend(super::certificates::of_controller(path, bytes).map(Arc::new));
        }
    }

    /// Its SealedSecrets by file.
    pub(super) fn by_file(&self) -> BTreeMap<Arc<str>, Vec<SealedSecret>> {
        self.files.iter().map(|(path, file)| (path.clone(), file.sealed.clone())).collect()
    }

    /// What is wrong with certificates, and with SealedSecrets that are copies of each other.
    pub(super) fn findings(&self, now: i64) -> Vec<Problem> {
        let of_certificates = self.certificates.iter().flat_map(|certificate| certificate.problems(now));
        // Age alone is no finding: the certificate's own line tells it.
        let of_certificates = of_certificates.filter(|problem| problem.severity != Severity::Note);
        of_certificates.chain(self.copied()).chain(self.broken()).collect()
    }

    /// What stops SealedSecrets from opening. That they are no seals at all is the firewall's to tell.
    pub(super) fn broken(&self) -> Vec<Problem> {
        let all = self.files.values().flat_map(|file| &file.sealed).flat_map(|sealed| &sealed.problems);
        all.filter(|problem| problem.reason != Reason::Plaintext).cloned().collect()
    }

    /// The same sealed text under two names, of which strict values have only one.
    fn copied(&self) -> Vec<Problem> {
        let mut seen: HashMap<[u8; 32], (&Arc<str>, &SealedSecret)> = HashMap::new();
        let mut found = Vec::new();
        for (path, file) in &self.files {
            for sealed in file.sealed.iter().filter(|sealed| !sealed.sealed_as.namespace.is_empty()) {
                for key in sealed.keys.iter().filter(|key| key.bits.is_some()) {
                    let Some((other_path, other)) = seen.get(&key.digest).copied() else {
                        seen.insert(key.digest, (path, sealed));
                        continue;
                    };
                    if sealed.scope != Scope::ClusterWide
                        && other.scope == sealed.scope
                        && !sealed.scope.is_same(&sealed.sealed_as, &other.sealed_as)
                    {
                        found.push(copied(path, sealed, key, other_path, other));
                    }
                }
            }
        }
        found
    }
}

fn copied(
    path: &str,
    sealed: &SealedSecret,
    key: &crate::seal::sealed_secrets::SealedKey,
    other_path: &str,
    other: &SealedSecret,
) -> Problem {
    let cause = format!(
        "`{}` of SealedSecret {} is a copy of that of {} in {}: a {} value opens as one of them alone",
        clean(&key.name),
        sealed.sealed_as,
        other.sealed_as,
        clean(other_path),
        sealed.scope.word()
    );
    Problem::warning(Reason::InvalidObject, cause).at(path, key.line).next(format!(
        "seal the value itself for {}: `sealane seal {} --set {}`",
        sealed.sealed_as,
        clean(path),
        clean(&key.name)
    ))
}

impl Session {
    /// SealedSecrets that nobody can open any more: rendered under a name that their values were not sealed for, in any
    /// environment; and, of those in `files` that none renders, those whose file calls them otherwise.
    pub(super) fn misnamed(
        &self,
        tree: &dyn Tree,
        files: &BTreeMap<Arc<str>, Vec<SealedSecret>>,
    ) -> Vec<Problem> {
        let mut read_files: HashMap<Arc<str>, Vec<SealedSecret>> = HashMap::new();
        let mut found: Vec<Problem> = Vec::new();
        let all = self.rendered_seals(tree);
        for rendered in &all {
            let known = read_files.entry(rendered.file.clone()).or_insert_with(|| read(tree, &rendered.file));
            let Some(sealed) = known.iter().find(|sealed| rendered.is(sealed)) else { continue };
            let place = format!("is rendered as {} in {}", rendered.identity, rendered.environment);
            let problem =
                sealed.is_foreign_to(&rendered.identity).then(|| misnamed(&rendered.file, sealed, &place));
            found.extend(problem.filter(|new| !found.iter().any(|known| known.cause == new.cause)));
        }
        for (path, of_file) in files {
            let alone = of_file.iter().filter(|sealed| !all.iter().any(|r| r.file == *path && r.is(sealed)));
            let wrong = alone.filter(|sealed| sealed.is_foreign_to(&sealed.identity));
            found.extend(wrong.map(|sealed| misnamed(path, sealed, "was renamed or moved")));
        }
        found
    }

    /// Those of a change that were right before it.
    pub(super) fn newly_misnamed(
        &self,
        before: &dyn Tree,
        after: &dyn Tree,
        changed: &[(Arc<str>, &[u8])],
    ) -> Vec<Problem> {
        let of = |(path, bytes): &(Arc<str>, &[u8])| (path.clone(), sealed_secrets(path, bytes));
        let found = self.misnamed(after, &changed.iter().map(of).collect());
        if found.is_empty() {
            return found;
        }
        let known = self
            .misnamed(before, &changed.iter().map(|(path, _)| (path.clone(), read(before, path))).collect());
        found.into_iter().filter(|new| !known.iter().any(|old| old.cause == new.cause)).collect()
    }

    /// What stops SealedSecrets of a tree from opening.
    pub(super) fn all_broken_seals(&self, tree: &dyn Tree) -> Result<Vec<Problem>, Problem> {
        let files = firewall::files(tree).map_err(|error| firewall::unreadable(&error))?;
        let found = firewall::in_parallel(files.len(), |at| {
            let (path, id) = files.get(at)?;
            let bytes = tree.read(*id).ok().filter(|bytes| bytes.len() <= firewall::LARGEST)?;
            Some(Seals::of(path, &bytes))
        });
        let mut seals = Seals::default();
        found.into_iter().flatten().for_each(|more| seals.add(more));
        if seals.files.is_empty() {
            return Ok(Vec::new());
        }
        let mut problems = seals.broken();
        problems.extend(self.misnamed(tree, &seals.by_file()));
        Ok(problems)
    }

    /// What a staged change does to them.
    pub(super) fn broken_seals(
        &self,
        tree: &dyn Tree,
        head: CommitId,
        changed: &BTreeSet<Arc<str>>,
    ) -> Result<Vec<Problem>, Problem> {
        let before = self.tree(Revision::Commit(head))?;
        let bytes = |tree: &dyn Tree, path: &str| {
            let entry = tree.entry(path).ok().flatten().filter(|entry| entry.kind == EntryKind::File);
            entry.and_then(|entry| tree.read(entry.id).ok())
        };
        let (mut seals, mut naming) = (Seals::default(), Vec::new());
        for path in changed {
            let Some(now) = bytes(tree, path) else { continue };
            if may_rename_seals(path, bytes(&*before, path).as_deref(), &now) {
                seals.look(path, &now);
                naming.push((path.clone(), now));
            }
        }
        let mut problems = seals.broken();
        if !naming.is_empty() {
            let naming: Vec<(Arc<str>, &[u8])> =
                naming.iter().map(|(path, now)| (path.clone(), &**now)).collect();
            problems.extend(self.newly_misnamed(&*before, tree, &naming));
        }
        Ok(problems)
    }

    fn rendered_seals(&self, tree: &dyn Tree) -> Vec<RenderedSeal> {
        let mut found = Vec::new();
        for environment in self.environments(tree).environments {
            let rendered = self.render(tree, &environment);
            for (_, object) in rendered.objects().filter(|(_, object)| is_sealed_secret(&object.key)) {
                let data = object.body.at_path(&["spec", "encryptedData"]).and_then(Node::as_map);
                let first = data.and_then(|map: &Map| map.iter().next());
                found.push(RenderedSeal {
                    environment: environment.name.clone(),
                    file: object.origin.file.clone(),
                    identity: named(object),
                    first: first
                        .map(|(key, value)| (key.into(), value.scalar_text().unwrap_or_default().into())),
                });
            }
        }
        found
    }

    /// Every SealedSecret with what it is rendered as.
    pub(super) fn audited_seals(&self, tree: &dyn Tree, seals: &Seals) -> Vec<AuditedSealedSecret> {
        if seals.files.is_empty() {
            return Vec::new();
        }
        let rendered = self.rendered_seals(tree);
        let mut all = Vec::new();
        for (path, file) in &seals.files {
            for sealed in &file.sealed {
                let here = rendered.iter().filter(|r| r.file == *path && r.is(sealed));
                all.push(AuditedSealedSecret {
                    path: path.clone(),
                    line: sealed.line,
                    name: sealed.identity.to_string(),
                    scope: sealed.scope,
                    opens: sealed.scope.opens_as(&sealed.sealed_as),
                    keys: sealed.keys.iter().map(|key| clean(&key.name).into()).collect(),
                    rendered: here.map(|r| (r.environment.clone(), r.identity.to_string())).collect(),
                    changed_by: file.changed_by.clone(),
                });
            }
        }
        all
    }
}

impl RenderedSeal {
    /// True if it was made of that one of its file.
    fn is(&self, sealed: &SealedSecret) -> bool {
        let text =
            |(key, text): &(Arc<str>, Arc<str>)| sealed.keys.iter().any(|k| k.name == *key && k.is(text));
        self.first.as_ref().map_or_else(|| self.identity.name.contains(&*sealed.identity.name), text)
    }
}

fn misnamed(path: &str, sealed: &SealedSecret, how: &str) -> Problem {
    let cause = format!(
        "SealedSecret {} {how}, and its values open {}: the controller cannot open them there",
        sealed.identity,
        sealed.scope.opens_as(&sealed.sealed_as)
    );
    Problem::warning(Reason::InvalidObject, cause).at(path, sealed.line).next(
        "seal its values for the name that it has now, or give it back the one that they were sealed for",
    )
}

/// True for a staged file that can change what SealedSecrets are called: one of them, or a kustomization that names
/// otherwise than before.
fn may_rename_seals(path: &str, before: Option<&[u8]>, now: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization") {
        return naming_lines(before.unwrap_or_default()) != naming_lines(now);
    }
    std::str::from_utf8(now).is_ok_and(|text| text.contains("SealedSecret"))
}

/// The lines of a kustomization that give names.
fn naming_lines(bytes: &[u8]) -> Vec<&str> {
    let names = ["namePrefix:", "nameSuffix:", "namespace:"];
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.lines().filter(|line| names.iter().any(|name| line.trim_start().starts_with(name))).collect()
}

fn read(tree: &dyn Tree, path: &str) -> Vec<SealedSecret> {
    let entry = tree.entry(path).ok().flatten().filter(|entry| entry.kind == EntryKind::File);
    let bytes = entry.and_then(|entry| tree.read(entry.id).ok());
    bytes.map(|bytes| sealed_secrets(path, &bytes)).unwrap_or_default()
}

/// Certificates as an audit tells them.
pub(super) fn audited_certificates(seals: &Seals, now: i64) -> Vec<AuditedCertificate> {
    let of = |certificate: &Arc<Certificate>| {
        let problems = certificate.problems(now);
        let usable = !problems.iter().any(|problem| problem.severity == Severity::Error);
        AuditedCertificate {
            path: certificate.file.clone(),
            fingerprint: certificate.fingerprint.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            bits: certificate.bits,
            usable,
            stale: usable && certificate.is_stale(now),
        }
    };
    seals.certificates.iter().map(of).collect()
}

/// Rows of the SealedSecrets that environments render, and of those that none does.
pub(super) fn rows(files: &SecretFiles, fields: &BTreeMap<Arc<str>, super::field::Field>) -> Vec<SecretRow> {
    let mut rows = Vec::new();
    let mut used: Vec<&Arc<str>> = Vec::new();
    for field in fields.values() {
        for compared in field.compared.iter().filter(|compared| is_sealed_secret(&compared.key)) {
            let file = compared.desired.as_ref().map(|manifest| manifest.origin.file.clone());
            let known = file.as_ref().and_then(|file| files.seals.files.get_key_value(file));
            used.extend(known.map(|(path, _)| path));
            let in_file = known.map(|(_, file)| file.sealed.as_slice()).unwrap_or_default();
            let alike = |sealed: &&SealedSecret| compared.key.name.contains(&*sealed.identity.name);
            let sealed = in_file.iter().find(|s| s.identity.name == compared.key.name);
            let sealed = sealed.or_else(|| in_file.iter().find(alike));
            let name = compared.desired.as_ref().map(|manifest| named(manifest));
            let foreign =
                sealed.filter(|sealed| name.as_ref().is_some_and(|name| sealed.is_foreign_to(name)));
            let mut row =
                of_sealed(files, file.as_ref(), sealed, known.and_then(|(_, f)| f.changed_by.clone()));
            row.environment = field.facts.environment.name.clone();
            row.object = Some(compared.key.clone());
            if let (Some(sealed), Some(name), SecretState::Sealed) = (foreign, &name, row.state) {
                let problem = misnamed("", sealed, &format!("is rendered as {name}"));
                (row.state, row.cause, row.next) =
                    (SecretState::Broken, problem.cause, problem.next.as_str().into());
            } else if row.state == SecretState::Sealed && compared.health.state == HealthState::Degraded {
                row.state = SecretState::Broken;
                row.cause.clone_from(&compared.health.reason);
                row.next = "seal its values again for the name and the cluster that it has".into();
            } else if row.state == SecretState::Sealed && compared.desired.is_none() {
                (row.state, row.cause) = (SecretState::OnlyLive, "only the cluster has it".to_owned());
            }
            rows.push(row);
        }
    }
    for (path, file) in files.seals.files.iter().filter(|(path, _)| !used.contains(path)) {
        for sealed in &file.sealed {
            rows.push(of_sealed(files, Some(path), Some(sealed), file.changed_by.clone()));
        }
    }
    rows
}

fn of_sealed(
    files: &SecretFiles,
    path: Option<&Arc<str>>,
    sealed: Option<&SealedSecret>,
    changed_by: Option<Arc<str>>,
) -> SecretRow {
    let finding = sealed.and_then(|sealed| sealed.problems.first()).or_else(|| {
        let here = |f: &&Problem| f.place.as_ref().is_some_and(|p| path.is_some_and(|path| *path == p.file));
        files.findings.iter().find(|f| f.reason == Reason::Plaintext && here(f))
    });
    let (state, cause, next) = match finding {
        Some(problem) if problem.reason == Reason::Plaintext => {
            (SecretState::Plaintext, problem.cause.clone(), problem.next.as_str().into())
        }
        Some(problem) => (SecretState::Broken, problem.cause.clone(), problem.next.as_str().into()),
        None => {
            let opens = sealed.map(|sealed| sealed.scope.opens_as(&sealed.sealed_as));
            (
                SecretState::Sealed,
                opens.map(|opens| format!("opens {opens}")).unwrap_or_default(),
                Next::Nothing,
            )
        }
    };
    SecretRow {
        environment: "".into(),
        file: path.cloned(),
        object: sealed
            .map(|s| ObjectKey::new("bitnami.com", "SealedSecret", &s.identity.namespace, &s.identity.name)),
        state,
        cause,
        next,
        keys: sealed
            .into_iter()
            .flat_map(|s| &s.keys)
            .map(|key| (clean(&key.name).into(), super::KeyState::NotCompared))
            .collect(),
        recipients: Vec::new(),
        wanted: None,
        sealed_for: Some(SealedFor {
            scope: sealed.map(|sealed| sealed.scope),
            opens: sealed.map(|sealed| sealed.scope.opens_as(&sealed.sealed_as)).unwrap_or_default(),
        }),
        sealed_at: None,
        changed_by,
    }
}
