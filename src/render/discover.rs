//! Discovery: which environments a repository has, and why each is one (render.md 9).

use super::argo;
use super::argo::entries::Entries;
use super::flux::spec::{Spec, clean_path};
use super::places::{cluster_of, common_folder, environment_of, is_known};
use super::recorded::{Record, Recorded, look};
use super::sources::{Home, is_source};
use super::survey::Survey;
use super::survey_cache::SurveyCache;
use crate::model::{
    EntryKind, Environment, Manifest, ObjectKey, Origin, Place, Problem, Reason, Severity, Tree, TreeError,
};
use crate::yaml::{Map, Node};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What was discovered.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The environments, by evidence and then by name.
    pub environments: Vec<Environment>,
    /// What is worth telling about the repository as a whole.
    pub problems: Vec<Problem>,
}

/// What rendering an environment starts from.
#[derive(Clone, Debug)]
pub(super) enum Seed {
    /// Flux Kustomizations that nothing in the repository makes.
    Flux(Vec<Spec>),
    /// Argo CD Applications and sets of them.
    Argo(Vec<Arc<Manifest>>),
    /// Folders with a kustomization, or with plain objects.
    Folders(Vec<String>),
}

/// An environment with what it starts from.
pub(super) type Found = (Environment, Seed);

/// Discovers the environments of a tree. `remotes` are the URLs of the repository itself, if it has any.
pub fn discover(tree: &dyn Tree, surveys: &SurveyCache, remotes: &[String]) -> Result<Discovery, TreeError> {
    let survey = surveys.of(tree)?;
    let environments: Vec<Environment> =
        seeds(tree, &survey, remotes).found.iter().map(|(environment, _)| environment.clone()).collect();
    let mut problems = foreign(&survey);
    if environments.is_empty() {
        let cause = "no Flux, Argo CD or kustomize entry and no folder of Kubernetes objects was found";
        let next = "name environments in .sealane.yaml";
        problems.push(Problem::warning(Reason::Repository, cause).next(next));
    }
    Ok(Discovery { environments, problems })
}

/// What other tools would make, by name and first file.
fn foreign(survey: &Survey) -> Vec<Problem> {
    let mut problems: Vec<Problem> = survey
        .foreign
        .iter()
        .map(|(what, (file, count))| {
            let cause = format!("not rendered yet: {what} ({count} files, the first is this)");
            Problem::warning(Reason::NotSupported, cause).at(file, 0)
        })
        .collect();
    if let Some(chart) = survey.charts.first() {
        let cause = format!("not rendered: {} Helm charts need Helm; the first is this", survey.charts.len());
        let file = if chart.is_empty() { "Chart.yaml".to_owned() } else { format!("{chart}/Chart.yaml") };
        problems.push(note(Reason::NeedsHelm, cause).at(&file, 0));
    }
    problems
}

/// All environments with what they start from, and what was looked at in the tree to find them.
pub(super) struct Seeds {
    pub found: Vec<Found>,
    /// Which sources are this repository.
    pub home: Home,
    remotes: Vec<String>,
    record: Record,
}

/// All environments with what they start from; remembered with the survey.
pub(super) fn seeds(tree: &dyn Tree, survey: &Survey, remotes: &[String]) -> Arc<Seeds> {
    let holds = |seeds: &Seeds| {
        seeds.remotes == remotes
            && seeds.record.iter().all(|(probe, sight)| look(tree, probe) == Some(*sight))
    };
    if let Some(known) = survey.seeds(holds) {
        return known;
    }
    let recorded = Recorded::new(tree);
    let found = find(&recorded, survey, remotes);
    let specs: Vec<Spec> = survey.declared().filter_map(|m| Spec::of(m)).collect();
    let sources = survey.declared().filter(|m| is_source(m)).map(|m| (m.key.clone(), m.clone())).collect();
    let exists =
        |path: &str| recorded.entry(path).ok().flatten().is_some_and(|e| e.kind == EntryKind::Folder);
    let home = Home::of(&specs, &sources, remotes, &exists);
    let record = recorded.finish();
    let is_kept = record.is_some();
    let seeds =
        Arc::new(Seeds { found, home, remotes: remotes.to_vec(), record: record.unwrap_or_default() });
    if is_kept {
        survey.keep_seeds(&seeds);
    }
    seeds
}

/// Flux entries, else Argo CD and kustomize roots, else folders.
fn find(tree: &dyn Tree, survey: &Survey, remotes: &[String]) -> Vec<Found> {
    let flux = flux(tree, survey, remotes);
    if !flux.is_empty() {
        return distinct(flux);
    }
    let Entries { environments: mut found, covered } = argo::entries::of(tree, survey, remotes);
    found.extend(kustomize(survey, &covered));
    if found.is_empty() {
        found = plain(survey);
    }
    distinct(found)
}

/// Environments of one name are told apart by their folders.
fn distinct(mut found: Vec<Found>) -> Vec<Found> {
    let mut count: HashMap<Arc<str>, usize> = HashMap::new();
    for (environment, _) in &found {
        *count.entry(environment.name.clone()).or_default() += 1;
    }
    for (environment, _) in &mut found {
        if count[&environment.name] > 1 && !environment.entry.is_empty() {
            environment.name = environment.entry.clone();
        }
    }
    found
}

pub(super) fn is_folder(tree: &dyn Tree, path: &str) -> bool {
    path.is_empty() || tree.entry(path).ok().flatten().is_some_and(|e| e.kind == EntryKind::Folder)
}

/// Entries of Flux: what a bootstrap syncs, and every Kustomization that no other one renders.
fn flux(tree: &dyn Tree, survey: &Survey, remotes: &[String]) -> Vec<Found> {
    let specs: Vec<Spec> = survey
        .declared()
        .filter(|manifest| !survey.in_chart(&manifest.origin.file))
        .filter_map(|manifest| Spec::of(manifest))
        // What is named by a variable is part of another one's folder.
        .filter(|spec| !spec.key.name.contains("${"))
        .collect();
    let mut instances = instances(tree, survey);
    instances.extend(bootstraps(survey, &specs));
    let sources: HashMap<ObjectKey, Arc<Manifest>> =
        survey.declared().filter(|m| is_source(m)).map(|m| (m.key.clone(), m.clone())).collect();
    let home = Home::of(&specs, &sources, remotes, &|path| is_folder(tree, path));
    let own: Vec<&Spec> = specs
        .iter()
        .filter(|spec| home.is(&spec.source, sources.get(&spec.source).map(|m| &**m)))
        .filter(|spec| is_folder(tree, &spec.path))
        .collect();
    let reach: Vec<BTreeSet<&str>> = own.iter().map(|spec| survey.reach(&spec.path)).collect();
    let mut graph = Graph { own: &own, reach: &reach, covered: vec![false; own.len()] };
    let mut found = Vec::new();
    for instance in instances {
        graph.cover_files(&survey.reach(&instance.path));
        let why = format!("{} syncs {}", declared_at(&instance), shown(&instance.path));
        let entry = instance.path.clone();
        found.push(flux_environment(&entry, why, vec![instance]));
    }
    let mut by_hand: BTreeMap<&str, Vec<Spec>> = BTreeMap::new();
    for place in graph.roots() {
        let spec = own[place];
        if spec.key.name == spec.source.name {
            let why = format!("{} syncs {} from {}", declared_at(spec), shown(&spec.path), spec.source);
            found.push(flux_environment(&spec.path, why, vec![spec.clone()]));
        } else {
            by_hand.entry(folder_of(&spec.origin.file)).or_default().push(spec.clone());
        }
    }
    for (folder, specs) in by_hand {
        let why = format!("{}: no other Kustomization renders it", declared_at(&specs[0]));
        let entry = if let [only] = specs.as_slice() { only.path.as_str() } else { folder };
        let entry = entry.to_owned();
        found.push(flux_environment(&entry, why, specs));
    }
    found.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    found
}

fn flux_environment(entry: &str, why: String, specs: Vec<Spec>) -> Found {
    let declared = specs.first().map_or("", |spec| folder_of(&spec.origin.file));
    let name = match (cluster_of(entry), declared.strip_suffix("/flux-system")) {
        ("cluster", Some(above)) => cluster_of(above),
        (name, _) => name,
    };
    let evidence = specs.first().map(|spec| place(&spec.origin.file, spec.origin.line));
    (Environment { name: name.into(), entry: entry.into(), why, evidence }, Seed::Flux(specs))
}

fn place(file: &str, line: u32) -> Place {
    Place { file: file.into(), line, field: None }
}

fn declared_at(spec: &Spec) -> String {
    if spec.origin.line == 0 {
        return format!("flux bootstrap was told so, as {} shows: {}", spec.origin.file, spec.key);
    }
    format!("{} in {}:{}", spec.key, spec.origin.file, spec.origin.line)
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the whole repository" } else { path }
}

pub(super) fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Which Kustomizations render which.
struct Graph<'s> {
    own: &'s [&'s Spec],
    reach: &'s [BTreeSet<&'s str>],
    covered: Vec<bool>,
}

impl Graph<'_> {
    fn cover_files(&mut self, files: &BTreeSet<&str>) {
        for place in 0..self.own.len() {
            if !self.covered[place] && files.contains(&*self.own[place].origin.file) {
                self.cover(place);
            }
        }
    }

    /// Marks a Kustomization and all that its folder leads to.
    fn cover(&mut self, place: usize) {
        self.covered[place] = true;
        let reach = self.reach;
        self.cover_files(&reach[place]);
    }

    /// Those that no other one renders; of a circle, the one that a bootstrap would make.
    fn roots(&mut self) -> Vec<usize> {
        let free: Vec<usize> = (0..self.own.len())
            .filter(|place| !self.covered[*place])
            .filter(|place| {
                let file = &*self.own[*place].origin.file;
                (0..self.own.len()).all(|other| other == *place || !self.reach[other].contains(file))
            })
            .collect();
        let mut roots = Vec::new();
        for place in free {
            self.cover(place);
            roots.push(place);
        }
        let mut rest: Vec<usize> = (0..self.own.len()).collect();
        rest.sort_by_key(|place| {
            (self.own[*place].key.name != self.own[*place].source.name, self.own[*place].path.len())
        });
        for place in rest {
            if !self.covered[place] {
                self.cover(place);
                roots.push(place);
            }
        }
        roots.sort_unstable();
        roots
    }
}

/// The Kustomizations that Flux instances make: `spec.sync`, or the same in the values of the instance's chart.
fn instances(tree: &dyn Tree, survey: &Survey) -> Vec<Spec> {
    survey
        .declared()
        .filter_map(|manifest| {
            let sync = match &*manifest.key.kind {
                "FluxInstance" => manifest.body.at_path(&["spec", "sync"])?,
                "HelmRelease" => manifest.body.at_path(&["spec", "values", "instance", "sync"])?,
                _ => return None,
            };
            let path = clean_path(sync.get("path")?.scalar_text()?);
            let text = |key: &str, other: &str| {
                sync.get(key).and_then(Node::scalar_text).unwrap_or(other).to_owned()
            };
            let namespace = match &*manifest.key.namespace {
                "" => "flux-system",
                namespace => namespace,
            };
            let name = text("name", namespace);
            let made = synced(&name, namespace, &text("kind", "GitRepository"), &path, &manifest.origin);
            is_folder(tree, &path).then(|| Spec::of(&made)).flatten()
        })
        .collect()
}

/// Folders that `flux bootstrap` was, or will be, told to sync: clusters with Flux objects, or with a
/// `flux-system` folder, whose Kustomization is not declared in the repository itself.
fn bootstraps(survey: &Survey, specs: &[Spec]) -> Vec<Spec> {
    let mut folders: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, facts) in &survey.files {
        let folder = folder_of(path);
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let file = path.rsplit('/').next().unwrap_or(path);
        if name == "flux-system" && matches!(file, "gotk-sync.yaml" | "gotk-components.yaml") {
            folders.insert(above, path);
        } else if above.rsplit('/').next() == Some("clusters")
            && facts.declared.iter().any(|manifest| Spec::of(manifest).is_some())
        {
            folders.entry(folder).or_insert(path);
        }
    }
    let declared = |folder: &str| {
        specs.iter().any(|spec| spec.path == folder && survey.reach(folder).contains(&*spec.origin.file))
    };
    let holds_flux = |folder: &str| {
        let reach = survey.reach(folder);
        specs.iter().any(|spec| reach.contains(&*spec.origin.file))
    };
    folders
        .into_iter()
        .filter(|(folder, _)| !declared(folder) && holds_flux(folder))
        .filter_map(|(folder, file)| {
            let origin = Origin { file: file.into(), ..Origin::default() };
            Spec::of(&synced("flux-system", "flux-system", "GitRepository", folder, &origin))
        })
        .collect()
}

/// The Kustomization that an instance makes of its `sync`.
fn synced(name: &str, namespace: &str, kind: &str, path: &str, origin: &Origin) -> Manifest {
    let map = |pairs: Vec<(&str, Node)>| Node::map(pairs.into_iter().collect::<Map>());
    let body = map(vec![
        ("apiVersion", Node::string("kustomize.toolkit.fluxcd.io/v1")),
        ("kind", Node::string("Kustomization")),
        ("metadata", map(vec![("name", Node::string(name)), ("namespace", Node::string(namespace))])),
        (
            "spec",
            map(vec![
                ("path", Node::string(path)),
                ("prune", Node::bool(true)),
                ("sourceRef", map(vec![("kind", Node::string(kind)), ("name", Node::string(name))])),
            ]),
        ),
    ]);
    let key = ObjectKey::new(super::flux::spec::GROUP, "Kustomization", namespace, name);
    Manifest {
        key,
        version: "v1".into(),
        body,
        origin: Origin { generated: true, ..origin.clone() },
        steps: Vec::new(),
    }
}

/// Folders whose kustomization no other one names and no Application builds, by the environment in their path.
fn kustomize(survey: &Survey, covered: &BTreeSet<String>) -> Vec<Found> {
    let (named, circles) = (survey.named(), survey.circles());
    let roots = survey.roots.keys().filter(|folder| {
        (!named.contains(*folder) || circles.contains(*folder))
            && !covered.contains(*folder)
            && !survey.is_component(folder)
            && !survey.in_chart(&format!("{folder}/x"))
            && !folder.split('/').any(|part| ASIDE.contains(&part))
    });
    let file = |folder: &str| survey.roots.get(folder).cloned().unwrap_or_else(|| folder.to_owned());
    let why = |count, first: &str| {
        format!("{count} kustomizations that no other one names, the first in {}", shown(first))
    };
    grouped(roots.cloned(), why, file)
}

/// More groups than this are no environments: a catalogue of variants, say.
const MOST_GROUPS: usize = 12;

/// In a catalogue, overlays that stand alone and are named like no environment are gathered in one.
fn gather_variants(groups: &mut BTreeMap<String, Vec<String>>) {
    if groups.len() <= MOST_GROUPS {
        return;
    }
    let alone: Vec<String> = groups
        .iter()
        .filter(|(name, folders)| folders.len() == 1 && !is_known(name))
        .map(|(name, _)| name.clone())
        .collect();
    for name in alone {
        let folders = groups.remove(&name).unwrap_or_default();
        groups.entry("default".to_owned()).or_default().extend(folders);
    }
    for folders in groups.values_mut() {
        folders.sort_unstable();
    }
}

fn grouped(
    folders: impl Iterator<Item = String>,
    why: impl Fn(usize, &str) -> String,
    evidence: impl Fn(&str) -> String,
) -> Vec<Found> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in folders {
        let name = environment_of(&folder).unwrap_or("default").to_owned();
        groups.entry(name).or_default().push(folder);
    }
    gather_variants(&mut groups);
    groups
        .into_iter()
        .map(|(name, folders)| {
            let entry = common_folder(folders.iter().map(String::as_str));
            let why = why(folders.len(), &folders[0]);
            let evidence = Some(place(&evidence(&folders[0]), 0));
            (Environment { name: name.into(), entry: entry.into(), why, evidence }, Seed::Folders(folders))
        })
        .collect()
}

/// Folders of these names hold no desired state.
pub(super) const ASIDE: [&str; 11] = [
    "docs",
    "doc",
    "examples",
    "example",
    "test",
    "tests",
    "testdata",
    "hack",
    "charts",
    "templates",
    "schemas",
];

/// Topmost folders whose YAML files are mostly objects.
fn plain(survey: &Survey) -> Vec<Found> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (path, facts) in &survey.files {
        if survey.in_chart(path) || path.split('/').any(|part| ASIDE.contains(&part)) {
            continue;
        }
        let mut folder = folder_of(path);
        loop {
            let count = counts.entry(folder.to_owned()).or_default();
            count.0 += usize::from(facts.is_objects);
            count.1 += 1;
            if folder.is_empty() {
                break;
            }
            folder = folder_of(folder);
        }
    }
    let mostly =
        |folder: &str| counts.get(folder).is_some_and(|(objects, all)| *objects > 0 && objects * 2 > *all);
    let mut tops: Vec<String> = Vec::new();
    for folder in counts.keys().filter(|folder| !folder.is_empty() && mostly(folder)) {
        if !tops.iter().any(|top| folder.starts_with(&format!("{top}/"))) {
            tops.push(folder.clone());
        }
    }
    if tops.is_empty() && mostly("") {
        tops.push(String::new());
    }
    let why = |count, first: &str| {
        format!("{count} folders whose files are mostly Kubernetes objects, the first {}", shown(first))
    };
    grouped(tops.into_iter(), why, str::to_owned)
}

/// A note that goes with what was taken for granted.
pub(super) fn note(reason: Reason, cause: String) -> Problem {
    Problem { severity: Severity::Note, ..Problem::warning(reason, cause) }
}
