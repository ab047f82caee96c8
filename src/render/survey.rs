//! A look over all files of a tree: which Flux and Argo CD objects they declare, which folders have a
//! kustomization and what it names, which files hold plain objects. Nothing is rendered.

use super::discover::Seeds;
use super::flux::spec::clean_path;
use super::kustomize::{FILE_NAMES, Kustomization, remote};
use super::survey_cache::{Folder, Print, SurveyCache, short};
use crate::model::{ContentId, EntryKind, Manifest, ObjectKey, Origin, Tree, TreeError};
use crate::yaml::{Dialect, Limits, read_stream};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Objects of controllers that it declares.
    pub declared: Vec<Arc<Manifest>>,
    /// True if it holds objects and nothing else, as far as a glance tells.
    pub is_objects: bool,
    /// What it names, if it is a kustomization.
    pub kustomization: Option<Refs>,
    /// True if it is, or is a template of, an Argo CD Application.
    pub makes_applications: bool,
    /// A digest of all this.
    pub print: Print,
}

/// What a survey makes of an entry of a folder.
pub(super) enum Found {
    /// A file that is looked at.
    File,
    /// A folder that is looked into.
    Folder(Folder),
    /// Something that is passed over.
    Nothing,
}

/// What a kustomization names.
#[derive(Debug, Default, Clone)]
pub(super) struct Refs {
    /// `resources` and `components`, as written.
    pub entries: Vec<Arc<str>>,
    /// True for a component.
    pub component: bool,
}

/// All that was found.
#[derive(Default)]
pub(super) struct Survey {
    /// YAML files by path.
    pub files: BTreeMap<String, Arc<Facts>>,
    /// Folders with a kustomization, and its file.
    pub roots: BTreeMap<String, String>,
    /// Folders of charts, whose templates are no manifests.
    pub charts: BTreeSet<String>,
    /// What other tools would make: the first file and how many there are.
    pub foreign: BTreeMap<&'static str, (String, usize)>,
    /// What rendering starts from, once it was looked for.
    seeds: Mutex<Option<Arc<Seeds>>>,
}

impl Survey {
    /// What rendering starts from, if it is known and still holds.
    pub fn seeds(&self, holds: impl Fn(&Seeds) -> bool) -> Option<Arc<Seeds>> {
        let seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        seeds.clone().filter(|seeds| holds(seeds))
    }

    /// Keeps what rendering starts from.
    pub fn keep_seeds(&self, seeds: &Arc<Seeds>) {
        *self.seeds.lock().unwrap_or_else(PoisonError::into_inner) = Some(seeds.clone());
    }

    /// Looks over a tree.
    pub fn of(tree: &dyn Tree, cache: &SurveyCache) -> Result<Self, TreeError> {
        let mut survey = Self::default();
        survey.folder(tree, "", cache)?;
        Ok(survey)
    }

    fn folder(&mut self, tree: &dyn Tree, folder: &str, cache: &SurveyCache) -> Result<(), TreeError> {
        let entries = tree.list(folder)?.unwrap_or_default();
        let is_chart = entries.iter().any(|(name, _)| is_chart_file(name));
        if is_chart {
            self.charts.insert(folder.to_owned());
        }
        for (name, entry) in entries {
            let path = join(folder, &name);
            match entry.kind {
                EntryKind::Folder if is_chart && &*name == "templates" => {
                    self.templates(tree, &path, cache)?;
                }
                EntryKind::Folder if is_chart && &*name == "charts" => {}
                EntryKind::Folder if passes(&name) => {}
                EntryKind::Folder => self.folder(tree, &path, cache)?,
                EntryKind::File if is_yaml(&name) => {
                    let facts = cache.facts(tree, &path, entry)?;
                    if FILE_NAMES.contains(&&*name) && facts.kustomization.is_some() {
                        self.roots.insert(folder.to_owned(), path.clone());
                    }
                    if &*name == "fleet.yaml" {
                        self.saw("bundles of Fleet", &path);
                    }
                    self.files.insert(path, facts);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn saw(&mut self, what: &'static str, path: &str) {
        self.foreign.entry(what).or_insert_with(|| (path.to_owned(), 0)).1 += 1;
    }

    /// Templates of a chart are no manifests; whether they make Applications is worth knowing.
    fn templates(&mut self, tree: &dyn Tree, folder: &str, cache: &SurveyCache) -> Result<(), TreeError> {
        for (name, entry) in tree.list(folder)?.unwrap_or_default() {
            let path = join(folder, &name);
            if entry.kind == EntryKind::Folder {
                self.templates(tree, &path, cache)?;
            } else if entry.kind == EntryKind::File
                && is_yaml(&name)
                && cache.facts(tree, &path, entry)?.makes_applications
            {
                self.saw("Argo CD Applications made by Helm charts", &path);
            }
        }
        Ok(())
    }

    /// All declared objects, by path of their files.
    pub fn declared(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.files.values().flat_map(|facts| &facts.declared)
    }

    /// Files that rendering a folder reads, told by what the kustomizations name.
    pub fn reach(&self, folder: &str) -> BTreeSet<&str> {
        let mut files = BTreeSet::new();
        let mut folders = vec![folder.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            if !seen.insert(folder.clone()) {
                continue;
            }
            let Some((path, refs)) = self.refs(&folder) else {
                self.below(&folder, &mut files, &mut folders);
                continue;
            };
            files.insert(path);
            for entry in refs.entries.iter().filter(|e| !remote::is_url(e) && !remote::is_repository(e)) {
                let target = clean_path(&join(&folder, entry));
                match self.files.get_key_value(&target) {
                    Some((path, _)) => drop(files.insert(path)),
                    None if self.roots.contains_key(&target) => folders.push(target),
                    None => {}
                }
            }
        }
        files
    }

    fn refs(&self, folder: &str) -> Option<(&str, &Refs)> {
        let path = self.roots.get(folder)?;
        Some((path, self.files.get(path)?.kustomization.as_ref()?))
    }

    /// All below a folder without a kustomization, as Flux takes it.
    fn below<'s>(&'s self, folder: &str, files: &mut BTreeSet<&'s str>, folders: &mut Vec<String>) {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside = |path: &str| {
            let mut part = path;
            while let Some((above, _)) = part.rsplit_once('/') {
                if above.len() <= folder.len() {
                    break;
                }
                if self.roots.contains_key(above) {
                    return Some(above.to_owned());
                }
                part = above;
            }
            None
        };
        for path in
            self.files.range(prefix.clone()..).map(|(path, _)| path).take_while(|p| p.starts_with(&prefix))
        {
            match inside(path) {
                Some(root) => folders.push(root),
                None => drop(files.insert(path)),
            }
        }
    }

    /// Folders that other kustomizations name, and files that they name.
    pub fn named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for (folder, path) in &self.roots {
            let Some(refs) = self.files.get(path).and_then(|f| f.kustomization.as_ref()) else { continue };
            named.extend(refs.entries.iter().map(|entry| clean_path(&join(folder, entry))));
        }
        named
    }

    /// Of kustomizations that name each other and that nothing outside of their circle leads to, the first one:
    /// without it the circle would be seen by nobody.
    pub fn circles(&self) -> BTreeSet<String> {
        let named = self.named();
        let mut seen = BTreeSet::new();
        let mut circles = BTreeSet::new();
        let tops = self.roots.keys().filter(|folder| !named.contains(*folder));
        for (folder, is_top) in tops.map(|f| (f, true)).chain(self.roots.keys().map(|f| (f, false))) {
            if !is_top && !seen.contains(folder) {
                circles.insert(folder.clone());
            }
            let mut open = vec![folder.clone()];
            while let Some(next) = open.pop() {
                if seen.insert(next.clone())
                    && let Some((_, refs)) = self.refs(&next)
                {
                    open.extend(refs.entries.iter().map(|entry| clean_path(&join(&next, entry))));
                }
            }
        }
        circles
    }

    /// True if the folder's kustomization is a component.
    pub fn is_component(&self, folder: &str) -> bool {
        self.refs(folder).is_some_and(|(_, refs)| refs.component)
    }

    /// True if the path lies in a folder of a Helm chart.
    pub fn in_chart(&self, path: &str) -> bool {
        let mut part = path;
        while let Some((above, _)) = part.rsplit_once('/') {
            if self.charts.contains(above) {
                return true;
            }
            part = above;
        }
        self.charts.contains("")
    }
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

pub(super) fn is_chart_file(name: &str) -> bool {
    name == "Chart.yaml"
}

/// Folders that are not looked into.
pub(super) fn passes(name: &str) -> bool {
    name.starts_with('.') || name == "node_modules"
}

pub(super) fn is_yaml(name: &str) -> bool {
    // Flux and kustomize compare endings as they are written.
    matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml"))) || FILE_NAMES.contains(&name)
}

/// What marks a file that is worth reading: groups of controllers that declare what others render.
const MARKS: [&str; 5] = [
    "toolkit.fluxcd.io",
    "source.extensions.fluxcd.io",
    "fluxcd.controlplane.io",
    "argoproj.io/",
    "argocd-cm",
];

impl Facts {
    /// What a file says, as far as a survey wants to know.
    pub fn glance(bytes: &[u8], path: &Arc<str>, id: ContentId) -> Self {
        let mut facts = glance(bytes, path);
        facts.print = facts.digest(id);
        facts
    }

    /// Objects of controllers stand with all they say; of everything else only what a survey tells.
    fn digest(&self, id: ContentId) -> Print {
        let mut hash = Sha256::new();
        if !self.declared.is_empty() {
            hash.update(id.0);
        }
        hash.update([u8::from(self.is_objects), u8::from(self.makes_applications)]);
        if let Some(refs) = &self.kustomization {
            hash.update([1, u8::from(refs.component)]);
            for entry in &refs.entries {
                hash.update(entry.as_bytes());
                hash.update([0]);
            }
        }
        short(&hash.finalize())
    }
}

fn glance(bytes: &[u8], path: &Arc<str>) -> Facts {
    let text = String::from_utf8_lossy(bytes);
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut facts = Facts::default();
    if FILE_NAMES.contains(&name) && !is_controller_object(&text) {
        facts.kustomization = Some(match Kustomization::read(bytes, path, &Limits::default()) {
            Ok(k) => Refs {
                entries: k.resources.iter().chain(&k.components).map(|t| t.text.clone()).collect(),
                component: k.component,
            },
            Err(_) => Refs::default(),
        });
        return facts;
    }
    facts.is_objects = is_objects(&text);
    facts.makes_applications = text.contains("argoproj.io/") && text.contains("kind: Application");
    if MARKS.iter().any(|mark| text.contains(mark)) {
        facts.declared = declared(bytes, path);
    }
    facts
}

/// A file of this name can also hold a Flux Kustomization.
fn is_controller_object(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("apiVersion: kustomize.toolkit.fluxcd.io/"))
}

/// Every document begins like an object: told by lines, without reading YAML.
fn is_objects(text: &str) -> bool {
    let (mut kinds, mut versions) = (0, 0);
    for line in text.lines() {
        kinds += usize::from(line.starts_with("kind:"));
        versions += usize::from(line.starts_with("apiVersion:"));
    }
    kinds > 0 && kinds == versions
}

fn declared(bytes: &[u8], path: &Arc<str>) -> Vec<Arc<Manifest>> {
    let stream = read_stream(bytes, path, Dialect::Resource, &Limits::default());
    stream
        .documents
        .into_iter()
        .filter_map(|document| {
            let (key, version) = ObjectKey::of(&document.root)?;
            let is_settings = key.group.is_empty() && &*key.kind == "ConfigMap" && &*key.name == "argocd-cm";
            let of_controller = |mark: &&str| key.group.ends_with(mark.trim_end_matches('/'));
            let is_ours = is_settings || MARKS.iter().any(of_controller);
            let line = document.root.as_map()?.entries.first().map_or(document.line, |e| e.key.line);
            let origin = Origin { file: path.clone(), line, ..Origin::default() };
            is_ours
                .then(|| Arc::new(Manifest { key, version, body: document.root, origin, steps: Vec::new() }))
        })
        .collect()
}
