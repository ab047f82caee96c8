//! Patches read once: what an entry says stays with the kustomization that says it, for all later builds.

use super::error::BuildError;
use super::json6902::Operation;
use super::resource::Resource;
use super::selector::{Selector, SelectorError};
use crate::yaml::Node;
use std::sync::{Arc, OnceLock};

/// What one patch holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Objects to merge.
    Strategic(Arc<[Resource]>),
    /// Operations to run.
    Json(Arc<[Operation]>),
}

/// A patch as it was read, or why it cannot be.
pub type Reading = Arc<Result<Content, BuildError>>;

/// The readings of one patch entry, made when they are first needed.
#[derive(Debug, Default)]
pub struct Parsed {
    content: OnceLock<Reading>,
    selector: OnceLock<Result<Selector, SelectorError>>,
}

impl Clone for Parsed {
    /// A copy may be changed before it is used, so it starts without readings.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Parsed {
    /// The content of an inline patch.
    pub fn content(&self, read: impl FnOnce() -> Result<Content, BuildError>) -> Reading {
        self.content.get_or_init(|| Arc::new(read())).clone()
    }

    /// The selector of a target.
    pub fn selector(&self, target: &Node) -> Result<&Selector, SelectorError> {
        self.selector.get_or_init(|| Selector::parse(target)).as_ref().map_err(Clone::clone)
    }
}
