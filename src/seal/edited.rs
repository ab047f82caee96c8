//! Edited text back into its sealed file: what did not change keeps its ciphertext, whatever moved around it.

use super::cipher::{DataKey, Sealed, ValueType};
use super::edit::{Edit, as_text, cannot_write, edit, stamp};
use super::inspect::format_of;
use super::keys::Keyring;
use super::laid_open::{block, lay_open};
use super::make::{Sealer, seal_plain};
use super::metadata::Metadata;
use super::open::{self, open};
use super::rules::Rules;
use super::value;
use super::walk::{Place, Visit, aad, check_size, is_block, read, walk};
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::secret::SecretText;
use crate::yaml::Node;
use crate::yaml::source::{Comment, Item, Leaf, Source, Syntax, splice};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use zeroize::Zeroizing;

type Path = Vec<Arc<str>>;

/// What a sealed file holds, for values that come back unchanged.
#[derive(Default)]
pub(super) struct Known {
    leaves: HashMap<Path, Vec<Value>>,
    /// Comments with what stood in the file; those in the clear without it.
    comments: HashMap<Path, Vec<Said>>,
}

/// A comment: what it says, and how it stood in the file.
type Said = (Zeroizing<String>, Remark);

/// How a comment stood in the file.
pub(super) enum Remark {
    /// In the clear.
    Open,
    /// Sealed, as this.
    Sealed(String),
    /// As an item of a list, which SOPS makes of comments there (secrets.md 1.6).
    Item(String),
}

struct Value {
    plain: Zeroizing<Vec<u8>>,
    of: ValueType,
    sealed: String,
}

impl Known {
    /// The ciphertext of this value at this place.
    pub(super) fn ciphertext(&self, path: &[Arc<str>], plain: &[u8], value_type: ValueType) -> Option<&str> {
        let plain = value::canonical(plain, value_type);
        let is_it = |known: &&Value| known.of == value_type && *known.plain == plain;
        self.leaves.get(path)?.iter().find(is_it).map(|known| &*known.sealed)
    }

    /// True for a ciphertext that stood at this place, where what it holds was not shown.
    pub(super) fn stood_there(&self, path: &[Arc<str>], text: &str) -> bool {
        self.leaves.get(path).is_some_and(|all| all.iter().any(|known| known.sealed == text))
    }

    /// A comment that was there.
    pub(super) fn comment(&self, path: &[Arc<str>], text: &str) -> Option<&Remark> {
        self.comments.get(path)?.iter().find(|(known, _)| **known == *text).map(|(_, remark)| remark)
    }
}

struct Collector<'a> {
    key: &'a DataKey,
    metadata: &'a Metadata,
    known: Known,
}

impl<'s, 't> Visit<'s, 't> for Collector<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if place.is_selected(&self.metadata.selector) && Sealed::looks_sealed(&leaf.text) {
            let (sealed, plain) = place.opened(self.key, item.line, &leaf.text)?;
            if sealed.value_type == ValueType::Comment {
                let text = Zeroizing::new(String::from_utf8_lossy(plain.expose_secret()).into_owned());
                let said = (text, Remark::Item(leaf.text.to_string()));
                self.known.comments.entry(place.path.to_vec()).or_default().push(said);
            }
            // SOPS writes text as bytes where it was read as such; both are one in a file.
            let value_type =
                if sealed.value_type == ValueType::Bytes { ValueType::Str } else { sealed.value_type };
            let plain = Zeroizing::new(value::canonical(plain.expose_secret(), value_type).to_vec());
            let value = Value { plain, of: value_type, sealed: leaf.text.to_string() };
            self.known.leaves.entry(place.path.to_vec()).or_default().push(value);
        }
        Ok(None)
    }

    fn comment(&mut self, comment: &'s Comment<'t>, place: &Place<'_>) -> Result<(), Problem> {
        let text = comment.text.trim_end_matches('\r');
        let opened = Sealed::parse(text).ok().and_then(|sealed| {
            (0..=place.path.len())
                .rev()
                .find_map(|depth| self.key.open(&sealed, &aad(&place.path[..depth])).ok())
        });
        let known = match opened {
            Some(plain) => {
                let plain = String::from_utf8_lossy(plain.expose_secret()).into_owned();
                (Zeroizing::new(plain), Remark::Sealed(text.to_owned()))
            }
            None => (Zeroizing::new(text.to_owned()), Remark::Open),
        };
        self.known.comments.entry(place.path.to_vec()).or_default().push(known);
        Ok(())
    }
}

/// Seals what [`lay_open`] gave and a person edited. Data key, recipients and block are those of `before`; `None` if the
/// text is the same. What cannot be read is told with its line, without a word of it.
pub fn seal_edited(
    before: &[u8],
    file: &str,
    keyring: &Keyring,
    edited: &SecretText,
    time: i64,
) -> Result<Option<Vec<u8>>, Problem> {
    if lay_open(before, file, keyring)?.expose_secret() == edited.expose_secret() {
        return Ok(None);
    }
    check_size(edited.expose_secret().len(), file)?;
    if format_of(file) == SealedFormat::Binary {
        let value = SecretText::from_vec(edited.expose_secret().to_vec());
        let set = vec![Edit::Set { key: "data".to_owned(), value }];
        return self::edit(before, file, keyring, set, time).map(Some);
    }
    let opened = open(before, file, keyring).map_err(|error| error.0)?;
    let (key, metadata) = (&opened.key, &opened.metadata);
    let old = read(before, file)?;
    let mut collector = Collector { key, metadata, known: Known::default() };
    walk(&old, file, &mut collector)?;
    let new = read(edited.expose_secret(), file).map_err(to_mend)?;
    cannot_write(&new, file, false)?;
    has_no_block(&new, file)?;
    let mut sealer = Sealer::again(&new, key, &metadata.selector, &collector.known);
    walk(&new, file, &mut sealer).map_err(to_mend)?;
    let sealed = splice(new.text, &sealer.edits);
    let whole = with_block(&sealed, file, &old)?;
    check_size(whole.len(), file)?;
    let stamped = stamp(&whole, file, key, metadata, time)?;
    open::check(stamped.as_bytes(), file, key).map_err(|error| error.0)?;
    Ok(Some(stamped.into_bytes()))
}

/// What is wrong with the text is mended where it was written.
fn to_mend(problem: Problem) -> Problem {
    if problem.reason == Reason::SealBroken { problem.next("mend that line in the editor") } else { problem }
}

/// Seals a text that a person wrote into a new file, for the rule that applies to its path.
pub fn seal_written(written: &SecretText, file: &str, rules: &Rules, time: i64) -> Result<Vec<u8>, Problem> {
    seal_plain(written.expose_secret(), file, rules, time)
}

fn has_no_block(source: &Source<'_>, file: &str) -> Result<(), Problem> {
    let roots = source.documents.iter().filter_map(|document| document.root.as_ref()?.as_map());
    let mut blocks = roots.flat_map(|root| root.entries().filter(|e| is_block(source.syntax, &e.key.text)));
    blocks.next().map_or(Ok(()), |entry| {
        let cause = format!("`{}` is a name that SOPS keeps for its block", clean(&entry.key.text));
        Err(Problem::error(Reason::Refused, cause).at(file, entry.key.line).next("give the key another name"))
    })
}

/// The old block behind what is sealed again: behind every document, as SOPS has it.
fn with_block(sealed: &str, file: &str, old: &Source<'_>) -> Result<String, Problem> {
    let source = read(sealed.as_bytes(), file)?;
    let removed = block(old);
    if matches!(source.syntax, Syntax::Dotenv | Syntax::Ini) {
        let mut text = sealed.to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(source.line_break());
        }
        for edit in &removed {
            text.push_str(old.text[edit.range.clone()].trim_start_matches(['\r', '\n']));
        }
        return Ok(text);
    }
    let empty = || {
        Problem::error(Reason::Refused, "there is nothing left to seal")
            .at(file, 0)
            .next("leave at least one key, or take the file out with git")
    };
    let first =
        old.documents.iter().find_map(|document| document.root.as_ref()?.get("sops")).ok_or_else(empty)?;
    let mut edits = Vec::new();
    for document in &source.documents {
        let Some(root) = document.root.as_ref() else { continue };
        let map = root.as_map().ok_or_else(|| {
            Problem::error(Reason::SealBroken, "the top of a sealed document must be a mapping")
                .at(file, root.line)
                .next("write its top level as keys with values")
        })?;
        if map.flow {
            edits.push(source.insert(map, "sops", &old.text[first.value.span.clone()]));
        } else {
            let lines = removed.first().map_or("", |edit| &old.text[edit.range.clone()]);
            edits.push(source.append(document, lines.trim_start_matches(['\r', '\n'])));
        }
    }
    if edits.is_empty() { Err(empty()) } else { Ok(splice(sealed, &edits)) }
}

/// What became of the values of a sealed file, by their keys: changed, new, gone. Read off the ciphertexts alone.
pub fn changed_keys(before: &[u8], after: &[u8], file: &str) -> Result<[Vec<String>; 3], Problem> {
    let [before, after] = [keys(before, file)?, keys(after, file)?];
    let missing = |one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>| {
        one.keys().filter(|key| !other.contains_key(*key)).cloned().collect::<Vec<_>>()
    };
    let changed = after.iter().filter(|(key, texts)| before.get(*key).is_some_and(|old| old != *texts));
    let changed = changed.map(|(key, _)| key.clone()).collect();
    Ok([changed, missing(&after, &before), missing(&before, &after)])
}

fn keys(bytes: &[u8], file: &str) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    struct Keys(BTreeMap<String, Vec<String>>);
    impl<'s, 't> Visit<'s, 't> for Keys {
        fn leaf(
            &mut self,
            _: &'s Item<'t>,
            leaf: &'s Leaf<'t>,
            place: &Place<'_>,
        ) -> Result<Option<Node>, Problem> {
            let in_secret = matches!(place.path, [holder, _] if matches!(&**holder, "data" | "stringData"));
            let path = if in_secret { &place.path[1..] } else { place.path };
            self.0.entry(clean(&path.join("."))).or_default().push(leaf.text.to_string());
            Ok(None)
        }
    }
    as_text(bytes, file)?;
    let source = read(bytes, file)?;
    let mut keys = Keys(BTreeMap::new());
    walk(&source, file, &mut keys)?;
    Ok(keys.0)
}

#[cfg(test)]
mod tests {
    use super::super::rules::Rules;
    use super::super::testing::{OPS, ring};
    use super::*;

    const YAML: &str = "# why\nkind: Secret\nmetadata: {name: db}\nstringData:\n  # the one\n  password: 'it''s: so' # mine\n  port: \"5432\"\n  key: |\n    -----BEGIN-----\n    abc\n  tail: |-\n    a\n    b\n  list:\n    # first\n    - one\n    - two: 2\n      three: yes\n    - - deep\n  count: 3\n  ratio: 1.5\n  on: true\n  empty: \"\"\n  flow: {a: \"b, c\", d: [1, two]}\n---\nother: plain\nstringData:\n  password: other\n";
    const JSON: &str = "{\n\t\"kind\": \"Secret\",\n\t\"stringData\": {\n\t\t\"password\": \"a\\nb\",\n\t\t\"port\": 5432,\n\t\t\"on\": true,\n\t\t\"list\": [\n\t\t\t\"one\",\n\t\t\t1.5\n\t\t]\n\t}\n}\n";
    const DOTENV: &str = "# head\nPASSWORD=two words\nLINES=a\\nb\n\nPORT=5432\n";
    const INI: &str = "; head\n[db]\n; why\npassword = open\nport     = 5432\n\n[other]\nname = x\n";

    fn sealed(text: &str, file: &str) -> Vec<u8> {
        let ring = ring(OPS);
        let who = ring.recipients().next().expect("an identity").0.to_owned();
        let rules = format!(
            "creation_rules:\n  - path_regex: \\.(yaml|json)$\n    encrypted_regex: ^(data|stringData)$\n    age: {who}\n  - age: {who}\n"
        );
        let rules = Rules::parse(rules.as_bytes(), ".sops.yaml");
        seal_plain(text.as_bytes(), file, &rules, 0).unwrap_or_else(|problem| panic!("{file}: {problem}"))
    }

    fn shown(bytes: &[u8], file: &str) -> String {
        let text = lay_open(bytes, file, &ring(OPS)).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        text.expose_secret_str().expect("text").to_owned()
    }

    fn edited(before: &[u8], file: &str, text: &str) -> Result<Option<String>, Problem> {
        let text = SecretText::from_string(text.to_owned());
        let made = seal_edited(before, file, &ring(OPS), &text, 1_700_000_000)?;
        Ok(made.map(|bytes| String::from_utf8(bytes).expect("text")))
    }

    /// The lines that differ, but for time and MAC.
    fn differing(before: &[u8], after: &str) -> Vec<String> {
        let old: Vec<&str> = std::str::from_utf8(before).expect("text").lines().collect();
        let is_stamp = |line: &str| {
            let key = line.trim_start_matches([' ', '\t', '"']);
            ["lastmodified", "mac", "sops_lastmodified", "sops_mac"].iter().any(|name| key.starts_with(name))
        };
        let new = after.lines().filter(|line| !old.contains(line) && !is_stamp(line));
        new.map(str::to_owned).collect()
    }

    #[test]
    fn a_file_is_shown_as_it_was_before_it_was_sealed() {
        for (text, file) in
            [(YAML, "a.yaml"), (JSON, "a.json"), (DOTENV, "a.env"), (INI, "a.ini"), ("x\n", "a.pem")]
        {
            let bytes = sealed(text, file);
            // Text of several lines stands as far in as sops has it.
            let wanted = text
                .replace("    -----BEGIN-----\n    abc", "      -----BEGIN-----\n      abc")
                .replace("    a\n    b\n", "      a\n      b\n")
                .replace("three: yes", "three: \"yes\"")
                .replace("flow: {a: \"b, c\", d: [1, two]}", "flow: {a: \"b, c\", d: [1, \"two\"]}");
            // The blank line before the block of INI is the file's own by now.
            let wanted = if file == "a.ini" { format!("{wanted}\n") } else { wanted };
            assert_eq!(shown(&bytes, file), wanted, "{file}");
            assert_eq!(edited(&bytes, file, &shown(&bytes, file)), Ok(None), "{file}");
        }
    }

    #[test]
    fn what_is_not_touched_keeps_its_ciphertext_wherever_it_goes() {
        for (text, file, from, to, lines) in [
            (YAML, "a.yaml", "'it''s: so'", "new", 1),
            (YAML, "a.yaml", "      b\n  list", "      b\n      c\n  added: 1\n  list", 2),
            (YAML, "a.yaml", "  # the one\n", "", 0),
            (YAML, "a.yaml", "    - one\n", "    - zero\n    - one\n", 1),
            (YAML, "a.yaml", "  port: \"5432\"\n", "", 0),
            (YAML, "a.yaml", "# why\n", "# because\n", 1),
            (YAML, "a.yaml", "port: \"5432\"", "renamed: \"5432\"", 1),
            (YAML, "a.yaml", "  password: other\n", "  password: changed\n", 1),
            (JSON, "a.json", "a\\nb", "c", 1),
            (JSON, "a.json", "\"one\",", "\"one\",\n\t\t\t\"new\",", 1),
            (DOTENV, "a.env", "two words", "three", 1),
            (DOTENV, "a.env", "PORT=5432\n", "PORT=5432\nNEW=x\n", 1),
            (INI, "a.ini", "= open", "= shut", 1),
            (INI, "a.ini", "; why\n", "", 0),
        ] {
            let before = sealed(text, file);
            let plain = shown(&before, file);
            assert!(plain.contains(from), "{from:?} in {plain}");
            let wanted = plain.replacen(from, to, 1);
            let after =
                edited(&before, file, &wanted).unwrap_or_else(|problem| panic!("{from:?}: {problem}"));
            let after = after.unwrap_or_else(|| panic!("{from:?} to {to:?} is no change"));
            assert_eq!(differing(&before, &after).len(), lines, "{from:?} to {to:?}\n{after}");
            assert_eq!(shown(after.as_bytes(), file), wanted, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn what_cannot_be_sealed_is_told_without_a_word_of_it() {
        for (file, text, said) in [
            ("a.yaml", "stringData: [canary\n", "YAML"),
            ("a.yaml", "- canary\n", "the top of a sealed document must be a mapping"),
            ("a.yaml", "canary: 1\ncanary: 2\n", "twice"),
            ("a.yaml", "sops: canary\n", "a name that SOPS keeps"),
            ("a.yaml", "", "nothing left to seal"),
            ("a.yaml", "a: &canary 1\nb: *canary\n", "anchor"),
            ("a.json", "{\"a\": canary", "JSON"),
            ("a.env", "sops_canary=1\n", "a name that SOPS keeps"),
        ] {
            let plain = match file {
                "a.json" => JSON,
                "a.env" => DOTENV,
                _ => YAML,
            };
            let problem = edited(&sealed(plain, file), file, text).expect_err(text);
            assert!(problem.cause.contains(said) && !problem.next.is_empty(), "{text:?}: {problem}");
        }
    }

    #[test]
    fn a_comment_that_sops_made_an_item_is_shown_as_one_and_stays_an_item() {
        let text = "stringData:\n  list:\n    - one\n    - two\n";
        let before = sealed(text, "a.yaml");
        let key = open(&before, "a.yaml", &ring(OPS)).unwrap_or_else(|e| panic!("{}", e.0)).key;
        let path = ["stringData", "list"].map(Arc::from);
        let comment = key.seal(b" inside", &aad(&path), ValueType::Comment).expect("sealed");
        let text = String::from_utf8(before).expect("text");
        let before = text.replacen("  list:\n", &format!("  list:\n    - {comment}\n"), 1);
        let plain = shown(before.as_bytes(), "a.yaml");
        assert_eq!(plain, "stringData:\n  list:\n    # inside\n    - one\n    - two\n");
        let after = edited(before.as_bytes(), "a.yaml", &plain.replace("- two", "- three")).expect("sealed");
        let after = after.expect("changed");
        assert!(after.contains(&format!("    - {comment}\n")), "{after}");
        assert_eq!(differing(before.as_bytes(), &after).len(), 1, "{after}");
    }

    #[test]
    fn changes_are_told_by_key() {
        let before = sealed(YAML, "a.yaml");
        let wanted = shown(&before, "a.yaml").replacen("'it''s: so'", "x", 1).replacen(
            "  port: \"5432\"\n",
            "  new: y\n",
            1,
        );
        let after = edited(&before, "a.yaml", &wanted).expect("sealed").expect("changed");
        let told = changed_keys(&before, after.as_bytes(), "a.yaml").expect("read");
        assert_eq!(told, [vec!["password".to_owned()], vec!["new".to_owned()], vec!["port".to_owned()]]);
    }
}
