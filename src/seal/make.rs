//! Making sealed files: a new Secret, a plain file sealed where it stands, a sealed file for other recipients.

use super::block::{self, Fields, VERSION};
use super::cipher::{DataKey, Sealed, ValueType};
use super::edit::{Edit, as_text, cannot_write, changed, failed, locate, stamp_text};
use super::edited::{Known, Remark};
use super::inspect::format_of;
use super::keys::Keyring;
use super::metadata::Metadata;
use super::new_secret;
use super::open::{self, computed_mac};
use super::refresh;
use super::rules::{Rule, Rules, Selector};
use super::value;
use super::walk::{Place, Visit, aad, check_size, is_block, read, selects, walk};
use super::wrapping::{check_foreign, place_of, rewrapped, threshold, wrapped};
use crate::model::{Problem, Reason, SealedFormat, SecretFrame, clean};
use crate::secret::SecretText;
use crate::yaml::source::{self, Comment, Item, Leaf, Source, Syntax, splice};
use crate::yaml::{Node, Style, from_json};
use std::fmt::Write as _;

/// Makes a new sealed file for the rule that applies to the path: a Secret in YAML or JSON, lines in dotenv, sections in
/// INI, and an envelope with one value, `data`, for any other name.
pub fn create(file: &str, rules: &Rules, edits: Vec<Edit>, time: i64) -> Result<Vec<u8>, Problem> {
    let name = file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file);
    create_as(file, &SecretFrame { name: name.to_owned(), ..SecretFrame::default() }, rules, edits, time)
}

/// The same; a Secret gets this name, namespace and type.
pub(super) fn create_as(
    file: &str,
    frame: &SecretFrame,
    rules: &Rules,
    edits: Vec<Edit>,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let rule = rule_for(file, rules)?;
    let format = format_of(file);
    let is_secret = matches!(format, SealedFormat::Yaml | SealedFormat::Json);
    if is_secret {
        fits_a_secret(&rule, rules, &edits)?;
    }
    if edits.iter().all(|edit| !matches!(edit, Edit::Set { .. })) {
        return Err(Problem::error(Reason::Refused, "a new file without a value has nothing to seal")
            .at(file, 0)
            .next("give at least one key and its value"));
    }
    let key = DataKey::generate().map_err(failed)?;
    let body = if is_secret {
        new_secret::text(frame, format, &key, edits)?
    } else {
        let metadata = Metadata::fresh(rule.selector.clone(), rule.mac_only_encrypted);
        let skeleton = if format == SealedFormat::Binary { ENVELOPE } else { "" };
        let changes = locate(skeleton, file, edits)?;
        changed(skeleton, file, &key, &metadata, &changes)?
    };
    sealed_whole(&body, file, &key, &rule, rules, time)
}

/// Refuses a rule that seals what Kubernetes must read, or leaves values in the clear.
fn fits_a_secret(rule: &Rule, rules: &Rules, edits: &[Edit]) -> Result<(), Problem> {
    let is_binary = |edit: &Edit| matches!(edit, Edit::Set { value, .. } if new_secret::is_binary(value));
    let holders = [Some("stringData"), edits.iter().any(is_binary).then_some("data")];
    let wanted = holders.into_iter().flatten().map(|holder| (holder, true));
    for (key, wanted) in std::iter::once(("kind", false)).chain(wanted) {
        if selects(&rule.selector, &[key.into()]) != wanted {
            let what = if wanted { "does not seal" } else { "also seals" };
            let cause =
                format!("{} {what} `{key}`, so no Secret of Kubernetes can be made with it", rule.describe());
            let next = "give the rule `encrypted_regex: ^(data|stringData)$`";
            return Err(refuse_rule(rules, rule, cause, next));
        }
    }
    Ok(())
}

/// What SOPS' binary store writes around its one value.
const ENVELOPE: &str = "{\n\t\"data\": \"\"\n}\n";

/// Seals a plain file where it stands: text, order and comments are kept, every leaf and comment that the rule selects is
/// sealed with its type. A file whose name gives it no format becomes one value, whatever the rule selects.
pub fn seal_plain(bytes: &[u8], file: &str, rules: &Rules, time: i64) -> Result<Vec<u8>, Problem> {
    let rule = rule_for(file, rules)?;
    // Base64 and the envelope make it a third larger.
    check_size(bytes.len() / 3 * 4, file)?;
    let already = || {
        Problem::error(Reason::Refused, "the file has a `sops` block already")
            .at(file, 0)
            .next("edit it, or seal it again for its recipients")
    };
    if format_of(file) == SealedFormat::Binary {
        if from_json(bytes).is_ok_and(|root| root.get("sops").is_some()) {
            return Err(already());
        }
        let value = SecretText::from_vec(bytes.to_vec());
        return create(file, rules, vec![Edit::Set { key: "data".to_owned(), value }], time);
    }
    let source = read(bytes, file)?;
    cannot_write(&source, file, false)?;
    if is_sealed(&source) {
        return Err(already());
    }
    let key = DataKey::generate().map_err(failed)?;
    let mut sealer = Sealer::new(&source, &key, &rule.selector, None);
    walk(&source, file, &mut sealer)?;
    if sealer.sealed == 0 {
        // SOPS would write such a file and call it encrypted (secrets.md 1.13).
        let cause = format!(
            "{} seals nothing in {}: every value would stay in the clear",
            rule.describe(),
            clean(file)
        );
        return Err(refuse_rule(rules, &rule, cause, "mend the rule's selector"));
    }
    let text = splice(source.text, &sealer.edits);
    sealed_whole(&text, file, &key, &rule, rules, time)
}

/// True if a document has a block.
fn is_sealed(source: &Source<'_>) -> bool {
    let roots = source.documents.iter().filter_map(|d| d.root.as_ref()?.as_map());
    roots.into_iter().any(|root| root.entries().any(|e| is_block(source.syntax, &e.key.text)))
}

/// Seals a file again for the recipients that the rules give now, under a new data key. The block stays where it is, with
/// all that is not known here.
pub fn reseal(
    bytes: &[u8],
    file: &str,
    keyring: &Keyring,
    rules: &Rules,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let rule = rule_of(file, rules)?;
    let opened = open::open(bytes, file, keyring).map_err(|e| e.0)?;
    check_foreign(file, &opened.metadata, &rule, rules, false)?;
    let fresh = DataKey::generate().map_err(failed)?;
    let source = read(bytes, file)?;
    cannot_write(&source, file, true)?;
    let old = Some((&opened.key, &opened.metadata.selector));
    let mut sealer = Sealer::new(&source, &fresh, &rule.selector, old);
    walk(&source, file, &mut sealer)?;
    let body = splice(source.text, &sealer.edits);
    let metadata = Metadata::fresh(rule.selector.clone(), rule.mac_only_encrypted);
    let (when, mac) = stamped(&body, file, &fresh, &metadata, time)?;
    let groups = wrapped(&fresh, &rule, rules)?;
    let fields = Fields {
        keys: Some((&groups, threshold(&rule))),
        stamp: Some((&when, &mac)),
        // A binary file has no selector.
        selection: (format_of(file) != SealedFormat::Binary)
            .then_some((&rule.selector, rule.mac_only_encrypted)),
        version: is_older(opened.metadata.version.as_deref()),
    };
    let source = read(body.as_bytes(), file)?;
    let text = splice(&body, &refresh::edits(&source, &fields));
    open::check(text.as_bytes(), file, &fresh).map_err(|e| e.0)?;
    Ok(text.into_bytes())
}

/// Brings a file in line with the recipients that the rules give now and keeps its data key: values, MAC and time stay as
/// they are, and so does what was wrapped for those who stay. `None` if nobody comes or goes.
pub fn rewrap(
    bytes: &[u8],
    file: &str,
    keyring: &Keyring,
    rules: &Rules,
) -> Result<Option<Vec<u8>>, Problem> {
    let rule = rule_of(file, rules)?;
    let opened = open::open(bytes, file, keyring).map_err(|e| e.0)?;
    check_foreign(file, &opened.metadata, &rule, rules, true)?;
    let Some(groups) = rewrapped(&opened.key, &opened.metadata, &rule, rules)? else { return Ok(None) };
    let source = read(bytes, file)?;
    let fields = Fields { keys: Some((&groups, threshold(&rule))), ..Fields::default() };
    let text = splice(as_text(bytes, file)?, &refresh::edits(&source, &fields));
    open::check(text.as_bytes(), file, &opened.key).map_err(|e| e.0)?;
    Ok(Some(text.into_bytes()))
}

/// True for a version before the one whose format is written.
fn is_older(version: Option<&str>) -> bool {
    let parts = |text: &str| text.split('.').map(|p| p.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    version.is_none_or(|version| parts(version) < parts(VERSION))
}

/// The time, and the MAC of a text whose leaves are sealed.
fn stamped(
    body: &str,
    file: &str,
    key: &DataKey,
    metadata: &Metadata,
    time: i64,
) -> Result<(String, String), Problem> {
    let when = stamp_text(time);
    let mac = computed_mac(body.as_bytes(), file, key, metadata)?;
    let mac = key.seal(mac.as_bytes(), &when, ValueType::Str).map_err(failed)?.to_string();
    Ok((when, mac))
}

/// Adds the block to a text whose leaves are sealed already, and proves the result by opening it.
fn sealed_whole(
    body: &str,
    file: &str,
    key: &DataKey,
    rule: &Rule,
    rules: &Rules,
    time: i64,
) -> Result<Vec<u8>, Problem> {
    let metadata = Metadata::fresh(rule.selector.clone(), rule.mac_only_encrypted);
    let (when, mac) = stamped(body, file, key, &metadata, time)?;
    let groups = wrapped(key, rule, rules)?;
    let format = format_of(file);
    let fields = Fields {
        keys: Some((&groups, threshold(rule))),
        stamp: Some((&when, &mac)),
        selection: (format != SealedFormat::Binary).then_some((&rule.selector, rule.mac_only_encrypted)),
        version: true,
    };
    let text = block::append(body, file, format, &fields)?;
    check_size(text.len(), file)?;
    open::check(text.as_bytes(), file, key).map_err(|e| e.0)?;
    Ok(text.into_bytes())
}

/// Replaces every selected leaf and comment by its sealed form.
pub(super) struct Sealer<'a, 't> {
    source: &'a Source<'t>,
    new: &'a DataKey,
    selector: &'a Selector,
    /// What it is sealed with now, if it is.
    old: Option<(&'a DataKey, &'a Selector)>,
    /// What was sealed under the same key before.
    known: Option<&'a Known>,
    pub(super) edits: Vec<source::Edit>,
    /// Leaves that are sealed.
    sealed: usize,
}

impl<'a, 't> Sealer<'a, 't> {
    fn new(
        source: &'a Source<'t>,
        new: &'a DataKey,
        selector: &'a Selector,
        old: Option<(&'a DataKey, &'a Selector)>,
    ) -> Self {
        Self { source, new, selector, old, known: None, edits: Vec::new(), sealed: 0 }
    }

    /// Seals a text whose values may have been there before, under the key that they had.
    pub(super) fn again(
        source: &'a Source<'t>,
        key: &'a DataKey,
        selector: &'a Selector,
        known: &'a Known,
    ) -> Self {
        Self { known: Some(known), ..Self::new(source, key, selector, None) }
    }
}

impl<'s, 't> Visit<'s, 't> for Sealer<'_, 't> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        let was_sealed = self.old.filter(|(_, old)| place.is_selected(old) && !leaf.text.is_empty());
        let selected = place.is_selected(self.selector);
        let json = self.source.syntax == Syntax::Json;
        let fresh = match was_sealed {
            Some((old, _)) => {
                let (sealed, plain) = place.opened(old, item.line, &leaf.text)?;
                if !selected && sealed.value_type != ValueType::Comment {
                    return Err(exposed(item, place));
                }
                self.new
                    .seal(plain.expose_secret(), &place.aad(), sealed.value_type)
                    .map_err(|error| place.broken(item.line, &error.to_string()))?
            }
            None if !selected => return Ok(None),
            None if self.known.is_some_and(|known| known.stood_there(place.path, &leaf.text)) => {
                return Ok(None);
            }
            None => {
                let typed = value::bytes(&leaf.text, leaf.kind, item.tag.as_deref(), json)
                    .map_err(|e| place.broken(item.line, &e.to_string()))?;
                let Some((bytes, value_type)) = typed.filter(|(bytes, _)| !bytes.is_empty()) else {
                    return Ok(None);
                };
                match self.known.and_then(|known| known.ciphertext(place.path, &bytes, value_type)) {
                    Some(known) => Sealed::parse(known).map_err(failed)?,
                    None => self.new.seal(&bytes, &place.aad(), value_type).map_err(failed)?,
                }
            }
        };
        self.sealed += 1;
        // A tag would make SOPS read the sealed text as something else than a string.
        let start = item.properties.as_ref().map_or(item.span.start, |p| p.start);
        let range = start..item.span.end;
        let quoted = json || place.in_flow;
        let mut text = if quoted { format!("\"{fresh}\"") } else { fresh.to_string() };
        let is_glued = range.is_empty() || self.source.text[..start].ends_with(':');
        if self.source.syntax == Syntax::Yaml && is_glued {
            text.insert(0, ' ');
        }
        if matches!(leaf.style, Style::Literal | Style::Folded) {
            self.keep_header_comment(&range, &mut text);
        }
        self.edits.push(source::Edit { range, text });
        Ok(None)
    }

    fn comment(&mut self, comment: &'s Comment<'t>, place: &Place<'_>) -> Result<(), Problem> {
        let text = comment.text.trim_end_matches('\r');
        let known = self.known.and_then(|known| known.comment(place.path, text));
        let start = comment.span.start;
        let range = start..start + 1 + text.len();
        match known {
            Some(Remark::Open) => return Ok(()),
            Some(Remark::Item(sealed)) => {
                self.edits.push(source::Edit { range, text: format!("- {sealed}") });
                return Ok(());
            }
            Some(Remark::Sealed(_)) | None => {}
        }
        let sealed = Sealed::parse(text).ok().filter(|_| self.old.is_some());
        let opened = match (&sealed, self.old) {
            // Whoever wrote it may have put it a level further out than we would.
            (Some(sealed), Some((old, _))) => (0..=place.path.len())
                .rev()
                .find_map(|depth| old.open(sealed, &aad(&place.path[..depth])).ok()),
            _ => None,
        };
        let plain = opened.as_ref().map_or(text.as_bytes(), |opened| opened.expose_secret());
        if plain.is_empty() || (opened.is_none() && !place.is_selected(self.selector)) {
            return Ok(());
        }
        let fresh = match known {
            Some(Remark::Sealed(known)) => Sealed::parse(known).map_err(failed)?,
            _ => self.new.seal(plain, &place.aad(), ValueType::Comment).map_err(failed)?,
        };
        if self.source.syntax == Syntax::Ini {
            self.replace_whole(comment, &fresh);
            return Ok(());
        }
        self.edits.push(source::Edit { range, text: format!("#{fresh}") });
        Ok(())
    }
}

impl Sealer<'_, '_> {
    /// In INI all comments of a key are one, which stands where the first of them stood.
    fn replace_whole(&mut self, comment: &Comment<'_>, fresh: &Sealed) {
        let text = self.source.text;
        let sign = &text[comment.span.start..=comment.span.start];
        self.edits.push(source::Edit { range: comment.span.clone(), text: format!("{sign} {fresh}") });
        for piece in &comment.rest {
            let before = text[..piece.start].trim_end_matches([' ', '\t']).len();
            let owns_line = text[..before].is_empty() || text[..before].ends_with('\n');
            let end = text[piece.end..].find('\n').map_or(text.len(), |end| piece.end + end);
            let range = if owns_line { before..(end + 1).min(text.len()) } else { before..piece.end };
            self.edits.push(source::Edit { range, text: String::new() });
        }
    }

    /// A block scalar is replaced as a whole; the comment behind its `|` moves behind the sealed text.
    fn keep_header_comment(&mut self, range: &std::ops::Range<usize>, text: &mut String) {
        if let Some(at) = self.edits.iter().position(|edit| range.contains(&edit.range.start)) {
            let comment = self.edits.remove(at);
            let _ = write!(text, " {}", comment.text);
        } else if let Some((_, comment)) =
            self.source.text[range.clone()].lines().next().and_then(|header| header.split_once(" #"))
        {
            let _ = write!(text, " #{comment}");
        }
    }
}

fn exposed(item: &Item<'_>, place: &Place<'_>) -> Problem {
    Problem::error(
        Reason::Refused,
        format!(
            "`{}` is sealed and would stand in the clear: the rule of today does not select it",
            place.name()
        ),
    )
    .at(".sops.yaml", 0)
    .next(format!("mend the rule's selector, or take the value out first (line {} of the file)", item.line))
}

/// The rule for a file that is to be made: all its keys must be age's.
fn rule_for(file: &str, rules: &Rules) -> Result<Rule, Problem> {
    let rule = rule_of(file, rules)?;
    if rule.foreign.is_empty() {
        return Ok(rule);
    }
    let cause =
        format!("{} needs {}, which Sealane cannot seal for", rule.describe(), rule.foreign.join(", "));
    Err(refuse_rule(
        rules,
        &rule,
        cause,
        "add a rule with a path_regex that matches, and recipients under `age`",
    ))
}

/// The rule for a file.
fn rule_of(file: &str, rules: &Rules) -> Result<Rule, Problem> {
    let next = "add a rule with a path_regex that matches, and recipients under `age`";
    let refuse = |line: u32, cause: String| {
        Problem::error(Reason::Config, cause).at(&place_of(rules), line).next(next)
    };
    let rule = rules
        .matching(file)
        .ok_or_else(|| refuse(0, format!("no rule of .sops.yaml matches {}", clean(file))))?;
    if rule.recipients.is_empty() && rule.foreign.is_empty() {
        return Err(refuse(rule.line, format!("{} names no age recipient", rule.describe())));
    }
    let mut rule = rule.clone();
    if format_of(file) == SealedFormat::Binary {
        // SOPS ignores both for a file with one value (secrets.md 1.9).
        (rule.selector, rule.mac_only_encrypted) = (Selector::default(), false);
    }
    Ok(rule)
}

fn refuse_rule(rules: &Rules, rule: &Rule, cause: String, next: &str) -> Problem {
    Problem::error(Reason::Config, cause).at(&place_of(rules), rule.line).next(next)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{CART, FILE, OPS, ring, rules, set, value};
    use super::*;

    #[test]
    fn a_new_file_follows_its_rule() {
        let made =
            create(FILE, &rules(), vec![set("password", "hunter2"), set("user", "cart")], 1_700_000_000)
                .expect("made");
        assert_eq!(value(&made, "password").as_deref(), Some("hunter2"));
        let text = String::from_utf8(made).expect("text");
        assert!(text.starts_with("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains(" x:"));
        let none = create("nowhere.yaml", &rules(), vec![set("a", "b")], 0);
        assert!(none.is_err_and(|p| !p.next.is_empty()));
    }

    #[test]
    fn sealing_again_changes_every_ciphertext_and_no_value() {
        let again = reseal(CART.as_bytes(), FILE, &ring(OPS), &rules(), 0).expect("sealed again");
        assert_eq!(value(&again, "username"), value(CART.as_bytes(), "username"));
        let text = String::from_utf8(again).expect("text");
        let kept = CART.lines().filter(|l| l.contains("ENC[") && text.contains(*l)).count();
        assert_eq!(kept, 0, "{text}");
    }
}
