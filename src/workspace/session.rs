//! `Session`: the repository, its rules, the identities at hand, and what was rendered already.
//!
//! Everything a face sees of a rendered object has passed [`Session::render`], which turns secret values into
//! digests before it gives anything away.

use super::blinded::Blinded;
use super::environments::ConfigLines;
use super::outside::Outside;
use crate::config::{self, REPOSITORY_FILE, RepositoryConfig};
use crate::diff;
use crate::git::{Head, Repo};
use crate::model::{CommitId, ContentId, Environment, Problem, Reason, Rendered, Revision, Tree};
use crate::render::{self, Caches, Inputs};
use crate::seal::{KeySources, Keyring, KeyringOpener, Rules};
use crate::secret::DigestKey;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How many rendered environments are kept: a handful of environments at a handful of revisions.
const KEPT: usize = 48;

/// One repository, open.
pub(super) struct Session {
    pub(super) repo: Repo,
    pub(super) config: RepositoryConfig,
    /// Where it says what.
    pub(super) config_lines: ConfigLines,
    /// True if that file is there and cannot be read.
    config_unread: bool,
    pub(super) keyring: Arc<Keyring>,
    pub(super) digests: Arc<DigestKey>,
    pub(super) caches: Caches,
    /// Fields that the repository's configuration leaves out of comparisons.
    pub(super) ignore: Arc<diff::Rules>,
    /// Where the repository itself is, by which sources in it are recognised.
    pub(super) remotes: Vec<String>,
    rendered: Mutex<VecDeque<(RenderKey, Arc<Rendered>)>>,
    blinded: Blinded,
    /// What is wrong with the configuration; everything else goes on without it.
    pub(super) problems: Vec<Problem>,
}

type RenderKey = (ContentId, (Arc<str>, Arc<str>), u64, u64);

impl Session {
    /// Opens the repository around `path` with the identities found in `sources`.
    pub(super) fn open(path: &Path, sources: &KeySources) -> Result<Self, Problem> {
        let repo = Repo::open(path).map_err(|e| e.problem())?;
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|_| Problem::error(Reason::Config, "the operating system gave no random bytes"))?;
        let mut session = Self {
            repo,
            config: RepositoryConfig::default(),
            config_lines: ConfigLines::default(),
            config_unread: false,
            keyring: Arc::new(Keyring::load(sources)),
            digests: Arc::new(DigestKey::new(key)),
            caches: Caches::default(),
            ignore: Arc::default(),
            remotes: Vec::new(),
            rendered: Mutex::default(),
            blinded: Blinded::default(),
            problems: Vec::new(),
        };
        // Without remotes sources are recognised by their names alone.
        let remotes = session.repo.remotes().unwrap_or_default();
        session.remotes = remotes.into_iter().map(|r| r.url).collect();
        match session.read_config() {
            Ok(config) => session.config = config,
            Err(problem) => {
                session.config_unread = true;
                session.problems.push(*problem);
            }
        }
        let (ignore, problems) = ignore_rules(&session.config.ignore);
        session.ignore = Arc::new(ignore);
        session.problems.extend(problems);
        Ok(session)
    }

    /// True if pushing to a branch asks for an environment's name. A configuration that cannot be read may have said so
    /// of every branch.
    pub(super) fn protects(&self, branch: &str, production: bool) -> bool {
        let named = &self.config.protected_branches;
        self.config_unread || named.contains(branch) || production && named.is_empty()
    }

    fn read_config(&mut self) -> Result<RepositoryConfig, Box<Problem>> {
        let file = self.repo.root().join(REPOSITORY_FILE);
        match std::fs::read_to_string(file) {
            Ok(text) => {
                self.config_lines = ConfigLines::of(&text);
                RepositoryConfig::parse(&text)
            }
            Err(_) => Ok(RepositoryConfig::default()),
        }
    }

    /// The commit at HEAD; `None` on a branch without commits.
    pub(super) fn head(&self) -> Result<Option<CommitId>, Problem> {
        match self.repo.head().map_err(|e| e.problem())? {
            Head::Branch { at, .. } | Head::Detached { at } => Ok(Some(at)),
            Head::Unborn { .. } => Ok(None),
        }
    }

    /// The files of a revision.
    pub(super) fn tree(&self, revision: Revision) -> Result<Arc<dyn Tree>, Problem> {
        self.repo.tree(revision).map_err(|e| e.problem())
    }

    /// True if the configuration says that an environment is production, or its name does.
    pub(super) fn is_production(&self, name: &str) -> bool {
        let said = self.config.environments.get(name).and_then(|c| c.production);
        said.unwrap_or_else(|| {
            name.split(['-', '_', '.']).any(|part| matches!(part, "prod" | "production" | "live"))
        })
    }

    /// What git says about one environment in one tree, secrets as digests.
    pub(super) fn render(&self, tree: &dyn Tree, environment: &Environment) -> Arc<Rendered> {
        self.render_with(tree, environment, &Outside::default())
    }

    /// The same, with what the environment's cluster adds.
    pub(super) fn render_with(
        &self,
        tree: &dyn Tree,
        environment: &Environment,
        outside: &Outside,
    ) -> Arc<Rendered> {
        // Several environments may start from one folder: names tell them apart.
        let start = (environment.entry.clone(), environment.name.clone());
        let key = (tree.id(), start, self.keyring.generation(), outside.id);
        if let Some(known) = self.kept(&key) {
            return known;
        }
        let rendered = Arc::new(self.render_anew(tree, environment, outside, false));
        let mut kept = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((key, rendered.clone()));
        kept.truncate(KEPT);
        rendered
    }

    /// Renders, whatever is remembered; with every step of every object, if they are asked for.
    fn render_anew(
        &self,
        tree: &dyn Tree,
        environment: &Environment,
        outside: &Outside,
        steps: bool,
    ) -> Rendered {
        let opener = KeyringOpener::new(self.keyring.clone());
        let inputs = Inputs {
            opener: Some(&opener),
            remotes: &self.remotes,
            known: &outside.variables,
            steps,
            ..Inputs::new(&self.caches)
        };
        self.blinded.of(render::render_environment(tree, environment, &inputs), &self.digests)
    }

    /// The same with every step of every object; nothing of it is kept.
    pub(super) fn render_with_steps(&self, tree: &dyn Tree, environment: &Environment) -> Rendered {
        self.render_anew(tree, environment, &Outside::default(), true)
    }

    fn kept(&self, key: &RenderKey) -> Option<Arc<Rendered>> {
        let mut kept = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(k, _)| k == key)?;
        let entry = kept.remove(place)?;
        kept.push_front(entry.clone());
        Some(entry.1)
    }

    /// The rules of `.sops.yaml` in a tree's root.
    pub(super) fn rules(tree: &dyn Tree) -> Rules {
        let entry = tree.entry(".sops.yaml").ok().flatten();
        let bytes = entry.and_then(|e| tree.read(e.id).ok());
        bytes.map_or_else(Rules::default, |bytes| Rules::parse(&bytes, ".sops.yaml"))
    }
}

/// The rules of `.sealane.yaml`, and what is wrong with them. Kinds, namespaces and names are meant literally.
fn ignore_rules(declared: &[config::IgnoreRule]) -> (diff::Rules, Vec<Problem>) {
    let (mut rules, mut problems) = (diff::Rules::default(), Vec::new());
    for rule in declared {
        let literal = |text: &Option<String>| text.as_deref().map(diff::Target::literally);
        let target = diff::Target {
            kind: literal(&rule.kind),
            namespace: literal(&rule.namespace),
            name: literal(&rule.name),
            ..diff::Target::default()
        };
        let paths: Vec<&str> = rule.paths.iter().map(String::as_str).collect();
        match diff::IgnoreRule::new(REPOSITORY_FILE, target, &paths) {
            Ok(rule) => rules.add(rule),
            Err(error) => problems.push(
                Problem::warning(Reason::Config, format!("a rule of `ignore` is left out: {error}"))
                    .at(REPOSITORY_FILE, 0)
                    .next("write the path as a JSON pointer: /spec/replicas"),
            ),
        }
    }
    (rules, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_of_one_folder_are_kept_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |words: &[&str]| {
            let done = std::process::Command::new("git").arg("-C").arg(folder.path()).args(words).output();
            assert!(done.is_ok_and(|output| output.status.success()), "git {words:?}");
        };
        git(&["init", "--quiet"]);
        for name in ["staging", "production"] {
            let root = folder.path().join("apps/web/overlays").join(name);
            let other = folder.path().join("apps/api/overlays").join(name);
            for (place, path) in [("web", root), ("api", other)] {
                std::fs::create_dir_all(&path).expect("a folder");
                let object = format!("kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {place}-{name}}}\n");
                std::fs::write(path.join("kustomization.yaml"), "resources: [cm.yaml]\n").expect("a file");
                std::fs::write(path.join("cm.yaml"), object).expect("a file");
            }
        }
        let session = Session::open(folder.path(), &KeySources::default()).expect("a repository");
        let tree = session.repo.tree(crate::model::Revision::Worktree).expect("a tree");
        let found = session.environments(&*tree).environments;
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].entry, found[1].entry, "both start from one folder");
        for environment in &found {
            let rendered = session.render(&*tree, environment);
            let names: Vec<String> = rendered.objects().map(|(_, m)| m.key.name.to_string()).collect();
            assert!(names.len() == 2 && names.iter().all(|n| n.ends_with(&*environment.name)), "{names:?}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_used_is_told_and_the_others_hold() {
        let rule = |path: &str| config::IgnoreRule {
            kind: Some("Deployment".to_owned()),
            paths: vec![path.to_owned()],
            ..config::IgnoreRule::default()
        };
        let (_, problems) = ignore_rules(&[rule("/spec/replicas"), rule("spec.replicas")]);
        let [problem] = problems.as_slice() else { panic!("one of the two is wrong: {problems:?}") };
        assert!(problem.cause.contains("`spec.replicas` is not a JSON pointer"), "{problem}");
    }
}
