//! Base, desired and live to a verdict per object and per field. Pure.
//!
//! | file | job |
//! | --- | --- |
//! | `comparison` | what a comparison is given: three sides, appliers, autoscalers, standing |
//! | `object` | [`diff`]: presence, then fields, then one verdict |
//! | `sides` | the three sides at one place
//! | `walk` | the three sides walked together, with owners and schema kept in step |
//! | `classify` | the rows of the field table: what a difference means |
//! | `owners` | `metadata.managedFields` as a trie |
//! | `normal`, `equal` | what counts as equal though it is spelled otherwise |
//! | `quantity` | quantities and durations by value |
//! | `lists`, `edits` | keyed lists, sets, atomic lists; the shortest way between two lists |
//! | `pattern` | places in a kind, for the tables |
//! | `defaults`, `mutations` | the tables: server defaults; what others write by right |
//! | `known` | the fields that built-in kinds have, where no schema is at hand |
//! | `rules` | ignore rules of controllers and users |
//! | `change`, `summary` | two renderings of one object: what changed, and in one line |
//! | `generated` | names that follow their content |
//! | `redact` | the gate: results hold nothing that looks secret |
//!
//! Not for: rendering (`render`), reading clusters (`cluster`), health (`health`).

mod change;
mod classify;
mod comparison;
mod defaults;
mod edits;
mod equal;
mod generated;
mod known;
mod lists;
mod mutations;
mod normal;
mod object;
mod owners;
mod pattern;
mod quantity;
mod redact;
mod rules;
mod sides;
mod summary;
#[cfg(test)]
mod tests;
mod walk;

pub use change::{Change, compare};
pub use comparison::{
    Base, Comparison, Controller, Desired, Found, Mark, Scaler, Standing, appliers, scaler,
};
pub use edits::{ListEdit, list_edits, shortest};
pub use generated::base_name;
pub use normal::Rule;
#[cfg(test)]
use object::all_fields;
pub use object::{diff, is_kept, todays_key};
pub use rules::{IgnoreRule, RuleError, Rules, Target};
pub use summary::summarize;
