//! `generators`, `transformers` and `validators`: built-in kinds as objects run natively, programs never (render.md 2.14).

use super::accumulate::{Accumulated, Target};
use super::config::FieldSpec;
use super::context::Context;
use super::decode::{Fields, Text};
use super::documents::objects_of;
use super::entries::{self, Generator, Pairs, Patch};
use super::error::{BuildError, Cause};
use super::generator::{Product, generate as make};
use super::model::Kustomization;
use super::names::{End, extend};
use super::namespace::{NamespaceTransformer, Subjects};
use super::patch_objects;
use super::patches::{self, in_place};
use super::resmap::ResMap;
use super::resource::Resource;
use super::steps::{self, By};
use super::trace::Place;
use super::{images, ksops, labels, replacements, replicas, shared, trace, value_add};
use crate::model::Origin;
use crate::yaml::{Map, Mark, Node};
use std::sync::Arc;

/// Runs the folder's `generators`.
pub fn generate(target: &Target<'_, '_>) -> Result<Vec<Resource>, BuildError> {
    let mut made = Vec::new();
    for plugin in load(target, &target.k.generators, "generators")? {
        if let Some(opener) = target.context.inputs.opener.filter(|_| ksops::is_one(&plugin)) {
            made.extend(
                ksops::generate(target, &plugin, opener)?.into_iter().map(|o| told(target, &plugin, o)),
            );
            continue;
        }
        let file = plugin.origin.file.clone();
        let product = match kind(&plugin) {
            Some("ConfigMapGenerator") => Product::ConfigMap,
            Some("SecretGenerator") => Product::Secret,
            Some("IAMPolicyGenerator") => {
                made.push(told(target, &plugin, gke_account(&plugin)));
                continue;
            }
            _ => {
                omit(target.context, &plugin)?;
                continue;
            }
        };
        let entry = generator(&plugin, &file)?;
        let k = Kustomization { file, ..Kustomization::default() };
        let mut object = make(target.context, &target.loader, &k, &entry, product)?;
        if let Some(by) = traced(target, &plugin) {
            trace::born(&mut object, &by);
        }
        made.push(told(target, &plugin, object));
    }
    Ok(made)
}

/// The object with the step that made it, if somebody asks.
fn told(target: &Target<'_, '_>, plugin: &Resource, mut object: Resource) -> Resource {
    if target.context.inputs.steps {
        object.step(&By::plugin(plugin), Vec::new());
    }
    object
}

/// Runs the folder's `transformers`.
pub fn transform(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    for plugin in load(target, &target.k.transformers, "transformers")? {
        if kind(&plugin).is_none() {
            omit(target.context, &plugin)?;
            continue;
        }
        run(target, &plugin, &mut into.objects)?;
        shared::sync_all(&mut into.objects);
        if let Some(by) = traced(target, &plugin) {
            into.objects.list_mut().iter_mut().for_each(|r| trace::touched(r, &by));
        }
        steps::keep(target.context, &mut into.objects, || By::plugin(&plugin));
        into.objects.drop_empties();
    }
    Ok(())
}

/// Validators are programs without exception, so there is none that could be run.
pub fn validate(target: &Target<'_, '_>) -> Result<(), BuildError> {
    load(target, &target.k.validators, "validators")?
        .iter()
        .try_for_each(|plugin| omit(target.context, plugin))
}

/// The plug-in objects of a field: inline texts, files, folders.
fn load(target: &Target<'_, '_>, entries: &[Text], field: &str) -> Result<Vec<Resource>, BuildError> {
    let limits = target.context.inputs.documents.limits();
    let mut found = Accumulated::default();
    let mut paths = Vec::new();
    for entry in entries {
        let inline = entry.contains(['\n', '{']);
        match objects_of(in_place(entry, false).as_bytes(), &target.k.file, limits) {
            Ok(mut objects) if inline => {
                if target.context.traced {
                    let name = target.k.file.rsplit('/').next().unwrap_or_default();
                    for object in &mut objects {
                        trace::born(object, &target.place.file(name));
                    }
                }
                let wrap = |c: Cause| c.in_field(&target.k.file, entry.line(), field);
                found.objects.append_all(objects).map_err(wrap)?;
            }
            Err(error) if inline => return Err(error),
            _ => paths.push(entry.clone()),
        }
    }
    target.resources(&mut found, &paths, field)?;
    Ok(found.objects.into_list())
}

/// The built-in kind, if it is one.
fn kind(plugin: &Resource) -> Option<&str> {
    let gvk = &plugin.id.gvk;
    let builtin = gvk.group.is_empty() && &*gvk.version == "builtin";
    (builtin && !gvk.kind.starts_with("Helm")).then_some(&gvk.kind)
}

fn omit(context: &Context<'_>, plugin: &Resource) -> Result<(), BuildError> {
    let gvk = &plugin.id.gvk;
    let name = format!("{} {}", gvk.api_version(), plugin.id);
    let cause = if &*gvk.version == "builtin" && gvk.kind.starts_with("Helm") {
        let chart = plugin.body.get("name").or_else(|| plugin.body.get("chartName")).and_then(Node::as_str);
        Cause::Helm(chart.unwrap_or(plugin.name()).to_owned())
    } else {
        Cause::Plugin(name.clone())
    };
    context.omit(&name, cause.at(&plugin.origin.file, plugin.origin.line))
}

fn traced(target: &Target<'_, '_>, plugin: &Resource) -> Option<Arc<str>> {
    if !target.context.traced {
        return None;
    }
    let path = plugin.trace.as_ref()?.origin.as_deref()?.trim_end().strip_prefix("path: ")?.to_owned();
    Some(Place::object(&path, plugin))
}

fn generator(plugin: &Resource, file: &str) -> Result<Generator, BuildError> {
    let f = Fields::lenient(file, "generator");
    let mut plain = plugin.body.clone();
    if let Some(map) = plain.as_map_mut() {
        // `env` is an old spelling that kustomizations know; in an object it says nothing.
        for field in ["apiVersion", "kind", "metadata", "env"] {
            map.remove(field);
        }
    }
    let mut entry = entries::generator(&f, &plain)?;
    let line = plugin.origin.line;
    let mark = Mark { file: Some(file.into()), line, column: 0 };
    let or = |own: Text, other: &Arc<str>| if own.is_empty() { Text::new(other.clone(), &mark) } else { own };
    entry.name = or(entry.name, &plugin.id.name);
    entry.namespace = or(entry.namespace, &plugin.id.namespace);
    entry.line = line;
    Ok(entry)
}

/// The service account that ties a GKE workload to a cloud account.
fn gke_account(plugin: &Resource) -> Resource {
    let text = |path: &[&str]| plugin.body.at_path(path).and_then(Node::scalar_text).unwrap_or("");
    let (account, project) = (text(&["serviceAccount", "name"]), text(&["serviceAccount", "projectId"]));
    let value = format!("{account}@{project}.iam.gserviceaccount.com");
    let annotations: Map = [("iam.gke.io/gcp-service-account", Node::string(value))].into_iter().collect();
    let mut metadata = Map::new();
    metadata.set("annotations", Node::map(annotations));
    metadata.set("name", Node::string(text(&["kubernetesService", "name"])));
    let namespace = text(&["kubernetesService", "namespace"]);
    if !namespace.is_empty() {
        metadata.set("namespace", Node::string(namespace));
    }
    let body: Map = [
        ("apiVersion", Node::string("v1")),
        ("kind", Node::string("ServiceAccount")),
        ("metadata", Node::map(metadata)),
    ]
    .into_iter()
    .collect();
    let origin = Origin { generated: true, ..plugin.origin.clone() };
    Resource::new(Node::map(body), origin)
}

/// One transformer object with what its fields are read with.
struct Plugin<'p> {
    body: &'p Node,
    f: Fields<'p>,
    file: Arc<str>,
    line: u32,
}

impl Plugin<'_> {
    fn specs(&self) -> Result<Vec<FieldSpec>, BuildError> {
        match Fields::field(self.body, "fieldSpecs") {
            Some(node) => self.f.list(node)?.iter().map(|item| FieldSpec::read(&self.f, item)).collect(),
            None => Ok(Vec::new()),
        }
    }

    fn text(&self, field: &str) -> Result<Text, BuildError> {
        Fields::field(self.body, field).map_or_else(|| Ok(Text::default()), |node| self.f.text(node))
    }

    fn pairs(&self, field: &str) -> Result<Pairs, BuildError> {
        Fields::field(self.body, field).map_or_else(|| Ok(Vec::new()), |n| self.f.text_map(n))
    }

    fn wrap(&self, cause: Cause) -> BuildError {
        cause.at(&self.file, self.line)
    }
}

fn run(target: &Target<'_, '_>, plugin: &Resource, objects: &mut ResMap) -> Result<(), BuildError> {
    let file = plugin.origin.file.clone();
    let kind = plugin.id.gvk.kind.clone();
    let p = Plugin {
        body: &plugin.body,
        f: Fields::lenient(&file, &kind),
        file: file.clone(),
        line: plugin.origin.line,
    };
    match &*kind {
        "LabelTransformer" => {
            labels::set_all(objects, &p.pairs("labels")?, &p.file, &p.specs()?).map_err(|c| p.wrap(c))
        }
        "AnnotationsTransformer" => {
            labels::set_all(objects, &p.pairs("annotations")?, &p.file, &p.specs()?).map_err(|c| p.wrap(c))
        }
        "PrefixTransformer" => affix(&p, objects, End::Prefix, "prefix"),
        "SuffixTransformer" => affix(&p, objects, End::Suffix, "suffix"),
        "NamespaceTransformer" => namespace(&p, objects),
        "ImageTagTransformer" => {
            let image = child(&p, "imageTag", entries::image)?;
            images::run(objects, &image, &p.specs()?).map_err(|c| p.wrap(c))
        }
        "ReplicaCountTransformer" => {
            let replica = child(&p, "replica", entries::replica)?;
            replicas::run(objects, &replica, &p.specs()?).map_err(|c| p.wrap(c))
        }
        "ReplacementTransformer" => {
            let entries = Fields::field(p.body, "replacements").and_then(Node::as_seq).unwrap_or_default();
            let loaded = replacements::load(target.context, &target.loader, entries, &p.file)?;
            replacements::run(objects, &loaded, None)
        }
        "PatchTransformer" | "PatchJson6902Transformer" => patch(target, &p, objects, &kind),
        "PatchStrategicMergeTransformer" => strategic(target, &p, objects),
        "ValueAddTransformer" => value_add::run(target, p.body, &p.file, objects),
        "PrefixSuffixTransformer" => {
            affix(&p, objects, End::Prefix, "prefix")?;
            affix(&p, objects, End::Suffix, "suffix")
        }
        _ => Err(p.wrap(Cause::Invalid(format!("there is no built-in {kind}")))),
    }
}

fn child<T: Default>(
    p: &Plugin<'_>,
    field: &str,
    read: impl Fn(&Fields<'_>, &Node) -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    Fields::field(p.body, field).map_or_else(|| Ok(T::default()), |node| read(&p.f, node))
}

fn affix(p: &Plugin<'_>, objects: &mut ResMap, end: End, field: &str) -> Result<(), BuildError> {
    if Fields::field(p.body, "fieldSpecs").is_none() {
        return Err(p.wrap(Cause::Invalid("fieldSpecs are missing".to_owned())));
    }
    extend(objects, end, &p.text(field)?, &p.file, &p.specs()?).map_err(|c| p.wrap(c))
}

fn namespace(p: &Plugin<'_>, objects: &mut ResMap) -> Result<(), BuildError> {
    let subjects = match &*p.text("setRoleBindingSubjects")? {
        "" | "defaultOnly" => Subjects::DefaultOnly,
        "allServiceAccounts" => Subjects::AllServiceAccounts,
        "none" => Subjects::None,
        other => {
            let what = format!("`{other}` is no value for setRoleBindingSubjects");
            return Err(p.wrap(Cause::Invalid(what)));
        }
    };
    let namespace =
        p.body.at_path(&["metadata", "namespace"]).map_or_else(|| Ok(Text::default()), |n| p.f.text(n))?;
    let unset_only = p.body.get("unsetOnly").and_then(Node::as_bool).unwrap_or(false);
    let specs = p.specs()?;
    NamespaceTransformer { namespace: &namespace, file: &p.file, specs: &specs, subjects, unset_only }
        .run(objects)
        .map_err(|c| p.wrap(c))
}

fn patch(
    target: &Target<'_, '_>,
    p: &Plugin<'_>,
    objects: &mut ResMap,
    kind: &str,
) -> Result<(), BuildError> {
    let json = kind == "PatchJson6902Transformer";
    let text = |field: &str| p.text(field).map(|t| (!t.is_empty()).then_some(t));
    let option = |field: &str| p.body.at_path(&["options", field]).and_then(Node::as_bool).unwrap_or(false);
    let entry = Patch {
        path: text("path")?,
        inline: text(if json { "jsonOp" } else { "patch" })?,
        target: Fields::field(p.body, "target").cloned(),
        allow_name_change: option("allowNameChange"),
        allow_kind_change: option("allowKindChange"),
        line: p.line,
        ..Patch::default()
    };
    let loaded = if json {
        patches::load_json(&target.loader, &entry, &p.file)?
    } else {
        patches::load(target.context, &target.loader, &entry, &p.file, "patches")?
    };
    loaded.run(objects, &target.context.schema)
}

fn strategic(target: &Target<'_, '_>, p: &Plugin<'_>, objects: &mut ResMap) -> Result<(), BuildError> {
    let mut loaded = Vec::new();
    if let Some(paths) = Fields::field(p.body, "paths") {
        for entry in p.f.texts(paths)? {
            loaded.extend(patch_objects::load(target.context, &target.loader, &entry, &p.file)?);
        }
    }
    let text = p.text("patches")?;
    if !text.is_empty() {
        let limits = target.context.inputs.documents.limits();
        loaded.extend(objects_of(in_place(&text, false).as_bytes(), &p.file, limits)?);
    }
    if loaded.is_empty() {
        return Err(p.wrap(Cause::Patch("it is empty".to_owned())));
    }
    patch_objects::merge_all(objects, &loaded, &target.context.schema, &mut |_, _| {})
}
