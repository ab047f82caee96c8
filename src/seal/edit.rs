//! Editing sealed files: one changed value changes one line, `mac` and `lastmodified`, and nothing else (secrets.md 1.10, 1.17).

use super::block::{self, Fields};
use super::cipher::{DataKey, ValueType};
use super::inspect::format_of;
use super::keys::Keyring;
use super::metadata::Metadata;
use super::open::{self, aad, broken, computed_mac, documents, selects};
use super::rules::{Rule, Rules, Selector};
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::secret::SecretText;
use crate::yaml::source::{Map, Source, Syntax, one_line, splice};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use zeroize::Zeroizing;

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
}

/// One change at a full path of mapping keys.
pub(super) struct Change {
    pub(super) path: Vec<Arc<str>>,
    /// `None` removes the key.
    pub(super) value: Option<SecretText>,
    pub(super) value_type: ValueType,
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
    let changes = locate(&text, file, edits)?;
    rewrite(&text, file, &opened.key, &opened.metadata, changes, time)
}

/// Writes changes into a sealed text, with a new MAC and time, and proves the result by opening it again.
pub(super) fn rewrite(
    text: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    changes: Vec<Change>,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let mut current = text.to_owned();
    for change in changes {
        current = apply(&current, file, key, metadata, change)?;
    }
    let stamped = stamp(&current, file, key, metadata, time)?;
    let documents = documents(stamped.as_bytes(), file).map_err(|e| e.0)?;
    open::check(&documents, file, key).map_err(|e| e.0)?;
    Ok(stamped.into_bytes())
}

/// Makes a new sealed Secret for the rule that applies to the path.
pub fn create(file: &str, rules: &Rules, edits: Vec<Edit>, time: i64) -> Result<Vec<u8>, Problem> {
    let rule = rule_for(file, rules)?;
    if !matches!(format_of(file), SealedFormat::Yaml) {
        return Err(Problem::error(Reason::NotSupported, "new sealed files are made as YAML only")
            .at(file, 0)
            .next("name it .sops.yaml"));
    }
    let name = file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file);
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {}\ntype: Opaque\nstringData: {{}}\n",
        one_line(name)
    );
    let key = DataKey::generate().map_err(failed)?;
    let metadata = Metadata::fresh(rule.selector.clone(), rule.mac_only_encrypted);
    let mut current = text.replace("stringData: {}\n", "stringData:\n  x: x\n");
    let mut first = true;
    for edit in edits {
        let Edit::Set { key: name, value } = edit else { continue };
        let path: Vec<Arc<str>> = vec!["stringData".into(), name.as_str().into()];
        current = apply(
            &current,
            file,
            &key,
            &metadata,
            Change { path, value: Some(value), value_type: ValueType::Str },
        )?;
        if first {
            let placeholder = Change {
                path: vec!["stringData".into(), "x".into()],
                value: None,
                value_type: ValueType::Str,
            };
            if name != "x" {
                current = apply(&current, file, &key, &metadata, placeholder)?;
            }
            first = false;
        }
    }
    sealed_whole(&current, file, &key, &rule, time)
}

/// Seals a file again for the recipients that the rules give now, under a new data key.
pub fn reseal(
    bytes: &[u8],
    file: &str,
    keyring: &Keyring,
    rules: &Rules,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let rule = rule_for(file, rules)?;
    let opened = open::open(bytes, file, keyring).map_err(|e| e.0)?;
    let text = as_text(bytes, file)?;
    let fresh = DataKey::generate().map_err(failed)?;
    let body = block::without(&text, file)?;
    let rekeyed = rekey(&body, file, &opened.key, &fresh)?;
    sealed_whole(&rekeyed, file, &fresh, &rule, time)
}

fn sealed_whole(body: &str, file: &str, key: &DataKey, rule: &Rule, time: i64) -> Result<Vec<u8>, Problem> {
    let metadata = Metadata::fresh(rule.selector.clone(), rule.mac_only_encrypted);
    let wrapped = rule
        .recipients
        .iter()
        .map(|r| {
            Ok((
                r.key.clone(),
                super::keys::wrap(key, &r.key).map_err(|e| recipient_problem(file, &e.to_string()))?,
            ))
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    let when = stamp_text(time);
    let documents = documents(body.as_bytes(), file).map_err(|e| e.0)?;
    let mac = computed_mac(&documents, file, key, &metadata).map_err(|e| e.0)?;
    let mac = key.seal(mac.as_bytes(), &when, ValueType::Str).map_err(failed)?.to_string();
    let fields = Fields {
        wrapped: &wrapped,
        when: &when,
        mac: &mac,
        selector: &rule.selector,
        mac_only: rule.mac_only_encrypted,
    };
    let text = block::append(body, file, &fields)?;
    let documents = self::documents(text.as_bytes(), file).map_err(|e| e.0)?;
    open::check(&documents, file, key).map_err(|e| e.0)?;
    Ok(text.into_bytes())
}

fn rule_for(file: &str, rules: &Rules) -> Result<Rule, Problem> {
    let refuse = |cause: String| {
        Problem::error(Reason::Config, cause)
            .at(".sops.yaml", 0)
            .next("add a rule with a path_regex that matches, and recipients under `age`")
    };
    let rule = rules.matching(file).ok_or_else(|| refuse(format!("no rule of .sops.yaml matches {file}")))?;
    if !rule.foreign.is_empty() {
        return Err(refuse(format!(
            "{} needs {}, which Sealane cannot seal for",
            rule.describe(),
            rule.foreign.join(", ")
        )));
    }
    if rule.recipients.is_empty() {
        return Err(refuse(format!("{} names no age recipient", rule.describe())));
    }
    Ok(rule.clone())
}

/// Where each edit goes: an existing key under `stringData` or `data`, else a new one in the first of them.
fn locate(text: &str, file: &str, edits: Vec<Edit>) -> Result<Vec<Change>, Problem> {
    let source = read(text, file)?;
    let root = root_map(&source, file)?;
    let holder = |key: &str| -> Option<&'static str> {
        ["stringData", "data"].into_iter().find(|h| root.get(h).is_some_and(|e| e.value.get(key).is_some()))
    };
    let fallback = ["stringData", "data"].into_iter().find(|h| root.get(h).is_some());
    edits
        .into_iter()
        .map(|edit| {
            let (key, value) = match edit {
                Edit::Set { key, value } => (key, Some(value)),
                Edit::Remove { key } => (key, None),
            };
            let place = holder(&key).or(if root.get(&key).is_some() { None } else { fallback });
            if value.is_none() && place.is_none_or(|p| holder(&key) != Some(p)) && root.get(&key).is_none() {
                return Err(Problem::error(
                    Reason::MissingFile,
                    format!("there is no key `{}`", clean(&key)),
                )
                .at(file, 0));
            }
            let value = match (place, value) {
                (Some("data"), Some(value)) => Some(base64_of(&value)),
                (_, value) => value,
            };
            let path = place.into_iter().map(Arc::from).chain([Arc::from(key.as_str())]).collect();
            Ok(Change { path, value, value_type: ValueType::Str })
        })
        .collect()
}

fn base64_of(value: &SecretText) -> SecretText {
    SecretText::from_string(STANDARD.encode(value.expose_secret()))
}

fn apply(
    text: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    change: Change,
) -> Result<String, Problem> {
    let source = read(text, file)?;
    if let Some(obstacle) = source.obstacles.first() {
        return Err(Problem::error(
            Reason::NotSupported,
            "the file has anchors, aliases or repeated keys, which sealing would have to take apart",
        )
        .at(file, obstacle.line)
        .next("write the values out, then try again"));
    }
    let mut map = root_map(&source, file)?;
    let missing = |what: &str| broken(file, 0, format!("`{}` is no mapping", clean(what))).0;
    let (last, parents) = change.path.split_last().ok_or_else(|| missing("the path"))?;
    for part in parents {
        let entry = map.get(part).ok_or_else(|| missing(part))?;
        map = entry.value.as_map().ok_or_else(|| missing(part))?;
    }
    let edit = match (&change.value, map.get(last)) {
        (None, Some(entry)) => source.remove(map, entry),
        (None, None) => return Ok(text.to_owned()),
        (Some(value), existing) => {
            let sealed = sealed_text(value, &change, key, metadata, source.syntax, map.flow)?;
            match existing {
                Some(entry) => source.replace(&entry.value, &sealed),
                None => source.insert(map, last, &sealed),
            }
        }
    };
    Ok(splice(text, &[edit]))
}

/// The value as it is written: sealed if the file's selector says so; an empty string stays bare.
fn sealed_text(
    value: &SecretText,
    change: &Change,
    key: &DataKey,
    metadata: &Metadata,
    syntax: Syntax,
    flow: bool,
) -> Result<String, Problem> {
    let sealed = selects(&metadata.selector, &change.path).unwrap_or(true);
    if value.is_empty() {
        return Ok("\"\"".to_owned());
    }
    if !sealed {
        return Err(Problem::error(
            Reason::Refused,
            format!(
                "`{}` would stand in the clear: the file's selector does not seal it",
                clean(&change.path.join("."))
            ),
        )
        .next("put it under a key that the selector seals"));
    }
    let text =
        key.seal(value.expose_secret(), &aad(&change.path), change.value_type).map_err(failed)?.to_string();
    // In `{}` and `[]` a plain `ENC[…]` would not parse (secrets.md 1.14, trap 9).
    Ok(if syntax == Syntax::Json || flow { format!("\"{text}\"") } else { text })
}

/// Sets `mac` and `lastmodified` in the block of every document.
fn stamp(text: &str, file: &str, key: &DataKey, metadata: &Metadata, time: i64) -> Result<String, Problem> {
    let when = stamp_text(time);
    let documents = documents(text.as_bytes(), file).map_err(|e| e.0)?;
    let mac = computed_mac(&documents, file, key, metadata).map_err(|e| e.0)?;
    let mac = key.seal(mac.as_bytes(), &when, ValueType::Str).map_err(failed)?.to_string();
    let source = read(text, file)?;
    let json = source.syntax == Syntax::Json;
    let mut edits = Vec::new();
    for document in &source.documents {
        let Some(block) = document.root.as_ref().and_then(|r| r.get("sops")) else { continue };
        let entry = |name: &str| {
            block
                .value
                .get(name)
                .ok_or_else(|| broken(file, block.key.line, format!("the block has no `{name}`")).0)
        };
        edits.push(source.replace(&entry("lastmodified")?.value, &format!("\"{when}\"")));
        let mac = if json { format!("\"{mac}\"") } else { mac.clone() };
        edits.push(source.replace(&entry("mac")?.value, &mac));
    }
    Ok(splice(text, &edits))
}

/// Seals every sealed leaf again under another data key, each at its place.
fn rekey(text: &str, file: &str, old: &DataKey, new: &DataKey) -> Result<String, Problem> {
    let source = read(text, file)?;
    let mut edits = Vec::new();
    for document in &source.documents {
        if let Some(root) = &document.root {
            super::leaves::each(root, &mut Vec::new(), &mut |item, leaf_text, path| {
                let damaged =
                    |e: super::CipherError| broken(file, item.line, format!("`{}`: {e}", path.join("."))).0;
                let sealed = super::Sealed::parse(leaf_text).map_err(damaged)?;
                let path_aad = super::leaves::aad_of(&sealed, path);
                let plain = old.open(&sealed, &path_aad).map_err(damaged)?;
                let fresh = new.seal(plain.expose_secret(), &path_aad, sealed.value_type).map_err(damaged)?;
                let quoted =
                    source.syntax == Syntax::Json || text[item.span.clone()].starts_with(['"', '\'']);
                edits.push(
                    source.replace(item, &if quoted { format!("\"{fresh}\"") } else { fresh.to_string() }),
                );
                Ok(())
            })?;
        }
    }
    Ok(splice(text, &edits))
}

pub(super) fn read<'t>(text: &'t str, file: &str) -> Result<Source<'t>, Problem> {
    let syntax = if text.starts_with('{') { Syntax::Json } else { Syntax::Yaml };
    Source::read(text, syntax).map_err(|e| broken(file, e.line, clean(&e.message)).0)
}

fn root_map<'s, 't>(source: &'s Source<'t>, file: &str) -> Result<&'s Map<'t>, Problem> {
    let root = source.documents.iter().find_map(|d| d.root.as_ref());
    root.and_then(|r| r.as_map())
        .ok_or_else(|| broken(file, 0, "the top of a sealed document must be a mapping".to_owned()).0)
}

fn as_text(bytes: &[u8], file: &str) -> Result<Zeroizing<String>, Problem> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| broken(file, 0, "the file is not UTF-8".to_owned()).0)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn stamp_text(time: i64) -> String {
    jiff::Timestamp::from_second(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn failed(error: super::CipherError) -> Problem {
    Problem::error(Reason::SealBroken, error.to_string())
}

fn recipient_problem(file: &str, cause: &str) -> Problem {
    Problem::error(Reason::Config, cause.to_owned())
        .at(file, 0)
        .next("mend the recipients of the rule in .sops.yaml")
}

impl Metadata {
    /// The block of a file that is about to be made.
    pub(super) fn fresh(selector: Selector, mac_only_encrypted: bool) -> Self {
        Self {
            age: Vec::new(),
            foreign: Vec::new(),
            last_modified: "".into(),
            mac: None,
            version: None,
            selector,
            mac_only_encrypted,
            key_groups: false,
            line: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretLeaf;
    use crate::yaml::Value;

    const OPS: &str = include_str!("../../keys/demo-ops.agekey");
    const RULES: &str = include_str!("../demo/sealed/rules.yaml");
    const CART: &str = include_str!("../demo/sealed/cart-prod-2.yaml");
    const FILE: &str = "apps/cart/overlays/prod/db.sops.yaml";

    fn ring() -> Keyring {
        let mut ring = Keyring::default();
        ring.add_text(OPS, "test");
        ring
    }

    fn value(bytes: &[u8], key: &str) -> Option<String> {
        let open = open::open(bytes, FILE, &ring()).ok()?;
        match &open.documents[0].at_path(&["stringData", key])?.value {
            Value::Secret(SecretLeaf::Text(t)) => t.expose_secret_str().map(str::to_owned),
            _ => None,
        }
    }

    fn set(key: &str, value: &str) -> Edit {
        Edit::Set { key: key.to_owned(), value: SecretText::from_string(value.to_owned()) }
    }

    #[test]
    fn one_changed_value_changes_three_lines() {
        let edited = edit(CART.as_bytes(), FILE, &ring(), vec![set("password", "new one")], 1_700_000_000)
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
        let edited = edit(CART.as_bytes(), FILE, &ring(), edits, 0).expect("edited");
        assert_eq!(value(&edited, "token").as_deref(), Some("abc"));
        assert_eq!(value(&edited, "url"), None);
        let missing = edit(CART.as_bytes(), FILE, &ring(), vec![Edit::Remove { key: "nope".to_owned() }], 0);
        assert!(missing.is_err_and(|p| p.cause.contains("`nope`")));
    }

    #[test]
    fn a_new_file_follows_its_rule() {
        let rules = Rules::parse(RULES.as_bytes(), ".sops.yaml");
        let made = create(FILE, &rules, vec![set("password", "hunter2"), set("user", "cart")], 1_700_000_000)
            .expect("made");
        assert_eq!(value(&made, "password").as_deref(), Some("hunter2"));
        let text = String::from_utf8(made).expect("text");
        assert!(text.starts_with("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains(" x:"));
        let none = create("nowhere.yaml", &rules, vec![set("a", "b")], 0);
        assert!(none.is_err_and(|p| !p.next.is_empty()));
    }

    #[test]
    fn sealing_again_changes_every_ciphertext_and_no_value() {
        let rules = Rules::parse(RULES.as_bytes(), ".sops.yaml");
        let again = reseal(CART.as_bytes(), FILE, &ring(), &rules, 0).expect("sealed again");
        assert_eq!(value(&again, "username"), value(CART.as_bytes(), "username"));
        let text = String::from_utf8(again).expect("text");
        let kept = CART.lines().filter(|l| l.contains("ENC[") && text.contains(*l)).count();
        assert_eq!(kept, 0, "{text}");
    }
}
