//! Opening: identities to the data key, leaves to secret texts, and the MAC checked (secrets.md 1.7).

use super::cipher::{DataKey, Sealed, ValueType};
use super::keys::Keyring;
use super::metadata::Metadata;
use super::rules::Selector;
use super::value;
use crate::model::{OpenError, Opened, Opener, Problem, Reason, SealedFormat, clean};
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::{Dialect, Limits, Map, Node, Value, from_json, read_stream};
use sha2::{Digest as _, Sha256, Sha512};
use std::fmt::Write as _;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A sealed file that was opened: its documents with secret leaves, the `sops` blocks gone.
pub struct OpenFile {
    /// The documents.
    pub documents: Vec<Node>,
    /// What the block said.
    pub metadata: Metadata,
    /// The data key.
    pub key: DataKey,
}

/// Opens a sealed YAML or JSON file and checks its MAC.
pub fn open(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<OpenFile, OpenError> {
    let documents = documents(bytes, file)?;
    let metadata = metadata(documents.first(), file)?;
    let key = unlock(&metadata, file, keyring)?;
    let mut walk = Walk::new(&key, &metadata, file);
    let opened = documents.iter().map(|d| walk.root(d)).collect::<Result<Vec<_>, _>>()?;
    walk.check_mac()?;
    Ok(OpenFile { documents: opened, metadata, key })
}

/// Checks documents that were just written: every leaf opens, nothing selected is in the clear, the MAC fits.
pub(super) fn check(documents: &[Node], file: &str, key: &DataKey) -> Result<(), OpenError> {
    let metadata = metadata(documents.first(), file)?;
    let mut walk = Walk::new(key, &metadata, file);
    documents.iter().try_for_each(|d| walk.root(d).map(drop))?;
    walk.check_mac()
}

/// The MAC over all leaves of these documents, in upper-case hex.
pub(super) fn computed_mac(
    documents: &[Node],
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
) -> Result<Zeroizing<String>, OpenError> {
    let mut walk = Walk::new(key, metadata, file);
    documents.iter().try_for_each(|d| walk.root(d).map(drop))?;
    Ok(Zeroizing::new(hex_upper(&walk.mac.finalize())))
}

/// Opens a sealed file only to see whether it can be opened and nothing in it was tampered with.
pub fn verify(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<(), Problem> {
    open(bytes, file, keyring).map(drop).map_err(|e| e.0)
}

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
        let key = unlock(&metadata, file, &self.keyring)?;
        Walk::new(&key, &metadata, file).root(body).map(Opened::Plain)
    }

    fn open_file(
        &self,
        bytes: &[u8],
        file: &str,
        format: SealedFormat,
    ) -> Result<Opened<SecretText>, OpenError> {
        match format {
            SealedFormat::Binary => self.open_binary(bytes, file),
            SealedFormat::Dotenv => self.open_dotenv(bytes, file),
            SealedFormat::Yaml | SealedFormat::Json | SealedFormat::Ini => {
                let marked = String::from_utf8_lossy(bytes);
                if !marked.contains("mac: ENC[")
                    && !marked.contains("\"mac\": \"ENC[")
                    && !marked.contains("[sops]")
                {
                    return Ok(Opened::NotSealed);
                }
                Err(OpenError(
                    Problem::error(
                        Reason::NotSupported,
                        "a sealed YAML, JSON or INI file cannot be a generator's input yet",
                    )
                    .at(file, 0)
                    .next("seal the Secret itself, or seal the file as dotenv or binary"),
                ))
            }
        }
    }

    fn generation(&self) -> u64 {
        self.keyring.generation()
    }
}

impl KeyringOpener {
    fn open_binary(&self, bytes: &[u8], file: &str) -> Result<Opened<SecretText>, OpenError> {
        let Some(root) = from_json(bytes).ok().filter(|root| root.get("sops").is_some()) else {
            return Ok(Opened::NotSealed);
        };
        let opened = open(bytes, file, &self.keyring)?;
        let data = opened.documents.first().and_then(|d| d.get("data")).map(|n| &n.value);
        match data {
            Some(Value::Secret(SecretLeaf::Text(text))) => {
                Ok(Opened::Plain(SecretText::from_vec(text.expose_secret().to_vec())))
            }
            _ => Err(broken(file, root.mark.line, "the sealed envelope has no `data`".to_owned())),
        }
    }

    /// dotenv: one `KEY=value` a line, the block flattened behind `sops_` (secrets.md 1.9).
    fn open_dotenv(&self, bytes: &[u8], file: &str) -> Result<Opened<SecretText>, OpenError> {
        let text = String::from_utf8_lossy(bytes);
        if !text.contains("sops_mac=ENC[") {
            return Ok(Opened::NotSealed);
        }
        let root = dotenv_document(&text, file);
        let metadata = metadata(Some(&root), file)?;
        let key = unlock(&metadata, file, &self.keyring)?;
        let mut walk = Walk::new(&key, &metadata, file);
        let opened = walk.root(&root)?;
        walk.check_mac()?;
        let mut plain = SecretText::with_capacity(bytes.len());
        for (name, value) in opened.as_map().into_iter().flat_map(Map::iter) {
            plain.push(name.as_bytes());
            plain.push(b"=");
            match &value.value {
                Value::Secret(SecretLeaf::Text(text)) => plain.push(text.expose_secret()),
                _ => plain.push(value.scalar_text().unwrap_or_default().as_bytes()),
            }
            plain.push(b"\n");
        }
        Ok(Opened::Plain(plain))
    }
}

/// Reads all documents of a YAML or JSON file.
pub(super) fn documents(bytes: &[u8], file: &str) -> Result<Vec<Node>, OpenError> {
    if bytes.first() == Some(&b'{') {
        return from_json(bytes).map(|root| vec![root]).map_err(|e| broken(file, 0, clean(&e.to_string())));
    }
    let stream = read_stream(bytes, &file.into(), Dialect::Resource, &Limits::default());
    match stream.errors.first() {
        Some(error) => Err(broken(file, error.line, clean(&error.message))),
        None => Ok(stream.documents.into_iter().map(|d| d.root).collect()),
    }
}

/// The block of the first document.
pub(super) fn metadata(root: Option<&Node>, file: &str) -> Result<Metadata, OpenError> {
    match root.and_then(Metadata::of) {
        None => Err(broken(file, 0, "the file has no `sops` block: it is not sealed".to_owned())),
        Some(metadata) => metadata.map_err(|cause| broken(file, 0, cause)),
    }
}

/// The data key, by the first identity that fits.
pub(super) fn unlock(metadata: &Metadata, file: &str, keyring: &Keyring) -> Result<DataKey, OpenError> {
    if metadata.key_groups {
        return Err(needs_key(
            file,
            metadata,
            "it needs several key groups together, which Sealane cannot use yet",
        ));
    }
    let ours = metadata.age.iter().filter(|w| keyring.holds(&w.recipient));
    let others = metadata.age.iter().filter(|w| !keyring.holds(&w.recipient));
    for wrapped in ours.chain(others) {
        if let Some(key) = keyring.unwrap(&wrapped.enc) {
            return Ok(key);
        }
    }
    let held = metadata.age.iter().any(|w| keyring.holds(&w.recipient));
    if held {
        return Err(broken(
            file,
            metadata.line,
            "an identity at hand is a recipient, and its wrapped key is damaged".to_owned(),
        ));
    }
    let foreign: Vec<String> =
        metadata.foreign.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let why = match (keyring.is_empty(), metadata.age.is_empty(), foreign.is_empty()) {
        (_, true, false) => {
            format!("it is sealed with {} only, which Sealane cannot use", foreign.join(", "))
        }
        (true, ..) => "no age identity was found".to_owned(),
        _ => "no age identity at hand opens it".to_owned(),
    };
    Err(needs_key(file, metadata, &why))
}

fn needs_key(file: &str, metadata: &Metadata, why: &str) -> OpenError {
    let short = |r: &Arc<str>| clean(&r.chars().take(12).collect::<String>());
    let recipients: Vec<String> = metadata.age.iter().map(|w| format!("{}…", short(&w.recipient))).collect();
    let whom = if recipients.is_empty() {
        String::new()
    } else {
        format!("; it is sealed for {}", recipients.join(", "))
    };
    OpenError(
        Problem::error(Reason::NeedsKey, format!("{why}{whom}"))
            .at(file, metadata.line)
            .next("put an identity where sops looks (SOPS_AGE_KEY_FILE), or ask one of the recipients"),
    )
}

pub(super) fn broken(file: &str, line: u32, cause: String) -> OpenError {
    OpenError(
        Problem::error(Reason::SealBroken, cause)
            .at(file, line)
            .next("compare with the last commit that was right; `git log` on the file shows who changed it"),
    )
}

/// One walk over all leaves in file order, opening them and feeding the MAC.
struct Walk<'a> {
    key: &'a DataKey,
    metadata: &'a Metadata,
    file: &'a str,
    mac: Sha512,
}

impl<'a> Walk<'a> {
    fn new(key: &'a DataKey, metadata: &'a Metadata, file: &'a str) -> Self {
        let mut mac = Sha512::new();
        if metadata.mac_only_encrypted {
            mac.update(Sha256::digest(b"sops"));
        }
        Self { key, metadata, file, mac }
    }

    fn root(&mut self, root: &Node) -> Result<Node, OpenError> {
        let Some(map) = root.as_map() else {
            return Err(broken(
                self.file,
                root.mark.line,
                "the top of a sealed document must be a mapping".to_owned(),
            ));
        };
        let mut copy = Map::clone(map);
        copy.entries.retain(|e| &*e.key.text != "sops");
        self.map(&mut copy, &mut Vec::new())?;
        Ok(Node::map(copy).at(root.mark.clone()))
    }

    fn map(&mut self, map: &mut Map, path: &mut Vec<Arc<str>>) -> Result<(), OpenError> {
        for entry in &mut map.entries {
            path.push(entry.key.text.clone());
            entry.value = self.node(&entry.value, path)?;
            path.pop();
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, path: &mut Vec<Arc<str>>) -> Result<Node, OpenError> {
        match &node.value {
            Value::Map(map) => {
                let mut copy = Map::clone(map);
                self.map(&mut copy, path)?;
                Ok(Node::map(copy).at(node.mark.clone()))
            }
            Value::Seq(items) => {
                let mut open = Vec::with_capacity(items.len());
                for item in items.iter().filter(|item| !is_comment(item)) {
                    open.push(self.node(item, path)?);
                }
                Ok(Node::seq(open).at(node.mark.clone()))
            }
            Value::Scalar(_) => self.leaf(node, path),
            Value::Secret(_) => Ok(node.clone()),
        }
    }

    fn leaf(&mut self, node: &Node, path: &[Arc<str>]) -> Result<Node, OpenError> {
        let Some(text) = node.as_str().filter(|t| Sealed::looks_sealed(t)) else {
            return self.plain(node, path);
        };
        let damaged =
            |cause: String| broken(self.file, node.mark.line, format!("`{}`: {cause}", path.join(".")));
        let sealed = Sealed::parse(text).map_err(|e| damaged(e.to_string()))?;
        let plain = self.key.open(&sealed, &aad(path)).map_err(|e| damaged(e.to_string()))?;
        self.mac.update(plain.expose_secret());
        Ok(Node::new(Value::Secret(SecretLeaf::Text(Arc::new(plain)))).at(node.mark.clone()))
    }

    fn plain(&mut self, node: &Node, path: &[Arc<str>]) -> Result<Node, OpenError> {
        let Some((bytes, _)) = value::bytes(node) else { return Ok(node.clone()) };
        let selected = selects(&self.metadata.selector, path);
        if selected == Some(true) && !bytes.is_empty() {
            return Err(broken(
                self.file,
                node.mark.line,
                format!("`{}` stands in the clear where it should be sealed", path.join(".")),
            ));
        }
        if !self.metadata.mac_only_encrypted {
            self.mac.update(&bytes);
        }
        Ok(node.clone())
    }

    /// Compares the MAC over all leaves with the sealed one.
    fn check_mac(self) -> Result<(), OpenError> {
        let line = self.metadata.line;
        let Some(mac) = &self.metadata.mac else {
            return Err(broken(
                self.file,
                line,
                "the file has no MAC: it cannot be told whether it was tampered with".to_owned(),
            ));
        };
        let sealed = Sealed::parse(mac).map_err(|e| broken(self.file, line, format!("the MAC: {e}")))?;
        let aad = canonical_time(&self.metadata.last_modified);
        let said =
            self.key.open(&sealed, &aad).map_err(|e| broken(self.file, line, format!("the MAC: {e}")))?;
        let computed = Zeroizing::new(hex_upper(&self.mac.finalize()));
        if same(said.expose_secret(), computed.as_bytes()) {
            return Ok(());
        }
        Err(broken(
            self.file,
            line,
            "the MAC does not fit: a value that is not sealed was changed, or values were swapped".to_owned(),
        ))
    }
}

/// The additional authenticated data of a path: its keys, each followed by a colon; list indexes do not count.
pub(super) fn aad(path: &[Arc<str>]) -> String {
    let mut aad = path.join(":");
    aad.push(':');
    aad
}

/// Whether the selector seals this path; `None` where comments decide, which are not looked at here.
pub(super) fn selects(selector: &Selector, path: &[Arc<str>]) -> Option<bool> {
    Some(match selector {
        Selector::UnencryptedSuffix(s) => !path.iter().any(|p| p.ends_with(&**s)),
        Selector::EncryptedSuffix(s) => path.iter().any(|p| p.ends_with(&**s)),
        Selector::UnencryptedRegex(r) => !path.iter().any(|p| r.is_match(p)),
        Selector::EncryptedRegex(r) => path.iter().any(|p| r.is_match(p)),
        Selector::UnencryptedCommentRegex(_) | Selector::EncryptedCommentRegex(_) => return None,
    })
}

/// A comment in a list became an item of type `comment` (secrets.md 1.6): no value, not in the MAC.
fn is_comment(item: &Node) -> bool {
    item.as_str().is_some_and(|t| Sealed::looks_sealed(t) && t.ends_with(",type:comment]"))
        && item
            .as_str()
            .and_then(|t| Sealed::parse(t).ok())
            .is_some_and(|s| s.value_type == ValueType::Comment)
}

/// `lastmodified` as SOPS re-formats it before it is used: whole seconds, `Z` for UTC.
pub(super) fn canonical_time(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if text.ends_with('Z') || text.ends_with("+00:00") => {
            jiff::Timestamp::from_second(time.as_second()).map_or_else(|_| text.to_owned(), |t| t.to_string())
        }
        _ => text.to_owned(),
    }
}

pub(super) fn hex_upper(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// Equality that takes the same time wherever the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

/// A dotenv file as the document that SOPS sees: keys in order, the flattened block put back together.
fn dotenv_document(text: &str, file: &str) -> Node {
    let (mut root, mut block, mut age) =
        (Map::new(), Map::new(), std::collections::BTreeMap::<usize, Map>::new());
    for (index, line) in text.lines().enumerate() {
        let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let mark = crate::yaml::Mark {
            file: Some(file.into()),
            line: u32::try_from(index + 1).unwrap_or(0),
            column: 1,
        };
        let node = Node::string(value.replace("\\n", "\n")).at(mark);
        match key.strip_prefix("sops_") {
            None => root.set(key, node),
            Some(field) => match field.strip_prefix("age__list_").and_then(|f| f.split_once("__map_")) {
                Some((number, name)) => age.entry(number.parse().unwrap_or(0)).or_default().set(name, node),
                None => block.set(field, node),
            },
        }
    }
    block.set("age", Node::seq(age.into_values().map(Node::map).collect()));
    root.set("sops", Node::map(block));
    Node::map(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPS: &str = include_str!("../../keys/demo-ops.agekey");
    const DEV: &str = include_str!("../../keys/demo-flux-dev.agekey");
    const CART: &str = include_str!("../demo/sealed/cart-prod-2.yaml");

    fn ring(text: &str) -> Keyring {
        let mut ring = Keyring::default();
        ring.add_text(text, "test");
        ring
    }

    fn problem(text: &str, keys: &str) -> Problem {
        match open(text.as_bytes(), "db.sops.yaml", &ring(keys)) {
            Err(error) => error.0,
            Ok(_) => panic!("it opened"),
        }
    }

    #[test]
    fn a_file_that_sops_sealed_opens_and_its_mac_fits() {
        let file = open(CART.as_bytes(), "db.sops.yaml", &ring(OPS)).expect("it opens");
        let value = file.documents[0].at_path(&["stringData", "username"]).map(|n| n.value.clone());
        let Some(Value::Secret(SecretLeaf::Text(text))) = value else { panic!("a secret leaf") };
        assert_eq!(text.expose_secret(), b"cart");
        assert!(file.documents[0].get("sops").is_none());
    }

    #[test]
    fn without_the_key_the_recipients_are_named() {
        let wrong = problem(CART, DEV);
        assert_eq!(wrong.reason, Reason::NeedsKey);
        assert!(
            wrong.cause.contains("no age identity at hand opens it; it is sealed for age1zv7d444e"),
            "{}",
            wrong.cause
        );
        assert!(!wrong.next.is_empty() && wrong.place.is_some());
        assert!(problem(CART, "").cause.starts_with("no age identity was found"));
    }

    #[test]
    fn an_edited_plain_value_breaks_the_mac() {
        let broken = problem(&CART.replace("name: cart-db", "name: other-db"), OPS);
        assert_eq!(broken.reason, Reason::SealBroken);
        assert!(broken.cause.contains("MAC"), "{}", broken.cause);
    }

    #[test]
    fn an_edited_ciphertext_is_named_with_its_key_and_line() {
        let broken = problem(&CART.replace("data:3R27eA==", "data:3R28eA=="), OPS);
        assert!(broken.cause.contains("`stringData.username`"), "{}", broken.cause);
        assert_eq!(broken.place.map(|p| p.line), Some(7));
    }

    #[test]
    fn a_value_in_the_clear_is_named() {
        let text = CART.replace("    url: ENC", "    extra: open\n    url: ENC");
        let broken = problem(&text, OPS);
        assert!(broken.cause.contains("`stringData.extra` stands in the clear"), "{}", broken.cause);
    }

    #[test]
    fn keys_of_other_kinds_are_named() {
        let start = CART.find("    age:").expect("the block");
        let end = CART.find("    encrypted_regex:").expect("the selector");
        let text =
            format!("{}    pgp:\n        - fp: ABC\n          enc: x\n{}", &CART[..start], &CART[end..]);
        let closed = problem(&text, OPS);
        assert_eq!(closed.reason, Reason::NeedsKey);
        assert!(closed.cause.contains("sealed with 1 pgp only"), "{}", closed.cause);
    }

    #[test]
    fn an_object_opens_though_rendering_changed_it() {
        let text = CART.replace("name: cart-db", "name: cart-db\n    namespace: shop");
        let root = documents(text.as_bytes(), "db.sops.yaml").expect("reads").remove(0);
        let opener = KeyringOpener::new(Arc::new(ring(OPS)));
        assert!(matches!(opener.open_object(&root, "db.sops.yaml"), Ok(Opened::Plain(_))));
    }

    #[test]
    fn times_are_canonical() {
        assert_eq!(canonical_time("2026-11-21T09:07:23Z"), "2026-11-21T09:07:23Z");
        assert_eq!(canonical_time("2026-11-21T09:07:23.5+00:00"), "2026-11-21T09:07:23Z");
    }
}
