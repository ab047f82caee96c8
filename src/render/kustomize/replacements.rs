//! `replacements`: reads the entries, inline or from files, and runs them over the whole set (render.md 2.12).

use super::context::Context;
use super::decode::Fields;
use super::error::{BuildError, Cause};
use super::id::Id;
use super::loader::Loader;
use super::replacement::{Replacement, ReplacementError, Subject};
use super::resmap::ResMap;
use super::steps::By;
use crate::model::{Because, Link};
use crate::yaml::{Dialect, Node, read_stream};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One replacement that was read.
pub struct Loaded {
    replacement: Replacement,
    /// The file it stands in.
    file: Arc<str>,
    /// Number and line of the entry that says or names it.
    entry: (usize, u32),
}

/// Reads all entries.
pub fn load(
    context: &Context<'_>,
    loader: &Loader<'_>,
    entries: &[Node],
    owner: &Arc<str>,
) -> Result<Vec<Loaded>, BuildError> {
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = (index, entry.mark.line);
        let read = |node: &Node, file: &Arc<str>| -> Result<Loaded, BuildError> {
            Ok(Loaded { replacement: parse(node, file)?, file: file.clone(), entry: at })
        };
        let Some(path) = entry.get("path").filter(|p| !p.is_null()) else {
            check(entry, owner)?;
            found.push(read(entry, owner)?);
            continue;
        };
        let fields = Fields::new(owner, "replacements");
        let path = fields.text(path)?;
        if ["source", "targets", "sourceValue"].iter().any(|f| entry.get(f).is_some_and(|n| !n.is_null())) {
            return Err(fields.refuse("`path` and an inline replacement exclude each other", entry));
        }
        let file = loader.load(&path).map_err(|c| c.in_field(owner, path.line(), "replacements"))?;
        let stream =
            read_stream(&file.bytes, &file.path, Dialect::Kustomization, context.inputs.documents.limits());
        if let Some(error) = stream.errors.first() {
            return Err(Cause::MalformedYaml(error.message.clone()).at(&file.path, error.line));
        }
        let Some(root) = stream.documents.first().map(|d| &d.root) else { continue };
        match root.as_seq() {
            Some(items) => {
                for item in items {
                    found.push(read(item, &file.path)?);
                }
            }
            None => found.push(read(root, &file.path)?),
        }
    }
    Ok(found)
}

impl Loaded {
    fn by(&self, owner: &Arc<str>) -> By<'static> {
        By {
            transformer: "ReplacementTransformer",
            file: owner.clone(),
            line: self.entry.1,
            entry: format!("replacements[{}]", self.entry.0),
            through: Some(self.file.clone()).filter(|file| file != owner),
        }
    }

    fn because(&self, node: &Node, value: &Node) -> Because {
        Because {
            of: node.mark.clone(),
            value: node.scalar_text().map(Into::into),
            link: Link::Replacement,
            source: self.replacement.source(),
            place: Some(value.mark.clone()).filter(|mark| mark.line > 0),
            sealed: None,
        }
    }
}

/// Unknown fields of an inline entry are errors, as everywhere in a kustomization.
fn check(entry: &Node, owner: &str) -> Result<(), BuildError> {
    const OPTIONS: [&str; 4] = ["delimiter", "index", "encoding", "create"];
    const SOURCE: [&str; 7] = ["group", "version", "kind", "name", "namespace", "fieldPath", "options"];
    const TARGET: [&str; 4] = ["select", "reject", "fieldPaths", "options"];
    let f = Fields::new(owner, "replacements");
    let options = |node: &Node| f.each(node, &OPTIONS, |_, _| Ok(()));
    f.each(entry, &["source", "targets", "sourceValue", "path"], |name, node| match name {
        "source" => {
            f.each(node, &SOURCE, |name, n| if name == "options" { options(n) } else { f.text(n).map(drop) })
        }
        "targets" => f.list(node)?.iter().try_for_each(|target| {
            f.each(target, &TARGET, |name, n| if name == "options" { options(n) } else { Ok(()) })
        }),
        _ => f.text(node).map(drop),
    })
}

fn parse(entry: &Node, file: &Arc<str>) -> Result<Replacement, BuildError> {
    Replacement::parse(entry).map_err(|e| error(&e, file))
}

fn error(error: &ReplacementError, file: &Arc<str>) -> BuildError {
    Cause::Replacement(error.to_string()).in_field(file, error.line(), "replacements")
}

/// Runs them in order. `told` names the file that asks for them, if each is to be kept as a step.
pub fn run(objects: &mut ResMap, replacements: &[Loaded], told: Option<&Arc<str>>) -> Result<(), BuildError> {
    if replacements.is_empty() {
        return Ok(());
    }
    let list = objects.list_mut();
    let ids: Vec<Vec<Id>> = list
        .iter()
        .map(|r| [r.id.clone()].into_iter().chain(r.history.iter().map(|p| r.past_id(p))).collect())
        .collect();
    let mut subjects: Vec<Subject<'_>> =
        list.iter_mut().zip(ids).map(|(r, ids)| Subject { ids, body: &mut r.body }).collect();
    let mut steps = Vec::new();
    for loaded in replacements {
        let mut because: BTreeMap<usize, Vec<Because>> = BTreeMap::new();
        loaded
            .replacement
            .apply_telling(&mut subjects, &mut |number, node, value| {
                if told.is_some() {
                    because.entry(number).or_default().push(loaded.because(node, value));
                }
            })
            .map_err(|e| error(&e, &loaded.file))?;
        for (number, because) in because {
            let by = told.map(|owner| loaded.by(owner));
            steps.extend(by.map(|by| (number, by.step(&*subjects[number].body, because))));
        }
    }
    drop(subjects);
    for (number, step) in steps {
        list[number].steps.push(step);
    }
    list.iter_mut().for_each(super::resource::Resource::refresh);
    Ok(())
}
