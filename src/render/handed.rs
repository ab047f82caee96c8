//! What the source of a Flux Kustomization hands on: this repository, copies out of it, or nothing that is known here.

use super::discover::note;
use super::environment::Engine;
use super::flux::artifact::Copy;
use super::flux::ignore::Ignore;
use super::flux::spec::Spec;
use super::sources::url_of;
use crate::model::{EntryKind, Manifest, ObjectKey, Problem, Reason};
use crate::yaml::Node;
use std::sync::Arc;

/// What a source hands on, or why that cannot be told.
pub(super) enum Handed {
    Artifact(Arc<Ignore>),
    Copies(Arc<Ignore>, Vec<Copy>),
    Nothing(Problem),
}

impl Engine<'_> {
    /// What the source of a Kustomization hands on.
    pub(super) fn handed(&mut self, spec: &Spec) -> Handed {
        if &*spec.source.kind == "ExternalArtifact" {
            return self.external(spec);
        }
        let source = self.source(&spec.source).cloned();
        let taken = match (&source, self.home.is(&spec.source, source.as_deref())) {
            (_, true) => true,
            (None, false) => self.guess(spec),
            (Some(_), false) => false,
        };
        if !taken {
            return Handed::Nothing(elsewhere(spec, source.as_deref()));
        }
        let ignore = source
            .as_ref()
            .and_then(|s| s.body.at_path(&["spec", "ignore"])?.scalar_text().map(str::to_owned));
        match self.ignore(ignore) {
            Ok(ignore) => Handed::Artifact(ignore),
            Err(problem) => Handed::Nothing(problem),
        }
    }

    /// A source that nobody declares is taken for this repository if the path exists here.
    fn guess(&mut self, spec: &Spec) -> bool {
        let exists = self.tree.entry(&spec.path).ok().flatten().is_some_and(|e| e.kind == EntryKind::Folder);
        let taken = exists && !spec.path.is_empty() && &*spec.source.kind == "GitRepository";
        if taken {
            self.home.adopt(&spec.source);
            let cause = format!(
                "{} is not declared here; it is taken for this repository, since {} exists",
                spec.source, spec.path
            );
            self.problems.push(note(Reason::Repository, cause).at(&spec.origin.file, spec.origin.line));
        }
        taken
    }

    fn ignore(&mut self, own: Option<String>) -> Result<Arc<Ignore>, Problem> {
        if let Some(ignore) = self.ignores.get(&own) {
            return Ok(ignore.clone());
        }
        let ignore = Ignore::load(self.tree, own.as_deref(), &self.inputs.caches.bare)
            .map(Arc::new)
            .map_err(|error| Problem::error(Reason::Repository, error.to_string()))?;
        self.ignores.insert(own, ignore.clone());
        Ok(ignore)
    }

    /// An artifact that an `ArtifactGenerator` copies together.
    fn external(&mut self, spec: &Spec) -> Handed {
        let found = self.objects.values().find_map(|m| {
            let is_generator =
                &*m.key.kind == "ArtifactGenerator" && m.key.namespace == spec.source.namespace;
            let artifacts = m.body.at_path(&["spec", "artifacts"]).filter(|_| is_generator)?.as_seq()?;
            let artifact = artifacts.iter().find(|a| a.str_at(&["name"]) == Some(&spec.source.name))?;
            Some((m.clone(), artifact.clone()))
        });
        let Some((generator, artifact)) = found else {
            let cause = format!("no ArtifactGenerator in the repository makes {}", spec.source);
            return Handed::Nothing(Problem::error(Reason::NeedsNetwork, cause));
        };
        let sources = generator.body.at_path(&["spec", "sources"]).and_then(Node::as_seq).unwrap_or_default();
        let mut copies = Vec::new();
        for copy in artifact.get("copy").and_then(Node::as_seq).unwrap_or_default() {
            match self.copy(copy, sources, &generator) {
                Ok(copy) => copies.push(copy),
                Err(problem) => return Handed::Nothing(problem),
            }
        }
        match self.ignore(None) {
            Ok(ignore) => Handed::Copies(ignore, copies),
            Err(problem) => Handed::Nothing(problem),
        }
    }

    /// One copy rule: `@alias/path` to `@artifact/path`.
    fn copy(&self, copy: &Node, sources: &[Node], generator: &Manifest) -> Result<Copy, Problem> {
        let text = |key: &str| copy.get(key).and_then(Node::scalar_text).unwrap_or("");
        let refuse =
            |reason, cause: String| Problem::error(reason, cause).at(&generator.origin.file, copy.mark.line);
        let (alias, from) =
            text("from").trim_start_matches('@').split_once('/').unwrap_or((text("from"), ""));
        let to = text("to").strip_prefix("@artifact").unwrap_or("");
        let source = sources.iter().find(|s| s.str_at(&["alias"]) == Some(alias)).and_then(|s| {
            let namespace = s.str_at(&["namespace"]).unwrap_or(&generator.key.namespace);
            Some(ObjectKey::new(
                super::flux::spec::SOURCES,
                s.str_at(&["kind"])?,
                namespace,
                s.str_at(&["name"])?,
            ))
        });
        let Some(source) = source else {
            return Err(refuse(Reason::InvalidObject, format!("{} has no source `{alias}`", generator.key)));
        };
        let declared = self.source(&source).map(|s| &**s);
        // An alias that nobody declares is the repository that the generator itself comes from.
        if declared.is_some() && !self.home.is(&source, declared) {
            let cause = format!("{} copies from {source}, which is another repository", generator.key);
            return Err(refuse(Reason::NeedsNetwork, cause));
        }
        if matches!(text("strategy"), "Merge" | "Extract") {
            let cause = format!("{} copies with the strategy {}", generator.key, text("strategy"));
            return Err(refuse(Reason::NotSupported, cause));
        }
        let exclude = copy.get("exclude").and_then(Node::as_seq).unwrap_or_default();
        let exclude = exclude.iter().filter_map(|n| n.scalar_text().map(str::to_owned)).collect();
        Ok(Copy { from: from.to_owned(), to: to.to_owned(), exclude })
    }
}

fn elsewhere(spec: &Spec, source: Option<&Manifest>) -> Problem {
    let Some(source) = source else {
        let cause = format!(
            "{} is not declared in the repository, and {} does not exist here",
            spec.source,
            if spec.path.is_empty() { "its path" } else { &spec.path }
        );
        return Problem::error(Reason::NeedsNetwork, cause);
    };
    let text = |path: &[&str]| source.body.at_path(path).and_then(Node::scalar_text);
    let at = ["tag", "semver", "commit", "branch", "digest"]
        .iter()
        .find_map(|field| text(&["spec", "ref", field]))
        .map_or_else(String::new, |reference| format!(" at {reference}"));
    let url = crate::model::clean(url_of(source).unwrap_or("?"));
    let path = if spec.path.is_empty() { String::new() } else { format!(", folder {}", spec.path) };
    let cause = format!("not rendered: {} is another repository ({url}{at}{path})", spec.source);
    Problem::error(Reason::NeedsNetwork, cause).next("look at its objects in the cluster")
}
