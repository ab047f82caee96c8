//! Typed fields of an Application, with the place of whatever does not fit: the API server refuses wrong types and drops
//! fields it does not know.

use crate::model::{Origin, Place, Problem, Reason};
use crate::render::kustomize::Text;
use crate::yaml::{Node, ScalarKind, Value};
use std::sync::Arc;

/// Reads fields of one object and keeps what is wrong with them.
pub(super) struct Fields<'o> {
    origin: &'o Origin,
    /// What was wrong so far.
    pub problems: Vec<Problem>,
}

impl<'o> Fields<'o> {
    /// For the fields of an object that was declared at `origin`.
    pub fn new(origin: &'o Origin) -> Self {
        Self { origin, problems: Vec::new() }
    }

    /// True if nothing that was read is an error.
    pub fn is_sound(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity != crate::model::Severity::Error)
    }

    /// Notes something about a node, which is the field `path`.
    pub fn tell(&mut self, problem: Problem, node: &Node, path: &str) {
        self.problems.push(Problem { place: Some(place(self.origin, node, path)), ..problem });
    }

    fn refuse(&mut self, node: &Node, path: &str, wanted: &str) {
        let problem = Problem::error(Reason::InvalidObject, format!("`{path}` needs {wanted}"));
        self.tell(problem, node, path);
    }

    /// Fields of a mapping that are not known: dropped by the API server, so they do nothing.
    pub fn check_names(&mut self, node: &Node, path: &str, known: &[&str]) {
        let Some(map) = node.as_map() else {
            if !node.is_null() {
                self.refuse(node, path, "a mapping");
            }
            return;
        };
        let unknown: Vec<_> =
            map.entries.iter().filter(|e| !known.contains(&&*e.key.text)).cloned().collect();
        for entry in unknown {
            let cause = format!("`{path}.{}` is no field of an Application: it does nothing", entry.key.text);
            let near = crate::render::kustomize::nearest(&entry.key.text, known);
            let next = near.map_or_else(String::new, |name| format!("did you mean `{name}`?"));
            self.tell(Problem::warning(Reason::InvalidObject, cause).next(next), &entry.value, path);
        }
    }

    /// A text; empty if it is missing.
    pub fn text(&mut self, node: &Node, path: &str, key: &str) -> Text {
        let Some(value) = present(node, key) else { return Text::default() };
        let Some(text) = value.as_str() else {
            self.refuse(value, &format!("{path}.{key}"), "a text");
            return Text::default();
        };
        Text::new(text, &value.mark)
    }

    /// A boolean; false if it is missing.
    pub fn flag(&mut self, node: &Node, path: &str, key: &str) -> bool {
        let Some(value) = present(node, key) else { return false };
        value.as_bool().unwrap_or_else(|| {
            self.refuse(value, &format!("{path}.{key}"), "true or false");
            false
        })
    }

    /// A list of anything.
    pub fn list<'n>(&mut self, node: &'n Node, path: &str, key: &str) -> &'n [Node] {
        let Some(value) = present(node, key) else { return &[] };
        value.as_seq().unwrap_or_else(|| {
            self.refuse(value, &format!("{path}.{key}"), "a list");
            &[]
        })
    }

    /// A list of texts.
    pub fn texts(&mut self, node: &Node, path: &str, key: &str) -> Vec<Text> {
        let mut texts = Vec::new();
        for item in self.list(node, path, key) {
            match item.as_str() {
                Some(text) => texts.push(Text::new(text, &item.mark)),
                None => self.refuse(item, &format!("{path}.{key}"), "texts"),
            }
        }
        texts
    }

    /// A mapping of texts, sorted by key.
    pub fn text_map(&mut self, node: &Node, path: &str, key: &str) -> Vec<(Arc<str>, Text)> {
        let Some(value) = present(node, key) else { return Vec::new() };
        let path = format!("{path}.{key}");
        let Some(map) = value.as_map() else {
            self.refuse(value, &path, "a mapping of texts");
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for entry in &map.entries {
            match entry.value.as_str() {
                Some(text) => {
                    pairs.push((entry.key.text.clone(), Text::new(text, &entry.value.mark)));
                }
                None => self.refuse(&entry.value, &path, &format!("a text for {}", entry.key.text)),
            }
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs
    }

    /// A whole number, also one written as a text.
    pub fn count(&mut self, node: &Node, path: &str, key: &str) -> Option<i64> {
        let value = present(node, key)?;
        let number = value.as_i64().or_else(|| match &value.value {
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Str => go_integer(&scalar.text),
            _ => None,
        });
        if number.is_none() {
            self.refuse(value, &format!("{path}.{key}"), "a whole number");
        }
        number
    }
}

/// A number as Go's `strconv.Atoi` takes it.
fn go_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The value of a key that is there and not null.
pub(super) fn present<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).filter(|value| !value.is_null())
}

/// Where a node of an object stands.
pub(super) fn place(origin: &Origin, node: &Node, path: &str) -> Place {
    let file = node.mark.file.clone().unwrap_or_else(|| origin.file.clone());
    let line = if node.mark.line > 0 { node.mark.line } else { origin.line };
    Place { file, line, field: (!path.is_empty()).then(|| path.into()) }
}
