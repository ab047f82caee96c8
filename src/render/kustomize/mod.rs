//! Kustomize v5.8.1, natively: a folder of a [`Tree`](crate::model::Tree) in, objects out.
//!
//! | file | job |
//! | --- | --- |
//! | `build` | a whole build; what happens once, at the top |
//! | `context` | options and inputs; what one build carries along |
//! | `accumulate`, `transform` | one folder; its steps in order |
//! | `model`, `entries`, `decode` | the kustomization file |
//! | `loader`, `remote`, `reads` | paths to files; what is remote; what was read |
//! | `documents` | files to objects, cached |
//! | `id`, `resource`, `resmap` | identity, one object, all objects |
//! | `config`, `fields`, `tables` | field specs: which, how they are walked, the defaults |
//! | `generator`, `reveal` | `ConfigMap`s and Secrets; the one file that looks into opened values |
//! | `shared` | values that several fields share, and change together |
//! | `namespace` `names` `labels` `annotations` `images` `replicas` | transformers, one file each |
//! | `patches`, `parsed`, `selector`, `pattern` | patches: which, read once, onto what |
//! | `patch_objects`, `patched` | patches that name their objects; one patch merged into one object |
//! | `strategic`, `keyed_list`, `merge_keys` | how lists and maps are merged |
//! | `json6902`, `json_spelling` | operations; what going through JSON does |
//! | `replacements`, `replacement`, `field_path`, `structured` | values of one object in fields of others |
//! | `references`, `vars` | names that follow renames; `$(NAME)` |
//! | `plugins`, `value_add`, `ksops` | built-in plug-ins as objects, and the one foreign kind that is run |
//! | `crds`, `openapi`, `commented` | definitions that add field specs; definitions and comments that say how lists merge |
//! | `sort`, `trace`, `folded` | order of the output; `buildMetadata`; values that printing twice changes |
//! | `limits` | what one build may cost |
//! | `steps` | who asked for what, kept where an object is to be explained |
//! | `error` | what can be wrong, where, and what to do |
//!
//! The way of a document: `accumulate` asks the `loader` for a path, and `documents` reads the file, once for all folders
//! and revisions that have it. Each object becomes a `resource` in the folder's `resmap`, where generated ones join it;
//! `transform` runs the folder's transformers over all of them, in kustomize's order. The folder that named this one takes
//! the result in and does the same with it. At the top, `build` lets `references` follow renames, adds hashes, and hands
//! each object to `sort`, `trace` and `folded`; `build::to_text` prints what is left.

mod accumulate;
mod annotations;
mod build;
pub mod commented;
mod config;
mod context;
mod crds;
mod decode;
mod documents;
mod entries;
mod error;
pub mod field_path;
mod fields;
mod folded;
mod generator;
mod id;
mod images;
pub mod json6902;
mod json_spelling;
mod keyed_list;
mod ksops;
mod labels;
mod limits;
mod loader;
pub mod merge_keys;
mod model;
mod names;
mod namespace;
#[cfg(test)]
mod oddities;
mod openapi;
mod parsed;
mod patch_objects;
mod patched;
mod patches;
mod pattern;
mod plugins;
mod reads;
mod references;
pub mod remote;
pub mod replacement;
mod replacements;
mod replicas;
mod resmap;
mod resource;
mod reveal;
pub mod selector;
mod shared;
mod sort;
mod steps;
#[cfg(test)]
mod stories;
pub mod strategic;
pub mod structured;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
mod trace;
mod transform;
mod value_add;
mod vars;

pub use build::{Build, Failure, UNKNOWN_HASH, build, build_generated, build_recorded, to_text};
pub(super) use context::NO_BASES;
pub use context::{BuildOptions, Inputs, Omission, Order, Remote};
pub use decode::{Text, nearest};
pub use documents::DocumentCache;
pub use entries::{Image, Label, Patch, Replica};
pub use error::{BuildError, Cause};
pub use id::is_cluster_scoped;
pub use images::parts as image_parts;
pub use limits::LONGEST_TEXT;
pub use model::{FILE_NAMES, Kustomization};
pub use reads::{ReadSet, Seen};
