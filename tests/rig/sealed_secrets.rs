//! SealedSecrets and the real sealed-secrets controller: it opens what we seal and what kubeseal sealed and we edited, in
//! every scope, and refuses what was moved, renamed or sealed for another certificate.

use crate::support::{Parts, Rig, User, run, tell, text, tool, wait_for};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealane::workspace::{SecretRow, SecretState, Settings, Snapshot, Workspace};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

/// How long the controller may take; it does in well under a second.
const LIMIT: Duration = Duration::from_mins(1);
/// A value that must be nowhere but in the cluster.
const CANARY: &str = "canary-4711-of-the-rig";

/// A rig with the controller, and a repository with its certificate.
struct Bench {
    rig: Rig,
    scratch: tempfile::TempDir,
    repository: PathBuf,
}

impl Bench {
    fn start() -> Self {
        let rig = Rig::start(Parts::Seals);
        for namespace in ["shop", "bank"] {
            rig.kubectl(&["create", "namespace", namespace]);
        }
        let scratch = tempfile::tempdir().expect("a folder");
        let repository = scratch.path().join("repo");
        fs::create_dir(&repository).expect("a folder");
        let bench = Self { rig, scratch, repository };
        bench.git(&["init", "--quiet", "--initial-branch=main"]);
        fs::copy(bench.certificate(), bench.repository.join("cert.pem")).expect("copied");
        bench.commit("the certificate");
        bench
    }

    /// What the controller serves.
    fn certificate(&self) -> PathBuf {
        self.rig.folder().join("certs/sealed-secrets.pem")
    }

    fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.repository).args([
            "-c",
            "user.name=rig",
            "-c",
            "user.email=rig@example.test",
        ]);
        run(git.args(words))
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.repository.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.repository.join(file)).expect("a file")
    }

    /// The program itself, a value on its standard input.
    fn try_sealane(&self, words: &[&str], value: &str) -> Output {
        let mut sealane = Command::new(env!("CARGO_BIN_EXE_sealane"));
        sealane.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        sealane.env("HOME", self.scratch.path()).env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            sealane
                .env(format!("GIT_{role}_NAME"), "rig")
                .env(format!("GIT_{role}_EMAIL"), "rig@example.test");
        }
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
        sealane.env("SOPS_AGE_KEY_FILE", keys).arg("--no-cluster").args(words).current_dir(&self.repository);
        sealane.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = sealane.spawn().expect("sealane runs");
        child.stdin.take().expect("piped").write_all(value.as_bytes()).expect("written");
        child.wait_with_output().expect("sealane ends")
    }

    /// Seals and commits; the plan holds no value.
    fn seal(&self, file: &str, words: &[&str], value: &str) -> String {
        let output = self.try_sealane(&[&["seal", file, "--commit"], words].concat(), value);
        let said = text(&output.stdout);
        assert!(output.status.success() || output.status.code() == Some(1), "{words:?}: {said}");
        assert!(said.contains("committed"), "{words:?}: {said}");
        assert!(!said.contains(CANARY) && !text(&output.stderr).contains(CANARY), "{said}");
        said
    }

    fn kubeseal(&self, words: &[&str], input: &str) -> String {
        let mut kubeseal = Command::new(tool("kubeseal"));
        kubeseal
            .arg("--cert")
            .arg(self.certificate())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = kubeseal.spawn().expect("kubeseal runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("kubeseal ends");
        assert!(output.status.success(), "kubeseal {words:?}");
        text(&output.stdout)
    }

    fn apply(&self, content: &str) {
        let file = self.scratch.path().join("applied.yaml");
        fs::write(&file, content).expect("written");
        self.rig.kubectl(&["apply", "-f", &file.display().to_string()]);
    }

    /// The Secret once it holds exactly these values.
    fn opens(&self, namespace: &str, name: &str, wanted: &[(&str, &str)]) {
        let wanted: BTreeMap<String, String> =
            wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut last = String::new();
        wait_for(&format!("Secret {namespace}/{name} with {:?}", wanted.keys()), LIMIT, || {
            let words = ["get", "secret", name, "--namespace", namespace, "--output", "json"];
            let output = self.rig.try_kubectl(User::Admin, &words);
            let secret: Value = serde_json::from_slice(&output.stdout).ok()?;
            let data = secret["data"].as_object().cloned().unwrap_or_default();
            let plain = |value: &Value| {
                let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
                text(&bytes)
            };
            let there: BTreeMap<String, String> =
                data.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
            last = format!("{:?}", there.keys());
            (there == wanted).then_some(())
        });
    }

    /// The controller says that no key opens it, and makes no Secret.
    fn is_refused(&self, namespace: &str, name: &str) {
        wait_for(&format!("SealedSecret {namespace}/{name} to be refused"), LIMIT, || {
            let words = ["get", "sealedsecret", name, "--namespace", namespace, "--output", "json"];
            let output = self.rig.try_kubectl(User::Admin, &words);
            let sealed: Value = serde_json::from_slice(&output.stdout).ok()?;
            let condition = &sealed["status"]["conditions"][0];
            let told = condition["message"].as_str().unwrap_or_default().contains("no key could decrypt");
            (condition["status"] == "False" && told).then_some(())
        });
        let secret = self.rig.try_kubectl(User::Admin, &["get", "secret", name, "--namespace", namespace]);
        assert!(!secret.status.success(), "Secret {namespace}/{name} was made");
    }
}

impl Bench {
    /// The secrets screen's row of a SealedSecret in `shop`, as the cluster stands.
    fn screen_tells(&self, name: &str, state: SecretState, cause: &str) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let found = runtime.block_on(async {
            let workspace = Workspace::open(Settings {
                path: self.repository.clone(),
                kubeconfig: Some(self.rig.kubeconfig(User::Sealane)),
                context: Some("rig".to_owned()),
                state: Some(self.scratch.path().to_owned()),
                ..Settings::default()
            })
            .expect("a repository");
            let mut snapshots = workspace.snapshots();
            let row = |snapshot: &Arc<Snapshot>| {
                let of = |row: &&Arc<SecretRow>| {
                    let named = row
                        .object
                        .as_ref()
                        .is_some_and(|key| *key.name == *name && *key.namespace == *"shop");
                    named && row.sealed_for.is_some()
                };
                snapshot.secrets.iter().find(of).cloned()
            };
            let wished = |snapshot: &Arc<Snapshot>| {
                row(snapshot).is_some_and(|row| row.state == state && row.cause.contains(cause))
            };
            let told = tokio::time::timeout(LIMIT, snapshots.wait_for(wished)).await.is_ok();
            (told, row(&workspace.snapshots().borrow()))
        });
        assert!(found.0, "{name}: {:?}", found.1);
    }
}

/// The text under another name and in another namespace.
fn moved(sealed: &str, namespace: &str, name: &str) -> String {
    let of = |key: &str, value: &str, text: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("  {key}: "))).expect("its metadata");
        text.replacen(line, &format!("  {key}: {value}"), 1)
    };
    of("name", name, &of("namespace", namespace, sealed))
}

#[test]
fn the_controller_opens_every_scope_and_refuses_what_was_moved() {
    let bench = Bench::start();
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        let file = format!("apps/{scope}.yaml");
        let made = ["--sealed-secret", "--scope", scope, "--namespace", "shop", "--set", "password"];
        let said = bench.seal(&file, &made, &format!("{CANARY}\n"));
        assert!(said.contains("cert.pem") && said.contains(scope), "{said}");
        // A second key, merged into what is there.
        let before = bench.read(&file);
        bench.seal(&file, &["--set", "tls.crt"], "line one\nline two\n");
        let after = bench.read(&file);
        let added: Vec<&str> = after.lines().filter(|line| !before.contains(*line)).collect();
        assert!(added.len() == 1 && added[0].starts_with("    tls.crt: A"), "{added:?}");
        assert_eq!(after.replace(&format!("{}\n", added[0]), ""), before, "nothing else has changed");
        bench.apply(&after);
        let wanted = [("password", CANARY), ("tls.crt", "line one\nline two")];
        bench.opens("shop", scope, &wanted);
        // Under another name, and in another namespace.
        bench.apply(&moved(&after, "shop", &format!("{scope}-renamed")));
        bench.apply(&moved(&after, "bank", scope));
        let checked = |namespace: &str, name: &str, opens: bool| {
            if opens { bench.opens(namespace, name, &wanted) } else { bench.is_refused(namespace, name) }
        };
        checked("shop", &format!("{scope}-renamed"), scope != "strict");
        checked("bank", scope, scope == "cluster-wide");
        // What the controller refuses, we have told.
        bench.write(&format!("moved/{scope}.yaml"), &moved(&after, "bank", &format!("{scope}-other")));
    }
    bench.commit("moved");
    let audit = text(&bench.try_sealane(&["audit"], "").stdout);
    for (scope, told) in [("strict", true), ("namespace-wide", true), ("cluster-wide", false)] {
        let line = format!(
            "moved/{scope}.yaml:1: SealedSecret bank/{scope}-other is rendered as bank/{scope}-other in "
        );
        assert_eq!(audit.contains(&line), told, "{scope}: {audit}");
    }
    // Another certificate: told as such, and opened by nobody here.
    let foreign = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/sealed-secrets/other-cluster.crt");
    let foreign = foreign.display().to_string();
    let words = ["--sealed-secret", "--namespace", "shop", "--set", "password", "--certificate", &foreign];
    bench.seal("apps/foreign.yaml", &words, CANARY);
    bench.apply(&bench.read("apps/foreign.yaml"));
    bench.is_refused("shop", "foreign");
    let said = bench.try_sealane(&["seal", "apps/foreign.yaml", "--set", "other"], CANARY);
    assert!(text(&said.stdout).contains("is sealed for a key of 2048 bits"), "{}", text(&said.stdout));
    bench.screen_tells("foreign", SecretState::Broken, "no key could decrypt secret");
    bench.screen_tells("cluster-wide", SecretState::Sealed, "opens anywhere in the cluster");
    tell(
        "sealed-secrets: three scopes opened and merged into; three moves of six and a foreign certificate refused",
    );
}

#[test]
fn what_kubeseal_sealed_is_edited_and_what_we_sealed_is_edited_by_kubeseal() {
    let bench = Bench::start();
    let secret = |values: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\n  labels: {{app: db}}\n\
             type: example.test/db\nstringData: {{{values}}}\n"
        )
    };
    for format in ["yaml", "json"] {
        let theirs = bench.kubeseal(&["--format", format], &secret("user: ana, password: old, port: '5432'"));
        let file = format!("apps/db.{format}");
        bench.write(&file, &theirs);
        bench.commit("sealed by kubeseal");
        bench.seal(&file, &["--set", "password"], CANARY);
        let ours = bench.read(&file);
        let same = ours.lines().zip(theirs.lines()).filter(|(a, b)| a == b).count();
        assert_eq!((ours.lines().count(), same), (theirs.lines().count(), theirs.lines().count() - 1));
        bench.apply(&ours);
        bench.opens("shop", "db", &[("user", "ana"), ("password", CANARY), ("port", "5432")]);
        bench.seal(&file, &["--remove", "port"], "");
        bench.apply(&bench.read(&file));
        bench.opens("shop", "db", &[("user", "ana"), ("password", CANARY)]);
        // And by kubeseal again.
        let path = bench.repository.join(&file).display().to_string();
        bench.kubeseal(&["--format", format, "--merge-into", &path], &secret("added: 'by kubeseal'"));
        bench.apply(&bench.read(&file));
        bench.opens("shop", "db", &[("user", "ana"), ("password", CANARY), ("added", "by kubeseal")]);
        let kept = bench.rig.kubectl_json(&["get", "secret", "db", "--namespace", "shop"]);
        assert_eq!(
            (&kept["type"], &kept["metadata"]["labels"]["app"]),
            (&"example.test/db".into(), &"db".into())
        );
        bench.rig.kubectl(&["delete", "sealedsecret", "db", "--namespace", "shop"]);
        bench.rig.kubectl(&["delete", "secret", "db", "--namespace", "shop", "--ignore-not-found"]);
    }
}

#[test]
fn secrets_become_sealed_secrets_from_plain_files_and_from_sops() {
    let bench = Bench::start();
    let plain = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: beside, namespace: shop}}\ndata: {{a: b}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: plain, namespace: shop, labels: {{app: x}}}}\n\
         immutable: true\ndata: {{bytes: AAH/gA==}}\nstringData: {{password: {CANARY}}}\n"
    );
    bench.write("apps/plain.yaml", &plain);
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
    let keys = fs::read_to_string(keys).expect("the key");
    let recipient = keys.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its recipient");
    let rules = format!(
        "creation_rules: [{{path_regex: sops, age: {recipient}, encrypted_regex: ^(data|stringData)$}}]\n"
    );
    bench.write(".sops.yaml", &rules);
    bench.commit("plain");
    // Sealed with SOPS by us, then made a SealedSecret of.
    bench.seal("apps/token.sops.yaml", &["--set", "token"], CANARY);
    let said = bench.seal("apps/token.sops.yaml", &["--sealed-secret", "--namespace", "bank"], "");
    assert!(said.contains("nobody opens it with age any more"), "{said}");
    let said = bench.seal("apps/plain.yaml", &["--sealed-secret"], "");
    assert!(said.contains("it was in the clear: change the values too"), "{said}");
    for file in ["apps/token.sops.yaml", "apps/plain.yaml"] {
        let sealed = bench.read(file);
        assert!(!sealed.contains(CANARY) && !sealed.contains("ENC["), "{sealed}");
        bench.apply(&sealed);
    }
    bench.opens("bank", "token", &[("token", CANARY)]);
    bench.opens("shop", "plain", &[("password", CANARY), ("bytes", "\u{0}\u{1}\u{fffd}\u{fffd}")]);
    let made = bench.rig.kubectl_json(&["get", "secret", "plain", "--namespace", "shop"]);
    assert_eq!((&made["data"]["bytes"], &made["immutable"]), (&"AAH/gA==".into(), &true.into()));
    assert_eq!(made["metadata"]["labels"]["app"], "x");
}

/// kustomize gives it another name and namespace: a value is sealed for those.
#[test]
fn a_name_that_kustomize_gives_is_the_one_that_is_sealed_for() {
    let bench = Bench::start();
    bench.write("overlay/kustomization.yaml", "namespace: bank\nnamePrefix: prod-\nresources: [db.yaml]\n");
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: old}\n";
    bench.write("overlay/db.yaml", &bench.kubeseal(&["--format", "yaml"], secret));
    bench.commit("sealed for the name in the file");
    let overlay = bench.repository.join("overlay").display().to_string();
    bench.rig.kubectl(&["apply", "-k", &overlay]);
    bench.is_refused("bank", "prod-db");
    let audit = bench.try_sealane(&["audit"], "");
    let told = text(&audit.stdout);
    assert!(told.contains("overlay/db.yaml:") && told.contains("is rendered as bank/prod-db in"), "{told}");
    assert_eq!(audit.status.code(), Some(1), "{told}");
    let check = text(&bench.try_sealane(&["check"], "").stdout);
    assert!(check.contains("is rendered as bank/prod-db in"), "{check}");

    bench.git(&["rm", "--quiet", "overlay/db.yaml"]);
    bench
        .write("overlay/kustomization.yaml", "namespace: bank\nnamePrefix: prod-\nresources: [fresh.yaml]\n");
    bench.write("overlay/fresh.yaml", &secret.replace("name: db", "name: fresh").replace("old", CANARY));
    bench.commit("a plain one");
    let said = bench.seal("overlay/fresh.yaml", &["--sealed-secret"], "");
    assert!(said.contains("bank/prod-fresh (strict)"), "{said}");
    bench.rig.kubectl(&["apply", "-k", &overlay]);
    bench.opens("bank", "prod-fresh", &[("password", CANARY)]);
    bench.seal("overlay/fresh.yaml", &["--set", "password"], "changed");
    bench.rig.kubectl(&["apply", "-k", &overlay]);
    bench.opens("bank", "prod-fresh", &[("password", "changed")]);
    let told = text(&bench.try_sealane(&["audit"], "").stdout);
    assert!(!told.contains("is rendered as"), "{told}");
    assert!(told.contains("bank/prod-fresh in"), "{told}");
}
