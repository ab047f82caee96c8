//! `sealane seal --from` a sealed file, another revision or a live Secret: values go from one to the other unseen, the rest
//! of the target stays to the byte.

use crate::sandbox::Sandbox;
use crate::seal_verbs::{CANARY, OPS, Repository};
use crate::served::Served;
use sealane::secret::SecretLeaf;
use sealane::yaml::Value;
use std::fs;

#[test]
fn a_sealed_file_is_copied_whole_or_key_by_key() {
    let repository = Repository::new();
    repository.done(&["seal", "dev/db.sops.yaml", "--set", "password"], CANARY);
    repository.done(&["seal", "dev/db.sops.yaml", "--generate", "token", "--generate", "other"], "");
    let read = |file: &str, key: &str| repository.value(file, &["stringData", key]);
    // A new file of the same format is the whole one, under a data key of its own.
    let text = repository.done(&["seal", "prod/db.sops.yaml", "--from", "dev/db.sops.yaml"], "");
    assert!(text.contains("copy all of dev/db.sops.yaml"), "{text}");
    let [dev, prod] = ["dev", "prod"]
        .map(|f| String::from_utf8(repository.bytes(&format!("{f}/db.sops.yaml"))).expect("text"));
    assert_eq!(read("prod/db.sops.yaml", "password").as_deref(), Some(CANARY));
    let lines =
        |text: &str| text.lines().take_while(|l| *l != "sops:").map(str::to_owned).collect::<Vec<_>>();
    let same = lines(&dev).iter().zip(&lines(&prod)).filter(|(a, b)| a == b).count();
    assert_eq!((lines(&dev).len(), same), (9, 6), "three values are sealed anew\n{dev}\n{prod}");
    // Into a file that is there come keys; the others keep their ciphertext.
    repository.done(&["seal", "qa/db.sops.yaml", "--set", "own"], "x");
    let before = repository.bytes("qa/db.sops.yaml");
    let text =
        repository.done(&["seal", "qa/db.sops.yaml", "--from", "dev/db.sops.yaml", "--key", "password"], "");
    assert!(text.contains("copy 1 key from dev/db.sops.yaml: password"), "{text}");
    let after = String::from_utf8(repository.bytes("qa/db.sops.yaml")).expect("text");
    let own = String::from_utf8(before).expect("text");
    let own = own.lines().find(|l| l.contains("own:")).expect("there");
    assert!(after.contains(own) && !after.contains("token"), "{after}");
    assert_eq!(read("qa/db.sops.yaml", "password").as_deref(), Some(CANARY));
    // Another format, and another revision.
    repository.done(&["seal", "qa/db.env", "--from", "dev/db.sops.yaml"], "");
    assert_eq!(repository.value("qa/db.env", &["token"]), read("dev/db.sops.yaml", "token"));
    repository.done(&["seal", "qa/db.ini", "--from", "qa/db.env", "--key", "password"], "");
    assert_eq!(repository.value("qa/db.ini", &["DEFAULT", "password"]).as_deref(), Some(CANARY));
    repository.done(&["seal", "dev/db.sops.yaml", "--set", "password"], "newer");
    let text = repository.done(&["seal", "dev/db.sops.yaml", "--from", "HEAD~1:", "--key", "password"], "");
    assert!(text.contains("copy 1 key from dev/db.sops.yaml"), "{text}");
    assert_eq!(read("dev/db.sops.yaml", "password").as_deref(), Some(CANARY));
    assert_eq!(repository.sandbox.leaks(CANARY), Vec::<String>::new());
}

#[test]
fn what_cannot_be_copied_is_said() {
    let repository = Repository::new();
    repository.done(&["seal", "dev/db.sops.yaml", "--set", "password"], CANARY);
    let copy = |from: &'static str, more: &[&'static str]| {
        [&["seal", "qa/db.sops.yaml", "--from", from], more].concat()
    };
    repository.refused(&copy("dev/db.sops.yaml", &["--key", "nothing"]), "", &["there is no key `nothing`"]);
    repository.refused(&copy("HEAD:gone.yaml", &[]), "", &["gone.yaml does not exist at HEAD"]);
    repository.refused(&copy("nowhere:dev/db.sops.yaml", &[]), "", &["nowhere"]);
    repository.refused(&["seal", "dev/db.sops.yaml", "--key", "password"], "", &["--from or --from-live"]);
    repository.refused(
        &["seal", "dev/db.sops.yaml", "--from-live", "shop/db"],
        "",
        &["no cluster to read from"],
    );
    // What was changed behind the MAC's back goes nowhere.
    let text = String::from_utf8(repository.bytes("dev/db.sops.yaml")).expect("text");
    repository.commit("dev/db.sops.yaml", &text.replace("type: Opaque", "type: Other"));
    repository.refused(&copy("dev/db.sops.yaml", &[]), "", &["MAC"]);
    repository.refused(&copy("dev/db.sops.yaml", &["--key", "password"]), "", &["MAC"]);
}

#[test]
fn a_live_secret_is_sealed_as_it_is() {
    let mut sandbox = Sandbox::new();
    let mut served = Served::start(&mut sandbox);
    let sealane = |words: &[&str]| {
        let output = sandbox
            .command(env!("CARGO_BIN_EXE_sealane"))
            .args(words)
            .args(["--kubeconfig", &served.folder().join("prod.kubeconfig").display().to_string()])
            .args(["--context", "demo-prod", "--environment", "prod"])
            .current_dir(&served.clone)
            .output()
            .expect("it ends");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (text, output.status.code())
    };
    let new = "apps/live/overlays/prod/db.sops.yaml";
    let (text, code) = sealane(&["seal", new, "--from-live", "shop/cart-db", "--commit"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("import 3 keys from the live Secret shop/cart-db"), "{text}");
    let made = fs::read_to_string(served.clone.join(new)).expect("there");
    let head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: cart-db\n  namespace: shop\n";
    assert!(made.starts_with(head) && !made.contains("uid:") && made.matches("ENC[").count() == 4, "{made}");
    // Git's own file holds the same, but for the password that somebody set in the cluster by hand.
    let (text, _) = sealane(&["audit", "compare", new, "apps/cart/overlays/prod/db.sops.yaml"]);
    for said in ["password  differs", "url  same", "username  same"] {
        assert!(text.contains(said), "{text}");
    }
    let mut ring = sealane::seal::Keyring::default();
    ring.add_text(OPS, "test");
    let open = sealane::seal::open(made.as_bytes(), new, &ring).unwrap_or_else(|e| panic!("{}", e.0));
    let password = open.documents[0].at_path(&["stringData", "password"]).map(|node| &node.value);
    let Some(Value::Secret(SecretLeaf::Text(password))) = password else { panic!("it is sealed") };
    served.secret_becomes("cart-db", "password", password.expose_secret_str().expect("text"));
    let (text, code) =
        sealane(&["seal", new, "--from-live", "shop/cart-db", "--key", "password", "--commit"]);
    assert_eq!((code, text.contains("import 1 key")), (Some(0), true), "{text}");
    let (text, code) = sealane(&["seal", new, "--from-live", "shop/nothing", "--commit"]);
    assert!(code > Some(1) && text.contains("the cluster has no Secret shop/nothing"), "{text}");
    served.ends(rustix::process::Signal::TERM);
}
