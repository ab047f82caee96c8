//! What the server serves: schemas of custom kinds, and kinds that come later.

use super::super::facts::GroupVersion;
use super::Field;
use crate::model::{ObjectKey, SchemaSet, Scopes};
use std::collections::HashSet;
use std::sync::Arc;

/// Groups with a dot that the API server itself serves.
const BUILT_IN: [&str; 15] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// The schemas that were asked for, and how many of them are still on their way.
#[derive(Default)]
pub(in crate::workspace) struct Schemas {
    asked: HashSet<GroupVersion>,
    pub(in crate::workspace) reading: usize,
}

impl Field {
    /// Groups and versions of declared custom kinds whose schemas were not asked for yet.
    pub(in crate::workspace) fn schemas_to_read(&mut self) -> Vec<GroupVersion> {
        let Some(scopes) = self.facts.scopes.clone() else { return Vec::new() };
        let mut wanted = Vec::new();
        for (key, version) in &self.declared {
            let is_served =
                scopes.get(&key.group, &key.kind).is_some_and(|info| info.versions.contains(version));
            let name = (key.group.clone(), version.clone());
            if is_served && !is_built_in(&key.group) && self.schemas.asked.insert(name.clone()) {
                wanted.push(name);
            }
        }
        self.schemas.reading += wanted.len();
        wanted
    }

    /// Schemas have come; a server that publishes none leaves lists to be paired by guess, which comparisons say.
    pub(in crate::workspace) fn read_schema(&mut self, name: GroupVersion, schema: Option<SchemaSet>) {
        self.schemas.reading = self.schemas.reading.saturating_sub(1);
        if let Some(schema) = schema {
            Arc::make_mut(&mut self.facts.schemas).insert(name, schema);
            self.stale = true;
        }
    }

    /// True if git declares kinds that the server did not serve when it was asked last.
    pub(in crate::workspace) fn has_unserved(&self) -> bool {
        let Some(scopes) = &self.facts.scopes else { return false };
        self.declared.iter().any(|(key, version)| {
            scopes.get(&key.group, &key.kind).is_none_or(|info| !info.versions.contains(version))
        })
    }

    /// The server was asked again what it serves: kinds that are new are watched and read from now on.
    pub(in crate::workspace) fn discovered(&mut self, scopes: &Arc<Scopes>) {
        let (Some(before), Some(reader)) = (self.facts.scopes.clone(), self.facts.reader.take()) else {
            return;
        };
        self.facts.reader = Some(reader.with_scopes(scopes.clone()));
        let is_new = |(group, kind): &(Arc<str>, Arc<str>)| {
            before.get(group, kind).is_none() && scopes.get(group, kind).is_some()
        };
        self.watched.retain(|kind| !is_new(kind));
        self.slots.retain(|slot, _| !is_new(&(slot.group.clone(), slot.kind.clone())));
        self.facts.scopes = Some(scopes.clone());
        self.declare();
        let has_changed =
            |key: &&ObjectKey| before.get(&key.group, &key.kind) != scopes.get(&key.group, &key.kind);
        let again = self.declared.keys().filter(has_changed);
        self.wanted.extend(again.cloned().collect::<Vec<_>>());
        self.stale = true;
    }
}

/// True for groups of the API server itself.
fn is_built_in(group: &str) -> bool {
    !group.contains('.') || (group.ends_with(".k8s.io") && BUILT_IN.contains(&group))
}
