//! `commonAnnotations` (render.md 2.8).

use super::config::Config;
use super::error::BuildError;
use super::labels::set_all;
use super::model::Kustomization;
use super::resmap::ResMap;

/// Sets them on objects and pod templates.
pub fn run(objects: &mut ResMap, k: &Kustomization, config: &Config) -> Result<(), BuildError> {
    set_all(objects, &k.common_annotations, &k.file, &config.common_annotations)
        .map_err(|cause| cause.in_field(&k.file, 0, "commonAnnotations"))
}
