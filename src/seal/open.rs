//! Opening: identities to the data key, leaves to secret texts, and the MAC checked (secrets.md 1.7).

use super::cipher::{DataKey, Sealed, ValueType};
use super::flat;
use super::inspect::format_of;
use super::keys::{Keyring, Shut};
use super::metadata::{Group, Metadata};
use super::shamir;
use super::value;
use super::walk::{Place, Visit, plain_node, read, read_as, scalar, walk};
use crate::model::{OpenError, Problem, Reason, SealedFormat, clean};
use crate::secret::SecretLeaf;
use crate::yaml::source::{Item, Leaf, Source, Syntax};
use crate::yaml::{Dialect, Limits, Mark, Node, Value, from_json, read_stream};
use sha2::{Digest as _, Sha256, Sha512};
use std::collections::HashMap;
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
    /// Types of the sealed leaves, by line and column.
    types: HashMap<(u32, u32), ValueType>,
    /// Values that the selector seals, those without text too, and values that it leaves.
    counts: (usize, usize),
}

impl OpenFile {
    /// The type of the leaf that was sealed there.
    pub(super) fn type_at(&self, mark: &Mark) -> ValueType {
        self.types.get(&(mark.line, mark.column)).copied().unwrap_or(ValueType::Str)
    }
}

/// Opens a sealed file of the format that its name gives it, and checks its MAC.
pub fn open(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<OpenFile, OpenError> {
    open_as(bytes, file, format_of(file), keyring)
}

/// Opens a file whose format is known otherwise.
pub(super) fn open_as(
    bytes: &[u8],
    file: &str,
    format: SealedFormat,
    keyring: &Keyring,
) -> Result<OpenFile, OpenError> {
    let source = read_as(bytes, file, format).map_err(OpenError)?;
    let metadata = metadata_of(&source, file)?;
    metadata.check_version(file).map_err(OpenError)?;
    let key = unlock(&metadata, file, keyring)?;
    let Leaves { documents, types, counts } = leaves(&source, file, &key, &metadata)?;
    Ok(OpenFile { documents, metadata, key, types, counts })
}

/// Opens a sealed file only to see whether it can be opened, nothing in it was tampered with, and anything of it is sealed:
/// SOPS writes files in which nothing is, with a MAC that fits (secrets.md 1.13).
pub fn verify(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<(), Problem> {
    let open = open(bytes, file, keyring).map_err(|e| e.0)?;
    if open.counts.0 > 0 || open.counts.1 == 0 {
        return Ok(());
    }
    let cause = "sealed in name only: the selector of its block seals none of its values";
    Err(Problem::error(Reason::Plaintext, cause)
        .at(file, open.metadata.line)
        .next("mend the rule, seal the file again, and change the values: they may be known"))
}

/// Checks a text that was just written: every leaf opens, nothing selected is in the clear, the MAC fits.
pub(super) fn check(text: &[u8], file: &str, key: &DataKey) -> Result<(), OpenError> {
    let source = read(text, file).map_err(OpenError)?;
    let metadata = metadata_of(&source, file)?;
    leaves(&source, file, key, &metadata).map(drop)
}

/// Opened documents, the types of their sealed leaves, and how many leaves are to be sealed and are left.
struct Leaves {
    documents: Vec<Node>,
    types: HashMap<(u32, u32), ValueType>,
    counts: (usize, usize),
}

fn leaves(source: &Source<'_>, file: &str, key: &DataKey, metadata: &Metadata) -> Result<Leaves, OpenError> {
    let mut reader = Reader::new(source, key, metadata);
    let documents = walk(source, file, &mut reader).map_err(OpenError)?;
    check_mac(&reader.mac.finish(), metadata, key, file)?;
    Ok(Leaves { documents, types: reader.types, counts: reader.counts })
}

/// The MAC over all leaves of this sealed text, in upper-case hex.
pub(super) fn computed_mac(
    text: &[u8],
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
) -> Result<Zeroizing<String>, Problem> {
    let source = read(text, file)?;
    let mut reader = Reader::new(&source, key, metadata);
    walk(&source, file, &mut reader)?;
    Ok(reader.mac.finish())
}

/// The sum over all leaves, sealed or not.
struct Mac(Sha512);

impl Mac {
    /// A new one; where only sealed leaves count it begins with a mark (secrets.md 1.7).
    fn new(only_encrypted: bool) -> Self {
        let mut mac = Sha512::new();
        if only_encrypted {
            mac.update(Sha256::digest(b"sops"));
        }
        Self(mac)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum in upper-case hex.
    fn finish(self) -> Zeroizing<String> {
        let mut hex = Zeroizing::new(String::with_capacity(128));
        for byte in self.0.finalize() {
            let _ = write!(hex, "{byte:02X}");
        }
        hex
    }
}

/// Reads the leaves of a file in order, opening those that are sealed.
struct Reader<'a> {
    key: &'a DataKey,
    metadata: &'a Metadata,
    mac: Mac,
    json: bool,
    types: HashMap<(u32, u32), ValueType>,
    counts: (usize, usize),
}

impl<'a> Reader<'a> {
    fn new(source: &Source<'_>, key: &'a DataKey, metadata: &'a Metadata) -> Self {
        let mac = Mac::new(metadata.mac_only_encrypted);
        Self {
            key,
            metadata,
            mac,
            json: source.syntax == Syntax::Json,
            types: HashMap::new(),
            counts: (0, 0),
        }
    }
}

impl<'s, 't> Visit<'s, 't> for Reader<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if !place.is_selected(&self.metadata.selector) {
            self.counts.1 += 1;
            if !self.metadata.mac_only_encrypted {
                let bytes = value::bytes(&leaf.text, leaf.kind, item.tag.as_deref(), self.json)
                    .map_err(|e| place.broken(item.line, &e.to_string()))?;
                self.mac.add(&bytes.map(|(bytes, _)| bytes).unwrap_or_default());
            }
            return Ok(Some(scalar(leaf)));
        }
        self.counts.0 += 1;
        let is_text = matches!(leaf.kind, crate::yaml::ScalarKind::Str | crate::yaml::ScalarKind::Time);
        if is_text && leaf.text.is_empty() {
            return Ok(Some(scalar(leaf)));
        }
        if !is_text || !Sealed::looks_sealed(&leaf.text) {
            return Err(place.broken(item.line, IN_THE_CLEAR));
        }
        let (sealed, plain) = place.opened(self.key, item.line, &leaf.text)?;
        // A comment in a list became an item of its own (secrets.md 1.6): no value, not in the MAC.
        if sealed.value_type == ValueType::Comment {
            return Ok(None);
        }
        let column = u32::try_from(item.column + 1).unwrap_or(1);
        self.types.insert((item.line, column), sealed.value_type);
        self.mac.add(value::canonical(plain.expose_secret(), sealed.value_type));
        Ok(Some(Node::new(Value::Secret(SecretLeaf::Text(Arc::new(plain))))))
    }
}

/// What is said of a value that the selector seals and that is not sealed.
pub(super) const IN_THE_CLEAR: &str = "stands in the clear where it should be sealed";

/// Reads all documents of a YAML or JSON file, without what stands in comments.
pub(super) fn documents(bytes: &[u8], file: &str) -> Result<Vec<Node>, OpenError> {
    if bytes.first() == Some(&b'{')
        && let Ok(root) = from_json(bytes)
    {
        return Ok(vec![root]);
    }
    let stream = read_stream(bytes, &file.into(), Dialect::Resource, &Limits::default());
    match stream.errors.first() {
        Some(error) => Err(broken(file, error.line, "the file cannot be read as YAML".to_owned())),
        None => Ok(stream.documents.into_iter().map(|d| d.root).collect()),
    }
}

/// The block of the first document.
pub(super) fn metadata_of(source: &Source<'_>, file: &str) -> Result<Metadata, OpenError> {
    let missing = || {
        OpenError(
            Problem::error(Reason::SealBroken, "the file has no `sops` block: it is not sealed")
                .at(file, 0)
                .next("seal it with `sealane seal`"),
        )
    };
    if matches!(source.syntax, Syntax::Dotenv | Syntax::Ini) {
        let block = flat::block_of(source, file).ok_or_else(missing)?;
        let block = block.map_err(|cause| broken(file, 0, cause))?;
        return Metadata::read(&block).map_err(|cause| broken(file, block.mark.line, cause));
    }
    let root = source.documents.iter().find_map(|d| d.root.as_ref());
    let entry = root.and_then(|root| root.get("sops")).ok_or_else(missing)?;
    let node = plain_node(&entry.value, &file.into());
    let metadata = Metadata::read(&node).map_err(|cause| broken(file, entry.key.line, cause))?;
    one_block(source, file, &metadata)?;
    Ok(metadata)
}

/// SOPS writes the same block into every document and reads the first: another one was put there by hand.
fn one_block(source: &Source<'_>, file: &str, first: &Metadata) -> Result<(), OpenError> {
    for document in &source.documents {
        let Some(entry) = document.root.as_ref().and_then(|root| root.get("sops")) else { continue };
        let mac = entry.value.get("mac").and_then(|mac| mac.value.as_leaf());
        if mac.map_or("", |leaf| &leaf.text) != first.mac.as_deref().unwrap_or("") {
            let cause = format!(
                "document {} has another `sops` block than the first: two sealed files were put into one",
                document.index + 1
            );
            return Err(broken(file, entry.key.line, cause));
        }
    }
    Ok(())
}

/// The data key, by the first identity that fits, or by as many key groups as it takes.
pub(super) fn unlock(metadata: &Metadata, file: &str, keyring: &Keyring) -> Result<DataKey, OpenError> {
    if let Some((needed, count)) = metadata.quorum() {
        return by_groups(metadata, [needed, count], file, keyring);
    }
    let shut = match keyring.unwrap_any(&metadata.age) {
        Ok(bytes) => {
            if let Some(key) = DataKey::from_bytes(&bytes) {
                return Ok(key);
            }
            Shut::default()
        }
        Err(shut) => shut,
    };
    let held = metadata.age.iter().any(|w| keyring.holds(&w.recipient));
    if held {
        return Err(broken(
            file,
            metadata.line,
            "an identity at hand is a recipient, and its wrapped key is damaged".to_owned(),
        ));
    }
    if !shut.reasons.is_empty() {
        return Err(not_yet(file, metadata, &shut));
    }
    let foreign: Vec<String> =
        metadata.foreign.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let why = match (keyring.is_empty(), metadata.age.is_empty(), foreign.is_empty()) {
        (_, true, false) => {
            format!("it is sealed with {} only, which Sealane cannot use", foreign.join(", "))
        }
        (_, true, true) => "its block names no key at all".to_owned(),
        (true, ..) => "no age identity was found".to_owned(),
        _ => "no age identity at hand opens it".to_owned(),
    };
    Err(needs_key(file, metadata, &why))
}

/// As many shares as it takes: first what is at hand, then what has to be unlocked, asked or run.
fn by_groups(
    metadata: &Metadata,
    [needed, count]: [usize; 2],
    file: &str,
    keyring: &Keyring,
) -> Result<DataKey, OpenError> {
    let ready = |group: &Group| group.age.iter().find_map(|wrapped| keyring.unwrap_bytes(&wrapped.enc));
    let mut shares: Vec<_> = metadata.groups.iter().map(|group| (group, ready(group))).collect();
    let at_hand =
        |shares: &[(&Group, Option<Zeroizing<Vec<u8>>>)]| shares.iter().filter(|s| s.1.is_some()).count();
    let mut shut = Shut::default();
    for index in 0..shares.len() {
        if at_hand(&shares) >= needed {
            break;
        }
        if shares[index].1.is_none() {
            match keyring.unwrap_any(&shares[index].0.age) {
                Ok(share) => shares[index].1 = Some(share),
                Err(more) => shut.merge(more),
            }
        }
    }
    let open = at_hand(&shares);
    if open < needed {
        let why = format!("it needs {needed} of {count} key groups, of which {open} open here");
        shut.reasons.insert(0, why);
        return Err(not_yet(file, metadata, &shut));
    }
    let shares: Vec<_> = shares.into_iter().filter_map(|(_, share)| share).collect();
    shamir::combine(&shares).ok_or_else(|| {
        let cause = "the shares of its key groups do not belong together".to_owned();
        broken(file, metadata.line, cause)
    })
}

/// What would open it has to be unlocked, agreed to or mended first.
fn not_yet(file: &str, metadata: &Metadata, shut: &Shut) -> OpenError {
    let error = needs_key(file, metadata, &shut.reasons.join("; "));
    let reason = if shut.needs_plugin { Reason::NeedsPlugin } else { Reason::NeedsKey };
    let next = shut.next.clone().unwrap_or(error.0.next);
    OpenError(Problem { reason, next, ..error.0 })
}

fn needs_key(file: &str, metadata: &Metadata, why: &str) -> OpenError {
    let short = |r: &Arc<str>| clean(&r.chars().take(12).collect::<String>());
    let recipients: Vec<String> = metadata.age.iter().map(|w| format!("{}…", short(&w.recipient))).collect();
    let foreign = metadata.groups.iter().flat_map(|group| &group.foreign);
    let keys = recipients.into_iter().chain(foreign.map(|(name, key)| format!("{name} {key}")));
    let keys = keys.collect::<Vec<_>>().join(", ");
    let whom = if keys.is_empty() { String::new() } else { format!("; it is sealed for {keys}") };
    // No age identity helps where there is no age recipient.
    let next = if metadata.age.is_empty() {
        "open it with `sops` where its key is, or have somebody who can add an age recipient (`sops updatekeys`)"
    } else {
        "put an identity where sops looks (SOPS_AGE_KEY_FILE), or ask one of the recipients"
    };
    OpenError(Problem::error(Reason::NeedsKey, format!("{why}{whom}")).at(file, metadata.line).next(next))
}

pub(super) fn broken(file: &str, line: u32, cause: String) -> OpenError {
    OpenError(
        Problem::error(Reason::SealBroken, cause)
            .at(file, line)
            .next("compare with the last commit that was right; `git log` on the file shows who changed it"),
    )
}

/// Compares the MAC over all leaves with the sealed one.
fn check_mac(computed: &str, metadata: &Metadata, key: &DataKey, file: &str) -> Result<(), OpenError> {
    let line = metadata.line;
    let Some(mac) = &metadata.mac else {
        let cause = "the file has no MAC: it cannot be told whether it was tampered with".to_owned();
        return Err(broken(file, line, cause));
    };
    let sealed = Sealed::parse(mac).map_err(|e| broken(file, line, format!("the MAC: {e}")))?;
    let aad = canonical_time(&metadata.last_modified);
    let said = key.open(&sealed, &aad).map_err(|e| broken(file, line, format!("the MAC: {e}")))?;
    if same(said.expose_secret(), computed.as_bytes()) {
        return Ok(());
    }
    let cause =
        "the MAC does not fit: a value that is not sealed was changed, or values were swapped".to_owned();
    Err(broken(file, line, cause))
}

/// `lastmodified` as SOPS re-formats it before it is used: whole seconds, `Z` for UTC.
pub(super) fn canonical_time(text: &str) -> String {
    let (clock, zone) = match text.rfind(['Z', '+', '-']).filter(|at| *at > 10) {
        Some(at) => text.split_at(at),
        None => return text.to_owned(),
    };
    let whole = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let zone = if matches!(zone, "+00:00" | "-00:00") { "Z" } else { zone };
    format!("{whole}{zone}")
}

/// Equality that takes the same time wherever the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, OPS, ring};
    use super::*;

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
    fn an_edited_plain_value_breaks_the_mac() {
        let broken = problem(&CART.replace("name: cart-db", "name: other-db"), OPS);
        assert_eq!(broken.reason, Reason::SealBroken);
        assert!(broken.cause.contains("MAC"), "{}", broken.cause);
    }

    #[test]
    fn a_value_in_the_clear_is_named() {
        let text = CART.replace("    url: ENC", "    extra: open\n    url: ENC");
        let broken = problem(&text, OPS);
        assert!(broken.cause.contains("`stringData.extra`: stands in the clear"), "{}", broken.cause);
    }

    #[test]
    fn times_are_canonical() {
        assert_eq!(canonical_time("2026-11-21T09:07:23Z"), "2026-11-21T09:07:23Z");
        assert_eq!(canonical_time("2026-11-21T09:07:23.5+00:00"), "2026-11-21T09:07:23Z");
    }
}
