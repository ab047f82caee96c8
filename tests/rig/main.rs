//! The suite over real parts: a real kube-apiserver, the real kustomize-controller, real rollouts on a fake node. Run it with
//! `just e2e`, which builds the parts first. It is behind the feature `rig`, so that plain `cargo test` neither needs it nor
//! claims to have run it.

mod age_files;
mod age_kit;
mod argo;
mod build;
mod bundles;
mod decryption;
mod demo_commits;
#[path = "../conformance/folder.rs"]
mod folder;
mod history;
mod interop;
mod kinds;
mod kustomize;
mod matrix;
mod missealed;
mod mutator;
mod options;
mod oracle;
mod places;
mod random;
mod report;
mod reverts;
mod revisions;
mod sealed_secrets;
mod server;
mod stage;
mod support;
mod trees;
mod truth;
mod weaknesses;
