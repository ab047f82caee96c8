//! `doctor`: what is here and what is missing, each with its next step.

use super::session::Session;
use crate::cluster;
use crate::model::{Problem, Revision, clean};
use std::path::PathBuf;
use std::process::Command;

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
}

/// Looks at everything that a session needs; without a kubeconfig it is for git alone. Nothing is changed and no cluster
/// is asked.
pub(super) fn examine(session: &Session, kubeconfig: Option<&[PathBuf]>) -> Vec<Finding> {
    let mut findings =
        vec![repository(session), rendering(session), left_out(session), identities(session), rules(session)];
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
            Finding {
                what: "repository".to_owned(),
                found: format!("{root}{bare}{shallow}{operation}"),
                details: Vec::new(),
                problems: session.problems.clone(),
            }
        }
        Err(error) => Finding {
            what: "repository".to_owned(),
            found: root,
            details: Vec::new(),
            problems: vec![error.problem()],
        },
    }
}

fn rendering(session: &Session) -> Finding {
    let what = "environments".to_owned();
    let tree = match session.head().and_then(|h| h.map(|h| session.tree(Revision::Commit(h))).transpose()) {
        Ok(Some(tree)) => tree,
        Ok(None) => {
            return Finding {
                what,
                found: "no commit yet".to_owned(),
                details: Vec::new(),
                problems: Vec::new(),
            };
        }
        Err(problem) => {
            return Finding {
                what,
                found: "cannot be read".to_owned(),
                details: Vec::new(),
                problems: vec![problem],
            };
        }
    };
    let found = session.environments(&*tree);
    let mut problems = found.problems;
    let mut details = Vec::new();
    for environment in &found.environments {
        let rendered = session.render(&*tree, environment);
        details.push(format!("{}: {}; {}", environment.name, rendered.coverage(), environment.why));
        for problem in rendered.all_problems() {
            // Environments share what they are made of.
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
    }
    let names: Vec<&str> = found.environments.iter().map(|e| &*e.name).collect();
    let found = if names.is_empty() { "none found".to_owned() } else { names.join(", ") };
    Finding { what, found, details, problems }
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
    Finding { what: "left out".to_owned(), found, details: Vec::new(), problems }
}

fn identities(session: &Session) -> Finding {
    let found: Vec<String> = session
        .keyring
        .recipients()
        .map(|(recipient, source)| {
            format!("{}… from {}", recipient.chars().take(12).collect::<String>(), clean(source))
        })
        .collect();
    let problems = session
        .keyring
        .unusable
        .iter()
        .map(|u| {
            Problem::warning(crate::model::Reason::NeedsKey, u.why.clone()).at(&clean(&u.source), u.line)
        })
        .collect();
    let found = if found.is_empty() {
        "none in SOPS_AGE_KEY, SOPS_AGE_KEY_FILE or ~/.config/sops/age/keys.txt".to_owned()
    } else {
        found.join(", ")
    };
    Finding { what: "age identities".to_owned(), found, details: Vec::new(), problems }
}

fn rules(session: &Session) -> Finding {
    let what = ".sops.yaml".to_owned();
    let Ok(Some(head)) = session.head() else {
        return Finding {
            what,
            found: "no commit yet".to_owned(),
            details: Vec::new(),
            problems: Vec::new(),
        };
    };
    let Ok(tree) = session.tree(Revision::Commit(head)) else {
        return Finding {
            what,
            found: "cannot be read".to_owned(),
            details: Vec::new(),
            problems: Vec::new(),
        };
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
    let found = format!("{rules}, {sealed}");
    let broken = files.sealed.values().filter_map(|f| f.broken.clone());
    Finding {
        what,
        found,
        details: Vec::new(),
        problems: files.findings.iter().cloned().chain(broken).collect(),
    }
}

fn contexts(kubeconfig: &[PathBuf]) -> Finding {
    let (contexts, problems) = cluster::contexts(kubeconfig);
    let names: Vec<String> = contexts.iter().map(|c| clean(&c.name)).collect();
    let found = if names.is_empty() { "no context".to_owned() } else { names.join(", ") };
    Finding { what: "kubeconfig".to_owned(), found, details: Vec::new(), problems }
}

fn git() -> Finding {
    let found = Command::new("git").arg("--version").output();
    let found = found
        .map_or_else(|e| format!("not found: {e}"), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    Finding { what: "git".to_owned(), found: clean(&found), details: Vec::new(), problems: Vec::new() }
}
