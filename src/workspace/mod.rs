//! Where the trades meet: the library's front door.
//!
//! A [`Workspace`] is one repository and its clusters, opened together. It publishes [`Snapshot`]s and
//! answers questions; it owns handles and nothing else. Everything that changes something goes through a
//! [`Plan`]: made by `plan_…`, shown by a face, consumed by [`Workspace::commit`].

mod alike;
mod apps;
mod ask;
mod audit;
mod blinded;
mod certificates;
mod copying;
mod delivery;
mod details;
mod doctor;
mod editing;
mod editor;
mod engine;
mod entries;
mod environments;
mod errands;
mod explain;
mod facts;
mod field;
mod firewall;
mod for_controller;
mod forms;
mod handle;
mod history;
mod identities;
mod inventory;
mod leaks;
mod listing;
mod logs;
mod merging;
mod outside;
mod plan;
mod planning;
mod publish;
mod readers;
mod reading;
mod rehearse;
mod repository;
mod scan;
mod sealing;
mod sealing_leaks;
mod seals;
mod secrets;
mod session;
mod snapshot;
mod steps;
mod stories;
mod valid;
mod writing;

pub use crate::seal::Ask;
pub use crate::seal::ExposureKind;
pub use crate::seal::ScratchPlaces;
pub use alike::{Place as ValuePlace, Places, Standing};
pub use audit::{Audit, AuditedFile, RuleFor, RuleVerdict, RulesFor};
pub use certificates::GivenCertificate;
pub use details::{Deployed, Details, EventLine, FieldChange, Gap, History, HistoryEntry, LogLine, ObjectId};
pub use doctor::{Finding, Reasoned};
pub use editing::{Begun, Edited, Editing, wipe_abandoned};
pub use editor::{editor_command, secret_editor};
pub use explain::{Explained, ExplainedStep, Source};
pub use firewall::{Checked, Exposed};
pub use for_controller::SealedSecretRequest;
pub use handle::{Settings, Workspace};
pub use history::text;
pub use identities::KeyNeed;
pub use merging::{MergeRequest, merge, textconv};
pub use plan::{
    Committed, Destination, DiffLine, FileEdit, KeyEdit, ObjectEffect, Plan, PlanEffect, PlanFile, PlanKind,
    PushOutcome, Refusal, SecretForm,
};
pub use readers::{Access, ReadFile, Readers, Removed};
pub use reading::{BuildRequest, Differences, RenderedEnvironment, RenderedObject, build};
pub use scan::{Leak, Scan};
pub use sealing_leaks::LeaksSealed;
pub use seals::{AuditedCertificate, AuditedSealedSecret};
pub use snapshot::{
    AppRow, AppState, ClusterView, ContextChoice, EnvironmentView, HeadView, KeyState, Next, ObjectRow,
    Recipient, RepoView, SealScope, SealedFor, SecretRow, SecretState, Snapshot, Work,
};
pub use valid::{Compared, Holder};
