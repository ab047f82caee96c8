//! The text of a new Secret, its values sealed and its block still missing.

use super::cipher::{DataKey, ValueType};
use super::edit::{Edit, sealed_text};
use crate::model::{Problem, SealedFormat, SecretFrame};
use crate::secret::SecretText;
use crate::yaml::source::{Syntax, one_line};
use crate::yaml::{Node, to_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::sync::Arc;

/// Name and value as they are written.
type Lines = Vec<(String, String)>;

/// True for a value that `stringData` cannot hold.
pub(super) fn is_binary(value: &SecretText) -> bool {
    value.expose_secret_str().is_none()
}

/// A new Secret. Its keys stand in `stringData`, whatever they are called; what is no text stands in `data`.
pub(super) fn text(
    frame: &SecretFrame,
    format: SealedFormat,
    key: &DataKey,
    edits: Vec<Edit>,
) -> Result<String, Problem> {
    let in_json = format == SealedFormat::Json;
    let syntax = if in_json { Syntax::Json } else { Syntax::Yaml };
    let word = |text: &str| if in_json { to_json(&Node::string(text)) } else { one_line(text) };
    let mut holders: [(&str, Lines); 2] = [("stringData", Vec::new()), ("data", Vec::new())];
    for edit in edits {
        let Edit::Set { key: name, value } = edit else { continue };
        let binary = is_binary(&value);
        let value =
            if binary { SecretText::from_string(STANDARD.encode(value.expose_secret())) } else { value };
        let name_written = word(&name);
        for (_, lines) in &mut holders {
            lines.retain(|(known, _)| *known != name_written);
        }
        let (holder, lines) = &mut holders[usize::from(binary)];
        let path = [Arc::from(*holder), Arc::from(name.as_str())];
        lines.push((name_written, sealed_text(&value, ValueType::Str, &path, key, syntax, in_json)?));
    }
    let pairs = |pairs: &[(String, String)]| -> Lines {
        pairs.iter().map(|(name, value)| (word(name), word(value))).collect()
    };
    let names = [("name", &frame.name), ("namespace", &frame.namespace)];
    let names: Lines = names
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (word(name), word(value)))
        .collect();
    let marks = [("labels", pairs(&frame.labels)), ("annotations", pairs(&frame.annotations))];
    let secret_type = if frame.secret_type.is_empty() { "Opaque" } else { &*frame.secret_type };
    let type_word = word(secret_type);
    let parts = Parts { names, marks, secret_type: &type_word, immutable: frame.immutable, holders };
    Ok(if in_json { parts.json() } else { parts.yaml() })
}

/// Everything as it is written.
struct Parts<'a> {
    names: Lines,
    marks: [(&'a str, Lines); 2],
    secret_type: &'a str,
    immutable: bool,
    holders: [(&'a str, Lines); 2],
}

impl Parts<'_> {
    fn yaml(&self) -> String {
        let mut text = "apiVersion: v1\nkind: Secret\nmetadata:\n".to_owned();
        let lines = |lines: &Lines, indent: usize, text: &mut String| {
            for (name, value) in lines {
                let _ = writeln!(text, "{:indent$}{name}: {value}", "");
            }
        };
        lines(&self.names, 2, &mut text);
        for (name, pairs) in self.marks.iter().filter(|(_, pairs)| !pairs.is_empty()) {
            let _ = writeln!(text, "  {name}:");
            lines(pairs, 4, &mut text);
        }
        let _ = writeln!(text, "type: {}", self.secret_type);
        text.push_str(if self.immutable { "immutable: true\n" } else { "" });
        for (name, values) in self.holders.iter().filter(|(_, values)| !values.is_empty()) {
            let _ = writeln!(text, "{name}:");
            lines(values, 2, &mut text);
        }
        text
    }

    fn json(&self) -> String {
        let object = |lines: &Lines, depth: usize| {
            let tabs = "\t".repeat(depth);
            let lines: Vec<String> =
                lines.iter().map(|(name, value)| format!("{tabs}\t{name}: {value}")).collect();
            format!("{{\n{}\n{tabs}}}", lines.join(",\n"))
        };
        let mut metadata = self.names.clone();
        let marks = self.marks.iter().filter(|(_, pairs)| !pairs.is_empty());
        metadata.extend(marks.map(|(name, pairs)| (format!("\"{name}\""), object(pairs, 2))));
        let mut top: Lines = vec![
            ("\"apiVersion\"".to_owned(), "\"v1\"".to_owned()),
            ("\"kind\"".to_owned(), "\"Secret\"".to_owned()),
            ("\"metadata\"".to_owned(), object(&metadata, 1)),
            ("\"type\"".to_owned(), self.secret_type.to_owned()),
        ];
        if self.immutable {
            top.push(("\"immutable\"".to_owned(), "true".to_owned()));
        }
        let holders = self.holders.iter().filter(|(_, values)| !values.is_empty());
        top.extend(holders.map(|(name, values)| (format!("\"{name}\""), object(values, 1))));
        format!("{}\n", object(&top, 0))
    }
}
