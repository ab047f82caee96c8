//! Objects that hold secrets by what they are: Secrets wherever they stand, patches and generators of them, logins.

use super::super::open::documents;
use super::super::rules::Rules;
use super::exposure::{Exposure, Kind};
use super::plain::{is_plain, is_setting, says_who};
use crate::model::{ObjectKey, clean};
use crate::yaml::{Map, Node, Style, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::Regex;
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Objects in texts in objects: deeper than this nobody puts them.
const DEEPEST: usize = 4;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What stands in a text in which an object of this file may be found.
const HINT: &str = r#"(?-u)kind\\*["']?[ \t]*:[ \t]*\\*["']?(?:Secret|Config)\b|last-applied-configuration|client-key-data|auths|secretGenerator"#;

static HINTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(HINT).ok());

/// True if it is worth reading a text as YAML for what is looked for here.
pub(super) fn is_hinted(bytes: &[u8]) -> bool {
    HINTED.as_ref().is_some_and(|hint| hint.is_match(bytes))
}

/// What was found, and the lines that it is about: nothing else has to speak of them.
#[derive(Default)]
pub(super) struct Found {
    pub(super) exposures: Vec<Exposure>,
    pub(super) lines: Vec<u32>,
}

/// Looks through documents.
pub(super) fn in_documents(path: &str, all: &[Node], rules: &Rules) -> Found {
    let mut walker = Walker { path, rules, offset: 0, depth: 0, found: Found::default() };
    for document in all {
        walker.node(document);
    }
    walker.found
}

struct Walker<'a> {
    path: &'a str,
    rules: &'a Rules,
    /// Lines before the text that is looked at, where it stands inside another.
    offset: u32,
    depth: usize,
    found: Found,
}

impl Walker<'_> {
    fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Map(map) => {
                if is_secret(node) {
                    self.secret(node);
                }
                self.logins(node);
                self.generators(node);
                self.patch(node);
                for (key, value) in map.iter() {
                    match key {
                        LAST_APPLIED => self.last_applied(value),
                        _ => self.node(value),
                    }
                }
            }
            Value::Seq(items) => items.iter().for_each(|item| self.node(item)),
            Value::Scalar(_) => self.text(node),
            Value::Secret(_) => {}
        }
    }

    fn line(&self, node: &Node) -> u32 {
        self.offset + node.mark.line
    }

    /// `values` are what is to be looked for elsewhere; `material` is what an exception is bound to.
    fn tell(
        &mut self,
        kind: Kind,
        line: u32,
        (cause, next): (String, String),
        values: &[&str],
        material: &[u8],
    ) {
        let exposure = Exposure::new(kind, self.path, line, cause, material).next(next);
        self.found.exposures.push(exposure.holding(values.iter().map(|value| value.as_bytes())));
    }

    /// A text may hold objects of its own: a patch, a file of a ConfigMap, extra manifests of a chart.
    fn text(&mut self, node: &Node) {
        let Some(scalar) = node.as_scalar().filter(|scalar| scalar.text.len() > 24) else { return };
        if self.depth >= DEEPEST || !is_hinted(scalar.text.as_bytes()) {
            return;
        }
        let Ok(inner) = documents(scalar.text.as_bytes(), self.path) else { return };
        let is_block = matches!(scalar.style, Style::Literal | Style::Folded);
        // A text in quotes has no lines of its own; a block begins below its own.
        let before = self.offset;
        let first = self.found.exposures.len();
        self.depth += 1;
        self.offset = self.line(node);
        inner.iter().filter(|n| n.as_map().is_some() || n.as_seq().is_some()).for_each(|n| self.node(n));
        self.offset = before;
        self.depth -= 1;
        if !is_block {
            let line = self.line(node);
            for exposure in &mut self.found.exposures[first..] {
                exposure.problem = exposure.problem.clone().at(self.path, line);
            }
            self.found.lines.push(line);
        }
    }

    fn last_applied(&mut self, node: &Node) {
        let Some(text) = node.scalar_text() else { return };
        let Ok(inner) = documents(text.as_bytes(), self.path) else { return };
        let plain =
            inner.iter().filter(|object| is_secret(object)).any(|object| !open_keys(object).is_empty());
        if plain {
            let line = self.line(node);
            self.found.lines.push(line);
            let cause = format!("the annotation `{LAST_APPLIED}` holds a whole Secret in the clear");
            let next = "take the annotation out, then change the values: history still has them".to_owned();
            let open =
                inner.iter().filter(|object| is_secret(object)).flat_map(open_keys).collect::<Vec<_>>();
            self.tell(Kind::LastApplied, line, (cause, next), &telling(&open), text.as_bytes());
        }
    }

    fn secret(&mut self, object: &Node) {
        let open = open_keys(object);
        let Some((first, _)) = open.first() else { return };
        let line = self.line(first);
        for (value, _) in &open {
            let first = self.line(value);
            // A block's text begins below its own line.
            let more = value.scalar_text().map_or(0, |text| text.lines().count());
            self.found.lines.extend(first..=first + u32::try_from(more).unwrap_or(0));
        }
        let names: Vec<String> = open.iter().map(|(_, key)| format!("`{key}`")).collect();
        let name =
            object.at_path(&["metadata", "name"]).and_then(Node::scalar_text).unwrap_or("without a name");
        let cause = format!("Secret {} holds {} in the clear", clean(name), clean(&names.join(", ")));
        let next = match self.rules.matching(self.path) {
            Some(rule) if !rule.recipients.is_empty() => {
                format!("seal it ({} applies), then change the value: history still has it", rule.describe())
            }
            _ => "seal it (no rule of .sops.yaml matches its path yet), then change the value: history still has it"
                .to_owned(),
        };
        let material: Vec<&str> =
            open.iter().flat_map(|(v, k)| [*k, v.scalar_text().unwrap_or_default()]).collect();
        let material = Zeroizing::new(material.join("\n"));
        self.tell(Kind::SecretObject, line, (cause, next), &telling(&open), material.as_bytes());
    }

    /// kubeconfigs, and logins of registries.
    fn logins(&mut self, node: &Node) {
        let mut open: Vec<(String, &Node)> = Vec::new();
        if node.str_at(&["kind"]) == Some("Config") {
            for user in node.get("users").and_then(Node::as_seq).unwrap_or_default() {
                let names = ["token", "password", "client-key-data"];
                open.extend(names.iter().filter_map(|n| Some(((*n).to_owned(), user.get("user")?.get(n)?))));
            }
        }
        for (host, login) in node.get("auths").and_then(Node::as_map).into_iter().flat_map(Map::iter) {
            let names = ["auth", "password", "identitytoken"];
            open.extend(names.iter().filter_map(|n| Some((format!("{n} of {host}"), login.get(n)?))));
        }
        open.retain(|(_, value)| value.scalar_text().is_some_and(is_plain));
        for (name, value) in open {
            let line = self.line(value);
            self.found.lines.push(line);
            let cause = format!("`{}` of a login stands in the clear", clean(&name));
            let next = "seal the file, and have a new login made: history still has this one".to_owned();
            let text = value.scalar_text().unwrap_or_default();
            self.tell(Kind::Login, line, (cause, next), &[text], text.as_bytes());
        }
    }

    /// `literals` of a `secretGenerator`.
    fn generators(&mut self, node: &Node) {
        for generator in node.get("secretGenerator").and_then(Node::as_seq).unwrap_or_default() {
            let literals = generator.get("literals").and_then(Node::as_seq).unwrap_or_default();
            let open: Vec<(u32, &str, &str)> = literals
                .iter()
                .filter_map(|literal| {
                    let (key, value) = literal.scalar_text()?.split_once('=')?;
                    let value = value.trim_matches(['"', '\'']);
                    (is_plain(value) && !is_setting(key, value)).then(|| (self.line(literal), key, value))
                })
                .collect();
            let Some((line, ..)) = open.first().copied() else { continue };
            self.found.lines.extend(open.iter().map(|(line, ..)| *line));
            let names: Vec<String> = open.iter().map(|(_, key, _)| format!("`{}`", clean(key))).collect();
            let name = generator.get("name").and_then(Node::scalar_text).unwrap_or("without a name");
            let cause = format!("secretGenerator {} holds {} in the clear", clean(name), names.join(", "));
            let next = "put them into a sealed file and name that in `envs` or `files`".to_owned();
            let material: Vec<&str> = open.iter().flat_map(|(_, key, value)| [*key, *value]).collect();
            let material = Zeroizing::new(material.join("\n"));
            let values: Vec<&str> =
                open.iter().filter(|(_, key, _)| !says_who(key)).map(|(.., value)| *value).collect();
            self.tell(Kind::Generator, line, (cause, next), &values, material.as_bytes());
        }
    }

    /// Operations on a Secret's data, in a text or as they are.
    fn patch(&mut self, node: &Node) {
        if node.str_at(&["target", "kind"]) != Some("Secret") {
            return;
        }
        let Some((patch, operations)) = node.get("patch").and_then(|patch| {
            let inner = documents(patch.scalar_text()?.as_bytes(), self.path).ok()?;
            Some((patch, inner))
        }) else {
            return;
        };
        let operations = operations.iter().filter_map(Node::as_seq).flatten();
        for operation in operations {
            let path = operation.str_at(&["path"]).unwrap_or_default();
            let value = operation.get("value");
            let plain = value.is_some_and(|value| match &value.value {
                Value::Map(map) => map.iter().any(|(_, v)| v.scalar_text().is_some_and(is_plain)),
                _ => value.scalar_text().is_some_and(is_plain),
            });
            let key = path.rsplit('/').next().unwrap_or(path);
            let is_setting = value.and_then(Node::scalar_text).is_some_and(|text| is_setting(key, text));
            if plain && !is_setting && (path.starts_with("/data") || path.starts_with("/stringData")) {
                let line = self.line(patch) + operation.mark.line;
                let cause = format!("a patch sets `{}` of a Secret in the clear", clean(path));
                let next = "seal the patch as a file of its own, then change the value: history still has it";
                let texts: Vec<&str> = match value.map(|value| &value.value) {
                    Some(Value::Map(map)) => map.iter().filter_map(|(_, v)| v.scalar_text()).collect(),
                    _ => value.and_then(Node::scalar_text).into_iter().collect(),
                };
                let material = value.and_then(Node::scalar_text).unwrap_or(path).as_bytes();
                self.tell(Kind::SecretObject, line, (cause, next.to_owned()), &texts, material);
            }
        }
    }
}

/// True for a core `Secret`; a patch of one may leave its version out.
pub(super) fn is_secret(object: &Node) -> bool {
    object.str_at(&["kind"]) == Some("Secret")
        && object.str_at(&["apiVersion"]).is_none_or(|v| ObjectKey::split_api_version(v).0.is_empty())
}

/// Values of a Secret that anybody can read, with their keys.
fn open_keys(object: &Node) -> Vec<(&Node, &str)> {
    let (mut open, mut all_settings) = (Vec::new(), true);
    for field in ["stringData", "data"] {
        for (key, value) in object.get(field).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
            let Some(text) = value.scalar_text() else { continue };
            let inner = decoded(field, text);
            let inner = inner.as_ref().map_or(text, |inner| inner);
            if is_plain(text) && is_plain(inner) && !is_public_of_argo(object, key, inner) {
                all_settings &= is_setting(key, inner);
                open.push((value, key));
            }
        }
    }
    if all_settings { Vec::new() } else { open }
}

/// Those of a Secret's values that only whoever was meant to have them can have.
fn telling<'n>(open: &[(&'n Node, &str)]) -> Vec<&'n str> {
    let telling = open.iter().filter(|(value, key)| {
        !says_who(key) && !value.scalar_text().is_some_and(|text| is_setting(key, text))
    });
    telling.filter_map(|(value, _)| value.scalar_text()).collect()
}

/// What stands in `data`, where it is text.
fn decoded(field: &str, text: &str) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok().filter(|_| field == "data")?);
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Argo CD keeps repositories and clusters in Secrets, most of whose keys say where and not with what.
fn is_public_of_argo(object: &Node, key: &str, text: &str) -> bool {
    let label = object.at_path(&["metadata", "labels", "argocd.argoproj.io/secret-type"]);
    let is_argo = label.and_then(Node::scalar_text).is_some();
    let names = [
        "name",
        "url",
        "type",
        "project",
        "server",
        "enableOCI",
        "enableLfs",
        "insecure",
        "forceHttpBasicAuth",
    ];
    let credentials = ["bearerToken", "password", "keyData", "token"];
    is_argo
        && (names.contains(&key) || (key == "config" && !credentials.iter().any(|word| text.contains(word))))
}

/// Secrets in a text that is no YAML yet: a template whose own values stand there all the same.
pub(super) fn in_template(path: &str, text: &str) -> Found {
    let mut found = Found::default();
    let mut first = 1;
    for part in text.split("\n---") {
        let count = u32::try_from(part.matches('\n').count() + 1).unwrap_or(0);
        if part.lines().any(|line| matches!(line.trim_end(), "kind: Secret" | "kind: \"Secret\"")) {
            in_template_part(path, part, first, &mut found);
        }
        first += count;
    }
    found
}

fn in_template_part(path: &str, part: &str, first: u32, found: &mut Found) {
    let mut inside: Option<(usize, &str)> = None;
    for (index, line) in part.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim();
        if matches!(text, "stringData:" | "data:") {
            inside = Some((indent, text.trim_end_matches(':')));
            continue;
        }
        let Some((outer, field)) = inside else { continue };
        if text.is_empty() || text.starts_with(['#', '{']) {
            continue;
        }
        if indent <= outer {
            inside = None;
            continue;
        }
        let Some((key, value)) = text.split_once(": ") else { continue };
        let value = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']);
        let inner = decoded(field, value);
        if value.starts_with(['|', '>']) || !is_plain(value) || inner.is_some_and(|inner| !is_plain(&inner)) {
            continue;
        }
        let line = first + u32::try_from(index).unwrap_or(0);
        found.lines.push(line);
        let cause = format!("the template of a Secret holds `{}` in the clear", clean(key));
        let next = "take the value from a sealed file, then change it: history still has it";
        let exposure = Exposure::new(Kind::SecretObject, path, line, cause, value.as_bytes()).next(next);
        found.exposures.push(exposure.holding([value.as_bytes()]));
    }
}
