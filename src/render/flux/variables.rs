//! Where the variables of a Kustomization come from: `ConfigMap`s, Secrets, and what it says itself (render.md 6.4).

use super::super::reveal;
use super::sealed::secret_of;
use super::spec::Spec;
use super::substitute::{Variable, Variables};
use crate::model::{ObjectKey, Problem, Reason};
use crate::secret::{Ciphertext, SecretLeaf, SecretText};
use crate::yaml::{Map, Node, Value};

/// One entry of `substituteFrom`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The `ConfigMap` or Secret.
    pub key: ObjectKey,
    /// True if it may be missing.
    pub optional: bool,
    /// Line of the entry.
    pub line: u32,
}

/// The sources that a Kustomization names, in order.
pub fn sources(spec: &Spec) -> Vec<Source> {
    let entries = spec.post_build().and_then(|p| p.get("substituteFrom")).and_then(Node::as_seq);
    entries
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| {
            let kind = entry.str_at(&["kind"]).filter(|k| matches!(*k, "ConfigMap" | "Secret"))?;
            let name = entry.get("name")?.scalar_text()?;
            let optional = entry.get("optional").and_then(Node::as_bool).unwrap_or(false);
            let key = ObjectKey::new("", kind, &spec.key.namespace, name);
            Some(Source { key, optional, line: entry.mark.line })
        })
        .collect()
}

/// Reads all variables. `find` gives the body of a `ConfigMap` or Secret, if it is known.
pub(super) fn load(
    spec: &Spec,
    find: &dyn Fn(&ObjectKey) -> Option<Node>,
    problems: &mut Vec<Problem>,
) -> Variables {
    let mut variables = Variables::default();
    for source in sources(spec) {
        if let Some(body) = find(&source.key) {
            read(&body, &source.key, &mut variables);
        } else {
            variables.incomplete |= !source.optional;
            problems.push(missing(spec, &source));
        }
    }
    let own = spec.post_build().and_then(|p| p.get("substitute")).and_then(Node::as_map);
    for (name, value) in own.into_iter().flat_map(Map::iter) {
        match secret_of(value) {
            Some(text) => variables.set_secret(name, text),
            None => variables.set_plain(name, value.scalar_text().unwrap_or("")),
        }
    }
    variables
}

fn missing(spec: &Spec, source: &Source) -> Problem {
    let file = &spec.origin.file;
    if source.optional {
        let cause = format!("{} is not in the repository; its variables count as unset", source.key);
        let mut problem = Problem::warning(Reason::Substitution, cause).at(file, source.line);
        problem.severity = crate::model::Severity::Note;
        return problem;
    }
    let cause = format!("{} holds variables and is not in the repository", source.key);
    Problem::warning(Reason::Substitution, cause)
        .at(file, source.line)
        .next("look at the live object, or declare it in the repository")
}

/// The values of a `ConfigMap` or Secret. All of a Secret is secret, however it is written in git.
fn read(body: &Node, key: &ObjectKey, variables: &mut Variables) {
    let is_secret = key.is_secret();
    for (field, base64) in [("data", is_secret), ("stringData", false)] {
        if field == "stringData" && !is_secret {
            continue;
        }
        for (name, value) in body.get(field).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
            if let Some(variable) = variable(value, is_secret, base64) {
                set(variables, name, variable);
            }
        }
    }
}

fn set(variables: &mut Variables, name: &str, variable: Variable) {
    match variable {
        Variable::Plain(text) => variables.set_plain(name, &text),
        Variable::Secret(text) => variables.set_secret(name, &text),
        closed @ Variable::Closed(_) => variables.set(name, closed),
    }
}

fn variable(value: &Node, is_secret: bool, base64: bool) -> Option<Variable> {
    let decoded = |text: &SecretText| {
        reveal::decode_base64(text)
            .map_or(Variable::Closed(Ciphertext::UNKNOWN), |plain| Variable::Secret(plain.into()))
    };
    match &value.value {
        Value::Secret(_) => Some(match secret_of(value) {
            Some(text) if base64 => decoded(text),
            Some(text) => Variable::Secret(text.clone()),
            None => match &value.value {
                Value::Secret(SecretLeaf::Closed(ciphertext)) => Variable::Closed(*ciphertext),
                _ => Variable::Closed(Ciphertext::UNKNOWN),
            },
        }),
        Value::Scalar(scalar) if scalar.text.starts_with("ENC[AES256_GCM,") => {
            Some(Variable::Closed(Ciphertext::of(scalar.text.as_bytes())))
        }
        Value::Scalar(scalar) if is_secret => {
            let text = SecretText::from_string(scalar.text.to_string());
            Some(if base64 { decoded(&text) } else { Variable::Secret(text.into()) })
        }
        Value::Scalar(_) => Some(Variable::Plain(value.scalar_text()?.into())),
        _ => None,
    }
}
