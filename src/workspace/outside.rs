//! `Outside`: what a cluster adds to a rendering: `ConfigMap`s with variables that git names and does not declare.
//!
//! Not for: Secrets with variables. Of those only digests are read, which cannot be put into a text; what they would
//! have filled stays a marked hole.

use crate::model::{Live, ObjectKey, Rendered};
use crate::render::flux::{spec::Spec, variables};
use crate::yaml::Node;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// Variables that only the cluster has.
#[derive(Clone, Default)]
pub(super) struct Outside {
    /// Bodies by key.
    pub(super) variables: HashMap<ObjectKey, Node>,
    /// Tells one state from another; 0 if there is nothing.
    pub(super) id: u64,
}

/// The `ConfigMap`s that Kustomizations take variables from and that git does not declare.
pub(super) fn sources(desired: &Rendered) -> BTreeSet<ObjectKey> {
    let declared: HashSet<&ObjectKey> = desired.objects().map(|(_, m)| &m.key).collect();
    let named = desired.objects().filter_map(|(_, m)| Spec::of(m)).flat_map(|spec| variables::sources(&spec));
    named.map(|source| source.key).filter(|key| !key.is_secret() && !declared.contains(key)).collect()
}

impl Outside {
    /// What is known of these sources.
    pub(super) fn of(sources: &BTreeSet<ObjectKey>, live: &HashMap<ObjectKey, Arc<Live>>) -> Self {
        let (mut found, mut hasher) = (Self::default(), DefaultHasher::new());
        for key in sources {
            if let Some(live) = live.get(key).filter(|live| live.whole) {
                (key, &live.resource_version).hash(&mut hasher);
                found.variables.insert(key.clone(), live.body.clone());
            }
        }
        if !found.variables.is_empty() {
            found.id = hasher.finish().max(1);
        }
        found
    }
}
