//! Desired state: a tree of files in, producers and manifests out. Pure.
//!
//! | file | job |
//! | --- | --- |
//! | `discover` | which environments a repository has, and why |
//! | `environment` | one environment to producers and objects, until nothing is new |
//! | `survey`, `sources`, `places` | what discovery looks at: files, URLs, paths |
//! | `applications` | the Argo CD side of it |
//! | `flux/`, `argo/` | what Flux and Argo CD make of a folder |
//! | `kustomize/` | what kustomize makes of it |
//! | `folders` | folders without a controller |
//! | `foreign` | producers that are recognised and not rendered |
//! | `scopes` | which kinds have namespaces |
//! | `composed` | places in an artifact that is put together |
//! | `columns` | columns of what is written inside blocks and env files |
//! | `story` | how one field of an object came to be |
//! | `unreached` | files that no environment renders |
//! | `reveal` | the one file of this level that looks into secrets |

mod applications;
mod argo;
mod columns;
mod composed;
mod discover;
mod environment;
pub mod flux;
mod folders;
mod foreign;
pub mod kustomize;
mod places;
mod reveal;
mod scopes;
mod sources;
pub mod story;
mod survey;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod unreached;

pub use columns::settle;
pub use discover::{Discovery, discover};
pub use environment::{Caches, Inputs, render_environment};
pub use survey::SurveyCache;
pub use unreached::unreached;
