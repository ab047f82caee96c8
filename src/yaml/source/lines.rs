//! What dotenv and INI share: keys and values on lines, and edits of them.

use super::{Content, Document, Edit, Entry, Item, Key, Leaf, Map, Source, Syntax, Text, dotenv, ini};
use crate::yaml::node::{ScalarKind, Style};
use crate::yaml::parse::Pos;
use std::borrow::Cow;
use std::ops::Range;

/// A place at the start of a line.
pub(super) fn pos(at: usize, line: u32) -> Pos {
    Pos { at, line, column: 0 }
}

/// A key with a string for its value.
pub(super) fn entry<'t>(
    key: Cow<'t, str>,
    key_span: Range<usize>,
    text: Cow<'t, str>,
    span: Range<usize>,
    line: u32,
) -> Entry<'t> {
    let column = span.start - key_span.start;
    let leaf = Leaf { text: Text::new(text), kind: ScalarKind::Str, style: Style::Plain };
    let value = item(Content::Scalar(leaf), span, line, column);
    Entry { key: key_at(key, key_span, line), value, trailing: Vec::new() }
}

/// A key of a mapping.
pub(super) fn key_at(text: Cow<'_, str>, span: Range<usize>, line: u32) -> Key<'_> {
    Key { text, span, line, column: 0, kind: ScalarKind::Str, style: Style::Plain }
}

/// A value without anchor and tag.
pub(super) fn item(content: Content<'_>, span: Range<usize>, line: u32, column: usize) -> Item<'_> {
    Item { span, line, column, properties: None, anchor: None, tag: None, content }
}

/// The one document of a file.
pub(super) fn document<'t>(text: &'t str, map: Map<'t>) -> Document<'t> {
    let span = 0..text.len();
    Document {
        index: 0,
        span: span.clone(),
        root: Some(item(Content::Map(map), span, 1, 0)),
        comments: Vec::new(),
    }
}

impl Source<'_> {
    /// A string as it can stand for a value on one line of this file; `None` where the format has no way to write it.
    ///
    /// ```
    /// use sealane::yaml::source::{Source, Syntax};
    /// let source = Source::read("A=1\n", Syntax::Dotenv)?;
    /// assert_eq!(source.written("two\nlines").as_deref(), Some("two\\nlines"));
    /// assert_eq!(source.written("a \\n"), None);
    /// # Ok::<(), sealane::yaml::ReadError>(())
    /// ```
    pub fn written(&self, value: &str) -> Option<String> {
        match self.syntax {
            Syntax::Dotenv => dotenv::written(value),
            Syntax::Ini => ini::written(value),
            Syntax::Json => Some(crate::yaml::json::string(value)),
            Syntax::Yaml => Some(super::one_line(value)),
        }
    }

    /// A key as it can stand before its sign; `None` where the format has no way to write it.
    pub fn written_key(&self, key: &str) -> Option<String> {
        match self.syntax {
            Syntax::Dotenv => (!key.contains(['=', '\n']) && !key.starts_with('#')).then(|| key.to_owned()),
            Syntax::Ini => ini::written_key(key),
            Syntax::Json => Some(crate::yaml::json::string(key)),
            Syntax::Yaml => Some(super::one_line(key)),
        }
    }

    /// Adds a line behind the last entry of a mapping, written as that one is.
    pub(super) fn insert_line(&self, map: &Map<'_>, key: &str, value: &str) -> Edit {
        let key = self.written_key(key).unwrap_or_default();
        let last = map.entries().next_back();
        let sign = match (self.syntax, last) {
            (Syntax::Dotenv, _) => "=".to_owned(),
            (_, Some(last)) => self.sign_like(last, key.chars().count()),
            (_, None) => " = ".to_owned(),
        };
        let line = format!("{key}{sign}{value}");
        match last {
            Some(last) => self.line_behind(last.value.span.end, &line),
            None if map.span.start > 0 && !self.text[..map.span.start].ends_with('\n') => {
                self.line_behind(map.span.start, &line)
            }
            None => {
                let at = map.span.start;
                Edit { range: at..at, text: format!("{line}{}", self.line_break()) }
            }
        }
    }

    /// The sign between key and value with the blanks that the entry above has; signs stand below each other.
    fn sign_like(&self, entry: &Entry<'_>, width: usize) -> String {
        let between = &self.text[entry.key.span.end..entry.value.span.start.max(entry.key.span.end)];
        let sign = if between.contains('=') { "=" } else { ":" };
        let (before, behind) = between.split_once(['=', ':']).unwrap_or((" ", " "));
        let blanks = before.trim_matches(['"', '`']).chars().count();
        let column = self.text[entry.key.span.clone()].chars().count() + blanks;
        let least = usize::from(blanks > 0);
        format!("{}{sign}{}", " ".repeat(column.saturating_sub(width).max(least)), behind)
    }
}
