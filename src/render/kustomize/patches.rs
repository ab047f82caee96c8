//! Patches in all three forms: which objects they are for, and what becomes of them (render.md 2.9).

use super::context::Context;
use super::decode::Text;
use super::documents::objects_of;
use super::entries::Patch;
use super::error::{BuildError, Cause};
use super::json_spelling::{respelled, spell_as_json};
use super::json6902::{self, Operation};
use super::loader::Loader;
use super::openapi::Schemas;
use super::parsed::Content;
use super::patched::{May, as_merged, merge_body, retyped, schema_for, unique};
use super::resmap::ResMap;
use super::resource::{Resource, child_map, normalize_string_map};
use super::selector::{self, Selector};
use super::trace;
use crate::yaml::{Limits, Map, Node, float_number};
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
        self.merge(&mut objects.list_mut()[place], &patch.body, patch, schemas)
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
            self.merge(resource, &retyped, patch, schemas)?;
        }
        objects.settle().map_err(|c| c.in_field(self.owner, self.entry.line, self.field))
    }

    /// Merges `patch`, which is what `written` says to this object.
    fn merge(
        &self,
        resource: &mut Resource,
        patch: &Node,
        written: &Resource,
        schemas: &Schemas,
    ) -> Result<(), BuildError> {
        if self.entry.allow_name_change || self.entry.allow_kind_change {
            resource.remember();
        }
        let may = May { name: self.entry.allow_name_change, kind: self.entry.allow_kind_change };
        let schema = schema_for(schemas, resource, patch, written);
        merge_body(resource, patch, may, &schema, (&self.file, self.field))
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
            trace::exposed(resource, true, |resource| {
                // The object is read anew from JSON, so nothing is shared any more.
                resource.shared.clear();
                resource.body = json6902::apply(operations, &resource.body).map_err(|error| {
                    let cause = match error.limit {
                        Some((what, limit)) => Cause::Limit { what, limit },
                        None => Cause::Patch(format!("{error}, for {}", resource.id)),
                    };
                    cause.in_field(&self.file, error.line, self.field)
                })?;
                spell_as_json(&mut resource.body, "annotations");
                if let Some(body) = respelled(&resource.body, float_number) {
                    resource.body = body;
                }
                Ok(())
            })?;
            normalize_string_map(&mut resource.body, "annotations");
            resource.refresh();
            if resource.name().is_empty() && !resource.body.is_null() {
                // Upstream crashes over it later.
                return Err(self.refuse("it takes the name away".to_owned(), self.entry.line));
            }
        }
        Ok(())
    }
}

/// Upstream keeps its notes in annotations, so an object with a history has the map, whatever its file says,
/// and a patch may add to it. An empty one is removed again.
fn with_annotations(resource: &mut Resource) {
    let noted = resource.is_noted() || resource.trace.is_some();
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
