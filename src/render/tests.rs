//! Discovery and environments over small repositories in memory.

use super::testing::Files;
use super::{Caches, Discovery, Inputs, SurveyCache, discover, render_environment};
use crate::model::{Producer, Reason, Rendered};

pub(super) fn discovered(files: &[(&str, &str)]) -> Discovery {
    discover(&Files::new(files), &SurveyCache::default(), &[]).expect("the files are in memory")
}

pub(super) fn rendered(files: &[(&str, &str)]) -> Rendered {
    let tree = Files::new(files);
    let caches = Caches::default();
    let inputs = Inputs::new(&caches);
    let found = discover(&tree, &caches.surveys, &[]).expect("the files are in memory");
    render_environment(&tree, &found.environments[0], &inputs)
}

fn names(environments: &Discovery) -> Vec<(&str, &str)> {
    environments.environments.iter().map(|e| (&*e.name, &*e.entry)).collect()
}

pub(super) fn producer<'r>(rendered: &'r Rendered, key: &str) -> &'r Producer {
    let found = rendered.producers.iter().find(|p| p.key.to_string() == key);
    found.unwrap_or_else(|| {
        panic!("{key}: {:?}", rendered.producers.iter().map(|p| p.key.to_string()).collect::<Vec<_>>())
    })
}

fn kustomization(name: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\n\
         spec:\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )
}

const SOURCE: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {url: 'https://example.org/shop/config'}\n";

fn sync(path: &str) -> String {
    format!("{SOURCE}---\n{}", kustomization("flux-system", path, ""))
}

fn config(name: &str, data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: flux-system}}\ndata: {{{data}}}\n"
    )
}

#[test]
fn clusters_of_a_bootstrap_are_environments() {
    let (prod, dev) = (sync("./clusters/prod"), sync("./clusters/dev"));
    let found = discovered(&[
        ("clusters/prod/flux-system/gotk-sync.yaml", &prod),
        ("clusters/dev/flux-system/gotk-sync.yaml", &dev),
    ]);
    assert_eq!(names(&found), [("dev", "clusters/dev"), ("prod", "clusters/prod")]);
    assert!(found.environments[0].why.contains("clusters/dev/flux-system/gotk-sync.yaml:6"), "{found:?}");
}

#[test]
fn parents_come_before_children_and_patch_them() {
    let entry = sync("./clusters/prod");
    let apps = kustomization("apps", "./apps", "  dependsOn: [{name: infra}]\n  suspend: true\n");
    let patched = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [gotk-sync.yaml, apps.yaml]\npatches:\n- target: {kind: Kustomization, name: apps}\n  patch: |\n    - op: add\n      path: /spec/targetNamespace\n      value: shop\n";
    let web = config("web", "").replace(", namespace: flux-system", "");
    let result = rendered(&[
        ("clusters/prod/gotk-sync.yaml", &entry),
        ("clusters/prod/apps.yaml", &apps),
        ("clusters/prod/kustomization.yaml", patched),
        ("apps/web.yaml", &web),
    ]);
    let apps = producer(&result, "Kustomization/flux-system/apps");
    assert_eq!((apps.parent, apps.spec.suspend, &*apps.spec.path), (Some(0), true, "apps"));
    assert_eq!(apps.spec.depends_on[0].to_string(), "Kustomization/flux-system/infra");
    assert_eq!(apps.objects[0].key.to_string(), "ConfigMap/shop/web");
    assert!(apps.complete && apps.reads.iter().any(|r| &**r == "apps/web.yaml"));
}

#[test]
fn variables_rendered_by_a_sibling_are_found() {
    let entry = sync("clusters/prod");
    // The one that needs the variables comes first by name.
    let apps =
        kustomization("apps", "apps", "  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n");
    let settings = kustomization("settings", "settings", "");
    let (values, web) = (config("settings", "HOST: shop.example"), config("web", "url: 'https://${HOST}'"));
    let result = rendered(&[
        ("clusters/prod/gotk-sync.yaml", &entry),
        ("clusters/prod/apps.yaml", &apps),
        ("clusters/prod/settings.yaml", &settings),
        ("settings/settings.yaml", &values),
        ("apps/web.yaml", &web),
    ]);
    let apps = producer(&result, "Kustomization/flux-system/apps");
    assert_eq!(apps.objects[0].body.str_at(&["data", "url"]), Some("https://shop.example"));
}

#[test]
fn one_failing_producer_does_not_stop_the_others() {
    let entry = sync("clusters/prod");
    let (bad, good) = (kustomization("bad", "bad", ""), kustomization("good", "good", ""));
    let object = config("x", "");
    let result = rendered(&[
        ("clusters/prod/gotk-sync.yaml", &entry),
        ("clusters/prod/bad.yaml", &bad),
        ("clusters/prod/good.yaml", &good),
        ("bad/kustomization.yaml", "resources: [missing.yaml]\n"),
        ("good/x.yaml", &object),
    ]);
    let bad = producer(&result, "Kustomization/flux-system/bad");
    assert_eq!((bad.complete, bad.problems[0].reason), (false, Reason::MissingFile));
    assert_eq!(producer(&result, "Kustomization/flux-system/good").objects.len(), 1);
    assert_eq!(result.coverage().to_string(), "2 of 3 rendered; 1 misses a file");
}

#[test]
fn kustomizations_in_a_circle_are_rendered_once() {
    let (a, b) = (kustomization("a", "b", ""), kustomization("b", "a", ""));
    let result = rendered(&[("a/a.yaml", &a), ("b/b.yaml", &b)]);
    assert_eq!(result.producers.len(), 2);
    assert_eq!(result.problems[0].reason, Reason::Cycle);
}

#[test]
fn a_kustomization_that_makes_ever_new_ones_is_stopped() {
    let grown = kustomization("'a${N}'", "apps", "  postBuild: {substitute: {N: '${N}x'}}\n");
    let entry = sync("clusters/prod");
    let first = kustomization("first", "apps", "  postBuild: {substitute: {N: x}}\n");
    let result = rendered(&[
        ("clusters/prod/gotk-sync.yaml", &entry),
        ("clusters/prod/first.yaml", &first),
        ("apps/grown.yaml", &grown),
    ]);
    assert_eq!(result.problems[0].reason, Reason::LimitExceeded);
    assert!(result.producers.len() < 100);
}

#[test]
fn releases_and_other_repositories_are_named_and_not_rendered() {
    let entry = sync("clusters/prod");
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: db, namespace: data}\nspec:\n  chart: {spec: {chart: postgresql, version: 15.x, sourceRef: {kind: HelmRepository, name: charts}}}\n";
    let other = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: other, namespace: flux-system}\nspec: {url: 'https://example.org/other/repo', ref: {tag: v1}}\n---\n";
    let foreign = format!(
        "{other}{}",
        kustomization("foreign", "clusters/prod", "").replace("name: flux-system}", "name: other}")
    );
    let result = rendered(&[
        ("clusters/prod/gotk-sync.yaml", &entry),
        ("clusters/prod/release.yaml", release),
        ("clusters/prod/foreign.yaml", &foreign),
    ]);
    let release = producer(&result, "HelmRelease/data/db");
    assert_eq!(release.problems[0].reason, Reason::NeedsHelm);
    assert!(
        release.problems[0].cause.contains("postgresql 15.x from HelmRepository/data/charts"),
        "{release:?}"
    );
    let foreign = producer(&result, "Kustomization/flux-system/foreign");
    assert_eq!((foreign.complete, foreign.problems[0].reason), (false, Reason::NeedsNetwork));
    assert!(foreign.problems[0].cause.contains("https://example.org/other/repo at v1"), "{foreign:?}");
}

#[test]
fn artifacts_put_together_by_a_generator_point_back_to_their_files() {
    let entry = sync("clusters/prod");
    let generator = "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata: {name: split, namespace: flux-system}\nspec:\n  sources: [{alias: repo, kind: GitRepository, name: flux-system}]\n  artifacts:\n  - name: apps\n    copy:\n    - {from: '@repo/apps/base/**', to: '@artifact/base/'}\n    - {from: '@repo/apps/prod/**', to: '@artifact/prod/'}\n";
    let apps = kustomization("apps", "./prod", "")
        .replace("GitRepository, name: flux-system", "ExternalArtifact, name: apps");
    let object = config("web", "");
    let result = rendered(&[
        ("clusters/prod/gotk-sync.yaml", &entry),
        ("clusters/prod/generator.yaml", generator),
        ("clusters/prod/apps.yaml", &apps),
        ("apps/base/web.yaml", &object),
        ("apps/base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("apps/prod/kustomization.yaml", "resources: [../base]\n"),
    ]);
    let apps = producer(&result, "Kustomization/flux-system/apps");
    assert_eq!(apps.objects.len(), 1, "{apps:?}");
    assert_eq!((&*apps.objects[0].origin.file, &*apps.spec.path), ("apps/base/web.yaml", "apps/prod"));
    let name = apps.objects[0].body.at_path(&["metadata", "name"]).expect("it has a name");
    assert_eq!(name.mark.file.as_deref(), Some("apps/base/web.yaml"));
}

#[test]
fn an_instance_of_the_operator_is_an_entry() {
    let instance = "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec: {sync: {kind: GitRepository, path: clusters/lab, url: 'https://example.org/x'}}\n";
    let object = config("x", "");
    let found = discovered(&[("setup/instance.yaml", instance), ("clusters/lab/x.yaml", &object)]);
    assert_eq!(names(&found), [("lab", "clusters/lab")]);
}

#[test]
fn applications_are_listed_and_never_an_empty_screen() {
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec: {source: {repoURL: 'https://example.org/x', path: apps/web}, destination: {name: in-cluster}}\n";
    let result = rendered(&[("argocd/web.yaml", application)]);
    let web = producer(&result, "Application/argocd/web");
    assert_eq!(
        (web.complete, web.problems[0].reason, &*web.spec.path),
        (false, Reason::NeedsNetwork, "apps/web")
    );
    let place = web.problems[0].place.clone().expect("it has a place");
    assert_eq!((&*place.file, place.line), ("argocd/web.yaml", 4));
}

#[test]
fn kustomize_roots_are_grouped_by_environment() {
    let object = config("x", "");
    let files = [
        ("apps/a/base/kustomization.yaml", "resources: [x.yaml]\n"),
        ("apps/a/base/x.yaml", &*object),
        ("apps/a/overlays/prod/kustomization.yaml", "resources: [../../base]\n"),
        ("apps/a/overlays/dev/kustomization.yaml", "resources: [../../base]\n"),
        ("apps/b/overlays/dev/kustomization.yaml", "resources: [../../../a/base]\n"),
    ];
    let found = discovered(&files);
    assert_eq!(names(&found), [("dev", "apps"), ("prod", "apps/a/overlays/prod")]);
    let dev = rendered(&files);
    let keys: Vec<String> = dev.producers.iter().map(|p| p.key.to_string()).collect();
    assert_eq!(keys, ["Folder/apps/a/overlays/dev", "Folder/apps/b/overlays/dev"]);
}

#[test]
fn plain_folders_are_the_last_resort_and_broken_files_stand_alone() {
    let object = config("x", "");
    let result = rendered(&[
        ("deploy/x.yaml", &object),
        ("deploy/broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {\n"),
        ("docs/example.yaml", &object),
    ]);
    assert_eq!(result.producers.len(), 1);
    let deploy = &result.producers[0];
    assert_eq!(
        (deploy.objects.len(), deploy.complete, deploy.problems[0].reason),
        (1, false, Reason::InvalidYaml)
    );
}

#[test]
fn nothing_is_told_when_nothing_is_found() {
    let found = discovered(&[("README.md", "hello")]);
    assert!(found.environments.is_empty());
    assert_eq!(found.problems[0].reason, Reason::Repository);
}

#[test]
fn namespaces_follow_the_scope_of_a_kind() {
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: issuers.example.org}\nspec: {group: example.org, scope: Cluster, names: {kind: Issuer}}\n";
    let objects = "apiVersion: example.org/v1\nkind: Issuer\nmetadata: {name: ca}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let overlay = "resources: [crd.yaml, objects.yaml]\n";
    let result = rendered(&[
        ("overlays/prod/kustomization.yaml", overlay),
        ("overlays/prod/crd.yaml", definition),
        ("overlays/prod/objects.yaml", objects),
    ]);
    let keys: Vec<String> = result.objects().map(|(_, m)| m.key.to_string()).collect();
    assert!(
        keys.contains(&"Issuer/ca".to_owned()) && keys.contains(&"Deployment/default/web".to_owned()),
        "{keys:?}"
    );
}
