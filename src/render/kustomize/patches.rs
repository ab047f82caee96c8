//! Patches in all three forms: which objects they are for, and what becomes of them (render.md 2.9).

use super::context::Context;
use super::decode::Text;
use super::documents::objects_of;
use super::entries::Patch;
use super::error::{BuildError, Cause};
use super::json6902::{self, Operation};
use super::loader::Loader;
use super::merge_keys::Schema;
use super::model::Kustomization;
use super::openapi::Schemas;
use super::parsed::Content;
use super::resmap::ResMap;
use super::resource::{Resource, child_map, is_nil_or_empty, normalize_string_map};
use super::selector::{self, Selector};
use super::steps::By;
use super::strategic;
use crate::yaml::{Limits, Map, Mark, Node, ScalarKind, to_json, to_masked_string};
use std::sync::Arc;

/// A patch entry, read.
pub struct Loaded<'p> {
    content: Content,
    entry: &'p Patch,
    /// The file the text stands in.
    file: Arc<str>,
    /// The kustomization that names it.
    owner: &'p Arc<str>,
    field: &'static str,
}

/// Reads an entry of `patches`. The text is tried as objects and as operations; it must be one of them.
pub fn load<'p>(
    context: &Context<'_>,
    loader: &Loader<'_>,
    entry: &'p Patch,
    owner: &'p Arc<str>,
    field: &'static str,
) -> Result<Loaded<'p>, BuildError> {
    let owner = entry.file.as_ref().unwrap_or(owner);
    let refuse = |what: &str| Cause::Patch(what.to_owned()).in_field(owner, entry.line, field);
    let inline = entry.inline.as_ref().filter(|text| !text.trim().is_empty());
    let documents = context.inputs.documents;
    let (read, file) = match (inline, &entry.path) {
        (None, None) => return Err(refuse("it needs `patch` or `path`")),
        (Some(_), Some(_)) => return Err(refuse("`patch` and `path` exclude each other")),
        (Some(text), None) => {
            let read = || {
                check_json(text.trim(), text, owner)?;
                parse(&in_place(text, true), owner, documents.limits())
            };
            (entry.read.content(read), owner.clone())
        }
        (None, Some(path)) => {
            let source = loader.load(path).map_err(|c| c.in_field(owner, path.line(), field))?;
            (documents.patch(&source), source.path)
        }
    };
    let holds = Result::clone(&read)?;
    Ok(Loaded { content: holds, entry, file, owner, field })
}

/// Reads an entry of `patchesJson6902`: a target with a name, and operations.
pub fn load_json<'p>(
    loader: &Loader<'_>,
    entry: &'p Patch,
    owner: &'p Arc<str>,
) -> Result<Loaded<'p>, BuildError> {
    let field = "patchesJson6902";
    let owner = entry.file.as_ref().unwrap_or(owner);
    let refuse = |what: &str| Cause::Patch(what.to_owned()).in_field(owner, entry.line, field);
    let named = entry.target.as_ref().and_then(|t| t.get("name")).and_then(Node::as_str);
    if named.is_none_or(str::is_empty) {
        return Err(refuse("the target needs a name"));
    }
    let (operations, file) = match (&entry.operations, &entry.inline, &entry.path) {
        (Some(node), _, _) => (json6902::from_node(node), owner.clone()),
        (None, None, None) => return Err(refuse("it needs `patch` or `path`")),
        (None, Some(_), Some(_)) => return Err(refuse("`patch` and `path` exclude each other")),
        (None, Some(text), None) => {
            check_json(text, text, owner)?;
            (json6902::parse(&in_place(text, false), owner), owner.clone())
        }
        (None, None, Some(path)) => {
            let source = loader.load(path).map_err(|c| c.in_field(owner, path.line(), field))?;
            (json6902::parse(&String::from_utf8_lossy(&source.bytes), &source.path), source.path)
        }
    };
    let operations = operations.map_err(|e| Cause::Patch(e.to_string()).in_field(&file, e.line, field))?;
    if operations.is_empty() {
        return Err(refuse("it is empty"));
    }
    Ok(Loaded { content: Content::Json(operations.into()), entry, file, owner, field })
}

/// Reads the text of a patch: as objects, else as operations.
pub fn parse(text: &str, file: &Arc<str>, limits: &Limits) -> Result<Content, BuildError> {
    let error = match objects_of(text.as_bytes(), file, limits) {
        Ok(objects) => return Ok(Content::Strategic(objects.into())),
        Err(error) => error,
    };
    match json6902::parse(text, file) {
        Ok(operations) => Ok(Content::Json(operations.into())),
        // What does not begin as a list was meant to be an object.
        Err(_) if !text.trim_start().starts_with(['-', '[']) => Err(not_a_patch(error)),
        Err(other) => Err(Cause::Patch(other.to_string()).in_field(file, other.line, "patches")),
    }
}

/// What begins with a bracket is JSON and nothing else (upstream's `jsonPatchFromBytes`): YAML in brackets is refused.
fn check_json(text: &str, entry: &Text, owner: &Arc<str>) -> Result<(), BuildError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Err(error) if text.starts_with('[') => {
            Err(Cause::Patch(format!("not JSON: {error}")).in_field(owner, entry.line(), "patches"))
        }
        _ => Ok(()),
    }
}

fn not_a_patch(error: BuildError) -> BuildError {
    BuildError { cause: Box::new(Cause::Patch(error.cause.to_string())), ..error }
}

/// An inline text, moved down to the line it stands on, so that marks point into the kustomization. Where
/// upstream trims it, a block at its end loses its last line break, which is part of the value.
pub fn in_place(text: &Text, trimmed: bool) -> String {
    let body = if trimmed { text.trim() } else { text };
    let skipped = if trimmed { text.len() - text.trim_start().len() } else { 0 };
    let above = text[..skipped].matches('\n').count();
    // A block starts on the line after its `|`.
    let first = usize::try_from(text.line()).unwrap_or(0) + above + usize::from(text.contains('\n'));
    format!("{}{body}", "\n".repeat(first.saturating_sub(1)))
}

impl Loaded<'_> {
    /// The file that its text stands in, if the entry names one.
    pub fn named_file(&self) -> Option<Arc<str>> {
        self.entry.path.as_ref().map(|_| self.file.clone())
    }

    /// Applies it.
    pub fn run(&self, objects: &mut ResMap, schemas: &Schemas) -> Result<(), BuildError> {
        match (&self.content, &self.entry.target) {
            (Content::Strategic(patches), None) => {
                patches.iter().try_for_each(|patch| self.one(objects, patch, schemas))
            }
            (Content::Strategic(patches), Some(target)) => {
                match &**patches {
                    [] => Ok(()),
                    [patch] => self.merge_into_selected(objects, patch, target, schemas),
                    _ => Err(self
                        .refuse("a patch with a target holds one object only".to_owned(), self.entry.line)),
                }
            }
            (Content::Json(_), None) => {
                Err(self.refuse("a JSON 6902 patch needs a target".to_owned(), self.entry.line))
            }
            (Content::Json(operations), Some(target)) => self.operate(objects, operations, target),
        }
    }

    fn refuse(&self, what: String, line: u32) -> BuildError {
        Cause::Patch(what).in_field(self.owner, line, self.field)
    }

    /// A patch that names its object itself.
    fn one(&self, objects: &mut ResMap, patch: &Resource, schemas: &Schemas) -> Result<(), BuildError> {
        let place = unique(objects, patch)?;
        self.merge(&mut objects.list_mut()[place], &patch.body, schemas)
    }

    fn merge_into_selected(
        &self,
        objects: &mut ResMap,
        patch: &Resource,
        target: &Node,
        schemas: &Schemas,
    ) -> Result<(), BuildError> {
        let places = self.selected(objects, target)?;
        let body = as_merged(&patch.body);
        for place in places {
            let resource = &mut objects.list_mut()[place];
            let retyped = retyped(&body, resource, &patch.id.gvk.kind);
            self.merge(resource, &retyped, schemas)?;
        }
        objects.settle().map_err(|c| c.in_field(self.owner, self.entry.line, self.field))
    }

    fn merge(&self, resource: &mut Resource, patch: &Node, schemas: &Schemas) -> Result<(), BuildError> {
        if self.entry.allow_name_change || self.entry.allow_kind_change {
            resource.remember();
        }
        let may = May { name: self.entry.allow_name_change, kind: self.entry.allow_kind_change };
        merge_body(resource, patch, may, schemas, (&self.file, self.field))
    }

    fn selected(&self, objects: &ResMap, target: &Node) -> Result<Vec<usize>, BuildError> {
        let selector = self.entry.read.selector(target).map_err(|e| self.refuse(e.to_string(), e.line))?;
        Ok(selected_by(objects, selector))
    }

    fn operate(
        &self,
        objects: &mut ResMap,
        operations: &[Operation],
        target: &Node,
    ) -> Result<(), BuildError> {
        // `patchesJson6902` alone does not remember the identity it may change.
        let remembers = self.field == "patches";
        for place in self.selected(objects, target)? {
            let resource = &mut objects.list_mut()[place];
            if remembers {
                resource.remember();
            }
            with_annotations(resource);
            resource.body = json6902::apply(operations, &resource.body).map_err(|error| {
                let what = format!("{error}, for {}", resource.id);
                Cause::Patch(what).in_field(&self.file, error.line, self.field)
            })?;
            spell_as_json(&mut resource.body);
            normalize_string_map(&mut resource.body, "annotations");
            resource.refresh();
        }
        Ok(())
    }
}

/// Upstream goes through JSON to patch, and annotations become texts right after: what is no text there is
/// spelled as JSON spells it, `null` for `~` and 8 for 010.
fn spell_as_json(body: &mut Node) {
    let plain = |node: &Node| node.as_scalar().is_some_and(|s| s.kind != ScalarKind::Str);
    let annotations = body.at_path(&["metadata", "annotations"]).and_then(Node::as_map);
    if !annotations.is_some_and(|map| map.iter().any(|(_, value)| plain(value))) {
        return;
    }
    let annotations = child_map(body, "metadata").get_mut("annotations").and_then(Node::as_map_mut);
    for entry in annotations.into_iter().flat_map(|map| &mut map.entries).filter(|e| plain(&e.value)) {
        let text = to_json(&entry.value);
        entry.value = Node::string(text.trim_matches('"')).at(entry.value.mark.clone());
    }
}

/// Upstream keeps its notes in annotations, so an object with a history has the map, whatever its file says,
/// and a patch may add to it. An empty one is removed again.
fn with_annotations(resource: &mut Resource) {
    let noted = !resource.history.is_empty()
        || resource.origin.generated
        || resource.trace.is_some()
        || !resource.prefixes.is_empty();
    if noted && resource.body.at_path(&["metadata", "annotations"]).and_then(Node::as_map).is_none() {
        child_map(&mut resource.body, "metadata").set("annotations", Node::map(Map::new()));
    }
}

/// Places of the objects that a target selects.
pub fn select(objects: &ResMap, target: &Node) -> Result<Vec<usize>, selector::SelectorError> {
    Ok(selected_by(objects, &Selector::parse(target)?))
}

fn selected_by(objects: &ResMap, selector: &Selector) -> Vec<usize> {
    objects.places(|r| selector.selects(&r.original(), &r.id, &r.body))
}

/// The place of the one object that a patch without target is for.
fn unique(objects: &ResMap, patch: &Resource) -> Result<usize, BuildError> {
    match objects.by_any_id(&patch.id).as_slice() {
        [place] => Ok(*place),
        several => {
            let target = format!("{} ({})", patch.id, patch.id.gvk.api_version());
            Err(Cause::PatchTarget { target, matches: several.len() }
                .at(&patch.origin.file, patch.origin.line))
        }
    }
}

/// What a patch may change of an identity.
#[derive(Clone, Copy, Default)]
struct May {
    name: bool,
    kind: bool,
}

/// Merges a patch into one object, keeping what a patch may not change.
fn merge_body(
    resource: &mut Resource,
    patch: &Node,
    may: May,
    schemas: &Schemas,
    (file, field): (&Arc<str>, &str),
) -> Result<(), BuildError> {
    let (name, namespace, kind) =
        (resource.id.name.clone(), resource.id.namespace.clone(), resource.id.gvk.kind.clone());
    let written = written(resource);
    let schema = schema_for(schemas, resource, patch);
    let merged = strategic::merge(patch, &resource.body, &schema)
        .map_err(|e| Cause::Patch(format!("{e}, for {}", resource.id)).in_field(file, e.line(), field))?;
    let Some(body) = merged.filter(|body| !is_nil_or_empty(body)) else {
        resource.body = Node::null();
        return Ok(());
    };
    resource.body = body;
    let text = |field: &[&str]| resource.body.at_path(field).and_then(Node::scalar_text).unwrap_or("");
    let (kept_kind, kept_name) = (text(&["kind"]) == &*kind, text(&["metadata", "name"]) == &*name);
    let kept_namespace = text(&["metadata", "namespace"]) == &*namespace;
    if !may.kind && !kept_kind {
        resource.set_kind(&kind);
    }
    if !may.name && !kept_name {
        resource.set_name(&name);
    }
    if !kept_namespace {
        resource.set_namespace(&namespace);
    }
    // What was put back is written where it was before.
    for (path, kept, mark) in [
        (NAME, may.name || kept_name, written.0),
        (NAMESPACE, kept_namespace, written.1),
        (KIND, may.kind || kept_kind, written.2),
    ] {
        if let (false, Some(mark)) = (kept, mark) {
            set_mark(&mut resource.body, path, mark);
        }
    }
    resource.refresh();
    Ok(())
}

const NAME: &[&str] = &["metadata", "name"];
const NAMESPACE: &[&str] = &["metadata", "namespace"];
const KIND: &[&str] = &["kind"];

/// Where name, namespace and kind are written.
fn written(resource: &Resource) -> (Option<Mark>, Option<Mark>, Option<Mark>) {
    let mark = |path: &[&str]| resource.body.at_path(path).map(|node| node.mark.clone());
    (mark(NAME), mark(NAMESPACE), mark(KIND))
}

fn set_mark(node: &mut Node, path: &[&str], mark: Mark) {
    match path.split_first() {
        None => node.mark = mark,
        Some((first, rest)) => {
            if let Some(child) = node.as_map_mut().and_then(|map| map.get_mut(first)) {
                set_mark(child, rest, mark);
            }
        }
    }
}

/// The schema of the object's kind; if that is unknown, of the patch's (upstream's `TestPatchTransformerSmpSidecars`).
fn schema_for(schemas: &Schemas, resource: &Resource, patch: &Node) -> Schema {
    let api_version = resource.id.gvk.api_version();
    let own = schemas.of(&api_version, &resource.id.gvk.kind);
    let other = patch.str_at(&["kind"]).filter(|kind| **kind != *resource.id.gvk.kind);
    match other {
        // Every kind that is known has owner references.
        Some(kind) if own.keys("metadata/ownerReferences").is_none() => schemas.of(&api_version, kind),
        _ => own,
    }
}

/// A patch as upstream copies it before merging: labels and annotations become texts, so that `null`
/// sets the text "null" and removes nothing (`CopyMergeMetaDataFieldsFrom`).
fn as_merged(patch: &Node) -> Node {
    let mut copy = patch.clone();
    normalize_string_map(&mut copy, "labels");
    normalize_string_map(&mut copy, "annotations");
    copy
}

/// The patch with the target's apiVersion; its kind stays.
fn retyped(patch: &Node, target: &Resource, kind: &str) -> Node {
    let api_version = target.id.gvk.api_version();
    let same = patch.str_at(&["apiVersion"]) == Some(&api_version) && patch.str_at(&["kind"]) == Some(kind);
    if same {
        return patch.clone();
    }
    let mut copy = patch.clone();
    if let Some(map) = copy.as_map_mut() {
        map.set("apiVersion", Node::string(api_version));
        map.set("kind", Node::string(kind));
    }
    copy
}

/// Applies all of `patchesStrategicMerge`: each entry is a text or a file, and each object must match exactly one.
pub fn strategic_merge(
    context: &Context<'_>,
    loader: &Loader<'_>,
    k: &Kustomization,
    objects: &mut ResMap,
) -> Result<(), BuildError> {
    let (mut patches, mut entries) = (Vec::new(), Vec::new());
    for (index, entry) in k.patches_strategic_merge.iter().enumerate() {
        let loaded = load_strategic(context, loader, entry, &k.file)?;
        entries.extend(loaded.iter().map(|_| (format!("patchesStrategicMerge[{index}]"), &entry.mark)));
        patches.extend(loaded);
    }
    for (index, node) in k.patch_objects.iter().enumerate() {
        let file = node.mark.file.as_ref().unwrap_or(&k.file);
        let loaded = objects_of(to_masked_string(node).as_bytes(), file, context.inputs.documents.limits())?;
        entries.extend(loaded.iter().map(|_| (format!("spec.patchesStrategicMerge[{index}]"), &node.mark)));
        patches.extend(loaded.into_iter().map(|mut patch| {
            remark(&mut patch.body, node);
            patch
        }));
    }
    if patches.is_empty() {
        let line = k.patches_strategic_merge.first().map_or(0, Text::line);
        let cause = Cause::Patch("all patches are empty".to_owned());
        return Err(cause.in_field(&k.file, line, "patchesStrategicMerge"));
    }
    let mut told = |number: usize, resource: &mut Resource| {
        let Some((entry, mark)) = entries.get(number).filter(|_| context.inputs.steps) else { return };
        let file = mark.file.clone().unwrap_or_else(|| k.file.clone());
        let through = Some(patches[number].origin.file.clone()).filter(|text| *text != file);
        let transformer = "PatchStrategicMergeTransformer";
        let by = By { transformer, file, line: mark.line, entry: entry.clone(), through };
        resource.step(&by, Vec::new());
    };
    merge_all(objects, &patches, &context.schema, &mut told)
}

/// Gives what was printed and read again the places of what was printed.
fn remark(new: &mut Node, old: &Node) {
    new.mark = old.mark.clone();
    if let Some(map) = new.as_map_mut() {
        for entry in &mut map.entries {
            if let Some(old) = old.get(&entry.key.text) {
                remark(&mut entry.value, old);
            }
        }
    } else if let Some(items) = new.as_seq_mut() {
        items.iter_mut().zip(old.as_seq().unwrap_or_default()).for_each(|(new, old)| remark(new, old));
    }
}

/// Applies objects as patches to the objects they name. `told` hears which one, by number, changed what.
pub fn merge_all(
    objects: &mut ResMap,
    patches: &[Resource],
    schemas: &Schemas,
    told: &mut dyn FnMut(usize, &mut Resource),
) -> Result<(), BuildError> {
    for (number, patch) in patches.iter().enumerate() {
        let place = unique(objects, patch)?;
        let resource = &mut objects.list_mut()[place];
        let body = retyped(&as_merged(&patch.body), resource, &patch.id.gvk.kind);
        merge_body(resource, &body, May::default(), schemas, (&patch.origin.file, "patchesStrategicMerge"))?;
        told(number, resource);
        objects.settle().map_err(|c| c.at(&patch.origin.file, patch.origin.line))?;
    }
    Ok(())
}

/// Reads one entry of `patchesStrategicMerge`: a text that holds objects, else a path.
pub fn load_strategic(
    context: &Context<'_>,
    loader: &Loader<'_>,
    entry: &Text,
    owner: &Arc<str>,
) -> Result<Vec<Resource>, BuildError> {
    let limits = context.inputs.documents.limits();
    if entry.contains(['\n', '{'])
        && let Ok(objects) = objects_of(in_place(entry, false).as_bytes(), owner, limits)
    {
        return Ok(objects);
    }
    let file = loader.load(entry).map_err(|c| c.in_field(owner, entry.line(), "patchesStrategicMerge"))?;
    let objects = context.inputs.documents.objects(&file);
    Result::clone(&objects)
}
