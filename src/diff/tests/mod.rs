//! Tests of the whole comparison, by case data: the rows of diff.md 2.7, the rules of 2.4, the table of 2.9, the laws of 2.13.

mod changes;
mod laws;
mod normal_form;
mod presence;
mod rows;
mod secrets;
mod well_known;

use super::{Base, Comparison, Controller, Desired, Found, Mark, Rules, Scaler, Standing, all_fields, diff};
use crate::model::{
    FieldClass, FieldDiff, Live, Manager, ObjectDiff, ObjectKey, PendingKind, Verdict, blind,
};
use crate::secret::DigestKey;
use crate::yaml::{Dialect, Limits, Node, read_stream};
use std::sync::Arc;

/// Reads one document.
pub(super) fn yaml(text: &str) -> Node {
    let stream = read_stream(text.as_bytes(), &"case.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?} in {text}", stream.errors);
    stream.documents.into_iter().next().map_or_else(Node::null, |document| document.root)
}

/// The base of a case.
enum Before {
    Unknown,
    Is(String),
}

/// One case: three sides as text, and who owns what.
pub(super) struct Case {
    kind: (&'static str, &'static str),
    d: String,
    b: Before,
    l: String,
    managers: Vec<Manager>,
    controller: Controller,
    scalers: Vec<Scaler>,
    rules: Rules,
}

/// `d`, `b` and `l` are what stands below `apiVersion`, `kind` and `metadata.name`.
pub(super) fn case(kind: (&'static str, &'static str), d: &str, l: &str) -> Case {
    Case {
        kind,
        d: d.to_owned(),
        b: Before::Is(d.to_owned()),
        l: l.to_owned(),
        managers: Vec::new(),
        controller: Controller::Reconciled,
        scalers: Vec::new(),
        rules: Rules::default(),
    }
}

pub(super) fn manager(name: &str, apply: bool, fields: &str) -> Manager {
    let (name, subresource) = name.split_once('/').unwrap_or((name, ""));
    Manager {
        name: name.into(),
        apply,
        subresource: subresource.into(),
        time: if apply { "2026-11-01T10:00:00Z" } else { "2026-11-02T10:00:00Z" }.into(),
        fields: yaml(fields),
    }
}

impl Case {
    pub fn base(mut self, b: &str) -> Self {
        self.b = Before::Is(b.to_owned());
        self
    }

    pub fn base_unknown(mut self) -> Self {
        self.b = Before::Unknown;
        self
    }

    /// Flux owns these fields by server-side apply.
    pub fn applied(mut self, fields: &str) -> Self {
        self.managers.push(manager("kustomize-controller", true, fields));
        self
    }

    /// The applier owns these fields by update.
    pub fn updated(mut self, fields: &str) -> Self {
        self.managers.push(manager("kustomize-controller", false, fields));
        self
    }

    /// Somebody else owns these fields.
    pub fn foreign(mut self, name: &str, fields: &str) -> Self {
        self.managers.push(manager(name, false, fields));
        self
    }

    pub fn controller(mut self, controller: Controller) -> Self {
        self.controller = controller;
        self
    }

    pub fn body(&self, text: &str) -> Node {
        let (group, kind) = self.kind;
        let api = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        let mut body =
            yaml(&format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\n"));
        let more = yaml(text);
        if let (Some(map), Some(more)) = (body.as_map_mut(), more.as_map()) {
            for (name, value) in more.iter() {
                match map.get_mut(name) {
                    Some(old) if name == "metadata" => {
                        for (key, inner) in value.as_map().into_iter().flat_map(crate::yaml::Map::iter) {
                            old.as_map_mut().expect("metadata is a map").set(key, inner.clone());
                        }
                    }
                    _ => map.set(name, value.clone()),
                }
            }
        }
        blind(&body, &DigestKey::new([3; 32]))
    }

    pub fn with<T>(&self, run: impl FnOnce(&Comparison) -> T) -> T {
        let key = ObjectKey::new(self.kind.0, self.kind.1, "shop", "x");
        let desired = self.body(&self.d);
        let base = match &self.b {
            Before::Unknown => None,
            Before::Is(text) => Some(self.body(text)),
        };
        let live = live(&key, self.body(&self.l), self.managers.clone());
        run(&Comparison {
            base: base.as_ref().map_or(Base::Unknown, Base::Is),
            appliers: &["kustomize-controller"],
            controller: self.controller,
            scalers: &self.scalers,
            ..Comparison::new(&key, Desired::Is(&desired), Found::Is(&live), &self.rules)
        })
    }

    pub fn diff(&self) -> ObjectDiff {
        self.with(diff)
    }

    /// All that was found, as `path class`.
    pub fn all(&self) -> Vec<String> {
        self.with(all_fields).iter().map(line).collect()
    }

    /// Asserts exactly these findings, as `path class`, equal spellings left out.
    #[track_caller]
    pub fn finds(&self, expected: &[&str]) {
        let found: Vec<String> = self.all().into_iter().filter(|l| !l.ends_with(" synced")).collect();
        assert_eq!(found, expected);
    }
}

pub(super) fn line(field: &FieldDiff) -> String {
    let class = match field.class {
        FieldClass::Pending(PendingKind::Create) => "pending add",
        FieldClass::Pending(PendingKind::Change) => "pending change",
        FieldClass::Pending(PendingKind::Remove) => "pending remove",
        other => other.word(),
    };
    match &field.by {
        Some(by) => format!("{} {class} by {}", field.path, by.name),
        None => format!("{} {class}", field.path),
    }
}

pub(super) fn live(key: &ObjectKey, body: Node, managers: Vec<Manager>) -> Live {
    let version = body.str_at(&["apiVersion"]).map_or("v1", |v| ObjectKey::split_api_version(v).1);
    Live {
        key: key.clone(),
        version: version.into(),
        body,
        whole: true,
        managers: managers.into(),
        uid: Arc::from("1"),
        resource_version: Arc::from("1"),
        owners: Vec::new(),
        terminating: false,
    }
}

pub(super) const DEPLOYMENT: (&str, &str) = ("apps", "Deployment");
pub(super) const CONFIG: (&str, &str) = ("", "ConfigMap");
pub(super) const SERVICE: (&str, &str) = ("", "Service");
pub(super) const WIDGET: (&str, &str) = ("shop.example.org", "Widget");
