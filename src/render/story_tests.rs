//! Fields of small builds, followed to the entry and the line that set them.

use super::*;
use crate::render::kustomize::{BuildOptions, DocumentCache, Inputs, build};
use crate::render::testing::Files;
use crate::yaml::{Dialect, Limits, read_stream};

fn read(text: &str) -> Node {
    let stream = read_stream(text.as_bytes(), &"x.yaml".into(), Dialect::Resource, &Limits::default());
    stream.documents.into_iter().next().expect("one document").root
}

#[test]
fn fields_are_found_by_the_paths_that_are_printed() {
    let body = read("spec:\n  ports: [{port: 80, name: web}]\n  args: [a, b]\n  x/y: {z.w: 1}\n");
    let found = |field: &str| at(&body, field).map(shown);
    assert_eq!(found("spec.ports[web].port").as_deref(), Some("80"));
    assert_eq!(found("spec.ports[80].name").as_deref(), Some("web"));
    assert_eq!(found("spec.args[1]").as_deref(), Some("b"));
    assert_eq!(found("spec[\"x/y\"][\"z.w\"]").as_deref(), Some("1"));
    assert_eq!(found("spec.none"), None);
}

#[test]
fn every_value_has_a_path_that_leads_to_it() {
    let body = read("a: {b.c: 1, d: [x, {name: n, v: 2}]}\n\"q[]\": [[1, 2], 3]\n");
    let found = leaves(&body);
    assert_eq!(found.len(), 7);
    for (path, node) in found {
        assert_eq!(at(&body, &path).map(|n| &n.mark), Some(&node.mark), "{path}");
    }
}

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: web
        image: web:1
        envFrom:
        - configMapRef: {name: settings}
";

const KUSTOMIZATION: &str = "resources: [web.yaml]
namePrefix: shop-
configMapGenerator:
- name: settings
  literals:
  - port=80
images:
- name: web
  newTag: '2'
patches:
- path: again.yaml
- target: {kind: Deployment}
  patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: any
      annotations: {by: target}
replacements:
- source: {kind: ConfigMap, fieldPath: data.port}
  targets:
  - select: {kind: Deployment}
    fieldPaths: [metadata.annotations.port]
    options: {create: true}
";

/// What is told last of a field of the Deployment: by whom, asked for where, written where.
fn last(field: &str) -> (Told, String) {
    let tree = Files::new(&[
        ("kustomization.yaml", KUSTOMIZATION),
        ("web.yaml", WEB),
        // The name and the count say what is there already; only the count is set by that.
        (
            "again.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n",
        ),
    ]);
    let documents = DocumentCache::default();
    let inputs = Inputs { steps: true, ..Inputs::new(&documents) };
    let built = build(&tree, "", &BuildOptions::default(), &inputs).expect("it builds");
    let of_web = built.objects.iter().find(|m| &*m.key.kind == "Deployment").expect("it is there");
    let mut told = story(of_web, field).pop().expect("something is told");
    crate::render::settle(&mut told, &tree);
    let file = told.written.file.as_deref().unwrap_or("");
    let said = format!(
        "{} {} {file}:{}:{}",
        told.by,
        told.place.field.as_deref().unwrap_or("-"),
        told.written.line,
        told.written.column
    );
    (told, said)
}

#[test]
fn each_transformer_names_its_entry_and_the_line_that_it_wrote() {
    for (field, expected) in [
        ("kind", "file - web.yaml:2:7"),
        ("spec.replicas", "PatchTransformer patches[0] again.yaml:5:13"),
        ("metadata.name", "PrefixTransformer namePrefix kustomization.yaml:2:13"),
        ("spec.template.spec.containers[web].name", "file - web.yaml:10:15"),
        ("spec.template.spec.containers[web].image", "ImageTagTransformer images[0] kustomization.yaml:9:11"),
        ("metadata.annotations.by", "PatchTransformer patches[1] kustomization.yaml:18:25"),
        ("metadata.annotations.port", "ReplacementTransformer replacements[0] kustomization.yaml:6:10"),
    ] {
        let (_, said) = last(field);
        assert_eq!(said, expected, "{field}");
    }
    assert!(last("spec.replicas").0.is_again());
    assert_eq!(last("spec.replicas").0.through.as_deref(), Some("again.yaml"));
}

#[test]
fn a_name_that_follows_says_which_object_it_follows() {
    let (told, said) = last("spec.template.spec.containers[web].envFrom[0].configMapRef.name");
    assert_eq!(said, "name reference - web.yaml:13:32");
    let [because] = told.because.as_slice() else { panic!("one object is followed: {told:?}") };
    assert_eq!(because.link, Link::Name);
    assert!(because.source.starts_with("ConfigMap/shop-settings-"), "{}", because.source);
    assert_eq!(because.place.as_ref().map(|mark| mark.line), Some(2), "the prefix wrote its name last");
    let before = told.before.as_ref().and_then(Node::scalar_text);
    assert_eq!(before, Some("settings"));
}
