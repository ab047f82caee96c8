//! Case data: Flux objects of all versions, marks and noise.

use super::{Tool, flux_status, is_noise, owner_marks};
use crate::model::{CommitId, Live, LiveOwner, ObjectKey, ProducerStatus};
use crate::yaml::{Dialect, Limits, read_stream};

fn live(text: &str) -> Live {
    let stream = read_stream(text.as_bytes(), &"case.yaml".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?} in {text}", stream.errors);
    let body = stream.documents.into_iter().next().expect("one document").root;
    let (key, version) = ObjectKey::of(&body).expect("it has a name");
    Live {
        key,
        version,
        body,
        whole: true,
        managers: [].into(),
        uid: "1".into(),
        resource_version: "1".into(),
        owners: Vec::new(),
        terminating: false,
    }
}

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

fn status(text: &str) -> ProducerStatus {
    flux_status(&live(text)).expect("it is a Flux object")
}

fn kustomization(version: &str, spec: &str, status_text: &str) -> ProducerStatus {
    status(&format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/{version}\nkind: Kustomization\nmetadata: {{name: apps, namespace: flux-system, generation: 3}}\nspec: {{sourceRef: {{kind: GitRepository, name: repo}}, {spec}}}\nstatus: {{{status_text}}}\n"
    ))
}

#[test]
fn an_artifact_cut_out_of_a_repository_tells_its_commit() {
    let digest = "latest@sha256:4af8bd5c2b7d7ea2f8c1d3a5e6f708192a3b4c5d4af8bd5c2b7d7ea2f8c1d3a5";
    let said = format!(
        "observedGeneration: 3, lastAppliedRevision: '{digest}', lastAttemptedRevision: '{digest}', lastAppliedOriginRevision: 'main@sha1:{OLD}'"
    );
    let read = kustomization("v1", "prune: true", &said);
    assert_eq!(read.applied.as_ref().and_then(|r| r.commit), CommitId::parse(OLD));
    assert_eq!(read.applied.map(|r| r.text.to_string()).as_deref(), Some(digest));
}

#[test]
fn a_kustomization_of_every_version_is_read() {
    for (version, applied) in [("v1", format!("main@sha1:{OLD}")), ("v1beta2", format!("main/{OLD}"))] {
        let read = kustomization(
            version,
            "suspend: true",
            &format!(
                "observedGeneration: 3, lastAppliedRevision: '{applied}', lastAttemptedRevision: 'main@sha1:{NEW}', inventory: {{entries: [{{id: shop_cart_apps_Deployment, v: v1}}, {{id: _shop__Namespace, v: v1}}, {{id: broken, v: v1}}]}}"
            ),
        );
        assert_eq!(read.applied.as_ref().and_then(|r| r.commit), CommitId::parse(OLD));
        assert_eq!(read.attempted.as_ref().and_then(|r| r.commit), CommitId::parse(NEW));
        assert!(read.suspended && read.observed);
        assert_eq!(
            read.source,
            Some(ObjectKey::new("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "repo"))
        );
        assert_eq!(
            read.inventory,
            [
                ObjectKey::new("apps", "Deployment", "shop", "cart"),
                ObjectKey::new("", "Namespace", "", "shop")
            ]
        );
    }
}

#[test]
fn helm_releases_tell_the_newest_deployed_chart() {
    let release = |spec: &str, more: &str| {
        status(&format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: shop}}\nspec: {{{spec}}}\nstatus: {{{more}}}\n"
        ))
    };
    let read = release(
        "chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}}}",
        "lastAttemptedRevision: 1.3.0, history: [{version: 2, chartVersion: 1.2.0, status: deployed}, {version: 3, chartVersion: 1.3.0, status: failed}, {version: 1, chartVersion: 1.1.0, status: superseded}]",
    );
    assert_eq!(read.applied.map(|r| r.to_string()).as_deref(), Some("1.2.0"));
    assert_eq!(read.attempted.map(|r| r.to_string()).as_deref(), Some("1.3.0"));
    assert_eq!(
        read.source,
        Some(ObjectKey::new("source.toolkit.fluxcd.io", "HelmRepository", "flux-system", "charts"))
    );
    let old = release("chartRef: {kind: OCIRepository, name: web}", "lastAppliedRevision: 1.0.0");
    assert_eq!(old.applied.map(|r| r.to_string()).as_deref(), Some("1.0.0"));
    assert_eq!(old.source, Some(ObjectKey::new("source.toolkit.fluxcd.io", "OCIRepository", "shop", "web")));
}

#[test]
fn every_source_is_read_and_other_kinds_are_not() {
    for kind in
        ["GitRepository", "OCIRepository", "Bucket", "HelmRepository", "HelmChart", "ExternalArtifact"]
    {
        for version in ["v1", "v1beta2", "v1beta1"] {
            let read = status(&format!(
                "apiVersion: source.toolkit.fluxcd.io/{version}\nkind: {kind}\nmetadata: {{name: x, namespace: y}}\nspec: {{sourceRef: {{kind: GitRepository, name: repo}}}}\nstatus: {{artifact: {{revision: 'sha256:aa'}}}}\n"
            ));
            assert_eq!(read.artifact.map(|r| r.to_string()).as_deref(), Some("sha256:aa"), "{kind}");
            assert_eq!(read.source.is_some(), kind == "HelmChart");
        }
    }
    assert!(flux_status(&live("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")).is_none());
    assert!(
        flux_status(&live("apiVersion: example.org/v1\nkind: Kustomization\nmetadata: {name: x}\n"))
            .is_none()
    );
}

#[test]
fn what_it_waits_for_is_named() {
    let depends = "dependsOn: [{name: db}, {name: infra, namespace: other}]";
    let not_ready = |message: &str| {
        format!(
            "observedGeneration: 3, conditions: [{{type: Ready, status: 'False', reason: DependencyNotReady, message: \"{message}\"}}]"
        )
    };
    let key = |namespace: &str, name: &str| {
        ObjectKey::new("kustomize.toolkit.fluxcd.io", "Kustomization", namespace, name)
    };
    let one = kustomization("v1", depends, &not_ready("dependency 'other/infra' is not ready"));
    assert_eq!(one.waiting_on, [key("other", "infra")]);
    let all = kustomization("v1", depends, &not_ready("waiting"));
    assert_eq!(all.waiting_on, [key("flux-system", "db"), key("other", "infra")]);
    assert!(kustomization("v1", depends, "observedGeneration: 3").waiting_on.is_empty());
}

#[test]
fn a_fresh_object_is_not_taken_for_current() {
    assert!(!kustomization("v1", "a: b", "observedGeneration: -1").observed);
    assert!(!kustomization("v1", "a: b", "observedGeneration: 2").observed);
    assert!(kustomization("v1", "a: b", "observedGeneration: 3").observed);
}

#[test]
fn conditions_are_safe_and_hold_no_secret() {
    let read = kustomization(
        "v1",
        "a: b",
        "observedGeneration: 3, conditions: [{type: Ready, status: 'False', reason: BuildFailed, message: \"\\e[31mcannot decrypt with AGE-SECRET-KEY-1CANARY\"}]",
    );
    let ready = read.condition("Ready").expect("it is there");
    assert!(!ready.message.contains('\u{1b}') && !ready.message.contains("CANARY"));
    assert!(ready.message.contains("cannot decrypt with •"));
}

#[test]
fn marks_name_the_owner() {
    let marked = |metadata: &str| {
        owner_marks(&live(&format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cart, namespace: shop, {metadata}}}\n"
        )))
    };
    for (metadata, tool, owner) in [
        (
            "labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}",
            Tool::Flux,
            ObjectKey::new("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "apps"),
        ),
        (
            "labels: {helm.toolkit.fluxcd.io/name: web, helm.toolkit.fluxcd.io/namespace: shop}, annotations: {meta.helm.sh/release-name: web}",
            Tool::Flux,
            ObjectKey::new("helm.toolkit.fluxcd.io", "HelmRelease", "shop", "web"),
        ),
        (
            "annotations: {argocd.argoproj.io/tracking-id: 'team_cart:apps/Deployment:shop/cart'}",
            Tool::Argo,
            ObjectKey::new("argoproj.io", "Application", "team", "cart"),
        ),
        (
            "annotations: {meta.helm.sh/release-name: web, meta.helm.sh/release-namespace: shop}",
            Tool::Helm,
            ObjectKey::new("", "Release", "shop", "web"),
        ),
        (
            "annotations: {configsync.gke.io/manager: ':root'}",
            Tool::ConfigSync,
            ObjectKey::new("configsync.gke.io", "RootSync", "config-management-system", "root-sync"),
        ),
    ] {
        let mark = marked(metadata).expect("it is marked");
        assert_eq!((mark.tool, mark.owner), (tool, owner), "{metadata}");
    }
    // A copy carries the id of another object, and half a mark is none.
    assert!(
        marked("annotations: {argocd.argoproj.io/tracking-id: 'cart:apps/Deployment:shop/other'}").is_none()
    );
    assert!(marked("labels: {kustomize.toolkit.fluxcd.io/name: apps}").is_none());
    assert!(marked("labels: {app: cart}").is_none());
}

#[test]
fn noise_of_every_cluster() {
    for text in [
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: shop}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt, namespace: shop}",
        "apiVersion: v1\nkind: Service\nmetadata: {name: kubernetes, namespace: default}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any, namespace: kube-system}",
        "apiVersion: v1\nkind: Endpoints\nmetadata: {name: any, namespace: shop}",
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: any, namespace: shop}",
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: any, namespace: shop}",
        "apiVersion: v1\nkind: Event\nmetadata: {name: any, namespace: shop}",
        "apiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: any, namespace: shop}",
        "apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: any, namespace: shop}",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: sh.helm.release.v1.web.v1, namespace: shop}\ntype: helm.sh/release.v1",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: sh.helm.release.v1.web.v1, namespace: shop, labels: {owner: helm}}",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: token, namespace: shop}\ntype: kubernetes.io/service-account-token",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: admin, labels: {kubernetes.io/bootstrapping: rbac-defaults}}",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:node'}",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}",
        "apiVersion: wgpolicyk8s.io/v1alpha2\nkind: PolicyReport\nmetadata: {name: any, namespace: shop}",
        "apiVersion: cert-manager.io/v1\nkind: CertificateRequest\nmetadata: {name: any, namespace: shop}",
        "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.apps, labels: {kube-aggregator.kubernetes.io/automanaged: onstart}}",
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: system-node-critical}",
    ] {
        assert!(is_noise(&live(text)).is_some(), "{text}");
    }
}

#[test]
fn what_a_person_made_is_no_noise() {
    for text in [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: shop}",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: mine, namespace: shop}\ntype: Opaque",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: mine, namespace: shop}",
        "apiVersion: v1\nkind: Service\nmetadata: {name: mine, namespace: shop}",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: mine, namespace: default}",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: mine}",
        "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1beta1.metrics.k8s.io}",
    ] {
        assert_eq!(is_noise(&live(text)), None, "{text}");
    }
}

#[test]
fn children_are_noise_only_under_a_controller() {
    let mut child = live("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\n");
    let owner = |controller| LiveOwner {
        group: "apps".into(),
        kind: "ReplicaSet".into(),
        name: "r".into(),
        uid: "u".into(),
        controller,
    };
    child.owners = vec![owner(false)];
    assert_eq!(is_noise(&child), None);
    child.owners = vec![owner(true)];
    assert_eq!(is_noise(&child), Some("made by the object that owns it"));
}
