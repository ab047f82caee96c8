//! A sealed file as text that a person edits: every value opened where it stands, the `sops` block taken out. What
//! `sops decrypt` prints, laid out as the file is, so that what is not touched stays to the byte.

use super::cipher::{DataKey, Sealed, ValueType};
use super::edit::{cannot_write, not_writable};
use super::inspect::format_of;
use super::keys::Keyring;
use super::letters;
use super::metadata::Metadata;
use super::open::open;
use super::opener::decrypted;
use super::walk::{Place, Visit, aad, is_block, read, walk};
use crate::model::{Problem, SealedFormat};
use crate::secret::SecretText;
use crate::yaml::Node;
use crate::yaml::letters::put_json_string;
use crate::yaml::source::{Comment, Edit, Item, Leaf, Source, Syntax};
use std::ops::Range;
use zeroize::Zeroizing;

/// The text of a sealed file for an editor. Its MAC is checked; a file without a format is what it holds.
pub fn lay_open(bytes: &[u8], file: &str, keyring: &Keyring) -> Result<SecretText, Problem> {
    if format_of(file) == SealedFormat::Binary {
        return decrypted(bytes, file, keyring);
    }
    let opened = open(bytes, file, keyring).map_err(|error| error.0)?;
    let source = read(bytes, file)?;
    cannot_write(&source, file, true)?;
    let mut layer =
        Layer { source: &source, file, key: &opened.key, metadata: &opened.metadata, pieces: Vec::new() };
    walk(&source, file, &mut layer)?;
    let mut pieces = layer.pieces;
    let gone = block(&source).into_iter().map(|edit| (edit.range, SecretText::from_string(edit.text)));
    pieces.extend(gone);
    pieces.sort_by_key(|(range, _)| range.start);
    let mut text = SecretText::with_capacity(bytes.len());
    let mut done = 0;
    for (range, piece) in &pieces {
        text.push(&bytes[done..range.start.max(done)]);
        text.push(piece.expose_secret());
        done = range.end.max(done);
    }
    text.push(&bytes[done..]);
    Ok(text)
}

/// What takes the block out of every document.
pub(super) fn block(source: &Source<'_>) -> Vec<Edit> {
    let roots = source.documents.iter().filter_map(|document| document.root.as_ref()?.as_map());
    roots
        .flat_map(|root| {
            let own = root.entries().filter(|entry| is_block(source.syntax, &entry.key.text));
            own.map(|entry| source.remove(root, entry)).collect::<Vec<_>>()
        })
        .collect()
}

/// Collects what every sealed value and comment is.
struct Layer<'a, 't> {
    source: &'a Source<'t>,
    file: &'a str,
    key: &'a DataKey,
    metadata: &'a Metadata,
    pieces: Vec<(Range<usize>, SecretText)>,
}

impl<'s, 't> Visit<'s, 't> for Layer<'_, 't> {
    fn leaf(
        &mut self,
        item: &'s Item<'t>,
        leaf: &'s Leaf<'t>,
        place: &Place<'_>,
    ) -> Result<Option<Node>, Problem> {
        if !place.is_selected(&self.metadata.selector) || !Sealed::looks_sealed(&leaf.text) {
            return Ok(None);
        }
        let (sealed, plain) = place.opened(self.key, item.line, &leaf.text)?;
        if sealed.value_type == ValueType::Comment {
            self.listed_comment(item, plain.expose_secret(), place);
            return Ok(None);
        }
        let start = item.properties.as_ref().map_or(item.span.start, |properties| properties.start);
        let text = self.written(plain.expose_secret(), sealed.value_type, start..item.span.end, place)?;
        self.pieces.push((start..item.span.end, text));
        Ok(None)
    }

    fn comment(&mut self, comment: &'s Comment<'t>, place: &Place<'_>) -> Result<(), Problem> {
        let Ok(sealed) = Sealed::parse(comment.text.trim_end_matches('\r')) else { return Ok(()) };
        // Whoever wrote it may have put it a level further out.
        let mut depths = (0..=place.path.len()).rev();
        let Some(plain) = depths.find_map(|depth| self.key.open(&sealed, &aad(&place.path[..depth])).ok())
        else {
            return Ok(());
        };
        let bytes = plain.expose_secret();
        let mut text = SecretText::with_capacity(bytes.len() + 8);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            text.push(if index == 0 { b"" } else { b"\n" });
            // INI keeps the sign of its comments in their text.
            let is_ini = self.source.syntax == Syntax::Ini;
            let has_sign = is_ini && (line.starts_with(b"#") || line.starts_with(b";"));
            text.push(match (has_sign, is_ini) {
                (true, _) => b"",
                (false, true) => b"; ",
                (false, false) => b"#",
            });
            text.push(line);
        }
        let end = comment.span.end - usize::from(comment.text.ends_with('\r'));
        self.pieces.push((comment.span.start..end, text));
        Ok(())
    }
}

impl Layer<'_, '_> {
    /// A comment that SOPS made an item of a list is a comment again; where none can stand it stays sealed.
    fn listed_comment(&mut self, item: &Item<'_>, plain: &[u8], place: &Place<'_>) {
        let text = self.source.text;
        let line = text[..item.span.start].rfind('\n').map_or(0, |end| end + 1);
        let before = &text[line..item.span.start];
        if self.source.syntax != Syntax::Yaml
            || place.in_flow
            || before.trim() != "-"
            || plain.contains(&b'\n')
        {
            return;
        }
        let dash = line + before.len() - before.trim_start().len();
        let mut comment = SecretText::with_capacity(plain.len() + 1);
        comment.push(b"#");
        comment.push(plain);
        self.pieces.push((dash..item.span.end, comment));
    }

    /// A value as it stands in the file's format at this place.
    fn written(
        &self,
        plain: &[u8],
        value_type: ValueType,
        range: Range<usize>,
        place: &Place<'_>,
    ) -> Result<SecretText, Problem> {
        let mut out = SecretText::with_capacity(plain.len() + 16);
        if matches!(self.source.syntax, Syntax::Dotenv | Syntax::Ini) {
            let text = Zeroizing::new(String::from_utf8_lossy(plain).into_owned());
            let written = self.source.written(&text);
            let written = written.ok_or_else(|| not_writable(self.source, self.file, "value"))?;
            return Ok(SecretText::from_string(written));
        }
        let json = self.source.syntax == Syntax::Json;
        match value_type {
            ValueType::Int | ValueType::Time if !json || value_type == ValueType::Int => out.push(plain),
            ValueType::Float if json => out.push(letters::json_float(plain).as_bytes()),
            ValueType::Float => out.push(letters::float(plain).as_bytes()),
            ValueType::Bool => out.push(if plain == b"True" { b"true" } else { b"false" }),
            _ => match (std::str::from_utf8(plain), self.indentation(range)) {
                (Ok(text), _) if json || place.in_flow => put_json_string(text, &mut out),
                (Ok(text), None) if text.contains('\n') => put_json_string(text, &mut out),
                (_, indent) => {
                    letters::string(&mut out, plain, Some((indent.unwrap_or(0) + 4, "")));
                    while out.expose_secret().ends_with(b"\n") {
                        out.pop_char();
                    }
                }
            },
        }
        Ok(out)
    }

    /// Where the key or the dash stands that a block of text belongs to; `None` if none can stand here.
    fn indentation(&self, range: Range<usize>) -> Option<usize> {
        let text = self.source.text;
        let prefix = text[..range.start].rsplit('\n').next().unwrap_or_default();
        let behind = text[range.end..].split('\n').next().unwrap_or_default();
        if prefix.trim().is_empty() || !behind.trim().is_empty() {
            return None;
        }
        let mut at = prefix.len() - prefix.trim_start_matches(' ').len();
        while let Some(rest) = prefix[at..].strip_prefix("- ") {
            let key = prefix.len() - rest.trim_start_matches(' ').len();
            if key == prefix.len() {
                break;
            }
            at = key;
        }
        Some(at)
    }
}
