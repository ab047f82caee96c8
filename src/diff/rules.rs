//! Ignore rules: those of the controller itself and those of the user, with a count and never invisible (diff.md 2.10).

use crate::model::{FieldStep, Manager, ObjectKey};
use crate::yaml::Node;
use regex::Regex;
use std::sync::Arc;

/// All ignore rules that are in force.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<IgnoreRule>,
}

/// One ignore rule.
#[derive(Clone, Debug)]
pub struct IgnoreRule {
    /// Where it comes from, for people: `Kustomization/flux-system/apps`, `.sealane.yaml`.
    pub from: Arc<str>,
    target: Target,
    pointers: Vec<Vec<String>>,
    managers: Vec<String>,
}

/// Which objects a rule is for. What is not given matches everything. Group, version, kind, namespace and name are
/// regular expressions over the whole text, as in Flux.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// API group.
    pub group: Option<String>,
    /// API version without the group.
    pub version: Option<String>,
    /// Kind.
    pub kind: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Label selector, as `kubectl -l` takes it.
    pub labels: Option<String>,
    /// The same for annotations.
    pub annotations: Option<String>,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A pattern is no regular expression.
    #[error("`{0}` is not a regular expression")]
    Pattern(String),
    /// A path is no JSON pointer.
    #[error("`{0}` is not a JSON pointer: it must start with `/`")]
    Pointer(String),
    /// A path in a language that is not evaluated.
    #[error("`{0}` is a jq expression, which is not evaluated: nothing is ignored by it")]
    Jq(String),
}

impl Rules {
    /// Adds one rule.
    pub fn add(&mut self, rule: IgnoreRule) {
        self.rules.push(rule);
    }

    /// Adds all rules of another set.
    pub fn absorb(&mut self, other: Self) {
        self.rules.extend(other.rules);
    }

    /// The rules that a Flux Kustomization (`spec.ignore`), a `HelmRelease` (`spec.driftDetection.ignore`) or an
    /// Argo CD Application (`spec.ignoreDifferences`) gives for its own objects, and what could not be read.
    pub fn of_producer(body: &Node) -> (Self, Vec<RuleError>) {
        let from: Arc<str> = ObjectKey::of(body).map_or_else(String::new, |(key, _)| key.to_string()).into();
        let (mut rules, mut errors) = (Self::default(), Vec::new());
        for path in [["spec", "ignore"].as_slice(), &["spec", "driftDetection", "ignore"]] {
            for entry in body.at_path(path).and_then(Node::as_seq).into_iter().flatten() {
                let target = entry.get("target").map(Target::of_flux).unwrap_or_default();
                let paths: Vec<&str> = strings(entry.get("paths")).collect();
                match IgnoreRule::new(&from, target, &paths) {
                    Ok(rule) => rules.add(rule),
                    Err(error) => errors.push(error),
                }
            }
        }
        for entry in body.at_path(&["spec", "ignoreDifferences"]).and_then(Node::as_seq).into_iter().flatten()
        {
            errors.extend(strings(entry.get("jqPathExpressions")).map(|jq| RuleError::Jq(jq.to_owned())));
            let paths: Vec<&str> = strings(entry.get("jsonPointers")).collect();
            match IgnoreRule::new(&from, Target::of_argo(entry), &paths) {
                Ok(mut rule) => {
                    rule.managers = strings(entry.get("managedFieldsManagers")).map(str::to_owned).collect();
                    rules.add(rule);
                }
                Err(error) => errors.push(error),
            }
        }
        (rules, errors)
    }

    /// The rules for one object, by key, version and the bodies whose labels count.
    pub(super) fn of_object<'r>(
        &'r self,
        key: &ObjectKey,
        version: &str,
        body: Option<&Node>,
    ) -> ObjectRules<'r> {
        let rules = self.rules.iter().filter(|rule| rule.target.fits(key, version, body)).collect();
        ObjectRules { rules, everything: None }
    }
}

/// The rules that are for one object.
#[derive(Default)]
pub(super) struct ObjectRules<'r> {
    rules: Vec<&'r IgnoreRule>,
    /// Set if the controller leaves the whole object alone.
    pub everything: Option<&'static str>,
}

impl ObjectRules<'_> {
    /// The rule that covers this field: where it comes from.
    pub fn covering(&self, path: &[FieldStep], indices: &[Option<usize>], by: &[&Manager]) -> Option<String> {
        if let Some(why) = self.everything {
            return Some(why.to_owned());
        }
        let rule = self.rules.iter().find(|rule| {
            rule.pointers.iter().any(|pointer| covers(pointer, path, indices))
                || by.iter().any(|m| rule.managers.iter().any(|name| **name == *m.name))
        })?;
        Some(crate::model::clean(&rule.from))
    }
}

impl IgnoreRule {
    /// A rule that ignores these JSON pointers on these objects; `*` in a pointer stands for any one step.
    pub fn new(from: &str, target: Target, pointers: &[&str]) -> Result<Self, RuleError> {
        let patterns = [&target.group, &target.version, &target.kind, &target.namespace, &target.name];
        for pattern in patterns.into_iter().flatten() {
            anchored(pattern).ok_or_else(|| RuleError::Pattern(pattern.clone()))?;
        }
        let pointers = pointers.iter().map(|text| pointer(text)).collect::<Result<_, _>>()?;
        Ok(Self { from: from.into(), target, pointers, managers: Vec::new() })
    }
}

impl Target {
    /// A pattern that matches this text and no other.
    #[must_use]
    pub fn literally(text: &str) -> String {
        regex::escape(text)
    }

    fn of_flux(node: &Node) -> Self {
        let text = |name: &str| node.str_at(&[name]).filter(|t| !t.is_empty()).map(str::to_owned);
        Self {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            namespace: text("namespace"),
            name: text("name"),
            labels: text("labelSelector"),
            annotations: text("annotationSelector"),
        }
    }

    /// Argo CD gives exact names, and a missing group means the core group.
    fn of_argo(node: &Node) -> Self {
        let exact = |name: &str| {
            node.str_at(&[name]).filter(|t| !t.is_empty()).map(|text| match text {
                "*" => ".*".to_owned(),
                _ => regex::escape(text),
            })
        };
        Self {
            group: exact("group").or(Some(String::new())),
            kind: exact("kind"),
            namespace: exact("namespace"),
            name: exact("name"),
            ..Self::default()
        }
    }

    fn fits(&self, key: &ObjectKey, version: &str, body: Option<&Node>) -> bool {
        let texts = [
            (&self.group, &*key.group),
            (&self.version, version),
            (&self.kind, &*key.kind),
            (&self.namespace, &*key.namespace),
            (&self.name, &*key.name),
        ];
        let metadata = |field: &str| body.and_then(|b| b.at_path(&["metadata", field]));
        texts.iter().all(|(pattern, text)| match pattern {
            Some(pattern) => anchored(pattern).is_some_and(|regex| regex.is_match(text)),
            None => true,
        }) && self.labels.as_deref().is_none_or(|s| selects(s, metadata("labels")))
            && self.annotations.as_deref().is_none_or(|s| selects(s, metadata("annotations")))
    }
}

fn anchored(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

fn strings(node: Option<&Node>) -> impl Iterator<Item = &str> {
    node.and_then(Node::as_seq).into_iter().flatten().filter_map(Node::as_str)
}

fn pointer(text: &str) -> Result<Vec<String>, RuleError> {
    let rest = text.strip_prefix('/').ok_or_else(|| RuleError::Pointer(text.to_owned()))?;
    Ok(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

/// True if the pointer names this field or one above it.
fn covers(pointer: &[String], path: &[FieldStep], indices: &[Option<usize>]) -> bool {
    pointer.len() <= path.len()
        && pointer.iter().enumerate().all(|(at, token)| {
            let named = match path.get(at) {
                Some(FieldStep::Key(key) | FieldStep::Item(key)) => **key == **token,
                Some(FieldStep::Index(index)) => index.to_string() == *token,
                None => false,
            };
            let numbered =
                indices.get(at).copied().flatten().is_some_and(|index| index.to_string() == *token);
            token == "*" || named || numbered
        })
}

/// A label selector: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas.
fn selects(selector: &str, labels: Option<&Node>) -> bool {
    let value = |name: &str| labels.and_then(|l| l.get(name.trim())).and_then(Node::scalar_text);
    terms(selector).iter().all(|term| {
        if let Some((name, set)) = term.split_once(" notin ") {
            value(name).is_none_or(|v| !members(set).any(|m| m == v))
        } else if let Some((name, set)) = term.split_once(" in ") {
            value(name).is_some_and(|v| members(set).any(|m| m == v))
        } else if let Some((name, other)) = term.split_once("!=") {
            value(name) != Some(other.trim())
        } else if let Some((name, wanted)) = term.split_once("==").or_else(|| term.split_once('=')) {
            value(name) == Some(wanted.trim())
        } else if let Some(name) = term.strip_prefix('!') {
            value(name).is_none()
        } else {
            value(term).is_some()
        }
    })
}

fn members(set: &str) -> impl Iterator<Item = &str> {
    set.trim().trim_start_matches('(').trim_end_matches(')').split(',').map(str::trim)
}

/// Splits at commas outside of parentheses.
fn terms(selector: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (at, letter) in selector.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(selector[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(selector[start..].trim());
    found.retain(|term| !term.is_empty());
    found
}
