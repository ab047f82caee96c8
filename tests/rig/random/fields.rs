//! Random fields of a kustomization.

use super::tree::{Maker, NAMES};
use std::fmt::Write as _;

impl Maker {
    /// One field with what belongs to it.
    pub fn field(&mut self, folder: &str) -> String {
        let choice = match self.dice.roll(34) {
            // What often refuses to build is asked for less often.
            7 | 17 | 18 if !self.dice.one_in(3) => 10,
            choice => choice,
        };
        match choice {
            0 => format!("namePrefix: {}\n", self.dice.pick(&["dev-", "x", "\"1\"", "a.", "Ab-"])),
            1 => format!("nameSuffix: {}\n", self.dice.pick(&["-v2", "-b", "\"-1\""])),
            2 | 3 => format!("namespace: {}\n", self.dice.pick(&["shop", "other", "default", "new"])),
            4 => format!(
                "commonLabels:\n  {}: {}\n",
                self.dice.pick(&["team", "app", "a/b"]),
                self.dice.pick(&["red", "\"1\"", "\"true\""])
            ),
            5 => self.labels(),
            6 => format!(
                "commonAnnotations:\n  {}: {}\n",
                self.dice.pick(&["by", "note"]),
                self.dice.pick(&["me", "\"0\"", "\"a\\nb\"", "\"\""])
            ),
            7 => self.replicas(),
            8 | 9 => self.images(),
            10..=14 => self.patches(folder),
            17 | 28 | 29 => self.replacements(folder),
            18 => self.vars(),
            19 => self.patches_strategic_merge(folder),
            20 => self.patches_json(folder),
            21 => format!(
                "buildMetadata: [{}]\n",
                self.dice.pick(&[
                    "originAnnotations",
                    "transformerAnnotations",
                    "managedByLabel",
                    "originAnnotations, transformerAnnotations"
                ])
            ),
            22 => self.generator_options(),
            23 => self.sort(),
            24 => self.configurations(folder),
            25 | 26 => self.transformers(folder),
            27 => self.generator_objects(folder),
            _ => self.generators(folder),
        }
    }

    fn labels(&mut self) -> String {
        let mut text = "labels:\n".to_owned();
        for _ in 0..=self.dice.roll(2) {
            let (key, value) = (
                self.dice.pick(&["tier", "app", "team", "x.y/z"]),
                self.dice.pick(&["a", "\"yes\"", "\"7\""]),
            );
            let _ = writeln!(text, "- pairs:\n    {key}: {value}");
            text.push_str(self.dice.pick(&[
                "",
                "  includeSelectors: true\n",
                "  includeTemplates: true\n",
                "  includeSelectors: false\n",
            ]));
            text.push_str(self.dice.perhaps(
                4,
                &[
                    "  fields:\n  - path: spec/labels\n    create: true\n",
                    "  fields:\n  - kind: Gadget\n    path: spec/template/labels\n    create: true\n",
                    "  fields:\n  - path: spec/selector\n",
                ],
            ));
        }
        text
    }

    fn replicas(&mut self) -> String {
        let count = self.dice.pick(&["5", "0", "1"]);
        let (_, name, _) = self.some(&["Deployment", "StatefulSet"]);
        format!("replicas:\n- name: {name}\n  count: {count}\n")
    }

    fn images(&mut self) -> String {
        let mut text = "images:\n".to_owned();
        for _ in 0..=self.dice.roll(3) {
            let name = self.dice.pick(&[
                "nginx",
                "busybox",
                "host:5000/nginx",
                "docker.io/library/nginx",
                "ghcr.io/a/.*",
                "b",
            ]);
            let _ = writeln!(text, "- name: {name}");
            for part in ["newTag: \"2\"", "newName: other/nginx", "digest: sha256:123", "tagSuffix: -alpine"]
            {
                if self.dice.one_in(3) {
                    let _ = writeln!(text, "  {part}");
                }
            }
        }
        text
    }

    fn generators(&mut self, folder: &str) -> String {
        let kind = self.dice.pick(&["configMapGenerator", "configMapGenerator", "secretGenerator"]);
        let mut text = format!("{kind}:\n");
        for _ in 0..=self.dice.roll(2) {
            text.push_str("- ");
            text.push_str(&super::tree::indent(&self.generator(folder, kind), 2)[2..]);
        }
        text
    }

    /// What both the field and the plug-in object say.
    fn generator(&mut self, folder: &str, kind: &str) -> String {
        let is_secret = kind.starts_with("secret") || kind.starts_with("Secret");
        let name =
            if is_secret { "made" } else { self.dice.pick(&["web-config", "web-config", "api", "db"]) };
        let mut text = format!("name: {name}\n");
        let namespace = self.dice.perhaps(4, &["shop", "default"]);
        let identity = (
            if is_secret { "kind: Secret" } else { "kind: ConfigMap" }.to_owned(),
            name.to_owned(),
            namespace.to_owned(),
        );
        let is_there = !self.taken.insert(identity);
        text.push_str(match (is_there, self.dice.one_in(20)) {
            (true, false) | (false, true) => self.dice.pick(&["behavior: merge\n", "behavior: replace\n"]),
            _ => self.dice.perhaps(4, &["behavior: create\n"]),
        });
        if !namespace.is_empty() {
            let _ = writeln!(text, "namespace: {namespace}");
        }
        if is_secret {
            text.push_str(self.dice.perhaps(3, &["type: Opaque\n", "type: kubernetes.io/tls\n"]));
        }
        for source in 0..3 {
            if !self.dice.one_in(2) {
                continue;
            }
            match source {
                0 => {
                    let value = self.dice.pick(&["v", "1", "yes", "a=b", "'q'", "\"é\"", "$(V)", "<&>"]);
                    let _ =
                        write!(text, "literals:\n- 'k={}'\n- l=\"quoted <&>\"\n", value.replace('\'', "''"));
                }
                1 => {
                    let long = "0123456789".repeat(usize::try_from(self.dice.roll(12)).expect("it is small"));
                    let ends = self.dice.pick(&["\n", "", "\n\n", " \n", "\r\n"]);
                    self.files.insert(format!("{folder}/file.txt"), format!("text {long}\nsecond{ends}"));
                    text.push_str(
                        self.dice.pick(&["files:\n- file.txt\n", "files:\n- file.txt\n- other=file.txt\n"]),
                    );
                }
                _ => {
                    let lines =
                        self.dice.pick(&["# c\nA=1\n  B = two \nC\n", "\u{feff}A=1\n\nB='q'\n", "D=a=b\n"]);
                    self.files.insert(format!("{folder}/vars.env"), lines.to_owned());
                    text.push_str(self.dice.pick(&["envs:\n- vars.env\n", "env: vars.env\n"]));
                }
            }
        }
        if self.dice.one_in(4) {
            let _ = writeln!(text, "options:\n{}", super::tree::indent(&self.options(), 2).trim_end());
        }
        text
    }

    fn options(&mut self) -> String {
        let mut text = format!("disableNameSuffixHash: {}\n", self.dice.pick(&["true", "false"]));
        text.push_str(self.dice.perhaps(2, &["labels:\n  gen: x\n", "labels:\n  app: web\n"]));
        text.push_str(self.dice.perhaps(3, &["annotations:\n  note: made\n"]));
        text.push_str(self.dice.perhaps(4, &["immutable: true\n"]));
        text
    }

    fn generator_options(&mut self) -> String {
        format!("generatorOptions:\n{}", super::tree::indent(&self.options(), 2))
    }

    fn sort(&mut self) -> String {
        self.dice
            .pick(&[
                "sortOptions:\n  order: fifo\n",
                "sortOptions:\n  order: legacy\n",
                "sortOptions:\n  order: legacy\n  legacySortOptions:\n    orderFirst:\n    - Service\n    - Gadget\n    orderLast:\n    - Namespace\n",
            ])
            .to_owned()
    }

    fn configurations(&mut self, folder: &str) -> String {
        let text = self.dice.pick(&[
            "nameReference:\n- kind: ConfigMap\n  fieldSpecs:\n  - kind: Gadget\n    path: spec/ref/name\n",
            "nameReference:\n- kind: Deployment\n  fieldSpecs:\n  - kind: Gadget\n    path: spec/ref/name\n- kind: Service\n  version: v1\n  fieldSpecs:\n  - kind: Gadget\n    path: spec/value\n",
            "images:\n- kind: Gadget\n  path: spec/value\n",
            "namespace:\n- kind: Gadget\n  path: spec/ref/namespace\n  create: true\n",
            "commonLabels:\n- kind: Gadget\n  path: spec/selector\n  create: true\n",
            "replicas:\n- kind: Gadget\n  path: spec/size\n  create: true\n",
            "varReference:\n- kind: Gadget\n  path: spec/path\n",
            "namePrefix:\n- kind: Gadget\n  path: spec/ref/name\n",
            "commonAnnotations:\n- kind: Gadget\n  path: spec/notes\n  create: true\n",
        ]);
        let name = self.beside(folder, "config", text.to_owned());
        format!("configurations:\n- {name}\n")
    }

    /// Built-in plug-ins as objects.
    fn transformers(&mut self, folder: &str) -> String {
        const SPECS: &str = "fieldSpecs:\n- path: metadata/labels\n  create: true\n";
        let (name, namespace) = (self.dice.pick(&NAMES), self.dice.pick(&["shop", "fresh"]));
        let (kind, body) = match self.dice.roll(10) {
            0 => ("PrefixTransformer", "prefix: t-\nfieldSpecs:\n- path: metadata/name\n".to_owned()),
            1 => ("SuffixTransformer", "suffix: -t\nfieldSpecs:\n- kind: Service\n  path: metadata/name\n".to_owned()),
            2 => ("LabelTransformer", format!("labels:\n  t: x\n{SPECS}")),
            3 => ("AnnotationsTransformer", "annotations:\n  t: x\nfieldSpecs:\n- path: metadata/annotations\n  create: true\n".to_owned()),
            4 => {
                let mode = self.dice.pick(&["", "setRoleBindingSubjects: allServiceAccounts\n", "setRoleBindingSubjects: none\n", "unsetOnly: true\n"]);
                let spec = "fieldSpecs:\n- path: metadata/namespace\n  create: true\n";
                ("NamespaceTransformer", format!("{mode}{spec}"))
            }
            5 => ("ImageTagTransformer", "imageTag:\n  name: nginx\n  newTag: t\n".to_owned()),
            6 => ("ReplicaCountTransformer", format!("replica:\n  name: {name}\n  count: 9\nfieldSpecs:\n- path: spec/replicas\n  create: true\n  kind: Deployment\n")),
            7 => ("PatchTransformer", "patch: '[{\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"t\": \"x\"}}]'\ntarget:\n  kind: Service\n".to_owned()),
            8 => ("ValueAddTransformer", "value: v\ntargets:\n- fieldPath: spec/value\n".to_owned()),
            _ => ("PatchTransformer", format!("patch: |-\n  apiVersion: v1\n  kind: Service\n  metadata:\n    name: {name}\n  spec:\n    type: LoadBalancer\ntarget:\n  kind: Service\n")),
        };
        let namespace = if kind == "NamespaceTransformer" {
            format!("  namespace: {namespace}\n")
        } else {
            String::new()
        };
        let object = format!("apiVersion: builtin\nkind: {kind}\nmetadata:\n  name: t\n{namespace}{body}");
        if self.dice.one_in(4) {
            return format!("transformers:\n- |-\n{}", super::tree::indent(&object, 2));
        }
        let name = self.beside(folder, "transformer", object);
        format!("transformers:\n- {name}\n")
    }

    fn generator_objects(&mut self, folder: &str) -> String {
        let kind = self.dice.pick(&["ConfigMapGenerator", "SecretGenerator"]);
        let body = self.generator(folder, kind);
        // As objects, what a field says of the name stands in the metadata.
        let (name, rest) = body.split_once('\n').unwrap_or((&body, ""));
        let object = format!("apiVersion: builtin\nkind: {kind}\nmetadata:\n  {name}\n{rest}");
        let name = self.beside(folder, "generator", object);
        format!("generators:\n- {name}\n")
    }
}
