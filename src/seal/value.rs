//! Values to bytes: the form that is encrypted and that the MAC is made of (secrets.md 1.4).

use super::cipher::ValueType;
use crate::yaml::{Node, Scalar, ScalarKind, to_json};

/// The bytes of a scalar that stands in the clear, and its type; `None` for null and for what is no scalar.
pub(super) fn bytes(node: &Node) -> Option<(Vec<u8>, ValueType)> {
    let Scalar { text, kind, .. } = node.as_scalar()?;
    let (text, value_type) = match kind {
        ScalarKind::Null => return None,
        ScalarKind::Str => (text.to_string(), ValueType::Str),
        ScalarKind::Bool => (if node.as_bool()? { "True" } else { "False" }.to_owned(), ValueType::Bool),
        ScalarKind::Int => (to_json(node), ValueType::Int),
        ScalarKind::Float => (float(&to_json(node), text), ValueType::Float),
        ScalarKind::Time => (to_json(node).trim_matches('"').to_owned(), ValueType::Time),
    };
    Some((text.into_bytes(), value_type))
}

/// A float as Go prints it without an exponent: the shortest digits that read back, `+Inf`, `-Inf`, `NaN`.
fn float(json: &str, text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.ends_with("inf") {
        return if lower.starts_with('-') { "-Inf" } else { "+Inf" }.to_owned();
    }
    if lower.ends_with("nan") {
        return "NaN".to_owned();
    }
    // Rust's Display for f64 never uses an exponent and prints the shortest digits, as Go's 'f' with -1 does.
    json.parse::<f64>().map_or_else(|_| json.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Dialect, Limits, read_stream};

    fn of(text: &str) -> Option<(String, ValueType)> {
        let stream = read_stream(
            format!("v: {text}\n").as_bytes(),
            &"t".into(),
            Dialect::Resource,
            &Limits::default(),
        );
        let (bytes, value_type) = bytes(stream.documents.first()?.root.get("v")?)?;
        Some((String::from_utf8(bytes).ok()?, value_type))
    }

    #[test]
    fn values_have_the_bytes_that_sops_gives_them() {
        let cases = [
            ("hello", "hello", ValueType::Str),
            ("'12'", "12", ValueType::Str),
            ("yes", "yes", ValueType::Str),
            ("true", "True", ValueType::Bool),
            ("-7", "-7", ValueType::Int),
            ("0x10", "16", ValueType::Int),
            ("017", "15", ValueType::Int),
            ("1.0", "1", ValueType::Float),
            ("1e21", "1000000000000000000000", ValueType::Float),
            ("1.5e-7", "0.00000015", ValueType::Float),
            (".inf", "+Inf", ValueType::Float),
            ("-.inf", "-Inf", ValueType::Float),
            ("2020-01-02", "2020-01-02T00:00:00Z", ValueType::Time),
            ("''", "", ValueType::Str),
        ];
        for (text, bytes, value_type) in cases {
            assert_eq!(of(text), Some((bytes.to_owned(), value_type)), "{text}");
        }
        assert_eq!(of("~"), None);
    }
}
