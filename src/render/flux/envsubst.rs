//! Flux's `${variable}` grammar, with the surprises of fluxcd/pkg/envsubst that scripts rely on (render.md 6.4).
//!
//! A template is read into ranges of its text, never into copies of it, so that a template that is itself
//! secret leaves nothing behind.

use super::glob;
use std::ops::Range;

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text that stays, in pieces: an escape leaves a gap.
    Text(Vec<Range<usize>>),
    /// A reference to a variable.
    Call(Call),
}

/// `${name}` with or without an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The variable.
    pub name: Range<usize>,
    /// What is done with its value.
    pub operator: Operator,
    /// What the operator works with.
    pub arguments: Vec<Part>,
    /// The whole expression, braces included.
    pub whole: Range<usize>,
}

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `${v}`
    None,
    /// `${#v}`
    Length,
    /// `${v^}`
    UpperFirst,
    /// `${v^^}`
    Upper,
    /// `${v,}`
    LowerFirst,
    /// `${v,,}`
    Lower,
    /// `${v:pos}`, `${v:pos:len}`
    Substring,
    /// `${v#p}`
    ShortestPrefix,
    /// `${v##p}`
    LongestPrefix,
    /// `${v%p}`
    ShortestSuffix,
    /// `${v%%p}`
    LongestSuffix,
    /// `${v/a/b}`
    ReplaceFirst,
    /// `${v//a/b}`
    ReplaceAll,
    /// `${v/#a/b}`
    ReplacePrefix,
    /// `${v/%a/b}`
    ReplaceSuffix,
    /// `${v:=d}`, `${v:-d}`, `${v=d}`, and `${v:+d}` and `${v:?d}`, which mean the same here.
    Default,
}

/// Text that is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Where the expression starts that cannot be read.
    pub at: usize,
    /// What is wrong.
    pub cause: &'static str,
}

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Vec<Part>, SyntaxError> {
    let mut reader = Reader { text, at: 0, whole: 0 };
    let mut parts = Vec::new();
    while reader.at < text.len() {
        if reader.rest().starts_with("${") {
            reader.whole = reader.at;
            parts.push(Part::Call(reader.call()?));
        } else {
            parts.push(Part::Text(reader.text(Escapes::Dollar, |_| true)));
        }
    }
    Ok(parts)
}

/// What a backslash or a dollar sign can escape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Nothing.
    None,
    /// `$$` is a dollar sign.
    Dollar,
    /// So it is, and `\/` and `\\` are what follows the backslash.
    All,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    whole: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail<T>(&self, cause: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { at: self.whole, cause })
    }

    /// Text up to the next `${` or the first letter that is not accepted.
    fn text(&mut self, escapes: Escapes, accept: impl Fn(char) -> bool) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut start = self.at;
        while let Some(letter) = self.peek() {
            if self.rest().starts_with("${") {
                break;
            }
            let is_escape = match letter {
                '$' => escapes != Escapes::None && self.rest().starts_with("$$"),
                '\\' => escapes == Escapes::All && self.rest()[1..].starts_with(['/', '\\']),
                _ => false,
            };
            if is_escape {
                pieces.push(start..self.at);
                start = self.at + 1;
                self.at += 2;
            } else if accept(letter) {
                self.at += letter.len_utf8();
            } else {
                break;
            }
        }
        pieces.push(start..self.at);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    fn word(&mut self) -> Range<usize> {
        let start = self.at;
        let end = self.rest().find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest().len());
        self.at += end;
        start..self.at
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        if self.take("}") {
            Ok(())
        } else {
            self.fail("a closing brace is missing, or the operator is unknown")
        }
    }

    /// An expression, from its `${` to its brace.
    fn call(&mut self) -> Result<Call, SyntaxError> {
        let start = self.at;
        self.at += 2;
        let length = self.take("#");
        let name = self.word();
        if name.is_empty() {
            return self.fail("a variable name is missing");
        }
        let (operator, arguments) = if length { (Operator::Length, Vec::new()) } else { self.operation()? };
        self.close()?;
        Ok(Call { name, operator, arguments, whole: start..self.at })
    }

    fn operation(&mut self) -> Result<(Operator, Vec<Part>), SyntaxError> {
        for token in [":=", ":-", ":?", ":+", "="] {
            if self.take(token) {
                return Ok((Operator::Default, self.defaults()?));
            }
        }
        let casing = [
            ("^^", Operator::Upper),
            (",,", Operator::Lower),
            // Mixed signs are read as an operator that does nothing.
            ("^,", Operator::None),
            (",^", Operator::None),
            ("^", Operator::UpperFirst),
            (",", Operator::LowerFirst),
        ];
        for (token, operator) in casing {
            if self.take(token) {
                return Ok((operator, Vec::new()));
            }
        }
        let trims = [
            ("##", Operator::LongestPrefix),
            ("#", Operator::ShortestPrefix),
            ("%%", Operator::LongestSuffix),
            ("%", Operator::ShortestSuffix),
        ];
        for (token, operator) in trims {
            if self.take(token) {
                return Ok((operator, vec![self.argument(Escapes::None, |c| c != '}')?]));
            }
        }
        let replaces = [
            ("//", Operator::ReplaceAll),
            ("/#", Operator::ReplacePrefix),
            ("/%", Operator::ReplaceSuffix),
            ("/", Operator::ReplaceFirst),
        ];
        for (token, operator) in replaces {
            if self.take(token) {
                return Ok((operator, self.replacement()?));
            }
        }
        if self.take(":") {
            return Ok((Operator::Substring, self.substring()?));
        }
        Ok((Operator::None, Vec::new()))
    }

    /// One argument: a nested expression, or text that is not empty.
    fn argument(&mut self, escapes: Escapes, accept: impl Fn(char) -> bool) -> Result<Part, SyntaxError> {
        if self.rest().starts_with("${") {
            return self.call().map(Part::Call);
        }
        let start = self.at;
        let pieces = self.text(escapes, accept);
        if self.at == start { self.fail("an operand is missing") } else { Ok(Part::Text(pieces)) }
    }

    fn defaults(&mut self) -> Result<Vec<Part>, SyntaxError> {
        let mut parts = Vec::new();
        while self.peek().is_some_and(|c| c != '}') {
            parts.push(self.argument(Escapes::None, |c| c != '}')?);
        }
        Ok(parts)
    }

    fn replacement(&mut self) -> Result<Vec<Part>, SyntaxError> {
        let mut parts = vec![self.argument(Escapes::All, |c| c != '/')?];
        if !self.rest().starts_with('/') {
            return self.fail("the second slash is missing");
        }
        while self.take("/") {}
        if self.peek() != Some('}') {
            parts.push(self.argument(Escapes::All, |c| c != '}')?);
        }
        Ok(parts)
    }

    fn substring(&mut self) -> Result<Vec<Part>, SyntaxError> {
        let mut parts = vec![self.argument(Escapes::None, |c| c != ':' && c != '}')?];
        if self.rest().starts_with(':') {
            while self.take(":") {}
            parts.push(self.argument(Escapes::None, |c| c != '}')?);
        }
        Ok(parts)
    }
}

impl Operator {
    /// True if an unset variable is what the operator is for.
    pub(super) fn tolerates_unset(self) -> bool {
        self == Self::Default
    }

    /// What the operator makes of a value. `Err` where the controller would crash.
    pub(super) fn apply(self, value: &str, arguments: &[&str]) -> Result<String, &'static str> {
        let argument = |index: usize| arguments.get(index).copied().unwrap_or("");
        Ok(match self {
            Self::Length => value.len().to_string(),
            Self::Upper => value.to_uppercase(),
            Self::Lower => value.to_lowercase(),
            Self::UpperFirst => first_letter(value, |c| c.to_uppercase().collect()),
            Self::LowerFirst => first_letter(value, |c| c.to_lowercase().collect()),
            Self::Substring => substring(value, arguments)?,
            Self::ShortestPrefix => trim(value, argument(0), false),
            Self::LongestPrefix => trim(value, argument(0), true),
            Self::ShortestSuffix => reversed(&trim(&reversed(value), &reversed(argument(0)), false)),
            Self::LongestSuffix => reversed(&trim(&reversed(value), &reversed(argument(0)), true)),
            Self::ReplaceFirst => value.replacen(argument(0), argument(1), 1),
            Self::ReplaceAll => value.replace(argument(0), argument(1)),
            Self::ReplacePrefix if arguments.len() == 2 && value.starts_with(argument(0)) => {
                value.replacen(argument(0), argument(1), 1)
            }
            Self::ReplaceSuffix if arguments.len() == 2 => match value.strip_suffix(argument(0)) {
                Some(rest) => format!("{rest}{}", argument(1)),
                None => value.to_owned(),
            },
            Self::Default if value.is_empty() => arguments.concat(),
            Self::None | Self::ReplacePrefix | Self::ReplaceSuffix | Self::Default => value.to_owned(),
        })
    }
}

fn first_letter(value: &str, change: impl Fn(char) -> String) -> String {
    let mut letters = value.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", change(first), letters.as_str()))
}

/// Positions count bytes. What is no number gives the whole value, as in bash.
fn substring(value: &str, arguments: &[&str]) -> Result<String, &'static str> {
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let number = |index: usize| arguments.get(index).map(|text| text.parse::<i64>().ok());
    let Some(Some(position)) = number(0) else { return Ok(value.to_owned()) };
    let start = if position < 0 { (size + position).max(0) } else { position };
    let end = match number(1) {
        None => size,
        Some(None) => return Ok(value.to_owned()),
        Some(Some(length)) => start.saturating_add(length).min(size),
    };
    if start >= size && end >= size {
        return Ok(String::new());
    }
    let range =
        usize::try_from(start).ok().zip(usize::try_from(end).ok()).filter(|(start, end)| start <= end);
    let Some((start, end)) = range else { return Err("the length is negative") };
    Ok(String::from_utf8_lossy(&value.as_bytes()[start..end]).into_owned())
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Drops the shortest or longest prefix that the pattern matches. The empty prefix is not tried.
fn trim(value: &str, pattern: &str, longest: bool) -> String {
    let Some(pattern) = glob::parse(pattern) else { return value.to_owned() };
    let letters: Vec<char> = value.chars().collect();
    let mut lengths: Vec<usize> = (1..=letters.len()).collect();
    if longest {
        lengths.reverse();
    }
    for length in lengths {
        if glob::matches(&pattern, &letters[..length]) {
            return letters[length..].iter().collect();
        }
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads and evaluates with plain values only; the whole walk is tested where it is used.
    fn call(text: &str, value: &str) -> Result<String, String> {
        let parts = parse(text).map_err(|e| format!("{} at {}", e.cause, e.at))?;
        let [Part::Call(call)] = parts.as_slice() else { return Err(format!("{parts:?}")) };
        let arguments: Vec<String> = call
            .arguments
            .iter()
            .map(|part| match part {
                Part::Text(pieces) => pieces.iter().map(|piece| &text[piece.clone()]).collect(),
                Part::Call(_) => panic!("no nested calls here"),
            })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        call.operator.apply(value, &arguments).map_err(str::to_owned)
    }

    #[test]
    fn operators_do_what_flux_documents() {
        for (text, value, expected) in [
            ("${v}", "abc", "abc"),
            ("${#v}", "äb", "3"),
            ("${v^}", "abc", "Abc"),
            ("${v^^}", "abc", "ABC"),
            ("${v,}", "ABC", "aBC"),
            ("${v,,}", "ABC", "abc"),
            ("${v:1}", "abc", "bc"),
            ("${v:1:1}", "abc", "b"),
            ("${v:-2}", "abc", "abc"),
            ("${v:9}", "abc", ""),
            ("${v#*/}", "a/b/c", "b/c"),
            ("${v##*/}", "a/b/c", "c"),
            ("${v%/*}", "a/b/c", "a/b"),
            ("${v%%/*}", "a/b/c", "a"),
            ("${v#[a-b]}", "abc", "bc"),
            ("${v/b/x}", "abb", "axb"),
            ("${v//b/x}", "abb", "axx"),
            ("${v/b/}", "abb", "ab"),
            (r"${v/\//-}", "a/b", "a-b"),
            ("${v/#a/x}", "aba", "xba"),
            ("${v/%a/x}", "aba", "abx"),
            ("${v:=d}", "", "d"),
            ("${v:-d}", "set", "set"),
            ("${v=d}", "", "d"),
        ] {
            assert_eq!(call(text, value), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn surprises_are_copied() {
        assert_eq!(call("${v:+d}", "set"), Ok("set".to_owned()));
        assert_eq!(call("${v:?d}", ""), Ok("d".to_owned()));
        // Suffix patterns are matched backwards, classes too, which makes them malformed.
        assert_eq!(call("${v%[b-d]}", "abc"), Ok("abc".to_owned()));
        for broken in
            ["${v-d}", "${a[@]}", "${", "${}", "${v", "${v:}", "${v#}", "${v/a}", "${.x}", "${v^^^}"]
        {
            assert!(call(broken, "x").is_err(), "{broken}");
        }
    }

    #[test]
    fn a_pattern_with_many_stars_ends() {
        let pattern = format!("${{v##{}b}}", "*a".repeat(40));
        assert_eq!(call(&pattern, &"a".repeat(4000)), Ok("a".repeat(4000)));
    }

    #[test]
    fn a_length_that_crashes_the_controller_is_an_error() {
        assert!(call("${v:2:-2}", "abc").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a$\\{}:/#%^,=\\\\ \n-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
