//! Journeys on the demo: find what fails, rehearse the revert, commit, push, see it heal; and a secret that arrives.

use sealane::demo::Demo;
use sealane::model::{ObjectKey, Verdict};
use sealane::secret::SecretText;
use sealane::workspace::{
    AppRow, AppState, Destination, KeyEdit, KeyState, Next, PushOutcome, SecretState, Snapshot, Workspace,
};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a busy machine; every wait ends as soon as its state is there.
const PATIENCE: Duration = Duration::from_secs(90);
const CANARY: &str = "canary-7f3a-never-in-the-clear";

async fn until(workspace: &Workspace, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = workspace.snapshots();
    let waiting = async {
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if wanted(&snapshot) {
                return snapshot;
            }
            snapshots.changed().await.expect("the workspace lives");
        }
    };
    let seen = tokio::time::timeout(PATIENCE, waiting).await;
    seen.unwrap_or_else(|_| panic!("never saw: {what}\n{:#?}", workspace.snapshots().borrow().apps))
}

fn app<'s>(snapshot: &'s Snapshot, environment: &str, name: &str) -> Option<&'s Arc<AppRow>> {
    snapshot.apps.iter().find(|a| *a.environment == *environment && *a.key.name == *name)
}

fn state(snapshot: &Snapshot, environment: &str, name: &str) -> Option<AppState> {
    app(snapshot, environment, name).map(|a| a.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_screen_tells_every_story_and_nothing_else() {
    let demo = Demo::start().expect("the demo starts");
    let workspace = Workspace::open(demo.settings()).expect("it opens");
    let snapshot = until(&workspace, "a quiet first screen", |s| {
        s.repo.read && s.work.is_empty() && app(s, "prod", "pay").is_some_and(|a| a.commit.is_some())
    })
    .await;
    for (environment, name, wanted) in [
        ("prod", "pay", AppState::Failing),
        ("dev", "mail", AppState::Plaintext),
        ("prod", "cart", AppState::Drifted),
        ("prod", "front", AppState::Drifted),
        ("prod", "checkout", AppState::Waiting),
        ("prod", "undeclared", AppState::Undeclared),
        ("staging", "cart", AppState::Pending),
        ("staging", "front", AppState::Pending),
        ("prod", "data", AppState::Suspended),
        ("dev", "ingress-nginx", AppState::NotRendered),
        ("dev", "pay", AppState::Synced),
        ("staging", "pay", AppState::Synced),
        ("prod", "infrastructure", AppState::Synced),
        ("prod", "flux-system", AppState::Synced),
    ] {
        assert_eq!(state(&snapshot, environment, name), Some(wanted), "{environment} {name}");
    }
    let undeclared: Vec<String> = snapshot
        .objects
        .iter()
        .filter(|o| matches!(o.verdict, Verdict::Unmanaged | Verdict::Orphan))
        .map(|o| o.key.to_string())
        .collect();
    assert_eq!(undeclared, ["ConfigMap/shop/cart-hotfix"], "noise is not called undeclared");
    let pay = app(&snapshot, "prod", "pay").expect("there");
    assert_eq!(pay.commit.as_ref().map(|c| &*c.subject), Some("pay: 2.4.1 in prod"));
    assert!(
        snapshot.apps.iter().filter(|a| a.state < AppState::NotRendered).all(|a| a.next != Next::Nothing)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_commit_is_reverted_and_the_cluster_heals() {
    let demo = Demo::start().expect("the demo starts");
    let workspace = Workspace::open(demo.settings()).expect("it opens");
    let failing = until(&workspace, "pay failing since a commit", |s| {
        app(s, "prod", "pay").is_some_and(|a| a.state == AppState::Failing && a.commit.is_some())
    })
    .await;
    let commit = app(&failing, "prod", "pay").and_then(|a| a.commit.clone()).expect("its commit");
    let plan = workspace.plan_revert(&[commit.id]).await.expect("it can be reverted");
    assert_eq!(plan.effects.len(), 1, "only prod changes: {:?}", plan.effects);
    let effect = &plan.effects[0].objects;
    assert_eq!(effect.len(), 1);
    assert_eq!(effect[0].key, ObjectKey::new("apps", "Deployment", "shop", "pay"));
    assert!(effect[0].summary.contains("2.4.1 → 2.3.0"), "{}", effect[0].summary);
    let head = git(&demo.repository.clone, &["rev-parse", "HEAD"]);
    assert_eq!(plan.base.to_string(), head.trim(), "nothing was written by rehearsing");
    let committed = workspace.commit(plan, Destination::Current).await.expect("committed");
    assert!(committed.commit.subject.starts_with("Revert \"pay: 2.4.1"));
    until(&workspace, "one commit ahead", |s| s.repo.ahead == 1).await;
    match workspace.push().await.expect("pushed") {
        PushOutcome::Pushed { commits, .. } => assert_eq!(commits, 1),
        PushOutcome::Moved { .. } => panic!("nobody else pushes"),
    }
    until(&workspace, "pay synced, checkout no longer waiting", |s| {
        state(s, "prod", "pay") == Some(AppState::Synced)
            && state(s, "prod", "checkout") == Some(AppState::Synced)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_set_and_arrives_and_is_nowhere_in_the_clear() {
    let demo = Demo::start().expect("the demo starts");
    let workspace = Workspace::open(demo.settings()).expect("it opens");
    let file = "apps/cart/overlays/prod/db.sops.yaml";
    let of_cart = |s: &Snapshot| {
        let row = s.secrets.iter().find(|r| *r.environment == *"prod" && r.file.as_deref() == Some(file))?;
        Some((row.state, row.keys.clone()))
    };
    until(&workspace, "one key that differs", |s| {
        of_cart(s).is_some_and(|(state, _)| state == SecretState::Differs)
    })
    .await;
    let value = SecretText::from_string(CANARY.to_owned());
    let plan = workspace
        .plan_seal(file, vec![KeyEdit::Set { key: "password".into(), value }])
        .await
        .expect("a plan");
    assert_eq!(
        (plan.files.len(), plan.files[0].added, plan.files[0].removed),
        (1, 3, 3),
        "password, mac, lastmodified"
    );
    assert!(!format!("{plan:?}").contains(CANARY));
    workspace.commit(plan, Destination::Current).await.expect("committed");
    workspace.push().await.expect("pushed");
    let same = until(&workspace, "git and cluster hold the same value", |s| {
        of_cart(s).is_some_and(|(state, _)| state == SecretState::Same)
    })
    .await;
    assert!(of_cart(&same).is_some_and(|(_, keys)| keys.iter().all(|(_, k)| *k == KeyState::Same)));
    assert!(!format!("{same:?}").contains(CANARY), "no snapshot holds it");
    assert_eq!(found_in(demo.folder(), CANARY), Vec::<String>::new());
    let planted = demo.folder().join("planted");
    std::fs::write(&planted, CANARY).expect("written");
    assert_eq!(found_in(demo.folder(), CANARY).len(), 1, "a leak that is planted is found");
}

/// Files below `folder` that hold `needle`, git's objects unpacked.
fn found_in(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if std::fs::read(&path)
                .is_ok_and(|b| b.windows(needle.len()).any(|w| w == needle.as_bytes()))
            {
                found.push(path.display().to_string());
            }
        }
    }
    for repository in ["fleet", "fleet.git"] {
        let all =
            git(&folder.join(repository), &["cat-file", "--batch", "--batch-all-objects", "--unordered"]);
        if all.contains(needle) {
            found.push(format!("an object of {repository}"));
        }
    }
    found
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(folder).output().expect("git runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
