//! Strategic merge patches, with the oddities that kustomize v5.8.1 has (render.md 2.10).

use super::keyed_list::{append, find, is_empty, raw_text, set, unify};
use super::merge_keys::Schema;
use crate::yaml::{Entry, Map, Node, Style, Value};
use std::collections::BTreeSet;

/// Why a patch does not fit its target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A list meets a mapping, a mapping a scalar, and so on.
    #[error("the patch has {patch} at `{path}` and the object has {target}")]
    Shape {
        /// Where, as `spec/template/spec`.
        path: String,
        /// What the patch has.
        patch: &'static str,
        /// What the object has.
        target: &'static str,
        /// Line of the patch.
        line: u32,
    },
    /// `$patch` is neither merge, replace nor delete.
    #[error("unknown patch strategy `{strategy}` at `{path}`; known are merge, replace and delete")]
    Directive {
        /// Where.
        path: String,
        /// What was written.
        strategy: String,
        /// Line of the patch.
        line: u32,
    },
    /// A list that is merged by key holds something that is no mapping.
    #[error("an element of `{path}` is no mapping, and the list is merged by {key}")]
    Element {
        /// Where.
        path: String,
        /// The merge key.
        key: String,
        /// Line of the list in the patch.
        line: u32,
    },
}

impl MergeError {
    /// The line of the patch that does not fit; 0 if it is not known.
    pub fn line(&self) -> u32 {
        match self {
            Self::Shape { line, .. } | Self::Directive { line, .. } | Self::Element { line, .. } => *line,
        }
    }
}

/// Merges `patch` into `target`; `None` if the patch deletes the object.
/// What the patch brought keeps the patch's marks, the rest keeps the target's.
pub fn merge(patch: &Node, target: &Node, schema: &Schema) -> Result<Option<Node>, MergeError> {
    Walk { schema }.node("", Some(target), Some(patch))
}

/// True if a patch repeats what is there.
fn says_the_same(target: &Node, patch: &Node) -> bool {
    match (target.as_scalar(), patch.as_scalar()) {
        // A folded text is printed in its own way, so there the patch's style counts.
        (Some(t), Some(p)) => t.text == p.text && t.kind == p.kind && t.style != Style::Folded,
        _ => false,
    }
}

const DIRECTIVE: &str = "$patch";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

struct Walk<'a> {
    schema: &'a Schema,
}

impl Walk<'_> {
    fn node(
        &self,
        at: &str,
        target: Option<&Node>,
        patch: Option<&Node>,
    ) -> Result<Option<Node>, MergeError> {
        let Some(first) = [target, patch].into_iter().flatten().find(|n| !n.is_null()) else {
            // A null that the patch does not mention stays; one that it mentions goes.
            return Ok(target.filter(|_| patch.is_none()).cloned());
        };
        if let (Some(t), Some(p)) = (target, patch)
            && !t.is_null()
            && !p.is_null()
            && shape(t) != shape(p)
        {
            let (patch, target) = (shape(p), shape(t));
            return Err(MergeError::Shape { path: at.to_owned(), patch, target, line: p.mark.line });
        }
        match &first.value {
            Value::Map(_) => self.map(at, target, patch),
            Value::Seq(_) => match self.schema.keys(at) {
                Some(keys) => self.list(at, &keys, target, patch),
                None => Ok(patch.or(target).filter(|n| !n.is_null()).cloned()),
            },
            Value::Scalar(_) | Value::Secret(_) => {
                let same = target.zip(patch).filter(|(t, p)| says_the_same(t, p));
                if let Some((own, patch)) = same {
                    // What only says which object or element is meant stays where it was written.
                    let by = if self.identifies(at) { own } else { patch };
                    return Ok(Some(own.clone().at(by.mark.clone())));
                }
                Ok(patch.or(target).filter(|n| !n.is_null()).cloned())
            }
        }
    }

    /// True for fields that a patch has to repeat: the identity of the object, the keys of elements.
    fn identifies(&self, at: &str) -> bool {
        matches!(at, "apiVersion" | "kind" | "metadata/name" | "metadata/namespace")
            || at
                .rsplit_once("[]/")
                .is_some_and(|(list, key)| self.schema.keys(list).is_some_and(|keys| keys.contains(&key)))
    }

    fn map(&self, at: &str, target: Option<&Node>, patch: Option<&Node>) -> Result<Option<Node>, MergeError> {
        let target = target.filter(|t| !t.is_null());
        if target.is_some() && patch.is_some_and(Node::is_null) {
            return Ok(None);
        }
        let (directive, patch) = match patch {
            Some(patch) => {
                let (directive, rest) = map_directive(at, patch)?;
                (directive, Some(rest))
            }
            None => (Directive::Merge, None),
        };
        // A mapping that is new or replaces the old one is merged with itself: that drops its nulls.
        let base = match (directive, target) {
            (Directive::Delete, _) => return Ok(None),
            (Directive::Merge, Some(target)) => Some(target),
            (Directive::Replace, _) | (Directive::Merge, None) => patch.as_ref(),
        };
        let Some(base) = base else { return Ok(None) };
        let empty = Map::new();
        let base_map = base.as_map().unwrap_or(&empty);
        let patch_map = patch.as_ref().and_then(Node::as_map).unwrap_or(&empty);
        let mut merged = Map { entries: Vec::with_capacity(base_map.len() + patch_map.len()) };
        for entry in &base_map.entries {
            let step = step(at, &entry.key.text);
            let value = self.node(&step, Some(&entry.value), patch_map.get(&entry.key.text))?;
            merged.entries.extend(value.map(|value| Entry { key: entry.key.clone(), value }));
        }
        for entry in patch_map.entries.iter().filter(|e| !base_map.contains(&e.key.text)) {
            let value = self.node(&step(at, &entry.key.text), None, Some(&entry.value))?;
            merged.entries.extend(value.map(|value| Entry { key: entry.key.clone(), value }));
        }
        Ok(Some(Node::map(merged).at(base.mark.clone())))
    }

    fn list(
        &self,
        at: &str,
        keys: &[&str],
        target: Option<&Node>,
        patch: Option<&Node>,
    ) -> Result<Option<Node>, MergeError> {
        let target = target.filter(|t| !t.is_null());
        let (base, patch) = match (target, patch) {
            // The directive of a list that is new is not looked for: kustomize leaks it.
            (None, Some(patch)) => (patch.clone(), Some(patch.clone())),
            (Some(_), Some(patch)) if patch.is_null() => return Ok(None),
            (Some(target), Some(patch)) => {
                let (directive, rest) = list_directive(at, patch)?;
                match directive {
                    Directive::Delete => return Ok(None),
                    Directive::Replace => (rest.clone(), Some(rest)),
                    Directive::Merge => (target.clone(), Some(rest)),
                }
            }
            (Some(target), None) => (target.clone(), None),
            (None, None) => return Ok(None),
        };
        let line = patch.as_ref().map_or(base.mark.line, |p| p.mark.line);
        let mut lists = Lists {
            target: base.as_seq().unwrap_or_default().to_vec(),
            patch: patch.as_ref().and_then(Node::as_seq).unwrap_or_default().to_vec(),
            merged: Vec::new(),
        };
        let mark = base.mark.clone();
        if keys.is_empty() {
            return Ok(Some(Node::seq(lists.union()).at(mark)));
        }
        self.elements(at, keys, &mut lists, line)?;
        Ok(Some(Node::seq(lists.merged).at(mark)))
    }

    /// Pairs and merges the elements. The detours below are kustomize's: an element is looked up once for
    /// each distinct set of key values of both sides, and the target's elements are laid over the result,
    /// which is why `$patch: replace` inside an element has no effect.
    fn elements(&self, at: &str, keys: &[&str], lists: &mut Lists, line: u32) -> Result<(), MergeError> {
        let mismatch = || MergeError::Element { path: at.to_owned(), key: keys.join(" and "), line };
        let mut values = lists.values(keys);
        if keys.len() > 1 {
            unify(&mut values);
        }
        let used: Vec<usize> = (0..keys.len()).filter(|i| values.iter().any(|v| !v[*i].is_empty())).collect();
        let used = if used.is_empty() { (0..keys.len()).collect() } else { used };
        let used_keys: Vec<&str> = used.iter().map(|i| keys[*i]).collect();
        let below = format!("{at}[]");
        for all in &values {
            let wanted: Vec<&str> = used.iter().map(|i| all[*i].as_str()).collect();
            let place = find(&lists.target, &used_keys, &wanted);
            let target = place.map(|i| lists.target[i].clone());
            let patch = find(&lists.patch, &used_keys, &wanted).map(|i| lists.patch[i].clone());
            let replaced = patch.as_ref().is_some_and(is_replace);
            let merged = self.node(&below, target.as_ref(), patch.as_ref())?;
            let Some(mut merged) = merged.filter(|m| !is_empty(m)) else {
                lists.target = set(&lists.target, None, &used_keys, &wanted).ok_or_else(mismatch)?;
                continue;
            };
            if let Some(map) = merged.as_map_mut() {
                for (key, value) in used_keys.iter().zip(&wanted).filter(|(_, v)| !v.is_empty()) {
                    if !map.contains(key) {
                        map.set(*key, Node::string(*value));
                    }
                }
            }
            if let (Some(place), false) = (place, replaced) {
                lists.target[place] = merged.clone();
            }
            lists.merged = set(&lists.merged, Some(&merged), &used_keys, &wanted).ok_or_else(mismatch)?;
        }
        lists.merged = if values.is_empty() {
            lists.target.clone()
        } else {
            append(lists.merged.clone(), &lists.target, &used_keys).ok_or_else(mismatch)?
        };
        Ok(())
    }
}

struct Lists {
    target: Vec<Node>,
    patch: Vec<Node>,
    merged: Vec<Node>,
}

impl Lists {
    /// What the patch brings stands in front.
    fn in_order(&self) -> impl Iterator<Item = &Node> {
        self.patch.iter().chain(&self.target)
    }

    /// A list of scalars, each once.
    fn union(&self) -> Vec<Node> {
        let mut seen = BTreeSet::new();
        self.in_order().filter(|n| !is_empty(n) && seen.insert(text_of(n))).cloned().collect()
    }

    /// The key values of all elements, each combination once.
    fn values(&self, keys: &[&str]) -> Vec<Vec<String>> {
        let mut seen = BTreeSet::new();
        self.in_order()
            .map(|element| {
                keys.iter().map(|key| element.get(key).map_or_else(String::new, text_of)).collect::<Vec<_>>()
            })
            .filter(|values| seen.insert(values.clone()))
            .collect()
    }
}

fn map_directive(at: &str, patch: &Node) -> Result<(Directive, Node), MergeError> {
    let Some(directive) = patch.get(DIRECTIVE) else { return Ok((Directive::Merge, patch.clone())) };
    let strategy = parse(at, directive)?;
    let mut rest = patch.clone();
    if let Some(map) = rest.as_map_mut() {
        map.remove(DIRECTIVE);
    }
    Ok((strategy, rest))
}

/// The directive of a list is an element that holds nothing else.
fn list_directive(at: &str, patch: &Node) -> Result<(Directive, Node), MergeError> {
    let items = patch.as_seq().unwrap_or_default();
    let directive = items
        .iter()
        .find(|item| item.get(DIRECTIVE).is_some())
        .filter(|item| item.as_map().is_some_and(|map| map.len() == 1))
        .and_then(|item| item.get(DIRECTIVE));
    let Some(directive) = directive else { return Ok((Directive::Merge, patch.clone())) };
    let strategy = parse(at, directive)?;
    let same = raw_text(directive);
    let rest = items
        .iter()
        .filter(|item| !is_empty(item) && item.get(DIRECTIVE).is_none_or(|d| raw_text(d) != same))
        .cloned()
        .collect();
    Ok((strategy, Node::seq(rest).at(patch.mark.clone())))
}

fn parse(at: &str, directive: &Node) -> Result<Directive, MergeError> {
    match raw_text(directive) {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => Err(MergeError::Directive {
            path: at.to_owned(),
            strategy: other.to_owned(),
            line: directive.mark.line,
        }),
    }
}

fn is_replace(patch: &Node) -> bool {
    patch.str_at(&[DIRECTIVE]) == Some("replace")
}

fn shape(node: &Node) -> &'static str {
    match &node.value {
        Value::Map(_) => "a mapping",
        Value::Seq(_) => "a list",
        Value::Scalar(_) | Value::Secret(_) => "a scalar",
    }
}

fn text_of(node: &Node) -> String {
    node.scalar_text().unwrap_or("").to_owned()
}

fn step(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}/{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::testing::{print, read};

    const HEAD: &str = "apiVersion: apps/v1\nkind: Deployment\n";

    fn pod(text: &str) -> Node {
        let indented = format!("      {}\n", text.trim_end().replace('\n', "\n      "));
        read(&format!("{HEAD}spec:\n  template:\n    spec:\n{indented}"))
    }

    /// [`merge`] with the built-in schema of the target's kind.
    fn apply(patch: &Node, target: &Node) -> Result<Option<Node>, MergeError> {
        let schema =
            Schema::of(target.str_at(&["apiVersion"]).unwrap_or(""), target.str_at(&["kind"]).unwrap_or(""));
        merge(patch, target, &schema)
    }

    fn merged(patch: &str, target: &str) -> String {
        match apply(&pod(patch), &pod(target)) {
            Ok(Some(node)) => print(node.at_path(&["spec", "template", "spec"]).unwrap_or(&Node::null())),
            Ok(None) => "gone".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn elements_are_paired_by_name_and_those_of_the_patch_come_first() {
        let patch = "containers:\n- name: b\n  image: new\n- name: c\n";
        let target = "containers:\n- name: a\n- name: b\n  image: old\n  tty: true\n";
        let expected = "containers:\n- image: new\n  name: b\n  tty: true\n- name: c\n- name: a\n";
        assert_eq!(merged(patch, target), expected);
    }

    #[test]
    fn what_the_patch_brings_carries_its_mark() {
        let result = apply(&pod("a: new"), &pod("z: 1\na: old")).ok().flatten().expect("the object stays");
        let line = |key| result.at_path(&["spec", "template", "spec", key]).map(|n| n.mark.line);
        assert_eq!((line("a"), line("z")), (Some(6), Some(6)));
        let result = apply(&pod("b: 1\na: new"), &pod("a: old")).ok().flatten().expect("the object stays");
        assert_eq!(result.at_path(&["spec", "template", "spec", "a"]).map(|n| n.mark.line), Some(7));
    }

    #[test]
    fn nulls_delete_and_nulls_of_the_object_stay() {
        assert_eq!(merged("a: null\nnew: {x: null, y: 1}", "a: 1\nb: null"), "b: null\nnew:\n  \"y\": 1\n");
    }

    #[test]
    fn directives_delete_and_replace() {
        assert_eq!(merged("a: {$patch: replace, c: 2}", "a: {b: 1}"), "a:\n  c: 2\n");
        assert_eq!(merged("a: {$patch: delete}", "a: {b: 1}\nc: 1"), "c: 1\n");
        assert_eq!(
            merged("containers: [{name: a, $patch: delete}]", "containers: [{name: a}, {name: b}]"),
            "containers:\n- name: b\n"
        );
        assert_eq!(
            merged("volumes: [{name: c}, {$patch: replace}]", "volumes: [{name: a}]"),
            "volumes:\n- name: c\n"
        );
        let gone = apply(&read(&format!("{HEAD}$patch: delete\n")), &read(HEAD));
        assert!(matches!(gone, Ok(None)));
    }

    /// Both were seen in the output of kustomize v5.8.1.
    #[test]
    fn oddities_of_kustomize_are_kept() {
        let target = "containers:\n- name: a\n  image: x\n";
        assert_eq!(
            merged("containers: [{name: a, $patch: replace, image: y}]", target),
            "containers:\n- image: x\n  name: a\n"
        );
        let patch = "containers: [{name: a, ports: [{containerPort: 80, name: p}]}]";
        let target = "containers: [{name: a, ports: [{containerPort: 80, protocol: TCP, name: t}]}]";
        let expected =
            "containers:\n- name: a\n  ports:\n  - containerPort: 80\n    name: t\n    protocol: TCP\n";
        assert_eq!(merged(patch, target), expected);
        assert_eq!(
            merged("volumes: [{name: v}, {$patch: replace}]", "a: 1"),
            "a: 1\nvolumes:\n- $patch: replace\n"
        );
    }

    #[test]
    fn lists_of_custom_resources_are_replaced() {
        let head = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n";
        let patch = read(&format!("{head}containers: [{{name: b}}]\n"));
        let target = read(&format!("{head}containers: [{{name: a}}]\n"));
        let result = apply(&patch, &target).ok().flatten().expect("the object stays");
        assert_eq!(result.get("containers").map(print), Some("- name: b\n".to_owned()));
    }

    #[test]
    fn what_does_not_fit_is_an_error_with_its_place() {
        assert_eq!(
            merged("a: [1]", "a: {b: 1}"),
            "the patch has a list at `spec/template/spec/a` and the object has a mapping"
        );
        assert!(merged("a: {$patch: grow}", "a: {b: 1}").starts_with("unknown patch strategy `grow`"));
    }
}
