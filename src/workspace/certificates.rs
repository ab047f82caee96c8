//! Which certificate a value is sealed for: given, named in `.sealane.yaml`, or the only one in the repository.
//!
//! It is never asked of the cluster: the controller serves it behind the API server's proxy, and Sealane's guard lets no
//! request pass that makes a server act (decision 1.1). Problems say how it is fetched instead.

use super::session::Session;
use crate::config::REPOSITORY_FILE;
use crate::model::{EntryKind, Problem, Reason, Tree, clean};
use crate::seal::sealed_secrets::{Certificate, FETCH};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A certificate that was read outside of the repository.
#[derive(Clone)]
pub struct GivenCertificate {
    /// What it is called, for people.
    pub name: String,
    /// Its PEM.
    pub bytes: Vec<u8>,
}

/// Whether a file may be a certificate, by its name.
pub(super) fn may_be_certificate(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "pem" | "crt" | "cert" | "cer") || is_named_so(&name)
}

fn is_named_so(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.contains("sealedsecret") || plain.contains("kubeseal")
}

/// A file's certificate, if a sealed-secrets controller may have made it, or the file's name says so.
pub(super) fn of_controller(path: &str, bytes: &[u8]) -> Option<Certificate> {
    let certificate = Certificate::read(bytes, path).ok()?;
    (certificate.of_controller || is_named_so(path)).then_some(certificate)
}

/// The certificate for a file that these environments render.
pub(super) fn choose(
    session: &Session,
    tree: &dyn Tree,
    given: Option<&GivenCertificate>,
    environments: &BTreeSet<Arc<str>>,
) -> Result<Certificate, Problem> {
    let pinned = pinned(session, tree, environments)?;
    let Some(given) = given else {
        return pinned.map_or_else(|| only(tree).map_err(|problem| with_service(session, tree, problem)), Ok);
    };
    let certificate = Certificate::read(&given.bytes, &given.name)?;
    match pinned {
        Some(pinned) if pinned.fingerprint != certificate.fingerprint => {
            let cause = format!(
                "the certificate in {} ({}) is not the one that {REPOSITORY_FILE} names, {} ({})",
                clean(&given.name),
                certificate.short(),
                pinned.file,
                pinned.short()
            );
            Err(Problem::error(Reason::Refused, cause)
                .at(&given.name, 0)
                .next("if the controller has a new key, commit its certificate there; another cluster's opens nothing"))
        }
        _ => Ok(certificate),
    }
}

/// The one that `.sealane.yaml` names for these environments, or for all.
fn pinned(
    session: &Session,
    tree: &dyn Tree,
    environments: &BTreeSet<Arc<str>>,
) -> Result<Option<Certificate>, Problem> {
    let config = &session.config;
    let of = |name: &str| {
        let own = config.environments.get(name).and_then(|said| said.sealed_secrets_certificate.as_ref());
        own.or(config.sealed_secrets_certificate.as_ref())
    };
    let mut paths: BTreeSet<Option<&String>> = environments.iter().map(|name| of(name)).collect();
    if environments.is_empty() {
        let mut all: BTreeSet<Option<&String>> = config.environments.keys().map(|name| of(name)).collect();
        all.insert(config.sealed_secrets_certificate.as_ref());
        all.remove(&None);
        paths = all;
    }
    let mut read = paths.into_iter().flatten().map(|path| read(tree, path)).collect::<Result<Vec<_>, _>>()?;
    read.dedup_by(|one, other| one.fingerprint == other.fingerprint);
    match read.len() {
        0 => Ok(None),
        1 => Ok(read.pop()),
        _ => {
            let files: Vec<&str> = read.iter().map(|certificate| &*certificate.file).collect();
            let cause = format!(
                "{REPOSITORY_FILE} names several certificates for it, {}: a value sealed for one cluster opens in no other",
                files.join(", ")
            );
            Err(Problem::error(Reason::Refused, cause)
                .at(REPOSITORY_FILE, 0)
                .next("say which with `--environment`, and give each environment a file of its own"))
        }
    }
}

fn read(tree: &dyn Tree, path: &str) -> Result<Certificate, Problem> {
    let missing = |cause: &str| {
        Problem::error(Reason::MissingFile, format!("{} {cause}", clean(path)))
            .at(REPOSITORY_FILE, 0)
            .next(FETCH)
    };
    let unread = |error: crate::model::TreeError| {
        Problem::error(Reason::Repository, error.to_string()).at(path, 0).next(error.next_step())
    };
    let entry = tree.entry(path).map_err(unread)?.filter(|entry| entry.kind == EntryKind::File);
    let entry = entry.ok_or_else(|| {
        missing("is named as the certificate of a sealed-secrets controller, and is not committed")
    })?;
    Certificate::read(&tree.read(entry.id).map_err(unread)?, path)
}

/// The only certificate of a controller in the repository.
fn only(tree: &dyn Tree) -> Result<Certificate, Problem> {
    let mut found: Vec<Certificate> = Vec::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        for (name, entry) in tree.list(&folder).ok().flatten().unwrap_or_default() {
            let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
            match entry.kind {
                EntryKind::Folder => open.push(path),
                EntryKind::File if may_be_certificate(&path) => {
                    let bytes = tree.read(entry.id).ok();
                    found.extend(bytes.and_then(|bytes| of_controller(&path, &bytes)));
                }
                _ => {}
            }
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    found.dedup_by(|one, other| one.fingerprint == other.fingerprint);
    match found.len() {
        1 => found.pop().ok_or_else(none),
        0 => Err(none()),
        _ => {
            let files: Vec<&str> = found.iter().map(|certificate| &*certificate.file).collect();
            let cause = format!("the repository holds several certificates: {}", files.join(", "));
            Err(Problem::error(Reason::Config, cause)
                .at(REPOSITORY_FILE, 0)
                .next("name one with `--certificate`, or as `sealedSecretsCertificate` in .sealane.yaml"))
        }
    }
}

/// The same problem with the place of the controller that the repository declares, if it declares one.
fn with_service(session: &Session, tree: &dyn Tree, problem: Problem) -> Problem {
    if problem.reason != Reason::NeedsKey {
        return problem;
    }
    let environments = session.environments(tree).environments;
    let declared = environments.iter().find_map(|environment| {
        let rendered = session.render(tree, environment);
        let mut services = rendered.objects().map(|(_, object)| object).filter(|object| {
            let kind = &*object.key.kind;
            let ports = object.body.at_path(&["spec", "ports"]).is_some();
            let name = &*object.key.name;
            kind == "Service" && ports && name.contains("sealed-secrets") && !name.ends_with("-metrics")
        });
        services.next().map(|service| (service.key.namespace.clone(), service.key.name.clone()))
    });
    let Some((namespace, name)) = declared else { return problem };
    let next = format!(
        "fetch it with `kubeseal --fetch-cert --controller-namespace {} --controller-name {} > FILE`; then \
         `--certificate FILE`, or commit the file",
        clean(&namespace),
        clean(&name)
    );
    problem.next(next)
}

fn none() -> Problem {
    let cause = "no certificate of a sealed-secrets controller is in the repository, and Sealane may not ask the \
        cluster for it: it lies behind the API server's proxy";
    Problem::error(Reason::NeedsKey, cause)
        .next(format!("{FETCH}; then `--certificate FILE`, or commit the file"))
}
