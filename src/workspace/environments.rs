//! The environments of a tree: those found without hints, corrected by `.sealane.yaml`.

use super::session::Session;
use crate::config::{REPOSITORY_FILE, RepositoryConfig};
use crate::model::{EntryKind, Environment, Place, Problem, Reason, Tree};
use crate::render;
use crate::yaml::{Dialect, Limits, Node, read_stream};
use std::collections::BTreeMap;

/// The environments of one tree.
pub(super) struct Found {
    pub(super) environments: Vec<Environment>,
    pub(super) problems: Vec<Problem>,
}

/// The lines of `.sealane.yaml` that name environments and their entries.
#[derive(Debug, Default)]
pub(super) struct ConfigLines {
    entries: BTreeMap<String, (u32, u32)>,
}

impl ConfigLines {
    /// Reads them; of a text that is no YAML there are none, and its own reader says why.
    pub(super) fn of(text: &str) -> Self {
        let stream =
            read_stream(text.as_bytes(), &REPOSITORY_FILE.into(), Dialect::Resource, &Limits::default());
        let named = stream.documents.first().and_then(|d| d.root.get("environments")).and_then(Node::as_map);
        let entries = named.into_iter().flat_map(|map| &map.entries).map(|entry| {
            let line = entry.value.get("entry").map_or(entry.key.line, |node| node.mark.line);
            (entry.key.text.to_string(), (entry.key.line, line))
        });
        Self { entries: entries.collect() }
    }

    /// Where an environment is named.
    fn name(&self, name: &str) -> u32 {
        self.entries.get(name).map_or(0, |lines| lines.0)
    }

    /// Where its entry stands.
    fn entry(&self, name: &str) -> u32 {
        self.entries.get(name).map_or(0, |lines| lines.1)
    }
}

impl Session {
    /// The environments of a tree.
    pub(super) fn environments(&self, tree: &dyn Tree) -> Found {
        let (found, mut problems) = match render::discover(tree, &self.caches.surveys, &self.remotes) {
            Ok(discovery) => (discovery.environments, discovery.problems),
            Err(error) => (Vec::new(), vec![Problem::error(Reason::Repository, error.to_string())]),
        };
        let mut environments = corrected(found, &self.config, &self.config_lines, tree, &mut problems);
        environments.sort_by_key(|e| (self.is_production(&e.name), e.name.clone()));
        Found { environments, problems }
    }
}

/// What was found, with what the configuration says laid over it: an entry of its own for an environment of that name, a
/// name of its own for what starts at that entry, or one more environment.
fn corrected(
    found: Vec<Environment>,
    config: &RepositoryConfig,
    lines: &ConfigLines,
    tree: &dyn Tree,
    problems: &mut Vec<Problem>,
) -> Vec<Environment> {
    let names: Vec<String> = found.iter().map(|e| e.name.to_string()).collect();
    let mut environments = if config.only_these { Vec::new() } else { found };
    for (name, said) in &config.environments {
        let Some(entry) = &said.entry else {
            if !names.contains(name) || config.only_these {
                problems.push(unnamed(name, &names, lines.name(name)));
            }
            continue;
        };
        let line = lines.entry(name);
        let entry = match checked(entry, tree) {
            Ok(entry) => entry,
            Err(cause) => {
                let cause = format!("the environment {name} starts nowhere: {cause}");
                let next = "name the folder whose rendering starts it, relative to the repository";
                problems
                    .push(Problem::warning(Reason::MissingFile, cause).at(REPOSITORY_FILE, line).next(next));
                continue;
            }
        };
        let place = Place { file: REPOSITORY_FILE.into(), line, field: None };
        let said = Environment {
            name: name.as_str().into(),
            entry: entry.as_str().into(),
            why: format!("{place} says so"),
            evidence: Some(place),
        };
        let by_name = environments.iter().position(|e| *e.name == **name);
        let same_start = |e: &Environment| *e.entry == *entry && !config.environments.contains_key(&*e.name);
        match by_name.or_else(|| environments.iter().position(same_start)) {
            Some(place) => environments[place] = said,
            None => environments.push(said),
        }
    }
    environments
}

/// The folder that an entry means, or why it means none.
fn checked(entry: &str, tree: &dyn Tree) -> Result<String, String> {
    let parts: Vec<&str> = entry.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(format!("{entry} leads out of the repository"));
    }
    let path = parts.join("/");
    match tree.entry(&path) {
        _ if path.is_empty() => Ok(path),
        Ok(Some(found)) if found.kind == EntryKind::Folder => Ok(path),
        Ok(Some(_)) => Err(format!("{entry} is no folder")),
        Ok(None) => Err(format!("there is no {entry}")),
        Err(error) => Err(error.to_string()),
    }
}

fn unnamed(name: &str, names: &[String], line: u32) -> Problem {
    let cause = match names {
        [] => format!("no environment was found, {name} neither"),
        names => format!("no environment {name} was found; found are {}", names.join(", ")),
    };
    let next = "give it an `entry`, or name one that is found";
    Problem::warning(Reason::Config, cause).at(REPOSITORY_FILE, line).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::Files;

    fn corrected_by(text: &str) -> (Vec<String>, Vec<String>) {
        let file = |path| (path, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
        let tree =
            Files::new(&[file("overlays/dev/a.yaml"), file("overlays/prod/a.yaml"), file("extra/b.yaml")]);
        let found = render::discover(&tree, &render::SurveyCache::default(), &[]).expect("files in memory");
        let config = RepositoryConfig::parse(text).expect("valid");
        let mut problems = Vec::new();
        let environments =
            corrected(found.environments, &config, &ConfigLines::of(text), &tree, &mut problems);
        let told = |e: &Environment| format!("{} {} {}", e.name, e.entry, e.why);
        (environments.iter().map(told).collect(), problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_entry_names_what_starts_there() {
        let (environments, problems) =
            corrected_by("environments:\n  live:\n    context: a\n    entry: ./extra/\n");
        assert!(environments.iter().any(|e| e == "live extra .sealane.yaml:4 says so"), "{environments:?}");
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn what_starts_nowhere_is_told_with_its_line() {
        for (entry, cause) in [
            ("nowhere", "there is no nowhere"),
            ("extra/b.yaml", "extra/b.yaml is no folder"),
            ("../x", "../x leads out of the repository"),
        ] {
            let (environments, problems) =
                corrected_by(&format!("onlyThese: true\nenvironments:\n  live: {{entry: {entry}}}\n"));
            assert!(environments.is_empty(), "{environments:?}");
            let expected = format!(".sealane.yaml:3: the environment live starts nowhere: {cause}");
            assert!(problems.iter().any(|p| p.starts_with(&expected)), "{problems:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_found_is_told_with_those_that_are() {
        let (_, problems) = corrected_by("environments:\n  prd: {context: a}\n");
        assert!(
            problems[0].starts_with(".sealane.yaml:2: no environment prd was found; found are"),
            "{problems:?}"
        );
    }
}
