//! INI to parts, as gopkg.in/ini.v1 reads it for SOPS (secrets.md 1.9): sections, keys, quotes, values over several lines.
//!
//! That reader gathers the comments above a key and the one behind its value into one, which SOPS puts behind the key;
//! those above a section and behind its header are the first thing in it. What stands before the first header is the
//! section `DEFAULT`.

use super::lines::{self, pos};
use super::{Comment, Content, Document, Entry, Map, MapPart, Obstacle, ObstacleKind};
use crate::yaml::parse::Fault;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

const SIGNS: [char; 2] = ['=', ':'];
const COMMENTS: [char; 2] = ['#', ';'];

/// Takes a file apart.
pub(super) fn read(text: &str) -> Result<(Document<'_>, Vec<Obstacle>), Fault> {
    let mut reader = Reader {
        text,
        at: if text.starts_with('\u{FEFF}') { 3 } else { 0 },
        line: 0,
        pieces: Vec::new(),
        obstacles: Vec::new(),
    };
    let mut sections = vec![Section::new(Cow::Borrowed("DEFAULT"), 0..0, reader.at, 1)];
    while let Some(range) = reader.next_line() {
        reader.take(range, &mut sections)?;
    }
    if let (Some(comment), Some(last)) = (reader.comment(), sections.last_mut()) {
        last.parts.push(MapPart::Comment(comment));
    }
    let parts = sections.into_iter().map(|section| MapPart::Entry(section.entry())).collect();
    let map = Map { parts, span: 0..text.len(), indent: 0, flow: false };
    Ok((lines::document(text, map), reader.obstacles))
}

/// A section that is being read.
struct Section<'t> {
    name: Cow<'t, str>,
    name_span: Range<usize>,
    /// Where its first line starts.
    start: usize,
    line: u32,
    parts: Vec<MapPart<'t>>,
    keys: HashSet<String>,
}

impl<'t> Section<'t> {
    fn new(name: Cow<'t, str>, name_span: Range<usize>, start: usize, line: u32) -> Self {
        Self { name, name_span, start, line, parts: Vec::new(), keys: HashSet::new() }
    }

    fn entry(self) -> Entry<'t> {
        let map = Map { parts: self.parts, span: self.start..self.start, indent: 0, flow: false };
        let end = map.entries().next_back().map_or(self.start, |entry| entry.value.span.end);
        let value =
            lines::item(Content::Map(Map { span: self.start..end, ..map }), self.start..end, self.line, 0);
        Entry { key: lines::key_at(self.name, self.name_span, self.line), value, trailing: Vec::new() }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Number of the line that was read last, from 1.
    line: u32,
    /// Comments that belong to the next key or section, with the line of each.
    pieces: Vec<(Range<usize>, u32)>,
    obstacles: Vec<Obstacle>,
}

impl<'t> Reader<'t> {
    /// The next line, without its line break.
    fn next_line(&mut self) -> Option<Range<usize>> {
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        let end = self.text[start..].find('\n').map_or(self.text.len(), |end| start + end);
        self.at = (end + 1).min(self.text.len());
        self.line += 1;
        Some(start..end)
    }

    /// The bytes of a range without the blanks around it.
    fn trimmed(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.text[range.clone()];
        let start = range.start + (text.len() - text.trim_start().len());
        start..start.max(range.start + text.trim_end().len())
    }

    fn fault(&self, at: usize, message: &str) -> Fault {
        Fault::new(message, pos(at, self.line))
    }

    fn take(&mut self, range: Range<usize>, sections: &mut Vec<Section<'t>>) -> Result<(), Fault> {
        let span = self.trimmed(range.clone());
        let line = &self.text[span.clone()];
        if line.is_empty() {
            return Ok(());
        }
        if line.starts_with(COMMENTS) {
            self.pieces.push((span, self.line));
            return Ok(());
        }
        if line.starts_with('[') {
            let section = self.section(span, sections)?;
            sections.push(section);
            return Ok(());
        }
        let number = self.line;
        let (key, key_span, behind) = self.key(&span)?;
        let (text, value_span) = self.value(behind..range.end)?;
        let Some(section) = sections.last_mut() else { return Ok(()) };
        if !section.keys.insert(key.to_string()) {
            let kind = ObstacleKind::RepeatedKey(key.to_string());
            self.obstacles.push(Obstacle { kind, line: number });
        }
        section.parts.push(MapPart::Entry(lines::entry(key, key_span, text, value_span, number)));
        section.parts.extend(self.comment().map(MapPart::Comment));
        Ok(())
    }

    fn section(&mut self, span: Range<usize>, sections: &mut [Section<'t>]) -> Result<Section<'t>, Fault> {
        let line = &self.text[span.clone()];
        let close = line.rfind(']').ok_or_else(|| self.fault(span.start, "a section without `]`"))?;
        let name = &line[1..close];
        if name.is_empty() {
            return Err(self.fault(span.start, "a section without a name"));
        }
        if name == "sops" {
            // What stands above the block belongs to what came before it: SOPS throws it away with the block.
            let last = sections.last_mut();
            if let (Some(comment), Some(last)) = (self.comment(), last) {
                last.parts.push(MapPart::Comment(comment));
            }
        }
        self.inline_comment(span.start + close + 1..span.end);
        let name_span = span.start + 1..span.start + close;
        let mut section = Section::new(Cow::Borrowed(name), name_span, self.at, self.line);
        section.parts.extend(self.comment().map(MapPart::Comment));
        Ok(section)
    }

    /// A comment behind something on its line; where it starts, if there is one.
    fn inline_comment(&mut self, range: Range<usize>) -> Option<usize> {
        let at = range.start + self.text[range.clone()].find(COMMENTS)?;
        let span = self.trimmed(at..range.end);
        self.pieces.push((span, self.line));
        Some(at)
    }

    /// All comments since the last key or section, as one.
    fn comment(&mut self) -> Option<Comment<'t>> {
        let pieces = std::mem::take(&mut self.pieces);
        let ((first, line), others) = pieces.split_first()?;
        // All but the last stand on lines of their own; their blanks at the end count.
        let whole = |piece: &Range<usize>| self.text[piece.start..].split('\n').next().unwrap_or_default();
        let (last, before_last) = pieces.split_last()?;
        let mut joined = String::new();
        for (piece, _) in before_last {
            joined.push_str(whole(piece));
            joined.push('\n');
        }
        joined.push_str(&self.text[last.0.clone()]);
        let sign = joined.chars().next()?;
        let text = if others.is_empty() {
            Cow::Borrowed(self.text[first.clone()].trim_start_matches([sign, ' ']))
        } else {
            Cow::Owned(joined.trim_start_matches([sign, ' ']).to_owned())
        };
        let before = self.text[..first.start].rsplit('\n').next().unwrap_or_default();
        Some(Comment {
            text,
            span: first.clone(),
            rest: others.iter().map(|(piece, _)| piece.clone()).collect(),
            line: *line,
            column: before.chars().count(),
            own_line: before.trim().is_empty(),
        })
    }

    /// A key, its bytes, and where its value begins.
    fn key(&self, span: &Range<usize>) -> Result<(Cow<'t, str>, Range<usize>, usize), Fault> {
        let line = &self.text[span.clone()];
        let quote = match line {
            _ if line.starts_with("\"\"\"") && line.len() > 5 => "\"\"\"",
            _ if line.starts_with('"') => "\"",
            _ if line.starts_with('`') => "`",
            _ => "",
        };
        let no_sign = || self.fault(span.start, "a line without `=`");
        let (name, name_end, sign) = if quote.is_empty() {
            let sign = line.find(SIGNS).ok_or_else(no_sign)?;
            let name = line[..sign].trim();
            (name, name.len(), sign)
        } else {
            let from = quote.len();
            let close =
                from + line[from..].find(quote).ok_or_else(|| self.fault(span.start, "a key without end"))?;
            let behind = close + quote.len();
            let sign = behind + line.get(behind..).and_then(|l| l.find(SIGNS)).ok_or_else(no_sign)?;
            (line[from..close].trim(), behind, sign)
        };
        if name.is_empty() {
            return Err(self.fault(span.start, "a value without a key"));
        }
        if name == "-" {
            return Err(self.fault(span.start, "a key `-`, which SOPS numbers and cannot read again"));
        }
        Ok((Cow::Borrowed(name), span.start..span.start + name_end, span.start + sign + 1))
    }

    /// A value and its bytes. It may go on over more lines than the one it begins on.
    fn value(&mut self, range: Range<usize>) -> Result<(Cow<'t, str>, Range<usize>), Fault> {
        let span = self.trimmed(range.clone());
        let line = &self.text[span.clone()];
        if line.is_empty() {
            // Behind the blank that stands behind the sign.
            let blank = usize::from(self.text[range.clone()].starts_with([' ', '\t']));
            let at = range.start + blank;
            return Ok((Cow::Borrowed(""), at..at));
        }
        for quote in ["\"\"\"", "`"] {
            if line.starts_with(quote) && (quote == "`" || self.text.len() > span.start + 3) {
                return self.quoted(&span, quote);
            }
        }
        if line.ends_with('\\') {
            return Ok(self.continued(&span));
        }
        let end = match self.inline_comment(span.clone()) {
            Some(at) => self.trimmed(span.start..at).end,
            None => span.end,
        };
        let span = span.start..end.max(span.start);
        let line = &self.text[span.clone()];
        let is_quoted = |quote: char| {
            line.len() >= 2
                && line.starts_with(quote)
                && line.ends_with(quote)
                && line[1..].find(quote) == Some(line.len() - 2)
        };
        let text = if is_quoted('\'') || is_quoted('"') { &line[1..line.len() - 1] } else { line };
        Ok((Cow::Borrowed(text), span))
    }

    /// In `"""` or backticks, to the last such sign on its line or on the first later line that has one.
    fn quoted(&mut self, span: &Range<usize>, quote: &str) -> Result<(Cow<'t, str>, Range<usize>), Fault> {
        let from = span.start + quote.len();
        if let Some(close) = self.text[from..span.end].rfind(quote) {
            // What stands behind it is nothing to that reader.
            return Ok((Cow::Borrowed(&self.text[from..from + close]), span.clone()));
        }
        while let Some(range) = self.next_line() {
            let Some(close) = self.text[range.clone()].rfind(quote) else { continue };
            let end = range.start + close + quote.len();
            if self.text[end..range.end].trim().ends_with('\\') {
                continue;
            }
            self.inline_comment(end..range.end);
            return Ok((Cow::Borrowed(&self.text[from..range.start + close]), span.start..end));
        }
        Err(self.fault(span.start, "a quoted value without end"))
    }

    /// A line that ends in a backslash goes on with the next one.
    fn continued(&mut self, span: &Range<usize>) -> (Cow<'t, str>, Range<usize>) {
        let mut text = self.text[span.start..span.end - 1].to_owned();
        let mut end = span.end;
        while let Some(range) = self.next_line() {
            let next = self.trimmed(range);
            if next.is_empty() {
                break;
            }
            end = next.end;
            text.push_str(&self.text[next]);
            if !text.ends_with('\\') {
                break;
            }
            text.pop();
        }
        (Cow::Owned(text), span.start..end)
    }
}

/// A value as ini.v1 would write it; `None` if it would be read as another one.
pub(super) fn written(value: &str) -> Option<String> {
    let written = if value.contains(['\n', '`']) {
        format!("\"\"\"{value}\"\"\"")
    } else if value.contains(COMMENTS) {
        format!("`{value}`")
    } else if value.trim().len() != value.len() {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    };
    let line = format!("k = {written}\nnext = 1\n");
    let read = super::Source::read(&line, super::Syntax::Ini).ok()?;
    let section = read.documents.first()?.root.as_ref()?.get("DEFAULT")?.value.as_map()?;
    let is_same = section.get("k").and_then(|e| e.value.as_leaf()).is_some_and(|leaf| &*leaf.text == value);
    (is_same && section.parts.len() == 2).then_some(written)
}

/// A key as ini.v1 would write it; `None` if it would be read as another one.
pub(super) fn written_key(key: &str) -> Option<String> {
    let written = if key.contains('"') || key.contains(SIGNS) {
        format!("`{key}`")
    } else if key.contains('`') {
        format!("\"\"\"{key}\"\"\"")
    } else {
        key.to_owned()
    };
    let line = format!("{written} = 1\n");
    let read = super::Source::read(&line, super::Syntax::Ini).ok()?;
    let section = read.documents.first()?.root.as_ref()?.get("DEFAULT")?.value.as_map()?;
    (section.entries().map(|e| &*e.key.text).eq([key]) && section.parts.len() == 1).then_some(written)
}
