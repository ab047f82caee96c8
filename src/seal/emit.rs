//! Files as `sops decrypt` prints them, which is what Flux hands to a generator (secrets.md 1.5, 1.9, 2.1).
//!
//! Everything goes straight into one wiped buffer. As in Flux, the MAC is not checked here.

use super::cipher::{DataKey, Sealed, ValueType};
use super::keys::Keyring;
use super::letters;
use super::metadata::Metadata;
use super::open::{IN_THE_CLEAR, metadata_of, unlock};
use super::value;
use super::walk::{Place, Visit, read_as, walk};
use crate::model::{OpenError, Problem, SealedFormat};
use crate::secret::SecretText;
use crate::yaml::letters::put_json_string;
use crate::yaml::source::{Comment, Content, Item, Leaf, Map, MapPart, Seq, SeqPart, Syntax};
use crate::yaml::{Node, ScalarKind};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// The whole file, opened.
pub(super) fn opened(
    bytes: &[u8],
    file: &str,
    format: SealedFormat,
    keyring: &Keyring,
) -> Result<SecretText, OpenError> {
    let source = read_as(bytes, file, format).map_err(OpenError)?;
    super::edit::cannot_write(&source, file, true).map_err(OpenError)?;
    let metadata = metadata_of(&source, file)?;
    let key = unlock(&metadata, file, keyring)?;
    let json = source.syntax == Syntax::Json;
    let mut values = Values::new(&key, &metadata, json);
    walk(&source, file, &mut values).map_err(OpenError)?;
    let mut printer = Printer { out: SecretText::with_capacity(bytes.len()), values: &values };
    let roots = source.documents.iter().filter_map(|d| Some((d, d.root.as_ref()?.as_map()?)));
    for (index, (document, map)) in roots.enumerate() {
        if json {
            printer.json_map(map, 0, true);
            printer.put("\n");
            continue;
        }
        if index > 0 {
            printer.put("---\n");
        }
        document.comments.iter().for_each(|c| printer.own_line(c, 0));
        printer.map(map, 0, true, true);
    }
    Ok(printer.out)
}

/// What stands in the file, opened: by the byte it starts at.
pub(super) struct Values<'a> {
    key: &'a DataKey,
    metadata: &'a Metadata,
    json: bool,
    /// With the type; a comment that became an item of a list has that of a comment.
    pub(super) leaves: HashMap<usize, (Zeroizing<Vec<u8>>, ValueType)>,
    pub(super) comments: HashMap<usize, SecretText>,
}

impl<'a> Values<'a> {
    pub(super) fn new(key: &'a DataKey, metadata: &'a Metadata, json: bool) -> Self {
        Self { key, metadata, json, leaves: HashMap::new(), comments: HashMap::new() }
    }
}

impl<'s, 't> Visit<'s, 't> for Values<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        let typed = if place.is_selected(&self.metadata.selector) && !leaf.text.is_empty() {
            if !Sealed::looks_sealed(&leaf.text) {
                return Err(place.broken(item.line, IN_THE_CLEAR));
            }
            let (sealed, plain) = place.opened(self.key, item.line, &leaf.text)?;
            Some((Zeroizing::new(plain.expose_secret().to_vec()), sealed.value_type))
        } else {
            value::bytes(&leaf.text, leaf.kind, item.tag.as_deref(), self.json)
                .map_err(|e| place.broken(item.line, &e.to_string()))?
        };
        self.leaves.extend(typed.map(|typed| (item.span.start, typed)));
        Ok(None)
    }

    fn comment(&mut self, comment: &'s Comment<'t>, place: &Place<'_>) -> Result<(), Problem> {
        if let Ok(sealed) = Sealed::parse(comment.text.trim_end_matches('\r')) {
            // One that SOPS wrote where it reads it elsewhere does not open, and SOPS prints it as it stands.
            let opened = self.key.open(&sealed, &place.aad()).ok();
            self.comments.extend(opened.map(|text| (comment.span.start, text)));
        }
        Ok(())
    }
}

/// go-yaml v3 with an indentation of four, and Go's JSON with tabs.
struct Printer<'a> {
    out: SecretText,
    values: &'a Values<'a>,
}

/// The indentation of a collection or a block of text inside one at `indent`.
fn inner(indent: usize, in_item: bool) -> usize {
    if in_item { indent + 2 } else { 4 * ((indent + 4) / 4) }
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.out.push(text.as_bytes());
    }

    fn indent(&mut self, indent: usize) {
        self.put(&" ".repeat(indent));
    }

    fn comment_text(&mut self, comment: &Comment<'_>) {
        let values = self.values;
        match values.comments.get(&comment.span.start) {
            Some(text) => self.out.push(text.expose_secret()),
            None => self.put(comment.text.trim_end_matches('\r')),
        }
    }

    fn own_line(&mut self, comment: &Comment<'_>, indent: usize) {
        self.indent(indent);
        self.put("#");
        self.comment_text(comment);
        self.put("\n");
    }

    /// A comment behind a value that was sealed comes back above it, since SOPS forgets where it was.
    fn is_above(&self, comment: &Comment<'_>) -> bool {
        self.values.comments.contains_key(&comment.span.start)
    }

    /// `go_on`: the first key follows a dash on its line.
    fn map(&mut self, map: &Map<'_>, indent: usize, is_root: bool, mut at_start: bool) {
        for part in &map.parts {
            let entry = match part {
                // Comments before the first key of a list item stand above its dash already.
                MapPart::Comment(_) if !at_start => continue,
                MapPart::Comment(comment) => {
                    self.own_line(comment, indent);
                    continue;
                }
                MapPart::Entry(entry) if is_root && entry.key.text == "sops" => {
                    entry.trailing.iter().for_each(|comment| self.own_line(comment, indent));
                    continue;
                }
                MapPart::Entry(entry) => entry,
            };
            let in_block = !is_flow(&entry.value) || is_empty(&entry.value);
            let (above, behind): (Vec<_>, Vec<_>) =
                entry.trailing.iter().partition(|c| self.is_above(c) || entry.value.as_leaf().is_none());
            if in_block && at_start {
                for comment in &above {
                    self.own_line(comment, indent);
                }
            }
            if at_start {
                self.indent(indent);
            }
            at_start = true;
            if entry.key.text == "<<" {
                self.put("!!merge <<");
            } else {
                letters::string(&mut self.out, entry.key.text.as_bytes(), None);
            }
            self.put(":");
            let inside: &[&Comment<'_>] = if in_block { &[] } else { &above };
            self.value(&entry.value, indent, false, inside, &behind);
        }
    }

    fn seq(&mut self, seq: &Seq<'_>, indent: usize, mut at_start: bool) {
        let values = self.values;
        let is_comment =
            |item: &Item<'_>| matches!(values.leaves.get(&item.span.start), Some((_, ValueType::Comment)));
        // Of the comments above the list and those of a mapping that is its first item, go-yaml prints the latter.
        let first = seq.items().find(|item| !is_comment(&item.value));
        let mut is_dropped = first.is_some_and(|item| !self.leading(&item.value).is_empty());
        for part in &seq.parts {
            let item = match part {
                SeqPart::Comment(_) if is_dropped => continue,
                SeqPart::Comment(comment) => {
                    self.own_line(comment, indent);
                    continue;
                }
                SeqPart::Item(item) => item,
            };
            if let Some((text, ValueType::Comment)) = values.leaves.get(&item.value.span.start) {
                if !is_dropped {
                    self.indent(indent);
                    self.put("#");
                    self.out.push(text);
                    self.put("\n");
                }
                continue;
            }
            is_dropped = false;
            let (above, behind): (Vec<_>, Vec<_>) =
                item.trailing.iter().partition(|c| self.is_above(c) || item.value.as_leaf().is_none());
            if at_start {
                for comment in &above {
                    self.own_line(comment, indent);
                }
                self.leading(&item.value).into_iter().for_each(|c| self.own_line(c, indent));
                self.indent(indent);
            }
            at_start = true;
            self.put("-");
            self.value(&item.value, indent, true, &[], &behind);
        }
    }

    /// Comments before the first value of a mapping; in a list they stand above its dash.
    fn leading<'c, 't>(&self, item: &'c Item<'t>) -> Vec<&'c Comment<'t>> {
        let mut found = Vec::new();
        for part in item.as_map().into_iter().flat_map(|map| &map.parts) {
            match part {
                MapPart::Comment(comment) => found.push(comment),
                MapPart::Entry(entry) => {
                    let is_leaf = entry.value.as_leaf().is_some();
                    let in_block = !is_flow(&entry.value) || is_empty(&entry.value);
                    found
                        .extend(entry.trailing.iter().filter(|c| in_block && (!is_leaf || self.is_above(c))));
                    break;
                }
            }
        }
        found
    }

    /// A value behind a colon or a dash, to the end of its last line.
    fn value(
        &mut self,
        item: &Item<'_>,
        indent: usize,
        in_item: bool,
        inside: &[&Comment<'_>],
        behind: &[&Comment<'_>],
    ) {
        let deeper = inner(indent, in_item);
        match &item.content {
            Content::Map(map) if map.entries().next().is_some() => {
                self.put(if in_item { " " } else { "\n" });
                for comment in inside {
                    self.own_line(comment, deeper);
                }
                self.map(map, deeper, false, !in_item);
            }
            Content::Seq(seq) if seq.items().next().is_some() => {
                self.put(if in_item { " " } else { "\n" });
                for comment in inside {
                    self.own_line(comment, deeper);
                }
                self.seq(seq, deeper, !in_item);
            }
            content => {
                self.put(" ");
                let behind = behind.first().map(|c| c.text.trim_end_matches('\r'));
                match content {
                    Content::Map(_) => self.put("{}"),
                    Content::Seq(_) => self.put("[]"),
                    _ => return self.scalar(item, deeper, behind),
                }
                self.put("\n");
            }
        }
    }

    fn scalar(&mut self, item: &Item<'_>, deeper: usize, behind: Option<&str>) {
        let values = self.values;
        let comment = behind.map(|text| format!(" #{text}")).unwrap_or_default();
        match values.leaves.get(&item.span.start) {
            None if item.as_leaf().is_some_and(|l| l.kind == ScalarKind::Null) => self.put("null"),
            None => self.put("\"\""),
            Some((bytes, ValueType::Str | ValueType::Bytes | ValueType::Comment)) => {
                letters::string(&mut self.out, bytes, Some((deeper, &comment)));
                return;
            }
            Some((bytes, ValueType::Float)) => self.put(&letters::float(bytes)),
            Some((bytes, ValueType::Bool)) => {
                self.put(if bytes.as_slice() == b"True" { "true" } else { "false" });
            }
            Some((bytes, ValueType::Int | ValueType::Time)) => self.out.push(bytes),
        }
        self.put(&comment);
        self.put("\n");
    }

    fn json_line(&mut self, depth: usize, index: usize) {
        self.put(if index == 0 { "\n" } else { ",\n" });
        self.put(&"\t".repeat(depth + 1));
    }

    fn json_map(&mut self, map: &Map<'_>, depth: usize, is_root: bool) {
        let mut count = 0;
        self.put("{");
        for entry in map.entries().filter(|e| !is_root || e.key.text != "sops") {
            self.json_line(depth, count);
            count += 1;
            put_json_string(&entry.key.text, &mut self.out);
            self.put(": ");
            self.json_value(&entry.value, depth + 1);
        }
        if count > 0 {
            self.put("\n");
            self.put(&"\t".repeat(depth));
        }
        self.put("}");
    }

    fn json_seq(&mut self, seq: &Seq<'_>, depth: usize) {
        let values = self.values;
        let is_comment =
            |item: &Item<'_>| matches!(values.leaves.get(&item.span.start), Some((_, ValueType::Comment)));
        let mut count = 0;
        self.put("[");
        for item in seq.items().filter(|i| !is_comment(&i.value)) {
            self.json_line(depth, count);
            count += 1;
            self.json_value(&item.value, depth + 1);
        }
        if count > 0 {
            self.put("\n");
            self.put(&"\t".repeat(depth));
        }
        self.put("]");
    }

    fn json_value(&mut self, item: &Item<'_>, depth: usize) {
        let values = self.values;
        match (&item.content, values.leaves.get(&item.span.start)) {
            (Content::Map(map), _) => self.json_map(map, depth, false),
            (Content::Seq(seq), _) => self.json_seq(seq, depth),
            (Content::Scalar(leaf), None) if leaf.kind == ScalarKind::Null => self.put("null"),
            (_, None) => self.put("\"\""),
            (_, Some((bytes, ValueType::Int))) => self.out.push(bytes),
            (_, Some((bytes, ValueType::Float))) => self.put(&letters::json_float(bytes)),
            (_, Some((bytes, ValueType::Bool))) => {
                self.put(if bytes.as_slice() == b"True" { "true" } else { "false" });
            }
            (_, Some((bytes, _))) => {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    put_json_string(text, &mut self.out);
                } else {
                    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
                    put_json_string(&text, &mut self.out);
                }
            }
        }
    }
}

fn is_flow(item: &Item<'_>) -> bool {
    item.as_map().is_some_and(|m| m.flow) || item.as_seq().is_some_and(|s| s.flow)
}

fn is_empty(item: &Item<'_>) -> bool {
    item.as_map().is_some_and(|m| m.entries().next().is_none())
        || item.as_seq().is_some_and(|s| s.items().next().is_none())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, FILE, OPS, ring, rules};
    use super::*;

    fn printed(text: &str) -> String {
        let opened = opened(text.as_bytes(), FILE, SealedFormat::Yaml, &ring(OPS));
        let opened = opened.unwrap_or_else(|e| panic!("{}", e.0));
        opened.expose_secret_str().expect("text").to_owned()
    }

    /// SOPS takes its block away and leaves what stood behind the key of it: trees 280 and 298 of `tests/rig/interop.rs`.
    #[test]
    fn a_comment_behind_the_key_of_the_block_stays() {
        let before = printed(CART);
        assert_eq!(printed(&CART.replace("\nsops:\n", "\nsops: # behind\n")), before + "# behind\n");
    }

    /// A comment opens where SOPS reads it and nowhere else: tree 360 of `tests/rig/interop.rs`.
    #[test]
    fn a_comment_that_was_sealed_for_another_place_stays_sealed() {
        let plain = "kind: Secret\nstringData:\n    # secret\n    a: x\n    list:\n        - word\nmore: 1\n";
        let sealed = super::super::seal_plain(plain.as_bytes(), FILE, &rules(), 0).expect("sealed");
        let sealed = String::from_utf8(sealed).expect("text");
        assert_eq!(printed(&sealed), plain);
        let comment = sealed.lines().find(|line| line.starts_with("    #ENC[")).expect("sealed").to_owned();
        let moved = sealed
            .replacen(&format!("{comment}\n"), "", 1)
            .replace("\nmore:", &format!("\n{comment}\nmore:"));
        assert!(
            printed(&moved).contains(&format!("        - word\n        {}\nmore: 1\n", comment.trim())),
            "{moved}"
        );
    }
}
