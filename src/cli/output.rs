//! Text and JSON on standard output.

use super::arguments::Output;
use serde::Serialize;
use std::io::{self, Write};

/// Where a command prints.
pub(super) struct Printer<'a> {
    out: &'a mut dyn Write,
    format: Output,
    colour: bool,
}

/// What a piece of text is; colours are chosen from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Plain,
    Muted,
    Good,
    Notice,
    Bad,
    Strong,
}

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, format: Output, colour: bool) -> Self {
        Self { out, format, colour }
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Output::Json
    }

    /// One line of text; nothing when JSON was asked for.
    pub(super) fn line(&mut self, parts: &[(Label, &str)]) -> io::Result<()> {
        if self.is_json() {
            return Ok(());
        }
        for (label, text) in parts {
            match self.code(*label) {
                Some(code) => write!(self.out, "\u{1b}[{code}m{text}\u{1b}[0m")?,
                None => self.out.write_all(text.as_bytes())?,
            }
        }
        self.out.write_all(b"\n")
    }

    /// Text as it is, in either format.
    pub(super) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// The JSON answer; nothing when text was asked for.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        if !self.is_json() {
            return Ok(());
        }
        serde_json::to_writer_pretty(&mut *self.out, value)?;
        self.out.write_all(b"\n")
    }

    fn code(&self, label: Label) -> Option<&'static str> {
        let code = match label {
            Label::Plain => return None,
            Label::Muted => "90",
            Label::Good => "32",
            Label::Notice => "33",
            Label::Bad => "31",
            Label::Strong => "1",
        };
        self.colour.then_some(code)
    }
}
