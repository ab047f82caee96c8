//! `Step`: one step of an object's way from its file to what is applied, kept where somebody asks for it.

use super::Place;
use crate::yaml::Node;
use std::sync::Arc;

/// What something did to an object.
#[derive(Clone, Debug)]
pub struct Step {
    /// What did it, in the words of the field: `file`, `PatchTransformer`, `substitution`.
    pub by: Arc<str>,
    /// Where that is asked for: a kustomization, a Flux Kustomization; for the first step the file.
    pub place: Place,
    /// The object afterwards.
    pub body: Node,
}
