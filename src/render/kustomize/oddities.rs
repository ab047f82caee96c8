//! What random trees found: each was built by kustomize v5.8.1 first, and is expected as it built it.

use super::*;
use crate::render::testing::Files;

fn text(files: &[(&str, &str)]) -> String {
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let built = build(&Files::new(files), "top", &BuildOptions::default(), &inputs);
    built.map_or_else(|error| format!("refused: {}", error.cause), |built| to_text(&built))
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    metadata:\n      labels: {app: x}\n";
const GADGET: &str = "apiVersion: v1\nkind: Gadget\nmetadata: {name: db}\n";

#[test]
fn a_label_that_was_put_into_several_fields_changes_in_all_of_them() {
    let base = [
        ("base/kustomization.yaml", "resources: [o.yaml]\ncommonLabels: {team: red}\n"),
        ("base/o.yaml", DEPLOYMENT),
    ];
    let label = "labels: [{pairs: {team: blue}}]\n";
    let patch = "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web, labels: {team: blue}}\n";
    for change in [label, patch] {
        let top = format!("resources: [../base]\n{change}");
        let built = text(&[base[0], base[1], ("top/kustomization.yaml", &top)]);
        assert_eq!((built.matches("team: blue").count(), built.matches("red").count()), (3, 0), "{built}");
    }
    // A JSON patch makes the object anew: nothing is shared after it.
    let json = "patches:\n- patch: '[{\"op\": \"add\", \"path\": \"/spec/paused\", \"value\": true}]'\n  target: {kind: Deployment}\n";
    let middle = format!("resources: [../base]\n{json}");
    let top = format!("resources: [../middle]\n{label}");
    let built =
        text(&[base[0], base[1], ("middle/kustomization.yaml", &middle), ("top/kustomization.yaml", &top)]);
    assert_eq!((built.matches("team: blue").count(), built.matches("red").count()), (1, 2), "{built}");
}

#[test]
fn an_object_cannot_be_replaced_as_a_whole() {
    let patch = "resources: [o.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Gadget\n    metadata: {name: db}\n    $patch: replace\n    spec: {only: this}\n";
    let built = text(&[("top/kustomization.yaml", patch), ("top/o.yaml", &format!("{GADGET}other: 1\n"))]);
    assert_eq!(built, "apiVersion: v1\nkind: Gadget\nmetadata:\n  name: db\nother: 1\n");
}

#[test]
fn a_patch_that_drops_the_annotations_drops_earlier_names_too() {
    let base = "resources: [o.yaml]\nnamePrefix: a-\n";
    let middle = "resources: [../base]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Gadget\n    metadata: {name: x, annotations: {$patch: delete}}\n  target: {kind: Gadget}\n";
    let top = "resources: [../middle]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Gadget\n    metadata: {name: db}\n    spec: {x: 1}\n";
    let built = text(&[
        ("base/kustomization.yaml", base),
        ("base/o.yaml", GADGET),
        ("middle/kustomization.yaml", middle),
        ("top/kustomization.yaml", top),
    ]);
    assert_eq!(built, "refused: the patch for Gadget/db (v1) matches nothing");
}

#[test]
fn a_null_that_is_not_written_out_goes_when_the_object_is_patched() {
    let patch = "resources: [o.yaml]\npatches:\n- patch: |-\n    apiVersion: v1\n    kind: Gadget\n    metadata: {name: db}\n    spec: {x: 2}\n";
    let object = format!("{GADGET}spec: {{x: 1, z: null}}\nv:\n  a:\n  b: ~\n");
    let built = text(&[("top/kustomization.yaml", patch), ("top/o.yaml", &object)]);
    assert_eq!(
        built,
        "apiVersion: v1\nkind: Gadget\nmetadata:\n  name: db\nspec:\n  x: 2\n  z: null\nv:\n  b: null\n"
    );
}

fn replaced(from: &str, into: &str, spec: &str) -> String {
    let replacement = format!(
        "resources: [o.yaml]\nreplacements:\n- source: {{kind: Gadget, fieldPath: {from}}}\n  targets:\n  - select: {{kind: Gadget}}\n    fieldPaths: [{into}]\n"
    );
    text(&[("top/kustomization.yaml", &replacement), ("top/o.yaml", &format!("{GADGET}spec: {spec}\n"))])
}

#[test]
fn a_number_takes_no_other_text() {
    let refused = "refused: replacement: field `spec.x`: `db` cannot stand in place of a whole number";
    assert_eq!(replaced("metadata.name", "spec.x", "{x: 1}"), refused);
    assert!(replaced("spec.y", "spec.x", "{x: 1.5, y: 2}").contains("x: 2\n"));
    // Inside a document in a text nothing happens instead.
    let json = "{x: '{\"a\":{\"b\":1}}'}";
    assert!(replaced("metadata.name", "spec.x.a.b", json).contains("x: '{\"a\":{\"b\":1}}'\n"));
    assert!(
        replaced("spec.y", "spec.x.a.b", "{y: 010, x: '{\"a\":{\"b\":1}}'}").contains("{\"a\":{\"b\":8}}")
    );
}

#[test]
fn a_list_has_no_text() {
    assert!(replaced("spec.list", "spec.text", "{list: [1], text: x}").contains("text: \"\"\n"));
}

#[test]
fn a_source_that_is_a_target_too_is_read_again() {
    let options =
        "    options: {delimiter: /, index: -1}\n  - select: {kind: Gadget}\n    fieldPaths: [spec.b]\n";
    let replacement = format!(
        "resources: [o.yaml]\nreplacements:\n- source: {{kind: Gadget, fieldPath: spec.a}}\n  targets:\n  - select: {{kind: Gadget}}\n    fieldPaths: [spec.a]\n{options}"
    );
    let built = text(&[
        ("top/kustomization.yaml", &replacement),
        ("top/o.yaml", &format!("{GADGET}spec: {{a: x, b: y}}\n")),
    ]);
    assert!(built.contains("a: x/x\n  b: x/x\n"), "{built}");
}

#[test]
fn json_patches_read_numbers_as_floating_point() {
    let objects = format!(
        "{GADGET}big: 9223372036854775807\nless: -9007199254740993\nround: 1000000\nsmall: 80\nto: x\n"
    );
    let patch = "resources: [o.yaml]\npatches:\n- patch: '[{\"op\": \"add\", \"path\": \"/x\", \"value\": 1}]'\n  target: {kind: Gadget}\n";
    let base = [("base/kustomization.yaml", patch), ("base/o.yaml", objects.as_str())];
    // What takes the text of one takes what go-yaml writes; what is printed goes through JSON once more.
    for (field, taken) in [
        ("big", "9.223372036854776e+18"),
        ("less", "-9.007199254740992e+15"),
        ("round", "1e+06"),
        ("small", "80"),
    ] {
        let top = format!(
            "resources: [../base]\nreplacements:\n- source: {{kind: Gadget, fieldPath: {field}}}\n  targets: [{{select: {{kind: Gadget}}, fieldPaths: [to]}}]\n"
        );
        let built = text(&[base[0], base[1], ("top/kustomization.yaml", &top)]);
        let printed = "big: 9223372036854776000\nkind: Gadget\nless: -9007199254740992\nmetadata:\n  name: db\nround: 1000000\nsmall: 80\n";
        assert!(built.contains(printed) && built.contains(&format!("to: \"{taken}\"\n")), "{built}");
    }
}

#[test]
fn a_field_that_a_replacement_made_takes_anything_later() {
    let replaced = |value: &str, create: &str| {
        format!(
            "replacements:\n- sourceValue: {value}\n  targets: [{{select: {{kind: Gadget}}, fieldPaths: [new]{create}}}]\n"
        )
    };
    let base = format!("resources: [o.yaml]\n{}", replaced("'1e3'", ", options: {create: true}"));
    let top = format!("resources: [../base]\n{}", replaced("web", ""));
    let built = text(&[
        ("base/kustomization.yaml", &base),
        ("base/o.yaml", GADGET),
        ("top/kustomization.yaml", &top),
    ]);
    assert!(built.ends_with("new: web\n"), "{built}");
}

#[test]
fn an_operation_that_is_wrong_fails_where_it_is_applied() {
    let patch = |kind: &str| {
        let patch = format!(
            "resources: [o.yaml]\npatches:\n- patch: '[{{\"op\": \"grow\"}}]'\n  target: {{kind: {kind}}}\n"
        );
        text(&[("top/kustomization.yaml", &patch), ("top/o.yaml", GADGET)])
    };
    assert!(
        patch("Other").starts_with("apiVersion: v1\n")
            && patch("Gadget").starts_with("refused: patch: operation 1")
    );
}

#[test]
fn origins_are_lost_with_the_annotations_they_stand_in() {
    let patch = "resources: [o.yaml]\nbuildMetadata: [originAnnotations]\npatches:\n- patch: '[{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": {\"a\": \"b\"}}]'\n  target: {kind: Gadget}\n";
    let built = text(&[("top/kustomization.yaml", patch), ("top/o.yaml", GADGET)]);
    assert!(built.contains("kind: PatchTransformer") && !built.contains("o.yaml"), "{built}");
}

#[test]
fn env_of_a_generator_that_is_an_object_says_nothing() {
    let generator = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: c}\nenv: absent.env\n";
    let built = text(&[("top/kustomization.yaml", "generators: [g.yaml]\n"), ("top/g.yaml", generator)]);
    assert!(built.starts_with("apiVersion: v1\nkind: ConfigMap\n"), "{built}");
}

#[test]
fn objects_that_a_json_patch_gives_one_name_are_refused_further_up() {
    let rename = "configMapGenerator: [{name: a}, {name: b}]\npatches:\n- patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \"value\": \"c\"}]'\n  target: {kind: ConfigMap}\n";
    let built =
        text(&[("top/kustomization.yaml", "resources: [../base]\n"), ("base/kustomization.yaml", rename)]);
    assert_eq!(built, "refused: ConfigMap/c is declared twice");
    // A component is taken in again as well.
    let component = format!("kind: Component\n{rename}");
    let built = text(&[
        ("top/kustomization.yaml", "components: [../part]\n"),
        ("part/kustomization.yaml", component.as_str()),
    ]);
    assert_eq!(built, "refused: ConfigMap/c is declared twice");
}

#[test]
fn a_text_that_a_transformer_set_takes_a_number_as_one() {
    let base = [
        ("base/kustomization.yaml", "resources: [o.yaml]\nimages: [{name: a/.*}]\n"),
        (
            "base/o.yaml",
            "apiVersion: v1\nkind: Gadget\nmetadata: {name: db}\nspec:\n  n: 80\n  containers: [{name: main, image: a/b:1}]\n",
        ),
    ];
    let replaced = "replacements:\n- source: {kind: Gadget, fieldPath: spec.n}\n  targets:\n  - select: {kind: Gadget}\n    fieldPaths: ['spec.containers.[name=main].image']\n";
    let merge = "patches:\n- patch: |-\n    apiVersion: v1\n    kind: Gadget\n    metadata: {name: db}\n    spec: {x: true}\n";
    // Only what goes through JSON is read again, and is a text again.
    let json = "patches:\n- patch: '[{\"op\": \"add\", \"path\": \"/spec/x\", \"value\": true}]'\n  target: {kind: Gadget}\n";
    for (patch, image) in [("", "80"), (merge, "80"), (json, "\"80\"")] {
        let middle = format!("resources: [../base]\n{patch}");
        let top = format!("resources: [../middle]\n{replaced}");
        let built = text(&[
            base[0],
            base[1],
            ("middle/kustomization.yaml", &middle),
            ("top/kustomization.yaml", &top),
        ]);
        assert!(built.contains(&format!("image: {image}\n")), "{built}");
    }
}
