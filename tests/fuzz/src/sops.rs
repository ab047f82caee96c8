//! The SOPS reader, without and with an identity, and what edits the files that it opens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealane::seal::{self, Keyring, Rules};
use std::sync::LazyLock;

static OPS: LazyLock<Keyring> = LazyLock::new(|| {
    let mut ring = Keyring::default();
    ring.add_text(include_str!("../../../keys/demo-ops.agekey"), "fuzz");
    ring
});
static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::parse(include_bytes!("../../../src/demo/sealed/rules.yaml"), ".sops.yaml"));
const FILE: &str = "apps/cart/overlays/prod/db.sops.yaml";

fuzz_target!(|bytes: &[u8]| {
    for file in [FILE, "apps/cart/overlays/prod/db.sops.json", "a.env"] {
        let _ = seal::inspect(file, bytes, &RULES);
        let _ = seal::findings(file, bytes, &RULES);
        let _ = seal::verify(bytes, file, &Keyring::default());
    }
    let _ = Rules::parse(bytes, ".sops.yaml");
    if seal::open(bytes, FILE, &OPS).is_ok() {
        let again = seal::reseal(bytes, FILE, &OPS, &RULES, 0);
        if let Ok(again) = again {
            assert!(seal::verify(&again, FILE, &OPS).is_ok(), "what was sealed again opens");
        }
    }
});
