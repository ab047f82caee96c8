//! What a revert does that takes out of git what the controllers start from.

use crate::past::{Past, RENDERS, SHOP, effects, entry, kustomization, settings};
use sealane::model::{Reason, Severity};
use sealane::workspace::Plan;

const ENTRY: &str = "clusters/prod/sync.yaml";
const SETTINGS: &str = "apps/shop/settings.yaml";

/// Each effect with its words.
fn told(plan: &Plan) -> Vec<String> {
    let objects = plan.effects.iter().flat_map(|effect| &effect.objects);
    objects.map(|o| format!("{} {}: {}", o.sign, o.key, o.summary)).collect()
}

/// The one sentence about the entry.
fn sentence(plan: &Plan) -> String {
    let all = plan.findings.iter().chain(&plan.not_rendered);
    let about: Vec<String> = all.filter(|p| p.reason == Reason::EntryGone).map(|p| p.cause.clone()).collect();
    assert_eq!(about.len(), 1, "{:?} {:?}", plan.findings, plan.not_rendered);
    about.concat()
}

/// A repository of plain folders, in which the second commit brings Flux.
fn bootstrapped() -> (Past, String) {
    let past = Past::plain(&[(SHOP, RENDERS), (SETTINGS, &settings("hello"))]);
    let brought = past
        .commit(&[(ENTRY, &entry("prod")), ("clusters/prod/shop.yaml", &kustomization("shop", "apps/shop"))]);
    (past, brought)
}

#[tokio::test]
async fn with_the_entry_and_its_folder_gone_the_controller_stops_and_removes_nothing() {
    let (past, brought) = bootstrapped();
    let plan = past.revert(&brought).await;
    assert_eq!(effects(&plan), [""; 0], "nothing comes and nothing goes");
    assert_eq!(
        sentence(&plan),
        "Kustomization/flux-system/flux-system, the entry of prod, goes with its folder clusters/prod: Flux stops at the \
         missing path and removes nothing, and from then on nothing follows git"
    );
    assert!(plan.not_rendered.iter().any(|p| p.reason == Reason::EntryGone && !p.next.is_empty()));
}

#[tokio::test]
async fn an_entry_that_applies_itself_and_goes_takes_with_it_what_it_may_prune() {
    let past = Past::plain(&[(SHOP, RENDERS), (SETTINGS, &settings("hello"))]);
    let kept = kustomization("kept", "apps/shop").replace("prune: true", "prune: false");
    past.commit(&[("clusters/prod/shop.yaml", &kustomization("shop", "apps/shop"))]);
    let brought = past.commit(&[(ENTRY, &entry("prod"))]);
    let plan = past.revert(&brought).await;
    let shop = [
        "- Kustomization/flux-system/flux-system: will go".to_owned(),
        "- Kustomization/flux-system/shop: will go".to_owned(),
        "- GitRepository/flux-system/flux-system: will go".to_owned(),
        "- ConfigMap/shop/settings: will go".to_owned(),
    ];
    let mut found = told(&plan);
    let mut expected = shop.to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(
        sentence(&plan),
        "Kustomization/flux-system/flux-system, the entry of prod, is no longer declared: Flux removes it, and with it \
         what it and its Kustomizations applied, where pruning is on (4 of 4 objects)"
    );
    let warning = plan.findings.iter().find(|p| p.reason == Reason::EntryGone).expect("told");
    assert_eq!(warning.severity, Severity::Warning);

    // What may not be pruned stays, and is told so.
    past.commit(&[("clusters/prod/shop.yaml", &kept)]);
    let plan = past.revert(&brought).await;
    let stays: Vec<String> = told(&plan).into_iter().filter(|line| !line.ends_with("will go")).collect();
    assert_eq!(stays, ["- ConfigMap/shop/settings: no longer declared; it stays, since pruning is off"]);
    assert!(sentence(&plan).ends_with("where pruning is on (3 of 4 objects)"), "{}", sentence(&plan));
}

#[tokio::test]
async fn an_entry_that_was_applied_by_hand_goes_on_in_its_cluster() {
    let past = Past::of(&[], &[(SHOP, RENDERS), (SETTINGS, &settings("hello"))]);
    let brought = past.commit(&[("by-hand/shop.yaml", &kustomization("shop", "apps/shop"))]);
    let plan = past.revert(&brought).await;
    assert_eq!(effects(&plan), [""; 0]);
    let said = sentence(&plan);
    assert!(
        said.starts_with("Kustomization/flux-system/shop") && said.contains("goes on with apps/shop"),
        "{said}"
    );
}

#[tokio::test]
async fn an_entry_that_comes_declares_everything_anew() {
    let past = Past::plain(&[(SHOP, RENDERS), (SETTINGS, &settings("hello"))]);
    past.commit(&[(ENTRY, &entry("prod")), ("clusters/prod/shop.yaml", &kustomization("shop", "apps/shop"))]);
    past.git(&["rm", "-r", "--quiet", "clusters"]);
    let removed = past.commit(&[]);
    let plan = past.revert(&removed).await;
    let mut found = effects(&plan);
    found.sort();
    let expected = [
        "flux-system + GitRepository/flux-system/flux-system",
        "flux-system + Kustomization/flux-system/flux-system",
        "flux-system + Kustomization/flux-system/shop",
        "shop + ConfigMap/shop/settings",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_removed_from_an_app_without_pruning_stays() {
    let shop = kustomization("shop", "apps/shop").replace("prune: true", "prune: false");
    let more = settings("more").replace("name: settings", "name: more");
    let past =
        Past::of(&[], &[("clusters/prod/shop.yaml", &shop), (SHOP, RENDERS), (SETTINGS, &settings("a"))]);
    let brought =
        past.commit(&[(SHOP, "resources: [settings.yaml, more.yaml]\n"), ("apps/shop/more.yaml", &more)]);
    let plan = past.revert(&brought).await;
    assert_eq!(told(&plan), ["- ConfigMap/shop/more: no longer declared; it stays, since pruning is off"]);
}
