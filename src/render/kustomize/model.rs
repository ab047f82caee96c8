//! The kustomization file as a value (render.md 2.1): every field, with the line of what may have to be named.

use super::decode::{Fields, Text};
use super::entries::{
    self, Generator, Image, Label, Options, Pairs, Patch, Replica, Sort, Var, each, not_empty,
};
use super::error::{BuildError, Cause};
use crate::yaml::{Dialect, Limits, Node, read_stream};
use std::sync::Arc;

/// The names a kustomization file may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a kustomization file says.
#[derive(Clone, Debug, Default)]
pub struct Kustomization {
    /// Its path.
    pub file: Arc<str>,
    /// True for `kind: Component`.
    pub component: bool,
    /// `resources`, then the deprecated `bases`.
    pub resources: Vec<Text>,
    /// `components`
    pub components: Vec<Text>,
    /// `crds`
    pub crds: Vec<Text>,
    /// `configurations`
    pub configurations: Vec<Text>,
    /// `generators`
    pub generators: Vec<Text>,
    /// `transformers`
    pub transformers: Vec<Text>,
    /// `validators`
    pub validators: Vec<Text>,
    /// `openapi`
    pub openapi: Pairs,
    /// `namePrefix`
    pub name_prefix: Option<Text>,
    /// `nameSuffix`
    pub name_suffix: Option<Text>,
    /// `namespace`
    pub namespace: Option<Text>,
    /// `commonLabels`
    pub common_labels: Pairs,
    /// `labels`
    pub labels: Vec<Label>,
    /// `commonAnnotations`
    pub common_annotations: Pairs,
    /// `patchesStrategicMerge`
    pub patches_strategic_merge: Vec<Text>,
    /// Objects that are merged after those: what a controller adds to the file, where it is written.
    pub patch_objects: Vec<Node>,
    /// `patchesJson6902`
    pub patches_json6902: Vec<Patch>,
    /// `patches`
    pub patches: Vec<Patch>,
    /// `images`, then the deprecated `imageTags`.
    pub images: Vec<Image>,
    /// `replacements`, one node each.
    pub replacements: Vec<Node>,
    /// `replicas`
    pub replicas: Vec<Replica>,
    /// `vars`
    pub vars: Vec<Var>,
    /// `sortOptions`
    pub sort: Option<Sort>,
    /// `configMapGenerator`
    pub config_maps: Vec<Generator>,
    /// `secretGenerator`
    pub secrets: Vec<Generator>,
    /// `generatorOptions`
    pub generator_options: Options,
    /// Names of the charts in `helmCharts` and `helmChartInflationGenerator`.
    pub charts: Vec<Text>,
    /// `buildMetadata`
    pub build_metadata: Vec<Text>,
    /// Fields of older spellings that are used, with their lines.
    pub deprecated: Vec<(&'static str, u32)>,
}

const FIELDS: [&str; 34] = [
    "kind",
    "apiVersion",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

const DEPRECATED: [&str; 6] =
    ["bases", "commonLabels", "imageTags", "patchesJson6902", "patchesStrategicMerge", "vars"];

impl Kustomization {
    /// Reads a kustomization file.
    pub fn read(bytes: &[u8], file: &Arc<str>, limits: &Limits) -> Result<Self, BuildError> {
        let stream = read_stream(bytes, file, Dialect::Kustomization, limits);
        // Go's reader looks at the first document only, and fails only on what it has read.
        let first_error = stream.errors.first().filter(|e| e.document == 0);
        if let Some(error) = first_error {
            return Err(Cause::Invalid(error.message.clone()).at(file, error.line));
        }
        let Some(document) = stream.documents.first().filter(|d| d.index == 0) else {
            return Err(Cause::EmptyKustomization.at(file, 0));
        };
        let mut k = Self { file: file.clone(), ..Self::default() };
        k.fill(&document.root, file)?;
        Ok(k)
    }

    fn fill(&mut self, root: &Node, file: &Arc<str>) -> Result<(), BuildError> {
        let fields = Fields::new(file, "kustomization");
        let (mut kind, mut api_version) = (Text::default(), Text::default());
        let mut says = false;
        let (mut bases, mut image_tags) = (Vec::new(), Vec::new());
        fields.each(root, &FIELDS, |name, node| {
            let f = fields.named(name);
            match name {
                "kind" => kind = f.text(node)?,
                "apiVersion" => api_version = f.text(node)?,
                "bases" => bases = f.texts(node)?,
                "imageTags" => image_tags = each(&f, node, entries::image)?,
                _ => self.set(name, node, &f)?,
            }
            says |= !matches!(name, "kind" | "apiVersion") && !is_zero(node);
            if DEPRECATED.contains(&name) {
                self.deprecated
                    .push((DEPRECATED.iter().find(|d| **d == name).copied().unwrap_or(""), node.mark.line));
            }
            Ok(())
        })?;
        self.resources.extend(bases);
        self.images.extend(image_tags);
        if !says {
            return Err(Cause::EmptyKustomization.at(file, 0));
        }
        self.component = &*kind == "Component";
        check_kind(&kind, &api_version, file)
    }

    fn set(&mut self, name: &str, node: &Node, f: &Fields<'_>) -> Result<(), BuildError> {
        match name {
            "resources" => self.resources = f.texts(node)?,
            "components" => self.components = f.texts(node)?,
            "crds" => self.crds = f.texts(node)?,
            "configurations" => self.configurations = f.texts(node)?,
            "generators" => self.generators = f.texts(node)?,
            "transformers" => self.transformers = f.texts(node)?,
            "validators" => self.validators = f.texts(node)?,
            "buildMetadata" => self.build_metadata = f.texts(node)?,
            "openapi" => self.openapi = f.text_map(node)?,
            "namePrefix" => self.name_prefix = not_empty(f.text(node)?),
            "nameSuffix" => self.name_suffix = not_empty(f.text(node)?),
            "namespace" => self.namespace = not_empty(f.text(node)?),
            "commonLabels" => self.common_labels = f.text_map(node)?,
            "commonAnnotations" => self.common_annotations = f.text_map(node)?,
            "labels" => self.labels = each(f, node, entries::label)?,
            "patches" => self.patches = each(f, node, entries::patch)?,
            "patchesJson6902" => self.patches_json6902 = each(f, node, entries::patch)?,
            "patchesStrategicMerge" => self.patches_strategic_merge = f.texts(node)?,
            "images" => self.images = each(f, node, entries::image)?,
            "replacements" => self.replacements = f.list(node)?.to_vec(),
            "replicas" => self.replicas = each(f, node, entries::replica)?,
            "vars" => self.vars = each(f, node, entries::var)?,
            "sortOptions" => self.sort = Some(entries::sort(f, node)?),
            "configMapGenerator" => self.config_maps = each(f, node, entries::generator)?,
            "secretGenerator" => self.secrets = each(f, node, entries::generator)?,
            "generatorOptions" => self.generator_options = entries::options(f, node)?,
            "helmCharts" => self.charts.extend(entries::charts(f, node, "name")?),
            "helmChartInflationGenerator" => self.charts.extend(entries::charts(f, node, "chartName")?),
            _ => {}
        }
        Ok(())
    }
}

/// What Go's decoder leaves at its zero value: an empty text or false, but not an empty list.
fn is_zero(node: &Node) -> bool {
    node.is_null() || node.as_str() == Some("") || node.as_bool() == Some(false)
}

fn check_kind(kind: &Text, api_version: &Text, file: &str) -> Result<(), BuildError> {
    let wanted = match &**kind {
        "" | "Kustomization" => "kustomize.config.k8s.io/v1beta1",
        "Component" => "kustomize.config.k8s.io/v1alpha1",
        other => {
            let what = format!("kind should be Kustomization or Component, not {other}");
            return Err(Cause::Invalid(what).in_field(file, kind.line(), "kind"));
        }
    };
    if api_version.is_empty() || &**api_version == wanted {
        return Ok(());
    }
    let what = format!("apiVersion should be {wanted}, not {}", &**api_version);
    Err(Cause::Invalid(what).in_field(file, api_version.line(), "apiVersion"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    fn read(text: &str) -> Result<Kustomization, BuildError> {
        Kustomization::read(text.as_bytes(), &"kustomization.yaml".into(), &Limits::default())
    }

    #[test]
    fn keys_match_without_regard_to_case() {
        let k = read("Resources: [a.yaml]\nbases: [../b]\nNAMESPACE: shop\n").expect("it is one");
        assert_eq!(k.resources.iter().map(|r| &*r.text).collect::<Vec<_>>(), ["a.yaml", "../b"]);
        assert_eq!(k.namespace.as_deref(), Some("shop"));
        assert_eq!(k.deprecated, [("bases", 2)]);
    }

    #[test]
    fn an_unknown_field_is_named_with_line_and_neighbour() {
        let error = read("resources: []\npatchs:\n- x\n").expect_err("there is no such field");
        assert_eq!(error.place.line, 2);
        assert_eq!(error.to_string(), "unknown field `patchs`; did you mean `patches`?");
        assert_eq!(error.reason(), Reason::InvalidKustomization);
    }

    #[test]
    fn only_kind_and_version_is_empty() {
        for text in ["", "kind: Kustomization\n", "# nothing\n", "namespace: \"\"\n"] {
            assert_eq!(read(text).expect_err(text).reason(), Reason::EmptyKustomization, "{text}");
        }
        assert!(read("resources: []\n").is_ok());
    }

    #[test]
    fn yaml_1_1_words_are_no_texts() {
        let error = read("namespace: yes\nresources: []\n").expect_err("yes is a boolean");
        assert_eq!(error.place.field.as_deref(), Some("namespace"));
    }

    #[test]
    fn kinds_and_versions_go_together() {
        assert!(
            read("kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [a]\n").is_ok()
        );
        assert!(
            read("kind: Component\napiVersion: kustomize.config.k8s.io/v1beta1\nresources: [a]\n").is_err()
        );
        assert!(read("kind: Deployment\nresources: [a]\n").is_err());
    }
}
