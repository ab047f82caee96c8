//! The filter of a list: words, `!words`, and typed terms such as `env:prod drift>0 age<2h`.

/// What a typed term is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// A number.
    Number(i64),
    /// A text, compared without regard to case, anywhere in it.
    Word(String),
    /// An age in seconds.
    Age(i64),
    /// The row has no value there.
    Nothing,
}

/// A row that can be filtered.
pub(crate) trait Fields {
    /// All that a plain word is looked for in.
    fn text(&self) -> String;
    /// The value of a field; `None` if rows of this kind have no such field.
    fn field(&self, name: &str) -> Option<Field>;
}

/// A filter as it was typed, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// As typed.
    pub typed: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    inverse: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Has(String),
    Compare { field: String, order: Order, value: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    More,
    Less,
}

impl Filter {
    /// Understands what was typed. Nothing is refused: what is no term is a word.
    pub(crate) fn parse(typed: &str) -> Self {
        let terms = typed.split_whitespace().filter_map(Term::parse).collect();
        Self { typed: typed.to_owned(), terms }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if the row passes every term.
    pub(crate) fn passes(&self, row: &impl Fields) -> bool {
        if self.terms.is_empty() {
            return true;
        }
        let text = row.text().to_lowercase();
        self.terms.iter().all(|term| term.holds(&text, row) != term.inverse)
    }

    /// Where plain words stand in a text, for highlighting: byte ranges in order.
    pub(crate) fn matches(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        let lower = text.to_lowercase();
        if lower.len() != text.len() {
            return vec![];
        }
        let mut found: Vec<_> = self
            .terms
            .iter()
            .filter_map(|term| match &term.test {
                Test::Has(word) if !term.inverse => lower.find(word.as_str()).map(|at| at..at + word.len()),
                _ => None,
            })
            .filter(|range| text.is_char_boundary(range.start) && text.is_char_boundary(range.end))
            .collect();
        found.sort_by_key(|range| range.start);
        found.dedup_by(|next, before| next.start < before.end);
        found
    }
}

impl Term {
    fn parse(word: &str) -> Option<Self> {
        let (inverse, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        if word.is_empty() {
            return None;
        }
        let split = word.find([':', '=', '<', '>']).filter(|at| *at > 0 && at + 1 < word.len());
        let test = match split {
            Some(at) if word[..at].chars().all(|c| c.is_ascii_alphabetic()) => {
                let order = match word.as_bytes()[at] {
                    b'>' => Order::More,
                    b'<' => Order::Less,
                    _ => Order::Equal,
                };
                Test::Compare {
                    field: word[..at].to_lowercase(),
                    order,
                    value: word[at + 1..].to_lowercase(),
                }
            }
            _ => Test::Has(word.to_lowercase()),
        };
        Some(Self { inverse, test })
    }

    fn holds(&self, text: &str, row: &impl Fields) -> bool {
        let (field, order, value) = match &self.test {
            Test::Has(word) => return text.contains(word),
            Test::Compare { field, order, value } => (field, *order, value),
        };
        match row.field(field) {
            // No such field here: the term is a word with a colon in it, as in `nginx:1.27`.
            None => text.contains(&format!("{field}:{value}")),
            Some(Field::Nothing) => false,
            Some(Field::Word(word)) => word.to_lowercase().contains(value),
            Some(Field::Number(number)) => value.parse().is_ok_and(|v| order.holds(number, v)),
            Some(Field::Age(age)) => seconds(value).is_some_and(|v| order.holds(age, v)),
        }
    }
}

impl Order {
    fn holds(self, a: i64, b: i64) -> bool {
        match self {
            Self::Equal => a == b,
            Self::More => a > b,
            Self::Less => a < b,
        }
    }
}

/// `90s`, `5m`, `2h`, `3d`, `1w` in seconds.
fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row;
    impl Fields for Row {
        fn text(&self) -> String {
            "shop/Cart prod nginx:1.27".to_owned()
        }
        fn field(&self, name: &str) -> Option<Field> {
            match name {
                "env" => Some(Field::Word("Prod".to_owned())),
                "drift" => Some(Field::Number(2)),
                "age" => Some(Field::Age(3_600)),
                "author" => Some(Field::Nothing),
                _ => None,
            }
        }
    }

    #[test]
    fn terms_narrow() {
        for (typed, passes) in [
            ("", true),
            ("cart", true),
            ("CART prod", true),
            ("pay", false),
            ("!pay", true),
            ("!cart", false),
            ("env:prod", true),
            ("env:dev", false),
            ("!env:dev", true),
            ("drift>0", true),
            ("drift>2", false),
            ("drift=2", true),
            ("age<2h", true),
            ("age>2h", false),
            ("age<soon", false),
            ("author:ana", false),
            ("nginx:1.27", true),
            ("nginx:1.28", false),
            ("!", true),
            (":", true),
        ] {
            assert_eq!(Filter::parse(typed).passes(&Row), passes, "{typed}");
        }
    }

    #[test]
    fn words_are_found_for_highlighting() {
        assert_eq!(Filter::parse("art sh !x env:a").matches("shop/Cart"), vec![0..2, 6..9]);
    }
}
