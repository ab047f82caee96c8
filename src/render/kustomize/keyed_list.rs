//! Lists whose elements have keys: finding, replacing and appending as kustomize does it, in strategic merges.

use crate::yaml::{Map, Node, Scalar, Value};

/// Key values that agree where both have one are taken to mean the same element.
pub(super) fn unify(values: &mut [Vec<String>]) {
    for i in 0..values.len() {
        for j in 0..values.len() {
            let (a, b) = (&values[i], &values[j]);
            let agree = a.iter().zip(b).all(|(x, y)| x == y || x.is_empty() || y.is_empty());
            if agree && a.iter().zip(b).any(|(x, y)| x == y) {
                let both: Vec<String> =
                    a.iter().zip(b).map(|(x, y)| if x.is_empty() { y.clone() } else { x.clone() }).collect();
                values[i].clone_from(&both);
                values[j] = both;
            }
        }
    }
}

/// The first element that has all these values; values that are empty do not count unless all are.
pub(super) fn find(list: &[Node], keys: &[&str], values: &[&str]) -> Option<usize> {
    let all_empty = values.iter().all(|v| v.is_empty());
    list.iter().position(|element| {
        element.as_map().is_some_and(|map| {
            keys.iter()
                .zip(values)
                .filter(|(_, value)| all_empty || !value.is_empty())
                .all(|(key, value)| map.get(key).is_some_and(|v| raw_text(v) == *value))
        })
    })
}

/// The list with the matching elements replaced (or removed); an element without a match is appended.
/// An empty value matches any element that has the key. `None` if an element is no mapping where one is needed.
pub(super) fn set(
    list: &[Node],
    element: Option<&Node>,
    keys: &[&str],
    values: &[&str],
) -> Option<Vec<Node>> {
    let mut result = Vec::with_capacity(list.len() + 1);
    let mut matched = false;
    for old in list.iter().filter(|n| !is_empty(n)) {
        let Some(map) = old.as_map() else {
            if values.first().is_some_and(|v| !v.is_empty()) {
                result.push(old.clone());
                continue;
            }
            return None;
        };
        let mut found = !values.is_empty();
        for (key, value) in keys.iter().zip(values) {
            found = found && map.get(key).is_some_and(|v| value.is_empty() || raw_text(v) == *value);
        }
        if found {
            matched = true;
            result.extend(element.cloned());
        } else if !values.is_empty() {
            result.push(old.clone());
        }
    }
    if !matched {
        result.extend(element.cloned());
    }
    Some(result)
}

pub(super) fn append(mut into: Vec<Node>, from: &[Node], keys: &[&str]) -> Option<Vec<Node>> {
    for element in from {
        let map = element.as_map()?;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            match map.get(key) {
                Some(value) => values.push(raw_text(value)),
                None => into.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            into = set(&into, None, keys, &values)?;
        }
        into = set(&into, Some(element), keys, &values)?;
    }
    Some(into)
}

/// True for null and an empty mapping, which no keyed list holds.
pub(super) fn is_empty(node: &Node) -> bool {
    node.is_null() || node.as_map().is_some_and(Map::is_empty)
}

/// The text of a scalar; empty for anything else.
pub(super) fn raw_text(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => text,
        _ => "",
    }
}
