//! Shell patterns as Go matches them, in time that a long pattern cannot blow up.

/// One thing of a shell pattern.
#[derive(Clone, Debug)]
pub(super) enum Glob {
    /// Any text.
    Star,
    /// Any letter.
    Any,
    /// This letter.
    Letter(char),
    /// A letter of these ranges, or none of them.
    Class {
        /// Lowest and highest letter of each.
        ranges: Vec<(char, char)>,
        /// True for none of them.
        negated: bool,
    },
}

impl Glob {
    fn fits(&self, letter: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Letter(own) => *own == letter,
            Self::Class { ranges, negated } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter)) != *negated
            }
        }
    }
}

/// Reads a shell pattern; `None` if it is malformed.
pub(super) fn parse(pattern: &str) -> Option<Vec<Glob>> {
    let mut things = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        things.push(match letter {
            '*' => Glob::Star,
            '?' => Glob::Any,
            '\\' => Glob::Letter(letters.next()?),
            '[' => {
                let negated = letters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || letters.next_if_eq(&']').is_none() {
                    let low = class_letter(&mut letters)?;
                    let high =
                        if letters.next_if_eq(&'-').is_some() { class_letter(&mut letters)? } else { low };
                    ranges.push((low, high));
                }
                Glob::Class { ranges, negated }
            }
            other => Glob::Letter(other),
        });
    }
    Some(things)
}

fn class_letter(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match letters.next()? {
        '-' | ']' => None,
        '\\' => letters.next(),
        other => Some(other),
    }
}

/// True if the pattern matches the whole text; `*` also matches slashes.
pub(super) fn matches(pattern: &[Glob], text: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(Glob::Star) => {
                star = Some((at, place));
                at += 1;
            }
            Some(thing) if thing.fits(text[place]) => {
                at += 1;
                place += 1;
            }
            _ => {
                // The last star takes one letter more.
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                place = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|thing| matches!(thing, Glob::Star))
}

/// True if a pattern matches a name; a malformed pattern is `None`.
pub(in crate::render) fn matches_name(pattern: &str, name: &str) -> Option<bool> {
    let pattern = parse(pattern)?;
    let letters: Vec<char> = name.chars().collect();
    Some(matches(&pattern, &letters))
}
