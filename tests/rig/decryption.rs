//! Sealed files and the real kustomize-controller: plain ones, generators' files, dotenv, JSON, binary and values sealed
//! inside of `data`. What it puts into the cluster is what was sealed, byte for byte; we say of each key that it is the
//! same, and of the one that is changed by hand that it is not.

use crate::support::{Parts, Rig, User, run, script, tell, tool};
use crate::truth::{SYNC, commit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealane::seal::{self, Edit, Keyring, Rules};
use sealane::secret::SecretText;
use sealane::workspace::{KeyState, SecretRow, Settings, Snapshot, Workspace};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The Secret, its key, and the value that the cluster must hold.
type Truth = (&'static str, &'static str, Vec<u8>);

const APPS: &str = "
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec:
  interval: 10m
  path: ./apps
  prune: true
  retryInterval: 2s
  sourceRef: {kind: GitRepository, name: flux-system}
  decryption: {provider: sops, secretRef: {name: sops-age}}
";
const KUSTOMIZATION: &str = "
resources: [ours.yaml, theirs.yaml, inside.yaml]
generatorOptions: {disableNameSuffixHash: true}
secretGenerator:
- {name: from-files, namespace: default, files: [token.bin, app.json, renamed.conf=notes.txt]}
- {name: from-envs, namespace: default, envs: [k.env]}
- {name: hashed, namespace: default, envs: [k.env], options: {disableNameSuffixHash: false, labels: {hashed: yes-it-is}}}
";
const BINARY: &[u8] = b"\x00\x01\xfe\xff binary \n\n";
const NOTES: &[u8] = "first line\nsecond, with \"quotes\" and \u{1f511}\n".as_bytes();
const DOTENV: &str = "# a comment\nPLAIN=value\nSPACED=two words # no comment\nQUOTED=\"kept\"\nEMPTY=\nURL=postgres://u:p@db/x?y=z\n";

/// Seals a file with the real sops.
fn sops(name: &str, content: &[u8], kind: &str, recipient: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    let mut sops = Command::new(tool("sops"));
    sops.env("HOME", folder.path()).env("SOPS_DISABLE_VERSION_CHECK", "1");
    sops.args(["encrypt", "--age", recipient, "--input-type", kind, "--output-type", kind]);
    if kind == "yaml" {
        sops.args(["--encrypted-regex", "^(data|stringData)$"]);
    }
    run(sops.arg(&path))
}

fn set(key: &str, value: &str) -> Edit {
    Edit::Set { key: key.to_owned(), value: SecretText::from_string(value.to_owned()) }
}

/// The files of the repository, and what the cluster must hold of them.
fn planted(ring: &Keyring, recipient: &str) -> (Vec<(&'static str, String)>, Vec<Truth>) {
    let rules = format!("creation_rules: [{{age: {recipient}, encrypted_regex: ^(data|stringData)$}}]\n");
    let rules = Rules::parse(rules.as_bytes(), ".sops.yaml");
    let lines = "-----BEGIN NOTHING-----\n  indented\n-----END NOTHING-----\n";
    let edits = vec![
        set("password", "hunter2"),
        set("lines", lines),
        set("empty", ""),
        set("yes", "yes"),
        set("n", "0017"),
    ];
    let ours = seal::create("apps/ours.yaml", &rules, edits, 1_700_000_000).expect("sealed");
    let theirs = "apiVersion: v1\nkind: Secret\nmetadata: {name: theirs, namespace: default}\n\
        data: {bytes: AAH+/w==}\nstringData:\n  password: old\n  other: kept   # why\n";
    let theirs = sops("x.yaml", theirs.as_bytes(), "yaml", recipient);
    // Sealed by sops, edited by us.
    let theirs =
        seal::edit(theirs.as_bytes(), "apps/theirs.yaml", ring, vec![set("password", "new")], 1_700_000_000);
    let inner = sops("x.json", b"{\"deep\": \"value\", \"n\": 5}", "json", recipient);
    let inside = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: inside, namespace: default}}\ndata: {{app.json: {}}}\n",
        STANDARD.encode(&inner)
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let json = b"{\n\t\"user\": \"ana\",\n\t\"list\": [\n\t\t1,\n\t\t2\n\t]\n}\n";
    let files = vec![
        ("apps/kustomization.yaml", KUSTOMIZATION.to_owned()),
        ("apps/ours.yaml", text(ours).replace("  name: ours\n", "  name: ours\n  namespace: default\n")),
        ("apps/theirs.yaml", text(theirs.expect("edited"))),
        ("apps/inside.yaml", inside),
        ("apps/token.bin", sops("token.bin", BINARY, "binary", recipient)),
        ("apps/notes.txt", sops("notes.txt", NOTES, "binary", recipient)),
        ("apps/app.json", sops("app.json", json, "json", recipient)),
        ("apps/k.env", sops("k.env", DOTENV.as_bytes(), "dotenv", recipient)),
        ("clusters/one/apps.yaml", APPS.to_owned()),
        ("clusters/one/flux-system/gotk-sync.yaml", SYNC.to_owned()),
    ];
    let mut truth: Vec<Truth> = Vec::new();
    let mut holds = |secret, key, value: &[u8]| truth.push((secret, key, value.to_vec()));
    for (key, value) in
        [("password", "hunter2"), ("lines", lines), ("empty", ""), ("yes", "yes"), ("n", "0017")]
    {
        holds("ours", key, value.as_bytes());
    }
    holds("theirs", "bytes", &[0, 1, 254, 255]);
    holds("theirs", "password", b"new");
    holds("theirs", "other", b"kept");
    holds("from-files", "token.bin", BINARY);
    holds("from-files", "renamed.conf", NOTES);
    holds("from-files", "app.json", json);
    for (key, value) in [
        ("PLAIN", "value"),
        ("SPACED", "two words # no comment"),
        ("QUOTED", "\"kept\""),
        ("EMPTY", ""),
        ("URL", "postgres://u:p@db/x?y=z"),
    ] {
        holds("from-envs", key, value.as_bytes());
        holds("hashed", key, value.as_bytes());
    }
    holds("inside", "app.json", b"{\n\t\"deep\": \"value\",\n\t\"n\": 5\n}\n");
    (files, truth)
}

/// The Secret of that name; of the one with a hash, by its label.
fn live(rig: &Rig, name: &str) -> serde_json::Value {
    if name == "hashed" {
        let found =
            rig.kubectl_json(&["get", "secrets", "--namespace", "default", "--selector", "hashed=yes-it-is"]);
        return found["items"][0].clone();
    }
    rig.kubectl_json(&["get", "secret", name, "--namespace", "default"])
}

/// Rows of Secrets once every key of every one was compared.
async fn compared(
    workspace: &Workspace,
    count: usize,
    wished: impl Fn(&[Arc<SecretRow>]) -> bool,
) -> Vec<Arc<SecretRow>> {
    let mut snapshots = workspace.snapshots();
    let mut last = Vec::new();
    let is_so = |snapshot: &Arc<Snapshot>| {
        let rows: Vec<Arc<SecretRow>> =
            snapshot.secrets.iter().filter(|row| !row.environment.is_empty()).cloned().collect();
        let all = rows.len() == count
            && rows.iter().all(|row| row.keys.iter().all(|(_, state)| *state != KeyState::NotCompared));
        let done = all && wished(&rows);
        last = rows;
        done
    };
    let waited = tokio::time::timeout(Duration::from_secs(90), snapshots.wait_for(is_so)).await;
    assert!(waited.is_ok(), "{last:#?}");
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_controller_decrypts_is_what_we_say_is_the_same() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/demo-flux-prod.agekey");
    let identity = fs::read_to_string(&keys).expect("the demo's key");
    let recipient =
        identity.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its recipient");
    let mut ring = Keyring::default();
    ring.add_text(&identity, "keys/demo-flux-prod.agekey");
    let (files, truth) = planted(&ring, recipient);
    let scratch = tempfile::tempdir().expect("a folder");
    let (folder, twin) = (scratch.path().join("source"), scratch.path().join("twin"));
    commit(&folder, &files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
    let rig = Rig::start(Parts::Flux);
    run(script("twins.py")
        .arg(&folder)
        .arg(&twin)
        .args(["--as-is", "--path", "clusters/one", "--keys"])
        .arg(&keys));
    rig.deploy(&twin);

    // The real controller's values are those that were planted.
    let mut secrets: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    for (secret, key, value) in &truth {
        let object = secrets.entry(secret).or_insert_with(|| live(&rig, secret));
        let there = object["data"][key].as_str().unwrap_or_else(|| panic!("{secret} has no {key}: {object}"));
        let there = STANDARD.decode(there).expect("base64");
        assert_eq!(String::from_utf8_lossy(&there), String::from_utf8_lossy(value), "{secret} {key}");
    }
    for (secret, object) in &secrets {
        let keys = object["data"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(keys, truth.iter().filter(|(of, ..)| of == secret).count(), "{secret}: {object}");
    }

    // And we say so, of every key.
    let variable =
        |name: &str| (name == "SOPS_AGE_KEY_FILE").then(|| twin.join("age.agekey").display().to_string());
    let settings = Settings {
        kubeconfig: Some(rig.kubeconfig(User::Sealane)),
        context: Some("rig".to_owned()),
        state: Some(scratch.path().to_owned()),
        ..Settings::of_user(&twin.join("repo"), variable, None)
    };
    let workspace = Workspace::open(settings).expect("a repository");
    let rows = compared(&workspace, secrets.len(), |_| true).await;
    let said: usize =
        rows.iter().map(|row| row.keys.iter().filter(|(_, s)| *s == KeyState::Same).count()).sum();
    assert_eq!(said, truth.len(), "{rows:#?}");
    tell(&format!(
        "decryption: {said} keys of {} Secrets decrypted by the controller and told as the same",
        secrets.len()
    ));

    // One value changed by hand is told, and no other.
    let _held = rig.hold("kustomize-controller");
    let patch = r#"{"stringData": {"renamed.conf": "changed by hand"}}"#;
    rig.kubectl(&["patch", "secret", "from-files", "--namespace", "default", "--type=merge", "-p", patch]);
    let differ = |rows: &[Arc<SecretRow>]| -> Vec<String> {
        let keys = rows.iter().flat_map(|row| row.keys.iter());
        keys.filter(|(_, state)| *state != KeyState::Same)
            .map(|(key, state)| format!("{key} {state:?}"))
            .collect()
    };
    let rows = compared(&workspace, secrets.len(), |rows| !differ(rows).is_empty()).await;
    assert_eq!(differ(&rows), ["renamed.conf Differs"]);
}
