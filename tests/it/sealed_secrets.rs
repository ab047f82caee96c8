//! SealedSecrets from the command line: sealed, edited, converted and audited, for the right certificate, and no value told.
//! That the real controller opens them is shown by `just e2e`.

use crate::sandbox::{Sandbox, holds, spellings};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The value that nobody may tell.
const CANARY: &str = "canary-7c11-of-the-controller";
const FILE: &str = "apps/db.yaml";

/// A repository of its own.
struct Fleet {
    sandbox: Sandbox,
    folder: PathBuf,
}

fn key(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/sealed-secrets").join(name)
}

impl Fleet {
    fn new(certificates: &[(&str, &str)]) -> Self {
        let mut sandbox = Sandbox::new();
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-ops.agekey");
        for (name, value) in [
            ("SOPS_AGE_KEY_FILE", keys.display().to_string()),
            ("GIT_AUTHOR_NAME", "ana".to_owned()),
            ("GIT_AUTHOR_EMAIL", "ana@example.test".to_owned()),
            ("GIT_COMMITTER_NAME", "ana".to_owned()),
            ("GIT_COMMITTER_EMAIL", "ana@example.test".to_owned()),
        ] {
            sandbox.more.push((name.to_owned(), value));
        }
        let folder = sandbox.folder().join("fleet");
        fs::create_dir(&folder).expect("made");
        let fleet = Self { sandbox, folder };
        fleet.sandbox.git(&fleet.folder, &["init", "--quiet", "--initial-branch=main"]);
        fleet.write("README.txt", "a fleet\n");
        for (path, name) in certificates {
            fleet.write(path, &fs::read_to_string(key(name)).expect("a certificate"));
        }
        fleet.commit("start");
        fleet
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn commit(&self, message: &str) {
        self.sandbox.git(&self.folder, &["add", "--all"]);
        self.sandbox.git(&self.folder, &["commit", "--quiet", "--message", message]);
    }

    fn read(&self) -> String {
        fs::read_to_string(self.folder.join(FILE)).expect("a file")
    }

    /// What is said, in one text, and the exit code; the canary is never in it.
    fn said(&self, words: &[&str]) -> (String, i32) {
        let mut command = self.sandbox.command(env!("CARGO_BIN_EXE_sealane"));
        command.arg("--no-cluster").args(words).current_dir(&self.folder);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("piped").write_all(format!("{CANARY}\n").as_bytes()).expect("typed");
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!holds(text.as_bytes(), &spellings(CANARY)), "a secret is told by sealane {words:?}");
        let steers = text.chars().find(|letter| letter.is_control() && *letter != '\n');
        assert_eq!(steers, None, "{text:?}");
        (text, output.status.code().expect("no signal ended it"))
    }

    /// A command that is refused, with what it says; nothing has changed.
    fn refused(&self, words: &[&str], wanted: &str) -> i32 {
        let (head, status) = (self.git(&["rev-parse", "HEAD"]), self.git(&["status", "--porcelain"]));
        let (text, code) = self.said(words);
        assert!(text.contains(wanted) && text.contains("next: "), "{words:?}: {text}");
        assert_eq!((head, status), (self.git(&["rev-parse", "HEAD"]), self.git(&["status", "--porcelain"])));
        code
    }

    fn git(&self, words: &[&str]) -> String {
        self.sandbox.git(&self.folder, words)
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn a_sealed_secret_is_made_edited_and_listed_and_its_value_is_nowhere() {
    let fleet = Fleet::new(&[("clusters/prod/sealed-secrets.pem", "controller.crt")]);
    let make = ["seal", FILE, "--sealed-secret", "--namespace", "shop", "--set", "password"];
    let (text, _) = fleet.said(&make);
    assert!(text.contains("nothing written") && !fleet.folder.join(FILE).exists(), "{text}");
    assert!(text.contains("a new SealedSecret, strict: it opens only as shop/db"), "{text}");
    assert!(text.contains("sealed for the certificate in clusters/prod/sealed-secrets.pem"), "{text}");
    let (text, _) = fleet.said(&[&make[..], &["--commit"]].concat());
    assert!(text.contains("committed"), "{text}");
    let before = fleet.read();
    // An existing one needs no option.
    let (text, _) = fleet.said(&["seal", FILE, "--set", "user.name", "--commit", "--output", "json"]);
    assert!(text.contains("committed"), "{text}");
    let after = fleet.read();
    let added: Vec<&str> = after.lines().filter(|line| !before.contains(*line)).collect();
    assert!(added.len() == 1 && added[0].trim_start().starts_with("user.name: AQ"), "{added:?}");
    assert_eq!(after.lines().count(), before.lines().count() + 1);
    assert_eq!(fleet.sandbox.leaks(CANARY), Vec::<String>::new());

    let (text, _) = fleet.said(&["audit"]);
    assert!(text.contains(&format!("{FILE}:1  SealedSecret shop/db, strict, 2 keys")), "{text}");
    assert!(text.contains("keys      password, user.name"), "{text}");
    assert!(text.contains("opens     only as shop/db, in the cluster alone"), "{text}");
    assert!(
        text.contains("certificate of a sealed-secrets controller, RSA 2048, 2026-11-21 to 2126"),
        "{text}"
    );
    assert!(text.contains("0 opened and verified, 1 SealedSecret;"), "{text}");
    let told = json(&fleet.said(&["audit", "--output", "json"]).0);
    let sealed = &told["sealedSecrets"][0];
    assert_eq!((&sealed["scope"], &sealed["name"]), (&"strict".into(), &"shop/db".into()), "{told}");
    assert_eq!((&sealed["keys"][1], &sealed["changedBy"]), (&"user.name".into(), &"ana".into()));
    let certificate = &told["certificates"][0];
    assert_eq!((&certificate["usable"], &certificate["bits"]), (&true.into(), &2048.into()), "{told}");
    assert_eq!(certificate["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn a_plain_secret_becomes_one_and_its_value_is_not_shown_on_the_way() {
    let fleet = Fleet::new(&[("cert.pem", "controller.crt")]);
    let plain = format!(
        "# kept by nobody\napiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: shop}}\nstringData: {{password: {CANARY}}}\n"
    );
    fleet.write(FILE, &plain);
    fleet.commit("in the clear");
    for output in ["text", "json"] {
        let (text, _) =
            fleet.said(&["seal", FILE, "--sealed-secret", "--scope", "cluster-wide", "--output", output]);
        assert!(output == "json" || text.contains("-stringData: "), "{text}");
        assert!(
            text.contains("shop/db (cluster-wide): password sealed, it opens anywhere in the cluster"),
            "{text}"
        );
        assert!(text.contains("not taken over: a comment"), "{text}");
    }
    let (text, _) = fleet.said(&["seal", FILE, "--sealed-secret", "--commit"]);
    assert!(text.contains("committed") && !fleet.read().contains(CANARY), "{text}");
    // The way back shows as little.
    let (text, _) = fleet.said(&["revert", "HEAD"]);
    assert!(text.contains("+stringData: "), "{text}");
    assert_eq!(fleet.refused(&["seal", FILE, "--sealed-secret"], "holds SealedSecrets already"), 5);
    assert_eq!(
        fleet
            .refused(&["seal", FILE, "--set", "a", "--scope", "cluster-wide"], "is strict: its other values"),
        5
    );
    assert_eq!(fleet.refused(&["seal", FILE, "--set", "a", "--name", "other"], "it holds db"), 3);
    assert_eq!(fleet.refused(&["seal", FILE, "--set", "a b"], "`a b` is no key of a Secret"), 5);
    assert_eq!(fleet.refused(&["seal", FILE, "--remove", "password"], "is the last key"), 5);
    assert_eq!(fleet.refused(&["reseal", FILE], "kubeseal --re-encrypt"), 3);
    assert_eq!(fleet.refused(&["seal", "README.txt", "--sealed-secret"], "holds no Secret"), 5);
    assert_eq!(fleet.refused(&["seal", "nowhere.yaml", "--sealed-secret"], "does not exist"), 3);
    let unplaced = ["seal", "new.yaml", "--sealed-secret", "--set", "a"];
    assert_eq!(fleet.refused(&unplaced, "has no namespace, and its scope is strict"), 5);
}

#[test]
fn certificates_that_nothing_may_be_sealed_for_are_refused_by_name() {
    let fleet = Fleet::new(&[]);
    let make = ["seal", FILE, "--sealed-secret", "--namespace", "shop", "--set", "password", "--commit"];
    assert_eq!(fleet.refused(&make, "no certificate of a sealed-secrets controller is in the repository"), 3);
    // Where the repository declares the controller, its own names are told.
    fleet.write(
        "infra/controller.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: sealed-secrets, namespace: security}\nspec: {ports: [{port: 8080}]}\n",
    );
    fleet.commit("the controller");
    let named = "kubeseal --fetch-cert --controller-namespace security --controller-name sealed-secrets";
    assert_eq!(fleet.refused(&make, named), 3);
    let junk = fleet.sandbox.folder().join("junk.pem");
    fs::write(&junk, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").expect("written");
    let cases = [
        (key("expired.crt"), "has expired on 2026-11-20"),
        (key("weak-1024.crt"), "1024 bits"),
        (key("ec.crt"), "elliptic curve"),
        (key("controller.key"), "a private key and no certificate"),
        (junk, "its PEM is damaged"),
        (fleet.folder.join("nowhere.pem"), "cannot be read"),
    ];
    for (path, wanted) in cases {
        let path = path.display().to_string();
        let code = fleet.refused(&[&make[..], &["--certificate", &path]].concat(), wanted);
        assert_eq!(code, 2, "{path}");
    }
    // Anything that is RSA and still good is sealed for if it is named, and told.
    let web = key("web-server.crt").display().to_string();
    let (text, _) = fleet.said(&[&make[..7], &["--certificate", &web]].concat());
    assert!(text.contains("that of a web server"), "{text}");
}

#[test]
fn the_certificate_is_the_one_that_is_named_for_the_cluster() {
    let two = [("clusters/a/cert.pem", "controller.crt"), ("clusters/b/cert.pem", "other-cluster.crt")];
    let fleet = Fleet::new(&two);
    let make = ["seal", FILE, "--sealed-secret", "--namespace", "shop", "--set", "password"];
    assert_eq!(
        fleet.refused(
            &make,
            "the repository holds several certificates: clusters/a/cert.pem, clusters/b/cert.pem"
        ),
        2
    );
    let ours = key("controller.crt").display().to_string();
    let (text, _) = fleet.said(&[&make[..], &["--certificate", &ours]].concat());
    assert!(text.contains("nothing written"), "{text}");

    fleet.write(".sealane.yaml", "sealedSecretsCertificate: clusters/b/cert.pem\n");
    let (text, _) = fleet.said(&make);
    assert!(text.contains("sealed for the certificate in clusters/b/cert.pem"), "{text}");
    let other = [&make[..], &["--certificate", &ours]].concat();
    assert_eq!(fleet.refused(&other, "is not the one that .sealane.yaml names, clusters/b/cert.pem"), 5);

    let of = |name: &str| {
        format!("  {name}: {{entry: apps/{name}, sealedSecretsCertificate: clusters/{name}/cert.pem}}\n")
    };
    fleet.write(".sealane.yaml", &format!("environments:\n{}{}", of("a"), of("b")));
    for name in ["a", "b"] {
        fleet.write(&format!("apps/{name}/kustomization.yaml"), "resources: [c.yaml]\n");
        fleet.write(&format!("apps/{name}/c.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    }
    fleet.commit("environments");
    assert_eq!(fleet.refused(&make, "names several certificates for it"), 5);
    let (text, _) = fleet.said(&[&make[..], &["--environment", "a"]].concat());
    assert!(text.contains("sealed for the certificate in clusters/a/cert.pem"), "{text}");
    fleet.write(".sealane.yaml", "sealedSecretsCertificate: clusters/c/cert.pem\n");
    assert_eq!(fleet.refused(&make, "clusters/c/cert.pem is named as the certificate"), 3);
}

#[test]
fn what_is_sealed_in_name_only_and_what_was_copied_is_found() {
    let fleet = Fleet::new(&[("cert.pem", "controller.crt")]);
    let make = |file: &str, namespace: &str| {
        let words =
            ["seal", file, "--sealed-secret", "--namespace", namespace, "--set", "password", "--commit"];
        assert!(fleet.said(&words).0.contains("committed"), "{file}");
    };
    make(FILE, "shop");
    let sealed = fleet.read();
    fleet.write("copies/db.yaml", &sealed.replace("shop", "bank"));
    let value = sealed.lines().find_map(|line| line.strip_prefix("    password: ")).expect("sealed");
    fleet.write("apps/open.yaml", &sealed.replace("name: db", "name: open").replace(value, CANARY));
    fleet.commit("by hand");
    let (text, code) = fleet.said(&["check"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("apps/open.yaml:")
            && text.contains("`password` of SealedSecret shop/open is no sealed value"),
        "{text}"
    );
    let (text, _) = fleet.said(&["audit"]);
    assert!(
        text.contains(
            "is a copy of that of shop/db in apps/db.yaml: a strict value opens as one of them alone"
        ),
        "{text}"
    );

    // Two scopes that contradict each other.
    fleet.write(
        "apps/two.yaml",
        &sealed.replace("shop", "two").replacen(
            "  name: db\n",
            "  name: db\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\n",
            1,
        ),
    );
    let (text, _) = fleet.said(&["check"]);
    assert!(
        text.contains("apps/two.yaml:1: SealedSecret two/db is cluster-wide, and its template says strict"),
        "{text}"
    );

    // A file that is named after SOPS may be sealed for a controller.
    make("apps/token.sops.yaml", "token");
    let (text, _) = fleet.said(&["check"]);
    assert!(!text.contains("token.sops.yaml"), "{text}");

    // Renamed, and staged: told before it is committed.
    fleet.write(FILE, &sealed.replacen("name: db", "name: database", 1));
    fleet.git(&["add", FILE]);
    let (text, code) = fleet.said(&["check", "--staged"]);
    assert!(code == 1 && text.contains("and its values open only as shop/db"), "{code} {text}");
}
