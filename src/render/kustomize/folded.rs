//! Folded texts (`>`): kustomize prints and reads every object once more before it prints it for good, and Go's
//! printer does not write all of them so that they read the same. What that changes is part of the output.

use crate::yaml::{Node, ScalarKind, Style, Value};
use std::sync::Arc;

/// Changes every folded text of an object as upstream's round trip does.
pub fn settle(node: &mut Node) {
    if !holds_folded(node) {
        return;
    }
    match &mut node.value {
        Value::Seq(items) => Arc::make_mut(items).iter_mut().for_each(settle),
        Value::Map(map) => Arc::make_mut(map).entries.iter_mut().for_each(|entry| settle(&mut entry.value)),
        Value::Scalar(scalar) => scalar.text = round_trip(&scalar.text).into(),
        Value::Secret(_) => {}
    }
}

fn holds_folded(node: &Node) -> bool {
    match &node.value {
        Value::Seq(items) => items.iter().any(holds_folded),
        Value::Map(map) => map.iter().any(|(_, value)| holds_folded(value)),
        Value::Scalar(s) => {
            s.style == Style::Folded && s.kind == ScalarKind::Str && s.text.contains('\n') && stays_folded(&s.text)
        }
        Value::Secret(_) => false,
    }
}

/// Go's printer quotes texts that cannot be a block; those read the same.
fn stays_folded(text: &str) -> bool {
    let special = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    !text.ends_with(' ') && !text.contains(" \n") && !text.contains(special)
}

/// What a folded text reads as after it was printed.
fn round_trip(text: &str) -> String {
    // Where libyaml looks at the character after the break, Go's port looks at the first of the whole text.
    let first = text.trim_start_matches('\n').chars().next();
    let doubles = first.is_some_and(|c| c != ' ' && c != '\t');
    let mut printed = String::with_capacity(text.len() + 16);
    let (mut after_break, mut indented) = (true, true);
    for letter in text.chars() {
        if letter == '\n' {
            if !after_break && !indented && doubles {
                printed.push('\n');
            }
            printed.push('\n');
            after_break = true;
        } else {
            if after_break {
                indented = letter == ' ' || letter == '\t';
            }
            printed.push(letter);
            after_break = false;
        }
    }
    fold(&printed, text)
}

/// Reads block content with the rules for `>`: single breaks between plain lines become blanks. The end is
/// kept, stripped or clipped as the printer marks it for the `original` text.
fn fold(printed: &str, original: &str) -> String {
    let content = printed.trim_end_matches('\n');
    let mut out = String::with_capacity(printed.len());
    let mut lines = content.split('\n').peekable();
    let mut breaks = 0;
    let mut before_indented = true;
    let mut started = false;
    for line in lines.by_ref() {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        let indented = line.starts_with([' ', '\t']);
        if started {
            if indented || before_indented {
                out.push_str(&"\n".repeat(breaks + 1));
            } else if breaks == 0 {
                out.push(' ');
            } else {
                out.push_str(&"\n".repeat(breaks));
            }
        } else {
            out.push_str(&"\n".repeat(breaks));
        }
        out.push_str(line);
        (breaks, before_indented, started) = (0, indented, true);
    }
    let tail = original.len() - original.trim_end_matches('\n').len();
    let printed_tail = printed.len() - content.len();
    out.push_str(&"\n".repeat(match tail {
        0 => 0,
        1 => 1,
        _ => printed_tail,
    }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paragraphs_stay_what_they_are() {
        for text in ["one two", "one\ntwo", "one\n\ntwo\n", "a\n"] {
            assert_eq!(round_trip(text), text);
        }
    }

    #[test]
    fn a_deeper_line_after_a_plain_one_gets_a_blank_line() {
        assert_eq!(round_trip("[\n  deeper\n]"), "[\n\n  deeper\n]");
    }

    #[test]
    fn a_text_that_starts_deeper_loses_single_breaks() {
        assert_eq!(round_trip("  a\nb\nc"), "  a\nb c");
    }
}
