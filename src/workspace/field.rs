//! `Field`: one environment as it changes: its cluster's events become [`Facts`].

mod served;

use self::served::Schemas;
use super::apps::Story;
use super::facts::{Absence, Compared, Facts, hidden_name};
use super::outside::{self, Outside};
use super::snapshot::ClusterView;
use crate::cluster::{ClusterError, ClusterEvent, KindState, Reader, Slot, WatchKind};
use crate::controllers;
use crate::model::{CommitId, Live, ObjectKey, Problem, Reason, Rendered, clean};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Kinds that are watched whole: controllers' own objects, and those whose status says how they are doing.
const WHOLE_GROUPS: [&str; 5] =
    ["source.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io", "apps", "batch"];
const WHOLE_KINDS: [(&str, &str); 4] = [
    ("", "Pod"),
    ("", "PersistentVolumeClaim"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("bitnami.com", "SealedSecret"),
];

/// Why an object of a kind that the server does not serve, or no longer, is not known.
pub(super) const NOT_SERVED: &str = "the server does not serve this kind";

/// One environment and all that is known about it.
pub(super) struct Field {
    pub(super) facts: Facts,
    pub(super) context: Option<Arc<str>>,
    pub(super) cluster: ClusterView,
    pub(super) compared: Vec<Arc<Compared>>,
    pub(super) stories: HashMap<ObjectKey, Story>,
    /// What the stories were asked for last, and what came back last.
    pub(super) asked: u64,
    pub(super) told: u64,
    /// Grows with each connection, so that events of an old one are dropped.
    pub(super) epoch: u64,
    /// Ends the watches of the current connection.
    pub(super) stop: CancellationToken,
    /// True if the rows have to be made again.
    pub(super) stale: bool,
    /// Objects to read by name.
    pub(super) wanted: BTreeSet<ObjectKey>,
    reading: HashSet<ObjectKey>,
    watched: HashSet<(Arc<str>, Arc<str>)>,
    slots: BTreeMap<Slot, KindState>,
    filling: HashMap<Slot, Vec<Live>>,
    problems: BTreeMap<Slot, Problem>,
    declared: HashMap<ObjectKey, Arc<str>>,
    /// Kinds of declared objects whose names are made of sealed values: only the cluster tells which objects they are.
    hidden: HashSet<(Arc<str>, Arc<str>)>,
    /// Applied revisions that are being rendered.
    pub(super) rendering: BTreeSet<CommitId>,
    /// `ConfigMap`s with variables that git names and does not declare.
    sources: BTreeSet<ObjectKey>,
    /// What is known of them.
    pub(super) outside: Arc<Outside>,
    /// The state of `outside` that git is, or is being, rendered with.
    pub(super) rendered_with: u64,
    /// True while git is rendered again for the sake of `outside`.
    pub(super) rendering_again: bool,
    /// Which schemas were asked for.
    pub(super) schemas: Schemas,
    version: Arc<str>,
}

impl Field {
    pub(super) fn new(facts: Facts) -> Self {
        let mut field = Self {
            facts,
            context: None,
            cluster: ClusterView::Off,
            compared: Vec::new(),
            stories: HashMap::new(),
            asked: 0,
            told: 0,
            epoch: 0,
            stop: CancellationToken::new(),
            stale: true,
            wanted: BTreeSet::new(),
            reading: HashSet::new(),
            watched: HashSet::new(),
            slots: BTreeMap::new(),
            filling: HashMap::new(),
            problems: BTreeMap::new(),
            declared: HashMap::new(),
            hidden: HashSet::new(),
            rendering: BTreeSet::new(),
            sources: BTreeSet::new(),
            outside: Arc::default(),
            rendered_with: 0,
            rendering_again: false,
            schemas: Schemas::default(),
            version: "".into(),
        };
        field.declare();
        field
    }

    /// Takes over what git says now.
    pub(super) fn set_desired(&mut self, desired: Arc<Rendered>) {
        self.facts.desired = desired;
        self.declare();
        self.stale = true;
    }

    /// Forgets everything that came from a cluster, and begins with another connection.
    pub(super) fn connect(&mut self) -> u64 {
        self.stop.cancel();
        self.stop = CancellationToken::new();
        self.epoch += 1;
        self.facts = self.facts.without_cluster();
        self.rendering.clear();
        self.schemas = Schemas::default();
        self.outside = Arc::default();
        self.wanted.clear();
        self.reading.clear();
        self.watched.clear();
        self.slots.clear();
        self.filling.clear();
        self.problems.clear();
        self.stale = true;
        self.epoch
    }

    /// The connection stands.
    pub(super) fn connected(&mut self, reader: Reader, version: Arc<str>) {
        self.facts.scopes = Some(reader.scopes().clone());
        self.facts.reader = Some(reader);
        self.version = version;
        self.declare();
        self.want_unwatched();
        self.stale = true;
    }

    /// Kinds that are declared and not watched yet, with those that tell how they are doing.
    pub(super) fn kinds_to_watch(&mut self) -> Vec<WatchKind> {
        let Some(scopes) = self.facts.scopes.clone() else { return Vec::new() };
        let declared = self.declared.keys().map(|k| (k.group.clone(), k.kind.clone()));
        let always = scopes.kinds.keys().filter(|(group, kind)| {
            WHOLE_GROUPS[..3].contains(&&**group)
                || matches!((&**group, &**kind), ("apps", _) | ("", "Pod" | "ConfigMap" | "Service"))
        });
        let wanted: BTreeSet<_> = declared.chain(always.cloned()).collect();
        let mut kinds = Vec::new();
        for (group, kind) in wanted {
            let watchable = scopes.get(&group, &kind).is_none_or(|info| info.watchable);
            if watchable && self.watched.insert((group.clone(), kind.clone())) {
                let whole = is_whole(&group, &kind);
                kinds.push(WatchKind { group, kind, version: None, whole });
            }
        }
        kinds
    }

    /// Something came from the cluster.
    pub(super) fn hear(&mut self, event: ClusterEvent) {
        match event {
            ClusterEvent::Init(slot) => {
                self.filling.insert(slot, Vec::new());
            }
            ClusterEvent::InitApply(slot, live) => self.filling.entry(slot).or_default().push(*live),
            ClusterEvent::InitDone(slot) => self.fill(&slot),
            ClusterEvent::Apply(_, live) => self.put(*live),
            ClusterEvent::Delete(_, key) => self.remove(&key),
            ClusterEvent::State(slot, state) => self.set_state(slot, state),
            ClusterEvent::Problem(slot, problem) => {
                self.problems.insert(slot, problem);
            }
        }
        self.stale = true;
    }

    fn fill(&mut self, slot: &Slot) {
        let listed = self.filling.remove(slot).unwrap_or_default();
        let keys: HashSet<ObjectKey> = listed.iter().map(|l| l.key.clone()).collect();
        let of_slot = |key: &ObjectKey| {
            key.group == slot.group
                && key.kind == slot.kind
                && (slot.namespace.is_empty() || key.namespace == slot.namespace)
        };
        let gone: Vec<ObjectKey> =
            self.facts.live.keys().filter(|k| of_slot(k) && !keys.contains(*k)).cloned().collect();
        for key in gone {
            self.remove(&key);
        }
        for live in listed {
            self.put(live);
        }
        let missing: Vec<ObjectKey> =
            self.declared.keys().filter(|k| of_slot(k) && !keys.contains(*k)).cloned().collect();
        for key in missing {
            self.set_absent(key, Absence::Missing);
        }
        if self.hidden.contains(&(slot.group.clone(), slot.kind.clone())) {
            self.declare();
        }
    }

    /// Takes over a live object. Metadata of a declared object asks for the whole; what is known stays until it comes.
    fn put(&mut self, live: Live) {
        let declared = self.version_to_read(&live.key);
        let known = self.facts.live.get(&live.key);
        let fits = live.whole && declared.as_ref().is_none_or(|version| *version == live.version);
        if !fits && declared.is_some() {
            if known.is_some_and(|k| k.whole && k.resource_version == live.resource_version) {
                return;
            }
            self.wanted.insert(live.key.clone());
            if known.is_some_and(|k| k.whole) {
                return;
            }
        }
        let is_new = known.is_none() && declared.is_none();
        self.note_status(&live);
        let kind = (live.key.group.clone(), live.key.kind.clone());
        Arc::make_mut(&mut self.facts.absent).remove(&live.key);
        Arc::make_mut(&mut self.facts.live).insert(live.key.clone(), Arc::new(live));
        if is_new && self.hidden.contains(&kind) {
            self.declare();
        }
    }

    fn note_status(&mut self, live: &Live) {
        if live.whole
            && let Some(status) = controllers::flux_status(live)
        {
            let before = self.facts.statuses.get(&live.key).map(|s| s.applied.clone());
            let moved = before != Some(status.applied.clone());
            Arc::make_mut(&mut self.facts.statuses).insert(live.key.clone(), status);
            if moved {
                self.want_unwatched();
                if !self.hidden.is_empty() {
                    self.declare();
                }
            }
        }
    }

    fn remove(&mut self, key: &ObjectKey) {
        if self.facts.live.contains_key(key) {
            Arc::make_mut(&mut self.facts.live).remove(key);
            Arc::make_mut(&mut self.facts.statuses).remove(key);
            self.stale = true;
        }
        if self.declared.contains_key(key) {
            self.set_absent(key.clone(), Absence::Missing);
        }
        if self.sources.contains(key) {
            self.renew_outside();
        }
    }

    fn set_absent(&mut self, key: ObjectKey, absence: Absence) {
        if self.facts.absent.get(&key) != Some(&absence) {
            Arc::make_mut(&mut self.facts.absent).insert(key, absence);
            self.stale = true;
        }
    }

    fn set_state(&mut self, slot: Slot, state: KindState) {
        let unread = match &state {
            KindState::Forbidden(_) | KindState::ByName => None,
            KindState::NotServed => Some(Absence::Unread(NOT_SERVED.to_owned())),
            _ => {
                self.slots.insert(slot, state);
                return;
            }
        };
        let keys: Vec<ObjectKey> =
            self.declared.keys().filter(|k| k.group == slot.group && k.kind == slot.kind).cloned().collect();
        for key in keys {
            match &unread {
                Some(absence) => self.set_absent(key, absence.clone()),
                // What cannot be listed may still be read by name.
                None => drop(self.wanted.insert(key)),
            }
        }
        self.slots.insert(slot, state);
    }

    /// Objects to read by name now, with their versions; they count as being read until [`Field::read`] hears of them.
    pub(super) fn take_wanted(&mut self) -> Vec<(ObjectKey, Arc<str>)> {
        let keys = std::mem::take(&mut self.wanted);
        let mut reads = Vec::new();
        for key in keys {
            if let Some(version) = self.version_to_read(&key)
                && self.reading.insert(key.clone())
            {
                reads.push((key, version));
            }
        }
        reads
    }

    /// What reading by name gave. The rows grow stale only if it says something new.
    pub(super) fn read(&mut self, answers: Vec<(ObjectKey, Result<Option<Live>, ClusterError>)>) {
        for (key, answer) in answers {
            self.reading.remove(&key);
            match answer {
                Ok(Some(live)) if self.holds(&live) => {}
                Ok(Some(live)) => {
                    self.note_status(&live);
                    Arc::make_mut(&mut self.facts.absent).remove(&key);
                    Arc::make_mut(&mut self.facts.live).insert(key, Arc::new(live));
                    self.stale = true;
                }
                Ok(None) => self.remove(&key),
                Err(ClusterError::Forbidden { .. }) => self.set_absent(key, Absence::Forbidden),
                Err(error) => self.set_absent(key, Absence::Unread(error.problem().cause)),
            }
        }
        self.renew_outside();
    }

    /// True if exactly this state of the object is known already.
    fn holds(&self, live: &Live) -> bool {
        let known = self.facts.live.get(&live.key);
        !self.facts.absent.contains_key(&live.key)
            && known.is_some_and(|k| {
                (&k.uid, &k.resource_version, &k.version, k.whole)
                    == (&live.uid, &live.resource_version, &live.version, live.whole)
            })
    }

    fn renew_outside(&mut self) {
        let outside = Outside::of(&self.sources, &self.facts.live);
        if outside.id != self.outside.id {
            self.outside = Arc::new(outside);
        }
    }

    /// The version to read a whole object at, if it is one that is wanted whole.
    fn version_to_read(&self, key: &ObjectKey) -> Option<Arc<str>> {
        let of_core = || self.sources.contains(key).then(|| "v1".into());
        self.declared.get(key).cloned().or_else(of_core)
    }

    /// Asks again for what is not watched: Secrets.
    pub(super) fn want_unwatched(&mut self) {
        let secrets = self.declared.keys().filter(|k| k.is_secret()).cloned();
        self.wanted.extend(secrets.collect::<Vec<_>>());
    }

    /// The commits that controllers say they applied.
    pub(super) fn applied(&self) -> BTreeSet<CommitId> {
        self.facts.statuses.values().filter_map(|s| s.applied.as_ref()?.commit).collect()
    }

    /// What is wrong with a connection that works: how it is secured, clocks that differ, kinds that cannot be read.
    pub(super) fn told_by_cluster(&self) -> Vec<Problem> {
        let Some(reader) = &self.facts.reader else { return Vec::new() };
        let connection = reader.connection();
        let mut told: Vec<Problem> = connection.warnings.to_vec();
        told.extend(connection.skew_problem());
        told.extend(self.gaps());
        told
    }

    /// The kinds that cannot be read, those without the right to as one.
    fn gaps(&self) -> Vec<Problem> {
        let mut gaps: Vec<Problem> = self.problems.values().cloned().collect();
        let refused = |s: &KindState| matches!(s, KindState::Forbidden(_));
        let kinds: BTreeSet<&str> =
            self.slots.iter().filter(|(_, s)| refused(s)).map(|(slot, _)| &*slot.kind).collect();
        if !kinds.is_empty() {
            let context = self.context.as_deref().unwrap_or_default();
            let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
            let cause = clean(&format!(
                "context {context} may not list {kinds}; what git declares of them is read by name"
            ));
            gaps.push(
                Problem::warning(Reason::Forbidden, cause)
                    .next("ask for a role with get, list and watch on these kinds"),
            );
        }
        gaps
    }

    /// The state of the cluster, from the states of its kinds; true if it is another one than before.
    pub(super) fn settle(&mut self) -> bool {
        if self.facts.reader.is_none() || self.slots.is_empty() {
            return false;
        }
        let view = self.view();
        let moved = view != self.cluster;
        self.cluster = view;
        moved
    }

    fn view(&mut self) -> ClusterView {
        let listing = |s: &KindState| matches!(s, KindState::Listing(_));
        let done = self.slots.values().filter(|s| !listing(s)).count();
        let lost = self.slots.values().find_map(|s| match s {
            KindState::Lost { since, cause } => Some((*since, cause.problem())),
            _ => None,
        });
        if let Some((since, problem)) = lost {
            let since = since.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
            return ClusterView::Lost { since: i64::try_from(since).unwrap_or(0), problem };
        }
        let watching_all = self.slots.len() >= self.watched.len();
        if done < self.slots.len() || !watching_all || (!self.facts.complete && !self.nothing_to_read()) {
            let objects = self.facts.live.len();
            return ClusterView::Reading { done, kinds: self.watched.len().max(self.slots.len()), objects };
        }
        // Only now is what nobody declares known to be undeclared.
        self.stale |= !std::mem::replace(&mut self.facts.complete, true);
        let gaps = self.gaps();
        ClusterView::Live { version: self.version.clone(), gaps }
    }

    fn nothing_to_read(&self) -> bool {
        self.wanted.is_empty() && self.reading.is_empty()
    }

    fn declare(&mut self) {
        let objects = self.facts.desired.objects();
        let declared =
            objects.map(|(_, m)| (self.facts.key_of(m), m.version.clone())).collect::<HashMap<_, _>>();
        self.sources = outside::sources(&self.facts.desired);
        self.wanted.extend(self.sources.iter().filter(|key| !self.facts.live.contains_key(*key)).cloned());
        let hidden = self.facts.desired.objects().filter(|(_, m)| hidden_name(m).is_some());
        self.hidden = hidden.map(|(_, m)| (m.key.group.clone(), m.key.kind.clone())).collect();
        for key in declared.keys().filter(|k| !self.declared.contains_key(*k)) {
            self.wanted.insert(key.clone());
        }
        self.declared = declared;
    }
}

fn is_whole(group: &str, kind: &str) -> bool {
    WHOLE_GROUPS.contains(&group) || WHOLE_KINDS.contains(&(group, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Environment;
    use crate::secret::DigestKey;
    use crate::yaml::Node;

    fn secret(name: &str) -> ObjectKey {
        ObjectKey::new("", "Secret", "shop", name)
    }

    fn live(version: &str) -> Live {
        Live {
            key: secret("db"),
            version: "v1".into(),
            body: Node::null(),
            whole: true,
            managers: Arc::default(),
            uid: "u".into(),
            resource_version: version.into(),
            owners: Vec::new(),
            terminating: false,
        }
    }

    #[test]
    fn rows_grow_stale_only_by_what_is_new() {
        let environment = Environment {
            name: "prod".into(),
            entry: "clusters/prod".into(),
            why: String::new(),
            evidence: None,
        };
        let means = (Arc::new(DigestKey::new([1; 32])), Arc::default());
        let mut field = Field::new(Facts::of_git(environment, Arc::default(), means, 0));
        let refused = || ClusterError::Forbidden { message: "secrets".to_owned() };
        for (answer, is_new) in [
            ((secret("db"), Ok(Some(live("7")))), true),
            ((secret("db"), Ok(Some(live("7")))), false),
            ((secret("db"), Ok(Some(live("8")))), true),
            ((secret("db"), Err(refused())), true),
            ((secret("db"), Err(refused())), false),
            ((secret("db"), Ok(Some(live("8")))), true),
            ((secret("db"), Ok(None)), true),
            ((secret("db"), Ok(None)), false),
        ] {
            field.stale = false;
            field.read(vec![answer]);
            assert_eq!(field.stale, is_new);
        }
    }
}
