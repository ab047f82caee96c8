//! `replicas`: how many copies a workload has (render.md 2.8).

use super::config::FieldSpec;
use super::entries::Replica;
use super::error::Cause;
use super::fields::{Make, walk};
use super::resmap::ResMap;
use crate::yaml::Node;

/// Sets the count where the name, now or earlier, and the kind match; nothing matching is an error.
pub fn run(objects: &mut ResMap, replica: &Replica, specs: &[FieldSpec]) -> Result<(), Cause> {
    let mut found = false;
    for spec in specs {
        let places = objects
            .places(|r| r.all_ids().any(|id| *id.name == *replica.name && id.gvk.selected_by(&spec.gvk)));
        for place in places {
            found = true;
            walk(&mut objects.list_mut()[place], spec, Make::Scalar, &mut |node| {
                *node = Node::int(replica.count).at(replica.mark.clone());
                Ok(())
            })?;
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<&str> = specs.iter().map(|s| &*s.gvk.kind).collect();
    Err(Cause::Transformer {
        transformer: "replicas",
        what: format!("no {} is named {}", kinds.join(", "), &*replica.name),
    })
}
