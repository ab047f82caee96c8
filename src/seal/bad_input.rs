//! Sealed files that are wrong in every way we know of: each is told with cause, place and next step, and no value.

use super::testing::{CART, DEV, FILE, OPS, ring, rules, set};
use super::*;
use crate::model::{Opener as _, Problem, Reason, SealedFormat};
use crate::yaml::source::one_line;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::sync::Arc;

const SEALED: [&str; 4] = [
    CART,
    include_str!("../demo/sealed/cart-dev-1.yaml"),
    include_str!("../demo/sealed/pay-prod-2.yaml"),
    include_str!("../demo/sealed/pay-staging-1.yaml"),
];
const CANARY: &str = "canary-4711";

/// What opening says, with its place at `line`, and a next step.
fn told(text: &str, keys: &str, line: Option<u32>) -> Problem {
    let Err(problem) = verify(text.as_bytes(), FILE, &ring(keys)) else { panic!("it opened:\n{text}") };
    let place = problem.place.clone().expect("a place");
    assert_eq!(&*place.file, FILE);
    if let Some(line) = line {
        assert_eq!(place.line, line, "{problem}");
    }
    assert!(!problem.next.is_empty(), "{problem} has no next step");
    problem
}

/// The number of the line that holds this text.
fn line_of(text: &str, what: &str) -> Option<u32> {
    let index = text.lines().position(|line| line.contains(what))?;
    u32::try_from(index + 1).ok()
}

#[test]
fn no_age_identity_is_told_with_who_could_open_it() {
    let problem = told(CART, "", line_of(CART, "    age:"));
    assert_eq!(problem.reason, Reason::NeedsKey);
    assert!(problem.cause.starts_with("no age identity was found; it is sealed for age1"), "{problem}");
    assert!(problem.next.contains("SOPS_AGE_KEY_FILE"));
}

#[test]
fn a_wrong_identity_is_told() {
    let problem = told(CART, DEV, line_of(CART, "    age:"));
    assert_eq!(problem.reason, Reason::NeedsKey);
    assert!(problem.cause.starts_with("no age identity at hand opens it"), "{problem}");
}

#[test]
fn a_damaged_mac_is_told() {
    let mac = CART.lines().find(|l| l.trim().starts_with("mac:")).expect("a MAC");
    let line = line_of(CART, "    age:");
    for (damaged, said) in [
        (mac.replacen("data:", "data:AAAA", 1), "the MAC: this sealed value"),
        ("    mac: gone".to_owned(), "the MAC: this is not a value that SOPS sealed"),
        ("    mac: \"\"".to_owned(), "has no MAC"),
    ] {
        let problem = told(&CART.replace(mac, &damaged), OPS, line);
        assert_eq!(problem.reason, Reason::SealBroken);
        assert!(problem.cause.contains(said), "{problem}");
    }
    let later = CART.replace("lastmodified: \"2026", "lastmodified: \"2027");
    assert!(told(&later, OPS, line).cause.contains("the MAC"));
}

#[test]
fn edited_ciphertext_is_told_with_its_key() {
    let line = CART.lines().find(|l| l.contains("password: ENC")).expect("a password");
    for (from, to, said) in [
        ("data:", "data:AAAA", "its tag does not fit"),
        ("tag:", "tag:!", "it cannot be taken apart"),
        ("type:str", "type:odd", "a type that is not known"),
        ("iv:", "iv:AAAA", "a nonce of a length"),
    ] {
        let damaged = CART.replace(line, &line.replacen(from, to, 1));
        let problem = told(&damaged, OPS, line_of(CART, "password: ENC"));
        assert_eq!(problem.reason, Reason::SealBroken);
        assert!(problem.cause.contains("`stringData.password`") && problem.cause.contains(said), "{problem}");
    }
}

#[test]
fn metadata_of_an_unknown_version_is_told() {
    for (version, said, reason) in [
        ("version: 4.0.0", "sealed by sops 4.0.0, a version", Reason::NotSupported),
        ("version: next", "sealed by sops next, a version", Reason::NotSupported),
        ("version: \"\"", "has no version", Reason::SealBroken),
    ] {
        let problem = told(&CART.replace("version: 3.13.3", version), OPS, line_of(CART, "    age:"));
        assert!(problem.cause.contains(said), "{problem}");
        assert_eq!(problem.reason, reason);
    }
    assert!(verify(CART.replace("version: 3.13.3", "version: 3.7.1").as_bytes(), FILE, &ring(OPS)).is_ok());
}

#[test]
fn files_sealed_with_pgp_or_a_kms_only_are_told_as_such() {
    let start = CART.find("    age:").expect("the block");
    let end = CART.find("    encrypted_regex:").expect("the selector");
    for (field, said) in [("pgp", "1 pgp only"), ("kms", "1 kms only"), ("azure_kv", "1 azure_kv only")] {
        let text = format!("{}    {field}:\n        - enc: x\n{}", &CART[..start], &CART[end..]);
        let problem =
            told(&text, OPS, Some(u32::try_from(CART[..start].lines().count() + 1).expect("a line")));
        assert_eq!(problem.reason, Reason::NeedsKey);
        assert!(problem.cause.contains(said) && problem.next.contains("sops"), "{problem}");
        let info = inspect(FILE, text.as_bytes(), &rules()).expect("it is a sealed file");
        assert_eq!(info.foreign, [Arc::from(field)]);
    }
}

#[test]
fn what_cannot_be_sealed_is_told() {
    for (text, said) in [
        ("kind: Secret\nstringData: {a: &x 1, b: *x}\n", "an anchor"),
        ("kind: Secret\nstringData:\n  a: 1\n  a: 2\n", "a key that stands twice"),
        ("kind: Secret\nstringData:\n  1: a\n", "a key that is no string"),
        ("kind: Secret\n", "seals nothing"),
        ("{kind: Secret, stringData: {a: b}}\n", "written in `{}`"),
        ("stringData:\n  a: 9223372036854775808\n", "beyond 64 signed bits"),
        ("- a\n", "must be a mapping"),
        (CART, "has a `sops` block already"),
        ("a: [\n", "cannot be read as YAML"),
    ] {
        let Err(problem) = seal_plain(text.as_bytes(), FILE, &rules(), 0) else { panic!("sealed {text}") };
        assert!(problem.cause.contains(said), "{problem}");
        assert!(problem.place.is_some() && !problem.next.is_empty(), "{problem}");
    }
}

/// Everything that `Debug` shows.
struct Said(String);

impl Said {
    fn add(&mut self, what: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{what:?}");
    }
}

/// Whatever is wrong, what stands in the file is not repeated.
#[test]
fn no_message_repeats_a_value() {
    let (ring, rules) = (ring(OPS), rules());
    let mut said = Said(String::new());
    let made = create(FILE, &rules, vec![set("a", CANARY)], 0).expect("made");
    let open = open(&made, FILE, &ring).expect("opens");
    said.add(&(open.documents, open.metadata, inspect(FILE, &made, &rules)));
    for text in [
        format!("stringData:\n  a: *{CANARY}\n"),
        format!("stringData:\n  a: {CANARY}\n\tb: {CANARY}\n"),
        format!("stringData:\n  a: \"{CANARY}\n"),
        format!("stringData: {{a: {CANARY}\n"),
        format!(
            "kind: Secret\napiVersion: v1\nmetadata: {{name: x}}\nstringData:\n  a: {CANARY}\n--- {CANARY}\n"
        ),
        format!("stringData: {CANARY}: {CANARY}\n"),
        format!("stringData:\n  a: !!binary {CANARY}\n"),
        format!("{{\"stringData\": {{\"a\": \"{CANARY}\" \"{CANARY}\"}}"),
        format!(
            "apiVersion: v1\nkind: Secret\nstringData:\n  a: {CANARY}\n{}",
            &CART[CART.find("sops:").expect("a block")..]
        ),
    ] {
        let bytes = text.as_bytes();
        said.add(&seal_plain(bytes, FILE, &rules, 0).map(|_| "sealed"));
        said.add(&verify(bytes, FILE, &ring));
        let found = findings(FILE, bytes, &rules);
        said.add(&found.into_iter().map(|exposure| exposure.problem).collect::<Vec<_>>());
        said.add(&inspect(FILE, bytes, &rules));
        said.add(&edit(bytes, FILE, &ring, vec![set("a", CANARY)], 0).map(|_| "edited"));
        said.add(&merge(bytes, &made, bytes, FILE, &ring, 0).map(|_| "merged"));
        said.add(&reseal(bytes, FILE, &ring, &rules, 0).map(|_| "again"));
        said.add(&create(FILE, &rules, vec![set("", CANARY), set("a", CANARY)], 0).map(|_| "made"));
    }
    let edited = edit(&made, FILE, &ring, vec![set("kind", CANARY), set("metadata", CANARY)], 0);
    said.add(&edited.map(|_| "edited"));
    let mine = edit(&made, FILE, &ring, vec![set("a", &format!("{CANARY}-1"))], 0).expect("edited");
    let other = edit(&made, FILE, &ring, vec![set("a", &format!("{CANARY}-2"))], 0).expect("edited");
    said.add(&merge(&made, &mine, &other, FILE, &ring, 0).map(|_| "merged"));
    let mut keys = Keyring::default();
    keys.add_text(&format!("AGE-SECRET-KEY-1{CANARY}\nAGE-PLUGIN-{CANARY}\n{CANARY}\n"), "keys.txt");
    said.add(&(&keys.unusable, keys.recipients().collect::<Vec<_>>()));
    let said = said.0;
    assert!(!said.contains(CANARY) && said.len() > 2000, "{said}");
}

/// Thousands of damaged files: whatever is said, nothing panics, and nothing that was damaged opens as if it were whole.
#[test]
fn damaged_files_never_panic() {
    let (ring, rules) = (ring(OPS), rules());
    let opener = KeyringOpener::new(Arc::new({
        let mut ring = Keyring::default();
        ring.add_text(OPS, "test");
        ring
    }));
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut dice = move |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from((state >> 11) % sides as u64).unwrap_or(0)
    };
    let letters = b"\0\t\n\r \"'#&*,-:<>?[]{}|~!%@AZaz09=+/\x7f\x80\xc3\xff";
    for round in 0..4000 {
        let mut bytes = SEALED[round % SEALED.len()].as_bytes().to_vec();
        for _ in 0..=dice(3) {
            let at = dice(bytes.len());
            match dice(4) {
                0 => bytes[at] = letters[dice(letters.len())],
                1 => bytes.insert(at, letters[dice(letters.len())]),
                2 => drop(bytes.drain(at..(at + 1 + dice(40)).min(bytes.len()))),
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b'a');
            }
        }
        let _ = inspect(FILE, &bytes, &rules);
        let _ = findings(FILE, &bytes, &rules);
        // The rest needs the data key, which takes longest.
        if round % 4 == 0 {
            let _ = opener.open_file(&bytes, FILE, SealedFormat::Yaml).map(drop);
            if open(&bytes, FILE, &ring).is_ok() {
                let _ = edit(&bytes, FILE, &ring, vec![set("password", "x")], 0);
                let _ = reseal(&bytes, FILE, &ring, &rules, 0);
                let _ = merge(CART.as_bytes(), CART.as_bytes(), &bytes, FILE, &ring, 0);
            }
        } else {
            let _ = open(&bytes, FILE, &Keyring::default());
        }
        let _ = seal_plain(&bytes, FILE, &rules, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_sealed_opens_as_it_was(values in proptest::collection::vec(("[a-z]{1,8}", "\\PC{0,40}"), 1..5)) {
        let mut text = String::from("kind: Secret\nstringData:\n  sure: x\n");
        let mut wanted = vec![("sure".to_owned(), "x".to_owned())];
        for (key, value) in values {
            if wanted.iter().all(|(k, _)| *k != key) {
                text.push_str(&["  ", &one_line(&key), ": ", &one_line(&value), "\n"].concat());
                wanted.push((key, value));
            }
        }
        let sealed = seal_plain(text.as_bytes(), FILE, &rules(), 0).expect("sealed");
        let open = open(&sealed, FILE, &ring(OPS)).expect("opens");
        for (key, value) in wanted {
            let node = open.documents[0].at_path(&["stringData", &key]).expect("the key");
            let found = match &node.value {
                crate::yaml::Value::Secret(crate::secret::SecretLeaf::Text(text)) => text.expose_secret().to_vec(),
                _ => node.scalar_text().unwrap_or_default().as_bytes().to_vec(),
            };
            prop_assert_eq!(found, value.into_bytes());
        }
    }

    #[test]
    fn an_edit_touches_its_value_only(key in "username|password|url", value in "\\PC{1,60}") {
        let edited = edit(CART.as_bytes(), FILE, &ring(OPS), vec![set(&key, &value)], 0).expect("edited");
        let text = String::from_utf8(edited).expect("text");
        let changed: Vec<&str> = CART.lines().zip(text.lines()).filter(|(a, b)| a != b)
            .map(|(a, _)| a.trim().split(':').next().unwrap_or("")).collect();
        prop_assert_eq!(changed, [key.as_str(), "lastmodified", "mac"]);
        prop_assert_eq!(CART.lines().count(), text.lines().count());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|\n){0,200}") {
        let _ = seal_plain(text.as_bytes(), FILE, &rules(), 0);
        let _ = open(text.as_bytes(), FILE, &Keyring::default());
        let _ = findings(FILE, text.as_bytes(), &rules());
    }
}
