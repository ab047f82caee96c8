//! Live objects: what a cluster holds, trimmed and blinded at its door.

use super::object::ObjectKey;
use crate::yaml::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// One live object. Secret values in it are digests already.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its identity.
    pub key: ObjectKey,
    /// The API version it was read at, without the group.
    pub version: Arc<str>,
    /// The object without `metadata.managedFields`. Metadata-only reads have no `spec` and say so in `whole`.
    pub body: Node,
    /// True if the whole object was read, false if only its metadata.
    pub whole: bool,
    /// Who wrote which fields (`metadata.managedFields`).
    pub managers: Arc<[Manager]>,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.resourceVersion`.
    pub resource_version: Arc<str>,
    /// `metadata.ownerReferences`.
    pub owners: Vec<LiveOwner>,
    /// True once `metadata.deletionTimestamp` is set.
    pub terminating: bool,
}

/// One owner reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOwner {
    /// API group of the owner.
    pub group: Arc<str>,
    /// Kind of the owner.
    pub kind: Arc<str>,
    /// Name of the owner.
    pub name: Arc<str>,
    /// Its uid.
    pub uid: Arc<str>,
    /// True for the managing controller.
    pub controller: bool,
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug)]
pub struct Manager {
    /// The field manager's name, for example `kustomize-controller` or `kubectl-edit`.
    pub name: Arc<str>,
    /// True for server-side apply, false for an update.
    pub apply: bool,
    /// The subresource that was written, for example `scale` or `status`; empty for the object itself.
    pub subresource: Arc<str>,
    /// When it last wrote, RFC 3339; empty if unknown.
    pub time: Arc<str>,
    /// The fields it owns, in the `FieldsV1` form.
    pub fields: Node,
}

/// What a cluster knows about one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// Resource name in URLs, for example `deployments`.
    pub plural: Arc<str>,
    /// True if its objects live in namespaces.
    pub namespaced: bool,
    /// Served versions, preferred first.
    pub versions: Vec<Arc<str>>,
    /// True if it can be watched.
    pub watchable: bool,
}

/// All kinds a cluster serves, by group and kind.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    /// The kinds.
    pub kinds: HashMap<(Arc<str>, Arc<str>), KindInfo>,
}

impl Scopes {
    /// What is known about a kind.
    pub fn get(&self, group: &str, kind: &str) -> Option<&KindInfo> {
        self.kinds.get(&(Arc::from(group), Arc::from(kind)))
    }
}
