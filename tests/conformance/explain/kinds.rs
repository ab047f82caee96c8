//! What kind of provenance a field has: by the step that set it last.

use super::world::Repository;
use sealane::model::Link;
use sealane::render::story::Told;
use sealane::yaml::{Dialect, Limits, Node, read_stream};

/// The name of the kind, for the distribution.
pub fn kind_of(repository: &Repository, told: &Told) -> String {
    match &*told.by {
        "file" => "plain base fields".to_owned(),
        by if by.starts_with("Patch") => {
            let form = if is_operations(repository, told) { "JSON 6902" } else { "strategic merge" };
            let place = match (told.through.is_some(), told.place.field.as_deref()) {
                (true, _) => "file",
                (false, Some(entry)) if entry.starts_with("spec.") => "in a Flux Kustomization",
                (false, _) => "inline",
            };
            format!("patch, {form}, {place}")
        }
        "ImageTagTransformer" => "images".to_owned(),
        "ReplicaCountTransformer" => "replicas".to_owned(),
        "NamespaceTransformer" => match told.place.field.as_deref() {
            Some("namespace") => "namespace".to_owned(),
            _ => "Flux targetNamespace".to_owned(),
        },
        "PrefixTransformer" | "SuffixTransformer" => "namePrefix and nameSuffix".to_owned(),
        "ConfigMapGenerator" | "SecretGenerator" => generator(repository, told),
        "name suffix hash" => "hash suffixes".to_owned(),
        "name reference" => "name references".to_owned(),
        "ReplacementTransformer" => "replacements".to_owned(),
        "postBuild" => match told.because.first() {
            Some(because) if because.link == Link::Default => "Flux defaults of variables".to_owned(),
            Some(because) if because.source.starts_with("postBuild.") => "Flux substitute".to_owned(),
            _ => "Flux substituteFrom".to_owned(),
        },
        other => other.to_owned(),
    }
}

fn generator(repository: &Repository, told: &Told) -> String {
    let file = told.written.file.as_deref().unwrap_or("");
    if *file == *told.place.file {
        return "generator literals and metadata".to_owned();
    }
    let whole = repository.bytes(file).is_some_and(|bytes| {
        told.after.as_ref().and_then(Node::scalar_text).is_some_and(|text| text.as_bytes() == &*bytes)
    });
    let base64 = &*told.by == "SecretGenerator" && told.written.line == 1;
    if whole || base64 { "generator files".to_owned() } else { "generator envs".to_owned() }
}

/// True if the text of a patch is a list of operations.
fn is_operations(repository: &Repository, told: &Told) -> bool {
    let text = match &told.through {
        Some(file) => repository.bytes(file).map(|b| String::from_utf8_lossy(&b).into_owned()),
        None => inline(repository, told),
    };
    let text = text.unwrap_or_default();
    text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with(['#'])).is_some_and(|first| {
        first.starts_with(['[']) || first.starts_with("- ") || (first == "---" && text.contains("- op:"))
    })
}

/// The text of an inline patch: of the entry that the step names.
fn inline(repository: &Repository, told: &Told) -> Option<String> {
    let entry = told.place.field.as_deref()?;
    let (list, rest) = entry.trim_start_matches("spec.").split_once('[')?;
    let index: usize = rest.trim_end_matches(']').parse().ok()?;
    let bytes = repository.bytes(&told.place.file)?;
    let file = told.place.file.clone();
    let stream = read_stream(&bytes, &file, Dialect::Resource, &Limits::default());
    stream.documents.iter().find_map(|document| {
        let at = if entry.starts_with("spec.") { document.root.get("spec")? } else { &document.root };
        let entry = at.get(list)?.as_seq()?.get(index)?;
        if list == "patchesStrategicMerge" {
            return entry.as_str().map(str::to_owned);
        }
        entry.get("patch")?.as_str().map(str::to_owned)
    })
}
