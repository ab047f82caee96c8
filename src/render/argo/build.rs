//! One Application to its objects: each source rendered alone, then joined.

use super::detect::{self, Tool};
use super::directory;
use super::edits::Edits;
use super::fields::{Fields, place};
use super::files::{self, Resolved};
use super::home::Home;
use super::hooks;
use super::options::Options;
use super::overrides;
use super::settings::Settings;
use super::spec::{Application, Source};
use super::variables::Variables;
use crate::model::{Manifest, Origin, Problem, Reason, Severity, Tree, clean};
use crate::render::flux::build::Made;
use crate::render::flux::{generate, sealed};
use crate::render::kustomize::{self, BuildOptions, Cause, Kustomization};
use crate::yaml::Node;

/// What rendering takes from outside of the Application.
pub(in crate::render) struct Outside<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Which sources they are.
    pub home: &'a Home,
    /// What Argo CD itself is told.
    pub settings: &'a Settings,
    /// Inputs of builds.
    pub inputs: &'a kustomize::Inputs<'a>,
}

const ELSEWHERE: &str = "look at its objects in the cluster";

/// Renders an Application. Namespaces and marks are not set yet.
pub(in crate::render) fn render(app: &Application, outside: &Outside<'_>) -> Made {
    let mut made = Made { complete: true, problems: app.problems.clone(), ..Made::default() };
    if app.is_hydrated() {
        let cause =
            "not rendered: its manifests come out of a branch that Argo CD writes (spec.sourceHydrator)";
        made.problems.push(
            Problem::error(Reason::NotSupported, cause).at(&app.origin.file, app.origin.line).next(ELSEWHERE),
        );
    }
    if made.problems.iter().any(|p| p.severity == Severity::Error) {
        made.complete = false;
        return made;
    }
    let mut unnamed = Vec::new();
    for source in &app.sources {
        let mut part = One { app, source, outside, unnamed: Vec::new() };
        part.render(&mut made);
        unnamed.append(&mut part.unnamed);
    }
    for manifest in &mut made.objects {
        made.problems
            .extend(sealed::refuse(manifest, "seal it so that Argo CD opens it: ksops, Sealed Secrets"));
    }
    leave_out_hooks(&mut made, unnamed, app);
    made.complete &= !made.problems.iter().any(|p| p.severity == Severity::Error);
    made.problems.sort_by_key(|problem| problem.severity);
    made
}

/// What is run is not compared; it is told.
fn leave_out_hooks(made: &mut Made, unnamed: Vec<(Node, Origin)>, app: &Application) {
    let mut told = Vec::new();
    for manifest in std::mem::take(&mut made.objects) {
        match hooks::role(&manifest.body) {
            Some(role) => told.push(format!("{} ({role})", manifest.key)),
            None => made.objects.push(manifest),
        }
    }
    for (body, origin) in unnamed {
        let kind = body.str_at(&["kind"]).unwrap_or("?");
        let prefix = body.str_at(&["metadata", "generateName"]);
        if let (Some(prefix), Some(role)) = (prefix, hooks::role(&body)) {
            told.push(format!("{kind}/{prefix}* ({role})"));
            continue;
        }
        let cause = match prefix {
            Some(prefix) => {
                format!("the {kind} {prefix}* gets another name at each sync: it cannot be compared")
            }
            None => format!("the {kind} has no metadata.name: Argo CD cannot apply it"),
        };
        made.problems.push(Problem::error(Reason::InvalidObject, cause).at(&origin.file, origin.line));
    }
    if !told.is_empty() {
        let cause = format!("not compared, as Argo CD compares none of them: {}", told.join(", "));
        let note = Problem { severity: Severity::Note, ..Problem::warning(Reason::NotSupported, cause) };
        made.problems.push(note.at(&app.origin.file, app.origin.line));
    }
}

/// One source of an Application.
struct One<'a> {
    app: &'a Application,
    source: &'a Source,
    outside: &'a Outside<'a>,
    unnamed: Vec<(Node, Origin)>,
}

impl One<'_> {
    fn at(&self, problem: Problem, key: &str) -> Problem {
        let node = self.source.node.get(key).unwrap_or(&self.source.node);
        let path =
            if key.is_empty() { self.source.field.clone() } else { format!("{}.{key}", self.source.field) };
        Problem { place: Some(place(&self.app.origin, node, &path)), ..problem }
    }

    fn render(&mut self, made: &mut Made) {
        let source = self.source;
        if !source.chart.is_empty() {
            let revision = if source.revision.is_empty() { "newest" } else { &*source.revision };
            let cause =
                format!("not rendered: needs Helm (chart {} {revision} of {})", &*source.chart, &*source.url);
            return made.problems.push(self.helm(clean(&cause), "chart"));
        }
        // It only lends its files to the others.
        if self.app.has_several && source.path.is_empty() && !source.reference.is_empty() {
            return;
        }
        if !self.outside.home.is(&source.url) {
            let at =
                if source.revision.is_empty() { String::new() } else { format!(" at {}", &*source.revision) };
            let folder =
                if source.path.is_empty() { String::new() } else { format!(", folder {}", &*source.path) };
            let cause = format!("not rendered: another repository ({}{at}{folder})", &*source.url);
            let problem = Problem::error(Reason::NeedsNetwork, clean(&cause)).next(ELSEWHERE);
            return made.problems.push(self.at(problem, "repoURL"));
        }
        if self.outside.home.is_elsewhere(&source.revision) {
            let cause =
                format!("reads the revision {}; rendered from the one that is looked at", &*source.revision);
            let problem = Problem::warning(Reason::Repository, clean(&cause));
            made.problems.push(self.at(problem, "targetRevision"));
        }
        match self.folder() {
            Ok(folder) => self.render_folder(&folder, made),
            Err(problem) => made.problems.push(*problem),
        }
    }

    fn helm(&self, cause: String, key: &str) -> Problem {
        let next = "look at the live objects for what it made";
        self.at(Problem::error(Reason::NeedsHelm, cause).next(next), key)
    }

    /// The folder of the source, links followed.
    fn folder(&self) -> Result<String, Box<Problem>> {
        let refuse = |why: &str| {
            let cause = format!("the path {} {why}", clean(&self.source.path));
            Box::new(self.at(Problem::error(Reason::MissingFile, cause), "path"))
        };
        if self.source.path.starts_with('/') {
            return Err(refuse("is absolute: Argo CD refuses it"));
        }
        match files::resolve(self.outside.tree, &self.source.path) {
            Ok(Resolved::Folder(folder)) => Ok(folder),
            Ok(Resolved::File(..)) => Err(refuse("is no folder")),
            Ok(Resolved::Nothing) => Err(refuse("does not exist")),
            Ok(Resolved::Outside) => Err(refuse("leaves the repository")),
            Err(error) => {
                Err(Box::new(self.at(Problem::error(Reason::Repository, error.to_string()), "path")))
            }
        }
    }

    fn render_folder(&mut self, folder: &str, made: &mut Made) {
        made.reads.push(folder.into());
        let instance = self.app.instance(&self.outside.settings.namespace);
        let merged =
            overrides::merged(self.outside.tree, folder, &instance, &self.source.node, &mut made.reads);
        let node = match merged {
            Ok(node) => node,
            Err(problem) => return made.problems.push(problem),
        };
        match detect::tool(self.outside.tree, folder, &node, &self.outside.settings.disabled) {
            Err(several) => {
                let cause = format!("`{}` is for several tools: {several}", self.source.field);
                made.problems
                    .push(self.at(Problem::error(Reason::InvalidObject, cause).next("keep one of them"), ""));
            }
            Ok(Tool::Helm) => {
                let cause = format!("not rendered: needs Helm (the chart in {folder})");
                made.problems.push(self.helm(cause, "path"));
            }
            Ok(Tool::Plugin) => {
                let name = node.str_at(&["plugin", "name"]).unwrap_or("found by Argo CD");
                let cause = format!("not rendered: needs a plug-in ({})", clean(name));
                let problem = Problem::error(Reason::NeedsPlugin, cause).next(ELSEWHERE);
                made.problems.push(self.at(problem, "plugin"));
            }
            Ok(Tool::Directory) => self.directory(folder, &node, made),
            Ok(Tool::Kustomize) => self.kustomize(folder, &node, made),
        }
    }

    fn directory(&mut self, folder: &str, node: &Node, made: &mut Made) {
        let mut fields = Fields::new(&self.app.origin);
        let options = directory::Options::of(node, &self.source.field, &mut fields);
        let is_sound = fields.is_sound();
        made.problems.append(&mut fields.problems);
        if !is_sound {
            return;
        }
        let inputs = self.outside.inputs;
        let mut read =
            directory::read(self.outside.tree, folder, &options, inputs.documents.limits(), inputs.steps);
        // Jsonnet apart, what Argo CD cannot read keeps it from rendering anything.
        let fails = |p: &Problem| p.severity == Severity::Error && p.reason != Reason::NeedsJsonnet;
        if !read.problems.iter().any(fails) {
            made.objects.append(&mut read.objects);
            self.unnamed.append(&mut read.unnamed);
        }
        made.problems.append(&mut read.problems);
        made.reads.append(&mut read.reads);
    }

    fn variables(&self) -> Variables {
        let (app, source) = (self.app, self.source);
        Variables::new(vec![
            ("ARGOCD_APP_NAME", app.instance(&self.outside.settings.namespace)),
            ("ARGOCD_APP_NAMESPACE", app.destination.namespace.clone()),
            ("ARGOCD_APP_PROJECT_NAME", app.project.clone()),
            ("ARGOCD_APP_SOURCE_REPO_URL", source.url.to_string()),
            ("ARGOCD_APP_SOURCE_PATH", source.path.to_string()),
            ("ARGOCD_APP_SOURCE_TARGET_REVISION", source.revision.to_string()),
        ])
    }

    fn kustomize(&mut self, folder: &str, node: &Node, made: &mut Made) {
        let mut fields = Fields::new(&self.app.origin);
        let options =
            Options::of(node, &self.source.field, &self.app.origin.file, &mut fields).unwrap_or_default();
        let is_sound = fields.is_sound();
        made.problems.append(&mut fields.problems);
        if !is_sound {
            return;
        }
        let edited = match self.edited(folder, &options, made) {
            Ok(edited) => edited,
            Err(problem) => return made.problems.push(*problem),
        };
        let settings = self.outside.settings;
        let asked = settings.build_options();
        let taken = self.build(folder, edited.as_ref(), &asked, made);
        // Where `argocd-cm` is not in the repository, it may well allow what kustomize alone refuses.
        if let Some(refused) = taken {
            let free = BuildOptions { confined: false, ..asked };
            if settings.is_declared || self.build(folder, edited.as_ref(), &free, made).is_some() {
                return made.problems.push(refused);
            }
            let next = "argocd-cm is not in this repository; it has to say so in kustomize.buildOptions";
            made.problems.push(Problem {
                severity: Severity::Warning,
                cause: format!(
                    "{}: Argo CD builds it only with --load-restrictor LoadRestrictionsNone",
                    refused.cause
                ),
                next: next.to_owned(),
                ..refused
            });
        }
    }

    /// The kustomization with the block's changes; `None` if it has none.
    fn edited(
        &self,
        folder: &str,
        options: &Options,
        made: &mut Made,
    ) -> Result<Option<Kustomization>, Box<Problem>> {
        if !options.edits() {
            return Ok(None);
        }
        let existing = generate::existing(self.outside.tree, folder, &mut made.reads);
        let Some((file, bytes)) = existing.map_err(|error| Box::new(error.problem()))? else {
            let cause = format!("the folder {folder} has no kustomization");
            return Err(Box::new(self.at(Problem::error(Reason::MissingFile, cause), "path")));
        };
        let mut k = match Kustomization::read(&bytes, &file, self.outside.inputs.documents.limits()) {
            Ok(k) => k,
            // What is empty becomes something by the edits.
            Err(error) if matches!(*error.cause, Cause::EmptyKustomization) => {
                Kustomization { file, ..Kustomization::default() }
            }
            Err(error) => return Err(Box::new(error.problem())),
        };
        let variables = self.variables();
        let mut edits = Edits {
            tree: self.outside.tree,
            folder,
            origin: &self.app.origin,
            variables: &variables,
            holes: Vec::new(),
        };
        edits.run(&mut k, options)?;
        let mut holes = edits.holes;
        holes.sort_unstable();
        holes.dedup();
        if !holes.is_empty() {
            let cause =
                format!("known to Argo CD alone, and another one at each commit: {}", holes.join(", "));
            made.problems.push(self.at(Problem::error(Reason::Substitution, cause), "kustomize"));
        }
        Ok(Some(k))
    }

    /// Builds; gives back why not if a file lies outside of the folder that names it.
    fn build(
        &self,
        folder: &str,
        edited: Option<&Kustomization>,
        options: &BuildOptions,
        made: &mut Made,
    ) -> Option<Problem> {
        let settings = self.outside.settings;
        let opener = self.outside.inputs.opener.filter(|_| settings.runs_plugins());
        let inputs = kustomize::Inputs { opener, ..*self.outside.inputs };
        let run = |options: &BuildOptions| match edited {
            Some(k) => kustomize::build_generated(self.outside.tree, folder, k, options, &inputs),
            None => kustomize::build_recorded(self.outside.tree, folder, options, &inputs),
        };
        match run(options) {
            Ok(build) => {
                made.reads.extend(build.reads.iter().map(|(path, _)| path.clone()));
                made.complete &= build.is_complete();
                made.problems.extend(build.omissions.iter().map(|omission| omission.error.problem()));
                made.problems.extend(build.warnings);
                made.objects.extend(build.objects);
            }
            Err(failure) if matches!(*failure.error.cause, Cause::Outside { .. }) => {
                return Some(failure.error.problem());
            }
            Err(failure) => {
                let strict = BuildOptions { partial: false, ..options.clone() };
                made.fail(&failure, || run(&strict).err());
            }
        }
        None
    }
}

/// True if two declarations of one Application say the same.
pub(in crate::render) fn says_the_same(a: &Application, b: &Manifest) -> bool {
    let spec = |body: &Node| body.get("spec").map(crate::yaml::to_masked_string);
    spec(&a.body) == spec(&b.body)
}
