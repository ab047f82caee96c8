//! The entries of a kustomization's lists: labels, patches, images, replicas, vars, generators.

use super::decode::{Fields, Text};
use super::error::BuildError;
use super::parsed::Parsed;
use crate::yaml::{Mark, Node};
use std::sync::Arc;

/// A mapping of texts with their places.
pub type Pairs = Vec<(Arc<str>, Text)>;

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
    pub inline: Option<Text>,
    /// The operations, where they are a list already: a controller's object holds them so.
    pub operations: Option<Node>,
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
    /// What was made of it.
    pub read: Parsed,
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
    /// Place of the entry.
    pub mark: Mark,
}

/// One entry of `replicas`.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// `name`
    pub name: Text,
    /// `count`
    pub count: i64,
    /// Place of the count.
    pub mark: Mark,
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
    /// `immutable`: where it is set.
    pub immutable: Option<Mark>,
}

/// `None` for an empty text.
pub fn not_empty(text: Text) -> Option<Text> {
    (!text.is_empty()).then_some(text)
}

/// Reads every item of a list.
pub fn each<T>(
    f: &Fields<'_>,
    node: &Node,
    read: impl Fn(&Fields<'_>, &Node) -> Result<T, BuildError>,
) -> Result<Vec<T>, BuildError> {
    f.list(node)?.iter().map(|item| read(f, item)).collect()
}

/// One entry of `labels`.
pub fn label(f: &Fields<'_>, node: &Node) -> Result<Label, BuildError> {
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
            "patch" => patch.inline = not_empty(f.text(value)?),
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

/// One image entry, also as plug-in objects write it.
pub fn image(f: &Fields<'_>, node: &Node) -> Result<Image, BuildError> {
    let mut image = Image { mark: node.mark.clone(), ..Image::default() };
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
    let mut replica = Replica { mark: node.mark.clone(), ..Replica::default() };
    f.each(node, &["name", "count"], |name, value| {
        if name == "name" {
            replica.name = f.text(value)?;
        } else {
            replica.count = f.integer(value)?;
            replica.mark = value.mark.clone();
        }
        Ok(())
    })?;
    Ok(replica)
}

/// One entry of `vars`.
pub fn var(f: &Fields<'_>, node: &Node) -> Result<Var, BuildError> {
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
        var.api_version = Text::new(both, &version.mark);
    }
    if var.field.is_empty() {
        var.field = Text::new("metadata.name", &var.name.mark);
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

/// `generatorOptions`, or `options` of one generator.
pub fn options(f: &Fields<'_>, node: &Node) -> Result<Options, BuildError> {
    let mut options = Options::default();
    f.each(node, &["labels", "annotations", "disableNameSuffixHash", "immutable"], |name, value| {
        match name {
            "labels" => options.labels = f.text_map(value)?,
            "annotations" => options.annotations = f.text_map(value)?,
            "disableNameSuffixHash" => options.disable_hash = f.boolean(value)?,
            _ => options.immutable = f.boolean(value)?.then(|| value.mark.clone()),
        }
        Ok(())
    })?;
    Ok(options)
}

/// Names of the charts of one list.
pub fn charts(f: &Fields<'_>, node: &Node, field: &str) -> Result<Vec<Text>, BuildError> {
    let name = |chart: &Node| {
        let text = chart.get(field).and_then(Node::as_str).unwrap_or("without a name");
        Text::new(text, &chart.mark)
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
            immutable: self.immutable.clone().or_else(|| global.immutable.clone()),
        }
    }
}
