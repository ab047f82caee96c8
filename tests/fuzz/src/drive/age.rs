//! age files with and without armor, files of identities, and recipients. The first byte says which.
use sealane::seal::{self, DataKey, Keyring};
use std::sync::LazyLock;

static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let mut ring = Keyring::default();
    ring.add_text(include_str!("../../../../keys/demo-ops.agekey"), "one");
    ring.add_text(include_str!("../../../../keys/tests/pq.agekey"), "two");
    ring.add_text(include_str!("../../../../keys/tests/ssh-ed25519"), "three");
    ring
});
/// What a file may hold.
const LIMIT: usize = 1 << 16;

/// One input.
pub fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    match first % 3 {
        0 => opened(bytes),
        1 => identities(&String::from_utf8_lossy(bytes)),
        _ => recipients(&String::from_utf8_lossy(bytes)),
    }
}

fn opened(bytes: &[u8]) {
    let (held, outcome) = RING.open_age(bytes, None, LIMIT);
    assert!(held.expose_secret().len() <= LIMIT);
    // With a byte behind it no file is whole any more.
    if outcome.is_ok() && !bytes.starts_with(b"-----") {
        assert!(RING.open_age(&[bytes, b"x"].concat(), None, LIMIT).1.is_err());
    }
    let _ = RING.unwrap(&String::from_utf8_lossy(bytes)).map(drop);
}

/// Whoever is told as a recipient can be wrapped for.
fn identities(text: &str) {
    let mut ring = Keyring::default();
    ring.add_text(text, "fuzz");
    let _ = (ring.locked(), ring.plugin_identities());
    let told: Vec<String> = ring.recipients().map(|(recipient, _)| recipient.to_owned()).collect();
    for recipient in told.iter().filter(|recipient| !recipient.is_empty()) {
        recipients(recipient);
    }
}

fn recipients(text: &str) {
    if seal::parse_recipient(text).is_ok()
        && let Ok(armored) = seal::wrap(&DataKey::from_bytes(&[7; 32]).expect("a key's length"), text)
    {
        assert!(armored.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
    }
}
