//! The nouns that all rooms share. Plain data: no I/O, no async, no foreign API.
//!
//! | file | nouns |
//! | --- | --- |
//! | `object` | [`ObjectKey`], [`Manifest`], [`Origin`] |
//! | `tree` | [`Tree`]: the files of one revision, whatever holds them; [`ContentId`] |
//! | `commit` | [`CommitId`], [`Commit`], [`Revision`], [`Change`] |
//! | `rendered` | [`Rendered`], [`Producer`], [`Environment`]: what git says |
//! | `live` | [`Live`], [`Manager`], [`Scopes`]: what a cluster says |
//! | `live_secret` | [`LiveSecret`]: one Secret with its values, to be sealed |
//! | `schema` | [`SchemaSet`]: what a server publishes about the fields of its kinds |
//! | `status` | [`ProducerStatus`]: what a controller says about itself |
//! | `verdict` | [`Verdict`], [`FieldClass`], [`ObjectDiff`]: what the comparison says |
//! | `health` | [`Health`] |
//! | `problem` | [`Problem`], [`Reason`], [`Place`]: what is wrong, where, and what to do |
//! | `sealed` | [`Opener`]: how sealed files are opened without knowing who opens them |
//! | `blind` | secret values to digests, before anything else sees them |
//! | `clean` | foreign text made safe for a screen |
//! | `screened` | texts of controllers, freed of what looks like a secret |
//! | `instant` | RFC 3339 texts to instants |

mod blind;
mod clean;
mod commit;
mod health;
mod instant;
mod live;
mod live_secret;
mod object;
mod problem;
mod rendered;
mod schema;
mod screened;
mod sealed;
mod status;
mod step;
mod tree;
mod verdict;

pub use blind::{blind, embeds_objects, veil};
pub use clean::clean;
pub use commit::{Change, ChangeKind, Commit, CommitId, Revision};
pub use health::{Health, HealthState};
pub use instant::instant;
pub use live::{KindInfo, Live, LiveOwner, Manager, Scopes};
pub use live_secret::{LiveSecret, SecretFrame};
pub use object::{KeyError, Manifest, ObjectKey, Origin};
pub use problem::{Place, Problem, Reason, Severity};
pub use rendered::{Coverage, Environment, Producer, ProducerSpec, Rendered};
pub use schema::{FieldSchema, KindName, ListKind, SchemaId, SchemaRef, SchemaSet, Shape};
pub use screened::screened;
pub use sealed::{OpenError, Opened, Opener, SealedFormat};
pub use status::{Condition, ConditionStatus, ProducerStatus, SourceRevision};
pub use step::{Because, Link, Step};
pub use tree::{ContentId, EntryKind, Listing, Overlay, Tree, TreeEntry, TreeError};
pub use verdict::{FieldClass, FieldDiff, FieldPath, FieldStep, ObjectDiff, PendingKind, Verdict};
