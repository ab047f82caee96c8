//! `ResMap`: the objects of a build in order, findable by identity without searching.

use super::error::Cause;
use super::id::Id;
use super::resource::{Behavior, Resource, is_nil_or_empty};
use crate::model::Place;
use crate::yaml::{Map, Node, Value};
use std::collections::HashMap;

/// The objects of a build in the order they came.
///
/// The index by current identity is made when it is first needed after a change; upstream compares every
/// new object with every other, which makes large builds quadratic.
#[derive(Clone, Debug, Default)]
pub struct ResMap {
    list: Vec<Resource>,
    index: Option<HashMap<Id, usize>>,
}

impl ResMap {
    /// The objects in order.
    pub fn list(&self) -> &[Resource] {
        &self.list
    }

    /// The objects for changing them; identities are looked up afresh afterwards.
    pub fn list_mut(&mut self) -> &mut Vec<Resource> {
        self.index = None;
        &mut self.list
    }

    /// The objects, taken out.
    pub fn into_list(self) -> Vec<Resource> {
        self.list
    }

    fn index(&mut self) -> &mut HashMap<Id, usize> {
        self.index.get_or_insert_with(|| {
            self.list.iter().enumerate().map(|(place, r)| (r.id.canonical(), place)).collect()
        })
    }

    /// Adds an object; its identity must be new.
    pub fn append(&mut self, resource: Resource) -> Result<(), Cause> {
        let id = resource.id.canonical();
        if let Some(place) = self.index().get(&id).copied() {
            return Err(duplicate(&resource, &self.list[place]));
        }
        let place = self.list.len();
        self.index().insert(id, place);
        self.list.push(resource);
        Ok(())
    }

    /// Adds objects in order; each identity must be new.
    pub fn append_all(&mut self, resources: impl IntoIterator<Item = Resource>) -> Result<(), Cause> {
        resources.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// Drops objects that a patch emptied, and finds two that fell onto one identity.
    pub fn settle(&mut self) -> Result<(), Cause> {
        let list = std::mem::take(self.list_mut());
        self.append_all(list.into_iter().filter(|r| !is_nil_or_empty(&r.body)))
    }

    /// Drops objects that are empty.
    pub fn drop_empties(&mut self) {
        if self.list.iter().any(|r| is_nil_or_empty(&r.body)) {
            self.list_mut().retain(|r| !is_nil_or_empty(&r.body));
        }
    }

    /// Places of the objects that have, or had, this identity.
    pub fn by_any_id(&self, id: &Id) -> Vec<usize> {
        self.places(|r| r.was(id))
    }

    /// Places of the objects for which `wanted` holds.
    pub fn places(&self, wanted: impl Fn(&Resource) -> bool) -> Vec<usize> {
        let full = |r: &Resource| !is_nil_or_empty(&r.body);
        (0..self.list.len()).filter(|i| full(&self.list[*i]) && wanted(&self.list[*i])).collect()
    }

    /// Adds a generated object as its behaviour says (render.md 2.5).
    pub fn absorb(&mut self, mut incoming: Resource) -> Result<(), Cause> {
        let matches = self.by_any_id(&incoming.id);
        let refuse =
            |name: &str, what: &str| Cause::Generator { name: name.to_owned(), what: what.to_owned() };
        match (matches.as_slice(), incoming.behavior) {
            ([], Behavior::Create) => self.append(incoming),
            ([], _) => Err(refuse(incoming.name(), "nothing is there to merge with or to replace")),
            ([place], Behavior::Replace | Behavior::Merge) => {
                let old = &self.list[*place];
                take_over(&mut incoming, old);
                let own = std::mem::replace(&mut incoming.steps, old.steps.clone());
                incoming.steps.extend(own);
                if incoming.behavior == Behavior::Merge {
                    for field in ["data", "binaryData"] {
                        lay_over(&mut incoming.body, &old.body, field);
                    }
                    incoming.origin = old.origin.clone();
                    incoming.closed |= old.closed;
                }
                if let Some(step) = incoming.steps.last_mut() {
                    step.body = incoming.body.clone();
                }
                self.list_mut()[*place] = incoming;
                Ok(())
            }
            ([_], Behavior::Create) => {
                Err(refuse(incoming.name(), "it exists already; its behavior must be merge or replace"))
            }
            (several, _) => {
                Err(refuse(incoming.name(), &format!("{} objects could accept it", several.len())))
            }
        }
    }
}

/// Name, namespace, history, and the labels and annotations that it does not set itself, from the old object.
fn take_over(incoming: &mut Resource, old: &Resource) {
    for field in ["labels", "annotations"] {
        let mut merged: Map = old.string_map(field).into_iter().collect();
        for (key, value) in incoming.string_map(field) {
            merged.set(key, value);
        }
        let metadata = super::resource::child_map(&mut incoming.body, "metadata");
        if merged.is_empty() {
            metadata.remove(field);
        } else {
            metadata.set(field, Node::map(merged));
        }
    }
    incoming.set_name(old.name());
    incoming.set_namespace(&old.id.namespace);
    // They are the old object's, so that is where they are written.
    let metadata = super::resource::child_map(&mut incoming.body, "metadata");
    for field in ["name", "namespace"] {
        if let (Some(node), Some(own)) = (metadata.get_mut(field), old.body.at_path(&["metadata", field])) {
            node.mark = own.mark.clone();
        }
    }
    // Both have to want the hash: upstream keeps its marks from the old object only.
    incoming.needs_hash &= old.needs_hash;
    incoming.history.clone_from(&old.history);
    incoming.prefixes.clone_from(&old.prefixes);
    incoming.suffixes.clone_from(&old.suffixes);
    incoming.vars.clone_from(&old.vars);
    if let Some(old) = &old.trace {
        let trace = incoming.trace.get_or_insert_default();
        trace.transformations.clone_from(&old.transformations);
        if incoming.behavior == Behavior::Merge && old.origin.is_some() {
            trace.origin.clone_from(&old.origin);
        }
    }
}

/// The data of the old object with the new one's laid over it; every value becomes a text.
fn lay_over(incoming: &mut Node, old: &Node, field: &str) {
    let mut merged = Map::new();
    for (key, value) in
        [old, &*incoming].into_iter().filter_map(|o| o.get(field)?.as_map()).flat_map(Map::iter)
    {
        let text = match value.as_str() {
            Some(_) => value.clone(),
            None if matches!(value.value, Value::Secret(_)) => value.clone(),
            None => Node::string(value.scalar_text().unwrap_or("")).at(value.mark.clone()),
        };
        merged.set(key, text);
    }
    if let Some(map) = incoming.as_map_mut() {
        if merged.is_empty() {
            map.remove(field);
        } else {
            map.set(field, Node::map(merged));
        }
    }
}

fn duplicate(resource: &Resource, first: &Resource) -> Cause {
    Cause::Duplicate {
        id: resource.id.to_string(),
        first: Place { file: first.origin.file.clone(), line: first.origin.line, field: None },
    }
}
