//! Kustomize v5.8.1, natively.

pub mod field_path;
pub mod fieldspec;
pub mod json6902;
pub mod merge_keys;
pub mod replacement;
pub mod selector;
pub mod strategic;
mod structured;
#[cfg(test)]
pub(crate) mod testing;
