//! Three versions of a sealed file to one, key by key: reverting any edit but the newest would else always conflict,
//! since every edit changes `mac` and `lastmodified` (secrets.md 5.2).

use super::cipher::ValueType;
use super::edit::{Change, rewrite};
use super::keys::Keyring;
use super::open::open;
use crate::model::Problem;
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::{Node, Value, to_json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why three versions cannot be merged. Keys are named, values never.
#[derive(Debug, Clone)]
pub enum MergeError {
    /// One of the versions does not open.
    Closed(Problem),
    /// Both sides changed these keys, each in its own way.
    Conflict(Vec<String>),
}

/// Merges `theirs` into `ours`, both made from `base`. The result keeps ours' data key, recipients and selector, and
/// the ciphertext of everything that does not change.
pub fn merge(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    keyring: &Keyring,
    time: i64,
) -> Result<Vec<u8>, MergeError> {
    let closed = |e: crate::model::OpenError| MergeError::Closed(e.0);
    let file = "merged.sops.yaml";
    let (base, mine, theirs) = (
        open(base, file, keyring).map_err(closed)?,
        open(ours, file, keyring).map_err(closed)?,
        open(theirs, file, keyring).map_err(closed)?,
    );
    let [old, our, their] = [&base, &mine, &theirs].map(|side| leaves(&side.documents));
    let paths: BTreeSet<&Path> = old.keys().chain(our.keys()).chain(their.keys()).collect();
    let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
    for path in paths {
        let [a, b, c] = [old.get(path), our.get(path), their.get(path)];
        if same(a, c) || same(b, c) {
            continue;
        }
        let sealed = [a, b, c].into_iter().flatten().all(|leaf| leaf.secret.is_some());
        if !same(a, b) || !sealed || path.iter().any(|part| part.starts_with('[')) {
            conflicts.push(path.join("."));
            continue;
        }
        let value =
            c.and_then(|leaf| leaf.secret.as_ref()).map(|t| SecretText::from_vec(t.expose_secret().to_vec()));
        changes.push(Change { path: path.clone(), value, value_type: ValueType::Str });
    }
    if !conflicts.is_empty() {
        return Err(MergeError::Conflict(conflicts));
    }
    let text = String::from_utf8_lossy(ours);
    rewrite(&text, file, &mine.key, &mine.metadata, changes, time).map_err(MergeError::Closed)
}

type Path = Vec<Arc<str>>;

struct Leaf {
    secret: Option<Arc<SecretText>>,
    /// What stands in the clear.
    plain: String,
}

fn same(a: Option<&Leaf>, b: Option<&Leaf>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => match (&a.secret, &b.secret) {
            (Some(x), Some(y)) => x.expose_secret() == y.expose_secret(),
            (None, None) => a.plain == b.plain,
            _ => false,
        },
        _ => false,
    }
}

fn leaves(documents: &[Node]) -> BTreeMap<Path, Leaf> {
    let mut found = BTreeMap::new();
    for (index, document) in documents.iter().enumerate() {
        let mut path = if index == 0 { Vec::new() } else { vec![Arc::from(format!("[document {index}]"))] };
        collect(document, &mut path, &mut found);
    }
    found
}

fn collect(node: &Node, path: &mut Path, found: &mut BTreeMap<Path, Leaf>) {
    match &node.value {
        Value::Map(map) => {
            for entry in &map.entries {
                path.push(entry.key.text.clone());
                collect(&entry.value, path, found);
                path.pop();
            }
        }
        Value::Seq(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(format!("[{index}]").into());
                collect(item, path, found);
                path.pop();
            }
        }
        Value::Secret(SecretLeaf::Text(text)) => {
            found.insert(path.clone(), Leaf { secret: Some(text.clone()), plain: String::new() });
        }
        _ => {
            found.insert(path.clone(), Leaf { secret: None, plain: to_json(node) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::edit::{Edit, edit};
    use super::*;

    const OPS: &str = include_str!("../../keys/demo-ops.agekey");
    const CART: &str = include_str!("../demo/sealed/cart-prod-2.yaml");

    fn ring() -> Keyring {
        let mut ring = Keyring::default();
        ring.add_text(OPS, "test");
        ring
    }

    fn with(bytes: &[u8], key: &str, value: &str) -> Vec<u8> {
        let value = SecretText::from_string(value.to_owned());
        edit(bytes, "db.sops.yaml", &ring(), vec![Edit::Set { key: key.to_owned(), value }], 0)
            .expect("edited")
    }

    fn value(bytes: &[u8], key: &str) -> Vec<u8> {
        let open = open(bytes, "db.sops.yaml", &ring()).expect("opens");
        match open.documents[0].at_path(&["stringData", key]).map(|n| n.value.clone()) {
            Some(Value::Secret(SecretLeaf::Text(t))) => t.expose_secret().to_vec(),
            _ => panic!("no such key"),
        }
    }

    #[test]
    fn edits_of_different_keys_merge() {
        let ours = with(CART.as_bytes(), "username", "mine");
        let theirs = with(CART.as_bytes(), "password", "theirs");
        let merged = merge(CART.as_bytes(), &ours, &theirs, &ring(), 0).expect("merged");
        assert_eq!(value(&merged, "username"), b"mine");
        assert_eq!(value(&merged, "password"), b"theirs");
    }

    #[test]
    fn edits_of_the_same_key_conflict_and_name_it() {
        let ours = with(CART.as_bytes(), "password", "mine-4711");
        let theirs = with(CART.as_bytes(), "password", "theirs-4711");
        match merge(CART.as_bytes(), &ours, &theirs, &ring(), 0) {
            Err(MergeError::Conflict(keys)) => assert_eq!(keys, ["stringData.password"]),
            other => panic!("{:?}", other.map(|_| "merged")),
        }
    }

    #[test]
    fn an_older_edit_can_be_reverted() {
        let first = with(CART.as_bytes(), "password", "one");
        let second = with(&first, "username", "two");
        // Reverting the first edit: base is the commit, ours is HEAD, theirs is the commit's parent.
        let reverted = merge(&first, &second, CART.as_bytes(), &ring(), 0).expect("merged");
        assert_eq!(value(&reverted, "password"), value(CART.as_bytes(), "password"));
        assert_eq!(value(&reverted, "username"), b"two");
    }
}
