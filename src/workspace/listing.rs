//! What a new manifest needs to be applied at all: its line in the kustomization beside it.

use super::planning::read;
use crate::git::FileChange;
use crate::model::{Problem, Tree};
use crate::yaml::source::{Item, Source, Syntax, one_line, splice};
use crate::yaml::{Node, to_json};
use std::collections::BTreeMap;

/// The names that kustomize looks for (render.md 2.1).
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Adds new files to the `resources` of the kustomizations of their folders, and says so beside the diff. What has no
/// kustomization beside it, stands in it already or is no manifest is left alone, as are kustomizations that cannot be
/// read: rendering tells about those.
pub(super) fn list(
    tree: &dyn Tree,
    files: &[String],
    changes: &mut Vec<FileChange>,
    notes: &mut Vec<(String, String)>,
) -> Result<(), Problem> {
    let mut written: BTreeMap<String, (String, Vec<&str>)> = BTreeMap::new();
    for file in files.iter().filter(|file| is_manifest(file)) {
        let (folder, name) = file.rsplit_once('/').map_or(("", file.as_str()), |parts| parts);
        let Some((path, text)) = kustomization(tree, folder)? else { continue };
        let (text, names) = written.entry(path).or_insert((text, Vec::new()));
        if let Some(longer) = with(text, name) {
            *text = longer;
            names.push(name);
        }
    }
    for (path, (text, names)) in written.into_iter().filter(|(_, (_, names))| !names.is_empty()) {
        changes.push(FileChange::write(&path, text.into_bytes()));
        notes.push((path, format!("list {}, so that it is applied", names.join(", "))));
    }
    Ok(())
}

/// Files in other formats are what generators read.
fn is_manifest(file: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| file.ends_with(end))
}

fn kustomization(tree: &dyn Tree, folder: &str) -> Result<Option<(String, String)>, Problem> {
    for name in NAMES {
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if let Some(bytes) = read(tree, &path)? {
            return Ok(String::from_utf8(bytes.to_vec()).ok().map(|text| (path, text)));
        }
    }
    Ok(None)
}

/// The kustomization with one more resource; `None` if it knows the file, or is no mapping that could list it.
fn with(text: &str, name: &str) -> Option<String> {
    let source = Source::read(text, Syntax::Yaml).ok()?;
    let [document] = &*source.documents else { return None };
    let root = document.root.as_ref()?;
    let fields = root.as_map()?;
    if names(root, name) {
        return None;
    }
    let edit = match fields.get("resources") {
        None => {
            let line = source.line_break();
            let value = one_line(name);
            source.append(document, &format!("resources:{line}- {value}{line}"))
        }
        Some(entry) => match entry.value.as_seq() {
            Some(list) => source.push(list, name),
            None if entry.value.span.is_empty() => {
                source.replace(&entry.value, &format!("[{}]", to_json(&Node::string(name))))
            }
            None => return None,
        },
    };
    Some(splice(text, &[edit]))
}

/// True if any string in it is that file's name.
fn names(item: &Item<'_>, name: &str) -> bool {
    if let Some(leaf) = item.as_leaf() {
        return leaf.text.strip_prefix("./").unwrap_or(&leaf.text) == name;
    }
    let in_list = item.as_seq().is_some_and(|list| list.items().any(|one| names(&one.value, name)));
    in_list || item.as_map().is_some_and(|map| map.entries().any(|entry| names(&entry.value, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_listed_once_where_lists_are_written_as_they_are() {
        let cases = [
            ("resources:\n- a.yaml # why\n", "resources:\n- a.yaml # why\n- b.yaml\n"),
            ("resources:\n  - a.yaml\nnamespace: x", "resources:\n  - a.yaml\n  - b.yaml\nnamespace: x"),
            ("resources: [a.yaml]\n", "resources: [a.yaml, b.yaml]\n"),
            ("resources: []\n", "resources: [b.yaml]\n"),
            ("resources:\nnamespace: x\n", "resources: [\"b.yaml\"]\nnamespace: x\n"),
            ("namespace: x\n", "namespace: x\nresources:\n- b.yaml\n"),
            ("namespace: x", "namespace: x\nresources:\n- b.yaml\n"),
        ];
        for (before, after) in cases {
            assert_eq!(with(before, "b.yaml").as_deref(), Some(after), "{before}");
            assert_eq!(with(after, "b.yaml"), None, "it is there");
        }
        for known in
            ["resources: [./b.yaml]\n", "secretGenerator:\n- name: x\n  files: [b.yaml]\n", "- b\n", "a: [\n"]
        {
            assert_eq!(with(known, "b.yaml"), None, "{known}");
        }
    }
}
