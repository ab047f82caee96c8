//! Which tool a source is for: the block that it has, else the files of its folder.

use super::fields::present;
use crate::model::{EntryKind, Tree, TreeError};
use crate::render::kustomize::FILE_NAMES;
use crate::yaml::{Node, Value};

/// The tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// Files as they are.
    Directory,
    /// `kustomize build`, after edits.
    Kustomize,
    /// A Helm chart.
    Helm,
    /// A program of somebody else.
    Plugin,
}

const BLOCKS: [(&str, Tool); 4] = [
    ("kustomize", Tool::Kustomize),
    ("helm", Tool::Helm),
    ("directory", Tool::Directory),
    ("plugin", Tool::Plugin),
];

/// The tool that the blocks of a source name; `Err` names several.
pub(super) fn explicit(source: &Node) -> Result<Option<Tool>, String> {
    let blocks: Vec<&(&str, Tool)> = BLOCKS
        .iter()
        .filter(|(name, _)| present(source, name).is_some_and(|block| says(name, block)))
        .collect();
    match blocks.as_slice() {
        [] => Ok(None),
        [(_, tool)] => Ok(Some(*tool)),
        several => Err(several.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
    }
}

/// Blocks that say nothing count as missing, as the controller has it; that of a plug-in counts always.
fn says(name: &str, block: &Node) -> bool {
    let empty = |node: &Node| match &node.value {
        Value::Map(map) => map.is_empty(),
        Value::Seq(items) => items.is_empty(),
        _ => node.is_null() || node.as_bool() == Some(false) || node.as_str() == Some(""),
    };
    // An empty `jsonnet` inside `directory` is one more level of nothing.
    let nothing = |node: &Node| {
        empty(node) || node.as_map().is_some_and(|map| map.iter().all(|(_, value)| empty(value)))
    };
    match block.as_map() {
        Some(map) if name != "plugin" => map.iter().any(|(_, value)| !nothing(value)),
        _ => true,
    }
}

/// The tool that the files of a folder call for: the last of its names that is a chart or a kustomization decides.
pub(super) fn found(tree: &dyn Tree, folder: &str, disabled: &[&str]) -> Result<Tool, TreeError> {
    let mut tool = Tool::Directory;
    for (name, entry) in tree.list(folder)?.unwrap_or_default() {
        let is_file = matches!(entry.kind, EntryKind::File | EntryKind::Link);
        if is_file && name.ends_with("Chart.yaml") && !disabled.contains(&"helm") {
            tool = Tool::Helm;
        } else if is_file && FILE_NAMES.contains(&&*name) && !disabled.contains(&"kustomize") {
            tool = Tool::Kustomize;
        }
    }
    Ok(tool)
}

/// The tool of a source.
pub(super) fn tool(tree: &dyn Tree, folder: &str, source: &Node, disabled: &[&str]) -> Result<Tool, String> {
    match explicit(source)? {
        Some(Tool::Kustomize) if disabled.contains(&"kustomize") => Ok(Tool::Directory),
        Some(Tool::Helm) if disabled.contains(&"helm") => Ok(Tool::Directory),
        Some(tool) => Ok(tool),
        None => found(tree, folder, disabled).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;
    use crate::yaml::{Dialect, Limits, read_stream};

    fn node(text: &str) -> Node {
        let stream = read_stream(text.as_bytes(), &"x".into(), Dialect::Resource, &Limits::default());
        stream.documents.into_iter().next().map_or_else(Node::null, |d| d.root)
    }

    #[test]
    fn a_block_decides_and_two_are_an_error() {
        for (text, expected) in [
            ("{path: a}", Ok(None)),
            ("{kustomize: {namePrefix: a}}", Ok(Some(Tool::Kustomize))),
            ("{kustomize: {}}", Ok(None)),
            ("{directory: {recurse: false, jsonnet: {tlas: []}}}", Ok(None)),
            ("{directory: {exclude: x}}", Ok(Some(Tool::Directory))),
            ("{plugin: {}}", Ok(Some(Tool::Plugin))),
            ("{helm: {releaseName: x}, directory: {recurse: true}}", Err("helm, directory".to_owned())),
        ] {
            assert_eq!(explicit(&node(text)), expected, "{text}");
        }
    }

    #[test]
    fn files_decide_and_the_last_name_wins() {
        let tree = Files::new(&[
            ("chart/Chart.yaml", ""),
            ("both/Chart.yaml", ""),
            ("both/kustomization.yaml", ""),
            ("late/kustomization.yml", ""),
            ("late/zChart.yaml", ""),
            ("plain/below/kustomization.yaml", ""),
        ]);
        for (folder, expected) in [
            ("chart", Tool::Helm),
            ("both", Tool::Kustomize),
            ("late", Tool::Helm),
            ("plain", Tool::Directory),
        ] {
            assert_eq!(found(&tree, folder, &[]).expect("read"), expected, "{folder}");
        }
        assert_eq!(found(&tree, "both", &["kustomize"]).expect("read"), Tool::Helm);
    }
}
