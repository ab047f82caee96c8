//! SealedSecrets of Bitnami's sealed-secrets controller: sealed here, opened in the cluster alone (secrets.md 3).
//!
//! | file | job |
//! | --- | --- |
//! | `certificate` | the controller's public key, and whether it may be sealed for |
//! | `scope` | under which name and in which namespace a value opens |
//! | `envelope` | one sealed value |
//! | `object` | what SealedSecrets say without being opened, and what is wrong with them |
//! | `edit` | keys set and removed, everything else kept to the byte |
//! | `plain` | Secrets read in the clear or out of SOPS, to be sealed |
//! | `create` | a SealedSecret's text |
//! | `convert` | Secrets to SealedSecrets where they stand |

#[cfg(test)]
mod bad_input;
mod certificate;
mod convert;
mod create;
mod edit;
mod envelope;
mod object;
mod plain;
mod scope;
#[cfg(test)]
mod testing;

pub use certificate::{Certificate, FETCH};
pub use convert::{Converted, convert};
pub use create::create;
pub use edit::edit;
pub use object::{SealedKey, SealedSecret, sealed_secrets};
pub(super) use object::{findings, is_sealed_secret};
pub use plain::{SecretNames, secret_names};
pub use scope::Scope;

use std::fmt;
use std::sync::Arc;

/// Namespace and name: what a strict value is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The namespace; empty where a file leaves it to others.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Identity {
    /// Of both parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = if self.namespace.is_empty() { "(no namespace)" } else { &self.namespace };
        f.write_str(&crate::model::clean(&format!("{namespace}/{}", self.name)))
    }
}
