//! The five stores of SOPS and both of its JSON envelopes, without and with an identity, and what edits and seals again the
//! files that they open. The first byte chooses the store.
use sealane::model::{Opener as _, SealedFormat};
use sealane::seal::{self, Edit, Keyring, KeyringOpener, Rules};
use sealane::secret::SecretText;
use std::sync::{Arc, LazyLock};

fn ring() -> Keyring {
    let mut ring = Keyring::default();
    ring.add_text(include_str!("../../../../keys/demo-ops.agekey"), "fuzz");
    ring
}

static OPS: LazyLock<Keyring> = LazyLock::new(ring);
static OPENER: LazyLock<KeyringOpener> = LazyLock::new(|| KeyringOpener::new(Arc::new(ring())));
static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::parse(include_bytes!("../../../../src/demo/sealed/rules.yaml"), ".sops.yaml"));
/// Everything of a file is sealed, so that every byte of it goes through the cipher.
static ALL: LazyLock<Rules> = LazyLock::new(|| {
    let ring = ring();
    let recipient = ring.recipients().next().expect("an identity").0.to_owned();
    Rules::parse(format!("creation_rules: [{{age: {recipient}}}]\n").as_bytes(), ".sops.yaml")
});
const FILES: [(&str, SealedFormat); 7] = [
    ("apps/cart/overlays/prod/db.sops.yaml", SealedFormat::Yaml),
    ("apps/cart/overlays/prod/db.sops.json", SealedFormat::Json),
    ("a.env", SealedFormat::Dotenv),
    ("a.ini", SealedFormat::Ini),
    ("a.pem", SealedFormat::Binary),
    // An envelope under another name, and text that is none.
    ("values.json", SealedFormat::Binary),
    ("no-extension", SealedFormat::Yaml),
];

/// One input.
pub fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (file, format) = FILES[usize::from(*first) % FILES.len()];
    let _ = seal::inspect(file, bytes, &RULES);
    let _ = seal::findings(file, bytes, &RULES);
    let _ = seal::verify(bytes, file, &Keyring::default());
    let _ = seal::unsigned(file, bytes, bytes);
    let _ = Rules::parse(bytes, ".sops.yaml");
    let _ = OPENER.open_file(bytes, file, format).map(drop);
    let _ = seal::import(file, &SecretText::from_vec(bytes.to_vec()), &[]).map(drop);
    if seal::open(bytes, file, &OPS).is_ok() {
        changed(bytes, file);
    } else if let Ok(sealed) = seal::seal_plain(bytes, file, &ALL, 0) {
        assert!(seal::verify(&sealed, file, &OPS).is_ok(), "what was sealed opens");
        changed(&sealed, file);
    }
}

/// What is edited, renamed and sealed again opens.
fn changed(bytes: &[u8], file: &str) {
    let key = || if file == "a.pem" { "data".to_owned() } else { "fuzzed".to_owned() };
    let value = SecretText::from_string("value\nof two lines".to_owned());
    let mut last = bytes.to_vec();
    let is_there = |bytes: &[u8], name: &str| {
        seal::inspect(file, bytes, &RULES).is_some_and(|info| info.keys.iter().any(|(key, _)| &**key == name))
    };
    if let Ok(edited) = seal::edit(&last, file, &OPS, vec![Edit::Set { key: key(), value }], 0) {
        assert!(is_there(&edited, &key()), "what was set is there, sealed");
        last = opening(edited, file);
    }
    let rename = Edit::Rename { key: key(), to: "renamed".to_owned() };
    if let Ok(edited) = seal::edit(&last, file, &OPS, vec![rename], 0) {
        last = opening(edited, file);
    }
    if let Ok(edited) = seal::edit(&last, file, &OPS, vec![Edit::Remove { key: key() }], 0) {
        last = opening(edited, file);
    }
    if let Ok(again) = seal::reseal(&last, file, &OPS, &ALL, 0) {
        assert!(seal::verify(&again, file, &OPS).is_ok(), "what was sealed again opens");
    }
    let _ = seal::rewrap(&last, file, &OPS, &RULES).map(drop);
    let _ = seal::merge(bytes, bytes, &last, file, &OPS, 0).map(drop);
}

fn opening(edited: Vec<u8>, file: &str) -> Vec<u8> {
    assert!(seal::verify(&edited, file, &OPS).is_ok(), "what was edited opens");
    edited
}
