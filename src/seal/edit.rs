//! Editing sealed files: one changed value changes one line, `mac` and `lastmodified`, and nothing else (secrets.md 1.10, 1.17).

use super::block::Fields;
use super::cipher::{DataKey, ValueType};
use super::keys::Keyring;
use super::metadata::Metadata;
use super::open::{self, broken, computed_mac};
use super::rules::Selector;
use super::walk::{Place, Visit, aad, read, selects, walk};
use super::{place, refresh, rename};
use crate::model::{Problem, Reason, clean};
use crate::secret::SecretText;
use crate::yaml::Node;
use crate::yaml::source::{self, Item, Leaf, ObstacleKind, Source, Syntax, splice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;
use std::sync::Arc;

/// One change of a sealed file.
pub enum Edit {
    /// Sets or adds a key.
    Set {
        /// A key under `stringData` or `data`; where the file is no Secret any key, or its path with dots.
        key: String,
        /// Its new value.
        value: SecretText,
    },
    /// Removes a key.
    Remove {
        /// The key.
        key: String,
    },
    /// Gives a key another name; its value is sealed for the new place.
    Rename {
        /// The key.
        key: String,
        /// Its new name, without what it stands in.
        to: String,
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
    /// No secret: as YAML for one line, as JSON, and as text.
    Plain(String, String, String),
    /// Another name, the value being the same.
    Renamed(String),
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
    let current = changed(text, file, key, metadata, changes)?;
    let stamped = stamp(&current, file, key, metadata, time)?;
    open::check(stamped.as_bytes(), file, key).map_err(|e| e.0)?;
    Ok(stamped.into_bytes())
}

/// A text with all changes in it, its MAC still the old one.
pub(super) fn changed(
    text: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    changes: &[Change],
) -> Result<String, Problem> {
    let source = read(text.as_bytes(), file)?;
    // New values beside others may come all at once; where one change could hide another they come in turn.
    let mut paths = HashSet::new();
    let at_once = changes.iter().all(|change| {
        let map = place::parent(&source, change.document, &change.path);
        matches!(change.new, New::Sealed(..))
            && paths.insert((change.document, &change.path))
            && map.is_some_and(|map| map.entries().next().is_some())
    });
    if at_once {
        let edits: Result<Vec<_>, _> =
            changes.iter().map(|change| edits_of(&source, file, key, metadata, change)).collect();
        return Ok(splice(text, &edits?.concat()));
    }
    let mut current = text.to_owned();
    for change in changes {
        let edits = edits_of(&read(current.as_bytes(), file)?, file, key, metadata, change)?;
        current = splice(&current, &edits);
    }
    Ok(current)
}

/// Where each edit goes.
pub(super) fn locate(text: &str, file: &str, edits: Vec<Edit>) -> Result<Vec<Change>, Problem> {
    let source = read(text.as_bytes(), file)?;
    edits.into_iter().map(|edit| change_of(edit, &source, file)).collect()
}

fn change_of(edit: Edit, source: &Source<'_>, file: &str) -> Result<Change, Problem> {
    let there = |key: &str| {
        place::existing(source, file, key)?.ok_or_else(|| {
            Problem::error(Reason::MissingFile, format!("there is no key `{}`", clean(key)))
                .at(file, 0)
                .next("the keys that are there are listed with the file")
        })
    };
    let (place, new) = match edit {
        Edit::SetAt { document, path, value } => {
            return Ok(Change { document, path, new: New::Sealed(value, ValueType::Str) });
        }
        Edit::Remove { key } => (there(&key)?, New::Gone),
        Edit::Rename { key, to } => (there(&key)?, New::Renamed(to)),
        Edit::Set { key, value } => {
            let place = match place::existing(source, file, &key)? {
                Some(place) => place,
                None => place::new(source, file, &key, value.expose_secret_str().is_some())?,
            };
            // Kubernetes wants base64 there; it is sealed as text (secrets.md 1.14, trap 13).
            let is_data = place.in_secret && place.path.first().is_some_and(|holder| &**holder == "data");
            if place.in_secret && !is_data && value.expose_secret_str().is_none() {
                let cause = format!(
                    "the value of `{}` is no text, which is all that `stringData` holds",
                    clean(&key)
                );
                let next = "give the Secret a `data` mapping for it, or keep it in a file of its own";
                return Err(Problem::error(Reason::NotSupported, cause).at(file, 0).next(next));
            }
            let value =
                if is_data { SecretText::from_string(STANDARD.encode(value.expose_secret())) } else { value };
            (place, New::Sealed(value, ValueType::Str))
        }
    };
    Ok(Change { document: place.document, path: place.path, new })
}

/// The edits that one change makes.
fn edits_of(
    source: &Source<'_>,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    change: &Change,
) -> Result<Vec<source::Edit>, Problem> {
    cannot_write(source, file, true)?;
    let missing = |what: &str, line: u32| broken(file, line, format!("`{}` is no mapping", clean(what))).0;
    let (last, parents) = change.path.split_last().ok_or_else(|| missing("the path", 0))?;
    let Some(map) = place::parent(source, change.document, &change.path) else {
        let section = parents.first().filter(|_| source.syntax == Syntax::Ini);
        let section = section.ok_or_else(|| missing(&change.path.join("."), 0))?;
        return new_section(source, file, section, last, key, metadata, change);
    };
    let entry = map.get(last);
    if map.entries().filter(|entry| *entry.key.text == **last).count() > 1 {
        return Err(place::several(file, last));
    }
    let item = entry.map(|entry| &entry.value);
    if let Some(item) = item.filter(|item| item.as_leaf().is_none() && !matches!(change.new, New::Gone)) {
        let cause = format!("`{}` is a mapping or a list, not one value", clean(&change.path.join(".")));
        return Err(Problem::error(Reason::Refused, cause).at(file, item.line).next("name one of its keys"));
    }
    let quoted = source.syntax == Syntax::Json || map.flow;
    let new = match &change.new {
        New::Gone => return Ok(entry.map(|entry| source.remove(map, entry)).into_iter().collect()),
        New::Renamed(to) => return rename::edits(source, file, key, metadata, change, map, to),
        New::Plain(_, json, _) if quoted => json.clone(),
        New::Plain(yaml, ..) if source.syntax == Syntax::Yaml => yaml.clone(),
        New::Plain(.., text) => source.written(text).ok_or_else(|| not_writable(source, file, "value"))?,
        New::Sealed(value, value_type) => {
            must_be_sealed(source, file, metadata, change, item)?;
            sealed_text(value, *value_type, &change.path, key, source.syntax, quoted)?
        }
    };
    if let Some(item) = item {
        return Ok(vec![replaced(source, item, &new)]);
    }
    if source.written_key(last).is_none() {
        return Err(not_writable(source, file, "key"));
    }
    Ok(vec![source.insert(map, last, &new)])
}

/// A section that INI does not have yet, before the block.
fn new_section(
    source: &Source<'_>,
    file: &str,
    section: &str,
    name: &str,
    key: &DataKey,
    metadata: &Metadata,
    change: &Change,
) -> Result<Vec<source::Edit>, Problem> {
    let New::Sealed(value, value_type) = &change.new else { return Ok(Vec::new()) };
    must_be_sealed(source, file, metadata, change, None)?;
    let new = sealed_text(value, *value_type, &change.path, key, source.syntax, false)?;
    let name = source.written_key(name).ok_or_else(|| not_writable(source, file, "key"))?;
    if section.is_empty() || section.contains([']', '\n', '\r', '#', ';']) || section.trim() != section {
        return Err(not_writable(source, file, "section"));
    }
    let root = source.documents.first().and_then(|d| d.root.as_ref()?.get("sops"));
    let at = root.map_or(source.text.len(), |block| {
        source.text[..block.key.span.start].rfind('\n').map_or(0, |end| end + 1)
    });
    let line_break = source.line_break();
    let open = !source.text[..at].is_empty() && !source.text[..at].ends_with('\n');
    let before = if open { line_break } else { "" };
    let text = format!("{before}[{section}]{line_break}{name} = {new}{line_break}{line_break}");
    Ok(vec![source::Edit { range: at..at, text }])
}

pub(super) fn not_writable(source: &Source<'_>, file: &str, what: &str) -> Problem {
    let format = if source.syntax == Syntax::Ini { "INI" } else { "dotenv" };
    Problem::error(Reason::NotSupported, format!("this {what} cannot be written in {format}"))
        .at(file, 0)
        .next("keep it in a YAML or JSON file")
}

/// A tag goes with the value it belonged to.
fn replaced(source: &Source<'_>, item: &Item<'_>, text: &str) -> source::Edit {
    match &item.properties {
        Some(properties) => source::Edit { range: properties.start..item.span.end, text: text.to_owned() },
        None => source.replace(item, text),
    }
}

/// Refuses a value that the file's selector would leave in the clear.
pub(super) fn must_be_sealed(
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
pub(super) fn sealed_text(
    value: &SecretText,
    value_type: ValueType,
    path: &[Arc<str>],
    key: &DataKey,
    syntax: Syntax,
    quoted: bool,
) -> Result<String, Problem> {
    if value.is_empty() {
        let is_bare = matches!(syntax, Syntax::Dotenv | Syntax::Ini);
        return Ok(if is_bare { String::new() } else { "\"\"".to_owned() });
    }
    let text = key.seal(value.expose_secret(), &aad(path), value_type).map_err(failed)?.to_string();
    Ok(if quoted { format!("\"{text}\"") } else { text })
}

/// Sets `mac` and `lastmodified` in the block of every document.
pub(super) fn stamp(
    text: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    time: i64,
) -> Result<String, Problem> {
    let when = stamp_text(time);
    let mac = computed_mac(text.as_bytes(), file, key, metadata)?;
    let mac = key.seal(mac.as_bytes(), &when, ValueType::Str).map_err(failed)?.to_string();
    let source = read(text.as_bytes(), file)?;
    let fields = Fields { stamp: Some((&when, &mac)), ..Fields::default() };
    Ok(splice(text, &refresh::edits(&source, &fields)))
}

/// Refuses files that cannot be written without taking them apart (secrets.md 1.17). In a file that SOPS wrote a `<<` is
/// a key like any other.
pub(super) fn cannot_write(source: &Source<'_>, file: &str, is_sealed: bool) -> Result<(), Problem> {
    let is_none = |kind: &ObstacleKind| match kind {
        ObstacleKind::MergeKey => is_sealed,
        // In dotenv each of them has its value, in their order.
        ObstacleKind::RepeatedKey(_) => source.syntax == Syntax::Dotenv,
        _ => false,
    };
    let Some(obstacle) = source.obstacles.iter().find(|o| !is_none(&o.kind)) else { return Ok(()) };
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
