//! A Secret of a cluster with its values, on its way into a sealed file: read when a person asks for it, and by nobody else.

use crate::secret::SecretText;

/// What a Secret is besides its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFrame {
    /// Its namespace; empty if it says none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its type; empty for `Opaque`.
    pub secret_type: String,
    /// Labels that a person gave it.
    pub labels: Vec<(String, String)>,
    /// Annotations that a person gave it.
    pub annotations: Vec<(String, String)>,
    /// True if its values can never change.
    pub immutable: bool,
}

/// A whole Secret. It has no `Debug`, as its values have none.
pub struct LiveSecret {
    /// All but its values.
    pub frame: SecretFrame,
    /// Labels and annotations of controllers and of the server, which are not taken over.
    pub left_out: Vec<String>,
    /// Keys and values, the latter as base64.
    pub values: Vec<(String, SecretText)>,
}
