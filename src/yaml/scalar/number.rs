//! Numbers as Go reads and prints them.

use crate::yaml::node::{Scalar, ScalarKind};
use std::borrow::Cow;

/// The value of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::yaml) enum Number {
    /// A whole number that fits into 64 signed bits.
    Int(i64),
    /// A whole number that fits into 64 bits, but only unsigned.
    Uint(u64),
    /// Any other number.
    Float(f64),
}

/// The number a scalar of kind `Int` or `Float` stands for.
pub(in crate::yaml) fn of_scalar(scalar: &Scalar) -> Option<Number> {
    let plain = without_underscores(&scalar.text);
    let whole = int(&plain);
    match (scalar.kind, whole) {
        (ScalarKind::Int, Some(number)) => Some(number),
        // Minus zero is a float of its own.
        (ScalarKind::Float, Some(Number::Int(0))) => Some(Number::Float(float(&plain).unwrap_or(0.0))),
        (ScalarKind::Float, Some(Number::Int(n))) => Some(Number::Float(lossy(n))),
        (ScalarKind::Float, Some(Number::Uint(n))) => Some(Number::Float(lossy_unsigned(n))),
        (ScalarKind::Float, _) => float(&plain).or_else(|| special(&plain)).map(Number::Float),
        _ => None,
    }
}

/// Go drops underscores before it looks for a number.
pub(in crate::yaml) fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) }
}

/// A whole number: Go's `ParseInt(text, 0, 64)`, then `ParseUint`, then the prefixes `0b` and `0o`
/// once more, this time with a sign behind them allowed, as go-yaml does.
pub(in crate::yaml) fn int(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let found = magnitude(digits).and_then(|value| signed(negative, value));
    match found {
        // A plus sign is for `ParseInt` alone: beyond 63 bits `ParseUint` refuses it.
        Some(Number::Uint(_)) if text.starts_with('+') => None,
        Some(number) => Some(number),
        None => int_behind_prefix(text),
    }
}

/// `0b-1` and `0o+7`: odd, but go-yaml reads them.
fn int_behind_prefix(text: &str) -> Option<Number> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'b', ..] => (&text[2..], 2),
        [b'0', b'o', ..] => (&text[2..], 8),
        _ => return None,
    };
    match digits.as_bytes() {
        [b'+' | b'-', rest @ ..] if rest.iter().all(u8::is_ascii_digit) && !rest.is_empty() => {
            i64::from_str_radix(digits, radix).ok().map(Number::Int)
        }
        _ => None,
    }
}

/// Unsigned digits with Go's prefixes: `0x`, `0o`, `0b`, and a bare `0` for octal.
fn magnitude(digits: &str) -> Option<u64> {
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', _, ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', _, ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        u64::from_str_radix(digits, radix).ok()
    } else {
        None
    }
}

fn signed(negative: bool, value: u64) -> Option<Number> {
    match (negative, i64::try_from(value)) {
        (false, Ok(value)) => Some(Number::Int(value)),
        (false, Err(_)) => Some(Number::Uint(value)),
        (true, Ok(value)) => Some(Number::Int(-value)),
        (true, Err(_)) if value == 1 << 63 => Some(Number::Int(i64::MIN)),
        (true, Err(_)) => None,
    }
}

/// A decimal number with an optional fraction and exponent; too large ones are no numbers.
pub(in crate::yaml) fn float(text: &str) -> Option<f64> {
    if !looks_like_float(text.as_bytes()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn looks_like_float(text: &[u8]) -> bool {
    let unsigned = match text {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    let (whole, rest) = split_digits(unsigned);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => split_digits(rest),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return false;
    }
    let exponent = match rest {
        [] => return true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => digits,
        _ => return false,
    };
    !exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit)
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn special(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
fn lossy(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
fn lossy_unsigned(value: u64) -> f64 {
    value as f64
}

impl Number {
    /// The number as Go's `encoding/json` prints it. Infinities and not-a-number have no JSON; they
    /// are printed in YAML's words.
    pub(in crate::yaml) fn to_json(self) -> String {
        match self {
            Self::Int(value) => value.to_string(),
            Self::Uint(value) => value.to_string(),
            Self::Float(value) => json_float(value),
        }
    }

    /// The number as kustomize prints it: through JSON, read again by go-yaml v2, printed by it.
    pub(in crate::yaml) fn to_yaml(self) -> String {
        let Self::Float(value) = self else { return self.to_json() };
        if !value.is_finite() {
            return not_finite(value).to_owned();
        }
        let json = json_float(value);
        match int(&json) {
            Some(number) => number.to_json(),
            None => general_float(value),
        }
    }

    /// The number as Go's JSON reads it.
    pub(in crate::yaml) fn value(self) -> f64 {
        match self {
            Self::Int(value) => lossy(value),
            Self::Uint(value) => lossy_unsigned(value),
            Self::Float(value) => value,
        }
    }
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        ".nan"
    } else if value > 0.0 {
        ".inf"
    } else {
        "-.inf"
    }
}

/// Go's JSON: no exponent between 1e-6 and 1e21.
fn json_float(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let (digits, exponent) = shortest(value);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{}", exponent.abs())
}

/// Go's `FormatFloat(value, 'g', -1, 64)`: an exponent, of at least two digits, below 1e-4 and from
/// 1e6 on.
pub(in crate::yaml) fn general_float(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let (digits, exponent) = shortest(value);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The shortest digits that read back as `value`, with a point after the first, and the exponent.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: ScalarKind, json: &str, yaml: &str) {
        let scalar = Scalar { text: text.into(), kind, style: crate::yaml::Style::Plain };
        let number = of_scalar(&scalar);
        assert_eq!(number.map(Number::to_json).as_deref(), Some(json), "{text:?} as JSON");
        assert_eq!(number.map(Number::to_yaml).as_deref(), Some(yaml), "{text:?} as YAML");
    }

    #[test]
    fn integers_print_in_decimal() {
        for (text, decimal) in [
            ("012", "10"),
            ("0o14", "12"),
            ("0x1F", "31"),
            ("-0b11", "-3"),
            ("0b-1", "-1"),
            ("1_000", "1000"),
            ("+5", "5"),
            ("-0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            check(text, ScalarKind::Int, decimal, decimal);
        }
        assert_eq!(int("+18446744073709551615"), None);
    }

    #[test]
    fn floats_print_as_after_a_round_trip_through_json() {
        for (text, json, yaml) in [
            ("1e3", "1000", "1000"),
            ("1.0", "1", "1"),
            ("0.10", "0.1", "0.1"),
            ("089", "89", "89"),
            ("-0.0", "-0", "0"),
            ("123456.5", "123456.5", "123456.5"),
            ("1234567.5", "1234567.5", "1.2345675e+06"),
            ("99999999999999999999", "100000000000000000000", "1e+20"),
            ("1e21", "1e+21", "1e+21"),
            ("0.00001", "0.00001", "1e-05"),
            ("1.5e-7", "1.5e-7", "1.5e-07"),
            ("1e15", "1000000000000000", "1000000000000000"),
            ("-.inf", "-.inf", "-.inf"),
        ] {
            check(text, ScalarKind::Float, json, yaml);
        }
    }
}
