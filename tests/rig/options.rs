//! Every option of a Flux Kustomization, each in one of its own, reconciled by the real kustomize-controller: what it made
//! is what we rendered, object by object.

use crate::support::{Parts, User, run, script, tool};
use crate::truth::{Stage, commit};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Name, what its spec says besides the usual, and the files of its folder.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: default}\ndata: {key: value}\n";
const VARIABLES: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: default, labels: {port: \"p${PORT}\"}}
data:
  plain: a-${WORD}
  escaped: $${WORD}
  default: ${UNSET:=fallback} ${UNSET:-other}
  upper: ${WORD^^} ${WORD:1:2} ${WORD/o/0} ${#WORD}
  number: \"n${PORT}\"
  list: |
    one: ${WORD}
    two: ${WORD%d}
";
const HIDDEN: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: hidden, namespace: flux-system}\ndata: {WORD: aHVzaA==}\n";
const OPTED_OUT: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: NAME-out, namespace: default, annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}}
data: {kept: \"${WORD}\"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME-label, namespace: default, labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}
data: {kept: \"${WORD}\"}
";
const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 0
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - {name: web, image: rig.invalid/web:1, envFrom: [{configMapRef: {name: NAME-made}}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
";
const WEB_AND_MAP: &str =
    "resources: [web.yaml]\nconfigMapGenerator:\n- name: NAME-made\n  literals: [a=b, word=hello]\n";
const COMPONENT: &str =
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {from: component}\n";
const CHILD: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: NAME-child, namespace: flux-system}
spec: {interval: 10m, path: ./apps/plain-child, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
";

const CASES: &[Case] = &[
    (
        "plain",
        "",
        &[
            ("kustomization.yaml", "resources: [o.yaml, hidden.yaml]\n"),
            ("o.yaml", CONFIG),
            ("hidden.yaml", HIDDEN),
        ],
    ),
    ("generated", "", &[("o.yaml", CONFIG), ("deeper/more.yaml", OPTED_OUT)]),
    ("substitute", "  postBuild: {substitute: {WORD: world, PORT: '8080'}}\n", &[("o.yaml", VARIABLES)]),
    ("opted-out", "  postBuild: {substitute: {WORD: world}}\n", &[("o.yaml", OPTED_OUT)]),
    (
        "from-config-map",
        "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}, {kind: ConfigMap, name: absent, optional: true}]}\n",
        &[("o.yaml", VARIABLES)],
    ),
    (
        "from-secret",
        "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}, {kind: Secret, name: hidden}], substitute: {PORT: '1'}}\n",
        &[("o.yaml", VARIABLES)],
    ),
    ("target", "  targetNamespace: default\n", &[("o.yaml", WEB)]),
    (
        "prefix",
        "  targetNamespace: default\n  namePrefix: pre-\n  nameSuffix: -post\n",
        &[("kustomization.yaml", WEB_AND_MAP), ("web.yaml", WEB)],
    ),
    (
        "metadata",
        "  commonMetadata: {labels: {team: red}, annotations: {note: \"1\"}}\n",
        &[("o.yaml", CONFIG)],
    ),
    (
        "images",
        "  targetNamespace: default\n  images: [{name: rig.invalid/web, newName: rig.invalid/other, newTag: \"2\"}]\n",
        &[("o.yaml", WEB)],
    ),
    (
        "images-both",
        "  targetNamespace: default\n  images: [{name: rig.invalid/web, digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000000'}]\n",
        &[
            (
                "kustomization.yaml",
                "resources: [web.yaml]\nimages: [{name: rig.invalid/web, newTag: \"3\"}]\n",
            ),
            ("web.yaml", WEB),
        ],
    ),
    (
        "patches",
        "  patches:\n  - target: {kind: ConfigMap}\n    patch: |\n      - {op: add, path: /data/added, value: by json}\n  - patch: |\n      apiVersion: v1\n      kind: ConfigMap\n      metadata: {name: patches, namespace: default}\n      data: {key: null, merged: \"yes\"}\n",
        &[
            (
                "kustomization.yaml",
                "resources: [o.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"path\": \"/data/own\", \"value\": \"first\"}]'}]\n",
            ),
            ("o.yaml", CONFIG),
        ],
    ),
    ("components", "  components: [../part]\n", &[("o.yaml", CONFIG)]),
    (
        "missing-component",
        "  components: [../nowhere, ../part]\n  ignoreMissingComponents: true\n",
        &[("o.yaml", CONFIG)],
    ),
    ("depends", "  dependsOn: [{name: plain}, {name: target}]\n  wait: true\n", &[("o.yaml", CONFIG)]),
    ("hashes", "  targetNamespace: default\n", &[("kustomization.yaml", WEB_AND_MAP), ("web.yaml", WEB)]),
    ("parent", "", &[("o.yaml", CHILD)]),
    (
        "sorted",
        "",
        &[
            (
                "kustomization.yaml",
                "sortOptions: {order: legacy}\nresources: [o.yaml]\nlabels: [{pairs: {tier: a}, includeSelectors: false}]\n",
            ),
            ("o.yaml", CONFIG),
        ],
    ),
    (
        "origins",
        "  buildMetadata: [originAnnotations]\n",
        &[("kustomization.yaml", "resources: [o.yaml]\n"), ("o.yaml", CONFIG)],
    ),
    (
        "everything",
        "  targetNamespace: default\n  namePrefix: a-\n  commonMetadata: {labels: {all: of-it}}\n  components: [../part]\n  postBuild: {substitute: {WORD: w, PORT: '5'}}\n  patches: [{target: {kind: ConfigMap}, patch: '[{\"op\": \"add\", \"path\": \"/data/x\", \"value\": \"${WORD}\"}]'}]\n",
        &[("o.yaml", VARIABLES)],
    ),
];

const DECRYPTED: [&str; 3] = ["sealed", "sealed-generator", "sealed-variables"];

fn kustomization(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec:\n  interval: 10m\n  path: ./apps/{name}\n  prune: true\n  retryInterval: 2s\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )
}

/// The repository, sealed parts included.
fn repository(folder: &Path, recipient: &str) {
    let mut all = String::new();
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, more, content) in CASES {
        all.push_str(&kustomization(name, more));
        files.extend(
            content.iter().map(|(path, text)| (format!("apps/{name}/{path}"), text.replace("NAME", name))),
        );
    }
    let decryption = "  decryption: {provider: sops, secretRef: {name: sops-age}}\n";
    for name in DECRYPTED {
        let more = if name == "sealed-variables" { "  postBuild: {substitute: {WORD: w}}\n" } else { "" };
        let _ = write!(all, "{}{more}", kustomization(name, decryption));
    }
    let secret = |name: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: default}}\nstringData: {{word: {value}}}\n"
        )
    };
    files.push(("apps/sealed/s.yaml".into(), sealed(&secret("sealed", "hush"), "yaml", recipient)));
    files.push((
        "apps/sealed-variables/s.yaml".into(),
        sealed(&secret("sealed-variables", "\"x ${WORD}\""), "yaml", recipient),
    ));
    files.push(("apps/sealed-generator/k.env".into(), sealed("A=1\nB=two\n", "dotenv", recipient)));
    let generator = "secretGenerator: [{name: made, namespace: default, envs: [k.env]}]\n";
    files.push(("apps/sealed-generator/kustomization.yaml".into(), generator.into()));
    files.push(("apps/part/kustomization.yaml".into(), COMPONENT.into()));
    files.push(("apps/plain-child/o.yaml".into(), CONFIG.replace("NAME", "child")));
    files.push(("clusters/one/apps.yaml".into(), all));
    files.push(("clusters/one/flux-system/gotk-sync.yaml".into(), crate::truth::SYNC.into()));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    commit(folder, &files);
}

/// The text, sealed by the real sops.
fn sealed(text: &str, kind: &str, recipient: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(if kind == "yaml" { "x.yaml" } else { "x.env" });
    std::fs::write(&path, text).expect("a file");
    let mut sops = Command::new(tool("sops"));
    sops.args(["encrypt", "--age", recipient, "--input-type", kind, "--output-type", kind]);
    if kind == "yaml" {
        sops.args(["--encrypted-regex", "^(data|stringData)$"]);
    }
    run(sops.arg(&path))
}

#[test]
fn every_option_makes_what_the_controller_makes() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-flux-prod.agekey");
    let text = std::fs::read_to_string(&keys).expect("the demo's key");
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its recipient");
    let scratch = tempfile::tempdir().expect("a folder");
    let (folder, twin) = (scratch.path().join("source"), scratch.path().join("twin"));
    repository(&folder, recipient);
    let rig = crate::support::Rig::start(Parts::Flux);
    let create = |words: &[&str]| rig.kubectl(&[words, &["--namespace", "flux-system"]].concat());
    create(&["create", "configmap", "settings", "--from-literal=WORD=world", "--from-literal=PORT=80"]);
    run(script("twins.py")
        .arg(&folder)
        .arg(&twin)
        .args(["--as-is", "--path", "clusters/one", "--keys"])
        .arg(&keys));
    rig.deploy(&twin);
    let stage = Stage::at(rig, scratch, &twin);
    let report = stage.diff(User::Sealane);
    assert_eq!(report.lines(), Vec::<String>::new());
    assert_eq!(
        report.equal(),
        stage.inventoried(),
        "every object of every inventory was compared: {}",
        report.json
    );
    let made = stage.tell_kustomizations("hand-written");
    // The sync itself and the child of `parent` too.
    assert_eq!(made, CASES.len() + DECRYPTED.len() + 2);
}
