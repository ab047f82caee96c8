//! Flux's `postBuild` by hand: the two forms that the real repositories use, `${NAME}` and `${NAME:=default}`, and `$${`.
//!
//! Written from Flux's documentation, apart from the product's own. A name without a value (it is sealed, or declared
//! nowhere) stays as it is written: the product must neither invent one nor lose the expression.

use std::collections::BTreeMap;

/// The text with its variables put in.
pub fn substitute(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at]);
            out.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}').map(|end| at + end) else {
            rest = &rest[at..];
            break;
        };
        let (whole, inner) = (&rest[at..=end], &rest[at + 2..end]);
        let (name, default) = match inner.split_once(":=").or_else(|| inner.split_once(":-")) {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let is_name = !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        match (is_name, variables.get(name), default) {
            (true, Some(value), _) if !value.is_empty() || default.is_none() => out.push_str(value),
            (true, _, Some(default)) => out.push_str(default.trim_matches('"')),
            _ => out.push_str(whole),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

#[test]
fn values_defaults_and_escapes() {
    let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    assert_eq!(substitute("${A} ${B:=2} ${B} $${A} ${A:-3} ${", &variables), "1 2 ${B} ${A} 1 ${");
}
