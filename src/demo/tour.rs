//! The tour: one line at a time, made from what the screen shows, so that it follows whatever the visitor does.

use crate::workspace::{AppState, SecretState, Snapshot};
use std::path::{Path, PathBuf};

/// The object whose rollout fails since exactly one commit.
const APP: &str = "pay";
/// The app whose secret is set at the end.
const SECRET_APP: &str = "cart";

/// The next step while the rehearsed revert is on screen.
pub const REHEARSED: &str =
    "tour: nothing is written yet, and this is all that would change. `C` makes the commit";

/// The next step that the tour offers; `None` while there is nothing to say.
pub fn next_step(snapshot: &Snapshot) -> Option<String> {
    let app = |name: &str| snapshot.apps.iter().find(|a| *a.environment == *"prod" && *a.key.name == *name);
    let pay = app(APP)?;
    let line = match (pay.state, snapshot.repo.ahead) {
        (_, 1..) => "tour: the commit is yours alone until it is pushed: `P` pushes it".to_owned(),
        (AppState::Failing, 0) => match &pay.commit {
            Some(commit) => format!(
                "tour: {APP} fails in prod since {}. Select it and press `v`: the revert is rehearsed on every cluster first",
                commit.id.short()
            ),
            None => format!("tour: {APP} fails in prod; `enter` shows its objects"),
        },
        (AppState::Pending | AppState::Progressing | AppState::Unknown, 0) => {
            format!("tour: watch {APP} heal: Flux takes the commit, the rollout goes on by itself")
        }
        _ => {
            let secret = snapshot.secrets.iter().find(|s| {
                *s.environment == *"prod" && s.object.as_ref().is_some_and(|o| o.name.starts_with(SECRET_APP))
            });
            let sealed = snapshot.repo.commit.as_ref().is_some_and(|c| c.subject.contains(": set "));
            match (sealed, secret?.state) {
                (false, SecretState::Differs | SecretState::Same) => format!(
                    "tour: {APP} is healthy again. Select {SECRET_APP} in prod, `s` shows its secrets, `e` sets one; the cluster follows"
                ),
                (true, SecretState::Differs) => {
                    "tour: watch the secret arrive: Flux opens it in the cluster, nothing else does"
                        .to_owned()
                }
                (true, SecretState::Same) => {
                    "tour: that is all: everything came through git. `?` lists the keys".to_owned()
                }
                _ => return None,
            }
        }
    };
    Some(line)
}

/// How to look at a served demo from outside.
pub fn directions(demo: &super::Demo, kubeconfigs: &[PathBuf], keys: &Path) -> String {
    let clone = demo.repository.clone.display();
    let joined: Vec<String> = kubeconfigs.iter().map(|f| f.display().to_string()).collect();
    let joined = joined.join(":");
    let (origin, keys) = (demo.repository.origin.display(), keys.display());
    format!(
        "The demo runs until you press ctrl-c; then everything is gone.\n\n\
         repository   git -C {clone} log\n\
         origin       git clone {origin}\n\
         clusters     KUBECONFIG={joined} kubectl --context demo-prod get pods -A\n\
         identity     export SOPS_AGE_KEY_FILE={keys}\n\
         sealane      KUBECONFIG={joined} SOPS_AGE_KEY_FILE={keys} sealane {clone}\n\
         status       KUBECONFIG={joined} SOPS_AGE_KEY_FILE={keys} sealane status {clone}\n"
    )
}

/// The same story for a terminal that is none: what one would type, and what is given on standard input.
pub fn commands() -> Vec<(Vec<&'static str>, &'static str)> {
    vec![
        (vec!["status"], ""),
        (vec!["history", "Deployment/shop/pay", "--environment", "prod"], ""),
        (vec!["revert", "HEAD~2"], ""),
        (vec!["revert", "HEAD~2", "--commit", "--push"], ""),
        (vec!["status", "--environment", "prod"], ""),
        (
            vec!["seal", "apps/cart/overlays/prod/db.sops.yaml", "--set", "password", "--commit", "--push"],
            "a new password\n",
        ),
        (vec!["diff", "--environment", "prod"], ""),
    ]
}
