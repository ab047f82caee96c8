//! The story of one field: which steps set it, where each value is written, and where that came from.

use crate::model::{Because, Link, Manifest, Place, Step};
use crate::yaml::{Mark, Node, Value, to_masked_string};
use std::sync::Arc;

/// One step that set a field.
#[derive(Clone, Debug)]
pub struct Told {
    /// What set it: `file`, a transformer, `postBuild`.
    pub by: Arc<str>,
    /// Where that is asked for.
    pub place: Place,
    /// The file that the entry names, if it says no more than that.
    pub through: Option<Arc<str>>,
    /// The field before; `None` if it was not there.
    pub before: Option<Node>,
    /// The field afterwards; `None` if it is gone.
    pub after: Option<Node>,
    /// Where the value is written. Line 0: nowhere, it follows from something else.
    pub written: Mark,
    /// Where it came from, if `written` does not say all.
    pub because: Vec<Because>,
    /// The sealed file that it came out of.
    pub sealed: Option<Arc<str>>,
}

impl Told {
    /// The one line that the value follows most closely: of the variable or object field it was taken from, else where it
    /// is written.
    pub fn source(&self) -> &Mark {
        let taken = self.because.iter().find_map(|because| match because.link {
            Link::Variable | Link::Var | Link::Replacement => because.place.as_ref(),
            Link::Name | Link::Hash | Link::Default => None,
        });
        taken.unwrap_or(&self.written)
    }

    /// True if the step set what was there already.
    pub fn is_again(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => same(before, after),
            _ => false,
        }
    }
}

/// The steps that set a field, the last one last; empty if the object never had it. A step counts if it changed the value
/// or wrote the same one again: then it is the one to change.
///
/// `field` is a path as it is printed: `spec.template.spec.containers[app].image`, `data["a.b"]`.
pub fn story(manifest: &Manifest, field: &str) -> Vec<Told> {
    let mut before: Option<&Step> = None;
    let mut told = Vec::new();
    for step in &manifest.steps {
        let old = before.and_then(|step| at(&step.body, field));
        let new = at(&step.body, field);
        let because = new.map(|node| becauses(step, node)).unwrap_or_default();
        let is_told = match (old, new) {
            (None, None) => false,
            (Some(old), Some(new)) => {
                !same(old, new) || is_leaf(new) && old.mark != new.mark || !because.is_empty()
            }
            _ => true,
        };
        before = Some(step);
        if is_told {
            let secret = new.or(old).is_some_and(|node| matches!(node.value, Value::Secret(_)));
            told.push(Told {
                by: step.by.clone(),
                place: step.place.clone(),
                through: step.through.clone(),
                before: old.cloned(),
                after: new.cloned(),
                written: new.or(old).map(|node| node.mark.clone()).unwrap_or_default(),
                sealed: manifest.origin.sealed.clone().filter(|_| secret && because.is_empty()),
                because,
            });
        }
    }
    told
}

fn becauses(step: &Step, node: &Node) -> Vec<Because> {
    if !is_leaf(node) || node.mark == Mark::default() {
        return Vec::new();
    }
    let fits = |because: &&Because| {
        because.of == node.mark
            && because.value.as_deref().is_none_or(|value| node.scalar_text() == Some(value))
    };
    step.because.iter().filter(fits).cloned().collect()
}

fn is_leaf(node: &Node) -> bool {
    matches!(node.value, Value::Scalar(_) | Value::Secret(_))
}

/// True if two nodes hold the same; secrets by what is known of them.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Secret(a), Value::Secret(b)) => a == b,
        // A number in an annotation becomes a text when the build ends; nobody asked for that.
        (Value::Scalar(a), Value::Scalar(b)) => a.text == b.text,
        (Value::Map(x), Value::Map(y)) => {
            a.is_shared_with(b)
                || x.len() == y.len() && x.iter().all(|(key, v)| y.get(key).is_some_and(|w| same(v, w)))
        }
        (Value::Seq(x), Value::Seq(y)) => {
            a.is_shared_with(b) || x.len() == y.len() && x.iter().zip(&**y).all(|(v, w)| same(v, w))
        }
        _ => false,
    }
}

/// The node at a path as it is printed: names between dots, elements of lists by number or by what names them.
pub fn at<'a>(body: &'a Node, field: &str) -> Option<&'a Node> {
    let mut node = body;
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            // A quoted name may hold brackets.
            let (name, after) = match inside.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\"]")?,
                None => inside.split_once(']')?,
            };
            node = element(node, name)?;
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

/// Paths of all values of an object, as [`at`] reads them, with their nodes.
pub fn leaves(body: &Node) -> Vec<(String, &Node)> {
    fn walk<'n>(node: &'n Node, path: String, found: &mut Vec<(String, &'n Node)>) {
        match &node.value {
            Value::Map(map) => {
                for (key, value) in map.iter() {
                    let step = match key.contains(['.', '/', '[', ']', '"']) {
                        true => format!("{path}[\"{key}\"]"),
                        false if path.is_empty() => key.to_owned(),
                        false => format!("{path}.{key}"),
                    };
                    walk(value, step, found);
                }
            }
            Value::Seq(items) => {
                for (number, item) in items.iter().enumerate() {
                    let named = item.get("name").and_then(Node::scalar_text).map(str::to_owned);
                    let name = named.unwrap_or_else(|| number.to_string());
                    walk(item, format!("{path}[{name}]"), found);
                }
            }
            Value::Scalar(_) | Value::Secret(_) => found.push((path, node)),
        }
    }
    let mut found = Vec::new();
    walk(body, String::new(), &mut found);
    found
}

/// A value as text, for comparing what is shown; secrets are masked.
pub fn shown(node: &Node) -> String {
    node.scalar_text().map_or_else(|| to_masked_string(node), str::to_owned)
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
