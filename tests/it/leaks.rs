//! What leaked, as `check` and `scan` tell it: what to do in order, whether the value is still in use, and one plan that seals.

use crate::bad_input::said;
use crate::past::Past;
use crate::sandbox::Sandbox;
use crate::served::Served;
use sealane::seal::Keyring;
use std::path::{Path, PathBuf};

const VALUE: &str = "leaked-and-never-changed-4711";

fn secret(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: shop\nstringData:\n  username: cart-user\n  password: {value}\n"
    )
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

struct Repository {
    sandbox: Sandbox,
    folder: PathBuf,
}

impl Repository {
    /// With rules for `sealed/`, and somebody's identity.
    fn new() -> Self {
        let mut sandbox = Sandbox::new();
        let identity = include_str!("../../keys/demo-ops.agekey");
        sandbox.more.push(("SOPS_AGE_KEY".to_owned(), identity.to_owned()));
        let mut ring = Keyring::default();
        ring.add_text(identity, "test");
        let recipient = ring.recipients().next().expect("an identity").0.to_owned();
        let folder = sandbox.folder().join("fleet");
        std::fs::create_dir(&folder).expect("made");
        let repository = Self { sandbox, folder };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.git(&["config", "user.name", "Ana"]);
        repository.git(&["config", "user.email", "ana@example.test"]);
        let rules = format!(
            "creation_rules:\n  - path_regex: ^sealed/\n    encrypted_regex: ^(data|stringData)$\n    age: {recipient}\n"
        );
        repository.commit(&[(".sops.yaml", &rules)]);
        repository
    }

    fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.folder, words)
    }

    fn commit(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "one more"]);
    }

    fn said(&self, words: &[&str]) -> (String, i32) {
        let words: Vec<&str> = words.iter().copied().chain(["--no-cluster"]).collect();
        let (text, code) = said(&self.sandbox, &self.folder, &words);
        assert!(!text.contains(VALUE), "{words:?} tells the value: {text}");
        (text, code)
    }
}

#[test]
fn a_finding_says_what_to_do_in_order() {
    let repository = Repository::new();
    repository.commit(&[("sealed/a.yaml", &secret("a", VALUE)), ("open/b.yaml", &secret("b", VALUE))]);
    let (text, code) = repository.said(&["check"]);
    assert_eq!(code, 1, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let steps = |file: &str| {
        let at = lines.iter().position(|line| line.contains(file)).expect("told");
        lines[at + 1..at + 4].to_vec()
    };
    let [one, two, three] = steps("sealed/a.yaml")[..] else { panic!("three steps: {text}") };
    assert!(one.starts_with("  1. change the value where it is used"), "{text}");
    assert!(
        two.starts_with("  2. seal the file with the new value: `sealane seal sealed/a.yaml` (rule 1"),
        "{text}"
    );
    assert!(three.starts_with("  3. history keeps the old value, and Sealane rewrites none"), "{text}");
    let missing = steps("open/b.yaml")[1];
    assert!(
        missing.contains("add a rule to .sops.yaml") && missing.contains("`sealane seal open/b.yaml`"),
        "{text}"
    );
    let (text, _) = repository.said(&["check", "--output", "json"]);
    assert_eq!(json(&text)[0]["steps"].as_array().map(Vec::len), Some(3), "{text}");
    let (text, _) = repository.said(&["check", "--output", "sarif"]);
    let results = &json(&text)["runs"][0]["results"];
    assert_eq!(results[0]["properties"]["steps"].as_array().map(Vec::len), Some(3), "{text}");
}

#[test]
fn one_plan_seals_what_can_be_sealed_and_names_the_rest() {
    let repository = Repository::new();
    let deployment = "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: c}\nspec:\n  env:\n  - name: DB_PASSWORD\n    value: Tr0ub4dor-and-3\n";
    repository.commit(&[
        ("sealed/a.yaml", &secret("a", VALUE)),
        ("sealed/b.yaml", &secret("b", VALUE)),
        ("sealed/c.yaml", deployment),
        ("open/d.yaml", &secret("d", VALUE)),
    ]);
    let (text, code) = repository.said(&["check", "--seal"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains(
            "sealed/c.yaml:7: not sealed by this: rule 1 (path_regex ^sealed/) seals nothing in sealed/c.yaml"
        ),
        "{text}"
    );
    assert!(text.contains("open/d.yaml") && text.contains("no rule of .sops.yaml is for its path"), "{text}");
    assert!(text.contains("nothing written"), "{text}");
    let head = repository.git(&["rev-parse", "HEAD"]);
    let (text, code) = repository.said(&["check", "--seal", "--commit"]);
    assert!(code == 1 && text.contains("committed"), "{code} {text}");
    let changed = repository.git(&["diff", "--name-only", head.trim(), "HEAD"]);
    assert_eq!(changed, "sealed/a.yaml\nsealed/b.yaml\n");
    let sealed = std::fs::read_to_string(repository.folder.join("sealed/a.yaml")).expect("there");
    assert!(sealed.contains("password: ENC[AES256_GCM,") && !sealed.contains(VALUE), "{sealed}");
    let (text, code) = repository.said(&["check", "--seal"]);
    assert!(code == 1 && text.contains("nothing to seal"), "{code} {text}");
    let (text, code) = repository.said(&["check", "--seal", "--output", "sarif"]);
    assert!(code == 2, "{code} {text}");
}

#[test]
fn a_leak_that_was_sealed_and_never_changed_is_still_valid() {
    let repository = Repository::new();
    repository
        .commit(&[("sealed/a.yaml", &secret("a", VALUE)), ("b.yaml", &secret("b", "another-one-0815"))]);
    let (_, code) = repository.said(&["check", "--seal", "--commit"]);
    assert_eq!(code, 1);
    repository.git(&["rm", "--quiet", "b.yaml"]);
    repository.git(&["commit", "--quiet", "--message", "gone"]);
    let (text, code) = repository.said(&["scan"]);
    assert_eq!(code, 1, "{text}");
    let told = "still valid: `password` of sealed/a.yaml holds this value: it was sealed and never changed";
    assert!(text.contains(told) && text.matches("still valid").count() == 1, "{text}");
    assert!(text.contains("compared with 1 sealed file\n"), "{text}");
    let (text, _) = repository.said(&["scan", "--output", "json"]);
    let all = json(&text);
    let leaks = all["leaks"].as_array().expect("a list");
    let of = |file: &str| {
        leaks
            .iter()
            .find(|leak| leak["problem"]["place"].as_str().is_some_and(|place| place.starts_with(file)))
    };
    let valid = &of("sealed/a.yaml").expect("told")["stillValid"];
    assert_eq!(*valid, serde_json::json!([{"file": "sealed/a.yaml", "key": "password"}]), "{text}");
    assert_eq!(of("b.yaml").expect("told")["stillValid"], serde_json::json!([]), "{text}");
    let (text, _) = repository.said(&["scan", "--output", "sarif"]);
    assert!(text.contains("\"stillValid\""), "{text}");
    // With a new value the old one is worth nothing.
    let mut child = repository
        .sandbox
        .command(env!("CARGO_BIN_EXE_sealane"))
        .args(["seal", "sealed/a.yaml", "--generate", "password", "--commit", "--no-cluster"])
        .current_dir(&repository.folder)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    assert!(child.wait().expect("waited").success());
    let (text, code) = repository.said(&["scan"]);
    assert!(code == 1 && !text.contains("still valid"), "{text}");
}

#[test]
fn a_leak_that_a_live_secret_still_holds_is_still_valid() {
    let mut sandbox = Sandbox::new();
    let served = Served::start(&mut sandbox);
    let (text, _) = said(&sandbox, &served.clone, &["scan", "--output", "json"]);
    let told = json(&text);
    let leak = &told["leaks"][0];
    assert_eq!(leak["problem"]["kind"], "secret-object", "{text}");
    let valid = leak["stillValid"].as_array().expect("a list");
    let live =
        valid.iter().find(|holder| holder["environment"] == "dev").expect("the demo applied it to dev");
    assert!(live["secret"].as_str().is_some_and(|name| name.ends_with("/mail-smtp")), "{text}");
    assert_eq!(live["key"], "SMTP_PASSWORD", "{text}");
    let compared = told["compared"]["live"].as_array().expect("a list");
    assert!(compared.iter().any(|one| one["environment"] == "dev"), "{text}");
    let (text, _) = said(&sandbox, &served.clone, &["scan", "--no-cluster"]);
    assert!(!text.contains("live Secret"), "{text}");
}

#[test]
fn files_that_are_sealed_for_others_than_their_rule_says_are_told() {
    let repository = Repository::new();
    repository.commit(&[("sealed/a.yaml", &secret("a", VALUE))]);
    repository.said(&["check", "--seal", "--commit"]);
    let (text, code) = repository.said(&["check"]);
    assert_eq!(code, 0, "{text}");
    let rules = std::fs::read_to_string(repository.folder.join(".sops.yaml")).expect("rules");
    let newcomer = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    repository.commit(&[(".sops.yaml", &format!("{},{newcomer}\n", rules.trim_end()))]);
    let (text, code) = repository.said(&["check", "--output", "json"]);
    let told = json(&text);
    assert_eq!((code, &told[0]["kind"]), (1, &"other-recipients".into()), "{text}");
    assert_eq!((&told[0]["severity"], told[0]["steps"].is_null()), (&"warning".into(), true), "{text}");
}

/// History is read folder by folder as it is stored: what was renamed, made a folder, or merged is there once.
#[test]
fn a_scan_counts_every_content_once_for_each_path() {
    let past = Past::plain(&[("a/b.yaml", "a: 1\n"), ("a.yaml", "a: 2\n"), ("ab/c.yaml", "a: 1\n")]);
    past.commit(&[("a/b.yaml", "a: 3\n")]);
    past.commit(&[("a/b.yaml", "a: 1\n"), ("a/d/e.yaml", "a: 4\n")]);
    past.git(&["checkout", "--quiet", "-b", "other", "HEAD~1"]);
    past.commit(&[("z.yaml", "a: 5\n")]);
    past.git(&["checkout", "--quiet", "main"]);
    past.git(&["merge", "--quiet", "--no-edit", "other"]);
    past.git(&["rm", "--quiet", "a.yaml"]);
    past.commit(&[("a.yaml/now-a-folder.yaml", "a: 6\n")]);
    let sandbox = Sandbox::new();
    let (text, code) = said(&sandbox, past.folder(), &["scan", "--no-cluster"]);
    assert_eq!((&*text, code), ("0 leaks in 6 commits with 7 file versions\n", 0));
    // What git itself says that commits brought.
    let log = past.git(&["log", "-m", "--first-parent", "--raw", "--no-abbrev", "--format=", "--root"]);
    let side = past.git(&["log", "-1", "--raw", "--no-abbrev", "--format=", "other"]);
    let mut brought: Vec<(String, String)> = Vec::new();
    for line in log.lines().chain(side.lines()).filter(|line| !line.contains(" D\t")) {
        let words: Vec<&str> = line.split([' ', '\t']).collect();
        brought.push((words[3].to_owned(), words[5].to_owned()));
    }
    brought.sort();
    brought.dedup();
    assert_eq!(brought.len(), 7, "{brought:?}");
}

#[test]
fn a_shallow_clone_says_where_its_history_ends() {
    let repository = Repository::new();
    repository.commit(&[("a.yaml", &secret("a", VALUE))]);
    repository.commit(&[("b.txt", "nothing\n")]);
    let from = format!("file://{}", repository.folder.display());
    let to: &Path = &repository.sandbox.folder().join("shallow");
    repository.git(&["clone", "--quiet", "--depth", "1", &from, &to.to_string_lossy()]);
    let (text, code) = said(&repository.sandbox, to, &["scan", "--no-cluster"]);
    assert!(code >= 1 && text.contains("a.yaml:7: Secret a holds"), "{code} {text}");
    assert!(text.contains("shallow") && !text.contains(VALUE), "{text}");
}
