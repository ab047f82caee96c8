//! Flux's `postBuild` by hand: the two forms that the real repositories use, `${NAME}` and `${NAME:=default}`, and `$$`
//! for one `$`.
//!
//! Written from Flux's documentation, apart from the product's own. A name that is not set becomes empty, as it does by
//! default. A name whose value is sealed stays as it is written, and so does every name while a source is missing: the
//! product must neither invent a value nor lose the expression.

use std::collections::BTreeMap;

/// The variables of one Kustomization.
#[derive(Debug, Default)]
pub struct Variables {
    /// Values by name; `None` if it is sealed.
    values: BTreeMap<String, Option<String>>,
    /// Sealed values as they are written.
    sealed: BTreeMap<String, String>,
    /// True if a source is not declared in the repository.
    pub incomplete: bool,
}

impl Variables {
    /// Sets a variable; a later value overrides an earlier one.
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), Some(value.replace('\n', "")));
    }

    /// Sets a variable to a value that is not known, only how it is written.
    pub fn seal(&mut self, name: &str, written: &str) {
        self.values.insert(name.to_owned(), None);
        self.sealed.insert(name.to_owned(), written.to_owned());
    }
}

impl Variables {
    /// The variables of a text whose values are sealed, and how those are written: what is put in for them is not known,
    /// but that something is, and that it was another value when it was written otherwise.
    pub fn sealed_in(&self, text: &str) -> Vec<(&str, &str)> {
        let stands = |name: &str| ["}", ":"].iter().any(|end| text.contains(&format!("${{{name}{end}")));
        let sealed = self.values.iter().filter(|(_, value)| value.is_none());
        let names = sealed.map(|(name, _)| name.as_str()).filter(|name| stands(name));
        names.map(|name| (name, self.sealed.get(name).map_or("", String::as_str))).collect()
    }
}

/// The text with its variables put in.
pub fn substitute(text: &str, variables: &Variables) -> String {
    if variables.values.is_empty() && !variables.incomplete {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let skipped = match &rest.as_bytes()[at..] {
            [b'$', b'{', ..] => 0,
            [b'$', b'$', ..] => 2,
            _ => 1,
        };
        if skipped > 0 {
            out.push('$');
            rest = &rest[at + skipped..];
            continue;
        }
        let Some(end) = closing(&rest[at..]).map(|end| at + end) else {
            rest = &rest[at..];
            break;
        };
        let (whole, inner) = (&rest[at..=end], &rest[at + 2..end]);
        let (name, default) = match inner.split_once(":=").or_else(|| inner.split_once(":-")) {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let is_name = name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        match (variables.values.get(name), default) {
            _ if !is_name => out.push_str(whole),
            (Some(Some(value)), _) if !value.is_empty() => out.push_str(value),
            (Some(None), _) => out.push_str(whole),
            (_, Some(default)) => out.push_str(&substitute(default.trim_matches('"'), variables)),
            (None, None) if variables.incomplete => out.push_str(whole),
            (_, None) => {}
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Where the expression at the beginning ends: a default may hold expressions of its own.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if text[..at].ends_with('$') => open += 1,
            b'}' if open == 1 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn values_defaults_and_escapes() {
    let mut variables = Variables::default();
    variables.set("A", "1");
    variables.seal("S", "ENC[1]");
    assert_eq!(
        substitute("${A} ${B:=2} [${B}] $${A} ${A:-3} ${S} $$k $k ${", &variables),
        "1 2 [] ${A} 1 ${S} $k $k ${"
    );
    assert_eq!(substitute("${A:=${B}} ${B:=${A}} ${B:=${C:=x}}", &variables), "1 1 x");
    assert_eq!(variables.sealed_in("${A} ${S:=1}"), [("S", "ENC[1]")]);
    variables.incomplete = true;
    assert_eq!(substitute("${B} ${B:=2}", &variables), "${B} 2");
}
