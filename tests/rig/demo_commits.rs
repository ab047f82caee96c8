//! Every commit of the demo's repository, rendered by us and by the real `kustomize`.
//!
//! What Flux adds to kustomize is done by the oracle's own hand: see `oracle`.

use crate::bundles::{key_text, say};
use crate::oracle::{Oracle, bodies_differ, git};
use sealane::demo::DemoRepository;
use sealane::workspace::{Settings, Workspace};

#[test]
fn every_commit_of_the_demo_is_what_kustomize_says() {
    let scratch = tempfile::tempdir().expect("a folder");
    let repository = DemoRepository::create(scratch.path()).expect("the demo's repository is made");
    let commits = git(&repository.clone, &["rev-list", "HEAD"]);
    let commits: Vec<&str> = commits.lines().collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let workspace = {
        let _inside = runtime.enter();
        let state = Some(scratch.path().join("state"));
        let path = repository.clone.clone();
        Workspace::open(Settings { path, no_cluster: true, state, ..Settings::default() }).expect("it opens")
    };
    let mut oracle = Oracle::with("kustomize", &repository.clone);
    let (mut same, mut wrong) = (0, Vec::new());
    for commit in &commits {
        let ours = runtime.block_on(workspace.rendered(Some((*commit).to_owned()))).expect("it is read");
        for environment in ["dev", "staging", "prod"] {
            let desired = oracle.desired(commit, &format!("clusters/{environment}"));
            assert!(desired.remote.is_empty() && desired.failed.is_empty(), "{commit}: {:?}", desired.failed);
            let found = ours.iter().find(|e| *e.name == *environment);
            let objects = found.map(|e| e.objects.as_slice()).unwrap_or_default();
            let bodies = objects.iter().map(|object| (key_text(&object.key), object.yaml.as_str()));
            let differs = bodies_differ(&desired, bodies, &mut same);
            wrong.extend(differs.into_iter().map(|place| format!("{commit} {environment}: {place}")));
        }
    }
    let (commits, runs) = (commits.len(), oracle.runs);
    say(&format!(
        "demo: {commits} commits, {same} objects the same, {} not; kustomize ran {runs} times",
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(commits >= 40 && same > 1000, "{commits} commits, {same} objects");
}
