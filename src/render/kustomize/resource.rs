//! `Resource`: one object on its way through a build, with what kustomize remembers about it beside it.

use super::commented::Commented;
use super::id::{Gvk, Id};
use super::shared::{self, Shared};
use crate::model::{Origin, Step};
use crate::yaml::{Map, Node, Scalar, ScalarKind, Style, Value};
use std::sync::Arc;

/// One object on its way through a build.
///
/// Kustomize keeps this in annotations of the object; here it stands beside it (render.md 2.4), so that no
/// patch can see or break it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The object.
    pub body: Node,
    /// Its identity now; [`Resource::refresh`] after changing the body.
    pub id: Id,
    /// Its earlier identities, the original first.
    pub history: Vec<Past>,
    /// Name prefixes it got, innermost first.
    pub prefixes: Vec<Arc<str>>,
    /// Name suffixes it got, innermost first.
    pub suffixes: Vec<Arc<str>>,
    /// True if its name ends with a hash of its content.
    pub needs_hash: bool,
    /// How a generated object joins what is there.
    pub behavior: Behavior,
    /// True if a value it is made of could not be opened, so that its hash is unknown.
    pub closed: bool,
    /// Vars that take their value from it.
    pub vars: Vec<Arc<str>>,
    /// Where it was declared.
    pub origin: Origin,
    /// What `buildMetadata` writes about it.
    pub trace: Option<Box<Trace>>,
    /// Lists whose merge a comment of its file settles.
    pub commented: Option<Arc<[Commented]>>,
    /// Fields that share one value.
    pub shared: Vec<Shared>,
    /// What was done to it so far, if somebody asks.
    pub steps: Vec<Step>,
}

/// An identity an object had; group and version are those it has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Effective namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
}

/// How a generated object joins what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behavior {
    /// It must be new.
    #[default]
    Create,
    /// It replaces one that is there.
    Replace,
    /// Its data is laid over one that is there.
    Merge,
}

/// What `buildMetadata` writes about an object: texts of annotations.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// `config.kubernetes.io/origin`
    pub origin: Option<Arc<str>>,
    /// The entries of `alpha.config.kubernetes.io/transformations`.
    pub transformations: Vec<Arc<str>>,
}

impl Resource {
    /// An object just read or generated.
    pub fn new(body: Node, origin: Origin) -> Self {
        let id = Id::of(&body);
        Self {
            body,
            id,
            history: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
            behavior: Behavior::Create,
            closed: false,
            vars: Vec::new(),
            origin,
            trace: None,
            commented: None,
            shared: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Reads the identity out of the body again.
    pub fn refresh(&mut self) {
        if !self.id.still(&self.body) {
            self.id = Id::of(&self.body);
        }
    }

    /// Puts the identity it has now into the history, before something changes it.
    pub fn remember(&mut self) {
        shared::annotations_are_new(self);
        self.history.push(Past {
            namespace: self.id.effective_namespace().into(),
            name: self.id.name.clone(),
            kind: self.id.gvk.kind.clone(),
        });
    }

    /// True if upstream keeps notes about it in its annotations.
    pub fn is_noted(&self) -> bool {
        !self.history.is_empty()
            || !self.prefixes.is_empty()
            || !self.suffixes.is_empty()
            || self.origin.generated
    }

    /// Forgets what upstream keeps in annotations, when a patch has dropped them.
    pub fn forget(&mut self) {
        self.history.clear();
        self.prefixes.clear();
        self.suffixes.clear();
        self.needs_hash = false;
        self.behavior = Behavior::Create;
    }

    /// The identity it had first.
    pub fn original(&self) -> Id {
        self.history.first().map_or_else(|| self.id.clone(), |past| self.past_id(past))
    }

    /// An earlier identity in full. Group and version are today's; whether the kind has a namespace follows from them.
    pub fn past_id(&self, past: &Past) -> Id {
        let gvk = Gvk { kind: past.kind.clone(), ..self.id.gvk.clone() };
        let cluster = if past.kind == self.id.gvk.kind { self.id.cluster } else { gvk.cluster_scoped() };
        Id { gvk, name: past.name.clone(), namespace: past.namespace.clone(), cluster }
    }

    /// Earlier identities, oldest first, then the one it has now.
    pub fn all_ids(&self) -> impl Iterator<Item = Id> {
        self.history.iter().map(|past| self.past_id(past)).chain([self.id.clone()])
    }

    /// True if it has, or had, this identity.
    pub fn was(&self, id: &Id) -> bool {
        self.id.equals(id)
            || self.history.iter().any(|past| past.name == id.name && self.past_id(past).equals(id))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.id.name
    }

    /// Writes `metadata.name`.
    pub fn set_name(&mut self, name: &str) {
        let metadata = child_map(&mut self.body, "metadata");
        set_text(metadata, "name", name);
        self.refresh();
    }

    /// Writes `metadata.namespace`; an empty one removes the field.
    pub fn set_namespace(&mut self, namespace: &str) {
        if namespace.is_empty() {
            if let Some(m) =
                self.body.as_map_mut().and_then(|m| m.get_mut("metadata")).and_then(Node::as_map_mut)
            {
                m.remove("namespace");
            }
        } else {
            let metadata = child_map(&mut self.body, "metadata");
            set_text(metadata, "namespace", namespace);
        }
        self.refresh();
    }

    /// Writes `kind`.
    pub fn set_kind(&mut self, kind: &str) {
        if let Some(map) = self.body.as_map_mut() {
            set_text(map, "kind", kind);
        }
        self.refresh();
    }

    /// Labels or annotations (`field`) as texts, as kustomize sees them: whatever is no text shows its spelling.
    pub fn string_map(&self, field: &str) -> Vec<(Arc<str>, Node)> {
        string_map(&self.body, field)
    }
}

/// True for what kustomize drops: null, an empty map, an empty list.
pub fn is_nil_or_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.kind == ScalarKind::Null,
        Value::Seq(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Secret(_) => false,
    }
}

/// The map at `key`, made if it is not there or null.
pub fn child_map<'a>(node: &'a mut Node, key: &str) -> &'a mut Map {
    if node.as_map().is_none() {
        node.value = Node::map(Map::new()).value;
    }
    let Some(map) = node.as_map_mut() else { unreachable!("it was made a map just above") };
    if map.get(key).and_then(Node::as_map).is_none() {
        map.set(key, Node::map(Map::new()));
    }
    let Some(child) = map.get_mut(key).and_then(Node::as_map_mut) else {
        unreachable!("it was made a map just above")
    };
    child
}

/// Sets a text field whose meaning follows from its spelling, as kustomize's untyped setter does; an entry
/// that is there keeps its style and its place.
pub fn set_text(map: &mut Map, key: &str, text: &str) {
    match map.get_mut(key) {
        Some(node) => retext(node, text),
        None => map.set(key, plain(text)),
    }
}

/// Gives a scalar a new text and keeps its quotes; without them, what it means follows from the spelling, also when
/// it is changed again (upstream's `FieldSetter` makes a node without a tag).
pub fn retext(node: &mut Node, text: &str) {
    let (kind, style) = match node.as_scalar().map_or(Style::Plain, |s| s.style) {
        Style::Plain | Style::Untagged => (crate::yaml::resolve_v3(text), Style::Untagged),
        quoted => (ScalarKind::Str, quoted),
    };
    node.value = Value::Scalar(Scalar { text: text.into(), kind, style });
}

fn plain(text: &str) -> Node {
    let kind = crate::yaml::resolve_v3(text);
    Node::new(Value::Scalar(Scalar { text: text.into(), kind, style: Style::Untagged }))
}

/// Labels or annotations as texts, sorted as written. Secret leaves stay what they are.
pub fn string_map(body: &Node, field: &str) -> Vec<(Arc<str>, Node)> {
    let map = body.at_path(&["metadata", field]).and_then(Node::as_map);
    map.into_iter()
        .flat_map(|m| &m.entries)
        .map(|entry| {
            let value = match &entry.value.value {
                Value::Scalar(s) => Node::string(s.text.clone()).at(entry.value.mark.clone()),
                Value::Secret(_) => entry.value.clone(),
                _ => Node::string("").at(entry.value.mark.clone()),
            };
            (entry.key.text.clone(), value)
        })
        .collect()
}

/// Makes every label or annotation a text, and removes the field if it is empty: what kustomize does
/// whenever it touches the field as a whole (`setMapInMetadata`).
pub fn normalize_string_map(body: &mut Node, field: &str) {
    let Some(node) = body.at_path(&["metadata", field]) else { return };
    let clean = node.as_map().is_some_and(|map| {
        !map.is_empty()
            && map.iter().all(|(_, v)| match &v.value {
                // A folded text is written anew, and so escapes what printing twice does to such texts.
                Value::Scalar(s) => s.kind == ScalarKind::Str && s.style != Style::Folded,
                Value::Secret(_) => true,
                _ => false,
            })
    });
    if clean {
        return;
    }
    let texts = string_map(body, field);
    let mark = node.mark.clone();
    let metadata = child_map(body, "metadata");
    if texts.is_empty() {
        metadata.remove(field);
    } else if let Some(slot) = metadata.get_mut(field) {
        *slot = Node::map(texts.into_iter().collect()).at(mark);
    }
}
