//! Lists without keys: the shortest way from one to the other (diff.md 2.8).

use crate::secret::{SecretDigest, SecretLeaf};
use crate::yaml::{Node, Value};
use similar::DiffOp;
use similar::algorithms::{Capture, Compact, Replace, myers};
use std::collections::HashMap;
use std::hash::Hash;

/// Longer lists are only counted (diff.md 2.13).
const LIMIT: usize = 2_000;

/// One step from an old list to a new one. Numbers are indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEdit {
    /// These elements stay.
    Keep {
        /// Index in the old list.
        old: usize,
        /// Index in the new list.
        new: usize,
    },
    /// This element of the old list goes.
    Remove {
        /// Index in the old list.
        old: usize,
    },
    /// This element of the new list comes.
    Add {
        /// Index in the new list.
        new: usize,
    },
}

/// The shortest edit script between two lists; empty for lists that are too long to edit.
pub fn list_edits(old: &[Node], new: &[Node]) -> Vec<ListEdit> {
    if old.len().max(new.len()) > LIMIT {
        return Vec::new();
    }
    let (before, after) = (prints(old), prints(new));
    let mut edits = Vec::new();
    for op in shortest(&before, &after) {
        let (old, new) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            edits.extend(old.zip(new).map(|(old, new)| ListEdit::Keep { old, new }));
        } else {
            edits.extend(old.map(|old| ListEdit::Remove { old }));
            edits.extend(new.map(|new| ListEdit::Add { new }));
        }
    }
    edits
}

/// The steps from one sequence to another by Myers' algorithm.
///
/// They are found over the numbers of the elements, so that the program has the algorithm once and no other beside it.
pub fn shortest<T: Hash + Eq>(old: &[T], new: &[T]) -> Vec<DiffOp> {
    let mut numbers = HashMap::new();
    let mut number = |element| {
        let next = numbers.len();
        *numbers.entry(element).or_insert(next)
    };
    let (old, new): (Vec<usize>, Vec<usize>) =
        (old.iter().map(&mut number).collect(), new.iter().map(&mut number).collect());
    steps(&old, &new)
}

fn steps(old: &[usize], new: &[usize]) -> Vec<DiffOp> {
    let mut hook = Compact::new(Replace::new(Capture::new()), old, new);
    // Nothing that captures can fail.
    let Ok(()) = myers::diff(&mut hook, old, 0..old.len(), new, 0..new.len());
    hook.into_inner().into_inner().into_ops()
}

/// In words: how many elements came and went, or that they only changed places.
pub(super) fn note(old: &[Node], new: &[Node]) -> String {
    let (mut before, mut after) = (prints(old), prints(new));
    if old.len() == new.len() {
        before.sort();
        after.sort();
        if before == after {
            return "only the order differs".to_owned();
        }
    }
    if old.len().max(new.len()) > LIMIT {
        return format!("{} and {} elements", old.len(), new.len());
    }
    let edits = list_edits(old, new);
    let removed = edits.iter().filter(|e| matches!(e, ListEdit::Remove { .. })).count();
    let added = edits.iter().filter(|e| matches!(e, ListEdit::Add { .. })).count();
    match (removed, added) {
        (0, n) => format!("{n} more"),
        (n, 0) => format!("{n} fewer"),
        (n, m) if n == m => format!("{n} other"),
        (n, m) => format!("{n} fewer, {m} more"),
    }
}

/// What is equal for equal nodes, whatever the order of their keys: a text, and the digests of the secrets in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Print {
    text: String,
    secrets: Vec<SecretDigest>,
}

fn prints(list: &[Node]) -> Vec<Print> {
    list.iter()
        .map(|node| {
            let mut print = Print::default();
            print.add(node);
            print
        })
        .collect()
}

impl Print {
    fn add(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar(scalar) => {
                self.text.push_str(&scalar.text);
                self.text.push_str(if scalar.kind == crate::yaml::ScalarKind::Str {
                    "\u{1}"
                } else {
                    "\u{3}"
                });
            }
            Value::Seq(items) => {
                self.text.push('[');
                items.iter().for_each(|item| self.add(item));
                self.text.push(']');
            }
            Value::Map(map) => {
                let mut entries: Vec<(&str, &Node)> = map.iter().collect();
                entries.sort_by_key(|(name, _)| *name);
                self.text.push('{');
                for (name, value) in entries {
                    self.text.push_str(name);
                    self.text.push('\u{2}');
                    self.add(value);
                }
                self.text.push('}');
            }
            Value::Secret(SecretLeaf::Digest(digest)) => {
                self.text.push_str("digest\u{1}");
                self.secrets.push(*digest);
            }
            Value::Secret(_) => self.text.push_str("closed\u{1}"),
        }
    }
}
