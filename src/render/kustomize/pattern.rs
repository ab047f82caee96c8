//! Patterns of selectors and images: regular expressions that are nearly always plain texts. Compiling one costs
//! more than a whole small build, so a plain text is compared as what it is.

use super::limits::regex;
use regex::Regex;

/// A pattern that has to match a whole text.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Nothing in it has a meaning.
    Plain(String),
    /// A real regular expression.
    Regex(Box<Regex>),
}

impl Pattern {
    /// Reads a pattern, RE2 syntax.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        if text.contains(|c: char| regex_syntax_of(c)) {
            regex(&format!("^(?:{text})$")).map(|regex| Self::Regex(Box::new(regex)))
        } else {
            Ok(Self::Plain(text.to_owned()))
        }
    }

    /// True if it matches all of `text`.
    pub fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Plain(plain) => plain == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// True for letters with a meaning in regular expressions.
fn regex_syntax_of(letter: char) -> bool {
    matches!(letter, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$')
}

/// An image name: used as a regular expression in front of tag and digest, and nearly always free of
/// anything but dots, which mean any letter.
#[derive(Clone, Debug)]
pub enum ImageName {
    /// Letters, where a dot stands for any one of them.
    Dotted(Vec<char>),
    /// A real regular expression, tag and digest included.
    Regex(Box<Regex>),
}

impl ImageName {
    /// Reads a name.
    pub fn new(name: &str) -> Result<Self, regex::Error> {
        if name.contains(|c: char| c != '.' && regex_syntax_of(c)) {
            let text = format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$");
            regex(&text).map(|regex| Self::Regex(Box::new(regex)))
        } else {
            Ok(Self::Dotted(name.chars().collect()))
        }
    }

    /// True if it matches an image with or without tag and digest.
    pub fn is_match(&self, image: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(image),
            Self::Dotted(name) => {
                let mut rest = image.chars();
                let fits = |wanted: &char| {
                    rest.next().is_some_and(|found| found == *wanted || (*wanted == '.' && found != '\n'))
                };
                name.iter().all(fits) && is_tag_and_digest(rest.as_str())
            }
        }
    }
}

/// `:tag`, `@sha256:digest`, both or nothing.
fn is_tag_and_digest(text: &str) -> bool {
    let word = |t: &str| {
        t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'{' | b'}' | b'-'))
    };
    let (tag, digest) = text.split_once('@').map_or((text, None), |(tag, digest)| (tag, Some(digest)));
    (tag.is_empty() || tag.strip_prefix(':').is_some_and(word))
        && digest.is_none_or(|d| d.strip_prefix("sha256:").is_some_and(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_texts_match_themselves_only() {
        let pattern = Pattern::new("web-1").expect("it is one");
        assert!(pattern.is_match("web-1") && !pattern.is_match("web-12"));
        assert!(Pattern::new("web|api").expect("it is one").is_match("api"));
        assert!(Pattern::new("(").is_err());
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_regular_expression(
            name in "[a-z./:-]{0,6}", tag in "(:[a-z0-9.{}]{0,3})?", digest in "(@sha256:[a-f0-9]{0,3})?", tail in "[a-z@:.]{0,2}"
        ) {
            let text = format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$");
            let regex = Regex::new(&text).expect("such names are expressions");
            let short = ImageName::new(&name).expect("such names are expressions");
            for image in [format!("{name}{tag}{digest}"), format!("{name}{tag}{digest}{tail}"), tail.clone(), name.replace('.', "x")] {
                prop_assert_eq!(short.is_match(&image), regex.is_match(&image), "{} in {}", name, image);
            }
        }
    }
}
