//! Keys of every kind, to and fro: what we seal is opened by `age`, `rage` and `sops`, and what they seal is opened by us.

use crate::support::{cache, run, text, tool};
use sealane::seal::{self, DataKey, KeySources, Keyring, Rules};
use sealane::secret::SecretText;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const PASSPHRASE: &str = "guards nothing at all";
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  password: hunter2\n";

/// A new key of one kind.
struct Pair {
    kind: &'static str,
    identity: PathBuf,
    recipient: String,
}

impl Pair {
    fn is_ssh(&self) -> bool {
        self.kind.starts_with("ssh")
    }

    /// The key as we find it where sops looks.
    fn ring(&self) -> Keyring {
        let found = Some(self.identity.clone());
        let (file, ssh_file) = if self.is_ssh() { (None, found) } else { (found, None) };
        Keyring::load(&KeySources { file, ssh_file, ..KeySources::default() })
    }
}

/// Keys, and a folder for files.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::write(self.path(name), content).expect("written");
        self.path(name)
    }

    /// The real program with a home of its own and the rig's plug-ins.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(tool(name));
        let path = format!("{}:/usr/bin:/bin", cache("bin").display());
        command.env_clear().env("HOME", self.folder.path()).env("PATH", path).current_dir(self.folder.path());
        command
    }

    fn native(&self, kind: &'static str, options: &[&str]) -> Pair {
        let made = run(self.program("age-keygen").args(options));
        let recipient =
            made.lines().find_map(|l| l.strip_prefix("# public key: ")).expect("a recipient").to_owned();
        Pair { kind, identity: self.write(kind, made.as_bytes()), recipient }
    }

    fn ssh(&self, kind: &'static str, options: &[&str], passphrase: &str) -> Pair {
        let identity = self.path(&format!("{kind}{}", passphrase.len()));
        run(Command::new("ssh-keygen")
            .args(["-q", "-C", "ana@host", "-N", passphrase, "-f"])
            .arg(&identity)
            .args(options));
        let recipient =
            fs::read_to_string(identity.with_extension("pub")).expect("a public key").trim().to_owned();
        Pair { kind, identity, recipient }
    }

    fn pairs(&self) -> [Pair; 4] {
        [
            self.native("x25519", &[]),
            self.native("hybrid", &["-pq"]),
            self.ssh("ssh-ed25519", &["-t", "ed25519"], ""),
            self.ssh("ssh-rsa", &["-t", "rsa", "-b", "3072"], ""),
        ]
    }

    /// `age1pq1…` for programs that know it through a plug-in only.
    fn through_plugin(&self, pair: &Pair) -> PathBuf {
        let made = run(self.program("age-plugin-pq").arg("-identity").arg(&pair.identity));
        self.write("through-plugin", made.as_bytes())
    }
}

fn opened_by_us(ring: &Keyring, armored: &[u8]) -> Option<Vec<u8>> {
    let (held, whole) = ring.open_age(armored, None, 64);
    whole.ok().map(|()| held.expose_secret().to_vec())
}

/// 32 bytes that are as good as any.
fn content() -> Vec<u8> {
    (100..132).collect()
}

#[test]
fn age_and_rage_open_what_we_seal_and_we_what_they_seal() {
    let bench = Bench::new();
    let plain = bench.write("plain", &content());
    for pair in bench.pairs() {
        let ring = pair.ring();
        assert_eq!(ring.unusable, [], "{}", pair.kind);
        assert!(ring.holds(&pair.recipient), "{}", pair.kind);
        let key = DataKey::from_bytes(&content()).expect("32 bytes");
        let wrapped = seal::wrap(&key, &pair.recipient).expect("wrapped");
        let sealed = bench.write("sealed.age", wrapped.as_bytes());
        for program in ["age", "rage"] {
            // rage 0.12 knows post-quantum keys through the plug-in alone.
            let by_plugin = program == "rage" && pair.kind == "hybrid";
            let identity = if by_plugin { bench.through_plugin(&pair) } else { pair.identity.clone() };
            let output = bench
                .program(program)
                .arg("-d")
                .arg("-i")
                .arg(&identity)
                .arg(&sealed)
                .output()
                .expect("it runs");
            let told = format!("{program}, {}: {}", pair.kind, text(&output.stderr));
            assert!(output.status.success() && output.stdout == content(), "{told}");

            let output = bench
                .program(program)
                .args(["-e", "-a", "-r", &pair.recipient])
                .arg(&plain)
                .output()
                .expect("it runs");
            assert!(output.status.success(), "{program}, {}: {}", pair.kind, text(&output.stderr));
            assert_eq!(opened_by_us(&ring, &output.stdout), Some(content()), "{program}, {}", pair.kind);
        }
        println!("age, rage: {} both ways", pair.kind);
    }
}

#[test]
fn sops_opens_what_we_seal_for_each_kind_and_we_what_it_seals() {
    let bench = Bench::new();
    let pairs = bench.pairs();
    let list = pairs.each_ref().map(|pair| format!("      - {}\n", pair.recipient)).concat();
    let each =
        pairs.iter().map(|pair| (pair.kind.to_owned(), format!("      - {}\n", pair.recipient), vec![pair]));
    let all = std::iter::once(("all in one file".to_owned(), list, pairs.iter().collect()));
    for (name, list, owners) in each.chain(all) {
        let rules = format!("creation_rules:\n  - encrypted_regex: ^(data|stringData)$\n    age:\n{list}");
        let config = bench.write("rules", rules.as_bytes());
        let rules = Rules::parse(rules.as_bytes(), ".sops.yaml");
        let plain = bench.write("plain.yaml", SECRET.as_bytes());
        let theirs = bench
            .program("sops")
            .args(["--disable-version-check", "--config"])
            .arg(&config)
            .arg("encrypt")
            .arg(&plain)
            .output()
            .expect("it runs");
        assert!(theirs.status.success(), "{name}: {}", text(&theirs.stderr));
        let ours = seal::seal_plain(SECRET.as_bytes(), "plain.yaml", &rules, 1_700_000_000).expect("sealed");
        for owner in owners {
            let ring = owner.ring();
            seal::verify(&theirs.stdout, "theirs.yaml", &ring).expect("we open what sops sealed");
            let again = seal::reseal(&theirs.stdout, "theirs.yaml", &ring, &rules, 1_700_000_000)
                .expect("sealed again");
            for sealed in [&ours, &again] {
                let file = bench.write("ours.yaml", sealed);
                let variable =
                    if owner.is_ssh() { "SOPS_AGE_SSH_PRIVATE_KEY_FILE" } else { "SOPS_AGE_KEY_FILE" };
                let output = bench
                    .program("sops")
                    .env(variable, &owner.identity)
                    .args(["--disable-version-check", "decrypt"])
                    .arg(&file)
                    .output()
                    .expect("it runs");
                let told = format!("{name}, {}: {}\n{}", owner.kind, text(&output.stderr), text(sealed));
                assert!(
                    output.status.success() && text(&output.stdout).contains("password: hunter2"),
                    "{told}"
                );
            }
            println!("sops: {name}, opened with {}", owner.kind);
        }
    }
}

#[test]
fn what_is_locked_by_ssh_keygen_and_age_opens_with_its_passphrase() {
    let bench = Bench::new();
    let plain = bench.write("plain", &content());
    let pairs = [
        bench.ssh("ssh-ed25519", &["-t", "ed25519"], PASSPHRASE),
        bench.ssh("ssh-rsa", &["-t", "rsa", "-b", "2048", "-Z", "aes256-gcm@openssh.com"], PASSPHRASE),
    ];
    let native = bench.native("hybrid", &["-pq"]);
    let locked = bench.path("locked.age");
    let mut age = bench
        .program("age")
        .env("AGE_PASSPHRASE", PASSPHRASE)
        .args(["-e", "-j", "batchpass", "-o"])
        .arg(&locked)
        .stdin(Stdio::piped())
        .spawn()
        .expect("it runs");
    let inside = fs::read(&native.identity).expect("an identity");
    age.stdin.take().expect("its input").write_all(&inside).expect("written");
    assert!(age.wait().expect("it ends").success());
    let file = Pair { identity: locked, ..native };
    for pair in pairs.iter().chain([&file]) {
        let sealed = run(bench.program("age").args(["-e", "-a", "-r", &pair.recipient]).arg(&plain));
        let ring = pair.ring();
        let [waiting] = &ring.locked()[..] else { panic!("{}: {:?}", pair.kind, ring.unusable) };
        assert_eq!(opened_by_us(&ring, sealed.as_bytes()), None);
        let passphrase = |text: &str| SecretText::from_string(text.to_owned());
        assert!(ring.unlock(&waiting.source, &passphrase("another")).is_err());
        ring.unlock(&waiting.source, &passphrase(PASSPHRASE)).expect("unlocked");
        assert_eq!(opened_by_us(&ring, sealed.as_bytes()), Some(content()), "{}", pair.kind);
    }
}

#[test]
fn a_real_plug_in_opens_files_once_the_user_agreed() {
    let bench = Bench::new();
    let pair = bench.native("hybrid", &["-pq"]);
    let sealed = seal::seal_plain(
        SECRET.as_bytes(),
        "a.yaml",
        &Rules::parse(format!("creation_rules:\n  - age: {}\n", pair.recipient).as_bytes(), ".sops.yaml"),
        1_700_000_000,
    )
    .expect("sealed");
    let sources = KeySources {
        file: Some(bench.through_plugin(&pair)),
        path: vec![cache("bin")],
        agreed: BTreeSet::new(),
        ..KeySources::default()
    };
    let ring = Keyring::load(&sources);
    let problem = seal::verify(&sealed, "a.yaml", &ring).expect_err("nobody agreed");
    assert!(problem.cause.contains("is run only after you agree"), "{problem}");
    ring.agree(&tool("age-plugin-pq").to_string_lossy());
    seal::verify(&sealed, "a.yaml", &ring).expect("the plug-in opens it");
}
