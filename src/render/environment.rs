//! One environment to producers and objects: entries first, then what their objects ask for, until nothing is
//! new (render.md 6.6).

use super::applications::Applications;
use super::argo::spec;
use super::builds::Kept;
use super::discover::{self, Seed, Seeds, note};
use super::flux::artifact::{Artifact, Composed};
use super::flux::build::Made;
use super::flux::ignore::Ignore;
use super::flux::spec::Spec;
use super::flux::variables;
use super::handed::Handed;
use super::inputs::Inputs;
use super::sources::Home;
use super::survey::Survey;
use super::{composed, folders, foreign, scopes};
use crate::model::{Environment, Manifest, ObjectKey, Origin, Problem, Producer, Reason, Rendered, Tree};
use crate::yaml::{Node, to_masked_string};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

/// Renders an environment. One that discovery does not find is a folder.
pub fn render_environment(tree: &dyn Tree, environment: &Environment, inputs: &Inputs<'_>) -> Rendered {
    let survey = match inputs.caches.surveys.of(tree) {
        Ok(survey) => survey,
        Err(error) => {
            let problem = Problem::error(Reason::Repository, error.to_string());
            return Rendered { problems: vec![problem], ..Rendered::default() };
        }
    };
    let found = discover::seeds(tree, &survey, inputs.remotes);
    let same = |other: &Environment| other.entry == environment.entry && other.name == environment.name;
    let seed = found
        .found
        .iter()
        .find(|(other, _)| same(other))
        .or_else(|| found.found.iter().find(|(other, _)| other.entry == environment.entry))
        .map_or_else(|| Seed::Folders(vec![environment.entry.to_string()]), |(_, seed)| seed.clone());
    let mut engine = Engine::new(tree, &survey, &found, inputs);
    match seed {
        Seed::Flux(specs) => {
            engine.adopt(&specs);
            engine.pending.extend(specs.into_iter().map(|spec| (spec, None)));
        }
        Seed::Argo(applications) => {
            engine.start_applications(&applications);
        }
        Seed::Folders(paths) => {
            engine.folders_ahead(&paths);
            for path in &paths {
                engine.folder(path);
            }
        }
    }
    engine.run();
    engine.finish()
}

/// More producers than this are a repository that makes ever new ones.
const MOST_PRODUCERS: usize = 20_000;

/// Kustomizations deeper in one another than this are one that makes ever new ones.
const DEEPEST: usize = 64;

/// Most rounds in which a producer may change itself before we stop following it.
pub(super) const MOST_ROUNDS: usize = 3;

pub(super) struct Engine<'a> {
    pub(super) tree: &'a dyn Tree,
    pub(super) survey: &'a Survey,
    seeds: &'a Seeds,
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) home: Home,
    pub(super) producers: Vec<Producer>,
    pub(super) problems: Vec<Problem>,
    /// Objects so far that others may look for.
    pub(super) objects: HashMap<ObjectKey, Arc<Manifest>>,
    /// What was made, by the place of its producer.
    made: Vec<(usize, Arc<Kept>)>,
    pub(super) pending: VecDeque<(Spec, Option<usize>)>,
    /// Kustomizations that were built before their turn.
    pub(super) tried: Mutex<HashSet<ObjectKey>>,
    /// Producers by key.
    pub(super) seen: HashMap<ObjectKey, usize>,
    pub(super) ignores: HashMap<Option<String>, Arc<Ignore>>,
    /// What is known about Argo CD, and its Applications.
    pub(super) argo: Applications,
}

/// An object, with what it says if it is a Kustomization.
type Noted<'m> = (Option<&'m Spec>, &'m Arc<Manifest>);

impl<'a> Engine<'a> {
    fn new(tree: &'a dyn Tree, survey: &'a Survey, seeds: &'a Seeds, inputs: &'a Inputs<'a>) -> Self {
        Self {
            tree,
            survey,
            seeds,
            inputs,
            home: Home::default(),
            producers: Vec::new(),
            problems: Vec::new(),
            objects: HashMap::new(),
            made: Vec::new(),
            pending: VecDeque::new(),
            tried: Mutex::default(),
            seen: HashMap::new(),
            ignores: HashMap::new(),
            argo: Applications::default(),
        }
    }

    /// The sources of the entries are this repository: that is why they are entries.
    fn adopt(&mut self, specs: &[Spec]) {
        self.home = self.seeds.home.clone();
        for spec in specs {
            self.home.adopt(&spec.source);
        }
    }

    fn run(&mut self) {
        loop {
            if let Some((spec, parent)) = self.next() {
                if self.may_follow(&spec.key, &spec.origin, parent) {
                    self.kustomization(spec, parent);
                }
            } else if let Some((application, parent)) = self.argo.next() {
                if self.may_follow(&application.key, &application.origin, parent) {
                    self.application(application, parent);
                }
            } else {
                return;
            }
        }
    }

    /// False, and told, where producers make ever new ones.
    fn may_follow(&mut self, key: &ObjectKey, origin: &Origin, parent: Option<usize>) -> bool {
        let follows = self.producers.len() < MOST_PRODUCERS && self.line_of(parent).count() < DEEPEST;
        if !follows {
            let cause = format!("{key} and what it makes is not followed: {}s make ever new ones", key.kind);
            self.problems.push(Problem::error(Reason::LimitExceeded, cause).at(&origin.file, origin.line));
        }
        follows
    }

    /// A producer and those above it.
    pub(super) fn line_of(&self, producer: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(producer, |index| self.producers[*index].parent)
    }

    /// The next Kustomization whose variables are known, or, if there is none, the one that waits longest.
    fn next(&mut self) -> Option<(Spec, Option<usize>)> {
        let place = self.pending.iter().position(|(spec, _)| self.is_ready(spec)).unwrap_or(0);
        self.pending.remove(place)
    }

    pub(super) fn is_ready(&self, spec: &Spec) -> bool {
        variables::sources(spec).iter().all(|source| self.find(&source.key).is_some())
    }

    pub(super) fn find(&self, key: &ObjectKey) -> Option<Node> {
        self.objects.get(key).map(|m| m.body.clone()).or_else(|| self.inputs.known.get(key).cloned())
    }

    fn kustomization(&mut self, spec: Spec, parent: Option<usize>) {
        if let Some(first) = self.seen.get(&spec.key) {
            self.declared_again(&spec.key, &spec.origin, *first, parent);
            return;
        }
        let index = self.producers.len();
        self.seen.insert(spec.key.clone(), index);
        let mut spec = spec;
        let mut made = self.make(&spec);
        let mut rounds = 1;
        while rounds < MOST_ROUNDS {
            rounds += 1;
            // A Kustomization that contains itself is followed as it patches itself.
            let Some(own) = made.objects.iter().find(|m| m.key == spec.key).and_then(|m| Spec::of(m)) else {
                break;
            };
            if says_the_same(&own, &spec) {
                break;
            }
            spec = Spec { origin: spec.origin, ..own };
            made = self.make(&spec);
        }
        self.producers.push(Producer {
            key: spec.key.clone(),
            parent,
            declared: spec.origin.clone(),
            spec: made.asked(&spec),
            objects: Vec::new(),
            problems: made.problems.clone(),
            complete: made.complete,
            reads: made.reads.clone(),
        });
        self.note(made.looked_for(), index);
        self.made.push((index, made));
    }

    /// A Kustomization that contains itself is normal; a longer circle, or a second one of the name, is told.
    pub(super) fn declared_again(
        &mut self,
        key: &ObjectKey,
        origin: &Origin,
        first: usize,
        parent: Option<usize>,
    ) {
        let known = &self.producers[first];
        let problem = if parent == Some(first) {
            return;
        } else if self.line_of(parent).any(|above| above == first) {
            let by = parent.map_or_else(String::new, |p| format!(" by {}", self.producers[p].key));
            note(Reason::Cycle, format!("{key} is rendered{by}, which it renders itself"))
        } else if known.declared.file == origin.file && known.declared.line == origin.line {
            return;
        } else {
            let first = format!("{}:{}", known.declared.file, known.declared.line);
            Problem::warning(Reason::Conflict, format!("{key} is declared twice; first in {first}"))
        };
        self.problems.push(problem.at(&origin.file, origin.line));
    }

    /// Notes objects, and queues the producers among them.
    pub(super) fn register(&mut self, objects: &[Arc<Manifest>], parent: usize) {
        let specs: Vec<Option<Spec>> = objects.iter().map(|manifest| Spec::of(manifest)).collect();
        self.note(specs.iter().map(Option::as_ref).zip(objects), parent);
    }

    fn note<'m>(&mut self, objects: impl Iterator<Item = Noted<'m>> + Clone, parent: usize) {
        for (_, manifest) in objects.clone() {
            self.objects.entry(manifest.key.clone()).or_insert_with(|| manifest.clone());
        }
        for (spec, manifest) in objects {
            if let Some(spec) = spec {
                self.pending.push_back((spec.clone(), Some(parent)));
            } else if foreign::is_helm_release(&manifest.key) {
                let release = foreign::helm_release(manifest, Some(parent), &self.objects);
                self.once(release);
            } else if spec::is_application(&manifest.key) || spec::is_set(&manifest.key) {
                self.queue_application(manifest, Some(parent));
            }
        }
    }

    pub(super) fn once(&mut self, producer: Producer) {
        if !self.seen.contains_key(&producer.key) {
            self.seen.insert(producer.key.clone(), self.producers.len());
            self.producers.push(producer);
        }
    }

    fn make(&mut self, spec: &Spec) -> Arc<Kept> {
        let nothing = |problem| Arc::new(Kept::from(nothing(problem, spec)));
        if spec.is_remote() {
            let cause = format!("{} applies to another cluster (spec.kubeConfig)", spec.key);
            return nothing(Problem::error(Reason::NotSupported, cause));
        }
        match self.handed(spec) {
            Handed::Nothing(problem) => nothing(problem),
            Handed::Artifact(ignore) => self.render(ignore, spec),
            Handed::Copies(ignore, copies) => {
                let artifact = Artifact::new(self.tree, ignore);
                match Composed::new(&artifact, &copies) {
                    Ok(artifact) => {
                        let folder = artifact.folder_of(&spec.path);
                        let made = self.build(&artifact, spec, &|key| self.find(key));
                        Arc::new(Kept::from(Made { folder, ..composed::back(made, &artifact) }))
                    }
                    Err(error) => nothing(Problem::error(Reason::Repository, error.to_string())),
                }
            }
        }
    }

    pub(super) fn source(&self, key: &ObjectKey) -> Option<&Arc<Manifest>> {
        self.objects.get(key).or_else(|| self.survey.declared().find(|manifest| manifest.key == *key))
    }

    /// A folder without a controller that says how it is applied.
    fn folder(&mut self, path: &str) {
        let index = self.producers.len();
        let made = self.made_of_folder(path);
        let producer = folders::producer(path, &[], made.problems.clone(), made.complete, made.reads.clone());
        self.producers.push(producer);
        // Kustomizations found here read from this repository, if their paths exist.
        if made.looked_for().any(|(spec, _)| spec.is_some()) {
            self.adopt(&[]);
        }
        self.note(made.looked_for(), index);
        self.made.push((index, made));
    }

    /// Namespaces by scope, now that all `CustomResourceDefinition`s are known.
    fn finish(mut self) -> Rendered {
        let scopes = scopes::Known::of(self.inputs.scopes, self.objects.values().map(|m| &**m));
        self.check_projects(&scopes);
        let placed = |manifest: &Arc<Manifest>| {
            let mut placed = manifest.clone();
            if let Some(namespace) = scopes.namespace_of(manifest) {
                Arc::make_mut(&mut placed).key.namespace = namespace;
            }
            placed
        };
        for (index, producer) in self.producers.iter_mut().enumerate() {
            if !self.argo.finish(index, producer, &scopes) {
                producer.objects = producer.objects.iter().map(placed).collect();
            }
        }
        for (index, made) in self.made {
            self.producers[index].objects = match self.inputs.scopes {
                None => made.scoped(&scopes.defined, placed),
                Some(_) => made.objects.iter().map(placed).collect(),
            };
        }
        Rendered { producers: self.producers, problems: self.problems }
    }
}

pub(super) fn distinct(mut reads: Vec<Arc<str>>) -> Arc<[Arc<str>]> {
    reads.sort_unstable();
    reads.dedup();
    reads.into()
}

fn nothing(problem: Problem, spec: &Spec) -> Made {
    let problem = match problem.place {
        Some(_) => problem,
        None => problem.at(&spec.origin.file, spec.origin.line),
    };
    Made { problems: vec![problem], ..Made::default() }
}

fn says_the_same(a: &Spec, b: &Spec) -> bool {
    let spec = |s: &Spec| s.body.get("spec").map(to_masked_string);
    spec(a) == spec(b)
}
