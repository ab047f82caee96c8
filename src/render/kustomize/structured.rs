//! Documents inside scalars: replacing one value in JSON or YAML that a field holds as text (kustomize 5.8).

use super::field_path::{self, Leaf};
use crate::yaml::{Dialect, Limits, Mark, Node, Scalar, ScalarKind, Style, Value, read_stream};
use std::sync::Arc;

/// Sets `value` at the end of a path that leads into a document inside a scalar. `None` if the path does
/// not lead into one, so that it has to be followed as an ordinary path.
/// `tell` hears of each scalar that was written anew.
pub(super) fn set(
    target: &mut Node,
    parts: &[String],
    value: &Node,
    create: Option<Leaf>,
    tell: &mut dyn FnMut(&Node),
) -> Option<()> {
    let border = (1..parts.len()).find(|border| {
        field_path::lookup(target, &parts[..*border])
            .ok()
            .flatten()
            .and_then(Node::as_scalar)
            .is_some_and(|scalar| parse(&scalar.text).is_some())
    })?;
    let (outside, inside) = parts.split_at(border);
    let text = field_path::lookup(target, outside).ok().flatten()?.as_scalar()?.text.clone();
    let rewritten = rewrite(&text, inside, value, create)?;
    field_path::visit(target, &exact(outside), None, &mut |node| {
        if let Value::Scalar(scalar) = &mut node.value {
            scalar.text = rewritten.as_str().into();
        }
        tell(node);
        Ok(())
    })
    .ok()
    .filter(|count| *count > 0)
    .map(|_| ())
}

/// The outer path as a regular-expression path that means the same.
fn exact(parts: &[String]) -> Vec<String> {
    parts
        .iter()
        .map(|part| {
            match part.strip_prefix('[').and_then(|p| p.strip_suffix(']')).and_then(|p| p.split_once('=')) {
                Some((key, value)) => format!("[{key}=^{}$]", regex::escape(value)),
                None => part.clone(),
            }
        })
        .collect()
}

fn parse(text: &str) -> Option<Node> {
    let stream = read_stream(text.as_bytes(), &"".into(), Dialect::Resource, &Limits::default());
    if !stream.errors.is_empty() {
        return None;
    }
    stream.documents.into_iter().next().map(|d| d.root)
}

fn rewrite(text: &str, inside: &[String], value: &Node, create: Option<Leaf>) -> Option<String> {
    let mut document = parse(text)?;
    let mut marks = Vec::new();
    let mut misfit = false;
    let count = field_path::visit(&mut document, inside, create, &mut |node| {
        marks.push((node.mark.clone(), node.as_scalar().cloned()));
        misfit |= overwrite(node, value).is_err();
        Ok(())
    })
    .ok()?;
    if count == 0 {
        return None;
    }
    if misfit {
        // Upstream fails to print it, goes on with the ordinary path, and changes nothing.
        return Some(text.to_owned());
    }
    if text.trim_start().starts_with(['{', '[']) {
        let pretty = text.contains('\n') && text.contains("  ");
        let mut out = String::new();
        json(&document, pretty.then_some(0), &mut out);
        return Some(out);
    }
    // YAML is edited in place, so that its comments and its order stay; what is new is only known printed.
    splice(text, &marks, value)
        .map(|text| text.trim().to_owned())
        .or_else(|| Some(crate::yaml::to_masked_string(&document).trim().to_owned()))
}

/// A scalar takes only the text and keeps what it is; anything else is replaced. A list or a mapping has no text.
/// Fails if the scalar is a number or the like, and the text is none: kustomize refuses to print that.
pub(super) fn overwrite(node: &mut Node, value: &Node) -> Result<(), String> {
    let Value::Scalar(old) = &node.value else {
        *node = value.clone();
        return Ok(());
    };
    let text: Arc<str> = match &value.value {
        Value::Scalar(new) => new.text.clone(),
        Value::Secret(_) => {
            *node = value.clone();
            return Ok(());
        }
        Value::Seq(_) | Value::Map(_) => "".into(),
    };
    let is_untagged = old.style == Style::Untagged
        || old.text.is_empty() && old.style == Style::Plain && old.kind == ScalarKind::Str;
    let found = crate::yaml::resolve_v3(&text);
    let (kind, style) = match (old.kind, found) {
        _ if is_untagged => (found, Style::Untagged),
        (ScalarKind::Str, _) => (ScalarKind::Str, old.style),
        // Printed as the empty string: see `Style`.
        (ScalarKind::Null, ScalarKind::Null) if text.is_empty() => (ScalarKind::Null, Style::Single),
        (ScalarKind::Float, ScalarKind::Int) => (ScalarKind::Float, old.style),
        (old_kind, found) if old_kind == found => (found, old.style),
        (old_kind, _) => return Err(format!("`{text}` cannot stand in place of {}", named(old_kind))),
    };
    let mark = if value.mark == Mark::default() { node.mark.clone() } else { value.mark.clone() };
    *node = Node::new(Value::Scalar(Scalar { text, kind, style })).at(mark);
    Ok(())
}

fn named(kind: ScalarKind) -> &'static str {
    match kind {
        ScalarKind::Null => "null",
        ScalarKind::Bool => "a boolean",
        ScalarKind::Int => "a whole number",
        ScalarKind::Float => "a number",
        ScalarKind::Str => "a text",
        ScalarKind::Time => "a time",
    }
}

/// Replaces plain scalars at their marks by a plain scalar.
fn splice(text: &str, marks: &[(Mark, Option<Scalar>)], value: &Node) -> Option<String> {
    let new = value.scalar_text()?;
    let is_plain = !new.is_empty()
        && !new.contains(['\n', '#', ':'])
        && new.starts_with(|c: char| c.is_alphanumeric() || c == '/' || c == '.');
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut marks: Vec<_> = marks.iter().collect();
    marks.sort_by_key(|(mark, _)| std::cmp::Reverse((mark.line, mark.column)));
    for (mark, old) in marks {
        let old = old.as_ref().filter(|old| old.style == Style::Plain && is_plain)?;
        let line = lines.get_mut(usize::try_from(mark.line).ok()?.checked_sub(1)?)?;
        let at = line.char_indices().nth(usize::try_from(mark.column).ok()?.checked_sub(1)?)?.0;
        if !line[at..].starts_with(&*old.text) {
            return None;
        }
        line.replace_range(at..at + old.text.len(), new);
    }
    Some(lines.join("\n"))
}

/// JSON as Go's encoder prints it: keys sorted, `<`, `>` and `&` escaped; indented by two or compact.
fn json(node: &Node, indent: Option<usize>, out: &mut String) {
    match &node.value {
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let items = entries.into_iter().map(|(key, value)| (Some(key), value));
            group(items, ('{', '}'), indent, out);
        }
        Value::Seq(items) => group(items.iter().map(|item| (None, item)), ('[', ']'), indent, out),
        // As Go prints what it has read: 010 is 8.
        Value::Scalar(scalar) if matches!(scalar.kind, ScalarKind::Int | ScalarKind::Float) => {
            out.push_str(&crate::yaml::to_json(node));
        }
        Value::Scalar(scalar) => json_scalar(scalar, out),
        Value::Secret(_) => out.push_str("\"\""),
    }
}

fn group<'n>(
    items: impl ExactSizeIterator<Item = (Option<&'n str>, &'n Node)>,
    (open, close): (char, char),
    indent: Option<usize>,
    out: &mut String,
) {
    let inner = indent.map(|i| i + 2).filter(|_| items.len() > 0);
    let line = |out: &mut String, width: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', width));
    };
    out.push(open);
    for (number, (key, value)) in items.enumerate() {
        if number > 0 {
            out.push(',');
        }
        if let Some(width) = inner {
            line(out, width);
        }
        if let Some(key) = key {
            quoted(key, out);
            out.push_str(if inner.is_some() { ": " } else { ":" });
        }
        json(value, inner, out);
    }
    if let (Some(_), Some(width)) = (inner, indent) {
        line(out, width);
    }
    out.push(close);
}

fn json_scalar(scalar: &Scalar, out: &mut String) {
    match scalar.kind {
        ScalarKind::Null => out.push_str("null"),
        ScalarKind::Bool => out.push_str(if scalar.is_true() { "true" } else { "false" }),
        _ => quoted(&scalar.text, out),
    }
}

fn quoted(text: &str, out: &mut String) {
    let encoded = serde_json::Value::String(text.to_owned()).to_string();
    for letter in encoded.chars() {
        match letter {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
}
