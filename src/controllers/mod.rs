//! What controllers say about themselves in their own objects: Flux today, marks of all. Pure.
//!
//! | file | job |
//! | --- | --- |
//! | `flux` | [`flux_status`]: one Flux object to a [`crate::model::ProducerStatus`] |
//! | `revision` | revision texts of all ages |
//! | `inventory` | the ids by which Flux remembers what it made |
//! | `conditions` | conditions, made safe for a screen |
//! | `marks` | [`owner_marks`]: what an object says about its owner |
//! | `noise` | [`is_noise`]: why an object that nobody declares is no finding |

mod conditions;
mod flux;
mod inventory;
mod marks;
mod noise;
mod revision;
#[cfg(test)]
mod tests;

pub use flux::flux_status;
pub use inventory::inventory_id;
pub use marks::{OwnerMark, Tool, owner_marks};
pub use noise::is_noise;
pub use revision::revision;
