//! Patterns of `include` and `exclude` and of projects, as Argo CD matches them (github.com/gobwas/glob): `{a,b}` chooses,
//! `[a-c]`, `[!xy]`, `?`, `\`. In folders `*` crosses slashes; in the URLs of projects only `**` does.

use std::iter::Peekable;
use std::str::Chars;

/// Something of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Letter(char),
    Any,
    Star,
    Super,
    Range { low: char, high: char, negated: bool },
    List { letters: Vec<char>, negated: bool },
    Choice(Vec<Vec<Part>>),
}

/// A pattern; one that is malformed matches nothing.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    parts: Option<Vec<Part>>,
    /// What only `**` crosses.
    separator: Option<char>,
}

/// Longer ones, or more deeply nested ones, are taken for malformed: they cost time without end.
const LONGEST: usize = 4096;
const DEEPEST: usize = 8;
/// Steps after which a match is given up.
const MOST_STEPS: usize = 1_000_000;

impl Glob {
    /// Reads a pattern.
    pub fn new(pattern: &str) -> Self {
        Self::separated(pattern, None)
    }

    /// Reads a pattern in which `*` and `?` do not cross a separator.
    pub fn separated(pattern: &str, separator: Option<char>) -> Self {
        if pattern.len() > LONGEST {
            return Self { parts: None, separator };
        }
        let mut letters = pattern.chars().peekable();
        let parts = sequence(&mut letters, 0);
        Self { parts: parts.filter(|_| letters.peek().is_none()), separator }
    }

    /// True if the pattern can be read.
    pub fn is_valid(&self) -> bool {
        self.parts.is_some()
    }

    /// True if all of a text fits.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let Some(parts) = &self.parts else { return false };
        Matching { separator: self.separator, steps: 0 }.fits(&[parts], &text)
    }
}

fn sequence(letters: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some(letter) = letters.peek().copied() {
        if depth > 0 && matches!(letter, ',' | '}') {
            break;
        }
        letters.next();
        parts.push(match letter {
            '*' if letters.next_if_eq(&'*').is_some() => Part::Super,
            '*' => Part::Star,
            '?' => Part::Any,
            '[' => class(letters)?,
            '{' => choice(letters, depth + 1)?,
            // A lone escape at the end stands for nothing.
            '\\' => match letters.next() {
                Some(letter) => Part::Letter(letter),
                None => break,
            },
            letter => Part::Letter(letter),
        });
    }
    Some(parts)
}

fn choice(letters: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Part> {
    if depth > DEEPEST {
        return None;
    }
    let mut terms = Vec::new();
    loop {
        terms.push(sequence(letters, depth)?);
        match letters.next()? {
            ',' => {}
            _ => return Some(Part::Choice(terms)),
        }
    }
}

/// `[a-c]` or `[abc]`, never both in one.
fn class(letters: &mut Peekable<Chars<'_>>) -> Option<Part> {
    let negated = letters.next_if_eq(&'!').is_some();
    let low = letters.next()?;
    if letters.next_if_eq(&'-').is_some() {
        let high = letters.next()?;
        return (letters.next()? == ']').then_some(Part::Range { low, high, negated });
    }
    let mut list = Vec::new();
    let mut next = Some(low);
    loop {
        match next? {
            ']' if !list.is_empty() => return Some(Part::List { letters: list, negated }),
            ']' => return None,
            '\\' => list.push(letters.next()?),
            letter => list.push(letter),
        }
        next = letters.next();
    }
}

struct Matching {
    separator: Option<char>,
    steps: usize,
}

impl Matching {
    /// Fits a stack of sequences, the last one first, to a text.
    fn fits(&mut self, stack: &[&[Part]], text: &[char]) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return false;
        }
        let Some((parts, below)) = stack.split_last() else { return text.is_empty() };
        let Some((part, rest)) = parts.split_first() else { return self.fits(below, text) };
        let mut next = below.to_vec();
        next.push(rest);
        match part {
            Part::Super => (0..=text.len()).any(|skipped| self.fits(&next, &text[skipped..])),
            Part::Star => {
                let end =
                    text.iter().position(|letter| Some(*letter) == self.separator).unwrap_or(text.len());
                (0..=end).any(|skipped| self.fits(&next, &text[skipped..]))
            }
            Part::Choice(terms) => terms.iter().any(|term| {
                let mut chosen = next.clone();
                chosen.push(term);
                self.fits(&chosen, text)
            }),
            one => match text.split_first() {
                Some((letter, text)) => self.is_one(one, *letter) && self.fits(&next, text),
                None => false,
            },
        }
    }

    fn is_one(&self, part: &Part, letter: char) -> bool {
        match part {
            Part::Letter(own) => *own == letter,
            Part::Any => Some(letter) != self.separator,
            Part::Range { low, high, negated } => (*low..=*high).contains(&letter) != *negated,
            Part::List { letters, negated } => letters.contains(&letter) != *negated,
            Part::Star | Part::Super | Part::Choice(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_argo_cd() {
        for (pattern, text, expected) in [
            ("*.yaml", "a/b.yaml", true),
            ("**/x.yaml", "x.yaml", false),
            ("**/x.yaml", "a/b/x.yaml", true),
            ("{a,b}.yaml", "b.yaml", true),
            ("{a,b}.yaml", "c.yaml", false),
            ("{*.yml,sub/{x,y}.yaml}", "sub/y.yaml", true),
            ("{a,}b", "b", true),
            ("a,b", "a,b", true),
            ("file?.yaml", "file1.yaml", true),
            ("[a-c].yaml", "b.yaml", true),
            ("[!a-c].yaml", "b.yaml", false),
            ("[xyz].yaml", "z.yaml", true),
            ("[!xyz].yaml", "a.yaml", true),
            (r"\*.yaml", "*.yaml", true),
            (r"\*.yaml", "a.yaml", false),
            ("a}b", "a}b", true),
            ("config", "config.yaml", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_separator_is_crossed_by_two_asterisks_alone() {
        let fits = |pattern: &str| Glob::separated(pattern, Some('/')).matches("https://git/a/b");
        assert!(
            fits("https://git/*/*")
                && fits("https://git/**")
                && !fits("https://git/*")
                && !fits("https:??git/a/b")
        );
    }

    #[test]
    fn malformed_patterns_match_nothing() {
        for pattern in ["[a-zA-Z].yaml", "[", "{a,b", "[]", "{{{{{{{{{a}}}}}}}}}"] {
            let glob = Glob::new(pattern);
            assert!(!glob.is_valid() && !glob.matches("a.yaml"), "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!Glob::new(&"*a".repeat(40)).matches(&"a".repeat(39)));
    }
}
