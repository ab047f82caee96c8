//! `Step`: one step of an object's way from its file to what is applied, kept where somebody asks for it.

use super::Place;
use crate::yaml::{Mark, Node};
use std::sync::Arc;

/// What something did to an object.
#[derive(Clone, Debug)]
pub struct Step {
    /// What did it, in the words of the field: `file`, `PatchTransformer`, `postBuild`.
    pub by: Arc<str>,
    /// Where that is asked for: the entry of a kustomization, a block of a Flux Kustomization; for the first step the
    /// object in its file.
    pub place: Place,
    /// The file that the entry names, if it says no more than that: of a patch, of replacements.
    pub through: Option<Arc<str>>,
    /// The object afterwards.
    pub body: Node,
    /// What the marks of its nodes do not tell.
    pub because: Vec<Because>,
}

/// Why a field holds what it holds, where the place at which it is written does not say all.
#[derive(Clone, Debug)]
pub struct Because {
    /// The place of the field's node after the step: by it the field is found.
    pub of: Mark,
    /// Its text then, where several fields may have one place.
    pub value: Option<Arc<str>>,
    /// What ties the value to its source.
    pub link: Link,
    /// The source in words, never a value: `ConfigMap/shop/settings`, `DOMAIN of postBuild.substitute`.
    pub source: String,
    /// Where the source is written, if it is in the repository.
    pub place: Option<Mark>,
    /// The sealed file that it came out of.
    pub sealed: Option<Arc<str>>,
}

/// What ties a value to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It follows the name of an object.
    Name,
    /// It ends with a hash of the object's content.
    Hash,
    /// A variable of the controller.
    Variable,
    /// The default that stands in the expression, since the variable is set nowhere.
    Default,
    /// A `vars` entry of kustomize.
    Var,
    /// A field of another object, copied by `replacements`.
    Replacement,
}

impl Link {
    /// The word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Hash => "hash",
            Self::Variable => "variable",
            Self::Default => "default",
            Self::Var => "var",
            Self::Replacement => "replacement",
        }
    }
}

impl Step {
    /// A step of which only the outcome is known.
    pub fn new(by: &str, place: Place, body: Node) -> Self {
        Self { by: by.into(), place, through: None, body, because: Vec::new() }
    }
}
