//! The transformers of one folder, in kustomize's fixed order (render.md 2.2, step 5).

use super::accumulate::{Accumulated, Target};
use super::error::{BuildError, Cause};
use super::names::{End, extend};
use super::namespace::{NamespaceTransformer, Subjects};
use super::steps::{self, By};
use super::{
    annotations, images, labels, patch_objects, patches, plugins, replacements, replicas, shared, trace,
};

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

    if !k.patches_strategic_merge.is_empty() || !k.patch_objects.is_empty() {
        target.context.forgive(patch_objects::run(target.context, &target.loader, k, &mut into.objects))?;
        let kind = "PatchStrategicMergeTransformer";
        done(target, into, kind, || By::whole(kind, k))?;
    }
    for (index, patch) in patches.iter().enumerate() {
        target.context.forgive(patch.run(&mut into.objects, &target.context.schema))?;
        let kind = "PatchTransformer";
        done(target, into, kind, || By::patch(kind, k, ("patches", &k.patches), index, patch.named_file()))?;
    }
    place_and_name(target, into)?;
    labels_and_annotations(target, into)?;
    for (index, patch) in json.iter().enumerate() {
        target.context.forgive(patch.run(&mut into.objects, &target.context.schema))?;
        let (kind, list) = ("PatchJson6902Transformer", ("patchesJson6902", &*k.patches_json6902));
        done(target, into, kind, || By::patch(kind, k, list, index, patch.named_file()))?;
    }
    counts_and_images(target, into)?;
    if !replace.is_empty() {
        let told = target.context.inputs.steps.then_some(&k.file);
        target.context.forgive(replacements::run(&mut into.objects, &replace, told))?;
        let kind = "ReplacementTransformer";
        done(target, into, kind, || By::whole(kind, k))?;
    }
    plugins::transform(target, into)?;
    plugins::validate(target)
}

/// After each transformer: what it emptied goes, and it leaves its trace.
pub fn done<'b>(
    target: &Target<'_, '_>,
    into: &mut Accumulated,
    kind: &str,
    by: impl FnOnce() -> By<'b>,
) -> Result<(), BuildError> {
    let worked = target.context.budget.work(into.objects.list().len());
    worked.map_err(|c| c.at(&target.k.file, 0))?;
    shared::sync_all(&mut into.objects);
    if target.context.traced {
        let by = target.place.builtin(target.k, kind);
        into.objects.list_mut().iter_mut().for_each(|r| trace::touched(r, &by));
    }
    steps::keep(target.context, &mut into.objects, by);
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
        transformer.run(&mut into.objects).map_err(|c| c.in_field(&k.file, namespace.line(), "namespace"))?;
        let kind = "NamespaceTransformer";
        done(target, into, kind, || By::text(kind, k, ("namespace", "spec.targetNamespace"), namespace))?;
    }
    let affixes = [
        (&k.name_prefix, End::Prefix, &config.name_prefix, "namePrefix", "PrefixTransformer"),
        (&k.name_suffix, End::Suffix, &config.name_suffix, "nameSuffix", "SuffixTransformer"),
    ];
    for (affix, end, specs, field, kind) in affixes {
        if let Some(affix) = affix {
            extend(&mut into.objects, end, affix, &k.file, specs)
                .map_err(|c| c.in_field(&k.file, affix.line(), field))?;
            done(target, into, kind, || By::text(kind, k, (field, &format!("spec.{field}")), affix))?;
        }
    }
    Ok(())
}

fn labels_and_annotations(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    let (k, config) = (target.k, into.config.clone().unwrap_or_default());
    if !k.labels.is_empty() || !k.common_labels.is_empty() {
        let kind = "LabelTransformer";
        for (index, label) in k.labels.iter().enumerate() {
            labels::entry(&mut into.objects, label, k, &config)?;
            let line = label.pairs.first().map_or(0, |(_, text)| text.line());
            done(target, into, kind, || By::entry(kind, k, format!("labels[{index}]"), line))?;
        }
        // Upstream runs one transformer for each entry and one more for `commonLabels`, even if it is empty.
        labels::common(&mut into.objects, k, &config)?;
        let line = k.common_labels.first().map_or(0, |(_, text)| text.line());
        done(target, into, kind, || By::entry(kind, k, "commonLabels".to_owned(), line))?;
    }
    if !k.common_annotations.is_empty() {
        annotations::run(&mut into.objects, k, &config)?;
        let kind = "AnnotationsTransformer";
        let line = k.common_annotations.first().map_or(0, |(_, text)| text.line());
        done(target, into, kind, || By::entry(kind, k, "commonAnnotations".to_owned(), line))?;
    }
    Ok(())
}

fn counts_and_images(target: &Target<'_, '_>, into: &mut Accumulated) -> Result<(), BuildError> {
    let (k, config) = (target.k, into.config.clone().unwrap_or_default());
    for (index, replica) in k.replicas.iter().enumerate() {
        let line = replica.mark.line;
        let wrap = |c: Cause| c.in_field(&k.file, line, "replicas");
        let scaled = replicas::run(&mut into.objects, replica, &config.replicas).map_err(wrap);
        target.context.forgive(scaled)?;
        let kind = "ReplicaCountTransformer";
        done(target, into, kind, || By::entry(kind, k, format!("replicas[{index}]"), line))?;
    }
    for (index, image) in k.images.iter().enumerate() {
        let wrap = |c: Cause| c.in_field(&k.file, image.mark.line, "images");
        images::run(&mut into.objects, image, &config.images).map_err(wrap)?;
        done(target, into, "ImageTagTransformer", || By::image(k, index, image))?;
    }
    Ok(())
}
