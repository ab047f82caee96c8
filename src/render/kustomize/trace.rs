//! `buildMetadata`: where objects came from and what changed them, as annotations (render.md 2.15).

use super::model::Kustomization;
use super::resource::{Resource, Trace, child_map, normalize_string_map};
use crate::yaml::{Mark, Node};
use std::sync::Arc;

/// Where we are: what origin annotations say about an object.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Path from the folder that is built.
    pub path: String,
}

impl Place {
    /// One step further down.
    #[must_use]
    pub fn enter(&self, entry: &str) -> Self {
        Self { path: relative(&self.path, entry) }
    }

    /// The annotation of an object read from a file here.
    pub fn file(&self, entry: &str) -> Arc<str> {
        format!("path: {}\n", quoted(&relative(&self.path, entry))).into()
    }

    /// The annotation of a built-in generator or transformer.
    pub fn builtin(&self, k: &Kustomization, kind: &str) -> Arc<str> {
        let file = k.file.rsplit('/').next().unwrap_or("kustomization.yaml");
        let path = relative(&self.path, file);
        format!("configuredIn: {}\nconfiguredBy:\n  apiVersion: builtin\n  kind: {kind}\n", quoted(&path))
            .into()
    }

    /// The annotation of a generator or transformer that is an object itself.
    pub fn object(path: &str, plugin: &Resource) -> Arc<str> {
        let mut text = format!("configuredIn: {}\nconfiguredBy:\n", quoted(path));
        let fields = [
            ("apiVersion", plugin.id.gvk.api_version()),
            ("kind", plugin.id.gvk.kind.to_string()),
            ("name", plugin.id.name.to_string()),
            ("namespace", plugin.id.namespace.to_string()),
        ];
        for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            text.extend(["  ", field, ": ", &quoted(&value), "\n"]);
        }
        text.into()
    }
}

fn quoted(text: &str) -> String {
    crate::yaml::to_masked_string(&Node::string(text)).trim_end().to_owned()
}

/// Joins and cleans, keeping `..` at the front: origins may lie above the folder that is built.
fn relative(base: &str, entry: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(entry.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Notes the origin of an object that has none.
pub fn born(resource: &mut Resource, origin: &Arc<str>) {
    resource.trace.get_or_insert_default().origin.get_or_insert_with(|| origin.clone());
}

/// Notes that a transformer ran over an object; one without origin was made by it.
pub fn touched(resource: &mut Resource, by: &Arc<str>) {
    // Upstream writes all annotations anew when it notes this, as texts.
    normalize_string_map(&mut resource.body, "annotations");
    let trace = resource.trace.get_or_insert_default();
    match trace.origin {
        None => trace.origin = Some(by.clone()),
        Some(_) => trace.transformations.push(by.clone()),
    }
}

/// Writes what was asked for into the annotations.
pub fn write(resource: &mut Resource, origins: Option<&Mark>, transformations: Option<&Mark>) {
    if let Some(trace) = resource.trace.clone() {
        let Trace { origin, transformations: list } = *trace;
        let list = (!list.is_empty()).then(|| list.iter().map(|entry| item(entry)).collect::<String>());
        let texts = [
            ("config.kubernetes.io/origin", origins.zip(origin)),
            ("alpha.config.kubernetes.io/transformations", transformations.zip(list.map(Into::into))),
        ];
        for (key, (mark, text)) in texts.into_iter().filter_map(|(key, text)| Some((key, text?))) {
            let metadata = child_map(&mut resource.body, "metadata");
            if metadata.get("annotations").and_then(Node::as_map).is_none() {
                metadata.set("annotations", Node::map(crate::yaml::Map::new()));
            }
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_map_mut) {
                annotations.set(key, Node::string(text).at(mark.clone()));
            }
        }
    }
    normalize_string_map(&mut resource.body, "annotations");
}

/// One list item: `- ` before the first line, blanks before the others.
fn item(entry: &str) -> String {
    let mut text = String::new();
    for (number, line) in entry.lines().enumerate() {
        text.push_str(if number == 0 { "- " } else { "  " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_may_lie_above_the_root() {
        assert_eq!(relative("", "../base"), "../base");
        assert_eq!(relative("../base", "../other/x.yaml"), "../other/x.yaml");
        assert_eq!(relative("a", "./b"), "a/b");
    }
}
