//! A sealed file as `git diff` compares it: a short keyed mark instead of each value, the block reduced to who can open it
//! and what it seals. No value, sealed or in the clear, is in what is made here.

use super::cipher::{DataKey, Sealed, ValueType};
use super::detect::open_lines;
use super::flat;
use super::keys::Keyring;
use super::metadata::{Group, Metadata};
use super::open::{metadata_of, unlock, verify};
use super::rules::Rules;
use super::walk::{Place, Visit, aad, is_block, read, walk};
use crate::model::{Problem, Reason, clean};
use crate::secret::MarkKey;
use crate::yaml::source::{Comment, Edit, Item, Leaf, Source, Syntax, splice};
use crate::yaml::{Node, ScalarKind};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The text to compare. Equal values have equal marks in every version, whatever sealed them; without an identity that
/// opens the file the ciphertexts are marked instead, and say so.
pub fn textconv(bytes: &[u8], file: &str, keyring: &Keyring) -> String {
    let source = match read(bytes, file) {
        Ok(source) => source,
        Err(problem) => return by_lines(bytes, &problem.cause, keyring),
    };
    let metadata = metadata_of(&source, file);
    if metadata.is_err() && (is_about_rules(&source) || bytes.iter().all(u8::is_ascii_whitespace)) {
        return source.text.to_owned();
    }
    let unread = metadata.as_ref().err().filter(|_| is_sealed(bytes)).map(|error| error.0.clone());
    let metadata = metadata.ok();
    let key = metadata.as_ref().and_then(|metadata| unlock(metadata, file, keyring).ok());
    let own = key.as_ref().map(|key| MarkKey::of(key.bytes()));
    let mut marks = Marks {
        metadata: metadata.as_ref(),
        key: key.as_ref(),
        maker: keyring.marks().or(own.as_ref()),
        hidden: open_lines(file, bytes, &Rules::default()),
        is_object: is_object(&source),
        in_json: source.syntax == Syntax::Json,
        edits: Vec::new(),
    };
    if let Err(problem) = walk(&source, file, &mut marks) {
        return by_lines(bytes, &problem.cause, keyring);
    }
    let mut edits = marks.edits;
    edits.extend(metadata.iter().flat_map(|metadata| of_block(&source, metadata)));
    let text = splice(source.text, &edits);
    let broken = metadata.and_then(|_| verify(bytes, file, keyring).err());
    match unread
        .or(broken)
        .filter(|problem| !matches!(problem.reason, Reason::NeedsKey | Reason::NeedsPlugin))
    {
        Some(problem) => format!("# Sealane: {}\n{text}", clean(&problem.cause)),
        None => text,
    }
}

fn is_sealed(bytes: &[u8]) -> bool {
    let mark = b"ENC[AES256_GCM,";
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// The rules of sops are for everybody's eyes; patterns for sealed files mean them too.
fn is_about_rules(source: &Source<'_>) -> bool {
    let root = source.documents.iter().find_map(|document| document.root.as_ref());
    let fields = ["creation_rules", "destination_rules", "stores"];
    source.syntax == Syntax::Yaml
        && root.is_some_and(|root| fields.iter().any(|name| root.get(name).is_some()))
}

/// True for objects of Kubernetes, of which only some fields are anybody's secret.
fn is_object(source: &Source<'_>) -> bool {
    let mut roots = source.documents.iter().filter_map(|document| document.root.as_ref());
    roots.all(|root| root.get("apiVersion").is_some() && root.get("kind").is_some())
}

/// Puts marks in the place of values.
struct Marks<'a> {
    /// What the block says; `None` if the file is not sealed.
    metadata: Option<&'a Metadata>,
    key: Option<&'a DataKey>,
    maker: Option<&'a MarkKey>,
    /// Lines on which the firewall finds something in the clear.
    hidden: BTreeSet<u32>,
    is_object: bool,
    in_json: bool,
    edits: Vec<Edit>,
}

impl Marks<'_> {
    fn sealed(&self, text: &str, aads: impl Iterator<Item = String>) -> String {
        let Some(key) = self.key else { return closed(text) };
        let Ok(sealed) = Sealed::parse(text) else { return format!("<sealed, damaged, {}>", sum(text)) };
        let opened = aads.into_iter().find_map(|aad| Some((key.open(&sealed, &aad).ok()?, aad)));
        match (opened, self.maker) {
            (Some((plain, aad)), Some(marks)) => {
                let kind = match sealed.value_type {
                    ValueType::Str | ValueType::Comment | ValueType::Bytes => "",
                    ValueType::Int => "int ",
                    ValueType::Float => "float ",
                    ValueType::Bool => "bool ",
                    ValueType::Time => "time ",
                };
                format!("<sealed {kind}{}>", plain.mark(marks, &aad))
            }
            _ => format!("<sealed, does not open in this place, {}>", sum(text)),
        }
    }

    fn in_the_clear(&self, text: &str, aad: &str) -> String {
        match self.maker {
            Some(marks) => format!("<in the clear {}>", marks.mark(aad, text.as_bytes())),
            None => "<in the clear, not shown>".to_owned(),
        }
    }

    /// Whether what stands open here is somebody's secret.
    fn is_secret(&self, place: &Place<'_>, line: u32) -> bool {
        if self.hidden.contains(&line) {
            return true;
        }
        match self.metadata {
            Some(metadata) => place.is_selected(&metadata.selector),
            None if self.is_object => {
                matches!(place.path.first().map(|key| &**key), Some("data" | "stringData"))
            }
            None => true,
        }
    }

    fn put(&mut self, item: &Item<'_>, mark: &str) {
        let text = if self.in_json { format!("\"{mark}\"") } else { mark.to_owned() };
        self.edits.push(Edit { range: item.span.clone(), text });
    }
}

impl<'s, 't> Visit<'s, 't> for Marks<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if Sealed::looks_sealed(&leaf.text) {
            let mark = self.sealed(&leaf.text, std::iter::once(place.aad()));
            self.put(item, &mark);
        } else if !leaf.text.is_empty() && leaf.kind != ScalarKind::Null && self.is_secret(place, item.line) {
            let mark = self.in_the_clear(&leaf.text, &place.aad());
            self.put(item, &mark);
        }
        Ok(None)
    }

    fn comment(&mut self, comment: &'s Comment<'t>, place: &Place<'_>) -> Result<(), Problem> {
        let text = comment.text.trim_end_matches('\r').trim_start();
        let mark = if Sealed::looks_sealed(text) {
            // Whoever wrote it may have put it a level further out.
            self.sealed(text, (0..=place.path.len()).rev().map(|depth| aad(&place.path[..depth])))
        } else if self.hidden.contains(&comment.line) {
            self.in_the_clear(text, &place.aad())
        } else {
            return Ok(());
        };
        self.edits.push(Edit { range: comment.span.clone(), text: format!("# {mark}") });
        Ok(())
    }
}

/// What nobody here opens, by its ciphertext: that is in git for all to see.
fn closed(text: &str) -> String {
    format!("<sealed, not opened here, {}>", sum(text))
}

fn sum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).fold("ciphertext ".to_owned(), |mut sum, byte| {
        let _ = write!(sum, "{byte:02x}");
        sum
    })
}

/// Puts who can open the file, and what it seals, in the place of its block.
fn of_block(source: &Source<'_>, metadata: &Metadata) -> Vec<Edit> {
    let told = told(metadata);
    if let Some(lines) = flat::lines(source) {
        let mark = if source.syntax == Syntax::Dotenv { "# sealed " } else { "; sealed " };
        let text = told.iter().flat_map(|line| [mark, line, "\n"]).collect::<String>();
        let mut told = Some(text);
        return lines
            .iter()
            .map(|line| {
                let start = source.text[..line.entry.key.span.start].rfind('\n').map_or(0, |end| end + 1);
                let end = line.entry.value.span.end.max(line.entry.key.span.end);
                let end = source.text[end..].find('\n').map_or(source.text.len(), |at| end + at + 1);
                Edit { range: start..end, text: told.take().unwrap_or_default() }
            })
            .collect();
    }
    let roots = source.documents.iter().filter_map(|document| document.root.as_ref()?.as_map());
    let blocks = roots.filter_map(|root| root.entries().find(|e| is_block(source.syntax, &e.key.text)));
    blocks
        .map(|block| {
            let text = if source.syntax == Syntax::Json {
                let lines: Vec<String> = told.iter().map(|line| format!("\n\t\t\"{line}\"")).collect();
                format!("\"sealed\": [{}\n\t]", lines.join(","))
            } else {
                let lines: Vec<String> = told.iter().map(|line| format!("\n    - {line}")).collect();
                format!("sealed:{}", lines.concat())
            };
            Edit { range: block.key.span.start..block.value.span.end, text }
        })
        .collect()
}

/// Who opens a file, one line each, and which of its values are sealed.
fn told(metadata: &Metadata) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((field, text)) = metadata.selector.field() {
        lines.push(format!("{field} {}", shown(&text)));
    }
    if metadata.mac_only_encrypted {
        lines.push("mac_only_encrypted".to_owned());
    }
    let many = metadata.quorum();
    if let Some((needed, count)) = many {
        lines.push(format!("for {needed} of {count} key groups"));
    }
    for (number, group) in metadata.groups.iter().enumerate() {
        let whom = match many {
            Some(_) => format!("for group {}: ", number + 1),
            None => "for ".to_owned(),
        };
        lines.extend(members(group).map(|member| format!("{whom}{}", shown(&member))));
    }
    lines
}

fn members(group: &Group) -> impl Iterator<Item = String> {
    let age = group.age.iter().map(|wrapped| wrapped.recipient.to_string());
    age.chain(group.foreign.iter().map(|(name, key)| format!("{name} {key}")))
}

/// Text of a block on one line of any format.
fn shown(text: &str) -> String {
    clean(text).replace(['\n', '"', '\\'], " ")
}

/// A file that cannot be taken apart, line by line: sealed values by their ciphertext, of all other lines marks alone, since
/// nobody can tell what in them is a value.
fn by_lines(bytes: &[u8], cause: &str, keyring: &Keyring) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = format!("# Sealane: {}\n", clean(cause));
    for line in text.lines() {
        let key = line.find("ENC[AES256_GCM,").map(|at| line.split_at(at));
        let shown = match key {
            Some((key, sealed)) if key.chars().all(is_of_key) => format!("{key}{}", closed(sealed)),
            _ if line.trim().is_empty() => String::new(),
            _ => match keyring.marks() {
                Some(marks) => format!("<not shown {}>", marks.mark("", line.as_bytes())),
                None => "<not shown>".to_owned(),
            },
        };
        out.push_str(&shown);
        out.push('\n');
    }
    out
}

fn is_of_key(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.' | ':' | '"' | '=')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, DEV, FILE, OPS, ring, rules, set};
    use super::super::{edit, reseal};
    use super::*;

    fn lines_that_differ(one: &str, other: &str) -> usize {
        assert_eq!(one.lines().count(), other.lines().count(), "{one}{other}");
        one.lines().zip(other.lines()).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn one_changed_value_is_one_changed_line() {
        let ops = ring(OPS);
        let set = |value| edit(CART.as_bytes(), FILE, &ops, vec![set("password", value)], 1).expect("edited");
        let [one, two] = [set("canary-4711"), set("canary-4712")].map(|bytes| textconv(&bytes, FILE, &ops));
        assert_eq!(lines_that_differ(&one, &two), 1, "{one}{two}");
        assert!(one.contains("    password: <sealed ") && !one.contains("canary") && !one.contains("ENC["));
    }

    #[test]
    fn sealing_again_changes_nothing_but_the_recipients() {
        let ops = ring(OPS);
        let again = reseal(CART.as_bytes(), FILE, &ops, &rules(), 1).expect("sealed again");
        let [one, two] = [CART.as_bytes(), &again].map(|bytes| textconv(bytes, FILE, &ops));
        let of_values = |text: &str| text.lines().filter(|l| l.contains("<sealed")).collect::<String>();
        assert_eq!(of_values(&one), of_values(&two));
        assert_eq!(of_values(&one).matches("<sealed").count(), 3, "{one}");
    }

    #[test]
    fn what_does_not_open_says_so_and_still_differs() {
        let (ops, dev) = (ring(OPS), ring(DEV));
        let other = edit(CART.as_bytes(), FILE, &ops, vec![set("password", "x")], 1).expect("edited");
        let [one, two] = [CART.as_bytes(), &other].map(|bytes| textconv(bytes, FILE, &dev));
        assert_eq!(lines_that_differ(&one, &two), 1);
        assert_eq!(one.matches("<sealed, not opened here, ciphertext ").count(), 3, "{one}");
    }

    #[test]
    fn what_stands_in_the_clear_is_marked_too() {
        let ops = ring(OPS);
        let plain =
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: canary-4711\n";
        let told = textconv(plain.as_bytes(), FILE, &ops);
        assert!(told.contains("  password: <in the clear ") && told.contains("name: a"), "{told}");
        let values = textconv(b"password: canary-4711\nport: 4711\n", "values.sops.yaml", &ops);
        assert!(!values.contains("4711"), "{values}");
        let rules = "creation_rules:\n  - age: age1x\n";
        assert_eq!(textconv(rules.as_bytes(), ".sops.yaml", &ops), rules, "the rules are nobody's secret");
    }

    #[test]
    fn what_is_damaged_is_told_and_shows_nothing() {
        let ops = ring(OPS);
        let moved = textconv(CART.replace("name: cart-db", "name: other").as_bytes(), FILE, &ops);
        assert!(moved.starts_with("# Sealane: the MAC does not fit"), "{moved}");
        let torn = format!("{CART}  canary-4711: [\n");
        let told = textconv(torn.as_bytes(), FILE, &ops);
        assert!(told.starts_with("# Sealane: the file cannot be read as YAML"), "{told}");
        assert!(
            !told.contains("canary") && told.contains("    password: <sealed, not opened here"),
            "{told}"
        );
        let open = CART.replace("    url: ENC", "    extra: canary-4711\n    url: ENC");
        let told = textconv(open.as_bytes(), FILE, &ops);
        assert!(told.contains("    extra: <in the clear ") && !told.contains("canary"), "{told}");
    }
}
