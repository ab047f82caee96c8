//! What a scalar means: by itself, or by an explicit tag.

use super::Dialect;
use crate::yaml::node::{ScalarKind, Style};
use crate::yaml::parse::{Fault, Pos};
use crate::yaml::scalar::{resolve_v1, resolve_v3};

/// What a scalar turned out to be: its kind, and its text if that is not what was written.
pub(super) struct Meaning {
    pub(super) kind: ScalarKind,
    pub(super) text: Option<String>,
}

impl Meaning {
    fn plain(kind: ScalarKind) -> Self {
        Self { kind, text: None }
    }

    /// What `text`, written at `start` in `style` behind `tag`, means to a reader of `dialect`. Unknown
    /// tags are dropped and leave a string.
    pub(super) fn of(
        text: &str,
        style: Style,
        tag: Option<&str>,
        dialect: Dialect,
        start: Pos,
    ) -> Result<Self, Fault> {
        let wanted = match tag {
            None => return Ok(Self::plain(resolved(text, style, dialect))),
            // The tag that says nothing: a string to go-yaml v2.
            Some("!") if dialect == Dialect::Resource => {
                return Ok(Self::plain(resolved(text, style, dialect)));
            }
            Some(tag) => match tag.strip_prefix(CORE) {
                Some("binary") => return decoded(text, start),
                Some("int") => ScalarKind::Int,
                Some("float") => ScalarKind::Float,
                Some("bool") => ScalarKind::Bool,
                Some("null") => ScalarKind::Null,
                Some("timestamp") => ScalarKind::Time,
                _ => return Ok(Self::plain(ScalarKind::Str)),
            },
        };
        let found = resolved(text, Style::Plain, dialect);
        let is_time = wanted == ScalarKind::Time && resolve_v3(text) == ScalarKind::Time;
        let fits = found == wanted || is_time || (found, wanted) == (ScalarKind::Int, ScalarKind::Float);
        match (fits, wanted, dialect) {
            (true, ScalarKind::Time, Dialect::Kustomization) => Ok(Self::plain(ScalarKind::Str)),
            (true, ..) => Ok(Self::plain(wanted)),
            _ => {
                let tag = tag.unwrap_or_default().replace(CORE, "!!");
                Err(Fault::new(format!("cannot decode `{text}` as a {tag}"), start))
            }
        }
    }
}

/// What every tag of YAML's own starts with.
const CORE: &str = "tag:yaml.org,2002:";

fn resolved(text: &str, style: Style, dialect: Dialect) -> ScalarKind {
    match (style, dialect) {
        (Style::Plain, Dialect::Resource) => resolve_v3(text),
        (Style::Plain, Dialect::Kustomization) => resolve_v1(text),
        _ => ScalarKind::Str,
    }
}

/// The text behind `!!binary`. Go keeps its bytes in a string; those that are not UTF-8 are printed as
/// replacement characters, so they are made such at once.
fn decoded(text: &str, start: Pos) -> Result<Meaning, Fault> {
    let bytes =
        base64(text).ok_or_else(|| Fault::new("!!binary value contains invalid base64 data", start))?;
    let mut readable = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        readable.push_str(chunk.valid());
        readable.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
    }
    Ok(Meaning { kind: ScalarKind::Str, text: Some(readable) })
}

/// Standard, padded base64; line breaks do not count.
fn base64(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let padding = letters.iter().rev().take_while(|b| **b == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    for group in letters[..letters.len() - padding].chunks(4) {
        let mut bits = 0_u32;
        for letter in group {
            bits = bits << 6 | sextet(*letter)?;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn sextet(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
