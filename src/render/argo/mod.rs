//! Argo CD: what its Applications make of folders, as the repo-server and the controller of v3.2 do (render.md 7).
//!
//! | file | job |
//! | --- | --- |
//! | `spec` | an Application as its object says it |
//! | `fields` | typed fields of it, with the place of whatever does not fit |
//! | `home` | which sources are this repository |
//! | `settings` | what `argocd-cm` says: tracking, build options, the namespace of Argo CD itself |
//! | `project` | what an AppProject forbids |
//! | `overrides` | `.argocd-source.yaml`, merged over a source |
//! | `detect` | which tool a source is for |
//! | `directory`, `files`, `glob` | plain folders: objects out of files, which files, patterns |
//! | `options`, `edits`, `labels`, `components` | the `kustomize` block as values, and what it changes in a kustomization |
//! | `variables` | `$ARGOCD_APP_NAME` and the others |
//! | `build` | one Application to its objects |
//! | `hooks` | objects that are run and not compared |
//! | `tracking` | namespaces and the marks by which Argo CD finds its objects again |
//! | `entries` | Applications that nothing in the repository makes |
//! | `reach` | which files an Application reads, for finding those that nothing makes |

pub(super) mod build;
mod components;
mod detect;
mod directory;
mod edits;
pub(super) mod entries;
mod fields;
mod files;
mod glob;
pub(super) mod home;
mod hooks;
mod labels;
mod options;
mod overrides;
pub(super) mod project;
pub(super) mod reach;
pub(super) mod settings;
pub(super) mod spec;
#[cfg(test)]
mod tests;
pub(super) mod tracking;
mod variables;
