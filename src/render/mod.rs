//! Desired state: a tree of files in, producers and manifests out. Pure.

pub mod kustomize;
