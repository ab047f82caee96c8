//! What one build may cost: a repository may be hostile. Whoever asks for more gets a problem with its place.
//!
//! | what | limit | kept by |
//! | --- | --- | --- |
//! | bytes of one file | 10 MiB | `git`, [`yaml::Limits`](crate::yaml::Limits) |
//! | levels of one document, aliases and patches included | 128 | `yaml::Limits`, [`check`] |
//! | nodes of one document, aliases and patches included | 2 million | `yaml::Limits`, [`check`] |
//! | links on one path | 40 | `loader` |
//! | folders inside one another | [`DEEPEST_FOLDER`] | [`Budget::enter`] |
//! | folders of one build, each as often as it is named | [`MOST_FOLDERS`] | [`Budget::enter`] |
//! | bytes read in one build, each file as often as it is named: bounds the output | [`MOST_BYTES`] | [`Budget::read`] |
//! | objects of one build | [`MOST_OBJECTS`] | [`Budget::work`] |
//! | objects visited by all transformers of one build: bounds the time | [`MOST_WORK`] | [`Budget::work`] |
//! | bytes of a name after prefixes and suffixes | [`LONGEST_NAME`] | `names` |
//! | bytes of a text after vars or variables | [`LONGEST_TEXT`] | `vars`, `flux::substitute` |
//! | bytes of a compiled regular expression | [`LARGEST_REGEX`] | `pattern`, `field_path` |
//! | Kustomizations of one environment, inside one another, rounds | 20,000, 64, 3 | `environment` |
//!
//! Regular expressions take linear time. Paths never leave the tree, links included; nothing is fetched or run.

use super::error::Cause;
use crate::yaml::{Limits, Node, Value};
use regex::{Regex, RegexBuilder};
use std::cell::Cell;

/// Folders inside one another.
pub const DEEPEST_FOLDER: usize = 64;
/// Folders of one build. Tests have smaller limits, so that they are quick.
pub const MOST_FOLDERS: usize = if cfg!(test) { 400 } else { 20_000 };
/// Bytes read in one build.
pub const MOST_BYTES: usize = if cfg!(test) { 4 << 20 } else { 512 << 20 };
/// Objects of one build.
pub const MOST_OBJECTS: usize = if cfg!(test) { 5_000 } else { 100_000 };
/// Objects visited in one build.
pub const MOST_WORK: usize = if cfg!(test) { 20_000 } else { 50_000_000 };
/// Bytes of a name.
pub const LONGEST_NAME: usize = 4 << 10;
/// Bytes of a text that is put together.
pub const LONGEST_TEXT: usize = 16 << 20;
/// Bytes of a compiled regular expression.
pub const LARGEST_REGEX: usize = 1 << 20;

/// What one build has used.
#[derive(Default)]
pub struct Budget {
    folders: Cell<usize>,
    bytes: Cell<usize>,
    work: Cell<usize>,
}

impl Budget {
    /// Another folder, `depth` folders inside the outermost one.
    pub fn enter(&self, depth: usize) -> Result<(), Cause> {
        within("folders inside one another", depth, DEEPEST_FOLDER)?;
        spend(&self.folders, 1, "folders in one build", MOST_FOLDERS)
    }

    /// Another file.
    pub fn read(&self, bytes: usize) -> Result<(), Cause> {
        spend(&self.bytes, bytes, "bytes read in one build", MOST_BYTES)
    }

    /// A transformer over so many objects.
    pub fn work(&self, objects: usize) -> Result<(), Cause> {
        within("objects in one build", objects, MOST_OBJECTS)?;
        spend(&self.work, objects, "objects visited in one build", MOST_WORK)
    }
}

fn spend(cell: &Cell<usize>, more: usize, what: &'static str, limit: usize) -> Result<(), Cause> {
    cell.set(cell.get().saturating_add(more));
    within(what, cell.get(), limit)
}

/// An error if there is more than the limit.
pub fn within(what: &'static str, found: usize, limit: usize) -> Result<(), Cause> {
    if found > limit { Err(Cause::Limit { what, limit }) } else { Ok(()) }
}

/// An error if an object has outgrown what a document may have.
pub fn check(node: &Node) -> Result<(), Cause> {
    let limits = Limits::default();
    let mut nodes = limits.nodes;
    match measure(node, limits.depth, &mut nodes) {
        true => Ok(()),
        false if nodes == 0 => Err(Cause::Limit { what: "nodes in one object", limit: limits.nodes }),
        false => Err(Cause::Limit { what: "levels in one object", limit: limits.depth }),
    }
}

fn measure(node: &Node, depth: usize, nodes: &mut usize) -> bool {
    if depth == 0 || *nodes == 0 {
        return false;
    }
    *nodes -= 1;
    match &node.value {
        Value::Seq(items) => items.iter().all(|item| measure(item, depth - 1, nodes)),
        Value::Map(map) => map.entries.iter().all(|entry| measure(&entry.value, depth - 1, nodes)),
        Value::Scalar(_) | Value::Secret(_) => true,
    }
}

/// A regular expression of at most [`LARGEST_REGEX`].
pub fn regex(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(LARGEST_REGEX).build()
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
