//! The one file of this room that looks into opened secrets: base64, hashes, env lines. What it makes of them
//! is secret again (decisions.md 3, "taint").

use crate::secret::{Ciphertext, SecretLeaf, SecretText};
use crate::yaml::{Node, ScalarKind, Value, to_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest base64 text that kustomize leaves in one line, exclusive.
const LINE: usize = 70;

/// The bytes of a generator's source: plain, opened, or sealed for good.
#[derive(Clone)]
pub enum Bytes {
    /// Anybody may see them.
    Plain(Arc<[u8]>),
    /// They came out of a sealed file.
    Secret(Arc<SecretText>),
    /// They are in a sealed file that no key at hand opens.
    Closed(Ciphertext),
}

/// Bytes as a string of a ConfigMap's `data`, or, if they are no UTF-8, as base64 for its `binaryData`.
pub fn config_value(bytes: &Bytes) -> (&'static str, Node) {
    match bytes {
        Bytes::Plain(plain) => match std::str::from_utf8(plain) {
            Ok(text) => ("data", Node::string(text)),
            Err(_) => ("binaryData", encoded(bytes)),
        },
        Bytes::Secret(text) if text.expose_secret_str().is_some() => ("data", leaf(text.clone())),
        Bytes::Secret(_) => ("binaryData", encoded(bytes)),
        Bytes::Closed(ciphertext) => ("data", closed(*ciphertext)),
    }
}

/// Bytes as base64 with kustomize's line breaks, which are part of the value (render.md 2.5).
pub fn encoded(bytes: &Bytes) -> Node {
    match bytes {
        Bytes::Plain(plain) => match String::from_utf8(broken_base64(plain)) {
            Ok(text) => Node::string(text),
            Err(_) => unreachable!("base64 is ASCII"),
        },
        Bytes::Secret(text) => leaf(Arc::new(SecretText::from_vec(broken_base64(text.expose_secret())))),
        Bytes::Closed(ciphertext) => closed(*ciphertext),
    }
}

fn leaf(text: Arc<SecretText>) -> Node {
    Node::new(Value::Secret(SecretLeaf::Text(text)))
}

fn closed(ciphertext: Ciphertext) -> Node {
    Node::new(Value::Secret(SecretLeaf::Closed(ciphertext)))
}

fn broken_base64(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().div_ceil(3) * 4;
    let mut text = Zeroizing::new(vec![0; length]);
    // The buffer is exactly as long as the text, so this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut text).unwrap_or(0);
    if length < LINE {
        return text[..written].to_vec();
    }
    let mut broken = Vec::with_capacity(length + length / LINE + 1);
    for line in text[..written].chunks(LINE) {
        broken.extend_from_slice(line);
        broken.push(b'\n');
    }
    broken
}

/// The lines `KEY=value` of an env file as pairs (render.md 2.5). The error is the number of a bad line.
pub fn env_pairs(bytes: &Bytes) -> Result<Vec<(String, Bytes, u32)>, u32> {
    let (text, secret) = match bytes {
        Bytes::Plain(plain) => (&plain[..], false),
        Bytes::Secret(text) => (text.expose_secret(), true),
        Bytes::Closed(_) => return Ok(Vec::new()),
    };
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.split(|b| *b == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if number == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
        let line = std::str::from_utf8(line).map_err(|_| number)?.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if key.is_empty() {
            continue;
        }
        let value = if secret {
            Bytes::Secret(Arc::new(SecretText::from_vec(value.as_bytes().to_vec())))
        } else {
            Bytes::Plain(value.as_bytes().into())
        };
        pairs.push((key.to_owned(), value, number));
    }
    Ok(pairs)
}

/// The ten letters that a generated name ends with (render.md 2.6); `None` if a value is closed, so that
/// nobody without the key can know it.
pub fn name_hash(body: &Node) -> Option<String> {
    let mut sink = Sink(Sha256::new());
    match body.str_at(&["kind"]) {
        Some("ConfigMap") => sink.object(body, "ConfigMap", &["binaryData"], false)?,
        Some("Secret") => sink.object(body, "Secret", &["stringData"], true)?,
        _ => sink.value(body)?,
    }
    let digest = sink.0.finalize();
    let letters = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(10);
    Some(letters.map(|nibble| char::from(b"gh2k456789mbcdtf"[usize::from(nibble)])).collect())
}

/// Go's JSON encoder, writing into a hash, so that no plaintext is gathered anywhere.
struct Sink(Sha256);

impl Sink {
    fn raw(&mut self, text: &str) {
        self.0.update(text.as_bytes());
    }

    fn object(&mut self, body: &Node, kind: &str, optional: &[&str], typed: bool) -> Option<()> {
        // Members in Go's order: sorted. Binary data sorts before `data`, string data after `name`.
        self.raw("{");
        for field in optional.iter().filter(|f| **f < "data") {
            self.member(body, field)?;
        }
        self.raw("\"data\":");
        match body.get("data") {
            None => self.raw("\"\""),
            Some(data) => self.field(data)?,
        }
        self.raw(",\"kind\":");
        self.string(kind.as_bytes());
        // The name is always empty: upstream looks it up under a path that does not exist, for ever.
        self.raw(",\"name\":\"\"");
        for field in optional.iter().filter(|f| **f > "data") {
            if body.get(field).and_then(Node::as_map).is_some() {
                self.raw(",");
                self.string(field.as_bytes());
                self.raw(":");
                self.value(body.get(field)?)?;
            }
        }
        if typed {
            self.raw(",\"type\":");
            self.string(body.get("type").and_then(Node::scalar_text).unwrap_or("").as_bytes());
        }
        self.raw("}");
        Some(())
    }

    fn member(&mut self, body: &Node, field: &str) -> Option<()> {
        if let Some(value) = body.get(field).filter(|v| v.as_map().is_some()) {
            self.string(field.as_bytes());
            self.raw(":");
            self.value(value)?;
            self.raw(",");
        }
        Some(())
    }

    /// `data` itself: a scalar counts by its spelling, a map as it is.
    fn field(&mut self, node: &Node) -> Option<()> {
        match &node.value {
            Value::Scalar(scalar) => {
                self.string(scalar.text.as_bytes());
                Some(())
            }
            _ => self.value(node),
        }
    }

    fn value(&mut self, node: &Node) -> Option<()> {
        match &node.value {
            Value::Scalar(s) if matches!(s.kind, ScalarKind::Str) => self.string(s.text.as_bytes()),
            Value::Scalar(_) => self.raw(&to_json(node)),
            Value::Secret(SecretLeaf::Text(text)) => self.string(text.expose_secret()),
            Value::Secret(_) => return None,
            Value::Seq(items) => {
                self.raw("[");
                for (place, item) in items.iter().enumerate() {
                    self.raw(if place == 0 { "" } else { "," });
                    self.value(item)?;
                }
                self.raw("]");
            }
            Value::Map(map) => {
                let mut entries: Vec<_> = map.entries.iter().collect();
                entries.sort_by(|a, b| a.key.text.as_bytes().cmp(b.key.text.as_bytes()));
                self.raw("{");
                for (place, entry) in entries.into_iter().enumerate() {
                    self.raw(if place == 0 { "" } else { "," });
                    self.string(entry.key.text.as_bytes());
                    self.raw(":");
                    self.value(&entry.value)?;
                }
                self.raw("}");
            }
        }
        Some(())
    }

    /// A JSON string as Go writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped, bad UTF-8 replaced.
    fn string(&mut self, bytes: &[u8]) {
        self.raw("\"");
        for chunk in bytes.utf8_chunks() {
            let mut start = 0;
            let text = chunk.valid();
            for (place, letter) in text.char_indices() {
                let Some(escape) = escape(letter) else { continue };
                self.0.update(&text.as_bytes()[start..place]);
                self.0.update(escape.as_bytes());
                start = place + letter.len_utf8();
            }
            self.0.update(&text.as_bytes()[start..]);
            if !chunk.invalid().is_empty() {
                chunk.invalid().iter().for_each(|_| self.raw("\\ufffd"));
            }
        }
        self.raw("\"");
    }
}

fn escape(letter: char) -> Option<String> {
    Some(match letter {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => format!("\\u{:04x}", letter as u32),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Map;

    fn plain(text: &str) -> Bytes {
        Bytes::Plain(text.as_bytes().into())
    }

    fn secret(text: &str) -> Bytes {
        Bytes::Secret(Arc::new(SecretText::from_string(text.to_owned())))
    }

    fn object(kind: &str, data: Option<Node>) -> Node {
        let mut map: Map = [("kind", Node::string(kind))].into_iter().collect();
        if kind == "Secret" {
            map.set("type", Node::string("Opaque"));
        }
        if let Some(data) = data {
            map.set("data", data);
        }
        Node::map(map)
    }

    #[test]
    fn hashes_are_upstreams() {
        // From upstream's own table: hasher_test.go, TestConfigMapHash and TestSecretHash.
        assert_eq!(name_hash(&object("ConfigMap", None)).as_deref(), Some("6ct58987ht"));
        let one: Map = [("one", Node::string(""))].into_iter().collect();
        assert_eq!(name_hash(&object("ConfigMap", Some(Node::map(one)))).as_deref(), Some("9g67k2htb6"));
    }

    #[test]
    fn an_opened_value_hashes_as_the_plain_one_and_shows_nothing() {
        let body = |value: Node| object("Secret", Some(Node::map([("k", value)].into_iter().collect())));
        let open = body(encoded(&secret("hunter2 & <co>")));
        assert_eq!(name_hash(&open), name_hash(&body(encoded(&plain("hunter2 & <co>")))));
        assert!(!format!("{open:?}").contains("hunter2"));
        assert_eq!(name_hash(&body(encoded(&Bytes::Closed(Ciphertext::UNKNOWN)))), None);
    }

    #[test]
    fn long_base64_is_broken_and_every_line_ends() {
        let Value::Scalar(short) = encoded(&plain(&"x".repeat(51))).value else {
            panic!("plain stays plain")
        };
        assert_eq!((short.text.len(), short.text.contains('\n')), (68, false));
        let Value::Scalar(long) = encoded(&plain(&"x".repeat(54))).value else { panic!("plain stays plain") };
        assert_eq!(long.text.lines().map(str::len).collect::<Vec<_>>(), [70, 2]);
        assert!(long.text.ends_with('\n'));
    }

    #[test]
    fn env_lines_follow_the_rules() {
        let pairs = env_pairs(&plain("\u{feff}A=1\n# no\n\n  B = 2 \nC\n")).expect("all lines are fine");
        let keys: Vec<&str> = pairs.iter().map(|(k, _, _)| k.as_str()).collect();
        assert_eq!(keys, ["A", "B ", "C"]);
        let Bytes::Plain(value) = &pairs[1].1 else { panic!("plain stays plain") };
        assert_eq!(&value[..], b" 2 ");
        assert_eq!(env_pairs(&Bytes::Plain(b"A=1\nB=\xff\n"[..].into())).err(), Some(2));
    }
}
