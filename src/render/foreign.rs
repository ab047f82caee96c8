//! Producers that are recognised and not rendered: releases of Helm, sets of Argo CD Applications.

use crate::model::{Manifest, ObjectKey, Problem, Producer, ProducerSpec, Reason, clean};
use crate::yaml::Node;
use std::collections::HashMap;
use std::sync::Arc;

fn text<'n>(node: &'n Node, path: &[&str]) -> Option<&'n str> {
    node.at_path(path)?.scalar_text().filter(|text| !text.is_empty())
}

/// A producer without objects, and why.
pub(super) fn unrendered(
    manifest: &Manifest,
    parent: Option<usize>,
    spec: ProducerSpec,
    problem: Problem,
) -> Producer {
    Producer {
        key: manifest.key.clone(),
        parent,
        declared: manifest.origin.clone(),
        spec,
        objects: Vec::new(),
        problems: vec![problem.at(&manifest.origin.file, manifest.origin.line)],
        complete: false,
        reads: Arc::new([]),
    }
}

/// True for the `HelmRelease`s of Flux, old and new.
pub(super) fn is_helm_release(key: &ObjectKey) -> bool {
    &*key.kind == "HelmRelease" && matches!(&*key.group, "helm.toolkit.fluxcd.io" | "helm.fluxcd.io")
}

/// The producer that a `HelmRelease` is. `find` gives rendered objects.
pub(super) fn helm_release(
    manifest: &Manifest,
    parent: Option<usize>,
    find: &HashMap<ObjectKey, Arc<Manifest>>,
) -> Producer {
    let body = &manifest.body;
    let (chart, source) = chart_of(manifest, find);
    let depends_on = body
        .at_path(&["spec", "dependsOn"])
        .and_then(Node::as_seq)
        .unwrap_or_default()
        .iter()
        .filter_map(|dependency| {
            let name = text(dependency, &["name"])?;
            let namespace = text(dependency, &["namespace"]).unwrap_or(&manifest.key.namespace);
            Some(ObjectKey::new(&manifest.key.group, "HelmRelease", namespace, name))
        })
        .collect();
    let suspend = body.at_path(&["spec", "suspend"]).and_then(Node::as_bool).unwrap_or(false);
    let spec =
        ProducerSpec { depends_on, source, suspend, prune: true, wait: true, ..ProducerSpec::default() };
    let cause = format!("not rendered: needs Helm ({})", clean(&chart));
    let next = "look at the live release for what it made";
    unrendered(manifest, parent, spec, Problem::error(Reason::NeedsHelm, cause).next(next))
}

/// The chart in words, and the source it comes from.
fn chart_of(manifest: &Manifest, find: &HashMap<ObjectKey, Arc<Manifest>>) -> (String, Option<ObjectKey>) {
    let (body, own) = (&manifest.body, &manifest.key.namespace);
    let group = super::flux::spec::SOURCES;
    if let Some(reference) = body.at_path(&["spec", "chartRef"]) {
        let kind = text(reference, &["kind"]).unwrap_or("OCIRepository");
        let name = text(reference, &["name"]).unwrap_or("?");
        let key = ObjectKey::new(group, kind, text(reference, &["namespace"]).unwrap_or(own), name);
        let words = find.get(&key).map_or_else(
            || format!("the chart of {key}"),
            |source| {
                let url = text(&source.body, &["spec", "url"])
                    .or_else(|| text(&source.body, &["spec", "chart"]))
                    .unwrap_or(name);
                let version = ["tag", "semver", "digest"]
                    .iter()
                    .find_map(|field| text(&source.body, &["spec", "ref", field]))
                    .or_else(|| text(&source.body, &["spec", "version"]))
                    .unwrap_or("latest");
                format!("chart {url} {version}")
            },
        );
        return (words, Some(key));
    }
    if let Some(spec) = body.at_path(&["spec", "chart", "spec"]) {
        let chart = text(spec, &["chart"]).unwrap_or("?");
        let version = text(spec, &["version"]).unwrap_or("newest");
        let key = spec.get("sourceRef").and_then(|source| {
            let namespace = text(source, &["namespace"]).unwrap_or(own);
            Some(ObjectKey::new(group, text(source, &["kind"])?, namespace, text(source, &["name"])?))
        });
        let from = key.as_ref().map_or_else(String::new, |key| format!(" from {key}"));
        return (format!("chart {chart} {version}{from}"), key);
    }
    // The first Flux wrote the chart into the release itself.
    let chart = text(body, &["spec", "chart", "name"]).or_else(|| text(body, &["spec", "chart", "path"]));
    let version = text(body, &["spec", "chart", "version"]).or_else(|| text(body, &["spec", "chart", "ref"]));
    (format!("chart {} {}", chart.unwrap_or("?"), version.unwrap_or("newest")), None)
}

/// The producer that a set of Applications is: which ones it makes is told by its generators.
pub(super) fn application_set(manifest: &Manifest, parent: Option<usize>) -> Producer {
    let body = &manifest.body;
    let template = ["spec", "template", "spec"];
    let source = |field: &str| {
        let own: Vec<&str> = template.iter().copied().chain(["source", field]).collect();
        let several: Vec<&str> = template.iter().copied().chain(["sources"]).collect();
        text(body, &own).or_else(|| text(body.at_path(&several)?.as_seq()?.first()?, &[field]))
    };
    let mut words = Vec::new();
    words.extend(source("path").map(|path| format!("path {path}")));
    words.extend(source("chart").map(|chart| format!("chart {chart}")));
    words.extend(source("repoURL").map(|url| format!("of {url}")));
    words.extend(source("targetRevision").map(|revision| format!("at {revision}")));
    let detail = if words.is_empty() { String::new() } else { format!(" ({})", clean(&words.join(" "))) };
    let cause = format!("not rendered yet: Argo CD ApplicationSet{detail}");
    let spec = ProducerSpec {
        path: super::flux::spec::clean_path(source("path").unwrap_or("")).into(),
        ..ProducerSpec::default()
    };
    let next = "look at its Applications in the cluster";
    unrendered(manifest, parent, spec, Problem::error(Reason::NotSupported, cause).next(next))
}
