//! Events of one document to nodes: kinds resolved, anchors and merge keys expanded, limits kept.

use super::pairs::Pairs;
use super::tags::Meaning;
use super::{Dialect, Limits, Words};
use crate::yaml::node::{Mark, Node, Scalar, ScalarKind, Style, Value};
use crate::yaml::parse::{EventKind, Fault, Parser, Pos, Properties};
use std::collections::HashMap;
use std::sync::Arc;

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
        matches!(self.frames.last(), Some(Frame { content: Content::Pairs(pairs), .. }) if pairs.expects_key())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: Style,
        properties: &Properties<'t>,
        start: Pos,
    ) -> Result<(), Fault> {
        self.count(1, start)?;
        let tag = properties.tag.as_deref();
        let read = Meaning::of(text, style, tag, self.shared.dialect, start)?;
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

    /// The style by which `write` finds the values that kustomize changes.
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

    fn key(&mut self, text: Arc<str>, kind: ScalarKind, style: Style, start: Pos) -> Result<(), Fault> {
        match self.frames.last_mut() {
            Some(Frame { content: Content::Pairs(pairs), .. }) => {
                pairs.start(text, kind, style, start, self.shared.dialect)
            }
            _ => Ok(()),
        }
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
