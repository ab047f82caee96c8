//! Argo CD's Applications as we render them against the real Argo CD: what its controller applied is in the annotation that
//! `kubectl apply` leaves on each object, and which objects it compares is in the status of each Application.

use crate::support::{Parts, Rig, User, run, tell};
use sealane::git::Repo;
use sealane::model::{Manifest, Revision};
use sealane::render::{Caches, Inputs, discover, render_environment};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Objects by how they are named, of Applications by namespace and name.
type Objects = BTreeMap<String, BTreeMap<String, Value>>;

/// What `argocd-cm` says, one after the other.
const SETTINGS: [(&str, &str); 4] = [
    ("annotation", "  kustomize.buildOptions: --load-restrictor LoadRestrictionsNone\n"),
    (
        "annotation and label",
        "  application.resourceTrackingMethod: annotation+label\n\
         \x20 kustomize.buildOptions: --load-restrictor=LoadRestrictionsNone --enable-managedby-label\n",
    ),
    (
        "label",
        "  application.resourceTrackingMethod: label\n  application.instanceLabelKey: rig.sealane.dev/application\n\
         \x20 kustomize.buildOptions: --load-restrictor LoadRestrictionsNone\n",
    ),
    // The last one: what another installation made is nobody's to prune.
    (
        "annotation and installation",
        "  application.resourceTrackingMethod: annotation\n  installationID: rig\n\
         \x20 kustomize.buildOptions: --load-restrictor LoadRestrictionsNone\n",
    ),
];

/// Folders of real repositories whose objects every API server knows and that hold no token Secrets, which
/// kube-controller-manager deletes when they come before their ServiceAccount: the repository, what is copied of it, the folder
/// that is applied.
const CORPORA: [(&str, &str, &str); 7] = [
    ("redhat-cop__gitops-catalog", "1password-connect", "aggregate/overlays/default"),
    ("redhat-cop__gitops-catalog", "installplan-approver", "base"),
    ("redhat-cop__gitops-catalog", "letsencrypt-certs", "base"),
    ("redhat-appstudio__infra-deployments", "components/konflux-rbac", "staging/base"),
    ("redhat-appstudio__infra-deployments", "components/integration", "base"),
    ("caarlos0__home", "default/jackett", ""),
    ("caarlos0__home", "default/home-assistant", ""),
];

/// What goes after the first commit: another tracking method needs no second look at each option.
const LARGEST: [&str; 3] = ["directory.yaml", "hooks.yaml", "kustomize.yaml"];

/// A repository that the rig's Argo CD reads.
struct Fleet {
    rig: Rig,
    scratch: tempfile::TempDir,
    url: String,
}

impl Fleet {
    /// The fixture, with the corpora's folders if they are there.
    fn new() -> Self {
        let rig = Rig::start(Parts::Argo);
        let scratch = tempfile::tempdir().expect("a folder");
        let url = format!("{}/config.git", rig.env("RIG_GIT"));
        let fleet = Self { rig, scratch, url };
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/argo/repository");
        fleet.copy(&fixture, &fleet.folder());
        if let Some(corpora) = env::var_os("SEALANE_CORPORA") {
            fleet.add_corpora(Path::new(&corpora));
        }
        let bare = fleet.rig.folder().join("git/config.git");
        run(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch", "main"]).arg(&bare));
        fleet.git(&["init", "--quiet", "--initial-branch", "main"]);
        fleet.git(&["remote", "add", "origin", &bare.display().to_string()]);
        fleet
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("config")
    }

    fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder()).args(["-c", "user.name=Rig", "-c", "user.email=rig@example.test"]);
        run(git.args(words)).trim().to_owned()
    }

    /// Copies a folder with its links; `@REPO@` becomes the URL.
    fn copy(&self, from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            let (kind, target) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
            if kind.is_symlink() {
                let leads = fs::read_link(entry.path()).expect("a link");
                std::os::unix::fs::symlink(leads, target).expect("a link");
            } else if kind.is_dir() {
                self.copy(&entry.path(), &target);
            } else {
                let bytes = fs::read(entry.path()).expect("a file");
                let text = String::from_utf8(bytes).expect("a text");
                fs::write(target, text.replace("@REPO@", &self.url)).expect("a file");
            }
        }
    }

    /// Real folders, each with an Application.
    fn add_corpora(&self, corpora: &Path) {
        let mut applications = String::new();
        for (place, (repository, part, folder)) in CORPORA.iter().enumerate() {
            let part = Path::new(repository).join(part);
            self.copy(&corpora.join(&part), &self.folder().join("corpora").join(&part));
            let path = Path::new("corpora").join(part).join(folder);
            let _ = write!(
                applications,
                "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: real-{place}, namespace: argocd}}\nspec:\n\
                 \x20 project: default\n  destination: {{name: rig, namespace: argo-real-{place}}}\n\
                 \x20 source: {{repoURL: '{}', path: {}}}\n\
                 \x20 syncPolicy: {{automated: {{prune: true}}, syncOptions: [CreateNamespace=true]}}\n",
                self.url,
                path.display()
            );
        }
        fs::write(self.folder().join("apps/corpora.yaml"), applications).expect("a file");
    }

    /// Commits with these settings of Argo CD, and tells it of them; answers the commit.
    fn set(&self, data: &str) -> String {
        let head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n\
                    \x20 labels: {app.kubernetes.io/part-of: argocd}\ndata:\n";
        let file = self.folder().join("settings/argocd-cm.yaml");
        fs::create_dir_all(self.folder().join("settings")).expect("a folder");
        fs::write(&file, format!("{head}{data}")).expect("a file");
        self.rig.kubectl(&["replace", "-f", &file.display().to_string()]);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "Settings"]);
        self.git(&["push", "--quiet", "origin", "main"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Objects name namespaces that nobody makes.
    fn make_namespaces(&self) {
        let is_namespace = |key: &&String| key.starts_with("/Namespace/");
        let ours = self.ours();
        let all = || ours.values().flat_map(BTreeMap::keys);
        let made: BTreeSet<&str> =
            all().filter(is_namespace).filter_map(|key| key.rsplit('/').next()).collect();
        let named: BTreeSet<&str> = all().filter_map(|key| key.rsplit('/').nth(1)).collect();
        for namespace in named.difference(&made).filter(|namespace| !namespace.is_empty()) {
            // It may be one of those that every cluster has.
            self.rig.try_kubectl(User::Admin, &["create", "namespace", namespace]);
        }
    }

    /// What we render.
    fn ours(&self) -> Objects {
        let repository = Repo::open(&self.folder()).expect("a repository");
        let tree = repository.tree(Revision::Worktree).expect("a tree");
        let caches = Caches::default();
        let remotes = [self.url.clone()];
        let found = discover(&*tree, &caches.surveys, &remotes).expect("it can be read");
        let fleet: Vec<_> = found.environments.iter().filter(|e| e.name.starts_with("argocd")).collect();
        assert_eq!(fleet.len(), 1, "one environment holds all: {:?}", found.environments);
        let inputs = Inputs { remotes: &remotes, ..Inputs::new(&caches) };
        let rendered = render_environment(&*tree, fleet[0], &inputs);
        let mut objects = Objects::new();
        for producer in &rendered.producers {
            assert!(producer.complete, "{}: {:?}", producer.key, producer.problems);
            let own = producer.objects.iter().map(|m| (name_of(&m.key.group, m), body_of(m)));
            let is_new =
                objects.insert(format!("{}/{}", producer.key.namespace, producer.key.name), own.collect());
            assert!(is_new.is_none(), "{} is there once", producer.key);
        }
        objects
    }

    fn applications(&self) -> Vec<Value> {
        let found = self.rig.kubectl_json(&["get", "applications.argoproj.io", "-A"]);
        found["items"].as_array().cloned().unwrap_or_default()
    }

    /// What Argo CD compares and applied.
    fn theirs(&self) -> Objects {
        let applications = self.applications();
        let mut kinds = BTreeSet::new();
        for resource in applications.iter().flat_map(resources) {
            let (group, kind) = (word(resource, "group"), word(resource, "kind"));
            kinds.insert(if group.is_empty() {
                kind
            } else {
                format!("{kind}.{}.{group}", word(resource, "version"))
            });
        }
        let mut applied: HashMap<String, Value> = HashMap::new();
        for kind in kinds {
            // A kind may not be served yet, or no longer.
            let found = self.rig.try_kubectl(User::Admin, &["get", &kind, "-A", "-o", "json"]);
            let found: Value = serde_json::from_slice(&found.stdout).unwrap_or(Value::Null);
            for object in found["items"].as_array().into_iter().flatten() {
                applied.insert(key_of(object), last_applied(object));
            }
        }
        let mut objects = Objects::new();
        for application in &applications {
            let metadata = &application["metadata"];
            let own = resources(application).map(|resource| {
                let key = ["group", "kind", "namespace", "name"].map(|field| word(resource, field)).join("/");
                let body = applied.get(&key).cloned().unwrap_or(Value::Null);
                (key, body)
            });
            objects
                .insert(format!("{}/{}", word(metadata, "namespace"), word(metadata, "name")), own.collect());
        }
        objects
    }

    /// Waits until Argo CD is at rest at a commit, and compares what it applied with what we render.
    fn compare(&self, method: &str, head: &str) {
        let ours = self.ours();
        let start = Instant::now();
        // Argo CD takes the annotation off again once it has looked.
        let words = ["annotate", "applications.argoproj.io", "-A", "--all", "--overwrite"];
        self.rig.try_kubectl(User::Admin, &[&words[..], &["argocd.argoproj.io/refresh=normal"]].concat());
        let mut waiting = Vec::new();
        while start.elapsed() < PATIENCE {
            let applications = self.applications();
            waiting = applications.iter().filter_map(|application| unsettled(application, head)).collect();
            if waiting.is_empty() && applications.len() == ours.len() {
                break;
            }
            // Each look costs Argo CD time.
            std::thread::sleep(Duration::from_secs(1));
        }
        let wrong = differences(&ours, &self.theirs());
        assert!(
            wrong.is_empty() && waiting.is_empty(),
            "{method}: {} differences after {:?}\n{}\n\nnot settled:\n{}",
            wrong.len(),
            start.elapsed(),
            wrong.join("\n"),
            waiting.join("\n")
        );
        let (all, objects) = (ours.len(), ours.values().map(BTreeMap::len).sum::<usize>());
        let seconds = start.elapsed().as_secs_f32();
        tell(&format!(
            "argo: {all} of {all} applications equal, {objects} objects, tracked by {method}, in {seconds:.1} s"
        ));
    }
}

/// How long Argo CD may take for one commit.
const PATIENCE: Duration = Duration::from_mins(8);

/// What was applied, as `kubectl apply` writes it down.
fn last_applied(object: &Value) -> Value {
    let last = &object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    let last = last.as_str().and_then(|text| serde_json::from_str(text).ok());
    let mut last: Value = last.unwrap_or(Value::Null);
    // An object without annotations gets an empty mapping of them when the last one is written down.
    if let Some(metadata) = last["metadata"].as_object_mut() {
        metadata.retain(|key, value| key != "annotations" || *value != serde_json::json!({}));
    }
    last
}

fn word(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// The objects that Argo CD compares: no hooks, and nothing that is skipped, which has no status.
fn resources(application: &Value) -> impl Iterator<Item = &Value> {
    let all = application["status"]["resources"].as_array().into_iter().flatten();
    all.filter(|resource| resource["hook"] != true && resource["status"].is_string())
}

/// Why an Application is not at rest at a commit.
fn unsettled(application: &Value, head: &str) -> Option<String> {
    let (metadata, status) = (&application["metadata"], &application["status"]);
    let sync = &status["sync"];
    let revisions = sync["revisions"].as_array().cloned().unwrap_or_else(|| vec![sync["revision"].clone()]);
    let is_there = revisions.iter().all(|revision| revision == head);
    let phase = status["operationState"]["phase"].as_str().unwrap_or("none");
    // An empty block is taken out of a live Application, so that its parent never is in sync (argo-cd's `NormalizeSource`);
    // real folders hold fields that the API server writes in another way. Both were applied.
    let name = word(metadata, "name");
    let is_synced = sync["status"] == "Synced" || name == "root" || name.starts_with("real-");
    if is_there && is_synced && phase == "Succeeded" {
        return None;
    }
    let message = status["operationState"]["message"].as_str().unwrap_or_default();
    Some(format!(
        "{}: {} at {revisions:?}, {phase} {message} {}",
        word(metadata, "name"),
        sync["status"],
        status["conditions"]
    ))
}

fn key_of(object: &Value) -> String {
    let version = word(object, "apiVersion");
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let metadata = &object["metadata"];
    [group, &word(object, "kind"), &word(metadata, "namespace"), &word(metadata, "name")].join("/")
}

fn name_of(group: &str, manifest: &Arc<Manifest>) -> String {
    let key = &manifest.key;
    [group, &key.kind, &key.namespace, &key.name].join("/")
}

fn body_of(manifest: &Arc<Manifest>) -> Value {
    serde_json::from_str(&sealane::yaml::to_json(&manifest.body)).expect("JSON")
}

fn differences(ours: &Objects, theirs: &Objects) -> Vec<String> {
    let mut wrong = Vec::new();
    let nothing = BTreeMap::new();
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let (own, other) = (ours.get(name).unwrap_or(&nothing), theirs.get(name).unwrap_or(&nothing));
        let keys: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
        for key in keys {
            match (own.get(key), other.get(key)) {
                (Some(own), Some(other)) if own == other => {}
                (Some(own), Some(other)) => {
                    wrong.push(format!("{name} {key}\n  ours   {own}\n  theirs {other}"));
                }
                (Some(_), None) => wrong.push(format!("{name} {key}: ours alone")),
                (None, _) => wrong.push(format!("{name} {key}: theirs alone")),
            }
        }
        if !(ours.contains_key(name) && theirs.contains_key(name)) {
            wrong.push(format!("{name}: the Application is there on one side alone"));
        }
    }
    wrong
}

#[test]
fn applications_are_rendered_as_argo_cd_does() {
    let fleet = Fleet::new();
    fleet.make_namespaces();
    for (place, (method, data)) in SETTINGS.iter().enumerate() {
        if place == 1 {
            for file in LARGEST {
                fs::remove_file(fleet.folder().join("apps").join(file)).expect("it is part of the fixture");
            }
        }
        let head = fleet.set(data);
        if place == 0 {
            let root = fleet.folder().join("root.yaml");
            fleet.rig.kubectl(&["apply", "-f", &root.display().to_string()]);
        }
        fleet.compare(method, &head);
    }
}
