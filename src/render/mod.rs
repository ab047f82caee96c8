//! Desired state: a tree of files in, producers and manifests out. Pure.
//!
//! | file | job |
//! | --- | --- |
//! | `discover` | which environments a repository has, and why |
//! | `environment` | one environment to producers and objects, until nothing is new |
//! | `survey`, `survey_cache`, `sources`, `places` | what discovery looks at: files, URLs, paths |
//! | `flux/` | what Flux makes of a folder |
//! | `kustomize/` | what kustomize makes of it |
//! | `folders` | folders without a controller |
//! | `foreign` | producers that are recognised and not rendered |
//! | `making` | what one Kustomization or folder makes, with all threads |
//! | `builds`, `remembered`, `recorded` | what was made at other revisions, and whether it still holds |
//! | `ahead` | work spread over threads |
//! | `scopes` | which kinds have namespaces |
//! | `reveal` | the one file of this level that looks into secrets |

mod ahead;
mod builds;
mod discover;
mod environment;
pub mod flux;
mod folders;
mod foreign;
pub mod kustomize;
mod making;
#[cfg(test)]
mod memory_tests;
mod places;
mod recorded;
mod remembered;
mod reveal;
mod scopes;
mod sources;
mod survey;
mod survey_cache;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use builds::BuildCache;
pub use discover::{Discovery, discover};
pub use environment::{Caches, Inputs, render_environment};
pub use survey_cache::SurveyCache;
