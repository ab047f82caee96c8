//! What is sealed, for whom, and what is not and should be, as the command line tells it; and files sealed again.

use crate::bad_input::said;
use crate::sandbox::Sandbox;
use sealane::demo::DemoRepository;
use std::path::Path;

const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";
/// A value that stands in this file, sealed.
const VALUE: &str = "hunter2-of-the-audit";

/// The demo's repository, and an identity that opens everything in it.
fn fleet(sandbox: &mut Sandbox) -> DemoRepository {
    let repository = DemoRepository::create(sandbox.folder()).expect("made");
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
    sandbox.more.push(("SOPS_AGE_KEY_FILE".to_owned(), keys.display().to_string()));
    repository
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn an_audit_lists_each_sealed_file_with_its_readers_and_what_is_in_the_clear() {
    let mut sandbox = Sandbox::new();
    let clone = fleet(&mut sandbox).clone;
    let (text, code) = said(&sandbox, &clone, &["audit"]);
    assert_eq!(code, 1, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(CART)).expect("it is listed");
    assert!(lines[at].starts_with('✓') && lines[at].contains("yaml, 3 keys"), "{text}");
    assert!(lines[at + 1].contains("username, password, url"), "{text}");
    assert!(lines[at + 2].contains("ops (age1") && lines[at + 2].contains("flux-prod (age1"), "{text}");
    assert!(lines[at + 3].contains("rule 3 (path_regex overlays/prod/"), "{text}");
    assert!(
        text.contains("smtp.yaml:7: Secret mail-smtp holds `SMTP_HOST`, `SMTP_PASSWORD` in the clear"),
        "{text}"
    );
    assert!(text.ends_with("6 sealed files, 6 opened and verified, 1 SealedSecret; 1 finding\n"), "{text}");

    // Nobody's keys: what is told does not hang on opening.
    sandbox.more.pop();
    let (text, code) = said(&sandbox, &clone, &["audit", "--output", "json"]);
    let told = json(&text);
    assert_eq!((code, told["files"].as_array().map(Vec::len)), (3, Some(6)), "{text}");
    let cart =
        told["files"].as_array().and_then(|all| all.iter().find(|f| f["path"] == CART)).expect("listed");
    assert_eq!((&cart["opened"], &cart["problem"]["reason"]), (&false.into(), &"needs-key".into()), "{cart}");
    assert_eq!(cart["recipients"][0]["name"], "ops");
    assert_eq!(told["findings"][0]["reason"], "plaintext");
}

#[test]
fn a_rule_is_explained_for_files_that_are_there_and_that_are_not() {
    let mut sandbox = Sandbox::new();
    let clone = fleet(&mut sandbox).clone;
    let (text, code) = said(&sandbox, &clone, &["audit", "rules", CART, "new/overlays/dev/a.sops.yaml"]);
    assert_eq!(code, 0, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains("· .sops.yaml:3  rule 1") && lines[1].ends_with("does not match"), "{text}");
    assert!(lines[3].contains("✓ ") && lines[3].ends_with("applies"), "{text}");
    assert!(lines[5].contains("keys that match ^(data|stringData)$"), "{text}");
    assert!(text.contains("✓ .sops.yaml:3  rule 1"), "the second file's: {text}");
    let (text, code) = said(&sandbox, &clone, &["audit", "rules", "README.md"]);
    assert!(code == 1 && text.contains("no rule is for it"), "{code} {text}");
    let (text, code) = said(&sandbox, &clone, &["audit", "rules", CART, "../elsewhere.yaml"]);
    assert!(code == 2 && text.contains("elsewhere.yaml is not inside the repository"), "{code} {text}");
}

#[test]
fn a_check_fails_for_what_is_staged_in_the_clear_and_for_nothing_else() {
    let mut sandbox = Sandbox::new();
    let clone = fleet(&mut sandbox).clone;
    assert_eq!(said(&sandbox, &clone, &["check", "--staged"]), (String::new(), 0), "nothing is staged");
    let secret =
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{token: {VALUE}}}\n");
    std::fs::write(clone.join("apps/x.yaml"), secret).expect("written");
    let (text, code) = said(&sandbox, &clone, &["check", "--staged"]);
    assert_eq!(code, 0, "on disk and not staged: {text}");
    sandbox.git(&clone, &["add", "apps/x.yaml"]);
    let (text, code) = said(&sandbox, &clone, &["check", "--staged"]);
    assert!(
        code == 1 && text.contains("apps/x.yaml:4: Secret x holds `token` in the clear"),
        "{code} {text}"
    );
    let (text, code) = said(&sandbox, &clone, &["check"]);
    assert!(code == 1 && text.contains("apps/x.yaml:4") && text.contains("smtp.yaml:7"), "{code} {text}");
    assert!(!text.contains(VALUE), "{text}");
    let (text, _) = said(&sandbox, &clone, &["check", "--staged", "--output", "json"]);
    let told = json(&text);
    assert_eq!((told.as_array().map(Vec::len), &told[0]["reason"]), (Some(1), &"plaintext".into()), "{text}");
    assert!(!text.contains(VALUE), "{text}");
}

#[test]
fn a_scan_finds_what_is_in_the_clear_now_and_what_was_once() {
    let mut sandbox = Sandbox::new();
    let clone = fleet(&mut sandbox).clone;
    let secret =
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{token: {VALUE}}}\n");
    std::fs::write(clone.join("apps/x.yaml"), &secret).expect("written");
    sandbox.git(&clone, &["add", "apps/x.yaml"]);
    sandbox.git(&clone, &["commit", "--quiet", "--message", "oops"]);
    let oops = sandbox.git(&clone, &["rev-parse", "HEAD"]);
    std::fs::write(clone.join("apps/x.yaml"), format!("# a comment\n{secret}")).expect("written");
    sandbox.git(&clone, &["commit", "--quiet", "--all", "--message", "a comment"]);
    sandbox.git(&clone, &["rm", "--quiet", "apps/x.yaml"]);
    sandbox.git(&clone, &["commit", "--quiet", "--message", "gone again"]);
    let (text, code) = said(&sandbox, &clone, &["scan"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("! still there  apps/mail/overlays/dev/smtp.yaml:7: Secret mail-smtp"), "{text}");
    assert!(text.contains("! in history  apps/x.yaml:5: Secret x holds `token` in the clear"), "{text}");
    assert!(text.contains(&format!("brought by {}", &oops[..7])) && text.contains("oops"), "{text}");
    assert!(text.contains("2 leaks in ") && !text.contains(VALUE), "{text}");
    let (text, _) = said(&sandbox, &clone, &["scan", "--output", "json"]);
    let told = json(&text);
    assert_eq!(
        (&told["leaks"][1]["versions"], &told["leaks"][1]["stillThere"]),
        (&2.into(), &false.into()),
        "{text}"
    );
    assert!(!text.contains(VALUE), "{text}");
}

#[test]
fn files_are_sealed_again_for_the_recipients_that_are_committed() {
    let mut sandbox = Sandbox::new();
    let clone = fleet(&mut sandbox).clone;
    let rules = std::fs::read_to_string(clone.join(".sops.yaml")).expect("rules");
    let newcomer = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    let gone = rules.lines().find(|line| line.contains("# flux-prod")).expect("a recipient");
    let changed = rules.replace(gone, &format!("      - {newcomer} # zoe"));
    std::fs::write(clone.join(".sops.yaml"), changed).expect("written");
    let (text, code) = said(&sandbox, &clone, &["reseal", CART]);
    assert!(code == 5 && text.contains("the rules on disk are not the committed ones"), "{code} {text}");
    sandbox.git(&clone, &["commit", "--quiet", "--all", "--message", "zoe instead of flux-prod"]);
    let (text, _) = said(&sandbox, &clone, &["audit"]);
    let differs = "opens for age1cnmd0uct… and does not open for zoe; rule 3 ";
    assert!(text.contains(differs) && text.contains(&format!("`sealane reseal {CART}`")), "{text}");
    let (text, code) = said(&sandbox, &clone, &["reseal", CART, "--commit", "--no-cluster"]);
    assert!(code == 0 && text.contains("zoe can open it from now on"), "{code} {text}");
    assert!(text.contains("no longer can, but history keeps what they could open"), "{text}");
    let (text, _) = said(&sandbox, &clone, &["audit", "--output", "json"]);
    let told = json(&text);
    let cart =
        told["files"].as_array().and_then(|all| all.iter().find(|f| f["path"] == CART)).expect("listed");
    assert_eq!((&cart["opened"], &cart["recipients"][1]["name"]), (&true.into(), &"zoe".into()), "{cart}");
}
