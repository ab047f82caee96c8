//! Quantities and durations by value: `1000m` is `1`, `1h` is `60m` (diff.md N4, N6).

/// A quantity in billionths, rounded up to thousandths as the API server rounds resource lists; `None` if the text is
/// no quantity or too large to compare.
pub(super) fn quantity(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (mantissa, decimals) = decimal(number)?;
    let nanos = match suffix {
        "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => {
            let power = 1 + ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|s| *s == suffix)?;
            scaled(mantissa.checked_mul(1_i128 << (10 * power))?, 9 - decimals)?
        }
        _ => scaled(mantissa, exponent(suffix)? + 9 - decimals)?,
    };
    let milli = 1_000_000;
    Some(nanos.div_euclid(milli) + i128::from(nanos.rem_euclid(milli) > 0))
}

fn exponent(suffix: &str) -> Option<i32> {
    Some(match suffix {
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        _ => suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|e: &i32| e.abs() <= 27)?,
    })
}

/// Digits without the point, and how many stood behind it.
fn decimal(number: &str) -> Option<(i128, i32)> {
    let unsigned = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i128 = digits.parse().ok()?;
    Some((if number.starts_with('-') { -value } else { value }, i32::try_from(part.len()).ok()?))
}

/// `value` times ten to the `power`, rounded up.
fn scaled(value: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        value.checked_mul(factor)
    } else {
        Some(value.div_euclid(factor) + i128::from(value.rem_euclid(factor) > 0))
    }
}

/// A Go duration (`1h30m`, `250ms`) in nanoseconds; `None` if the text is none.
pub(super) fn duration(text: &str) -> Option<i128> {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (mantissa, decimals) = decimal(&rest[..end])?;
        let (unit, after) = unit(&rest[end..])?;
        total = total.checked_add(scaled(mantissa.checked_mul(unit)?, -decimals)?)?;
        rest = after;
    }
    Some(if text.starts_with('-') { -total } else { total })
}

fn unit(text: &str) -> Option<(i128, &str)> {
    [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    .iter()
    .find_map(|(name, nanos)| text.strip_prefix(name).map(|after| (*nanos, after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_compare_by_value() {
        for (a, b) in [
            ("1000m", "1"),
            ("3072Mi", "3Gi"),
            ("0.1", "100m"),
            ("1000M", "1G"),
            ("1e3", "1k"),
            ("1E3", "1k"),
            ("0.5Gi", "512Mi"),
            ("1.0001", "1001m"),
            ("100u", "1m"),
            ("+1", "1.0"),
            ("1E", "1000P"),
        ] {
            assert_eq!(quantity(a), quantity(b), "{a} and {b}");
            assert!(quantity(a).is_some(), "{a}");
        }
        assert_ne!(quantity("1M"), quantity("1Mi"));
        assert_ne!(quantity("512Mi"), quantity("256Mi"));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in
            ["", "Mi", "1.2.3", "1Zi", "a", "1e99", "--1", "99999999999999999999999999999999999", "1 Gi"]
        {
            assert_eq!(quantity(text), None, "{text}");
        }
    }

    #[test]
    fn durations_compare_by_value() {
        assert_eq!(duration("1h"), duration("1h0m0s"));
        assert_eq!(duration("60m"), duration("1h"));
        assert_eq!(duration("1.5s"), duration("1500ms"));
        assert_eq!(duration("-1m"), Some(-60_000_000_000));
        for text in ["", "1", "h", "1d", "1h2", "abc", "."] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,12}") {
            let _ = (quantity(&text), duration(&text));
        }

        #[test]
        fn milli_and_whole_agree(number in 0_i64..1_000_000) {
            prop_assert_eq!(quantity(&format!("{}m", number * 1000)), quantity(&number.to_string()));
        }
    }
}
