//! `openapi.path`: a schema of the user's own that says how lists merge (render.md 2.13).

use super::error::{BuildError, Cause};
use super::loader::Loader;
use super::merge_keys::Schema;
use super::model::Kustomization;
use crate::yaml::{Dialect, Limits, Map, Node, read_stream};
use std::cell::OnceCell;
use std::rc::Rc;

/// The definitions of one schema file.
pub struct Definitions {
    root: Node,
}

/// What a kustomization asks for.
pub enum Asked {
    /// The built-in schema, by its version.
    BuiltIn,
    /// Its own.
    Own(Definitions),
}

/// How lists merge in one build: the first folder to name a schema sets it for the whole build.
#[derive(Default)]
pub struct Schemas {
    asked: OnceCell<Rc<Asked>>,
}

/// Reads the schema that a kustomization names, if it names one.
pub fn load(loader: &Loader<'_>, k: &Kustomization, limits: &Limits) -> Result<Option<Asked>, BuildError> {
    let field = |name: &str| k.openapi.iter().find(|(key, _)| **key == *name).map(|(_, text)| text);
    let Some(path) = field("path") else {
        return match field("version") {
            // One version only is built in.
            Some(version) if !matches!(&**version, "" | "v1.21.2" | "v1212") => {
                let what = format!("the OpenAPI version {} is not built in", &**version);
                Err(Cause::Invalid(what).in_field(&k.file, version.line(), "openapi"))
            }
            Some(version) if !version.is_empty() => Ok(Some(Asked::BuiltIn)),
            _ => Ok(None),
        };
    };
    if field("version").is_some() {
        let what = "openapi takes a path or a version, not both".to_owned();
        return Err(Cause::Invalid(what).in_field(&k.file, path.line(), "openapi"));
    }
    let file = loader.load(path).map_err(|c| c.in_field(&k.file, path.line(), "openapi"))?;
    let stream = read_stream(&file.bytes, &file.path, Dialect::Kustomization, limits);
    if let Some(error) = stream.errors.first() {
        return Err(Cause::MalformedYaml(error.message.clone()).at(&file.path, error.line));
    }
    let root = stream.documents.into_iter().next().map_or_else(Node::null, |d| d.root);
    Ok(Some(Asked::Own(Definitions { root })))
}

impl Schemas {
    /// Takes a schema, unless one is set.
    pub fn offer(&self, asked: Option<Asked>) {
        if let Some(asked) = asked {
            // A second one is ignored: the first wins.
            let _ = self.asked.set(Rc::new(asked));
        }
    }

    /// How the lists of one kind merge.
    pub fn of(&self, api_version: &str, kind: &str) -> Schema {
        match self.asked.get().map(|asked| &**asked) {
            None | Some(Asked::BuiltIn) => Schema::of(api_version, kind),
            Some(Asked::Own(own)) => own.schema(api_version, kind),
        }
    }
}

/// Deeper nesting is a definition that contains itself.
const DEEPEST: usize = 16;

impl Definitions {
    fn schema(&self, api_version: &str, kind: &str) -> Schema {
        let Some(definitions) = self.root.get("definitions").and_then(Node::as_map) else {
            return Schema::default();
        };
        let found = definitions.iter().map(|(_, d)| d).find(|d| is_of(d, api_version, kind));
        let mut lists = Vec::new();
        if let Some(definition) = found {
            collect(definitions, definition, "", 0, &mut lists);
        }
        lists.into_iter().fold(Schema::default(), |schema, (path, keys)| {
            schema.with_list(&path, &keys.iter().map(String::as_str).collect::<Vec<_>>())
        })
    }
}

fn is_of(definition: &Node, api_version: &str, kind: &str) -> bool {
    let kinds = definition.get("x-kubernetes-group-version-kind").and_then(Node::as_seq).unwrap_or_default();
    kinds.iter().any(|gvk| {
        let text = |field: &str| gvk.get(field).and_then(Node::scalar_text).unwrap_or("");
        let version = match text("group") {
            "" => text("version").to_owned(),
            group => format!("{group}/{}", text("version")),
        };
        version == api_version && text("kind") == kind
    })
}

fn collect(
    definitions: &Map,
    schema: &Node,
    path: &str,
    depth: usize,
    lists: &mut Vec<(String, Vec<String>)>,
) {
    if depth > DEEPEST {
        return;
    }
    let target = schema.get("$ref").and_then(Node::as_str).and_then(|r| r.strip_prefix("#/definitions/"));
    if let Some(definition) = target.and_then(|name| definitions.get(name)) {
        return collect(definitions, definition, path, depth + 1, lists);
    }
    if let Some(items) = schema.get("items") {
        if schema.str_at(&["x-kubernetes-patch-strategy"]).is_some_and(|s| s.split(',').any(|p| p == "merge"))
        {
            lists.push((path.to_owned(), keys(schema)));
        }
        return collect(definitions, items, &format!("{path}[]"), depth + 1, lists);
    }
    for (name, property) in schema.get("properties").and_then(Node::as_map).into_iter().flat_map(Map::iter) {
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        collect(definitions, property, &below, depth + 1, lists);
    }
}

fn keys(schema: &Node) -> Vec<String> {
    let several = schema.get("x-kubernetes-list-map-keys").and_then(Node::as_seq);
    let one = schema.get("x-kubernetes-patch-merge-key");
    several
        .unwrap_or_default()
        .iter()
        .chain(one.filter(|_| several.is_none()))
        .filter_map(Node::as_str)
        .map(str::to_owned)
        .collect()
}
