//! `sealane seal` and `reseal` from a shell: every verb in every format, many files in one commit, plain files sealed, and
//! what is refused.

use crate::sandbox::Sandbox;
use sealane::seal::{self, Keyring};
use sealane::secret::SecretLeaf;
use sealane::yaml::{Node, Value};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

pub const OPS: &str = include_str!("../../keys/demo-ops.agekey");
pub const DEV: &str = include_str!("../../keys/demo-flux-dev.agekey");
pub const CANARY: &str = "canary-of-the-verbs-4711";

pub struct Repository {
    pub sandbox: Sandbox,
    pub folder: PathBuf,
}

fn recipient(identity: &str) -> String {
    let mut ring = Keyring::default();
    ring.add_text(identity, "test");
    ring.recipients().next().expect("an identity").0.to_owned()
}

impl Repository {
    pub fn new() -> Self {
        let mut sandbox = Sandbox::new();
        sandbox.more.push(("SOPS_AGE_KEY".to_owned(), OPS.to_owned()));
        let folder = sandbox.folder().join("fleet");
        fs::create_dir(&folder).expect("made");
        let repository = Self { sandbox, folder };
        for words in [
            &["init", "--quiet", "--initial-branch", "main"][..],
            &["config", "user.name", "Ana"],
            &["config", "user.email", "ana@example.com"],
        ] {
            repository.git(words);
        }
        repository.rules(&[OPS]);
        repository
    }

    /// Rules for these, committed: Secrets by their values, a folder of key groups, everything else whole.
    pub fn rules(&self, who: &[&str]) {
        let age: Vec<String> = who.iter().map(|identity| recipient(identity)).collect();
        let age = age.join(",");
        let (ops, dev) = (recipient(OPS), recipient(DEV));
        let text = format!(
            "creation_rules:\n  - path_regex: ^groups/\n    shamir_threshold: 2\n    key_groups: [{{age: [{ops}]}}, {{age: [{dev}]}}]\n  - path_regex: \\.ya?ml$|\\.json$\n    encrypted_regex: ^(data|stringData)$\n    age: {age}\n  - age: {age}\n"
        );
        self.commit(".sops.yaml", &text);
    }

    pub fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.folder, words).trim().to_owned()
    }

    pub fn commit(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
        self.git(&["add", file]);
        self.git(&["commit", "--quiet", "--message", file]);
    }

    pub fn sealane(&self, words: &[&str], typed: &str) -> (String, i32) {
        let mut child = self
            .sandbox
            .command(env!("CARGO_BIN_EXE_sealane"))
            .args(words)
            .arg("--no-cluster")
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("piped").write_all(typed.as_bytes()).expect("typed");
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!text.contains(CANARY), "a secret is printed by sealane {words:?}");
        (text, output.status.code().expect("it was not killed"))
    }

    /// Does it and commits; the worktree is clean then, and the secret in nothing that was written.
    pub fn done(&self, words: &[&str], typed: &str) -> String {
        let (text, code) = self.sealane(&[words, &["--commit"]].concat(), typed);
        assert_eq!(code, 0, "sealane {words:?}\n{text}");
        assert_eq!(self.git(&["status", "--porcelain"]), "", "{words:?}");
        text
    }

    pub fn refused(&self, words: &[&str], typed: &str, said: &[&str]) {
        let before = self.git(&["rev-parse", "HEAD"]);
        let (text, code) = self.sealane(&[words, &["--commit"]].concat(), typed);
        assert!(code > 1, "sealane {words:?} went well\n{text}");
        for part in said.iter().chain([&"next: "]) {
            assert!(text.contains(part), "sealane {words:?} does not say {part:?}\n{text}");
        }
        assert_eq!(self.git(&["rev-parse", "HEAD"]), before);
    }

    pub fn bytes(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder.join(file)).expect("there")
    }

    /// The value at a path; `None` if there is none.
    pub fn value(&self, file: &str, path: &[&str]) -> Option<String> {
        let mut ring = Keyring::default();
        ring.add_text(&[OPS, DEV].concat(), "test");
        let open = seal::open(&self.bytes(file), file, &ring).unwrap_or_else(|e| panic!("{file}: {}", e.0));
        let node: &Node = open.documents[0].at_path(path)?;
        match &node.value {
            Value::Secret(SecretLeaf::Text(text)) => text.expose_secret_str().map(str::to_owned),
            _ => Some("in the clear".to_owned()),
        }
    }
}

#[test]
fn every_verb_works_in_every_format() {
    let repository = Repository::new();
    for (file, key, path) in [
        ("a.sops.yaml", "first", &["stringData", "first"][..]),
        ("a.json", "first", &["stringData", "first"]),
        ("a.env", "first", &["first"]),
        ("a.ini", "db.first", &["db", "first"]),
        ("groups/a.env", "first", &["first"]),
    ] {
        let (last, parents) = path.split_last().expect("a path");
        assert_eq!(*last, "first");
        let at = |key: &'static str| [parents, &[key]].concat();
        let (second, third) = (key.replace("first", "second"), key.replace("first", "third"));
        if file.starts_with("groups/") {
            // Two key groups have to work together, and one is at hand.
            repository.done(&["seal", file, "--set", key], CANARY);
            let said = "needs 2 of 2 key groups, of which 1 open here";
            repository.refused(&["seal", file, "--remove", key], "", &[said]);
            continue;
        }
        repository.done(&["seal", file, "--set", key], &format!("{CANARY}\n"));
        assert_eq!(repository.value(file, path).as_deref(), Some(CANARY), "{file}");
        repository.done(&["seal", file, "--generate", &second, "--length", "40"], "");
        assert_eq!(repository.value(file, &at("second")).map(|v| v.len()), Some(40), "{file}");
        let text = repository.done(&["seal", file, "--rename", &second, "third", "--set", key], "two");
        assert!(text.contains("rename") && text.contains("third"), "{text}");
        assert_eq!(repository.value(file, &at("second")), None, "{file}");
        assert_eq!(repository.value(file, &at("third")).map(|v| v.len()), Some(40), "{file}");
        assert_eq!(repository.value(file, path).as_deref(), Some("two"), "{file}");
        repository.done(&["seal", file, "--remove", &third], "");
        assert_eq!(repository.value(file, &at("third")), None, "{file}");
        repository.refused(&["seal", file, "--remove", &third], "", &["there is no key `"]);
        repository.refused(
            &["seal", file, "--rename", key, "first"],
            "",
            &["there is a key `first` already"],
        );
        repository.refused(&["seal", file], "", &["the file is sealed already"]);
    }
    repository.done(&["seal", "tls.pem", "--set", "data"], CANARY);
    assert_eq!(repository.value("tls.pem", &["data"]).as_deref(), Some(CANARY));
    repository.refused(&["seal", "tls.pem", "--set", "other"], "x", &["a binary file has one value, `data`"]);
    assert_eq!(repository.sandbox.leaks(CANARY), Vec::<String>::new());
}

#[test]
fn many_files_change_in_one_commit() {
    let repository = Repository::new();
    let files = ["dev/app.env", "prod/app.env", "prod/app.sops.yaml"];
    repository.done(&[&["seal"], &files[..], &["--set", "password"]].concat(), CANARY);
    let before = repository.git(&["rev-list", "--count", "HEAD"]).parse::<u32>().expect("a number");
    let text =
        repository.done(&[&["seal"], &files[..], &["--generate", "token", "--set", "user"]].concat(), "ana");
    assert!(text.contains("seal 3 files: set user; generate token"), "{text}");
    assert_eq!(repository.git(&["rev-list", "--count", "HEAD"]), (before + 1).to_string());
    let tokens = [
        repository.value(files[0], &["token"]),
        repository.value(files[1], &["token"]),
        repository.value(files[2], &["stringData", "token"]),
    ];
    assert!(tokens[0].is_some() && tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert_eq!(repository.value(files[1], &["password"]).as_deref(), Some(CANARY));
    // One file that cannot be changed, and none is.
    let words = ["seal", files[0], "nowhere.env", "--remove", "user"];
    repository.refused(&words, "", &[]);
    assert_eq!(repository.value(files[0], &["user"]).as_deref(), Some("ana"));
    assert_eq!(repository.sandbox.leaks(CANARY), Vec::<String>::new());
}

#[test]
fn plain_files_are_imported_whole_or_key_by_key() {
    let repository = Repository::new();
    let outside = repository.sandbox.folder().join("run");
    let plain = |name: &str, text: &str| {
        let path = outside.join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let secret = plain(
        "secret.yaml",
        &format!(
            "# why\nkind: Secret\nmetadata: {{name: db}}\nstringData:\n  # the one\n  password: '{CANARY}'\ndata:\n  user: YW5h\n"
        ),
    );
    let text = repository.done(&["seal", "db.sops.yaml", "--from", &secret], "");
    assert!(text.contains("import secret"), "{text}");
    let sealed = String::from_utf8(repository.bytes("db.sops.yaml")).expect("text");
    assert!(
        sealed.starts_with("# why\nkind: Secret\nmetadata: {name: db}\nstringData:\n  #ENC["),
        "{sealed}"
    );
    // The same keys, into a file of another format that is not there, and into one that is.
    repository.done(&["seal", "db.env", "--from", &secret], "");
    assert_eq!(repository.value("db.env", &["user"]).as_deref(), Some("ana"));
    let dotenv = plain("more.env", "user=bob\nlines=a\\nb\n");
    repository.done(&["seal", "db.sops.yaml", "db.env", "--from", &dotenv], "");
    assert_eq!(repository.value("db.sops.yaml", &["data", "user"]).as_deref(), Some("Ym9i"));
    assert_eq!(repository.value("db.sops.yaml", &["stringData", "lines"]).as_deref(), Some("a\nb"));
    assert_eq!(repository.value("db.env", &["lines"]).as_deref(), Some("a\nb"));
    assert_eq!(repository.value("db.env", &["password"]).as_deref(), Some(CANARY));
    repository.done(&["seal", "db.env", "--from", "-"], "typed=in\n");
    assert_eq!(repository.value("db.env", &["typed"]).as_deref(), Some("in"));
    let key = plain("tls.pem", "-----BEGIN SOMETHING-----\n");
    repository.done(&["seal", "tls.pem", "--from", &key], "");
    assert_eq!(repository.value("tls.pem", &["data"]).as_deref(), Some("-----BEGIN SOMETHING-----\n"));
    let nested = plain("nested.json", "{\"a\": {\"b\": 1}}");
    repository.refused(&["seal", "db.env", "--from", &nested], "", &["`a` is a mapping or a list"]);
    repository.refused(&["seal", "db.env", "--from", "nowhere.env"], "", &["nowhere.env cannot be read"]);
    let large = plain("large.bin", &"x".repeat(6 << 20));
    repository.refused(&["seal", "large.bin", "--from", &large], "", &["longer than 5242880 bytes"]);
    let nearly = plain("nearly.bin", &"x".repeat(4 << 20));
    repository.refused(&["seal", "nearly.bin", "--from", &nearly], "", &["5 MiB at most"]);
}

#[test]
fn a_plain_file_is_sealed_where_it_stands_and_its_history_is_told() {
    let repository = Repository::new();
    let plain = "# why\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  # the one\n  password: 'open' # it\n  port: \"5432\"\n";
    repository.commit("db.sops.yaml", plain);
    repository.commit("app.env", "# head\nA=1\n\nB=two words\n");
    let text = repository.done(&["seal", "db.sops.yaml", "app.env"], "");
    assert!(text.contains("2 values sealed; history keeps them in the clear"), "{text}");
    // Files are brought in line with their rules together, whether they were sealed or not.
    repository.commit("late.env", "C=three\n");
    let text = repository.done(&["reseal", "late.env", "app.env"], "");
    assert!(
        text.contains("1 value sealed; history keeps") && text.contains("under a new data key"),
        "{text}"
    );
    assert_eq!(repository.value("late.env", &["C"]).as_deref(), Some("three"));
    assert_eq!(repository.value("db.sops.yaml", &["stringData", "password"]).as_deref(), Some("open"));
    assert_eq!(repository.value("app.env", &["B"]).as_deref(), Some("two words"));
    let sealed = String::from_utf8(repository.bytes("db.sops.yaml")).expect("text");
    assert!(
        sealed.starts_with("# why\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  #ENC["),
        "{sealed}"
    );
    fs::write(repository.folder.join("new.env"), "A=1\n").expect("written");
    repository.refused(&["seal", "new.env"], "", &["git does not know this file", "--from"]);
    fs::remove_file(repository.folder.join("new.env")).expect("removed");
    repository.refused(&["seal", "nowhere.env"], "", &["the file does not exist"]);
    // A rule that seals nothing of a file would make a file that is sealed in name only.
    repository.commit("plain.json", "{\"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"a\"}}\n");
    repository.refused(&["seal", "plain.json"], "", &["seals nothing in plain.json"]);
}

#[test]
fn a_new_secret_is_listed_where_it_is_applied() {
    let repository = Repository::new();
    repository.commit("app/kustomization.yaml", "namespace: shop\nresources:\n  - front.yaml # first\n");
    repository.commit("app/front.yaml", "kind: ConfigMap\nmetadata: {name: front}\n");
    let text = repository.done(&["seal", "app/db.sops.yaml", "--set", "password"], CANARY);
    assert!(text.contains("list db.sops.yaml, so that it is applied"), "{text}");
    let listed = String::from_utf8(repository.bytes("app/kustomization.yaml")).expect("text");
    assert_eq!(listed, "namespace: shop\nresources:\n  - front.yaml # first\n  - db.sops.yaml\n");
    // What is there already, and what a generator would read, changes no list.
    repository.done(&["seal", "app/db.sops.yaml", "--set", "password"], "another");
    repository.done(&["seal", "app/db.env", "--set", "password"], CANARY);
    assert_eq!(String::from_utf8(repository.bytes("app/kustomization.yaml")).expect("text"), listed);
}

#[test]
fn recipients_change_under_a_new_data_key_or_the_old_one() {
    let repository = Repository::new();
    repository.done(&["seal", "a.env", "b.ini", "c.sops.yaml", "d.json", "e.pem", "--set", "data"], CANARY);
    let files = ["a.env", "b.ini", "c.sops.yaml", "d.json", "e.pem"];
    let reseal = |more: &[&str]| repository.done(&[&["reseal"], &files[..], more].concat(), "");
    let refuse = [&["reseal"], &files[..], &["--keep-key"]].concat();
    repository.refused(&refuse, "", &["nobody comes or goes"]);
    let texts = || files.map(|file| String::from_utf8(repository.bytes(file)).expect("text"));
    let ciphertexts = |text: &str| -> Vec<String> {
        text.split("ENC[").skip(1).map(|part| part.split(']').next().unwrap_or("").to_owned()).collect()
    };
    let before = texts();
    repository.rules(&[OPS, DEV]);
    let told = reseal(&["--keep-key"]);
    assert!(told.contains("its data key stays; age1h5xq533") && told.contains("from now on"), "{told}");
    let kept = texts();
    for (old, new) in before.iter().zip(&kept) {
        // Values, MAC and time stay, and so does what was wrapped for who stays: lines come and none goes.
        assert_eq!(ciphertexts(old), ciphertexts(new));
        let gone: Vec<&str> = old.lines().filter(|line| !new.contains(line.trim_end_matches(','))).collect();
        assert!(gone.is_empty(), "{gone:?}\n{new}");
    }
    repository.rules(&[OPS]);
    let told = reseal(&[]);
    assert!(told.contains("no longer can, but history keeps what they could open"), "{told}");
    for (old, new) in kept.iter().zip(&texts()) {
        assert!(ciphertexts(new).iter().all(|text| !old.contains(text)), "a new data key changes everything");
        assert!(!new.contains(&recipient(DEV)));
    }
    for (file, path) in [("a.env", &["data"][..]), ("b.ini", &["DEFAULT", "data"]), ("e.pem", &["data"])] {
        assert_eq!(repository.value(file, path).as_deref(), Some(CANARY), "{file}");
    }
}

#[test]
fn odd_keys_are_kept_or_refused_by_name() {
    let repository = Repository::new();
    for (key, file) in [
        ("a.b.c", "a.sops.yaml"),
        ("config.yaml", "a.sops.yaml"),
        ("with: colon # and sign", "a.sops.yaml"),
        ("line\nbreak", "a.sops.yaml"),
        ("\u{1b}[31mred", "a.sops.yaml"),
        ("", "a.sops.yaml"),
        ("line\nbreak", "a.json"),
        ("", "a.json"),
        ("export PATH", "a.env"),
        ("a.b", "a.env"),
        ("", "a.env"),
    ] {
        repository.done(&["seal", file, "--set", key], CANARY);
        let path = if file == "a.env" { vec![key] } else { vec!["stringData", key] };
        assert_eq!(repository.value(file, &path).as_deref(), Some(CANARY), "{file} {key:?}");
    }
    for (file, key, said) in [
        ("a.env", "a=b", "this key cannot be written in dotenv"),
        ("a.env", "#a", "this key cannot be written in dotenv"),
        ("a.env", "a\nb", "this key cannot be written in dotenv"),
        ("a.env", "sops_mac", "a name that SOPS keeps for its block"),
        ("b.ini", "", "this key cannot be written in INI"),
        ("b.ini", "sops.mac", "a name that SOPS keeps for its block"),
        ("b.ini", "-", "this key cannot be written in INI"),
        ("b.ini", "se]ction.key", "this section cannot be written in INI"),
        ("b.ini", "a\nb", "this key cannot be written in INI"),
    ] {
        repository.refused(&["seal", file, "--set", key], "x", &[said]);
    }
    assert_eq!(repository.sandbox.leaks(CANARY), Vec::<String>::new());
}

/// SOPS opens such a file without a word (secrets.md 1.13).
#[test]
fn a_change_behind_the_mac_is_told_before_it_is_committed() {
    let repository = Repository::new();
    repository.done(&["seal", "a.sops.yaml", "--set", "password"], CANARY);
    let check = || {
        let output = repository
            .sandbox
            .command(env!("CARGO_BIN_EXE_sealane"))
            .args(["check", "--staged"])
            .current_dir(&repository.folder)
            .output()
            .expect("it runs");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    };
    let sealed = String::from_utf8(repository.bytes("a.sops.yaml")).expect("text");
    for (from, to, said) in [
        ("  name: a\n", "  name: a\n  namespace: null\n", "`metadata.namespace` came"),
        ("kind: Secret\n", "kind: Secret\n# approved by ana\n", "a comment in the file came"),
        ("  name: a\n", "  nome: a\n", "`metadata.name` went"),
    ] {
        fs::write(repository.folder.join("a.sops.yaml"), sealed.replace(from, to)).expect("written");
        repository.git(&["add", "a.sops.yaml"]);
        let (text, code) = check();
        assert!(code == Some(1) && text.contains("behind the MAC") && text.contains(said), "{code:?} {text}");
        assert!(text.contains("a.sops.yaml:") && text.contains("next: "), "{text}");
    }
    repository.git(&["reset", "--quiet", "--hard"]);
    repository.done(&["seal", "a.sops.yaml", "--set", "password"], "other");
    repository.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    let (text, code) = check();
    assert_eq!(code, Some(0), "what was sealed anew is no such change: {text}");
}
