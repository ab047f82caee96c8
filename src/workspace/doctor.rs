//! `doctor`: what is here and what is missing, each with its next step.

use super::session::Session;
use crate::cluster;
use crate::model::{Coverage, Environment, Problem, Reason, Rendered, Revision, Tree, clean};
use crate::render;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What: "repository", "age identities", "kubeconfig".
    pub what: String,
    /// What was found, in words.
    pub found: String,
    /// More about it, a line each.
    pub details: Vec<String>,
    /// What is wrong with it, if anything.
    pub problems: Vec<Problem>,
    /// Of the environments: why each is one.
    pub environments: Vec<Reasoned>,
    /// Of what no environment renders: the files.
    pub files: Vec<Arc<str>>,
}

/// One environment with its reason.
#[derive(Clone, Debug)]
pub struct Reasoned {
    /// It, with its reason and the place of the evidence.
    pub environment: Environment,
    /// How much of it was rendered.
    pub coverage: Coverage,
}

impl Finding {
    pub(super) fn of(what: &str, found: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            found: found.into(),
            details: Vec::new(),
            problems: Vec::new(),
            environments: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// Looks at everything that a session needs; without a kubeconfig it is for git alone. Nothing is changed and no cluster
/// is asked.
pub(super) fn examine(session: &Session, kubeconfig: Option<&[PathBuf]>) -> Vec<Finding> {
    let mut findings = vec![repository(session)];
    findings.extend(rendering(session));
    findings.extend([left_out(session), super::identities::finding(session), rules(session)]);
    findings.extend(kubeconfig.map(contexts));
    findings.push(git());
    findings
}

fn repository(session: &Session) -> Finding {
    let root = clean(&session.repo.root().to_string_lossy());
    match session.repo.status() {
        Ok(status) => {
            let shallow = if status.shallow { ", history is cut off (shallow clone)" } else { "" };
            let bare = if status.bare { ", bare: commits are made in a clone of it" } else { "" };
            let operation = status.operation.map_or(String::new(), |o| format!(", {o} is in progress"));
            let found = format!("{root}{bare}{shallow}{operation}");
            Finding { problems: session.problems.clone(), ..Finding::of("repository", found) }
        }
        Err(error) => Finding { problems: vec![error.problem()], ..Finding::of("repository", root) },
    }
}

/// The environments with their reasons, and the files that none of them renders.
fn rendering(session: &Session) -> Vec<Finding> {
    let mut finding = Finding::of("environments", "");
    let tree = match session.head().and_then(|h| h.map(|h| session.tree(Revision::Commit(h))).transpose()) {
        Ok(Some(tree)) => tree,
        Ok(None) => return vec![Finding { found: "no commit yet".to_owned(), ..finding }],
        Err(problem) => {
            return vec![Finding { found: "cannot be read".to_owned(), problems: vec![problem], ..finding }];
        }
    };
    let found = session.environments(&*tree);
    finding.problems = found.problems;
    let mut all = Vec::new();
    for environment in found.environments {
        let rendered = session.render(&*tree, &environment);
        let coverage = rendered.coverage();
        finding.details.push(format!("{}: {coverage}; {}", environment.name, environment.why));
        for problem in rendered.all_problems() {
            // Environments share what they are made of.
            if !finding.problems.contains(problem) {
                finding.problems.push(problem.clone());
            }
        }
        finding.environments.push(Reasoned { environment, coverage });
        all.push(rendered);
    }
    let names: Vec<&str> = finding.environments.iter().map(|e| &*e.environment.name).collect();
    finding.found = if names.is_empty() { "none found".to_owned() } else { names.join(", ") };
    vec![finding, nobodys(session, &*tree, &all)]
}

/// Files with objects that no environment renders, by folder.
fn nobodys(session: &Session, tree: &dyn Tree, rendered: &[Arc<Rendered>]) -> Finding {
    let mut finding = Finding::of("not rendered", "nothing: an environment renders every file with objects");
    match render::unreached(tree, &session.caches.surveys, rendered) {
        Ok(files) => finding.files = files,
        Err(error) => finding.problems.push(Problem::error(Reason::Repository, error.to_string())),
    }
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in &finding.files {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        folders.entry(folder).or_default().push(name);
    }
    if !folders.is_empty() {
        let files = finding.files.len();
        let (noun, verb) = if files == 1 { ("file", "holds") } else { ("files", "hold") };
        finding.found = format!("{files} {noun} {verb} objects that no environment renders");
        let line = |(folder, names): (&&str, &Vec<&str>)| {
            clean(&format!("{}: {}", if folder.is_empty() { "." } else { folder }, names.join(", ")))
        };
        finding.details = folders.iter().map(line).collect();
    }
    finding
}

fn left_out(session: &Session) -> Finding {
    let problems = match session.head() {
        Ok(head) => head.map(|head| session.left_out(head)).unwrap_or_default(),
        Err(problem) => vec![problem],
    };
    let found = match problems.len() {
        0 => "nothing".to_owned(),
        1 => "1 name".to_owned(),
        n => format!("{n} names"),
    };
    Finding { problems, ..Finding::of("left out", found) }
}

fn rules(session: &Session) -> Finding {
    let what = ".sops.yaml";
    let Ok(Some(head)) = session.head() else {
        return Finding::of(what, "no commit yet");
    };
    let Ok(tree) = session.tree(Revision::Commit(head)) else {
        return Finding::of(what, "cannot be read");
    };
    let rules = Session::rules(&*tree);
    let files = session.secret_files(&*tree, Some(head));
    let rules = match rules.rules.len() {
        0 => "no rule".to_owned(),
        1 => "1 rule".to_owned(),
        n => format!("{n} rules"),
    };
    let sealed = match files.sealed.len() {
        0 => "no sealed file".to_owned(),
        1 => "1 sealed file".to_owned(),
        n => format!("{n} sealed files"),
    };
    let open = files.sealed.values().filter(|file| file.broken.is_none()).count();
    let tried = if files.sealed.is_empty() { String::new() } else { format!(", {open} of them open here") };
    let found = format!("{rules}, {sealed}{tried}");
    let broken = files.sealed.values().filter_map(|f| f.broken.clone());
    let problems = files.findings.iter().cloned().chain(broken).collect();
    Finding { problems, ..Finding::of(what, found) }
}

fn contexts(kubeconfig: &[PathBuf]) -> Finding {
    let (contexts, problems) = cluster::contexts(kubeconfig);
    let names: Vec<String> = contexts.iter().map(|c| clean(&c.name)).collect();
    let found = if names.is_empty() { "no context".to_owned() } else { names.join(", ") };
    Finding { problems, ..Finding::of("kubeconfig", found) }
}

fn git() -> Finding {
    let found = Command::new("git").arg("--version").output();
    let found = found
        .map_or_else(|e| format!("not found: {e}"), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    Finding::of("git", clean(&found))
}
