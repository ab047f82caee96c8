//! `git diff` and `git log -p` of sealed files by the real git, in a clone where `merge-driver --install --textconv` was run.

use crate::bad_input::said;
use crate::sandbox::Sandbox;
use sealane::demo::DemoRepository;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";
const ONE: &str = "first-of-the-diff-4711";
const OTHER: &str = "other-of-the-diff-0815";

struct Clone {
    sandbox: Sandbox,
    folder: PathBuf,
}

impl Clone {
    fn new() -> Self {
        let mut sandbox = Sandbox::new();
        let folder = DemoRepository::create(sandbox.folder()).expect("made").clone;
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
        sandbox.more.push(("SOPS_AGE_KEY_FILE".to_owned(), keys.display().to_string()));
        let clone = Self { sandbox, folder };
        let (text, code) = said(&clone.sandbox, &clone.folder, &["merge-driver", "--install", "--textconv"]);
        assert!(code == 0 && text.contains("git diff and git log -p show which"), "{code} {text}");
        clone.seal(&["--set", "password"], ONE);
        clone
    }

    fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.folder, words)
    }

    fn seal(&self, words: &[&str], typed: &str) {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_sealane"));
        command.args(["seal", CART]).args(words).args(["--commit", "--no-cluster"]).current_dir(&self.folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        child.stdin.take().expect("piped").write_all(typed.as_bytes()).expect("read");
        assert!(child.wait().expect("waited").success());
    }

    fn write(&self, change: impl FnOnce(String) -> String) {
        let file = self.folder.join(CART);
        let text = change(std::fs::read_to_string(&file).expect("there"));
        std::fs::write(file, text).expect("written");
    }
}

/// Lines that came or went, without the heads of files.
fn changed(diff: &str) -> Vec<&str> {
    let is_change =
        |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    assert!(!diff.contains("ENC[") && !diff.contains(ONE) && !diff.contains(OTHER), "{diff}");
    diff.lines().filter(is_change).collect()
}

#[test]
fn one_changed_key_is_one_changed_line() {
    let clone = Clone::new();
    clone.seal(&["--set", "password"], OTHER);
    for words in [&["diff", "HEAD~1"][..], &["log", "-p", "-1"], &["show"]] {
        let diff = clone.git(words);
        let lines = changed(&diff);
        assert_eq!(lines.len(), 2, "{words:?} {diff}");
        assert!(lines.iter().all(|line| line[1..].starts_with("    password: <sealed ")), "{diff}");
    }
    // Back again: the mark of a value is the same in every run, whatever sealed it.
    let before = clone.git(&["diff", "HEAD~2", "HEAD"]);
    clone.seal(&["--set", "password"], ONE);
    assert_eq!(changed(&clone.git(&["diff", "HEAD~2"])), [""; 0], "the value is what it was");
    assert_ne!(changed(&before), [""; 0]);
    let written = clone.git(&["for-each-ref", "refs/notes"]);
    assert_eq!(written, "", "git keeps nothing of it");
}

#[test]
fn a_file_that_was_sealed_again_differs_in_its_recipients_alone() {
    let clone = Clone::new();
    let (text, code) = said(&clone.sandbox, &clone.folder, &["reseal", CART, "--commit", "--no-cluster"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(changed(&clone.git(&["diff", "HEAD~1"])), [""; 0], "a new data key changes no value");
    let rules = std::fs::read_to_string(clone.folder.join(".sops.yaml")).expect("rules");
    let newcomer = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    let gone = rules.lines().find(|line| line.contains("# flux-prod")).expect("a recipient");
    let fresh = rules.replace(gone, &format!("      - {newcomer} # zoe"));
    std::fs::write(clone.folder.join(".sops.yaml"), fresh).expect("written");
    let diff = clone.git(&["diff", "--", ".sops.yaml"]);
    assert!(diff.contains(&format!("+      - {newcomer} # zoe")), "rules are shown as they are: {diff}");
    clone.git(&["commit", "--quiet", "--all", "--message", "zoe instead of flux-prod"]);
    let (text, code) = said(&clone.sandbox, &clone.folder, &["reseal", CART, "--commit", "--no-cluster"]);
    assert_eq!(code, 0, "{text}");
    let diff = clone.git(&["diff", "HEAD~1"]);
    let lines = changed(&diff);
    assert!(lines.len() == 2 && lines.iter().all(|line| line[1..].starts_with("    - for age1")), "{diff}");
}

#[test]
fn what_stands_in_the_clear_is_not_shown_either() {
    let clone = Clone::new();
    clone.write(|text| text.replace("stringData:\n", &format!("stringData:\n    extra: {OTHER}\n")));
    let diff = clone.git(&["diff"]);
    assert!(changed(&diff).iter().any(|line| line.starts_with("+    extra: <in the clear ")), "{diff}");
    assert!(diff.contains("+# Sealane: "), "that it does not verify is told: {diff}");
    let plain = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: cart-db\nstringData:\n  password: {value}\n"
        )
    };
    clone.write(|_| plain(ONE));
    clone.git(&["commit", "--quiet", "--all", "--message", "in the clear"]);
    clone.write(|_| plain(OTHER));
    let diff = clone.git(&["diff"]);
    let lines = changed(&diff);
    assert!(lines.len() == 2 && lines[0].starts_with("-  password: <in the clear "), "{diff}");
}

#[test]
fn a_file_that_does_not_open_is_compared_by_its_ciphertext() {
    let mut clone = Clone::new();
    clone.seal(&["--set", "password"], OTHER);
    clone.sandbox.more.retain(|(name, _)| name != "SOPS_AGE_KEY_FILE");
    let diff = clone.git(&["diff", "HEAD~1"]);
    let lines = changed(&diff);
    assert_eq!(lines.len(), 2, "{diff}");
    let said_so = |line: &&str| line[1..].starts_with("    password: <sealed, not opened here, ciphertext ");
    assert!(lines.iter().all(said_so), "{diff}");
    // A file that is torn is told, and git goes on.
    clone.write(|text| format!("{text}  {ONE}: [\n"));
    let diff = clone.git(&["diff"]);
    assert!(diff.contains("+# Sealane: the file cannot be read as YAML"), "{diff}");
    assert!(!diff.contains(ONE) && !diff.contains(OTHER), "{diff}");
    let output = Command::new(env!("CARGO_BIN_EXE_sealane")).args(["textconv", "nowhere.yaml"]).output();
    assert_ne!(output.expect("it runs").status.code(), Some(0), "git is told that there is nothing");
}
