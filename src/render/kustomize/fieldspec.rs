//! Field specs: walking `spec/template/spec/containers[]/image` through an object, creating what is missing.

use crate::yaml::{Map, Node, Value};

/// What stands at the end of a path that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// An empty string, for the caller to set.
    Scalar,
    /// An empty mapping.
    Map,
    /// An empty list.
    Seq,
}

/// One place in objects of some kinds; empty group, version or kind mean any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSpec {
    /// API group.
    pub group: String,
    /// API version without the group.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Path, parts separated by `/`; `\/` is a slash inside a part, `name[]` a list that is not created.
    pub path: String,
    /// True if missing parts are created.
    pub create: bool,
}

/// A path that does not fit the object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{path}`: {cause}")]
pub struct FieldError {
    /// The path.
    pub path: String,
    /// What is wrong.
    pub cause: String,
    /// Line of the node that does not fit; 0 if unknown.
    pub line: u32,
}

impl FieldSpec {
    /// True if the spec is about objects of this kind.
    pub fn applies_to(&self, group: &str, version: &str, kind: &str) -> bool {
        (self.kind.is_empty() || self.kind == kind)
            && (self.group.is_empty() || self.group == group)
            && (self.version.is_empty() || self.version == version)
    }

    /// [`walk`] along this spec; creates only if the spec says so.
    pub fn walk(
        &self,
        object: &mut Node,
        create: Create,
        set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
    ) -> Result<(), FieldError> {
        walk(object, &self.path, self.create.then_some(create), set)
    }
}

/// Splits a path at `/`; `\/` stays a slash, one leading slash is dropped.
pub fn split_path(path: &str) -> Vec<String> {
    super::replacement::split_escaped(path, '/')
}

/// Calls `set` on every node at `path`. Lists on the way are visited element by element without a path
/// part of their own; a missing part ends the walk silently unless `create` is given (render.md 2.7).
pub fn walk(
    object: &mut Node,
    path: &str,
    create: Option<Create>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<(), FieldError> {
    let parts = split_path(path);
    // Looking first keeps shared parts of objects that lack the field from being copied.
    if create.is_none() && !reaches(object, &parts) {
        return Ok(());
    }
    step(object, &parts, create, set).map_err(|(cause, line)| FieldError {
        path: path.to_owned(),
        cause,
        line,
    })
}

/// True if the walk has something to set or to complain about.
fn reaches(node: &Node, parts: &[String]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return true };
    match &node.value {
        Value::Seq(items) => items.iter().any(|item| reaches(item, parts)),
        Value::Map(map) => map.get(part.strip_suffix("[]").unwrap_or(part)).is_some_and(|n| reaches(n, rest)),
        _ => !node.is_null(),
    }
}

fn step(
    node: &mut Node,
    parts: &[String],
    create: Option<Create>,
    set: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<(), (String, u32)> {
    let line = node.mark.line;
    let Some((part, rest)) = parts.split_first() else {
        return set(node).map_err(|cause| (cause, line));
    };
    if node.is_null() {
        return Ok(());
    }
    if let Some(items) = node.as_seq_mut() {
        return items.iter_mut().try_for_each(|item| step(item, parts, create, set));
    }
    let (name, is_list) = part.strip_suffix("[]").map_or((part.as_str(), false), |name| (name, true));
    if name.is_empty() {
        return Err(("a part of the path has no name".to_owned(), line));
    }
    let Some(map) = node.as_map_mut() else {
        return Err((format!("expected a mapping or a list to look for `{name}` in"), line));
    };
    let kind = match create {
        None => is_list.then_some(Create::Seq),
        Some(_) if is_list => Some(Create::Seq),
        Some(kind) if rest.is_empty() => Some(kind),
        Some(_) => Some(Create::Map),
    };
    match map.get_mut(name) {
        Some(field) => {
            if let (true, Some(kind)) = (field.is_null(), kind) {
                field.value = empty(kind).value;
            }
            step(field, rest, create, set)
        }
        None => match kind {
            Some(kind) if create.is_some() && !is_list => {
                let mut field = empty(kind);
                step(&mut field, rest, create, set)?;
                map.set(name, field);
                Ok(())
            }
            _ => Ok(()),
        },
    }
}

fn empty(kind: Create) -> Node {
    match kind {
        Create::Scalar => Node::string(""),
        Create::Map => Node::map(Map::new()),
        Create::Seq => Node::seq(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::testing::{print, read};

    fn set_to(text: &str, path: &str, create: Option<Create>, value: &str) -> Result<String, FieldError> {
        let mut node = read(text);
        walk(&mut node, path, create, &mut |n| {
            *n = Node::string(value);
            Ok(())
        })?;
        Ok(print(&node))
    }

    #[test]
    fn lists_are_visited_element_by_element() {
        let text = "spec:\n  list:\n  - image: a\n  - other: b\n";
        let expected = "spec:\n  list:\n  - image: x\n  - other: b\n";
        assert_eq!(set_to(text, "spec/list/image", None, "x").as_deref(), Ok(expected));
        assert_eq!(set_to(text, "spec/list[]/image", None, "x").as_deref(), Ok(expected));
    }

    #[test]
    fn missing_parts_are_created_only_when_asked() {
        assert_eq!(set_to("a: {}\n", "a/b/c", None, "x").as_deref(), Ok("a: {}\n"));
        let created = "a:\n  b:\n    c: x\n";
        assert_eq!(set_to("a: {}\n", "a/b/c", Some(Create::Scalar), "x").as_deref(), Ok(created));
        assert_eq!(set_to("a: null\n", "a/b/c", Some(Create::Scalar), "x").as_deref(), Ok(created));
        assert_eq!(set_to("a: {}\n", "a/b[]/c", Some(Create::Scalar), "x").as_deref(), Ok("a: {}\n"));
    }

    #[test]
    fn an_escaped_slash_belongs_to_the_name() {
        let text = "metadata:\n  annotations:\n    a.b/c: old\n";
        let expected = "metadata:\n  annotations:\n    a.b/c: x\n";
        assert_eq!(set_to(text, r"metadata/annotations/a.b\/c", None, "x").as_deref(), Ok(expected));
    }

    #[test]
    fn a_scalar_in_the_middle_is_an_error() {
        let error = set_to("a: text\n", "a/b", None, "x").expect_err("a scalar has no fields");
        assert_eq!((error.path.as_str(), error.line), ("a/b", 1));
    }
}
