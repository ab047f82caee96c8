//! Deep equality of two nodes under the normal form: what two renderings of git are compared with (diff.md 2.4).

use super::lists::{ListShape, guess, identities, known_shape};
use super::normal::{equal_scalars, ignored, present};
use super::pattern::Subject;
use crate::model::FieldStep;
use crate::yaml::Node;
use std::collections::HashMap;

/// True if both say the same at this place.
pub(super) fn same(subject: &Subject, path: &[FieldStep], a: &Node, b: &Node) -> bool {
    Equal { subject, path: path.to_vec() }.nodes(Some(a), Some(b))
}

struct Equal<'s> {
    subject: &'s Subject<'s>,
    path: Vec<FieldStep>,
}

impl Equal<'_> {
    fn nodes(&mut self, a: Option<&Node>, b: Option<&Node>) -> bool {
        let (a, b) = match (present(a, &self.path), present(b, &self.path)) {
            (None, None) => return true,
            (Some(a), Some(b)) => (a, b),
            _ => return false,
        };
        match (a.as_map(), b.as_map(), a.as_seq(), b.as_seq()) {
            (Some(x), Some(y), ..) => {
                x.iter().all(|(name, value)| self.below(name, Some(value), y.get(name)))
                    && y.iter().all(|(name, value)| x.contains(name) || self.below(name, None, Some(value)))
            }
            (_, _, Some(x), Some(y)) => self.lists(x, y),
            (None, None, None, None) => equal_scalars(self.subject, &self.path, None, a, b).holds(),
            _ => false,
        }
    }

    fn below(&mut self, name: &str, a: Option<&Node>, b: Option<&Node>) -> bool {
        self.path.push(FieldStep::Key(name.into()));
        let equal = ignored(&self.path).is_some() || self.nodes(a, b);
        self.path.pop();
        equal
    }

    fn lists(&mut self, a: &[Node], b: &[Node]) -> bool {
        if a.len() != b.len() {
            return false;
        }
        let shape =
            known_shape(self.subject, &self.path).or_else(|| guess(&[a, b])).unwrap_or(ListShape::Atomic);
        self.path.push(FieldStep::Index(0));
        let equal = match shape {
            ListShape::Keyed(keys) => {
                let other: HashMap<_, _> = identities(b, &keys).into_iter().zip(b).collect();
                identities(a, &keys)
                    .iter()
                    .zip(a)
                    .all(|(id, x)| other.get(id).is_some_and(|y| self.nodes(Some(x), Some(y))))
            }
            ListShape::Set | ListShape::Bag => {
                let mut free: Vec<&Node> = b.iter().collect();
                a.iter().all(|x| match free.iter().position(|y| self.nodes(Some(x), Some(y))) {
                    Some(at) => {
                        free.remove(at);
                        true
                    }
                    None => false,
                })
            }
            ListShape::Atomic => a.iter().zip(b).all(|(x, y)| self.nodes(Some(x), Some(y))),
        };
        self.path.pop();
        equal
    }
}
