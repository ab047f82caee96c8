//! Values that several fields share. Upstream puts one YAML node into all fields that get a label or an annotation, so
//! whoever changes it in one of them later changes it in all (`filtersutil.SetEntry`; seen in v5.8.1): a label that an
//! overlay changes in the metadata alone changes in the selectors too, if the base had put it there.

use super::config::FieldSpec;
use super::resmap::ResMap;
use super::resource::Resource;
use crate::yaml::{Node, Value};
use std::sync::Arc;

/// One value and the fields that share it.
#[derive(Clone, Debug)]
pub struct Shared {
    text: Arc<str>,
    fields: Vec<Path>,
}

type Path = Vec<Step>;

/// One step into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Arc<str>),
    Item(usize),
}

/// The fields that hold `key` in the maps that the specs name.
pub fn fields(resource: &Resource, specs: &[FieldSpec], key: &Arc<str>) -> Fields {
    let mut found = Fields(Vec::new());
    for spec in specs.iter().filter(|spec| resource.id.gvk.selected_by(&spec.gvk)) {
        collect(&resource.body, &spec.parts, key, &mut Vec::new(), &mut found.0);
    }
    found
}

/// Places of one key in an object.
pub struct Fields(Vec<Path>);

fn collect(node: &Node, parts: &[Box<str>], key: &Arc<str>, at: &mut Path, found: &mut Vec<Path>) {
    match (&node.value, parts.split_first()) {
        (Value::Seq(items), Some(_)) => {
            for (number, item) in items.iter().enumerate() {
                at.push(Step::Item(number));
                collect(item, parts, key, at, found);
                at.pop();
            }
        }
        (Value::Map(map), Some((first, rest))) => {
            let name = first.strip_suffix("[]").unwrap_or(first);
            if let Some(entry) = map.entries.iter().find(|entry| &*entry.key.text == name) {
                at.push(Step::Key(entry.key.text.clone()));
                collect(&entry.value, rest, key, at, found);
                at.pop();
            }
        }
        (Value::Map(map), None) if map.contains(key) => {
            let mut path = at.clone();
            path.push(Step::Key(key.clone()));
            if !found.contains(&path) {
                found.push(path);
            }
        }
        _ => {}
    }
}

/// Notes that the fields that are there now and were not there `before` share one value.
pub fn note(resource: &mut Resource, before: &Fields, now: Fields) {
    let fields: Vec<Path> = now.0.into_iter().filter(|path| !before.0.contains(path)).collect();
    if fields.len() > 1
        && let Some(text) = get(&resource.body, &fields[0]).and_then(Node::scalar_text)
    {
        resource.shared.push(Shared { text: text.into(), fields });
    }
}

/// After a transformer: see [`sync`].
pub fn sync_all(objects: &mut ResMap) {
    // Places of identities stay known where nothing is shared.
    if objects.list().iter().any(|resource| !resource.shared.is_empty()) {
        objects.list_mut().iter_mut().for_each(sync);
    }
}

/// After a change: what was changed in one field is changed in those that share it.
pub fn sync(resource: &mut Resource) {
    let Resource { body, shared, .. } = resource;
    for Shared { text, fields } in shared.iter_mut() {
        // What was removed, or became something else, no longer shares anything.
        fields.retain(|path| get(body, path).is_some_and(|node| node.as_scalar().is_some()));
        let changed = fields.iter().filter_map(|path| get(body, path));
        let Some(new) = changed.clone().find(|node| node.scalar_text() != Some(text)).cloned() else {
            continue;
        };
        *text = new.scalar_text().unwrap_or_default().into();
        for path in fields.iter() {
            if let Some(node) = get_mut(body, path) {
                *node = new.clone();
            }
        }
    }
    shared.retain(|shared| shared.fields.len() > 1);
}

/// Upstream writes the annotations anew when it keeps notes in them: they share nothing any more.
pub fn annotations_are_new(resource: &mut Resource) {
    let is_annotation = |path: &Path| {
        let key =
            |place: usize, name: &str| matches!(path.get(place), Some(Step::Key(key)) if &**key == name);
        key(0, "metadata") && key(1, "annotations")
    };
    for shared in &mut resource.shared {
        shared.fields.retain(|path| !is_annotation(path));
    }
}

fn get<'n>(body: &'n Node, path: &[Step]) -> Option<&'n Node> {
    path.iter().try_fold(body, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Item(number) => node.as_seq()?.get(*number),
    })
}

fn get_mut<'n>(body: &'n mut Node, path: &[Step]) -> Option<&'n mut Node> {
    path.iter().try_fold(body, |node, step| match step {
        Step::Key(key) => node.as_map_mut()?.get_mut(key),
        Step::Item(number) => node.as_seq_mut()?.get_mut(*number),
    })
}
