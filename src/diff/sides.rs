//! The three sides at one place, and their keys and elements by name.

use super::comparison::Base;
use super::lists::{Identity, KeyField, identities};
use super::normal::{present, spelled};
use super::pattern::Subject;
use crate::model::FieldStep;
use crate::yaml::{Map, Node};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The three sides at one place.
#[derive(Clone, Copy)]
pub(super) struct Sides<'n> {
    pub d: Option<&'n Node>,
    pub b: Base<'n>,
    pub l: Option<&'n Node>,
}

impl<'n> Sides<'n> {
    /// Without what says nothing at this place (N10, N12).
    pub fn present(self, path: &[FieldStep]) -> Self {
        Self {
            d: present(self.d, path),
            b: self.b.step(present(self.b.body(), path)),
            l: present(self.l, path),
        }
    }

    /// Without what says nothing at this place of a rendering of git.
    pub fn spelled(self, subject: &Subject, path: &[FieldStep]) -> Self {
        Self {
            d: spelled(subject, self.d, path),
            b: self.b.step(spelled(subject, self.b.body(), path)),
            l: spelled(subject, self.l, path),
        }
    }

    pub fn here(self) -> impl Iterator<Item = &'n Node> {
        self.d.into_iter().chain(self.l)
    }

    pub fn base(self) -> Option<&'n Node> {
        self.b.body()
    }
}

/// The keys of both sides, git's order first.
pub(super) fn keys(sides: Sides) -> Vec<Arc<str>> {
    let mut seen: HashSet<&Arc<str>> = HashSet::new();
    sides
        .here()
        .filter_map(Node::as_map)
        .flat_map(|map| &map.entries)
        .filter(|entry| seen.insert(&entry.key.text))
        .map(|entry| entry.key.text.clone())
        .collect()
}

/// A mapping by key, indexed if it is large.
pub(super) enum Lookup<'n> {
    None,
    Small(&'n Map),
    Large(HashMap<&'n str, &'n Node>),
}

impl<'n> Lookup<'n> {
    pub fn of(node: Option<&'n Node>) -> Self {
        match node.and_then(Node::as_map) {
            None => Self::None,
            Some(map) if map.len() <= 32 => Self::Small(map),
            Some(map) => Self::Large(map.iter().collect()),
        }
    }

    pub fn get(&self, key: &str) -> Option<&'n Node> {
        match self {
            Self::None => None,
            Self::Small(map) => map.get(key),
            Self::Large(map) => map.get(key).copied(),
        }
    }
}

/// The elements of a keyed list by identity.
pub(super) struct Elements<'n> {
    pub order: Vec<Identity>,
    by_id: HashMap<Identity, (usize, &'n Node)>,
}

impl<'n> Elements<'n> {
    pub fn of(side: Option<&'n Node>, keys: &[KeyField]) -> Self {
        let list = side.and_then(Node::as_seq).unwrap_or(&[]);
        let order = identities(list, keys);
        let by_id = order.iter().cloned().zip(list.iter().enumerate()).collect();
        Self { order, by_id }
    }

    pub fn get(&self, id: &Identity) -> Option<&'n Node> {
        self.by_id.get(id).map(|(_, node)| *node)
    }

    pub fn index(&self, id: &Identity) -> Option<usize> {
        self.by_id.get(id).map(|(index, _)| *index)
    }

    pub fn has(&self, id: &Identity) -> bool {
        self.by_id.contains_key(id)
    }
}
