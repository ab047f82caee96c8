//! What this room's tests share: the demo's keys and rules, and a file that SOPS sealed under them.

use super::{Edit, Keyring, Rules, open};
use crate::secret::{SecretLeaf, SecretText};
use crate::yaml::Value;

/// Opens everything of the demo that is sealed.
pub(super) const OPS: &str = include_str!("../../keys/demo-ops.agekey");
/// Opens what is sealed for the cluster of `dev` alone.
pub(super) const DEV: &str = include_str!("../../keys/demo-flux-dev.agekey");
const RULES: &str = include_str!("../demo/sealed/rules.yaml");
/// Sealed for [`OPS`], not for [`DEV`]: `stringData` with `username` (`cart`), `password` and `url`.
pub(super) const CART: &str = include_str!("../demo/sealed/cart-prod-2.yaml");
/// A path that the rules have a rule for.
pub(super) const FILE: &str = "apps/cart/overlays/prod/db.sops.yaml";

pub(super) fn ring(text: &str) -> Keyring {
    let mut ring = Keyring::default();
    ring.add_text(text, "test");
    ring
}

pub(super) fn rules() -> Rules {
    Rules::parse(RULES.as_bytes(), ".sops.yaml")
}

pub(super) fn set(key: &str, value: &str) -> Edit {
    Edit::Set { key: key.to_owned(), value: SecretText::from_string(value.to_owned()) }
}

/// A key of `stringData` in a file that [`OPS`] opens.
pub(super) fn value(bytes: &[u8], key: &str) -> Option<String> {
    let open = open(bytes, FILE, &ring(OPS)).ok()?;
    match &open.documents[0].at_path(&["stringData", key])?.value {
        Value::Secret(SecretLeaf::Text(text)) => text.expose_secret_str().map(str::to_owned),
        _ => None,
    }
}
