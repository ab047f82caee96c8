//! `$ARGOCD_APP_NAME` and the others, put in as Go's `os.Expand` does.

/// What an Application's values may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    values: Vec<(&'static str, String)>,
}

/// Names of the revision that Argo CD renders: it is known to Argo CD alone, and another one at each commit.
const REVISIONS: [&str; 3] =
    ["ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT", "ARGOCD_APP_REVISION_SHORT_8"];

/// A text with its variables put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text; a variable that is not known stands as it was.
    pub text: String,
    /// Variables that are not known.
    pub holes: Vec<&'static str>,
}

impl Variables {
    /// Variables by name.
    pub fn new(values: Vec<(&'static str, String)>) -> Self {
        Self { values }
    }

    /// Puts them in. Names that Argo CD does not set are empty.
    pub fn expand(&self, text: &str) -> Expanded {
        let mut made = Expanded { text: String::with_capacity(text.len()), holes: Vec::new() };
        let mut rest = text;
        while let Some(place) = rest.find('$') {
            made.text.push_str(&rest[..place]);
            let after = &rest[place + 1..];
            let (name, width) = name(after);
            if width == 0 || name == "$" {
                made.text.push('$');
            } else if let Some(hole) = REVISIONS.iter().find(|revision| **revision == name) {
                made.text.push_str(&rest[place..place + 1 + width]);
                made.holes.push(hole);
            } else if let Some((_, value)) = self.values.iter().find(|(own, _)| *own == name) {
                made.text.push_str(value);
            }
            rest = &after[width..];
        }
        made.text.push_str(rest);
        made
    }
}

/// The name after a `$` and how many bytes it takes; an empty name of some width is bad syntax and vanishes.
fn name(text: &str) -> (&str, usize) {
    let special = |b: u8| b.is_ascii_digit() || b"*#$@!?-".contains(&b);
    match text.as_bytes() {
        [] => ("", 0),
        [b'{', one, b'}', ..] if special(*one) => (&text[1..2], 3),
        [b'{', inner @ ..] => match inner.iter().position(|b| *b == b'}') {
            Some(0) => ("", 2),
            Some(end) => (&text[1..=end], end + 2),
            None => ("", 1),
        },
        [one, ..] if special(*one) => (&text[..1], 1),
        bytes => {
            let end =
                bytes.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(bytes.len());
            (&text[..end], end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_as_go_does() {
        let variables = Variables::new(vec![("ARGOCD_APP_NAME", "web".to_owned())]);
        for (text, expected) in [
            ("x-$ARGOCD_APP_NAME", "x-web"),
            ("${ARGOCD_APP_NAME}-x", "web-x"),
            ("$$5", "$5"),
            ("${$}", "$"),
            ("a $ b", "a $ b"),
            ("end$", "end$"),
            ("$HOME.", "."),
            ("${}x", "x"),
            ("${open", "open"),
            ("$1x", "x"),
            ("ä$ARGOCD_APP_NAME-ö", "äweb-ö"),
        ] {
            assert_eq!(variables.expand(text).text, expected, "{text}");
        }
    }

    #[test]
    fn the_revision_is_not_known() {
        let made = Variables::default().expand("v-${ARGOCD_APP_REVISION_SHORT}");
        assert_eq!(made.text, "v-${ARGOCD_APP_REVISION_SHORT}");
        assert_eq!(made.holes, ["ARGOCD_APP_REVISION_SHORT"]);
    }
}
