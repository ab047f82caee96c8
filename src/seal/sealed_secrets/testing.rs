//! What the tests of SealedSecrets share: certificates that guard nothing, and the opening that only a controller does.

use super::{Certificate, Identity, Scope, SealedSecret, sealed_secrets};
use crate::seal::Edit;
use crate::secret::SecretText;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::sha2::Sha256;
use rsa::{Oaep, RsaPrivateKey};
use std::sync::LazyLock;

pub(super) const CONTROLLER: &str = include_str!("../../../keys/sealed-secrets/controller.crt");
pub(super) const OTHER: &str = include_str!("../../../keys/sealed-secrets/other-cluster.crt");
pub(super) const EXPIRED: &str = include_str!("../../../keys/sealed-secrets/expired.crt");
pub(super) const WEAK: &str = include_str!("../../../keys/sealed-secrets/weak-1024.crt");
pub(super) const EC: &str = include_str!("../../../keys/sealed-secrets/ec.crt");
pub(super) const WEB: &str = include_str!("../../../keys/sealed-secrets/web-server.crt");
pub(super) const PRIVATE: &str = include_str!("../../../keys/sealed-secrets/controller.key");
pub(super) const FILE: &str = "apps/db/sealed.yaml";

pub(super) fn controller() -> Certificate {
    Certificate::read(CONTROLLER.as_bytes(), "cert.pem").expect("a certificate")
}

pub(super) fn set(key: &str, value: &str) -> Edit {
    Edit::Set { key: key.to_owned(), value: SecretText::from_string(value.to_owned()) }
}

pub(super) fn identity() -> Identity {
    Identity::new("shop", "db")
}

pub(super) fn only(bytes: &[u8]) -> SealedSecret {
    let mut found = sealed_secrets(FILE, bytes);
    assert_eq!(found.len(), 1, "one SealedSecret");
    found.remove(0)
}

/// The text of a sealed key as the file has it.
pub(super) fn ciphertext(bytes: &[u8], key: &str) -> String {
    let documents = crate::seal::open::documents(bytes, FILE).map_err(|e| e.0).expect("YAML");
    let objects = documents.iter().filter(|object| super::object::is_sealed_secret(object));
    let mut found = objects.filter_map(|object| object.at_path(&["spec", "encryptedData", key])?.as_str());
    found.next().expect("the key is there").to_owned()
}

/// Opens a value as the controller does: its own metadata give the label.
pub(super) fn opened(text: &str, scope: Scope, identity: &Identity) -> Option<Vec<u8>> {
    static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
        let lines: String = PRIVATE.lines().filter(|line| !line.starts_with(['#', '-'])).collect();
        RsaPrivateKey::from_pkcs1_der(&STANDARD.decode(lines).expect("base64")).expect("a key")
    });
    let bytes = STANDARD.decode(text).ok()?;
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (sealed_key, body) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let padding = Oaep::new_with_label::<Sha256, _>(scope.label(identity));
    let session = KEY.decrypt(padding, sealed_key).ok()?;
    Aes256Gcm::new_from_slice(&session).ok()?.decrypt(&Nonce::default(), body).ok()
}
