//! Repositories made for measuring: Flux layers, bases and overlays, patches, generators, a history of single changes.
//! The same seed gives the same bytes.

use super::parts::{Missing, run};
use sealane::git::{Repo, Told, fill, found};
use sealane::model::CommitId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Apps in one namespace.
const NEIGHBOURS: usize = 8;
/// Files of one app.
const FILES_OF_APP: usize = 8;
/// The app whose history is walked.
pub const WALKED: usize = 1;

/// A repository in a folder, with its commits, oldest first.
pub struct Generated {
    pub folder: PathBuf,
    pub files: usize,
    pub repo: Repo,
    pub commits: Vec<CommitId>,
}

impl Generated {
    /// The last commit.
    pub fn newest(&self) -> Result<CommitId, Missing> {
        self.commits.last().copied().ok_or_else(|| Missing("a repository without commits".to_owned()))
    }
}

/// Every choice that is made, from one seed (Knuth's 64-bit linear congruence).
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}

/// The folder of an app.
pub fn folder_of(app: usize) -> String {
    format!("apps/{}/app-{app:03}", team_of(app))
}

/// The namespace of an app.
pub fn team_of(app: usize) -> String {
    format!("team-{:02}", app / NEIGHBOURS)
}

type Files = BTreeMap<String, Option<String>>;

/// Makes a repository of about `files` files in `folder`, with a checkout, and a history of `changes` single changes, of
/// which every second one is of the app [`WALKED`].
pub fn flux(folder: &Path, files: usize, changes: usize, seed: u64) -> Result<Generated, Missing> {
    let apps = (files * NEIGHBOURS - 5 * NEIGHBOURS) / (FILES_OF_APP * NEIGHBOURS + 2);
    let mut choices = Choices(seed);
    let first = everything(apps, &mut choices);
    let count = first.len();
    let mut commits = vec![told(0, "everything", first)];
    for number in 1..=changes {
        let app = if number % 2 == 0 { WALKED } else { choices.below(apps) };
        let (path, text) = change(app, number, &mut choices);
        commits.push(told(number, &path.clone(), Files::from([(path, Some(text))])));
    }
    make(folder, &commits, count)
}

/// A repository with one kustomization of so many objects, and patches, labels and images over all of them.
pub fn single(folder: &Path, objects: usize) -> Result<Generated, Missing> {
    let mut files = Files::new();
    let mut choices = Choices(7);
    let mut resources = Vec::new();
    for (place, block) in (0..objects).collect::<Vec<_>>().chunks(20).enumerate() {
        let texts: Vec<String> = block
            .iter()
            .map(|n| match n % 4 {
                0 => deployment(&format!("app-{n:05}"), "1.0.0", &mut choices),
                1 => service(&format!("app-{:05}", n - 1)),
                2 => settings(&format!("settings-{n:05}"), &mut choices),
                _ => account(&format!("app-{:05}", n - 3)),
            })
            .collect();
        resources.push(format!("- part-{place:04}.yaml\n"));
        files.insert(format!("part-{place:04}.yaml"), Some(texts.join("---\n")));
    }
    let resources = resources.concat();
    let kustomization = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: shop\nnamePrefix: eu-\nresources:\n{resources}\
         labels:\n- pairs: {{region: eu}}\n  includeSelectors: true\nimages:\n- name: registry.example/app\n  newTag: 2.0.0\n\
         patches:\n- target: {{kind: Deployment, name: app-.*0}}\n  patch: |\n    - op: replace\n      path: /spec/replicas\n      value: 3\n"
    );
    files.insert("kustomization.yaml".to_owned(), Some(kustomization));
    let count = files.len();
    make(folder, &[told(0, "everything", files)], count)
}

fn told(number: usize, message: &str, files: Files) -> Told {
    let seconds = 1_760_000_000 + 600 * i64::try_from(number).unwrap_or(0);
    Told {
        name: "Bench".to_owned(),
        email: "bench@example.test".to_owned(),
        seconds,
        ahead: 0,
        message: format!("{message}\n"),
        files,
    }
}

fn make(folder: &Path, commits: &[Told], files: usize) -> Result<Generated, Missing> {
    let broken = |e: &dyn std::fmt::Display| Missing(format!("{}: {e}", folder.display()));
    run(Command::new("git").args(["init", "--quiet", "--initial-branch", "main"]).arg(folder))?;
    let address = "https://git.example.test/shop/config.git";
    run(Command::new("git").arg("-C").arg(folder).args(["remote", "add", "origin", address]))?;
    found(&folder.join(".git"), "main", commits).map_err(|e| broken(&e))?;
    fill(folder).map_err(|e| broken(&e))?;
    let lines = run(Command::new("git").arg("-C").arg(folder).args(["rev-list", "--reverse", "HEAD"]))?;
    let repo = Repo::open(folder).map_err(|e| broken(&e))?;
    let commits: Vec<CommitId> = lines.lines().filter_map(CommitId::parse).collect();
    Ok(Generated { folder: folder.to_owned(), files, repo, commits })
}

fn everything(apps: usize, choices: &mut Choices) -> Files {
    let mut files = Files::new();
    let mut put = |path: String, text: String| drop(files.insert(path, Some(text)));
    put("clusters/main/flux-system/gotk-sync.yaml".to_owned(), SYNC.to_owned());
    put(
        "clusters/main/flux-system/kustomization.yaml".to_owned(),
        "resources: [gotk-sync.yaml]\n".to_owned(),
    );
    put("clusters/main/settings.yaml".to_owned(), SETTINGS.to_owned());
    put("clusters/main/apps.yaml".to_owned(), kustomization_object("apps", "./apps", ""));
    put("README.md".to_owned(), "# A shop\n".to_owned());
    for app in 0..apps {
        let folder = folder_of(app);
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", &folder));
        let team = above.rsplit('/').next().unwrap_or(above);
        if app % NEIGHBOURS == 0 {
            let end = (app + NEIGHBOURS).min(apps);
            let entries: Vec<String> = (app..end).map(|n| format!("- app-{n:03}/ks.yaml\n")).collect();
            let entries = entries.concat();
            put(format!("{above}/kustomization.yaml"), format!("resources:\n- namespace.yaml\n{entries}"));
            put(
                format!("{above}/namespace.yaml"),
                format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {team}}}\n"),
            );
        }
        let build = format!(
            "  targetNamespace: {team}\n  commonMetadata:\n    labels: {{app.kubernetes.io/part-of: {name}}}\n  postBuild:\n    substitute: {{APP: {name}}}\n    substituteFrom:\n    - kind: ConfigMap\n      name: cluster-settings\n"
        );
        put(format!("{folder}/ks.yaml"), kustomization_object(name, &format!("./{folder}/app"), &build));
        if app % 2 == 0 {
            plain(&folder, name, choices, &mut put);
        } else {
            overlay(&folder, name, choices, &mut put);
        }
    }
    files
}

/// An app whose folder has all it needs.
fn plain(folder: &str, name: &str, choices: &mut Choices, put: &mut dyn FnMut(String, String)) {
    put(
        format!("{folder}/app/kustomization.yaml"),
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- deployment.yaml\n- service.yaml\n- ingress.yaml\n- claim.yaml\n- policy.yaml\nlabels:\n- pairs: {{app.kubernetes.io/name: {name}}}\n  includeSelectors: true\nconfigMapGenerator:\n- name: {name}-settings\n  files: [settings.yaml=config/settings.yaml]\n"
        ),
    );
    put(format!("{folder}/app/deployment.yaml"), deployment(name, "1.0.0", choices));
    put(format!("{folder}/app/service.yaml"), service(name));
    put(format!("{folder}/app/ingress.yaml"), ingress(name));
    put(
        format!("{folder}/app/claim.yaml"),
        format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: {name}\nspec:\n  accessModes: [ReadWriteOnce]\n  storageClassName: ${{STORAGE}}\n  resources:\n    requests: {{storage: {}Gi}}\n",
            1 + choices.below(40)
        ),
    );
    put(
        format!("{folder}/app/policy.yaml"),
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\nspec:\n  podSelector: {{}}\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n    - namespaceSelector:\n        matchLabels: {{kubernetes.io/metadata.name: ingress}}\n    ports: [{{port: 8080, protocol: TCP}}]\n"
        ),
    );
    put(format!("{folder}/app/config/settings.yaml"), config(0, choices));
}

/// An app with a base and an overlay that patches it.
fn overlay(folder: &str, name: &str, choices: &mut Choices, put: &mut dyn FnMut(String, String)) {
    put(format!("{folder}/base/kustomization.yaml"), "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- deployment.yaml\n- service.yaml\n- account.yaml\n".to_owned());
    put(format!("{folder}/base/deployment.yaml"), deployment(name, "1.0.0", choices));
    put(format!("{folder}/base/service.yaml"), service(name));
    put(format!("{folder}/base/account.yaml"), account(name));
    put(
        format!("{folder}/app/kustomization.yaml"),
        format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnameSuffix: -main\nresources: [../base]\ncommonAnnotations: {{shop.example/owner: {name}}}\nreplicas:\n- {{name: {name}, count: {}}}\npatches:\n- path: patch.yaml\n- path: limits.yaml\n  target: {{kind: Deployment}}\n",
            1 + choices.below(5)
        ),
    );
    put(format!("{folder}/app/patch.yaml"), patch(name, 0));
    put(
        format!("{folder}/app/limits.yaml"),
        "- op: replace\n  path: /spec/template/spec/containers/0/resources/limits/memory\n  value: 512Mi\n"
            .to_owned(),
    );
}

/// One file of an app as it is after a change.
fn change(app: usize, number: usize, choices: &mut Choices) -> (String, String) {
    let folder = folder_of(app);
    let name = folder.rsplit('/').next().unwrap_or_default();
    let tag = format!("1.{}.{number}", choices.below(9));
    match (app % 2, choices.below(3)) {
        (0, 0) => (format!("{folder}/app/config/settings.yaml"), config(number, choices)),
        (0, _) => (format!("{folder}/app/deployment.yaml"), deployment(name, &tag, choices)),
        (_, 0) => (format!("{folder}/app/patch.yaml"), patch(name, number)),
        _ => (format!("{folder}/base/deployment.yaml"), deployment(name, &tag, choices)),
    }
}

const SYNC: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1m0s\n  ref: {branch: main}\n  url: https://git.example.test/shop/config.git\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  interval: 10m0s\n  path: ./clusters/main\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n";

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cluster-settings\n  namespace: flux-system\ndata:\n  DOMAIN: shop.example.test\n  STORAGE: fast\n  ZONE: eu-west-1\n  LEVEL: info\n";

fn kustomization_object(name: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: flux-system\nspec:\n  interval: 30m\n  path: {path}\n  prune: true\n  wait: false\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n{more}"
    )
}

fn deployment(name: &str, tag: &str, choices: &mut Choices) -> String {
    let mut environment = Vec::new();
    for n in 0..4 + choices.below(6) {
        environment
            .push(format!("        - name: OPTION_{n}\n          value: \"{}\"\n", choices.below(10_000)));
    }
    let environment = environment.concat();
    format!(
        "---\n# {name}: what customers see\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  labels:\n    app: {name}\nspec:\n  replicas: {}\n  revisionHistoryLimit: 3\n  strategy:\n    type: RollingUpdate\n    rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}\n  selector:\n    matchLabels:\n      app: {name}\n  template:\n    metadata:\n      labels:\n        app: {name}\n      annotations:\n        prometheus.io/scrape: \"true\"\n    spec:\n      serviceAccountName: {name}\n      securityContext: {{runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}}\n      containers:\n      - name: app\n        image: registry.example/app:{tag}\n        imagePullPolicy: IfNotPresent\n        args: [--listen=:8080, --log-level=info]\n        env:\n{environment}        ports:\n        - name: http\n          containerPort: 8080\n          protocol: TCP\n        livenessProbe:\n          httpGet: {{path: /healthz, port: http}}\n          periodSeconds: 10\n        readinessProbe:\n          httpGet: {{path: /readyz, port: http}}\n        resources:\n          requests:\n            cpu: {}m\n            memory: 128Mi\n          limits:\n            memory: 256Mi\n        volumeMounts:\n        - name: tmp\n          mountPath: /tmp\n      volumes:\n      - name: tmp\n        emptyDir: {{}}\n",
        1 + choices.below(4),
        10 * (1 + choices.below(20))
    )
}

fn service(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  labels:\n    app: {name}\nspec:\n  type: ClusterIP\n  selector:\n    app: {name}\n  ports:\n  - name: http\n    port: 80\n    targetPort: http\n    protocol: TCP\n"
    )
}

fn ingress(name: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations:\n    cert-manager.io/cluster-issuer: letsencrypt\nspec:\n  ingressClassName: internal\n  rules:\n  - host: {name}.${{DOMAIN}}\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {name}\n            port: {{name: http}}\n  tls:\n  - hosts: [\"{name}.${{DOMAIN}}\"]\n    secretName: {name}-tls\n"
    )
}

fn account(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\nautomountServiceAccountToken: false\n"
    )
}

fn settings(name: &str, choices: &mut Choices) -> String {
    let lines: Vec<String> = (0..6).map(|n| format!("  key-{n}: \"{}\"\n", choices.below(100_000))).collect();
    let lines = lines.concat();
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}")
}

fn config(number: usize, choices: &mut Choices) -> String {
    let lines: Vec<String> = (0..12).map(|n| format!("  option{n}: {}\n", choices.below(1000))).collect();
    let lines = lines.concat();
    format!("# change {number}\nserver:\n  port: 8080\noptions:\n{lines}")
}

fn patch(name: &str, number: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        env:\n        - name: ZONE\n          value: ${{ZONE}}\n        - name: CHANGE\n          value: \"{number}\"\n"
    )
}
