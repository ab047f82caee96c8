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
//! | `reveal` | the one file of this level that looks into secrets |

mod applications;
mod argo;
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
mod survey;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use discover::{Discovery, discover};
pub use environment::{Caches, Inputs, render_environment};
pub use survey::SurveyCache;
