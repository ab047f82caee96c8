//! How objects and fields came to be, through the program.

use crate::bad_input::said;
use crate::sandbox::Sandbox;
use sealane::demo::{DemoRepository, OPERATOR};

/// What is said of an object of prod, or of one of its fields.
fn explained(asked: &str, with_key: bool) -> String {
    let mut sandbox = Sandbox::new();
    let fleet = DemoRepository::create(sandbox.folder()).expect("made").clone;
    if with_key {
        sandbox.more.push(("SOPS_AGE_KEY".into(), OPERATOR.into()));
    }
    let words = ["render", "--explain", asked, "--environment", "prod", "--no-cluster"];
    let (text, code) = said(&sandbox, &fleet, &words);
    assert_eq!(code, 0, "{text}");
    text
}

#[test]
fn a_field_is_followed_from_its_file_to_the_transformer_that_set_it_last() {
    let text = explained("Deployment/shop/front:spec.replicas", false);
    let lines: Vec<String> =
        text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "Deployment/shop/front in prod, made by Kustomization/flux-system/front, which is made by \
             Kustomization/flux-system/flux-system",
            "file apps/front/base/deployment.yaml:1",
            "spec.replicas set to 2 apps/front/base/deployment.yaml:6",
            "ReplicaCountTransformer apps/front/overlays/prod/kustomization.yaml",
            "spec.replicas 2 → 3 apps/front/overlays/prod/kustomization.yaml:11",
        ]
    );
}

#[test]
fn an_object_is_followed_through_all_that_changed_it() {
    let text = explained("Deployment/shop/cart", false);
    for step in [
        "LabelTransformer",
        "ReplicaCountTransformer",
        "name reference",
        "cart-settings → cart-settings-",
        "commonMetadata and owner labels",
    ] {
        assert!(text.contains(step), "{step}\n{text}");
    }
}

#[test]
fn a_sealed_value_is_said_to_be_sealed() {
    for with_key in [false, true] {
        let text = explained("Secret/shop/cart-db:data.password", with_key);
        assert!(text.contains("apps/cart/overlays/prod/db.sops.yaml:8"), "{text}");
        assert_eq!(text.contains("sealed, not opened → sealed"), with_key, "{text}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let sandbox = Sandbox::new();
    let fleet = DemoRepository::create(sandbox.folder()).expect("made").clone;
    for (asked, told) in [
        ("Deployment/shop/nothing", "no environment has Deployment/shop/nothing"),
        ("Deployment/shop/cart:spec.nothing", "Deployment/shop/cart has no field spec.nothing"),
    ] {
        let (text, code) = said(&sandbox, &fleet, &["render", "--explain", asked, "--no-cluster"]);
        assert!(code == 2 && text.contains(told), "{code} {text}");
    }
}
