//! Selectors: which objects a patch or a replacement is about, and the Kubernetes label selector grammar.

use super::id::Id;
use super::pattern::Pattern;
use crate::yaml::Node;

/// A selector that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{text}`: {cause}")]
pub struct SelectorError {
    /// The field: `name`, `labelSelector` …
    pub field: &'static str,
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub cause: String,
    /// Its line; 0 if unknown.
    pub line: u32,
}

/// The `target` of a patch, or the `select` and `reject` of a replacement.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl Selector {
    /// Reads a selector. Each part is a regular expression that has to match the whole text; a part that
    /// is missing or empty matches everything (render.md 2.9).
    pub fn parse(node: &Node) -> Result<Self, SelectorError> {
        let part = |field: &'static str| anchored(field, node.get(field));
        let labels = |field: &'static str| {
            let text = node.get(field).and_then(Node::scalar_text).unwrap_or("");
            LabelSelector::parse(text).map_err(|cause| error(field, text, cause, node))
        };
        Ok(Self {
            group: part("group")?,
            version: part("version")?,
            kind: part("kind")?,
            name: part("name")?,
            namespace: part("namespace")?,
            labels: labels("labelSelector")?,
            annotations: labels("annotationSelector")?,
        })
    }

    /// True if a patch with this target is applied: name and namespace may match the object's original or
    /// its current identity, group, version and kind match the current one.
    pub fn selects(&self, original: &Id, current: &Id, body: &Node) -> bool {
        let either = |pattern: Option<&Pattern>, part: fn(&Id) -> &str| {
            pattern.is_none_or(|p| p.is_match(part(original)) || p.is_match(part(current)))
        };
        either(self.namespace.as_ref(), Id::effective_namespace)
            && either(self.name.as_ref(), |id| &id.name)
            && self.matches_kind(current)
            && self.matches_metadata(body)
    }

    /// True if all parts match this one identity, its namespace as written.
    pub fn matches_id(&self, id: &Id) -> bool {
        self.matches_kind(id)
            && matches(self.name.as_ref(), &id.name)
            && matches(self.namespace.as_ref(), &id.namespace)
    }

    /// True if labels and annotations fit.
    pub fn matches_metadata(&self, body: &Node) -> bool {
        self.labels.matches(body.at_path(&["metadata", "labels"]))
            && self.annotations.matches(body.at_path(&["metadata", "annotations"]))
    }

    /// True if it says nothing about the identity.
    pub fn has_no_id(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].iter().all(|p| p.is_none())
    }

    /// True if it says nothing about labels and annotations.
    pub fn has_no_metadata(&self) -> bool {
        self.labels.0.is_empty() && self.annotations.0.is_empty()
    }

    fn matches_kind(&self, id: &Id) -> bool {
        matches(self.group.as_ref(), &id.gvk.group)
            && matches(self.version.as_ref(), &id.gvk.version)
            && matches(self.kind.as_ref(), &id.gvk.kind)
    }
}

fn matches(pattern: Option<&Pattern>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

fn anchored(field: &'static str, node: Option<&Node>) -> Result<Option<Pattern>, SelectorError> {
    let Some((node, text)) = node.and_then(|n| Some((n, n.scalar_text()?))).filter(|(_, t)| !t.is_empty())
    else {
        return Ok(None);
    };
    Pattern::new(text).map(Some).map_err(|e| {
        let cause = e.to_string().lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
        error(field, text, format!("not a regular expression: {cause}"), node)
    })
}

fn error(field: &'static str, text: &str, cause: String, node: &Node) -> SelectorError {
    SelectorError { field, text: text.to_owned(), cause, line: node.mark.line }
}

/// A label selector: requirements that all have to hold; none matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Above(String, i64),
    Below(String, i64),
}

impl LabelSelector {
    /// Reads `a=b, c!=d, e in (f, g), h notin (i), j, !k, l > 1, m < 2`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text);
        let mut rest = tokens.as_slice();
        let mut requirements = Vec::new();
        while !rest.is_empty() {
            requirements.push(requirement(&mut rest)?);
            match rest.split_first() {
                None => {}
                Some((&",", [])) => return Err("there is nothing behind the last comma".to_owned()),
                Some((&",", after)) => rest = after,
                Some((other, _)) => return Err(format!("a comma was expected before `{other}`")),
            }
        }
        Ok(Self(requirements))
    }

    /// True if a mapping of labels (or annotations) fulfils it.
    pub fn matches(&self, labels: Option<&Node>) -> bool {
        let value = |key: &str| labels.and_then(|l| l.get(key)).map(|v| v.scalar_text().unwrap_or(""));
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Absent(key) => value(key).is_none(),
            Requirement::In(key, values) => value(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|v| values.iter().all(|w| w != v)),
            Requirement::Above(key, limit) => {
                value(key).and_then(|v| v.parse().ok()).is_some_and(|n: i64| n > *limit)
            }
            Requirement::Below(key, limit) => {
                value(key).and_then(|v| v.parse().ok()).is_some_and(|n: i64| n < *limit)
            }
        })
    }
}

/// Words and signs; blanks only separate.
fn tokens(text: &str) -> Vec<&str> {
    let is_sign = |c: char| matches!(c, '=' | '!' | '(' | ')' | '<' | '>' | ',');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_sign(first) {
            if rest.starts_with("==") || rest.starts_with("!=") { 2 } else { 1 }
        } else {
            rest.find(|c: char| is_sign(c) || c.is_whitespace()).unwrap_or(rest.len())
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

fn requirement(rest: &mut &[&str]) -> Result<Requirement, String> {
    if rest.first() == Some(&"!") {
        *rest = &rest[1..];
        return word(rest).map(Requirement::Absent);
    }
    let key = word(rest)?;
    let Some((operator, after)) = rest.split_first().filter(|(token, _)| **token != ",") else {
        return Ok(Requirement::Exists(key));
    };
    *rest = after;
    match *operator {
        "=" | "==" => Ok(Requirement::In(key, vec![value(rest)])),
        "!=" => Ok(Requirement::NotIn(key, vec![value(rest)])),
        "in" => Ok(Requirement::In(key, values(rest)?)),
        "notin" => Ok(Requirement::NotIn(key, values(rest)?)),
        ">" => number(rest).map(|n| Requirement::Above(key, n)),
        "<" => number(rest).map(|n| Requirement::Below(key, n)),
        other => Err(format!("`{other}` is no operator; known are =, ==, !=, in, notin, < and >")),
    }
}

fn is_word(token: &str) -> bool {
    !matches!(token, "=" | "==" | "!=" | "!" | "(" | ")" | "<" | ">" | ",")
}

fn word(rest: &mut &[&str]) -> Result<String, String> {
    match rest.split_first() {
        Some((token, after)) if is_word(token) => {
            *rest = after;
            Ok((*token).to_owned())
        }
        Some((token, _)) => Err(format!("a label was expected before `{token}`")),
        None => Err("a label was expected at the end".to_owned()),
    }
}

/// The value of `a=b`; it may be empty.
fn value(rest: &mut &[&str]) -> String {
    word(rest).unwrap_or_default()
}

fn number(rest: &mut &[&str]) -> Result<i64, String> {
    let text = word(rest)?;
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn values(rest: &mut &[&str]) -> Result<Vec<String>, String> {
    let Some((&"(", mut after)) = rest.split_first() else { return Err("`(` was expected".to_owned()) };
    let mut values = Vec::new();
    loop {
        values.push(value(&mut after));
        match after.split_first() {
            Some((&",", next)) => after = next,
            Some((&")", next)) => {
                *rest = next;
                return Ok(values);
            }
            _ => return Err("`)` was expected".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::kustomize::id::Gvk;
    use crate::render::kustomize::testing::read;

    fn id(kind: &str, name: &str, namespace: &str) -> Id {
        let gvk = Gvk::new("apps/v1", kind);
        Id { gvk, name: name.into(), namespace: namespace.into(), cluster: false }
    }

    #[test]
    fn patterns_match_the_whole_text() {
        let selector = Selector::parse(&read("kind: Deploy.*\nname: web|api\n")).expect("it is well formed");
        let body = Node::null();
        let selects =
            |name| selector.selects(&id("Deployment", name, ""), &id("Deployment", name, ""), &body);
        assert!(selects("web") && selects("api"));
        assert!(!selects("web-2"));
    }

    #[test]
    fn a_renamed_object_is_found_under_both_names() {
        let old = Selector::parse(&read("name: web\n")).expect("it is well formed");
        let new = Selector::parse(&read("name: dev-web\n")).expect("it is well formed");
        let (original, current) = (id("Deployment", "web", ""), id("Deployment", "dev-web", "dev"));
        assert!(
            old.selects(&original, &current, &Node::null())
                && new.selects(&original, &current, &Node::null())
        );
        assert!(!old.matches_id(&current));
    }

    #[test]
    fn the_default_namespace_matches_objects_without_one() {
        let selector = Selector::parse(&read("namespace: default\n")).expect("it is well formed");
        let object = id("Deployment", "web", "");
        assert!(selector.selects(&object, &object, &Node::null()));
        assert!(!selector.matches_id(&object));
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = Selector::parse(&read("kind: X\nname: (\n")).expect_err("the group is open");
        assert_eq!((error.field, error.text.as_str(), error.line), ("name", "(", 2));
    }

    #[test]
    fn label_selectors_follow_the_kubernetes_grammar() {
        let labels = read("app: web\ntier: back\nweight: 7\nempty: ''\n");
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=front", true),
            ("app in (web, api),tier notin (front)", true),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("other!=x", true),
            ("weight>5", true),
            ("weight < 5", false),
            ("empty=", true),
            ("app=api", false),
        ] {
            let selector = LabelSelector::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(selector.matches(Some(&labels)), expected, "{text}");
        }
        for text in ["=a", "a in b", "a in (b", "a b", "a>b", "a=b,", "a=(b)"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }
}
