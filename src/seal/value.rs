//! Values to bytes: the form that is encrypted and that the MAC is made of (secrets.md 1.4).

use super::cipher::ValueType;
use crate::yaml::{Node, Scalar, ScalarKind, Style, Value, to_json, whole_number};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The bytes of a value and its type.
pub(super) type Typed = (Zeroizing<Vec<u8>>, ValueType);

/// Why SOPS would refuse a value that stands in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("a whole number beyond 64 signed bits, which SOPS refuses")]
    LargeNumber,
    #[error("a value that does not fit its tag")]
    Tag,
}

/// The bytes of a scalar that stands in the clear. `json` follows SOPS' JSON reader: whole numbers too large for
/// 64 signed bits are floats there.
pub(super) fn bytes(
    text: &str,
    kind: ScalarKind,
    tag: Option<&str>,
    json: bool,
) -> Result<Option<Typed>, ValueError> {
    if tag == Some("tag:yaml.org,2002:binary") {
        let compact: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
        let decoded = STANDARD.decode(compact.as_slice()).map_err(|_| ValueError::Tag)?;
        return Ok(Some((Zeroizing::new(decoded), ValueType::Str)));
    }
    let typed = match kind {
        ScalarKind::Null => return Ok(None),
        ScalarKind::Str => (Zeroizing::new(text.as_bytes().to_vec()), ValueType::Str),
        ScalarKind::Bool => {
            let yes = text.eq_ignore_ascii_case("true");
            (Zeroizing::new(if yes { b"True".to_vec() } else { b"False".to_vec() }), ValueType::Bool)
        }
        ScalarKind::Int => match whole_number(&without_underscores(text)) {
            Some(number) => (printed(&number), ValueType::Int),
            None if json => float(text).ok_or(ValueError::LargeNumber)?,
            None => return Err(ValueError::LargeNumber),
        },
        ScalarKind::Float => float(text).ok_or(ValueError::Tag)?,
        ScalarKind::Time => (time(text), ValueType::Time),
    };
    Ok(Some(typed))
}

/// An opened value's bytes as SOPS would write them again, for the MAC: it reads any spelling of a boolean.
pub(super) fn canonical(plain: &[u8], value_type: ValueType) -> &[u8] {
    match (value_type, plain) {
        (ValueType::Bool, b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True") => b"True",
        (ValueType::Bool, b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False") => b"False",
        _ => plain,
    }
}

fn printed(number: &impl ToString) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(number.to_string().into_bytes())
}

fn without_underscores(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().filter(|c| *c != '_').collect())
}

/// A float as Go prints it without an exponent: the shortest digits that read back, `+Inf`, `-Inf`, `NaN`.
fn float(text: &str) -> Option<Typed> {
    let plain = without_underscores(text);
    let unsigned = plain.trim_start_matches('+');
    let printed = match unsigned {
        _ if unsigned.eq_ignore_ascii_case(".inf") => Zeroizing::new(b"+Inf".to_vec()),
        _ if unsigned.eq_ignore_ascii_case("-.inf") => Zeroizing::new(b"-Inf".to_vec()),
        _ if unsigned.eq_ignore_ascii_case(".nan") => Zeroizing::new(b"NaN".to_vec()),
        // Rust's Display for f64 never uses an exponent and prints the shortest digits, as Go's 'f' with -1 does.
        _ => printed(&plain.parse::<f64>().ok().filter(|n| n.is_finite())?),
    };
    Some((printed, ValueType::Float))
}

fn time(text: &str) -> Zeroizing<Vec<u8>> {
    let scalar = Scalar { text: text.into(), kind: ScalarKind::Time, style: Style::Plain };
    let json = Zeroizing::new(to_json(&Node::new(Value::Scalar(scalar))));
    Zeroizing::new(json.trim_matches('"').as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::resolve_v3;

    fn of(text: &str) -> Option<(String, ValueType)> {
        let (bytes, value_type) = bytes(text, resolve_v3(text), None, false).expect("a value")?;
        Some((String::from_utf8(bytes.to_vec()).ok()?, value_type))
    }

    #[test]
    fn values_have_the_bytes_that_sops_gives_them() {
        let cases = [
            ("hello", "hello", ValueType::Str),
            ("yes", "yes", ValueType::Str),
            ("true", "True", ValueType::Bool),
            ("-7", "-7", ValueType::Int),
            ("1_000", "1000", ValueType::Int),
            ("-0x10", "-16", ValueType::Int),
            ("017", "15", ValueType::Int),
            ("0b11", "3", ValueType::Int),
            ("0b-11", "-3", ValueType::Int),
            ("-9223372036854775808", "-9223372036854775808", ValueType::Int),
            ("089", "89", ValueType::Float),
            ("1.0", "1", ValueType::Float),
            ("-0.0", "-0", ValueType::Float),
            ("1e21", "1000000000000000000000", ValueType::Float),
            ("99999999999999999999", "100000000000000000000", ValueType::Float),
            ("1.5e-7", "0.00000015", ValueType::Float),
            (".inf", "+Inf", ValueType::Float),
            ("-.inf", "-Inf", ValueType::Float),
            (".NaN", "NaN", ValueType::Float),
            ("2020-01-02", "2020-01-02T00:00:00Z", ValueType::Time),
        ];
        for (text, bytes, value_type) in cases {
            assert_eq!(of(text), Some((bytes.to_owned(), value_type)), "{text}");
        }
        assert_eq!(of("~"), None);
    }

    #[test]
    fn large_whole_numbers_are_refused_in_yaml_and_floats_in_json() {
        let large = "9223372036854775808";
        assert_eq!(bytes(large, ScalarKind::Int, None, false), Err(ValueError::LargeNumber));
        let (bytes, kind) = bytes(large, ScalarKind::Int, None, true).expect("a value").expect("not null");
        assert_eq!((bytes.as_slice(), kind), (b"9223372036854776000".as_slice(), ValueType::Float));
    }

    #[test]
    fn a_binary_tag_is_decoded() {
        let decoded = bytes("aGk=\n", ScalarKind::Str, Some("tag:yaml.org,2002:binary"), false);
        assert_eq!(decoded.expect("a value").expect("not null").0.as_slice(), b"hi");
    }
}
