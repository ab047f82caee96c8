//! Each limit is reached, and told with its place.

use super::*;
use crate::model::Reason;
use crate::render::kustomize::{BuildOptions, DocumentCache, Inputs, build};
use crate::render::testing::Files;
use std::fmt::Write as _;

/// The reason, the place and the cause of a refusal.
fn refused(files: &[(String, String)], root: &str) -> (Reason, String, String) {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let documents = DocumentCache::default();
    let inputs = Inputs::new(&documents);
    let error =
        build(&Files::new(&files), root, &BuildOptions::default(), &inputs).expect_err("it is too much");
    let problem = error.problem();
    (problem.reason, problem.place.map(|p| p.to_string()).unwrap_or_default(), error.cause.to_string())
}

fn file(path: &str, text: impl Into<String>) -> (String, String) {
    (path.to_owned(), text.into())
}

fn is_limit((reason, place, cause): (Reason, String, String), at: &str, what: &str) {
    assert_eq!((reason, place.as_str()), (Reason::LimitExceeded, at), "{cause}");
    assert!(cause.contains(what), "{cause}");
}

const GADGET: &str = "apiVersion: v1\nkind: Gadget\nmetadata: {name: g}\nspec: {a: {}}\n";

#[test]
fn folders_inside_one_another() {
    let mut files: Vec<_> = (0..100)
        .map(|n| file(&format!("f{n}/kustomization.yaml"), format!("resources: [../f{}]\n", n + 1)))
        .collect();
    files.push(file("f100/kustomization.yaml", "resources: [g.yaml]\n"));
    files.push(file("f100/g.yaml", GADGET));
    is_limit(refused(&files, "f0"), "f64/kustomization.yaml:1 resources", "folders inside one another");
}

/// Each folder takes the next one twice, under two names: twenty folders would be a million objects.
fn doubling(count: usize) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for n in 0..count {
        let next = n + 1;
        files.push(file(&format!("f{n}/kustomization.yaml"), format!("resources: [../a{n}, ../b{n}]\n")));
        for side in ["a", "b"] {
            files.push(file(
                &format!("{side}{n}/kustomization.yaml"),
                format!("resources: [../f{next}]\nnamePrefix: {side}\n"),
            ));
        }
    }
    files.push(file(&format!("f{count}/kustomization.yaml"), "resources: [g.yaml]\n"));
    files.push(file(&format!("f{count}/g.yaml"), GADGET));
    files
}

#[test]
fn folders_that_double() {
    let (reason, place, cause) = refused(&doubling(20), "f0");
    assert_eq!(reason, Reason::LimitExceeded, "{place} {cause}");
    assert!(cause.contains("folders in one build"), "{cause}");
}

#[test]
fn objects_of_one_build() {
    let objects: String = (0..=MOST_OBJECTS)
        .map(|n| format!("---\napiVersion: v1\nkind: G\nmetadata: {{name: g{n}}}\n"))
        .fold(String::new(), |all, one| all + &one);
    let files = [file("kustomization.yaml", "resources: [g.yaml]\nnamePrefix: x\n"), file("g.yaml", objects)];
    is_limit(refused(&files, ""), "kustomization.yaml", "objects in one build");
}

#[test]
fn transformers_over_many_objects() {
    let objects: String = (0..2_000)
        .map(|n| format!("---\napiVersion: v1\nkind: G\nmetadata: {{name: g{n}}}\n"))
        .fold(String::new(), |all, one| all + &one);
    let images = "- {name: a, newTag: b}\n".repeat(50);
    let files = [
        file("kustomization.yaml", format!("resources: [g.yaml]\nimages:\n{images}")),
        file("g.yaml", objects),
    ];
    is_limit(refused(&files, ""), "kustomization.yaml", "objects visited");
}

#[test]
fn bytes_read_in_one_build() {
    let names: String =
        (0..20).map(|n| format!("  - k{n}=big.txt\n")).fold(String::new(), |all, one| all + &one);
    let files = [
        file("kustomization.yaml", format!("configMapGenerator:\n- name: c\n  files:\n{names}")),
        file("big.txt", "x".repeat(1 << 20)),
    ];
    let (reason, place, cause) = refused(&files, "");
    assert_eq!(reason, Reason::LimitExceeded, "{cause}");
    assert!(place.starts_with("kustomization.yaml:") && cause.contains("bytes read"), "{place} {cause}");
}

#[test]
fn names_that_grow() {
    let long = "x".repeat(5_000);
    let files = [
        file("kustomization.yaml", format!("resources: [g.yaml]\nnamePrefix: {long}\n")),
        file("g.yaml", GADGET),
    ];
    is_limit(refused(&files, ""), "kustomization.yaml:2 namePrefix", "bytes in a name");
}

fn patched(operations: &str) -> (Reason, String, String) {
    let text = "resources: [g.yaml]\npatches:\n- path: p.yaml\n  target: {kind: Gadget}\n";
    refused(&[file("kustomization.yaml", text), file("g.yaml", GADGET), file("p.yaml", operations)], "")
}

#[test]
fn patches_that_double() {
    let copies: String = (0..40)
        .map(|n| format!("- {{op: copy, from: /spec, path: /spec/c{n}}}\n"))
        .fold(String::new(), |all, one| all + &one);
    let (reason, place, cause) = patched(&copies);
    assert_eq!(reason, Reason::LimitExceeded, "{cause}");
    assert!(place.starts_with("p.yaml:") && cause.contains("in one object"), "{place} {cause}");
}

#[test]
fn patches_that_dig() {
    let mut path = "/spec/a".to_owned();
    let mut digs = String::new();
    for _ in 0..400 {
        let _ = writeln!(digs, "- {{op: add, path: {path}/b, value: {{}}}}");
        path.push_str("/b");
    }
    let (reason, place, cause) = patched(&digs);
    assert_eq!(reason, Reason::LimitExceeded, "{cause}");
    assert!(place.starts_with("p.yaml:") && cause.contains("levels in one object"), "{place} {cause}");
}

#[test]
fn replacements_that_double() {
    let one = "- source: {kind: Gadget, fieldPath: spec}\n  targets:\n  - select: {kind: Gadget}\n    fieldPaths: [spec.a]\n    options: {create: true}\n";
    let text = format!("resources: [g.yaml]\nreplacements:\n{}", one.repeat(200));
    let (reason, place, cause) = refused(&[file("kustomization.yaml", text), file("g.yaml", GADGET)], "");
    assert_eq!(reason, Reason::LimitExceeded, "{cause}");
    assert!(place.starts_with("kustomization.yaml:") && cause.contains("in one object"), "{place} {cause}");
}

#[test]
fn vars_that_grow() {
    let vars = "resources: [g.yaml]\nvars: [{name: V, objref: {apiVersion: v1, kind: Gadget, name: g}, fieldref: {fieldPath: spec.long}}]\nconfigurations: [c.yaml]\n";
    let object = format!(
        "apiVersion: v1\nkind: Gadget\nmetadata: {{name: g}}\nspec:\n  long: {}\n  text: {}\n",
        "x".repeat(100_000),
        "$(V)x".repeat(2_000)
    );
    let files = [
        file("kustomization.yaml", vars),
        file("g.yaml", object),
        file("c.yaml", "varReference: [{kind: Gadget, path: spec/text}]\n"),
    ];
    is_limit(refused(&files, ""), "g.yaml:1", "bytes in a text");
}

#[test]
fn regular_expressions_that_are_large() {
    let text = "resources: [g.yaml]\npatches:\n- patch: |-\n    - {op: remove, path: /spec}\n  target: {name: 'a{1000}{1000}{10}'}\n";
    let (reason, place, cause) = refused(&[file("kustomization.yaml", text), file("g.yaml", GADGET)], "");
    assert_eq!(reason, Reason::InvalidKustomization, "{cause}");
    assert!(place.starts_with("kustomization.yaml:5") && cause.contains("size limit"), "{place} {cause}");
}

#[test]
fn aliases_that_double() {
    let mut text = "apiVersion: v1\nkind: Gadget\nmetadata: {name: g}\na0: &a0 [x, x]\n".to_owned();
    for n in 1..40 {
        let _ = writeln!(text, "a{n}: &a{n} [*a{0}, *a{0}]", n - 1);
    }
    let files = [file("kustomization.yaml", "resources: [g.yaml]\n"), file("g.yaml", text)];
    let (reason, place, cause) = refused(&files, "");
    assert!(reason == Reason::InvalidYaml && place.starts_with("g.yaml:"), "{place} {cause}");
    assert!(cause.contains("nodes"), "{cause}");
}

#[test]
fn documents_that_are_deep() {
    let files = [file("kustomization.yaml", "resources: [g.yaml]\n"), file("g.yaml", "[".repeat(100_000))];
    let (reason, place, cause) = refused(&files, "");
    assert!(reason == Reason::InvalidYaml && place.starts_with("g.yaml:"), "{place} {cause}");
    assert!(cause.contains("nested"), "{cause}");
}

#[test]
fn files_that_are_large() {
    let files = [file("kustomization.yaml", "resources: [g.yaml]\n"), file("g.yaml", " ".repeat(11 << 20))];
    let (_, place, cause) = refused(&files, "");
    assert!(place.starts_with("g.yaml") || place.starts_with("kustomization.yaml"), "{place} {cause}");
}

#[test]
fn paths_that_leave_the_repository() {
    for entry in ["../../x.yaml", "/etc/passwd", "../..", "a/../../../x"] {
        let files = [file("top/kustomization.yaml", format!("resources: [{entry}]\n"))];
        let (reason, place, cause) = refused(&files, "top");
        assert!(
            reason == Reason::MissingFile && place.starts_with("top/kustomization.yaml:1"),
            "{place} {cause}"
        );
    }
}
