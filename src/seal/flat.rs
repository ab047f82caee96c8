//! The `sops` block as dotenv and INI hold it: one key a value, `__map_` and `__list_N` between the levels
//! (secrets.md 1.9).

use super::walk::is_block;
use crate::yaml::source::{Entry, Map, Source, Syntax};
use crate::yaml::{self, Mark, Node};
use std::collections::BTreeMap;

const MAP: &str = "__map_";
const LIST: &str = "__list_";
/// Levels of a block; SOPS writes five.
const DEEPEST: usize = 16;

/// One line of a block: its name without the prefix, and its entry.
pub(super) struct Line<'s, 't> {
    pub(super) name: &'s str,
    pub(super) entry: &'s Entry<'t>,
}

/// The lines of the block of a dotenv or INI file; `None` if it has none.
pub(super) fn lines<'s, 't>(source: &'s Source<'t>) -> Option<Vec<Line<'s, 't>>> {
    let map = holder(source)?;
    let prefix = if source.syntax == Syntax::Dotenv { "sops_" } else { "" };
    let lines: Vec<_> = map
        .entries()
        .filter_map(|entry| Some(Line { name: entry.key.text.strip_prefix(prefix)?, entry }))
        .collect();
    (source.syntax == Syntax::Ini || !lines.is_empty()).then_some(lines)
}

/// The mapping in which the lines stand.
pub(super) fn holder<'s, 't>(source: &'s Source<'t>) -> Option<&'s Map<'t>> {
    let root = source.documents.first()?.root.as_ref()?.as_map()?;
    match source.syntax {
        Syntax::Dotenv => Some(root),
        Syntax::Ini => root.entries().find(|e| is_block(Syntax::Ini, &e.key.text))?.value.as_map(),
        Syntax::Yaml | Syntax::Json => None,
    }
}

/// The block put back together.
pub(super) fn unflattened(lines: &[Line<'_, '_>], file: &str, syntax: Syntax) -> Result<Node, String> {
    let mut root = Part::default();
    for line in lines {
        let text = line.entry.value.as_leaf().map(|leaf| &*leaf.text).unwrap_or_default();
        // In INI a line break is written as in dotenv, which its reader undoes.
        let text = if syntax == Syntax::Ini { text.replace("\\n", "\n") } else { text.to_owned() };
        let mark = Mark { file: Some(file.into()), line: line.entry.key.line, column: 1 };
        let node = Node::string(text).at(mark);
        root.place(line.name, node).ok_or_else(|| {
            format!("the block's `{}` contradicts another line of it", crate::model::clean(line.name))
        })?;
    }
    let first = lines.first().map_or(0, |line| line.entry.key.line);
    Ok(root.node().at(Mark { file: Some(file.into()), line: first, column: 1 }))
}

#[derive(Default)]
enum Part {
    #[default]
    Nothing,
    Value(Node),
    Map(BTreeMap<String, Part>),
    List(BTreeMap<usize, Part>),
}

impl Part {
    fn place(&mut self, name: &str, value: Node) -> Option<()> {
        let mut part = self;
        let mut rest = Some(("", name));
        let mut depth = 0;
        while let Some((sign, text)) = rest {
            let end = [text.find(MAP), text.find(LIST)].into_iter().flatten().min().unwrap_or(text.len());
            let (key, behind) = text.split_at(end);
            let next = if sign == LIST { part.item(key.parse().ok()?) } else { part.key(key) };
            part = next?;
            rest = [MAP, LIST].into_iter().find_map(|sign| Some((sign, behind.strip_prefix(sign)?)));
            depth += 1;
            if depth > DEEPEST {
                return None;
            }
        }
        matches!(part, Self::Nothing).then(|| *part = Self::Value(value))
    }

    fn key(&mut self, key: &str) -> Option<&mut Self> {
        if matches!(self, Self::Nothing) {
            *self = Self::Map(BTreeMap::new());
        }
        match self {
            Self::Map(map) => Some(map.entry(key.to_owned()).or_default()),
            _ => None,
        }
    }

    fn item(&mut self, at: usize) -> Option<&mut Self> {
        if matches!(self, Self::Nothing) {
            *self = Self::List(BTreeMap::new());
        }
        match self {
            Self::List(list) => Some(list.entry(at).or_default()),
            _ => None,
        }
    }

    fn node(self) -> Node {
        match self {
            Self::Nothing => Node::map(yaml::Map::new()),
            Self::Value(node) => node,
            Self::Map(map) => {
                let mut node = yaml::Map::new();
                for (key, part) in map {
                    node.set(key, part.node());
                }
                Node::map(node)
            }
            Self::List(list) => Node::seq(list.into_values().map(Self::node).collect()),
        }
    }
}

/// A block as lines: names without a prefix, values with line breaks as a backslash and an `n`.
pub(super) fn flattened(block: &Node) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    flatten(block, String::new(), &mut lines);
    lines
}

fn flatten(node: &Node, name: String, lines: &mut Vec<(String, String)>) {
    let is_root = name.is_empty();
    if let Some(map) = node.as_map() {
        for (key, value) in map.iter() {
            let name = if is_root { key.to_owned() } else { format!("{name}{MAP}{key}") };
            flatten(value, name, lines);
        }
    } else if let Some(items) = node.as_seq() {
        for (index, item) in items.iter().enumerate() {
            flatten(item, format!("{name}{LIST}{index}"), lines);
        }
    } else {
        let text = node.scalar_text().unwrap_or_default().replace('\n', "\\n");
        lines.push((name, text));
    }
}

/// The block of a dotenv or INI file; `None` if it has none.
pub(super) fn block_of(source: &Source<'_>, file: &str) -> Option<Result<Node, String>> {
    let lines = lines(source)?;
    Some(unflattened(&lines, file, source.syntax))
}
