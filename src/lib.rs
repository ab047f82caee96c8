//! Sealane: a secrets-aware GitOps terminal UI.

pub mod secret;
pub mod yaml;
