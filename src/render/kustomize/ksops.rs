//! `ksops`: the one foreign generator that is run natively, since opening sealed files is our business (render.md 2.14).

use super::accumulate::Target;
use super::decode::Fields;
use super::error::BuildError;
use super::resource::{Behavior, Resource, child_map};
use crate::model::{Opened, Opener};
use crate::yaml::Node;
use std::sync::Arc;

/// True for objects that ksops would run on.
pub fn is_one(plugin: &Resource) -> bool {
    &*plugin.id.gvk.group == "viaduct.ai" && plugin.id.gvk.kind.eq_ignore_ascii_case("ksops")
}

/// The objects of its `files`, opened. What stays closed stays as it is, and the problem is noted.
pub fn generate(
    target: &Target<'_, '_>,
    plugin: &Resource,
    opener: &dyn Opener,
) -> Result<Vec<Resource>, BuildError> {
    let owner = &plugin.origin.file;
    let f = Fields::lenient(owner, "ksops");
    let mut made = Vec::new();
    for entry in Fields::field(&plugin.body, "files").map_or_else(|| Ok(Vec::new()), |node| f.texts(node))? {
        let file = target.loader.load(&entry).map_err(|c| c.in_field(owner, entry.line(), "files"))?;
        let objects = target.context.inputs.documents.objects(&file);
        for object in Result::clone(&objects)? {
            made.push(opened(target, object, &file.path, opener));
        }
    }
    Ok(made)
}

fn opened(target: &Target<'_, '_>, object: Resource, file: &Arc<str>, opener: &dyn Opener) -> Resource {
    let mut resource = match opener.open_object(&object.body, file) {
        Ok(Opened::Plain(body)) => {
            let mut resource = Resource::new(body, object.origin);
            resource.origin.sealed = Some(file.clone());
            resource
        }
        Ok(Opened::NotSealed) => object,
        Err(error) => {
            target.context.note(error.0);
            Resource { closed: true, ..object }
        }
    };
    options(&mut resource);
    resource
}

/// What a generator says about its objects in their annotations, taken out of them.
fn options(resource: &mut Resource) {
    const HASH: &str = "kustomize.config.k8s.io/needs-hash";
    const BEHAVIOR: &str = "kustomize.config.k8s.io/behavior";
    let text =
        |key: &str| resource.body.at_path(&["metadata", "annotations", key]).and_then(Node::scalar_text);
    let (hash, behavior) = (text(HASH).map(str::to_owned), text(BEHAVIOR).map(str::to_owned));
    if hash.is_none() && behavior.is_none() {
        return;
    }
    resource.needs_hash = hash.as_deref() == Some("true");
    resource.behavior = match behavior.as_deref() {
        Some("merge") => Behavior::Merge,
        Some("replace") => Behavior::Replace,
        _ => Behavior::Create,
    };
    let metadata = child_map(&mut resource.body, "metadata");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_map_mut) {
        annotations.remove(HASH);
        annotations.remove(BEHAVIOR);
    }
}
