//! Random objects: built-in kinds with the fields that transformers look at, and kinds that nobody knows.

use super::tree::{Maker, NAMES, NAMESPACES, TEXTS};
use std::fmt::Write as _;

const IMAGES: [&str; 8] = [
    "nginx",
    "nginx:1.2",
    "host:5000/nginx:1@sha256:abc",
    "docker.io/library/nginx",
    "busybox:latest",
    "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "ghcr.io/a/b:v1.0.0",
    "registry.k8s.io/pause",
];

impl Maker {
    /// One object as a document; nothing if there is one like it.
    pub fn object(&mut self) -> String {
        let (name, namespace) = (self.dice.pick(&NAMES), self.dice.pick(&NAMESPACES));
        let metadata = self.metadata(name, namespace);
        let body = self.body(name);
        let body = body.replace("METADATA\n", &metadata);
        // Two objects with one identity are a refusal: seldom enough is often enough.
        let kind = body.lines().nth(1).unwrap_or_default().to_owned();
        if !self.taken.insert((kind, name.to_owned(), namespace.to_owned())) && !self.dice.one_in(12) {
            return String::new();
        }
        if self.dice.one_in(25) {
            let items = super::tree::indent(&body, 2).replacen("  ", "- ", 1);
            return format!("---\napiVersion: v1\nkind: List\nitems:\n{items}");
        }
        format!("---\n{body}")
    }

    fn metadata(&mut self, name: &str, namespace: &str) -> String {
        let mut metadata = format!("metadata:\n  name: {name}\n");
        if !namespace.is_empty() {
            let _ = writeln!(metadata, "  namespace: {namespace}");
        }
        if self.dice.one_in(3) {
            let _ = writeln!(metadata, "  labels:\n    app: {}", self.dice.pick(&NAMES));
        }
        match self.dice.roll(14) {
            0 | 1 => {
                let note = self.dice.pick(&["true", "3", "text", "~", "\"yes\"", "1.50", "2020-01-01"]);
                let _ = writeln!(metadata, "  annotations:\n    note: {note}");
            }
            2 => {
                let value = self.dice.pick(&["\"true\"", "\"false\"", "x"]);
                let _ = writeln!(metadata, "  annotations:\n    config.kubernetes.io/local-config: {value}");
            }
            3 => metadata.push_str("  annotations: {}\n"),
            4 => metadata.push_str("  finalizers:\n  - a/b\n  - c/d\n"),
            5 => metadata.push_str("  creationTimestamp: null\n"),
            _ => {}
        }
        metadata
    }

    fn body(&mut self, name: &str) -> String {
        let (other, text) = (self.dice.pick(&NAMES), self.dice.pick(&TEXTS));
        match self.dice.roll(24) {
            0..=4 => self.workload(name, other),
            5 => self.service(name),
            6 => format!("apiVersion: v1\nkind: ConfigMap\nMETADATA\ndata:\n  key: {text}\n  more: |\n    a\n    b\n"),
            7 => format!("apiVersion: v1\nkind: Secret\nMETADATA\ntype: Opaque\nstringData:\n  key: {text}\n"),
            8 => format!("apiVersion: v1\nkind: ServiceAccount\nMETADATA\nsecrets:\n- name: {other}\nimagePullSecrets:\n- name: made\n"),
            9 => self.binding("RoleBinding", "Role", other),
            10 => self.binding("ClusterRoleBinding", "ClusterRole", other),
            11 => "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nMETADATA\nrules:\n- apiGroups: [\"\"]\n  resources: [secrets]\n  resourceNames: [web]\n  verbs: [get]\n".to_owned(),
            12 => "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nMETADATA\nrules: []\n".to_owned(),
            13 => format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n", self.dice.pick(&["shop", "other"])),
            14 | 15 => format!(
                "apiVersion: example.com/v1\nkind: Gadget\nMETADATA\nspec:\n  containers:\n  - name: a\n    image: {}\n  list:\n  - 1\n  - two\n  - {{}}\n  value: {text}\n  ref:\n    name: {other}\n  path: \"$(V)/x\"\n  none: null\n  empty: {{}}\n  number: {}\n  json: '{{\"a\":{{\"b\":1}}}}'\n",
                self.dice.pick(&IMAGES),
                self.dice.pick(&["1", "010", "1e3", "1.0", "0x1F", "-0.5", "9223372036854775807", "1_000", ".5"])
            ),
            16 => format!(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nMETADATA\nspec:\n  tls:\n  - secretName: made\n  rules:\n  - host: {other}.example.com\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend:\n          service:\n            name: {other}\n            port:\n              number: 80\n"
            ),
            17 => format!(
                "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nMETADATA\nspec:\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: {other}\n  minReplicas: 1\n"
            ),
            18 => format!("apiVersion: policy/v1\nkind: PodDisruptionBudget\nMETADATA\nspec:\n  selector:\n    matchLabels:\n      app: {other}\n"),
            19 => format!(
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nMETADATA\nspec:\n  podSelector:\n    matchExpressions:\n    - key: app\n      operator: In\n      values: [{other}]\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app: {name}\n"
            ),
            20 => self.job(other),
            21 => format!(
                "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nMETADATA\nwebhooks:\n- name: a.example.com\n  clientConfig:\n    service:\n      name: {other}\n      namespace: {}\n",
                self.dice.pick(&["shop", "default", "other"])
            ),
            22 => format!(
                "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata:\n  name: v1.{name}.example.com\nspec:\n  service:\n    name: {other}\n    namespace: shop\n  group: {name}.example.com\n  version: v1\n"
            ),
            _ => format!(
                "apiVersion: v1\nkind: PersistentVolumeClaim\nMETADATA\nspec:\n  storageClassName: {other}\n  volumeName: {other}\n"
            ),
        }
    }

    fn service(&mut self, name: &str) -> String {
        let ports = self.dice.pick(&[
            "  - port: 80\n    name: http\n  - port: 443\n",
            "  - port: 80\n    protocol: TCP\n  - port: 80\n    protocol: UDP\n",
            "  - port: 53\n    protocol: UDP\n    targetPort: dns\n",
        ]);
        format!(
            "apiVersion: v1\nkind: Service\nMETADATA\nspec:\n  selector:\n    app: {name}\n  ports:\n{ports}"
        )
    }

    fn binding(&mut self, kind: &str, role: &str, other: &str) -> String {
        let mut subjects = String::new();
        for _ in 0..=self.dice.roll(2) {
            let account = self.dice.pick(&["default", "web", "api"]);
            let _ = writeln!(subjects, "- kind: ServiceAccount\n  name: {account}");
            let namespace = self.dice.pick(&["shop", "other", "default", ""]);
            if !namespace.is_empty() {
                let _ = writeln!(subjects, "  namespace: {namespace}");
            }
        }
        if self.dice.one_in(4) {
            subjects.push_str("- kind: Group\n  apiGroup: rbac.authorization.k8s.io\n  name: web\n");
        }
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nMETADATA\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {role}\n  name: {other}\nsubjects:\n{subjects}"
        )
    }

    fn workload(&mut self, name: &str, other: &str) -> String {
        let replicas = self.dice.pick(&["", "  replicas: 2\n"]);
        let kind = self.dice.pick(&["Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet"]);
        let claims = if kind == "StatefulSet" {
            format!(
                "  serviceName: {other}\n  volumeClaimTemplates:\n  - metadata:\n      name: data\n      labels:\n        app: {name}\n"
            )
        } else {
            String::new()
        };
        format!(
            "apiVersion: apps/v1\nkind: {kind}\nMETADATA\nspec:\n{replicas}  selector:\n    matchLabels:\n      app: {name}\n{claims}  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n{}",
            super::tree::indent(&self.pod(other), 6)
        )
    }

    fn job(&mut self, other: &str) -> String {
        let pod = self.pod(other);
        if self.dice.one_in(2) {
            let pod = super::tree::indent(&pod, 6);
            return format!(
                "apiVersion: batch/v1\nkind: Job\nMETADATA\nspec:\n  template:\n    spec:\n{pod}"
            );
        }
        let pod = super::tree::indent(&pod, 10);
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nMETADATA\nspec:\n  schedule: '* * * * *'\n  jobTemplate:\n    spec:\n      template:\n        spec:\n{pod}"
        )
    }

    fn pod(&mut self, other: &str) -> String {
        let mut pod = format!("serviceAccountName: {other}\n");
        if self.dice.one_in(3) {
            let image = self.dice.pick(&IMAGES);
            let _ = write!(
                pod,
                "initContainers:\n- name: init\n  image: {image}\n  args: [\"$(V)\", \"$$(V)\"]\n"
            );
        }
        let (image, text) = (self.dice.pick(&IMAGES), self.dice.pick(&["\"1\"", "'yes'", "x", "$(V)"]));
        let _ = write!(
            pod,
            "containers:\n- name: main\n  image: {image}\n  env:\n  - name: A\n    value: {text}\n  - name: B\n    valueFrom:\n      configMapKeyRef:\n        name: {other}\n        key: k\n  envFrom:\n  - secretRef:\n      name: made\n  - configMapRef:\n      name: web-config\n"
        );
        pod.push_str(self.dice.pick(&[
            "",
            "  ports:\n  - containerPort: 80\n    protocol: TCP\n",
            "  ports:\n  - containerPort: 80\n    protocol: TCP\n  - containerPort: 80\n    protocol: UDP\n  - containerPort: 81\n",
        ]));
        pod.push_str("- name: side\n  image: busybox\n");
        pod.push_str(self.dice.pick(&[
            "",
            "volumes:\n- name: v\n  configMap:\n    name: web-config\n- name: s\n  secret:\n    secretName: made\n",
            "volumes:\n- name: p\n  projected:\n    sources:\n    - configMap:\n        name: web-config\n    - secret:\n        name: made\n",
        ]));
        pod.push_str(self.dice.pick(&[
            "",
            "",
            "affinity:\n  podAntiAffinity:\n    requiredDuringSchedulingIgnoredDuringExecution:\n    - labelSelector:\n        matchLabels:\n          app: web\n      topologyKey: zone\n",
            "topologySpreadConstraints:\n- topologyKey: zone\n  whenUnsatisfiable: DoNotSchedule\n  labelSelector:\n    matchLabels:\n      app: web\n",
            "tolerations:\n- key: a\n",
        ]));
        pod
    }
}
