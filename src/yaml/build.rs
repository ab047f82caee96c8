//! Events of one document to nodes: kinds resolved, anchors and merge keys expanded, limits kept.

use super::node::{Entry, Key, Map, Mark, Node, Scalar, ScalarKind, Style, Value};
use super::number;
use super::parse::{EventKind, Fault, Parser, Pos, Properties};
use super::read::{Dialect, Limits};
use super::scalar::{resolve_v1, resolve_v3};
use std::collections::HashMap;
use std::sync::Arc;

/// Mappings with more keys than this find duplicates by hash.
const FEW_KEYS: usize = 16;

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
    let mut builder = Builder { shared, frames: Vec::new(), anchors: HashMap::new(), root: None };
    let parser = Parser::new(text, first_line, builder.shared.dialect == Dialect::Resource);
    builder.run(parser)?;
    Ok(builder.root)
}

/// A finished node, how many nodes it is made of and how deep it goes.
#[derive(Clone)]
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A collection that is still open.
struct Frame<'t> {
    start: Pos,
    /// Written in `{}` or `[]`.
    flow: bool,
    anchor: Option<&'t str>,
    nodes_before: usize,
    height: usize,
    content: Content,
}

enum Content {
    Items(Vec<Node>),
    Pairs(Pairs),
}

struct Builder<'s, 'a, 't> {
    shared: &'s mut Shared<'a>,
    frames: Vec<Frame<'t>>,
    /// Anchored nodes; `None` while they are still open.
    anchors: HashMap<&'t str, Option<Built>>,
    root: Option<Node>,
}

impl<'t> Builder<'_, '_, 't> {
    fn run(&mut self, mut parser: Parser<'t>) -> Result<(), Fault> {
        loop {
            let event = parser.next()?;
            match event.kind {
                EventKind::DocumentStart => {}
                EventKind::StreamEnd | EventKind::DocumentEnd => return Ok(()),
                EventKind::Scalar { text, style, properties } => {
                    self.scalar(&text, style, &properties, event.start)?;
                }
                EventKind::SequenceStart { flow, properties } => {
                    self.open(Content::Items(Vec::new()), flow, properties.anchor, event.start)?;
                }
                EventKind::MappingStart { flow, properties } => {
                    self.open(Content::Pairs(Pairs::default()), flow, properties.anchor, event.start)?;
                }
                EventKind::SequenceEnd | EventKind::MappingEnd => self.close()?,
                EventKind::Alias(anchor) => self.alias(anchor, event.start)?,
            }
        }
    }

    fn mark(&self, at: Pos) -> Mark {
        Mark { file: Some(Arc::clone(self.shared.file)), line: at.line, column: at.column + 1 }
    }

    /// Counts nodes against the limit.
    fn count(&mut self, nodes: usize, at: Pos) -> Result<(), Fault> {
        self.shared.nodes = self.shared.nodes.saturating_add(nodes);
        if self.shared.nodes > self.shared.limits.nodes {
            let message = format!("more than {} nodes, aliases expanded", self.shared.limits.nodes);
            return Err(Fault::new(message, at));
        }
        Ok(())
    }

    fn check_depth(&self, more: usize, at: Pos) -> Result<(), Fault> {
        if self.frames.len() + more > self.shared.limits.depth {
            return Err(Fault::new(format!("nested deeper than {} levels", self.shared.limits.depth), at));
        }
        Ok(())
    }

    fn open(
        &mut self,
        content: Content,
        flow: bool,
        anchor: Option<&'t str>,
        start: Pos,
    ) -> Result<(), Fault> {
        self.check_depth(1, start)?;
        if self.expects_key() {
            return Err(Fault::new("invalid map key: only scalars can be keys", start));
        }
        self.count(1, start)?;
        if let Some(name) = anchor {
            self.anchors.insert(name, None);
        }
        let nodes_before = self.shared.nodes - 1;
        self.frames.push(Frame { start, flow, anchor, nodes_before, height: 1, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::Items(items) => Value::Seq(Arc::new(items)),
            Content::Pairs(pairs) => Value::Map(Arc::new(pairs.finish())),
        };
        let nodes = self.shared.nodes - frame.nodes_before;
        let node = Node { value, mark: self.mark(frame.start) };
        self.finish(Built { node, nodes, height: frame.height }, frame.anchor)
    }

    fn alias(&mut self, name: &str, start: Pos) -> Result<(), Fault> {
        let built = match self.anchors.get(name) {
            Some(Some(built)) => built.clone(),
            Some(None) => return Err(Fault::new(format!("anchor '{name}' value contains itself"), start)),
            None => return Err(Fault::new(format!("unknown anchor '{name}' referenced"), start)),
        };
        self.count(built.nodes, start)?;
        self.check_depth(built.height, start)?;
        if self.expects_key() {
            let Value::Scalar(scalar) = built.node.value else {
                return Err(Fault::new("invalid map key: only scalars can be keys", start));
            };
            return self.key(scalar.text, scalar.kind, Style::Double, start);
        }
        self.place(built)
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Pairs(Pairs { key: None, .. }), .. }))
    }

    fn scalar(
        &mut self,
        text: &str,
        style: Style,
        properties: &Properties<'t>,
        start: Pos,
    ) -> Result<(), Fault> {
        self.count(1, start)?;
        let read = match properties.tag.as_deref() {
            None => Meaning::plain(self.resolve(text, style)),
            Some("!") if self.shared.dialect == Dialect::Resource => {
                Meaning::plain(self.resolve(text, style))
            }
            Some(tag) => self.tagged(text, tag, start)?,
        };
        let shown = self.shared.words.get(read.text.as_deref().unwrap_or(text));
        let is_key = self.expects_key();
        if is_key && properties.anchor.is_none() {
            return self.key(shown, read.kind, style, start);
        }
        let style = self.kept_style(text, read.kind, style);
        let scalar = Scalar { text: Arc::clone(&shown), kind: read.kind, style };
        let node = Node { value: Value::Scalar(scalar), mark: self.mark(start) };
        let built = Built { node, nodes: 1, height: 0 };
        if is_key {
            self.remember(properties.anchor, &built);
            return self.key(shown, read.kind, style, start);
        }
        self.finish(built, properties.anchor)
    }

    /// The style by which `refold` finds the values that kustomize changes.
    fn kept_style(&self, text: &str, kind: ScalarKind, style: Style) -> Style {
        let in_flow = self.frames.last().is_some_and(|frame| frame.flow);
        match (style, self.shared.dialect) {
            (Style::Folded, Dialect::Kustomization) => Style::Literal,
            (Style::Plain, Dialect::Resource) if in_flow && text.is_empty() && kind == ScalarKind::Null => {
                Style::Single
            }
            _ => style,
        }
    }

    fn resolve(&self, text: &str, style: Style) -> ScalarKind {
        match (style, self.shared.dialect) {
            (Style::Plain, Dialect::Resource) => resolve_v3(text),
            (Style::Plain, Dialect::Kustomization) => resolve_v1(text),
            _ => ScalarKind::Str,
        }
    }

    /// What an explicit tag makes of a scalar. Unknown tags are dropped and leave a string.
    fn tagged(&self, text: &str, tag: &str, start: Pos) -> Result<Meaning, Fault> {
        let wanted = match tag.strip_prefix("tag:yaml.org,2002:") {
            Some("binary") => return decoded(text, start),
            Some("int") => ScalarKind::Int,
            Some("float") => ScalarKind::Float,
            Some("bool") => ScalarKind::Bool,
            Some("null") => ScalarKind::Null,
            Some("timestamp") => ScalarKind::Time,
            _ => return Ok(Meaning::plain(ScalarKind::Str)),
        };
        let found = self.resolve(text, Style::Plain);
        let time = wanted == ScalarKind::Time && resolve_v3(text) == ScalarKind::Time;
        let fits = found == wanted || time || (found, wanted) == (ScalarKind::Int, ScalarKind::Float);
        match (fits, wanted, self.shared.dialect) {
            (true, ScalarKind::Time, Dialect::Kustomization) => Ok(Meaning::plain(ScalarKind::Str)),
            (true, ..) => Ok(Meaning::plain(wanted)),
            _ => Err(Fault::new(format!("cannot decode `{text}` as a {}", short(tag)), start)),
        }
    }

    fn key(&mut self, text: Arc<str>, kind: ScalarKind, style: Style, start: Pos) -> Result<(), Fault> {
        let dialect = self.shared.dialect;
        let role = match (&*text, style, dialect) {
            ("<<", Style::Plain, _) => Role::Merges,
            ("<<", _, Dialect::Resource) => Role::Dropped,
            _ => Role::Own,
        };
        let text = match (kind, dialect) {
            (ScalarKind::Null, Dialect::Kustomization) => {
                return Err(Fault::new("invalid map key: null", start));
            }
            (ScalarKind::Bool | ScalarKind::Int | ScalarKind::Float, Dialect::Kustomization) => {
                as_string(text, kind)
            }
            _ => text,
        };
        let key = Key { text, kind, line: start.line };
        if let Some(Frame { content: Content::Pairs(pairs), .. }) = self.frames.last_mut() {
            pairs.start(key, role, start, dialect)?;
        }
        Ok(())
    }

    fn remember(&mut self, anchor: Option<&'t str>, built: &Built) {
        if let Some(name) = anchor {
            self.anchors.insert(name, Some(built.clone()));
        }
    }

    fn finish(&mut self, built: Built, anchor: Option<&'t str>) -> Result<(), Fault> {
        self.remember(anchor, &built);
        self.place(built)
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

/// What a scalar turned out to be: its kind, and its text if that is not what was written.
struct Meaning {
    kind: ScalarKind,
    text: Option<String>,
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Own,
    /// `<<`: the value's entries are taken over.
    Merges,
    /// A quoted `<<`, which kustomize removes together with the merge keys.
    Dropped,
}

/// The string that Go's converter from YAML to JSON makes of a key.
fn as_string(text: Arc<str>, kind: ScalarKind) -> Arc<str> {
    let scalar = Scalar { text, kind, style: Style::Plain };
    match number::of_scalar(&scalar) {
        Some(number) => number.to_yaml().into(),
        None if kind == ScalarKind::Bool && scalar.is_true() => "true".into(),
        None if kind == ScalarKind::Bool => "false".into(),
        None => scalar.text,
    }
}

impl Meaning {
    fn plain(kind: ScalarKind) -> Self {
        Self { kind, text: None }
    }
}

fn short(tag: &str) -> String {
    tag.replace("tag:yaml.org,2002:", "!!")
}

/// The text behind `!!binary`. Go keeps its bytes in a string; those that are not UTF-8 are printed as
/// replacement characters, so they are made such at once.
fn decoded(text: &str, start: Pos) -> Result<Meaning, Fault> {
    let bytes =
        base64(text).ok_or_else(|| Fault::new("!!binary value contains invalid base64 data", start))?;
    let mut readable = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        readable.push_str(chunk.valid());
        readable.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
    }
    Ok(Meaning { kind: ScalarKind::Str, text: Some(readable) })
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
    /// The key whose value comes next.
    key: Option<(Key, Role)>,
    /// What a merge key of a resource names, least important first.
    merged: Option<Vec<Node>>,
}

impl Pairs {
    fn start(&mut self, key: Key, role: Role, start: Pos, dialect: Dialect) -> Result<(), Fault> {
        if dialect == Dialect::Resource {
            if role == Role::Merges && self.merged.is_some() {
                return Err(Fault::new("duplicate merge key", start));
            }
            if let Some(place) = self.entries.place(&key.text) {
                let first = self.entries.entries[place].key.line;
                let message = format!("mapping key {:?} already defined at line {first}", key.text);
                return Err(Fault::new(message, start));
            }
        }
        self.key = Some((key, role));
        Ok(())
    }

    fn finish_entry(&mut self, value: Node, dialect: Dialect) -> Result<(), Fault> {
        match (self.key.take(), dialect) {
            (None | Some((_, Role::Dropped)), _) => {}
            (Some((_, Role::Merges)), Dialect::Resource) => self.merged = Some(sources(&value)?),
            (Some((_, Role::Merges)), Dialect::Kustomization) => {
                for source in sources(&value)? {
                    self.take_over(&source, 0);
                }
            }
            (Some((key, Role::Own)), _) => self.entries.set(Entry { key, value }),
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
        let message = "map merge requires map or sequence of maps as the value".to_owned();
        return Err(Fault { message, line: value.mark.line, column: value.mark.column });
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
