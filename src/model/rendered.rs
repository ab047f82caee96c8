//! What git says: environments, producers, and the objects they make.

use super::object::{Manifest, ObjectKey};
use super::problem::{Place, Problem, Reason, Severity};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A named set of things that one cluster gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name, for example `prod`.
    pub name: Arc<str>,
    /// The folder whose rendering starts it, for example `clusters/prod`.
    pub entry: Arc<str>,
    /// Why it is one, as a sentence with the place of the evidence.
    pub why: String,
    /// The evidence: what names its folder.
    pub evidence: Option<Place>,
}

/// What a producer asks of its controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerSpec {
    /// The folder it renders, relative to the repository.
    pub path: Arc<str>,
    /// Producers that must be ready before it.
    pub depends_on: Vec<ObjectKey>,
    /// The source it reads from (a GitRepository …).
    pub source: Option<ObjectKey>,
    /// True if git says that it is suspended.
    pub suspend: bool,
    /// True if what disappears from git is deleted from the cluster.
    pub prune: bool,
    /// True if readiness of its objects is waited for.
    pub wait: bool,
}

/// What owns objects: a Flux Kustomization, a HelmRelease, an Application, or a plain folder.
#[derive(Clone, Debug)]
pub struct Producer {
    /// The object that stands for it in the cluster; a plain folder has kind `Folder` and its path as name.
    pub key: ObjectKey,
    /// Index of the producer whose rendering made this one; `None` for an entry.
    pub parent: Option<usize>,
    /// Where it is declared.
    pub declared: super::object::Origin,
    /// What it asks for.
    pub spec: ProducerSpec,
    /// The objects it makes, in apply order of its controller's build.
    pub objects: Vec<Arc<Manifest>>,
    /// What is wrong with it. If `complete` is false, the first error says why.
    pub problems: Vec<Problem>,
    /// True if all it makes was rendered.
    pub complete: bool,
    /// What it read: paths of files read and folders listed.
    pub reads: Arc<[Arc<str>]>,
}

/// One environment, rendered at one revision.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// All producers, parents before children.
    pub producers: Vec<Producer>,
    /// What is wrong outside of any producer.
    pub problems: Vec<Problem>,
}

/// How much was rendered: "41 of 43; 2 need helm".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Producers that were rendered completely.
    pub complete: usize,
    /// All producers.
    pub total: usize,
    /// Why the others were not, with how many each.
    pub missing: BTreeMap<Reason, usize>,
}

impl Rendered {
    /// How much was rendered.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage { total: self.producers.len(), ..Coverage::default() };
        for producer in &self.producers {
            match producer.problems.first() {
                _ if producer.complete => coverage.complete += 1,
                Some(problem) => *coverage.missing.entry(problem.reason).or_default() += 1,
                None => {}
            }
        }
        coverage
    }

    /// Why producers were not rendered completely: the first error of each.
    pub fn not_rendered(&self) -> impl Iterator<Item = &Problem> {
        let missing = self.producers.iter().filter(|p| !p.complete);
        missing.filter_map(|p| p.problems.iter().find(|problem| problem.severity == Severity::Error))
    }

    /// All that is wrong, outside of producers first.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(self.producers.iter().flat_map(|p| &p.problems))
    }

    /// All objects with the index of their producer.
    pub fn objects(&self) -> impl Iterator<Item = (usize, &Arc<Manifest>)> {
        self.producers.iter().enumerate().flat_map(|(i, p)| p.objects.iter().map(move |o| (i, o)))
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} rendered", self.complete, self.total)?;
        let parts: Vec<String> = self.missing.iter().map(|(r, n)| r.counted(*n)).collect();
        if parts.is_empty() { Ok(()) } else { write!(f, "; {}", parts.join(", ")) }
    }
}
