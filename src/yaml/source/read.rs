//! Text to parts: events become a tree with spans, then the comments find their places in it.

use super::{
    Content, Document, Entry, Item, Key, Leaf, Map, MapPart, Obstacle, ObstacleKind, Seq, SeqItem, SeqPart,
    Source, Syntax, Text,
};
use super::{comments, dotenv, ini};
use crate::yaml::Limits;
use crate::yaml::ReadError;
use crate::yaml::node::{ScalarKind, Style};
use crate::yaml::parse::{self, EventKind, Fault, Parser, Pos, Properties};
use crate::yaml::read::check_characters;
use crate::yaml::scalar::resolve_v3;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// What libyaml takes for a line break (YAML 1.1, 5.4).
pub(super) const BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Deepest nesting that is read.
const DEEPEST: usize = 128;
/// Most values, entries and items of a file.
const MOST_NODES: usize = 500_000;

impl<'t> Source<'t> {
    /// Takes a file apart. Line breaks may be `\n` or `\r\n`.
    pub fn read(text: &'t str, syntax: Syntax) -> Result<Self, ReadError> {
        let documents = match syntax {
            Syntax::Yaml | Syntax::Json => return Self::read_yaml(text, syntax),
            Syntax::Dotenv => check_size(text).and_then(|()| dotenv::read(text)),
            Syntax::Ini => check_size(text).and_then(|()| ini::read(text)),
        };
        match documents {
            Ok((document, obstacles)) => Ok(Self { text, syntax, documents: vec![document], obstacles }),
            Err(Fault { message, line, column }) => Err(ReadError { message, document: 0, line, column }),
        }
    }

    fn read_yaml(text: &'t str, syntax: Syntax) -> Result<Self, ReadError> {
        let mut reader = Reader::new(text);
        let read =
            check_size(text).and_then(|()| check_characters(text, 1)).and_then(|()| reader.run(syntax));
        match read {
            Ok(comments) => {
                comments::place(text, &mut reader.documents, &comments);
                Ok(Self { text, syntax, documents: reader.documents, obstacles: reader.obstacles })
            }
            Err(Fault { message, line, column }) => {
                Err(ReadError { message, document: reader.documents.len(), line, column })
            }
        }
    }
}

fn check_size(text: &str) -> Result<(), Fault> {
    let limit = Limits::default().bytes;
    if text.len() > limit {
        return Err(Fault::new(format!("larger than {limit} bytes"), Pos { line: 1, ..Pos::default() }));
    }
    Ok(())
}

/// A collection that is still open.
struct Frame<'t> {
    start: Pos,
    /// Where the dash stands before it, if it is a list item.
    dash: usize,
    flow: bool,
    properties: Option<Range<usize>>,
    anchor: Option<&'t str>,
    tag: Option<String>,
    content: Open<'t>,
}

enum Open<'t> {
    Map {
        parts: Vec<MapPart<'t>>,
        key: Option<Key<'t>>,
        keys: HashSet<String>,
    },
    Seq(Vec<SeqPart<'t>>),
    /// A collection that is a key: its parts are not kept, nor is the value behind it.
    Refused,
}

struct Reader<'t> {
    text: &'t str,
    documents: Vec<Document<'t>>,
    obstacles: Vec<Obstacle>,
    frames: Vec<Frame<'t>>,
    root: Option<Item<'t>>,
    /// Depths at which the next value is left out, its key being no scalar.
    skips_value: Vec<usize>,
    /// Where the last dash stood.
    dash: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            documents: Vec::new(),
            obstacles: Vec::new(),
            frames: Vec::new(),
            root: None,
            skips_value: Vec::new(),
            dash: 0,
        }
    }

    fn run(&mut self, syntax: Syntax) -> Result<Vec<parse::Comment>, Fault> {
        let mut parser = Parser::with_comments(self.text, syntax == Syntax::Json);
        let mut content_start = 0;
        for _ in 0..2 * MOST_NODES {
            let event = parser.next()?;
            self.dash = parser.dash();
            let span = event.start.at..event.end;
            match event.kind {
                EventKind::StreamEnd => return Ok(parser.into_comments()),
                EventKind::DocumentStart => content_start = self.content_start(&span),
                EventKind::DocumentEnd => self.document(content_start, event.start.at),
                EventKind::Alias(name) => self.alias(name, event.start, span),
                EventKind::Scalar { text, style, properties } => {
                    self.scalar(text, style, properties, event.start, span);
                }
                EventKind::SequenceStart { flow, properties } => {
                    self.open(Open::Seq(Vec::new()), flow, properties, event.start)?;
                }
                EventKind::MappingStart { flow, properties } => {
                    let map = Open::Map { parts: Vec::new(), key: None, keys: HashSet::new() };
                    self.open(map, flow, properties, event.start)?;
                }
                EventKind::SequenceEnd | EventKind::MappingEnd => self.close(event.end),
            }
        }
        let message = format!("more than {MOST_NODES} values");
        Err(Fault::new(message, parser.next().map_or(Pos::default(), |event| event.start)))
    }

    /// The first byte of a document: behind the line of its `---`, or behind the document before.
    fn content_start(&self, sign: &Range<usize>) -> usize {
        if sign.is_empty() {
            return self.documents.last().map_or(0, |document| document.span.end);
        }
        let rest = &self.text[sign.end..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match rest[blank..].find('\n') {
            Some(end) if blank == rest.len() || rest[blank..].starts_with(['#', '\n', '\r']) => {
                sign.end + blank + end + 1
            }
            _ => sign.end,
        }
    }

    fn document(&mut self, start: usize, end: usize) {
        let index = self.documents.len();
        let span = start.min(end)..end;
        self.documents.push(Document { index, span, root: self.root.take(), comments: Vec::new() });
    }

    fn obstacle(&mut self, kind: ObstacleKind, line: u32) {
        self.obstacles.push(Obstacle { kind, line });
    }

    /// True if the next node is a key.
    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Open::Map { key: None, .. }, .. }))
            && self.skips_value.last() != Some(&self.frames.len())
    }

    fn open(
        &mut self,
        mut content: Open<'t>,
        flow: bool,
        properties: Properties<'t>,
        start: Pos,
    ) -> Result<(), Fault> {
        if self.frames.len() >= DEEPEST {
            return Err(Fault::new(format!("nested deeper than {DEEPEST} levels"), start));
        }
        let is_inside_refused = matches!(self.frames.last(), Some(Frame { content: Open::Refused, .. }));
        if self.expects_key() {
            self.obstacle(ObstacleKind::KeyNotScalar, start.line);
            content = Open::Refused;
        } else if is_inside_refused {
            content = Open::Refused;
        }
        let (anchor, tag) = (properties.anchor, properties.tag);
        if let Some(name) = anchor {
            self.obstacle(ObstacleKind::Anchor(name.to_owned()), start.line);
        }
        let dash = self.dash;
        self.frames.push(Frame { start, dash, flow, properties: properties.span, anchor, tag, content });
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else { return };
        let column = frame.start.column as usize;
        let start = frame.start.at;
        let (content, span) = match frame.content {
            Open::Refused => return self.close_refused(),
            Open::Map { parts, .. } => {
                let last = parts.iter().rev().find_map(|part| match part {
                    MapPart::Entry(entry) => Some(entry.value.span.end),
                    MapPart::Comment(_) => None,
                });
                let span = start..if frame.flow { end } else { last.unwrap_or(start) };
                let map = Map { parts, span: span.clone(), indent: column, flow: frame.flow };
                (Content::Map(map), span)
            }
            Open::Seq(parts) => {
                let last = parts.iter().rev().find_map(|part| match part {
                    SeqPart::Item(item) => Some(item.value.span.end),
                    SeqPart::Comment(_) => None,
                });
                let span = start..if frame.flow { end } else { last.unwrap_or(start) };
                let seq = Seq { parts, span: span.clone(), indent: column, flow: frame.flow };
                (Content::Seq(seq), span)
            }
        };
        self.dash = frame.dash;
        self.place(Item {
            span,
            line: frame.start.line,
            column,
            properties: frame.properties,
            anchor: frame.anchor,
            tag: frame.tag,
            content,
        });
    }

    /// The value behind a refused key is left out.
    fn close_refused(&mut self) {
        if !matches!(self.frames.last(), Some(Frame { content: Open::Refused, .. })) {
            self.skips_value.push(self.frames.len());
        }
    }

    fn alias(&mut self, name: &'t str, start: Pos, span: Range<usize>) {
        self.obstacle(ObstacleKind::Alias(name.to_owned()), start.line);
        if self.expects_key() {
            let style = Style::Plain;
            return self.key(Cow::Borrowed(name), ScalarKind::Str, style, start, span);
        }
        self.place(Item {
            span,
            line: start.line,
            column: start.column as usize,
            properties: None,
            anchor: None,
            tag: None,
            content: Content::Alias(name),
        });
    }

    fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: Style,
        properties: Properties<'t>,
        start: Pos,
        span: Range<usize>,
    ) {
        if let Some(name) = properties.anchor {
            self.obstacle(ObstacleKind::Anchor(name.to_owned()), start.line);
        }
        let kind = kind_of(&text, style, properties.tag.as_deref());
        if self.expects_key() {
            return self.key(text, kind, style, start, span);
        }
        let end = match style {
            Style::Literal | Style::Folded => self.block_end(&span),
            _ => span.end,
        };
        self.place(Item {
            span: span.start..end,
            line: start.line,
            column: start.column as usize,
            properties: properties.span,
            anchor: properties.anchor,
            tag: properties.tag,
            content: Content::Scalar(Leaf { text: Text::new(text), kind, style }),
        });
    }

    /// Where a block scalar ends, without its last line break; lines that are empty and do not count
    /// are left out.
    fn block_end(&self, span: &Range<usize>) -> usize {
        let written = &self.text[span.clone()];
        let header = written.lines().next().unwrap_or_default();
        let keeps = header.split(" #").next().unwrap_or_default().contains('+');
        let kept = if keeps {
            let kept = written.strip_suffix(BREAKS).unwrap_or(written);
            if written.ends_with("\r\n") { kept.strip_suffix('\r').unwrap_or(kept) } else { kept }
        } else {
            written.trim_end_matches(BREAKS)
        };
        span.start + kept.len().max(header.len())
    }

    fn key(&mut self, text: Cow<'t, str>, kind: ScalarKind, style: Style, start: Pos, span: Range<usize>) {
        let Some(Frame { content: Open::Map { key, keys, .. }, .. }) = self.frames.last_mut() else { return };
        let obstacle = if text == "<<" && style == Style::Plain {
            Some(ObstacleKind::MergeKey)
        } else if kind != ScalarKind::Str {
            Some(ObstacleKind::KeyNotString(text.clone().into_owned()))
        } else if !keys.insert(text.clone().into_owned()) {
            Some(ObstacleKind::RepeatedKey(text.clone().into_owned()))
        } else {
            None
        };
        *key = Some(Key { text, span, line: start.line, column: start.column as usize, kind, style });
        if let Some(kind) = obstacle {
            self.obstacle(kind, start.line);
        }
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, value: Item<'t>) {
        if self.skips_value.last() == Some(&self.frames.len()) {
            self.skips_value.pop();
            return;
        }
        let Some(Frame { content, flow, .. }) = self.frames.last_mut() else {
            let is_written = value.properties.is_some() || !value.span.is_empty();
            self.root = is_written.then_some(value);
            return;
        };
        match content {
            Open::Refused => {}
            Open::Seq(parts) => {
                let dash = if *flow { value.span.start } else { self.dash };
                parts.push(SeqPart::Item(SeqItem { dash, value, trailing: Vec::new() }));
            }
            Open::Map { parts, key, .. } => {
                if let Some(key) = key.take() {
                    if value.span.is_empty() && !has_colon(&self.text[key.span.end..value.span.start]) {
                        let kind = ObstacleKind::NoColon(key.text.clone().into_owned());
                        self.obstacles.push(Obstacle { kind, line: key.line });
                    }
                    parts.push(MapPart::Entry(Entry { key, value, trailing: Vec::new() }));
                }
            }
        }
    }
}

/// True if a colon stands between a key and its value, outside of comments.
fn has_colon(between: &str) -> bool {
    between.split(BREAKS).any(|line| match (line.find(':'), line.find('#')) {
        (Some(colon), Some(comment)) => colon < comment,
        (colon, _) => colon.is_some(),
    })
}

fn kind_of(text: &str, style: Style, tag: Option<&str>) -> ScalarKind {
    let plain = if style == Style::Plain { resolve_v3(text) } else { ScalarKind::Str };
    match tag.and_then(|tag| tag.strip_prefix("tag:yaml.org,2002:")) {
        Some("int") => ScalarKind::Int,
        Some("float") => ScalarKind::Float,
        Some("bool") => ScalarKind::Bool,
        Some("null") => ScalarKind::Null,
        Some("timestamp") => ScalarKind::Time,
        Some(_) => ScalarKind::Str,
        None if tag.is_some_and(|tag| tag != "!") => ScalarKind::Str,
        None => plain,
    }
}
