//! Certificates and SealedSecrets that are wrong in every way we know of: each is told with cause and next step, and no value.

use super::testing::{CONTROLLER, EC, EXPIRED, FILE, OTHER, PRIVATE, WEAK, WEB, controller, identity, set};
use super::{Certificate, Scope, create, sealed_secrets};
use crate::model::{Problem, Reason, Severity};
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn read(text: &str) -> Result<Certificate, Problem> {
    Certificate::read(text.as_bytes(), "cert.pem")
}

/// What is said at a time after the certificate's first moment.
fn said(text: &str, after: i64) -> Vec<(Severity, String)> {
    let certificate = read(text).expect("it can be read");
    let problems = certificate.problems(certificate.not_before + after);
    assert!(problems.iter().all(|problem| !problem.next.is_empty()));
    problems.into_iter().map(|problem| (problem.severity, problem.cause)).collect()
}

#[test]
fn a_fresh_certificate_is_good_and_an_old_one_is_told() {
    assert_eq!(said(CONTROLLER, DAY), []);
    let stale = said(CONTROLLER, 31 * DAY);
    assert!(
        matches!(stale.as_slice(), [(Severity::Note, cause)] if cause.contains("31 days ago")),
        "{stale:?}"
    );
    let early = said(CONTROLLER, -DAY);
    assert!(
        matches!(early.as_slice(), [(Severity::Error, cause)] if cause.contains("not valid before")),
        "{early:?}"
    );
    let late = said(CONTROLLER, 366 * 100 * DAY);
    assert!(
        matches!(late.as_slice(), [(Severity::Error, cause)] if cause.contains("has expired")),
        "{late:?}"
    );
    let expired = said(EXPIRED, 2 * DAY);
    assert!(
        expired
            .iter()
            .any(|(severity, cause)| *severity == Severity::Error
                && cause.contains("has expired on 2026-11-20"))
    );
}

#[test]
fn weak_and_foreign_certificates_are_told() {
    let weak = said(WEAK, DAY);
    assert!(matches!(weak.as_slice(), [(Severity::Error, cause)] if cause.contains("1024 bits")), "{weak:?}");
    let web = said(WEB, DAY);
    assert!(
        matches!(web.as_slice(), [(Severity::Warning, cause)] if cause.contains("web server")),
        "{web:?}"
    );
    assert!(read(CONTROLLER).is_ok_and(|it| it.of_controller) && read(WEB).is_ok_and(|it| !it.of_controller));
    let (one, other) = (read(CONTROLLER).expect("read"), read(OTHER).expect("read"));
    assert!(one.fingerprint != other.fingerprint && one.short() != other.short());
    let ec = read(EC).err().expect("refused");
    assert!(ec.cause.contains("elliptic curve") && ec.reason == Reason::Config, "{ec}");
}

#[test]
fn pem_with_junk_is_read_and_damaged_pem_is_told() {
    let junk = format!(
        "Bag Attributes\n\u{1b}[31m friendlyName: x\n{PRIVATE}\n{}\ntrailing\n",
        CONTROLLER.replace('\n', "\r\n")
    );
    assert_eq!(read(&junk).expect("read").fingerprint, controller().fingerprint);
    let two = said(&format!("{CONTROLLER}{OTHER}"), DAY);
    assert!(two.iter().any(|(_, cause)| cause.contains("holds 2 certificates")), "{two:?}");
    let cut = &CONTROLLER[..CONTROLLER.len() - 40];
    let flipped = CONTROLLER.replacen("MII", "MIJ", 1);
    let hole = CONTROLLER.replacen("\nMII", "\n!MII", 1);
    let cases = [
        ("", "holds no certificate"),
        ("no PEM at all", "holds no certificate"),
        (PRIVATE, "a private key and no certificate"),
        (cut, "cut off"),
        (&hole, "cut off, or its PEM is damaged"),
        (&flipped, "it is no X.509"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "it is no X.509"),
    ];
    for (text, wanted) in cases {
        let problem = read(text).err().expect("refused");
        assert!(problem.cause.contains(wanted), "{problem}");
        assert!(problem.next.contains("kubeseal --fetch-cert"), "{problem}");
    }
    let long = "x".repeat(2 << 20);
    assert!(read(&long).is_err_and(|problem| problem.cause.contains("too large")));
}

fn object(annotations: &str, spec: &str) -> String {
    format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: db\n  namespace: shop\n{annotations}spec:\n{spec}"
    )
}

fn told(text: &str) -> Vec<Problem> {
    sealed_secrets(FILE, text.as_bytes()).into_iter().flat_map(|sealed| sealed.problems).collect()
}

#[test]
fn what_is_sealed_in_name_only_is_found_without_its_value() {
    for value in ["canary-4711", "Y2FuYXJ5LTQ3MTE=", "AgBcanary4711", "\"\"", "{a: canary-4711}", "AgA="] {
        let found = told(&object("", &format!("  encryptedData:\n    a: {value}\n")));
        assert_eq!(found.len(), 1, "{value}");
        assert!(
            found[0].reason == Reason::Plaintext && found[0].cause.contains("`a` of SealedSecret shop/db")
        );
        assert_eq!(found[0].place.as_ref().map(|place| place.line), Some(8));
        assert!(!format!("{found:?}").contains("canary"));
    }
    assert_eq!(told(&object("", "  encryptedData:\n    a: ${SEALED}\n")), []);
    let cut = create(FILE, &identity(), Scope::Strict, &controller(), vec![set("a", "x")]).expect("made");
    let cut = super::testing::ciphertext(&cut, "a")[..200].to_owned();
    assert!(told(&object("", &format!("  encryptedData:\n    a: {cut}\n")))[0].cause.contains("cut off"));
}

#[test]
fn what_breaks_a_seal_is_told() {
    let made = create(FILE, &identity(), Scope::Strict, &controller(), vec![set("a", "x")]).expect("made");
    let made = String::from_utf8(made).expect("text");
    assert_eq!(told(&made), []);
    let foreign = |text: &str| {
        let found = sealed_secrets(FILE, text.as_bytes());
        found[0].is_foreign_to(&found[0].identity)
    };
    assert!(!foreign(&made) && foreign(&made.replacen("name: db", "name: database", 1)));
    assert!(foreign(&made.replacen("namespace: shop", "namespace: bank", 1)));
    // A file may leave its namespace to others.
    assert!(!foreign(&made.replacen("  namespace: shop\n", "", 1)));
    assert!(foreign(&made.replacen("  namespace: shop\n", "", 1).replacen("name: db", "name: database", 1)));
    let wide = made.replacen(
        "  name: db",
        "  annotations: {sealedsecrets.bitnami.com/namespace-wide: \"true\"}\n  name: db",
        1,
    );
    assert!(told(&wide)[0].cause.contains("would change its scope"), "{:?}", told(&wide));
    let old = object("", "  data: AgAAAA\n");
    assert!(told(&old)[0].cause.contains("no longer opens"));
    let copy = object(
        "",
        "  encryptedData: {}\n  template:\n    metadata:\n      annotations:\n        \
         kubectl.kubernetes.io/last-applied-configuration: '{\"stringData\":{\"a\":\"canary-4711\"}}'\n",
    );
    let found = told(&copy);
    assert!(
        found.len() == 1 && found[0].reason == Reason::Plaintext && !format!("{found:?}").contains("canary")
    );
    let nameless = made.replacen("  name: db\n", "", 1);
    assert!(told(&nameless).iter().any(|problem| problem.cause.contains("has no name")));
}

#[test]
fn other_kinds_of_that_name_are_none() {
    let text = object("", "  encryptedData: {a: b}\n").replace("bitnami.com", "example.com");
    assert!(sealed_secrets(FILE, text.as_bytes()).is_empty());
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}",
        object("", "  encryptedData: {a: b}\n").replace('\n', "\n  ")
    );
    let found = sealed_secrets(FILE, list.as_bytes());
    assert!(found.len() == 1 && found[0].ordinal.is_none());
    let edited =
        super::edit(list.as_bytes(), FILE, &found[0], &identity(), &controller(), vec![set("a", "x")]);
    assert!(edited.is_err_and(|problem| problem.reason == Reason::NotSupported));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A byte of a certificate changed anywhere, or a piece of it cut out: it is read or refused, and nothing stops us.
    #[test]
    fn damaged_certificates_are_read_or_refused(at in 0usize..1300, byte in any::<u8>(), cut in 0usize..64) {
        let mut bytes = CONTROLLER.as_bytes().to_vec();
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        let end = (at + cut).min(bytes.len());
        bytes.drain(at..end);
        match Certificate::read(&bytes, "cert.pem") {
            Ok(certificate) => drop(certificate.problems(0)),
            Err(problem) => prop_assert!(!problem.next.is_empty()),
        }
    }
}
