//! Editing sealed files: one changed value changes one line, `mac` and `lastmodified`, and nothing else (secrets.md 1.10, 1.17).

use super::cipher::{DataKey, ValueType};
use super::keys::Keyring;
use super::metadata::Metadata;
use super::open::{self, broken, computed_mac};
use super::rules::Selector;
use super::walk::{Place, Visit, aad, read, selects, walk};
use crate::model::{Problem, Reason, clean};
use crate::secret::SecretText;
use crate::yaml::Node;
use crate::yaml::source::{self, Item, Leaf, Map, ObstacleKind, Source, Syntax, splice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// One change of a sealed file.
pub enum Edit {
    /// Sets or adds a key.
    Set {
        /// A key under `stringData` or `data`, or any key where the file is no Secret.
        key: String,
        /// Its new value.
        value: SecretText,
    },
    /// Removes a key.
    Remove {
        /// The key.
        key: String,
    },
    /// Sets the value at a path of keys, which must be there.
    SetAt {
        /// Number of the document, from 0.
        document: usize,
        /// The keys from the root; list items cannot be named.
        path: Vec<Arc<str>>,
        /// Its new value.
        value: SecretText,
    },
}

/// One change at a full path of mapping keys.
pub(super) struct Change {
    /// Number of the document, from 0.
    pub(super) document: usize,
    pub(super) path: Vec<Arc<str>>,
    pub(super) new: New,
}

/// What a change makes of a key.
pub(super) enum New {
    Sealed(SecretText, ValueType),
    /// No secret: as YAML for one line, and as JSON.
    Plain(String, String),
    Gone,
}

/// Changes keys of a sealed file. Values that are not named keep their ciphertext byte for byte.
pub fn edit(
    bytes: &[u8],
    file: &str,
    keyring: &Keyring,
    edits: Vec<Edit>,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let opened = open::open(bytes, file, keyring).map_err(|e| e.0)?;
    let text = as_text(bytes, file)?;
    let changes = locate(text, file, edits)?;
    rewrite(text, file, &opened.key, &opened.metadata, &changes, time)
}

/// Writes changes into a sealed text, with a new MAC and time, and proves the result by opening it again.
pub(super) fn rewrite(
    text: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    changes: &[Change],
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let mut current = text.to_owned();
    for change in changes {
        current = apply(&current, file, key, metadata, change)?;
    }
    let stamped = stamp(&current, file, key, metadata, time)?;
    open::check(stamped.as_bytes(), file, key).map_err(|e| e.0)?;
    Ok(stamped.into_bytes())
}

/// Where each edit goes: an existing key under `stringData` or `data`, else a new one in the first of them.
fn locate(text: &str, file: &str, edits: Vec<Edit>) -> Result<Vec<Change>, Problem> {
    let source = read(text.as_bytes(), file)?;
    let roots: Vec<(usize, &Map<'_>)> =
        source.documents.iter().filter_map(|d| Some((d.index, d.root.as_ref()?.as_map()?))).collect();
    edits.into_iter().map(|edit| change_of(edit, &roots, file)).collect()
}

fn change_of(edit: Edit, roots: &[(usize, &Map<'_>)], file: &str) -> Result<Change, Problem> {
    let (key, value) = match edit {
        Edit::Set { key, value } => (key, Some(value)),
        Edit::Remove { key } => (key, None),
        Edit::SetAt { document, path, value } => {
            return Ok(Change { document, path, new: New::Sealed(value, ValueType::Str) });
        }
    };
    let holders = ["stringData", "data"];
    let under = |root: &Map<'_>, holder: &str| root.get(holder).is_some_and(|e| e.value.get(&key).is_some());
    let existing = roots.iter().find_map(|(index, root)| {
        let holder = holders.into_iter().find(|h| under(root, h)).map(Some);
        holder.or_else(|| root.get(&key).map(|_| None)).map(|place| (*index, place))
    });
    let place = match existing {
        Some(place) => place,
        None if value.is_none() => {
            return Err(Problem::error(Reason::MissingFile, format!("there is no key `{}`", clean(&key)))
                .at(file, 0)
                .next("the keys that are there are listed with the file"));
        }
        None => roots
            .iter()
            .find_map(|(index, root)| {
                Some((*index, Some(holders.into_iter().find(|h| root.get(h).is_some())?)))
            })
            .unwrap_or((roots.first().map_or(0, |(index, _)| *index), None)),
    };
    let (document, holder) = place;
    let value = match (holder, value) {
        // Kubernetes wants base64 there; it is sealed as text (secrets.md 1.14, trap 13).
        (Some("data"), Some(value)) => Some(SecretText::from_string(STANDARD.encode(value.expose_secret()))),
        (_, value) => value,
    };
    let path = holder.into_iter().map(Arc::from).chain([Arc::from(key.as_str())]).collect();
    let new = value.map_or(New::Gone, |value| New::Sealed(value, ValueType::Str));
    Ok(Change { document, path, new })
}

fn apply(
    text: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    change: &Change,
) -> Result<String, Problem> {
    let source = read(text.as_bytes(), file)?;
    cannot_write(&source, file, true)?;
    let missing = |what: &str, line: u32| broken(file, line, format!("`{}` is no mapping", clean(what))).0;
    let root = source.documents.get(change.document).and_then(|d| d.root.as_ref());
    let mut map = root.and_then(|r| r.as_map()).ok_or_else(|| missing("the document", 0))?;
    let (last, parents) = change.path.split_last().ok_or_else(|| missing("the path", 0))?;
    for part in parents {
        let entry = map.get(part).ok_or_else(|| missing(part, 0))?;
        map = entry.value.as_map().ok_or_else(|| missing(part, entry.key.line))?;
    }
    let entry = map.get(last);
    let item = entry.map(|entry| &entry.value);
    let new = match &change.new {
        New::Gone => {
            let edit = entry.map(|entry| source.remove(map, entry));
            return Ok(splice(text, edit.as_slice()));
        }
        New::Plain(_, json) if source.syntax == Syntax::Json || map.flow => json.clone(),
        New::Plain(plain, _) => plain.clone(),
        New::Sealed(value, value_type) => {
            must_be_sealed(&source, file, metadata, change, item)?;
            sealed_text(value, *value_type, change, key, source.syntax == Syntax::Json || map.flow)?
        }
    };
    if let Some(item) = item.filter(|item| item.as_leaf().is_none()) {
        let cause = format!("`{}` is a mapping or a list, not one value", clean(&change.path.join(".")));
        return Err(Problem::error(Reason::Refused, cause).at(file, item.line).next("name one of its keys"));
    }
    let edit = item.map_or_else(|| source.insert(map, last, &new), |item| replaced(&source, item, &new));
    Ok(splice(text, &[edit]))
}

/// A tag goes with the value it belonged to.
fn replaced(source: &Source<'_>, item: &Item<'_>, text: &str) -> source::Edit {
    match &item.properties {
        Some(properties) => source::Edit { range: properties.start..item.span.end, text: text.to_owned() },
        None => source.replace(item, text),
    }
}

/// Refuses a value that the file's selector would leave in the clear.
fn must_be_sealed(
    source: &Source<'_>,
    file: &str,
    metadata: &Metadata,
    change: &Change,
    item: Option<&Item<'_>>,
) -> Result<(), Problem> {
    let by_comment = matches!(
        metadata.selector,
        Selector::EncryptedCommentRegex(_) | Selector::UnencryptedCommentRegex(_)
    );
    let name = clean(&change.path.join("."));
    let selected = match item {
        // What stands there is asked, since comments around it may decide.
        Some(item) if by_comment => {
            let mut asked = Asked { start: item.span.start, selector: &metadata.selector, selected: None };
            walk(source, file, &mut asked)?;
            // A null is no leaf.
            asked.selected.unwrap_or(false)
        }
        None if by_comment => {
            let cause = format!("`{name}` is new, and comments say which values of this file are sealed");
            return Err(Problem::error(Reason::NotSupported, cause)
                .at(file, metadata.line)
                .next("add the key together with its comment, with `sops edit`"));
        }
        _ => selects(&metadata.selector, &change.path),
    };
    if selected {
        return Ok(());
    }
    let cause = format!("`{name}` would stand in the clear: the file's selector does not seal it");
    Err(Problem::error(Reason::Refused, cause)
        .at(file, item.map_or(metadata.line, |item| item.line))
        .next("put it under a key that the selector seals"))
}

/// Finds out whether the leaf at one byte is selected.
struct Asked<'a> {
    start: usize,
    selector: &'a Selector,
    selected: Option<bool>,
}

impl<'s, 't> Visit<'s, 't> for Asked<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        _: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if item.span.start == self.start {
            self.selected = Some(place.is_selected(self.selector));
        }
        Ok(None)
    }
}

/// The value as it is written; an empty string stays bare.
fn sealed_text(
    value: &SecretText,
    value_type: ValueType,
    change: &Change,
    key: &DataKey,
    quoted: bool,
) -> Result<String, Problem> {
    if value.is_empty() {
        return Ok("\"\"".to_owned());
    }
    let text = key.seal(value.expose_secret(), &aad(&change.path), value_type).map_err(failed)?.to_string();
    Ok(if quoted { format!("\"{text}\"") } else { text })
}

/// Sets `mac` and `lastmodified` in the block of every document.
fn stamp(text: &str, file: &str, key: &DataKey, metadata: &Metadata, time: i64) -> Result<String, Problem> {
    let when = stamp_text(time);
    let mac = computed_mac(text.as_bytes(), file, key, metadata)?;
    let mac = key.seal(mac.as_bytes(), &when, ValueType::Str).map_err(failed)?.to_string();
    let source = read(text.as_bytes(), file)?;
    let mut edits = Vec::new();
    for document in &source.documents {
        let Some(block) = document.root.as_ref().and_then(|r| r.get("sops")) else { continue };
        let quoted = source.syntax == Syntax::Json || block.value.as_map().is_some_and(|m| m.flow);
        let entry = |name: &str| {
            let missing = || broken(file, block.key.line, format!("the block has no `{name}`")).0;
            block.value.get(name).ok_or_else(missing)
        };
        edits.push(source.replace(&entry("lastmodified")?.value, &format!("\"{when}\"")));
        let mac = if quoted { format!("\"{mac}\"") } else { mac.clone() };
        edits.push(source.replace(&entry("mac")?.value, &mac));
    }
    Ok(splice(text, &edits))
}

/// Refuses files that cannot be written without taking them apart (secrets.md 1.17). In a file that SOPS wrote a `<<` is
/// a key like any other.
pub(super) fn cannot_write(source: &Source<'_>, file: &str, is_sealed: bool) -> Result<(), Problem> {
    let obstacle = source.obstacles.iter().find(|o| !(is_sealed && o.kind == ObstacleKind::MergeKey));
    let Some(obstacle) = obstacle else { return Ok(()) };
    let what = match &obstacle.kind {
        ObstacleKind::Anchor(_) => "an anchor",
        ObstacleKind::Alias(_) => "an alias",
        ObstacleKind::MergeKey => "a merge key",
        ObstacleKind::RepeatedKey(_) => "a key that stands twice",
        ObstacleKind::NoColon(_) => "a value without a key",
        ObstacleKind::KeyNotString(_) | ObstacleKind::KeyNotScalar => "a key that is no string",
    };
    Err(Problem::error(
        Reason::NotSupported,
        format!("the file has {what}, which sealing would have to take apart"),
    )
    .at(file, obstacle.line)
    .next("write the values out, then try again"))
}

pub(super) fn as_text<'b>(bytes: &'b [u8], file: &str) -> Result<&'b str, Problem> {
    std::str::from_utf8(bytes).map_err(|_| broken(file, 0, "the file is not UTF-8".to_owned()).0)
}

pub(super) fn stamp_text(time: i64) -> String {
    jiff::Timestamp::from_second(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

pub(super) fn failed(error: super::CipherError) -> Problem {
    Problem::error(Reason::SealBroken, error.to_string()).next("try again")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, FILE, OPS, ring, set, value};
    use super::*;

    #[test]
    fn one_changed_value_changes_three_lines() {
        let edited = edit(CART.as_bytes(), FILE, &ring(OPS), vec![set("password", "new one")], 1_700_000_000)
            .expect("edited");
        let text = String::from_utf8(edited.clone()).expect("text");
        let changed: Vec<&str> = CART
            .lines()
            .zip(text.lines())
            .filter(|(a, b)| a != b)
            .map(|(a, _)| a.trim().split(':').next().unwrap_or(""))
            .collect();
        assert_eq!(changed, ["password", "lastmodified", "mac"]);
        assert_eq!(CART.lines().count(), text.lines().count());
        assert_eq!(value(&edited, "password").as_deref(), Some("new one"));
        assert_eq!(value(&edited, "username").as_deref(), Some("cart"));
        assert!(text.contains("lastmodified: \"2023-11-14T22:13:20Z\""));
    }

    #[test]
    fn keys_are_added_and_removed() {
        let edits = vec![set("token", "abc"), Edit::Remove { key: "url".to_owned() }];
        let edited = edit(CART.as_bytes(), FILE, &ring(OPS), edits, 0).expect("edited");
        assert_eq!(value(&edited, "token").as_deref(), Some("abc"));
        assert_eq!(value(&edited, "url"), None);
        let missing =
            edit(CART.as_bytes(), FILE, &ring(OPS), vec![Edit::Remove { key: "nope".to_owned() }], 0);
        assert!(missing.is_err_and(|p| p.cause.contains("`nope`")));
    }
}
