//! Files that are sealed, or say so: what of them is open all the same (secrets.md 1.13), in every format of SOPS.

use super::super::inspect::format_of;
use super::super::metadata::Metadata;
use super::super::rules::{Rule, Rules, Selector};
use super::super::sealed_secrets::is_sealed_secret;
use super::super::walk::{Place, Visit, read, selects, walk};
use super::exposure::{Exposure, Kind};
use super::objects::is_secret;
use super::plain::{is_plain, is_setting, says_who};
use crate::model::{Problem, SealedFormat, clean};
use crate::yaml::source::{Item, Leaf};
use crate::yaml::{Map, Node, Value};
use std::sync::Arc;
use zeroize::Zeroizing;

const SEAL: &str = "seal it with `sealane seal`, then change the value: history still has it";
const AGAIN: &str = "seal the file again, then change the value: history still has it";

/// What of a YAML or JSON file with these documents is not sealed and should be; `known` if a Secret in it was found open.
pub(super) fn in_documents(
    path: &str,
    bytes: &[u8],
    all: &[Node],
    rules: &Rules,
    known: bool,
) -> Vec<Exposure> {
    let block = all.iter().find_map(Metadata::of);
    let sealed = all.iter().map(count_sealed).sum::<usize>();
    let mut found = Vec::new();
    match block {
        Some(Ok(metadata)) if format_of(path) == SealedFormat::Binary => {
            let data = all.first().and_then(|root| root.get("data")).and_then(Node::scalar_text);
            if data.is_some_and(|text| !text.is_empty() && !text.starts_with("ENC[")) {
                found.push(in_name_only(path, metadata.line, "its `data` stands in the clear", bytes));
            }
        }
        Some(Ok(metadata)) => {
            let open = unsealed(path, bytes, &metadata.selector);
            let is_empty = all.iter().all(|document| !any_plain(document));
            if sealed == 0 && open.is_empty() && !known && !is_empty {
                let cause = match metadata.selector.field() {
                    Some((field, text)) => format!("`{field}: {}` seals nothing in it", clean(&text)),
                    None => "not one value in it is sealed".to_owned(),
                };
                found.push(in_name_only(path, metadata.line, &cause, bytes));
            }
            found.extend(open.into_iter().filter(|_| !known).map(|(key, line, value)| {
                let cause = format!("`{}` stands in the clear in a sealed file", clean(&key));
                let exposure = Exposure::new(Kind::OpenValue, path, line, cause, key.as_bytes()).next(AGAIN);
                exposure.holding([value.as_bytes()])
            }));
            found.extend(whole_manifest(path, all));
        }
        Some(Err(cause)) => found.push(in_name_only(path, 0, &cause, bytes)),
        None if sealed > 0 => {
            let cause = "values are sealed, and the `sops` block that opens them is gone".to_owned();
            let next =
                "take the block back from history (`git log -p` on the file), or seal the values again";
            found.push(Exposure::new(Kind::LostBlock, path, 0, cause, bytes).next(next));
        }
        // Sealed for a controller, whatever the file's name and its rule say.
        None if !all.is_empty() && all.iter().all(is_sealed_secret) => {}
        None if !known => {
            let open = |rule: &Rule| {
                let is_object = |d: &Node| d.get("kind").is_some() && d.get("apiVersion").is_some();
                // A rule for whole folders means their Secrets, and what is no object.
                let foreign = all.iter().any(|d| is_object(d) && !is_secret(d));
                (!unsealed(path, bytes, &rule.selector).is_empty(), foreign)
            };
            found.extend(not_sealed(path, bytes, rules, open, || all.iter().any(any_plain)));
        }
        None => {}
    }
    found
}

/// The same for text that is neither: dotenv, INI, anything else.
pub(super) fn in_lines(path: &str, bytes: &[u8], rules: &Rules) -> Vec<Exposure> {
    let text = String::from_utf8_lossy(bytes);
    let format = format_of(path);
    let pairs: Option<Pairs> = match format {
        SealedFormat::Dotenv => dotenv(&text),
        SealedFormat::Ini => ini(&text),
        _ => None,
    };
    let Some(pairs) = pairs else {
        let has_values = || {
            text.lines().any(|line| {
                let line = line.trim();
                let value = line.split_once('=').map_or(line, |(_, value)| value);
                !line.starts_with(['#', ';']) && is_plain(value)
            })
        };
        return not_sealed(path, bytes, rules, |_| (has_values(), false), has_values).into_iter().collect();
    };
    let selector = match Selector::read(&Node::map(pairs.block)) {
        Ok(selector) => selector,
        Err(cause) => return vec![in_name_only(path, 0, &cause, bytes)],
    };
    let is_open = |value: &str| !value.is_empty() && !value.starts_with("ENC[");
    let sealed = pairs.values.iter().filter(|(.., value)| value.starts_with("ENC[")).count();
    let mut found: Vec<Exposure> = pairs
        .values
        .iter()
        .filter(|(keys, _, value)| is_open(value) && is_plain(value) && selects(&selector, keys))
        .map(|(keys, line, value)| {
            let cause = format!("`{}` stands in the clear in a sealed file", clean(&keys.join(".")));
            let exposure = Exposure::new(Kind::OpenValue, path, *line, cause, value.as_bytes()).next(AGAIN);
            exposure.holding([value.as_bytes()])
        })
        .collect();
    if sealed == 0 && found.is_empty() && pairs.values.iter().any(|(.., value)| is_plain(value)) {
        let cause = match selector.field() {
            Some((field, text)) => format!("`{field}: {}` seals nothing in it", clean(&text)),
            None => "not one value in it is sealed".to_owned(),
        };
        found.push(in_name_only(path, 0, &cause, bytes));
    }
    found
}

fn in_name_only(path: &str, line: u32, cause: &str, bytes: &[u8]) -> Exposure {
    let next = "seal it again with a rule that is right, and change the value: it may be known";
    let exposure =
        Exposure::new(Kind::SealedInNameOnly, path, line, format!("sealed in name only: {cause}"), bytes);
    let values = values(path, bytes);
    exposure.next(next).holding(values.iter().map(|value| value.as_bytes()))
}

/// Keys, lines and values of a file of pairs, and the fields of its block.
struct Pairs {
    values: Vec<(Vec<Arc<str>>, u32, String)>,
    block: Map,
}

/// A dotenv file with a block; the block is flattened behind `sops_` (secrets.md 1.9).
fn dotenv(text: &str) -> Option<Pairs> {
    let mut pairs = Pairs { values: Vec::new(), block: Map::new() };
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once('=') else { continue };
        match key.strip_prefix("sops_") {
            Some(field) => pairs.block.set(field, Node::string(value)),
            None => {
                pairs.values.push((
                    vec![key.into()],
                    u32::try_from(index + 1).unwrap_or(0),
                    value.to_owned(),
                ));
            }
        }
    }
    (!pairs.block.is_empty()).then_some(pairs)
}

/// An INI file with a section `[sops]`.
fn ini(text: &str) -> Option<Pairs> {
    let mut pairs = Pairs { values: Vec::new(), block: Map::new() };
    let mut section = "DEFAULT".to_owned();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with([';', '#'])) else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim().trim_matches('"'));
        if section == "sops" {
            pairs.block.set(key, Node::string(value));
        } else {
            let keys = vec![section.as_str().into(), key.into()];
            pairs.values.push((keys, u32::try_from(index + 1).unwrap_or(0), value.to_owned()));
        }
    }
    (!pairs.block.is_empty()).then_some(pairs)
}

/// A file that a rule or its own name says is sealed.
fn not_sealed(
    path: &str,
    bytes: &[u8],
    rules: &Rules,
    open: impl Fn(&Rule) -> (bool, bool),
    has_values: impl Fn() -> bool,
) -> Option<Exposure> {
    if is_otherwise_sealed(bytes) || is_a_template(path) {
        return None;
    }
    let promises = promises(path);
    let by_rule = rules.matching(path).filter(|rule| {
        let (is_open, is_foreign) = open(rule);
        let reach = reach(rule, path);
        is_open && (reach == Reach::File || promises || reach == Reach::Folder && !is_foreign)
    });
    let cause = match by_rule {
        Some(rule) => format!("not sealed, though {} of .sops.yaml says so", rule.describe()),
        None if promises && has_values() => match rules.matching(path).filter(|rule| rule.path.is_some()) {
            Some(rule) => format!("not sealed, though its name and {} of .sops.yaml say so", rule.describe()),
            None => "not sealed, though its name says so".to_owned(),
        },
        None => return None,
    };
    let values = values(path, bytes);
    let exposure = Exposure::new(Kind::NotSealed, path, 0, cause, bytes).next(SEAL);
    Some(exposure.holding(values.iter().map(|value| value.as_bytes())))
}

/// Every value of a file that is open as a whole, but those that only say who and where.
fn values(path: &str, bytes: &[u8]) -> Vec<Zeroizing<String>> {
    let everything = Selector::UnencryptedSuffix("\n".into());
    let mut values = Vec::new();
    for (key, _, value) in unsealed(path, bytes, &everything) {
        if !says_who(&key) && !is_setting(&key, &value) {
            values.push(value);
        }
    }
    values
}

/// How much a rule is about this file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// About files that are called like this.
    File,
    /// About everything in a folder.
    Folder,
    /// About everything.
    All,
}

fn reach(rule: &Rule, path: &str) -> Reach {
    let Some(expression) = &rule.path else { return Reach::All };
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    // A name that nobody wrote a rule for.
    let elsewhere = format!("zqxj.{ending}");
    match (
        expression.is_match(&format!("zqxj/{elsewhere}")),
        expression.is_match(&format!("{folder}/{elsewhere}")),
    ) {
        (true, _) => Reach::All,
        (false, true) => Reach::Folder,
        (false, false) => Reach::File,
    }
}

/// Names by which people say that a file is sealed.
pub(super) fn promises(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_rules = matches!(&*name, ".sops.yaml" | ".sops.yml");
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_env = ending == "env" && name.contains("secret");
    !is_rules
        && (name.contains(".sops.")
            || name.contains(".enc.")
            || ending == "enc"
            || ending == "sops"
            || is_env)
}

/// Templates are filled in before they are sealed; prose and programs that are about sealing are not sealed.
fn is_a_template(path: &str) -> bool {
    const ENDINGS: [&str; 21] = [
        "j2", "jinja", "jinja2", "tmpl", "tpl", "gotmpl", "template", "example", "sample", "dist", "md",
        "sh", "py", "go", "rs", "ts", "js", "nix", "rst", "mustache", "pub",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(
        name,
        ".sops.yaml" | ".sops.yml" | ".gitattributes" | ".gitignore" | "Taskfile.yaml" | "Makefile"
    ) || name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
        || name.contains(".example.")
        || name.contains(".sample.")
}

/// Other tools seal whole files.
fn is_otherwise_sealed(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 7] = [
        b"$ANSIBLE_VAULT;",
        b"age-encryption.org/",
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        b"\0GITCRYPT\0",
        b"Salted__",
        b"-----BEGIN PGP MESSAGE-----",
        b"U2FsdGVkX1",
    ];
    marks.iter().any(|mark| bytes.starts_with(mark)) || bytes.iter().take(512).any(|byte| *byte == 0)
}

fn count_sealed(node: &Node) -> usize {
    match &node.value {
        Value::Map(map) => {
            map.iter().filter(|(key, _)| *key != "sops").map(|(_, value)| count_sealed(value)).sum()
        }
        Value::Seq(items) => items.iter().map(count_sealed).sum(),
        _ => usize::from(node.as_str().is_some_and(|text| text.starts_with("ENC[AES256_GCM,"))),
    }
}

/// True if a document has a value at all that somebody could want to seal; an object's own fields are none.
fn any_plain(document: &Node) -> bool {
    fn any(node: &Node, top: bool) -> bool {
        const OWN: [&str; 5] = ["sops", "apiVersion", "kind", "metadata", "type"];
        match &node.value {
            Value::Map(map) => {
                map.iter().any(|(key, value)| !(top && OWN.contains(&key)) && any(value, false))
            }
            Value::Seq(items) => items.iter().any(|item| any(item, false)),
            _ => node.as_str().is_some_and(is_plain),
        }
    }
    any(document, true)
}

/// An object whose kind, version or name is sealed.
fn whole_manifest(path: &str, all: &[Node]) -> Option<Exposure> {
    // A kubeconfig is opened by people, as a whole.
    let is_kubeconfig = |d: &Node| d.get("clusters").is_some() && d.get("users").is_some();
    if all.iter().any(is_kubeconfig) {
        return None;
    }
    let is_sealed = |node: &Node| node.scalar_text().is_some_and(|text| text.starts_with("ENC["));
    let fields: [&[&str]; 4] =
        [&["apiVersion"], &["kind"], &["metadata", "name"], &["metadata", "namespace"]];
    let (field, node) = all.iter().flat_map(|d| fields.iter().map(move |f| (f, d.at_path(f)))).find_map(
        |(field, node)| {
            // `kind` and `name` are common words: only beside an apiVersion they are an object's.
            let node = node.filter(|node| is_sealed(node))?;
            all.iter().any(|d| d.get("apiVersion").is_some()).then_some((field, node))
        },
    )?;
    let cause = format!("`{}` is sealed too, so no controller can read the object", field.join("."));
    let next = "seal it with `encrypted_regex: ^(data|stringData)$`";
    Some(Exposure::new(Kind::WholeManifest, path, node.mark.line, cause, b"").next(next))
}

/// Leaves that a selector seals and that stand in the clear.
fn unsealed(path: &str, bytes: &[u8], selector: &Selector) -> Vec<(String, u32, Zeroizing<String>)> {
    let mut unsealed = Unsealed { selector, open: Vec::new() };
    // What cannot be walked is named when it is opened.
    let _ = read(bytes, path).and_then(|source| walk(&source, path, &mut unsealed).map(drop));
    unsealed.open
}

/// Finds leaves that the file's own selector should have sealed and did not.
struct Unsealed<'a> {
    selector: &'a Selector,
    open: Vec<(String, u32, Zeroizing<String>)>,
}

impl<'s, 't> Visit<'s, 't> for Unsealed<'_> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if is_plain(&leaf.text) && place.is_selected(self.selector) {
            self.open.push((place.name(), item.line, Zeroizing::new(leaf.text.to_string())));
        }
        Ok(None)
    }
}
