//! Where objects go, and the marks by which Argo CD finds them again.

use super::settings::{Settings, Tracking};
use crate::model::{Manifest, ObjectKey, Place, Problem, Reason, Step};
use crate::render::scopes::Known;
use crate::yaml::{Map, Mark, Node};
use std::collections::HashMap;
use std::sync::Arc;

/// What all objects of one Application have in common.
#[derive(Clone, Debug)]
pub(in crate::render) struct Placing {
    /// The name that Argo CD gives its objects.
    pub instance: String,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// Where the Application stands.
    pub place: Place,
    settings: Arc<Settings>,
    /// True to keep each step.
    steps: bool,
}

const ID: &str = "argocd.argoproj.io/tracking-id";
const INSTALLATION: &str = "argocd.argoproj.io/installation-id";
/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

impl Placing {
    /// For one Application.
    pub fn new(
        instance: String,
        namespace: String,
        place: Place,
        settings: Arc<Settings>,
        steps: bool,
    ) -> Self {
        Self { instance, namespace, place, settings, steps }
    }

    /// Gives an object its namespace and its marks.
    pub fn put(&self, manifest: &mut Manifest, scopes: &Known<'_>) {
        let is_definition = &*manifest.key.group == "apiextensions.k8s.io"
            && &*manifest.key.kind == "CustomResourceDefinition";
        let own = manifest.body.str_at(&["metadata", "namespace"]).unwrap_or("").to_owned();
        let is_cluster_wide = scopes.is_cluster_wide(&manifest.key.group, &manifest.key.kind);
        // What the cluster knows to have no namespace is tracked under that of the Application.
        let tracked = if own.is_empty() || is_cluster_wide { self.namespace.clone() } else { own.clone() };
        let namespace = match is_cluster_wide {
            true => String::new(),
            false if own.is_empty() => self.namespace.clone(),
            false => own.clone(),
        };
        if namespace != own {
            set_namespace(&mut manifest.body, &namespace, self.mark());
        }
        // A namespaced object that nobody gives a namespace lands in `default`.
        let lands_in_default =
            namespace.is_empty() && scopes.is_namespaced(&manifest.key.group, &manifest.key.kind);
        manifest.key.namespace = if lands_in_default { "default".into() } else { namespace.as_str().into() };
        if !is_definition {
            self.set_marks(manifest, &tracked);
        }
        if self.steps {
            let by = "Argo CD namespace and tracking";
            // A second time, when more is known about scopes, replaces the first.
            manifest.steps.retain(|step| &*step.by != by);
            let step = Step::new(by, self.place.clone(), manifest.body.clone());
            manifest.steps.push(step);
        }
    }

    fn mark(&self) -> Mark {
        Mark { file: Some(self.place.file.clone()), line: self.place.line, column: 0 }
    }

    fn set_marks(&self, manifest: &mut Manifest, namespace: &str) {
        let key = &manifest.key;
        let id = format!("{}:{}/{}:{namespace}/{}", self.instance, key.group, key.kind, key.name);
        let body = &mut manifest.body;
        if self.settings.tracking != Tracking::Label {
            if self.settings.installation.is_empty() {
                remove(body, "annotations", INSTALLATION);
            } else {
                self.set(body, "annotations", INSTALLATION, &self.settings.installation);
            }
            self.set(body, "annotations", ID, &id);
        }
        match self.settings.tracking {
            Tracking::Annotation => {}
            Tracking::Label => self.set(body, "labels", &self.settings.label, &self.instance),
            Tracking::Both => self.set(body, "labels", &self.settings.label, shortened(&self.instance)),
        }
    }

    fn set(&self, body: &mut Node, field: &str, name: &str, value: &str) {
        let Some(metadata) = body.as_map_mut().and_then(|m| m.get_mut("metadata")).and_then(Node::as_map_mut)
        else {
            return;
        };
        if metadata.get(field).and_then(Node::as_map).is_none() {
            metadata.set(field, Node::map(Map::new()));
        }
        if let Some(map) = metadata.get_mut(field).and_then(Node::as_map_mut) {
            map.set(name, Node::string(value).at(self.mark()));
        }
    }
}

/// The namespace of an object without one is not written down as nothing.
fn set_namespace(body: &mut Node, namespace: &str, mark: Mark) {
    let Some(metadata) = body.as_map_mut().and_then(|m| m.get_mut("metadata")).and_then(Node::as_map_mut)
    else {
        return;
    };
    if namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.set("namespace", Node::string(namespace).at(mark));
    }
}

fn remove(body: &mut Node, field: &str, name: &str) {
    let holds = body.at_path(&["metadata", field, name]).is_some();
    let metadata = body.as_map_mut().filter(|_| holds).and_then(|m| m.get_mut("metadata"));
    if let Some(map) =
        metadata.and_then(Node::as_map_mut).and_then(|m| m.get_mut(field)).and_then(Node::as_map_mut)
    {
        map.remove(name);
    }
}

/// A name as the value of a label: it ends in a letter or digit.
fn shortened(name: &str) -> &str {
    if name.len() <= LONGEST_LABEL {
        return name;
    }
    let end = (0..=LONGEST_LABEL).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    name[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
}

/// Of objects of one key the last one counts; the others are told.
pub(in crate::render) fn distinct(objects: &mut Vec<Manifest>) -> Vec<Problem> {
    let mut last: HashMap<ObjectKey, usize> = HashMap::new();
    let mut problems = Vec::new();
    let mut dropped = vec![false; objects.len()];
    for (place, manifest) in objects.iter().enumerate() {
        let Some(earlier) = last.insert(manifest.key.clone(), place) else { continue };
        dropped[earlier] = true;
        let (old, new) = (&objects[earlier].origin, &manifest.origin);
        let cause = format!(
            "{} is there more than once; the last one counts, of {}:{}",
            manifest.key, new.file, new.line
        );
        problems.push(Problem::warning(Reason::Conflict, cause).at(&old.file, old.line));
    }
    let mut place = 0;
    objects.retain(|_| {
        place += 1;
        !dropped[place - 1]
    });
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::argo::tests::manifest;
    use crate::yaml::to_masked_string;

    fn put(text: &str, settings: Settings) -> (String, String) {
        let place = Place { file: "app.yaml".into(), line: 3, field: None };
        let placing = Placing::new("web".to_owned(), "shop".to_owned(), place, Arc::new(settings), false);
        let mut object = manifest(text);
        placing.put(&mut object, &Known::of(None, [].into_iter()));
        (object.key.to_string(), to_masked_string(&object.body))
    }

    fn settings(tracking: Tracking) -> Settings {
        Settings { tracking, ..Settings::of([].iter()) }
    }

    #[test]
    fn objects_get_their_namespace_and_an_annotation() {
        let (key, text) = put(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
            settings(Tracking::Annotation),
        );
        assert_eq!(key, "Deployment/shop/a");
        assert!(text.contains("tracking-id: web:apps/Deployment:shop/a\n"), "{text}");
        assert!(text.contains("namespace: shop\n"), "{text}");
        let (key, text) = put(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: x}\n",
            settings(Tracking::Annotation),
        );
        assert_eq!(key, "Namespace/a");
        assert!(
            text.contains("tracking-id: web:/Namespace:shop/a\n") && !text.contains("namespace: x"),
            "{text}"
        );
        let (key, _) = put(
            "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: own}\n",
            settings(Tracking::Annotation),
        );
        assert_eq!(key, "Service/own/a");
    }

    #[test]
    fn labels_and_installations_are_set_where_they_are_asked_for() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";
        let (_, label) = put(text, Settings { label: "my/key".to_owned(), ..settings(Tracking::Label) });
        assert!(label.contains("my/key: web") && !label.contains("tracking-id"), "{label}");
        let (_, both) = put(text, Settings { installation: "i".to_owned(), ..settings(Tracking::Both) });
        assert!(
            both.contains("instance: web")
                && both.contains("tracking-id")
                && both.contains("installation-id: i")
        );
        let definition =
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n";
        assert!(!put(definition, settings(Tracking::Both)).1.contains("web"));
    }

    #[test]
    fn a_long_name_ends_well_as_a_label() {
        let name = format!("{}-{}", "a".repeat(62), "b");
        assert_eq!(shortened(&name), "a".repeat(62));
        assert_eq!(shortened("web"), "web");
    }

    #[test]
    fn the_last_of_two_counts() {
        let one =
            |value: &str| manifest(&format!("apiVersion: v1\nkind: X\nmetadata: {{name: a}}\nv: {value}\n"));
        let other = manifest("apiVersion: v1\nkind: Y\nmetadata: {name: a}\n");
        let mut objects = vec![one("1"), other, one("2")];
        assert_eq!(distinct(&mut objects).len(), 1);
        let kept: Vec<_> =
            objects.iter().map(|m| (m.key.to_string(), m.body.get("v").and_then(Node::as_i64))).collect();
        assert_eq!(kept, [("Y/a".to_owned(), None), ("X/a".to_owned(), Some(2))]);
    }
}
