//! Flux: what its Kustomizations make of a folder (render.md 6).

pub mod artifact;
mod envsubst;
mod glob;
pub mod ignore;
pub mod substitute;
