//! Every sealed leaf of a file with its path, in file order.

use super::cipher::{Sealed, ValueType};
use super::open::aad;
use crate::model::Problem;
use crate::yaml::source::{Content, Item};
use std::sync::Arc;

/// Visits the sealed leaves below `item`; list indexes are not part of the path (secrets.md 1.2).
pub(super) fn each<'s, 't>(
    item: &'s Item<'t>,
    path: &mut Vec<Arc<str>>,
    visit: &mut dyn FnMut(&'s Item<'t>, &str, &[Arc<str>]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    match &item.content {
        Content::Map(map) => {
            let top = path.is_empty();
            for entry in map.entries().filter(|e| !top || e.key.text != "sops") {
                path.push(entry.key.text.as_ref().into());
                each(&entry.value, path, visit)?;
                path.pop();
            }
            Ok(())
        }
        Content::Seq(seq) => seq.items().try_for_each(|i| each(&i.value, path, visit)),
        Content::Scalar(leaf) if Sealed::looks_sealed(&leaf.text) => visit(item, &leaf.text, path),
        _ => Ok(()),
    }
}

/// The authenticated data of a leaf. A comment that became a list item is bound to the list's own path, which is
/// the path of the leaf as well.
pub(super) fn aad_of(sealed: &Sealed, path: &[Arc<str>]) -> String {
    match sealed.value_type {
        ValueType::Comment if path.is_empty() => ":".to_owned(),
        _ => aad(path),
    }
}
