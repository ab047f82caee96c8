//! The opener that rendering asks: objects and generators' inputs, opened as Flux opens them (secrets.md 2.1).

use super::cipher::{Sealed, ValueType};
use super::emit;
use super::inspect::format_of;
use super::keys::Keyring;
use super::metadata::Metadata;
use super::open::{IN_THE_CLEAR, broken, open_as, unlock};
use super::plain;
use super::rules::Selector;
use super::walk::{aad, selects};
use crate::model::{OpenError, Opened, Opener, Problem, Reason, SealedFormat, clean};
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::{Map, Node, Value, from_json};
use std::sync::Arc;

/// Opens sealed content with the identities of a keyring, for rendering.
pub struct KeyringOpener {
    keyring: Arc<Keyring>,
}

impl KeyringOpener {
    /// An opener with these identities.
    pub fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }
}

impl Opener for KeyringOpener {
    fn open_object(&self, body: &Node, file: &str) -> Result<Opened<Node>, OpenError> {
        let metadata = match Metadata::of(body) {
            None => return Ok(Opened::NotSealed),
            Some(metadata) => metadata.map_err(|cause| broken(file, body.mark.line, cause))?,
        };
        if let Selector::EncryptedCommentRegex(_) | Selector::UnencryptedCommentRegex(_) = metadata.selector {
            let cause =
                "comments say which values are sealed, and kustomize drops comments: Flux cannot open it";
            return Err(OpenError(
                Problem::error(Reason::NotSupported, cause)
                    .at(file, metadata.line)
                    .next("seal it with `encrypted_regex: ^(data|stringData)$`"),
            ));
        }
        let key = unlock(&metadata, file, &self.keyring)?;
        let open = |sealed: &Sealed, aad: &str| key.open(sealed, aad);
        Object { open: &open, selector: &metadata.selector, file }.root(body).map(Opened::Plain)
    }

    fn open_file(
        &self,
        bytes: &[u8],
        file: &str,
        format: SealedFormat,
    ) -> Result<Opened<SecretText>, OpenError> {
        // Flux opens what holds the mark of its format, and nothing else (secrets.md 1.14, trap 10).
        let mark: &[u8] = match format {
            SealedFormat::Yaml => b"mac: ENC[",
            SealedFormat::Json | SealedFormat::Binary => b"\"mac\": \"ENC[",
            SealedFormat::Dotenv => b"sops_mac=ENC[",
            SealedFormat::Ini => b"[sops]",
        };
        if !bytes.windows(mark.len()).any(|window| window == mark) {
            return Ok(Opened::NotSealed);
        }
        match format {
            SealedFormat::Binary => open_binary(bytes, file, &self.keyring).map(Opened::Plain),
            SealedFormat::Yaml | SealedFormat::Json => {
                emit::opened(bytes, file, format, &self.keyring).map(Opened::Plain)
            }
            SealedFormat::Dotenv | SealedFormat::Ini => {
                plain::opened(bytes, file, format, &self.keyring).map(Opened::Plain)
            }
        }
    }

    fn generation(&self) -> u64 {
        self.keyring.generation()
    }
}

fn open_binary(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<SecretText, OpenError> {
    if from_json(bytes).is_err() {
        return Err(broken(file, 0, "the sealed envelope is no JSON".to_owned()));
    }
    let opened = open_as(bytes, file, SealedFormat::Json, keyring)?;
    match opened.documents.first().and_then(|d| d.get("data")).map(|n| &n.value) {
        Some(Value::Secret(SecretLeaf::Text(text))) => {
            Ok(SecretText::from_vec(text.expose_secret().to_vec()))
        }
        Some(Value::Scalar(scalar)) if scalar.text.is_empty() => Ok(SecretText::with_capacity(0)),
        _ => Err(broken(file, 0, "the sealed envelope has no `data`".to_owned())),
    }
}

/// A sealed file as `sops decrypt` prints it. Unlike Flux, this checks its MAC.
pub(super) fn decrypted(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<SecretText, Problem> {
    let format = format_of(file);
    drop(open_as(bytes, file, format, keyring).map_err(|error| error.0)?);
    let opened = match format {
        SealedFormat::Binary => open_binary(bytes, file, keyring),
        SealedFormat::Yaml | SealedFormat::Json => emit::opened(bytes, file, format, keyring),
        SealedFormat::Dotenv | SealedFormat::Ini => plain::opened(bytes, file, format, keyring),
    };
    opened.map_err(|error| error.0)
}

/// An object as kustomize leaves it: no comments, keys in any order. The MAC cannot be checked any more.
struct Object<'a> {
    open: &'a dyn Fn(&Sealed, &str) -> Result<SecretText, super::CipherError>,
    selector: &'a Selector,
    file: &'a str,
}

impl Object<'_> {
    fn root(&self, root: &Node) -> Result<Node, OpenError> {
        let Some(map) = root.as_map() else {
            let cause = "the top of a sealed document must be a mapping".to_owned();
            return Err(broken(self.file, root.mark.line, cause));
        };
        let mut copy = Map::clone(map);
        copy.entries.retain(|e| &*e.key.text != "sops");
        self.map(&mut copy, &mut Vec::new())?;
        Ok(Node::map(copy).at(root.mark.clone()))
    }

    fn map(&self, map: &mut Map, path: &mut Vec<Arc<str>>) -> Result<(), OpenError> {
        for entry in &mut map.entries {
            path.push(entry.key.text.clone());
            if let Some(value) = self.node(&entry.value, path)? {
                entry.value = value;
            }
            path.pop();
        }
        Ok(())
    }

    /// `None` for a comment, which in a list is an item (secrets.md 1.6).
    fn node(&self, node: &Node, path: &mut Vec<Arc<str>>) -> Result<Option<Node>, OpenError> {
        let open = match &node.value {
            Value::Map(map) => {
                let mut copy = Map::clone(map);
                self.map(&mut copy, path)?;
                Node::map(copy)
            }
            Value::Seq(items) => {
                let mut open = Vec::with_capacity(items.len());
                for item in items.iter() {
                    open.extend(self.node(item, path)?);
                }
                Node::seq(open)
            }
            Value::Scalar(_) => return self.leaf(node, path),
            Value::Secret(_) => node.clone(),
        };
        Ok(Some(open.at(node.mark.clone())))
    }

    fn leaf(&self, node: &Node, path: &[Arc<str>]) -> Result<Option<Node>, OpenError> {
        let is_empty = node.is_null() || node.as_str().is_some_and(str::is_empty);
        if is_empty || !selects(self.selector, path) {
            return Ok(Some(node.clone()));
        }
        let damaged =
            |cause: &str| broken(self.file, node.mark.line, format!("`{}`: {cause}", clean(&path.join("."))));
        let text = node.as_str().filter(|t| Sealed::looks_sealed(t)).ok_or_else(|| damaged(IN_THE_CLEAR))?;
        let sealed = Sealed::parse(text).map_err(|e| damaged(&e.to_string()))?;
        let plain = (self.open)(&sealed, &aad(path)).map_err(|e| damaged(&e.to_string()))?;
        if sealed.value_type == ValueType::Comment {
            return Ok(None);
        }
        Ok(Some(Node::new(Value::Secret(SecretLeaf::Text(Arc::new(plain)))).at(node.mark.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::documents;
    use super::super::testing::{CART, OPS, ring};
    use super::*;

    fn opener() -> KeyringOpener {
        KeyringOpener::new(Arc::new(ring(OPS)))
    }

    fn file(text: &str, format: SealedFormat) -> Option<String> {
        match opener().open_file(text.as_bytes(), "file", format) {
            Ok(Opened::Plain(text)) => text.expose_secret_str().map(str::to_owned),
            Ok(Opened::NotSealed) => None,
            Err(e) => panic!("{}", e.0),
        }
    }

    #[test]
    fn an_object_opens_though_rendering_changed_it() {
        let text = CART.replace("name: cart-db", "name: cart-db\n    namespace: shop");
        let root = documents(text.as_bytes(), "db.sops.yaml").expect("reads").remove(0);
        assert!(matches!(opener().open_object(&root, "db.sops.yaml"), Ok(Opened::Plain(_))));
    }

    #[test]
    fn a_generators_input_is_printed_as_sops_does() {
        let printed = file(CART, SealedFormat::Yaml).expect("sealed");
        assert!(
            printed.starts_with("apiVersion: v1\nkind: Secret\nmetadata:\n    name: cart-db\n"),
            "{printed}"
        );
        assert!(printed.contains("\n    username: cart\n") && !printed.contains("sops"));
        assert_eq!(file("a: b\n", SealedFormat::Yaml), None);
    }

    #[test]
    fn objects_whose_comments_rule_are_refused_by_name() {
        let text = CART.replace("encrypted_regex: ^(data|stringData)$", "encrypted_comment_regex: x");
        let root = documents(text.as_bytes(), "db.sops.yaml").expect("reads").remove(0);
        let Err(error) = opener().open_object(&root, "db.sops.yaml") else { panic!("it opened") };
        assert_eq!(error.0.reason, Reason::NotSupported);
    }
}
