//! The productions of lists and mappings, in blocks and in brackets.

use super::grammar::{Parser, State, empty_scalar_behind};
use super::scan::{Kind, Token};
use super::{Event, EventKind, Fault, Properties};

impl<'t> Parser<'t> {
    pub(super) fn block_sequence_entry(&mut self) -> Result<Event<'t>, Fault> {
        match self.peek()?.kind {
            Kind::BlockEntry => {
                let sign = self.scanner.take()?;
                self.dash = sign.start.at;
                let is_empty = matches!(self.peek()?.kind, Kind::BlockEntry | Kind::BlockEnd);
                self.entry(&sign, is_empty, State::BlockSequenceEntry, false)
            }
            Kind::BlockEnd => {
                self.pop();
                self.token_event(EventKind::SequenceEnd)
            }
            _ => self.fault("did not find expected '-' indicator"),
        }
    }

    /// What stands behind a `-`, a `?` or a `:` of the block context.
    fn entry(
        &mut self,
        sign: &Token<'t>,
        is_empty: bool,
        then: State,
        indentless: bool,
    ) -> Result<Event<'t>, Fault> {
        if is_empty {
            self.state = then;
            return Ok(empty_scalar_behind(sign));
        }
        self.states.push(then);
        self.node(true, indentless)
    }

    pub(super) fn indentless_entry(&mut self) -> Result<Event<'t>, Fault> {
        if !matches!(self.peek()?.kind, Kind::BlockEntry) {
            self.pop();
            return self.empty_event(EventKind::SequenceEnd);
        }
        let sign = self.scanner.take()?;
        self.dash = sign.start.at;
        let is_empty =
            matches!(self.peek()?.kind, Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd);
        self.entry(&sign, is_empty, State::IndentlessEntry, false)
    }

    pub(super) fn block_mapping_key(&mut self) -> Result<Event<'t>, Fault> {
        match self.peek()?.kind {
            Kind::Key => {
                let sign = self.scanner.take()?;
                let is_empty = matches!(self.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd);
                self.entry(&sign, is_empty, State::BlockMappingValue, true)
            }
            Kind::BlockEnd => {
                self.pop();
                self.token_event(EventKind::MappingEnd)
            }
            _ => self.fault("did not find expected key"),
        }
    }

    pub(super) fn block_mapping_value(&mut self) -> Result<Event<'t>, Fault> {
        if !matches!(self.peek()?.kind, Kind::Value) {
            self.state = State::BlockMappingKey;
            return self.empty_scalar();
        }
        let sign = self.scanner.take()?;
        let is_empty = matches!(self.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd);
        self.entry(&sign, is_empty, State::BlockMappingKey, true)
    }

    pub(super) fn flow_sequence_entry(&mut self, is_first: bool) -> Result<Event<'t>, Fault> {
        if !is_first && !matches!(self.peek()?.kind, Kind::FlowSequenceEnd) {
            if !matches!(self.peek()?.kind, Kind::FlowEntry) {
                return self.fault("did not find expected ',' or ']'");
            }
            self.scanner.take()?;
        }
        match self.peek()?.kind {
            Kind::FlowSequenceEnd => {
                self.pop();
                self.token_event(EventKind::SequenceEnd)
            }
            Kind::Key => {
                self.state = State::FlowPairKey;
                let kind = EventKind::MappingStart { flow: true, properties: Properties::default() };
                self.token_event(kind)
            }
            _ => {
                self.states.push(State::FlowSequenceEntry);
                self.node(false, false)
            }
        }
    }

    pub(super) fn flow_pair_key(&mut self) -> Result<Event<'t>, Fault> {
        if matches!(self.peek()?.kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            self.state = State::FlowPairValue;
            let sign = self.scanner.take()?;
            return Ok(empty_scalar_behind(&sign));
        }
        self.states.push(State::FlowPairValue);
        self.node(false, false)
    }

    pub(super) fn flow_pair_value(&mut self) -> Result<Event<'t>, Fault> {
        if matches!(self.peek()?.kind, Kind::Value) {
            self.scanner.take()?;
            if !matches!(self.peek()?.kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                self.states.push(State::FlowPairEnd);
                return self.node(false, false);
            }
        }
        self.state = State::FlowPairEnd;
        self.empty_scalar()
    }

    pub(super) fn flow_pair_end(&mut self) -> Result<Event<'t>, Fault> {
        self.state = State::FlowSequenceEntry;
        self.empty_event(EventKind::MappingEnd)
    }

    pub(super) fn flow_mapping_key(&mut self, is_first: bool) -> Result<Event<'t>, Fault> {
        if !is_first && !matches!(self.peek()?.kind, Kind::FlowMappingEnd) {
            if !matches!(self.peek()?.kind, Kind::FlowEntry) {
                return self.fault("did not find expected ',' or '}'");
            }
            self.scanner.take()?;
        }
        match self.peek()?.kind {
            Kind::FlowMappingEnd => {
                self.pop();
                self.token_event(EventKind::MappingEnd)
            }
            Kind::Key => {
                self.scanner.take()?;
                if matches!(self.peek()?.kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
                    self.state = State::FlowMappingValue;
                    return self.empty_scalar();
                }
                self.states.push(State::FlowMappingValue);
                self.node(false, false)
            }
            _ => {
                self.states.push(State::FlowMappingEmptyValue);
                self.node(false, false)
            }
        }
    }

    pub(super) fn flow_mapping_value(&mut self) -> Result<Event<'t>, Fault> {
        if matches!(self.peek()?.kind, Kind::Value) {
            self.scanner.take()?;
            if !matches!(self.peek()?.kind, Kind::FlowEntry | Kind::FlowMappingEnd) {
                self.states.push(State::FlowMappingKey);
                return self.node(false, false);
            }
        }
        self.flow_mapping_empty_value()
    }

    pub(super) fn flow_mapping_empty_value(&mut self) -> Result<Event<'t>, Fault> {
        self.state = State::FlowMappingKey;
        self.empty_scalar()
    }
}
