//! Canaries over the command line: every verb, as text, JSON and SARIF, errors too, over a repository with secrets; their
//! values are in nothing that is printed, and in no file beside those that hold them.

use crate::sandbox::{Sandbox, holds, spellings};
use clap::CommandFactory as _;
use sealane::demo::DemoRepository;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const CART: &str = "apps/cart/overlays/prod/db.sops.yaml";
/// Sealed in a file; it stands in the clear nowhere.
const SEALED: &str = "canary-5c1d-sealed-for-good";
/// In the clear in a Secret of the repository and in its history; no output repeats it.
const OPEN: &str = "canary-9e4b-open-in-git";
/// What opens the demo's files.
const KEYS: &str = include_str!("../../keys/demo-ops.agekey");

/// Verbs that are run elsewhere or have nothing to tell: the demo opens the screen (`journeys` and `dump` look at it), and
/// `build` prints what kustomize prints, Secrets in the clear too.
const ELSEWHERE: [&str; 3] = ["demo", "build", "help"];

const COMMANDS: [&str; 59] = [
    "status",
    "render",
    "render --at HEAD~1",
    "render --object Secret/shop/cart-db",
    "render --explain Secret/shop/cart-db",
    "render --explain Secret/shop/cart-db:stringData.password",
    "diff HEAD~1",
    "diff HEAD~2..HEAD",
    "diff --live",
    "history Secret/shop/cart-db",
    "revert HEAD",
    "revert HEAD~1",
    "seal apps/cart/overlays/prod/db.sops.yaml --remove url",
    "seal apps/cart/overlays/prod/db.sops.yaml --set password",
    "seal new.sops.yaml --set password",
    "seal apps/x.yaml --set password",
    "seal broken.sops.yaml --set password",
    "seal apps/x.yaml",
    "seal staged.yaml",
    "seal apps/cart/overlays/prod/db.sops.yaml --generate password",
    "seal apps/cart/overlays/prod/db.sops.yaml --rename password other",
    "seal apps/cart/overlays/prod/db.sops.yaml --from staged.yaml",
    "seal apps/cart/overlays/prod/db.sops.yaml broken.sops.yaml --set password",
    "seal apps/copy/overlays/prod/db.sops.yaml --from apps/cart/overlays/prod/db.sops.yaml",
    "seal apps/cart/overlays/prod/db.sops.yaml --from HEAD~1: --key password",
    "seal new.sops.yaml --from-live shop/cart-db",
    "edit apps/cart/overlays/prod/db.sops.yaml",
    "edit broken.sops.yaml",
    "edit apps/x.yaml",
    "reseal apps/cart/overlays/prod/db.sops.yaml",
    "reseal broken.sops.yaml",
    "reseal apps/x.yaml",
    "audit",
    "audit --at HEAD~1",
    "audit rules apps/cart/overlays/prod/db.sops.yaml",
    "audit who",
    "audit who --history",
    "audit compare apps/cart/overlays/prod/db.sops.yaml HEAD~2:",
    "audit compare apps/x.yaml HEAD:",
    "audit compare broken.sops.yaml HEAD:",
    "audit compare apps/cart/overlays/prod/db.sops.yaml live",
    "audit same apps/cart/overlays/prod/db.sops.yaml password",
    "audit same apps/cart/overlays/prod/db.sops.yaml nothing",
    "audit same broken.sops.yaml password",
    "check",
    "check --staged",
    "check --digests",
    "check --seal",
    "textconv apps/cart/overlays/prod/db.sops.yaml",
    "textconv apps/x.yaml",
    "textconv broken.sops.yaml",
    "textconv staged.yaml",
    "scan",
    "doctor",
    "merge-driver --install",
    "merge-driver broken.sops.yaml apps/x.yaml broken.sops.yaml",
    "completions bash",
    "man",
    "explain",
];

struct Field {
    sandbox: Sandbox,
    clone: PathBuf,
}

impl Field {
    fn new() -> Self {
        let mut sandbox = Sandbox::new();
        let clone = DemoRepository::create(sandbox.folder()).expect("made").clone;
        let keys = sandbox.folder().join("home/keys.txt");
        std::fs::write(&keys, KEYS).expect("written");
        sandbox.more.push(("SOPS_AGE_KEY_FILE".to_owned(), keys.display().to_string()));
        sandbox.more.push(("SOPS_EDITOR".to_owned(), "sed -i s/password/passphrase/".to_owned()));
        let field = Self { sandbox, clone };
        let set = format!("seal {CART} --set password --commit");
        field.run(&set, SEALED);
        let secret =
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{token: {OPEN}}}\n");
        std::fs::write(field.clone.join("apps/x.yaml"), secret).expect("written");
        // Sealed, and broken by hand so that errors have something to say: a value in the clear, a key twice.
        let sealed = std::fs::read_to_string(field.clone.join(CART)).expect("there");
        let broken = sealed.replacen(
            "stringData:\n",
            &format!("stringData:\n    extra: {OPEN}\n    extra: {OPEN}\n"),
            1,
        );
        std::fs::write(field.clone.join("broken.sops.yaml"), broken).expect("written");
        field.sandbox.git(&field.clone, &["add", "--all"]);
        field.sandbox.git(&field.clone, &["commit", "--quiet", "--message", "oops"]);
        std::fs::write(
            field.clone.join("staged.yaml"),
            format!("password: {OPEN}\nurl: amqp://a:{OPEN}@mq/\n"),
        )
        .expect("written");
        field.sandbox.git(&field.clone, &["add", "--all"]);
        field
    }

    /// Everything that a command says, with a value on its standard input.
    fn run(&self, words: &str, input: &str) -> Vec<u8> {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_sealane"));
        command
            .args(words.split(' '))
            .arg("--no-cluster")
            .current_dir(&self.clone)
            .env("RUST_BACKTRACE", "full")
            // Nothing is logged, whatever the libraries below would say.
            .env("RUST_LOG", "trace");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // A command that reads nothing is free to close its end.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        assert_ne!(output.status.code(), Some(101), "{words} panicked");
        [output.stdout, output.stderr].concat()
    }

    /// Where a value stands that should not: what was said, and folders that are not the repository.
    fn leaks(&self, words: &str, said: &[u8], value: &str) -> Vec<String> {
        let mut found = Vec::new();
        if holds(said, &spellings(value)) {
            found.push(format!("`sealane {words}` says it"));
        }
        let own = [self.clone.clone(), self.sandbox.folder().join("fleet.git")];
        let elsewhere = |place: &String| {
            value == SEALED || !own.iter().any(|folder| place.contains(&*folder.to_string_lossy()))
        };
        found.extend(
            self.sandbox
                .leaks(value)
                .into_iter()
                .filter(elsewhere)
                .map(|place| format!("{place} after {words}")),
        );
        found
    }
}

#[test]
fn every_verb_is_tried() {
    let verbs: Vec<String> =
        sealane::cli::Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let is_tried = |verb: &String| {
        COMMANDS.iter().any(|c| c.split(' ').next() == Some(verb)) || ELSEWHERE.contains(&&**verb)
    };
    let left: Vec<&String> = verbs.iter().filter(|verb| !is_tried(verb)).collect();
    assert!(left.is_empty(), "add them to COMMANDS: {left:?}");
}

#[test]
fn no_verb_says_a_secret_or_leaves_one_behind() {
    let field = Field::new();
    let mut found = Vec::new();
    for words in COMMANDS {
        for format in ["text", "json", "sarif"] {
            if format == "sarif"
                && !(words.starts_with("check") || words.starts_with("scan") || words == "status")
            {
                continue;
            }
            let said = field.run(&format!("{words} --output {format}"), SEALED);
            found.extend(
                holds(&said, &spellings(SEALED))
                    .then(|| format!("`{words}` as {format} says what is sealed")),
            );
            found.extend(
                holds(&said, &spellings(OPEN)).then(|| format!("`{words}` as {format} says what is open")),
            );
        }
    }
    let said = field.run("status", "");
    found.extend([SEALED, OPEN].iter().flat_map(|value| field.leaks("status", &said, value)));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_is_said_to_somebody_without_a_key_or_with_a_broken_one() {
    let mut field = Field::new();
    for keys in ["AGE-SECRET-KEY-1", "# nothing\n", "AGE-SECRET-KEY-1QQQQ and more\n"] {
        let file = field.sandbox.folder().join("home/keys.txt");
        std::fs::write(file, keys).expect("written");
        for words in
            ["audit", "doctor", "check", "audit who --history", "render --object Secret/shop/cart-db"]
        {
            let said = field.run(words, "");
            let found: Vec<String> =
                [SEALED, OPEN].iter().flat_map(|value| field.leaks(words, &said, value)).collect();
            assert!(found.is_empty(), "{found:#?}");
        }
    }
    field.sandbox.more.clear();
}

/// The same search sees a leak where there is one: kustomize's own output, and a file in the cache folder.
#[test]
fn a_planted_leak_is_seen() {
    let field = Field::new();
    let folder = field.clone.join("planted");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(field.clone.join("apps/x.yaml"), folder.join("x.yaml")).expect("copied");
    std::fs::write(folder.join("kustomization.yaml"), "resources: [x.yaml]\n").expect("written");
    let said = field.run("build planted", "");
    assert_eq!(
        field.leaks("build", &said, OPEN).first().map(String::as_str),
        Some("`sealane build` says it")
    );
    let cache = field.sandbox.folder().join("home/.cache/sealane");
    plant(&cache, &format!("log: {SEALED}\n"));
    assert!(field.leaks("status", b"", SEALED).iter().any(|place| place.contains(".cache/sealane/log")));
}

fn plant(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(folder.join("log"), text).expect("written");
}
