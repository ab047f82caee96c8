//! What the real `sops` lets pass (secrets.md 1.13): each shown with it, and caught by us.

use crate::interop::{Exchange, IDENTITY};
use crate::support::text;
use crate::trees::{Made, Rule};
use sealane::seal;

const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  labels:\n    a: one\n    b: two\n  list: [x, y]\nstringData:\n  user: ana\n  password: hunter2\n";
const KUBERNETES: &str = "^(data|stringData)$";

fn exchange(extension: &'static str, rule: &str) -> Exchange {
    let made = Made { extension, text: String::new(), rule: Rule { field: "", value: "", mac_only: false } };
    Exchange::under(0, made, rule, IDENTITY, None)
}

fn kubernetes(mac_only: bool) -> Exchange {
    exchange("yaml", &format!("    encrypted_regex: '{KUBERNETES}'\n    mac_only_encrypted: {mac_only}\n"))
}

/// What we say of a file that was changed by hand: of itself, else beside the version before.
fn caught(exchange: &Exchange, before: &str, after: &str) -> Result<String, String> {
    let name = exchange.name();
    if let Err(problem) = seal::verify(after.as_bytes(), &name, &exchange.ring) {
        return Err(problem.cause);
    }
    Ok(seal::unsigned(&name, before.as_bytes(), after.as_bytes()).map(|p| p.cause).unwrap_or_default())
}

#[test]
fn changes_behind_the_mac_pass_sops_and_are_told_by_us() {
    let exchange = kubernetes(false);
    let sealed = text(&exchange.sops(&["encrypt"], PLAIN.as_bytes()).expect("sops seals"));
    for (what, from, to, said) in [
        ("a plain key renamed", "    name: db", "    nome: db", "`metadata.nome` came"),
        (
            "bytes moved between plain values",
            "        a: one\n        b: two",
            "        a: onet\n        b: wo",
            "`metadata.labels.a` changed",
        ),
        ("a null added", "kind: Secret\n", "kind: Secret\nextra: null\n", "`extra` came"),
        (
            "a plain comment added",
            "kind: Secret\n",
            "# approved\nkind: Secret\n",
            "a comment in the file came",
        ),
        ("the version changed", "version: 3.13", "version: 3.12", "the block's `version` changed"),
        (
            "a field added to the block",
            "    lastmodified",
            "    owner: mallory\n    lastmodified",
            "the block's `owner` came",
        ),
        (
            "a selector extended without effect",
            "encrypted_regex: ^(data|stringData)$",
            "encrypted_regex: ^(data|stringData|more)$",
            "the block's `encrypted_regex` changed",
        ),
    ] {
        let changed = sealed.replacen(from, to, 1);
        assert_ne!(changed, sealed, "{what}");
        let passes = exchange.sops(&["decrypt"], changed.as_bytes());
        assert!(passes.is_ok(), "{what}: sops has learnt to see it: {passes:?}");
        let told = caught(&exchange, &sealed, &changed).unwrap_or_else(|cause| panic!("{what}: {cause}"));
        assert!(told.contains(said), "{what}: {told:?}");
    }
}

#[test]
fn what_sops_refuses_we_refuse() {
    for mac_only in [false, true] {
        let exchange = kubernetes(mac_only);
        let sealed = text(&exchange.sops(&["encrypt"], PLAIN.as_bytes()).expect("sops seals"));
        let line =
            |key: &str| sealed.lines().find(|l| l.trim_start().starts_with(key)).expect(key).to_owned();
        let (user, password) = (line("user:"), line("password:"));
        for (what, changed, covered) in [
            ("a plain value edited", sealed.replacen("name: db", "name: other", 1), !mac_only),
            (
                "plain items swapped",
                sealed
                    .replacen("- x\n", "- z\n", 1)
                    .replacen("- y\n", "- x\n", 1)
                    .replacen("- z\n", "- y\n", 1),
                !mac_only,
            ),
            ("a sealed key renamed", sealed.replacen("    user:", "    user2:", 1), true),
            ("a sealed key moved", sealed.replacen("    user:", "    password2:", 1), true),
            (
                "sealed keys reordered",
                sealed.replacen(&user, "@@", 1).replacen(&password, &user, 1).replacen("@@", &password, 1),
                true,
            ),
            ("a value left in the clear", sealed.replacen(&user, "    user: ana", 1), true),
        ] {
            assert_ne!(changed, sealed, "{what}");
            let theirs = exchange.sops(&["decrypt"], changed.as_bytes());
            assert_eq!(theirs.is_err(), covered, "{what} (mac_only_encrypted: {mac_only}): {theirs:?}");
            match caught(&exchange, &sealed, &changed) {
                Err(cause) => assert!(covered && !cause.is_empty(), "{what}: {cause}"),
                Ok(told) => {
                    assert!(!covered && told.contains("changed by hand behind the MAC"), "{what}: {told:?}");
                }
            }
        }
    }
}

/// Files that sops writes with a MAC that fits, a status of 0 and nothing sealed.
#[test]
fn files_that_are_sealed_in_name_only_are_never_made_and_always_found() {
    for (extension, selector, plain) in [
        ("yaml", "^(data|stringData$", PLAIN),
        ("yaml", "^(?!metadata)", PLAIN),
        ("yaml", "^stringdata$", PLAIN),
        ("yaml", "^(data | stringData)$", PLAIN),
        ("json", "^secret$", "{\"kind\": \"Secret\", \"stringData\": {\"a\": \"b\"}}"),
        ("env", KUBERNETES, "PASSWORD=hunter2\n"),
        ("ini", "^(password)$", "[db]\nPassword = hunter2\n"),
    ] {
        let exchange = exchange(extension, &format!("    encrypted_regex: '{selector}'\n"));
        let name = exchange.name();
        let theirs = exchange.sops(&["encrypt"], plain.as_bytes()).expect("sops says that all is well");
        let shown = text(&theirs);
        assert_eq!(shown.matches("ENC[").count(), 1, "{selector}: only the MAC is sealed\n{shown}");
        assert!(exchange.sops(&["decrypt"], &theirs).is_ok(), "{selector}");
        let status = text(&exchange.sops(&["filestatus"], &theirs).expect("sops answers"));
        assert!(status.contains("\"encrypted\":true"), "{status}");
        let ours = seal::seal_plain(plain.as_bytes(), &name, &exchange.rules, 0);
        assert!(ours.is_err_and(|p| !p.next.is_empty()), "{selector}: we make no such file");
        let told = seal::verify(&theirs, &name, &exchange.ring);
        assert!(told.is_err(), "{selector}: we take it for sealed");
    }
}

/// What sops drops or cannot read again is refused before anything is written.
#[test]
fn files_that_sops_would_spoil_are_refused_by_name() {
    let exchange = exchange("ini", "");
    for (plain, said) in [
        ("[a]\nkey = one\nkey = two\n", "a key that stands twice"),
        ("[a]\n- = numbered\n", "cannot be read as INI"),
    ] {
        let theirs = exchange.sops(&["encrypt"], plain.as_bytes()).expect("sops says that all is well");
        let back = exchange.sops(&["decrypt"], &theirs).map(|b| text(&b)).unwrap_or_default();
        let is_whole = back.contains("numbered") || (back.contains("one") && back.contains("two"));
        assert!(!is_whole, "{back}");
        let refused =
            seal::seal_plain(plain.as_bytes(), &exchange.name(), &exchange.rules, 0).expect_err("refused");
        assert!(refused.cause.contains(said), "{refused}");
    }
}
