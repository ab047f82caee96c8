//! Each row of the object table of diff.md 2.7.

use super::super::{appliers, scaler, todays_key};
use super::*;
use crate::model::{LiveOwner, Reason};

const BODY: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\ndata: {a: x}\n";

struct Sides {
    d: Option<&'static str>,
    b: Option<bool>,
    l: Option<&'static str>,
}

fn verdict(sides: &Sides, standing: Standing, change: impl FnOnce(&mut Live)) -> Verdict {
    let key = ObjectKey::new("", "ConfigMap", "shop", "x");
    let rules = Rules::default();
    let (d, b) = (sides.d.map(yaml), yaml(BODY));
    let live = sides.l.map(|text| {
        let mut live = live(&key, yaml(text), Vec::new());
        change(&mut live);
        live
    });
    diff(&Comparison {
        base: match sides.b {
            None => Base::Unknown,
            Some(false) => Base::Absent,
            Some(true) => Base::Is(&b),
        },
        standing,
        ..Comparison::new(
            &key,
            d.as_ref().map_or(Desired::Absent, Desired::Is),
            live.as_ref().map_or(Found::Absent, Found::Is),
            &rules,
        )
    })
    .verdict
}

#[test]
fn the_object_table() {
    let other = ObjectKey::new("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "other");
    let standing = |inventoried, mark| Standing { inventoried, mark, prune: true };
    let yes = Some(BODY);
    let rows: Vec<(Sides, Standing, Verdict)> = vec![
        (
            Sides { d: yes, b: Some(false), l: None },
            standing(Some(false), Mark::NotExpected),
            Verdict::Pending(PendingKind::Create),
        ),
        (Sides { d: yes, b: Some(true), l: None }, standing(Some(true), Mark::NotExpected), Verdict::Missing),
        (Sides { d: yes, b: Some(true), l: None }, standing(None, Mark::NotExpected), Verdict::Missing),
        (
            Sides { d: yes, b: Some(true), l: None },
            standing(Some(false), Mark::NotExpected),
            Verdict::Pending(PendingKind::Create),
        ),
        (Sides { d: yes, b: None, l: None }, standing(Some(true), Mark::NotExpected), Verdict::Missing),
        (Sides { d: yes, b: Some(true), l: yes }, standing(Some(true), Mark::Ours), Verdict::Synced),
        (
            Sides { d: yes, b: Some(true), l: yes },
            standing(Some(false), Mark::Other(&other)),
            Verdict::OwnedByOther(other.to_string().into()),
        ),
        (Sides { d: yes, b: Some(true), l: yes }, standing(Some(false), Mark::Missing), Verdict::Unadopted),
        (
            Sides { d: None, b: Some(true), l: yes },
            standing(Some(true), Mark::Ours),
            Verdict::Extra { kept: false },
        ),
        (
            Sides { d: None, b: Some(true), l: yes },
            Standing { prune: false, ..standing(Some(true), Mark::Ours) },
            Verdict::Extra { kept: true },
        ),
        (
            Sides { d: None, b: Some(false), l: yes },
            standing(Some(false), Mark::Gone(&other)),
            Verdict::Orphan,
        ),
        (
            Sides { d: None, b: Some(false), l: yes },
            standing(Some(false), Mark::Other(&other)),
            Verdict::OwnedByOther(other.to_string().into()),
        ),
        (
            Sides { d: None, b: Some(false), l: yes },
            standing(Some(false), Mark::NotExpected),
            Verdict::Unmanaged,
        ),
        (
            Sides { d: None, b: Some(true), l: None },
            standing(Some(false), Mark::NotExpected),
            Verdict::Synced,
        ),
    ];
    for (index, (sides, standing, expected)) in rows.into_iter().enumerate() {
        assert_eq!(verdict(&sides, standing, |_| {}), expected, "row {index}");
    }
}

#[test]
fn children_follow_their_root_and_deleted_ones_say_so() {
    let sides = Sides { d: None, b: Some(false), l: Some(BODY) };
    let child = |live: &mut Live| {
        live.owners = vec![LiveOwner {
            group: "apps".into(),
            kind: "ReplicaSet".into(),
            name: "r".into(),
            uid: "u".into(),
            controller: true,
        }];
    };
    assert_eq!(verdict(&sides, Standing::default(), child), Verdict::Synced);
    for d in [None, Some(BODY)] {
        let sides = Sides { d, b: Some(false), l: Some(BODY) };
        assert_eq!(
            verdict(&sides, Standing::default(), |live| live.terminating = true),
            Verdict::Terminating
        );
    }
}

#[test]
fn marks_that_keep_an_object_from_being_pruned() {
    for mark in [
        "kustomize.toolkit.fluxcd.io/prune: disabled",
        "helm.sh/resource-policy: keep",
        "argocd.argoproj.io/sync-options: 'Replace=true,Prune=false'",
        "objectset.rio.cattle.io/prune: 'false'",
    ] {
        let text =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x, annotations: {{{mark}}}}}\n");
        let key = ObjectKey::new("", "ConfigMap", "", "x");
        let rules = Rules::default();
        let live = live(&key, yaml(&text), Vec::new());
        let standing = Standing { inventoried: Some(true), mark: Mark::Ours, prune: true };
        let diff = diff(&Comparison {
            standing,
            ..Comparison::new(&key, Desired::Absent, Found::Is(&live), &rules)
        });
        assert_eq!(diff.verdict, Verdict::Extra { kept: true }, "{mark}");
    }
}

#[test]
fn what_cannot_be_compared_says_why() {
    let key = ObjectKey::new("", "ConfigMap", "shop", "x");
    let rules = Rules::default();
    let body = yaml(BODY);
    let of = |desired, found| diff(&Comparison::new(&key, desired, found, &rules)).verdict;
    assert_eq!(of(Desired::Is(&body), Found::Forbidden), Verdict::Forbidden);
    assert_eq!(
        of(Desired::NotRendered(Reason::NeedsHelm), Found::Absent),
        Verdict::NotRendered(Reason::NeedsHelm)
    );
    assert_eq!(
        of(Desired::Is(&body), Found::Unread("timed out\u{1b}")),
        Verdict::Unknown("timed out␛".into())
    );
    let mut partial = live(&key, yaml(BODY), Vec::new());
    partial.whole = false;
    assert!(matches!(of(Desired::Is(&body), Found::Is(&partial)), Verdict::Unknown(_)));
}

#[test]
fn metadata_alone_is_compared_if_only_that_was_read() {
    let case = case(CONFIG, "metadata: {labels: {a: b}}\ndata: {x: y}", "metadata: {labels: {a: c}}")
        .foreign("kubectl-label", "{f:metadata: {f:labels: {f:a: {}}}}");
    let result = case.with(|input| {
        let Found::Is(live) = input.live else { panic!("the case has a live side") };
        let partial = Live { whole: false, ..live.clone() };
        diff(&Comparison { live: Found::Is(&partial), ..input.clone() })
    });
    assert_eq!(result.verdict, Verdict::Drifted);
    assert_eq!(
        result.fields.iter().map(line).collect::<Vec<_>>(),
        ["metadata.labels.a drifted by kubectl-label"]
    );
}

#[test]
fn an_old_version_in_git_is_no_difference() {
    let key = ObjectKey::new("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "apps");
    let text = |version: &str| {
        yaml(&format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/{version}\nkind: Kustomization\nmetadata: {{name: apps, namespace: flux-system}}\nspec: {{interval: 10m}}\n"
        ))
    };
    let rules = Rules::default();
    let (old, new) = (text("v1beta2"), live(&key, text("v1"), Vec::new()));
    let result = diff(&Comparison {
        base: Base::Is(&old),
        ..Comparison::new(&key, Desired::Is(&old), Found::Is(&new), &rules)
    });
    assert_eq!((result.verdict, result.approximate), (Verdict::Synced, true));
}

#[test]
fn versions_of_another_shape_are_not_compared() {
    let key = ObjectKey::new("networking.k8s.io", "Ingress", "shop", "x");
    let text = |version: &str| {
        yaml(&format!(
            "apiVersion: networking.k8s.io/{version}\nkind: Ingress\nmetadata: {{name: x}}\nspec: {{a: {version}}}\n"
        ))
    };
    let rules = Rules::default();
    let (old, new) = (text("v1beta1"), live(&key, text("v1"), Vec::new()));
    let verdict = diff(&Comparison::new(&key, Desired::Is(&old), Found::Is(&new), &rules)).verdict;
    assert!(matches!(verdict, Verdict::Unknown(why) if why.contains("another shape")));
}

#[test]
fn legacy_groups_mean_todays_objects() {
    for (group, kind, today) in [
        ("extensions", "Deployment", "apps"),
        ("extensions", "Ingress", "networking.k8s.io"),
        ("batch", "Job", "batch"),
    ] {
        assert_eq!(&*todays_key(&ObjectKey::new(group, kind, "a", "b")).group, today);
    }
}

#[test]
fn autoscalers_are_read_from_their_bodies() {
    let hpa = scaler(&yaml(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: shop}\nspec: {maxReplicas: 6, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}}",
    ));
    let hpa = hpa.expect("it is one");
    assert_eq!((hpa.min, hpa.max), (1, 6));
    assert!(hpa.rules(&ObjectKey::new("apps", "Deployment", "shop", "x")));
    assert!(!hpa.rules(&ObjectKey::new("apps", "Deployment", "other", "x")));
    let keda = scaler(&yaml(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: k, namespace: shop}\nspec: {scaleTargetRef: {name: x}}",
    ));
    assert!(keda.is_some_and(
        |k| (k.min, k.max) == (0, 100) && k.rules(&ObjectKey::new("apps", "Deployment", "shop", "x"))
    ));
    assert_eq!(scaler(&yaml(BODY)), None);
}

#[test]
fn appliers_follow_the_producer() {
    let of = |group: &str, kind: &str| appliers(&ObjectKey::new(group, kind, "a", "b"));
    assert_eq!(of("kustomize.toolkit.fluxcd.io", "Kustomization"), ["kustomize-controller"]);
    assert!(of("helm.toolkit.fluxcd.io", "HelmRelease").contains(&"helm-controller"));
    assert!(of("argoproj.io", "Application").contains(&"argocd-controller"));
    assert!(of("", "Folder").contains(&"kubectl"));
}
