//! Where the values of variables are written, for those who ask how a field came to be (render.md 6.4).

use super::envsubst::{self, Part};
use super::spec::Spec;
use super::variables;
use crate::model::{Because, Link, ObjectKey};
use crate::yaml::{Map, Mark, Node, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where one variable got its value.
struct Written {
    /// `data.DOMAIN of ConfigMap/flux-system/settings`.
    source: String,
    place: Option<Mark>,
    sealed: Option<Arc<str>>,
}

/// Where the variables of one Kustomization got their values.
pub(super) struct Origins {
    by_name: BTreeMap<Arc<str>, Written>,
    /// The Kustomization that substitutes.
    spec: String,
}

impl Origins {
    /// Looks where [`variables::load`] looks: a later source overrides an earlier one, and `substitute` all of them.
    pub fn of(
        spec: &Spec,
        find: &dyn Fn(&ObjectKey) -> Option<Node>,
        sealed: &dyn Fn(&ObjectKey) -> Option<Arc<str>>,
    ) -> Self {
        let mut by_name = BTreeMap::new();
        for source in variables::sources(spec) {
            let Some(body) = find(&source.key) else { continue };
            let fields: &[&str] = if source.key.is_secret() { &["data", "stringData"] } else { &["data"] };
            let (key, sealed) = (&source.key, sealed(&source.key));
            for field in fields {
                for (name, value) in body.get(field).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
                    let place = Some(value.mark.clone()).filter(|mark| mark.line > 0);
                    let nowhere = if place.is_none() { ", as the cluster has it" } else { "" };
                    let source = format!("{field}.{name} of {key}{nowhere}");
                    by_name.insert(name.into(), Written { source, place, sealed: sealed.clone() });
                }
            }
        }
        let own = spec.post_build().and_then(|p| p.get("substitute")).and_then(Node::as_map);
        for (name, value) in own.into_iter().flat_map(Map::iter) {
            let source = format!("postBuild.substitute.{name} of {}", spec.key);
            let place = Some(value.mark.clone()).filter(|mark| mark.line > 0);
            let sealed = matches!(value.value, Value::Secret(_)).then(|| value.mark.file.clone()).flatten();
            by_name.insert(name.into(), Written { source, place, sealed });
        }
        Self { by_name, spec: spec.key.to_string() }
    }

    /// The variables that the fields of an object name, each with its source.
    pub fn used_in(&self, before: &Node) -> Vec<Because> {
        let mut told = Vec::new();
        self.node(before, &mut told);
        told
    }

    fn node(&self, node: &Node, told: &mut Vec<Because>) {
        match &node.value {
            Value::Scalar(scalar) if scalar.text.contains("${") => {
                if let Ok(parts) = envsubst::parse(&scalar.text) {
                    self.parts(&parts, &scalar.text, &node.mark, told);
                }
            }
            Value::Seq(items) => items.iter().for_each(|item| self.node(item, told)),
            Value::Map(map) => map.entries.iter().for_each(|entry| self.node(&entry.value, told)),
            // Which variables a sealed value names is part of the value.
            Value::Scalar(_) | Value::Secret(_) => {}
        }
    }

    fn parts(&self, parts: &[Part], text: &str, mark: &Mark, told: &mut Vec<Because>) {
        for part in parts {
            let Part::Call(call) = part else { continue };
            let Some(name) = text.get(call.name.clone()) else { continue };
            let because = |link, source, place, sealed| Because {
                of: mark.clone(),
                value: None,
                link,
                source,
                place,
                sealed,
            };
            if let Some(known) = self.by_name.get(name) {
                let (source, place) = (known.source.clone(), known.place.clone());
                told.push(because(Link::Variable, source, place, known.sealed.clone()));
                continue;
            }
            let source = if call.operator.tolerates_unset() {
                format!("the default of {name}, which {} sets nowhere", self.spec)
            } else {
                format!("{name}, which {} sets nowhere", self.spec)
            };
            told.push(because(Link::Default, source, Some(mark.clone()), None));
            self.parts(&call.arguments, text, mark, told);
        }
    }
}
