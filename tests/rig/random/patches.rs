//! Random patches in all forms, replacements and vars.

use super::tree::{Maker, TEXTS, indent};
use std::fmt::Write as _;

const KINDS: [&str; 9] = [
    "Deployment",
    "Deployment",
    "Deployment",
    "StatefulSet",
    "Service",
    "ConfigMap",
    "Gadget",
    "RoleBinding",
    "Ingress",
];

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "StatefulSet" => "apps/v1",
        "Gadget" => "example.com/v1",
        "RoleBinding" => "rbac.authorization.k8s.io/v1",
        "Ingress" => "networking.k8s.io/v1",
        _ => "v1",
    }
}

impl Maker {
    pub fn patches(&mut self, folder: &str) -> String {
        let mut text = "patches:\n".to_owned();
        for _ in 0..=self.dice.roll(3) {
            text.push_str(&self.patch(folder));
        }
        text
    }

    fn patch(&mut self, folder: &str) -> String {
        let (kind, name, namespace) = self.some(&KINDS);
        let (kind, name) = (kind.as_str(), name.as_str());
        let mut target = self.target(kind, name);
        let is_json = self.dice.one_in(2);
        let body = if is_json { self.operations() } else { self.strategic(kind, name, &namespace) };
        if is_json && body.contains("/spec/") && !self.dice.one_in(6) {
            let kind = if body.contains("template") {
                "Deployment"
            } else {
                self.dice.pick(&["Deployment", "Gadget"])
            };
            target = format!("  target:\n    kind: {kind}\n");
        }
        if !is_json && self.dice.one_in(6) {
            target = String::new();
        }
        if !is_json && !target.is_empty() {
            target.push_str(self.dice.perhaps(
                8,
                &["  options:\n    allowNameChange: true\n", "  options:\n    allowKindChange: true\n"],
            ));
        }
        if self.dice.one_in(3) {
            let file = self.beside(folder, "patch", body);
            return format!("- path: {file}\n{target}");
        }
        let block = self.dice.pick(&["|-", "|", "|-"]);
        format!("- patch: {block}\n{}{target}", indent(&body, 4))
    }

    fn target(&mut self, kind: &str, name: &str) -> String {
        match self.dice.roll(9) {
            0 | 1 => format!("  target:\n    kind: {kind}\n"),
            2 => format!(
                "  target:\n    name: {}\n    kind: {kind}\n",
                self.dice.pick(&["web|api", "web.*", "db", ".*", "(web|db)"])
            ),
            3 => format!(
                "  target:\n    kind: {kind}\n    labelSelector: {}\n",
                self.dice.pick(&[
                    "app=web",
                    "app in (web, api)",
                    "\"!app\"",
                    "app",
                    "app!=web",
                    "app notin (db)"
                ])
            ),
            4 => format!(
                "  target:\n    namespace: {}\n    kind: {kind}\n",
                self.dice.pick(&["default", "shop", "sh.*"])
            ),
            5 => format!(
                "  target:\n    kind: {kind}\n    annotationSelector: {}\n",
                self.dice.pick(&["note=text", "note", "by=me"])
            ),
            6 => format!(
                "  target:\n    group: {}\n    kind: \"{kind}|Service\"\n",
                self.dice.pick(&["apps", "example.com", "\"\""])
            ),
            7 => format!("  target:\n    version: v1\n    kind: {kind}\n    name: {name}\n"),
            _ => format!("  target:\n    kind: {kind}\n    name: {name}\n"),
        }
    }

    /// JSON 6902 operations, as YAML or as JSON.
    fn operations(&mut self) -> String {
        let text = self.dice.pick(&TEXTS[..19]);
        let one = match self.dice.roll(16) {
            0 => "- op: add\n  path: /metadata/labels\n  value: {added: \"yes\"}\n",
            1 => "- op: replace\n  path: /metadata/name\n  value: renamed\n",
            2 => "- op: add\n  path: /metadata/annotations\n  value: {a/b: \"1\"}\n",
            3 => "- op: add\n  path: /spec/template/metadata/annotations\n  value: {a: \"1\", b: 2}\n",
            4 => {
                "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: new:1\n- op: add\n  path: /spec/template/spec/containers/-\n  value:\n    name: late\n    image: late\n"
            }
            5 => {
                "- op: test\n  path: /kind\n  value: Deployment\n- op: add\n  path: /spec/paused\n  value: on\n"
            }
            6 => "- op: add\n  path: /spec/number\n  value: 0644\n",
            7 => "- op: remove\n  path: /spec/template/spec/containers/1\n",
            8 => "- op: copy\n  from: /metadata/name\n  path: /spec/copied\n",
            9 => {
                "- op: move\n  from: /spec/template/spec/containers/1\n  path: /spec/template/spec/containers/0\n"
            }
            10 => {
                "- op: add\n  path: /spec/template/spec/containers/0/env/0\n  value: {name: Z, value: \"z\"}\n"
            }
            11 => "- op: replace\n  path: /metadata/namespace\n  value: patched\n",
            12 => {
                "[{\"op\": \"add\", \"path\": \"/spec/json\", \"value\": {\"a\": [1, 1.0, 1e3, null, \"yes\"]}}]\n"
            }
            13 => "- op: add\n  path: /metadata/labels/a~1b\n  value: x\n",
            14 => "- {op: add, path: /spec/list, value: [a, {b: 1.50}, ~]}\n",
            _ => return format!("- op: add\n  path: /spec/text\n  value: {text}\n"),
        };
        one.to_owned()
    }

    /// A strategic merge patch for one object.
    fn strategic(&mut self, kind: &str, name: &str, namespace: &str) -> String {
        let body = self.strategic_body(kind);
        let api = api_version(kind);
        let namespace = match (namespace, self.dice.one_in(16)) {
            ("", false) => String::new(),
            ("", true) => "  namespace: default\n".to_owned(),
            (namespace, _) => format!("  namespace: {namespace}\n"),
        };
        match body.strip_prefix("metadata:\n") {
            Some(rest) => {
                format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}{rest}")
            }
            None => format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}{body}"),
        }
    }

    fn strategic_body(&mut self, kind: &str) -> String {
        let text = self.dice.pick(&TEXTS[..19]);
        if self.dice.one_in(5) {
            return self
                .dice
                .pick(&[
                    "metadata:\n  labels:\n    app: null\n    patched: \"true\"\n  annotations:\n    extra: x\n",
                    "metadata:\n  labels:\n    $patch: replace\n    only: one\n",
                    "metadata:\n  annotations:\n    $patch: delete\n",
                    "metadata:\n  finalizers:\n  - c/d\n  - e/f\n",
                    "$patch: delete\n",
                    "$patch: replace\nspec:\n  only: this\n",
                    "metadata:\n  annotations: null\n",
                ])
                .to_owned();
        }
        match kind {
            "Deployment" | "StatefulSet" => self.pod_patch(),
            "Service" => self
                .dice
                .pick(&[
                    "spec:\n  ports:\n  - port: 80\n    targetPort: 8080\n  - port: 9090\n    name: metrics\n",
                    "spec:\n  ports:\n  - port: 80\n    protocol: UDP\n    $patch: delete\n",
                    "spec:\n  ports:\n  - $patch: replace\n  - port: 1\n",
                    "spec:\n  selector: null\n  type: NodePort\n",
                ])
                .to_owned(),
            "ConfigMap" => format!("data:\n  key: null\n  added: {text}\n"),
            "RoleBinding" => "subjects:\n- kind: User\n  name: u\n".to_owned(),
            "Ingress" => "spec:\n  rules:\n  - host: new\n  ingressClassName: x\n".to_owned(),
            _ => format!("spec:\n  containers:\n  - name: b\n  list: [z]\n  value: {text}\n  none: 1\n  empty:\n    x: null\n    y: {text}\n"),
        }
    }

    fn pod_patch(&mut self) -> String {
        let pod = self.dice.pick(&[
            "containers:\n- name: main\n  env:\n  - name: C\n    value: c\n  - name: A\n    $patch: delete\n",
            "containers:\n- name: extra\n  image: extra:1\n- name: side\n  $patch: delete\n",
            "$patch: replace\ncontainers: []\n",
            "containers:\n- name: main\n  ports:\n  - containerPort: 80\n    name: web\n",
            "containers:\n- name: main\n  ports:\n  - containerPort: 80\n    protocol: UDP\n    name: u\n  - containerPort: 82\n",
            "containers:\n- $patch: replace\n- name: only\n  image: only\n",
            "containers:\n- $patch: merge\n- name: late\n",
            "containers:\n- name: main\n  $patch: replace\n  image: r\n",
            "volumes:\n- name: v\n  $patch: delete\n- name: e\n  emptyDir: {}\n",
            "volumes:\n- name: v\n  configMap: null\n  emptyDir: {}\n",
            "containers:\n- name: main\n  image: null\n  command: [a, b]\n  args: []\n",
            "tolerations:\n- key: b\n",
            "topologySpreadConstraints:\n- topologyKey: zone\n  whenUnsatisfiable: ScheduleAnyway\n",
            "containers:\n- name: main\n  envFrom:\n  - prefix: p\n  resources: {limits: {cpu: 1}}\n",
            "initContainers:\n- name: init\n  $patch: delete\n",
            "imagePullSecrets:\n- name: made\nhostAliases:\n- ip: 1.2.3.4\n  hostnames: [a]\n",
        ]);
        if self.dice.one_in(4) {
            return self
                .dice
                .pick(&[
                    "spec:\n  replicas: 7\n",
                    "spec:\n  strategy:\n    $retainKeys: [type]\n    type: Recreate\n",
                    "spec:\n  template:\n    metadata:\n      labels:\n        extra: \"1\"\n",
                ])
                .to_owned();
        }
        format!("spec:\n  template:\n    spec:\n{}", indent(pod, 6))
    }

    /// The deprecated spelling: files or texts, several objects in one.
    pub fn patches_strategic_merge(&mut self, folder: &str) -> String {
        let mut body = String::new();
        for number in 0..=self.dice.roll(2) {
            let (kind, name, namespace) = self.some(&KINDS);
            let border = if number > 0 { "---\n" } else { "" };
            let _ = write!(body, "{border}{}", self.strategic(&kind, &name, &namespace));
        }
        if self.dice.one_in(2) {
            let file = self.beside(folder, "merge", body);
            return format!("patchesStrategicMerge:\n- {file}\n");
        }
        format!("patchesStrategicMerge:\n- |-\n{}", indent(&body, 2))
    }

    pub fn patches_json(&mut self, folder: &str) -> String {
        let (kind, name, _) = self.some(&["Deployment", "Gadget"]);
        let group = if kind == "Gadget" { "example.com" } else { "apps" };
        let target =
            format!("- target:\n    group: {group}\n    version: v1\n    kind: {kind}\n    name: {name}\n");
        let body = self.operations();
        if self.dice.one_in(2) {
            let file = self.beside(folder, "json", body);
            return format!("patchesJson6902:\n{target}  path: {file}\n");
        }
        format!("patchesJson6902:\n{target}  patch: |-\n{}", indent(&body, 4))
    }

    pub fn replacements(&mut self, folder: &str) -> String {
        let mut body = String::new();
        for _ in 0..=self.dice.roll(2) {
            body.push_str(&self.replacement());
        }
        if self.dice.one_in(5) {
            let file = self.beside(folder, "replacement", body);
            return format!("replacements:\n- path: {file}\n");
        }
        format!("replacements:\n{body}")
    }

    fn replacement(&mut self) -> String {
        let source = if self.dice.one_in(5) {
            format!("- sourceValue: {}\n", self.dice.pick(&TEXTS[..12]))
        } else {
            let (kind, name, _) = self.some(&["ConfigMap", "Service", "Deployment", "Gadget"]);
            let field = match kind.as_str() {
                "ConfigMap" => self.dice.pick(&["data.key", "data.k", "metadata.name"]),
                "Service" => self.dice.pick(&["spec.ports.0.port", "metadata.name", "spec.selector.app"]),
                "Deployment" => self.dice.pick(&[
                    "spec.template.spec.containers.[name=main].image",
                    "metadata.name",
                    "metadata.namespace",
                ]),
                _ => {
                    self.dice.pick(&["spec.list", "spec.json", "spec.value", "spec.json.a.b", "spec.number"])
                }
            };
            let name = if self.dice.one_in(8) { String::new() } else { format!("    name: {name}\n") };
            let options = self.dice.perhaps(
                5,
                &[
                    "    options:\n      delimiter: '-'\n      index: 0\n",
                    "    options:\n      delimiter: ':'\n      index: 1\n",
                ],
            );
            format!("- source:\n    kind: {kind}\n{name}    fieldPath: {field}\n{options}")
        };
        let mut text = format!("{source}  targets:\n");
        for _ in 0..=self.dice.roll(2) {
            let (kind, fields) = self.replaced();
            let name = if self.dice.one_in(3) {
                format!("      name: {}\n", self.dice.pick(&["web", "api", "w.*"]))
            } else {
                String::new()
            };
            let reject = self.dice.perhaps(
                5,
                &["    reject:\n    - name: db\n", "    reject:\n    - kind: Service\n      name: web\n"],
            );
            let options = self.dice.pick(&[
                "    options:\n      create: true\n",
                "    options:\n      create: true\n",
                "",
                "    options:\n      delimiter: ':'\n      index: 1\n",
                "    options:\n      delimiter: '/'\n      index: -1\n",
                "    options:\n      delimiter: '.'\n      index: 9\n      create: true\n",
            ]);
            let _ = write!(
                text,
                "  - select:\n      kind: {kind}\n{name}{reject}    fieldPaths:\n    - {fields}\n{options}"
            );
        }
        text
    }

    /// A kind and a field of it. What is made is made once: a second value for it would be held against the first.
    fn replaced(&mut self) -> (&'static str, String) {
        let number = self.dice.roll(1 << 32);
        let (kind, field) = match self.dice.roll(9) {
            0 => ("Deployment", "metadata.labels.copied"),
            1 => ("Deployment", "spec.template.spec.containers.[name=main].image"),
            2 => ("Deployment", "spec.template.spec.containers.*.image"),
            3 => ("Deployment", "spec.template.spec.containers.0.env.[name=A].value"),
            4 => ("Gadget", "spec.value"),
            5 => ("Gadget", "spec.entries.1"),
            6 => ("Gadget", "spec.json.a.b"),
            7 => return ("Service", format!("metadata.annotations.[a.b/c{number}]")),
            _ => return ("Service|Gadget", format!("metadata.annotations.x{number}")),
        };
        (kind, field.to_owned())
    }

    pub fn vars(&mut self) -> String {
        let (kind, name, namespace) = self.some(&["Service", "Deployment", "ConfigMap"]);
        let api = api_version(&kind);
        let namespace =
            if namespace.is_empty() { String::new() } else { format!("    namespace: {namespace}\n") };
        let field = self.dice.perhaps(
            2,
            &[
                "  fieldref:\n    fieldpath: metadata.namespace\n",
                "  fieldref:\n    fieldpath: metadata.name\n",
                "  fieldref:\n    fieldPath: spec.ports[0].port\n",
            ],
        );
        format!(
            "vars:\n- name: V\n  objref:\n    apiVersion: {api}\n    kind: {kind}\n    name: {name}\n{namespace}{field}"
        )
    }
}
