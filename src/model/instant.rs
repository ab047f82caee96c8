//! RFC 3339 texts to instants, for ages and for comparing times by value.

/// The instant an RFC 3339 text names, as seconds since 1970 and nanoseconds; `None` if it is none.
///
/// ```
/// assert_eq!(sealane::model::instant("1970-01-02T00:00:00Z"), Some((86_400, 0)));
/// assert_eq!(sealane::model::instant("1970-01-01T01:00:00.5+01:00"), Some((0, 500_000_000)));
/// assert_eq!(sealane::model::instant("yesterday"), None);
/// ```
pub fn instant(text: &str) -> Option<(i64, u32)> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 20 || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    if bytes[4] != b'-' || bytes[7] != b'-' || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = fraction(text.get(19..)?)?;
    Some((days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?, nanos))
}

fn fraction(rest: &str) -> Option<(u32, &str)> {
    let Some(digits) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    if end == 0 {
        return None;
    }
    let padded: String = digits[..end].chars().chain(std::iter::repeat('0')).take(9).collect();
    Some((padded.parse().ok()?, &digits[end..]))
}

fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes() {
        [b'Z' | b'z'] => return Some(0),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let hours: i64 = zone.get(1..3)?.parse().ok()?;
    let minutes: i64 = zone.get(4..6)?.parse().ok()?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March here, so that the leap day is last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn known_instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-21T09:03:17Z", 1_795_251_797),
            ("2026-11-21T10:03:17+01:00", 1_795_251_797),
            ("1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(instant(text), Some((seconds, 0)), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "2026-11-21",
            "2026-13-21T09:03:17Z",
            "2026-11-21T09:03:17",
            "2026-11-21T09:03:17.Z",
            "ää26-11-21T09:03:17Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
