//! The entries of a mapping while it is read: repeated keys, merge keys, and what kustomize drops.

use super::Dialect;
use crate::yaml::node::{Entry, Key, Map, Node, Scalar, ScalarKind, Style, Value};
use crate::yaml::parse::{Fault, Pos};
use crate::yaml::scalar::number;
use std::collections::HashMap;
use std::sync::Arc;

/// Mappings with more keys than this find duplicates by hash.
const FEW_KEYS: usize = 16;

/// The entries of a mapping that is still open.
#[derive(Default)]
pub(super) struct Pairs {
    entries: Unique,
    /// The key whose value comes next.
    key: Option<(Key, Role)>,
    /// What a merge key of a resource names, least important first.
    merged: Option<Vec<Node>>,
}

impl Pairs {
    /// True if the next node is a key.
    pub(super) fn expects_key(&self) -> bool {
        self.key.is_none()
    }

    /// Takes a key, in `style`, that stands at `start`.
    pub(super) fn start(
        &mut self,
        text: Arc<str>,
        kind: ScalarKind,
        style: Style,
        start: Pos,
        dialect: Dialect,
    ) -> Result<(), Fault> {
        let role = match (&*text, style, dialect) {
            ("<<", Style::Plain, _) => Role::Merges,
            ("<<", _, Dialect::Resource) => Role::Dropped,
            _ => Role::Own,
        };
        let text = match (kind, dialect) {
            (ScalarKind::Null, Dialect::Kustomization) => {
                return Err(Fault::new("invalid map key: null", start));
            }
            (ScalarKind::Bool | ScalarKind::Int | ScalarKind::Float, Dialect::Kustomization) => {
                as_string(text, kind)
            }
            _ => text,
        };
        self.start_as(Key { text, kind, line: start.line }, role, start, dialect)
    }

    fn start_as(&mut self, key: Key, role: Role, start: Pos, dialect: Dialect) -> Result<(), Fault> {
        if dialect == Dialect::Resource {
            if role == Role::Merges && self.merged.is_some() {
                return Err(Fault::new("duplicate merge key", start));
            }
            if let Some(place) = self.entries.place(&key.text) {
                let first = self.entries.entries[place].key.line;
                let message = format!("mapping key {:?} already defined at line {first}", key.text);
                return Err(Fault::new(message, start));
            }
        }
        self.key = Some((key, role));
        Ok(())
    }

    /// Takes the value of the key that came last.
    pub(super) fn finish_entry(&mut self, value: Node, dialect: Dialect) -> Result<(), Fault> {
        match (self.key.take(), dialect) {
            (None | Some((_, Role::Dropped)), _) => {}
            (Some((_, Role::Merges)), Dialect::Resource) => self.merged = Some(sources(&value)?),
            (Some((_, Role::Merges)), Dialect::Kustomization) => {
                for source in sources(&value)? {
                    self.take_over(&source, 0);
                }
            }
            (Some((key, Role::Own)), _) => self.entries.set(Entry { key, value }),
        }
        Ok(())
    }

    /// go-yaml v2 merges where the key stands, so that earlier entries are overwritten; kustomize
    /// merges resources at the end, where a mapping's own entries win.
    pub(super) fn finish(mut self) -> Map {
        if let Some(merged) = self.merged.take() {
            let own = self.entries.entries.len();
            for source in merged {
                self.take_over(&source, own);
            }
        }
        self.entries.into_map()
    }

    /// Copies the entries of `source`, except for those that stand before `kept`.
    fn take_over(&mut self, source: &Node, kept: usize) {
        for entry in source.as_map().into_iter().flat_map(|map| &map.entries) {
            if self.entries.place(&entry.key.text).is_none_or(|place| place >= kept) {
                self.entries.set(entry.clone());
            }
        }
    }
}

/// Entries whose keys are unique: setting a key again replaces its value in place.
#[derive(Default)]
pub(in crate::yaml) struct Unique {
    entries: Vec<Entry>,
    /// Places by key, for those behind the first few.
    index: HashMap<Arc<str>, usize>,
}

impl Unique {
    pub(in crate::yaml) fn set(&mut self, entry: Entry) {
        if let Some(place) = self.place(&entry.key.text) {
            self.entries[place] = entry;
            return;
        }
        if self.entries.len() >= FEW_KEYS {
            self.index.insert(Arc::clone(&entry.key.text), self.entries.len());
        }
        self.entries.push(entry);
    }

    fn place(&self, key: &str) -> Option<usize> {
        let first = self.entries.iter().take(FEW_KEYS).position(|e| &*e.key.text == key);
        first.or_else(|| self.index.get(key).copied())
    }

    pub(in crate::yaml) fn into_map(self) -> Map {
        Map { entries: self.entries }
    }
}

/// The mappings that a merge key names, least important first.
fn sources(value: &Node) -> Result<Vec<Node>, Fault> {
    let all = match &value.value {
        Value::Map(_) => vec![value.clone()],
        Value::Seq(items) => items.iter().rev().cloned().collect(),
        _ => Vec::new(),
    };
    if all.is_empty() && !matches!(value.value, Value::Seq(_)) || all.iter().any(|n| n.as_map().is_none()) {
        let message = "map merge requires map or sequence of maps as the value".to_owned();
        return Err(Fault { message, line: value.mark.line, column: value.mark.column });
    }
    Ok(all)
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Own,
    /// `<<`: the value's entries are taken over.
    Merges,
    /// A quoted `<<`, which kustomize removes together with the merge keys.
    Dropped,
}

/// The string that Go's converter from YAML to JSON makes of a key.
fn as_string(text: Arc<str>, kind: ScalarKind) -> Arc<str> {
    let scalar = Scalar { text, kind, style: Style::Plain };
    match number::of_scalar(&scalar) {
        Some(number) => number.to_yaml().into(),
        None if kind == ScalarKind::Bool && scalar.is_true() => "true".into(),
        None if kind == ScalarKind::Bool => "false".into(),
        None => scalar.text,
    }
}
