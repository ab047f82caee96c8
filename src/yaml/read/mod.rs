//! Files to documents: cut at `---`, events to nodes, anchors expanded, limits kept.
//!
//! | file | job |
//! | --- | --- |
//! | `build` | events of one document to nodes; anchors, limits |
//! | `pairs` | the entries of a mapping: repeated keys, merge keys |
//! | `tags` | what an explicit tag makes of a scalar |
//! | `words` | every word of a file once in memory |

mod build;
mod pairs;
mod tags;
#[cfg(test)]
mod tests;
mod words;

pub(super) use pairs::Unique;
pub(super) use words::Words;

use crate::yaml::node::Node;
use crate::yaml::parse::Fault;
use build::Shared;
use std::ops::Range;
use std::sync::Arc;

/// Which Go reader to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// go-yaml v3 as kyaml uses it for resources: `yes` is a string, `0o14` and `014` are octal.
    Resource,
    /// go-yaml v2 (YAML 1.1): kustomization files, JSON 6902 patches, text after substitution.
    Kustomization,
}

/// How much of an untrusted file is read before it becomes a problem.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest file in bytes.
    pub bytes: usize,
    /// Deepest nesting.
    pub depth: usize,
    /// Most nodes in one file, aliases expanded.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 << 20, depth: 128, nodes: 2_000_000 }
    }
}

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its content.
    pub root: Node,
    /// Its number in the file, from 0, empty ones counted.
    pub index: usize,
    /// Its bytes in the file, without the separator.
    pub bytes: Range<usize>,
    /// The line it starts on, from 1.
    pub line: u32,
}

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// What is wrong, in words.
    pub message: String,
    /// Number of the document in the file, from 0.
    pub document: usize,
    /// Line in the file, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// What a file holds: the documents that can be read, and what is wrong with the others.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Documents that are not empty.
    pub documents: Vec<Document>,
    /// One error for each document that cannot be read.
    pub errors: Vec<ReadError>,
}

/// Reads all documents of a file. `file` is what the nodes' marks will say.
///
/// The text is cut at lines that start with `---` before anything is parsed, as kustomize does, so one
/// broken document does not take the others with it.
///
/// ```
/// use sealane::yaml::{Dialect, Limits, read_stream};
/// let stream = read_stream(b"a: 1\n---\n}\n---\nb: 2\n", &"x.yaml".into(), Dialect::Resource, &Limits::default());
/// assert_eq!(stream.documents.iter().map(|d| d.index).collect::<Vec<_>>(), [0, 2]);
/// assert_eq!(stream.errors[0].line, 3);
/// ```
pub fn read_stream(text: &[u8], file: &Arc<str>, dialect: Dialect, limits: &Limits) -> Stream {
    let mut stream = Stream::default();
    if text.len() > limits.bytes {
        let message = format!("larger than {} bytes", limits.bytes);
        stream.errors.push(ReadError { message, document: 0, line: 1, column: 1 });
        return stream;
    }
    let mut shared = Shared { file, dialect, limits, nodes: 0, words: Words::new() };
    for (index, piece) in Pieces::of(text).enumerate() {
        let text = &text[piece.bytes.clone()];
        let read = piece.separator.and_then(|()| parse(text, piece.line, &mut shared));
        match read {
            Ok(Some(root)) if !root.is_null() => {
                stream.documents.push(Document { root, index, bytes: piece.bytes, line: piece.line });
            }
            Ok(_) => {}
            Err(Fault { message, line, column }) => {
                stream.errors.push(ReadError { message, document: index, line, column });
            }
        }
    }
    stream
}

/// Reads the first document of one piece, whose first line is line `line` of the file.
fn parse(piece: &[u8], line: u32, shared: &mut Shared<'_>) -> Result<Option<Node>, Fault> {
    let text = match std::str::from_utf8(piece) {
        Ok(text) => text,
        Err(error) => return Err(fault_at(piece, error.valid_up_to(), line, "invalid UTF-8")),
    };
    check_characters(text, line)?;
    build::document(text, line, shared)
}

/// Finds characters that Go's reader refuses. A byte order mark may stand at the start.
pub(super) fn check_characters(text: &str, line: u32) -> Result<(), Fault> {
    if text.as_bytes().chunks(64).all(is_plain) {
        return Ok(());
    }
    let mut letters = text.strip_prefix('\u{FEFF}').unwrap_or(text).char_indices();
    match letters.find(|(_, letter)| !is_allowed(*letter)) {
        None => Ok(()),
        Some((place, _)) => {
            let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
            Err(fault_at(text.as_bytes(), place, line, "control characters are not allowed"))
        }
    }
}

/// True if there are only printable ASCII characters, tabs and line breaks. Looks at every byte, which
/// lets the compiler look at many at once.
fn is_plain(chunk: &[u8]) -> bool {
    let is_plain = |b: u8| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    chunk.iter().fold(1, |all, b| all & u8::from(is_plain(*b))) == 1
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..)
}

fn fault_at(text: &[u8], place: usize, first_line: u32, message: &str) -> Fault {
    let mut lines = text[..place].split(|b| *b == b'\n');
    let last = lines.next_back().unwrap_or_default();
    Fault {
        message: message.to_owned(),
        line: first_line.saturating_add(u32::try_from(lines.count()).unwrap_or(u32::MAX)),
        column: u32::try_from(String::from_utf8_lossy(last).chars().count() + 1).unwrap_or(u32::MAX),
    }
}

/// One piece of a file, between two separators.
struct Piece {
    bytes: Range<usize>,
    line: u32,
    /// What is wrong with the separator that ends it: nothing else would be read correctly.
    separator: Result<(), Fault>,
}

/// Cuts a file at its separators: lines that start with `---`, with a line break before and behind.
struct Pieces<'t> {
    text: &'t [u8],
    /// Where the next piece starts; `None` at the end.
    start: Option<usize>,
    line: u32,
}

impl<'t> Pieces<'t> {
    fn of(text: &'t [u8]) -> Self {
        Self { text, start: Some(0), line: 1 }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let start = self.start.take()?;
        let first = self.line;
        let mut at = start;
        // A separator needs a line break before it that belongs to this piece.
        while let Some(end) = next_line(self.text, at) {
            self.line = self.line.saturating_add(1);
            at = end;
            let line_end = if self.text[at..].starts_with(b"---") { next_line(self.text, at) } else { None };
            let Some(line_end) = line_end else { continue };
            let separator = check_separator(&self.text[at..line_end], self.line);
            if separator.is_ok() {
                self.line = self.line.saturating_add(1);
                self.start = Some(line_end);
            }
            return Some(Piece { bytes: start..at, line: first, separator });
        }
        Some(Piece { bytes: start..self.text.len(), line: first, separator: Ok(()) })
    }
}

/// Where the next line starts, if this one is ended by a line break.
fn next_line(text: &[u8], from: usize) -> Option<usize> {
    let mut start = from;
    for chunk in text[from..].chunks(32) {
        let has_break = chunk.iter().fold(0, |any, b| any | u8::from(*b == b'\n'));
        if has_break != 0 {
            return chunk.iter().position(|b| *b == b'\n').map(|end| start + end + 1);
        }
        start += chunk.len();
    }
    None
}

/// Only blanks or a comment may follow the three dashes.
fn check_separator(line: &[u8], number: u32) -> Result<(), Fault> {
    match line[3..].trim_ascii().first() {
        None | Some(b'#') => Ok(()),
        Some(_) => {
            let shown = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            Err(Fault { message: format!("invalid document separator: {shown}"), line: number, column: 1 })
        }
    }
}
