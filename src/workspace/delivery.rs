//! What keeps a sealed file from being opened where it is applied, and what feeds a Secret from the clear: told by several
//! files together (secrets.md 2.1, 2.3).

use super::firewall::{Exposed, File};
use crate::model::{SealedFormat, Tree};
use crate::seal::{ExposureKind, format_of};
use crate::yaml::{Dialect, Limits, Map, Node, read_stream};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What these lints read of a repository.
#[derive(Default)]
struct Read {
    owners: Vec<Owner>,
    secrets: Vec<Declared>,
    /// `kustomization.yaml` by folder.
    folders: BTreeMap<String, (Arc<str>, Node)>,
    /// True if patches set `decryption`: then nobody can tell by one object whether it decrypts.
    is_patched: bool,
}

/// A Flux Kustomization.
struct Owner {
    file: Arc<str>,
    line: u32,
    name: String,
    namespace: Option<String>,
    path: String,
    decrypts: bool,
    secret: Option<String>,
}

/// A Secret that is declared somewhere.
struct Declared {
    file: Arc<str>,
    line: u32,
    name: String,
    namespace: Option<String>,
    keys: Vec<String>,
}

/// Looks over all files of a tree.
pub(super) fn lints(tree: &dyn Tree, files: &[File]) -> Vec<Exposed> {
    let mut read = Read::default();
    let mut sealed: Vec<Arc<str>> = Vec::new();
    for (path, id) in files {
        let is_yaml = matches!(format_of(path), SealedFormat::Yaml | SealedFormat::Json)
            || path.ends_with("Kustomization");
        let Some(bytes) = tree.read(*id).ok().filter(|bytes| bytes.len() <= super::firewall::LARGEST) else {
            continue;
        };
        if holds_seal(&bytes) {
            sealed.push(path.clone());
        }
        if is_yaml && is_wanted(path, &bytes) {
            read.file(path, &bytes);
        }
    }
    let mut found = read.key_names();
    found.extend(read.other_namespaces());
    if !read.is_patched {
        found.extend(read.undecrypted(&sealed));
    }
    found.extend(read.generators(tree, &sealed));
    found
}

fn contains(bytes: &[u8], word: &str) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains(word))
}

fn holds_seal(bytes: &[u8]) -> bool {
    contains(bytes, "ENC[AES256_GCM") && contains(bytes, "sops")
}

fn is_wanted(path: &str, bytes: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_kustomization = matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization");
    is_kustomization || contains(bytes, "kustomize.toolkit.fluxcd.io") || contains(bytes, "kind: Secret")
}

impl Read {
    fn file(&mut self, path: &Arc<str>, bytes: &[u8]) {
        let stream = read_stream(bytes, path, Dialect::Resource, &Limits::default());
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        for document in stream.documents {
            let root = document.root;
            let text = |at: &[&str]| root.at_path(at).and_then(Node::scalar_text).map(str::to_owned);
            let version = text(&["apiVersion"]).unwrap_or_default();
            match text(&["kind"]).as_deref() {
                Some("Kustomization") if version.starts_with("kustomize.toolkit.fluxcd.io/") => {
                    let Some(place) = text(&["spec", "path"]) else { continue };
                    self.owners.push(Owner {
                        file: path.clone(),
                        line: root.mark.line,
                        name: text(&["metadata", "name"]).unwrap_or_default(),
                        namespace: text(&["metadata", "namespace"]),
                        path: place.trim_start_matches("./").trim_matches('/').to_owned(),
                        decrypts: root.at_path(&["spec", "decryption"]).is_some(),
                        secret: text(&["spec", "decryption", "secretRef", "name"]),
                    });
                }
                Some("Secret") if version == "v1" => {
                    let keys = ["data", "stringData"].iter().filter_map(|f| root.get(f)?.as_map());
                    self.secrets.push(Declared {
                        file: path.clone(),
                        line: root.mark.line,
                        name: text(&["metadata", "name"]).unwrap_or_default(),
                        namespace: text(&["metadata", "namespace"]),
                        keys: keys.flat_map(Map::iter).map(|(key, _)| key.to_owned()).collect(),
                    });
                }
                _ if name.to_ascii_lowercase().starts_with("kustomization") => {
                    self.is_patched |= contains(bytes, "decryption");
                    self.folders.insert(folder.to_owned(), (path.clone(), root));
                }
                _ => {}
            }
        }
        // A Kustomization may hold patches for those below it.
        self.is_patched |= contains(bytes, "patches:")
            && contains(bytes, "decryption:")
            && contains(bytes, "provider: sops")
            && self.owners.iter().any(|o| o.file == *path && !o.decrypts);
    }

    /// Flux finds keys by the ends of their names.
    fn key_names(&self) -> Vec<Exposed> {
        const EXACT: [&str; 4] = ["sops.vault-token", "sops.aws-kms", "sops.azure-kv", "sops.gcp-kms"];
        let is_found = |key: &String| {
            let ending = key.rsplit_once('.').map_or("", |(_, ending)| ending);
            matches!(ending, "agekey" | "asc") || EXACT.contains(&&**key)
        };
        let is_meant =
            |secret: &&Declared| self.owners.iter().any(|o| o.secret.as_ref() == Some(&secret.name));
        let wrong = self
            .secrets
            .iter()
            .filter(is_meant)
            .filter(|s| !s.keys.is_empty() && !s.keys.iter().any(is_found));
        wrong
            .map(|secret| {
                let cause = format!(
                    "Flux finds no key in Secret {}: it looks for names that end with `.agekey` or `.asc`, and here is `{}`",
                    secret.name,
                    secret.keys.join("`, `")
                );
                let next = "call the key `age.agekey`";
                Exposed::lint(ExposureKind::KeyName, &secret.file, secret.line, crate::model::clean(&cause), next)
            })
            .collect()
    }

    /// A Kustomization reads Secrets of its own namespace.
    fn other_namespaces(&self) -> Vec<Exposed> {
        let mut found = Vec::new();
        for owner in &self.owners {
            let (Some(wanted), Some(namespace)) = (&owner.secret, &owner.namespace) else { continue };
            let declared: Vec<&Declared> = self.secrets.iter().filter(|s| s.name == *wanted).collect();
            let others: Vec<&str> = declared.iter().filter_map(|s| s.namespace.as_deref()).collect();
            if !others.is_empty() && others.len() == declared.len() && !others.contains(&&**namespace) {
                let cause = format!(
                    "Kustomization {} opens files with Secret {wanted} of its namespace {namespace}, and that is declared in {} alone",
                    owner.name,
                    others.join(", ")
                );
                let next = "declare the Secret beside the Kustomization";
                found.push(Exposed::lint(
                    ExposureKind::OtherNamespace,
                    &owner.file,
                    owner.line,
                    crate::model::clean(&cause),
                    next,
                ));
            }
        }
        found
    }

    /// Sealed files that are applied as they are.
    fn undecrypted(&self, sealed: &[Arc<str>]) -> Vec<Exposed> {
        let mut found: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for path in
            sealed.iter().filter(|path| format_of(path) == SealedFormat::Yaml && self.is_applied(path))
        {
            let within = |owner: &&(usize, &Owner)| {
                !owner.1.path.contains('$')
                    && (owner.1.path.is_empty() || path.starts_with(&format!("{}/", owner.1.path)))
            };
            let owners: Vec<(usize, &Owner)> = self.owners.iter().enumerate().collect();
            let nearest = owners.iter().filter(within).map(|(_, o)| o.path.len()).max();
            let nearest: Vec<&(usize, &Owner)> =
                owners.iter().filter(within).filter(|(_, o)| Some(o.path.len()) == nearest).collect();
            if !nearest.is_empty() && nearest.iter().all(|(_, owner)| !owner.decrypts) {
                for (at, _) in nearest {
                    found.entry(*at).or_default().push(path);
                }
            }
        }
        let told = found.into_iter().filter_map(|(at, paths)| Some((self.owners.get(at)?, paths)));
        told.map(|(owner, paths)| {
            let cause = format!(
                "Kustomization {} applies {} as it is, sealed: it has no `spec.decryption`",
                owner.name,
                paths.join(", ")
            );
            let next = "add `decryption: {provider: sops, secretRef: {name: …}}` to its spec";
            Exposed::lint(
                ExposureKind::NoDecryption,
                &owner.file,
                owner.line,
                crate::model::clean(&cause),
                next,
            )
        })
        .collect()
    }

    /// True if the file's own folder applies it: its kustomization names it, or there is none and Flux takes all files.
    fn is_applied(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some((_, root)) = self.folders.get(folder) else { return true };
        let named = root.get("resources").and_then(Node::as_seq).unwrap_or_default();
        named.iter().filter_map(Node::scalar_text).any(|text| text.trim_start_matches("./") == name)
    }

    /// What generators of Secrets read: sealed files under names of other formats, and files in the clear.
    fn generators(&self, tree: &dyn Tree, sealed: &[Arc<str>]) -> Vec<Exposed> {
        let mut found = Vec::new();
        for (folder, (file, root)) in &self.folders {
            for generator in root.get("secretGenerator").and_then(Node::as_seq).unwrap_or_default() {
                for field in ["files", "envs"] {
                    for source in generator.get(field).and_then(Node::as_seq).unwrap_or_default() {
                        found.extend(generated(tree, sealed, (folder, file), field, source));
                    }
                }
            }
        }
        found
    }
}

fn generated(
    tree: &dyn Tree,
    sealed: &[Arc<str>],
    (folder, file): (&str, &str),
    field: &str,
    source: &Node,
) -> Option<Exposed> {
    let text = source.scalar_text()?;
    let (key, name) = text.split_once('=').filter(|_| field == "files").unwrap_or((text, text));
    let key = key.rsplit('/').next().unwrap_or(key);
    let path = joined(folder, name)?;
    let line = source.mark.line;
    if sealed.iter().any(|one| **one == path) {
        let (own, read) = (format_of(&path), format_of(key));
        if field == "files" && own != read {
            let cause =
                format!("`{key}` makes Flux read {path} in another format than the one it is sealed in");
            let next = "give the key the ending of the file";
            return Some(Exposed::lint(
                ExposureKind::OtherFormat,
                file,
                line,
                crate::model::clean(&cause),
                next,
            ));
        }
        return None;
    }
    let entry = tree.entry(&path).ok().flatten()?;
    let bytes = tree.read(entry.id).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let is_public = text.trim_start().starts_with("-----BEGIN CERTIFICATE") || text.trim().is_empty();
    if is_public || text.contains("ENC[AES256_GCM") {
        return None;
    }
    let cause = format!("a secretGenerator is fed with {path}, which stands in the clear");
    let next = "seal the file, then change what is in it: history still has it";
    Some(Exposed::lint(ExposureKind::Generator, file, line, crate::model::clean(&cause), next))
}

/// A path as a kustomization writes it, from the root of the repository; nothing if it leads out.
fn joined(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
