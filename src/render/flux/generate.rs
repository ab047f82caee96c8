//! The kustomization that the controller builds: the one in the folder or a generated one, with what the
//! Kustomization object adds to it (render.md 6.2).

use super::spec::{Spec, is_nothing};
use crate::model::{EntryKind, Tree};
use crate::render::kustomize::{
    BuildError, Cause, DocumentCache, FILE_NAMES, Image, Kustomization, Patch, Text, remote,
};
use crate::yaml::Node;
use std::sync::Arc;

/// A kustomization ready to be built, and what was looked at to make it.
pub(super) struct Generated {
    pub kustomization: Kustomization,
    /// Files read and folders listed.
    pub reads: Vec<Arc<str>>,
}

/// Makes the kustomization for a folder of an artifact.
pub(super) fn generate(
    tree: &dyn Tree,
    documents: &DocumentCache,
    spec: &Spec,
) -> Result<Generated, BuildError> {
    let folder = spec.path.as_str();
    let at = |cause: Cause| cause.at(folder, 0);
    let entry = tree.entry(folder).map_err(|e| at(e.into()))?;
    if !folder.is_empty() && entry.is_none_or(|e| e.kind != EntryKind::Folder) {
        let cause = Cause::Missing(format!("the folder {folder}"));
        return Err(cause.in_field(
            &spec.origin.file,
            spec.body.at_path(&["spec", "path"]).map_or(0, |n| n.mark.line),
            "spec.path",
        ));
    }
    let mut reads = Vec::new();
    let mut kustomization = match existing(tree, folder, &mut reads)? {
        Some((file, bytes)) => match Kustomization::read(&bytes, &file, documents.limits()) {
            Ok(own) => own,
            // The controller fills an empty file with a build option.
            Err(error) if matches!(*error.cause, Cause::EmptyKustomization) => {
                Kustomization { file, ..Kustomization::default() }
            }
            Err(error) => return Err(error),
        },
        None => scanned(tree, folder, &mut reads)?,
    };
    let generated = kustomization.file.is_empty();
    if generated {
        kustomization.file = join(folder, FILE_NAMES[0]).into();
    } else if kustomization.resources.is_empty() {
        kustomization.build_metadata = vec![Text::made("originAnnotations")];
    }
    edit(&mut kustomization, tree, spec)?;
    Ok(Generated { kustomization, reads })
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

pub(in crate::render) type File = (Arc<str>, Arc<[u8]>);

/// The kustomization file of a folder, if it has one. More than one is an error of the build.
pub(in crate::render) fn existing(
    tree: &dyn Tree,
    folder: &str,
    reads: &mut Vec<Arc<str>>,
) -> Result<Option<File>, BuildError> {
    let mut found = Vec::new();
    for name in FILE_NAMES {
        let path = join(folder, name);
        let entry = tree.entry(&path).map_err(|e| Cause::from(e).at(&path, 0))?;
        found.extend(entry.filter(|e| e.kind == EntryKind::File).map(|e| (path, e.id)));
    }
    match found.as_slice() {
        [] => Ok(None),
        [(path, id)] => {
            let bytes = tree.read(*id).map_err(|e| Cause::from(e.of(path)).at(path, 0))?;
            let path: Arc<str> = path.as_str().into();
            reads.push(path.clone());
            Ok(Some((path, bytes)))
        }
        several => {
            let files = several.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(", ");
            Err(Cause::SeveralKustomizations { folder: folder.to_owned(), files }.at(&several[0].0, 0))
        }
    }
}

/// A kustomization of everything below a folder that has none.
fn scanned(tree: &dyn Tree, folder: &str, reads: &mut Vec<Arc<str>>) -> Result<Kustomization, BuildError> {
    let mut paths = Vec::new();
    scan(tree, folder, "", &mut paths, reads)?;
    let resources = paths.into_iter().map(Text::made).collect();
    Ok(Kustomization { resources, ..Kustomization::default() })
}

fn scan(
    tree: &dyn Tree,
    folder: &str,
    relative: &str,
    paths: &mut Vec<String>,
    reads: &mut Vec<Arc<str>>,
) -> Result<(), BuildError> {
    reads.push(folder.into());
    let entries = tree.list(folder).map_err(|e| Cause::from(e).at(folder, 0))?.unwrap_or_default();
    for (name, entry) in entries {
        let (path, below) = (join(folder, &name), join(relative, &name));
        match entry.kind {
            EntryKind::Folder if has_kustomization(tree, &path)? => paths.push(below),
            EntryKind::Folder => scan(tree, &path, &below, paths, reads)?,
            EntryKind::File if name.ends_with(".yaml") || name.ends_with(".yml") => paths.push(below),
            _ => {}
        }
    }
    Ok(())
}

fn has_kustomization(tree: &dyn Tree, folder: &str) -> Result<bool, BuildError> {
    for name in FILE_NAMES {
        let path = join(folder, name);
        if tree
            .entry(&path)
            .map_err(|e| Cause::from(e).at(&path, 0))?
            .is_some_and(|e| e.kind == EntryKind::File)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds what the Kustomization object says.
fn edit(k: &mut Kustomization, tree: &dyn Tree, spec: &Spec) -> Result<(), BuildError> {
    for (name, place) in [
        ("targetNamespace", &mut k.namespace),
        ("namePrefix", &mut k.name_prefix),
        ("nameSuffix", &mut k.name_suffix),
    ] {
        if let Some(node) = spec.text(name) {
            let text = to_text(node);
            *place = (!text.is_empty()).then_some(text);
        }
    }
    k.patches.extend(spec.list("patches").iter().map(|entry| patch(entry, spec)));
    components(k, tree, spec)?;
    for entry in spec.list("patchesStrategicMerge").iter().filter(|entry| !is_nothing(entry)) {
        k.patch_objects.push(entry.clone());
    }
    for entry in spec.list("patchesJson6902") {
        let operations = Some(entry.get("patch").cloned().unwrap_or_else(Node::null));
        k.patches_json6902.push(Patch { operations, ..patch(entry, spec) });
    }
    for entry in spec.list("images") {
        merge_image(&mut k.images, entry);
    }
    let metadata: Vec<Text> = spec.list("buildMetadata").iter().map(to_text).collect();
    if !metadata.is_empty() {
        k.build_metadata = metadata;
    }
    Ok(())
}

fn to_text(node: &Node) -> Text {
    Text::new(node.scalar_text().unwrap_or(""), &node.mark)
}

fn text_of(node: &Node, key: &str) -> Text {
    node.get(key).map(to_text).unwrap_or_default()
}

fn patch(entry: &Node, spec: &Spec) -> Patch {
    let text = entry.get("patch").filter(|n| n.scalar_text().is_some());
    let file = text.and_then(|n| n.mark.file.clone()).unwrap_or_else(|| spec.origin.file.clone());
    Patch {
        inline: text.map(to_text),
        target: entry.get("target").filter(|n| !n.is_null()).cloned(),
        line: entry.mark.line,
        file: Some(file),
        ..Patch::default()
    }
}

fn components(k: &mut Kustomization, tree: &dyn Tree, spec: &Spec) -> Result<(), BuildError> {
    for entry in spec.list("components") {
        let component = to_text(entry);
        let refuse = |cause: Cause| cause.in_field(&spec.origin.file, component.line(), "spec.components");
        if component.starts_with('/') || remote::is_url(&component) || remote::is_repository(&component) {
            let what = format!("the component {} must be local and relative", &*component);
            return Err(refuse(Cause::Invalid(what)));
        }
        let path = super::spec::clean_path(&join(&spec.path, &component));
        let exists = tree.entry(&path).map_err(|e| refuse(e.into()))?.is_some();
        if exists || !spec.ignores_missing_components() {
            k.components.push(component);
        }
    }
    Ok(())
}

/// A name that is known is overridden field by field; tag and digest count as one (render.md 6.2).
fn merge_image(images: &mut Vec<Image>, entry: &Node) {
    let name = text_of(entry, "name");
    let (new_name, new_tag) = (text_of(entry, "newName"), text_of(entry, "newTag"));
    let digest = text_of(entry, "digest");
    let Some(image) = images.iter_mut().find(|image| *image.name == *name) else {
        images.push(Image { name, new_name, new_tag, digest, mark: entry.mark.clone(), ..Image::default() });
        return;
    };
    image.mark = entry.mark.clone();
    if !new_name.is_empty() {
        image.new_name = new_name;
    }
    if !new_tag.is_empty() || !digest.is_empty() {
        image.new_tag = new_tag;
        image.digest = digest;
    }
}
