//! dotenv and INI as `sops decrypt` prints them: lines without quotes; sections as gopkg.in/ini.v1 writes them
//! (secrets.md 1.9).

use super::emit::Values;
use super::keys::Keyring;
use super::open::{metadata_of, unlock};
use super::walk::{is_block, read_as, walk};
use crate::model::{OpenError, SealedFormat};
use crate::secret::SecretText;
use crate::yaml::source::{Comment, Entry, Map, MapPart, Source, Syntax};
use zeroize::Zeroizing;

/// The whole file, opened. As in Flux, the MAC is not checked here.
pub(super) fn opened(
    bytes: &[u8],
    file: &str,
    format: SealedFormat,
    keyring: &Keyring,
) -> Result<SecretText, OpenError> {
    let source = read_as(bytes, file, format).map_err(OpenError)?;
    let metadata = metadata_of(&source, file)?;
    let key = unlock(&metadata, file, keyring)?;
    let mut values = Values::new(&key, &metadata, false);
    walk(&source, file, &mut values).map_err(OpenError)?;
    let mut printer =
        Printer { out: SecretText::with_capacity(bytes.len()), values: &values, source: &source };
    if let Some(root) = source.documents.first().and_then(|d| d.root.as_ref()?.as_map()) {
        if source.syntax == Syntax::Ini { printer.ini(root) } else { printer.dotenv(root) }
    }
    Ok(printer.out)
}

struct Printer<'a, 's, 't> {
    out: SecretText,
    values: &'a Values<'a>,
    source: &'s Source<'t>,
}

impl Printer<'_, '_, '_> {
    fn put(&mut self, text: &str) {
        self.out.push(text.as_bytes());
    }

    fn value(&self, entry: &Entry<'_>) -> &[u8] {
        let leaf = self.values.leaves.get(&entry.value.span.start);
        leaf.map_or(b"", |(bytes, _)| bytes.as_slice())
    }

    fn comment(&self, comment: &Comment<'_>) -> Zeroizing<String> {
        match self.values.comments.get(&comment.span.start) {
            Some(text) => Zeroizing::new(String::from_utf8_lossy(text.expose_secret()).into_owned()),
            None => Zeroizing::new(comment.text.to_string()),
        }
    }

    fn dotenv(&mut self, root: &Map<'_>) {
        for part in &root.parts {
            match part {
                MapPart::Comment(comment) => {
                    let text = self.comment(comment);
                    self.put("#");
                    self.put(&text);
                }
                MapPart::Entry(entry) if is_block(Syntax::Dotenv, &entry.key.text) => continue,
                MapPart::Entry(entry) => {
                    self.put(&entry.key.text);
                    self.put("=");
                    let value = Zeroizing::new(self.value(entry).to_vec());
                    for (index, line) in value.split(|b| *b == b'\n').enumerate() {
                        self.put(if index == 0 { "" } else { "\\n" });
                        self.out.push(line);
                    }
                }
            }
            self.put("\n");
        }
    }

    fn ini(&mut self, root: &Map<'_>) {
        let sections: Vec<_> = root.entries().filter(|e| !is_block(Syntax::Ini, &e.key.text)).collect();
        for (index, section) in sections.iter().enumerate() {
            let Some(map) = section.value.as_map() else { continue };
            let above = map.parts.first().and_then(|part| match part {
                MapPart::Comment(comment) if comment.span.start < map.span.start => Some(comment),
                _ => None,
            });
            if let Some(comment) = above {
                self.ini_comment(comment, false);
            }
            if index > 0 || section.key.text != "DEFAULT" {
                let text = format!("[{}]\n", section.key.text);
                self.put(&text);
            } else if map.entries().next().is_none() {
                continue;
            }
            self.section(map);
            if index + 1 < sections.len() {
                self.put("\n");
            }
        }
    }

    fn section(&mut self, map: &Map<'_>) {
        let written = |key: &str| {
            if key.contains(['"', '=', ':']) {
                format!("`{key}`")
            } else if key.contains('`') {
                format!("\"\"\"{key}\"\"\"")
            } else {
                key.to_owned()
            }
        };
        let width = map.entries().map(|e| written(&e.key.text).len()).max().unwrap_or(0);
        for (index, part) in map.parts.iter().enumerate() {
            let MapPart::Entry(entry) = part else { continue };
            // What stands behind all keys belongs to none; ini.v1 drops it.
            if let Some(MapPart::Comment(comment)) = map.parts.get(index + 1)
                && self.is_of(comment, entry)
            {
                self.ini_comment(comment, true);
            }
            let key = written(&entry.key.text);
            let blanks = " ".repeat(width - key.len());
            self.put(&format!("{key}{blanks} = "));
            let value = Zeroizing::new(String::from_utf8_lossy(self.value(entry)).into_owned());
            let quote = if value.contains(['\n', '`']) {
                "\"\"\""
            } else if value.contains(['#', ';']) {
                "`"
            } else if value.trim().len() != value.len() {
                "\""
            } else {
                ""
            };
            self.put(quote);
            self.put(&value);
            self.put(quote);
            self.put("\n");
        }
    }

    /// True for a comment above a key or on the line where its value ends.
    fn is_of(&self, comment: &Comment<'_>, entry: &Entry<'_>) -> bool {
        let end = entry.value.span.end;
        let line_end = self.source.text[end..].find('\n').map_or(self.source.text.len(), |n| end + n);
        comment.span.start < line_end
    }

    fn ini_comment(&mut self, comment: &Comment<'_>, is_key: bool) {
        let text = self.comment(comment);
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            if line.starts_with(['#', ';']) {
                self.put(&line[..1]);
                self.put(" ");
                self.put(line[1..].trim());
            } else {
                self.put("; ");
                self.put(if is_key { line.trim() } else { line });
            }
            self.put("\n");
        }
    }
}
