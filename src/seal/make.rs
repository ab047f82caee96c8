//! Making sealed files: a new Secret, a plain file sealed where it stands, a sealed file for other recipients.

use super::block::{self, Fields};
use super::cipher::{DataKey, Sealed, ValueType};
use super::edit::{Edit, as_text, cannot_write, failed, stamp_text};
use super::inspect::format_of;
use super::keys::{Keyring, PluginError, RecipientError, wrap_with};
use super::metadata::Metadata;
use super::open::{self, computed_mac};
use super::rules::{Rule, Rules, Selector};
use super::value;
use super::walk::{Place, Visit, aad, read, selects, walk};
use crate::model::{Problem, Reason, SealedFormat, clean};
use crate::yaml::source::{self, Comment, Item, Leaf, Source, Syntax, one_line, splice};
use crate::yaml::{Node, Style};
use std::fmt::Write as _;
use std::sync::Arc;

/// Makes a new sealed Secret for the rule that applies to the path.
pub fn create(file: &str, rules: &Rules, edits: Vec<Edit>, time: i64) -> Result<Vec<u8>, Problem> {
    let rule = rule_for(file, rules)?;
    if !matches!(format_of(file), SealedFormat::Yaml) {
        return Err(Problem::error(Reason::NotSupported, "new sealed files are made as YAML only")
            .at(file, 0)
            .next("name it .sops.yaml"));
    }
    for (key, wanted) in [("kind", false), ("stringData", true)] {
        if selects(&rule.selector, &[key.into()]) != wanted {
            let what = if wanted { "does not seal" } else { "also seals" };
            let cause =
                format!("{} {what} `{key}`, so no Secret of Kubernetes can be made with it", rule.describe());
            return Err(refuse_rule(
                rules,
                &rule,
                cause,
                "give the rule `encrypted_regex: ^(data|stringData)$`",
            ));
        }
    }
    let name = file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file);
    let mut text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {}\ntype: Opaque\nstringData:\n",
        one_line(name)
    );
    let key = DataKey::generate().map_err(failed)?;
    let mut count = 0;
    for edit in edits {
        let Edit::Set { key: name, value } = edit else { continue };
        let path = [Arc::from("stringData"), Arc::from(name.as_str())];
        let sealed = if value.is_empty() {
            "\"\"".to_owned()
        } else {
            key.seal(value.expose_secret(), &aad(&path), ValueType::Str).map_err(failed)?.to_string()
        };
        let _ = writeln!(text, "  {}: {sealed}", one_line(&name));
        count += 1;
    }
    if count == 0 {
        return Err(Problem::error(Reason::Refused, "a new Secret without a value has nothing to seal")
            .at(file, 0)
            .next("give at least one key and its value"));
    }
    sealed_whole(&text, file, &key, &rule, time)
}

/// Seals a plain YAML or JSON file where it stands: text, order and comments are kept, every leaf and comment that the
/// rule selects is sealed with its type.
pub fn seal_plain(bytes: &[u8], file: &str, rules: &Rules, time: i64) -> Result<Vec<u8>, Problem> {
    let rule = rule_for(file, rules)?;
    if !matches!(format_of(file), SealedFormat::Yaml | SealedFormat::Json) {
        return Err(Problem::error(
            Reason::NotSupported,
            "only YAML and JSON files are sealed by Sealane yet",
        )
        .at(file, 0)
        .next("seal it with `sops encrypt --in-place`"));
    }
    let source = read(bytes, file)?;
    cannot_write(&source, file, false)?;
    if source.documents.iter().filter_map(|d| d.root.as_ref()).any(|root| root.get("sops").is_some()) {
        return Err(Problem::error(Reason::Refused, "the file has a `sops` block already")
            .at(file, 0)
            .next("edit it, or seal it again for its recipients"));
    }
    let key = DataKey::generate().map_err(failed)?;
    let mut sealer = Sealer {
        source: &source,
        new: &key,
        selector: &rule.selector,
        old: None,
        edits: Vec::new(),
        sealed: 0,
    };
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
    sealed_whole(&text, file, &key, &rule, time)
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
    let fresh = DataKey::generate().map_err(failed)?;
    let body = block::without(as_text(bytes, file)?, file)?;
    let source = read(body.as_bytes(), file)?;
    cannot_write(&source, file, true)?;
    let old = Some((&opened.key, &opened.metadata.selector));
    let mut sealer =
        Sealer { source: &source, new: &fresh, selector: &rule.selector, old, edits: Vec::new(), sealed: 0 };
    walk(&source, file, &mut sealer)?;
    sealed_whole(&splice(source.text, &sealer.edits), file, &fresh, &rule, time)
}

/// Adds the block to a text whose leaves are sealed already, and proves the result by opening it.
fn sealed_whole(body: &str, file: &str, key: &DataKey, rule: &Rule, time: i64) -> Result<Vec<u8>, Problem> {
    let metadata = Metadata::fresh(rule.selector.clone(), rule.mac_only_encrypted);
    let wrapped = rule
        .recipients
        .iter()
        .map(|r| {
            Ok((
                r.key.clone(),
                wrap_with(key, &r.key, &rule.plugins).map_err(|e| recipient_problem(rule, &e))?,
            ))
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    let when = stamp_text(time);
    let mac = computed_mac(body.as_bytes(), file, key, &metadata)?;
    let mac = key.seal(mac.as_bytes(), &when, ValueType::Str).map_err(failed)?.to_string();
    let fields = Fields {
        wrapped: &wrapped,
        when: &when,
        mac: &mac,
        selector: &rule.selector,
        mac_only: rule.mac_only_encrypted,
    };
    let text = block::append(body, file, &fields)?;
    open::check(text.as_bytes(), file, key).map_err(|e| e.0)?;
    Ok(text.into_bytes())
}

/// Replaces every selected leaf and comment by its sealed form.
struct Sealer<'a, 't> {
    source: &'a Source<'t>,
    new: &'a DataKey,
    selector: &'a Selector,
    /// What it is sealed with now, if it is.
    old: Option<(&'a DataKey, &'a Selector)>,
    edits: Vec<source::Edit>,
    /// Leaves that are sealed.
    sealed: usize,
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
                let damaged = |e: super::CipherError| place.broken(item.line, &e.to_string());
                let sealed = Sealed::parse(&leaf.text).map_err(damaged)?;
                let plain = old.open(&sealed, &place.aad()).map_err(damaged)?;
                if !selected && sealed.value_type != ValueType::Comment {
                    return Err(exposed(item, place));
                }
                self.new.seal(plain.expose_secret(), &place.aad(), sealed.value_type).map_err(damaged)?
            }
            None if !selected => return Ok(None),
            None => {
                let typed = value::bytes(&leaf.text, leaf.kind, item.tag.as_deref(), json)
                    .map_err(|e| place.broken(item.line, &e.to_string()))?;
                let Some((bytes, value_type)) = typed.filter(|(bytes, _)| !bytes.is_empty()) else {
                    return Ok(None);
                };
                self.new.seal(&bytes, &place.aad(), value_type).map_err(failed)?
            }
        };
        self.sealed += 1;
        // A tag would make SOPS read the sealed text as something else than a string.
        let start = item.properties.as_ref().map_or(item.span.start, |p| p.start);
        let range = start..item.span.end;
        let quoted = json || place.in_flow;
        let mut text = if quoted { format!("\"{fresh}\"") } else { fresh.to_string() };
        if range.is_empty() || self.source.text[..start].ends_with(':') {
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
        let fresh = self.new.seal(plain, &place.aad(), ValueType::Comment).map_err(failed)?;
        let start = comment.span.start;
        let range = start..start + 1 + text.len();
        self.edits.push(source::Edit { range, text: format!("#{fresh}") });
        Ok(())
    }
}

impl Sealer<'_, '_> {
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

fn rule_for(file: &str, rules: &Rules) -> Result<Rule, Problem> {
    let next = "add a rule with a path_regex that matches, and recipients under `age`";
    let refuse = |line: u32, cause: String| {
        Problem::error(Reason::Config, cause).at(&place_of(rules), line).next(next)
    };
    let rule = rules
        .matching(file)
        .ok_or_else(|| refuse(0, format!("no rule of .sops.yaml matches {}", clean(file))))?;
    if !rule.foreign.is_empty() {
        let cause =
            format!("{} needs {}, which Sealane cannot seal for", rule.describe(), rule.foreign.join(", "));
        return Err(refuse(rule.line, cause));
    }
    if rule.recipients.is_empty() {
        return Err(refuse(rule.line, format!("{} names no age recipient", rule.describe())));
    }
    Ok(rule.clone())
}

fn place_of(rules: &Rules) -> String {
    if rules.file.is_empty() { ".sops.yaml".to_owned() } else { rules.file.to_string() }
}

fn refuse_rule(rules: &Rules, rule: &Rule, cause: String, next: &str) -> Problem {
    Problem::error(Reason::Config, cause).at(&place_of(rules), rule.line).next(next)
}

fn recipient_problem(rule: &Rule, error: &RecipientError) -> Problem {
    let (reason, next) = match error {
        RecipientError::Plugin(PluginError::NotAgreed { .. } | PluginError::Missing { .. }) => (
            Reason::NeedsPlugin,
            "install the plug-in and agree to it in a terminal, or seal for other recipients",
        ),
        RecipientError::Plugin(_) => (Reason::NeedsPlugin, "mend the plug-in, or seal for other recipients"),
        _ => (Reason::Config, "mend the recipients of the rule in .sops.yaml"),
    };
    Problem::error(reason, error.to_string()).at(".sops.yaml", rule.line).next(next)
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
