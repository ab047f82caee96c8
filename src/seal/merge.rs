//! Three versions of a sealed file to one, key by key: reverting any edit but the newest would else always conflict,
//! since every edit changes `mac` and `lastmodified` (secrets.md 5.2).

use super::cipher::ValueType;
use super::edit::{Change, New, rewrite};
use super::keys::Keyring;
use super::open::{OpenFile, open};
use crate::model::{Problem, clean};
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::source::one_line;
use crate::yaml::{Node, ScalarKind, Style, Value, to_json};
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

/// Merges `theirs` into `ours`, both made from `base`; the name of `file` gives their format. The result keeps ours' data key, recipients and selector, and
/// the ciphertext of everything that does not change.
pub fn merge(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    file: &str,
    keyring: &Keyring,
    time: i64,
) -> Result<Vec<u8>, MergeError> {
    let opened = |side: &str, bytes: &[u8]| {
        open(bytes, file, keyring).map_err(|e| {
            let cause = format!("{} (in {side})", e.0.cause);
            MergeError::Closed(Problem { cause, ..e.0 })
        })
    };
    let (base, mine, theirs) = (opened("base", base)?, opened("ours", ours)?, opened("theirs", theirs)?);
    let mut conflicts = Vec::new();
    let [old, our, their] = [&base, &mine, &theirs].map(|side| leaves(side, &mut conflicts));
    let paths: BTreeSet<&Path> = old.keys().chain(our.keys()).chain(their.keys()).collect();
    let mut changes = Vec::new();
    for path in paths {
        let [a, b, c] = [old.get(path), our.get(path), their.get(path)];
        if same(a, c) || same(b, c) {
            continue;
        }
        match change(path, b, c).filter(|_| same(a, b)) {
            Some(change) => changes.push(change),
            None => conflicts.push(clean(&path.1.join("."))),
        }
    }
    if !conflicts.is_empty() {
        conflicts.sort_unstable();
        conflicts.dedup();
        return Err(MergeError::Conflict(conflicts));
    }
    let Ok(text) = std::str::from_utf8(ours) else { return Err(MergeError::Conflict(Vec::new())) };
    rewrite(text, file, &mine.key, &mine.metadata, &changes, time).map_err(MergeError::Closed)
}

/// Document and keys; list items as `[0]`.
type Path = (usize, Vec<Arc<str>>);

struct Leaf {
    /// What is sealed, with its type.
    secret: Option<(Arc<SecretText>, ValueType)>,
    /// What stands in the clear, as it is compared.
    plain: String,
    /// What stands in the clear, as it is written; `None` for what is no scalar.
    written: Option<String>,
    /// The same as text.
    text: Option<String>,
}

/// What makes ours into theirs at one path; `None` if it cannot be written.
fn change(path: &Path, ours: Option<&Leaf>, theirs: Option<&Leaf>) -> Option<Change> {
    let sealed = |leaf: &Leaf| leaf.secret.is_some();
    // From sealed to plain or back is more than a changed value; so is anything inside a list.
    let mixed = ours.zip(theirs).is_some_and(|(a, b)| sealed(a) != sealed(b));
    if mixed || path.1.iter().any(|part| part.starts_with('[')) {
        return None;
    }
    let new = match theirs {
        None => New::Gone,
        Some(Leaf { secret: Some((text, value_type)), .. }) => {
            New::Sealed(SecretText::from_vec(text.expose_secret().to_vec()), *value_type)
        }
        Some(leaf) => New::Plain(leaf.written.clone()?, leaf.plain.clone(), leaf.text.clone()?),
    };
    Some(Change { document: path.0, path: path.1.clone(), new })
}

fn same(a: Option<&Leaf>, b: Option<&Leaf>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => match (&a.secret, &b.secret) {
            (Some((x, _)), Some((y, _))) => x.expose_secret() == y.expose_secret(),
            (None, None) => a.plain == b.plain,
            _ => false,
        },
        _ => false,
    }
}

/// All leaves by their paths. What cannot be told apart by its path (a key that stands twice in dotenv) is a conflict.
fn leaves(file: &OpenFile, conflicts: &mut Vec<String>) -> BTreeMap<Path, Leaf> {
    let mut all = Vec::new();
    for (index, document) in file.documents.iter().enumerate() {
        collect(document, &mut (index, Vec::new()), file, &mut all);
    }
    let mut found = BTreeMap::new();
    for (path, leaf) in all {
        let name = clean(&path.1.join("."));
        if found.insert(path, leaf).is_some() {
            conflicts.push(name);
        }
    }
    found
}

fn collect(node: &Node, path: &mut Path, file: &OpenFile, found: &mut Vec<(Path, Leaf)>) {
    match &node.value {
        Value::Map(map) if !map.is_empty() => {
            for entry in &map.entries {
                path.1.push(entry.key.text.clone());
                collect(&entry.value, path, file, found);
                path.1.pop();
            }
        }
        Value::Seq(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                path.1.push(format!("[{index}]").into());
                collect(item, path, file, found);
                path.1.pop();
            }
        }
        Value::Secret(SecretLeaf::Text(text)) => {
            let secret = Some((text.clone(), file.type_at(&node.mark)));
            found.push((path.clone(), Leaf { secret, plain: String::new(), written: None, text: None }));
        }
        _ => {
            let text = node.scalar_text().map(str::to_owned);
            let leaf = Leaf { secret: None, plain: to_json(node), written: written(node), text };
            found.push((path.clone(), leaf));
        }
    }
}

/// A plain scalar as it can stand on one line.
fn written(node: &Node) -> Option<String> {
    let scalar = node.as_scalar()?;
    let is_word = scalar.kind != ScalarKind::Str && scalar.style == Style::Plain;
    Some(if is_word { scalar.text.to_string() } else { one_line(&scalar.text) })
}

#[cfg(test)]
mod tests {
    use super::super::edit::{Edit, edit};
    use super::super::testing::{CART, FILE, OPS, ring, set, value};
    use super::*;
    use proptest::prelude::*;

    fn with(bytes: &[u8], key: &str, value: &str) -> Vec<u8> {
        edit(bytes, FILE, &ring(OPS), vec![set(key, value)], 0).expect("edited")
    }

    #[test]
    fn edits_of_different_keys_merge() {
        let ours = with(CART.as_bytes(), "username", "mine");
        let theirs = with(CART.as_bytes(), "password", "theirs");
        let merged = merge(CART.as_bytes(), &ours, &theirs, FILE, &ring(OPS), 0).expect("merged");
        assert_eq!(value(&merged, "username").as_deref(), Some("mine"));
        assert_eq!(value(&merged, "password").as_deref(), Some("theirs"));
    }

    #[test]
    fn edits_of_the_same_key_conflict_and_name_it() {
        let ours = with(CART.as_bytes(), "password", "mine-4711");
        let theirs = with(CART.as_bytes(), "password", "theirs-4711");
        match merge(CART.as_bytes(), &ours, &theirs, FILE, &ring(OPS), 0) {
            Err(MergeError::Conflict(keys)) => assert_eq!(keys, ["stringData.password"]),
            other => panic!("{:?}", other.map(|_| "merged")),
        }
    }

    #[test]
    fn an_older_edit_can_be_reverted() {
        let first = with(CART.as_bytes(), "password", "one");
        let second = with(&first, "username", "two");
        // Reverting the first edit: base is the commit, ours is HEAD, theirs is the commit's parent.
        let reverted = merge(&first, &second, CART.as_bytes(), FILE, &ring(OPS), 0).expect("merged");
        assert_eq!(value(&reverted, "password"), value(CART.as_bytes(), "password"));
        assert_eq!(value(&reverted, "username").as_deref(), Some("two"));
    }

    const KEYS: [&str; 4] = ["a", "b", "c", "d"];

    /// A version: the value of each key, if it has it.
    type Version = [Option<u8>; KEYS.len()];

    fn sealed(bytes: &[u8], from: Version, to: Version) -> Vec<u8> {
        let edit_of = |at: usize| match (from[at], to[at]) {
            (old, new) if old == new => None,
            (_, Some(value)) => Some(set(KEYS[at], &format!("value {value}"))),
            (_, None) => Some(Edit::Remove { key: KEYS[at].to_owned() }),
        };
        let edits: Vec<Edit> = (0..KEYS.len()).filter_map(edit_of).collect();
        if edits.is_empty() {
            return bytes.to_vec();
        }
        edit(bytes, FILE, &ring(OPS), edits, 0).expect("edited")
    }

    /// What three versions give, key by key; the keys in conflict where they do not.
    fn joined(base: Version, ours: Version, theirs: Version) -> Result<Version, Vec<String>> {
        let (mut joined, mut conflicts) = (ours, Vec::new());
        for at in 0..KEYS.len() {
            if ours[at] == base[at] {
                joined[at] = theirs[at];
            } else if theirs[at] != base[at] && theirs[at] != ours[at] {
                conflicts.push(format!("stringData.{}", KEYS[at]));
            }
        }
        if conflicts.is_empty() { Ok(joined) } else { Err(conflicts) }
    }

    fn version() -> impl Strategy<Value = Version> {
        proptest::array::uniform4(proptest::option::weighted(0.7, 0..3_u8))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn three_versions_merge_as_their_keys_do(base in version(), ours in version(), theirs in version()) {
            let none = [None; KEYS.len()];
            let begin = sealed(CART.as_bytes(), none, base);
            let (our, their) = (sealed(&begin, base, ours), sealed(&begin, base, theirs));
            match (merge(&begin, &our, &their, FILE, &ring(OPS), 0), joined(base, ours, theirs)) {
                (Ok(merged), Ok(wanted)) => {
                    let found = KEYS.map(|key| value(&merged, key));
                    prop_assert_eq!(found, wanted.map(|v| v.map(|v| format!("value {v}"))));
                }
                (Err(MergeError::Conflict(found)), Err(wanted)) => prop_assert_eq!(found, wanted),
                (Ok(_), Err(wanted)) => prop_assert!(false, "merged over a conflict in {:?}", wanted),
                (Err(error), _) => prop_assert!(false, "{:?}", error),
            }
        }
    }
}
