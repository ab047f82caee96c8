//! Configuration: the repository's `.sealane.yaml`, the user's `config.yaml`, and what was answered once.
//!
//! Unknown keys are errors that name the line and the nearest known key. What a person answered (which
//! context belongs to an environment, which exec plug-in may run) is kept in the state folder, never in
//! the repository.

use crate::model::{Problem, Reason};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The name of the repository's configuration file.
pub const REPOSITORY_FILE: &str = ".sealane.yaml";

/// `.sealane.yaml` in the root of a config repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct RepositoryConfig {
    /// Environments by name. Those found without hints stay, unless `onlyThese` is set.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// True if only the environments named here are looked at.
    pub only_these: bool,
    /// Branches that production deploys from: pushing to them asks for the environment's name.
    pub protected_branches: BTreeSet<String>,
    /// The certificate of the sealed-secrets controller, a file of the repository, where environments name none.
    pub sealed_secrets_certificate: Option<String>,
    /// Fields that are not compared, beside those the controllers ignore.
    pub ignore: Vec<IgnoreRule>,
    /// Names of recipients, for people: `age1…: Ana`.
    pub people: BTreeMap<String, String>,
    /// What the firewall lets pass, each with its reason.
    pub exceptions: Vec<ExceptionConfig>,
}

/// One environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct EnvironmentConfig {
    /// The folder whose rendering starts it.
    pub entry: Option<String>,
    /// The kubeconfig context of its cluster.
    pub context: Option<String>,
    /// True for production: a colour bar, and pushing asks twice.
    pub production: Option<bool>,
    /// The certificate of its sealed-secrets controller, a file of the repository.
    pub sealed_secrets_certificate: Option<String>,
}

/// Fields that are not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct IgnoreRule {
    /// Only objects of this kind.
    pub kind: Option<String>,
    /// Only objects in this namespace.
    pub namespace: Option<String>,
    /// Only objects of this name.
    pub name: Option<String>,
    /// JSON pointers of the fields.
    pub paths: Vec<String>,
}

/// One value that the firewall lets pass: this one, at this path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct ExceptionConfig {
    /// The file.
    pub path: String,
    /// The digest that `sealane check --digests` tells.
    pub digest: String,
    /// Why it may stand there. Without one the exception is not used.
    pub reason: String,
    /// The last day on which it holds: `2027-01-31`.
    pub until: Option<String>,
}

/// The user's `config.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct UserConfig {
    /// `dark`, `light` or `auto` (asks the terminal).
    pub theme: ThemeChoice,
    /// True for ASCII signs only.
    pub ascii: bool,
    /// False to leave the mouse to the terminal.
    pub mouse: Option<bool>,
}

/// Which colours to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    /// Ask the terminal.
    #[default]
    Auto,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
}

/// What a person answered once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Answers {
    /// Repository folder, then environment, then context.
    pub contexts: BTreeMap<String, BTreeMap<String, String>>,
    /// Commands of kubeconfig exec plug-ins that may run.
    pub consents: BTreeSet<String>,
    /// Programs of age plug-ins that may run.
    pub plugins: BTreeSet<String>,
}

impl RepositoryConfig {
    /// Reads the text of a `.sealane.yaml`; an empty file is an empty configuration.
    pub fn parse(text: &str) -> Result<Self, Box<Problem>> {
        parse(text, REPOSITORY_FILE)
    }
}

impl UserConfig {
    /// Reads the user's `config.yaml`; a file that is not there is an empty configuration.
    pub fn load() -> Result<Self, Box<Problem>> {
        let Some(path) = folders().map(|f| f.config_dir().join("config.yaml")) else {
            return Ok(Self::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text, &path.to_string_lossy()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Box::new(
                Problem::error(Reason::Config, format!("cannot be read: {e}")).at(&path.to_string_lossy(), 0),
            )),
        }
    }
}

impl Answers {
    /// What was answered before; nothing if the file is not there or cannot be understood.
    pub fn load(folder: Option<&Path>) -> Self {
        answers_file(folder)
            .and_then(|path| std::fs::read_to_string(path).ok())
            .and_then(|text| serde_yaml::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Keeps the answers: written beside the old file and renamed over it.
    pub fn save(&self, folder: Option<&Path>) -> std::io::Result<()> {
        let Some(path) = answers_file(folder) else { return Ok(()) };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let text = serde_yaml::to_string(self).map_err(std::io::Error::other)?;
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, &path)
    }
}

/// The folder for answers and logs.
pub fn state_folder() -> Option<PathBuf> {
    folders().map(|f| f.state_dir().unwrap_or_else(|| f.data_local_dir()).to_owned())
}

fn answers_file(folder: Option<&Path>) -> Option<PathBuf> {
    folder.map(Path::to_owned).or_else(state_folder).map(|f| f.join("answers.yaml"))
}

fn folders() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "sealane")
}

fn parse<T: Default + for<'de> Deserialize<'de>>(text: &str, file: &str) -> Result<T, Box<Problem>> {
    if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    serde_yaml::from_str(text).map_err(|error| {
        let line = error.location().map_or(0, |l| u32::try_from(l.line()).unwrap_or(0));
        let message = error.to_string();
        let next = nearest(&message).map_or(String::new(), |key| format!("did you mean `{key}`?"));
        Box::new(Problem::error(Reason::Config, crate::model::clean(&message)).at(file, line).next(next))
    })
}

/// The known key nearest to the unknown one, both taken from serde's message
/// ("unknown field `x`, expected one of `a`, `b`").
fn nearest(message: &str) -> Option<String> {
    let rest = message.split_once("unknown field `")?.1;
    let (unknown, expected) = rest.split_once('`')?;
    let known = expected.split('`').skip(1).step_by(2);
    known
        .min_by_key(|key| distance(unknown, key))
        .filter(|key| distance(unknown, key) <= 3)
        .map(str::to_owned)
}

/// Levenshtein distance without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_line_and_nearest_key() {
        let problem =
            RepositoryConfig::parse("environments:\n  prod:\n    contxt: a\n").expect_err("unknown key");
        assert_eq!(problem.place.as_ref().map(|p| p.line), Some(3));
        assert_eq!(problem.next, "did you mean `context`?");
        assert!(problem.cause.contains("contxt"), "{}", problem.cause);
    }

    #[test]
    fn a_repository_may_say_nothing() {
        assert_eq!(RepositoryConfig::parse("# nothing yet\n").ok(), Some(RepositoryConfig::default()));
    }

    #[test]
    fn environments_are_read() {
        let text = "environments:\n  prod:\n    context: shop-prod\n    production: true\nprotectedBranches: [main]\n";
        let config = RepositoryConfig::parse(text).expect("valid");
        assert_eq!(config.environments["prod"].context.as_deref(), Some("shop-prod"));
        assert!(config.protected_branches.contains("main"));
    }

    #[test]
    fn answers_survive() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut answers = Answers::default();
        answers.contexts.entry("/repo".into()).or_default().insert("prod".into(), "shop-prod".into());
        answers.save(Some(folder.path())).expect("written");
        assert_eq!(Answers::load(Some(folder.path())), answers);
    }
}
