//! `namespace`: every object that is not certainly cluster-scoped moves there (render.md 2.8).

use super::config::FieldSpec;
use super::decode::Text;
use super::error::Cause;
use super::fields::{Make, walk, walk_body};
use super::id::Id;
use super::resmap::ResMap;
use super::resource::Resource;
use crate::yaml::{Node, ScalarKind, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Which subjects of role bindings follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Those named `default`.
    #[default]
    DefaultOnly,
    /// All service accounts.
    AllServiceAccounts,
    /// None.
    None,
}

/// Moves all objects to a namespace.
pub struct NamespaceTransformer<'a> {
    /// The namespace.
    pub namespace: &'a Text,
    /// The file that asks for it.
    pub file: &'a Arc<str>,
    /// Fields that hold a namespace, besides `metadata/namespace`.
    pub specs: &'a [FieldSpec],
    /// Which subjects of role bindings follow.
    pub subjects: Subjects,
    /// True to fill in only where nothing is written.
    pub unset_only: bool,
}

impl NamespaceTransformer<'_> {
    /// Moves them. Two objects that fall onto one identity are an error.
    pub fn run(&self, objects: &mut ResMap) -> Result<(), Cause> {
        if self.namespace.is_empty() {
            return Ok(());
        }
        for resource in objects.list_mut() {
            resource.remember();
            self.object(resource)?;
            resource.refresh();
        }
        conflicts(objects.list())
    }

    fn object(&self, resource: &mut Resource) -> Result<(), Cause> {
        let core = resource.id.gvk.group.is_empty() && &*resource.id.gvk.version == "v1";
        if !resource.id.cluster {
            let spec = FieldSpec::any("metadata/namespace", true);
            walk_body(&mut resource.body, &spec, Make::Scalar, &mut |node| self.set(node))?;
        }
        let binding = matches!(&*resource.id.gvk.kind, "RoleBinding" | "ClusterRoleBinding");
        if binding {
            self.bind(&mut resource.body)?;
        }
        for spec in self.specs {
            let skipped = match &*spec.path {
                "metadata/namespace" => true,
                // Only core Namespaces are renamed, not other kinds of that name.
                "metadata/name" => !core,
                "subjects/namespace" => {
                    binding && matches!(&*spec.gvk.kind, "RoleBinding" | "ClusterRoleBinding")
                }
                _ => false,
            };
            if !skipped {
                walk(resource, spec, Make::Scalar, &mut |node| self.set(node))?;
            }
        }
        Ok(())
    }

    fn bind(&self, body: &mut Node) -> Result<(), Cause> {
        let wanted = |subject: &Node| match self.subjects {
            Subjects::DefaultOnly => text(subject, "name") == "default",
            Subjects::AllServiceAccounts => text(subject, "kind") == "ServiceAccount",
            Subjects::None => false,
        };
        let found = body.get("subjects").and_then(Node::as_seq).is_some_and(|s| s.iter().any(wanted));
        if !found {
            return Ok(());
        }
        let subjects = body.as_map_mut().and_then(|m| m.get_mut("subjects")).and_then(Node::as_seq_mut);
        for subject in subjects.into_iter().flatten().filter(|s| wanted(s)) {
            let Some(map) = subject.as_map_mut() else { continue };
            if !map.contains("namespace") {
                map.set("namespace", Node::string(""));
            }
            if let Some(field) = map.get_mut("namespace") {
                self.set(field)?;
            }
        }
        Ok(())
    }

    fn set(&self, node: &mut Node) -> Result<(), Cause> {
        match &node.value {
            Value::Scalar(s) if self.unset_only && !s.text.is_empty() && s.kind != ScalarKind::Null => Ok(()),
            Value::Scalar(_) | Value::Secret(_) => {
                *node = Node::string(self.namespace.text.clone()).at(self.namespace.mark_in(self.file));
                Ok(())
            }
            _ => Err(Cause::Transformer {
                transformer: "namespace",
                what: "a namespace field holds a mapping or a list".to_owned(),
            }),
        }
    }
}

fn text<'a>(node: &'a Node, field: &str) -> &'a str {
    node.get(field).and_then(Node::scalar_text).unwrap_or("")
}

fn conflicts(list: &[Resource]) -> Result<(), Cause> {
    let mut seen: HashMap<Id, &Resource> = HashMap::with_capacity(list.len());
    for resource in list {
        if let Some(first) = seen.insert(resource.id.canonical(), resource) {
            return Err(Cause::Transformer {
                transformer: "namespace",
                what: format!(
                    "{} of {} and of {} fall together",
                    resource.id, first.origin.file, resource.origin.file
                ),
            });
        }
    }
    Ok(())
}
