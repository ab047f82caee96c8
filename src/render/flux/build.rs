//! One Flux Kustomization to its objects: build, open, substitute, mark (render.md 6.3).

use super::generate::{Generated, generate};
use super::origins::Origins;
use super::spec::{GROUP, Spec};
use super::substitute::{self, Substituted, Variables};
use super::{sealed, variables};
use crate::model::{Because, Link, Manifest, ObjectKey, Opener, Problem, Reason, Severity, Step, Tree};
use crate::render::kustomize::{self, BuildOptions, Failure, Order};
use crate::yaml::{Map, Mark, Node};
use std::sync::Arc;

/// What one Kustomization makes.
#[derive(Default)]
pub struct Made {
    /// The objects, in the order of the build.
    pub objects: Vec<Manifest>,
    /// What is wrong; if it is not complete, the first error says why.
    pub problems: Vec<Problem>,
    /// True if all was rendered.
    pub complete: bool,
    /// Files read and folders listed.
    pub reads: Vec<Arc<str>>,
    /// The folder in the repository, if the path is one of an artifact that is put together.
    pub folder: Option<String>,
}

/// What rendering takes from outside.
pub struct Outside<'a> {
    /// Opens what is sealed.
    pub opener: Option<&'a dyn Opener>,
    /// Inputs of the build.
    pub inputs: &'a kustomize::Inputs<'a>,
    /// `ConfigMap`s and Secrets with variables.
    pub find: &'a dyn Fn(&ObjectKey) -> Option<Node>,
    /// The sealed file that one of them came out of.
    pub sealed: &'a dyn Fn(&ObjectKey) -> Option<Arc<str>>,
}

/// Renders a Kustomization out of its artifact.
pub fn render(tree: &dyn Tree, spec: &Spec, outside: &Outside<'_>) -> Made {
    let mut made = Made { complete: true, ..Made::default() };
    let Some(mut objects) = built(tree, spec, outside, &mut made) else {
        made.complete = false;
        return made;
    };
    for manifest in &mut objects {
        made.problems.extend(sealed::open(manifest, outside.opener, spec.decrypts()));
        step(manifest, "decryption", "spec.decryption", spec, outside);
    }
    if spec.post_build().is_some() {
        substitute_all(&mut objects, spec, outside, &mut made);
    }
    for manifest in &mut objects {
        common(manifest, spec);
        step(manifest, "commonMetadata", "spec.commonMetadata", spec, outside);
        let because = own(manifest, spec);
        step(manifest, "owner labels", "metadata", spec, outside);
        if let Some(last) = manifest.steps.last_mut() {
            last.because.extend(because);
        }
    }
    made.objects = objects;
    // The first error says why something is missing.
    made.problems.sort_by_key(|problem| problem.severity);
    made
}

/// Keeps what the object is now, if somebody asks and it is not what it was; `field` is what asks for the change.
fn step(manifest: &mut Manifest, by: &str, field: &str, spec: &Spec, outside: &Outside<'_>) {
    let is_same = manifest.steps.last().is_some_and(|last| last.body.is_shared_with(&manifest.body));
    if outside.inputs.steps && !is_same {
        manifest.steps.push(Step::new(by, spec.place_of(field), manifest.body.clone()));
    }
}

fn built(tree: &dyn Tree, spec: &Spec, outside: &Outside<'_>, made: &mut Made) -> Option<Vec<Manifest>> {
    let generated = match generate(tree, outside.inputs.documents, spec) {
        Ok(generated) => generated,
        Err(error) => {
            made.problems.push(error.problem());
            return None;
        }
    };
    let Generated { kustomization, reads } = generated;
    made.reads = reads;
    let options =
        BuildOptions { confined: false, order: Order::None, managed_by_label: false, partial: true };
    // Sealed sources of generators are opened only where the controller does it.
    let opener = outside.inputs.opener.filter(|_| spec.decrypts());
    let inputs = kustomize::Inputs { opener, ..*outside.inputs };
    match kustomize::build_generated(tree, &spec.path, &kustomization, &options, &inputs) {
        Ok(build) => {
            made.reads.extend(build.reads.iter().map(|(path, _)| path.clone()));
            made.complete = build.is_complete();
            made.problems.extend(build.omissions.iter().map(|omission| omission.error.problem()));
            made.problems.extend(build.warnings);
            Some(build.objects)
        }
        Err(failure) => {
            let strict = BuildOptions { partial: false, ..options };
            made.fail(&failure, || {
                kustomize::build_generated(tree, &spec.path, &kustomization, &strict, &inputs).err()
            });
            None
        }
    }
}

impl Made {
    /// Notes a build that failed. If it failed only after something was left out, that is the reason: building
    /// once more without leaving anything out tells.
    pub(in crate::render) fn fail(
        &mut self,
        failure: &Failure,
        strict: impl FnOnce() -> Option<Box<Failure>>,
    ) {
        self.complete = false;
        self.reads.extend(failure.reads.iter().map(|(path, _)| path.clone()));
        let first = strict().filter(|failure| failure.error.cause.is_outside());
        self.problems.extend(first.map(|failure| failure.error.problem()));
        self.problems.push(failure.error.problem());
    }
}

fn substitute_all(objects: &mut [Manifest], spec: &Spec, outside: &Outside<'_>, made: &mut Made) {
    let mut missing = Vec::new();
    let variables = variables::load(spec, outside.find, &mut missing);
    if let Some(name) = variables.invalid_name() {
        let cause = format!("`{name}` is no name for a variable: letters, digits and underscores only");
        made.problems
            .push(Problem::error(Reason::Substitution, cause).at(&spec.origin.file, spec.origin.line));
        made.complete = false;
        return;
    }
    let origins = outside.inputs.steps.then(|| Origins::of(spec, outside.find, outside.sealed));
    let always = spec.body.str_at(&["spec", "postBuild", "substituteStrategy"]) == Some("Always");
    let (mut holes, mut assumed) = (Vec::new(), Vec::new());
    if always || !variables.is_empty() {
        for manifest in objects.iter_mut().filter(|m| !opts_out(&m.body)) {
            let before = manifest.body.clone();
            let Some(done) = substitute_one(manifest, &variables, made) else { continue };
            if let Some(origins) = &origins {
                let mut step = Step::new("postBuild", spec.place_of("spec.postBuild"), manifest.body.clone());
                step.because = origins.used_in(&before);
                manifest.steps.push(step);
            }
            holes.extend(done.holes);
            assumed.extend(done.assumed);
        }
    }
    for names in [&mut holes, &mut assumed] {
        names.sort_unstable();
        names.dedup();
    }
    for problem in missing.iter_mut().filter(|p| p.severity == Severity::Warning && !assumed.is_empty()) {
        problem.cause = format!("{}; defaults are taken for {}", problem.cause, assumed.join(", "));
    }
    if !holes.is_empty() {
        // Values that are not known make what is rendered another thing than what is applied.
        made.complete = false;
        for problem in missing.iter_mut().filter(|p| p.severity == Severity::Warning) {
            problem.severity = Severity::Error;
            problem.cause = format!("{}; not known: {}", problem.cause, holes.join(", "));
        }
    }
    made.problems.extend(missing);
}

fn substitute_one(manifest: &mut Manifest, variables: &Variables, made: &mut Made) -> Option<Substituted> {
    let origin = manifest.origin.clone();
    let place = |mark: &crate::yaml::Mark| {
        (
            mark.file.clone().unwrap_or_else(|| origin.file.clone()),
            if mark.line > 0 { mark.line } else { origin.line },
        )
    };
    match substitute::substitute(&manifest.body, variables) {
        Ok(done) => {
            for (doubt, mark) in &done.doubts {
                let (file, line) = place(mark);
                made.problems.push(Problem::warning(Reason::Substitution, doubt).at(&file, line));
            }
            rename(manifest, done.body.clone());
            Some(done)
        }
        Err(error) => {
            let (file, line) = place(&error.mark);
            let cause = format!("{}: {}", manifest.key, error.cause);
            let next =
                "write $${ for a literal ${, or label it kustomize.toolkit.fluxcd.io/substitute: disabled";
            made.problems.push(Problem::error(Reason::Substitution, cause).at(&file, line).next(next));
            made.complete = false;
            None
        }
    }
}

/// Takes over a body whose name or namespace may have been variables.
fn rename(manifest: &mut Manifest, body: Node) {
    if let Some((key, version)) = ObjectKey::of(&body) {
        let namespace =
            if manifest.key.namespace.is_empty() { manifest.key.namespace.clone() } else { key.namespace };
        manifest.key = ObjectKey { namespace, ..key };
        manifest.version = version;
    } else if let Some(namespace) = body.str_at(&["metadata", "namespace"])
        && !manifest.key.namespace.is_empty()
    {
        // The name is made of a sealed value: the key keeps the expression, and only the cluster tells the name.
        manifest.key.namespace = namespace.into();
    }
    manifest.body = body;
}

fn opts_out(body: &Node) -> bool {
    ["labels", "annotations"].iter().any(|field| {
        body.str_at(&["metadata", field, "kustomize.toolkit.fluxcd.io/substitute"]) == Some("disabled")
    })
}

/// Common metadata, on top of what the objects have.
fn common(manifest: &mut Manifest, spec: &Spec) {
    for field in ["labels", "annotations"] {
        let common = spec.common_metadata(field).and_then(Node::as_map).cloned().unwrap_or_default();
        for entry in common.entries {
            set(&mut manifest.body, field, &entry.key.text, entry.value);
        }
    }
}

/// The labels by which the controller finds its objects again; and, where no file declares the Kustomization, that.
fn own(manifest: &mut Manifest, spec: &Spec) -> Option<Because> {
    let mut because = None;
    for (name, value) in [("name", &spec.key.name), ("namespace", &spec.key.namespace)] {
        let written = spec.body.at_path(&["metadata", name]).map(|node| &node.mark).filter(|m| m.line > 0);
        let nowhere = Mark { file: Some(spec.origin.file.clone()), line: spec.origin.line, column: 0 };
        if written.is_none() {
            because = Some(Because {
                of: nowhere.clone(),
                value: None,
                link: Link::Default,
                source: format!("no file declares {}: flux bootstrap or a FluxInstance makes it", spec.key),
                place: None,
                sealed: None,
            });
        }
        let label = Node::string(value.clone()).at(written.cloned().unwrap_or(nowhere));
        set(&mut manifest.body, "labels", &format!("{GROUP}/{name}"), label);
    }
    because
}

fn set(body: &mut Node, field: &str, key: &str, value: Node) {
    let Some(metadata) = body.as_map_mut().and_then(|map| map.get_mut("metadata")).and_then(Node::as_map_mut)
    else {
        return;
    };
    if metadata.get(field).is_none_or(|node| node.as_map().is_none()) {
        metadata.set(field, Node::map(Map::new()));
    }
    if let Some(map) = metadata.get_mut(field).and_then(Node::as_map_mut) {
        map.set(key, value);
    }
}
