//! Strings and numbers of an opened file as go-yaml v3 and Go's JSON write them, into a wiped buffer (secrets.md 1.5).

use crate::secret::SecretText;
use crate::yaml::letters::{is_break, is_printable, put_escape};
use crate::yaml::{ScalarKind, is_base60, resolve_v1, resolve_v3};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

/// A string with the style that go-yaml v3 chooses, to the end of its line. `value` is the indentation of a block and the
/// comment behind; without it the string is a key and ends before its colon.
pub(super) fn string(out: &mut SecretText, bytes: &[u8], value: Option<(usize, &str)>) {
    let end = |out: &mut SecretText| {
        if let Some((_, comment)) = value {
            out.push(comment.as_bytes());
            out.push(b"\n");
        }
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        out.push(b"!!binary ");
        out.push(Zeroizing::new(STANDARD.encode(bytes)).as_bytes());
        return end(out);
    };
    let allowed = Allowed::of(text);
    match value {
        Some((indent, comment)) if text.contains('\n') && allowed.block => {
            return literal(out, text, indent, comment);
        }
        _ if text.contains('\n') || is_misread(text) => double(out, text),
        _ if allowed.plain => out.push(bytes),
        _ if allowed.single => single(out, text),
        _ => double(out, text),
    }
    end(out);
}

fn single(out: &mut SecretText, text: &str) {
    out.push(b"'");
    for (index, part) in text.split('\'').enumerate() {
        out.push(if index == 0 { b"" } else { b"''" });
        out.push(part.as_bytes());
    }
    out.push(b"'");
}

fn double(out: &mut SecretText, text: &str) {
    out.push(b"\"");
    for letter in text.chars() {
        if is_printable(letter) && !is_break(letter) && !matches!(letter, '"' | '\\') {
            out.push_char(letter);
        } else {
            put_escape(letter, out);
        }
    }
    out.push(b"\"");
}

/// A `|` block; its comment stands behind the sign.
fn literal(out: &mut SecretText, text: &str, indent: usize, comment: &str) {
    out.push(b"|");
    if text.starts_with([' ', '\n']) {
        out.push(b"4");
    }
    if !text.ends_with('\n') {
        out.push(b"-");
    } else if text.len() == 1 || text.ends_with("\n\n") {
        out.push(b"+");
    }
    out.push(comment.as_bytes());
    out.push(b"\n");
    for line in text.split_inclusive('\n') {
        if line != "\n" {
            out.push(" ".repeat(indent).as_bytes());
        }
        out.push(line.as_bytes());
    }
    if !text.ends_with('\n') {
        out.push(b"\n");
    }
}

/// A float with the fewest digits, as Go's format `g` writes it.
pub(super) fn float(bytes: &[u8]) -> Zeroizing<String> {
    match bytes {
        b"+Inf" => Zeroizing::new(".inf".to_owned()),
        b"-Inf" => Zeroizing::new("-.inf".to_owned()),
        b"NaN" => Zeroizing::new(".nan".to_owned()),
        _ => go_float(bytes, |power| !(-4..6).contains(&power), 2),
    }
}

/// A float as Go's JSON encoder writes it.
pub(super) fn json_float(bytes: &[u8]) -> Zeroizing<String> {
    go_float(bytes, |power| !(-6..21).contains(&power), 1)
}

fn go_float(bytes: &[u8], needs_exponent: impl Fn(i32) -> bool, least_digits: usize) -> Zeroizing<String> {
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let mut scientific = format!("{number:e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let written = if number != 0.0 && needs_exponent(power) {
        let sign = if power < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:0least_digits$}", power.unsigned_abs())
    } else {
        number.to_string()
    };
    scientific.zeroize();
    Zeroizing::new(written)
}

/// True if somebody would read the plain text as something else than this string.
fn is_misread(text: &str) -> bool {
    resolve_v3(text) != ScalarKind::Str
        || resolve_v1(text) == ScalarKind::Bool
        || text == "<<"
        || is_base60(text)
}

/// In which styles a text can be written without changing it (libyaml's `analyze_scalar`).
struct Allowed {
    plain: bool,
    single: bool,
    block: bool,
}

impl Allowed {
    fn of(text: &str) -> Self {
        let (mut breaks, mut tabs, mut special, mut signs) = (false, false, false, starts_like_a_sign(text));
        let (mut break_then_space, mut space_then_break) = (false, false);
        let mut before = '\0';
        let mut letters = text.char_indices().peekable();
        while let Some((place, letter)) = letters.next() {
            let blank_follows =
                letters.peek().is_none_or(|(_, next)| matches!(next, ' ' | '\t') || is_break(*next));
            signs |= place > 0 && letter == ':' && blank_follows;
            signs |= place > 0 && letter == '#' && (matches!(before, ' ' | '\t') || is_break(before));
            tabs |= letter == '\t';
            special |= letter != '\t' && !is_printable(letter);
            breaks |= is_break(letter);
            break_then_space |= letter == ' ' && place > 0 && is_break(before);
            space_then_break |= is_break(letter) && before == ' ';
            before = letter;
        }
        let open = |letter: Option<char>| letter.is_none_or(|l| l == ' ' || is_break(l));
        let open_ends = open(text.chars().next()) || open(text.chars().next_back());
        let unsafe_letters = space_then_break || tabs || special;
        Self {
            plain: !(open_ends || break_then_space || unsafe_letters || breaks || signs),
            single: !(break_then_space || unsafe_letters),
            block: !(text.ends_with(' ') || space_then_break || special),
        }
    }
}

/// True if the first characters would be taken for YAML's own.
fn starts_like_a_sign(text: &str) -> bool {
    let mut letters = text.chars();
    text.starts_with("---")
        || text.starts_with("...")
        || match letters.next() {
            Some('?' | ':' | '-') => letters.next().is_none_or(|l| matches!(l, ' ' | '\t') || is_break(l)),
            Some(first) => "#,[]{}&*!|>'\"%@`".contains(first),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = SecretText::with_capacity(0);
        string(&mut out, text.as_bytes(), Some((4, "")));
        out.expose_secret_str().expect("UTF-8").trim_end_matches('\n').to_owned()
    }

    #[test]
    fn strings_have_the_style_that_sops_prints() {
        for (text, yaml) in [
            ("word", "word"),
            ("yes", "\"yes\""),
            ("12", "\"12\""),
            ("", "\"\""),
            ("it's: so", "'it''s: so'"),
            ("# no", "'# no'"),
            ("tab\t", "\"tab\\t\""),
            ("🔑", "\"\\U0001F511\""),
            ("a\nb", "|-\n    a\n    b"),
            (" a\nb\n", "|4\n     a\n    b"),
            ("a \nb", "\"a \\nb\""),
            ("12:30:45", "\"12:30:45\""),
        ] {
            assert_eq!(written(text), yaml, "{text:?}");
        }
    }

    #[test]
    fn floats_are_written_as_go_does() {
        for (text, yaml, json) in [
            ("1", "1", "1"),
            ("0.00000015", "1.5e-07", "1.5e-7"),
            ("1000000000000000000000", "1e+21", "1e+21"),
            ("0.00001", "1e-05", "0.00001"),
            ("1234567.5", "1.2345675e+06", "1234567.5"),
            ("123456", "123456", "123456"),
            ("-0", "-0", "-0"),
        ] {
            assert_eq!((&**float(text.as_bytes()), &**json_float(text.as_bytes())), (yaml, json));
        }
    }
}
