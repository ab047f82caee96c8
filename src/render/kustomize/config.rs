//! Field specs in force: the defaults, what `configurations` and `crds` add, and how they merge (render.md 2.7).

use super::decode::{Fields, Text};
use super::error::{BuildError, Cause};
use super::fields::split;
use super::id::Gvk;
use super::sort::{FIRST, LAST};
use super::tables::fieldspecs::{self, Row};
use crate::yaml::{Dialect, Limits, Node, read_stream};
use std::sync::{Arc, LazyLock};

/// Where a transformer looks in objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Which objects; empty parts match all.
    pub gvk: Gvk,
    /// The field, parts joined by `/`.
    pub path: Arc<str>,
    /// True if the field is made when it is not there.
    pub create: bool,
    /// The parts of the path, split once.
    pub parts: Arc<[Box<str>]>,
}

/// The fields that hold names of objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackReference {
    /// The kind referred to.
    pub target: Gvk,
    /// The fields that refer.
    pub referrers: Vec<FieldSpec>,
}

/// All field specs of one build.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `namePrefix`
    pub name_prefix: Vec<FieldSpec>,
    /// `nameSuffix`
    pub name_suffix: Vec<FieldSpec>,
    /// `namespace`
    pub namespace: Vec<FieldSpec>,
    /// `commonLabels`
    pub common_labels: Vec<FieldSpec>,
    /// `labels`: additional fields of all label entries.
    pub labels: Vec<FieldSpec>,
    /// `templateLabels`
    pub template_labels: Vec<FieldSpec>,
    /// `commonAnnotations`
    pub common_annotations: Vec<FieldSpec>,
    /// `nameReference`
    pub name_reference: Vec<BackReference>,
    /// `varReference`
    pub var_reference: Vec<FieldSpec>,
    /// `images`
    pub images: Vec<FieldSpec>,
    /// `replicas`
    pub replicas: Vec<FieldSpec>,
}

/// The lists of plain field specs by name.
const LISTS: [&str; 10] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "commonAnnotations",
    "varReference",
    "images",
    "replicas",
];

impl FieldSpec {
    fn of(row: &Row) -> Self {
        Self::new(gvk(row.gvk), row.path, row.create)
    }

    /// A spec for objects of the kinds that `gvk` selects.
    pub fn new(gvk: Gvk, path: &str, create: bool) -> Self {
        let parts = split(path).into_iter().map(String::into_boxed_str).collect();
        Self { gvk, path: path.into(), create, parts }
    }

    /// A spec for objects of any kind.
    pub fn any(path: &str, create: bool) -> Self {
        Self::new(Gvk::default(), path, create)
    }

    /// Reads one from a `configurations` file or a plug-in object.
    pub fn read(f: &Fields<'_>, node: &Node) -> Result<Self, BuildError> {
        let (mut gvk, mut path, mut create) = (Gvk::default(), Text::default(), false);
        f.each(node, &["group", "version", "kind", "path", "create"], |name, value| {
            match name {
                "group" => gvk.group = f.text(value)?.text,
                "version" => gvk.version = f.text(value)?.text,
                "kind" => gvk.kind = f.text(value)?.text,
                "path" => path = f.text(value)?,
                _ => create = f.boolean(value)?,
            }
            Ok(())
        })?;
        Ok(Self::new(gvk, &path, create))
    }
}

/// Adds specs that are not there yet. The same field with another `create` is refused.
pub fn merge_specs(into: &mut Vec<FieldSpec>, more: &[FieldSpec]) -> Result<(), Cause> {
    for spec in more {
        match into.iter().find(|own| own.gvk.selected_by(&spec.gvk) && own.path == spec.path) {
            Some(own) if own.create != spec.create => {
                return Err(Cause::Invalid(format!("conflicting field specs for {}", spec.path)));
            }
            Some(_) => {}
            None => into.push(spec.clone()),
        }
    }
    Ok(())
}

impl Config {
    /// What every kustomization starts with; made once in a program.
    pub fn defaults() -> Arc<Self> {
        static DEFAULTS: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(Config::built_in()));
        DEFAULTS.clone()
    }

    fn built_in() -> Self {
        let mut rows = Self::default();
        for name in LISTS {
            let specs = rows.named(name);
            specs.extend(fieldspecs::list(name).iter().map(FieldSpec::of));
            sort(specs);
        }
        rows.name_reference = fieldspecs::references()
            .into_iter()
            .map(|(target, rows)| BackReference {
                target: gvk(target),
                referrers: rows.iter().map(FieldSpec::of).collect(),
            })
            .collect();
        rows.name_reference.sort_by_cached_key(|r| sort_key(&r.target));
        // The defaults do not conflict with each other.
        Self::default().joined(&rows).unwrap_or(rows)
    }

    /// Reads a `configurations` file.
    pub fn read(bytes: &[u8], file: &Arc<str>, limits: &Limits) -> Result<Self, BuildError> {
        let stream = read_stream(bytes, file, Dialect::Kustomization, limits);
        if let Some(error) = stream.errors.first() {
            return Err(Cause::Invalid(error.message.clone()).at(file, error.line));
        }
        let mut config = Self::default();
        if let Some(document) = stream.documents.first() {
            config.fill(&document.root, file)?;
        }
        Ok(config)
    }

    fn fill(&mut self, root: &Node, file: &str) -> Result<(), BuildError> {
        const KNOWN: [&str; 11] = [
            "namePrefix",
            "nameSuffix",
            "namespace",
            "commonLabels",
            "labels",
            "templateLabels",
            "commonAnnotations",
            "nameReference",
            "varReference",
            "images",
            "replicas",
        ];
        let fields = Fields::new(file, "configuration");
        fields.each(root, &KNOWN, |name, node| {
            let f = fields.named(name);
            if name == "nameReference" {
                self.name_reference =
                    f.list(node)?.iter().map(|item| back_reference(&f, item)).collect::<Result<_, _>>()?;
                self.name_reference.sort_by_cached_key(|r| sort_key(&r.target));
                return Ok(());
            }
            let mut specs =
                f.list(node)?.iter().map(|item| FieldSpec::read(&f, item)).collect::<Result<Vec<_>, _>>()?;
            sort(&mut specs);
            *self.named(name) = specs;
            Ok(())
        })
    }

    fn named(&mut self, name: &str) -> &mut Vec<FieldSpec> {
        match name {
            "namePrefix" => &mut self.name_prefix,
            "nameSuffix" => &mut self.name_suffix,
            "namespace" => &mut self.namespace,
            "commonLabels" => &mut self.common_labels,
            "labels" => &mut self.labels,
            "templateLabels" => &mut self.template_labels,
            "commonAnnotations" => &mut self.common_annotations,
            "varReference" => &mut self.var_reference,
            "images" => &mut self.images,
            _ => &mut self.replicas,
        }
    }

    /// This configuration with all specs of another, sorted as upstream sorts after every merge: a spec for
    /// some kinds then comes before one for all kinds, which the next merge takes for the same and drops.
    pub fn joined(&self, more: &Self) -> Result<Self, Cause> {
        let mut joined = self.clone();
        joined.merge(more)?;
        for name in LISTS {
            sort(joined.named(name));
        }
        joined.name_reference.sort_by_cached_key(|r| sort_key(&r.target));
        Ok(joined)
    }

    fn merge(&mut self, more: &Self) -> Result<(), Cause> {
        merge_specs(&mut self.name_prefix, &more.name_prefix)?;
        merge_specs(&mut self.name_suffix, &more.name_suffix)?;
        merge_specs(&mut self.namespace, &more.namespace)?;
        merge_specs(&mut self.common_labels, &more.common_labels)?;
        merge_specs(&mut self.labels, &more.labels)?;
        merge_specs(&mut self.template_labels, &more.template_labels)?;
        merge_specs(&mut self.common_annotations, &more.common_annotations)?;
        merge_specs(&mut self.var_reference, &more.var_reference)?;
        merge_specs(&mut self.images, &more.images)?;
        merge_specs(&mut self.replicas, &more.replicas)?;
        for reference in &more.name_reference {
            match self.name_reference.iter_mut().find(|own| own.target == reference.target) {
                Some(own) => merge_specs(&mut own.referrers, &reference.referrers)?,
                None => self.name_reference.push(reference.clone()),
            }
        }
        Ok(())
    }
}

/// Joins two configurations, sharing one of them when nothing changes: nearly all folders have the defaults only.
pub fn merged(own: Option<Arc<Config>>, more: &Arc<Config>) -> Result<Arc<Config>, Cause> {
    let Some(own) = own else { return Ok(more.clone()) };
    if Arc::ptr_eq(&own, more) {
        return Ok(own);
    }
    own.joined(more).map(Arc::new)
}

fn back_reference(f: &Fields<'_>, node: &Node) -> Result<BackReference, BuildError> {
    let mut reference = BackReference { target: Gvk::default(), referrers: Vec::new() };
    f.each(node, &["group", "version", "kind", "fieldSpecs"], |name, value| {
        match name {
            "group" => reference.target.group = f.text(value)?.text,
            "version" => reference.target.version = f.text(value)?.text,
            "kind" => reference.target.kind = f.text(value)?.text,
            _ => {
                reference.referrers =
                    f.list(value)?.iter().map(|item| FieldSpec::read(f, item)).collect::<Result<_, _>>()?;
            }
        }
        Ok(())
    })?;
    Ok(reference)
}

fn gvk([group, version, kind]: [&str; 3]) -> Gvk {
    Gvk { group: group.into(), version: version.into(), kind: kind.into() }
}

fn sort(specs: &mut [FieldSpec]) {
    specs.sort_by_cached_key(|s| sort_key(&s.gvk));
}

/// Kustomize's order of kinds: the known first ones, everything else, the known last ones.
pub fn sort_key(gvk: &Gvk) -> ((i8, usize), String) {
    let place = |kinds: &[&str]| kinds.iter().position(|kind| *kind == &*gvk.kind);
    let rank = match (place(&FIRST), place(&LAST)) {
        (Some(before), _) => (-1, before),
        (None, Some(after)) => (1, after),
        (None, None) => (0, 0),
    };
    (rank, gvk.sort_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_adds_fields_and_conflicts_are_named() {
        let text = b"namespace:\n- kind: Foo\n  path: spec/ns\n  create: true\n";
        let more = Config::read(text, &"c.yaml".into(), &Limits::default()).expect("it is one");
        let config = Config::defaults();
        let before = config.namespace.len();
        let config =
            config.joined(&more).and_then(|c| c.joined(&more)).expect("the same again is no conflict");
        assert_eq!(config.namespace.len(), before + 1);
        let mut other = more.clone();
        other.namespace[0].create = false;
        assert!(config.joined(&other).is_err());
    }

    #[test]
    fn namespaces_come_before_all_and_webhooks_after() {
        let rank = |kind: &str| sort_key(&Gvk::new("v1", kind)).0;
        assert!(rank("Namespace") < rank("Service") && rank("Service") < rank("Foo"));
        assert!(rank("Foo") < rank("ValidatingWebhookConfiguration"));
    }
}
