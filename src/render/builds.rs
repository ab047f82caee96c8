//! What Kustomizations and folders made, remembered for all revisions: a build is done again only where it would see
//! something else (`recorded`, `remembered`).

use super::flux::build::Made;
use super::flux::spec::Spec;
use super::recorded::{Probe, Recorded, Sight, look};
use super::remembered::{Numbered, Remembered, same_node, weight_of};
use crate::model::{Manifest, ObjectKey, Problem, ProducerSpec, Tree};
use crate::secret::SecretLeaf;
use crate::yaml::{Node, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What one build made, shared by all revisions at which it is the same.
#[derive(Default)]
pub(super) struct Kept {
    pub objects: Vec<Arc<Manifest>>,
    pub problems: Vec<Problem>,
    pub complete: bool,
    pub reads: Arc<[Arc<str>]>,
    pub folder: Option<String>,
    /// Objects that others look for, by place, with what the Kustomizations among them say.
    looked_for: Vec<(usize, Option<Spec>)>,
    asked: OnceLock<ProducerSpec>,
    /// The same objects with namespaces as known scopes have them.
    scoped: Mutex<Option<(Scoping, Vec<Arc<Manifest>>)>>,
}

/// Which kinds the repository defines, and with which scope.
pub(super) type Scoping = Arc<BTreeMap<(String, String), bool>>;

impl From<Made> for Kept {
    fn from(made: Made) -> Self {
        let Made { objects, problems, complete, mut reads, folder } = made;
        reads.sort_unstable();
        reads.dedup();
        let wanted = objects.iter().enumerate().filter(|(_, manifest)| is_looked_for(&manifest.key));
        let looked_for = wanted.map(|(place, manifest)| (place, Spec::of(manifest))).collect();
        let objects = objects.into_iter().map(Arc::new).collect();
        let reads = reads.into();
        Self { objects, problems, complete, reads, folder, looked_for, ..Self::default() }
    }
}

/// False for kinds that nobody asks for: they give no variables, are no source, make and define nothing.
fn is_looked_for(key: &ObjectKey) -> bool {
    match &*key.group {
        "" => matches!(&*key.kind, "ConfigMap" | "Secret"),
        "apps" | "batch" | "policy" | "autoscaling" | "networking.k8s.io" | "rbac.authorization.k8s.io" => {
            false
        }
        _ => true,
    }
}

impl Kept {
    /// Objects that others may look for, or that make others; with what they say if they are Kustomizations.
    pub fn looked_for(&self) -> impl Iterator<Item = (Option<&Spec>, &Arc<Manifest>)> + Clone {
        self.looked_for.iter().map(|(place, spec)| (spec.as_ref(), &self.objects[*place]))
    }

    /// What the Kustomization that made this asks its controller for.
    pub fn asked(&self, spec: &Spec) -> ProducerSpec {
        let asked = self.asked.get_or_init(|| {
            let mut asked = spec.producer();
            if let Some(folder) = &self.folder {
                asked.path = folder.as_str().into();
            }
            asked
        });
        asked.clone()
    }

    /// The objects as `change` makes them, which depends on nothing but what is defined.
    pub fn scoped(
        &self,
        defined: &Scoping,
        change: impl Fn(&Arc<Manifest>) -> Arc<Manifest>,
    ) -> Vec<Arc<Manifest>> {
        let mut scoped = self.scoped.lock().unwrap_or_else(PoisonError::into_inner);
        match &*scoped {
            Some((known, objects)) if known == defined => objects.clone(),
            _ => {
                let objects: Vec<Arc<Manifest>> = self.objects.iter().map(change).collect();
                *scoped = Some((defined.clone(), objects.clone()));
                objects
            }
        }
    }

    fn weight(&self) -> usize {
        /// A manifest or problem without its body.
        const HEAD: usize = 320;
        let bodies: usize = self.objects.iter().map(|manifest| weight_of(&manifest.body)).sum();
        bodies + HEAD * (1 + self.objects.len() + self.problems.len()) + 64 * self.reads.len()
    }
}

/// All that a build is told beside the tree and the objects that it asks for.
#[derive(Clone)]
pub(super) enum Task {
    /// A Flux Kustomization, and a digest of the patterns by which its source leaves files out.
    Flux(Box<Spec>, [u8; 16]),
    /// A folder, with its files if it has no kustomization.
    Folder(Option<Vec<(String, String)>>),
}

impl Task {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flux(a, left_out), Self::Flux(b, also)) => {
                left_out == also
                    && a.origin == b.origin
                    && a.path == b.path
                    && a.source == b.source
                    && same_node(&a.body, &b.body)
            }
            (Self::Folder(a), Self::Folder(b)) => a == b,
            _ => false,
        }
    }
}

/// The memory of builds. What holds a value of an opened sealed file is not remembered: such a value lives for as long as
/// it is worked with, and is wiped. What does not open is remembered, and results of one set of keys are never given for
/// another.
pub struct BuildCache {
    results: Remembered<Arc<Kept>>,
    tasks: Numbered<(Task, Option<u64>)>,
    bodies: Numbered<Node>,
    is_on: bool,
}

impl Default for BuildCache {
    /// A memory of about 64 MiB of objects.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

/// Finds the body of an object that gives variables.
pub(super) type Find<'a> = &'a dyn Fn(&ObjectKey) -> Option<Node>;

impl BuildCache {
    /// A memory of about `budget` bytes of objects; none at all of 0.
    pub fn new(budget: usize) -> Self {
        Self {
            results: Remembered::new(budget),
            tasks: Numbered::default(),
            bodies: Numbered::default(),
            is_on: budget > 0,
        }
    }

    /// The number of a task: `key` is what stands for it in the cluster, `keys` the set of keys that open files.
    pub(super) fn number(&self, key: &ObjectKey, task: Task, keys: Option<u64>) -> u64 {
        self.tasks.of(key, &(task, keys), |a, b| a.1 == b.1 && a.0.is(&b.0))
    }

    /// What is known of a task in this tree. `view` is what of it the task gets to see, which depends on the tree and on
    /// the task alone.
    pub(super) fn find(
        &self,
        task: u64,
        tree: &dyn Tree,
        view: &dyn Tree,
        find: Find<'_>,
    ) -> Option<Arc<Kept>> {
        self.results.find(task, &|probe| match probe {
            Probe::Object(key) => self.sight(key, find(key).as_ref()),
            Probe::Whole(_) => look(tree, probe),
            probe => look(view, probe),
        })
    }

    /// Builds, and keeps the result with all that was looked at.
    pub(super) fn build(
        &self,
        task: u64,
        view: &dyn Tree,
        find: Find<'_>,
        build: impl FnOnce(&dyn Tree, Find<'_>) -> Made,
    ) -> Arc<Kept> {
        let recorded = Recorded::new(view);
        let asked = RefCell::new(BTreeMap::new());
        let kept = Arc::new(Kept::from(build(&recorded, &|key| {
            let found = find(key);
            asked.borrow_mut().entry(key.clone()).or_insert_with(|| self.sight(key, found.as_ref()));
            found
        })));
        let seen = asked.into_inner().into_iter();
        let seen: Option<Vec<_>> = seen.map(|(key, sight)| Some((Probe::Object(key), sight?))).collect();
        if self.is_on
            && !kept.objects.iter().any(|manifest| is_open(&manifest.body))
            && let (Some(mut record), Some(seen)) = (recorded.finish(), seen)
        {
            record.extend(seen);
            self.results.keep(task, record, kept.clone(), kept.weight());
        }
        kept
    }

    /// What a build saw of an object that it asked for; nothing that can be remembered, if it holds an opened value.
    fn sight(&self, key: &ObjectKey, found: Option<&Node>) -> Option<Sight> {
        let number = |body: &Node| (!is_open(body)).then(|| self.bodies.of(key, body, same_node));
        found.map_or(Some(0), number).map(Sight::Object)
    }
}

/// True if a value of an opened sealed file stands in it.
fn is_open(node: &Node) -> bool {
    match &node.value {
        Value::Secret(SecretLeaf::Text(_)) => true,
        Value::Secret(_) | Value::Scalar(_) => false,
        Value::Seq(items) => items.iter().any(is_open),
        Value::Map(map) => map.iter().any(|(_, value)| is_open(value)),
    }
}
