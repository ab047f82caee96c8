//! `ValueAddTransformer`: one text into many fields, or into paths inside of them (render.md 2.14).

use super::accumulate::Target;
use super::decode::{Fields, Text};
use super::error::{BuildError, Cause};
use super::fields::split;
use super::patches::select;
use super::resmap::ResMap;
use super::resource::retext;
use crate::yaml::{Dialect, Map, Mark, Node, read_stream};
use std::sync::Arc;

/// Runs one, given its object.
pub fn run(
    target: &Target<'_, '_>,
    body: &Node,
    file: &Arc<str>,
    objects: &mut ResMap,
) -> Result<(), BuildError> {
    let f = Fields::lenient(file, "ValueAddTransformer");
    let value = body.get("value").map_or_else(|| Ok(Text::default()), |n| f.text(n))?;
    let mark = value.mark_in(file);
    let mut targets: Vec<Node> = body.get("targets").and_then(Node::as_seq).unwrap_or_default().to_vec();
    if let Some(path) = body.get("targetFilePath").and_then(Node::as_str).filter(|p| !p.is_empty()) {
        let loaded = target.loader.load(path).map_err(|c| c.at(file, body.mark.line))?;
        let limits = target.context.inputs.documents.limits();
        let stream = read_stream(&loaded.bytes, &loaded.path, Dialect::Kustomization, limits);
        let more =
            stream.documents.first().and_then(|d| d.root.get("targets")?.as_seq().map(<[Node]>::to_vec));
        targets.extend(more.unwrap_or_default());
    }
    if targets.is_empty() {
        return Err(f.refuse("it needs at least one target", body));
    }
    for one in &targets {
        let path = one.get("fieldPath").and_then(Node::as_str).unwrap_or("");
        let position = one.get("filePathPosition").and_then(Node::as_i64).unwrap_or(0);
        if path.is_empty() {
            return Err(f.refuse("fieldPath cannot be empty", one));
        }
        let position =
            usize::try_from(position).map_err(|_| f.refuse("filePathPosition is negative", one))?;
        let places = match one.get("selector").filter(|s| !s.is_null()) {
            Some(selector) => select(objects, selector).map_err(|e| f.refuse(&e.to_string(), one))?,
            None => (0..objects.list().len()).collect(),
        };
        for place in places {
            let resource = &mut objects.list_mut()[place];
            if path == "metadata/namespace" && resource.id.cluster {
                continue;
            }
            set(&mut resource.body, &split(path), (&value, &mark), position)
                .map_err(|c| c.at(file, one.mark.line))?;
            resource.refresh();
        }
    }
    Ok(())
}

fn set(
    node: &mut Node,
    parts: &[String],
    (value, mark): (&str, &Mark),
    position: usize,
) -> Result<(), Cause> {
    let refuse =
        |what: &str| Cause::Transformer { transformer: "ValueAddTransformer", what: what.to_owned() };
    let Some((first, rest)) = parts.split_first() else {
        let Some(old) = node.as_scalar().map(|s| s.text.clone()) else {
            return Err(refuse("the field is no scalar"));
        };
        let new = if position > 0 { inserted(&old, position - 1, value) } else { value.to_owned() };
        retext(node, &new);
        node.mark = mark.clone();
        return Ok(());
    };
    let map =
        node.as_map_mut().ok_or_else(|| refuse("the path leads through something that is no mapping"))?;
    if !map.contains(first) {
        map.set(first.as_str(), if rest.is_empty() { Node::string("") } else { Node::map(Map::new()) });
    }
    map.get_mut(first).map_or(Ok(()), |child| set(child, rest, (value, mark), position))
}

/// A path with one more part at a place; too large a place means the end, and `/` in front stays in front.
fn inserted(path: &str, place: usize, part: &str) -> String {
    let (root, inner) = path.strip_prefix('/').map_or(("", path), |inner| ("/", inner));
    let mut parts: Vec<&str> = inner.split('/').filter(|p| !p.is_empty()).collect();
    parts.insert(place.min(parts.len()), part);
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_inserted_where_asked() {
        assert_eq!(inserted("", 0, "P"), "P");
        assert_eq!(inserted("/", 0, "P"), "/P");
        assert_eq!(inserted("raw", 1, "P"), "raw/P");
        assert_eq!(inserted("/a/nice/warm/pie", 3, "P"), "/a/nice/warm/P/pie");
        assert_eq!(inserted("a/b", 99, "P"), "a/b/P");
    }
}
