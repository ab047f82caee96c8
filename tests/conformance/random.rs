//! Random overlays, ours against the real `kustomize`: the same text, or a refusal by both.

use crate::cases::difference;
use crate::folder::Files;
use crate::{Score, say};
use sealane::render::kustomize::{BuildOptions, DocumentCache, Inputs, build, to_text};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Builds `count` random overlays with both. The seed of each is printed when they differ.
pub fn run(oracle: &Path, first_seed: u64, count: u64) -> Score {
    let mut score = Score::default();
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    for seed in first_seed..first_seed + count {
        let files = Overlay::new(seed).make();
        let top = folder.path().join(seed.to_string());
        write(&top, &files);
        let output =
            Command::new(oracle).arg("build").arg(top.join("top")).output().expect("the oracle can be run");
        let wanted = output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned());
        let found = ours(&files);
        let same = match (&wanted, &found) {
            (Some(wanted), Ok(found)) => wanted == found,
            (None, Err(_)) => true,
            _ => false,
        };
        score.count("overlays", same);
        if wanted.is_some() {
            score.count("overlays that build", same);
        }
        if !same {
            report(seed, &files, wanted, found, &String::from_utf8_lossy(&output.stderr));
        }
        std::fs::remove_dir_all(&top).expect("the scratch folder is ours");
    }
    score
}

fn report(
    seed: u64,
    files: &BTreeMap<String, String>,
    wanted: Option<String>,
    found: Result<String, String>,
    stderr: &str,
) {
    say(&format!("=== seed {seed}"));
    for (path, text) in files {
        say(&format!("--- {path}\n{text}"));
    }
    match (wanted, found) {
        (Some(wanted), Ok(found)) => say(&difference(&wanted, &found)),
        (Some(_), Err(error)) => say(&format!("kustomize builds it; ours: {error}")),
        (None, Ok(_)) => say(&format!("kustomize refuses: {stderr}")),
        (None, Err(_)) => {}
    }
}

fn ours(files: &BTreeMap<String, String>) -> Result<String, String> {
    let tree = Files::of(files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())));
    let documents = DocumentCache::default();
    let inputs = Inputs { opener: None, remotes: &BTreeMap::new(), documents: &documents, steps: false };
    build(&tree, "top", &BuildOptions::default(), &inputs)
        .map(|built| to_text(&built))
        .map_err(|e| e.problem().to_string())
}

fn write(top: &Path, files: &BTreeMap<String, String>) {
    for (path, text) in files {
        let path = top.join(path);
        std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
    }
}

/// A small generator of numbers, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'p>(&mut self, pool: &[&'p str]) -> &'p str {
        pool[usize::try_from(self.roll(pool.len() as u64)).expect("pools are small")]
    }
}

const NAMES: [&str; 4] = ["web", "api", "db", "web-config"];
const NAMESPACES: [&str; 5] = ["", "", "default", "shop", "other"];
const TEXTS: [&str; 12] = [
    "v1", "\"yes\"", "'010'", "\"1.0\"", "on-call", "\"n\"", "x y", "\"null\"", "a: b", "é", "\"1e3\"", "~x",
];

/// One random overlay: a base, perhaps a middle and a component, and a top.
struct Overlay {
    dice: Dice,
    files: BTreeMap<String, String>,
    /// Kind, name and namespace of the objects there are.
    taken: std::collections::BTreeSet<(String, &'static str, &'static str)>,
}

impl Overlay {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)),
            files: BTreeMap::new(),
            taken: std::collections::BTreeSet::new(),
        }
    }

    fn make(mut self) -> BTreeMap<String, String> {
        let mut objects = String::new();
        for _ in 0..=self.dice.roll(4) {
            objects.push_str(&self.object());
        }
        self.files.insert("base/objects.yaml".to_owned(), objects);
        self.folder("base", "resources:\n- objects.yaml\n");
        let mut below = "../base";
        if self.dice.one_in(2) {
            self.folder("middle", "resources:\n- ../base\n");
            below = "../middle";
        }
        let mut head = format!("resources:\n- {below}\n");
        if self.dice.one_in(3) {
            let object = self.object();
            self.files.insert("top/more.yaml".to_owned(), object);
            head.push_str("- more.yaml\n");
        }
        if self.dice.one_in(4) {
            self.folder("part", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n");
            head.push_str("components:\n- ../part\n");
        }
        self.folder("top", &head);
        self.files
    }

    fn object(&mut self) -> String {
        let (name, namespace) = (self.dice.pick(&NAMES), self.dice.pick(&NAMESPACES));
        let mut metadata = format!("metadata:\n  name: {name}\n");
        if !namespace.is_empty() {
            let _ = writeln!(metadata, "  namespace: {namespace}");
        }
        if self.dice.one_in(3) {
            let _ = writeln!(metadata, "  labels:\n    app: {}", self.dice.pick(&NAMES));
        }
        if self.dice.one_in(4) {
            let _ = writeln!(
                metadata,
                "  annotations:\n    note: {}",
                self.dice.pick(&["true", "3", "text", "~"])
            );
        }
        let (other, text) = (self.dice.pick(&NAMES), self.dice.pick(&TEXTS));
        let body = match self.dice.roll(9) {
            0 | 1 => self.deployment(name, other),
            2 => format!(
                "apiVersion: v1\nkind: Service\n{metadata}spec:\n  selector:\n    app: {name}\n  ports:\n  - port: 80\n    name: http\n  - port: 443\n"
            ),
            3 => format!(
                "apiVersion: v1\nkind: ConfigMap\n{metadata}data:\n  key: {text}\n  more: |\n    a\n    b\n"
            ),
            4 => format!("apiVersion: v1\nkind: ServiceAccount\n{metadata}"),
            5 => format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n{metadata}roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {other}\nsubjects:\n- kind: ServiceAccount\n  name: {}\n  namespace: {}\n",
                self.dice.pick(&["default", "web", "api"]),
                self.dice.pick(&["shop", "other", "default"])
            ),
            6 => format!(
                "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n",
                self.dice.pick(&["shop", "other"])
            ),
            7 => format!(
                "apiVersion: example.com/v1\nkind: Gadget\n{metadata}spec:\n  containers:\n  - name: a\n    image: nginx:1\n  list:\n  - 1\n  - two\n  value: {text}\n"
            ),
            _ => format!(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\n{metadata}spec:\n  rules:\n  - http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {other}\n            port:\n              number: 80\n"
            ),
        };
        let body = body.replace("METADATA\n", &metadata);
        // Two objects with one identity are a refusal: seldom enough is often enough.
        let kind = body.lines().nth(1).unwrap_or_default().to_owned();
        if !self.taken.insert((kind, name, namespace)) && !self.dice.one_in(8) {
            return String::new();
        }
        format!("---\n{body}")
    }

    fn deployment(&mut self, name: &str, other: &str) -> String {
        let replicas = if self.dice.one_in(2) { "  replicas: 2\n" } else { "" };
        format!(
            "apiVersion: apps/v1\nkind: {}\nMETADATA\nspec:\n{replicas}  selector:\n    matchLabels:\n      app: {name}\n  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n      serviceAccountName: {other}\n      containers:\n      - name: main\n        image: {}\n        env:\n        - name: A\n          value: \"1\"\n        - name: B\n          valueFrom:\n            configMapKeyRef:\n              name: {other}\n              key: k\n        ports:\n        - containerPort: 80\n          protocol: TCP\n      - name: side\n        image: busybox\n      volumes:\n      - name: v\n        configMap:\n          name: web-config\n      - name: s\n        secret:\n          secretName: made\n",
            self.dice.pick(&["Deployment", "Deployment", "StatefulSet", "DaemonSet"]),
            self.dice.pick(&[
                "nginx",
                "nginx:1.2",
                "host:5000/nginx:1@sha256:abc",
                "docker.io/library/nginx"
            ]),
        )
    }

    fn folder(&mut self, name: &str, head: &str) {
        let mut text = head.to_owned();
        for _ in 0..self.dice.roll(4) {
            let part = self.part(name);
            let key = part.split(':').next().unwrap_or_default().to_owned();
            if !text.lines().any(|line| line.starts_with(&format!("{key}:"))) {
                text.push_str(&part);
            }
        }
        self.files.insert(format!("{name}/kustomization.yaml"), text);
    }

    fn part(&mut self, folder: &str) -> String {
        let choice = match self.dice.roll(16) {
            // What often refuses to build is asked for less often.
            7 | 13 if !self.dice.one_in(4) => 10,
            choice => choice,
        };
        match choice {
            0 => format!("namePrefix: {}\n", self.dice.pick(&["dev-", "x", "\"1\""])),
            1 => format!("nameSuffix: {}\n", self.dice.pick(&["-v2", "-b"])),
            2 => format!("namespace: {}\n", self.dice.pick(&["shop", "other", "default"])),
            3 => format!("commonLabels:\n  team: {}\n", self.dice.pick(&["red", "\"1\"", "\"true\""])),
            4 => format!(
                "labels:\n- pairs:\n    tier: {}\n  includeSelectors: {}\n  includeTemplates: {}\n",
                self.dice.pick(&["a", "\"yes\""]),
                self.dice.pick(&["true", "false"]),
                self.dice.pick(&["true", "false"]),
            ),
            5 => format!("commonAnnotations:\n  by: {}\n", self.dice.pick(&["me", "\"0\"", "\"a\\nb\""])),
            6 => format!(
                "images:\n- name: {}\n  {}\n",
                self.dice.pick(&["nginx", "busybox", "host:5000/nginx", "docker.io/library/nginx"]),
                self.dice.pick(&[
                    "newTag: \"2\"",
                    "newName: other/nginx",
                    "digest: sha256:123",
                    "tagSuffix: -alpine"
                ]),
            ),
            7 => format!("replicas:\n- name: {}\n  count: 5\n", self.dice.pick(&NAMES)),
            8 | 9 => self.generator(folder),
            10..=12 => self.patches(folder),
            13 => self.replacement(),
            14 => format!(
                "buildMetadata: [{}]\n",
                self.dice.pick(&[
                    "originAnnotations",
                    "transformerAnnotations",
                    "managedByLabel",
                    "originAnnotations, transformerAnnotations"
                ])
            ),
            _ => format!(
                "generatorOptions:\n  disableNameSuffixHash: {}\n  labels:\n    gen: x\n",
                self.dice.pick(&["true", "false"])
            ),
        }
    }

    fn generator(&mut self, folder: &str) -> String {
        let kind = self.dice.pick(&["configMapGenerator", "configMapGenerator", "secretGenerator"]);
        let name = if kind == "secretGenerator" {
            "made"
        } else {
            self.dice.pick(&["web-config", "web-config", "api"])
        };
        let behavior = if self.dice.one_in(4) {
            self.dice.pick(&["  behavior: merge\n", "  behavior: replace\n", "  behavior: create\n"])
        } else {
            ""
        };
        let namespace = self.dice.pick(&["", "", "", "  namespace: shop\n"]);
        let source = match self.dice.roll(3) {
            0 => format!(
                "  literals:\n  - k={}\n  - l=\"quoted <&>\"\n",
                self.dice.pick(&["v", "1", "yes", "a=b", "'q'"])
            ),
            1 => {
                let long = "0123456789".repeat(usize::try_from(self.dice.roll(12)).expect("it is small"));
                self.files.insert(format!("{folder}/file.txt"), format!("text {long}\nsecond\n"));
                "  files:\n  - file.txt\n  - other=file.txt\n".to_owned()
            }
            _ => {
                self.files.insert(format!("{folder}/vars.env"), "# c\nA=1\n  B = two \nC\n".to_owned());
                "  envs:\n  - vars.env\n".to_owned()
            }
        };
        format!("{kind}:\n- name: {name}\n{behavior}{namespace}{source}")
    }

    fn patches(&mut self, folder: &str) -> String {
        let mut text = "patches:\n".to_owned();
        for _ in 0..=self.dice.roll(2) {
            text.push_str(&self.patch(folder));
        }
        text
    }

    fn patch(&mut self, folder: &str) -> String {
        let (name, kind) = (
            self.dice.pick(&NAMES),
            self.dice.pick(&["Deployment", "StatefulSet", "Service", "ConfigMap", "Gadget"]),
        );
        let target = self.target(kind, name);
        if self.dice.one_in(2) {
            let ops = self.operations();
            let inline = ops.lines().fold(String::new(), |all, line| all + "    " + line + "\n");
            let target = if ops.contains("/spec/") && !self.dice.one_in(6) {
                "  target:\n    kind: Deployment\n    labelSelector: app\n".to_owned()
            } else {
                target
            };
            return format!("- patch: |-\n{inline}{target}");
        }
        let strategic = self.strategic();
        let group = match kind {
            "Deployment" | "StatefulSet" => "apps/v1",
            "Gadget" => "example.com/v1",
            _ => "v1",
        };
        let mut body = format!("apiVersion: {group}\nkind: {kind}\n");
        match strategic.strip_prefix("metadata:\n") {
            Some(rest) => {
                let _ = write!(body, "metadata:\n  name: {name}\n{rest}");
            }
            None => {
                let _ = write!(body, "metadata:\n  name: {name}\n{strategic}");
            }
        }
        let number = self.files.len();
        match self.dice.roll(4) {
            0 => {
                self.files.insert(format!("{folder}/patch{number}.yaml"), body);
                format!("- path: patch{number}.yaml\n{target}")
            }
            1 if self.dice.one_in(3) => {
                self.files.insert(format!("{folder}/patch{number}.yaml"), body);
                format!("- path: patch{number}.yaml\n")
            }
            _ => {
                let inline = body.lines().fold(String::new(), |all, line| all + "    " + line + "\n");
                format!("- patch: |-\n{inline}{target}")
            }
        }
    }

    fn target(&mut self, kind: &str, name: &str) -> String {
        match self.dice.roll(5) {
            0 => format!("  target:\n    kind: {kind}\n"),
            1 => format!("  target:\n    name: {}\n", self.dice.pick(&["web|api", "web.*", "db", ".*"])),
            2 => format!(
                "  target:\n    kind: {kind}\n    labelSelector: {}\n",
                self.dice.pick(&["app=web", "app in (web, api)", "\"!app\"", "app"])
            ),
            3 => format!(
                "  target:\n    namespace: {}\n    kind: {kind}\n",
                self.dice.pick(&["default", "shop"])
            ),
            _ => format!("  target:\n    kind: {kind}\n    name: {name}\n"),
        }
    }

    fn operations(&mut self) -> &'static str {
        match self.dice.roll(7) {
            0 => "- op: add\n  path: /metadata/labels/added\n  value: yes\n",
            1 => "- op: replace\n  path: /metadata/name\n  value: renamed\n",
            2 => "- op: add\n  path: /metadata/annotations/a~1b\n  value: \"1\"\n",
            3 => "- op: add\n  path: /spec/template/metadata/annotations\n  value: {a: \"1\", b: 2}\n",
            4 => {
                "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: new:1\n- op: add\n  path: /spec/template/spec/containers/-\n  value:\n    name: late\n    image: late\n"
            }
            5 => {
                "- op: test\n  path: /kind\n  value: Deployment\n- op: add\n  path: /spec/paused\n  value: on\n"
            }
            _ => "- op: add\n  path: /spec/number\n  value: 0644\n",
        }
    }

    fn strategic(&mut self) -> &'static str {
        match self.dice.roll(8) {
            0 => "spec:\n  replicas: 7\n",
            1 => {
                "spec:\n  template:\n    spec:\n      containers:\n      - name: main\n        env:\n        - name: C\n          value: c\n        - name: A\n          $patch: delete\n"
            }
            2 => {
                "spec:\n  template:\n    spec:\n      containers:\n      - name: extra\n        image: extra:1\n      - name: side\n        $patch: delete\n"
            }
            3 => "$patch: delete\n",
            4 => "data:\n  key: null\n  added: \"2\"\n",
            5 => "metadata:\n  labels:\n    app: null\n    patched: \"true\"\n  annotations:\n    extra: x\n",
            6 => "spec:\n  ports:\n  - port: 80\n    targetPort: 8080\n  - port: 9090\n    name: metrics\n",
            _ => "spec:\n  template:\n    spec:\n      $patch: replace\n      containers: []\n",
        }
    }

    fn replacement(&mut self) -> String {
        format!(
            "replacements:\n- source:\n    kind: {}\n    name: {}\n    fieldPath: {}\n  targets:\n  - select:\n      kind: {}\n    fieldPaths:\n    - {}\n    options:\n      create: {}\n",
            self.dice.pick(&["ConfigMap", "Service", "Deployment"]),
            self.dice.pick(&NAMES),
            self.dice.pick(&["metadata.name", "spec.ports.0.port", "data.key"]),
            self.dice.pick(&["Deployment", "Gadget", "Service"]),
            self.dice.pick(&[
                "metadata.labels.copied",
                "spec.template.spec.containers.[name=main].image",
                "spec.value",
                "metadata.annotations.x"
            ]),
            self.dice.pick(&["true", "true", "true", "false"]),
        )
    }
}
