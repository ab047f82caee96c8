//! `Facts`: what is known about one environment, immutable and shared by everything that is asked about it.

use super::outside;
use crate::cluster::Reader;
use crate::diff::{self, Base, Comparison, Controller, Desired, Found, Mark, Scaler, Standing};
use crate::model::{
    CommitId, Environment, Health, HealthState, Live, Manifest, ObjectDiff, ObjectKey, Producer,
    ProducerStatus, Rendered, SchemaRef, SchemaSet, Scopes, veil,
};
use crate::secret::{DigestKey, SecretDigest, SecretLeaf};
use crate::yaml::Value;
use crate::{controllers, health};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Group and version.
pub(super) type GroupVersion = (Arc<str>, Arc<str>);

/// One environment: what git says, what git said, and what its cluster holds.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) environment: Environment,
    /// At the revision that is looked at.
    pub(super) desired: Arc<Rendered>,
    /// At the revisions that controllers say they applied.
    pub(super) bases: Arc<HashMap<CommitId, Arc<Rendered>>>,
    /// Objects by key, at the version git writes where git declares them.
    pub(super) live: Arc<HashMap<ObjectKey, Arc<Live>>>,
    /// Objects that were asked for by name and are not there, or may not be read.
    pub(super) absent: Arc<HashMap<ObjectKey, Absence>>,
    /// What controllers say about their own objects.
    pub(super) statuses: Arc<HashMap<ObjectKey, ProducerStatus>>,
    /// What the cluster serves; `None` without a cluster.
    pub(super) scopes: Option<Arc<Scopes>>,
    /// Reads single objects; `None` without a cluster.
    pub(super) reader: Option<Reader>,
    /// Schemas of custom kinds, by group and version; those of built-in kinds are compiled in (diff.md 2.8).
    pub(super) schemas: Arc<HashMap<GroupVersion, SchemaSet>>,
    /// What the repository's configuration leaves out of comparisons.
    pub(super) ignore: Arc<diff::Rules>,
    /// The session's key for digests.
    pub(super) digests: Arc<DigestKey>,
    /// True once every watch has listed what there is.
    pub(super) complete: bool,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Why an object that was asked for by name is not in [`Facts::live`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It does not exist.
    Missing,
    /// The server does not let us read it.
    Forbidden,
    /// It could not be read; why.
    Unread(String),
}

/// One object with all that was found out about it.
#[derive(Clone)]
pub(super) struct Compared {
    pub(super) key: ObjectKey,
    pub(super) producer: Option<ObjectKey>,
    pub(super) desired: Option<Arc<Manifest>>,
    pub(super) live: Option<Arc<Live>>,
    pub(super) diff: ObjectDiff,
    pub(super) health: Health,
}

impl Facts {
    /// An environment of which only git is known.
    pub(super) fn of_git(
        environment: Environment,
        desired: Arc<Rendered>,
        (digests, ignore): (Arc<DigestKey>, Arc<diff::Rules>),
        now: i64,
    ) -> Self {
        Self {
            digests,
            ignore,
            schemas: Arc::default(),
            environment,
            desired,
            bases: Arc::default(),
            live: Arc::default(),
            absent: Arc::default(),
            statuses: Arc::default(),
            scopes: None,
            reader: None,
            complete: false,
            now,
        }
    }

    /// What is known without a cluster.
    pub(super) fn without_cluster(&self) -> Self {
        Self {
            bases: Arc::default(),
            live: Arc::default(),
            absent: Arc::default(),
            statuses: Arc::default(),
            schemas: Arc::default(),
            scopes: None,
            reader: None,
            complete: false,
            ..self.clone()
        }
    }

    /// The schema of a live object's kind at the version it was read at.
    fn schema_of(&self, live: &Live) -> Option<SchemaRef<'_>> {
        let set = self.schemas.get(&(live.key.group.clone(), live.version.clone()))?;
        set.kind(&live.key.group, &live.version, &live.key.kind)
    }

    /// The ignore rules for the objects of a producer: the user's, and those that its controller acts on now.
    fn rules_of(&self, producer: &ObjectKey) -> diff::Rules {
        let mut rules = diff::Rules::clone(&self.ignore);
        let live = self.live.get(producer).filter(|live| live.whole).map(|live| &live.body);
        let declared = || self.desired.objects().find(|(_, m)| m.key == *producer).map(|(_, m)| &m.body);
        if let Some(body) = live.or_else(declared) {
            // A rule that cannot be read fails the controller too, which says so itself.
            rules.absorb(diff::Rules::of_producer(body).0);
        }
        rules
    }

    /// The producer that the revision looked at declares under this key.
    pub(super) fn producer(&self, key: &ObjectKey) -> Option<&Producer> {
        self.desired.producers.iter().find(|p| same_object(&p.key, key))
    }

    /// What was rendered for a producer at the revision that its controller applied.
    fn base_of(&self, key: &ObjectKey) -> Option<&Producer> {
        let commit = self.statuses.get(key)?.applied.as_ref()?.commit?;
        self.bases.get(&commit)?.producers.iter().find(|p| same_object(&p.key, key))
    }

    /// The key under which the cluster knows an object: cluster-scoped kinds have no namespace.
    pub(super) fn cluster_key(&self, key: &ObjectKey) -> ObjectKey {
        match self.scopes.as_ref().and_then(|s| s.get(&key.group, &key.kind)) {
            Some(info) if !info.namespaced => ObjectKey { namespace: "".into(), ..key.clone() },
            Some(_) if key.namespace.is_empty() => ObjectKey { namespace: "default".into(), ..key.clone() },
            _ => key.clone(),
        }
    }

    /// The key under which the cluster knows a declared object. A name that is made of sealed values is looked for among
    /// the names that the cluster itself tells.
    pub(super) fn key_of(&self, manifest: &Manifest) -> ObjectKey {
        let key = self.cluster_key(&manifest.key);
        let Some(digest) = hidden_name(manifest) else { return key };
        let told = self.live.keys().chain(self.statuses.values().flat_map(|s| s.inventory.iter()));
        told.filter(|k| k.group == key.group && k.kind == key.kind && k.namespace == key.namespace)
            .find(|k| self.digests.digest(k.name.as_bytes()) == digest)
            .cloned()
            .unwrap_or(key)
    }

    /// Compares every object that git declares or declared, or that the cluster holds and nobody declares.
    pub(super) fn compare(&self) -> Vec<Arc<Compared>> {
        let scalers = self.scalers();
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for producer in &self.desired.producers {
            let side = Side::new(self, producer);
            for key in side.keys() {
                if seen.insert(key.clone()) {
                    all.push(Arc::new(side.compare(&key, &scalers)));
                }
            }
        }
        if self.complete {
            all.extend(self.strays(&mut seen, &self.ignore).into_iter().map(Arc::new));
        }
        all
    }

    fn scalers(&self) -> Vec<Scaler> {
        let live = self.live.values().filter_map(|l| diff::scaler(&l.body));
        live.chain(self.desired.objects().filter_map(|(_, m)| diff::scaler(&m.body))).collect()
    }

    /// Objects in namespaces of ours that git does not declare and that no rule calls noise.
    fn strays(&self, seen: &mut HashSet<ObjectKey>, rules: &diff::Rules) -> Vec<Compared> {
        let namespaces: BTreeSet<Arc<str>> =
            self.desired.objects().map(|(_, m)| m.key.namespace.clone()).collect();
        let declared_kinds: HashSet<(Arc<str>, Arc<str>)> =
            self.desired.objects().map(|(_, m)| (m.key.group.clone(), m.key.kind.clone())).collect();
        // What git takes variables from is meant to live outside of it.
        let sources = outside::sources(&self.desired);
        let mut found: Vec<_> = self
            .live
            .values()
            .filter(|live| !live.key.namespace.is_empty() && namespaces.contains(&live.key.namespace))
            .filter(|live| declared_kinds.contains(&(live.key.group.clone(), live.key.kind.clone())))
            .filter(|live| controllers::is_noise(live).is_none())
            .filter(|live| !seen.contains(&live.key) && !sources.contains(&live.key))
            .collect();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found
            .into_iter()
            .filter_map(|live| self.stray(live, rules))
            .inspect(|c| {
                seen.insert(c.key.clone());
            })
            .collect()
    }

    fn stray(&self, live: &Arc<Live>, rules: &diff::Rules) -> Option<Compared> {
        let owner = controllers::owner_marks(live).map(|m| m.owner);
        let mark = match &owner {
            // What a HelmRelease or another producer of ours made is its affair, not a stray.
            Some(owner) if self.statuses.keys().any(|k| same_object(k, owner)) => return None,
            // An owner that cannot be read is not gone, and what it owns is not nobody's.
            Some(owner) if self.is_unread(owner) => return None,
            Some(owner) => Mark::Gone(owner),
            None => Mark::Missing,
        };
        let standing = Standing { inventoried: Some(false), mark, prune: false };
        let comparison = Comparison {
            base: Base::Absent,
            standing,
            ..Comparison::new(&live.key, Desired::Absent, Found::Is(live), rules)
        };
        let diff = diff::diff(&comparison);
        Some(Compared {
            key: live.key.clone(),
            producer: None,
            desired: None,
            live: Some(live.clone()),
            diff,
            health: self.health(live),
        })
    }

    /// True for an object that git declares and the cluster does not let us read.
    fn is_unread(&self, key: &ObjectKey) -> bool {
        self.absent.iter().any(|(k, why)| *why != Absence::Missing && same_object(k, key))
    }

    /// Health of a live object, with the reason that its pods give.
    pub(super) fn health(&self, live: &Live) -> Health {
        let own = health::health(live, self.now);
        match own.state {
            HealthState::Progressing | HealthState::Degraded => self.broken_pod(live).unwrap_or(own),
            _ => own,
        }
    }

    /// The health of the first broken pod below a workload: it says why, where the workload only says that.
    fn broken_pod(&self, workload: &Live) -> Option<Health> {
        let owned_by =
            |live: &Live, uids: &HashSet<Arc<str>>| live.owners.iter().any(|o| uids.contains(&o.uid));
        let mut uids: HashSet<Arc<str>> = [workload.uid.clone()].into();
        let namespace = || self.live.values().filter(|l| l.key.namespace == workload.key.namespace);
        let sets: Vec<Arc<str>> = namespace()
            .filter(|l| &*l.key.kind == "ReplicaSet" && owned_by(l, &uids))
            .map(|l| l.uid.clone())
            .collect();
        uids.extend(sets);
        namespace()
            .filter(|l| &*l.key.kind == "Pod" && owned_by(l, &uids))
            .map(|pod| health::health(pod, self.now))
            .find(|h| h.state == HealthState::Degraded)
    }
}

/// One producer's side of the comparison, with its objects under the keys the cluster knows.
struct Side<'a> {
    facts: &'a Facts,
    producer: &'a Producer,
    status: Option<&'a ProducerStatus>,
    desired: HashMap<ObjectKey, &'a Arc<Manifest>>,
    base: Option<HashMap<ObjectKey, &'a Arc<Manifest>>>,
    inventory: Option<HashSet<ObjectKey>>,
    rules: diff::Rules,
}

impl<'a> Side<'a> {
    fn new(facts: &'a Facts, producer: &'a Producer) -> Self {
        let by_key = |p: &'a Producer| p.objects.iter().map(|m| (facts.key_of(m), m)).collect();
        let status = facts.statuses.get(&producer.key);
        Self {
            facts,
            producer,
            status,
            desired: by_key(producer),
            base: facts.base_of(&producer.key).map(by_key),
            inventory: status
                .filter(|s| !s.inventory.is_empty() || s.applied.is_some())
                .map(|s| s.inventory.iter().cloned().collect()),
            rules: facts.rules_of(&producer.key),
        }
    }

    /// Declared objects in their order, then what was declared or is in the inventory and is not declared any more.
    fn keys(&self) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = self.producer.objects.iter().map(|m| self.facts.key_of(m)).collect();
        // What is not rendered cannot be called removed.
        if self.producer.complete {
            let base = self.base.iter().flatten().map(|(key, _)| key);
            let gone: BTreeSet<&ObjectKey> = base
                .chain(self.inventory.iter().flatten())
                .filter(|key| !self.desired.contains_key(*key) && !self.declared_elsewhere(key))
                .collect();
            keys.extend(gone.into_iter().filter(|key| self.facts.live.contains_key(*key)).cloned());
        }
        keys
    }

    fn declared_elsewhere(&self, key: &ObjectKey) -> bool {
        self.facts.desired.objects().any(|(_, m)| self.facts.key_of(m) == *key)
    }

    fn compare(&self, key: &ObjectKey, scalers: &[Scaler]) -> Compared {
        let desired = self.desired.get(key).copied();
        let base = self.base.as_ref().and_then(|b| b.get(key)).copied();
        let live = self.facts.live.get(key).map(|live| self.veiled(live, desired, base));
        let live = live.as_ref();
        let owner = live.and_then(|l| controllers::owner_marks(l).map(|m| m.owner));
        let comparison = Comparison {
            base: match (&self.base, base) {
                (None, _) => Base::Unknown,
                (Some(_), None) => Base::Absent,
                (Some(_), Some(manifest)) => Base::Is(&manifest.body),
            },
            appliers: diff::appliers(&self.producer.key),
            controller: self.controller(),
            scalers,
            schema: live.and_then(|live| self.facts.schema_of(live)),
            standing: Standing {
                inventoried: self.inventory.as_ref().map(|i| i.contains(key)),
                mark: self.mark(owner.as_ref()),
                prune: self.producer.spec.prune,
            },
            ..Comparison::new(
                key,
                desired.map_or(Desired::Absent, |m| Desired::Is(&m.body)),
                self.found(key, live),
                &self.rules,
            )
        };
        Compared {
            key: key.clone(),
            producer: Some(self.producer.key.clone()),
            desired: desired.cloned(),
            live: live.cloned(),
            diff: diff::diff(&comparison),
            health: live.map_or(Health::new(HealthState::Unknown, ""), |l| self.facts.health(l)),
        }
    }

    /// The live object as it may be shown: what came out of sealed files is a digest, as on the side of git.
    fn veiled(
        &self,
        live: &Arc<Live>,
        desired: Option<&Arc<Manifest>>,
        base: Option<&Arc<Manifest>>,
    ) -> Arc<Live> {
        let mut shown = live.clone();
        // A Secret's values are digests from the door on.
        for git in [desired, base].into_iter().flatten().filter(|_| !live.key.is_secret()) {
            if let Some(body) = veil(&shown.body, &git.body, &self.facts.digests) {
                shown = Arc::new(Live { body, ..Live::clone(&shown) });
            }
        }
        shown
    }

    fn found<'b>(&'b self, key: &ObjectKey, live: Option<&'b Arc<Live>>) -> Found<'b> {
        match (live, self.facts.absent.get(key)) {
            (Some(live), _) if live.whole => Found::Is(live),
            (None, Some(Absence::Missing)) => Found::Absent,
            (None, Some(Absence::Forbidden)) => Found::Forbidden,
            (None, Some(Absence::Unread(why))) => Found::Unread(why),
            (None, None) if self.facts.reader.is_none() => Found::Unread("no cluster to compare with"),
            (Some(_), _) | (None, None) => Found::Unread("being read"),
        }
    }

    fn controller(&self) -> Controller {
        let Some(status) = self.status else { return Controller::Unknown };
        let ready = status.condition("Ready").map(|c| c.status);
        match ready {
            _ if status.suspended => Controller::Suspended,
            Some(crate::model::ConditionStatus::True) if status.observed => Controller::Reconciled,
            Some(crate::model::ConditionStatus::False) => Controller::Failing,
            _ => Controller::Unknown,
        }
    }

    fn mark<'b>(&self, owner: Option<&'b ObjectKey>) -> Mark<'b> {
        let marks = &*self.producer.key.group == "kustomize.toolkit.fluxcd.io";
        match owner {
            _ if !marks => Mark::NotExpected,
            None => Mark::Missing,
            Some(owner) if same_object(owner, &self.producer.key) => Mark::Ours,
            Some(owner) if self.facts.statuses.keys().any(|k| same_object(k, owner)) => Mark::Other(owner),
            Some(owner) => Mark::Gone(owner),
        }
    }
}

/// The digest of an object's name, if the name is made of sealed values.
pub(super) fn hidden_name(manifest: &Manifest) -> Option<SecretDigest> {
    match &manifest.body.at_path(&["metadata", "name"])?.value {
        Value::Secret(SecretLeaf::Digest(digest)) => Some(*digest),
        _ => None,
    }
}

/// Equality of producers across API versions.
pub(super) fn same_object(a: &ObjectKey, b: &ObjectKey) -> bool {
    a == b
}
