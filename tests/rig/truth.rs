//! Truth, end to end: repositories applied by the real kustomize-controller, read by the real `sealane diff --live`. Where
//! nothing was changed nothing differs; what a mutator planted is found, with its verdict, field and manager, and nothing
//! else. All the while the API server's audit log holds only reads.

use crate::kinds::Expected;
use crate::mutator::{self, Mutator};
use crate::places;
use crate::report::{Report, whats};
use crate::support::{Parts, Rig, User, run, script, tell, text};
use sealane::model::Verdict;
use sealane::workspace::{Settings, Snapshot, Workspace};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Rounds of planted changes, each with a seed of its own.
const ROUNDS: u64 = 10;

/// `just e2e` leaves these out, and says so, where there are no real repositories.
mod corpora {
    use super::{ROUNDS, Stage};
    use crate::support::Parts;

    #[test]
    fn caarlos0_home() {
        let stage = Stage::of_corpus("caarlos0__home", &[], Parts::Flux);
        stage.tells_what_it_may_not_read();
        let ready =
            stage.rig.kubectl(&["get", "deployments", "--namespace", "monitoring", "--output", "name"]);
        assert_eq!(ready.lines().count(), 2, "{ready}");
        stage.tells_the_truth(ROUNDS, 15);
    }

    #[test]
    fn toboshii_home_ops() {
        // Its files of 2022 leave two variables unset, which was allowed then.
        let stage = Stage::of_corpus("toboshii__home-ops", &[], Parts::LaxFlux);
        // Opened by the controller with the twin's identity, and substituted.
        let hosts = stage.rig.kubectl(&["get", "helmreleases", "--all-namespaces", "--output", "yaml"]);
        assert!(hosts.contains(".example.test") && !hosts.contains("${SECRET_DOMAIN}"), "not substituted");
        stage.tells_the_truth(ROUNDS, 15);
    }

    #[test]
    fn fluxcd_flux2_kustomize_helm_example() {
        let options = ["--path", "clusters/staging"];
        let stage = Stage::of_corpus("fluxcd__flux2-kustomize-helm-example", &options, Parts::Flux);
        let stage = Stage { environment: Some("staging"), ..stage };
        let artifacts =
            stage.rig.kubectl(&["get", "externalartifacts", "--all-namespaces", "--output", "name"]);
        assert_eq!(artifacts.lines().count(), 2, "{artifacts}");
        stage.tells_the_truth(1, 5);
    }
}

/// One repository on a rig of its own.
pub struct Stage {
    rig: Rig,
    scratch: tempfile::TempDir,
    /// The repository's clone.
    repository: PathBuf,
    /// The identity that opens it, if it holds anything sealed.
    identity: PathBuf,
    environment: Option<&'static str>,
}

impl Stage {
    /// The twin of a real repository. `SEALANE_CORPORA` names the folder it is in.
    fn of_corpus(name: &str, options: &[&str], parts: Parts) -> Self {
        let corpora =
            env::var_os("SEALANE_CORPORA").map(PathBuf::from).expect("SEALANE_CORPORA names no folder");
        let scratch = tempfile::tempdir().expect("a folder");
        let twin = scratch.path().join(name);
        let mut twins = script("twins.py");
        twins.arg(corpora.join(name)).arg(&twin).args(options);
        Self::of_twin(scratch, &twin, &mut twins, parts)
    }

    fn of_twin(scratch: tempfile::TempDir, twin: &Path, twins: &mut Command, parts: Parts) -> Self {
        // The rig comes up while the twin is made.
        let rig = std::thread::scope(|scope| {
            let rig = scope.spawn(|| Rig::start(parts));
            run(twins);
            rig.join().expect("the rig comes up")
        });
        rig.deploy(twin);
        let (repository, identity) = (twin.join("repo"), twin.join("age.agekey"));
        Self { rig, scratch, repository, identity, environment: None }
    }

    /// A rig with a twin that is applied.
    pub fn at(rig: Rig, scratch: tempfile::TempDir, twin: &Path) -> Self {
        let (repository, identity) = (twin.join("repo"), twin.join("age.agekey"));
        Self { rig, scratch, repository, identity, environment: None }
    }

    /// Says, and answers, how many Kustomizations the real controller has reconciled here, and what they use.
    pub fn tell_kustomizations(&self, of: &str) -> usize {
        let listed = self.rig.kubectl_json(&["get", "kustomizations.kustomize.toolkit.fluxcd.io", "-A"]);
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        let with = |field: &str| items.iter().filter(|item| !item["spec"][field].is_null()).count();
        let ready = |item: &&Value| {
            let conditions = item["status"]["conditions"].as_array().into_iter().flatten();
            conditions.clone().any(|c| c["type"] == "Ready" && c["status"] == "True")
        };
        let count = items.iter().filter(ready).count();
        let (post, sealed) = (with("postBuild"), with("decryption"));
        tell(&format!(
            "{of}: {count} Kustomizations reconciled, {post} with postBuild, {sealed} with decryption"
        ));
        count
    }

    /// No difference; then as many rounds of changes, of at least so many kinds each, all found and nothing else.
    fn tells_the_truth(&self, rounds: u64, kinds: usize) {
        // What is planted must not be healed before it is seen.
        let _held = self.rig.hold("kustomize-controller");
        let report = self.diff(User::Sealane);
        assert_eq!(report.lines(), Vec::<String>::new(), "where nothing was changed");
        assert_eq!(report.equal(), self.inventoried(), "every object of every inventory was compared");
        self.tell_kustomizations(&self.repository.with_file_name("").display().to_string());
        let mutator = Mutator::new(&self.rig);
        for seed in Mutator::seeds(rounds) {
            self.round(&mutator, seed, kinds);
        }
        assert_eq!(self.diff(User::Sealane).lines(), Vec::<String>::new(), "after all was taken back");
        self.rig.assert_only_reads();
    }

    /// With the right to read three kinds: those are compared, all others are told as forbidden, and nothing is made up.
    fn tells_what_it_may_not_read(&self) {
        let report = self.diff(User::Narrow);
        assert!(report.exit >= 3, "exit {}", report.exit);
        let readable = ["ConfigMap", "Service", "Deployment"];
        let told = report.json["objects"].as_array().expect("a list");
        for object in told {
            let kind = object["object"].as_str().and_then(|text| text.split('/').next()).unwrap_or_default();
            let wanted = if readable.contains(&kind) { "unknown" } else { "forbidden" };
            assert_eq!(object["verdict"], wanted, "{object}");
        }
        assert_eq!(told.len() as u64 + report.equal(), self.inventoried(), "{:#?}", report.lines());
        assert!(told.iter().filter(|o| o["verdict"] == "forbidden").count() >= 10, "{:#?}", report.lines());
    }

    /// The rules of `.sealane.yaml`, and those of the Kustomization in the cluster.
    fn tells_what_is_ignored(&self) {
        let _held = self.rig.hold("kustomize-controller");
        let mutator = Mutator::new(&self.rig);
        let replicas = places::scale(mutator.before()).swap_remove(0);
        let labels = places::label_changed(mutator.before());
        let label = labels.into_iter().find(|p| p.object["kind"] == "Service").expect("a label of a Service");
        for place in [&replicas, &label] {
            mutator.patch("kubectl-edit", place);
        }
        let lines = self.diff(User::Sealane).lines();
        assert_eq!(lines.iter().filter(|line| line.starts_with("\"drifted\"")).count(), 2, "{lines:#?}");

        fs::write(
            self.repository.join(".sealane.yaml"),
            "ignore: [{kind: Deployment, paths: [/spec/replicas]}]\n",
        )
        .expect("a file");
        let owner = &label.object["metadata"]["labels"];
        let of = |part: &str| {
            owner[format!("kustomize.toolkit.fluxcd.io/{part}")].as_str().expect("a mark").to_owned()
        };
        let rule = serde_json::json!({"spec": {"ignore": [{"paths": [label.field], "target": {"kind": "Service"}}]}});
        self.rig.kubectl(&[
            "patch",
            "kustomizations.kustomize.toolkit.fluxcd.io",
            &of("name"),
            "--namespace",
            &of("namespace"),
            "--type=merge",
            "--field-manager=kubectl-patch",
            "--patch",
            &rule.to_string(),
        ]);
        let report = self.diff(User::Sealane);
        let lines = report.lines();
        assert!(lines.iter().all(|line| line.starts_with("\"synced\"")), "{lines:#?}");
        let ignored = lines.iter().filter(|line| line.contains("\"ignored\" by \"kubectl-edit\"")).count();
        assert_eq!(ignored, 2, "{lines:#?}");
    }

    fn round(&self, mutator: &Mutator<'_>, seed: u64, kinds: usize) {
        let start = Instant::now();
        let planted = mutator.plant(seed);
        let whats = whats(&planted);
        assert!(whats.len() >= kinds, "seed {seed}: only {} kinds of changes: {whats:?}", whats.len());
        let live = mutator.live();
        mutator::check(&planted, &live, seed);
        let report = self.diff(User::Sealane);
        let wrong = report.unlike(&planted, &live, mutator.before());
        assert!(
            wrong.is_empty(),
            "SEALANE_RIG_SEED={seed}: {} wrong\n{}\n\nall that was planted:\n{planted:#?}",
            wrong.len(),
            wrong.join("\n")
        );
        mutator.undo(&planted);
        let real = planted.iter().filter(|p| p.expected != Expected::Same).count();
        tell(&format!(
            "seed {seed}: {} kinds, {} changes, {real} to be told, all told and nothing else, in {} ms",
            whats.len(),
            planted.len(),
            start.elapsed().as_millis()
        ));
    }

    /// What `sealane diff --live` says, with the kubeconfig of that user.
    pub fn diff(&self, user: User) -> Report {
        let mut sealane = Command::new(env!("CARGO_BIN_EXE_sealane"));
        sealane.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        sealane.env("HOME", self.scratch.path()).env("SOPS_AGE_KEY_FILE", &self.identity);
        sealane.args(["diff", "--live", "--output", "json", "--context", "rig"]);
        sealane.arg("--kubeconfig").arg(self.rig.kubeconfig(user)).arg("--path").arg(&self.repository);
        if let Some(environment) = self.environment {
            sealane.args(["--environment", environment]);
        }
        let output = sealane.stdin(Stdio::null()).output().expect("sealane runs");
        let said = text(&output.stdout);
        assert_eq!(text(&output.stderr), "", "{said}");
        let json: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        Report::new(json, output.status.code().unwrap_or(-1))
    }

    /// How many objects the inventories of those Kustomizations hold whose source is the repository.
    pub fn inventoried(&self) -> u64 {
        let twin =
            fs::read_to_string(self.repository.with_file_name("twin.json")).expect("twins.py wrote it");
        let twin: Value = serde_json::from_str(&twin).expect("JSON");
        let elsewhere: BTreeSet<&str> = twin["stub_sources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|stub| stub["kustomization"].as_str())
            .collect();
        let listed = self.rig.kubectl_json(&["get", "kustomizations.kustomize.toolkit.fluxcd.io", "-A"]);
        let mut found = BTreeSet::new();
        for item in listed["items"].as_array().into_iter().flatten() {
            if !elsewhere.contains(item["metadata"]["name"].as_str().unwrap_or_default()) {
                let entries = item["status"]["inventory"]["entries"].as_array().into_iter().flatten();
                found.extend(entries.filter_map(|entry| entry["id"].as_str().map(str::to_owned)));
            }
        }
        found.len() as u64
    }
}

#[test]
fn the_demo() {
    let scratch = tempfile::tempdir().expect("a folder");
    let demo = sealane::demo::DemoRepository::create(scratch.path()).expect("the demo's repository");
    let twin = scratch.path().join("twin");
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-flux-prod.agekey");
    let mut twins = script("twins.py");
    twins.arg(&demo.clone).arg(&twin).args(["--as-is", "--path", "clusters/prod", "--keys"]).arg(keys);
    let stage = Stage::of_twin(scratch, &twin, &mut twins, Parts::Flux);
    let stage = Stage { environment: Some("prod"), ..stage };
    // Sealed in git, opened by the controller with the demo's cluster key.
    let selector = "kustomize.toolkit.fluxcd.io/name";
    let secrets = stage.rig.kubectl(&["get", "secrets", "--selector", selector, "-A", "-o", "name"]);
    assert!(secrets.lines().count() >= 2, "{secrets}");
    stage.tells_the_truth(ROUNDS, 15);
    stage.tells_what_is_ignored();
}

/// Variables out of a ConfigMap that nobody keeps in git: it is read from the cluster, and no stray.
#[test]
fn variables_that_only_the_cluster_has_are_used() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("source");
    commit(
        &folder,
        &[
            ("clusters/one/flux-system/gotk-sync.yaml", SYNC),
            ("clusters/one/apps.yaml", APPS),
            ("apps/kustomization.yaml", "resources: [greeting.yaml]\n"),
            ("apps/greeting.yaml", GREETING),
        ],
    );
    let rig = Rig::start(Parts::Flux);
    let words = ["create", "configmap", "cluster-settings", "--namespace", "flux-system"];
    rig.kubectl(&[&words[..], &["--from-literal=WHO=world"]].concat());
    let twin = scratch.path().join("twin");
    run(script("twins.py").arg(&folder).arg(&twin).args(["--as-is", "--path", "clusters/one"]));
    rig.deploy(&twin);
    let (repository, identity) = (twin.join("repo"), twin.join("age.agekey"));
    let stage = Stage { rig, scratch, repository, identity, environment: None };
    let report = stage.diff(User::Sealane);
    assert_eq!(report.lines(), Vec::<String>::new());
    assert_eq!((report.equal(), report.exit), (4, 0), "{}", report.json);
    assert!(report.json["rendered"].to_string().contains("2 of 2"), "{}", report.json["rendered"]);

    let _held = stage.rig.hold("kustomize-controller");
    let patch = r#"{"data": {"greeting": "hello, moon"}}"#;
    let words =
        ["patch", "configmap", "greeting", "--field-manager=kubectl-edit", "--type=merge", "-p", patch];
    stage.rig.kubectl(&words);
    let report = stage.diff(User::Sealane);
    let field = &report.json["objects"][0]["fields"][0];
    assert_eq!(field["path"], "data.greeting", "{}", report.json);
    assert_eq!((&field["git"], &field["class"]), (&"hello, world".into(), &"drifted".into()), "{field}");
}

pub const SYNC: &str = "
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m0s, ref: {branch: main}, url: 'https://rig.invalid/flux-system.git'}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m0s, path: ./clusters/one, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
";

const APPS: &str = "
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 10m
  path: ./apps
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  postBuild: {substituteFrom: [{kind: ConfigMap, name: cluster-settings}]}
";

const GREETING: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: greeting, namespace: default}
data: {greeting: \"hello, ${WHO}\"}
";

/// Makes a repository with these files.
pub fn commit(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(["-c", "user.name=Rig", "-c", "user.email=rig@example.test"]);
        run(git.args(words));
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "A step"]);
}

/// Kinds are asked for again: a definition that comes later needs no new start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_comes_later_is_compared() {
    let rig = Rig::start(Parts::Api);
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("repo");
    commit(&folder, &[("app/kustomization.yaml", "resources: [late.yaml]\n"), ("app/late.yaml", LATE)]);
    let workspace = Workspace::open(Settings {
        path: folder.clone(),
        kubeconfig: Some(rig.kubeconfig(User::Sealane)),
        context: Some("rig".to_owned()),
        state: Some(scratch.path().to_owned()),
        ..Settings::default()
    })
    .expect("a repository");
    let mut snapshots = workspace.snapshots();
    let mut until = async |wished: &dyn Fn(&Verdict) -> bool| {
        let is_so = |snapshot: &Arc<Snapshot>| {
            snapshot.objects.iter().any(|row| &*row.key.kind == "Late" && wished(&row.verdict))
        };
        let seen = tokio::time::timeout(Duration::from_secs(90), snapshots.wait_for(is_so)).await;
        seen.expect("it is told in time").expect("the workspace is open");
    };
    until(&|verdict| matches!(verdict, Verdict::Unknown(why) if why.contains("does not serve"))).await;
    let definition = folder.join("definition.yaml");
    fs::write(&definition, LATE_DEFINITION).expect("a file");
    rig.kubectl(&["apply", "-f", &definition.display().to_string()]);
    rig.kubectl(&["wait", "--for=condition=Established", "crd/lates.rig.sealane.dev", "--timeout=60s"]);
    rig.kubectl(&["apply", "-f", &folder.join("app/late.yaml").display().to_string()]);
    until(&|verdict| *verdict == Verdict::Synced).await;
    rig.kubectl(&["patch", "lates.rig.sealane.dev", "one", "--type=merge", "-p", r#"{"spec":{"size":2}}"#]);
    until(&|verdict| !verdict.is_synced()).await;
}

const LATE: &str = "
apiVersion: rig.sealane.dev/v1
kind: Late
metadata: {name: one, namespace: default}
spec: {size: 1}
";

const LATE_DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: lates.rig.sealane.dev}
spec:
  group: rig.sealane.dev
  names: {kind: Late, listKind: LateList, plural: lates, singular: late}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
";
