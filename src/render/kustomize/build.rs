//! A whole build: the outermost folder, then what happens once at the top (render.md 2.2).

use super::accumulate::{Accumulated, Target, read};
use super::context::{BuildOptions, Context, Inputs, Omission, Order};
use super::error::BuildError;
use super::loader::Loader;
use super::model::Kustomization;
use super::reads::ReadSet;
use super::resource::{Resource, child_map};
use super::steps::By;
use super::trace::{self, Place};
use super::{folded, references, reveal, sort};
use crate::model::{Because, Link, Manifest, ObjectKey, Problem, Reason, Tree};
use crate::yaml::{Map, Mark, Node, to_masked_string};
use std::rc::Rc;
use std::sync::Arc;

/// What a folder builds to.
#[derive(Debug, Default)]
pub struct Build {
    /// The objects in output order.
    pub objects: Vec<Manifest>,
    /// What was read.
    pub reads: ReadSet,
    /// What is worth telling although the build succeeded.
    pub warnings: Vec<Problem>,
    /// What a partial build left out; if there is anything, the objects are not all.
    pub omissions: Vec<Omission>,
}

impl Build {
    /// True if nothing was left out.
    pub fn is_complete(&self) -> bool {
        self.omissions.is_empty()
    }
}

/// A build that failed, with what it had read: the error stays as long as the read set holds.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: BuildError,
    /// What was read and found absent.
    pub reads: ReadSet,
}

/// Builds a folder of a tree, as `kustomize build` does.
pub fn build(
    tree: &dyn Tree,
    dir: &str,
    options: &BuildOptions,
    inputs: &Inputs<'_>,
) -> Result<Build, BuildError> {
    build_recorded(tree, dir, options, inputs).map_err(|failure| failure.error)
}

/// The same, with the read set of a failed build too.
pub fn build_recorded(
    tree: &dyn Tree,
    dir: &str,
    options: &BuildOptions,
    inputs: &Inputs<'_>,
) -> Result<Build, Box<Failure>> {
    let context = Context::new(options, inputs);
    let reads = context.reads.clone();
    let result = start(context, tree, dir, None);
    finish(result, &reads)
}

/// Builds a kustomization that is not a file of the tree, as if it stood in `dir`: what Flux generates.
pub fn build_generated(
    tree: &dyn Tree,
    dir: &str,
    kustomization: &Kustomization,
    options: &BuildOptions,
    inputs: &Inputs<'_>,
) -> Result<Build, Box<Failure>> {
    let context = Context::new(options, inputs);
    let reads = context.reads.clone();
    let result = start(context, tree, dir, Some(kustomization));
    finish(result, &reads)
}

type Reads = Rc<std::cell::RefCell<ReadSet>>;

fn finish(result: Result<Build, BuildError>, reads: &Reads) -> Result<Build, Box<Failure>> {
    let reads = reads.take();
    match result {
        Ok(build) => Ok(Build { reads, ..build }),
        Err(error) => Err(Box::new(Failure { error, reads })),
    }
}

fn start(
    mut context: Context<'_>,
    tree: &dyn Tree,
    dir: &str,
    generated: Option<&Kustomization>,
) -> Result<Build, BuildError> {
    let confined = context.options.confined;
    let loader = Loader::new(tree, dir, confined, Some(context.reads.clone()), "")
        .map_err(|cause| cause.at(dir, 0))?;
    let model = match generated {
        Some(kustomization) => Arc::new(Ok(kustomization.clone())),
        None => read(&context, &loader)?,
    };
    let k = match &*model {
        Ok(k) => k,
        Err(error) => return Err(error.clone()),
    };
    context.traced = !k.build_metadata.is_empty();
    for (field, line) in &k.deprecated {
        context.note(deprecated(&k.file, field, *line));
    }
    let made = Target { context: &context, loader, k, place: Place::default() }.run(Accumulated::default())?;
    let resources = top(&context, k, made)?;
    let objects = resources.into_iter().filter_map(manifest).collect();
    let (warnings, omissions) = context.into_findings();
    Ok(Build { objects, warnings, omissions, ..Build::default() })
}

fn deprecated(file: &str, field: &str, line: u32) -> Problem {
    let instead = match field {
        "bases" => "resources",
        "commonLabels" => "labels",
        "imageTags" => "images",
        "vars" => "replacements",
        _ => "patches",
    };
    Problem::warning(Reason::InvalidKustomization, format!("`{field}` is deprecated"))
        .at(file, line)
        .next(format!("use `{instead}`"))
}

/// Hash suffixes, references, vars, local objects, order, labels and annotations: once, after all recursion.
fn top(context: &Context<'_>, k: &Kustomization, made: Accumulated) -> Result<Vec<Resource>, BuildError> {
    let Accumulated { mut objects, config, vars } = made;
    let config = config.unwrap_or_default();
    let wrap = |cause: super::error::Cause| cause.at(&k.file, 0);
    let by = |transformer: &'static str| context.inputs.steps.then(|| By::whole(transformer, k));
    let hash = by("name suffix hash");
    objects.list_mut().iter_mut().filter(|r| r.needs_hash).for_each(|r| add_hash(r, hash.as_ref()));
    references::fix(&mut objects, &config, by("name reference").as_ref()).map_err(wrap)?;
    vars.resolve(&mut objects, &config.var_reference, by("vars").as_ref())?;
    objects.list_mut().retain(|resource| !is_local(&resource.body));
    match (&k.sort, context.options.order) {
        (Some(chosen), _) => sort::chosen(&mut objects, chosen).map_err(wrap)?,
        (None, Order::Legacy) => sort::legacy(&mut objects).map_err(wrap)?,
        (None, Order::None) => {}
    }
    let asked = |option: &str| k.build_metadata.iter().find(|text| &***text == option).map(|t| &t.mark);
    let mut list = objects.into_list();
    for resource in &mut list {
        let managed = asked("managedByLabel");
        if context.options.managed_by_label || managed.is_some() {
            managed_by(&mut resource.body, managed);
        }
        trace::write(resource, asked("originAnnotations"), asked("transformerAnnotations"));
        folded::settle(&mut resource.body);
        if let Some(by) = by("buildMetadata") {
            resource.step(&by, Vec::new());
        }
    }
    Ok(list)
}

/// What stands for a hash that only the owner of a key can know (render.md 2.6).
pub const UNKNOWN_HASH: &str = "??????????";

fn add_hash(resource: &mut Resource, told: Option<&By<'_>>) {
    let hash = if resource.closed { None } else { reveal::name_hash(&resource.body) };
    resource.remember();
    let name = format!("{}-{}", resource.name(), hash.as_deref().unwrap_or(UNKNOWN_HASH));
    resource.set_name(&name);
    if let Some((by, node)) = told.zip(resource.body.at_path(&["metadata", "name"])) {
        let because = Because {
            of: node.mark.clone(),
            value: node.scalar_text().map(Into::into),
            link: Link::Hash,
            source: hashed(&resource.body),
            place: None,
            sealed: resource.origin.sealed.clone(),
        };
        resource.step(by, vec![because]);
    }
}

/// What the hash is made of, in words.
fn hashed(body: &Node) -> String {
    let count = ["data", "binaryData", "stringData"]
        .iter()
        .filter_map(|field| Some(body.get(field)?.as_map()?.len()))
        .sum::<usize>();
    match (count, body.get("data").or_else(|| body.get("stringData")).is_some()) {
        (1, _) => "a hash of its one value".to_owned(),
        (count, true) => format!("a hash of its {count} values"),
        _ => "a hash of its content".to_owned(),
    }
}

/// Objects for tools only: any value of the annotation but "false".
fn is_local(body: &Node) -> bool {
    let value = body.at_path(&["metadata", "annotations", "config.kubernetes.io/local-config"]);
    value.is_some_and(|v| v.as_scalar().is_none_or(|s| &*s.text != "false"))
}

fn managed_by(body: &mut Node, mark: Option<&Mark>) {
    let metadata = child_map(body, "metadata");
    if metadata.get("labels").and_then(Node::as_map).is_none() {
        metadata.set("labels", Node::map(Map::new()));
    }
    if let Some(labels) = metadata.get_mut("labels").and_then(Node::as_map_mut) {
        labels.set(
            "app.kubernetes.io/managed-by",
            Node::string("kustomize-v5.8.1").at(mark.cloned().unwrap_or_default()),
        );
    }
}

fn manifest(resource: Resource) -> Option<Manifest> {
    let (key, version) = ObjectKey::of(&resource.body)?;
    // A namespace on a kind that has none is not part of its identity.
    let namespace = if resource.id.cluster { "".into() } else { key.namespace };
    Some(Manifest {
        key: ObjectKey { namespace, ..key },
        version,
        body: resource.body,
        origin: resource.origin,
        steps: resource.steps,
    })
}

/// The text that `kustomize build` prints, secrets masked.
pub fn to_text(build: &Build) -> String {
    let texts: Vec<String> = build.objects.iter().map(|object| to_masked_string(&object.body)).collect();
    texts.join("---\n")
}
