//! What kustomize knows by heart, as data.

pub mod fieldspecs;
pub mod scopes;
