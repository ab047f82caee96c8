//! Secret files made up from a seed: every way to write a scalar, nested mappings and lists, comments in odd places.

use std::fmt::Write as _;

/// Which leaves are to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The selector's field in `.sops.yaml`; empty for the default.
    pub field: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Only sealed leaves count for the MAC.
    pub mac_only: bool,
}

/// A made-up file.
pub struct Made {
    /// `yaml` or `json`.
    pub extension: &'static str,
    pub text: String,
    pub rule: Rule,
}

pub const SELECTORS: [(&str, &str); 7] = [
    ("", ""),
    ("encrypted_regex", "^(data|stringData)$"),
    ("encrypted_suffix", "_enc"),
    ("unencrypted_regex", "^(kind|apiVersion|meta.*)$"),
    ("unencrypted_suffix", "_plain"),
    ("encrypted_comment_regex", "seal:this"),
    ("unencrypted_comment_regex", "leave:this"),
];

const KEYS: [&str; 16] = [
    "user",
    "pass_enc",
    "token",
    "meta",
    "kind",
    "data",
    "n_plain",
    "deep",
    "stringData",
    "a:b",
    "key with blank",
    "ключ",
    "config.yaml",
    "yes",
    "x_unencrypted",
    "z-9",
];

pub const SCALARS: [&str; 44] = [
    "word",
    "two words",
    "'single ''quoted'''",
    "\"double \\\"q\\\" \\t tab \\u00e9\"",
    "''",
    "\"\"",
    "~",
    "null",
    "",
    "true",
    "False",
    "yes",
    "off",
    "0",
    "-7",
    "017",
    "0x1F",
    "0b101",
    "1_000",
    "9223372036854775807",
    "089",
    "1.0",
    "-0.0",
    "1e21",
    "1.5e-7",
    ".5",
    "99999999999999999999",
    ".inf",
    "-.INF",
    ".nan",
    "2020-01-02",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43",
    "12:30:45",
    "ENC-like",
    "päss wörd",
    "'🔑 key'",
    "\"\\U0001F511\"",
    "!!str 12",
    "!!str true",
    "http://a/b?c=d#e",
    "'# no comment'",
    "a\\nb",
    "\"line\\nbreak\"",
];

pub const BLOCKS: [&str; 6] = ["|", "|-", "|+", ">", ">-", "|2"];

/// Numbers that look random and are the same for the same seed (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % sides as u64).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// The file of a seed.
pub fn made(seed: u64) -> Made {
    let mut dice = Dice::new(seed + 1);
    for _ in 0..8 {
        dice.below(2);
    }
    let json = seed % 5 == 4;
    let (field, value) = loop {
        let (field, value) = dice.pick(&SELECTORS);
        // JSON has no comments.
        if !(json && field.contains("comment")) {
            break (field, value);
        }
    };
    let rule = Rule { field, value, mac_only: dice.below(2) == 0 };
    let text = if json { json_file(&mut dice) } else { yaml_file(&mut dice) };
    Made { extension: if json { "json" } else { "yaml" }, text, rule }
}

fn yaml_file(dice: &mut Dice) -> String {
    let mut text = String::new();
    let documents = if dice.below(4) == 0 { 2 + dice.below(2) } else { 1 };
    for document in 0..documents {
        if document > 0 || dice.below(4) == 0 {
            text.push_str("---\n");
        }
        if dice.below(3) == 0 {
            text.push_str("# head of a document\n\n");
        }
        text.push_str("apiVersion: v1\nkind: Secret # what it is\nmetadata:\n  name: made\n");
        text.push_str(
            "# seal:this\nstringData:\n  sure_enc: certain\n  # seal:this, too\n  other_enc: \"quoted\"\n",
        );
        mapping(dice, &mut text, 2, 3, &["sure_enc", "other_enc"]);
        mapping(dice, &mut text, 0, 3, &["apiVersion", "kind", "metadata", "stringData"]);
    }
    text
}

fn comment(dice: &mut Dice, text: &mut String, indent: usize) {
    match dice.below(9) {
        0 => drop(writeln!(text, "{:indent$}# a remark", "")),
        1 => drop(writeln!(text, "{:indent$}# seal:this", "")),
        2 => drop(writeln!(text, "{:indent$}# leave:this", "")),
        3 => text.push('\n'),
        _ => {}
    }
}

fn trailing(dice: &mut Dice) -> &'static str {
    match dice.below(9) {
        0 => " # behind",
        1 => "   # seal:this",
        2 => " # leave:this",
        _ => "",
    }
}

fn mapping(dice: &mut Dice, text: &mut String, indent: usize, depth: usize, taken: &[&str]) {
    let mut used: Vec<&str> = taken.to_vec();
    for _ in 0..=dice.below(4) {
        let key = dice.pick(&KEYS);
        if used.contains(&key) {
            continue;
        }
        used.push(key);
        comment(dice, text, indent);
        let written = if matches!(key, "yes" | "a:b") { format!("\"{key}\"") } else { key.to_owned() };
        let _ = write!(text, "{:indent$}{written}:", "");
        value(dice, text, indent, depth);
    }
}

/// A value behind a colon or a dash, to the end of its last line.
fn value(dice: &mut Dice, text: &mut String, indent: usize, depth: usize) {
    match dice.below(10) {
        0 if depth > 0 => {
            let _ = writeln!(text, "{}", trailing(dice));
            let before = text.len();
            mapping(dice, text, indent + 2, depth - 1, &[]);
            if text[before..].lines().all(|l| l.trim().is_empty() || l.trim().starts_with('#')) {
                let _ = writeln!(text, "{:1$}only: one", "", indent + 2);
            }
        }
        1 if depth > 0 => {
            let _ = writeln!(text, "{}", trailing(dice));
            sequence(dice, text, indent + dice_indent(indent), depth - 1);
        }
        2 => {
            let _ = write!(text, " {}", dice.pick(&BLOCKS));
            let _ = writeln!(text, "{}", trailing(dice));
            let _ = writeln!(
                text,
                "{0:1$}first line\n{0:1$}second: # not a comment\n\n{0:1$}third",
                "",
                indent + 2
            );
        }
        3 => {
            let _ = writeln!(text, " {{p: 1, 'q': [x, 2, \"\"], r: {{}}}}{}", trailing(dice));
        }
        4 => {
            let _ = writeln!(text, " [one, 'two', 3, null, {{k: v}}, []]{}", trailing(dice));
        }
        _ => {
            let _ = writeln!(text, " {}{}", dice.pick(&SCALARS), trailing(dice));
        }
    }
}

fn dice_indent(indent: usize) -> usize {
    if indent.is_multiple_of(4) { 2 } else { 0 }
}

fn sequence(dice: &mut Dice, text: &mut String, indent: usize, depth: usize) {
    for _ in 0..=dice.below(4) {
        comment(dice, text, indent);
        let _ = write!(text, "{:indent$}-", "");
        if dice.below(4) == 0 {
            let _ = write!(text, " first: 1{}\n{:2$}second: ja\n", trailing(dice), "", indent + 2);
            mapping(dice, text, indent + 2, depth.min(1), &["first", "second"]);
        } else {
            value(dice, text, indent, 0);
        }
    }
}

fn json_file(dice: &mut Dice) -> String {
    let mut root = serde_json::Map::new();
    root.insert("kind".into(), "Secret".into());
    root.insert("stringData".into(), serde_json::json!({"sure_enc": "certain", "other_enc": "quoted"}));
    for _ in 0..3 + dice.below(5) {
        let key = dice.pick(&KEYS);
        if !root.contains_key(key) {
            root.insert(key.into(), json_value(dice, 3));
        }
    }
    let root = serde_json::Value::Object(root);
    match dice.below(3) {
        0 => root.to_string(),
        1 => format!("{root:#}\n"),
        _ => format!("{root:#}\n").lines().fold(String::new(), |mut text, line| {
            let blanks = line.len() - line.trim_start().len();
            let _ = writeln!(text, "{}{}", "\t".repeat(blanks / 2), line.trim_start());
            text
        }),
    }
}

fn json_value(dice: &mut Dice, depth: usize) -> serde_json::Value {
    use serde_json::json;
    match dice.below(if depth == 0 { 8 } else { 10 }) {
        0 => json!(dice.pick(&[
            "a",
            "",
            "<&>",
            "line\nbreak",
            "päss",
            "🔑",
            "\u{2028}",
            "tab\t\"q\"",
            "true",
            "12"
        ])),
        1 => json!(-7),
        2 => json!(9_007_199_254_740_993_i64),
        3 => json!(1.0),
        4 => json!(1.5e-7),
        5 => json!(1e21),
        6 => json!(dice.below(2) == 0),
        7 => json!(null),
        8 => (0..dice.below(4)).map(|_| json_value(dice, depth - 1)).collect(),
        _ => {
            let mut map = serde_json::Map::new();
            for _ in 0..dice.below(4) {
                map.insert(dice.pick(&KEYS).into(), json_value(dice, depth - 1));
            }
            serde_json::Value::Object(map)
        }
    }
}
