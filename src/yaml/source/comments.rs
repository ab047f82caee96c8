//! Comments find their places in the tree: one walk over tree and comments side by side.

use super::{Comment, Content, Document, Item, MapPart, SeqPart};
use crate::yaml::parse;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

/// Puts the comments of a file, in the order of the text, into its documents.
pub(super) fn place<'t>(text: &'t str, documents: &mut [Document<'t>], comments: &[parse::Comment]) {
    let comments = comments.iter().map(|found| comment(text, found)).collect::<Vec<_>>();
    let mut waiting = Waiting { text, comments: comments.into(), last: 0 };
    let count = documents.len();
    for (place, document) in documents.iter_mut().enumerate() {
        let Range { start, end } = document.span;
        document.comments.extend(std::iter::from_fn(|| waiting.before(start)));
        if let Some(root) = &mut document.root {
            settle(root, &mut waiting, end, -1);
        }
        let end = if place + 1 == count { usize::MAX } else { end };
        document.comments.extend(std::iter::from_fn(|| waiting.before(end)));
    }
}

fn comment<'t>(text: &'t str, found: &parse::Comment) -> Comment<'t> {
    let line_start = text[..found.start.at].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line_start..found.start.at];
    Comment {
        text: Cow::Borrowed(&text[found.start.at + 1..found.end]),
        span: found.start.at..found.end,
        rest: Vec::new(),
        line: found.start.line,
        column: found.start.column as usize,
        own_line: before.trim_matches([' ', '\t', '\u{FEFF}']).is_empty(),
    }
}

/// Comments that have no place yet.
struct Waiting<'t> {
    text: &'t str,
    comments: VecDeque<Comment<'t>>,
    /// Where the last one on a line of its own began that has a place.
    last: usize,
}

impl<'t> Waiting<'t> {
    fn next_if(&mut self, is_wanted: impl FnOnce(&Comment<'t>) -> bool) -> Option<Comment<'t>> {
        let next = self.comments.pop_front_if(|comment| is_wanted(comment))?;
        if next.own_line {
            self.last = next.span.start;
        }
        Some(next)
    }

    /// How many of the next comments belong to the value before them although they stand further out: go-yaml takes the
    /// comments below a value for its own if what follows them stands further out than the value's block (`indent`) and in
    /// another column than they do (`yaml_parser_scan_comments`). In a list that stands in the column of its key (`hangs`)
    /// those that are not further out and have a blank line behind them, too.
    fn below(&self, value_end: usize, limit: usize, indent: usize, hangs: bool) -> usize {
        let mut group = self.comments.iter().take_while(|c| c.span.start < limit && c.own_line).peekable();
        let Some(first) = group.peek().filter(|c| (hangs || c.column < indent) && self.last < value_end)
        else {
            return 0;
        };
        let column = first.column;
        let breaks = |from: usize, to: usize| self.text[from..to].matches('\n').count();
        let is_close = breaks(value_end.min(first.span.start), first.span.start) < 2;
        let (mut count, mut end) = (0, first.span.start);
        for comment in group {
            if count > 0 && is_close && breaks(end, comment.span.start) > 1 {
                return if hangs && column >= indent { count } else { 0 };
            }
            if comment.column != column && comment.column < indent {
                return count;
            }
            (count, end) = (count + 1, comment.span.end);
        }
        // At the end of the text: SOPS' own block will follow.
        let next = match self.text.get(..limit) {
            Some(before) if limit < self.text.len() => limit - before.rfind('\n').map_or(0, |at| at + 1),
            _ => 0,
        };
        let is_apart = is_close && breaks(end, limit.min(self.text.len())) > 1;
        let is_taken = if is_apart { hangs && column >= indent } else { next < indent && next != column };
        if is_taken { count } else { 0 }
    }

    /// The next comment, if it stands before byte `at`.
    fn before(&mut self, at: usize) -> Option<Comment<'t>> {
        self.next_if(|comment| comment.span.start < at)
    }

    /// The next comment, if it stands before byte `at` and behind something on its line.
    fn trailing(&mut self, at: usize) -> Option<Comment<'t>> {
        self.next_if(|comment| comment.span.start < at && !comment.own_line)
    }

    /// The next comment, if it stands before byte `at`, on a line of its own and in or behind `column`.
    fn inside(&mut self, at: usize, column: usize) -> Option<Comment<'t>> {
        self.next_if(|comment| comment.span.start < at && comment.own_line && comment.column >= column)
    }
}

/// A part of a collection while comments are placed.
trait Part<'t>: Sized {
    fn comment(comment: Comment<'t>) -> Self;
    /// Where it starts, its value, and the comments behind it.
    fn parts(&mut self) -> Option<(usize, &mut Item<'t>, &mut Vec<Comment<'t>>)>;
}

impl<'t> Part<'t> for MapPart<'t> {
    fn comment(comment: Comment<'t>) -> Self {
        Self::Comment(comment)
    }

    fn parts(&mut self) -> Option<(usize, &mut Item<'t>, &mut Vec<Comment<'t>>)> {
        match self {
            Self::Entry(entry) => Some((entry.key.span.start, &mut entry.value, &mut entry.trailing)),
            Self::Comment(_) => None,
        }
    }
}

impl<'t> Part<'t> for SeqPart<'t> {
    fn comment(comment: Comment<'t>) -> Self {
        Self::Comment(comment)
    }

    fn parts(&mut self) -> Option<(usize, &mut Item<'t>, &mut Vec<Comment<'t>>)> {
        match self {
            Self::Item(item) => Some((item.dash, &mut item.value, &mut item.trailing)),
            Self::Comment(_) => None,
        }
    }
}

/// Places what stands in `item`, up to byte `limit`. `outer` is the column of the block around it.
fn settle<'t>(item: &mut Item<'t>, waiting: &mut Waiting<'t>, limit: usize, outer: isize) {
    let end = item.span.end;
    match &mut item.content {
        Content::Map(map) => {
            let block = Block { indent: map.indent, flow: map.flow, outer };
            block.settle(&mut map.parts, waiting, if map.flow { end } else { limit });
        }
        Content::Seq(seq) => {
            let block = Block { indent: seq.indent, flow: seq.flow, outer };
            block.settle(&mut seq.parts, waiting, if seq.flow { end } else { limit });
        }
        Content::Scalar(_) | Content::Alias(_) => {}
    }
}

/// The comments above and behind the dash of a list's last item if nothing else stands there: go-yaml finds no value to give
/// them to, and they come to what follows the list, or behind the key that holds it.
fn around_bare_dash<'t>(value: &mut Item<'t>) -> Vec<Comment<'t>> {
    let Content::Seq(seq) = &mut value.content else { return Vec::new() };
    let mut behind = match seq.parts.last_mut() {
        Some(SeqPart::Item(item)) if item.value.span.is_empty() => std::mem::take(&mut item.trailing),
        _ => return Vec::new(),
    };
    let is_comment = |part: &SeqPart<'_>| matches!(part, SeqPart::Comment(_));
    let last = seq.parts.len() - 1;
    let first = seq.parts[..last].iter().rposition(|part| !is_comment(part)).map_or(0, |at| at + 1);
    let above = seq.parts.drain(first..last).filter_map(|part| match part {
        SeqPart::Comment(comment) => Some(comment),
        SeqPart::Item(_) => None,
    });
    let mut found: Vec<_> = above.collect();
    found.append(&mut behind);
    found
}

#[derive(Clone, Copy)]
struct Block {
    indent: usize,
    flow: bool,
    outer: isize,
}

impl Block {
    fn settle<'t, P: Part<'t>>(self, parts: &mut Vec<P>, waiting: &mut Waiting<'t>, limit: usize) {
        let old = std::mem::take(parts);
        let mut old = old.into_iter().peekable();
        let mut value_end = 0;
        while let Some(mut part) = old.next() {
            let next = old.peek_mut().and_then(P::parts).map_or(limit, |(start, ..)| start.min(limit));
            let mut behind = Vec::new();
            if let Some((start, value, trailing)) = part.parts() {
                parts.extend(std::iter::from_fn(|| waiting.before(start)).map(P::comment));
                trailing.extend(std::iter::from_fn(|| waiting.trailing(value.span.start)));
                if !value.starts_block() {
                    parts.extend(std::iter::from_fn(|| waiting.before(value.span.start)).map(P::comment));
                }
                value_end = value.span.end;
                settle(value, waiting, next, self.column());
                trailing.extend(std::iter::from_fn(|| waiting.trailing(next)));
                behind = around_bare_dash(value);
            }
            parts.push(part);
            parts.extend(behind.into_iter().map(P::comment));
        }
        if self.flow {
            parts.extend(std::iter::from_fn(|| waiting.before(limit)).map(P::comment));
        } else {
            let hangs = self.column() <= self.outer;
            let count = waiting.below(value_end, limit, self.indent, hangs);
            parts.extend((0..count).filter_map(|_| waiting.next_if(|_| true)).map(P::comment));
            if !hangs {
                parts.extend(std::iter::from_fn(|| waiting.inside(limit, self.indent)).map(P::comment));
            }
        }
    }

    fn column(self) -> isize {
        isize::try_from(self.indent).unwrap_or(isize::MAX)
    }
}

impl Item<'_> {
    /// True for a list or mapping that takes comments before its first entry.
    fn starts_block(&self) -> bool {
        match &self.content {
            Content::Map(map) => !map.flow,
            Content::Seq(seq) => !seq.flow,
            Content::Scalar(_) | Content::Alias(_) => false,
        }
    }
}
