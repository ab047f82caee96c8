//! The transformers of one folder, in kustomize's fixed order (render.md 2.2, step 5).

use super::accumulate::{Accumulated, Target};
use super::error::{BuildError, Cause};
use super::names::{End, extend};
use super::namespace::{NamespaceTransformer, Subjects};
use super::{annotations, images, labels, patches, plugins, replacements, replicas, shared, trace};

/// Runs them all, then the `transformers` and `validators` of the folder.
pub fn run(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    let k = target.k;
    // Everything is read before anything is changed, so that a missing file is found first.
    let patches: Vec<_> = k
        .patches
        .iter()
        .map(|entry| patches::load(target.context, &target.loader, entry, &k.file, "patches"))
        .collect::<Result<_, _>>()?;
    let json: Vec<_> = k
        .patches_json6902
        .iter()
        .map(|entry| patches::load_json(&target.loader, entry, &k.file))
        .collect::<Result<_, _>>()?;
    let replace = replacements::load(target.context, &target.loader, &k.replacements, &k.file)?;

    if !k.patches_strategic_merge.is_empty() {
        target.context.forgive(patches::strategic_merge(
            target.context,
            &target.loader,
            k,
            &mut into.objects,
        ))?;
        done(target, into, "PatchStrategicMergeTransformer")?;
    }
    for patch in &patches {
        target.context.forgive(patch.run(&mut into.objects, &target.context.schema))?;
        done(target, into, "PatchTransformer")?;
    }
    place_and_name(target, into)?;
    labels_and_annotations(target, into)?;
    for patch in &json {
        target.context.forgive(patch.run(&mut into.objects, &target.context.schema))?;
        done(target, into, "PatchJson6902Transformer")?;
    }
    counts_and_images(target, into)?;
    if !replace.is_empty() {
        target.context.forgive(replacements::run(&mut into.objects, &replace))?;
        done(target, into, "ReplacementTransformer")?;
    }
    plugins::transform(target, into)?;
    plugins::validate(target)
}

/// After each transformer: what it emptied goes, and it leaves its trace.
pub fn done(target: &Target<'_, '_>, into: &mut Accumulated, kind: &str) -> Result<(), BuildError> {
    let worked = target.context.budget.work(into.objects.list().len());
    worked.map_err(|c| c.at(&target.k.file, 0))?;
    shared::sync_all(&mut into.objects);
    if target.context.traced {
        let by = target.place.builtin(target.k, kind);
        into.objects.list_mut().iter_mut().for_each(|r| trace::touched(r, &by));
    }
    if target.context.inputs.steps {
        into.objects.list_mut().iter_mut().for_each(|r| r.step(kind, &target.k.file, 0));
    }
    into.objects.drop_empties();
    Ok(())
}

fn place_and_name(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    let (k, config) = (target.k, into.config.clone().unwrap_or_default());
    if let Some(namespace) = &k.namespace {
        let transformer = NamespaceTransformer {
            namespace,
            file: &k.file,
            specs: &config.namespace,
            subjects: Subjects::DefaultOnly,
            unset_only: false,
        };
        transformer.run(&mut into.objects).map_err(|c| c.in_field(&k.file, namespace.line, "namespace"))?;
        done(target, into, "NamespaceTransformer")?;
    }
    let affixes = [
        (&k.name_prefix, End::Prefix, &config.name_prefix, "namePrefix", "PrefixTransformer"),
        (&k.name_suffix, End::Suffix, &config.name_suffix, "nameSuffix", "SuffixTransformer"),
    ];
    for (affix, end, specs, field, kind) in affixes {
        if let Some(affix) = affix {
            extend(&mut into.objects, end, affix, &k.file, specs)
                .map_err(|c| c.in_field(&k.file, affix.line, field))?;
            done(target, into, kind)?;
        }
    }
    Ok(())
}

fn labels_and_annotations(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    let (k, config) = (target.k, into.config.clone().unwrap_or_default());
    if !k.labels.is_empty() || !k.common_labels.is_empty() {
        labels::run(&mut into.objects, k, &config)?;
        // Upstream runs one transformer for each entry and one more for `commonLabels`, even if it is empty.
        for _ in 0..=k.labels.len() {
            done(target, into, "LabelTransformer")?;
        }
    }
    if !k.common_annotations.is_empty() {
        annotations::run(&mut into.objects, k, &config)?;
        done(target, into, "AnnotationsTransformer")?;
    }
    Ok(())
}

fn counts_and_images(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    let (k, config) = (target.k, into.config.clone().unwrap_or_default());
    for replica in &k.replicas {
        let wrap = |c: Cause| c.in_field(&k.file, replica.line, "replicas");
        let scaled = replicas::run(&mut into.objects, replica, &k.file, &config.replicas).map_err(wrap);
        target.context.forgive(scaled)?;
        done(target, into, "ReplicaCountTransformer")?;
    }
    for image in &k.images {
        let wrap = |c: Cause| c.in_field(&k.file, image.line, "images");
        images::run(&mut into.objects, image, &k.file, &config.images).map_err(wrap)?;
        done(target, into, "ImageTagTransformer")?;
    }
    Ok(())
}
