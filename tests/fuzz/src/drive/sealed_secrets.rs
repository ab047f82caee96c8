//! Certificates; SealedSecrets read, edited and made of Secrets. The first byte chooses the file's format.
use sealane::seal::sealed_secrets::{self, Certificate, Identity, Scope, SealedSecret};
use sealane::seal::{Edit, Keyring};
use sealane::secret::SecretText;
use std::sync::LazyLock;

static CONTROLLER: LazyLock<Certificate> = LazyLock::new(|| {
    let text = include_bytes!("../../../../keys/sealed-secrets/controller.crt");
    Certificate::read(text, "controller.crt").expect("a certificate")
});
static OPS: LazyLock<Keyring> = LazyLock::new(|| {
    let mut ring = Keyring::default();
    ring.add_text(include_str!("../../../../keys/demo-ops.agekey"), "fuzz");
    ring
});
const SCOPES: [Option<Scope>; 4] =
    [None, Some(Scope::Strict), Some(Scope::NamespaceWide), Some(Scope::ClusterWide)];

/// One input.
pub fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    match Certificate::read(bytes, "cert.pem") {
        Ok(certificate) => drop(certificate.problems(i64::from(*first) << 23)),
        Err(problem) => assert!(!problem.next.is_empty()),
    }
    let file = if first & 1 == 0 { "a.yaml" } else { "a.json" };
    let scope = SCOPES[usize::from(first >> 1) % SCOPES.len()];
    let _ = sealed_secrets::secret_names(file, bytes);
    for sealed in sealed_secrets::sealed_secrets(file, bytes) {
        edited(bytes, file, &sealed);
    }
    let named = |identity: &Identity, _: Scope| Ok(identity.clone());
    if let Ok(made) = sealed_secrets::convert(bytes, file, &OPS, &CONTROLLER, scope, &named) {
        let now = sealed_secrets::sealed_secrets(file, &made.bytes);
        assert!(now.len() >= made.objects.len(), "what was converted is there");
    }
}

/// A key that was set is there, sealed; one that was removed is not.
fn edited(bytes: &[u8], file: &str, sealed: &SealedSecret) {
    let value = SecretText::from_string("value\nof two lines".to_owned());
    let set = Edit::Set { key: "fuzzed".to_owned(), value };
    let Ok(text) = sealed_secrets::edit(bytes, file, sealed, &sealed.identity, &CONTROLLER, vec![set]) else {
        return;
    };
    let found = again(&text, file, sealed);
    assert!(
        found.keys.iter().any(|key| &*key.name == "fuzzed" && key.bits.is_some()),
        "what was set is sealed"
    );
    let remove = Edit::Remove { key: "fuzzed".to_owned() };
    if let Ok(text) = sealed_secrets::edit(&text, file, &found, &found.identity, &CONTROLLER, vec![remove]) {
        assert!(
            again(&text, file, sealed).keys.iter().all(|key| &*key.name != "fuzzed"),
            "what was removed is gone"
        );
    }
}

fn again(text: &[u8], file: &str, sealed: &SealedSecret) -> SealedSecret {
    let all = sealed_secrets::sealed_secrets(file, text);
    all.into_iter().find(|one| one.ordinal == sealed.ordinal).expect("it is still there")
}
