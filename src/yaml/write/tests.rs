//! What is printed, compared with what kustomize v5.8.1 printed for the same values.

use super::*;
use crate::secret::{Ciphertext, DigestKey, SecretLeaf, SecretText};
use crate::yaml::{Dialect, Limits, read_stream};
use std::sync::Arc;

/// Reads a resource and prints it.
fn check(yaml: &str, printed: &str) {
    let stream = read_stream(yaml.as_bytes(), &"x".into(), Dialect::Resource, &Limits::default());
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    assert_eq!(to_masked_string(&stream.documents[0].root), printed);
}

fn check_string(text: &str, printed: &str) {
    let map: Map = [("a", Node::string(text))].into_iter().collect();
    assert_eq!(to_masked_string(&Node::map(map)), format!("a: {printed}\n"), "{text:?}");
}

#[test]
fn keys_are_sorted_and_lists_hang_under_their_key() {
    check(
        "b:\n  - 1\n  - x: 1\n    a: 2\na: {}\nc: []\nk10: 1\nk9: 2\n",
        "a: {}\nb:\n- 1\n- a: 2\n  x: 1\nc: []\nk9: 2\nk10: 1\n",
    );
    check("- - a\n  - - b\n- c: [d]\n", "- - a\n  - - b\n- c:\n  - d\n");
}

#[test]
fn numbers_are_printed_as_after_a_round_trip_through_json() {
    check(
        "[012, 0x1F, 1_000, 1e3, 1.0, 0.10, 1e21, 99999999999999999999, -0.0]",
        "- 10\n- 31\n- 1000\n- 1000\n- 1\n- 0.1\n- 1e+21\n- 1e+20\n- 0\n",
    );
    check(
        "[True, ~, 2001-01-01, 2001-1-2T3:4:5Z]",
        "- true\n- null\n- \"2001-01-01T00:00:00Z\"\n- \"2001-01-02T03:04:05Z\"\n",
    );
}

#[test]
fn strings_are_quoted_only_where_yaml_1_1_would_misread_them() {
    for text in
        ["yes", "n", "ON", "~", "null", "1", "1.0", "010", "0o7", "12:30:45", "2001-01-01", ".inf", ""]
    {
        check_string(text, &format!("\"{text}\""));
    }
    for text in ["=", "<<", "yEs", "a:b", "a #b", "-x", "?x", "1.2.3", "0o+1", "é", "x@y", "\u{2022}"] {
        let quoted = if text.contains(" #") { format!("'{text}'") } else { text.to_owned() };
        check_string(text, &quoted);
    }
    for text in [
        "- x", "#x", "a: b", "a:", "@x", "*x", "&x", "!x", "|", ">", "%", "`", " x", "x ", "---", "[",
        "it's: ",
    ] {
        check_string(text, &format!("'{}'", text.replace('\'', "''")));
    }
}

#[test]
fn what_cannot_be_printed_is_escaped() {
    check_string("\t", "\"\\t\"");
    check_string("a\u{1}\u{1b}\"\\", "\"a\\x01\\e\\\"\\\\\"");
    check_string("😀", "\"\\U0001F600\"");
    check_string("\u{FEFF}a", "\"\\uFEFF\\x61\"");
    check_string("a\r\nb", "\"a\\r\\nb\"");
    check_string("a \nb", "\"a \\nb\"");
    check_string("a\u{2028}b", "'a\u{2028}  b'");
}

#[test]
fn text_of_several_lines_is_a_literal_block() {
    check_string("x\ny\n", "|\n  x\n  y");
    check_string("x\ny", "|-\n  x\n  y");
    check_string("x\n\n", "|+\n  x\n");
    check_string(" x\ny\n", "|2\n   x\n  y");
    check_string("\nx\n", "|2\n\n  x");
}

#[test]
fn long_lines_are_folded_behind_column_eighty() {
    let words = |count: usize| vec!["word"; count].join(" ");
    let folded = |first: usize| format!("{}\n  {}", words(first), words(20 - first));
    check_string(&words(20), &folded(16));
    check_string(&format!("#{}", words(20)), &format!("'#{}'", folded(16)));
    check_string(&format!("\u{1}{}", words(20)), &format!("\"\\x01{}\"", folded(15)));
    check_string(&"x".repeat(200), &"x".repeat(200));
    check_string(&format!("{}  end", "x".repeat(90)), &format!("{}  end", "x".repeat(90)));
}

#[test]
fn a_key_of_several_lines_or_great_length_stands_behind_a_question_mark() {
    check("? \"a\\nb\"\n: c\n", "? |-\n  a\n  b\n: c\n");
    let long = "k".repeat(129);
    check(&format!("{long}: [1]\n"), &format!("? {long}\n: - 1\n"));
    check(&format!("{}: [1]\n", &long[1..]), &format!("{}:\n- 1\n", &long[1..]));
}

#[test]
fn kustomize_changes_folded_text_and_values_left_out_in_brackets() {
    check(
        "f: >\n  a\n    b\n  c\nm: {a: , b: null}\n",
        "f: |\n  a\n\n    b\n  c\nm:\n  a: \"\"\n  b: null\n",
    );
}

fn leaf(leaf: SecretLeaf) -> Node {
    let map: Map = [("data", Node::new(Value::Secret(leaf)))].into_iter().collect();
    Node::map(map)
}

fn open(bytes: &[u8]) -> Node {
    leaf(SecretLeaf::Text(Arc::new(SecretText::from_vec(bytes.to_vec()))))
}

#[test]
fn a_masked_secret_tells_nothing() {
    let digest = SecretLeaf::Digest(DigestKey::new([7; 32]).digest(b"canary"));
    for node in [
        open(b"canary"),
        open(b"a longer canary"),
        leaf(digest),
        leaf(SecretLeaf::Closed(Ciphertext::UNKNOWN)),
    ] {
        assert_eq!(to_masked_string(&node), "data: (secret)\n");
        assert!(!format!("{node:?}").contains("canary"));
    }
}
