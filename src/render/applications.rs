//! Argo CD's Applications in an environment: rendered one after the other, with those that they make.

use super::argo::build::{self, Outside};
use super::argo::home::Home;
use super::argo::project;
use super::argo::settings::Settings;
use super::argo::spec::{self, Application, Destination};
use super::argo::tracking::{self, Placing};
use super::discover::note;
use super::environment::{Engine, MOST_ROUNDS, distinct};
use super::flux::build::Made;
use super::flux::spec::clean_path;
use super::scopes::Known;
use super::{foreign, kustomize};
use crate::model::{EntryKind, Manifest, ObjectKey, Place, Problem, Producer, ProducerSpec, Reason, clean};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What is known about Argo CD while an environment is rendered.
#[derive(Default)]
pub(super) struct Applications {
    waiting: VecDeque<(Application, Option<usize>)>,
    around: Option<Around>,
    /// The cluster that this environment is about; told by its first Applications.
    cluster: Option<String>,
    /// How objects are placed, by producer.
    placings: HashMap<usize, Placing>,
    /// Applications by producer, for what projects forbid.
    made: HashMap<usize, Application>,
}

/// What the repository as a whole says.
#[derive(Clone)]
struct Around {
    home: Arc<Home>,
    settings: Arc<Settings>,
}

impl Applications {
    /// The next Application to render.
    pub fn next(&mut self) -> Option<(Application, Option<usize>)> {
        self.waiting.pop_front()
    }

    /// Places objects again, now that all scopes are known; false for the producers of others.
    pub fn finish(&self, index: usize, producer: &mut Producer, scopes: &Known<'_>) -> bool {
        let Some(placing) = self.placings.get(&index) else { return false };
        let is_stale = |m: &Manifest| {
            let wide = scopes.is_cluster_wide(&m.key.group, &m.key.kind);
            wide != m.key.namespace.is_empty()
        };
        for manifest in &mut producer.objects {
            if is_stale(manifest) {
                placing.put(Arc::make_mut(manifest), scopes);
            }
        }
        true
    }
}

impl Engine<'_> {
    /// Starts with Applications that nothing in the repository makes.
    pub fn start_applications(&mut self, applications: &[Arc<Manifest>]) {
        for manifest in applications {
            self.objects.entry(manifest.key.clone()).or_insert_with(|| manifest.clone());
        }
        for manifest in applications {
            self.queue_application(manifest, None);
        }
    }

    /// Queues an Application, or names what is a set of them.
    pub fn queue_application(&mut self, manifest: &Manifest, parent: Option<usize>) {
        if let Some(application) = Application::of(manifest) {
            self.argo.waiting.push_back((application, parent));
        } else if spec::is_set(&manifest.key) {
            self.once(foreign::application_set(manifest, parent));
        } else {
            let cause = format!("{} has no source: Argo CD refuses it", manifest.key);
            let problem =
                Problem::error(Reason::InvalidObject, cause).next("give it spec.source or spec.sources");
            self.once(foreign::unrendered(manifest, parent, ProducerSpec::default(), problem));
        }
    }

    /// What the repository says about Argo CD itself; looked for once.
    fn around(&mut self) -> Around {
        if let Some(around) = &self.argo.around {
            return around.clone();
        }
        let all: Vec<Application> = self.survey.declared().filter_map(|m| Application::of(m)).collect();
        let tree = self.tree;
        let exists =
            |path: &str| tree.entry(path).ok().flatten().is_some_and(|e| e.kind == EntryKind::Folder);
        let declared: Vec<&Manifest> = self.survey.declared().map(|m| &**m).collect();
        let settings = Settings::of(declared.iter().copied());
        self.problems.extend(settings.problems.iter().cloned());
        let home = Home::of(&all, self.inputs.remotes, &exists);
        let around = Around { home: Arc::new(home), settings: Arc::new(settings) };
        self.argo.around = Some(around.clone());
        around
    }

    /// Renders an Application and notes it.
    pub fn application(&mut self, application: Application, parent: Option<usize>) {
        if let Some(first) = self.seen.get(&application.key) {
            self.declared_again(&application.key, &application.origin, *first, parent);
            return;
        }
        let index = self.producers.len();
        self.seen.insert(application.key.clone(), index);
        let around = self.around();
        let around = self.adopted(&application, around);
        let mut application = application;
        let mut made = self.make_application(&application, &around);
        for _ in 1..MOST_ROUNDS {
            // An Application that contains itself is followed as it patches itself.
            let own = made.objects.iter().find(|m| m.key == application.key);
            let Some(own) =
                own.filter(|own| !build::says_the_same(&application, own)).and_then(Application::of)
            else {
                break;
            };
            application = Application { origin: application.origin, ..own };
            made = self.make_application(&application, &around);
        }
        let objects: Vec<Arc<Manifest>> = made.objects.into_iter().map(Arc::new).collect();
        self.producers.push(Producer {
            key: application.key.clone(),
            parent,
            declared: application.origin.clone(),
            spec: application.producer(),
            objects: objects.clone(),
            problems: made.problems,
            complete: made.complete,
            reads: distinct(made.reads),
        });
        self.argo.placings.insert(index, self.placing(&application, &around));
        self.argo.made.insert(index, application);
        self.register(&objects, index);
    }

    /// Where no file names this repository, the first source with a folder that exists here is taken for it.
    fn adopted(&mut self, application: &Application, around: Around) -> Around {
        let exists =
            |path: &str| self.tree.entry(path).ok().flatten().is_some_and(|e| e.kind == EntryKind::Folder);
        let mut sources = application.sources.iter().filter(|s| !around.home.is(&s.url));
        let found = sources.find(|s| !s.path.is_empty() && exists(&clean_path(&s.path)));
        let Some((source, home)) = found.and_then(|s| Some((s, around.home.adopt(&s.url)?))) else {
            return around;
        };
        let cause = format!(
            "no remote of this repository is {}; it is taken for it, since {} exists here",
            clean(&source.url),
            clean(&source.path)
        );
        let origin = &application.origin;
        self.problems.push(note(Reason::Repository, cause).at(&origin.file, origin.line));
        let around = Around { home: Arc::new(home), ..around };
        self.argo.around = Some(around.clone());
        around
    }

    fn placing(&self, application: &Application, around: &Around) -> Placing {
        let origin = &application.origin;
        let place = Place { file: origin.file.clone(), line: origin.line, field: None };
        let instance = application.instance(&around.settings.namespace);
        let namespace = application.destination.namespace.clone();
        Placing::new(instance, namespace, place, around.settings.clone(), self.inputs.steps)
    }

    /// Renders, places, and drops what is there twice.
    fn make_application(&mut self, application: &Application, around: &Around) -> Made {
        if let Some(problem) = self.is_elsewhere(&application.destination, application) {
            return Made { problems: vec![problem], ..Made::default() };
        }
        let inputs = kustomize::Inputs {
            opener: self.inputs.opener,
            remotes: self.inputs.bases,
            steps: self.inputs.steps,
            ..kustomize::Inputs::new(&self.inputs.caches.documents)
        };
        let outside =
            Outside { tree: self.tree, home: &around.home, settings: &around.settings, inputs: &inputs };
        let mut made = build::render(application, &outside);
        let placing = self.placing(application, around);
        // Definitions of this Application; those of all others are known in the end.
        let own = Known::of(self.inputs.scopes, made.objects.iter());
        for manifest in &mut made.objects {
            placing.put(manifest, &own);
        }
        made.problems.extend(tracking::distinct(&mut made.objects));
        made
    }

    /// An environment is what one cluster gets: what goes elsewhere is named.
    fn is_elsewhere(&mut self, to: &Destination, application: &Application) -> Option<Problem> {
        let cluster = self.argo.cluster.get_or_insert_with(|| to.cluster.clone());
        if *cluster == to.cluster {
            return None;
        }
        let own =
            |name: &str| if name.is_empty() { "Argo CD's own cluster".to_owned() } else { name.to_owned() };
        let (to, here) = (own(&to.cluster), own(cluster));
        let cause = format!("not rendered: it goes to another cluster ({to}) than this environment ({here})");
        let problem = Problem::error(Reason::NotSupported, crate::model::clean(&cause));
        Some(problem.at(&application.origin.file, application.origin.line))
    }

    /// What projects forbid, once all scopes are known.
    pub fn check_projects(&mut self, scopes: &Known<'_>) {
        let namespace = self.argo.around.as_ref().map_or_else(String::new, |a| a.settings.namespace.clone());
        for (index, application) in &self.argo.made {
            let key = ObjectKey::new(spec::GROUP, "AppProject", &namespace, &application.project);
            let unplaced = ObjectKey { namespace: "".into(), ..key.clone() };
            let declared = || {
                let same = |m: &&Arc<Manifest>| {
                    project::is_project(m) && m.key.name == key.name && (m.key == key || m.key == unplaced)
                };
                self.survey.declared().find(same)
            };
            let rendered = self.objects.get(&key).or_else(|| self.objects.get(&unplaced));
            let Some(found) = rendered.or_else(declared) else { continue };
            let producer = &mut self.producers[*index];
            let objects = producer.objects.clone();
            producer.problems.extend(project::check(
                found,
                application,
                objects.iter().map(|m| &**m),
                scopes,
            ));
        }
    }
}
