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

<<<<<<< HEAD
/// One entry of `labels`.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// `pairs`
    pub pairs: Pairs,
    /// `includeSelectors`
    pub include_selectors: bool,
    /// `includeTemplates`
    pub include_templates: bool,
    /// `fields`, one node each.
    pub fields: Vec<Node>,
}

/// One entry of `patches` or `patchesJson6902`.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// `path`
    pub path: Option<Text>,
    /// `patch`
    pub patch: Option<Text>,
    /// `target`
    pub target: Option<Node>,
    /// `options.allowNameChange`
    pub allow_name_change: bool,
    /// `options.allowKindChange`
    pub allow_kind_change: bool,
    /// Line of the entry.
    pub line: u32,
    /// The file it stands in, if that is not the kustomization: a controller may add patches of its own.
    pub file: Option<Arc<str>>,
}

/// One entry of `images`.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// `name`
    pub name: Text,
    /// `newName`
    pub new_name: Text,
    /// `newTag`
    pub new_tag: Text,
    /// `tagSuffix`
    pub tag_suffix: Text,
    /// `digest`
    pub digest: Text,
    /// Line of the entry.
    pub line: u32,
}

/// One entry of `replicas`.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// `name`
    pub name: Text,
    /// `count`
    pub count: i64,
    /// Line of the count.
    pub line: u32,
}

/// One entry of `vars`.
#[derive(Clone, Debug, Default)]
pub struct Var {
    /// `name`
    pub name: Text,
    /// `objref`: group and version, from either spelling.
    pub api_version: Text,
    /// `objref.kind`
    pub kind: Text,
    /// `objref.name`
    pub object: Text,
    /// `objref.namespace`
    pub namespace: Text,
    /// `fieldref.fieldPath`
    pub field: Text,
}

/// `sortOptions`
#[derive(Clone, Debug, Default)]
pub struct Sort {
    /// `order`
    pub order: Text,
    /// `legacySortOptions`: kinds first, kinds last.
    pub legacy: Option<(Vec<Text>, Vec<Text>)>,
}

/// One entry of `configMapGenerator` or `secretGenerator`.
#[derive(Clone, Debug, Default)]
pub struct Generator {
    /// `name`
    pub name: Text,
    /// `namespace`
    pub namespace: Text,
    /// `behavior`
    pub behavior: Text,
    /// `type` of a Secret.
    pub kind: Text,
    /// `literals`
    pub literals: Vec<Text>,
    /// `files`
    pub files: Vec<Text>,
    /// `envs`, then the deprecated `env`.
    pub envs: Vec<Text>,
    /// `options`
    pub options: Options,
    /// Line of the entry.
    pub line: u32,
}

/// `generatorOptions`, or `options` of one generator.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `labels`
    pub labels: Pairs,
    /// `annotations`
    pub annotations: Pairs,
    /// `disableNameSuffixHash`
    pub disable_hash: bool,
    /// `immutable`
    pub immutable: bool,
}

=======
>>>>>>> render
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

    /// Reads the fields of a kustomization that is a node already (Flux generates such ones).
    pub fn of(root: &Node, file: &Arc<str>) -> Result<Self, BuildError> {
        let mut k = Self { file: file.clone(), ..Self::default() };
        k.fill(root, file)?;
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
            return Err(Cause::Invalid(what).in_field(file, kind.line, "kind"));
        }
    };
    if api_version.is_empty() || &**api_version == wanted {
        return Ok(());
    }
    let what = format!("apiVersion should be {wanted}, not {}", &**api_version);
    Err(Cause::Invalid(what).in_field(file, api_version.line, "apiVersion"))
}

<<<<<<< HEAD
fn not_empty(text: Text) -> Option<Text> {
    (!text.is_empty()).then_some(text)
}

fn each<T>(
    f: &Fields<'_>,
    node: &Node,
    read: impl Fn(&Fields<'_>, &Node) -> Result<T, BuildError>,
) -> Result<Vec<T>, BuildError> {
    f.list(node)?.iter().map(|item| read(f, item)).collect()
}

fn build_metadata(f: &Fields<'_>, node: &Node) -> Result<Vec<Text>, BuildError> {
    f.texts(node)
}

fn label(f: &Fields<'_>, node: &Node) -> Result<Label, BuildError> {
    let mut label = Label::default();
    f.each(node, &["pairs", "includeSelectors", "includeTemplates", "fields"], |name, value| {
        match name {
            "pairs" => label.pairs = f.text_map(value)?,
            "includeSelectors" => label.include_selectors = f.boolean(value)?,
            "includeTemplates" => label.include_templates = f.boolean(value)?,
            _ => label.fields = f.list(value)?.to_vec(),
        }
        Ok(())
    })?;
    Ok(label)
}

/// One patch entry, also as plug-in objects write it.
pub fn patch(f: &Fields<'_>, node: &Node) -> Result<Patch, BuildError> {
    let mut patch = Patch { line: node.mark.line, ..Patch::default() };
    f.each(node, &["path", "patch", "target", "options"], |name, value| {
        match name {
            "path" => patch.path = not_empty(f.text(value)?),
            "patch" => patch.patch = not_empty(f.text(value)?),
            "target" => {
                check_selector(f, value)?;
                patch.target = Some(value.clone());
            }
            _ => {
                f.each(value, &["allowNameChange", "allowKindChange"], |name, value| {
                    match name {
                        "allowNameChange" => patch.allow_name_change = f.boolean(value)?,
                        _ => patch.allow_kind_change = f.boolean(value)?,
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    })?;
    Ok(patch)
}

const SELECTOR: [&str; 7] =
    ["group", "version", "kind", "name", "namespace", "annotationSelector", "labelSelector"];

fn check_selector(f: &Fields<'_>, node: &Node) -> Result<(), BuildError> {
    f.each(node, &SELECTOR, |_, value| f.text(value).map(drop))
}

fn images(f: &Fields<'_>, node: &Node) -> Result<Vec<Image>, BuildError> {
    each(f, node, image)
}

/// One image entry, also as plug-in objects write it.
pub fn image(f: &Fields<'_>, node: &Node) -> Result<Image, BuildError> {
    let mut image = Image { line: node.mark.line, ..Image::default() };
    f.each(node, &["name", "newName", "newTag", "tagSuffix", "digest"], |name, value| {
        let text = f.text(value)?;
        match name {
            "name" => image.name = text,
            "newName" => image.new_name = text,
            "newTag" => image.new_tag = text,
            "tagSuffix" => image.tag_suffix = text,
            _ => image.digest = text,
        }
        Ok(())
    })?;
    Ok(image)
}

/// One replicas entry, also as plug-in objects write it.
pub fn replica(f: &Fields<'_>, node: &Node) -> Result<Replica, BuildError> {
    let mut replica = Replica { line: node.mark.line, ..Replica::default() };
    f.each(node, &["name", "count"], |name, value| {
        match name {
            "name" => replica.name = f.text(value)?,
            _ => {
                replica.count = f.integer(value)?;
                replica.line = value.mark.line;
            }
        }
        Ok(())
    })?;
    Ok(replica)
}

fn var(f: &Fields<'_>, node: &Node) -> Result<Var, BuildError> {
    let mut var = Var::default();
    let (mut group, mut version) = (Text::default(), Text::default());
    f.each(node, &["name", "objref", "fieldref"], |name, value| match name {
        "name" => {
            var.name = f.text(value)?;
            Ok(())
        }
        "fieldref" => f.each(value, &["fieldPath"], |_, value| {
            var.field = f.text(value)?;
            Ok(())
        }),
        _ => {
            f.each(value, &["apiVersion", "group", "version", "kind", "name", "namespace"], |name, value| {
                let text = f.text(value)?;
                match name {
                    "apiVersion" => var.api_version = text,
                    "group" => group = text,
                    "version" => version = text,
                    "kind" => var.kind = text,
                    "name" => var.object = text,
                    _ => var.namespace = text,
                }
                Ok(())
            })
        }
    })?;
    if var.api_version.is_empty() {
        let both = if group.is_empty() { version.to_string() } else { format!("{}/{}", &*group, &*version) };
        var.api_version = Text { text: both.into(), line: version.line };
    }
    if var.field.is_empty() {
        var.field = Text { text: "metadata.name".into(), line: var.name.line };
    }
    Ok(var)
}

/// `sortOptions`, also as plug-in objects write it.
pub fn sort(f: &Fields<'_>, node: &Node) -> Result<Sort, BuildError> {
    let mut sort = Sort::default();
    f.each(node, &["order", "legacySortOptions"], |name, value| {
        if name == "order" {
            sort.order = f.text(value)?;
            return Ok(());
        }
        let (mut first, mut last) = (Vec::new(), Vec::new());
        f.each(value, &["orderFirst", "orderLast"], |name, value| {
            match name {
                "orderFirst" => first = f.texts(value)?,
                _ => last = f.texts(value)?,
            }
            Ok(())
        })?;
        sort.legacy = Some((first, last));
        Ok(())
    })?;
    Ok(sort)
}

const GENERATOR: [&str; 9] =
    ["name", "namespace", "behavior", "type", "literals", "files", "envs", "env", "options"];

/// One generator entry, also as plug-in objects write it.
pub fn generator(f: &Fields<'_>, node: &Node) -> Result<Generator, BuildError> {
    let mut generator = Generator { line: node.mark.line, ..Generator::default() };
    let mut env = None;
    f.each(node, &GENERATOR, |name, value| {
        match name {
            "name" => generator.name = f.text(value)?,
            "namespace" => generator.namespace = f.text(value)?,
            "behavior" => generator.behavior = f.text(value)?,
            "type" => generator.kind = f.text(value)?,
            "literals" => generator.literals = f.texts(value)?,
            "files" => generator.files = f.texts(value)?,
            "envs" => generator.envs = f.texts(value)?,
            "env" => env = not_empty(f.text(value)?),
            _ => generator.options = options(f, value)?,
        }
        Ok(())
    })?;
    generator.envs.extend(env);
    Ok(generator)
}

fn options(f: &Fields<'_>, node: &Node) -> Result<Options, BuildError> {
    let mut options = Options::default();
    f.each(node, &["labels", "annotations", "disableNameSuffixHash", "immutable"], |name, value| {
        match name {
            "labels" => options.labels = f.text_map(value)?,
            "annotations" => options.annotations = f.text_map(value)?,
            "disableNameSuffixHash" => options.disable_hash = f.boolean(value)?,
            _ => options.immutable = f.boolean(value)?,
        }
        Ok(())
    })?;
    Ok(options)
}

fn charts(f: &Fields<'_>, node: &Node, field: &str) -> Result<Vec<Text>, BuildError> {
    let name = |chart: &Node| {
        let text = chart.get(field).and_then(Node::as_str).unwrap_or("without a name");
        Text { text: text.into(), line: chart.mark.line }
    };
    Ok(f.list(node)?.iter().map(name).collect())
}

impl Options {
    /// These options, with what is missing taken from the kustomization's; switches are joined by "or".
    #[must_use]
    pub fn over(&self, global: &Self) -> Self {
        let fill = |own: &Pairs, more: &Pairs| {
            let mut merged = own.clone();
            let missing = more.iter().filter(|(key, _)| !own.iter().any(|(k, _)| k == key));
            merged.extend(missing.cloned());
            merged
        };
        Self {
            labels: fill(&self.labels, &global.labels),
            annotations: fill(&self.annotations, &global.annotations),
            disable_hash: self.disable_hash || global.disable_hash,
            immutable: self.immutable || global.immutable,
        }
    }
}

=======
>>>>>>> render
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
