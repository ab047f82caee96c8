//! Tokens to events: the productions of YAML as a machine with a stack of states.

use super::cursor::Pos;
use super::scan::{Comment, Kind, Scanner, Token};
use super::{Event, EventKind, Fault, Properties};
use crate::yaml::node::Style;
use std::borrow::Cow;

/// What is expected next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    StreamStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirst,
    BlockSequenceEntry,
    IndentlessEntry,
    BlockMappingFirst,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirst,
    FlowSequenceEntry,
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMappingFirst,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
    End,
}

/// A parser over one text; call [`Parser::next`] until it gives `StreamEnd`.
pub(in crate::yaml) struct Parser<'t> {
    pub(super) scanner: Scanner<'t>,
    pub(super) state: State,
    pub(super) states: Vec<State>,
    tags: Vec<(&'t str, String)>,
    /// At the end of a document go-yaml v3 has seen three tokens more, and what is wrong with them.
    looks_ahead: bool,
    /// Where the dash stands before the list item just begun.
    pub(super) dash: usize,
}

impl<'t> Parser<'t> {
    /// A parser over `text`, whose first line is line `first_line` of its file; `looks_ahead` as
    /// go-yaml v3 does.
    pub(in crate::yaml) fn new(text: &'t str, first_line: u32, looks_ahead: bool) -> Self {
        Self {
            scanner: Scanner::new(text, first_line),
            state: State::StreamStart,
            states: Vec::with_capacity(16),
            tags: Vec::new(),
            looks_ahead,
            dash: 0,
        }
    }

    /// A parser that keeps comments for [`Parser::into_comments`]; `is_json` for JSON's escapes.
    pub(in crate::yaml) fn with_comments(text: &'t str, is_json: bool) -> Self {
        let mut parser = Self::new(text, 1, false);
        parser.scanner.comments = Some(Vec::new());
        parser.scanner.is_json = is_json;
        parser
    }

    /// The comments met, in the order of the text.
    pub(in crate::yaml) fn into_comments(self) -> Vec<Comment> {
        self.scanner.comments.unwrap_or_default()
    }

    /// The byte of the dash that began the list item whose event came last.
    pub(in crate::yaml) fn dash(&self) -> usize {
        self.dash
    }

    /// The next event.
    pub(in crate::yaml) fn next(&mut self) -> Result<Event<'t>, Fault> {
        match self.state {
            State::StreamStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirst => self.after_start(Self::block_sequence_entry),
            State::BlockSequenceEntry => self.block_sequence_entry(),
            State::IndentlessEntry => self.indentless_entry(),
            State::BlockMappingFirst => self.after_start(Self::block_mapping_key),
            State::BlockMappingKey => self.block_mapping_key(),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceFirst => self.after_start(|p| p.flow_sequence_entry(true)),
            State::FlowSequenceEntry => self.flow_sequence_entry(false),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => self.flow_pair_end(),
            State::FlowMappingFirst => self.after_start(|p| p.flow_mapping_key(true)),
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_mapping_value(),
            State::FlowMappingEmptyValue => self.flow_mapping_empty_value(),
            State::End => self.empty_event(EventKind::StreamEnd),
        }
    }

    /// Goes over the token that opened a collection, then on to its first entry.
    fn after_start(
        &mut self,
        then: impl Fn(&mut Self) -> Result<Event<'t>, Fault>,
    ) -> Result<Event<'t>, Fault> {
        self.scanner.take()?;
        then(self)
    }

    pub(super) fn peek(&mut self) -> Result<&Token<'t>, Fault> {
        self.scanner.peek()
    }

    pub(super) fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// An event without extent, before the next token.
    pub(super) fn empty_event(&mut self, kind: EventKind<'t>) -> Result<Event<'t>, Fault> {
        let start = self.peek()?.start;
        Ok(Event { kind, start, end: start.at })
    }

    /// An event that takes the place of the next token.
    pub(super) fn token_event(&mut self, kind: EventKind<'t>) -> Result<Event<'t>, Fault> {
        let token = self.scanner.take()?;
        Ok(Event { kind, start: token.start, end: token.end })
    }

    pub(super) fn fault<T>(&mut self, message: &str) -> Result<T, Fault> {
        let start = self.peek()?.start;
        Err(Fault::new(message, start))
    }

    fn document_start(&mut self, is_first: bool) -> Result<Event<'t>, Fault> {
        while !is_first && matches!(self.peek()?.kind, Kind::DocumentEnd) {
            self.scanner.take()?;
        }
        match self.peek()?.kind {
            Kind::StreamEnd => {
                self.state = State::End;
                self.empty_event(EventKind::StreamEnd)
            }
            Kind::Version { .. } | Kind::TagDirective { .. } | Kind::DocumentStart => self.explicit_start(),
            _ if is_first => {
                self.directives()?;
                self.states.push(State::DocumentEnd);
                self.state = State::BlockNode;
                self.empty_event(EventKind::DocumentStart)
            }
            _ => self.fault("did not find expected <document start>"),
        }
    }

    fn explicit_start(&mut self) -> Result<Event<'t>, Fault> {
        self.directives()?;
        if !matches!(self.peek()?.kind, Kind::DocumentStart) {
            return self.fault("did not find expected <document start>");
        }
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        self.token_event(EventKind::DocumentStart)
    }

    /// Directives before a document; those that always hold come last.
    fn directives(&mut self) -> Result<(), Fault> {
        self.tags.clear();
        let mut has_version = false;
        while matches!(self.peek()?.kind, Kind::Version { .. } | Kind::TagDirective { .. }) {
            let token = self.scanner.take()?;
            match token.kind {
                Kind::Version { .. } if has_version => {
                    return Err(Fault::new("found duplicate %YAML directive", token.start));
                }
                Kind::Version { major: 1, minor: 1 } => has_version = true,
                Kind::TagDirective { handle, .. } if self.tags.iter().any(|(known, _)| *known == handle) => {
                    return Err(Fault::new("found duplicate %TAG directive", token.start));
                }
                Kind::TagDirective { handle, prefix } => self.tags.push((handle, prefix)),
                _ => return Err(Fault::new("found incompatible YAML document", token.start)),
            }
        }
        self.tags.push(("!", "!".to_owned()));
        self.tags.push(("!!", "tag:yaml.org,2002:".to_owned()));
        Ok(())
    }

    fn document_content(&mut self) -> Result<Event<'t>, Fault> {
        match self.peek()?.kind {
            Kind::Version { .. }
            | Kind::TagDirective { .. }
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => {
                self.pop();
                self.empty_scalar()
            }
            _ => self.node(true, false),
        }
    }

    fn document_end(&mut self) -> Result<Event<'t>, Fault> {
        self.state = State::DocumentStart;
        if self.looks_ahead {
            self.scanner.look_ahead(3)?;
        }
        if matches!(self.peek()?.kind, Kind::DocumentEnd) {
            return self.token_event(EventKind::DocumentEnd);
        }
        self.empty_event(EventKind::DocumentEnd)
    }

    /// A value that is not written, before the next token.
    pub(super) fn empty_scalar(&mut self) -> Result<Event<'t>, Fault> {
        self.empty_event(no_text(Properties::default()))
    }

    /// Any node: an alias, or properties and content. `block` where block collections may stand,
    /// `indentless` where a list may stand at the column of its key.
    pub(super) fn node(&mut self, block: bool, indentless: bool) -> Result<Event<'t>, Fault> {
        if let Kind::Alias(name) = self.peek()?.kind {
            self.pop();
            return self.token_event(EventKind::Alias(name));
        }
        let (properties, behind) = self.properties()?;
        let state = match &self.peek()?.kind {
            Kind::BlockEntry if indentless => State::IndentlessEntry,
            Kind::FlowSequenceStart => State::FlowSequenceFirst,
            Kind::FlowMappingStart => State::FlowMappingFirst,
            Kind::BlockSequenceStart if block => State::BlockSequenceFirst,
            Kind::BlockMappingStart if block => State::BlockMappingFirst,
            Kind::Scalar { .. } => return self.scalar(properties),
            _ => return self.no_content(properties, behind),
        };
        self.state = state;
        let flow = matches!(state, State::FlowSequenceFirst | State::FlowMappingFirst);
        let kind = match state {
            State::BlockMappingFirst | State::FlowMappingFirst => {
                EventKind::MappingStart { flow, properties }
            }
            _ => EventKind::SequenceStart { flow, properties },
        };
        let token = self.peek()?;
        Ok(Event { kind, start: token.start, end: token.end })
    }

    fn scalar(&mut self, properties: Properties<'t>) -> Result<Event<'t>, Fault> {
        self.pop();
        let token = self.scanner.take()?;
        let Kind::Scalar { text, style } = token.kind else {
            return Err(Fault::new("did not find expected scalar", token.start));
        };
        let kind = EventKind::Scalar { text, style, properties };
        Ok(Event { kind, start: token.start, end: token.end })
    }

    /// Properties may stand alone: they belong to an empty scalar then.
    fn no_content(&mut self, properties: Properties<'t>, behind: Option<Pos>) -> Result<Event<'t>, Fault> {
        let Some(start) = behind else { return self.fault("did not find expected node content") };
        self.pop();
        Ok(Event { kind: no_text(properties), start, end: start.at })
    }

    /// An anchor and a tag, in either order, and the place behind them if there are any.
    fn properties(&mut self) -> Result<(Properties<'t>, Option<Pos>), Fault> {
        let mut properties = Properties::default();
        let mut behind = None;
        loop {
            let token = match &self.peek()?.kind {
                Kind::Anchor(_) if properties.anchor.is_none() => self.scanner.take()?,
                Kind::Tag { .. } if properties.tag.is_none() => self.scanner.take()?,
                _ => return Ok((properties, behind)),
            };
            let start = properties.span.map_or(token.start.at, |span| span.start);
            properties.span = Some(start..token.end);
            behind = Some(empty_scalar_behind(&token).start);
            match token.kind {
                Kind::Tag { handle, suffix } => {
                    let tag = self.resolved(handle, suffix);
                    properties.tag =
                        Some(tag.ok_or_else(|| Fault::new("found undefined tag handle", token.start))?);
                }
                Kind::Anchor(name) => properties.anchor = Some(name),
                _ => {}
            }
        }
    }

    fn resolved(&self, handle: &str, suffix: String) -> Option<String> {
        if handle.is_empty() {
            return Some(suffix);
        }
        let (_, prefix) = self.tags.iter().find(|(known, _)| *known == handle)?;
        Some(format!("{prefix}{suffix}"))
    }
}

/// A value that is not written, behind a sign.
pub(super) fn empty_scalar_behind<'t>(sign: &Token<'t>) -> Event<'t> {
    let mut start = sign.start;
    start.column += u32::try_from(sign.end - start.at).unwrap_or(0);
    start.at = sign.end;
    Event { kind: no_text(Properties::default()), start, end: start.at }
}

fn no_text(properties: Properties<'_>) -> EventKind<'_> {
    EventKind::Scalar { text: Cow::Borrowed(""), style: Style::Plain, properties }
}
