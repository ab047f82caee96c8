//! Field paths of replacements: `spec.containers.[name=web].image`, `metadata.annotations.[a.b/c]`, `rules.0.host`.

use super::limits::regex;
use crate::yaml::{Map, Node, Scalar, ScalarKind, Style, Value, resolve_v3};

/// What is made at the end of a path that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// A scalar.
    Scalar,
    /// A mapping.
    Map,
    /// A list.
    Seq,
}

impl Leaf {
    /// The same shape as a value has.
    pub fn like(value: &Node) -> Self {
        match &value.value {
            Value::Map(_) => Self::Map,
            Value::Seq(_) => Self::Seq,
            Value::Scalar(_) | Value::Secret(_) => Self::Scalar,
        }
    }

    fn node(self) -> Node {
        match self {
            Self::Scalar => text_node(""),
            Self::Map => Node::map(Map::new()),
            Self::Seq => Node::seq(Vec::new()),
        }
    }
}

/// A scalar without quotes: what it means is decided by its text.
pub fn text_node(text: &str) -> Node {
    let kind = if text.is_empty() { ScalarKind::Str } else { resolve_v3(text) };
    Node::new(Value::Scalar(Scalar { text: text.into(), kind, style: Style::Plain }))
}

/// Splits at a separator; a backslash before it keeps it, and one leading separator is dropped.
pub fn split_escaped(path: &str, separator: char) -> Vec<String> {
    let pieces: Vec<&str> = path.split(separator).collect();
    let pieces = if pieces.len() > 1 && pieces[0].is_empty() { &pieces[1..] } else { &pieces[..] };
    let mut parts: Vec<String> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match parts.last_mut().filter(|last| last.ends_with('\\')) {
            Some(last) => {
                last.pop();
                last.push(separator);
                last.push_str(piece);
            }
            None => parts.push((*piece).to_owned()),
        }
    }
    parts
}

/// Splits a field path at dots that are neither escaped nor in brackets. Brackets around a key with dots
/// go, those of `[key=value]` stay.
pub fn split(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut pieces = split_escaped(path, '.').into_iter();
    while let Some(piece) = pieces.next() {
        if !piece.starts_with('[') || piece.ends_with(']') {
            parts.push(piece);
            continue;
        }
        let mut whole = piece;
        for next in pieces.by_ref() {
            whole.push('.');
            whole.push_str(&next);
            if next.ends_with(']') {
                break;
            }
        }
        parts.push(if whole.contains('=') { whole } else { whole.trim_matches(['[', ']']).to_owned() });
    }
    parts
}

fn is_index(part: &str) -> Option<usize> {
    part.parse().ok()
}

fn is_match(part: &str) -> bool {
    part.starts_with('[') && part.ends_with(']')
}

fn key_and_value(part: &str) -> Result<(&str, &str), String> {
    part.trim_start_matches('[')
        .trim_end_matches(']')
        .split_once('=')
        .ok_or_else(|| format!("`{part}` is not of the form [key=value]"))
}

/// The one node that a path without wildcards means; `-` is the last element of a list.
pub fn lookup<'n>(node: &'n Node, parts: &[String]) -> Result<Option<&'n Node>, String> {
    let mut node = node;
    for part in parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
        let next = if part.parse::<i64>().is_ok_and(|n| n < 0) {
            return Err(format!("index {part} is negative"));
        } else if let Some(place) = is_index(part) {
            elements(node)?.get(place)
        } else if part == "-" {
            elements(node)?.last()
        } else if part == "*" {
            return Err("`*` is known in targets only".to_owned());
        } else if is_match(part) {
            let (key, wanted) = key_and_value(part)?;
            elements(node)?.iter().find(|e| field(e, key).is_some_and(|v| scalar_text(v) == wanted))
        } else {
            node.as_map().ok_or_else(|| format!("there is no mapping to look for `{part}` in"))?.get(part)
        };
        match next.filter(|n| !n.is_null()) {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

fn elements(node: &Node) -> Result<&[Node], String> {
    node.as_seq().ok_or_else(|| "there is no list to take an element of".to_owned())
}

/// The key's value, or the element itself for `[=value]`.
fn field<'n>(element: &'n Node, key: &str) -> Option<&'n Node> {
    if key.is_empty() { Some(element) } else { element.get(key) }
}

fn scalar_text(node: &Node) -> &str {
    node.as_scalar().map_or("", |s| &s.text)
}

/// Calls `set` on every node that a path means and says how many there were. Missing parts are made if
/// `create` says what stands at the end. Values of `[key=value]` are regular expressions, not anchored:
/// that is how kustomize reads them in targets.
pub fn visit(
    node: &mut Node,
    parts: &[String],
    create: Option<Leaf>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<usize, String> {
    let Some((part, rest)) = parts.split_first() else {
        set(node)?;
        return Ok(1);
    };
    if let Some(place) = is_index(part) {
        visit_index(node, place, rest, create, set)
    } else if is_match(part) {
        visit_matching(node, part, rest, create, set)
    } else if part == "*" {
        let items = node.as_seq_mut().ok_or("there is no list for `*`")?;
        items.iter_mut().try_fold(0, |count, item| Ok(count + visit(item, rest, create, set)?))
    } else {
        visit_field(node, part, rest, create, set)
    }
}

/// What a part that is made has to hold, seen from the part that follows.
fn made(rest: &[String], create: Leaf) -> Node {
    match rest.first() {
        None => create.node(),
        Some(next) if is_match(next) || is_index(next).is_some() => Node::seq(Vec::new()),
        Some(_) => Node::map(Map::new()),
    }
}

fn visit_index(
    node: &mut Node,
    place: usize,
    rest: &[String],
    create: Option<Leaf>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<usize, String> {
    let items = node.as_seq_mut().ok_or_else(|| format!("there is no list for index {place}"))?;
    if let (Some(leaf), true) = (create, items.len() == place) {
        items.push(made(rest, leaf));
    }
    let length = items.len();
    let item = items
        .get_mut(place)
        .ok_or_else(|| format!("index {place} specified but only {length} elements found"))?;
    visit(item, rest, create, set)
}

fn visit_matching(
    node: &mut Node,
    part: &str,
    rest: &[String],
    create: Option<Leaf>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<usize, String> {
    let (key, wanted) = key_and_value(part)?;
    let pattern = regex(wanted).map_err(|_| format!("`{wanted}` is not a regular expression"))?;
    let items = node.as_seq_mut().ok_or_else(|| format!("there is no list for `{part}`"))?;
    let fits = |item: &Node| field(item, key).is_some_and(|v| pattern.is_match(scalar_text(v).trim()));
    // For `[=value]` the element itself is the target, whatever follows.
    let after = if key.is_empty() { &[][..] } else { rest };
    let mut count = 0;
    for item in items.iter_mut().filter(|item| fits(item)) {
        count += visit(item, after, create, set)?;
    }
    if count == 0 && create.is_some() {
        let mut item = if key.is_empty() {
            text_node(wanted)
        } else {
            Node::map([(key, text_node(wanted))].into_iter().collect())
        };
        if !fits(&item) {
            return Err(format!("an element made for `{part}` would not match it"));
        }
        count = visit(&mut item, after, create, set)?;
        items.push(item);
    }
    Ok(count)
}

fn visit_field(
    node: &mut Node,
    part: &str,
    rest: &[String],
    create: Option<Leaf>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<usize, String> {
    if node.is_null() {
        return Ok(0);
    }
    let map = node.as_map_mut().ok_or_else(|| format!("there is no mapping for `{part}`"))?;
    if let Some(field) = map.get_mut(part) {
        return visit(field, rest, create, set);
    }
    let Some(leaf) = create else { return Ok(0) };
    let mut field = made(rest, leaf);
    let count = visit(&mut field, rest, create, set)?;
    map.set(part, field);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_free_dots_only() {
        for (path, expected) in [
            ("spec.a", &["spec", "a"][..]),
            (r"data.config\.yaml", &["data", "config.yaml"]),
            ("metadata.annotations.[a.b/c]", &["metadata", "annotations", "a.b/c"]),
            ("list.[name=a.b].x", &["list", "[name=a.b]", "x"]),
            ("metadata.annotations.[one]", &["metadata", "annotations", "[one]"]),
        ] {
            assert_eq!(split(path), expected, "{path}");
        }
    }
}
