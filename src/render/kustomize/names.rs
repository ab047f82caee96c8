//! `namePrefix` and `nameSuffix` (render.md 2.8).

use super::config::FieldSpec;
use super::decode::Text;
use super::error::Cause;
use super::fields::{Make, walk};
use super::id::Gvk;
use super::resmap::ResMap;
use super::resource::{Resource, retext};
use crate::yaml::Node;
use std::sync::Arc;

/// Which end of a name is extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `namePrefix`
    Prefix,
    /// `nameSuffix`
    Suffix,
}

/// Extends all names but those of `CustomResourceDefinition`, `APIService` and `Namespace` objects.
pub fn extend(
    objects: &mut ResMap,
    end: End,
    affix: &Text,
    file: &Arc<str>,
    specs: &[FieldSpec],
) -> Result<(), Cause> {
    for resource in objects.list_mut() {
        let original = resource.original().gvk;
        if is_exempt(&original) {
            continue;
        }
        for spec in specs.iter().filter(|spec| original.selected_by(&spec.gvk)) {
            one(resource, end, affix, file, spec)?;
        }
    }
    Ok(())
}

fn is_exempt(gvk: &Gvk) -> bool {
    match &*gvk.kind {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => &*gvk.group == "apiregistration.k8s.io",
        _ => false,
    }
}

fn one(
    resource: &mut Resource,
    end: End,
    affix: &Text,
    file: &Arc<str>,
    spec: &FieldSpec,
) -> Result<(), Cause> {
    if &*spec.path == "metadata/name" && !affix.is_empty() {
        // The chain is what tells references of one folder from those of another (render.md 2.11).
        match end {
            End::Prefix => resource.prefixes.push(affix.text.clone()),
            End::Suffix => resource.suffixes.push(affix.text.clone()),
        }
        resource.remember();
    }
    walk(resource, spec, Make::Scalar, &mut |node: &mut Node| {
        let old = node.scalar_text().unwrap_or("");
        let new = match end {
            End::Prefix => format!("{}{old}", &**affix),
            End::Suffix => format!("{old}{}", &**affix),
        };
        if node.as_map().is_some() || node.as_seq().is_some() {
            let what = format!("{} is no text", spec.path);
            return Err(Cause::Transformer { transformer: "namePrefix", what });
        }
        retext(node, &new);
        node.mark = affix.mark_in(file);
        Ok(())
    })?;
    resource.refresh();
    Ok(())
}
