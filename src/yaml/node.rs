//! The tree: nodes that know where they were written, cheap to clone and copied on write.

use super::scalar::number::{self, Number};
use crate::secret::SecretLeaf;
use std::sync::Arc;

/// Where a node was written. Lines and columns count from 1; line 0 means "made by the program".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Path of the file in its repository, if the node came from one.
    pub file: Option<Arc<str>>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// One node of a document: what it holds and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it holds.
    pub value: Value,
    /// Where the value (not its key) was written.
    pub mark: Mark,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// Null, a boolean, a number or a string.
    Scalar(Scalar),
    /// A list.
    Seq(Arc<Vec<Node>>),
    /// A mapping, in the order of the file.
    Map(Arc<Map>),
    /// A string whose text must not be seen.
    Secret(SecretLeaf),
}

/// A scalar: its text as written (quotes and escapes undone) and what it resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text; for [`ScalarKind::Str`] the value itself.
    pub text: Arc<str>,
    /// What the text means under the dialect it was read in.
    pub kind: ScalarKind,
    /// How it was written.
    pub style: Style,
}

/// What a scalar resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool,
    /// An integer that fits into 64 bits, signed or unsigned.
    Int,
    /// Any other number.
    Float,
    /// A string.
    Str,
    /// A YAML timestamp, which Kubernetes' tools turn into an RFC 3339 string.
    Time,
}

/// How a scalar was written.
///
/// Two styles matter for what is printed, since kustomize changes these values of resources: text in
/// [`Style::Folded`], and a null in [`Style::Single`], which is a value left out inside `{}` or `[]`
/// and printed as the empty string. Kustomizations have neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// Without quotes, by a transformer that forgot what it means: whatever is written into it later means what its
    /// spelling says.
    Untagged,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// A `|` block.
    Literal,
    /// A `>` block.
    Folded,
}

/// A mapping in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// The entries; keys are unique.
    pub entries: Vec<Entry>,
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Node,
}

/// A mapping's key. Kubernetes knows string keys only; others are kept so that the error can name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text. In a kustomization it is the string that Go makes of a boolean or a number: `yes` is
    /// `true`, `012` is `10`.
    pub text: Arc<str>,
    /// What it resolves to.
    pub kind: ScalarKind,
    /// Line of the key, from 1; 0 if made by the program.
    pub line: u32,
}

impl Scalar {
    /// True if it is one of YAML's words for true; false for every other scalar.
    pub fn is_true(&self) -> bool {
        self.kind == ScalarKind::Bool
            && (matches!(self.text.as_bytes().first(), Some(b't' | b'T' | b'y' | b'Y'))
                || self.text.eq_ignore_ascii_case("on"))
    }
}

impl Node {
    /// A node the program made.
    pub fn new(value: Value) -> Self {
        Self { value, mark: Mark::default() }
    }

    /// A string the program made.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::new(Value::Scalar(Scalar { text: text.into(), kind: ScalarKind::Str, style: Style::Plain }))
    }

    /// An integer the program made.
    pub fn int(number: i64) -> Self {
        Self::new(Value::Scalar(Scalar {
            text: number.to_string().into(),
            kind: ScalarKind::Int,
            style: Style::Plain,
        }))
    }

    /// A boolean the program made.
    pub fn bool(yes: bool) -> Self {
        let text = if yes { "true" } else { "false" };
        Self::new(Value::Scalar(Scalar { text: text.into(), kind: ScalarKind::Bool, style: Style::Plain }))
    }

    /// True if both are one mapping or list in memory, so that nothing can differ below.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Map(a), Value::Map(b)) => Arc::ptr_eq(a, b),
            (Value::Seq(a), Value::Seq(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Null.
    pub fn null() -> Self {
        Self::new(Value::Scalar(Scalar { text: "null".into(), kind: ScalarKind::Null, style: Style::Plain }))
    }

    /// A list the program made.
    pub fn seq(items: Vec<Node>) -> Self {
        Self::new(Value::Seq(Arc::new(items)))
    }

    /// A mapping the program made.
    pub fn map(map: Map) -> Self {
        Self::new(Value::Map(Arc::new(map)))
    }

    /// The same value, written elsewhere.
    #[must_use]
    pub fn at(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }

    /// The string it holds, if it is a plain (not secret) string scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { text, kind: ScalarKind::Str | ScalarKind::Time, .. }) => Some(text),
            _ => None,
        }
    }

    /// The text of any scalar, whatever it resolves to; `None` for null, lists, maps and secrets.
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(s) if s.kind != ScalarKind::Null => Some(&s.text),
            _ => None,
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The boolean it resolves to.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar(scalar) if scalar.kind == ScalarKind::Bool => Some(scalar.is_true()),
            _ => None,
        }
    }

    /// The integer it resolves to, if it fits.
    pub fn as_i64(&self) -> Option<i64> {
        match number::of_scalar(self.as_scalar()?)? {
            Number::Int(value) => Some(value),
            Number::Uint(_) | Number::Float(_) => None,
        }
    }

    /// The list, if it is one.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list for changing it; shared parts are copied first, one level deep.
    pub fn as_seq_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::Seq(items) => Some(Arc::make_mut(items)),
            _ => None,
        }
    }

    /// The mapping for changing it; shared parts are copied first, one level deep.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(Arc::make_mut(map)),
            _ => None,
        }
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }

    /// The value of `key` if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// Follows mapping keys: `node.at_path(&["metadata", "name"])`.
    pub fn at_path(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The string at a path of mapping keys.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.at_path(path)?.as_str()
    }
}

impl Map {
    /// An empty mapping.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|e| &*e.key.text == key).map(|e| &e.value)
    }

    /// The value of `key`, for changing it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|e| &*e.key.text == key).map(|e| &mut e.value)
    }

    /// True if `key` is there.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`: replaces its value in place, or appends a new entry.
    pub fn set(&mut self, key: impl Into<Arc<str>>, value: Node) {
        let text = key.into();
        match self.get_mut(&text) {
            Some(old) => *old = value,
            None => self
                .entries
                .push(Entry { key: Key { text, kind: ScalarKind::Str, line: value.mark.line }, value }),
        }
    }

    /// Removes `key` and gives back its value.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let place = self.entries.iter().position(|e| &*e.key.text == key)?;
        Some(self.entries.remove(place).value)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if it has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|e| (&*e.key.text, &e.value))
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Node)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Node)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.set(key, value);
        }
        map
    }
}
