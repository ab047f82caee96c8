//! Fields of a kustomization to values, with the place of whatever does not fit (render.md 2.1).

use super::error::{BuildError, Cause};
use crate::yaml::{Map, Mark, Node, ScalarKind, Value};
use std::sync::Arc;

/// A text with the place it was written at.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The text.
    pub text: Arc<str>,
    /// Where it is written; for a block, the place of its `|`.
    pub mark: Mark,
}

impl Text {
    /// A text that is written somewhere.
    pub fn new(text: impl Into<Arc<str>>, mark: &Mark) -> Self {
        Self { text: text.into(), mark: mark.clone() }
    }

    /// A text that the program made.
    pub fn made(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), mark: Mark::default() }
    }

    /// Its line; 0 if the program made it.
    pub fn line(&self) -> u32 {
        self.mark.line
    }

    /// Where it is written. A text without a place counts as one of `file`.
    pub fn mark_in(&self, file: &Arc<str>) -> Mark {
        let mark = self.mark.clone();
        Mark { file: Some(mark.file.unwrap_or_else(|| file.clone())), ..mark }
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Reads the fields of one mapping; keys match without regard to case, as Go's JSON decoder has it.
pub struct Fields<'a> {
    file: &'a str,
    /// Name of the mapping, for problems.
    what: &'a str,
    /// True for plug-in objects: unknown fields are ignored, and any scalar may stand for a text.
    lenient: bool,
}

impl<'a> Fields<'a> {
    /// For mappings of one file.
    pub fn new(file: &'a str, what: &'a str) -> Self {
        Self { file, what, lenient: false }
    }

    /// For plug-in objects.
    pub fn lenient(file: &'a str, what: &'a str) -> Self {
        Self { file, what, lenient: true }
    }

    /// The same file, another mapping.
    pub fn named<'b>(&self, what: &'b str) -> Fields<'b>
    where
        'a: 'b,
    {
        Fields { file: self.file, what, lenient: self.lenient }
    }

    /// Calls `set` for every field that is not null, with its name as it is known. Unknown fields are errors.
    pub fn each(
        &self,
        node: &Node,
        known: &[&'static str],
        mut set: impl FnMut(&'static str, &Node) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let Some(map) = node.as_map() else {
            return if node.is_null() { Ok(()) } else { Err(self.expected("a mapping", node)) };
        };
        for entry in &map.entries {
            let key = &*entry.key.text;
            let field = known
                .iter()
                .find(|k| **k == key)
                .or_else(|| known.iter().find(|k| k.eq_ignore_ascii_case(key)));
            let Some(field) = field else {
                if self.lenient {
                    continue;
                }
                let nearest = nearest(key, known).map(str::to_owned);
                let cause = Cause::UnknownField { field: key.to_owned(), nearest };
                return Err(cause.in_field(self.file, entry.key.line, self.what));
            };
            if !entry.value.is_null() {
                set(field, &entry.value)?;
            }
        }
        Ok(())
    }

    /// A text. Numbers and booleans are refused, as kustomize refuses them.
    pub fn text(&self, node: &Node) -> Result<Text, BuildError> {
        match (&node.value, node.as_str()) {
            (_, Some(text)) => Ok(Text::new(text, &node.mark)),
            (Value::Scalar(s), _) if s.kind == ScalarKind::Null => Ok(Text::new("", &node.mark)),
            (Value::Scalar(s), _) if self.lenient => Ok(Text::new(s.text.clone(), &node.mark)),
            (Value::Scalar(s), _) => Err(self.expected(&format!("a text; put `{}` in quotes", s.text), node)),
            _ => Err(self.expected("a text", node)),
        }
    }

    /// The field of a mapping, without regard to case; `None` if it is not there or null.
    pub fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
        let map = node.as_map()?;
        let found =
            map.get(name).or_else(|| map.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        found.filter(|n| !n.is_null())
    }

    /// A list of texts.
    pub fn texts(&self, node: &Node) -> Result<Vec<Text>, BuildError> {
        self.list(node)?.iter().map(|item| self.text(item)).collect()
    }

    /// A list.
    pub fn list<'n>(&self, node: &'n Node) -> Result<&'n [Node], BuildError> {
        node.as_seq().ok_or_else(|| self.expected("a list", node))
    }

    /// A mapping of texts, sorted by key, with the place of each value.
    pub fn text_map(&self, node: &Node) -> Result<Vec<(Arc<str>, Text)>, BuildError> {
        let map = node.as_map().ok_or_else(|| self.expected("a mapping", node))?;
        let mut pairs = Vec::with_capacity(map.len());
        for entry in &map.entries {
            pairs.push((entry.key.text.clone(), self.text(&entry.value)?));
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(pairs)
    }

    /// A boolean.
    pub fn boolean(&self, node: &Node) -> Result<bool, BuildError> {
        node.as_bool().ok_or_else(|| self.expected("true or false", node))
    }

    /// A whole number.
    pub fn integer(&self, node: &Node) -> Result<i64, BuildError> {
        node.as_i64().ok_or_else(|| self.expected("a whole number", node))
    }

    /// The error that something else was expected here.
    pub fn expected(&self, wanted: &str, node: &Node) -> BuildError {
        Cause::Invalid(format!("{} needs {wanted}", self.what)).in_field(self.file, node.mark.line, self.what)
    }

    /// The error `what` at a node.
    pub fn refuse(&self, what: &str, node: &Node) -> BuildError {
        Cause::Invalid(what.to_owned()).in_field(self.file, node.mark.line, self.what)
    }
}

/// A string node for each pair, marked with the place of its value.
pub fn marked(text: &Text, file: &Arc<str>) -> Node {
    Node::string(text.text.clone()).at(text.mark_in(file))
}

/// Pairs as a map of marked strings.
pub fn marked_map(pairs: &[(Arc<str>, Text)], file: &Arc<str>) -> Map {
    pairs.iter().map(|(key, value)| (key.clone(), marked(value, file))).collect()
}

/// The known name that is nearest to what was written, if any is near.
pub fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let written = written.to_ascii_lowercase();
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|k| (distance(&written, &k.to_ascii_lowercase()), *k))
        .filter(|(d, _)| *d <= allowed)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["resources", "replicas", "patches"];
        assert_eq!(nearest("resource", &known), Some("resources"));
        assert_eq!(nearest("Pathces", &known), Some("patches"));
        assert_eq!(nearest("banana", &known), None);
    }
}
