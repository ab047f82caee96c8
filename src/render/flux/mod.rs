//! Flux: what its Kustomizations make of a folder (render.md 6).
//!
//! | file | job |
//! | --- | --- |
//! | `spec` | a Kustomization as its object says it |
//! | `artifact`, `ignore` | which files its source hands on |
//! | `generate` | the kustomization that is built |
//! | `build` | one Kustomization to its objects |
//! | `sealed` | opening sealed objects |
//! | `variables`, `substitute`, `envsubst` | where variables come from, how they are put in, their grammar |
//! | `origins` | where the values of variables are written |
//! | `glob` | shell patterns |

pub mod artifact;
pub mod build;
mod envsubst;
pub(super) mod generate;
pub(super) mod glob;
pub mod ignore;
mod origins;
pub(super) mod sealed;
pub mod spec;
pub mod substitute;
#[cfg(test)]
mod tests;
pub mod variables;
