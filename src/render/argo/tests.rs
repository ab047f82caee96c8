//! What Argo CD's Applications make, story by story.

use super::spec::Application;
use crate::model::{Manifest, ObjectKey, Origin, Producer, Reason};
use crate::render::tests::{discovered, producer, rendered};
use crate::yaml::{Dialect, Limits, read_stream, to_masked_string};

/// The first object of a text.
pub(super) fn manifest(text: &str) -> Manifest {
    let stream = read_stream(text.as_bytes(), &"app.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    let root = stream.documents.into_iter().next().expect("a document").root;
    let (key, version) = ObjectKey::of(&root).expect("an object");
    let origin = Origin { file: "app.yaml".into(), line: 1, ..Origin::default() };
    Manifest { key, version, body: root, origin, steps: Vec::new() }
}

/// The Application `web` in `argocd` with a `spec:`.
pub(super) fn application(spec: &str) -> Application {
    let head =
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n";
    Application::of(&manifest(&format!("{head}{spec}"))).expect("an Application")
}

/// An Application of the repository that is looked at.
fn app(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec:\n\
         \x20 destination: {{name: in-cluster, namespace: shop}}\n{rest}"
    )
}

/// A `source:` with a folder and a block.
fn source(path: &str, block: &str) -> String {
    format!("  source: {{repoURL: https://git.example/shop, path: {path}{block}}}\n")
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n\
    \x20 selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'nginx:1'}]}\n";

fn text_of(producer: &Producer, key: &str) -> String {
    let found = producer.objects.iter().find(|m| m.key.to_string() == key);
    let found = found.unwrap_or_else(|| panic!("{key}: {:?}", keys(producer)));
    to_masked_string(&found.body)
}

fn keys(producer: &Producer) -> Vec<String> {
    producer.objects.iter().map(|m| m.key.to_string()).collect()
}

fn causes(producer: &Producer) -> Vec<String> {
    producer.problems.iter().map(|p| format!("{:?} {p}", p.severity)).collect()
}

#[test]
fn a_folder_goes_to_the_namespace_of_the_destination_with_its_marks() {
    let web = app("web", &source("apps/web", ""));
    let result = rendered(&[("argocd/web.yaml", &web), ("apps/web/service.yaml", SERVICE)]);
    let web = producer(&result, "Application/argocd/web");
    assert!(web.complete && web.problems.is_empty(), "{:?}", web.problems);
    let text = text_of(web, "Service/shop/web");
    assert!(text.contains("argocd.argoproj.io/tracking-id: web:/Service:shop/web"), "{text}");
    assert!(text.contains("namespace: shop"), "{text}");
    assert_eq!(&*web.objects[0].origin.file, "apps/web/service.yaml");
}

#[test]
fn the_kustomize_block_edits_the_kustomization() {
    let block = ", kustomize: {namePrefix: a-, nameSuffix: -z, namespace: own, images: ['nginx=reg/$ARGOCD_APP_NAME:2'], \
                 commonLabels: {team: '${ARGOCD_APP_NAME}'}, labelWithoutSelector: true, labelIncludeTemplates: true, \
                 commonAnnotations: {from: '$ARGOCD_APP_NAMESPACE'}, commonAnnotationsEnvsubst: true, replicas: [{name: web, count: '3'}], \
                 patches: [{target: {kind: Deployment}, patch: '[{\"op\": \"add\", \"path\": \"/spec/paused\", \"value\": true}]'}], \
                 components: [../../components/extra, ../../components/gone], ignoreMissingComponents: true}";
    let web = app("web", &source("apps/web", block));
    let component =
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [extra.yaml]\n";
    let extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n";
    let result = rendered(&[
        ("argocd/web.yaml", &web),
        ("apps/web/kustomization.yaml", "resources: [deployment.yaml]\n"),
        ("apps/web/deployment.yaml", DEPLOYMENT),
        ("components/extra/kustomization.yaml", component),
        ("components/extra/extra.yaml", extra),
    ]);
    let web = producer(&result, "Application/argocd/web");
    assert!(web.complete, "{:?}", causes(web));
    assert_eq!(keys(web), ["ConfigMap/own/a-extra-z", "Deployment/own/a-web-z"]);
    let text = text_of(web, "Deployment/own/a-web-z");
    for line in [
        "image: reg/web:2",
        "replicas: 3",
        "from: shop",
        "team: web",
        "paused: true",
        "tracking-id: web:apps/Deployment:own/a-web-z",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("matchLabels:\n      app: web\n      team"), "{text}");
}

#[test]
fn what_the_kustomization_has_already_is_not_overridden_without_force() {
    let files = |block: &str| {
        let web = app("web", &source("apps/web", block));
        rendered(&[
            ("argocd/web.yaml", web.as_str()),
            ("apps/web/kustomization.yaml", "resources: [s.yaml]\ncommonLabels: {team: a}\n"),
            ("apps/web/s.yaml", SERVICE),
        ])
    };
    let result = files(", kustomize: {commonLabels: {team: b}}");
    let web = producer(&result, "Application/argocd/web");
    assert!(!web.complete && web.problems[0].next.contains("forceCommonLabels"), "{:?}", causes(web));
    let place = web.problems[0].place.clone().expect("a place");
    assert_eq!((&*place.file, place.line), ("argocd/web.yaml", 6));
    let result = files(", kustomize: {commonLabels: {team: b}, forceCommonLabels: true}");
    let text = text_of(producer(&result, "Application/argocd/web"), "Service/shop/web");
    assert!(text.contains("team: b"), "{text}");
}

#[test]
fn a_file_outside_of_the_folder_needs_the_word_of_argocd_cm() {
    let web = app("web", &source("apps/web", ""));
    let settings =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm, namespace: argocd}\ndata: {a: b}\n";
    let mut files = vec![
        ("argocd/web.yaml", web.as_str()),
        ("apps/web/kustomization.yaml", "resources: [../s.yaml]\n"),
        ("apps/s.yaml", SERVICE),
    ];
    let result = rendered(&files);
    let web = producer(&result, "Application/argocd/web");
    assert!(web.complete && causes(web)[0].starts_with("Warning"), "{:?}", causes(web));
    files.push(("argocd/cm.yaml", settings));
    let result = rendered(&files);
    let web = producer(&result, "Application/argocd/web");
    assert!(!web.complete && web.objects.is_empty(), "{:?}", causes(web));
}

#[test]
fn several_sources_are_joined_and_the_last_one_counts() {
    let rest = "  sources:\n  - {repoURL: https://git.example/shop, path: apps/a}\n\
                \x20 - {repoURL: https://git.example/shop, ref: values}\n  - {repoURL: https://git.example/shop, path: apps/b}\n\
                \x20 - {repoURL: https://charts.example, chart: redis, targetRevision: 1.2.3, helm: {valueFiles: [$values/x.yaml]}}\n\
                \x20 - {repoURL: https://git.example/other, path: x}\n";
    let web = app("web", rest);
    let other = SERVICE.replace("80", "8080");
    let result =
        rendered(&[("argocd/web.yaml", &web), ("apps/a/s.yaml", SERVICE), ("apps/b/s.yaml", &other)]);
    let web = producer(&result, "Application/argocd/web");
    assert_eq!(keys(web), ["Service/shop/web"]);
    assert!(text_of(web, "Service/shop/web").contains("8080"));
    let told = causes(web);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("needs Helm (chart redis 1.2.3") && told[1].contains("another repository"),
        "{told:?}"
    );
    assert!(told[2].contains("more than once") && told[2].contains("apps/a/s.yaml:1"), "{told:?}");
    assert_eq!(result.coverage().to_string(), "0 of 1 rendered; 1 needs Helm");
}

#[test]
fn applications_of_applications_are_followed_and_circles_told() {
    let root = app("root", &source("apps", ""));
    let child = app("child", &source("loop", ""));
    let result = rendered(&[
        ("apps/root.yaml", root.as_str()),
        ("apps/child.yaml", &child),
        ("loop/again.yaml", &app("root", &source("apps", ""))),
        ("loop/s.yaml", SERVICE),
    ]);
    let found: Vec<_> = result.producers.iter().map(|p| (p.key.to_string(), p.parent, p.complete)).collect();
    assert_eq!(
        found,
        [
            ("Application/argocd/root".to_owned(), None, true),
            ("Application/argocd/child".to_owned(), Some(0), true)
        ]
    );
    assert!(result.problems.iter().any(|p| p.reason == Reason::Cycle), "{:?}", result.problems);
}

#[test]
fn each_cluster_is_an_environment() {
    let here = app("here", &source("a", ""));
    let there =
        app("there", &source("b", "")).replace("{name: in-cluster,", "{server: 'https://10.0.0.1:6443',");
    let files = [
        ("argocd/here.yaml", here.as_str()),
        ("argocd/there.yaml", &there),
        ("a/s.yaml", SERVICE),
        ("b/s.yaml", SERVICE),
    ];
    let found: Vec<_> = discovered(&files).environments.iter().map(|e| e.name.to_string()).collect();
    assert_eq!(found, ["argocd", "argocd-10.0.0.1"]);
    // One that is made by an Application of this cluster is named there.
    let root = app("root", &source("argocd", ""));
    let result = rendered(&[("root.yaml", root.as_str()), files[0], files[1], files[2], files[3]]);
    let there = producer(&result, "Application/argocd/there");
    assert!(!there.complete && causes(there)[0].contains("another cluster (https://10.0.0.1:6443)"));
}

#[test]
fn hooks_and_objects_without_names_are_told_and_not_compared() {
    let web = app("web", &source("apps/web", ""));
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-, annotations: {argocd.argoproj.io/hook: PreSync}}\n";
    let other = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: after, annotations: {argocd.argoproj.io/hook: PostSync}}\n";
    let result = rendered(&[
        ("argocd/web.yaml", web.as_str()),
        ("apps/web/a.yaml", hook),
        ("apps/web/b.yaml", other),
        ("apps/web/c.yaml", SERVICE),
    ]);
    let web = producer(&result, "Application/argocd/web");
    assert_eq!((keys(web), web.complete), (vec!["Service/shop/web".to_owned()], true));
    let told = causes(web);
    assert!(told[0].contains("Job/after (hook PostSync), Job/migrate-* (hook PreSync)"), "{told:?}");
}

#[test]
fn what_cannot_be_rendered_says_why() {
    for (block, path, reason) in [
        (", helm: {releaseName: x}", "apps/web", Reason::NeedsHelm),
        (", plugin: {name: cue}", "apps/web", Reason::NeedsPlugin),
        (", directory: {recurse: true}, helm: {releaseName: x}", "apps/web", Reason::InvalidObject),
        ("", "apps/nowhere", Reason::MissingFile),
        ("", "/apps/web", Reason::MissingFile),
        ("", "../apps", Reason::MissingFile),
        ("", "apps/jsonnet", Reason::NeedsJsonnet),
        ("", "apps/sealed", Reason::InvalidObject),
        (", kustomize: {namePrefix: 5}", "apps/web", Reason::InvalidObject),
        (", kustomize: {images: [nginx]}", "apps/kust", Reason::InvalidKustomization),
        (", kustomize: {components: [../x]}", "apps/kust", Reason::MissingFile),
        (
            ", kustomize: {commonAnnotations: {r: $ARGOCD_APP_REVISION}, commonAnnotationsEnvsubst: true}",
            "apps/kust",
            Reason::Substitution,
        ),
    ] {
        let web = app("web", &source(path, block));
        let sealed = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: 'ENC[AES256_GCM,data:x]'}\nsops: {mac: x}\n";
        let result = rendered(&[
            ("argocd/web.yaml", web.as_str()),
            ("apps/web/s.yaml", SERVICE),
            ("apps/jsonnet/a.jsonnet", "{}"),
            ("apps/sealed/s.yaml", sealed),
            ("apps/kust/kustomization.yaml", "resources: [s.yaml]\n"),
            ("apps/kust/s.yaml", SERVICE),
            ("other.yaml", &app("other", &source("apps/web", ""))),
        ]);
        let web = producer(&result, "Application/argocd/web");
        assert_eq!(
            (web.complete, web.problems[0].reason),
            (false, reason),
            "{block} {path}: {:?}",
            causes(web)
        );
        assert!(web.problems[0].place.is_some(), "{block} {path}");
    }
}

#[test]
fn definitions_of_other_applications_tell_where_objects_go() {
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.x.io}\n\
                      spec: {group: x.io, names: {kind: Thing}, scope: Cluster}\n";
    let thing = "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: a}\n---\napiVersion: x.io/v1\nkind: Other\nmetadata: {name: b}\n";
    let result = rendered(&[
        ("argocd/a.yaml", app("a", &source("a", "")).as_str()),
        ("argocd/z.yaml", &app("z", &source("z", ""))),
        ("a/thing.yaml", thing),
        ("z/crd.yaml", definition),
    ]);
    let a = producer(&result, "Application/argocd/a");
    assert_eq!(keys(a), ["Thing/a", "Other/shop/b"]);
    let text = text_of(a, "Thing/a");
    assert!(!text.contains("namespace: shop") && text.contains("tracking-id: a:x.io/Thing:shop/a"), "{text}");
    assert!(
        !text_of(producer(&result, "Application/argocd/z"), "CustomResourceDefinition/things.x.io")
            .contains("tracking")
    );
}

#[test]
fn a_project_that_forbids_is_told() {
    let project = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: team, namespace: argocd}\n\
                   spec: {sourceRepos: ['*'], destinations: [{server: '*', namespace: other}]}\n";
    let web = app("web", &format!("{}  project: team\n", source("apps/web", "")));
    let result = rendered(&[
        ("argocd/web.yaml", web.as_str()),
        ("argocd/project.yaml", project),
        ("apps/web/s.yaml", SERVICE),
    ]);
    let told = causes(producer(&result, "Application/argocd/web"));
    assert!(
        told[0].contains("AppProject/argocd/team in argocd/project.yaml:1 does not permit the destination"),
        "{told:?}"
    );
}

#[test]
fn folders_that_applications_build_are_no_environments() {
    let files = [
        ("argocd/web.yaml", app("web", &source("apps/web", ""))),
        ("apps/web/kustomization.yaml", "resources: [s.yaml]\n".to_owned()),
        ("apps/web/s.yaml", SERVICE.to_owned()),
        ("apps/alone/kustomization.yaml", "resources: [s.yaml]\n".to_owned()),
        ("apps/alone/s.yaml", SERVICE.to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let found = discovered(&files);
    let found: Vec<_> = found.environments.iter().map(|e| (&*e.name, &*e.entry)).collect();
    assert_eq!(found, [("argocd", "argocd"), ("default", "apps/alone")]);
}
