//! One patch merged into one object: the schema it is merged by, and what it may not change (render.md 2.9).

use super::error::{BuildError, Cause};
use super::merge_keys::Schema;
use super::openapi::Schemas;
use super::resmap::ResMap;
use super::resource::{Resource, is_nil_or_empty, normalize_string_map};
use super::strategic;
use super::trace;
use crate::yaml::{Mark, Node};
use std::sync::Arc;

/// What a patch may change of an identity.
#[derive(Clone, Copy, Default)]
pub struct May {
    /// Its name.
    pub name: bool,
    /// Its kind.
    pub kind: bool,
}

/// Merges a patch into one object, keeping what a patch may not change.
pub fn merge_body(
    resource: &mut Resource,
    patch: &Node,
    may: May,
    schema: &Schema,
    (file, field): (&Arc<str>, &str),
) -> Result<(), BuildError> {
    let (name, namespace, kind) =
        (resource.id.name.clone(), resource.id.namespace.clone(), resource.id.gvk.kind.clone());
    let written = written(resource);
    // Upstream puts the patch in place of its own handle of the object, and the object stays as it was.
    if patch.str_at(&["$patch"]) == Some("replace") {
        return Ok(());
    }
    trace::exposed(resource, false, |resource| {
        let merged = strategic::merge(patch, &resource.body, schema)
            .map_err(|e| Cause::Patch(format!("{e}, for {}", resource.id)).in_field(file, e.line(), field))?;
        resource.body = merged.filter(|body| !is_nil_or_empty(body)).unwrap_or_else(Node::null);
        Ok(())
    })?;
    if resource.body.is_null() {
        return Ok(());
    }
    if resource.body.str_at(&["apiVersion"]) == Some("")
        && let Some(map) = resource.body.as_map_mut()
    {
        // Upstream gives the patch the target's version as a text without a tag.
        map.set("apiVersion", Node::null());
    }
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
/// Comments of the object's file, then of the patch's (`written`), stand in place of it.
pub fn schema_for(schemas: &Schemas, resource: &Resource, patch: &Node, written: &Resource) -> Schema {
    let api_version = resource.id.gvk.api_version();
    let own = schemas.of(&api_version, &resource.id.gvk.kind);
    let other = patch.str_at(&["kind"]).filter(|kind| **kind != *resource.id.gvk.kind);
    let known = match other {
        // Every kind that is known has owner references.
        Some(kind) if own.keys("metadata/ownerReferences").is_none() => schemas.of(&api_version, kind),
        _ => own,
    };
    [resource, written]
        .into_iter()
        .filter_map(|r| r.commented.as_ref())
        .flat_map(|c| c.iter())
        .fold(known, Schema::with_comment)
}

/// The place of the one object that a patch without target is for.
pub fn unique(objects: &ResMap, patch: &Resource) -> Result<usize, BuildError> {
    match objects.by_any_id(&patch.id).as_slice() {
        [place] => Ok(*place),
        several => {
            let target = format!("{} ({})", patch.id, patch.id.gvk.api_version());
            Err(Cause::PatchTarget { target, matches: several.len() }
                .at(&patch.origin.file, patch.origin.line))
        }
    }
}

/// A patch as upstream copies it before merging: labels and annotations become texts, so that `null`
/// sets the text "null" and removes nothing (`CopyMergeMetaDataFieldsFrom`).
pub fn as_merged(patch: &Node) -> Node {
    let mut copy = patch.clone();
    normalize_string_map(&mut copy, "labels");
    normalize_string_map(&mut copy, "annotations");
    copy
}

/// The patch with the target's apiVersion; its kind stays.
pub fn retyped(patch: &Node, target: &Resource, kind: &str) -> Node {
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
