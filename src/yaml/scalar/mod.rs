//! The two resolvers: what a plain scalar means to Go.
//!
//! Kinds only; the values behind them, and how Go prints those, are in `number` and `time`.

pub(super) mod number;
pub(super) mod time;

use super::node::{Scalar, ScalarKind};

/// A number as kustomize prints it; `None` if the scalar is none.
pub fn printed_number(scalar: &Scalar) -> Option<String> {
    number::of_scalar(scalar).map(number::Number::to_yaml)
}

/// A number as Go's JSON writes it; `None` if the scalar is none.
pub fn json_number(scalar: &Scalar) -> Option<String> {
    number::of_scalar(scalar).map(number::Number::to_json)
}

/// A number as go-yaml v3 writes one that Go's JSON has read, as a floating-point one: `1e+06` for 1000000.
/// `None` if the scalar is none.
pub fn float_number(scalar: &Scalar) -> Option<String> {
    number::of_scalar(scalar).map(|number| number::general_float(number.value()))
}

/// What a plain scalar means to go-yaml v3 (resources; render.md 2.17).
///
/// ```
/// use sealane::yaml::{ScalarKind, resolve_v3};
/// assert_eq!(resolve_v3("yes"), ScalarKind::Str);
/// assert_eq!(resolve_v3("0o14"), ScalarKind::Int);
/// assert_eq!(resolve_v3("2001-01-01"), ScalarKind::Time);
/// ```
pub fn resolve_v3(text: &str) -> ScalarKind {
    match text.as_bytes().first() {
        None | Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => core_word(text),
        Some(b'.') => dotted(text),
        Some(b'+' | b'-' | b'0'..=b'9') => digits(text),
        Some(_) => ScalarKind::Str,
    }
}

/// What a plain scalar means to go-yaml v2, YAML 1.1 (kustomizations, patches, after substitution).
///
/// Timestamps stay strings here: go-yaml v2 hands them on as their text.
///
/// ```
/// use sealane::yaml::{ScalarKind, resolve_v1};
/// assert_eq!(resolve_v1("yes"), ScalarKind::Bool);
/// assert_eq!(resolve_v1("2001-01-01"), ScalarKind::Str);
/// ```
pub fn resolve_v1(text: &str) -> ScalarKind {
    match text.as_bytes().first() {
        Some(b'y' | b'Y' | b'n' | b'N' | b'o' | b'O') if is_old_boolean(text) => ScalarKind::Bool,
        _ => match resolve_v3(text) {
            ScalarKind::Time => ScalarKind::Str,
            ScalarKind::Int if is_odd_octal(text) => ScalarKind::Str,
            kind => kind,
        },
    }
}

/// True if a YAML 1.1 reader would take the plain text for something else than this string, so that
/// the printer has to quote it.
pub(super) fn is_misread(text: &str) -> bool {
    match text.as_bytes().first() {
        None => true,
        Some(b'a'..=b'e' | b'g'..=b'm' | b'p'..=b's' | b'u'..=b'x' | b'z' | b'/') => false,
        Some(b'y' | b'Y' | b'o' | b'O') => is_old_boolean(text),
        Some(b'n' | b'N') => is_old_boolean(text) || core_word(text) != ScalarKind::Str,
        Some(b'+' | b'-' | b'0'..=b'9') => {
            (digits(text) != ScalarKind::Str && !is_odd_octal(text)) || is_base60(text)
        }
        Some(_) => resolve_v3(text) != ScalarKind::Str,
    }
}

/// `null` and the booleans of the core schema.
fn core_word(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ScalarKind::Bool,
        _ => ScalarKind::Str,
    }
}

/// The booleans that only YAML 1.1 knows.
fn is_old_boolean(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
    )
}

/// Text that starts with a dot: `.inf`, `.nan` or a fraction.
fn dotted(text: &str) -> ScalarKind {
    let special = matches!(text, ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF");
    if special || number::float(text).is_some() { ScalarKind::Float } else { ScalarKind::Str }
}

/// Text that starts with a digit or a sign.
fn digits(text: &str) -> ScalarKind {
    if is_signed_infinity(text) {
        return ScalarKind::Float;
    }
    if time::parse(text).is_some() {
        return ScalarKind::Time;
    }
    let plain = number::without_underscores(text);
    if number::int(&plain).is_some() {
        ScalarKind::Int
    } else if number::float(&plain).is_some() {
        ScalarKind::Float
    } else {
        ScalarKind::Str
    }
}

/// `0o+7`: a number for go-yaml v3 alone.
fn is_odd_octal(text: &str) -> bool {
    text.starts_with("0o") && text.contains(['+', '-'])
}

fn is_signed_infinity(text: &str) -> bool {
    matches!(text, "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF")
}

/// A whole number within 63 bits and a sign, as go-yaml reads it; `text` is without underscores.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    match number::int(text)? {
        number::Number::Int(value) => Some(value),
        number::Number::Uint(_) | number::Number::Float(_) => None,
    }
}

/// True for `12:30:45` and its like, which YAML 1.1 reads as a number to base 60. Go does not, but
/// quotes them for those who do.
pub(crate) fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut groups = unsigned.split(':');
    let head = groups.next().unwrap_or_default();
    if !head.starts_with(|c: char| c.is_ascii_digit()) || !all_digits_or_underscores(head) {
        return false;
    }
    let mut tail: Vec<&str> = groups.collect();
    let Some(last) = tail.pop() else { return false };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    tail.into_iter().all(is_sixtieth) && is_sixtieth(last) && all_digits_or_underscores(fraction)
}

fn all_digits_or_underscores(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// One or two digits below 60.
fn is_sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [digit] | [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScalarKind::{Bool, Float, Int, Null, Str, Time};

    #[test]
    fn words_resolve_as_go_yaml_v3_says() {
        for (text, kind) in [
            ("", Null),
            ("~", Null),
            ("null", Null),
            ("NULL", Null),
            ("nULL", Str),
            ("true", Bool),
            ("FALSE", Bool),
            ("tRUE", Str),
            ("yes", Str),
            ("off", Str),
            ("y", Str),
            ("<<", Str),
            ("=", Str),
        ] {
            assert_eq!(resolve_v3(text), kind, "{text:?}");
        }
    }

    #[test]
    fn numbers_resolve_as_go_yaml_v3_says() {
        for (text, kind) in [
            ("0", Int),
            ("-0", Int),
            ("+12", Int),
            ("012", Int),
            ("089", Float),
            ("0o14", Int),
            ("0o8", Str),
            ("0x1F", Int),
            ("0x", Str),
            ("0b11", Int),
            ("0b2", Str),
            ("-0b11", Int),
            ("1_000", Int),
            ("_1", Str),
            ("9223372036854775808", Int),
            ("18446744073709551615", Int),
            ("18446744073709551616", Float),
            ("-9223372036854775809", Float),
            ("1e3", Float),
            ("1.0", Float),
            ("1.", Float),
            (".5", Float),
            (".5_0", Str),
            ("1_0.5", Float),
            ("1e400", Str),
            (".inf", Float),
            ("-.INF", Float),
            ("+.nan", Str),
            (".", Str),
            ("-", Str),
            ("1:30", Str),
            ("12:30:45", Str),
            ("1.2.3", Str),
            ("100m", Str),
            ("0x1p4", Str),
            ("1e", Str),
        ] {
            assert_eq!(resolve_v3(text), kind, "{text:?}");
        }
    }

    #[test]
    fn timestamps_resolve_in_v3_and_stay_text_in_v1() {
        for text in ["2001-01-01", "2001-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43"] {
            assert_eq!(resolve_v3(text), Time, "{text:?}");
            assert_eq!(resolve_v1(text), Str, "{text:?}");
        }
        for text in ["2001-13-01", "2001-02-30", "20010-01-01", "2001-01-01x", "2001-01-01T00:00:00"] {
            assert_eq!(resolve_v3(text), Str, "{text:?}");
        }
    }

    #[test]
    fn old_booleans_are_booleans_in_v1_only() {
        for text in ["y", "Y", "yes", "Yes", "YES", "on", "ON", "n", "No", "off"] {
            assert_eq!((resolve_v1(text), resolve_v3(text)), (Bool, Str), "{text:?}");
        }
        assert_eq!(resolve_v1("yEs"), Str);
        assert_eq!(resolve_v1("null"), Null);
        assert_eq!(resolve_v1("0o14"), Int);
    }

    #[test]
    fn what_yaml_1_1_misreads_is_quoted() {
        for text in [
            "",
            "y",
            "No",
            "null",
            "~",
            "1",
            "0x1f",
            "1e3",
            ".5",
            "2001-01-01",
            "12:30:45",
            "-1:2.5",
            "1:2._",
        ] {
            assert!(is_misread(text) || text.ends_with("_.5"), "{text:?}");
        }
        for text in ["yEs", "1:60", "1:2:", "a:1", "1.2.3", "nope", "<<", "=", "1:", "_1", "0o+1"] {
            assert!(!is_misread(text), "{text:?}");
        }
    }
}
