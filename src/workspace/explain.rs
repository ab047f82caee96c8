//! The way of an object: each step of rendering, with what it changed and what that was before.

use super::details::FieldChange;
use super::history::{place_of, shown, text};
use super::session::Session;
use crate::diff;
use crate::model::{Because, Link, Manifest, ObjectKey, Place, Problem, Severity, Step, Tree};
use crate::render::settle;
use crate::render::story::{Told, story};
use crate::yaml::Mark;
use std::sync::Arc;

/// How one object of one environment came to be.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The environment.
    pub environment: Arc<str>,
    /// The object.
    pub object: ObjectKey,
    /// What makes it, the entry last: each is an object of the next one.
    pub producers: Vec<ObjectKey>,
    /// The steps that did something to it, or to the field that was asked for.
    pub steps: Vec<ExplainedStep>,
}

/// One step, in words.
#[derive(Clone, Debug)]
pub struct ExplainedStep {
    /// What it is: `file`, a transformer, `postBuild`.
    pub by: Arc<str>,
    /// Where it is asked for.
    pub place: Place,
    /// The file that is named there, if the entry says no more than that: of a patch, of replacements.
    pub through: Option<Arc<str>>,
    /// What it changed; secrets are words. Of one field it may be the same value again.
    pub changes: Vec<FieldChange>,
    /// Where the value of the one field that was asked for is written.
    pub written: Option<Mark>,
    /// Where that value came from, if its place does not say all.
    pub sources: Vec<Source>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What ties the value to it, for machines: `name`, `hash`, `variable`, `default`, `var`, `replacement`, `sealed`.
    pub link: &'static str,
    /// In words, never a value.
    pub said: String,
    /// Where it is written, if that is in the repository.
    pub written: Option<Mark>,
    /// The sealed file it came out of.
    pub sealed: Option<Arc<str>>,
}

impl Session {
    /// The way of every object that `key` means, at a revision or as the files lie on disk; with `field` only the steps
    /// that set that field, for example `spec.template.spec.containers[app].image`.
    pub(super) fn explain(
        &self,
        at: Option<&str>,
        key: &ObjectKey,
        field: Option<&str>,
    ) -> Result<Vec<Explained>, Problem> {
        let tree = self.tree_of(at)?;
        let found = self.environments(&*tree);
        if let (true, Some(problem)) =
            (found.environments.is_empty(), found.problems.into_iter().find(|p| p.severity != Severity::Note))
        {
            return Err(problem);
        }
        let mut all = Vec::new();
        for environment in &found.environments {
            let rendered = self.render_with_steps(&*tree, environment);
            for (place, manifest) in rendered.objects().filter(|(_, m)| key.means(&m.key)) {
                let above = std::iter::successors(Some(place), |at| rendered.producers.get(*at)?.parent);
                all.push(Explained {
                    environment: environment.name.clone(),
                    object: manifest.key.clone(),
                    producers: above.filter_map(|at| Some(rendered.producers.get(at)?.key.clone())).collect(),
                    steps: steps(&*tree, manifest, field),
                });
            }
        }
        Ok(all)
    }
}

/// The steps that changed something, or set the field; the first one, which brings the object, always is one.
fn steps(tree: &dyn Tree, manifest: &Manifest, field: Option<&str>) -> Vec<ExplainedStep> {
    if let Some(field) = field {
        let mut all = story(manifest, field);
        for told in &mut all {
            settle(told, tree);
        }
        return all.into_iter().map(|told| of_field(field, told)).collect();
    }
    let mut before: Option<&Step> = None;
    let mut told = Vec::new();
    for step in &manifest.steps {
        let changes = before
            .map(|before| shown(&diff::compare(Some(&before.body), Some(&step.body))))
            .unwrap_or_default();
        if before.is_none() || !changes.is_empty() {
            let (by, place, through) = (step.by.clone(), step.place.clone(), step.through.clone());
            told.push(ExplainedStep { by, place, through, changes, written: None, sources: Vec::new() });
        }
        before = Some(step);
    }
    told
}

/// What a step did to one field.
fn of_field(field: &str, told: Told) -> ExplainedStep {
    let mut sources: Vec<Source> = told.because.iter().map(source).collect();
    sources.extend(told.sealed.clone().map(|file| Source {
        link: "sealed",
        said: format!("from sealed file {file}"),
        written: None,
        sealed: Some(file),
    }));
    let change = FieldChange {
        path: field.to_owned(),
        before: told.before.as_ref().map(text),
        after: told.after.as_ref().map(text),
        place: told.after.as_ref().or(told.before.as_ref()).and_then(place_of),
    };
    ExplainedStep {
        by: told.by,
        place: told.place,
        through: told.through,
        changes: vec![change],
        written: Some(told.written).filter(|mark| mark.line > 0),
        sources,
    }
}

fn source(because: &Because) -> Source {
    let said = match (because.link, &because.sealed) {
        (Link::Name, _) => format!("follows the name of {}", because.source),
        (Link::Hash, Some(file)) => format!("ends with {}, some from sealed file {file}", because.source),
        (Link::Hash, None) => format!("ends with {}", because.source),
        (_, Some(file)) => format!("{}, from sealed file {file}", because.source),
        (_, None) => because.source.clone(),
    };
    let written = because.place.clone().filter(|mark| mark.line > 0);
    Source { link: because.link.code(), said, written, sealed: because.sealed.clone() }
}
