//! Plans for SealedSecrets: keys set and removed, new ones made, Secrets turned into them. Values stay in wiped memory.

use super::certificates::{self, GivenCertificate};
use super::listing;
use super::plan::{KeyEdit, Plan, PlanKind};
use super::planning::{Draft, read, standing};
use super::sealing::{in_words, short_name};
use super::session::Session;
use crate::git::{FileChange, TreeChange};
use crate::model::{Manifest, ObjectKey, Problem, Reason, Revision, Severity, Tree, clean};
use crate::seal;
use crate::seal::sealed_secrets::{self as sealing, Certificate, Identity, Scope, SealedSecret};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// What is to be sealed for a sealed-secrets controller.
#[derive(Default)]
pub struct SealedSecretRequest {
    /// The file, by its path inside the repository.
    pub file: String,
    /// Keys to set and to remove; without any, the file's Secrets become SealedSecrets.
    pub edits: Vec<KeyEdit>,
    /// The scope of what is made; strict, or what annotations say, if it is not given.
    pub scope: Option<Scope>,
    /// The certificate, if it is not that of the repository.
    pub certificate: Option<GivenCertificate>,
    /// The name of a new one, or of the one that is meant in a file of several.
    pub name: Option<String>,
    /// The namespace of a new one.
    pub namespace: Option<String>,
    /// The environment whose cluster opens it, where the certificate depends on that.
    pub environment: Option<String>,
}

/// What a file's objects are called once they are rendered, by environment.
struct Called(BTreeMap<Arc<str>, Vec<Identity>>);

/// Rehearses it.
pub(super) fn plan(session: &Session, request: SealedSecretRequest) -> Result<Plan, Problem> {
    let started = Instant::now();
    let (branch, head) = standing(session)?;
    let tree = session.tree(Revision::Commit(head))?;
    let file = request.file.clone();
    let existing = read(&*tree, &file)?;
    let called = Called::of(session, &*tree, &file, request.environment.as_deref());
    let environments = match &request.environment {
        Some(name) => BTreeSet::from([Arc::from(name.as_str())]),
        None => called.0.keys().cloned().collect(),
    };
    let certificate = certificates::choose(session, &*tree, request.certificate.as_ref(), &environments)?;
    let mut warnings = certificate.problems(jiff::Timestamp::now().as_second());
    if let Some(error) = warnings.iter().find(|problem| problem.severity == Severity::Error) {
        return Err(error.clone());
    }
    let work = Work { session, file: &file, called: &called, certificate: &certificate };
    let made = match &existing {
        None => work.create(request)?,
        Some(bytes) if request.edits.is_empty() => work.convert(bytes, &request)?,
        Some(bytes) => work.edit(bytes, &request, &mut warnings)?,
    };
    let mut files = vec![FileChange::write(&file, made.bytes)];
    let mut notes = vec![(file.clone(), format!("{}; {}", made.note, for_whom(&certificate)))];
    if existing.is_none() {
        listing::list(&*tree, std::slice::from_ref(&file), &mut files, &mut notes)?;
    }
    let draft = Draft {
        title: format!("seal {file}: {}", made.words),
        kind: PlanKind::Seal,
        message: format!("{}: {}\n", short_name(&file), made.words),
        branch,
        change: TreeChange { onto: head, files },
        notes,
        started,
    };
    let mut plan = draft.finish(session)?;
    plan.findings.extend(warnings);
    Ok(plan)
}

/// Only the controller can open a SealedSecret to seal it again.
pub(super) fn cannot_reseal(file: &str) -> Problem {
    let cause = "a SealedSecret opens in its cluster alone, so that nobody here can seal all of it again";
    Problem::error(Reason::NotSupported, cause).at(file, 0).next(
        "`kubeseal --re-encrypt < FILE` has its controller do it; `sealane seal FILE --set KEY` seals one value anew",
    )
}

/// A file's new bytes, and what to say of them.
struct Made {
    bytes: Vec<u8>,
    words: String,
    note: String,
}

struct Work<'a> {
    session: &'a Session,
    file: &'a str,
    called: &'a Called,
    certificate: &'a Certificate,
}

impl Work<'_> {
    fn create(&self, request: SealedSecretRequest) -> Result<Made, Problem> {
        if request.edits.is_empty() {
            return Err(Problem::error(Reason::MissingFile, "the file does not exist")
                .at(self.file, 0)
                .next("`--set KEY` makes a new SealedSecret; without it, an existing file is converted"));
        }
        let scope = request.scope.unwrap_or_default();
        let name = request.name.unwrap_or_else(|| short_name(self.file).to_owned());
        let identity = Identity::new(&request.namespace.unwrap_or_default(), &name);
        let (edits, words) = in_words(&request.edits)?;
        let bytes = sealing::create(self.file, &identity, scope, self.certificate, edits)?;
        Ok(Made {
            bytes,
            words,
            note: format!("a new SealedSecret, {}: it opens {}", scope.word(), scope.opens_as(&identity)),
        })
    }

    fn edit(
        &self,
        bytes: &[u8],
        request: &SealedSecretRequest,
        warnings: &mut Vec<Problem>,
    ) -> Result<Made, Problem> {
        let sealed = self.meant(bytes, request.name.as_deref())?;
        if let Some(scope) = request.scope.filter(|scope| *scope != sealed.scope) {
            let cause = format!(
                "SealedSecret {} is {}: its other values would not open as {}",
                sealed.identity,
                sealed.scope.word(),
                scope.word()
            );
            return Err(Problem::error(Reason::Refused, cause)
                .at(self.file, sealed.line)
                .next("make it anew with all its values, or leave `--scope` out"));
        }
        let identity = self.called.one(&sealed.identity, sealed.scope, self.file, sealed.line)?;
        if !sealed.scope.is_same(&sealed.sealed_as, &identity) && !sealed.sealed_as.namespace.is_empty() {
            let cause = format!(
                "its other values were sealed as {}, and this one is sealed as {identity}, which it is rendered as",
                sealed.sealed_as
            );
            let next = "seal the other values again too: the controller opens all of them or none";
            warnings
                .push(Problem::warning(Reason::InvalidObject, cause).at(self.file, sealed.line).next(next));
        }
        warnings.extend(foreign(self.file, &sealed, self.certificate));
        let (edits, words) = in_words(&request.edits)?;
        let (set, removed) = keys_of(&edits);
        let templated = sealed.templated.iter().filter(|key| set.iter().any(|set| **set == ***key));
        warnings.extend(templated.map(|key| {
            let cause =
                format!("`{}` is also made by the template, which wins over the sealed value", clean(key));
            let next =
                "take it out of `spec.template.data`, or leave it there and seal what the template uses";
            Problem::warning(Reason::InvalidObject, cause).at(self.file, sealed.line).next(next)
        }));
        let bytes = sealing::edit(bytes, self.file, &sealed, &identity, self.certificate, edits)?;
        let kept =
            sealed.keys.iter().filter(|key| !set.iter().chain(&removed).any(|named| **named == *key.name));
        let note = format!(
            "{words}; {} unchanged; {}: it opens {}",
            kept.count(),
            sealed.scope.word(),
            sealed.scope.opens_as(&identity)
        );
        Ok(Made { bytes, words, note })
    }

    fn convert(&self, bytes: &[u8], request: &SealedSecretRequest) -> Result<Made, Problem> {
        if !sealing::sealed_secrets(self.file, bytes).is_empty() {
            return Err(Problem::error(Reason::Refused, "the file holds SealedSecrets already")
                .at(self.file, 0)
                .next("`--set KEY` sets one of their keys"));
        }
        let namespace = request.namespace.as_deref().unwrap_or_default();
        let called = |identity: &Identity, scope: Scope| {
            let mut identity = identity.clone();
            if identity.namespace.is_empty() {
                identity.namespace = namespace.into();
            }
            let called = self.called.one(&identity, scope, self.file, 0)?;
            if !namespace.is_empty() && *called.namespace != *namespace {
                let cause =
                    format!("it is rendered as {called}, and `--namespace` says {}", clean(namespace));
                return Err(Problem::error(Reason::Refused, cause)
                    .at(self.file, 0)
                    .next("leave `--namespace` out, or change what sets its namespace"));
            }
            Ok(called)
        };
        let keyring = &self.session.keyring;
        let done = sealing::convert(bytes, self.file, keyring, self.certificate, request.scope, &called)?;
        let mut note = String::new();
        for (identity, scope, keys) in &done.objects {
            let keys: Vec<String> = keys.iter().map(|key| clean(key)).collect();
            let word = scope.word();
            let _ = write!(
                note,
                "{identity} ({word}): {} sealed, it opens {}; ",
                keys.join(", "),
                scope.opens_as(identity)
            );
        }
        if !done.left_out.is_empty() {
            let _ = write!(note, "not taken over: {}; ", done.left_out.join(", "));
        }
        note.push_str(if done.was_sealed {
            "nobody opens it with age any more, but history still does"
        } else {
            "it was in the clear: change the values too, history still has them"
        });
        let words = if done.was_sealed { "from SOPS to SealedSecret" } else { "from plain to SealedSecret" };
        Ok(Made { bytes: done.bytes, words: words.to_owned(), note })
    }

    /// The SealedSecret that is meant.
    fn meant(&self, bytes: &[u8], name: Option<&str>) -> Result<SealedSecret, Problem> {
        let mut found = sealing::sealed_secrets(self.file, bytes);
        if found.is_empty() {
            return Err(Problem::error(Reason::Refused, "the file holds no SealedSecret")
                .at(self.file, 0)
                .next("without `--set` and `--remove` its Secrets are turned into SealedSecrets"));
        }
        let names: Vec<String> = found.iter().map(|sealed| clean(&sealed.identity.name)).collect();
        if let Some(name) = name {
            found.retain(|sealed| *sealed.identity.name == *name);
        }
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Problem::error(Reason::MissingFile, format!("it holds {}", names.join(", ")))
                .at(self.file, 0)
                .next("name one of them with `--name`")),
            (Some(_), false) => {
                let cause = format!("the file holds {} SealedSecrets: {}", names.len(), names.join(", "));
                Err(Problem::error(Reason::Config, cause).at(self.file, 0).next("name one with `--name`"))
            }
        }
    }
}

impl Called {
    fn of(session: &Session, tree: &dyn Tree, file: &str, only: Option<&str>) -> Self {
        let mut called: BTreeMap<Arc<str>, Vec<Identity>> = BTreeMap::new();
        let environments = session.environments(tree).environments;
        for environment in environments.iter().filter(|e| only.is_none_or(|only| *only == *e.name)) {
            let rendered = session.render(tree, environment);
            for (_, object) in rendered.objects().filter(|(_, object)| is_sealable(&object.key)) {
                let origin = &object.origin;
                if *origin.file == *file || origin.sealed.as_deref().is_some_and(|sealed| sealed == file) {
                    called.entry(environment.name.clone()).or_default().push(named(object));
                }
            }
        }
        Self(called)
    }

    /// What an object of the file is called in the end; refuses where environments disagree on what its scope binds.
    fn one(&self, own: &Identity, scope: Scope, file: &str, line: u32) -> Result<Identity, Problem> {
        let mut found: BTreeSet<&Identity> = BTreeSet::new();
        for names in self.0.values() {
            let exact = names.iter().find(|identity| identity.name == own.name);
            let alike = || names.iter().find(|identity| identity.name.contains(&*own.name));
            found.extend(exact.or_else(alike));
        }
        let Some(first) = found.first().copied() else { return Ok(own.clone()) };
        if let Some(other) = found.iter().find(|other| !scope.is_same(first, other)) {
            let cause = format!(
                "it is rendered as {first} and as {other}, and a {} value opens as one of them alone",
                scope.word()
            );
            return Err(Problem::error(Reason::Refused, cause)
                .at(file, line)
                .next("give each environment a file of its own, or seal with a wider `--scope`"));
        }
        let namespace =
            if first.namespace.is_empty() { own.namespace.clone() } else { first.namespace.clone() };
        Ok(Identity { namespace, name: first.name.clone() })
    }
}

/// What an object is called, with no namespace where none is written: which one that is, its applier says.
pub(super) fn named(object: &Manifest) -> Identity {
    Identity::new(object.body.str_at(&["metadata", "namespace"]).unwrap_or_default(), &object.key.name)
}

fn is_sealable(key: &ObjectKey) -> bool {
    key.is_secret() || is_sealed_secret(key)
}

/// Whether an object is a SealedSecret.
pub(super) fn is_sealed_secret(key: &ObjectKey) -> bool {
    *key.group == *"bitnami.com" && *key.kind == *"SealedSecret"
}

/// Values sealed for a key of another length were sealed for another certificate, most likely another cluster's.
fn foreign(file: &str, sealed: &SealedSecret, certificate: &Certificate) -> Option<Problem> {
    let other = sealed.keys.iter().find(|key| key.bits.is_some_and(|bits| bits != certificate.bits))?;
    let cause = format!(
        "`{}` is sealed for a key of {} bits, and the certificate's has {}: it is probably another cluster's",
        clean(&other.name),
        other.bits.unwrap_or_default(),
        certificate.bits
    );
    Some(
        Problem::warning(Reason::Config, cause)
            .at(file, other.line)
            .next("look whose certificate it is before this is committed"),
    )
}

fn for_whom(certificate: &Certificate) -> String {
    let day = jiff::Timestamp::from_second(certificate.not_before);
    let day = day.map(|day| day.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    format!("sealed for the certificate in {} ({}, of {day})", clean(&certificate.file), certificate.short())
}

/// True if a file holds a SealedSecret.
pub(super) fn is_one(tree: &dyn Tree, file: &str) -> Result<bool, Problem> {
    let bytes = read(tree, file)?;
    Ok(bytes.is_some_and(|bytes| !sealing::sealed_secrets(file, &bytes).is_empty()))
}

/// What is sealed for a controller asks for its certificate, and so for a plan of its own.
pub(super) fn alone(file: &str) -> Problem {
    let cause = "a SealedSecret is sealed for its controller: its keys are set one file at a time";
    Problem::error(Reason::NotSupported, cause)
        .at(file, 0)
        .next("`sealane seal FILE --set KEY`, `--generate KEY` or `--remove KEY` for it alone")
}

/// The keys that edits set, and those that they remove.
fn keys_of(edits: &[seal::Edit]) -> (Vec<String>, Vec<String>) {
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    for edit in edits {
        match edit {
            seal::Edit::Set { key, .. } => set.push(key.clone()),
            seal::Edit::Remove { key } => removed.push(key.clone()),
            seal::Edit::Rename { .. } | seal::Edit::SetAt { .. } => {}
        }
    }
    (set, removed)
}
