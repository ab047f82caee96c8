//! Places of an artifact that is put together, as places of the repository that its files come from.

use super::flux::artifact::Composed;
use super::flux::build::Made;
use crate::model::Link;
use crate::yaml::{Map, Node, Value};
use std::sync::Arc;

/// Places of a composed artifact as places of the repository.
pub(super) fn back(mut made: Made, artifact: &Composed<'_>) -> Made {
    let file = |path: &Arc<str>| artifact.source_of(path).unwrap_or(path).clone();
    for manifest in &mut made.objects {
        manifest.origin.file = file(&manifest.origin.file);
        manifest.origin.sealed = manifest.origin.sealed.as_ref().map(file);
        manifest.body = moved(&manifest.body, &file);
        for step in &mut manifest.steps {
            step.place.file = file(&step.place.file);
            step.through = step.through.as_ref().map(file);
            step.body = moved(&step.body, &file);
            for because in &mut step.because {
                because.of.file = because.of.file.as_ref().map(file);
                // Variables come from outside of the artifact.
                let inside = because.place.as_mut().filter(|_| because.link != Link::Variable);
                if let Some(mark) = inside {
                    mark.file = mark.file.as_ref().map(file);
                }
            }
        }
    }
    for place in made.problems.iter_mut().filter_map(|problem| problem.place.as_mut()) {
        place.file = file(&place.file);
    }
    made.reads = made.reads.iter().map(file).collect();
    made
}

fn moved(node: &Node, file: &dyn Fn(&Arc<str>) -> Arc<str>) -> Node {
    let value = match &node.value {
        Value::Seq(items) => Value::Seq(Arc::new(items.iter().map(|item| moved(item, file)).collect())),
        Value::Map(map) => {
            let mut copy = Map::clone(map);
            for entry in &mut copy.entries {
                entry.value = moved(&entry.value, file);
            }
            Value::Map(Arc::new(copy))
        }
        other => other.clone(),
    };
    let mut mark = node.mark.clone();
    mark.file = mark.file.as_ref().map(file);
    Node { value, mark }
}
