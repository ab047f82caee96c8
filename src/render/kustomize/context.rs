//! What one build carries along: its inputs, what it read, and what it left out.

use super::config::Config;
use super::documents::DocumentCache;
use super::error::{BuildError, Cause};
use super::limits::Budget;
use super::openapi::Schemas;
use super::reads::ReadSet;
use crate::model::{Opener, Problem, Severity, Tree};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// How to build.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// True if files must lie in or below the folder that names them (`--load-restrictor`).
    pub confined: bool,
    /// The order of the output, unless the outermost kustomization says otherwise.
    pub order: Order,
    /// True to add the label `app.kubernetes.io/managed-by`.
    pub managed_by_label: bool,
    /// True to leave out, and name, what lies outside of the repository or needs a program.
    pub partial: bool,
}

/// The order of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By kind, as kustomize, kubectl and Argo CD do.
    Legacy,
    /// As declared, as Flux does.
    None,
}

impl Default for BuildOptions {
    /// What `kustomize build` does when nothing is asked.
    fn default() -> Self {
        Self { confined: true, order: Order::Legacy, managed_by_label: false, partial: false }
    }
}

/// All that a build takes from outside of its tree.
pub struct Inputs<'a> {
    /// Opens sealed sources of `secretGenerator`; without it they are used as they are.
    pub opener: Option<&'a dyn Opener>,
    /// Content of remote entries, by the entry as it is written.
    pub remotes: &'a BTreeMap<String, Remote>,
    /// Parsed files.
    pub documents: &'a DocumentCache,
    /// True to keep each step of each object ([`crate::model::Manifest::steps`]).
    pub steps: bool,
}

/// No remote entry has content.
pub(crate) static NO_BASES: BTreeMap<String, Remote> = BTreeMap::new();

impl<'a> Inputs<'a> {
    /// The tree alone: sealed sources stay closed, remote entries are not there.
    pub fn new(documents: &'a DocumentCache) -> Self {
        Self { opener: None, remotes: &NO_BASES, documents, steps: false }
    }
}

/// Content of one remote entry, fetched by somebody else.
#[derive(Clone)]
pub struct Remote {
    /// The files.
    pub tree: Arc<dyn Tree>,
    /// The folder with the kustomization, or the file, inside.
    pub path: String,
}

/// Something a partial build left out.
#[derive(Clone, Debug)]
pub struct Omission {
    /// The entry as written: a URL, a chart, a plug-in.
    pub entry: String,
    /// Why.
    pub error: BuildError,
}

/// One build.
pub struct Context<'a> {
    /// How.
    pub options: &'a BuildOptions,
    /// From what.
    pub inputs: &'a Inputs<'a>,
    /// The default field specs.
    pub defaults: Arc<Config>,
    /// What it read.
    pub reads: Rc<RefCell<ReadSet>>,
    notes: RefCell<Vec<Problem>>,
    omissions: RefCell<Vec<Omission>>,
    /// True if the outermost kustomization asks for origins.
    pub traced: bool,
    /// What it has used of what it may use.
    pub budget: Budget,
    /// How lists merge: the built-in schema, or the one a kustomization names.
    pub schema: Schemas,
}

impl<'a> Context<'a> {
    /// A build about to start.
    pub fn new(options: &'a BuildOptions, inputs: &'a Inputs<'a>) -> Self {
        Self {
            options,
            inputs,
            defaults: inputs.documents.defaults.clone(),
            reads: Rc::default(),
            notes: RefCell::default(),
            omissions: RefCell::default(),
            traced: false,
            budget: Budget::default(),
            schema: Schemas::default(),
        }
    }

    /// Notes something worth telling that does not stop the build.
    pub fn note(&self, problem: Problem) {
        self.notes.borrow_mut().push(problem);
    }

    /// Leaves something out if that is allowed and possible; gives the error back otherwise.
    pub fn omit(&self, entry: &str, error: BuildError) -> Result<(), BuildError> {
        if !self.options.partial || !error.cause.is_outside() {
            return Err(error);
        }
        self.omissions.borrow_mut().push(Omission { entry: entry.to_owned(), error });
        Ok(())
    }

    /// Passes over what fails only because something was left out: a patch whose target is missing. It is
    /// noted, and the omission says why.
    pub fn forgive(&self, result: Result<(), BuildError>) -> Result<(), BuildError> {
        let Err(error) = result else { return Ok(()) };
        let follows = match &*error.cause {
            Cause::PatchTarget { matches: 0, .. } | Cause::Replacement(_) => true,
            Cause::Transformer { transformer, .. } => *transformer == "replicas",
            _ => false,
        };
        if !follows || self.omissions.borrow().is_empty() {
            return Err(error);
        }
        let mut problem = error.problem();
        problem.severity = Severity::Warning;
        self.note(problem.next("it may be part of what was left out"));
        Ok(())
    }

    /// What was noted and left out.
    pub fn into_findings(self) -> (Vec<Problem>, Vec<Omission>) {
        (self.notes.into_inner(), self.omissions.into_inner())
    }
}
