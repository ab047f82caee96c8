//! What was changed in a sealed file behind its MAC's back: names of plain keys, nulls, comments, bytes moved from one plain
//! value to the next, the block itself. SOPS notices none of it (secrets.md 1.13); two versions side by side show it.

use super::walk::{is_block, read};
use crate::model::{Problem, Reason, clean};
use crate::yaml::source::{Comment, Content, Item, Map, MapPart, SeqPart, Source, Syntax};
use std::collections::{BTreeMap, BTreeSet};

/// Names that are told before the rest is counted.
const MOST: usize = 5;

/// What differs between two versions of a sealed file that carry the same MAC. Whoever seals again seals a new one; only
/// the keys of the block may change without.
pub fn unsigned(path: &str, before: &[u8], after: &[u8]) -> Option<Problem> {
    if before == after || ![before, after].iter().all(|side| side.windows(4).any(|word| word == b"sops")) {
        return None;
    }
    let (old, new) = (Parts::read(before, path)?, Parts::read(after, path)?);
    if old.mac.is_none() || old.mac != new.mac {
        return None;
    }
    let names: BTreeSet<&String> = old.parts.keys().chain(new.parts.keys()).collect();
    let mut told: Vec<String> = Vec::new();
    let mut line = 0;
    for name in names {
        let words = match (old.parts.get(name), new.parts.get(name)) {
            (Some((a, _)), Some((b, _))) if a == b => continue,
            (None, Some((_, at))) => {
                line = if line == 0 { *at } else { line };
                format!("{name} came")
            }
            (Some(_), Some((_, at))) => {
                line = if line == 0 { *at } else { line };
                format!("{name} changed")
            }
            _ => format!("{name} went"),
        };
        told.push(words);
    }
    let rest = told.len().saturating_sub(MOST);
    told.truncate(MOST);
    if told.is_empty() {
        return None;
    }
    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    let cause =
        format!("changed by hand behind the MAC, which SOPS does not notice: {}{more}", told.join(", "));
    Some(
        Problem::error(Reason::SealBroken, cause).at(path, line).next(
            "take the change back, or make it with `sealane seal` or `sops edit`, which seal a new MAC",
        ),
    )
}

/// A file as names with what stands there.
struct Parts {
    mac: Option<String>,
    parts: BTreeMap<String, (String, u32)>,
}

impl Parts {
    fn read(bytes: &[u8], path: &str) -> Option<Self> {
        let source = read(bytes, path).ok()?;
        let mut parts = Self { mac: None, parts: BTreeMap::new() };
        for document in &source.documents {
            let mut name =
                if document.index == 0 { Vec::new() } else { vec![format!("{}", document.index + 1)] };
            document.comments.iter().for_each(|c| parts.comment(c, &name));
            if let Some(root) = &document.root {
                parts.item(&source, root, &mut name, true);
            }
        }
        Some(parts)
    }

    /// Things of the same name are told apart by their order.
    fn add(&mut self, name: &str, text: String, line: u32) {
        let mut number = 1;
        let mut unique = name.to_owned();
        while self.parts.contains_key(&unique) {
            number += 1;
            unique = format!("{name} ({number})");
        }
        self.parts.insert(unique, (text, line));
    }

    fn comment(&mut self, comment: &Comment<'_>, name: &[String]) {
        let place = if name.is_empty() { "the file".to_owned() } else { format!("`{}`", name.join(".")) };
        self.add(&format!("a comment in {place}"), comment.text.to_string(), comment.line);
    }

    fn item(&mut self, source: &Source<'_>, item: &Item<'_>, name: &mut Vec<String>, is_root: bool) {
        match &item.content {
            Content::Map(map) => {
                for part in &map.parts {
                    match part {
                        MapPart::Comment(comment) => self.comment(comment, name),
                        MapPart::Entry(entry) => {
                            let key = &*entry.key.text;
                            if is_root && is_block(source.syntax, key) {
                                self.block(source, key, &entry.value);
                                continue;
                            }
                            name.push(clean(key));
                            entry.trailing.iter().for_each(|c| self.comment(c, name));
                            self.item(source, &entry.value, name, false);
                            name.pop();
                        }
                    }
                }
            }
            Content::Seq(seq) => {
                for part in &seq.parts {
                    match part {
                        SeqPart::Comment(comment) => self.comment(comment, name),
                        SeqPart::Item(item) => {
                            item.trailing.iter().for_each(|c| self.comment(c, name));
                            self.item(source, &item.value, name, false);
                        }
                    }
                }
            }
            Content::Scalar(leaf) => {
                self.add(&format!("`{}`", name.join(".")), leaf.text.to_string(), item.line);
            }
            Content::Alias(alias) => {
                self.add(&format!("`{}`", name.join(".")), format!("*{alias}"), item.line);
            }
        }
    }

    /// Fields of the block. Keys may come and go without a new MAC; time and MAC are what is compared.
    fn block(&mut self, source: &Source<'_>, key: &str, value: &Item<'_>) {
        if source.syntax == Syntax::Dotenv {
            return self.field(source, key.trim_start_matches("sops_"), value);
        }
        for entry in value.as_map().into_iter().flat_map(Map::entries) {
            self.field(source, &entry.key.text, &entry.value);
        }
    }

    fn field(&mut self, source: &Source<'_>, name: &str, value: &Item<'_>) {
        const KEYS: [&str; 8] =
            ["age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms", "key_groups"];
        let top = name.split("__").next().unwrap_or_default();
        match top {
            "mac" => self.mac = value.as_leaf().map(|leaf| leaf.text.to_string()),
            "shamir_threshold" => {}
            _ if KEYS.contains(&top) => {}
            _ => {
                let text = source.text.get(value.span.clone()).unwrap_or_default().to_owned();
                self.add(&format!("the block's `{}`", clean(name)), text, value.line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, FILE, OPS, ring, set};
    use super::super::{edit, verify};
    use super::*;

    fn told(after: &str) -> Option<String> {
        unsigned(FILE, CART.as_bytes(), after.as_bytes()).map(|p| p.cause)
    }

    #[test]
    fn what_the_mac_does_not_cover_is_told_by_comparing() {
        let name = CART.replace("    name: cart-db", "    nome: cart-db");
        assert!(
            verify(name.as_bytes(), FILE, &ring(OPS)).is_ok(),
            "as sops does, one version alone shows nothing"
        );
        let cause = told(&name).expect("it is told");
        assert!(cause.contains("`metadata.nome` came") && cause.contains("`metadata.name` went"), "{cause}");
        for (from, to, said) in [
            ("kind: Secret\n", "# new\nkind: Secret\n", "a comment in the file came"),
            ("kind: Secret\n", "kind: Secret\nextra: null\n", "`extra` came"),
            (
                "encrypted_regex: ^(data|stringData)$",
                "encrypted_regex: ^(data|stringData|x)$",
                "the block's `encrypted_regex` changed",
            ),
            ("version: 3.13.3", "version: 3.12.0", "the block's `version` changed"),
            (
                "apiVersion: v1\nkind: Secret\n",
                "apiVersion: v1S\nkind: ecret\n",
                "`apiVersion` changed, `kind` changed",
            ),
        ] {
            let changed = CART.replace(from, to);
            assert!(verify(changed.as_bytes(), FILE, &ring(OPS)).is_ok(), "{said}");
            let cause = told(&changed).unwrap_or_else(|| panic!("{said}"));
            assert!(cause.contains(said), "{cause}");
        }
        assert_eq!(told(CART), None);
    }

    #[test]
    fn what_is_sealed_anew_is_no_change_behind_the_mac() {
        let edited =
            edit(CART.as_bytes(), FILE, &ring(OPS), vec![set("password", "new")], 0).expect("edited");
        assert!(unsigned(FILE, CART.as_bytes(), &edited).is_none());
    }
}
