//! Walking a field spec through an object (render.md 2.7): what is found is handed to a visitor.

use super::config::FieldSpec;
use super::error::Cause;
use super::resource::Resource;
use crate::yaml::{Map, Node, Scalar, ScalarKind, Style, Value};

/// What is made at the end of a path that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Nothing: the field is only visited.
    Nothing,
    /// An empty scalar.
    Scalar,
    /// An empty map.
    Map,
}

/// Calls `visit` for every node that `spec` names in the object, if it is one of the kinds meant.
pub fn walk(
    resource: &mut Resource,
    spec: &FieldSpec,
    make: Make,
    visit: &mut dyn FnMut(&mut Node) -> Result<(), Cause>,
) -> Result<(), Cause> {
    if !resource.id.gvk.selected_by(&spec.gvk) {
        return Ok(());
    }
    walk_body(&mut resource.body, spec, make, visit)
}

/// The same for a body whose kind is known to fit.
pub fn walk_body(
    body: &mut Node,
    spec: &FieldSpec,
    make: Make,
    visit: &mut dyn FnMut(&mut Node) -> Result<(), Cause>,
) -> Result<(), Cause> {
    // Looking first keeps shared documents shared: only objects that have the field are copied.
    let make = if spec.create { make } else { Make::Nothing };
    let parts = &*spec.parts;
    if make == Make::Nothing && !leads_somewhere(body, parts) {
        return Ok(());
    }
    step(body, parts, make, visit).map_err(|what| match what {
        Stop::Shape => Cause::Transformer {
            transformer: "field spec",
            what: format!("{} leads through something that is neither a mapping nor a list", spec.path),
        },
        Stop::Visitor(cause) => cause,
    })
}

enum Stop {
    Shape,
    Visitor(Cause),
}

/// False if the walk would end silently. Errors are left to the walk itself.
fn leads_somewhere(node: &Node, parts: &[Box<str>]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return true };
    match &node.value {
        Value::Map(map) => {
            let list = first.strip_suffix("[]");
            map.get(list.unwrap_or(first))
                .is_some_and(|child| leads_somewhere(child, rest) || (list.is_some() && child.is_null()))
        }
        Value::Seq(items) => items.iter().any(|item| leads_somewhere(item, parts)),
        Value::Scalar(scalar) => scalar.kind != ScalarKind::Null,
        Value::Secret(_) => true,
    }
}

fn step(
    node: &mut Node,
    parts: &[Box<str>],
    make: Make,
    visit: &mut dyn FnMut(&mut Node) -> Result<(), Cause>,
) -> Result<(), Stop> {
    let Some((first, rest)) = parts.split_first() else { return visit(node).map_err(Stop::Visitor) };
    match &node.value {
        Value::Scalar(scalar) if scalar.kind == ScalarKind::Null => return Ok(()),
        Value::Scalar(_) | Value::Secret(_) => return Err(Stop::Shape),
        Value::Seq(items) if items.is_empty() => return Ok(()),
        Value::Seq(_) | Value::Map(_) => {}
    }
    if let Some(items) = node.as_seq_mut() {
        return items.iter_mut().try_for_each(|item| step(item, parts, make, visit));
    }
    let Some(map) = node.as_map_mut() else { return Ok(()) };
    let (name, is_list) = first.strip_suffix("[]").map_or((&**first, false), |name| (name, true));
    if let Some(child) = child(map, name, is_list, rest.is_empty(), make) {
        step(child, rest, make, visit)?;
    }
    Ok(())
}

/// The field, made if it is to be: lists never are, and a null one becomes what is needed.
fn child<'a>(map: &'a mut Map, name: &str, is_list: bool, last: bool, make: Make) -> Option<&'a mut Node> {
    let kind = match (make, last) {
        (Make::Nothing, _) => Make::Nothing,
        (_, false) => Make::Map,
        (make, true) => make,
    };
    if is_list || kind == Make::Nothing {
        let found = map.get_mut(name)?;
        if is_list && found.is_null() {
            found.value = Value::Seq(std::sync::Arc::default());
        }
        return Some(found);
    }
    let fresh = || match kind {
        Make::Map => Node::map(Map::new()).value,
        _ => Value::Scalar(Scalar { text: "".into(), kind: ScalarKind::Str, style: Style::Plain }),
    };
    if map.get(name).is_none() {
        map.set(name, Node::new(fresh()));
    }
    let found = map.get_mut(name)?;
    if found.is_null() {
        found.value = fresh();
    }
    Some(found)
}

/// Parts of a path; `\/` is a slash inside a part.
pub fn split(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut parts: Vec<String> = Vec::new();
    let mut open = false;
    for part in path.split('/') {
        let (text, more) = part.strip_suffix('\\').map_or((part, false), |p| (p, true));
        match parts.last_mut() {
            Some(last) if open => {
                last.push('/');
                last.push_str(text);
            }
            _ => parts.push(text.to_owned()),
        }
        open = more;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;
    use crate::yaml::{Dialect, Limits, read_stream, to_masked_string};

    fn set(text: &str, path: &str, create: bool, make: Make) -> String {
        let stream = read_stream(text.as_bytes(), &"x".into(), Dialect::Resource, &Limits::default());
        let mut resource = Resource::new(stream.documents[0].root.clone(), Origin::default());
        walk(&mut resource, &FieldSpec::any(path, create), make, &mut |node| {
            match node.as_map_mut() {
                Some(map) => map.set("k", Node::string("v")),
                None => *node = Node::string("v"),
            }
            Ok(())
        })
        .expect("the path fits");
        to_masked_string(&resource.body)
    }

    #[test]
    fn missing_maps_are_made_only_when_asked() {
        assert_eq!(set("kind: A\n", "spec/labels", true, Make::Map), "kind: A\nspec:\n  labels:\n    k: v\n");
        assert_eq!(set("kind: A\n", "spec/labels", false, Make::Map), "kind: A\n");
    }

    #[test]
    fn lists_are_visited_element_by_element_and_never_made() {
        assert_eq!(set("a:\n- b: x\n- b: y\n", "a/b", false, Make::Nothing), "a:\n- b: v\n- b: v\n");
        assert_eq!(set("kind: A\n", "a[]/b", true, Make::Scalar), "kind: A\n");
    }

    #[test]
    fn an_escaped_slash_is_part_of_a_name() {
        assert_eq!(split(r"metadata/annotations/a.b\/c"), ["metadata", "annotations", "a.b/c"]);
    }
}
