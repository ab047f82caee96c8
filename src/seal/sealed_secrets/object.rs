//! What SealedSecrets say without being opened, and what is wrong with them as they stand in a file.

use super::envelope::key_bits;
use super::{Identity, Scope};
use crate::model::{ObjectKey, Problem, Reason, clean};
use crate::seal::open::documents;
use crate::yaml::{Map, Node};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// The annotation in which kubectl keeps a copy of what it applied.
pub(super) const LAST_APPLIED: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"];

/// One SealedSecret of a file.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    /// Its number among the SealedSecrets that have a document of their own, from 0; `None` if it stands in a list.
    pub ordinal: Option<usize>,
    /// Line of the document's first key, from 1.
    pub line: u32,
    /// What the file calls it.
    pub identity: Identity,
    /// What it was sealed as: its template's names where they are given, which neither kustomize nor the controller touch.
    pub sealed_as: Identity,
    /// Where its values open.
    pub scope: Scope,
    /// Its sealed keys, in order.
    pub keys: Vec<SealedKey>,
    /// Keys that its template makes of sealed values.
    pub templated: Vec<Arc<str>>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// One sealed key.
#[derive(Clone)]
pub struct SealedKey {
    /// Its name.
    pub name: Arc<str>,
    /// Its line, from 1.
    pub line: u32,
    /// Bits of the key that it is sealed for; `None` if it is no sealed value.
    pub bits: Option<usize>,
    /// SHA-256 of the sealed text: equal where that is.
    pub digest: [u8; 32],
}

impl std::fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedKey")
            .field("name", &self.name)
            .field("bits", &self.bits)
            .finish_non_exhaustive()
    }
}

impl SealedKey {
    /// True if this is its sealed text.
    pub fn is(&self, text: &str) -> bool {
        self.digest == <[u8; 32]>::from(Sha256::digest(text))
    }
}

/// The SealedSecrets of a file; none if it cannot be read.
pub fn sealed_secrets(path: &str, bytes: &[u8]) -> Vec<SealedSecret> {
    // Parsing is only worth it where the kind's name occurs at all.
    if !std::str::from_utf8(bytes).is_ok_and(|text| text.contains("SealedSecret")) {
        return Vec::new();
    }
    let documents = documents(bytes, path).unwrap_or_default();
    of_documents(path, &documents)
}

impl SealedSecret {
    /// True if its values cannot open under this name. A part that is not known is not compared.
    pub fn is_foreign_to(&self, name: &Identity) -> bool {
        let (mut sealed_as, mut name) = (self.sealed_as.clone(), name.clone());
        if sealed_as.namespace.is_empty() || name.namespace.is_empty() {
            sealed_as.namespace = "".into();
            name.namespace = "".into();
        }
        !self.scope.is_same(&sealed_as, &name)
    }
}

/// Values of SealedSecrets among these documents that are not sealed at all: place, cause and next step in a problem each.
pub(in crate::seal) fn findings(path: &str, documents: &[Node]) -> Vec<Problem> {
    let all = of_documents(path, documents).into_iter();
    let open = all.flat_map(|sealed| {
        let lines: Vec<u32> =
            sealed.keys.iter().filter(|key| key.bits.is_none()).map(|key| key.line).collect();
        let of_key = move |problem: &Problem| {
            problem.reason == Reason::Plaintext
                && problem.place.as_ref().is_some_and(|p| lines.contains(&p.line))
        };
        sealed.problems.into_iter().filter(of_key)
    });
    open.collect()
}

/// Whether an object is a SealedSecret.
pub(in crate::seal) fn is_sealed_secret(object: &Node) -> bool {
    object.str_at(&["kind"]) == Some("SealedSecret")
        && object
            .str_at(&["apiVersion"])
            .is_some_and(|version| ObjectKey::split_api_version(version).0 == "bitnami.com")
}

fn of_documents(path: &str, documents: &[Node]) -> Vec<SealedSecret> {
    let mut ordinals = 0..;
    let mut found = Vec::new();
    for document in documents {
        if is_sealed_secret(document) {
            found.push(of_object(path, ordinals.next(), document));
        } else if document.str_at(&["kind"]).is_some_and(|kind| kind.ends_with("List")) {
            let items = document.get("items").and_then(Node::as_seq).unwrap_or_default();
            let items = items.iter().filter(|item| is_sealed_secret(item));
            found.extend(items.map(|item| of_object(path, None, item)));
        }
    }
    found
}

fn of_object(path: &str, ordinal: Option<usize>, object: &Node) -> SealedSecret {
    let text = |path: &[&str]| object.at_path(path).and_then(Node::scalar_text).unwrap_or_default();
    let identity = Identity::new(text(&["metadata", "namespace"]), text(&["metadata", "name"]));
    let template = |field: &str, own: &Arc<str>| {
        let named = text(&["spec", "template", "metadata", field]);
        if named.is_empty() { own.clone() } else { named.into() }
    };
    let sealed_as = Identity {
        namespace: template("namespace", &identity.namespace),
        name: template("name", &identity.name),
    };
    let annotations = object.at_path(&["metadata", "annotations"]);
    let scope = Scope::of_annotations(|name| annotations?.get(name)?.scalar_text());
    let entries = |path: &[&str]| object.at_path(path).and_then(Node::as_map).map(Map::iter);
    let keys = entries(&["spec", "encryptedData"]).into_iter().flatten().map(|(name, value)| {
        let text = value.scalar_text().unwrap_or_default();
        SealedKey {
            name: name.into(),
            line: value.mark.line,
            bits: key_bits(text).ok(),
            digest: Sha256::digest(text).into(),
        }
    });
    let templated = entries(&["spec", "template", "data"]).into_iter().flatten();
    let mut sealed = SealedSecret {
        ordinal,
        line: object.mark.line,
        identity,
        sealed_as,
        scope,
        keys: keys.collect(),
        templated: templated.map(|(name, _)| name.into()).collect(),
        problems: Vec::new(),
    };
    sealed.problems = problems(path, object, &sealed);
    sealed
}

fn problems(path: &str, object: &Node, sealed: &SealedSecret) -> Vec<Problem> {
    let mut found = Vec::new();
    let name = &sealed.identity;
    let warn = |line: u32, cause: String, next: &str| {
        Problem::warning(Reason::InvalidObject, cause).at(path, line).next(next)
    };
    found.extend(in_name_only(path, object, name));
    found.extend(copies(path, object, name));
    if sealed.identity.name.is_empty() {
        let cause = "a SealedSecret has no name, so that nothing in it can open".to_owned();
        found.push(warn(sealed.line, cause, "give it the name that it was sealed for"));
    }
    if object.at_path(&["spec", "data"]).is_some_and(|data| !data.is_null()) {
        let cause = format!("SealedSecret {name} uses `spec.data`, which the controller no longer opens");
        found.push(warn(sealed.line, cause, "seal it again with `encryptedData`"));
    }
    let told = object.at_path(&["spec", "template", "metadata", "annotations"]);
    let template = Scope::of_annotations(|name| told?.get(name)?.scalar_text());
    // The controller opens by the object's own annotations, and seals anew by the template's.
    if template != sealed.scope {
        let cause = format!(
            "SealedSecret {name} is {}, and its template says {}: sealing it anew would change its scope",
            sealed.scope.word(),
            template.word()
        );
        found.push(warn(sealed.line, cause, "give both the same scope annotation"));
    }
    found
}

/// Values that are not sealed at all: `hunter2` under `encryptedData`.
fn in_name_only(path: &str, object: &Node, name: &Identity) -> Vec<Problem> {
    let entries = object.at_path(&["spec", "encryptedData"]).and_then(Node::as_map);
    let broken = entries.into_iter().flat_map(Map::iter).filter_map(|(key, value)| {
        let text = value.scalar_text().unwrap_or_default();
        let cause = key_bits(text).err()?;
        (!is_filled_in(text)).then_some((key, value.mark.line, cause))
    });
    broken
        .map(|(key, line, cause)| {
            let cause = format!("`{}` of SealedSecret {name} is no sealed value: {cause}", clean(key));
            Problem::error(Reason::Plaintext, cause)
                .at(path, line)
                .next("seal it with `sealane seal`; if it was the value itself, change that too: history still has it")
        })
        .collect()
}

/// Made by somebody else later: placeholders of templates and substitutions.
fn is_filled_in(text: &str) -> bool {
    ["${", "{{", "<"].iter().any(|mark| text.contains(mark))
}

/// Copies of the whole object that kubectl leaves in an annotation: of a Secret, they hold its values.
fn copies(path: &str, object: &Node, name: &Identity) -> Vec<Problem> {
    let annotations = object.at_path(&["spec", "template", "metadata", "annotations"]);
    let there = LAST_APPLIED.iter().filter_map(|key| annotations?.get(key));
    there
        .filter(|copy| {
            copy.scalar_text().is_some_and(|text| text.contains("data") || text.contains("stringData"))
        })
        .map(|copy| {
            let cause =
                format!("the template of SealedSecret {name} holds a copy of the Secret that it was made of");
            Problem::error(Reason::Plaintext, cause)
                .at(path, copy.mark.line)
                .next("take the annotation out, then change every value: history still has them")
        })
        .collect()
}
