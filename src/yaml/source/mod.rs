//! The lossless view of a YAML, JSON, dotenv or INI file: byte spans, styles and comments, for splicing single values.
//!
//! [`Source::read`] turns a file into a tree of parts in file order. Nothing is resolved away: comments
//! stand where they were written, aliases and merge keys are named, and every key and value knows the
//! bytes it is made of. An [`Edit`] says which bytes become what; [`splice`] applies many at once, and
//! everything outside of them stays as it was, to the byte.
//!
//! ```
//! use sealane::yaml::source::{Source, Syntax, splice};
//! let text = "data: # keep\n  user: ana   # plain\n  token: |\n    abc\n";
//! let source = Source::read(text, Syntax::Yaml)?;
//! let root = source.documents[0].root.as_ref().expect("there is a document");
//! let data = root.get("data").and_then(|entry| entry.value.as_map()).expect("data is a mapping");
//!
//! let token = data.get("token").expect("it has a token");
//! let edits = [
//!     source.replace(&token.value, "ENC[...]"),
//!     source.insert(data, "added", "1"),
//! ];
//! assert_eq!(
//!     splice(text, &edits),
//!     "data: # keep\n  user: ana   # plain\n  token: ENC[...]\n  added: 1\n",
//! );
//! # Ok::<(), sealane::yaml::ReadError>(())
//! ```
//!
//! # Spans
//!
//! * A scalar's span holds its quotes, or the header and the lines of a block, without the line break
//!   behind it; so a replacement never has to end in one. A value that is left out has an empty span
//!   behind the colon or the dash; [`Source::replace`] knows that a blank is needed there.
//! * A collection's span reaches from its first key, dash or bracket to the end of its last value.
//! * Anchors and tags stand before the span; see [`Item::properties`].
//!
//! # Comments
//!
//! A comment on a line of its own is a part of the mapping or list it stands in, between the entries,
//! as SOPS counts it. One behind a value, a key's colon or a dash belongs to that entry
//! ([`Entry::trailing`]). Where a comment at the end of a block belongs is told by its column.
//!
//! # What stands in the way of writing
//!
//! Anchors, aliases, merge keys, repeated keys and keys that are not strings are read, and listed in
//! [`Source::obstacles`] for those who must not write such files.

mod comments;
mod dotenv;
mod edit;
mod ini;
mod lines;
mod read;
#[cfg(test)]
mod tests;

pub use edit::{Edit, one_line, splice};

use super::node::{ScalarKind, Style};
use crate::secret::SecretText;
use std::borrow::Cow;
use std::ops::{Deref, Range};

/// How the file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML as go-yaml v3 reads it, which is what SOPS uses.
    Yaml,
    /// JSON.
    Json,
    /// dotenv as SOPS reads it: `KEY=value` lines without quotes, a backslash and an `n` for a line break.
    Dotenv,
    /// INI as gopkg.in/ini.v1 reads it: sections with keys below them.
    Ini,
}

/// A file, taken apart without losing anything.
pub struct Source<'t> {
    /// The whole text.
    pub text: &'t str,
    /// How it was read.
    pub syntax: Syntax,
    /// Its documents, empty ones included.
    pub documents: Vec<Document<'t>>,
    /// What forbids to write the file, in file order.
    pub obstacles: Vec<Obstacle>,
}

/// One document of a file.
pub struct Document<'t> {
    /// Its number in the file, from 0.
    pub index: usize,
    /// Its bytes, without `---` and `...`.
    pub span: Range<usize>,
    /// Its content, if it has any.
    pub root: Option<Item<'t>>,
    /// Comments that belong to no mapping or list.
    pub comments: Vec<Comment<'t>>,
}

/// A value: where it is written and what it is.
pub struct Item<'t> {
    /// The bytes of the value.
    pub span: Range<usize>,
    /// Line of its start, from 1.
    pub line: u32,
    /// Characters before it on that line.
    pub column: usize,
    /// The bytes of its anchor and tag, if it has any.
    pub properties: Option<Range<usize>>,
    /// Its anchor.
    pub anchor: Option<&'t str>,
    /// Its tag, as `tag:yaml.org,2002:str`, `!mine` or `!`.
    pub tag: Option<String>,
    /// What it is.
    pub content: Content<'t>,
}

/// What a value is.
pub enum Content<'t> {
    /// A scalar.
    Scalar(Leaf<'t>),
    /// A mapping.
    Map(Map<'t>),
    /// A list.
    Seq(Seq<'t>),
    /// `*name`.
    Alias(&'t str),
}

/// A scalar value.
#[derive(Debug)]
pub struct Leaf<'t> {
    /// Its text, quotes and escapes undone.
    pub text: Text<'t>,
    /// What go-yaml v3 takes it for; an explicit tag counts.
    pub kind: ScalarKind,
    /// How it is written.
    pub style: Style,
}

/// A mapping: entries and comments in file order.
pub struct Map<'t> {
    /// Its entries and the comments between them.
    pub parts: Vec<MapPart<'t>>,
    /// The bytes from its first key or `{` to the end of its last value or `}`.
    pub span: Range<usize>,
    /// Characters before its keys (in a block) or its `{`.
    pub indent: usize,
    /// Written as `{}`.
    pub flow: bool,
}

/// A part of a mapping.
pub enum MapPart<'t> {
    /// A comment on a line of its own.
    Comment(Comment<'t>),
    /// A key and its value.
    Entry(Entry<'t>),
}

/// A list: items and comments in file order.
pub struct Seq<'t> {
    /// Its items and the comments between them.
    pub parts: Vec<SeqPart<'t>>,
    /// The bytes from its first dash or `[` to the end of its last item or `]`.
    pub span: Range<usize>,
    /// Characters before its dashes (in a block) or its `[`.
    pub indent: usize,
    /// Written as `[]`.
    pub flow: bool,
}

/// A part of a list.
pub enum SeqPart<'t> {
    /// A comment on a line of its own.
    Comment(Comment<'t>),
    /// An item.
    Item(SeqItem<'t>),
}

/// An item of a list.
pub struct SeqItem<'t> {
    /// The byte of its dash; in `[]` the first byte of its value.
    pub dash: usize,
    /// Its value.
    pub value: Item<'t>,
    /// Comments on the same line as its dash or its value.
    pub trailing: Vec<Comment<'t>>,
}

/// An entry of a mapping.
pub struct Entry<'t> {
    /// Its key.
    pub key: Key<'t>,
    /// Its value.
    pub value: Item<'t>,
    /// Comments on the same line as its key or its value.
    pub trailing: Vec<Comment<'t>>,
}

/// A key. Its quotes are part of the span.
#[derive(Debug)]
pub struct Key<'t> {
    /// Its text, quotes and escapes undone.
    pub text: Cow<'t, str>,
    /// Its bytes.
    pub span: Range<usize>,
    /// Line, from 1.
    pub line: u32,
    /// Characters before it on that line.
    pub column: usize,
    /// What go-yaml v3 takes it for.
    pub kind: ScalarKind,
    /// How it is written.
    pub style: Style,
}

/// A comment, from its `#` to the end of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment<'t> {
    /// What stands behind the `#`, blanks included. In INI what its reader makes of all lines of it.
    pub text: Cow<'t, str>,
    /// The bytes from the `#` on, without the line break.
    pub span: Range<usize>,
    /// In INI, where all comments above a key or behind its value are one: the bytes of the others.
    pub rest: Vec<Range<usize>>,
    /// Line, from 1.
    pub line: u32,
    /// Characters before the `#` on that line.
    pub column: usize,
    /// Nothing else stands on its line.
    pub own_line: bool,
}

/// Something that forbids to write a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is.
    pub kind: ObstacleKind,
    /// Line, from 1.
    pub line: u32,
}

/// What can forbid to write a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObstacleKind {
    /// `&name`.
    Anchor(String),
    /// `*name`.
    Alias(String),
    /// `<<`.
    MergeKey,
    /// A key that stands twice in one mapping.
    RepeatedKey(String),
    /// A key that is not a string.
    KeyNotString(String),
    /// A key without a colon, as in `{a}` or `? a`: there is no place for a value.
    NoColon(String),
    /// A mapping or a list as a key; its entry is left out of the tree.
    KeyNotScalar,
}

/// The text of a scalar. It may be a plaintext secret: it has no `Debug` and no `Clone`, and what it had
/// to copy out of the file is wiped.
pub struct Text<'t>(Cow<'t, str>);

impl<'t> Text<'t> {
    fn new(text: Cow<'t, str>) -> Self {
        Self(text)
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[text]")
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            drop(SecretText::from_string(std::mem::take(text)));
        }
    }
}

impl<'t> Item<'t> {
    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map<'t>> {
        match &self.content {
            Content::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_seq(&self) -> Option<&Seq<'t>> {
        match &self.content {
            Content::Seq(seq) => Some(seq),
            _ => None,
        }
    }

    /// The scalar, if it is one.
    pub fn as_leaf(&self) -> Option<&Leaf<'t>> {
        match &self.content {
            Content::Scalar(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The entry of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.as_map()?.get(key)
    }
}

impl<'t> Map<'t> {
    /// Its entries, without the comments.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry<'t>> {
        self.parts.iter().filter_map(|part| match part {
            MapPart::Entry(entry) => Some(entry),
            MapPart::Comment(_) => None,
        })
    }

    /// The entry of `key`; of a repeated key the first.
    pub fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.entries().find(|entry| entry.key.text == key)
    }
}

impl<'t> Seq<'t> {
    /// Its items, without the comments.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = &SeqItem<'t>> {
        self.parts.iter().filter_map(|part| match part {
            SeqPart::Item(item) => Some(item),
            SeqPart::Comment(_) => None,
        })
    }
}
