//! What a server publishes about the fields of its kinds: enough to pair list items and to compare values (diff.md 2.8).

use crate::yaml::Node;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Index of a node in a [`SchemaSet`]. Schemas may be recursive, so nodes refer to each other by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchemaId(pub u32);

/// A kind: its group, version and name.
pub type KindName = (Arc<str>, Arc<str>, Arc<str>);

/// The schemas of some kinds, as one arena.
#[derive(Clone, Debug, Default)]
pub struct SchemaSet {
    /// All nodes.
    pub nodes: Vec<FieldSchema>,
    /// Where each kind starts: by group, version, kind.
    pub kinds: HashMap<KindName, SchemaId>,
}

/// What is known about one field.
#[derive(Clone, Debug)]
pub struct FieldSchema {
    /// What it holds.
    pub shape: Shape,
    /// True if fields that are not listed are kept (`x-kubernetes-preserve-unknown-fields`).
    pub keeps_unknown: bool,
    /// True if `null` is a value of its own.
    pub nullable: bool,
    /// The default that the server fills in, if it is published.
    pub default: Option<Node>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is said about it.
    Any,
    /// An object with known fields.
    Object {
        /// The fields.
        fields: BTreeMap<Arc<str>, SchemaId>,
        /// True if it is owned and replaced as a whole.
        atomic: bool,
    },
    /// A mapping from any key to values of one shape.
    Map {
        /// The values.
        values: SchemaId,
        /// True if it is owned and replaced as a whole.
        atomic: bool,
    },
    /// A list.
    List {
        /// The items.
        items: SchemaId,
        /// How its items are told apart.
        kind: ListKind,
    },
    /// Text.
    Text,
    /// Base64 text (`format: byte`).
    Bytes,
    /// A point in time (`format: date-time`).
    Time,
    /// A span of time (`format: duration`).
    Duration,
    /// `resource.Quantity`: `100m`, `1Gi`.
    Quantity,
    /// A number or a text: a port, a percentage.
    IntOrText,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
}

/// How the items of a list are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `x-kubernetes-list-type: map`: by the values of these fields.
    Keyed(Vec<Arc<str>>),
    /// `x-kubernetes-list-type: set`: by their value; order says nothing.
    Set,
    /// The list is one value.
    Atomic,
    /// No list type; this is the strategic merge key (`x-kubernetes-patch-merge-key`).
    Merged(Arc<str>),
}

/// One node of a set, with the set, so that one can walk on.
#[derive(Clone, Copy, Debug)]
pub struct SchemaRef<'a> {
    set: &'a SchemaSet,
    id: SchemaId,
}

impl SchemaSet {
    /// The schema of a kind.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<SchemaRef<'_>> {
        let id = *self.kinds.get(&(Arc::from(group), Arc::from(version), Arc::from(kind)))?;
        Some(SchemaRef { set: self, id })
    }
}

impl<'a> SchemaRef<'a> {
    /// What is known about this field.
    pub fn schema(self) -> Option<&'a FieldSchema> {
        self.set.nodes.get(self.id.0 as usize)
    }

    /// What this field holds; [`Shape::Any`] if nothing is known.
    pub fn shape(self) -> &'a Shape {
        self.schema().map_or(&Shape::Any, |schema| &schema.shape)
    }

    /// The schema of a field of an object, or of a mapping's values.
    pub fn field(self, name: &str) -> Option<Self> {
        let id = match self.shape() {
            Shape::Object { fields, .. } => *fields.get(name)?,
            Shape::Map { values, .. } => *values,
            _ => return None,
        };
        Some(Self { set: self.set, id })
    }

    /// The schema of a list's items.
    pub fn items(self) -> Option<Self> {
        match self.shape() {
            Shape::List { items, .. } => Some(Self { set: self.set, id: *items }),
            _ => None,
        }
    }

    /// How a list's items are told apart; `None` if it is no list.
    pub fn list_kind(self) -> Option<&'a ListKind> {
        match self.shape() {
            Shape::List { kind, .. } => Some(kind),
            _ => None,
        }
    }
}
