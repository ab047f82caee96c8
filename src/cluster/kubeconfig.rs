//! Kubeconfigs: which contexts there are, and what each would run and trust.

use super::error::ClusterError;
use crate::model::{Problem, clean};
use kube::config::{AuthInfo, ExecInteractiveMode, Kubeconfig, KubeconfigError};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// A command that a kubeconfig wants run to log in. It is run only after the user agreed (decisions.md 6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecCommand {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The variables it gets. Values are shown only where they choose what code runs; others may be secrets.
    pub environment: Vec<String>,
    /// The kubeconfig that says so.
    pub file: String,
}

/// One context of the kubeconfigs. Texts are as in the file: clean them for a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextInfo {
    /// Its name.
    pub name: String,
    /// Its cluster's name.
    pub cluster: String,
    /// Its cluster's address; empty if the cluster is missing.
    pub server: String,
    /// Its default namespace.
    pub namespace: String,
    /// True for the current context.
    pub current: bool,
    /// The command it runs to log in.
    pub runs: Option<ExecCommand>,
    /// True if the server's certificate is not checked.
    pub insecure: bool,
    /// True if its cluster names a proxy of its own.
    pub proxied: bool,
}

/// The kubeconfigs to read: the list of `KUBECONFIG`, else `~/.kube/config`.
pub fn default_paths(kubeconfig: Option<&OsStr>, home: Option<&Path>) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = kubeconfig
        .map(|list| std::env::split_paths(list).filter(|p| !p.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    match (listed.is_empty(), home) {
        (false, _) => listed,
        (true, Some(home)) => vec![home.join(".kube/config")],
        (true, None) => Vec::new(),
    }
}

/// All contexts of the kubeconfigs that exist, and what is wrong with the others. The first file that has a name wins,
/// as in kubectl.
pub fn contexts(paths: &[PathBuf]) -> (Vec<ContextInfo>, Vec<Problem>) {
    match Loaded::read(paths) {
        Ok(loaded) => (loaded.contexts(), loaded.problems),
        Err(error) => (Vec::new(), vec![error.problem()]),
    }
}

/// The merged kubeconfigs.
pub(super) struct Loaded {
    pub(super) config: Kubeconfig,
    /// Which file each user came from.
    files: HashMap<String, String>,
    problems: Vec<Problem>,
}

impl Loaded {
    /// Reads and merges. A broken file among several is a problem; a broken only one is an error.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, ClusterError> {
        let looked: Vec<String> = paths.iter().map(|p| clean(&p.display().to_string())).collect();
        let mut loaded = Self { config: Kubeconfig::default(), files: HashMap::new(), problems: Vec::new() };
        let mut broken = None;
        let mut read = 0;
        for (path, name) in paths.iter().zip(&looked) {
            if !path.exists() {
                continue;
            }
            match Kubeconfig::read_from(path).map_err(|e| bad(&e, name)).and_then(|c| loaded.add(c, name)) {
                Ok(()) => read += 1,
                Err(error) => {
                    loaded.problems.push(error.problem());
                    broken.get_or_insert(error);
                }
            }
        }
        match (read, broken) {
            (0, Some(error)) => Err(error),
            (0, None) => Err(ClusterError::NoKubeconfig { looked }),
            _ => Ok(loaded),
        }
    }

    fn add(&mut self, config: Kubeconfig, file: &str) -> Result<(), ClusterError> {
        for user in &config.auth_infos {
            self.files.entry(user.name.clone()).or_insert_with(|| file.to_owned());
        }
        let merged = std::mem::take(&mut self.config);
        self.config = merged.merge(config).map_err(|e| bad(&e, file))?;
        Ok(())
    }

    fn contexts(&self) -> Vec<ContextInfo> {
        let mut found = Vec::new();
        for named in &self.config.contexts {
            let Some(context) = &named.context else { continue };
            let cluster = self.config.clusters.iter().find(|c| c.name == context.cluster);
            let cluster = cluster.and_then(|c| c.cluster.as_ref());
            found.push(ContextInfo {
                name: named.name.clone(),
                cluster: context.cluster.clone(),
                server: cluster.and_then(|c| c.server.clone()).unwrap_or_default(),
                namespace: context.namespace.clone().unwrap_or_else(|| "default".to_owned()),
                current: self.config.current_context.as_ref() == Some(&named.name),
                runs: context.user.as_deref().and_then(|user| self.runs(user)),
                proxied: cluster.is_some_and(|c| c.proxy_url.as_ref().is_some_and(|p| !p.is_empty())),
                insecure: cluster.and_then(|c| c.insecure_skip_tls_verify).unwrap_or(false),
            });
        }
        found
    }

    /// The context that is asked for, or the current one.
    pub(super) fn choose(&self, name: Option<&str>) -> Result<ContextInfo, ClusterError> {
        let all = self.contexts();
        let known = || all.iter().map(|c| clean(&c.name)).collect();
        match name {
            Some(name) => all
                .iter()
                .find(|c| c.name == name)
                .cloned()
                .ok_or_else(|| ClusterError::UnknownContext { name: clean(name), known: known() }),
            None => match (all.iter().find(|c| c.current), &self.config.current_context) {
                (Some(current), _) => Ok(current.clone()),
                (None, Some(name)) if !name.is_empty() => {
                    Err(ClusterError::UnknownContext { name: clean(name), known: known() })
                }
                _ => Err(ClusterError::NoContext { known: known() }),
            },
        }
    }

    fn user(&self, name: &str) -> Option<&AuthInfo> {
        self.config.auth_infos.iter().find(|u| u.name == name).and_then(|u| u.auth_info.as_ref())
    }

    /// The command a user's login runs: an exec plug-in, or the older `cmd-path` of an auth-provider.
    fn runs(&self, user: &str) -> Option<ExecCommand> {
        let info = self.user(user)?;
        let file = self.files.get(user).cloned().unwrap_or_default();
        if let Some(exec) = &info.exec {
            let variables = exec.env.iter().flatten();
            return Some(ExecCommand {
                command: exec.command.clone().unwrap_or_default(),
                args: exec.args.clone().unwrap_or_default(),
                environment: variables.filter_map(variable).collect(),
                file,
            });
        }
        let provider = info.auth_provider.as_ref()?;
        let command = provider.config.get("cmd-path")?.clone();
        let args = provider.config.get("cmd-args").map(|a| a.split(' ').map(str::to_owned).collect());
        Some(ExecCommand { command, args: args.unwrap_or_default(), environment: Vec::new(), file })
    }

    /// Plug-ins must not read keys or write on a screen that is not theirs.
    pub(super) fn keep_plugins_quiet(&mut self) {
        for user in &mut self.config.auth_infos {
            if let Some(exec) = user.auth_info.as_mut().and_then(|i| i.exec.as_mut()) {
                exec.interactive_mode = Some(ExecInteractiveMode::Never);
            }
        }
    }
}

fn variable(entry: &HashMap<String, String>) -> Option<String> {
    let (name, value) = (entry.get("name")?, entry.get("value")?);
    let chooses_code = name == "PATH" || name.starts_with("LD_") || name.starts_with("DYLD_");
    Some(if chooses_code { format!("{name}={value}") } else { name.clone() })
}

/// A parser's message would quote the line, and that line may be a token: only its number is told.
fn bad(error: &KubeconfigError, file: &str) -> ClusterError {
    let (line, cause) = match error {
        KubeconfigError::Parse(parse) => {
            let line = parse.location().map_or(0, |l| u32::try_from(l.line()).unwrap_or(0));
            (line, "it is no kubeconfig, or its YAML is broken".to_owned())
        }
        KubeconfigError::ReadConfig(io, _) => (0, io.to_string()),
        other => (0, clean(&other.to_string())),
    };
    ClusterError::BadKubeconfig { file: file.to_owned(), line, cause }
}

/// What [`super::Connection::from_kubeconfig`] makes of failures of the chosen context.
pub(super) fn unusable(error: &KubeconfigError, context: &ContextInfo) -> ClusterError {
    match error {
        KubeconfigError::LoadClusterOfContext(_) | KubeconfigError::MissingClusterUrl => {
            ClusterError::BadKubeconfig {
                file: String::new(),
                line: 0,
                cause: clean(&format!(
                    "context {} names the cluster {}, which has no server",
                    context.name, context.cluster
                )),
            }
        }
        other => bad(other, ""),
    }
}

impl ExecCommand {
    /// What the user agrees to: the same line means the same command. Fit for the state folder.
    pub fn id(&self) -> String {
        let mut parts = self.environment.clone();
        parts.push(self.command.clone());
        parts.extend(self.args.iter().cloned());
        parts.join("\u{1f}").replace('\n', "\\n")
    }
}

/// The command line, safe for a screen.
impl fmt::Display for ExecCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean(&self.command))?;
        self.args.iter().try_for_each(|arg| {
            let quoted = arg.is_empty() || arg.contains(char::is_whitespace);
            if quoted { write!(f, " '{}'", clean(arg)) } else { write!(f, " {}", clean(arg)) }
        })
    }
}
