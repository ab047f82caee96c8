//! Sealed files merged key by key by the real git, in a clone where `sealane merge-driver --install` was run.

use crate::bad_input::said;
use crate::sandbox::Sandbox;
use sealane::demo::DemoRepository;
use std::path::{Path, PathBuf};

const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";
const MINE: &str = "mine-of-the-merge-4711";
const THEIRS: &str = "theirs-of-the-merge-0815";

struct Fork {
    sandbox: Sandbox,
    clone: PathBuf,
}

impl Fork {
    fn new() -> Self {
        let mut sandbox = Sandbox::new();
        let clone = DemoRepository::create(sandbox.folder()).expect("made").clone;
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
        sandbox.more.push(("SOPS_AGE_KEY_FILE".to_owned(), keys.display().to_string()));
        let fork = Self { sandbox, clone };
        let (text, code) = said(&fork.sandbox, &fork.clone, &["merge-driver", "--install"]);
        assert!(code == 0 && text.contains("*.sops.yaml"), "{code} {text}");
        fork
    }

    fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.clone, words).trim().to_owned()
    }

    /// Runs git where it may fail; what it said, and whether it went well.
    fn tried(&self, words: &[&str]) -> (String, bool) {
        let mut command = std::process::Command::new("git");
        command.args(words).current_dir(&self.clone).env_clear().envs(self.sandbox.variables());
        let output = command.output().expect("git runs");
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&said).into_owned(), output.status.success())
    }

    /// Sets one key in a commit of its own; the commit's id.
    fn set(&self, key: &str, value: &str) -> String {
        let sealane = env!("CARGO_BIN_EXE_sealane");
        let mut command = std::process::Command::new(sealane);
        command.args(["seal", CART, "--set", key, "--commit", "--no-cluster"]).current_dir(&self.clone);
        command.env_clear().envs(self.sandbox.variables()).stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::null());
        let mut child = command.spawn().expect("it starts");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), value.as_bytes()).expect("read");
        assert!(child.wait().expect("waited").success());
        self.git(&["rev-parse", "HEAD"])
    }

    /// The values of the file that opens with the operator's key.
    fn value(&self, key: &str) -> String {
        use sealane::seal::{KeySources, Keyring, open};
        use sealane::yaml::Value;
        let variables = self.sandbox.more.clone();
        let find = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let keyring = Keyring::load(&KeySources::of_user(find, None));
        let bytes = std::fs::read(self.clone.join(CART)).expect("there");
        let opened = open(&bytes, CART, &keyring).unwrap_or_else(|e| panic!("{}", e.0));
        match &opened.documents[0].at_path(&["stringData", key]).expect("the key").value {
            Value::Secret(sealane::secret::SecretLeaf::Text(text)) => {
                text.expose_secret_str().expect("text").to_owned()
            }
            _ => panic!("{key} is not sealed"),
        }
    }
}

/// Two branches that changed one key each: `main` the password, `other` the username.
fn forked() -> (Fork, String) {
    let fork = Fork::new();
    fork.git(&["branch", "other"]);
    fork.set("password", MINE);
    fork.git(&["checkout", "--quiet", "other"]);
    let theirs = fork.set("username", THEIRS);
    fork.git(&["checkout", "--quiet", "main"]);
    (fork, theirs)
}

#[test]
fn without_the_driver_each_edit_of_another_key_conflicts() {
    let (fork, _) = forked();
    std::fs::remove_file(fork.clone.join(".git/info/attributes")).expect("it was written");
    let (text, well) = fork.tried(&["merge", "--no-edit", "other"]);
    assert!(!well && text.contains("CONFLICT"), "{text}");
}

#[test]
fn a_merge_a_rebase_a_cherry_pick_and_a_revert_join_edits_of_different_keys() {
    let (fork, theirs) = forked();
    let base = fork.git(&["rev-parse", "HEAD"]);
    let both = |what: &str| {
        assert_eq!((&*fork.value("password"), &*fork.value("username")), (MINE, THEIRS), "{what}");
        assert_eq!(fork.git(&["status", "--porcelain"]), "", "{what}");
    };
    for (what, words) in [
        ("merge", &["merge", "--no-edit", "other"][..]),
        ("cherry-pick", &["cherry-pick", &theirs]),
        ("rebase", &["rebase", "other"]),
    ] {
        let (text, well) = fork.tried(words);
        assert!(well, "{what}: {text}");
        both(what);
        fork.git(&["reset", "--quiet", "--hard", &base]);
    }
    // The older of two edits of a file goes, the newer stays.
    let old = fork.value("username");
    fork.set("username", THEIRS);
    fork.git(&["revert", "--no-edit", &base]);
    assert_eq!(fork.value("username"), THEIRS);
    assert_ne!(fork.value("password"), MINE);
    assert_ne!(old, THEIRS);
}

#[test]
fn a_true_conflict_names_the_key_and_no_value_and_leaves_the_file_sealed() {
    let (fork, _) = forked();
    fork.set("username", "mine-too-4711");
    let before = std::fs::read(fork.clone.join(CART)).expect("there");
    let (text, well) = fork.tried(&["merge", "--no-edit", "other"]);
    assert!(!well && text.contains("both sides changed stringData.username"), "{text}");
    assert!(text.contains(CART) && text.contains("next: ") && text.contains("CONFLICT"), "{text}");
    for value in [MINE, THEIRS, "mine-too-4711"] {
        assert!(!text.contains(value), "{text}");
    }
    assert_eq!(std::fs::read(fork.clone.join(CART)).expect("there"), before, "ours, without markers");
    assert_eq!(fork.git(&["status", "--porcelain", CART]), format!("UU {CART}"));
}

#[test]
fn without_a_key_it_is_a_conflict_that_says_why() {
    let (mut fork, _) = forked();
    fork.sandbox.more.retain(|(name, _)| name != "SOPS_AGE_KEY_FILE");
    let (text, well) = fork.tried(&["merge", "--no-edit", "other"]);
    assert!(!well && text.contains("cannot be merged key by key: no age identity was found"), "{text}");
}

#[test]
fn what_is_not_sealed_is_merged_as_text() {
    let fork = Fork::new();
    let file = "notes.sops.yaml";
    let lines = |a: &str, b: &str| format!("first: {a}\nx: 1\ny: 2\nz: 3\nlast: {b}\n");
    let commit = |text: String| {
        std::fs::write(fork.clone.join(file), text).expect("written");
        fork.git(&["add", file]);
        fork.git(&["commit", "--quiet", "--message", "notes"]);
    };
    commit(lines("a", "b"));
    fork.git(&["branch", "other"]);
    commit(lines("mine", "b"));
    fork.git(&["checkout", "--quiet", "other"]);
    commit(lines("a", "theirs"));
    fork.git(&["checkout", "--quiet", "main"]);
    let (text, well) = fork.tried(&["merge", "--no-edit", "other"]);
    assert!(well, "{text}");
    let merged = || std::fs::read_to_string(fork.clone.join(file)).expect("there");
    assert_eq!(merged(), lines("mine", "theirs"));
    fork.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    commit(lines("mine", "mine"));
    let (text, well) = fork.tried(&["merge", "--no-edit", "other"]);
    assert!(!well && merged().contains("<<<<<<< ours") && merged().contains(">>>>>>> theirs"), "{text}");
}
