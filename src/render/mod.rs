//! Desired state: a tree of files in, producers and manifests out. Pure.
//!
//! | file | job |
//! | --- | --- |
//! | `discover` | which environments a repository has, and why |
//! | `environment` | one environment to producers and objects, until nothing is new |
//! | `inputs`, `handed` | what it takes from outside; what a source of Flux hands on |
//! | `survey`, `survey_cache`, `sources`, `places` | what discovery looks at: files, URLs, paths |
//! | `applications` | the Argo CD side of it |
//! | `flux/`, `argo/` | what Flux and Argo CD make of a folder |
//! | `kustomize/` | what kustomize makes of it |
//! | `folders` | folders without a controller |
//! | `foreign` | producers that are recognised and not rendered |
//! | `making` | what one Kustomization or folder makes, with all threads |
//! | `builds`, `remembered`, `recorded` | what was made at other revisions, and whether it still holds |
//! | `ahead` | work spread over threads |
//! | `scopes` | which kinds have namespaces |
//! | `composed` | places in an artifact that is put together |
//! | `columns` | columns of what is written inside blocks and env files |
//! | `story` | how one field of an object came to be |
//! | `unreached` | files that no environment renders |
//! | `reveal` | the one file of this level that looks into secrets |

mod ahead;
mod applications;
mod argo;
mod builds;
mod columns;
mod composed;
mod discover;
mod environment;
pub mod flux;
mod folders;
mod foreign;
mod handed;
mod inputs;
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
pub mod story;
mod survey;
mod survey_cache;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod unreached;

pub use builds::BuildCache;
pub use columns::settle;
pub use discover::{Discovery, discover};
pub use environment::render_environment;
pub use inputs::{Caches, Inputs};
pub use survey_cache::SurveyCache;
pub use unreached::unreached;
