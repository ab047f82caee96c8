//! What one Kustomization or folder makes: remembered, built now, or built before its turn with all threads.

use super::ahead;
use super::builds::{Find, Kept, Task};
use super::environment::Engine;
use super::flux::artifact::Artifact;
use super::flux::build::{self, Made, Outside};
use super::flux::ignore::Ignore;
use super::flux::spec::{Spec, clean_path};
use super::{folders, kustomize};
use crate::model::{ObjectKey, Opener, Tree};
use std::sync::{Arc, PoisonError};

/// Fewer builds than this are not spread over threads.
const FEW: usize = 4;

/// A Kustomization to build: what it gets to see, the number of the task, and itself.
type Job<'j> = (Artifact<'j>, u64, &'j Spec);

impl<'a> Engine<'a> {
    /// What a Kustomization makes of an artifact: remembered, or built now.
    pub(super) fn render(&self, ignore: Arc<Ignore>, spec: &Spec) -> Arc<Kept> {
        let find: Find<'_> = &|key| self.find(key);
        let print = ignore.print;
        let artifact = Artifact::new(self.tree, ignore);
        let Some(task) = self.task(&spec.key, || Task::Flux(spec.clone().into(), print)) else {
            return Arc::new(Kept::from(self.build(&artifact, spec, find)));
        };
        let builds = &self.inputs.caches.builds;
        builds.find(task, self.tree, &artifact, find).unwrap_or_else(|| {
            self.build_ahead();
            // It may have been built by another caller meanwhile; then it is built again to the same effect.
            builds.build(task, &artifact, find, |tree, find| self.build(tree, spec, find))
        })
    }

    /// Builds what waits, with all threads, before its turn. Only the memory of builds gets to know it: when its turn
    /// comes the result is found there, if it still holds, and else it is made again.
    fn build_ahead(&self) {
        let workers = self.inputs.caches.surveys.workers();
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if workers < 2 || self.pending.len() < FEW {
            return;
        }
        let builds = &self.inputs.caches.builds;
        let is_known = |(artifact, task, _): &Job<'_>| {
            builds.find(*task, self.tree, artifact, &|key| self.find(key)).is_some()
        };
        let mut jobs = self.pending.iter().map(|(spec, _)| spec).filter_map(|spec| {
            let is_free = !tried.contains(&spec.key) && !self.seen.contains_key(&spec.key);
            if !is_free || spec.is_remote() || !self.is_ready(spec) {
                return None;
            }
            let ignore = self.known_ignore(spec)?;
            let task = self.task(&spec.key, || Task::Flux(spec.clone().into(), ignore.print))?;
            Some((Artifact::new(self.tree, ignore), task, spec))
        });
        // Where most is known already, one thing more to build is not worth a thread.
        let first: Vec<Job<'_>> = jobs.by_ref().take(FEW).collect();
        if first.len() < FEW || first.iter().filter(|job| is_known(job)).count() > 1 {
            return;
        }
        let jobs: Vec<Job<'_>> = first.into_iter().chain(jobs).collect();
        tried.extend(jobs.iter().map(|(.., spec)| spec.key.clone()));
        drop(tried);
        ahead::each(workers, &jobs, |job| {
            if !is_known(job) {
                let (artifact, task, spec) = job;
                let find: Find<'_> = &|key| self.find(key);
                builds.build(*task, artifact, find, |tree, find| self.build(tree, spec, find));
            }
        });
    }

    /// The patterns of a Kustomization's source, if they were read already.
    fn known_ignore(&self, spec: &Spec) -> Option<Arc<Ignore>> {
        let source = self.source(&spec.source);
        let own = source.and_then(|s| s.body.at_path(&["spec", "ignore"])?.scalar_text().map(str::to_owned));
        let is_home = self.home.is(&spec.source, source.map(|s| &**s));
        self.ignores.get(&own).filter(|_| is_home && &*spec.source.kind != "ExternalArtifact").cloned()
    }

    /// The same for folders.
    pub(super) fn folders_ahead(&self, paths: &[String]) {
        if paths.len() >= FEW && self.inputs.caches.surveys.workers() > 1 {
            ahead::each(self.inputs.caches.surveys.workers(), paths, |path| drop(self.made_of_folder(path)));
        }
    }

    /// The number of a build that may be remembered. What others fetched is not told apart, and steps are kept by nobody.
    fn task(&self, key: &ObjectKey, task: impl FnOnce() -> Task) -> Option<u64> {
        // Files on disk have no identity.
        let has_ids = self.tree.id().0 != [0; 20];
        let is_own = has_ids && self.inputs.bases.is_empty() && !self.inputs.steps;
        let keys = self.inputs.opener.map(Opener::generation);
        is_own.then(|| self.inputs.caches.builds.number(key, task(), keys))
    }

    pub(super) fn build(&self, tree: &dyn Tree, spec: &Spec, find: Find<'_>) -> Made {
        let inputs = self.kustomize_inputs();
        // Asked for steps alone, and what has steps is remembered by nobody.
        let sealed = |key: &ObjectKey| self.objects.get(key).and_then(|m| m.origin.sealed.clone());
        build::render(
            tree,
            spec,
            &Outside { opener: self.inputs.opener, inputs: &inputs, find, sealed: &sealed },
        )
    }

    fn kustomize_inputs(&self) -> kustomize::Inputs<'a> {
        kustomize::Inputs {
            opener: self.inputs.opener,
            remotes: self.inputs.bases,
            steps: self.inputs.steps,
            ..kustomize::Inputs::new(&self.inputs.caches.documents)
        }
    }

    pub(super) fn made_of_folder(&self, path: &str) -> Arc<Kept> {
        let (folder, inputs) = (clean_path(path), self.kustomize_inputs());
        let build = |tree: &dyn Tree| folders::render(tree, &folder, self.survey, &inputs);
        let key = ObjectKey::new("", "Folder", "", &folder);
        let Some(task) = self.task(&key, || Task::Folder(folders::own_files(&folder, self.survey))) else {
            return Arc::new(Kept::from(build(self.tree)));
        };
        let builds = &self.inputs.caches.builds;
        let known = builds.find(task, self.tree, self.tree, &|_| None);
        known.unwrap_or_else(|| builds.build(task, self.tree, &|_| None, |tree, _| build(tree)))
    }
}
