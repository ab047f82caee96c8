//! What kustomize makes of folded scalars and of nulls inside `{}` and `[]`.
//!
//! kustomize prints a resource twice: first with go-yaml v3, keeping styles, then, after reading that
//! back, with go-yaml v2. Two slips of the first printer change values, and so every cluster has the
//! changed values: lines that are indented further inside a `>` scalar get one more line break before
//! them, and a value that is left out inside `{}` or `[]` becomes the empty string.

use super::emit;
use crate::yaml::node::{Scalar, ScalarKind, Style};
use crate::yaml::parse::{EventKind, Parser};
use std::borrow::Cow;

/// The string a scalar of kind `Str` becomes.
pub fn text(scalar: &Scalar) -> Cow<'_, str> {
    let text = &*scalar.text;
    let has_breaks = text.ends_with("\n\n") || text.trim_end_matches('\n').contains('\n');
    if scalar.style != Style::Folded || !has_breaks || !emit::may_be_block(text) {
        return Cow::Borrowed(text);
    }
    match read_back(&print_folded(text)) {
        Some(again) => Cow::Owned(again),
        None => Cow::Borrowed(text),
    }
}

/// A null that go-yaml v3 prints as `''`; the reader marks it so.
pub fn is_empty_string(scalar: &Scalar) -> bool {
    scalar.kind == ScalarKind::Null && scalar.style == Style::Single
}

/// The value as go-yaml v3 writes it. The slip: whether a line break needs a second one is decided by
/// the first character of the whole text, not by the one behind the break.
fn print_folded(text: &str) -> String {
    let starts_blank = text.trim_start_matches('\n').starts_with([' ', '\t']);
    let hint = if text.starts_with([' ', '\n']) { "2" } else { "" };
    let chomping = match text.strip_suffix('\n') {
        None => "-",
        Some(before) if before.is_empty() || before.ends_with('\n') => "+",
        Some(_) => "",
    };
    let mut out = format!("x: >{hint}{chomping}\n");
    let (mut at_start, mut is_indented) = (true, true);
    for letter in text.chars() {
        if letter == '\n' {
            if !at_start && !is_indented && !starts_blank {
                out.push('\n');
            }
            out.push('\n');
            at_start = true;
            continue;
        }
        if at_start {
            out.push_str("  ");
            is_indented = matches!(letter, ' ' | '\t');
            at_start = false;
        }
        out.push(letter);
    }
    out
}

/// The scalar behind the one key of `yaml`.
fn read_back(yaml: &str) -> Option<String> {
    let mut parser = Parser::new(yaml, 1, false);
    let mut found = None;
    loop {
        match parser.next().ok()?.kind {
            EventKind::Scalar { text, .. } => found = Some(text.into_owned()),
            EventKind::MappingEnd => return found,
            EventKind::StreamEnd => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let scalar = Scalar { text: text.into(), kind: ScalarKind::Str, style: Style::Folded };
        super::text(&scalar).into_owned()
    }

    #[test]
    fn indented_lines_of_folded_text_get_a_line_break_more() {
        assert_eq!(folded("a\n  b\nc\n"), "a\n\n  b\nc\n");
        assert_eq!(folded("a\n  b\n  d\n\nc e"), "a\n\n  b\n  d\n\nc e");
        assert_eq!(folded("a\n\n\n"), "a\n\n\n\n");
    }

    #[test]
    fn other_folded_text_stays() {
        for text in ["a", "a b\n", "", "a\nb\n", "\na b\n"] {
            assert_eq!(folded(text), text);
        }
    }

    #[test]
    fn other_styles_stay() {
        let scalar = Scalar { text: "a\n  b\n".into(), kind: ScalarKind::Str, style: Style::Literal };
        assert_eq!(super::text(&scalar), "a\n  b\n");
    }
}
