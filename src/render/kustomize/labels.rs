//! `labels` and `commonLabels` (render.md 2.8).

use super::config::{Config, FieldSpec, merge_specs};
use super::decode::{Fields, Text};
use super::entries::Label;
use super::error::{BuildError, Cause};
use super::fields::{Make, walk};
use super::model::Kustomization;
use super::resmap::ResMap;
use crate::yaml::{Node, Value};
use std::sync::Arc;

/// Applies one entry of `labels`.
pub fn entry(
    objects: &mut ResMap,
    label: &Label,
    k: &Kustomization,
    config: &Config,
) -> Result<(), BuildError> {
    let specs = specs_of(label, k, config)?;
    set_all(objects, &label.pairs, &k.file, &specs).map_err(|c| c.in_field(&k.file, 0, "labels"))
}

/// Applies `commonLabels`.
pub fn common(objects: &mut ResMap, k: &Kustomization, config: &Config) -> Result<(), BuildError> {
    set_all(objects, &k.common_labels, &k.file, &config.common_labels)
        .map_err(|c| c.in_field(&k.file, 0, "commonLabels"))
}

fn specs_of(label: &Label, k: &Kustomization, config: &Config) -> Result<Vec<FieldSpec>, BuildError> {
    let fields = Fields::new(&k.file, "labels");
    let mut specs = Vec::new();
    for node in &label.fields {
        specs.push(FieldSpec::read(&fields, node)?);
    }
    let merge = |specs: &mut Vec<FieldSpec>, more: &[FieldSpec]| {
        merge_specs(specs, more).map_err(|c| c.in_field(&k.file, 0, "labels"))
    };
    merge(&mut specs, &config.labels)?;
    if label.include_selectors {
        merge(&mut specs, &config.common_labels)?;
    } else {
        if label.include_templates {
            merge(&mut specs, &config.template_labels)?;
        }
        merge(&mut specs, &[FieldSpec::any("metadata/labels", true)])?;
    }
    Ok(specs)
}

/// Sets pairs in all maps that the specs name; also what annotations need.
pub fn set_all(
    objects: &mut ResMap,
    pairs: &[(Arc<str>, Text)],
    file: &Arc<str>,
    specs: &[FieldSpec],
) -> Result<(), Cause> {
    if pairs.is_empty() {
        return Ok(());
    }
    let values: Vec<(&Arc<str>, Node)> = pairs
        .iter()
        .map(|(key, text)| (key, Node::string(text.text.clone()).at(text.mark_in(file))))
        .collect();
    for resource in objects.list_mut() {
        for spec in specs {
            walk(resource, spec, Make::Map, &mut |node| set(node, &values, spec))?;
        }
    }
    Ok(())
}

fn set(node: &mut Node, values: &[(&Arc<str>, Node)], spec: &FieldSpec) -> Result<(), Cause> {
    if node.is_null() {
        return Ok(());
    }
    if !matches!(node.value, Value::Map(_)) {
        let what = format!("{} is no mapping", spec.path);
        return Err(Cause::Transformer { transformer: "labels", what });
    }
    if let Some(map) = node.as_map_mut() {
        for (key, value) in values {
            map.set(Arc::clone(key), value.clone());
        }
    }
    Ok(())
}
