//! Flux: what its Kustomizations make of a folder (render.md 6).

mod envsubst;
pub mod substitute;
