//! Edits: which bytes become what, with the blanks, line breaks and commas that keep a file valid.

use super::read::BREAKS;
use super::{Document, Entry, Item, Map, Seq, Source, Syntax};

use crate::yaml::json;
use crate::yaml::write::Pen;
use std::ops::Range;

/// Bytes of a file and the text that takes their place.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub range: Range<usize>,
    /// What comes instead.
    pub text: String,
}

/// The new text may hold a plaintext.
impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("range", &self.range).finish_non_exhaustive()
    }
}

/// Applies edits to a text. They may come in any order; where they start at the same byte, they apply in
/// the order given. An edit that overlaps one before it is left out, as are ranges outside the text.
///
/// ```
/// use sealane::yaml::source::{Edit, splice};
/// let edits = [Edit { range: 4..5, text: "E".into() }, Edit { range: 0..1, text: "AA".into() }];
/// assert_eq!(splice("abcde", &edits), "AAbcdE");
/// ```
pub fn splice(text: &str, edits: &[Edit]) -> String {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| edit.range.start);
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut done = 0;
    for edit in ordered {
        if edit.range.start < done || text.get(edit.range.clone()).is_none() {
            continue;
        }
        out.push_str(&text[done..edit.range.start]);
        out.push_str(&edit.text);
        done = edit.range.end;
    }
    out.push_str(&text[done..]);
    out
}

/// A string as it can stand on one line of a block, before or behind a colon: plain where that is safe,
/// in quotes where not, never folded.
///
/// ```
/// use sealane::yaml::source::one_line;
/// assert_eq!(one_line("a b"), "a b");
/// assert_eq!(one_line("yes"), "\"yes\"");
/// assert_eq!(one_line("a\nb"), "\"a\\nb\"");
/// ```
pub fn one_line(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    Pen::new(&mut bytes).string(text, true);
    String::from_utf8(bytes).unwrap_or_default()
}

impl Source<'_> {
    /// The line break this file uses.
    pub fn line_break(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// Replaces a value by `text`, which is YAML (or JSON) already: quoted where it has to be, and
    /// indented where it has several lines. Anchor and tag stay.
    pub fn replace(&self, item: &Item<'_>, text: &str) -> Edit {
        let start = item.span.start;
        let is_glued = |c: char| !c.is_whitespace() && !matches!(c, '[' | '{' | ',');
        let needs_blank = item.span.is_empty() && self.text[..start].ends_with(is_glued);
        let behind = &self.text[item.span.end..];
        let needs_blank_behind = item.span.is_empty() && behind.starts_with(|c: char| !c.is_whitespace());
        if matches!(self.syntax, Syntax::Dotenv | Syntax::Ini) {
            return Edit { range: item.span.clone(), text: text.to_owned() };
        }
        let text = match (needs_blank, needs_blank_behind && !behind.starts_with([',', '}', ']'])) {
            (false, false) => text.to_owned(),
            (true, false) => format!(" {text}"),
            (false, true) => format!("{text} "),
            (true, true) => format!(" {text} "),
        };
        let text = format!("{}{text}", " ".repeat(self.missing_indent(start)));
        Edit { range: item.span.clone(), text }
    }

    /// The blanks that another kind of value needs where a block scalar's sign stands on a line of its own:
    /// libyaml lets that sign stand as far left as its key, and nothing else.
    fn missing_indent(&self, start: usize) -> usize {
        let before = self.line_prefix(start);
        if self.syntax != Syntax::Yaml
            || !self.text[start..].starts_with(['|', '>'])
            || !before.trim().is_empty()
        {
            return 0;
        }
        let mut above = self.text[..start - before.len()].rsplit(BREAKS);
        let key = above.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let margin = |line: &str| line.len() - line.trim_start_matches([' ', '-', '?', ':']).len();
        key.map_or(0, |line| margin(line) + 1).saturating_sub(before.len())
    }

    /// Adds an entry behind the last one of a mapping. `value` is YAML (or JSON) already; the key is
    /// quoted here. In a block the entry gets a line of its own at the indentation of the mapping.
    pub fn insert(&self, map: &Map<'_>, key: &str, value: &str) -> Edit {
        if matches!(self.syntax, Syntax::Dotenv | Syntax::Ini) {
            return self.insert_line(map, key, value);
        }
        if map.flow {
            return self.insert_flow(map, key, value);
        }
        let indent = " ".repeat(map.indent);
        let line = format!("{indent}{}: {value}", one_line(key));
        let end = map.entries().next_back().map_or(map.span.end, |entry| entry.value.span.end);
        self.line_behind(end, &line)
    }

    /// Adds a string behind the last item of a list, in a block on a line of its own; it is quoted here.
    pub fn push(&self, list: &Seq<'_>, text: &str) -> Edit {
        let quoted = match (self.syntax, list.flow) {
            (Syntax::Json, _) => json::string(text),
            (_, true) => flow_key(text),
            (_, false) => one_line(text),
        };
        match (list.items().next_back(), list.flow) {
            (Some(last), false) => {
                self.line_behind(last.value.span.end, &format!("{}- {quoted}", " ".repeat(list.indent)))
            }
            (Some(last), true) => {
                let at = last.value.span.end;
                Edit { range: at..at, text: format!(", {quoted}") }
            }
            (None, _) => Edit { range: list.span.clone(), text: format!("[{quoted}]") },
        }
    }

    /// `line`, on a line of its own behind the one that holds byte `at`.
    pub(super) fn line_behind(&self, at: usize, line: &str) -> Edit {
        let line_break = self.line_break();
        if let Some(end) = self.text[at..].find('\n') {
            let start = at + end + 1;
            return Edit { range: start..start, text: format!("{line}{line_break}") };
        }
        let end = self.text.len();
        Edit { range: end..end, text: format!("{line_break}{line}") }
    }

    /// Adds an entry to a mapping in `{}`, on a line of its own if the last entry has one.
    fn insert_flow(&self, map: &Map<'_>, key: &str, value: &str) -> Edit {
        let key = match self.syntax {
            Syntax::Json => json::string(key),
            _ => flow_key(key),
        };
        let Some(last) = map.entries().next_back() else {
            let inside = map.span.start + 1..map.span.end.saturating_sub(1).max(map.span.start + 1);
            return Edit { range: inside, text: format!("{key}: {value}") };
        };
        let at = last.value.span.end;
        let before = self.line_prefix(last.key.span.start);
        let text = if before.trim().is_empty() {
            format!(",{}{before}{key}: {value}", self.line_break())
        } else {
            format!(", {key}: {value}")
        };
        Edit { range: at..at, text }
    }

    /// What stands before byte `at` on its line.
    pub(super) fn line_prefix(&self, at: usize) -> &str {
        self.text[..at].rsplit(BREAKS).next().unwrap_or_default()
    }

    /// Removes an entry with its lines and the comment behind it. The last entry of a mapping leaves
    /// `{}`. Comments above it stay.
    pub fn remove(&self, map: &Map<'_>, entry: &Entry<'_>) -> Edit {
        let key = entry.key.span.start;
        if matches!(self.syntax, Syntax::Dotenv | Syntax::Ini) {
            return Edit { range: self.whole_lines(key, entry.value.span.end), text: String::new() };
        }
        if map.entries().count() == 1 {
            let range = if map.flow { map.span.clone() } else { key..entry.value.span.end };
            return Edit { range, text: "{}".to_owned() };
        }
        if map.flow {
            return Edit { range: flow_range(map, entry), text: String::new() };
        }
        let next = map.entries().find(|other| other.key.span.start > key);
        let prefix = self.line_prefix(key);
        match next {
            // The entry shares its line with a dash: the next one moves up to it.
            Some(next) if !prefix.trim().is_empty() => {
                Edit { range: key..next.key.span.start, text: String::new() }
            }
            _ => Edit { range: self.whole_lines(key, entry.value.span.end), text: String::new() },
        }
    }

    /// The lines that hold the bytes from `start` to `end`.
    pub(super) fn whole_lines(&self, start: usize, end: usize) -> Range<usize> {
        let first = start - self.line_prefix(start).len();
        if let Some(length) = self.text[end..].find('\n') {
            return first..end + length + 1;
        }
        // The last line goes with the line break before it.
        let before = self.text[..first].trim_end_matches('\n').trim_end_matches('\r').len();
        before..self.text.len()
    }

    /// Adds lines at the end of a document; `text` is YAML in column 0 with `\n` for line breaks.
    pub fn append(&self, document: &Document<'_>, text: &str) -> Edit {
        let line_break = self.line_break();
        let at = document.span.end;
        let open = at > 0 && !self.text[..at].ends_with('\n') && !document.span.is_empty();
        let mut lines = String::new();
        if open {
            lines.push_str(line_break);
        }
        for line in text.lines() {
            lines.push_str(line);
            lines.push_str(line_break);
        }
        Edit { range: at..at, text: lines }
    }
}

/// An entry of a `{}` with the comma that goes with it.
fn flow_range(map: &Map<'_>, entry: &Entry<'_>) -> Range<usize> {
    let key = entry.key.span.start;
    if let Some(next) = map.entries().find(|other| other.key.span.start > key) {
        return key..next.key.span.start;
    }
    let before = map.entries().rfind(|other| other.key.span.start < key);
    before.map_or(key, |before| before.value.span.end)..entry.value.span.end
}

/// A key inside `{}`: quoted unless it is a plain word.
fn flow_key(key: &str) -> String {
    let plain = one_line(key);
    let is_word = plain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'));
    if is_word || plain.starts_with('"') { plain } else { json::string(key) }
}
