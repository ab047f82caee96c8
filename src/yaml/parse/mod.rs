//! Text to events: a YAML 1.1 parser that reads what go-yaml reads.
//!
//! go-yaml descends from libyaml, and this follows libyaml's grammar to the letter, so that a file Go
//! refuses is refused here, and one Go accepts is accepted, with the same meaning. Differences to a
//! YAML 1.2 parser are small but real: `?` ends a plain scalar inside `{}`, a tab may stand between a
//! key and its value, U+0085, U+2028 and U+2029 break lines. Byte positions and comments are kept, for
//! splicing.
//!
//! | file | job |
//! | --- | --- |
//! | `cursor` | a place in the text: bytes, lines, columns |
//! | `scan` | tokens: indentation, signs, simple keys |
//! | `names` | anchors, tags, directives |
//! | `flow` | plain and quoted scalars |
//! | `block` | `\|` and `>` scalars |
//! | `grammar` | tokens to [`Event`]s: documents, nodes |
//! | `collections` | tokens to events: lists, mappings |
//!
//! Nothing here recurses, and nothing looks ahead further than one line or 1,024 bytes.

mod block;
mod collections;
mod cursor;
mod flow;
mod grammar;
mod names;
mod scan;

pub(super) use cursor::Pos;
pub(super) use grammar::Parser;
pub(super) use scan::Comment;

use super::node::Style;
use std::borrow::Cow;
use std::ops::Range;

/// Something wrong at a place of the file.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    /// From 1.
    pub(super) line: u32,
    /// From 1.
    pub(super) column: u32,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, at: Pos) -> Self {
        Self { message: message.into(), line: at.line, column: at.column + 1 }
    }
}

/// One step through a document.
#[derive(Debug)]
pub(super) struct Event<'t> {
    pub(super) kind: EventKind<'t>,
    /// Where it starts, behind its anchor and tag.
    pub(super) start: Pos,
    /// The byte behind its end.
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) enum EventKind<'t> {
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    Alias(&'t str),
    Scalar { text: Cow<'t, str>, style: Style, properties: Properties<'t> },
    SequenceStart { flow: bool, properties: Properties<'t> },
    SequenceEnd,
    MappingStart { flow: bool, properties: Properties<'t> },
    MappingEnd,
}

/// What may stand before a node.
#[derive(Debug, Default)]
pub(super) struct Properties<'t> {
    pub(super) anchor: Option<&'t str>,
    /// The tag, its handle resolved: `tag:yaml.org,2002:str`, `!mine`, `!`.
    pub(super) tag: Option<String>,
    /// The bytes of both.
    pub(super) span: Option<Range<usize>>,
}
