//! Replacements: a value of one object, or a fixed one, written into fields of others (render.md 2.12).

use super::error::Cause;
use super::field_path::{self, Leaf};
use super::id::Id;
use super::limits;
use super::selector::{Selector, SelectorError};
use super::structured;
use crate::yaml::{Map, Node, Scalar, ScalarKind, Style, Value};
use std::sync::Arc;

pub use super::field_path::split_escaped;

/// One object as replacements see it.
pub struct Subject<'o> {
    /// Its current identity first, then the earlier ones.
    pub ids: Vec<Id>,
    /// Its body.
    pub body: &'o mut Node,
}

/// One entry of `replacements`.
#[derive(Clone, Debug)]
pub struct Replacement {
    source: Source,
    targets: Vec<Target>,
    line: u32,
}

#[derive(Clone, Debug)]
enum Source {
    Value(Node),
    Object { id: Wanted, path: String, options: Options },
}

/// The identity of a source; empty parts match everything, the others exactly.
#[derive(Clone, Debug, Default)]
struct Wanted {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
}

#[derive(Clone, Debug)]
struct Target {
    select: Selector,
    reject: Vec<Selector>,
    paths: Vec<String>,
    options: Options,
}

#[derive(Clone, Debug, Default)]
struct Options {
    delimiter: String,
    index: i64,
    create: bool,
}

/// A replacement that cannot be read or done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplacementError {
    /// It is not written as it has to be.
    #[error("{0}")]
    Invalid(String, u32),
    /// A selector of it cannot be read.
    #[error("{0}")]
    Selector(#[from] SelectorError),
    /// No object, or more than one, is the source.
    #[error("{found} objects are selected by the source {source_id}; it has to be one")]
    Source {
        /// The source as written.
        source_id: String,
        /// How many objects it selects.
        found: usize,
        /// Its line.
        line: u32,
    },
    /// An object grows beyond what is allowed.
    #[error("{0}")]
    Limit(Box<Cause>, u32),
    /// A field that is not there or does not fit.
    #[error("field `{path}`: {cause}")]
    Field {
        /// The field path as written.
        path: String,
        /// What is wrong.
        cause: String,
        /// Line of the replacement.
        line: u32,
    },
}

impl ReplacementError {
    /// The line of the replacement; 0 if unknown.
    pub fn line(&self) -> u32 {
        match self {
            Self::Invalid(_, line)
            | Self::Limit(_, line)
            | Self::Source { line, .. }
            | Self::Field { line, .. } => *line,
            Self::Selector(error) => error.line,
        }
    }
}

const DEFAULT_PATH: &str = "metadata.name";

impl Replacement {
    /// Reads one entry.
    pub fn parse(node: &Node) -> Result<Self, ReplacementError> {
        let line = node.mark.line;
        let invalid = |text: &str| ReplacementError::Invalid(text.to_owned(), line);
        let source = match (present(node, "source"), present(node, "sourceValue")) {
            (Some(_), Some(_)) => return Err(invalid("source and sourceValue exclude each other")),
            (Some(source), None) => Source::Object {
                id: Wanted::parse(source),
                path: text(source, "fieldPath").filter(|p| !p.is_empty()).unwrap_or(DEFAULT_PATH).to_owned(),
                options: Options::parse(source.get("options")),
            },
            (None, Some(value)) => {
                let text = value.scalar_text().unwrap_or("");
                Source::Value(field_path::text_node(text).at(value.mark.clone()))
            }
            (None, None) => return Err(invalid("a replacement has to name a source")),
        };
        let Some(targets) = present(node, "targets").and_then(Node::as_seq) else {
            return Err(invalid("a replacement has to name at least one target"));
        };
        let targets = targets.iter().map(Target::parse).collect::<Result<_, _>>()?;
        Ok(Self { source, targets, line })
    }

    /// Does it.
    pub fn apply(&self, objects: &mut [Subject<'_>]) -> Result<(), ReplacementError> {
        self.apply_telling(objects, &mut |_, _, _| {})
    }

    /// Does it and tells each field that was written: the object's number, the field's node, the value it got.
    pub fn apply_telling(
        &self,
        objects: &mut [Subject<'_>],
        tell: &mut dyn FnMut(usize, &Node, &Node),
    ) -> Result<(), ReplacementError> {
        let (source, mut value) = self.value(objects)?;
        for target in &self.targets {
            for (place, object) in objects.iter_mut().enumerate().filter(|(_, o)| target.means(o)) {
                for path in &target.paths {
                    // Upstream holds on to the field, not to its value: what changes it changes what follows.
                    let live = |body: &Node| if source == Some(place) { self.live(body) } else { None };
                    let set = target.set(object.body, path, &value, &live, &mut |node, value| {
                        tell(place, node, value);
                    });
                    set.map_err(|cause| self.at(path, cause))?;
                    if value.as_scalar().is_none() {
                        limits::check(object.body)
                            .map_err(|cause| ReplacementError::Limit(Box::new(cause), self.line))?;
                    }
                    if let Some(now) = live(object.body) {
                        value = now;
                    }
                }
            }
        }
        Ok(())
    }

    /// Its line.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The source in words: an object's field, or the replacement itself.
    pub fn source(&self) -> String {
        match &self.source {
            Source::Value(_) => "sourceValue".to_owned(),
            Source::Object { id, path, .. } => format!("{path} of {id}"),
        }
    }

    fn at(&self, path: &str, cause: String) -> ReplacementError {
        ReplacementError::Field { path: path.to_owned(), cause, line: self.line }
    }

    /// The source field as it is now; a part of one is copied once and for all.
    fn live(&self, body: &Node) -> Option<Node> {
        match &self.source {
            Source::Object { path, options, .. } if options.delimiter.is_empty() => {
                field_path::lookup(body, &field_path::split(path)).ok().flatten().cloned()
            }
            _ => None,
        }
    }

    /// The place of the source object, if it is one, and the value.
    fn value(&self, objects: &[Subject<'_>]) -> Result<(Option<usize>, Node), ReplacementError> {
        let (id, path, options) = match &self.source {
            Source::Value(value) => return Ok((None, value.clone())),
            Source::Object { id, path, options } => (id, path, options),
        };
        let is_source = |o: &Subject<'_>| o.ids.iter().any(|i| id.is(i));
        let sources: Vec<_> = (0..objects.len()).filter(|place| is_source(&objects[*place])).collect();
        let [source] = sources.as_slice() else {
            let (source_id, found) = (id.to_string(), sources.len());
            return Err(ReplacementError::Source { source_id, found, line: self.line });
        };
        let found = field_path::lookup(objects[*source].body, &field_path::split(path))
            .map_err(|e| self.at(path, e))?;
        let found = found
            .filter(|n| !n.as_map().is_some_and(Map::is_empty) && !n.as_seq().is_some_and(<[Node]>::is_empty))
            .ok_or_else(|| self.at(path, format!("it is missing in the source {id}")))?;
        let value = options.take(found).map_err(|cause| self.at(path, cause))?;
        Ok((Some(*source), value))
    }
}

fn present<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).filter(|n| !n.is_null())
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::scalar_text)
}

impl Wanted {
    fn parse(node: &Node) -> Self {
        let part = |key| text(node, key).unwrap_or("").to_owned();
        Self {
            group: part("group"),
            version: part("version"),
            kind: part("kind"),
            name: part("name"),
            namespace: part("namespace"),
        }
    }

    fn is(&self, id: &Id) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(&self.name, &id.name)
            && fits(&self.group, &id.gvk.group)
            && fits(&self.version, &id.gvk.version)
            && fits(&self.kind, &id.gvk.kind)
            // A namespace says nothing about a cluster-scoped kind, as long as the kind is named.
            && (fits(&self.namespace, id.effective_namespace()) || id.cluster && !self.kind.is_empty())
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let any = |part: &str| if part.is_empty() { "*".to_owned() } else { part.to_owned() };
        write!(f, "{}/{}/{}", any(&self.kind), any(&self.namespace), any(&self.name))
    }
}

/// The value of a source that may have changed, read anew.
type Live<'l> = &'l dyn Fn(&Node) -> Option<Node>;

impl Target {
    fn parse(node: &Node) -> Result<Self, ReplacementError> {
        let Some(select) = present(node, "select") else {
            let cause = "a target has to select objects".to_owned();
            return Err(ReplacementError::Invalid(cause, node.mark.line));
        };
        let reject = node.get("reject").and_then(Node::as_seq).unwrap_or_default();
        let paths: Vec<String> = node
            .get("fieldPaths")
            .and_then(Node::as_seq)
            .unwrap_or_default()
            .iter()
            .filter_map(|p| p.scalar_text().map(str::to_owned))
            .collect();
        Ok(Self {
            select: Selector::parse(select)?,
            reject: reject.iter().map(Selector::parse).collect::<Result<_, _>>()?,
            paths: if paths.is_empty() { vec![DEFAULT_PATH.to_owned()] } else { paths },
            options: Options::parse(node.get("options")),
        })
    }

    /// One field after the other, each with the value as it is then.
    fn set_each(
        &self,
        body: &mut Node,
        parts: &[String],
        create: Option<Leaf>,
        (value, live): (&Node, Live<'_>),
        tell: &mut dyn FnMut(&Node, &Node),
    ) -> Result<usize, String> {
        let (mut value, mut done) = (value.clone(), 0);
        loop {
            let mut number = 0;
            let count = field_path::visit(body, parts, create, &mut |node| {
                number += 1;
                if number == done + 1 {
                    self.options.put(node, &value)?;
                    tell(node, &value);
                }
                Ok(())
            })?;
            done += 1;
            if done >= count {
                return Ok(count);
            }
            value = live(body).unwrap_or(value);
        }
    }

    fn means(&self, object: &Subject<'_>) -> bool {
        let rejected = self.reject.iter().any(|reject| {
            !reject.has_no_metadata() && reject.matches_metadata(object.body)
                || !reject.has_no_id() && object.ids.iter().any(|id| reject.matches_id(id))
        });
        !rejected
            && self.select.matches_metadata(object.body)
            && object.ids.iter().any(|id| self.select.matches_id(id))
    }

    /// Sets all fields of a path; `live` gives the value anew after each of them, if it may have changed.
    fn set(
        &self,
        body: &mut Node,
        path: &str,
        value: &Node,
        live: &dyn Fn(&Node) -> Option<Node>,
        tell: &mut dyn FnMut(&Node, &Node),
    ) -> Result<(), String> {
        let parts = field_path::split(path);
        let create = self.options.create.then(|| Leaf::like(value));
        if structured::set(body, &parts, value, create, &mut |node| tell(node, value)).is_some() {
            return Ok(());
        }
        // A field that has to be made must not leave half of its path behind if that fails.
        let mut changed = body.clone();
        let count = if parts.iter().any(|part| part == "*") && live(&changed).is_some() {
            self.set_each(&mut changed, &parts, create, (value, live), tell)?
        } else {
            field_path::visit(&mut changed, &parts, create, &mut |node| {
                self.options.put(node, value)?;
                tell(node, value);
                Ok(())
            })?
        };
        if count == 0 {
            let verb = if create.is_some() { "find or create" } else { "find" };
            return Err(format!("unable to {verb} it in the target"));
        }
        *body = changed;
        Ok(())
    }
}

impl Options {
    fn parse(node: Option<&Node>) -> Self {
        let Some(node) = node else { return Self::default() };
        Self {
            delimiter: text(node, "delimiter").unwrap_or("").to_owned(),
            index: node.get("index").and_then(Node::as_i64).unwrap_or(0),
            create: node.get("create").and_then(Node::as_bool).unwrap_or(false),
        }
    }

    /// The part of the source that is meant.
    fn take(&self, found: &Node) -> Result<Node, String> {
        if self.delimiter.is_empty() {
            return Ok(found.clone());
        }
        let scalar = splittable(found)?;
        let part = usize::try_from(self.index)
            .ok()
            .and_then(|index| scalar.text.split(&self.delimiter).nth(index))
            .ok_or_else(|| format!("options.index {} is out of bounds for `{}`", self.index, scalar.text))?;
        let part = Scalar { text: part.into(), kind: scalar.kind, style: scalar.style };
        Ok(Node::new(Value::Scalar(part)).at(found.mark.clone()))
    }

    /// Writes the value into a target's field.
    fn put(&self, node: &mut Node, value: &Node) -> Result<(), String> {
        if self.delimiter.is_empty() {
            return structured::overwrite(node, value);
        }
        let old = splittable(node)?;
        // A list or a mapping has no text.
        let new: Arc<str> = match &value.value {
            Value::Seq(_) | Value::Map(_) => "".into(),
            _ => splittable(value)?.text.clone(),
        };
        let mut parts: Vec<&str> = old.text.split(&self.delimiter).collect();
        match usize::try_from(self.index) {
            Err(_) => parts.insert(0, &new),
            Ok(index) if index >= parts.len() => parts.push(&new),
            Ok(index) => parts[index] = &new,
        }
        let text = parts.join(&self.delimiter);
        let joined = Scalar { text: text.into(), kind: ScalarKind::Str, style: Style::Plain };
        structured::overwrite(node, &Node::new(Value::Scalar(joined)).at(value.mark.clone()))
    }
}

fn splittable(node: &Node) -> Result<&Scalar, String> {
    match &node.value {
        Value::Scalar(scalar) => Ok(scalar),
        Value::Secret(_) => Err("a secret value cannot be split".to_owned()),
        _ => Err("the delimiter option can only be used with scalars".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::id::Gvk;
    use crate::render::kustomize::testing::{print, read};

    fn id(kind: &str, name: &str) -> Id {
        Id { gvk: Gvk::new("v1", kind), name: name.into(), namespace: "".into(), cluster: false }
    }

    const SOURCE: &str = "metadata:\n  name: from\ndata:\n  host: db.shop.svc:5432\n  port: '8080'\n";

    fn replaced(replacement: &str, target: &str) -> Result<String, String> {
        let (mut source, mut target) = (read(SOURCE), read(target));
        let mut objects = [
            Subject { ids: vec![id("ConfigMap", "from")], body: &mut source },
            Subject { ids: vec![id("Thing", "to"), id("Thing", "old")], body: &mut target },
        ];
        let replacement = Replacement::parse(&read(replacement)).map_err(|e| e.to_string())?;
        replacement.apply(&mut objects).map_err(|e| e.to_string())?;
        Ok(print(&target))
    }

    #[test]
    fn a_field_is_copied_and_keeps_the_kind_of_the_target() {
        let replacement = "source: {kind: ConfigMap, fieldPath: data.port}\n\
                           targets: [{select: {kind: Thing}, fieldPaths: [spec.port, spec.text]}]\n";
        assert_eq!(
            replaced(replacement, "spec:\n  port: 1\n  text: x\n"),
            Ok("spec:\n  port: 8080\n  text: \"8080\"\n".to_owned())
        );
    }

    #[test]
    fn parts_are_split_and_joined() {
        let replacement = "source: {kind: ConfigMap, fieldPath: data.host, options: {delimiter: ':'}}\n\
                           targets:\n- select: {name: old}\n  fieldPaths: [spec.url]\n  \
                           options: {delimiter: /, index: 2}\n";
        assert_eq!(
            replaced(replacement, "spec:\n  url: http://host/path\n"),
            Ok("spec:\n  url: http://db.shop.svc/path\n".to_owned())
        );
    }

    #[test]
    fn a_missing_field_is_an_error_unless_it_is_created() {
        let with = |options: &str| {
            let head =
                "sourceValue: x\ntargets:\n- select: {kind: Thing}\n  fieldPaths: ['spec.list.[name=a].v']\n";
            replaced(&format!("{head}{options}"), "spec: {}\n")
        };
        assert_eq!(with(""), Err("field `spec.list.[name=a].v`: unable to find it in the target".to_owned()));
        assert_eq!(
            with("  options: {create: true}\n"),
            Ok("spec:\n  list:\n  - name: a\n    v: x\n".to_owned())
        );
    }

    #[test]
    fn a_value_inside_a_document_in_a_scalar_is_replaced() {
        let replacement = "sourceValue: new\n\
                           targets: [{select: {kind: Thing}, fieldPaths: ['data.json.a.b', 'data.yaml.a.b']}]\n";
        let target = "data:\n  json: '{\"a\": {\"b\": \"old\", \"c\": 1}}'\n  \
                      yaml: |\n    # kept\n    a:\n      b: old\n";
        let expected = "data:\n  json: '{\"a\":{\"b\":\"new\",\"c\":1}}'\n  \
                        yaml: |-\n    # kept\n    a:\n      b: new\n";
        assert_eq!(replaced(replacement, target), Ok(expected.to_owned()));
    }

    #[test]
    fn rejected_objects_are_left_alone() {
        let replacement =
            "sourceValue: x\ntargets: [{select: {kind: Thing}, reject: [{name: old}], fieldPaths: [a]}]\n";
        assert_eq!(replaced(replacement, "a: b\n"), Ok("a: b\n".to_owned()));
    }

    #[test]
    fn a_source_has_to_be_one_object() {
        let replacement = "source: {name: nobody}\ntargets: [{select: {kind: Thing}, fieldPaths: [a]}]\n";
        let error = replaced(replacement, "a: b\n").expect_err("nobody is there");
        assert!(error.starts_with("0 objects are selected by the source */*/nobody"), "{error}");
    }
}
