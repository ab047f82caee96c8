//! Who can read what, what is alike, exceptions of the firewall and its SARIF, on the demo's repository.

use crate::bad_input::said;
use crate::sandbox::Sandbox;
use sealane::demo::DemoRepository;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";
const STAGING: &str = "apps/cart/overlays/staging/db.sops.yaml";
const VALUE: &str = "hunter2-of-the-readers";
const STRANGER: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

fn fleet() -> (Sandbox, PathBuf) {
    let mut sandbox = Sandbox::new();
    let clone = DemoRepository::create(sandbox.folder()).expect("made").clone;
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
    sandbox.more.push(("SOPS_AGE_KEY_FILE".to_owned(), keys.display().to_string()));
    (sandbox, clone)
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Sets a key in a commit of its own.
fn set(sandbox: &Sandbox, clone: &Path, file: &str, key: &str, value: &str) {
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_sealane"));
    command.args(["seal", file, "--set", key, "--commit", "--no-cluster"]).current_dir(clone);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), value.as_bytes()).expect("read");
    assert!(child.wait().expect("waited").success());
}

#[test]
fn files_and_readers_are_a_matrix_with_names() {
    let (sandbox, clone) = fleet();
    let (text, code) = said(&sandbox, &clone, &["audit", "who"]);
    assert_eq!(code, 0, "{text}");
    let column = text.lines().position(|line| line.contains(" ops  age1")).expect("ops is a column");
    let row = text.lines().find(|line| line.contains(CART)).expect("a row");
    assert_eq!(row.split(' ').nth(column), Some("✓"), "{text}");
    let (text, _) = said(&sandbox, &clone, &["audit", "who", CART, "--output", "json"]);
    let told = json(&text);
    assert_eq!(told["files"].as_array().map(Vec::len), Some(1), "{text}");
    assert_eq!(told["files"][0]["readers"][0]["access"], "reads", "{text}");
    let (text, code) = said(&sandbox, &clone, &["audit", "who", "--at", "HEAD~1000"]);
    assert!(code == 2 && text.contains("HEAD~1000"), "{code} {text}");
}

#[test]
fn who_was_removed_still_knows_what_was_not_changed() {
    let (sandbox, clone) = fleet();
    let rules = std::fs::read_to_string(clone.join(".sops.yaml")).expect("rules");
    let gone = rules.lines().find(|line| line.contains("# flux-prod")).expect("a recipient").to_owned();
    std::fs::write(clone.join(".sops.yaml"), rules.replace(&gone, &format!("      - {STRANGER} # zoe")))
        .expect("written");
    std::fs::write(
        clone.join(".sealane.yaml"),
        format!(
            "people: {{{}: Fay}}\n",
            gone.trim().trim_start_matches("- ").split(' ').next().expect("a key")
        ),
    )
    .expect("written");
    sandbox.git(&clone, &["add", "--all"]);
    sandbox.git(&clone, &["commit", "--quiet", "--message", "zoe instead of flux-prod"]);
    let (text, code) = said(&sandbox, &clone, &["audit", "who", CART]);
    assert!(code == 1 && text.contains(" + ") && text.contains("- "), "{code} {text}");
    let (text, code) = said(&sandbox, &clone, &["reseal", CART, "--commit", "--no-cluster"]);
    assert_eq!(code, 0, "{text}");
    let (text, code) = said(&sandbox, &clone, &["audit", "who", CART, "--history"]);
    let told = text.lines().find(|line| line.starts_with('!')).unwrap_or_else(|| panic!("{text}"));
    assert!(code == 1 && told.contains("Fay was removed and still knows password, url, username"), "{told}");
    set(&sandbox, &clone, CART, "password", VALUE);
    let (text, _) = said(&sandbox, &clone, &["audit", "who", CART, "--history", "--output", "json"]);
    let told = json(&text);
    assert_eq!(told["removed"][0]["stillKnows"], serde_json::json!(["url", "username"]), "{text}");
    assert!(!text.contains(VALUE), "{text}");
}

#[test]
fn keys_are_compared_with_revisions_and_environments_by_digest() {
    let (sandbox, clone) = fleet();
    set(&sandbox, &clone, CART, "password", VALUE);
    let (text, code) = said(&sandbox, &clone, &["audit", "compare", CART, "HEAD~1:"]);
    assert!(
        code == 1 && text.contains("≠ password  differs") && text.contains("= username  same"),
        "{code} {text}"
    );
    let (text, code) = said(&sandbox, &clone, &["audit", "compare", CART]);
    assert!(code == 0 && !text.contains("differs"), "{code} {text}");
    set(&sandbox, &clone, STAGING, "password", VALUE);
    let (text, _) = said(&sandbox, &clone, &["audit", "compare", CART, STAGING, "--output", "json"]);
    let keys = json(&text)[0]["keys"].clone();
    let standing = |key: &str| {
        keys.as_array().expect("a list").iter().find(|k| k["key"] == key).map(|k| k["standing"].clone())
    };
    assert_eq!(standing("password"), Some("same".into()), "{text}");
    let (text, code) = said(&sandbox, &clone, &["audit", "same", CART, "password"]);
    assert!(code == 1 && text.contains(&format!("= {STAGING}  password")), "{code} {text}");
    std::fs::write(clone.join("notes.txt"), format!("a\nb {VALUE}\n")).expect("written");
    let (text, _) = said(&sandbox, &clone, &["audit", "same", CART, "stringData.password"]);
    assert!(text.contains("! notes.txt:2  in the clear") && !text.contains(VALUE), "{text}");
    let (text, code) = said(&sandbox, &clone, &["audit", "compare", CART, "nothing.yaml"]);
    assert!(code == 3 && text.contains("nothing.yaml does not exist"), "{code} {text}");
}

#[test]
fn an_exception_is_for_one_value_at_one_path_and_has_a_reason() {
    let (sandbox, clone) = fleet();
    let secret = |value: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{token: {value}}}\n")
    };
    std::fs::write(clone.join("x.yaml"), secret(VALUE)).expect("written");
    let (text, _) = said(&sandbox, &clone, &["check", "--digests", "--output", "json"]);
    let told = json(&text);
    let digest = told
        .as_array()
        .and_then(|all| all.iter().find(|f| f["place"] == "x.yaml:4"))
        .map(|f| f["digest"].clone());
    let digest = digest.and_then(|d| d.as_str().map(str::to_owned)).unwrap_or_else(|| panic!("{text}"));
    let except = |more: &str| {
        let text = format!("exceptions:\n  - {{path: x.yaml, digest: {digest}, {more}}}\n");
        std::fs::write(clone.join(".sealane.yaml"), text).expect("written");
        said(&sandbox, &clone, &["check"]).0
    };
    let text = except("reason: nobody uses it");
    assert!(!text.contains("x.yaml") && text.contains("smtp.yaml"), "{text}");
    assert!(except("reason: ''").contains("has no reason, and is not used"), "a reason is asked for");
    assert!(except("reason: a, until: 2020-01-01").contains("is over, and is not used"), "a day is kept");
    std::fs::write(clone.join("x.yaml"), secret("another-value-4711")).expect("written");
    let text = except("reason: nobody uses it");
    assert!(text.contains("x.yaml:4") && text.contains("matches nothing any more"), "{text}");
}

#[test]
fn findings_are_sarif_too_and_other_verbs_refuse_it() {
    let (sandbox, clone) = fleet();
    for verb in ["check", "scan"] {
        let (text, code) = said(&sandbox, &clone, &[verb, "--output", "sarif"]);
        let told = json(&text);
        let run = &told["runs"][0];
        assert_eq!((code, &told["version"]), (1, &"2.1.0".into()), "{text}");
        let result = &run["results"][0];
        assert_eq!(result["ruleId"], "secret-object", "{text}");
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"], "{text}");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "apps/mail/overlays/dev/smtp.yaml", "{text}");
        assert_eq!(place["region"]["startLine"], 7, "{text}");
    }
    let (text, code) = said(&sandbox, &clone, &["status", "--output", "sarif"]);
    assert_eq!(
        (code, &json(&text)["runs"][0]["invocations"][0]["executionSuccessful"]),
        (2, &false.into()),
        "{text}"
    );
}

/// The repository is the same after any look at it.
#[test]
fn looking_changes_nothing() {
    let (sandbox, clone) = fleet();
    for words in [&["check"][..], &["scan"], &["audit", "who", "--history"], &["audit", "compare", CART]] {
        said(&sandbox, &clone, words);
    }
    let status =
        Command::new("git").args(["status", "--porcelain"]).current_dir(&clone).output().expect("git runs");
    assert!(status.stdout.is_empty());
}
