//! The way of an object: each step of rendering, with what it changed and what that was before.

use super::details::FieldChange;
use super::history::{place_of, shown, text};
use super::session::Session;
use crate::diff;
use crate::model::{Manifest, ObjectKey, Place, Problem, Severity, Step};
use crate::yaml::{Node, Value};
use std::sync::Arc;

/// How one object of one environment came to be.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The environment.
    pub environment: Arc<str>,
    /// The object.
    pub object: ObjectKey,
    /// What makes it, the entry last: each is an object of the next one.
    pub producers: Vec<ObjectKey>,
    /// The steps that did something to it, or to the field that was asked for.
    pub steps: Vec<ExplainedStep>,
}

/// One step, in words.
#[derive(Clone, Debug)]
pub struct ExplainedStep {
    /// What it is: `file`, a transformer, `postBuild`.
    pub by: Arc<str>,
    /// Where it is asked for.
    pub place: Place,
    /// What it changed; secrets are words.
    pub changes: Vec<FieldChange>,
}

impl Session {
    /// The way of every object that `key` means, at a revision or as the files lie on disk; with `field` only the steps
    /// that set that field, for example `spec.template.spec.containers[app].image`.
    pub(super) fn explain(
        &self,
        at: Option<&str>,
        key: &ObjectKey,
        field: Option<&str>,
    ) -> Result<Vec<Explained>, Problem> {
        let tree = self.tree_of(at)?;
        let found = self.environments(&*tree);
        if let (true, Some(problem)) =
            (found.environments.is_empty(), found.problems.into_iter().find(|p| p.severity != Severity::Note))
        {
            return Err(problem);
        }
        let mut all = Vec::new();
        for environment in &found.environments {
            let rendered = self.render_with_steps(&*tree, environment);
            for (place, manifest) in rendered.objects().filter(|(_, m)| key.means(&m.key)) {
                let above = std::iter::successors(Some(place), |at| rendered.producers.get(*at)?.parent);
                all.push(Explained {
                    environment: environment.name.clone(),
                    object: manifest.key.clone(),
                    producers: above.filter_map(|at| Some(rendered.producers.get(at)?.key.clone())).collect(),
                    steps: steps(manifest, field),
                });
            }
        }
        Ok(all)
    }
}

/// The steps that changed something; the first one, which brings the object, always is one.
fn steps(manifest: &Manifest, field: Option<&str>) -> Vec<ExplainedStep> {
    let mut before: Option<&Step> = None;
    let mut told = Vec::new();
    for step in &manifest.steps {
        let changes = match (field, before) {
            (Some(field), before) => changed_field(field, before.map(|b| &b.body), &step.body),
            (None, Some(before)) => shown(&diff::compare(Some(&before.body), Some(&step.body))),
            (None, None) => Vec::new(),
        };
        let first = before.is_none() && field.is_none();
        before = Some(step);
        if first || !changes.is_empty() {
            told.push(ExplainedStep { by: step.by.clone(), place: step.place.clone(), changes });
        }
    }
    told
}

/// What a step did to one field.
fn changed_field(field: &str, before: Option<&Node>, after: &Node) -> Vec<FieldChange> {
    let old = before.and_then(|body| at(body, field));
    let new = at(after, field);
    let (was, is) = (old.map(text), new.map(text));
    let same = was == is && !old.zip(new).is_some_and(|(old, new)| differs_in_secret(old, new));
    if same {
        return Vec::new();
    }
    let place = new.or(old).and_then(place_of);
    vec![FieldChange { path: field.to_owned(), before: was, after: is, place }]
}

/// Secrets look alike as words.
fn differs_in_secret(old: &Node, new: &Node) -> bool {
    match (&old.value, &new.value) {
        (Value::Secret(old), Value::Secret(new)) => old != new,
        _ => false,
    }
}

/// The node at a path as it is printed: names between dots, elements of lists by number or by what names them.
fn at<'a>(body: &'a Node, field: &str) -> Option<&'a Node> {
    let mut node = body;
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (name, after) = inside.split_once(']')?;
            node = element(node, name.trim_matches('"'))?;
            rest = after.strip_prefix('.').unwrap_or(after);
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            node = node.get(&rest[..end])?;
            rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
        }
    }
    Some(node)
}

/// What names elements of lists in Kubernetes objects.
const NAMES: [&str; 8] =
    ["name", "key", "containerPort", "port", "mountPath", "devicePath", "ip", "topologyKey"];

fn element<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Some(items) = node.as_seq() else { return node.get(name) };
    let is_named = |item: &&Node| {
        NAMES.iter().filter_map(|key| item.get(key)?.as_scalar()).any(|scalar| *scalar.text == *name)
    };
    items.iter().find(is_named).or_else(|| items.get(name.parse::<usize>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Dialect, Limits, read_stream};

    fn read(text: &str) -> Node {
        let stream = read_stream(text.as_bytes(), &"x.yaml".into(), Dialect::Resource, &Limits::default());
        stream.documents.into_iter().next().expect("one document").root
    }

    #[test]
    fn fields_are_found_by_the_paths_that_are_printed() {
        let body = read("spec:\n  ports: [{port: 80, name: web}]\n  args: [a, b]\n  x/y: {z.w: 1}\n");
        let found = |field: &str| at(&body, field).map(text);
        assert_eq!(found("spec.ports[web].port").as_deref(), Some("80"));
        assert_eq!(found("spec.ports[80].name").as_deref(), Some("web"));
        assert_eq!(found("spec.args[1]").as_deref(), Some("b"));
        assert_eq!(found("spec[\"x/y\"][\"z.w\"]").as_deref(), Some("1"));
        assert_eq!(found("spec.none"), None);
    }
}
