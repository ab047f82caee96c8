//! JSON patches (RFC 6902) as evanphx json-patch v4 applies them: `-` appends, negative indices count from the end.

use super::error::Cause;
use super::limits;
use crate::yaml::{Dialect, Limits, Node, Value, read_stream, to_masked_string};
use std::sync::Arc;

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What to do.
    pub kind: OperationKind,
    /// Where, as written: `/spec/containers/0/image`.
    pub path: String,
    /// Line of the operation.
    pub line: u32,
}

/// What an operation does.
#[derive(Clone, Debug)]
pub enum OperationKind {
    /// Sets a field or inserts an element.
    Add(Node),
    /// Removes what is there.
    Remove,
    /// Sets what is there.
    Replace(Node),
    /// Moves from the path given.
    Move(String),
    /// Copies from the path given.
    Copy(String),
    /// Fails unless this is there.
    Test(Node),
    /// Fails wherever it is applied, as upstream finds out only then.
    Broken(&'static str),
}

/// A patch that cannot be read or applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {index} ({what}): {cause}", index = .index + 1)]
pub struct PatchError {
    /// Number of the operation, from 0.
    pub index: usize,
    /// The operation in short: `remove /spec/x`.
    pub what: String,
    /// What is wrong.
    pub cause: String,
    /// Its line in the patch; 0 if unknown.
    pub line: u32,
    /// The limit that it exceeds: of what there is too much, and how much is allowed.
    pub limit: Option<(&'static str, usize)>,
}

/// Reads a patch: a list of operations, as JSON if it starts with `[`, otherwise as YAML 1.1 (render.md 2.9).
pub fn parse(text: &str, file: &Arc<str>) -> Result<Vec<Operation>, PatchError> {
    let unreadable = |cause: String, line| PatchError {
        index: 0,
        what: "reading the patch".to_owned(),
        cause,
        line,
        limit: None,
    };
    if text.starts_with('[')
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text)
    {
        return Err(unreadable(format!("not JSON: {error}"), u32::try_from(error.line()).unwrap_or(0)));
    }
    let stream = read_stream(text.as_bytes(), file, Dialect::Kustomization, &Limits::default());
    if let Some(error) = stream.errors.into_iter().next() {
        return Err(unreadable(error.message, error.line));
    }
    let Some(root) = stream.documents.into_iter().next().map(|d| d.root) else {
        return Err(unreadable("there is nothing in it".to_owned(), 0));
    };
    from_node(&root)
}

/// Reads the operations of a patch that is already a list.
pub fn from_node(root: &Node) -> Result<Vec<Operation>, PatchError> {
    let Some(items) = root.as_seq() else {
        return Err(PatchError {
            index: 0,
            what: "reading the patch".to_owned(),
            cause: "a JSON patch is a list of operations".to_owned(),
            line: root.mark.line,
            limit: None,
        });
    };
    items.iter().enumerate().map(|(index, item)| operation(index, item)).collect()
}

fn operation(index: usize, item: &Node) -> Result<Operation, PatchError> {
    let op = item.str_at(&["op"]).unwrap_or("");
    let path = item.get("path").and_then(Node::scalar_text).unwrap_or("").to_owned();
    let line = item.mark.line;
    if item.as_map().is_none() {
        let cause = "an operation is a mapping with op, path and value".to_owned();
        return Err(PatchError { index, what: format!("{op} {path}"), cause, line, limit: None });
    }
    let value = || item.get("value").cloned().unwrap_or_else(Node::null);
    let from = item.get("from").and_then(Node::scalar_text).map(str::to_owned);
    let kind = match (op, from) {
        _ if item.get("path").is_none() => OperationKind::Broken("`path` is missing"),
        ("add", _) => OperationKind::Add(value()),
        ("remove", _) => OperationKind::Remove,
        ("replace", _) => OperationKind::Replace(value()),
        ("test", _) => OperationKind::Test(value()),
        ("move", Some(from)) => OperationKind::Move(from),
        ("copy", Some(from)) => OperationKind::Copy(from),
        ("move" | "copy", None) => OperationKind::Broken("`from` is missing"),
        ("", _) => OperationKind::Broken("`op` is missing"),
        _ => OperationKind::Broken("unknown operation; known are add, remove, replace, move, copy and test"),
    };
    Ok(Operation { kind, path, line })
}

/// Applies a patch; nothing of it if one operation fails.
pub fn apply(operations: &[Operation], target: &Node) -> Result<Node, PatchError> {
    let mut result = target.clone();
    for (index, operation) in operations.iter().enumerate() {
        let fail = |cause: String, limit| PatchError {
            index,
            what: format!("{} {}", word(&operation.kind), operation.path),
            cause,
            line: operation.line,
            limit,
        };
        run(operation, &mut result).map_err(|cause| fail(cause, None))?;
        if operation.kind.grows()
            && let Err(cause) = limits::check(&result)
        {
            let limit = if let Cause::Limit { what, limit } = cause { Some((what, limit)) } else { None };
            return Err(fail(cause.to_string(), limit));
        }
    }
    Ok(result)
}

impl OperationKind {
    /// True if it can make an object larger or deeper than any document.
    fn grows(&self) -> bool {
        match self {
            Self::Add(value) | Self::Replace(value) => !matches!(value.value, Value::Scalar(_)),
            Self::Move(_) | Self::Copy(_) => true,
            Self::Remove | Self::Test(_) | Self::Broken(_) => false,
        }
    }
}

fn word(kind: &OperationKind) -> &'static str {
    match kind {
        OperationKind::Add(_) => "add",
        OperationKind::Remove => "remove",
        OperationKind::Replace(_) => "replace",
        OperationKind::Move(_) => "move",
        OperationKind::Copy(_) => "copy",
        OperationKind::Test(_) => "test",
        OperationKind::Broken(_) => "?",
    }
}

fn run(operation: &Operation, root: &mut Node) -> Result<(), String> {
    let path = operation.path.as_str();
    match &operation.kind {
        OperationKind::Add(value) => add(root, path, value.clone()),
        OperationKind::Remove => take(root, path).map(drop),
        OperationKind::Replace(value) if path.is_empty() => {
            if !matches!(value.value, Value::Map(_) | Value::Seq(_)) {
                return Err("the whole object can only be replaced by an object or a list".to_owned());
            }
            *root = value.clone();
            Ok(())
        }
        OperationKind::Replace(value) => replace(root, path, value.clone()),
        OperationKind::Move(from) => {
            let value = take(root, from)?;
            add(root, path, value)
        }
        OperationKind::Copy(from) => {
            // Copying a key that is not there copies null.
            let value = get(root, from)?.cloned().unwrap_or_else(Node::null);
            add(root, path, value)
        }
        OperationKind::Test(expected) => test(root, path, expected),
        OperationKind::Broken(cause) => Err((*cause).to_owned()),
    }
}

fn test(root: &Node, path: &str, expected: &Node) -> Result<(), String> {
    let found = if path.is_empty() { Some(root) } else { get(root, path)? };
    if found.is_some_and(|n| matches!(n.value, Value::Secret(_))) {
        return Err("the value is secret and cannot be tested".to_owned());
    }
    let equal = match found {
        None => expected.is_null(),
        Some(found) => to_masked_string(found) == to_masked_string(expected),
    };
    if equal { Ok(()) } else { Err("the value is not the one that is expected".to_owned()) }
}

/// Undoes the escapes of a path's part; `~1` is a slash, `~0` a tilde.
fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// The parts before the last one, and the last one.
fn parts(path: &str) -> Result<(Vec<String>, String), String> {
    let mut parts: Vec<String> = path.split('/').map(unescape).collect();
    let last = parts.pop().unwrap_or_default();
    if parts.is_empty() {
        return Err(format!("the path `{path}` does not start with a slash"));
    }
    parts.remove(0);
    Ok((parts, last))
}

fn missing(path: &str) -> String {
    format!("there is no {path}")
}

/// The index that `part` means in a list of `length`; `length` itself is allowed where something is inserted.
fn index(part: &str, length: usize, insert: bool) -> Result<usize, String> {
    let places = length + usize::from(insert);
    let number: i64 = part.parse().map_err(|_| format!("`{part}` is no index into a list"))?;
    let place = if number < 0 { number + i64::try_from(places).unwrap_or(i64::MAX) } else { number };
    usize::try_from(place)
        .ok()
        .filter(|place| *place < places)
        .ok_or_else(|| format!("index {part} is outside of the list of {length}"))
}

fn container<'n>(root: &'n mut Node, path: &str, parts: &[String]) -> Result<&'n mut Node, String> {
    let mut node = root;
    for part in parts {
        node = match &mut node.value {
            Value::Map(map) => std::sync::Arc::make_mut(map).get_mut(part).ok_or_else(|| missing(path))?,
            Value::Seq(items) => {
                let place = index(part, items.len(), false).map_err(|_| missing(path))?;
                std::sync::Arc::make_mut(items).get_mut(place).ok_or_else(|| missing(path))?
            }
            _ => return Err(missing(path)),
        };
    }
    Ok(node)
}

fn get<'n>(root: &'n Node, path: &str) -> Result<Option<&'n Node>, String> {
    let (before, last) = parts(path)?;
    let mut node = root;
    for part in &before {
        node = match &node.value {
            Value::Map(map) => map.get(part).ok_or_else(|| missing(path))?,
            Value::Seq(items) => items
                .get(index(part, items.len(), false).map_err(|_| missing(path))?)
                .ok_or_else(|| missing(path))?,
            _ => return Err(missing(path)),
        };
    }
    match &node.value {
        Value::Map(map) => Ok(map.get(&last)),
        Value::Seq(items) => Ok(items.get(index(&last, items.len(), false)?)),
        _ => Err(missing(path)),
    }
}

fn add(root: &mut Node, path: &str, value: Node) -> Result<(), String> {
    let (before, last) = parts(path)?;
    let node = container(root, path, &before)?;
    if let Some(map) = node.as_map_mut() {
        map.set(last, value);
    } else if let Some(items) = node.as_seq_mut() {
        let place = if last == "-" { items.len() } else { index(&last, items.len(), true)? };
        items.insert(place, value);
    } else {
        return Err(missing(path));
    }
    Ok(())
}

fn replace(root: &mut Node, path: &str, value: Node) -> Result<(), String> {
    let (before, last) = parts(path)?;
    let node = container(root, path, &before)?;
    if let Some(map) = node.as_map_mut() {
        // A mapping takes the new key too: evanphx does not look whether the old one is there.
        map.set(last, value);
    } else if let Some(items) = node.as_seq_mut() {
        let place = index(&last, items.len(), false)?;
        items[place] = value;
    } else {
        return Err(missing(path));
    }
    Ok(())
}

fn take(root: &mut Node, path: &str) -> Result<Node, String> {
    let (before, last) = parts(path)?;
    let node = container(root, path, &before)?;
    if let Some(map) = node.as_map_mut() {
        return map.remove(&last).ok_or_else(|| missing(path));
    }
    let items = node.as_seq_mut().ok_or_else(|| missing(path))?;
    let place = index(&last, items.len(), false)?;
    Ok(items.remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::testing::{print, read};

    fn patched(patch: &str, target: &str) -> Result<String, String> {
        let operations = parse(patch, &"patch.yaml".into()).map_err(|e| e.to_string())?;
        apply(&operations, &read(target)).map(|n| print(&n)).map_err(|e| e.to_string())
    }

    #[test]
    fn a_dash_appends_and_negative_indices_count_from_the_end() {
        let target = "list:\n- a\n- b\n";
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(patched("- {op: add, path: /list/-, value: c}", target), ok("list:\n- a\n- b\n- c\n"));
        assert_eq!(patched("- {op: add, path: /list/-1, value: c}", target), ok("list:\n- a\n- b\n- c\n"));
        assert_eq!(patched("- {op: replace, path: /list/-1, value: c}", target), ok("list:\n- a\n- c\n"));
        assert_eq!(patched("- {op: remove, path: /list/0}", target), ok("list:\n- b\n"));
    }

    #[test]
    fn text_is_read_as_yaml_1_1() {
        let patch = "- {op: add, path: /a, value: yes}\n- {op: add, path: /b, value: 0644}\n";
        assert_eq!(patched(patch, "c: 1\n"), Ok("a: true\nb: 420\nc: 1\n".to_owned()));
    }

    #[test]
    fn removing_what_is_not_there_names_the_operation() {
        let error = patched("- {op: test, path: /a, value: 1}\n- {op: remove, path: /b/c}\n", "a: 1\n");
        assert_eq!(error, Err("operation 2 (remove /b/c): there is no /b/c".to_owned()));
    }

    #[test]
    fn escapes_are_undone() {
        let patch = r#"[{"op": "replace", "path": "/metadata/annotations/a~1b~0c", "value": "x"}]"#;
        let expected = "metadata:\n  annotations:\n    a/b~c: x\n";
        assert_eq!(patched(patch, "metadata:\n  annotations:\n    a/b~c: old\n"), Ok(expected.to_owned()));
    }

    #[test]
    fn a_failing_test_fails_the_patch() {
        assert!(patched("- {op: test, path: /a, value: '1'}", "a: 1\n").is_err());
        assert!(patched("- {op: test, path: /a/b, value: 1}", "a: 1\n").is_err());
        assert!(patched("- {op: test, path: /b}", "a: 1\n").is_ok());
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for text in ["a: 1", "[{op: add}]", "- 1", ""] {
            assert!(parse(text, &"patch.yaml".into()).is_err(), "{text}");
        }
        for text in ["- {op: grow, path: /a}", "- {op: move, path: /a}", "- {op: add}"] {
            assert!(patched(text, "a: 1\n").is_err(), "{text}");
        }
    }
}
