//! `crds`: `OpenAPI` definitions whose extensions add field specs (render.md 2.13).

use super::config::{BackReference, Config, FieldSpec};
use super::error::{BuildError, Cause};
use super::id::Gvk;
use crate::yaml::{Dialect, Limits, Map, Node, read_stream};
use std::sync::Arc;

/// Reads the definitions of a file.
pub fn read(bytes: &[u8], file: &Arc<str>, limits: &Limits) -> Result<Config, BuildError> {
    let stream = read_stream(bytes, file, Dialect::Kustomization, limits);
    if let Some(error) = stream.errors.first() {
        return Err(Cause::MalformedYaml(error.message.clone()).at(file, error.line));
    }
    let mut config = Config::default();
    let Some(definitions) = stream.documents.first().and_then(|d| d.root.as_map()) else { return Ok(config) };
    for (name, definition) in definitions.iter() {
        let is_object = ["kind", "apiVersion", "metadata"]
            .iter()
            .all(|field| properties(definition).any(|(n, _)| n == *field));
        if is_object {
            let kind = name.rsplit('.').next().unwrap_or(name);
            let gvk = Gvk { kind: kind.into(), ..Gvk::default() };
            Walk { definitions, gvk: &gvk, config: &mut config }.visit(name, &mut Vec::new());
        }
    }
    Ok(config)
}

fn properties(definition: &Node) -> impl Iterator<Item = (&str, &Node)> {
    definition.at_path(&["Schema", "properties"]).and_then(Node::as_map).into_iter().flat_map(Map::iter)
}

struct Walk<'w> {
    definitions: &'w Map,
    gvk: &'w Gvk,
    config: &'w mut Config,
}

/// Deeper nesting is a definition that contains itself.
const DEEPEST: usize = 32;

impl Walk<'_> {
    fn visit(&mut self, name: &str, path: &mut Vec<String>) {
        let Some(definition) = self.definitions.get(name).filter(|_| path.len() < DEEPEST) else { return };
        for (property, schema) in properties(definition) {
            path.push(property.to_owned());
            let text = |key: &str| schema.get(key).and_then(Node::as_str);
            let spec = FieldSpec::new(self.gvk.clone(), &path.join("/"), false);
            if text("x-kubernetes-annotation").is_some() {
                self.config.common_annotations.push(spec.clone());
            }
            if text("x-kubernetes-label-selector").is_some() {
                self.config.common_labels.push(spec.clone());
            }
            if text("x-kubernetes-identity").is_some() {
                self.config.name_prefix.push(spec.clone());
            }
            let version = text("x-kubernetes-object-ref-api-version");
            if let Some((version, kind)) = version.zip(text("x-kubernetes-object-ref-kind")) {
                let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
                let target = Gvk { version: version.into(), kind: kind.into(), ..Gvk::default() };
                let field = format!("{}/{key}", spec.path);
                let referrer = FieldSpec::new(spec.gvk, &field, false);
                self.refer(target, referrer);
            }
            if let Some(other) = text("$ref") {
                self.visit(other, path);
            }
            path.pop();
        }
    }

    fn refer(&mut self, target: Gvk, referrer: FieldSpec) {
        match self.config.name_reference.iter_mut().find(|r| r.target == target) {
            Some(reference) => reference.referrers.push(referrer),
            None => self.config.name_reference.push(BackReference { target, referrers: vec![referrer] }),
        }
    }
}
