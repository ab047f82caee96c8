//! The store: all objects, one global version, and a bounded history that watches read.

use super::defaults;
use super::fields::{self, Fields};
use super::kinds::{self, Kind};
use super::logs::Logs;
use super::managed::{self, Writer};
use super::shapes;
use crate::model::{ObjectKey, SchemaSet};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many changes watches can go back; older versions are answered with 410.
const HISTORY: usize = 4096;

/// Why a write did not happen, as Kubernetes would say it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such kind.
    #[error("no kind {0} is served")]
    NoKind(String),
    /// No such object.
    #[error("{0} not found")]
    NotFound(String),
    /// Another manager owns a field with another value.
    #[error("conflict with {manager}: {field}")]
    Conflict {
        /// The other manager.
        manager: String,
        /// The first field.
        field: String,
    },
    /// Something that is no object.
    #[error("not an object: {0}")]
    Invalid(String),
    /// Its namespace does not exist or is going.
    #[error("namespace {0} not found")]
    NoNamespace(String),
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The object is new.
    Created,
    /// It changed.
    Changed,
    /// It was like that already.
    Same,
}

/// Where an object stands: kind (by place in the list of kinds), namespace, name.
pub(super) type Place = (usize, String, String);

/// One change.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) place: Place,
    pub(super) before: Option<Arc<Value>>,
    /// `None` if it was deleted.
    pub(super) after: Option<Arc<Value>>,
    /// The object as the event of its deletion shows it: with the version of the deletion.
    pub(super) deleted: Option<Arc<Value>>,
}

pub(super) struct Inner {
    pub(super) version: u64,
    pub(super) kinds: Vec<Option<Kind>>,
    schemas: HashMap<(String, String), Arc<SchemaSet>>,
    pub(super) objects: BTreeMap<Place, Arc<Value>>,
    pub(super) history: VecDeque<Change>,
    pub(super) logs: Logs,
    pub(super) allocated: u32,
}

/// What tells the time.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// The store. Its methods are what the demo's reconciler writes with; the HTTP side only reads.
pub struct Store {
    inner: Mutex<Inner>,
    pub(super) changed: watch::Sender<u64>,
    clock: Clock,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Box::new(Timestamp::now))
    }
}

impl Store {
    /// An empty cluster: the built-in kinds, the four namespaces of Kubernetes, the Service `kubernetes`.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner {
            version: 1,
            kinds: kinds::built_in().into_iter().map(Some).collect(),
            schemas: HashMap::new(),
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            logs: Logs::default(),
            allocated: 0,
        };
        let store = Self { inner: Mutex::new(inner), changed: watch::channel(1).0, clock };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            store.put(Writer::update("kube-apiserver"), &namespace).unwrap_or(Written::Same);
        }
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]}});
        store.put(Writer::update("kube-apiserver"), &service).unwrap_or(Written::Same);
        store
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A writer that panicked left whole objects behind: each is swapped in at once.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time in this cluster.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The newest version of anything.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Wakes up after each change; for reconcilers.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Reads one object.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Value>> {
        let inner = self.lock();
        let kind = inner.kind_place(&key.group, &key.kind)?;
        inner.objects.get(&(kind, key.namespace.to_string(), key.name.to_string())).cloned()
    }

    /// All objects of a kind, by namespace and name.
    pub fn list(&self, group: &str, kind: &str) -> Vec<Arc<Value>> {
        let inner = self.lock();
        let Some(place) = inner.kind_place(group, kind) else { return Vec::new() };
        inner.of_kind(place).map(|(_, object)| object.clone()).collect()
    }

    /// Server-side apply by `manager` (KEP-555): owns what `object` says, gives up what it no longer says.
    pub fn apply(&self, manager: &str, object: &Value, force: bool) -> Result<Written, StoreError> {
        let mut inner = self.lock();
        let (place, kind) = inner.place_of(object)?;
        inner.check_namespace(&place, &kind)?;
        let mut config = object.clone();
        defaults::normalize(&kind, &mut config);
        if kind.status
            && let Some(fields) = config.as_object_mut()
        {
            fields.remove("status");
        }
        let schemas = inner.schemas_of(&kind);
        let schema = schemas.kind(&kind.group, &kind.versions[0], &kind.kind);
        let writer = Writer { manager, apply: true, subresource: "" };
        let said: Fields = fields::said(&config, schema);
        let Some(live) = inner.objects.get(&place).cloned() else {
            let mut new = config;
            let owned = vec![managed::Entry::new(&writer, said)];
            defaults::complete(&kind, &mut new, &mut inner.allocated);
            return Ok(self.create(&mut inner, &place, &kind, new, &owned));
        };
        let mut owned = managed::read(&live);
        managed::take_over(&mut owned, &writer, &config, &live, schema, force)?;
        let before = managed::of(&owned, &writer);
        let mut merged = fields::merge(&live, &config, schema);
        for path in before.difference(&said).filter(|p| !managed::owned_by_others(&owned, &writer, p)) {
            fields::remove(&mut merged, path, schema);
        }
        managed::set(&mut owned, &writer, said);
        defaults::complete(&kind, &mut merged, &mut inner.allocated);
        Ok(self.replace(&mut inner, &place, &kind, &live, merged, &owned, &writer))
    }

    /// Creates or replaces an object as a client-side tool does: `manager` owns what it changes.
    pub fn put(&self, writer: Writer<'_>, object: &Value) -> Result<Written, StoreError> {
        let mut inner = self.lock();
        let (place, kind) = inner.place_of(object)?;
        inner.check_namespace(&place, &kind)?;
        let mut new = object.clone();
        defaults::normalize(&kind, &mut new);
        if let Some(live) = inner.objects.get(&place).cloned() {
            return Ok(self.update(&mut inner, &place, &kind, &live, new, &writer));
        }
        defaults::complete(&kind, &mut new, &mut inner.allocated);
        let schemas = inner.schemas_of(&kind);
        let schema = schemas.kind(&kind.group, &kind.versions[0], &kind.kind);
        let said = fields::flatten(&new, schema).into_keys().filter(|p| p[0] != "f:status" || !kind.status);
        let owned = vec![managed::Entry::new(&writer, said.collect())];
        Ok(self.create(&mut inner, &place, &kind, new, &owned))
    }

    /// Changes an object as `kubectl edit`, `kubectl scale` and the like do.
    pub fn edit_as(
        &self,
        writer: Writer<'_>,
        key: &ObjectKey,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Written, StoreError> {
        let mut inner = self.lock();
        let kind_place = inner.kind_place(&key.group, &key.kind);
        let kind_place = kind_place.ok_or_else(|| StoreError::NoKind(key.kind.to_string()))?;
        let place = (kind_place, key.namespace.to_string(), key.name.to_string());
        let live = inner.objects.get(&place).cloned().ok_or_else(|| StoreError::NotFound(key.to_string()))?;
        let kind = inner.kinds[kind_place].clone().ok_or_else(|| StoreError::NoKind(key.kind.to_string()))?;
        let mut new = Value::clone(&live);
        edit(&mut new);
        defaults::normalize(&kind, &mut new);
        Ok(self.update(&mut inner, &place, &kind, &live, new, &writer))
    }

    /// Replaces an object's status.
    pub fn update_status(
        &self,
        manager: &str,
        key: &ObjectKey,
        status: Value,
    ) -> Result<Written, StoreError> {
        let writer = Writer { manager, apply: false, subresource: "status" };
        self.edit_as(writer, key, |object| object["status"] = status)
    }

    /// Deletes an object. One with finalizers only gets its `deletionTimestamp`; deleting a namespace or a CRD takes
    /// with it what is in it.
    pub fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let kind_place = inner.kind_place(&key.group, &key.kind);
        let kind_place = kind_place.ok_or_else(|| StoreError::NoKind(key.kind.to_string()))?;
        let place = (kind_place, key.namespace.to_string(), key.name.to_string());
        let live = inner.objects.get(&place).cloned().ok_or_else(|| StoreError::NotFound(key.to_string()))?;
        if managed::finalizers(&live) > 0 {
            if live.pointer("/metadata/deletionTimestamp").is_none() {
                let mut going = Value::clone(&live);
                going["metadata"]["deletionTimestamp"] = json!(self.stamp());
                going["metadata"]["deletionGracePeriodSeconds"] = json!(0);
                self.store(&mut inner, &place, Some(going));
            }
            return Ok(());
        }
        self.remove(&mut inner, &place, &live);
        Ok(())
    }

    /// The time as Kubernetes writes it.
    pub(super) fn stamp(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn remove(&self, inner: &mut Inner, place: &Place, live: &Value) {
        let kind = inner.kinds[place.0].clone();
        self.store(inner, place, None);
        let uid = live.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or("").to_owned();
        let namespace = kind.as_ref().is_some_and(|k| k.kind == "Namespace").then(|| place.2.clone());
        let custom = kind.filter(|k| k.kind == "CustomResourceDefinition").and_then(|_| kinds::of_crd(live));
        let custom = custom.and_then(|k| inner.kind_place(&k.group, &k.kind));
        let follows = |p: &Place, object: &Value| {
            namespace.as_ref() == Some(&p.1) || custom == Some(p.0) || managed::is_owned_by(object, &uid)
        };
        let gone: Vec<(Place, Arc<Value>)> = inner
            .objects
            .iter()
            .filter(|(p, o)| follows(p, o))
            .map(|(p, o)| (p.clone(), o.clone()))
            .collect();
        for (place, object) in gone {
            if inner.objects.contains_key(&place) {
                self.remove(inner, &place, &object);
            }
        }
        if let Some(place) = custom {
            inner.kinds[place] = None;
        }
    }

    fn create(
        &self,
        inner: &mut Inner,
        place: &Place,
        kind: &Kind,
        mut new: Value,
        owned: &[managed::Entry],
    ) -> Written {
        let now = self.stamp();
        let uid = managed::uid(&kind.group, &kind.kind, &place.1, &place.2, inner.version);
        let metadata = &mut new["metadata"];
        metadata["uid"] = json!(uid);
        metadata["creationTimestamp"] = json!(now);
        defaults::count_generation(kind, metadata, 1);
        managed::write(&mut new, owned, &[], &now);
        self.store(inner, place, Some(new));
        Written::Created
    }

    fn update(
        &self,
        inner: &mut Inner,
        place: &Place,
        kind: &Kind,
        live: &Value,
        mut new: Value,
        writer: &Writer<'_>,
    ) -> Written {
        for field in ["uid", "creationTimestamp", "generation", "resourceVersion", "managedFields"] {
            match live["metadata"].get(field) {
                Some(value) => new["metadata"][field] = value.clone(),
                None => drop(new["metadata"].as_object_mut().map(|m| m.remove(field))),
            }
        }
        defaults::complete(kind, &mut new, &mut inner.allocated);
        let schemas = inner.schemas_of(kind);
        let schema = schemas.kind(&kind.group, &kind.versions[0], &kind.kind);
        let (before, after) = (fields::flatten(live, schema), fields::flatten(&new, schema));
        let mut owned = managed::read(live);
        managed::note_changes(&mut owned, writer, &before, &after);
        self.replace(inner, place, kind, live, new, &owned, writer)
    }

    #[expect(clippy::too_many_arguments, reason = "one place where a write ends; all of it is needed")]
    fn replace(
        &self,
        inner: &mut Inner,
        place: &Place,
        kind: &Kind,
        live: &Value,
        mut new: Value,
        owned: &[managed::Entry],
        writer: &Writer<'_>,
    ) -> Written {
        let old = managed::read(live);
        if managed::same_content(live, &new) && old.as_slice() == owned {
            return Written::Same;
        }
        let spec_changed = managed::spec_changed(live, &new);
        if defaults::has_generation(kind) && spec_changed && writer.subresource != "status" {
            let generation = live.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
            defaults::count_generation(kind, &mut new["metadata"], generation + 1);
        }
        managed::write(&mut new, owned, &old, &self.stamp());
        let going = new.pointer("/metadata/deletionTimestamp").is_some() && managed::finalizers(&new) == 0;
        if going {
            self.remove(inner, place, live);
        } else {
            self.store(inner, place, Some(new));
        }
        Written::Changed
    }

    /// The one place where something changes: a new version, the object, the history, the bell.
    fn store(&self, inner: &mut Inner, place: &Place, object: Option<Value>) {
        inner.version += 1;
        let version = inner.version;
        let stamped = |mut object: Value| {
            object["metadata"]["resourceVersion"] = json!(version.to_string());
            Arc::new(object)
        };
        let after = object.map(stamped);
        let before = match &after {
            Some(after) => inner.objects.insert(place.clone(), after.clone()),
            None => inner.objects.remove(place),
        };
        let deleted = before.as_ref().filter(|_| after.is_none()).map(|before| stamped(Value::clone(before)));
        if deleted.is_some() && inner.kinds[place.0].as_ref().is_some_and(|k| k.kind == "Pod") {
            inner.logs.forget(&place.1, &place.2);
        }
        let custom = after.as_ref().or(before.as_ref()).and_then(|o| kinds::of_crd(o));
        if let (Some(kind), Some(object)) = (custom, &after)
            && inner.kinds[place.0].as_ref().is_some_and(|k| k.kind == "CustomResourceDefinition")
        {
            inner.serve(kind, object);
        }
        inner.history.push_back(Change { version, place: place.clone(), before, after, deleted });
        while inner.history.len() > HISTORY {
            inner.history.pop_front();
        }
        self.changed.send_replace(version);
    }

    /// Writes a line into the log of a container.
    pub fn append_log(&self, namespace: &str, pod: &str, container: &str, line: &str) {
        let time = self.now().strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string();
        let mut inner = self.lock();
        inner.logs.push(namespace, pod, container, time, line);
        // Followers of logs wake up by the same bell; the version stays.
        self.changed.send_replace(inner.version);
    }

    /// Records an event about an object, as controllers do.
    pub fn create_event(&self, source: &str, about: &ObjectKey, warning: bool, reason: &str, message: &str) {
        let uid = self.get(about).and_then(|o| o.pointer("/metadata/uid").cloned()).unwrap_or_default();
        let namespace = if about.namespace.is_empty() { "default" } else { &*about.namespace };
        let (now, version) = (self.stamp(), self.version());
        let name = format!("{}.{version:016x}", about.name);
        let api = { self.lock().api_version(about) };
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {"apiVersion": api, "kind": &*about.kind, "namespace": &*about.namespace,
                "name": &*about.name, "uid": uid},
            "type": if warning { "Warning" } else { "Normal" }, "reason": reason, "message": message,
            "source": {"component": source}, "reportingComponent": source, "reportingInstance": "",
            "count": 1, "firstTimestamp": now, "lastTimestamp": now, "eventTime": null});
        if let Err(error) = self.put(Writer::update(source), &event) {
            tracing::debug!(%error, "an event was not recorded");
        }
    }

    /// Forgets the history, as compaction does: watches from an older version get 410.
    pub fn compact(&self) {
        let mut inner = self.lock();
        inner.version += 1;
        inner.history.clear();
        self.changed.send_replace(inner.version);
    }
}

impl Inner {
    /// The newest version whose change is forgotten: older ones are answered with 410.
    pub(super) fn forgotten(&self) -> u64 {
        self.history.front().map_or(self.version, |oldest| oldest.version - 1)
    }

    pub(super) fn kind_place(&self, group: &str, kind: &str) -> Option<usize> {
        self.kinds.iter().position(|k| k.as_ref().is_some_and(|k| k.group == group && k.kind == kind))
    }

    fn api_version(&self, key: &ObjectKey) -> String {
        let kind = self.kind_place(&key.group, &key.kind).and_then(|place| self.kinds[place].as_ref());
        kind.map_or_else(String::new, |kind| kind.api_version(&kind.versions[0]))
    }

    pub(super) fn of_kind(&self, kind: usize) -> impl Iterator<Item = (&Place, &Arc<Value>)> {
        self.objects.range((kind, String::new(), String::new())..(kind + 1, String::new(), String::new()))
    }

    fn place_of(&self, object: &Value) -> Result<(Place, Kind), StoreError> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        let name = text("/metadata/name").filter(|n| !n.is_empty());
        let (Some(api), Some(kind), Some(name)) = (text("/apiVersion"), text("/kind"), name) else {
            return Err(StoreError::Invalid("apiVersion, kind or metadata.name is missing".to_owned()));
        };
        let (group, version) = ObjectKey::split_api_version(api);
        let place =
            self.kind_place(group, kind).ok_or_else(|| StoreError::NoKind(format!("{kind}.{api}")))?;
        let known = self.kinds[place].clone().filter(|k| k.versions.iter().any(|v| v == version));
        let known = known.ok_or_else(|| StoreError::NoKind(format!("{kind}.{api}")))?;
        let namespace = if known.namespaced { text("/metadata/namespace").unwrap_or("default") } else { "" };
        Ok(((place, namespace.to_owned(), name.to_owned()), known))
    }

    fn check_namespace(&self, place: &Place, kind: &Kind) -> Result<(), StoreError> {
        let namespaces = self.kind_place("", "Namespace").unwrap_or(0);
        let there = self.objects.contains_key(&(namespaces, String::new(), place.1.clone()));
        if kind.namespaced && !there { Err(StoreError::NoNamespace(place.1.clone())) } else { Ok(()) }
    }

    /// The schemas of a kind's stored version; built-in ones are read once for each group.
    pub(super) fn schemas_of(&mut self, kind: &Kind) -> Arc<SchemaSet> {
        let version = kind.versions[0].clone();
        let id = if kind.custom { kind.kind.clone() } else { version.clone() };
        let slot = self.schemas.entry((kind.group.clone(), id));
        slot.or_insert_with(|| Arc::new(shapes::schemas(&shapes::document(&kind.group, &version)))).clone()
    }

    /// Serves what a CRD declares.
    fn serve(&mut self, kind: Kind, crd: &Value) {
        let version = kind.versions[0].clone();
        let schema = crd.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
        let schema = schema
            .clone()
            .find(|v| v["name"] == json!(version))
            .and_then(|v| v.pointer("/schema/openAPIV3Schema"));
        let schemas = shapes::schemas(&shapes::custom_document(&kind, &version, schema));
        self.schemas.insert((kind.group.clone(), kind.kind.clone()), Arc::new(schemas));
        match self.kind_place(&kind.group, &kind.kind) {
            Some(place) => self.kinds[place] = Some(kind),
            None => self.kinds.push(Some(kind)),
        }
    }
}
