//! The `kustomize` block of a source, as values.

use super::fields::{Fields, present};
use super::labels::Pairs;
use crate::model::{Problem, Reason};
use crate::render::kustomize::{Patch, Text};
use crate::yaml::Node;
use std::sync::Arc;

/// What the block says.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// `namePrefix`
    pub name_prefix: Text,
    /// `nameSuffix`
    pub name_suffix: Text,
    /// `namespace`
    pub namespace: Text,
    /// `images`, each `[old=]name[:tag][@digest]`.
    pub images: Vec<Text>,
    /// `replicas`: name and count.
    pub replicas: Vec<(Text, i64)>,
    /// `commonLabels`
    pub labels: Labels,
    /// `commonAnnotations`
    pub annotations: Annotations,
    /// `patches`
    pub patches: Vec<Patch>,
    /// `components`
    pub components: Vec<Text>,
    /// `ignoreMissingComponents`
    pub ignore_missing: bool,
}

/// `commonLabels`, and how they are added.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    /// The labels.
    pub pairs: Pairs,
    /// `forceCommonLabels`
    pub force: bool,
    /// `labelWithoutSelector`
    pub without_selector: bool,
    /// `labelIncludeTemplates`
    pub include_templates: bool,
}

/// `commonAnnotations`, and how they are added.
#[derive(Clone, Debug, Default)]
pub(super) struct Annotations {
    /// The annotations.
    pub pairs: Pairs,
    /// `forceCommonAnnotations`
    pub force: bool,
    /// `commonAnnotationsEnvsubst`
    pub expand: bool,
}

const KNOWN: [&str; 18] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "images",
    "replicas",
    "commonLabels",
    "forceCommonLabels",
    "labelWithoutSelector",
    "labelIncludeTemplates",
    "commonAnnotations",
    "forceCommonAnnotations",
    "commonAnnotationsEnvsubst",
    "patches",
    "components",
    "ignoreMissingComponents",
    "version",
    "kubeVersion",
    "apiVersions",
];

impl Options {
    /// Reads the block; `None` if the source has none.
    pub fn of(source: &Node, field: &str, file: &Arc<str>, fields: &mut Fields<'_>) -> Option<Self> {
        let node = present(source, "kustomize")?;
        let path = format!("{field}.kustomize");
        fields.check_names(node, &path, &KNOWN);
        let version = fields.text(node, &path, "version");
        if !version.is_empty() {
            let cause = format!("asks for kustomize {}; rendered as kustomize v5.8.1 does", &*version);
            fields.tell(Problem::warning(Reason::NotSupported, cause), node, &format!("{path}.version"));
        }
        Some(Self {
            name_prefix: fields.text(node, &path, "namePrefix"),
            name_suffix: fields.text(node, &path, "nameSuffix"),
            namespace: fields.text(node, &path, "namespace"),
            images: fields.texts(node, &path, "images"),
            replicas: replicas(node, &path, fields),
            labels: Labels {
                pairs: fields.text_map(node, &path, "commonLabels"),
                force: fields.flag(node, &path, "forceCommonLabels"),
                without_selector: fields.flag(node, &path, "labelWithoutSelector"),
                include_templates: fields.flag(node, &path, "labelIncludeTemplates"),
            },
            annotations: Annotations {
                pairs: fields.text_map(node, &path, "commonAnnotations"),
                force: fields.flag(node, &path, "forceCommonAnnotations"),
                expand: fields.flag(node, &path, "commonAnnotationsEnvsubst"),
            },
            patches: patches(node, &path, file, fields),
            components: fields.texts(node, &path, "components"),
            ignore_missing: fields.flag(node, &path, "ignoreMissingComponents"),
        })
    }

    /// True if something of the kustomization file is changed.
    pub fn edits(&self) -> bool {
        let texts = [&self.name_prefix, &self.name_suffix, &self.namespace];
        texts.iter().any(|text| !text.is_empty())
            || !self.images.is_empty()
            || !self.replicas.is_empty()
            || !self.labels.pairs.is_empty()
            || !self.annotations.pairs.is_empty()
            || !self.patches.is_empty()
            || !self.components.is_empty()
    }
}

fn replicas(node: &Node, path: &str, fields: &mut Fields<'_>) -> Vec<(Text, i64)> {
    let mut replicas = Vec::new();
    for (place, entry) in fields.list(node, path, "replicas").iter().enumerate() {
        let path = format!("{path}.replicas[{place}]");
        fields.check_names(entry, &path, &["name", "count"]);
        let name = fields.text(entry, &path, "name");
        match fields.count(entry, &path, "count") {
            Some(count) if !name.is_empty() && !name.contains('=') => replicas.push((name, count)),
            _ if !fields.is_sound() => {}
            _ => {
                let cause = format!("`{path}` needs a name and a count");
                fields.tell(Problem::error(Reason::InvalidObject, cause), entry, &path);
            }
        }
    }
    replicas
}

const TARGET: [&str; 7] =
    ["group", "version", "kind", "name", "namespace", "annotationSelector", "labelSelector"];

fn patches(node: &Node, path: &str, file: &Arc<str>, fields: &mut Fields<'_>) -> Vec<Patch> {
    let mut patches = Vec::new();
    for (place, entry) in fields.list(node, path, "patches").iter().enumerate() {
        let path = format!("{path}.patches[{place}]");
        fields.check_names(entry, &path, &["path", "patch", "target", "options"]);
        let (at, inline) = (fields.text(entry, &path, "path"), fields.text(entry, &path, "patch"));
        let target = present(entry, "target").cloned();
        if let Some(target) = &target {
            fields.check_names(target, &format!("{path}.target"), &TARGET);
            for name in TARGET {
                fields.text(target, &format!("{path}.target"), name);
            }
        }
        let option = |name: &str| entry.at_path(&["options", name]).and_then(Node::as_bool).unwrap_or(false);
        let own = entry.get("patch").and_then(|n| n.mark.file.clone()).unwrap_or_else(|| file.clone());
        patches.push(Patch {
            file: Some(own),
            path: (!at.is_empty()).then_some(at),
            inline: (!inline.is_empty()).then_some(inline),
            target,
            allow_name_change: option("allowNameChange"),
            allow_kind_change: option("allowKindChange"),
            line: entry.mark.line,
            ..Patch::default()
        });
    }
    patches
}
