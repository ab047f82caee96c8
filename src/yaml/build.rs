//! Events of one document to nodes: kinds resolved, anchors and merge keys expanded, limits kept.

use super::node::{Entry, Key, Map, Mark, Node, Scalar, ScalarKind, Style, Value};
use super::read::{Dialect, Limits};
use super::scalar::{resolve_v1, resolve_v3};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};
use std::collections::HashMap;
use std::sync::Arc;

/// Mappings with more keys than this find duplicates by hash.
const FEW_KEYS: usize = 16;

/// Something wrong at a place of the piece being read. Lines count from 1 within the piece.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, at: &Mark) -> Self {
        Self { message: message.into(), line: at.line, column: at.column }
    }
}

/// What all documents of a file share.
pub(super) struct Shared<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) dialect: Dialect,
    pub(super) limits: &'a Limits,
    /// Nodes made so far, aliases counted as what they stand for.
    pub(super) nodes: usize,
    pub(super) words: Words,
}

/// Reads the first document of `text`, whose first line is line `first_line` of the file. `None` if it
/// holds nothing.
pub(super) fn document(text: &str, first_line: u32, shared: &mut Shared<'_>) -> Result<Option<Node>, Fault> {
    let mut builder = Builder { shared, first_line, frames: Vec::new(), anchors: HashMap::new(), root: None };
    let mut parser = Parser::new_from_str(text);
    match builder.run(&mut parser) {
        Ok(()) => Ok(builder.root),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(Stop::Scan(error)) => {
            let at = builder.mark(*error.marker());
            Err(Fault::new(error.info(), &at))
        }
    }
}

enum Stop {
    Fault(Fault),
    Scan(ScanError),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A finished node, how many nodes it is made of and how deep it goes.
#[derive(Clone)]
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A collection that is still open.
struct Frame {
    mark: Mark,
    anchor: usize,
    nodes_before: usize,
    height: usize,
    content: Content,
}

enum Content {
    Items(Vec<Node>),
    Pairs(Pairs),
}

struct Builder<'s, 'a> {
    shared: &'s mut Shared<'a>,
    first_line: u32,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    root: Option<Node>,
}

impl Builder<'_, '_> {
    fn run<'t>(&mut self, parser: &mut Parser<'t, StrInput<'t>>) -> Result<(), Stop> {
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(Stop::Scan)?;
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => return Ok(()),
                Event::Scalar(text, style, anchor, tag) => {
                    let mark = self.mark(span.start);
                    self.scalar(&text, style, tag.as_deref(), anchor, mark)?;
                }
                Event::SequenceStart(anchor, _) => {
                    self.open(Content::Items(Vec::new()), anchor, span.start)?;
                }
                Event::MappingStart(anchor, _) => {
                    self.open(Content::Pairs(Pairs::default()), anchor, span.start)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close()?,
                Event::Alias(anchor) => self.alias(anchor, span.start)?,
            }
        }
        Ok(())
    }

    fn mark(&self, at: Marker) -> Mark {
        let line = u32::try_from(at.line()).unwrap_or(u32::MAX).saturating_sub(1);
        Mark {
            file: Some(Arc::clone(self.shared.file)),
            line: self.first_line.saturating_add(line),
            column: u32::try_from(at.col()).unwrap_or(u32::MAX).saturating_add(1),
        }
    }

    /// Counts nodes against the limit.
    fn count(&mut self, nodes: usize, at: &Mark) -> Result<(), Fault> {
        self.shared.nodes = self.shared.nodes.saturating_add(nodes);
        if self.shared.nodes > self.shared.limits.nodes {
            let message = format!("more than {} nodes, aliases expanded", self.shared.limits.nodes);
            return Err(Fault::new(message, at));
        }
        Ok(())
    }

    fn check_depth(&self, more: usize, at: &Mark) -> Result<(), Fault> {
        if self.frames.len() + more > self.shared.limits.depth {
            return Err(Fault::new(format!("nested deeper than {} levels", self.shared.limits.depth), at));
        }
        Ok(())
    }

    fn open(&mut self, content: Content, anchor: usize, at: Marker) -> Result<(), Fault> {
        let mark = self.mark(at);
        self.check_depth(1, &mark)?;
        if let Some(Frame { content: Content::Pairs(pairs), .. }) = self.frames.last()
            && pairs.key.is_none()
        {
            return Err(Fault::new("invalid map key: only scalars can be keys", &mark));
        }
        self.count(1, &mark)?;
        let nodes_before = self.shared.nodes - 1;
        self.frames.push(Frame { mark, anchor, nodes_before, height: 1, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::Items(items) => Value::Seq(Arc::new(items)),
            Content::Pairs(pairs) => Value::Map(Arc::new(pairs.finish())),
        };
        let nodes = self.shared.nodes - frame.nodes_before;
        let built = Built { node: Node { value, mark: frame.mark }, nodes, height: frame.height };
        self.remember(frame.anchor, &built);
        self.place(built)
    }

    fn alias(&mut self, anchor: usize, at: Marker) -> Result<(), Fault> {
        let mark = self.mark(at);
        let Some(built) = self.anchors.get(&anchor).cloned() else {
            return Err(Fault::new("anchor contains itself", &mark));
        };
        self.count(built.nodes, &mark)?;
        self.check_depth(built.height, &mark)?;
        if self.expects_key() {
            let Value::Scalar(scalar) = built.node.value else {
                return Err(Fault::new("invalid map key: only scalars can be keys", &mark));
            };
            return self.key(&scalar.text, scalar.kind, false, &mark);
        }
        self.place(built)
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Pairs(Pairs { key: None, .. }), .. }))
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        mark: Mark,
    ) -> Result<(), Fault> {
        self.count(1, &mark)?;
        let style = own_style(style);
        let read = match tag {
            None => Meaning::plain(self.resolve(text, style)),
            Some(tag) => self.tagged(text, style, tag, &mark)?,
        };
        let shown = read.text.as_deref().unwrap_or(text);
        if self.expects_key() {
            if anchor != 0 {
                let scalar = Scalar { text: self.shared.words.get(shown), kind: read.kind, style };
                let node = Node { value: Value::Scalar(scalar), mark: mark.clone() };
                self.remember(anchor, &Built { node, nodes: 1, height: 0 });
            }
            let merges = read.merges || (tag.is_none() && style == Style::Plain && text == "<<");
            return self.key(shown, read.kind, merges, &mark);
        }
        let scalar = Scalar { text: self.shared.words.get(shown), kind: read.kind, style };
        let built = Built { node: Node { value: Value::Scalar(scalar), mark }, nodes: 1, height: 0 };
        self.remember(anchor, &built);
        self.place(built)
    }

    fn resolve(&self, text: &str, style: Style) -> ScalarKind {
        match (style, self.shared.dialect) {
            (Style::Plain, Dialect::Resource) => resolve_v3(text),
            (Style::Plain, Dialect::Kustomization) => resolve_v1(text),
            _ => ScalarKind::Str,
        }
    }

    /// What an explicit tag makes of a scalar. Unknown tags are dropped and leave a string.
    fn tagged(&self, text: &str, style: Style, tag: &Tag, at: &Mark) -> Result<Meaning, Fault> {
        if tag.handle.is_empty() && tag.suffix == "!" {
            return Ok(Meaning::plain(self.resolve(text, style)));
        }
        if !tag.is_yaml_core_schema() {
            return Ok(Meaning::plain(ScalarKind::Str));
        }
        let wanted = match tag.suffix.as_str() {
            "merge" => return Ok(Meaning { kind: ScalarKind::Str, text: None, merges: text == "<<" }),
            "binary" => return decoded(text, at),
            "int" => ScalarKind::Int,
            "float" => ScalarKind::Float,
            "bool" => ScalarKind::Bool,
            "null" => ScalarKind::Null,
            "timestamp" => ScalarKind::Time,
            _ => return Ok(Meaning::plain(ScalarKind::Str)),
        };
        let found = self.resolve(text, Style::Plain);
        let time = wanted == ScalarKind::Time && resolve_v3(text) == ScalarKind::Time;
        let fits = found == wanted || time || (found, wanted) == (ScalarKind::Int, ScalarKind::Float);
        match (fits, wanted, self.shared.dialect) {
            (true, ScalarKind::Time, Dialect::Kustomization) => Ok(Meaning::plain(ScalarKind::Str)),
            (true, ..) => Ok(Meaning::plain(wanted)),
            _ => Err(Fault::new(format!("cannot decode `{text}` as a !!{}", tag.suffix), at)),
        }
    }

    fn key(&mut self, text: &str, kind: ScalarKind, merges: bool, mark: &Mark) -> Result<(), Fault> {
        let key = Key { text: self.shared.words.get(text), kind, line: mark.line };
        if let Some(Frame { content: Content::Pairs(pairs), .. }) = self.frames.last_mut() {
            pairs.start(key, merges, mark, self.shared.dialect)?;
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, built: &Built) {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, built: Built) -> Result<(), Fault> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(built.node);
            return Ok(());
        };
        frame.height = frame.height.max(built.height + 1);
        match &mut frame.content {
            Content::Items(items) => items.push(built.node),
            Content::Pairs(pairs) => pairs.finish_entry(built.node, self.shared.dialect)?,
        }
        Ok(())
    }
}

/// What a scalar turned out to be: its kind, its text if that is not what was written, and whether it
/// is a merge key by its tag.
struct Meaning {
    kind: ScalarKind,
    text: Option<String>,
    merges: bool,
}

impl Meaning {
    fn plain(kind: ScalarKind) -> Self {
        Self { kind, text: None, merges: false }
    }
}

fn own_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

/// The text behind `!!binary`. Go keeps its bytes in a string; those that are not UTF-8 are printed as
/// replacement characters, so they are made such at once.
fn decoded(text: &str, at: &Mark) -> Result<Meaning, Fault> {
    let bytes = base64(text).ok_or_else(|| Fault::new("!!binary value contains invalid base64 data", at))?;
    let mut readable = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        readable.push_str(chunk.valid());
        readable.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
    }
    Ok(Meaning { kind: ScalarKind::Str, text: Some(readable), merges: false })
}

/// Standard, padded base64; line breaks do not count.
fn base64(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let padding = letters.iter().rev().take_while(|b| **b == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    for group in letters[..letters.len() - padding].chunks(4) {
        let mut bits = 0_u32;
        for letter in group {
            bits = bits << 6 | sextet(*letter)?;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn sextet(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// The entries of a mapping that is still open.
#[derive(Default)]
struct Pairs {
    entries: Unique,
    /// The key whose value comes next; `true` for a merge key.
    key: Option<(Key, bool)>,
    /// What a merge key of a resource names, least important first.
    merged: Option<Vec<Node>>,
}

impl Pairs {
    fn start(&mut self, key: Key, merges: bool, at: &Mark, dialect: Dialect) -> Result<(), Fault> {
        if dialect == Dialect::Resource {
            if merges && self.merged.is_some() {
                return Err(Fault::new("duplicate merge key", at));
            }
            if let Some(place) = self.entries.place(&key.text).filter(|_| !merges) {
                let first = self.entries.entries[place].key.line;
                let message = format!("mapping key {:?} already defined at line {first}", key.text);
                return Err(Fault::new(message, at));
            }
        }
        self.key = Some((key, merges));
        Ok(())
    }

    fn finish_entry(&mut self, value: Node, dialect: Dialect) -> Result<(), Fault> {
        match (self.key.take(), dialect) {
            (None, _) => {}
            (Some((_, true)), Dialect::Resource) => self.merged = Some(sources(&value)?),
            (Some((_, true)), Dialect::Kustomization) => {
                for source in sources(&value)? {
                    self.take_over(&source, 0);
                }
            }
            (Some((key, false)), _) => self.entries.set(Entry { key, value }),
        }
        Ok(())
    }

    /// go-yaml v2 merges where the key stands, so that earlier entries are overwritten; kustomize
    /// merges resources at the end, where a mapping's own entries win.
    fn finish(mut self) -> Map {
        if let Some(merged) = self.merged.take() {
            let own = self.entries.entries.len();
            for source in merged {
                self.take_over(&source, own);
            }
        }
        self.entries.into_map()
    }

    /// Copies the entries of `source`, except for those that stand before `kept`.
    fn take_over(&mut self, source: &Node, kept: usize) {
        for entry in source.as_map().into_iter().flat_map(|map| &map.entries) {
            if self.entries.place(&entry.key.text).is_none_or(|place| place >= kept) {
                self.entries.set(entry.clone());
            }
        }
    }
}

/// Entries whose keys are unique: setting a key again replaces its value in place.
#[derive(Default)]
pub(super) struct Unique {
    entries: Vec<Entry>,
    /// Places by key, for those behind the first few.
    index: HashMap<Arc<str>, usize>,
}

impl Unique {
    pub(super) fn set(&mut self, entry: Entry) {
        if let Some(place) = self.place(&entry.key.text) {
            self.entries[place] = entry;
            return;
        }
        if self.entries.len() >= FEW_KEYS {
            self.index.insert(Arc::clone(&entry.key.text), self.entries.len());
        }
        self.entries.push(entry);
    }

    fn place(&self, key: &str) -> Option<usize> {
        let first = self.entries.iter().take(FEW_KEYS).position(|e| &*e.key.text == key);
        first.or_else(|| self.index.get(key).copied())
    }

    pub(super) fn into_map(self) -> Map {
        Map { entries: self.entries }
    }
}

/// The mappings that a merge key names, least important first.
fn sources(value: &Node) -> Result<Vec<Node>, Fault> {
    let all = match &value.value {
        Value::Map(_) => vec![value.clone()],
        Value::Seq(items) => items.iter().rev().cloned().collect(),
        _ => Vec::new(),
    };
    if all.is_empty() && !matches!(value.value, Value::Seq(_)) || all.iter().any(|n| n.as_map().is_none()) {
        return Err(Fault::new("map merge requires map or sequence of maps as the value", &value.mark));
    }
    Ok(all)
}

/// A small cache of words seen in this file, so that keys and common values are stored once.
pub(super) struct Words {
    slots: Vec<Option<Arc<str>>>,
}

impl Words {
    const SLOTS: usize = 512;
    const LONGEST: usize = 32;

    pub(super) fn new() -> Self {
        Self { slots: vec![None; Self::SLOTS] }
    }

    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LONGEST {
            return text.into();
        }
        let slot = &mut self.slots[Self::slot(text)];
        match slot {
            Some(word) if &**word == text => Arc::clone(word),
            _ => Arc::clone(slot.insert(text.into())),
        }
    }

    fn slot(text: &str) -> usize {
        let mut hash = text.len() as u64;
        for chunk in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        }
        usize::try_from(hash >> 40).unwrap_or(0) % Self::SLOTS
    }
}
