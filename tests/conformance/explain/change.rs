//! Changes one value on one line of a file, as a person would who was told to look there.

/// The bytes of a file with the value at a place changed: numbers grow, booleans flip, texts get a letter more in front.
/// `column` 0 means that the value fills the line. `None` if there is nothing on the line to change.
pub fn changed(bytes: &[u8], line: u32, column: u32) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut number = usize::try_from(line).ok()?.checked_sub(1)?;
    let skipped = usize::try_from(column.max(1) - 1).ok()?;
    let mut at = lines.get(number)?.char_indices().nth(skipped)?.0;
    // A block's text begins on the next line that is not blank.
    if lines[number][at..].starts_with(['|', '>']) {
        number = (number + 1..lines.len()).find(|next| !lines[*next].trim().is_empty())?;
        at = lines[number].len() - lines[number].trim_start().len();
    }
    let line = &lines[number];
    let (before, value) = line.split_at(at);
    if value.trim().is_empty() || value.starts_with('#') {
        return None;
    }
    lines[number] = format!("{before}{}", another(value));
    Some(lines.join("\n").into_bytes())
}

/// Another value than the one that a text begins with; what follows stays.
fn another(text: &str) -> String {
    if let Some(rest) = text.strip_prefix(['"', '\'']) {
        return format!("{}x{rest}", &text[..1]);
    }
    let end = text.find([',', '}', ']', ' ', '\r']).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    match value {
        "true" => format!("false{rest}"),
        "false" => format!("true{rest}"),
        "{" | "[" | "{}" | "[]" => text.to_owned(),
        _ => match value.parse::<u32>() {
            Ok(number) if number.to_string() == value => format!("{}{rest}", number + 1),
            _ => format!("x{text}"),
        },
    }
}

#[test]
fn values_become_others() {
    for (text, line, column, expected) in [
        ("a: 1", 1, 4, "a: 2"),
        ("a: true # c", 1, 4, "a: false # c"),
        ("a: 'b'", 1, 4, "a: 'xb'"),
        ("a: |\n\n  b\n", 1, 4, "a: |\n\n  xb\n"),
        ("a: {b: 0644, c: 1}", 1, 8, "a: {b: x0644, c: 1}"),
    ] {
        let found = changed(text.as_bytes(), line, column).expect("there is a value");
        assert_eq!(String::from_utf8_lossy(&found), expected);
    }
    assert!(changed(b"a:\n", 1, 3).is_none() && changed(b"a: 1\n", 9, 1).is_none());
}
