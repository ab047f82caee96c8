//! Kubernetes objects: how they are named, and one of them as git declares it.

use super::Step;
use crate::yaml::Node;
use std::fmt;
use std::sync::Arc;

/// What identifies an object in a cluster. The version is an attribute, not part of the identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Kind, for example `Deployment`.
    pub kind: Arc<str>,
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// One desired object and where it came from.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its identity, with the namespace it will be applied to.
    pub key: ObjectKey,
    /// API version without the group, for example `v1`.
    pub version: Arc<str>,
    /// The whole object.
    pub body: Node,
    /// Where it was declared.
    pub origin: Origin,
    /// How it came to be, from its file on; empty unless rendering was asked to keep it.
    pub steps: Vec<Step>,
}

/// Where an object was declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file it was first read from, or the kustomization that generated it.
    pub file: Arc<str>,
    /// The line its document starts on, from 1; 0 if generated.
    pub line: u32,
    /// True if a generator made it.
    pub generated: bool,
    /// The sealed file its values came from, if any.
    pub sealed: Option<Arc<str>>,
}

/// Text that does not name an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name an object: write Kind/namespace/name or Kind/name")]
pub struct KeyError(pub String);

impl ObjectKey {
    /// A key from its four parts.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// Reads identity and version out of an object's body: `(key, version)`.
    /// `None` if kind or name is missing.
    pub fn of(body: &Node) -> Option<(Self, Arc<str>)> {
        let kind = body.str_at(&["kind"])?;
        let name = body.at_path(&["metadata", "name"])?.scalar_text()?;
        let namespace = body.str_at(&["metadata", "namespace"]).unwrap_or("");
        let (group, version) = Self::split_api_version(body.str_at(&["apiVersion"]).unwrap_or(""));
        Some((Self::new(group, kind, namespace, name), version.into()))
    }

    /// The same of a body that may have a name which cannot be read, since it is made of a sealed value: such a name is
    /// empty.
    pub fn of_unnamed(body: &Node) -> Self {
        let text = |path: &[&str]| body.str_at(path).unwrap_or("");
        let (group, _) = Self::split_api_version(text(&["apiVersion"]));
        Self::new(group, text(&["kind"]), text(&["metadata", "namespace"]), text(&["metadata", "name"]))
    }

    /// Splits `apps/v1` into group and version; the core group is empty.
    pub fn split_api_version(api_version: &str) -> (&str, &str) {
        api_version.rsplit_once('/').unwrap_or(("", api_version))
    }

    /// `group/version` as written in a manifest.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// True for core Secrets.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && &*self.kind == "Secret"
    }

    /// Reads `Kind/namespace/name` or `Kind/name`; the group stays empty and is matched loosely.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [kind, name] if !kind.is_empty() && !name.is_empty() => Ok(Self::new("", kind, "", name)),
            [kind, namespace, name] if parts.iter().all(|p| !p.is_empty()) => {
                Ok(Self::new("", kind, namespace, name))
            }
            _ => Err(KeyError(text.to_owned())),
        }
    }

    /// True if `self`, as typed by a person, can mean `other`: kind without regard to case, group not compared.
    pub fn means(&self, other: &Self) -> bool {
        self.kind.eq_ignore_ascii_case(&other.kind)
            && self.name == other.name
            && (self.namespace == other.namespace || self.namespace.is_empty())
    }
}

/// `Kind/namespace/name`, or `Kind/name` for cluster-scoped objects.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_as_it_is_printed() {
        for text in ["Deployment/shop/cart", "Namespace/shop"] {
            assert_eq!(ObjectKey::parse(text).map(|k| k.to_string()), Ok(text.to_owned()));
        }
        assert!(ObjectKey::parse("cart").is_err());
        assert!(ObjectKey::parse("Deployment//cart").is_err());
    }
}
