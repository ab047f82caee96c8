//! Keys and values out of a plain file, to be set in a sealed one; and values that nobody knows.

use super::cipher::CipherError;
use super::edit::{Edit, failed};
use super::inspect::format_of;
use super::make::seal_plain;
use super::rules::Rules;
use super::walk::read;
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::secret::SecretText;
use crate::yaml::source::{Content, Item, Map, Syntax};
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

/// All keys of a plain file of the format that its name gives it. Of a Secret those of `stringData` and `data`, of INI
/// `section.key`, of anything without a format its whole content as `data`.
pub fn import(name: &str, content: &SecretText) -> Result<Vec<Edit>, Problem> {
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
                set(&mut edits, key, decoded(holder, text, name)?);
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
    let value = |item: &Item<'_>, key: &str| {
        if let Content::Scalar(leaf) = &item.content {
            return Ok(SecretText::from_string(leaf.text.to_string()));
        }
        let cause = format!("`{}` is a mapping or a list, not one value", clean(key));
        Err(Problem::error(Reason::NotSupported, cause)
            .at(file, item.line)
            .next("seal the whole file where it stands, or give its values one by one"))
    };
    map.entries()
        .map(|entry| Ok((entry.key.text.to_string(), value(&entry.value, &entry.key.text)?)))
        .collect()
}

fn decoded(holder: &str, text: SecretText, file: &str) -> Result<SecretText, Problem> {
    if holder == "stringData" {
        return Ok(text);
    }
    let compact: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.expose_secret().iter().copied().filter(|b| !b.is_ascii_whitespace()).collect());
    STANDARD.decode(&compact).map(SecretText::from_vec).map_err(|_| {
        Problem::error(Reason::NotSupported, "a value under `data` is no base64")
            .at(file, 0)
            .next("put it under `stringData` as it is")
    })
}
