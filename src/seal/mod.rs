//! SOPS and age: opens, seals, verifies. Only room that knows the ciphers.
//!
//! "Seal" here means SOPS with age, not Bitnami's SealedSecrets controller.
//!
//! | file | job |
//! | --- | --- |
//! | `cipher` | one value under one data key |
//! | `value` | scalars to the bytes that are sealed and MACed |
//! | `keys` | identities and recipients; wrapping the data key |
//! | `rules` | `.sops.yaml`: who may open what, and which leaves are sealed |
//! | `metadata` | the `sops` block of a file |
//! | `walk` | leaves and comments in file order, and which of them are sealed |
//! | `open` | the whole file, opened and checked |
//! | `opener`, `emit`, `letters` | the opener that rendering asks: objects, and files as `sops decrypt` prints them |
//! | `inspect` | what a sealed file says without being opened |
//! | `edit` | changing values without touching anything else |
//! | `make`, `block` | making and re-sealing files |
//! | `merge` | three versions to one, key by key |
//! | `detect` | secrets in the clear |

#[cfg(test)]
mod bad_input;
mod block;
mod cipher;
mod detect;
mod edit;
mod emit;
mod inspect;
mod keys;
mod letters;
mod make;
mod merge;
mod metadata;
mod open;
mod opener;
mod rules;
#[cfg(test)]
mod testing;
mod value;
mod walk;

pub use cipher::{CipherError, DataKey, Sealed, ValueType};
pub use detect::findings;
pub use edit::{Edit, edit};
pub use inspect::{SealedInfo, format_of, inspect};
pub use keys::{
    AgeError, Ask, KeySources, Keyring, LockedKind, LockedSource, PluginError, PluginSource, Plugins,
    RecipientError, RecipientKind, Shut, UnlockError, UnusableSource, parse_recipient, wrap, wrap_with,
};
pub use make::{create, reseal, seal_plain};
pub use merge::{MergeError, merge};
pub use metadata::{Metadata, Wrapped};
pub use open::{OpenFile, open, verify};
pub use opener::KeyringOpener;
pub use rules::{Recipient, Rule, Rules, Selector};
