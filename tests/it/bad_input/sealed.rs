//! Bad input: sealed files that do not open or were tampered with. Each is told with its line, and the rest renders.

use super::{kept, said, told};
use crate::journeys::FILE;
use crate::sandbox::Sandbox;
use sealane::demo::{DemoRepository, OPERATOR};
use std::path::{Path, PathBuf};

/// A repository whose sealed file was changed like this, and committed.
fn repository(
    sandbox: &mut Sandbox,
    identity: Option<&str>,
    change: impl Fn(&str) -> String,
) -> (PathBuf, String) {
    if let Some(identity) = identity {
        sandbox.more.push(("SOPS_AGE_KEY".to_owned(), identity.to_owned()));
    }
    let fleet = DemoRepository::create(sandbox.folder()).expect("made").clone;
    let file = fleet.join(FILE);
    let before = std::fs::read_to_string(&file).expect("text");
    let after = change(&before);
    if before != after {
        std::fs::write(&file, &after).expect("written");
        sandbox.git(&fleet, &["commit", "-q", "-am", "by hand"]);
    }
    (fleet, after)
}

/// The place of the line that holds this text.
fn place(text: &str, what: &str) -> String {
    let line = text.lines().position(|line| line.contains(what)).expect("there") + 1;
    format!("{FILE}:{line}: ")
}

/// `status` and `seal` tell it with place and next step, everything that needs no key renders, and nothing is written.
fn is_told(sandbox: &Sandbox, fleet: &Path, place: &str, cause: &str, next: &str) {
    let before = kept(fleet);
    let (status, code) = said(sandbox, fleet, &["status", "--no-cluster"]);
    assert_eq!(code, 3, "{status}");
    told(&status, &[place, cause, &format!("next: {next}")]);
    for words in [["dev ", "8 of 9"], ["staging ", "7 of 8"], ["prod ", "7 of 8"]] {
        told(&status, &words);
    }
    let (doctor, _) = said(sandbox, fleet, &["doctor"]);
    told(&doctor, &[place, cause, next]);
    let words = ["seal", FILE, "--remove", "password", "--commit", "--no-cluster"];
    let (refused, code) = said(sandbox, fleet, &words);
    assert_eq!(code, 3, "{refused}");
    told(&refused, &[place, cause, &format!("next: {next}")]);
    let (rendered, _) = said(sandbox, fleet, &["render", "--no-cluster", "--environment", "prod"]);
    for name in ["cart", "front", "checkout", "pay"] {
        assert!(
            rendered.contains(&format!("kind: Deployment\nmetadata:\n  labels:\n    app: {name}\n"))
                || rendered.contains(&format!("name: {name}\n")),
            "{name}\n{rendered}"
        );
    }
    assert!(rendered.contains("7 of 8") && rendered.contains("name: cart-db"), "{rendered}");
    assert_eq!(kept(fleet), before);
}

const IDENTITY: &str = "put an identity where sops looks (SOPS_AGE_KEY_FILE), or ask one of the recipients";
const COMPARE: &str =
    "compare with the last commit that was right; `git log` on the file shows who changed it";

#[test]
fn without_an_identity_everything_else_renders() {
    let mut sandbox = Sandbox::new();
    let (fleet, text) = repository(&mut sandbox, None, str::to_owned);
    is_told(
        &sandbox,
        &fleet,
        &place(&text, "    age:"),
        "no age identity was found; it is sealed for age1",
        IDENTITY,
    );
}

#[test]
fn with_a_wrong_identity_everything_else_renders() {
    let mut sandbox = Sandbox::new();
    let wrong = include_str!("../../../keys/demo-flux-dev.agekey");
    let (fleet, text) = repository(&mut sandbox, Some(wrong), str::to_owned);
    let cause = "no age identity at hand opens it; it is sealed for age1";
    is_told(&sandbox, &fleet, &place(&text, "    age:"), cause, IDENTITY);
    // What this identity may read is opened as ever.
    let (text, code) = said(
        &sandbox,
        &fleet,
        &["seal", "apps/cart/overlays/dev/db.sops.yaml", "--remove", "password", "--no-cluster"],
    );
    assert!(code <= 3 && text.contains("nothing written"), "{code} {text}");
}

#[test]
fn a_damaged_mac_is_told_and_everything_else_renders() {
    let mut sandbox = Sandbox::new();
    let damage =
        |text: &str| text.replacen("    mac: ENC[AES256_GCM,data:", "    mac: ENC[AES256_GCM,data:AAAA", 1);
    let (fleet, text) = repository(&mut sandbox, Some(OPERATOR), damage);
    is_told(
        &sandbox,
        &fleet,
        &place(&text, "    age:"),
        "the MAC: this sealed value was edited or moved",
        COMPARE,
    );
}

#[test]
fn edited_ciphertext_is_told_with_its_key_and_everything_else_renders() {
    let mut sandbox = Sandbox::new();
    let damage =
        |text: &str| text.replacen("password: ENC[AES256_GCM,data:", "password: ENC[AES256_GCM,data:AAAA", 1);
    let (fleet, text) = repository(&mut sandbox, Some(OPERATOR), damage);
    let cause = "`stringData.password`: this sealed value was edited or moved: its tag does not fit its key and place";
    is_told(&sandbox, &fleet, &place(&text, "password: ENC"), cause, COMPARE);
}

#[test]
fn metadata_of_an_unknown_version_is_told_and_everything_else_renders() {
    let mut sandbox = Sandbox::new();
    let (fleet, text) =
        repository(&mut sandbox, Some(OPERATOR), |t| t.replacen("version: 3.13.3", "version: 4.0.0", 1));
    let next = "open it with that version of sops, or look for a newer Sealane";
    is_told(
        &sandbox,
        &fleet,
        &place(&text, "    age:"),
        "sealed by sops 4.0.0, a version whose format is not known",
        next,
    );
}

#[test]
fn files_sealed_with_pgp_or_a_kms_only_are_told_and_everything_else_renders() {
    for field in ["pgp", "kms", "gcp_kms", "azure_kv", "hc_vault"] {
        let mut sandbox = Sandbox::new();
        let other = |text: &str| {
            let (start, end) =
                (text.find("    age:").expect("a block"), text.find("    encrypted_regex:").expect("there"));
            format!("{}    {field}:\n        - enc: x\n{}", &text[..start], &text[end..])
        };
        let (fleet, text) = repository(&mut sandbox, Some(OPERATOR), other);
        let next = "open it with `sops` where its key is, or have somebody who can add an age recipient";
        let cause = format!("it is sealed with 1 {field} only, which Sealane cannot use");
        is_told(&sandbox, &fleet, &place(&text, &format!("    {field}:")), &cause, next);
    }
}
