//! Desired state: a tree of files in, producers and manifests out. Pure.

pub mod flux;
pub mod kustomize;
mod reveal;
#[cfg(test)]
pub(crate) mod testing;
