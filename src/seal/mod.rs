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
//! | `open` | the whole file, opened and checked; the opener that rendering asks |
//! | `inspect` | what a sealed file says without being opened |
//! | `edit`, `block`, `leaves` | changing values, making and re-sealing files, without touching anything else |
//! | `merge` | three versions to one, key by key |
//! | `detect` | secrets in the clear |

mod block;
mod cipher;
mod detect;
mod edit;
mod inspect;
mod keys;
mod leaves;
mod merge;
mod metadata;
mod open;
mod rules;
mod value;

pub use cipher::{CipherError, DataKey, Sealed, ValueType};
pub use detect::findings;
pub use edit::{Edit, create, edit, reseal};
pub use inspect::{SealedInfo, format_of, inspect};
pub use keys::{KeySources, Keyring, RecipientError, UnusableSource, parse_recipient, wrap};
pub use merge::{MergeError, merge};
pub use metadata::{Metadata, Wrapped};
pub use open::{KeyringOpener, OpenFile, open, verify};
pub use rules::{Recipient, Rule, Rules, Selector};
