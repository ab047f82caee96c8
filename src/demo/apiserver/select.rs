//! Selectors and the other questions of a list's query.

use super::kinds::Kind;
use serde_json::Value;
use std::collections::BTreeMap;

/// The query of a list or watch.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn read(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or("").split('&').filter(|p| !p.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// `true`, `1`, or the bare name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|v| matches!(v.as_str(), "" | "true" | "1"))
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }
}

/// Undoes percent-encoding; `+` is a blank in queries.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let hex = std::str::from_utf8(&digits).ok().and_then(|h| u8::from_str_radix(h, 16).ok());
                bytes.push(hex.unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Which objects are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Is(String, Vec<String>),
    Not(String, Vec<String>),
    Has(String),
    Lacks(String),
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`; the error is the server's message.
    pub(super) fn read(query: &Query, kind: &Kind) -> Result<Self, String> {
        let labels = query.get("labelSelector").map_or(Ok(Vec::new()), requirements)?;
        let mut fields = Vec::new();
        for part in query.get("fieldSelector").unwrap_or("").split(',').filter(|p| !p.is_empty()) {
            let (name, equal, value) = operator(part)
                .ok_or_else(|| format!("invalid selector: '{part}'; can't understand '{part}'"))?;
            if !selectable(kind, name) {
                return Err(format!("field label not supported: {name}"));
            }
            fields.push((name.to_owned(), equal, value.to_owned()));
        }
        Ok(Self { labels, fields })
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = |name: &str| labels.and_then(|l| l.get(name)).and_then(Value::as_str);
        let labels_match = self.labels.iter().all(|requirement| match requirement {
            Requirement::Is(name, values) => label(name).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::Not(name, values) => label(name).is_none_or(|v| !values.iter().any(|w| w == v)),
            Requirement::Has(name) => label(name).is_some(),
            Requirement::Lacks(name) => label(name).is_none(),
        });
        labels_match
            && self.fields.iter().all(|(path, equal, value)| {
                let found = object.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_str);
                (found.unwrap_or("") == value) == *equal
            })
    }
}

fn operator(part: &str) -> Option<(&str, bool, &str)> {
    let split = |sign| part.split_once(sign);
    let (name, equal, value) = match (split("!="), split("=="), split("=")) {
        (Some((name, value)), ..) => (name, false, value),
        (None, Some((name, value)), _) | (None, None, Some((name, value))) => (name, true, value),
        _ => return None,
    };
    Some((name.trim(), equal, value.trim()))
}

/// Fields that a kind can be selected by (`pkg/registry/*/strategy.go`).
fn selectable(kind: &Kind, field: &str) -> bool {
    let own: &[&str] = match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
        ],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "reason",
            "type",
            "source",
        ],
        ("", "Secret") => &["type"],
        ("", "Namespace") => &["status.phase"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        _ => &[],
    };
    matches!(field, "metadata.name" | "metadata.namespace") || own.contains(&field)
}

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`
fn requirements(text: &str) -> Result<Vec<Requirement>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match (rest.find(','), rest.find('('), rest.find(')')) {
            (Some(comma), Some(open), Some(close)) if open < comma => close + 1,
            (None, _, _) => rest.len(),
            (Some(comma), ..) => comma,
        };
        let (part, after) = rest.split_at(end.min(rest.len()));
        found.push(requirement(part.trim()).ok_or_else(|| format!("unable to parse requirement: {part}"))?);
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Ok(found)
}

fn requirement(part: &str) -> Option<Requirement> {
    let name_ok = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
    };
    if let Some((head, list)) = part.strip_suffix(')').and_then(|p| p.split_once('(')) {
        let values = list.split(',').map(|v| v.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        let (name, word) = (words.next()?.to_owned(), words.next()?);
        return match word {
            "in" if name_ok(&name) => Some(Requirement::Is(name, values)),
            "notin" if name_ok(&name) => Some(Requirement::Not(name, values)),
            _ => None,
        };
    }
    if let Some((name, equal, value)) = operator(part) {
        let (name, values) = (name.to_owned(), vec![value.to_owned()]);
        let made = if equal {
            Requirement::Is(name.clone(), values)
        } else {
            Requirement::Not(name.clone(), values)
        };
        return name_ok(&name).then_some(made);
    }
    match part.strip_prefix('!') {
        Some(name) if name_ok(name.trim()) => Some(Requirement::Lacks(name.trim().to_owned())),
        None if name_ok(part) => Some(Requirement::Has(part.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(selector: &str, labels: &Value) -> bool {
        let query = Query([("labelSelector".to_owned(), selector.to_owned())].into());
        let kind = super::super::kinds::built_in().remove(0);
        let selector = Selector::read(&query, &kind).unwrap_or_else(|e| panic!("{e}"));
        selector.matches(&json!({"metadata": {"labels": labels}}))
    }

    #[test]
    fn labels_are_selected_as_kubernetes_does() {
        let labels = json!({"app": "cart", "tier": "web"});
        for yes in [
            "app=cart",
            "app==cart,tier=web",
            "app in (cart, shop)",
            "app",
            "!old",
            "app notin (x),tier",
            "app!=x",
        ] {
            assert!(matches(yes, &labels), "{yes}");
        }
        for no in ["app=shop", "app notin (cart)", "old", "!app", "app in (x),tier"] {
            assert!(!matches(no, &labels), "{no}");
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::read(Some("labelSelector=app%3Dcart&watch&limit=5&x="));
        assert_eq!(query.get("labelSelector"), Some("app=cart"));
        assert!(query.is("watch") && query.number("limit") == Some(5) && query.get("x").is_none());
    }
}
