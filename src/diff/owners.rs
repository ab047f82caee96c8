//! Who owns which field: `metadata.managedFields` as one trie that is walked beside the object (diff.md 2.6).

use super::lists::KeyField;
use crate::model::Manager;
use crate::yaml::{Node, from_json};
use std::collections::HashMap;
use std::sync::Arc;

/// A set of managers by their index. Above 127 managers the last place stands for all further ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holders(u128);

/// One step of the trie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// `f:name`
    Field(Arc<str>),
    /// `k:{…}`: the values of the key fields, sorted by field.
    Item(Vec<(String, String)>),
    /// `v:…`
    Value(String),
    /// `i:3`
    Index(usize),
}

#[derive(Default)]
struct Place {
    steps: HashMap<Step, usize>,
    /// Who owns the node itself: a leaf, or a `.` inside.
    own: Holders,
    /// For whom this is a leaf: all below is theirs, if the field is atomic.
    leaf: Holders,
}

/// The owners of all fields of one live object.
pub(super) struct Owners<'a> {
    places: Vec<Place>,
    managers: &'a [Manager],
}

/// A place in the trie, kept in step with the walk through the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// A node of the trie.
    At(usize),
    /// Below a field that is owned as a whole.
    Below(Holders),
    /// Nobody owns it.
    Nowhere,
}

impl Holders {
    fn one(index: usize) -> Self {
        Self(1_u128 << index.min(127))
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl<'a> Owners<'a> {
    /// Reads the entries. Those that cannot be read are left out: attribution then is missing, not wrong.
    pub fn read(managers: &'a [Manager]) -> Self {
        let mut owners = Self { places: vec![Place::default()], managers };
        for (index, manager) in managers.iter().enumerate() {
            owners.add(0, &manager.fields, Holders::one(index), 0);
        }
        owners
    }

    fn add(&mut self, at: usize, fields: &Node, who: Holders, depth: usize) {
        let Some(map) = fields.as_map() else { return };
        if depth > 128 {
            return;
        }
        let children = map.iter().filter(|(name, _)| *name != ".").count();
        if map.len() > children || children == 0 {
            self.places[at].own = self.places[at].own.with(who);
        }
        if children == 0 && map.is_empty() {
            self.places[at].leaf = self.places[at].leaf.with(who);
        }
        for (name, below) in map.iter() {
            let Some(step) = Step::parse(name) else { continue };
            let fresh = self.places.len();
            let next = *self.places[at].steps.entry(step).or_insert(fresh);
            if next == fresh {
                self.places.push(Place::default());
            }
            self.add(next, below, who, depth + 1);
        }
    }

    pub fn root() -> Cursor {
        Cursor::At(0)
    }

    /// True if the server told nothing about owners.
    pub fn nothing_known(&self) -> bool {
        self.managers.is_empty()
    }

    /// The cursor at a field of a mapping. `whole` says that the mapping is not owned field by field, so that who owns
    /// it as a leaf owns all that is in it.
    pub fn field(&self, cursor: Cursor, name: &Arc<str>, whole: bool) -> Cursor {
        self.step(cursor, &Step::Field(name.clone()), whole)
    }

    /// The cursor at an element of a keyed list.
    pub fn item(&self, cursor: Cursor, element: &Node, keys: &[KeyField]) -> Cursor {
        let mut values: Vec<(String, String)> = keys
            .iter()
            .filter_map(|key| {
                let value = element.get(&key.name).and_then(Node::scalar_text).or(key.default.as_deref())?;
                Some((key.name.to_string(), value.to_owned()))
            })
            .collect();
        values.sort();
        self.step(cursor, &Step::Item(values), true)
    }

    /// The cursor at an element of a set.
    pub fn value(&self, cursor: Cursor, value: &str) -> Cursor {
        self.step(cursor, &Step::Value(value.to_owned()), true)
    }

    /// The cursor at an element of an atomic list.
    pub fn index(&self, cursor: Cursor, index: usize) -> Cursor {
        self.step(cursor, &Step::Index(index), true)
    }

    fn step(&self, cursor: Cursor, step: &Step, whole: bool) -> Cursor {
        match cursor {
            Cursor::At(at) => match self.places[at].steps.get(step) {
                Some(next) => Cursor::At(*next),
                None if whole && self.places[at].steps.is_empty() && !self.places[at].leaf.is_empty() => {
                    Cursor::Below(self.places[at].leaf)
                }
                None => Cursor::Nowhere,
            },
            other => other,
        }
    }

    /// Who owns the field at the cursor.
    pub fn holders(&self, cursor: Cursor) -> Holders {
        match cursor {
            Cursor::At(at) => self.places[at].own,
            Cursor::Below(who) => who,
            Cursor::Nowhere => Holders::default(),
        }
    }

    /// The managers in a set, newest entry first.
    pub fn managers(&self, holders: Holders) -> Vec<&'a Manager> {
        let mut found: Vec<&Manager> = self
            .managers
            .iter()
            .enumerate()
            .filter(|(index, _)| holders.0 & Holders::one(*index).0 != 0)
            .map(|(_, manager)| manager)
            .collect();
        found.sort_by(|a, b| b.time.cmp(&a.time));
        found
    }

    /// All managers of the object.
    pub fn all(&self) -> &'a [Manager] {
        self.managers
    }

    /// The key fields by which managers own elements of the list at the cursor; `None` if none are owned that way.
    /// This is how lists of custom resources are known to be keyed when no schema is at hand.
    pub fn keys_of(&self, cursor: Cursor) -> Option<Vec<KeyField>> {
        let Cursor::At(at) = cursor else { return None };
        self.places[at].steps.keys().find_map(|step| match step {
            Step::Item(values) => Some(
                values
                    .iter()
                    .map(|(name, _)| KeyField { name: name.as_str().into(), default: None })
                    .collect(),
            ),
            _ => None,
        })
    }

    /// True if elements of the list at the cursor are owned by value: it is a set.
    pub fn is_set(&self, cursor: Cursor) -> bool {
        matches!(cursor, Cursor::At(at) if self.places[at].steps.keys().any(|s| matches!(s, Step::Value(_))))
    }

    /// True if the field at the cursor is owned as one value.
    pub fn is_leaf(&self, cursor: Cursor) -> bool {
        match cursor {
            Cursor::At(at) => self.places[at].steps.is_empty() && !self.places[at].leaf.is_empty(),
            Cursor::Below(_) => true,
            Cursor::Nowhere => false,
        }
    }
}

impl Step {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.into())),
            "i" => rest.parse().ok().map(Self::Index),
            "v" => {
                let value = from_json(rest.as_bytes()).ok()?;
                Some(Self::Value(value.scalar_text().unwrap_or("null").to_owned()))
            }
            "k" => {
                let keys = from_json(rest.as_bytes()).ok()?;
                let mut values: Vec<(String, String)> = keys
                    .as_map()?
                    .iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value.scalar_text()?.to_owned())))
                    .collect();
                values.sort();
                Some(Self::Item(values))
            }
            _ => None,
        }
    }
}
