//! What a file holds under each key, for comparing: keyed digests of what opens, ciphertext of what does not. No value leaves.

use super::cipher::Sealed;
use super::inspect::format_of;
use super::keys::Keyring;
use super::open::{documents, open};
use super::opener::KeyringOpener;
use crate::model::{Opened, Opener as _, Problem, Reason, SealedFormat};
use crate::secret::{Ciphertext, DigestKey, SecretDigest, SecretLeaf, SecretText};
use crate::yaml::{Map, Node, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Shorter values are found everywhere by chance.
const SHORTEST: usize = 6;

/// One key of a file.
#[derive(Clone)]
pub struct Held {
    /// Its path; of a Secret its name in the cluster alone, wherever the file writes it.
    pub key: Arc<str>,
    /// What equal values have in common.
    pub value: HeldValue,
}

/// A value as it may be compared.
#[derive(Clone, Copy, PartialEq)]
pub enum HeldValue {
    /// It opened.
    Digest(SecretDigest),
    /// It did not, or the file was not opened.
    Closed(Ciphertext),
}

/// All sealed keys of a file; of a file that is not sealed, the values of its Secrets.
pub fn held(
    bytes: &[u8],
    file: &str,
    keyring: &Arc<Keyring>,
    digests: &DigestKey,
) -> Result<Vec<Held>, Problem> {
    let mut found = Vec::new();
    match format_of(file) {
        SealedFormat::Yaml | SealedFormat::Json => structured(bytes, file, keyring, digests, &mut found)?,
        format => {
            let opener = KeyringOpener::new(keyring.clone());
            let opened = match opener.open_file(bytes, file, format) {
                Ok(Opened::Plain(text)) => text,
                Ok(Opened::NotSealed) => SecretText::from_vec(bytes.to_vec()),
                Err(error) => return Err(error.0),
            };
            if format == SealedFormat::Dotenv {
                let lines = opened.expose_secret().split(|b| *b == b'\n');
                for line in lines.filter(|line| !line.starts_with(b"#")) {
                    let Some(at) = line.iter().position(|b| *b == b'=') else { continue };
                    let key = String::from_utf8_lossy(&line[..at]).as_ref().into();
                    found.push(Held { key, value: HeldValue::Digest(digests.digest(&line[at + 1..])) });
                }
            } else {
                found.push(Held { key: "data".into(), value: HeldValue::Digest(opened.digest(digests)) });
            }
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

fn structured(
    bytes: &[u8],
    file: &str,
    keyring: &Arc<Keyring>,
    digests: &DigestKey,
    found: &mut Vec<Held>,
) -> Result<(), Problem> {
    let closed = documents(bytes, file).map_err(|error| error.0)?;
    let is_sealed = closed.iter().any(|root| root.get("sops").is_some());
    let open =
        if is_sealed { open(bytes, file, keyring).map(|file| file.documents) } else { Ok(closed.clone()) };
    let all = match open {
        Ok(all) => all,
        // What nobody here opens is compared by its ciphertext alone.
        Err(error) if error.0.reason == Reason::NeedsKey => closed,
        Err(error) => return Err(error.0),
    };
    let many = all.len() > 1;
    for root in &all {
        let is_secret = root.str_at(&["kind"]) == Some("Secret");
        let name =
            root.str_at(&["metadata", "name"]).filter(|_| many).map_or(String::new(), |n| format!("{n}: "));
        let mut reader = Reader { digests, found, prefix: name, every: false };
        if is_secret {
            for field in ["data", "stringData"] {
                for (key, value) in root.get(field).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
                    reader.every = true;
                    reader.leaf(value, key, field == "data");
                }
            }
        } else {
            reader.node(root, "");
        }
    }
    Ok(())
}

struct Reader<'a> {
    digests: &'a DigestKey,
    found: &'a mut Vec<Held>,
    prefix: String,
    /// True to take what is not sealed too.
    every: bool,
}

impl Reader<'_> {
    fn node(&mut self, node: &Node, path: &str) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match &node.value {
            Value::Map(map) => {
                for (key, value) in map.iter().filter(|(key, _)| !(path.is_empty() && *key == "sops")) {
                    self.node(value, &below(key));
                }
            }
            Value::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.node(item, &format!("{path}[{index}]"));
                }
            }
            _ => self.leaf(node, path, false),
        }
    }

    fn leaf(&mut self, node: &Node, key: &str, encoded: bool) {
        let value = match &node.value {
            Value::Secret(SecretLeaf::Text(text)) if encoded => {
                HeldValue::Digest(text.digest_base64(self.digests))
            }
            Value::Secret(SecretLeaf::Text(text)) => HeldValue::Digest(text.digest(self.digests)),
            Value::Scalar(scalar) if Sealed::looks_sealed(&scalar.text) => {
                HeldValue::Closed(Ciphertext::of(scalar.text.as_bytes()))
            }
            Value::Scalar(scalar) if self.every && encoded => {
                HeldValue::Digest(self.digests.digest_base64(scalar.text.as_bytes()))
            }
            Value::Scalar(scalar) if self.every => {
                HeldValue::Digest(self.digests.digest(scalar.text.as_bytes()))
            }
            _ => return,
        };
        self.found.push(Held { key: crate::model::clean(&format!("{}{key}", self.prefix)).into(), value });
    }
}

/// One opened value, to be looked for in other files. It is wiped when the search ends.
pub struct Needle {
    plain: SecretText,
    encoded: Zeroizing<String>,
}

impl Needle {
    /// The value under a key of a sealed YAML or JSON file: its whole path, or its last part where that is one key's.
    pub fn of(bytes: &[u8], file: &str, keyring: &Keyring, key: &str) -> Result<Self, Problem> {
        let opened = open(bytes, file, keyring).map_err(|error| error.0)?;
        let mut found = Vec::new();
        opened.documents.iter().for_each(|root| leaves(root, "", &mut found));
        let whole: Vec<_> = found.iter().filter(|(path, _)| path == key).collect();
        let last = |path: &str| path.rsplit('.').next() == Some(key);
        let fits =
            if whole.is_empty() { found.iter().filter(|(path, _)| last(path)).collect() } else { whole };
        match fits.as_slice() {
            [(path, text)] => {
                let is_encoded = path.starts_with("data.");
                let decoded =
                    is_encoded.then(|| STANDARD.decode(text.expose_secret().trim_ascii()).ok()).flatten();
                let plain = SecretText::from_vec(decoded.unwrap_or_else(|| text.expose_secret().to_vec()));
                let encoded = Zeroizing::new(STANDARD.encode(plain.expose_secret()));
                Ok(Self { plain, encoded })
            }
            [] => Err(Problem::error(
                Reason::MissingFile,
                format!("no sealed key is called `{}`", crate::model::clean(key)),
            )
            .at(file, 0)
            .next("`sealane audit` lists its keys")),
            _ => Err(Problem::error(
                Reason::Config,
                format!("several keys are called `{}`", crate::model::clean(key)),
            )
            .at(file, 0)
            .next("name the whole path: `stringData.password`")),
        }
    }

    /// The digest of the value.
    pub fn digest(&self, digests: &DigestKey) -> SecretDigest {
        self.plain.digest(digests)
    }

    /// True if the value is long enough to be looked for in the clear.
    pub fn is_telling(&self) -> bool {
        self.plain.expose_secret().len() >= SHORTEST
    }

    /// The line on which a file holds the value in the clear, plain or in base64.
    pub fn in_the_clear(&self, bytes: &[u8]) -> Option<u32> {
        let forms = [self.plain.expose_secret(), self.encoded.trim_end_matches('=').as_bytes()];
        let at = forms.iter().find_map(|form| {
            let first = *form.first()?;
            let mut from = 0;
            loop {
                let at = from + bytes.get(from..)?.iter().position(|b| *b == first)?;
                if bytes[at..].starts_with(form) {
                    return Some(at);
                }
                from = at + 1;
            }
        })?;
        u32::try_from(bytes[..at].split(|b| *b == b'\n').count()).ok()
    }
}

fn leaves(node: &Node, path: &str, found: &mut Vec<(String, Arc<SecretText>)>) {
    match &node.value {
        Value::Map(map) => map.iter().for_each(|(key, value)| {
            let below = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            leaves(value, &below, found);
        }),
        Value::Seq(items) => {
            items.iter().enumerate().for_each(|(at, item)| leaves(item, &format!("{path}[{at}]"), found));
        }
        Value::Secret(SecretLeaf::Text(text)) => found.push((path.to_owned(), text.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, DEV, FILE, OPS, ring, set};
    use super::*;

    #[test]
    fn equal_values_are_equal_whatever_seals_them() {
        let (ops, digests) = (Arc::new(ring(OPS)), DigestKey::new([7; 32]));
        let again = super::super::edit(CART.as_bytes(), FILE, &ops, vec![set("password", "other-4711")], 1)
            .expect("edited");
        let [one, two] = [CART.as_bytes(), &again].map(|b| held(b, FILE, &ops, &digests).expect("held"));
        let same = |key: &str| {
            let value = |all: &[Held]| all.iter().find(|h| &*h.key == key).map(|h| h.value);
            value(&one) == value(&two)
        };
        assert!(same("username") && same("url") && !same("password"));
        let closed = held(CART.as_bytes(), FILE, &Arc::new(ring(DEV)), &digests).expect("listed");
        assert!(closed.iter().all(|h| matches!(h.value, HeldValue::Closed(_))) && closed.len() == 3);
    }

    #[test]
    fn a_value_is_found_in_the_clear() {
        let ops = ring(OPS);
        let sealed = super::super::edit(CART.as_bytes(), FILE, &ops, vec![set("password", "canary-4711")], 1)
            .expect("edited");
        let needle = Needle::of(&sealed, FILE, &ops, "password").expect("one key");
        assert_eq!(needle.in_the_clear(b"a: b\nc: canary-4711\n"), Some(2));
        assert_eq!(needle.in_the_clear(b"a: b\nc: Y2FuYXJ5LTQ3MTE=\n"), Some(2));
        assert_eq!(needle.in_the_clear(b"a: b\nc: canary-4712\n"), None);
        assert!(Needle::of(&sealed, FILE, &ops, "nobody").is_err());
    }
}
