//! `patchesStrategicMerge`: objects that are merged into the ones they name (render.md 2.9).

use super::context::Context;
use super::decode::Text;
use super::documents::objects_of;
use super::error::{BuildError, Cause};
use super::loader::Loader;
use super::model::Kustomization;
use super::openapi::Schemas;
use super::patched::{May, as_merged, merge_body, retyped, schema_for, unique};
use super::patches::in_place;
use super::resmap::ResMap;
use super::resource::Resource;
use super::steps::By;
use crate::yaml::{Node, to_masked_string};
use std::sync::Arc;

/// Applies all of `patchesStrategicMerge`: each entry is a text or a file, and each object must match exactly one.
pub fn run(
    context: &Context<'_>,
    loader: &Loader<'_>,
    k: &Kustomization,
    objects: &mut ResMap,
) -> Result<(), BuildError> {
    let (mut patches, mut entries) = (Vec::new(), Vec::new());
    for (index, entry) in k.patches_strategic_merge.iter().enumerate() {
        let loaded = load(context, loader, entry, &k.file)?;
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
        let schema = schema_for(schemas, resource, &body, patch);
        merge_body(resource, &body, May::default(), &schema, (&patch.origin.file, "patchesStrategicMerge"))?;
        told(number, resource);
        objects.settle().map_err(|c| c.at(&patch.origin.file, patch.origin.line))?;
    }
    Ok(())
}

/// Reads one entry of `patchesStrategicMerge`: a text that holds objects, else a path.
pub fn load(
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
