//! Real repositories, applied by the real kustomize-controller. `SEALANE_CORPORA` names the folder they are in; `just e2e`
//! says so when it leaves these tests out because there is none.

use crate::mutator::{Expected, Mutator};
use crate::support::{Parts, Rig, User, run, script};
use std::env;
use std::path::PathBuf;

#[test]
fn caarlos0_home_is_applied() {
    let (rig, _scratch) = applied("caarlos0__home", &[], Parts::Flux);
    let ready = rig.kubectl(&["get", "deployments", "--namespace", "monitoring", "--output", "name"]);
    assert_eq!(ready.lines().count(), 2, "{ready}");
}

#[test]
fn a_mutators_record_is_what_the_cluster_says() {
    let mut kinds = std::collections::BTreeSet::new();
    for (name, parts) in [("caarlos0__home", Parts::Flux), ("toboshii__home-ops", Parts::LaxFlux)] {
        let (rig, _scratch) = applied(name, &[], parts);
        let mut mutator = Mutator::new(&rig);
        mutator.plant();
        let seed = mutator.seed;
        for planted in &mutator.planted {
            kinds.insert(planted.what);
            let [kind, namespace, name] = planted.object.split('/').collect::<Vec<_>>()[..] else {
                panic!("{planted:?} names no object");
            };
            let words =
                ["get", kind, name, "--namespace", namespace, "--show-managed-fields", "--output", "json"];
            let output = rig.try_kubectl(User::Admin, &words);
            assert_eq!(
                output.status.success(),
                planted.expected != Expected::Missing,
                "seed {seed}: {planted:?}"
            );
            if planted.expected == Expected::Missing {
                continue;
            }
            let live: serde_json::Value =
                serde_json::from_slice(&output.stdout).expect("kubectl answers JSON");
            let there = live.pointer(&planted.field).is_some();
            assert_eq!(there, planted.expected != Expected::Removed, "seed {seed}: {planted:?}");
            // What only was removed, or spelled otherwise, leaves no owner behind.
            if !matches!(planted.expected, Expected::Removed | Expected::Same) {
                let managers = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
                let named = managers.iter().any(|entry| entry["manager"] == planted.manager);
                assert!(named, "seed {seed}: {planted:?}");
            }
        }
    }
    assert!(kinds.len() >= 15, "only {} kinds of changes found a place: {kinds:?}", kinds.len());
}

#[test]
fn toboshii_home_ops_is_applied() {
    // Its files of 2022 leave two variables unset, which was allowed then.
    let (rig, _scratch) = applied("toboshii__home-ops", &[], Parts::LaxFlux);
    // Opened by the controller with the twin's identity.
    let domain = rig.kubectl_json(&["get", "secret", "cluster-secrets", "--namespace", "flux-system"]);
    assert!(domain["data"]["SECRET_DOMAIN"].is_string(), "cluster-secrets holds no SECRET_DOMAIN");
    let hosts = rig.kubectl(&["get", "helmreleases", "--all-namespaces", "--output", "yaml"]);
    assert!(
        hosts.contains(".example.test") && !hosts.contains("${SECRET_DOMAIN}"),
        "variables were not substituted"
    );
}

#[test]
fn fluxcd_flux2_kustomize_helm_example_is_applied() {
    let (rig, _scratch) =
        applied("fluxcd__flux2-kustomize-helm-example", &["--path", "clusters/staging"], Parts::Flux);
    let artifacts = rig.kubectl(&["get", "externalartifacts", "--all-namespaces", "--output", "name"]);
    assert_eq!(artifacts.lines().count(), 2, "{artifacts}");
}

/// A rig in which the twin of that repository is applied, and the folder that holds the twin.
fn applied(name: &str, options: &[&str], parts: Parts) -> (Rig, tempfile::TempDir) {
    let corpora = env::var_os("SEALANE_CORPORA").map(PathBuf::from).expect("SEALANE_CORPORA names no folder");
    let scratch = tempfile::tempdir().expect("a folder");
    let twin = scratch.path().join(name);
    run(script("twins.py").arg(corpora.join(name)).arg(&twin).args(options));
    let rig = Rig::start(parts);
    rig.deploy(&twin);
    (rig, scratch)
}
