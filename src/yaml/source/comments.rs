//! Comments find their places in the tree.

use super::{Comment, Content, Document, Item, MapPart, SeqPart};
use crate::yaml::parse;

/// Puts the comments of a file into its documents.
pub(super) fn place<'t>(text: &'t str, documents: &mut [Document<'t>], comments: &[parse::Comment]) {
    for found in comments {
        let comment = comment(text, found);
        let home = documents.iter().rposition(|document| document.span.start <= found.start.at);
        let Some(document) = documents.get_mut(home.unwrap_or(0)) else { continue };
        let left = match &mut document.root {
            Some(root) if home.is_some() => settle(root, comment),
            _ => Some(comment),
        };
        document.comments.extend(left);
    }
}

fn comment<'t>(text: &'t str, found: &parse::Comment) -> Comment<'t> {
    let line_start = text[..found.start.at].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line_start..found.start.at];
    Comment {
        text: &text[found.start.at + 1..found.end],
        span: found.start.at..found.end,
        line: found.start.line,
        column: found.start.column as usize,
        own_line: before.trim_matches([' ', '\t', '\u{FEFF}']).is_empty(),
    }
}

/// What a collection shows while a comment looks for its place: where its children stand.
struct Child<'a, 't> {
    start: usize,
    value: &'a mut Item<'t>,
    trailing: &'a mut Vec<Comment<'t>>,
}

/// Puts a comment into the tree below `item`; gives it back if it belongs further out.
fn settle<'t>(item: &mut Item<'t>, comment: Comment<'t>) -> Option<Comment<'t>> {
    let (indent, flow) = match &item.content {
        Content::Map(map) => (map.indent, map.flow),
        Content::Seq(seq) => (seq.indent, seq.flow),
        Content::Scalar(_) | Content::Alias(_) => return Some(comment),
    };
    let at = comment.span.start;
    if flow && at > item.span.end {
        return Some(comment);
    }
    let mut comment = comment;
    if let Some(child) = child_before(item, at) {
        if is_for_child(&child, &comment, indent) {
            match settle(child.value, comment) {
                None => return None,
                Some(left) => comment = left,
            }
        }
        if !comment.own_line {
            child.trailing.push(comment);
            return None;
        }
    } else if !comment.own_line {
        return Some(comment);
    }
    insert_part(item, comment);
    None
}

/// The last child that starts before byte `at`.
fn child_before<'a, 't>(item: &'a mut Item<'t>, at: usize) -> Option<Child<'a, 't>> {
    match &mut item.content {
        Content::Map(map) => map.parts.iter_mut().rev().find_map(|part| match part {
            MapPart::Entry(entry) if entry.key.span.start < at => Some(Child {
                start: entry.key.span.start,
                value: &mut entry.value,
                trailing: &mut entry.trailing,
            }),
            _ => None,
        }),
        Content::Seq(seq) => seq.parts.iter_mut().rev().find_map(|part| match part {
            SeqPart::Item(item) if item.dash < at => {
                Some(Child { start: item.dash, value: &mut item.value, trailing: &mut item.trailing })
            }
            _ => None,
        }),
        Content::Scalar(_) | Content::Alias(_) => None,
    }
}

/// True if a comment behind the start of a child may belong inside that child.
fn is_for_child(child: &Child<'_, '_>, comment: &Comment<'_>, indent: usize) -> bool {
    let at = comment.span.start;
    let (inner, flow) = match &child.value.content {
        Content::Map(map) => (map.indent, map.flow),
        Content::Seq(seq) => (seq.indent, seq.flow),
        Content::Scalar(_) | Content::Alias(_) => return false,
    };
    let span = &child.value.span;
    if at < span.start {
        // Between a key and its block: on a line of its own it is the first part of the block.
        return comment.own_line && !flow && child.start < at;
    }
    at < span.end || !comment.own_line || (!flow && inner > indent && inner <= comment.column)
}

/// Puts a comment between the parts of a collection.
fn insert_part<'t>(item: &mut Item<'t>, comment: Comment<'t>) {
    let at = comment.span.start;
    match &mut item.content {
        Content::Map(map) => {
            let place = map.parts.iter().position(|part| match part {
                MapPart::Entry(entry) => entry.key.span.start > at || entry.value.span.start > at,
                MapPart::Comment(other) => other.span.start > at,
            });
            map.parts.insert(place.unwrap_or(map.parts.len()), MapPart::Comment(comment));
        }
        Content::Seq(seq) => {
            let place = seq.parts.iter().position(|part| match part {
                SeqPart::Item(item) => item.dash > at || item.value.span.start > at,
                SeqPart::Comment(other) => other.span.start > at,
            });
            seq.parts.insert(place.unwrap_or(seq.parts.len()), SeqPart::Comment(comment));
        }
        Content::Scalar(_) | Content::Alias(_) => {}
    }
}
