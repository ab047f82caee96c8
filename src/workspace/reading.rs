//! Reading without a cluster: what a folder builds to, what a revision says, what differs between two.

use super::plan::PlanEffect;
use super::rehearse::{Rehearsal, rehearse};
use super::session::Session;
use crate::git::DiskTree;
use crate::model::{Coverage, ObjectKey, Origin, Problem, Reason, Revision, Severity, Tree, clean};
use crate::render::kustomize::{self, BuildOptions, DocumentCache, Inputs, Order};
use crate::yaml::to_masked_string;
use std::path::Path;
use std::sync::Arc;

/// How `build` is asked, in kustomize's words.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// True if files must lie in or below the folder that names them.
    pub confined: bool,
    /// True for the order by kind, false for the order as declared.
    pub legacy_order: bool,
    /// True to add the label `app.kubernetes.io/managed-by`.
    pub managed_by_label: bool,
}

/// What a folder on disk builds to: the bytes that `kustomize build` prints.
pub fn build(folder: &Path, request: &BuildRequest) -> Result<String, Problem> {
    let shown = folder.to_string_lossy();
    let unreadable = |e: std::io::Error| Problem::error(Reason::MissingFile, e.to_string()).at(&shown, 0);
    let (tree, inside) = DiskTree::around(folder).map_err(unreadable)?;
    let options = BuildOptions {
        confined: request.confined,
        order: if request.legacy_order { Order::Legacy } else { Order::None },
        managed_by_label: request.managed_by_label,
        partial: false,
    };
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let built = kustomize::build(&tree, &inside, &options, &inputs).map_err(|e| e.problem())?;
    Ok(kustomize::to_text(&built))
}

/// One environment as git says it.
#[derive(Clone, Debug)]
pub struct RenderedEnvironment {
    /// Its name.
    pub name: Arc<str>,
    /// Why it is one.
    pub why: String,
    /// How much was rendered.
    pub coverage: Coverage,
    /// The objects in the order of their producers.
    pub objects: Vec<RenderedObject>,
    /// What could not be rendered, and everything else that is wrong.
    pub problems: Vec<Problem>,
}

/// One object as git says it, secrets masked.
#[derive(Clone, Debug)]
pub struct RenderedObject {
    /// The object.
    pub key: ObjectKey,
    /// Its producer.
    pub producer: ObjectKey,
    /// Where it is declared.
    pub origin: Origin,
    /// As YAML.
    pub yaml: String,
}

/// What differs between two revisions, object by object.
#[derive(Clone, Debug)]
pub struct Differences {
    /// The effect on every environment.
    pub effects: Vec<PlanEffect>,
    /// How much was rendered.
    pub coverage: Coverage,
    /// What was not.
    pub not_rendered: Vec<Problem>,
    /// What else is to be known: an entry that goes.
    pub warnings: Vec<Problem>,
}

impl Session {
    /// The tree of a revision as a person names it; the files on disk if none is named.
    pub(super) fn tree_of(&self, revision: Option<&str>) -> Result<Arc<dyn Tree>, Problem> {
        match revision {
            None => self.tree(Revision::Worktree),
            Some(text) => self.tree(Revision::Commit(self.repo.resolve(text).map_err(|e| e.problem())?)),
        }
    }

    /// All environments as git says them at a revision.
    pub(super) fn rendered_at(&self, revision: Option<&str>) -> Result<Vec<RenderedEnvironment>, Problem> {
        let tree = self.tree_of(revision)?;
        let found = self.environments(&*tree);
        let mut all: Vec<RenderedEnvironment> = found
            .environments
            .iter()
            .map(|environment| {
                let rendered = self.render(&*tree, environment);
                let of_producer = |p: &crate::model::Producer| -> Vec<RenderedObject> {
                    let object = |m: &Arc<crate::model::Manifest>| RenderedObject {
                        key: m.key.clone(),
                        producer: p.key.clone(),
                        origin: m.origin.clone(),
                        yaml: clean(&to_masked_string(&m.body)),
                    };
                    p.objects.iter().map(object).collect()
                };
                RenderedEnvironment {
                    name: environment.name.clone(),
                    why: environment.why.clone(),
                    coverage: rendered.coverage(),
                    objects: rendered.producers.iter().flat_map(of_producer).collect(),
                    problems: rendered
                        .problems
                        .iter()
                        .chain(rendered.producers.iter().flat_map(|p| p.problems.iter()))
                        .cloned()
                        .collect(),
                }
            })
            .collect();
        if let Some(first) = all.first_mut() {
            first.problems.extend(found.problems);
        } else if let Some(problem) = found.problems.into_iter().find(|p| p.severity != Severity::Note) {
            return Err(problem);
        }
        Ok(all)
    }

    /// What differs between two revisions, in all environments or in one; `None` is the files on disk.
    pub(super) fn differences(
        &self,
        from: Option<&str>,
        to: Option<&str>,
        only: Option<&str>,
    ) -> Result<Differences, Problem> {
        let (before, after) = (self.tree_of(from)?, self.tree_of(to)?);
        if let Some(only) = only {
            let known =
                |tree: &dyn Tree| self.environments(tree).environments.iter().any(|e| *e.name == *only);
            if !known(&*before) && !known(&*after) {
                return Err(Problem::error(Reason::Config, format!("there is no environment {only}"))
                    .next("`sealane status` lists the environments"));
            }
        }
        let Rehearsal { effects, coverage, not_rendered, warnings } = rehearse(self, &*before, &*after, only);
        Ok(Differences { effects, coverage, not_rendered, warnings })
    }
}
