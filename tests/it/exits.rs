//! The exit code of every verb: 0 nothing to report, 1 differences or findings, 2 usage, 3 something in scope could not be
//! rendered or opened, 4 out of reach, 5 refused by a rule; the highest that applies wins.

use crate::bad_input::said;
use crate::past::{REFUSED, RENDERS, SHOP, entry, kustomization, settings};
use crate::sandbox::Sandbox;
use std::path::{Path, PathBuf};

/// A clone with the environments `prod`, of which everything renders, and `test`, of which everything does in the first
/// commits, and the app `shop` does not in the last.
fn clone(sandbox: &Sandbox) -> PathBuf {
    let clone = sandbox.folder().join("clone");
    let commit = |files: &[(&str, String)]| {
        for (path, text) in files {
            let path = clone.join(path);
            std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("folders");
            std::fs::write(path, text).expect("written");
        }
        sandbox.git(&clone, &["add", "--all"]);
        sandbox.git(&clone, &["commit", "--quiet", "--message", "one more"]);
    };
    std::fs::create_dir_all(&clone).expect("a folder");
    sandbox.git(&clone, &["init", "--quiet", "--initial-branch=main"]);
    sandbox.git(&clone, &["config", "user.name", "Ana"]);
    sandbox.git(&clone, &["config", "user.email", "ana@example.test"]);
    commit(&[
        ("clusters/prod/sync.yaml", entry("prod")),
        ("clusters/prod/pay.yaml", kustomization("pay", "apps/pay")),
        ("apps/pay/settings.yaml", settings("hello").replace("settings", "pay")),
        ("clusters/test/sync.yaml", entry("test")),
        ("clusters/test/shop.yaml", kustomization("shop", "apps/shop")),
        (SHOP, RENDERS.to_owned()),
        ("apps/shop/settings.yaml", settings("hello")),
    ]);
    commit(&[("apps/pay/settings.yaml", settings("welcome").replace("settings", "pay"))]);
    commit(&[(SHOP, REFUSED.to_owned())]);
    clone
}

/// Runs each command without a cluster; `code: what stands in its answer: command` is what is expected.
fn check(sandbox: &Sandbox, clone: &Path, expected: &[(i32, &str, &str)]) {
    for (code, wanted, words) in expected {
        let words: Vec<&str> = words.split(' ').chain(["--no-cluster"]).collect();
        let (told, found) = said(sandbox, clone, &words);
        assert!(found == *code && told.contains(wanted), "sealane {words:?}: {found}\n{told}");
    }
}

#[test]
fn what_could_not_be_rendered_is_in_the_code_of_every_verb_that_meant_it() {
    let sandbox = Sandbox::new();
    let clone = clone(&sandbox);
    let missing = "apps/shop/missing.yaml does not exist";
    check(
        &sandbox,
        &clone,
        &[
            (3, missing, "status"),
            (3, missing, "status --environment test"),
            (0, "prod", "status --environment prod"),
            (3, missing, "render"),
            (3, missing, "render --environment test"),
            (0, "greeting: welcome", "render --environment prod"),
            (0, "greeting: hello", "render --at HEAD~1 --environment test"),
            (3, missing, "diff HEAD~1..HEAD"),
            (3, missing, "diff HEAD~1..HEAD --environment test"),
            (0, "0 changes; 2 of 2 rendered", "diff HEAD~1..HEAD --environment prod"),
            (1, "hello", "diff HEAD~2..HEAD~1"),
            (3, missing, "diff --live"),
            (0, "2 of 3 commits", "history ConfigMap/shop/pay"),
            (3, missing, "revert HEAD"),
            (3, missing, "doctor"),
        ],
    );
    // Nobody knows whether what is not rendered has it; where everything is, nothing has.
    check(
        &sandbox,
        &clone,
        &[
            (3, "settings in test  1 of 3 commits", "history ConfigMap/shop/settings"),
            (3, "1 of 4 were not rendered and may", "history ConfigMap/shop/other"),
            (2, "no environment has", "history ConfigMap/shop/settings --environment prod"),
            (3, "1 of 4 were not rendered and may", "render --object Deployment/shop/web"),
            (2, "no environment has", "render --object Deployment/shop/web --environment prod"),
        ],
    );
}

#[test]
fn what_does_not_exist_or_fit_is_usage() {
    let sandbox = Sandbox::new();
    let clone = clone(&sandbox);
    let unknown = "there is no environment nowhere";
    check(
        &sandbox,
        &clone,
        &[
            (2, unknown, "status --environment nowhere"),
            (2, unknown, "render --environment nowhere"),
            (2, unknown, "diff HEAD~1..HEAD --environment nowhere"),
            (2, unknown, "diff --live --environment nowhere"),
            (2, unknown, "history ConfigMap/shop/pay --environment nowhere"),
            (2, "cannot be used with", "diff HEAD~1..HEAD --live"),
            (2, "Kind/namespace/name", "render --object nothing"),
            (2, "Kind/namespace/name", "history nothing"),
            (2, "nowhere", "revert nowhere"),
        ],
    );
}

#[test]
fn a_warning_is_a_finding_and_refuses_nothing() {
    let sandbox = Sandbox::new();
    let clone = clone(&sandbox);
    std::fs::write(clone.join(SHOP), RENDERS).expect("written");
    let other = kustomization("other", "apps/other");
    std::fs::create_dir(clone.join("apps/other")).expect("made");
    std::fs::write(clone.join("clusters/test/other.yaml"), other).expect("written");
    std::fs::write(clone.join("apps/other/shop.yaml"), kustomization("shop", "apps/pay")).expect("written");
    sandbox.git(&clone, &["add", "--all"]);
    sandbox.git(&clone, &["commit", "--quiet", "--message", "twice"]);
    let twice = "is declared twice";
    check(
        &sandbox,
        &clone,
        &[
            (1, twice, "render"),
            (1, twice, "status --output json"),
            (1, twice, "doctor"),
            (0, "prod", "status --environment prod"),
        ],
    );
}
