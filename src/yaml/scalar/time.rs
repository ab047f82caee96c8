//! Timestamps as go-yaml reads them and `encoding/json` prints them.

/// The RFC 3339 text of a YAML timestamp, or `None` if the text is not one.
///
/// Accepted are the four shapes that go-yaml tries: a date; date, `T` or `t`, time and zone; date,
/// blank and time without a zone. Months, days, hours, minutes and seconds may have one digit.
pub(in crate::yaml) fn parse(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut cursor = Cursor { rest: &bytes[5..] };
    let month = cursor.one_or_two_digits()?;
    cursor.expect(b'-')?;
    let day = cursor.one_or_two_digits()?;
    let year = &text[..4];
    if day == 0 || day > days_of(month, year.parse().ok()?)? {
        return None;
    }
    let date = format!("{year}-{month:02}-{day:02}");
    if cursor.rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let separator = cursor.next()?;
    let clock = cursor.clock()?;
    let zone = match separator {
        b'T' | b't' => cursor.zone()?,
        b' ' => "Z".to_owned(),
        _ => return None,
    };
    cursor.rest.is_empty().then(|| format!("{date}T{clock}{zone}"))
}

fn days_of(month: u32, year: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if leap => Some(29),
        2 => Some(28),
        _ => None,
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn digit(&mut self) -> Option<u32> {
        self.next().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'))
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        let first = self.digit()?;
        match self.rest.first() {
            Some(b) if b.is_ascii_digit() => Some(first * 10 + self.digit()?),
            _ => Some(first),
        }
    }

    fn two_digits(&mut self) -> Option<u32> {
        Some(self.digit()? * 10 + self.digit()?)
    }

    /// Hours, minutes, seconds and up to nine digits of a fraction, without trailing zeros.
    fn clock(&mut self) -> Option<String> {
        let hour = self.one_or_two_digits().filter(|h| *h < 24)?;
        self.expect(b':')?;
        let minute = self.one_or_two_digits().filter(|m| *m < 60)?;
        self.expect(b':')?;
        let second = self.one_or_two_digits().filter(|s| *s < 60)?;
        Some(format!("{hour:02}:{minute:02}:{second:02}{}", self.fraction()))
    }

    fn fraction(&mut self) -> String {
        let [b'.' | b',', digits @ ..] = self.rest else { return String::new() };
        let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
        if end == 0 {
            return String::new();
        }
        let kept = digits[..end.min(9)].iter().map(|b| char::from(*b)).collect::<String>();
        self.rest = &digits[end..];
        match kept.trim_end_matches('0') {
            "" => String::new(),
            kept => format!(".{kept}"),
        }
    }

    /// `Z` or an offset; the offset of zero is `Z` as well.
    fn zone(&mut self) -> Option<String> {
        let sign = match self.next()? {
            b'Z' => return Some("Z".to_owned()),
            sign @ (b'+' | b'-') => char::from(sign),
            _ => return None,
        };
        let hours = self.two_digits().filter(|h| *h <= 24)?;
        self.expect(b':')?;
        let minutes = self.two_digits().filter(|m| *m <= 60)?;
        match hours * 60 + minutes {
            0 => Some("Z".to_owned()),
            offset => Some(format!("{sign}{:02}:{:02}", offset / 60, offset % 60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_shape_becomes_rfc_3339() {
        for (text, full) in [
            ("2001-01-01", "2001-01-01T00:00:00Z"),
            ("2001-1-2", "2001-01-02T00:00:00Z"),
            ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"),
            ("2001-12-14T1:2:3Z", "2001-12-14T01:02:03Z"),
            ("2001-12-14 21:59:43.000", "2001-12-14T21:59:43Z"),
            ("2001-12-14T21:59:43,5+00:00", "2001-12-14T21:59:43.5Z"),
            ("2004-02-29", "2004-02-29T00:00:00Z"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(full), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_no_timestamp() {
        for text in [
            "2001-01-1x",
            "2001-00-01",
            "2003-02-29",
            "2001-01-01T00:00:00",
            "2001-01-01 25:00:00",
            "2001-1-",
            "200é-1-1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
