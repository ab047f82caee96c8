//! Keys and values out of a plain file, to be set in a sealed one; and values that nobody knows.

use super::cipher::CipherError;
use super::edit::{Edit, failed};
use super::inspect::{format_of, inspect};
use super::keys::Keyring;
use super::make::{reseal, seal_plain};
use super::opener::decrypted;
use super::place;
use super::rules::Rules;
use super::walk::read;
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::secret::SecretText;
use crate::yaml::source::{Content, Item, Map, Source, Syntax};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What a generated value is made of: nothing that a shell, a URL or a configuration file would take for a sign.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A random value of so many letters, six random bits each.
pub fn generate(letters: usize) -> Result<SecretText, Problem> {
    let mut random = Zeroizing::new(vec![0; letters]);
    getrandom::fill(&mut random).map_err(|_| failed(CipherError::NoRandomness))?;
    let mut text = SecretText::with_capacity(letters);
    for byte in random.iter() {
        text.push(&[LETTERS[usize::from(byte & 63)]]);
    }
    Ok(text)
}

/// Seals what was read from a plain file, as [`seal_plain`] does.
pub fn seal_content(content: &SecretText, file: &str, rules: &Rules, time: i64) -> Result<Vec<u8>, Problem> {
    seal_plain(content.expose_secret(), file, rules, time)
}

/// The same value for one more file; each copy is wiped by itself.
pub fn copied(value: &SecretText) -> SecretText {
    SecretText::from_vec(value.expose_secret().to_vec())
}

/// What a sealed file holds, its MAC checked; `None` if it has no `sops` block.
pub fn unsealed(content: &SecretText, name: &str, keyring: &Keyring) -> Result<Option<SecretText>, Problem> {
    let bytes = content.expose_secret();
    if inspect(name, bytes, &Rules::default()).is_none() {
        return Ok(None);
    }
    decrypted(bytes, name, keyring).map(Some)
}

/// Makes a sealed file into another one of its format, for the rule that applies to the new path and under a data key of its
/// own: values, order and comments are those of the first.
pub fn copy(
    content: &SecretText,
    name: &str,
    file: &str,
    keyring: &Keyring,
    rules: &Rules,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let bytes = content.expose_secret();
    let has_other_keys = inspect(name, bytes, rules).is_some_and(|info| !info.foreign.is_empty());
    if has_other_keys {
        // They open the first file; who opens the new one its own rule says.
        return seal_content(&decrypted(bytes, name, keyring)?, file, rules, time);
    }
    reseal(bytes, file, keyring, rules, time)
}

/// Keys of a plain file of the format that its name gives it: those that are named, or all. Of a Secret those of
/// `stringData` and `data`, of INI `section.key`, of anything without a format its whole content as `data`.
pub fn import(name: &str, content: &SecretText, keys: &[String]) -> Result<Vec<Edit>, Problem> {
    if keys.is_empty() {
        return all(name, content);
    }
    if format_of(name) == SealedFormat::Binary {
        let other = keys.iter().find(|key| *key != "data");
        return other.map_or_else(|| all(name, content), |key| Err(no_key(name, key)));
    }
    let source = read(content.expose_secret(), name)?;
    keys.iter().map(|key| chosen(&source, name, key)).collect()
}

fn no_key(name: &str, key: &str) -> Problem {
    Problem::error(Reason::MissingFile, format!("there is no key `{}`", clean(key)))
        .at(name, 0)
        .next("name a key that it holds, or leave --key out to take all")
}

/// One key, under the name that was asked for.
fn chosen(source: &Source<'_>, name: &str, key: &str) -> Result<Edit, Problem> {
    let place = place::existing(source, name, key)?.ok_or_else(|| no_key(name, key))?;
    let map = place::parent(source, place.document, &place.path);
    let entry = place.path.last().and_then(|last| map?.get(last)).ok_or_else(|| no_key(name, key))?;
    let text = value(&entry.value, key, name)?;
    let holder = place.path.first().filter(|_| place.in_secret);
    let value = if holder.is_some_and(|holder| &**holder == "data") { decoded(&text, name)? } else { text };
    Ok(Edit::Set { key: key.to_owned(), value })
}

fn all(name: &str, content: &SecretText) -> Result<Vec<Edit>, Problem> {
    let bytes = content.expose_secret();
    if format_of(name) == SealedFormat::Binary {
        let value = SecretText::from_vec(bytes.to_vec());
        return Ok(vec![Edit::Set { key: "data".to_owned(), value }]);
    }
    let source = read(bytes, name)?;
    let refuse = |line: u32, cause: String, next: &str| {
        Problem::error(Reason::NotSupported, cause).at(name, line).next(next)
    };
    if let Some(obstacle) = source.obstacles.first() {
        return Err(refuse(
            obstacle.line,
            "a key stands twice, or a value stands for another one".to_owned(),
            "write each key once, with its value",
        ));
    }
    let mut roots = source.documents.iter().filter_map(|d| d.root.as_ref());
    let (Some(root), None) = (roots.next(), roots.next()) else {
        return Err(refuse(
            0,
            "keys are taken from a file with one document".to_owned(),
            "give one document",
        ));
    };
    let map = root.as_map().ok_or_else(|| {
        refuse(root.line, "the file holds no keys".to_owned(), "write its top level as keys with values")
    })?;
    let mut edits = Vec::new();
    let holders = ["data", "stringData"].map(|h| (h, map.get(h).and_then(|e| e.value.as_map())));
    if map.get("kind").is_some() && holders.iter().any(|(_, map)| map.is_some()) {
        for (holder, map) in holders {
            for (key, text) in map.map(|map| values(map, name)).transpose()?.unwrap_or_default() {
                let text = if holder == "data" { decoded(&text, name)? } else { text };
                set(&mut edits, key, text);
            }
        }
    } else if source.syntax == Syntax::Ini {
        for section in map.entries() {
            let Some(map) = section.value.as_map() else { continue };
            for (key, text) in values(map, name)? {
                set(&mut edits, format!("{}.{key}", section.key.text), text);
            }
        }
    } else {
        for (key, text) in values(map, name)? {
            set(&mut edits, key, text);
        }
    }
    if edits.is_empty() {
        return Err(refuse(0, "the file holds no keys".to_owned(), "give at least one key and its value"));
    }
    Ok(edits)
}

/// What stands in `stringData` wins over `data`, as in Kubernetes.
fn set(edits: &mut Vec<Edit>, key: String, value: SecretText) {
    edits.retain(|edit| !matches!(edit, Edit::Set { key: known, .. } if *known == key));
    edits.push(Edit::Set { key, value });
}

fn values(map: &Map<'_>, file: &str) -> Result<Vec<(String, SecretText)>, Problem> {
    map.entries()
        .map(|entry| Ok((entry.key.text.to_string(), value(&entry.value, &entry.key.text, file)?)))
        .collect()
}

fn value(item: &Item<'_>, key: &str, file: &str) -> Result<SecretText, Problem> {
    let Content::Scalar(leaf) = &item.content else {
        let cause = format!("`{}` is a mapping or a list, not one value", clean(key));
        return Err(Problem::error(Reason::NotSupported, cause)
            .at(file, item.line)
            .next("seal the whole file where it stands, or give its values one by one"));
    };
    let text = SecretText::from_string(leaf.text.to_string());
    // What is no text is written as base64 with a tag.
    if item.tag.as_deref() == Some("tag:yaml.org,2002:binary") { decoded(&text, file) } else { Ok(text) }
}

fn decoded(text: &SecretText, file: &str) -> Result<SecretText, Problem> {
    let compact: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.expose_secret().iter().copied().filter(|b| !b.is_ascii_whitespace()).collect());
    STANDARD.decode(&compact).map(SecretText::from_vec).map_err(|_| {
        Problem::error(Reason::NotSupported, "a value that should be base64 is none")
            .at(file, 0)
            .next("put it under `stringData` as it is")
    })
}
