//! SOPS and age: opens, seals, verifies. Only room that knows the ciphers.
//!
//! "Seal" here means SOPS with age; what is sealed for Bitnami's sealed-secrets controller lives in `sealed_secrets`.
//!
//! | file | job |
//! | --- | --- |
//! | `cipher` | one value under one data key |
//! | `value` | scalars to the bytes that are sealed and MACed |
//! | `keys` | identities and recipients; wrapping the data key |
//! | `rules` | `.sops.yaml`: who may open what, and which leaves are sealed |
//! | `metadata`, `flat` | the `sops` block of a file; as lines in dotenv and INI |
//! | `shamir` | a data key in shares, for key groups |
//! | `walk` | leaves and comments in file order, and which of them are sealed |
//! | `open` | the whole file, opened and checked |
//! | `opener`, `emit`, `plain`, `letters` | the opener that rendering asks: objects, and files as `sops decrypt` prints them |
//! | `import` | keys and values out of plain files and sealed ones; random values |
//! | `inspect` | what a sealed file says without being opened |
//! | `laid_open`, `edited`, `scratch` | a sealed file as text for an editor, back again, and the file in memory for it |
//! | `edit`, `place`, `rename` | changing values without touching anything else; where a key stands |
//! | `live` | a Secret of a cluster into a sealed file |
//! | `make`, `new_secret`, `wrapping` | making files, sealing plain ones, sealing again; the data key wrapped for a rule |
//! | `block`, `refresh` | writing the `sops` block; changing it where it stands |
//! | `merge` | three versions to one, key by key |
//! | `held` | what a file holds, as digests, for comparing |
//! | `textconv` | a file for `git diff`: marks instead of values |
//! | `detect` | secrets in the clear |
//! | `sealed_secrets` | SealedSecrets: certificates, scopes, sealing, converting |
//! | `unsigned` | what was changed behind the MAC's back |

#[cfg(test)]
mod bad_input;
mod block;
mod cipher;
mod detect;
mod edit;
mod edited;
mod emit;
mod flat;
mod held;
mod import;
mod inspect;
mod keys;
mod laid_open;
mod letters;
mod live;
mod make;
mod merge;
mod metadata;
mod new_secret;
mod open;
mod opener;
mod place;
mod plain;
mod refresh;
mod rename;
mod rules;
mod scratch;
pub mod sealed_secrets;
mod shamir;
#[cfg(test)]
mod testing;
mod textconv;
mod unsigned;
mod value;
mod walk;
mod wrapping;

pub use cipher::{CipherError, DataKey, Sealed, ValueType};
pub use detect::{Exposure, Kind as ExposureKind, findings, open_lines};
pub use edit::{Edit, edit};
pub use edited::{changed_keys, seal_edited, seal_written};
pub use held::{Held, HeldValue, Needle, held};
pub use import::{copied, copy, generate, import, seal_content, unsealed};
pub use inspect::{SealedInfo, format_of, inspect, readers};
pub use keys::{
    AgeError, Ask, KeySources, Keyring, LockedKind, LockedSource, PluginError, PluginSource, Plugins,
    RecipientError, RecipientKind, Shut, UnlockError, UnusableSource, parse_recipient, wrap, wrap_with,
};
pub use laid_open::lay_open;
pub use live::{create_live, live_edits};
pub use make::{create, reseal, rewrap, seal_plain};
pub use merge::{MergeError, merge};
pub use metadata::{Group, Metadata, Wrapped};
pub use open::{OpenFile, open, verify};
pub use opener::KeyringOpener;
pub use rules::{Recipient, Rule, Rules, Selector};
pub use scratch::{Scratch, ScratchPlaces};
pub use textconv::textconv;
pub use unsigned::unsigned;
