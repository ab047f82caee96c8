//! The stage itself: that the rig is what the other tests take it for.

use crate::support::{Parts, Rig, User, run, script, text, wait_for};
use k8s_openapi::api::core::v1::Namespace;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long anything may take on a machine that is busy with builds; a quiet one needs seconds.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn the_api_server_knows_its_users() {
    let rig = Rig::start(Parts::Api);
    assert_eq!(rig.kubectl(&["get", "--raw", "/readyz"]).trim(), "ok");

    let refused = rig.try_kubectl(User::Narrow, &["get", "secrets", "--all-namespaces", "-v", "6"]);
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("Forbidden"), "{said}");
    assert!(said.contains("403"), "{said}");
    for kind in ["configmaps", "services", "deployments"] {
        let allowed = rig.try_kubectl(User::Narrow, &["get", kind]);
        assert!(allowed.status.success(), "{kind}: {}", text(&allowed.stderr));
    }

    // The viewer reads everything and changes nothing, and that, and only that, is in the audit log.
    let read = rig.try_kubectl(User::Sealane, &["get", "secrets", "--all-namespaces"]);
    assert!(read.status.success(), "{}", text(&read.stderr));
    rig.assert_only_reads();
    let refused = rig.try_kubectl(User::Probe, &["create", "namespace", "planted"]);
    assert!(text(&refused.stderr).contains("forbidden"), "{}", text(&refused.stderr));
    let audit = rig.audit();
    let of = |user: User, verb: &str, resource: &str| {
        audit.iter().any(|event| {
            event["user"]["username"] == user.name()
                && event["verb"] == verb
                && event["objectRef"]["resource"] == resource
        })
    };
    assert!(of(User::Sealane, "list", "secrets") && of(User::Narrow, "list", "services"), "{audit:?}");
    assert!(of(User::Probe, "create", "namespaces"), "{audit:?}");
    assert!(audit.iter().all(|event| event["user"]["username"] != "admin"), "{audit:?}");
}

#[test]
fn a_kube_client_gets_in_with_the_viewers_kubeconfig() {
    let rig = Rig::start(Parts::Api);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let names = runtime.block_on(async {
        let kubeconfig =
            kube::config::Kubeconfig::read_from(rig.kubeconfig(User::Sealane)).expect("a kubeconfig");
        let options = kube::config::KubeConfigOptions::default();
        let config =
            kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
        let client = kube::Client::try_from(config).expect("a client");
        let api: kube::Api<Namespace> = kube::Api::all(client);
        let listed = api.list(&kube::api::ListParams::default()).await.expect("namespaces can be listed");
        listed.items.into_iter().filter_map(|item| item.metadata.name).collect::<Vec<_>>()
    });
    assert!(names.iter().any(|name| name == "kube-system"), "{names:?}");
    rig.assert_only_reads();
}

#[test]
fn a_deployment_rolls_out_on_the_fake_node() {
    let rig = Rig::start(Parts::Cluster);
    rig.kubectl(&["create", "deployment", "web", "--image", "rig.invalid/web:1", "--replicas", "2"]);
    rig.kubectl(&["rollout", "status", "deployment/web", "--timeout", "240s"]);
    let pods = rig.kubectl_json(&["get", "pods", "--selector", "app=web"]);
    let phases: Vec<_> =
        pods["items"].as_array().into_iter().flatten().map(|pod| &pod["status"]["phase"]).collect();
    assert_eq!(phases, ["Running", "Running"]);
}

#[test]
fn rollouts_fail_as_their_images_say() {
    let rig = Rig::start(Parts::Cluster);
    let waiting = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
    for (name, reason) in [("unpullable", "ImagePullBackOff"), ("crashing", "CrashLoopBackOff")] {
        rig.kubectl(&["create", "deployment", name, "--image", &format!("{name}.invalid/web:1")]);
        let selector = format!("app={name}");
        wait_for(reason, PATIENCE, || {
            let said = rig.kubectl(&["get", "pods", "--selector", &selector, "--output", waiting]);
            (said == reason).then_some(())
        });
    }
    // A second look, so that they did not come to be Ready after all.
    rig.kubectl(&["create", "deployment", "web", "--image", "rig.invalid/web:1"]);
    rig.kubectl(&["rollout", "status", "deployment/web", "--timeout", "240s"]);
    let ready = rig.kubectl(&["get", "deployments", "--output", "jsonpath={.items[*].status.readyReplicas}"]);
    assert_eq!(ready, "1");
}

#[test]
fn flux_applies_what_is_published_and_prunes_what_is_not() {
    let rig = Rig::start(Parts::Flux);
    let repository = tempfile::tempdir().expect("a folder");
    write(repository.path(), "app/one.yaml", &config_map("one"));
    write(repository.path(), "app/two.yaml", &config_map("two"));
    write(repository.path(), "app/web.yaml", WEB);
    commit(repository.path());
    rig.publish(repository.path(), "sample");
    let sync = repository.path().join("sync.yaml");
    fs::write(&sync, SYNC).expect("a file");
    rig.kubectl(&["apply", "-f", &sync.display().to_string()]);
    rig.settle(PATIENCE);
    let names = |rig: &Rig| {
        let selector = "kustomize.toolkit.fluxcd.io/name=sample";
        rig.kubectl(&[
            "get",
            "configmaps",
            "--selector",
            selector,
            "--output",
            "jsonpath={.items[*].metadata.name}",
        ])
    };
    assert_eq!(names(&rig), "one two");
    rig.kubectl(&["rollout", "status", "deployment/web", "--timeout", "240s"]);

    // The next revision takes one away.
    fs::remove_file(repository.path().join("app/two.yaml")).expect("the file was there");
    commit(repository.path());
    rig.publish(repository.path(), "sample");
    rig.settle(PATIENCE);
    assert_eq!(names(&rig), "one");
}

#[test]
fn an_abandoned_rig_goes_down_by_itself() {
    // What happens to a rig when its test process is killed: its owner is gone, and nobody calls down.sh.
    let folder = tempfile::tempdir().expect("a folder");
    let mut owner = Command::new("sleep").arg("600").spawn().expect("sleep runs");
    let mut up = script("up.sh");
    run(up.args(["--only", "api", "--owner", &owner.id().to_string()]).arg(folder.path()));
    let pids: Vec<String> = fs::read_dir(folder.path().join("pids"))
        .expect("up.sh keeps pids")
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
        .map(|pid| pid.trim().to_owned())
        .collect();
    assert!(pids.len() >= 3, "{pids:?}");
    owner.kill().expect("it can be ended");
    owner.wait().expect("it has ended");
    wait_for("the rig to go down", PATIENCE, || {
        let gone = |pid: &String| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        pids.iter().all(gone).then_some(())
    });
}

const SYNC: &str = "
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: sample, namespace: flux-system}
spec:
  interval: 10m
  path: ./app
  prune: true
  targetNamespace: default
  sourceRef: {kind: GitRepository, name: sample}
";

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: rig.invalid/web:1}]}
";

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: value}}\n")
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
    fs::write(path, content).expect("a file");
}

fn commit(folder: &Path) {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(["-c", "user.name=Rig", "-c", "user.email=rig@example.test"]);
        run(git.args(words));
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "--all", "app"]);
    git(&["commit", "--quiet", "--message", "A step"]);
}
