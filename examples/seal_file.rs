//! Seals a file for the recipients that `.sops.yaml` names, and opens it again with one of their identities.
//!
//! `cargo run --example seal_file`

use anyhow::anyhow;
use sealane::seal::{self, Keyring, Rules};

const RULES: &str = "creation_rules:
- path_regex: \\.sops\\.yaml$
  encrypted_regex: ^(data|stringData)$
  age: RECIPIENT
";
const FILE: &str = "apps/cart/db.sops.yaml";
const SECRET: &[u8] = b"apiVersion: v1
kind: Secret
metadata:
  name: db
stringData:
  password: not-a-real-one
";

fn main() -> anyhow::Result<()> {
    let mut keyring = Keyring::default();
    // Guards nothing: everybody has it.
    keyring.add_text(include_str!("../keys/demo-ops.agekey"), "keys/demo-ops.agekey");
    let recipient = keyring.recipients().next().ok_or_else(|| anyhow!("the file holds no identity"))?.0;
    let rules = Rules::parse(RULES.replace("RECIPIENT", recipient).as_bytes(), ".sops.yaml");

    let sealed = seal::seal_plain(SECRET, FILE, &rules, 1_700_000_000).map_err(|p| anyhow!("{p}"))?;
    seal::verify(&sealed, FILE, &keyring).map_err(|p| anyhow!("{p}"))?;
    let text = String::from_utf8(sealed)?;
    anyhow::ensure!(text.contains("ENC[AES256_GCM,") && !text.contains("not-a-real-one"), "{text}");
    #[expect(clippy::print_stdout, reason = "an example prints what it found")]
    {
        print!("{text}");
    }
    Ok(())
}
