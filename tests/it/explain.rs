//! How objects and fields came to be, through the program.

use crate::bad_input::said;
use crate::past::{entry, kustomization};
use crate::sandbox::{Sandbox, holds, spellings};
use sealane::demo::{DemoRepository, OPERATOR};
use sealane::seal::{Rules, seal_plain};
use std::path::{Path, PathBuf};

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
            "spec.replicas set to 2 apps/front/base/deployment.yaml:6:13",
            "ReplicaCountTransformer apps/front/overlays/prod/kustomization.yaml:11 replicas[0]",
            "spec.replicas 2 → 3 apps/front/overlays/prod/kustomization.yaml:11:12",
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
        "owner labels",
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

/// What stands in the clear nowhere but in the identity's own answers.
const CANARY: &str = "canary-2b9d-told-by-nobody";

/// The recipient of [`OPERATOR`], as its file names it.
fn recipient() -> &'static str {
    OPERATOR.lines().find_map(|line| line.split("public key: ").nth(1)).expect("the file names it").trim()
}

/// A repository whose app takes variables from a plain ConfigMap, a sealed Secret, its own Kustomization and defaults.
fn fleet(sandbox: &Sandbox) -> PathBuf {
    let clone = sandbox.folder().join("clone");
    let rules = format!(
        "creation_rules:\n- path_regex: .*\\.sops\\.yaml$\n  encrypted_regex: ^(data|stringData)$\n  age: {}\n",
        recipient()
    );
    let rules_read = Rules::parse(rules.as_bytes(), ".sops.yaml");
    let sealed = |file: &str, text: &str| {
        let bytes = seal_plain(text.as_bytes(), file, &rules_read, 1_700_000_000).expect("it is sealed");
        String::from_utf8(bytes).expect("text")
    };
    let decrypts = "  decryption: {provider: sops}\n";
    let app = kustomization("web", "apps/web")
        + decrypts
        + "  targetNamespace: shop
  postBuild:
    substitute:
      DOMAIN: shop.test
    substituteFrom:
    - {kind: ConfigMap, name: settings}
    - {kind: Secret, name: tokens}
";
    let token = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: tokens, namespace: flux-system}}\nstringData:\n  TOKEN: {CANARY}\n"
    );
    let direct = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: direct}}\nstringData:\n  password: {CANARY}\n"
    );
    for (path, text) in [
        (".sops.yaml", rules.clone()),
        ("clusters/prod/sync.yaml", entry("prod") + decrypts),
        ("clusters/prod/web.yaml", app),
        ("clusters/prod/settings.yaml", SETTINGS.to_owned()),
        ("clusters/prod/tokens.sops.yaml", sealed("clusters/prod/tokens.sops.yaml", &token)),
        ("apps/web/kustomization.yaml", "resources: [web.yaml, direct.sops.yaml]\n".to_owned()),
        ("apps/web/direct.sops.yaml", sealed("apps/web/direct.sops.yaml", &direct)),
        ("apps/web/web.yaml", WEB.to_owned()),
        ("apps/old/forgotten.yaml", SETTINGS.to_owned()),
    ] {
        write(&clone, path, &text);
    }
    sandbox.git(&clone, &["init", "--quiet", "--initial-branch=main"]);
    sandbox.git(&clone, &["config", "user.name", "Ana"]);
    sandbox.git(&clone, &["config", "user.email", "ana@example.test"]);
    sandbox.git(&clone, &["add", "--all"]);
    sandbox.git(&clone, &["commit", "--quiet", "--message", "all"]);
    clone
}

fn write(clone: &Path, path: &str, text: &str) {
    let path = clone.join(path);
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("folders");
    std::fs::write(path, text).expect("written");
}

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data:
  REGION: eu
  DOMAIN: overridden.test
";

const WEB: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data:
  host: \"${DOMAIN}\"
  region: in-${REGION}
  mode: ${MODE:=quiet}
  token: Bearer ${TOKEN}
";

#[test]
fn a_variable_points_to_where_it_got_its_value() {
    let sandbox = Sandbox::new();
    let clone = fleet(&sandbox);
    for (field, source, place) in [
        (
            "host",
            "postBuild.substitute.DOMAIN of Kustomization/flux-system/web",
            "clusters/prod/web.yaml:13:15",
        ),
        ("region", "data.REGION of ConfigMap/flux-system/settings", "clusters/prod/settings.yaml:5:11"),
        (
            "mode",
            "the default of MODE, which Kustomization/flux-system/web sets nowhere",
            "apps/web/web.yaml:7:9",
        ),
    ] {
        let asked = format!("ConfigMap/shop/web:data.{field}");
        let (text, code) = said(&sandbox, &clone, &["render", "--explain", &asked, "--no-cluster"]);
        let line = text.lines().find(|line| line.contains(source));
        assert!(code == 0 && line.is_some_and(|line| line.ends_with(place)), "{code} {text}");
        assert!(
            text.contains("postBuild") && text.contains("clusters/prod/web.yaml:12 spec.postBuild"),
            "{text}"
        );
    }
}

#[test]
fn what_came_out_of_a_sealed_file_is_named_and_never_shown() {
    for with_key in [false, true] {
        let mut sandbox = Sandbox::new();
        let clone = fleet(&sandbox);
        if with_key {
            sandbox.more.push(("SOPS_AGE_KEY".into(), OPERATOR.into()));
        }
        let mut all = String::new();
        let mut tell = |asked: &str, expected: &str| {
            for output in ["text", "json"] {
                let words = ["render", "--explain", asked, "--no-cluster", "--output", output];
                let (text, _) = said(&sandbox, &clone, &words);
                assert!(text.contains(expected), "{asked} should say {expected}:\n{text}");
                all += &text;
            }
        };
        tell(
            "ConfigMap/shop/web:data.token",
            "TOKEN of Secret/flux-system/tokens, from sealed file clusters/prod/tokens.sops.yaml",
        );
        tell("ConfigMap/shop/web", "apps/web/web.yaml");
        tell("Secret/shop/direct", "apps/web/direct.sops.yaml");
        tell("Secret/shop/direct:data.password", "from sealed file apps/web/direct.sops.yaml");
        tell("Secret/flux-system/tokens:data.TOKEN", "from sealed file clusters/prod/tokens.sops.yaml");
        tell("Secret/flux-system/tokens:data.NOTHING", "has no field data.NOTHING");
        assert!(!holds(all.as_bytes(), &spellings(CANARY)), "{all}");
    }
    let planted = format!("token: {CANARY}");
    assert!(holds(planted.as_bytes(), &spellings(CANARY)), "a leak would be found");
}

#[test]
fn doctor_says_why_an_environment_is_one_and_what_nobody_renders() {
    let sandbox = Sandbox::new();
    let clone = fleet(&sandbox);
    let (text, _) = said(&sandbox, &clone, &["doctor", "--no-cluster"]);
    for expected in [
        "Kustomization/flux-system/flux-system in clusters/prod/sync.yaml:",
        "syncs clusters/prod from GitRepository/flux-system/flux-system",
        "1 file holds objects that no environment renders",
        "apps/old: forgotten.yaml",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let (text, _) = said(&sandbox, &clone, &["doctor", "--no-cluster", "--output", "json"]);
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let of = |what: &str| {
        let list = found.as_array().expect("a list");
        list.iter().find(|finding| finding["what"] == what).cloned().unwrap_or_default()
    };
    let environment = &of("environments")["environments"][0];
    assert_eq!(
        (&environment["environment"], &environment["entry"]),
        (&"prod".into(), &"clusters/prod".into())
    );
    assert_eq!(environment["evidence"]["file"], "clusters/prod/sync.yaml");
    assert!(environment["evidence"]["line"].is_number(), "{text}");
    assert_eq!(of("not rendered")["files"], serde_json::json!(["apps/old/forgotten.yaml"]));
}

#[test]
fn an_override_renames_adds_and_is_told_where_it_is_broken() {
    let sandbox = Sandbox::new();
    let clone = fleet(&sandbox);
    write(
        &clone,
        ".sealane.yaml",
        "environments:\n  main:\n    entry: clusters/prod\n  old: {entry: apps/old}\n  gone:\n    entry: apps/gone\n",
    );
    let (text, code) = said(&sandbox, &clone, &["doctor", "--no-cluster"]);
    for expected in [
        "main, old",
        ".sealane.yaml:3 says so",
        ".sealane.yaml:4 says so",
        ".sealane.yaml:6: the environment gone starts nowhere: there is no apps/gone",
        "nothing: an environment renders every file with objects",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(code, 3, "{text}");
}
