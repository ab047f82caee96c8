//! Substitution of `${variables}` in an object, on its printed text as Flux does it (render.md 6.4), without
//! ever printing a secret: secrets stand as placeholders in the text and come back as secret leaves.

use super::super::kustomize::LONGEST_TEXT;
use super::super::reveal::{self, Fragment};
use super::envsubst::{self, Call, Operator, Part, SyntaxError};
use crate::secret::{Ciphertext, SecretLeaf, SecretText};
use crate::yaml::{Dialect, Entry, Limits, Map, Mark, Node, Style, Value, read_stream, to_masked_string};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The value of a variable, without line breaks.
#[derive(Clone)]
pub enum Variable {
    /// Anybody may see it.
    Plain(Arc<str>),
    /// It came out of a Secret.
    Secret(Arc<SecretText>),
    /// It is sealed and no key at hand opens it.
    Closed(Ciphertext),
}

/// The variables of one Kustomization.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<Arc<str>, Variable>,
    /// True if a source of variables is not at hand: a name that is not known may then have a value.
    pub incomplete: bool,
    /// True if unset variables are errors, as with the controller's feature gate.
    pub strict: bool,
}

impl Variables {
    /// Sets a variable; a later value overrides an earlier one.
    pub fn set(&mut self, name: &str, value: Variable) {
        self.values.insert(name.into(), value);
    }

    /// Sets a variable to a text that is no secret.
    pub fn set_plain(&mut self, name: &str, text: &str) {
        self.set(name, Variable::Plain(text.replace('\n', "").into()));
    }

    /// Sets a variable to a secret.
    pub fn set_secret(&mut self, name: &str, text: &SecretText) {
        self.set(name, Variable::Secret(Arc::new(reveal::without_newlines(text))));
    }

    /// True if there are none, and none are missing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && !self.incomplete
    }

    /// The first name that Flux refuses: letters, digits and underscores, not starting with a digit.
    pub fn invalid_name(&self) -> Option<&str> {
        self.values.keys().map(|name| &**name).find(|name| {
            let mut letters = name.bytes();
            !letters.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
                || !letters.all(|b| b == b'_' || b.is_ascii_alphanumeric())
        })
    }
}

/// Why an object cannot be substituted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct SubstituteError {
    /// What is wrong; names the expression, never a value.
    pub cause: String,
    /// Where the expression is written.
    pub mark: Mark,
}

/// An object after substitution.
#[derive(Debug)]
pub struct Substituted {
    /// The object.
    pub body: Node,
    /// Expressions that stay as they are, since a source of variables is missing.
    pub holes: Vec<String>,
    /// Variables whose default was taken, although the missing source may set them.
    pub assumed: Vec<String>,
    /// Things worth a look, with their places.
    pub doubts: Vec<(String, Mark)>,
}

/// Replaces the variables in an object. What is not touched keeps its marks and its memory.
pub fn substitute(body: &Node, variables: &Variables) -> Result<Substituted, SubstituteError> {
    if !is_template(body) {
        return Ok(Substituted {
            body: body.clone(),
            holes: Vec::new(),
            assumed: Vec::new(),
            doubts: Vec::new(),
        });
    }
    let mut work =
        Work { variables, secrets: Vec::new(), holes: Vec::new(), assumed: Vec::new(), doubts: Vec::new() };
    let printed = to_masked_string(&work.hide(body)?);
    let parts = envsubst::parse(&printed).map_err(|error| explain(body, &printed, &error))?;
    let text = work.evaluate(&parts, &Text::Plain(&printed)).map_err(|cause| place(body, cause))?;
    let text = work.print(&text);
    let stream = read_stream(text.as_bytes(), &"".into(), Dialect::Kustomization, &Limits::default());
    if let Some(error) = stream.errors.first() {
        let cause = format!("after substitution the object is no longer YAML: {}", error.message);
        return Err(SubstituteError { cause, mark: first_template(body).unwrap_or_default() });
    }
    let Some(document) = stream.documents.into_iter().next() else {
        let cause = "nothing is left of the object after substitution".to_owned();
        return Err(SubstituteError { cause, mark: body.mark.clone() });
    };
    let body = work.restore(Some(body), &document.root, &body.mark);
    Ok(Substituted { body, holes: work.holes, assumed: work.assumed, doubts: work.doubts })
}

/// True if substitution can change something in it.
fn is_template(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => is_template_text(&scalar.text),
        Value::Seq(items) => items.iter().any(is_template),
        Value::Map(map) => map.entries.iter().any(|e| is_template_text(&e.key.text) || is_template(&e.value)),
        Value::Secret(SecretLeaf::Text(text)) => reveal::inspect(text, is_template_text).unwrap_or(false),
        Value::Secret(_) => false,
    }
}

fn is_template_text(text: &str) -> bool {
    text.contains("${") || text.contains("$$")
}

fn first_template(node: &Node) -> Option<Mark> {
    match &node.value {
        Value::Seq(items) => items.iter().find_map(first_template),
        Value::Map(map) => map.entries.iter().find_map(|e| first_template(&e.value)),
        _ => is_template(node).then(|| node.mark.clone()),
    }
}

/// The mark of the scalar that cannot be read, for an error in the printed text.
fn explain(body: &Node, printed: &str, error: &SyntaxError) -> SubstituteError {
    let expression: String = printed[error.at..].chars().take_while(|c| *c != '\n').take(40).collect();
    let cause = format!("`{expression}` is no substitution: {}", error.cause);
    SubstituteError { cause, mark: broken_scalar(body).or_else(|| first_template(body)).unwrap_or_default() }
}

fn broken_scalar(node: &Node) -> Option<Mark> {
    match &node.value {
        Value::Scalar(scalar) => envsubst::parse(&scalar.text).is_err().then(|| node.mark.clone()),
        Value::Seq(items) => items.iter().find_map(broken_scalar),
        Value::Map(map) => map.entries.iter().find_map(|e| broken_scalar(&e.value)),
        Value::Secret(_) => None,
    }
}

fn place(body: &Node, (cause, name): (String, String)) -> SubstituteError {
    fn uses(node: &Node, name: &str) -> Option<Mark> {
        match &node.value {
            Value::Scalar(scalar) => scalar.text.contains(name).then(|| node.mark.clone()),
            Value::Seq(items) => items.iter().find_map(|n| uses(n, name)),
            Value::Map(map) => map.entries.iter().find_map(|e| uses(&e.value, name)),
            Value::Secret(_) => None,
        }
    }
    let mark = uses(body, &name).or_else(|| first_template(body)).unwrap_or_default();
    SubstituteError { cause, mark }
}

/// Text that is evaluated, in pieces.
#[derive(Clone)]
enum Piece {
    Text(String),
    Secret(Arc<SecretText>),
    Closed(Ciphertext),
}

impl Piece {
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Secret(text) => reveal::inspect(text, str::len).unwrap_or(0),
            Self::Closed(_) => 0,
        }
    }
}

/// The text that a template's ranges mean.
enum Text<'a> {
    Plain(&'a str),
    Secret(&'a SecretText),
}

impl Text<'_> {
    fn piece(&self, range: std::ops::Range<usize>) -> Piece {
        match self {
            Self::Plain(text) => Piece::Text(text[range].to_owned()),
            Self::Secret(text) => Piece::Secret(Arc::new(reveal::slice(text, range))),
        }
    }

    fn name(&self, range: std::ops::Range<usize>) -> String {
        match self {
            Self::Plain(text) => text[range].to_owned(),
            Self::Secret(text) => reveal::inspect(text, |text| text[range].to_owned()).unwrap_or_default(),
        }
    }
}

/// Stands for a secret in the printed text; no file holds this sequence by chance.
const BORDER: &str = "\u{e000}\u{f8ff}";

struct Work<'a> {
    variables: &'a Variables,
    secrets: Vec<SecretLeaf>,
    holes: Vec<String>,
    assumed: Vec<String>,
    doubts: Vec<(String, Mark)>,
}

impl Work<'_> {
    fn placeholder(&mut self, leaf: SecretLeaf) -> String {
        self.secrets.push(leaf);
        format!("{BORDER}{}{BORDER}", self.secrets.len() - 1)
    }

    /// The object with a placeholder for each secret leaf, its own variables already replaced.
    fn hide(&mut self, node: &Node) -> Result<Node, SubstituteError> {
        let value = match &node.value {
            Value::Secret(leaf) => {
                let leaf = self.leaf(leaf, &node.mark)?;
                return Ok(Node::string(self.placeholder(leaf)));
            }
            Value::Scalar(_) => return Ok(node.clone()),
            Value::Seq(items) => {
                Value::Seq(Arc::new(items.iter().map(|item| self.hide(item)).collect::<Result<_, _>>()?))
            }
            Value::Map(map) => {
                let mut hidden = Map { entries: Vec::with_capacity(map.len()) };
                for entry in &map.entries {
                    hidden.entries.push(Entry { key: entry.key.clone(), value: self.hide(&entry.value)? });
                }
                Value::Map(Arc::new(hidden))
            }
        };
        Ok(Node { value, mark: node.mark.clone() })
    }

    fn leaf(&mut self, leaf: &SecretLeaf, mark: &Mark) -> Result<SecretLeaf, SubstituteError> {
        let SecretLeaf::Text(text) = leaf else { return Ok(leaf.clone()) };
        let parsed = reveal::inspect(text, |t| is_template_text(t).then(|| envsubst::parse(t))).flatten();
        let Some(parsed) = parsed else { return Ok(leaf.clone()) };
        let fail = |cause: String| SubstituteError { cause, mark: mark.clone() };
        let parts = parsed
            .map_err(|e| fail(format!("a sealed value holds a `${{` that cannot be read: {}", e.cause)))?;
        let pieces = self.evaluate(&parts, &Text::Secret(text)).map_err(|(cause, _)| fail(cause))?;
        Ok(to_leaf(&pieces))
    }

    fn evaluate(&mut self, parts: &[Part], text: &Text<'_>) -> Result<Vec<Piece>, (String, String)> {
        let mut pieces = Vec::with_capacity(parts.len());
        let mut grown = 0_usize;
        for part in parts {
            match part {
                Part::Text(ranges) => pieces.extend(ranges.iter().map(|range| text.piece(range.clone()))),
                Part::Call(call) => pieces.extend(self.call(call, text)?),
            }
            let length: usize = pieces.iter().rev().take(2).map(Piece::length).sum();
            grown = grown.saturating_add(length);
            if grown > LONGEST_TEXT {
                let cause = format!("too much: at most {LONGEST_TEXT} bytes may come of a substitution");
                return Err((cause, "${".to_owned()));
            }
        }
        Ok(pieces)
    }

    fn call(&mut self, call: &Call, text: &Text<'_>) -> Result<Vec<Piece>, (String, String)> {
        let name = text.name(call.name.clone());
        let value = match self.variables.values.get(&*name) {
            Some(Variable::Plain(value)) => Piece::Text(value.to_string()),
            Some(Variable::Secret(value)) => Piece::Secret(value.clone()),
            Some(Variable::Closed(ciphertext)) => Piece::Closed(*ciphertext),
            None if self.variables.incomplete && call.operator.tolerates_unset() => {
                // The missing source may set it; the default is what the repository says.
                if !self.assumed.contains(&name) {
                    self.assumed.push(name.clone());
                }
                Piece::Text(String::new())
            }
            None if self.variables.incomplete => {
                if !self.holes.contains(&name) {
                    self.holes.push(name);
                }
                return Ok(vec![text.piece(call.whole.clone())]);
            }
            None if self.variables.strict && !call.operator.tolerates_unset() => {
                return Err((format!("variable {name} is not set, and the controller is strict"), name));
            }
            None => {
                if !call.operator.tolerates_unset() {
                    self.doubt_unset(&name);
                }
                Piece::Text(String::new())
            }
        };
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.evaluate(std::slice::from_ref(argument), text)?);
        }
        apply(call.operator, value, arguments).map_err(|cause| {
            (format!("the controller would crash at the substitution of {name}: {cause}"), name)
        })
    }

    /// Controllers before 1.9 took the empty text, newer ones refuse unless they are told not to.
    fn doubt_unset(&mut self, name: &str) {
        let doubt = format!(
            "variable {name} is set nowhere: it is taken as empty, which kustomize-controller refuses since 1.9"
        );
        if self.doubts.iter().all(|(known, _)| *known != doubt) {
            self.doubts.push((doubt, Mark::default()));
        }
    }

    /// Pieces as text, with placeholders for the secret ones.
    fn print(&mut self, pieces: &[Piece]) -> String {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Secret(secret) => text.push_str(&self.placeholder(SecretLeaf::Text(secret.clone()))),
                Piece::Closed(ciphertext) => {
                    text.push_str(&self.placeholder(SecretLeaf::Closed(*ciphertext)));
                }
            }
        }
        text
    }

    /// What was read again, with old marks, secret leaves in their places, and untouched parts as they were.
    fn restore(&mut self, old: Option<&Node>, new: &Node, mark: &Mark) -> Node {
        if let Some(old) = old.filter(|old| !is_template(old)) {
            return old.clone();
        }
        let mark = old.map_or(mark, |old| &old.mark).clone();
        match &new.value {
            Value::Seq(items) => {
                let before = old.and_then(Node::as_seq).unwrap_or_default();
                let items = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.restore(before.get(i), item, &mark))
                    .collect();
                Node::seq(items).at(mark)
            }
            Value::Map(map) => {
                let before = old.and_then(Node::as_map);
                let mut restored = Map { entries: Vec::with_capacity(map.len()) };
                for entry in &map.entries {
                    let old_entry =
                        before.and_then(|m| m.entries.iter().find(|e| e.key.text == entry.key.text));
                    let mut key = old_entry.map_or_else(|| entry.key.clone(), |e| e.key.clone());
                    if key.text.contains(BORDER) {
                        key.text = "(secret)".into();
                        self.doubts.push(("a key holds a secret value".to_owned(), mark.clone()));
                    }
                    let value = self.restore(old_entry.map(|e| &e.value), &entry.value, &mark);
                    restored.entries.push(Entry { key, value });
                }
                Node::map(restored).at(mark)
            }
            Value::Scalar(scalar) if scalar.text.contains(BORDER) => {
                let pieces = self.pieces(&scalar.text);
                if pieces.iter().any(|piece| is_risky(piece, scalar.style)) {
                    let doubt = "a secret variable holds signs that YAML may read in another way";
                    self.doubts.push((doubt.to_owned(), mark.clone()));
                }
                Node::new(Value::Secret(to_leaf(&pieces))).at(mark)
            }
            value => Node { value: value.clone(), mark },
        }
    }

    /// Text with placeholders, taken apart.
    fn pieces(&self, text: &str) -> Vec<Piece> {
        text.split(BORDER)
            .enumerate()
            .filter_map(|(number, part)| match (number % 2, part.parse::<usize>()) {
                (1, Ok(index)) => Some(match self.secrets.get(index)? {
                    SecretLeaf::Text(secret) => Piece::Secret(secret.clone()),
                    SecretLeaf::Closed(ciphertext) => Piece::Closed(*ciphertext),
                    SecretLeaf::Digest(_) => Piece::Closed(Ciphertext::UNKNOWN),
                }),
                _ => (!part.is_empty()).then(|| Piece::Text(part.to_owned())),
            })
            .collect()
    }
}

/// True if a value put into a scalar of this style could change more than the scalar.
fn is_risky(piece: &Piece, style: Style) -> bool {
    let Piece::Secret(secret) = piece else { return false };
    reveal::inspect(secret, |text| match style {
        Style::Plain | Style::Untagged => {
            text.contains(": ")
                || text.contains(" #")
                || text.ends_with(':')
                || text.trim() != text
                || text.starts_with(['!', '&', '*', '{', '[', '|', '>', '@', '`', '"', '\'', '%', '#'])
        }
        Style::Single => text.contains('\''),
        Style::Double => text.contains(['"', '\\']),
        Style::Literal | Style::Folded => false,
    })
    .unwrap_or(true)
}

fn to_leaf(pieces: &[Piece]) -> SecretLeaf {
    match pieces {
        [Piece::Closed(only)] => return SecretLeaf::Closed(*only),
        _ if pieces.iter().any(is_closed) => return SecretLeaf::Closed(ciphertext_of(pieces.iter())),
        _ => {}
    }
    match pieces {
        [Piece::Secret(only)] => SecretLeaf::Text(only.clone()),
        _ => SecretLeaf::Text(Arc::new(joined(pieces))),
    }
}

fn is_closed(piece: &Piece) -> bool {
    matches!(piece, Piece::Closed(_))
}

/// What can be compared of a value with closed pieces; with opened ones beside them nothing can.
fn ciphertext_of<'p>(pieces: impl Iterator<Item = &'p Piece>) -> Ciphertext {
    Ciphertext::joined(pieces.map(|piece| match piece {
        Piece::Text(text) => Ok(text.as_str()),
        Piece::Secret(_) => Err(Ciphertext::UNKNOWN),
        Piece::Closed(ciphertext) => Err(*ciphertext),
    }))
}

fn joined(pieces: &[Piece]) -> SecretText {
    let fragments: Vec<Fragment<'_>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Fragment::Text(text),
            Piece::Secret(secret) => Fragment::Secret(secret),
            Piece::Closed(_) => Fragment::Text(""),
        })
        .collect();
    reveal::join(&fragments)
}

fn apply(operator: Operator, value: Piece, arguments: Vec<Vec<Piece>>) -> Result<Vec<Piece>, &'static str> {
    let is_empty = match &value {
        Piece::Text(text) => text.is_empty(),
        Piece::Secret(secret) => secret.is_empty(),
        Piece::Closed(_) => false,
    };
    match operator {
        Operator::Default if is_empty => return Ok(arguments.into_iter().flatten().collect()),
        Operator::None | Operator::Default => return Ok(vec![value]),
        _ => {}
    }
    let all: Vec<Vec<Piece>> = std::iter::once(vec![value]).chain(arguments).collect();
    let mut pieces = all.iter().flatten();
    if pieces.clone().any(is_closed) {
        let operation = Piece::Text(format!("{operator:?}"));
        return Ok(vec![Piece::Closed(ciphertext_of(std::iter::once(&operation).chain(pieces)))]);
    }
    // The value may be full of what is replaced.
    let lengths: Vec<usize> = all.iter().map(|pieces| pieces.iter().map(Piece::length).sum()).collect();
    let length = |place: usize| lengths.get(place).copied().unwrap_or(0);
    let grown = (length(0) / length(1).max(1)).saturating_mul(length(2));
    if operator == Operator::ReplaceAll && grown > LONGEST_TEXT {
        return Err("it may grow beyond what is allowed");
    }
    if pieces.all(|piece| matches!(piece, Piece::Text(_))) {
        let texts: Vec<String> = all.iter().map(|pieces| plain(pieces)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        return operator.apply(texts[0], &texts[1..]).map(|text| vec![Piece::Text(text)]);
    }
    let secrets: Vec<SecretText> = all.iter().map(|pieces| joined(pieces)).collect();
    match reveal::transform(&secrets, |texts| operator.apply(texts[0], &texts[1..])) {
        Some(result) => result.map(|secret| vec![Piece::Secret(Arc::new(secret))]),
        None => Err("a value is no text"),
    }
}

fn plain(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "" }).collect()
}

#[cfg(test)]
#[path = "substitute_tests.rs"]
mod tests;
