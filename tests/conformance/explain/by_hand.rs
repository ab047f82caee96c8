//! Repositories made for what the real ones do not have: replicas, vars, prefixes over references, generators that merge,
//! `commonMetadata`, patches in a Flux Kustomization, plug-in objects.

use super::world::Root;
use crate::folder::Files;
use std::collections::BTreeMap;

/// The real repositories.
pub const CORPORA: [&str; 7] = [
    "budimanjojo__home-cluster",
    "caarlos0__home",
    "fluxcd__flux2-kustomize-helm-example",
    "lsst-it__k8s-cookbook",
    "redhat-appstudio__infra-deployments",
    "redhat-cop__gitops-catalog",
    "toboshii__home-ops",
];

const SHOP: &str = "made by hand: shop";
const FLEET: &str = "made by hand: fleet";

/// The trees by name.
pub fn repositories() -> Vec<(&'static str, Files)> {
    [(SHOP, SHOP_FILES), (FLEET, FLEET_FILES)]
        .map(|(name, files)| (name, Files::of(files.iter().map(|(path, text)| (*path, text.as_bytes())))))
        .into()
}

/// The folders of them that are built.
pub fn folders() -> BTreeMap<String, Vec<Root>> {
    let root = |folder: &str| Root::Folder(folder.to_owned(), true);
    BTreeMap::from([(SHOP.to_owned(), vec![root("top"), root("plugins"), root("variants")])])
}

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {tier: front}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      serviceAccountName: web
      containers:
      - name: web
        image: registry.test/web:1.0
        args: [\"--host=$(HOST)\", --verbose]
        env:
        - name: LEVEL
          value: info
        - name: PORT
          valueFrom:
            configMapKeyRef: {name: settings, key: port}
        envFrom:
        - secretRef:
            name: token
        ports:
        - containerPort: 8080
      volumes:
      - name: files
        configMap:
          name: files
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
---
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    note: a service
spec:
  selector:
    app: web
  ports:
  - port: 80
    targetPort: 8080
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
  - host: HOST
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: web
            port: {number: 80}
";

/// Transformers over a base, and a top over them.
const SHOP_FILES: &[(&str, &str)] = &[
    ("base/objects.yaml", DEPLOYMENT),
    (
        "base/kustomization.yaml",
        "resources:
- objects.yaml
configMapGenerator:
- name: settings
  literals:
  - port=8080
  - host=\"shop.test\"
  envs: [settings.env]
- name: files
  files:
  - app.conf
  - other=more.conf
secretGenerator:
- name: token
  literals: [token=plain-enough]
vars:
- name: HOST
  objref: {kind: Service, name: web, apiVersion: v1}
",
    ),
    ("base/settings.env", "# what is set\nMODE=quiet\nCOLOUR=blue\n"),
    ("base/app.conf", "first line\nsecond line\n"),
    ("base/more.conf", "only line"),
    (
        "middle/kustomization.yaml",
        "resources:
- ../base
namePrefix: shop-
namespace: shop
labels:
- pairs: {team: sales}
  includeTemplates: true
- includeSelectors: true
  pairs:
    part-of: shop
commonAnnotations:
  owner: sales
replicas:
- {name: web, count: 3}
images:
- name: registry.test/web
  newTag: '1.1'
patches:
- path: level.yaml
- target: {kind: Service}
  patch: |-
    - op: replace
      path: /spec/ports/0/port
      value: 8081
    - op: add
      path: /metadata/annotations/added
      value: by operation
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
      annotations:
        merged: inline
    spec:
      # The same again.
      replicas: 1
      template:
        spec:
          containers:
          - name: web
            imagePullPolicy: Always
",
    ),
    (
        "middle/level.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  revisionHistoryLimit: 4
  template:
    spec:
      containers:
      - name: web
        env:
        - name: LEVEL
          value: debug
",
    ),
    (
        "top/kustomization.yaml",
        "resources:
- ../middle
components:
- ../component
nameSuffix: -eu
configMapGenerator:
- name: settings
  behavior: merge
  literals:
  - host=eu.shop.test
  - region=eu
images:
- name: registry.test/web
  newName: mirror.test/web
replacements:
- source: {kind: ConfigMap, name: settings, fieldPath: data.host}
  targets:
  - select: {kind: Ingress}
    fieldPaths: [spec.rules.0.host]
- path: replacement.yaml
patchesJson6902:
- target: {version: v1, kind: ServiceAccount, name: web}
  path: account.json
patchesStrategicMerge:
- |-
  apiVersion: v1
  kind: Service
  metadata:
    name: web
  spec:
    type: LoadBalancer
",
    ),
    (
        "top/account.json",
        "[\n  {\"op\": \"add\", \"path\": \"/automountServiceAccountToken\", \"value\": false}\n]\n",
    ),
    (
        "top/replacement.yaml",
        "source:
  kind: ConfigMap
  name: settings
  fieldPath: data.region
targets:
- select: {kind: Deployment}
  fieldPaths: [spec.template.metadata.annotations.region]
  options: {create: true}
",
    ),
    (
        "component/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
commonLabels:
  component: common
patches:
- target: {kind: Deployment}
  patch: |-
    - {op: add, path: /spec/minReadySeconds, value: 5}
",
    ),
    (
        "plugins/kustomization.yaml",
        "resources: [../base]
transformers:
- plugin.yaml
buildMetadata: [managedByLabel]
",
    ),
    (
        "plugins/plugin.yaml",
        "apiVersion: builtin
kind: PrefixTransformer
metadata: {name: prefix}
prefix: plug-
fieldSpecs: [{path: metadata/name}]
---
apiVersion: builtin
kind: ReplicaCountTransformer
metadata: {name: count}
replica: {name: web, count: 7}
fieldSpecs: [{path: spec/replicas, create: true, kind: Deployment}]
---
apiVersion: builtin
kind: ValueAddTransformer
metadata: {name: value}
value: added
targets:
- selector: {kind: Service}
  fieldPath: metadata/annotations/note
---
apiVersion: builtin
kind: ImageTagTransformer
metadata: {name: image}
imageTag:
  name: registry.test/web
  newTag: '3'
",
    ),
    ("variants/kustomization.yaml", "resources: [one, two]\n"),
    ("variants/one/kustomization.yaml", "resources: [../../base]\nnamePrefix: one-\nvars: []\n"),
    ("variants/two/kustomization.yaml", "resources: [objects.yaml]\nnameSuffix: -two\nnamespace: two\n"),
    ("variants/two/objects.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n"),
];

/// A Flux repository whose Kustomizations use everything that sets fields.
const FLEET_FILES: &[(&str, &str)] = &[
    (
        "clusters/prod/flux-system/gotk-sync.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  url: ssh://git@git.test/fleet
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  path: ./clusters/prod
  sourceRef: {kind: GitRepository, name: flux-system}
",
    ),
    ("clusters/prod/kustomization.yaml", "resources: [flux-system/gotk-sync.yaml, apps.yaml, vars.yaml]\n"),
    (
        "clusters/prod/vars.yaml",
        "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data:
  DOMAIN: shop.test
  REGION: eu
  LEVEL: info
---
apiVersion: v1
kind: Secret
metadata: {name: more, namespace: flux-system}
stringData:
  ZONE: zone-one
",
    ),
    (
        "clusters/prod/apps.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  path: ./apps
  targetNamespace: shop
  namePrefix: prod-
  nameSuffix: \"-1\"
  sourceRef: {kind: GitRepository, name: flux-system}
  commonMetadata:
    labels:
      env: prod
    annotations: {cost: \"4711\"}
  images:
  - name: registry.test/web
    newTag: 2.0.0
  components: [../component]
  patches:
  - target: {kind: Deployment}
    patch: |
      - op: add
        path: /spec/paused
        value: true
  - patch: |
      apiVersion: v1
      kind: Service
      metadata:
        name: web
      spec:
        externalName: out.test
  postBuild:
    substitute:
      DOMAIN: prod.shop.test
      COUNT: \"2\"
    substituteFrom:
    - {kind: ConfigMap, name: settings}
    - kind: Secret
      name: more
",
    ),
    (
        "component/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
labels:
- pairs: {via: component}
",
    ),
    (
        "apps/web.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    host: https://${DOMAIN}/x
    both: \"${REGION}-${DOMAIN}\"
    assumed: ${NOWHERE:=fallback}
    level: ${LEVEL^^}
spec:
  replicas: ${COUNT}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web, region: \"${REGION}\"}
    spec:
      containers:
      - name: web
        image: registry.test/web:1.0
        env:
        - name: REGION
          value: ${REGION}
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
",
    ),
];
