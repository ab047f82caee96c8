//! Flux Kustomizations over small repositories in memory.

use super::build::{Made, Outside, render};
use super::spec::Spec;
use crate::model::{Manifest, ObjectKey, Origin};
use crate::render::kustomize::testing::{print, read};
use crate::render::kustomize::{DocumentCache, Inputs};
use crate::render::testing::Files;
use crate::yaml::Node;

fn spec(text: &str) -> Spec {
    let body = read(&format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps, namespace: flux-system}}\n\
         spec:\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{text}"
    ));
    let (key, version) = ObjectKey::of(&body).expect("it is an object");
    let origin = Origin { file: "ks.yaml".into(), line: 1, ..Origin::default() };
    Spec::of(&Manifest { key, version, body, origin, steps: Vec::new() }).expect("it is a Kustomization")
}

fn made(files: &[(&str, &str)], text: &str, known: &[(&str, &str)]) -> Made {
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let known: Vec<(ObjectKey, Node)> = known
        .iter()
        .map(|(name, text)| {
            let (kind, name) = name.split_once('/').expect("kind/name");
            (ObjectKey::new("", kind, "flux-system", name), read(text))
        })
        .collect();
    let find = |key: &ObjectKey| known.iter().find(|(k, _)| k == key).map(|(_, body)| body.clone());
    render(
        &Files::new(files),
        &spec(text),
        &Outside { opener: None, inputs: &inputs, find: &find, sealed: &|_| None },
    )
}

fn texts(made: &Made) -> Vec<String> {
    made.problems.iter().map(ToString::to_string).collect()
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '${V}'}\n";

#[test]
fn a_folder_without_a_kustomization_gets_one() {
    let files = [
        ("apps/a.yaml", CONFIG),
        ("apps/sub/kustomization.yaml", "resources: [b.yaml]\nnamePrefix: p-\n"),
        ("apps/sub/b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"),
        ("apps/notes.txt", "no object"),
    ];
    let made = made(&files, "  path: ./apps\n", &[]);
    let names: Vec<&str> = made.objects.iter().map(|m| &*m.key.name).collect();
    assert_eq!((names, made.complete, texts(&made)), (vec!["a", "p-b"], true, vec![]));
}

#[test]
fn a_stray_file_breaks_the_build_and_is_named() {
    let made = made(&[("apps/a.yaml", CONFIG), ("apps/values.yaml", "a: 1\n")], "  path: apps\n", &[]);
    assert!(!made.complete && made.objects.is_empty());
    let place = made.problems[0].place.clone().expect("it has a place");
    assert_eq!(&*place.file, "apps/values.yaml");
}

#[test]
fn the_spec_edits_the_kustomization() {
    let files = [
        (
            "apps/kustomization.yaml",
            "resources: [d.yaml]\nnamespace: own\nimages: [{name: web, newTag: '1'}]\n",
        ),
        (
            "apps/d.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: c, image: web}]}}}\n",
        ),
    ];
    let text = "  path: apps\n  targetNamespace: shop\n  namePrefix: x-\n  commonMetadata: {labels: {team: a}}\n  \
                components: [../missing]\n  ignoreMissingComponents: true\n  images: [{name: web, newName: reg/web}]\n  \
                patches:\n  - target: {kind: Deployment}\n    patch: |\n      - op: add\n        path: /spec/replicas\n        value: 2\n";
    let made = made(&files, text, &[]);
    let expected = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    kustomize.toolkit.fluxcd.io/name: apps\n    \
                    kustomize.toolkit.fluxcd.io/namespace: flux-system\n    team: a\n  name: x-web\n  namespace: shop\nspec:\n  \
                    replicas: 2\n  template:\n    spec:\n      containers:\n      - image: reg/web:1\n        name: c\n";
    assert_eq!(
        made.objects.iter().map(|m| print(&m.body)).collect::<Vec<_>>(),
        [expected],
        "{:?}",
        texts(&made)
    );
    let replicas = made.objects[0].body.at_path(&["spec", "replicas"]).expect("the patch set it");
    assert_eq!((replicas.mark.file.as_deref(), replicas.mark.line), (Some("test.yaml"), 18));
}

#[test]
fn variables_come_from_sources_and_inline_ones_win() {
    let text = "  path: apps\n  postBuild:\n    substitute: {V: inline}\n    substituteFrom: [{kind: ConfigMap, name: vars}]\n";
    let vars = [("ConfigMap/vars", "data: {V: from, W: 'a\n\n  b'}\n")];
    let made = made(&[("apps/a.yaml", CONFIG)], text, &vars);
    assert_eq!(made.objects[0].body.str_at(&["data", "x"]), Some("inline"));
    assert!(made.complete && made.problems.is_empty(), "{:?}", texts(&made));
}

#[test]
fn values_of_a_secret_never_show() {
    let text = "  path: apps\n  postBuild:\n    substituteFrom: [{kind: Secret, name: vars}]\n";
    let made = made(&[("apps/a.yaml", CONFIG)], text, &[("Secret/vars", "data: {V: aHVudGVyMg==}\n")]);
    let shown = format!("{}{:?}{:?}", print(&made.objects[0].body), made.objects, texts(&made));
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    assert!(shown.contains("(secret)"), "{shown}");
}

#[test]
fn a_missing_source_is_a_hole_that_is_told() {
    let text = "  path: apps\n  postBuild:\n    substituteFrom:\n    - {kind: Secret, name: gone}\n    - {kind: Secret, name: may, optional: true}\n";
    let made = made(&[("apps/a.yaml", CONFIG)], text, &[]);
    assert_eq!(made.objects[0].body.str_at(&["data", "x"]), Some("${V}"));
    assert!(!made.complete);
    assert_eq!(
        made.problems[0].cause,
        "Secret/flux-system/gone holds variables and is not in the repository; not known: V"
    );
}

#[test]
fn an_object_can_opt_out_of_substitution() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}}\ndata: {x: '${V}'}\n";
    let made = made(&[("apps/a.yaml", object)], "  path: apps\n  postBuild: {substitute: {V: x}}\n", &[]);
    assert_eq!(made.objects[0].body.str_at(&["data", "x"]), Some("${V}"));
}

#[test]
fn a_broken_expression_fails_the_kustomization_with_its_line() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: ${a[@]}\n";
    let made = made(&[("apps/a.yaml", object)], "  path: apps\n  postBuild: {substitute: {V: x}}\n", &[]);
    let place = made.problems[0].place.clone().expect("it has a place");
    assert_eq!((&*place.file, place.line, made.complete), ("apps/a.yaml", 5, false));
}

#[test]
fn a_sealed_object_without_a_key_keeps_its_shape() {
    let object = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: 'ENC[AES256_GCM,data:abc,type:str]', user: shop}\nsops: {mac: 'ENC[AES256_GCM,data:x,type:str]'}\n";
    let sealed = |text: &str| made(&[("apps/s.sops.yaml", object)], text, &[]);
    let open = sealed("  path: apps\n  decryption: {provider: sops}\n");
    assert_eq!(open.problems[0].reason, crate::model::Reason::NeedsKey);
    let body = &open.objects[0].body;
    assert!(body.get("sops").is_none() && open.complete);
    assert_eq!(body.str_at(&["stringData", "user"]), Some("shop"));
    assert!(!print(body).contains("ENC["));
    let refused = sealed("  path: apps\n");
    assert_eq!(refused.problems[0].reason, crate::model::Reason::InvalidObject);
}

#[test]
fn a_missing_folder_names_the_line_of_the_path() {
    let made = made(&[("apps/a.yaml", CONFIG)], "  path: nowhere\n", &[]);
    assert!(
        made.problems[0].to_string().starts_with("ks.yaml:6 spec.path: the folder nowhere does not exist"),
        "{:?}",
        texts(&made)
    );
}

#[test]
fn old_spellings_of_patches_are_applied() {
    let text = "  path: apps\n  patchesStrategicMerge:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a}\n    data: {x: new}\n  \
                patchesJson6902:\n  - target: {version: v1, kind: ConfigMap, name: a}\n    patch: [{op: add, path: /data/z, value: last}]\n";
    let made = made(&[("apps/a.yaml", CONFIG)], text, &[]);
    let data = made.objects[0].body.get("data").map(print);
    assert_eq!(data.as_deref(), Some("x: new\nz: last\n"), "{:?}", texts(&made));
    let place =
        |key| made.objects[0].body.at_path(&["data", key]).map(|n| (n.mark.file.clone(), n.mark.line));
    assert_eq!(place("x"), Some((Some("test.yaml".into()), 11)));
    assert_eq!(place("z"), Some((Some("test.yaml".into()), 14)));
}
