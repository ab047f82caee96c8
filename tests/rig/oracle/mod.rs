//! What a repository means, told by the real `kubectl kustomize` and by nothing of ours.
//!
//! kustomize knows folders, not Flux. What Flux adds is done here by hand, as its documentation says it: which folders are
//! built (the objects of kind Kustomization that come out of the entry's folder, and so on), the kustomization that is
//! made for a folder without one, what a Kustomization adds to it (target namespace, patches, components, images),
//! `postBuild` variables, common metadata and the two labels. Sealed values cannot be opened without keys: they are
//! compared as ciphertext. There is no network: remote entries are taken out of the copies that kustomize sees, and
//! [`Desired::remote`] names them.

mod files;
mod flux;
mod normal;
mod substitute;

pub use files::{git, try_git};
pub use flux::{Desired, Oracle};
pub use normal::{bodies_differ, same};
