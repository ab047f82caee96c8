//! What a rendering takes from outside of its tree, and what is remembered between renderings.

use super::builds::BuildCache;
use super::flux::ignore::Bare;
use super::kustomize::{DocumentCache, NO_BASES, Remote};
use super::survey_cache::SurveyCache;
use crate::model::{ObjectKey, Opener, Scopes};
use crate::yaml::Node;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// What is remembered between renderings; any tree and any revision may use it.
#[derive(Default)]
pub struct Caches {
    /// Parsed files.
    pub documents: DocumentCache,
    /// What files declare.
    pub surveys: SurveyCache,
    /// What Kustomizations and folders made.
    pub builds: BuildCache,
    /// Folders without patterns of Flux.
    pub(super) bare: Bare,
}

impl Caches {
    /// Empty caches that are filled by so many threads; by as many as there are cores without it.
    pub fn with_workers(workers: usize) -> Self {
        let documents = DocumentCache::default().with_workers(workers);
        Self { documents, surveys: SurveyCache::with_workers(workers), ..Self::default() }
    }
}

/// All that rendering takes from outside of the tree.
pub struct Inputs<'a> {
    /// What is remembered.
    pub caches: &'a Caches,
    /// Opens sealed files; without it they stay closed.
    pub opener: Option<&'a dyn Opener>,
    /// URLs of the repository itself, by which sources are recognised.
    pub remotes: &'a [String],
    /// Content of remote bases, by the entry as it is written.
    pub bases: &'a BTreeMap<String, Remote>,
    /// Which kinds have namespaces, if a cluster said so.
    pub scopes: Option<&'a Scopes>,
    /// `ConfigMap`s and Secrets with variables that the repository does not declare, as a cluster has them.
    pub known: &'a HashMap<ObjectKey, Node>,
    /// True to keep each step of each object ([`crate::model::Manifest::steps`]).
    pub steps: bool,
}

static NOTHING_KNOWN: LazyLock<HashMap<ObjectKey, Node>> = LazyLock::new(HashMap::new);

impl<'a> Inputs<'a> {
    /// The repository alone: sealed files stay closed, remote bases are not there, no cluster was asked.
    pub fn new(caches: &'a Caches) -> Self {
        Self {
            caches,
            opener: None,
            remotes: &[],
            bases: &NO_BASES,
            scopes: None,
            known: &NOTHING_KNOWN,
            steps: false,
        }
    }
}
