//! dotenv to parts, as SOPS reads it: the first `=` divides, nothing is quoted, `#` at the start of a line is a comment
//! (secrets.md 1.9).

use super::lines::{self, pos};
use super::{Comment, Document, Map, MapPart, Obstacle, ObstacleKind};
use crate::yaml::parse::Fault;
use std::borrow::Cow;
use std::collections::HashSet;

/// Takes a file apart. Keys may stand twice: each has its value.
pub(super) fn read(text: &str) -> Result<(Document<'_>, Vec<Obstacle>), Fault> {
    let (mut parts, mut obstacles, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
    let mut at = 0;
    for (index, line) in text.split('\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let span = at..at + line.len();
        at = span.end + 1;
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            parts.push(MapPart::Comment(Comment {
                text: Cow::Borrowed(comment),
                span,
                rest: Vec::new(),
                line: number,
                column: 0,
                own_line: true,
            }));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(Fault::new("a line without `=`", pos(span.start, number)));
        };
        if !keys.insert(key) {
            obstacles.push(Obstacle { kind: ObstacleKind::RepeatedKey(key.to_owned()), line: number });
        }
        let value_span = span.start + key.len() + 1..span.end;
        let text =
            if value.contains("\\n") { Cow::Owned(value.replace("\\n", "\n")) } else { Cow::Borrowed(value) };
        let key_span = span.start..span.start + key.len();
        parts.push(MapPart::Entry(lines::entry(Cow::Borrowed(key), key_span, text, value_span, number)));
    }
    Ok((lines::document(text, Map { parts, span: 0..text.len(), indent: 0, flow: false }), obstacles))
}

/// A value as it stands on its line; `None` if it would be read as another one.
pub(super) fn written(value: &str) -> Option<String> {
    let written = value.replace('\n', "\\n");
    (written.replace("\\n", "\n") == value && !written.ends_with('\r')).then_some(written)
}
