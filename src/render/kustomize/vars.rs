//! `vars`: `$(NAME)` in certain fields takes a value of an object (render.md 2.12).

use super::config::FieldSpec;
use super::entries::Var;
use super::error::{BuildError, Cause};
use super::fields::{Make, walk};
use super::id::Gvk;
use super::resmap::ResMap;
use super::resource::Resource;
use super::steps::By;
use crate::model::{Because, Link};
use crate::yaml::{Node, Scalar, ScalarKind, Style, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The vars of a build by name, each with the file that declares it.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    by_name: BTreeMap<Arc<str>, (Var, Arc<str>)>,
}

impl Vars {
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Records the vars of one folder and marks the objects they take their values from.
    pub fn declare(&mut self, vars: &[Var], file: &Arc<str>, objects: &mut ResMap) -> Result<(), BuildError> {
        for var in vars {
            let matches = objects.places(|r| means(var, r));
            if let [_, _, ..] = matches.as_slice() {
                let what = format!("{} objects match", matches.len());
                return Err(refuse(var, what, file));
            }
            if let [place] = matches.as_slice() {
                objects.list_mut()[*place].vars.push(var.name.text.clone());
            }
        }
        vars.iter().try_for_each(|var| self.add(var.clone(), file.clone()))
    }

    /// Adds the vars of another folder.
    pub fn merge(&mut self, other: Self) -> Result<(), BuildError> {
        other.by_name.into_values().try_for_each(|(var, file)| self.add(var, file))
    }

    fn add(&mut self, var: Var, file: Arc<str>) -> Result<(), BuildError> {
        if self.by_name.contains_key(&var.name.text) {
            return Err(refuse(&var, "it is declared twice".to_owned(), &file));
        }
        self.by_name.insert(var.name.text.clone(), (var, file));
        Ok(())
    }

    /// Resolves them in the given fields of all objects. `told` keeps each changed object as a step.
    pub fn resolve(
        &self,
        objects: &mut ResMap,
        specs: &[FieldSpec],
        told: Option<&By<'_>>,
    ) -> Result<(), BuildError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut values = BTreeMap::new();
        for (name, (var, file)) in &self.by_name {
            values.insert(name.clone(), value_of(var, file, objects.list())?);
        }
        for resource in objects.list_mut() {
            let mut because = Vec::new();
            for spec in specs {
                walk(resource, spec, Make::Nothing, &mut |node| {
                    let tell = told.is_some().then_some(&mut because);
                    replace(node, &mut Known { vars: self, values: &values, tell })
                })
                .map_err(|cause| cause.at(&resource.origin.file.clone(), resource.origin.line))?;
            }
            resource.refresh();
            if let Some(by) = told.filter(|_| !because.is_empty()) {
                resource.step(by, because);
            }
        }
        Ok(())
    }
}

/// The values of all vars, and where it is noted which were used, if that is to be told.
struct Known<'k> {
    vars: &'k Vars,
    values: &'k BTreeMap<Arc<str>, Node>,
    tell: Option<&'k mut Vec<Because>>,
}

impl Known<'_> {
    fn tell(&mut self, text: &str, node: &Node) {
        let Some(told) = &mut self.tell else { return };
        let used = self.values.iter().filter(|(name, _)| text.contains(&format!("$({name})")));
        told.extend(used.map(|(name, value)| {
            let source = self.vars.by_name.get(name).map_or_else(String::new, |(var, file)| {
                let (kind, object, field) = (&*var.kind, &*var.object, &*var.field);
                format!("var {name} ({file}:{}), {field} of {kind}/{object}", var.name.line())
            });
            Because {
                of: node.mark.clone(),
                value: node.scalar_text().map(Into::into),
                link: Link::Var,
                source,
                place: Some(value.mark.clone()).filter(|mark| mark.line > 0),
                sealed: None,
            }
        }));
    }
}

fn refuse(var: &Var, what: String, file: &str) -> BuildError {
    Cause::Var { name: var.name.to_string(), what }.in_field(file, var.name.line(), "vars")
}

/// Without a namespace, any namespace fits.
fn means(var: &Var, resource: &Resource) -> bool {
    let gvk = Gvk::new(&var.api_version, &var.kind);
    let namespace = if var.namespace.is_empty() { None } else { Some(&*var.namespace) };
    resource.all_ids().any(|id| {
        id.gvk == gvk
            && *id.name == *var.object
            && namespace.is_none_or(|namespace| id.effective_namespace() == namespace)
    })
}

fn value_of(var: &Var, file: &Arc<str>, objects: &[Resource]) -> Result<Node, BuildError> {
    let Some(resource) = objects.iter().find(|r| r.vars.contains(&var.name.text)) else {
        return Err(refuse(var, "it cannot be mapped to a field of a known object".to_owned(), file));
    };
    let parts = steps(&var.field);
    match super::field_path::lookup(&resource.body, &parts) {
        Ok(Some(node)) => Ok(node.clone()),
        _ => Err(refuse(var, format!("{} has no field {}", resource.id, &*var.field), file)),
    }
}

/// Parts of a path; `rules[0]` is two of them.
fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    for part in super::field_path::split(path) {
        let indexed = part.strip_suffix(']').and_then(|p| p.rsplit_once('['));
        match indexed.filter(|(_, index)| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit())) {
            Some((name, index)) => {
                steps.extend((!name.is_empty()).then(|| name.to_owned()));
                steps.push(index.to_owned());
            }
            None => steps.push(part),
        }
    }
    steps
}

fn replace(node: &mut Node, values: &mut Known<'_>) -> Result<(), Cause> {
    if let Some(map) = node.as_map_mut() {
        map.entries.iter_mut().for_each(|entry| replace_scalar(&mut entry.value, values));
    } else if let Some(items) = node.as_seq_mut() {
        for item in items {
            if item.as_map().is_some() || item.as_seq().is_some() {
                let what = "a list of texts is expected where vars are replaced".to_owned();
                return Err(Cause::Transformer { transformer: "vars", what });
            }
            replace_scalar(item, values);
        }
    } else {
        replace_scalar(node, values);
    }
    Ok(())
}

fn replace_scalar(node: &mut Node, known: &mut Known<'_>) {
    let Some(text) = node.as_str().filter(|t| t.contains('$')).map(str::to_owned) else { return };
    node.value = expand(&text, known.values);
    known.tell(&text, node);
}

/// The text with its references replaced. A text that is nothing but one reference takes the value's type.
fn expand(text: &str, values: &BTreeMap<Arc<str>, Node>) -> Value {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            let value = values.get(name).filter(|v| v.scalar_text().is_some());
            match value {
                Some(value) if text.len() == name.len() + 3 => return value.value.clone(),
                Some(value) => out.push_str(value.scalar_text().unwrap_or("")),
                None => out.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Value::Scalar(Scalar { text: out.into(), kind: ScalarKind::Str, style: Style::Plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_escapes_kept() {
        let values = [("A".into(), Node::string("x")), ("N".into(), Node::int(3))].into_iter().collect();
        let text = |t: &str| match expand(t, &values) {
            Value::Scalar(s) => (s.text.to_string(), s.kind),
            _ => panic!("a scalar"),
        };
        assert_eq!(text("$(A)-$(N)"), ("x-3".to_owned(), ScalarKind::Str));
        assert_eq!(text("$(N)"), ("3".to_owned(), ScalarKind::Int));
        assert_eq!(text("$$(A) $(B) $x $("), ("$(A) $(B) $x $(".to_owned(), ScalarKind::Str));
    }
}
