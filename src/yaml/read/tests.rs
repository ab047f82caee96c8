//! Behaviour of the reader on small files.

use super::*;
use crate::yaml::{ScalarKind, Value, to_json};

fn read_as(text: impl AsRef<[u8]>, dialect: Dialect, limits: &Limits) -> Stream {
    read_stream(text.as_ref(), &"apps/web.yaml".into(), dialect, limits)
}

/// The documents as JSON, then the errors as `line:column message`.
fn shown(text: impl AsRef<[u8]>, dialect: Dialect) -> Vec<String> {
    let stream = read_as(text, dialect, &Limits::default());
    let documents = stream.documents.iter().map(|d| to_json(&d.root));
    let errors = stream.errors.iter().map(|e| format!("{}:{} {}", e.line, e.column, e.message));
    documents.chain(errors).collect()
}

fn resource(text: impl AsRef<[u8]>) -> Vec<String> {
    shown(text, Dialect::Resource)
}

fn kustomization(text: &str) -> Vec<String> {
    shown(text, Dialect::Kustomization)
}

#[test]
fn a_file_is_cut_at_lines_that_start_with_three_dashes() {
    assert_eq!(resource("a: 1\n---\nb: 2\n"), [r#"{"a":1}"#, r#"{"b":2}"#]);
    assert_eq!(resource("---\na: 1\n--- # two\nb: 2\n---  \n"), [r#"{"a":1}"#, r#"{"b":2}"#]);
    assert_eq!(resource("a: 1\r\n---\r\nb: 2\r\n"), [r#"{"a":1}"#, r#"{"b":2}"#]);
    assert_eq!(resource("a: |\n  x\n---\nb: 2\n"), [r#"{"a":"x\n"}"#, r#"{"b":2}"#]);
    assert_eq!(resource("a: 1\n---"), [r#"{"a":1}"#]);
    assert_eq!(resource("a: 1\n...\nb: 2\n"), [r#"{"a":1}"#]);
}

#[test]
fn a_separator_with_more_on_its_line_is_an_error() {
    assert_eq!(resource("a: 1\n--- x\nb: 2\n"), ["2:1 invalid document separator: --- x"]);
    assert_eq!(resource("a: 1\n----\n"), ["2:1 invalid document separator: ----"]);
}

#[test]
fn empty_pieces_are_skipped_and_counted() {
    let stream = read_as("# c\n---\n---\na: 1\n---\nnull\n---\nb: 2", Dialect::Resource, &Limits::default());
    let places: Vec<_> = stream.documents.iter().map(|d| (d.index, d.line, d.bytes.clone())).collect();
    assert_eq!(places, [(1, 3, 8..17), (3, 8, 30..34)]);
    assert!(stream.errors.is_empty());
}

#[test]
fn one_broken_document_does_not_take_the_others_with_it() {
    let stream = read_as("a: 1\n---\nb: [\n---\nc: 3\n", Dialect::Resource, &Limits::default());
    assert_eq!(stream.documents.len(), 2);
    assert_eq!((stream.errors[0].document, stream.errors[0].line), (1, 4));
}

#[test]
fn marks_say_where_values_stand() {
    let stream = read_as("x: 1\n---\nmetadata:\n  ключ: [a,  b]\n", Dialect::Resource, &Limits::default());
    let list = stream.documents[1].root.at_path(&["metadata", "ключ"]).expect("the list is there");
    assert_eq!((list.mark.line, list.mark.column), (4, 9));
    let second = &list.as_seq().expect("it is a list")[1];
    assert_eq!((second.mark.line, second.mark.column), (4, 14));
    assert_eq!(second.mark.file.as_deref(), Some("apps/web.yaml"));
    let map = stream.documents[1].root.as_map().expect("it is a mapping");
    assert_eq!(map.entries[0].key.line, 3);
}

#[test]
fn the_dialect_decides_what_a_word_means() {
    assert_eq!(resource("a: [yes, 012, 2001-01-01]"), [r#"{"a":["yes",10,"2001-01-01T00:00:00Z"]}"#]);
    assert_eq!(kustomization("a: [yes, 012, 2001-01-01]"), [r#"{"a":[true,10,"2001-01-01"]}"#]);
    assert_eq!(kustomization("yes: 1\n012: 2\n1.50: 3"), [r#"{"1.5":3,"10":2,"true":1}"#]);
    assert_eq!(resource("yes: 1"), [r#"{"yes":1}"#]);
    assert_eq!(resource("a: 'yes'\nb: \"1\""), [r#"{"a":"yes","b":"1"}"#]);
}

#[test]
fn tags_decide_before_the_dialect() {
    assert_eq!(resource("a: !!str 5\nb: !!int \"5\"\nc: !!float 1"), [r#"{"a":"5","b":5,"c":1}"#]);
    assert_eq!(resource("a: !!binary aGk=\nb: !mine 5\nc: ! 5"), [r#"{"a":"hi","b":"5","c":5}"#]);
    assert_eq!(kustomization("c: ! 5"), [r#"{"c":"5"}"#]);
    assert_eq!(resource("a: !!int x"), ["1:10 cannot decode `x` as a !!int"]);
    assert_eq!(resource("a: !!binary '*'"), ["1:13 !!binary value contains invalid base64 data"]);
}

#[test]
fn a_repeated_key_is_an_error_in_resources_and_wins_in_kustomizations() {
    assert_eq!(resource("a: 1\nb: 2\na: 3\n"), ["3:1 mapping key \"a\" already defined at line 1"]);
    assert_eq!(kustomization("a: 1\nb: 2\na: 3\n"), [r#"{"a":3,"b":2}"#]);
    let many: Vec<_> = (0..50).map(|n| format!("k{n}: {n}\n")).collect();
    let text = format!("{}k40: x\n", many.concat());
    assert_eq!(resource(&text), ["51:1 mapping key \"k40\" already defined at line 41"]);
}

#[test]
fn anchors_are_expanded() {
    assert_eq!(
        resource("a: &x {b: 1}\nc: *x\nd: [*x, *x]"),
        [r#"{"a":{"b":1},"c":{"b":1},"d":[{"b":1},{"b":1}]}"#]
    );
    assert_eq!(resource("&k a: 1\nb: *k"), [r#"{"a":1,"b":"a"}"#]);
    assert_eq!(resource("a: *x"), ["1:4 unknown anchor 'x' referenced"]);
    assert_eq!(resource("a: &x [*x]"), ["1:8 anchor 'x' value contains itself"]);
}

#[test]
fn own_entries_win_over_merged_ones() {
    let text = "a: &a {x: 1, w: 2}\nb: &b {x: 3, z: 4}\nc:\n  w: own\n  <<: [*a, *b]\n";
    assert_eq!(resource(text)[0].split("\"c\":").nth(1), Some(r#"{"w":"own","x":1,"z":4}}"#));
    assert_eq!(kustomization(text)[0].split("\"c\":").nth(1), Some(r#"{"w":2,"x":1,"z":4}}"#));
    assert_eq!(resource("a: {<<: 1}"), ["1:9 map merge requires map or sequence of maps as the value"]);
    assert_eq!(resource("a: {<<: {b: 1}, <<: {c: 1}}"), ["1:17 duplicate merge key"]);
}

#[test]
fn kustomize_drops_a_quoted_merge_key() {
    assert_eq!(resource("a: {'<<': 1, b: 2}"), [r#"{"a":{"b":2}}"#]);
    assert_eq!(kustomization("a: {'<<': 1}"), [r#"{"a":{"\u003c\u003c":1}}"#]);
}

#[test]
fn a_value_left_out_in_brackets_is_null_but_printed_as_nothing() {
    let stream = read_as("a: {b: , c: null}\nd:\n", Dialect::Resource, &Limits::default());
    let root = &stream.documents[0].root;
    assert!(root.at_path(&["a", "b"]).is_some_and(Node::is_null));
    assert_eq!(to_json(root), r#"{"a":{"b":"","c":null},"d":null}"#);
    assert_eq!(kustomization("a: {b: }"), [r#"{"a":{"b":null}}"#]);
}

#[test]
fn text_that_go_refuses_is_refused_with_its_place() {
    for (text, error) in [
        ("a: b: c\n", "1:5 mapping values are not allowed in this context"),
        ("a:\n\tb: 1\n", "2:1 found character that cannot start any token"),
        ("a: 'x\n", "1:4 found unexpected end of stream in a quoted scalar"),
        ("a: \"\\q\"\n", "1:4 found unknown escape character"),
        ("a: @x\n", "1:4 found character that cannot start any token"),
        ("- a\nb: 1\n", "2:1 did not find expected '-' indicator"),
        ("a: 1\n b: 2\n", "2:3 mapping values are not allowed in this context"),
        ("a: [1, 2\nb: 3\n", "2:2 did not find expected ',' or ']'"),
        ("a: {{ .x }}\n", "1:5 invalid map key: only scalars can be keys"),
        ("a:\n  b: 1\n c\n", "3:2 did not find expected key"),
        ("a: x\0y\n", "1:5 control characters are not allowed"),
        ("é: \u{7f}\n", "1:4 control characters are not allowed"),
        ("%YAML 1.2\n", "1:1 found incompatible YAML document"),
    ] {
        assert_eq!(resource(text), [error], "{text:?}");
    }
    assert_eq!(resource(b"a: 1\nb: \xff\n"), ["2:4 invalid UTF-8"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(resource("\u{FEFF}a: 1\n"), [r#"{"a":1}"#]);
    assert_eq!(resource("\u{FEFF}# c\n---\n\u{FEFF}a: 1\n"), [r#"{"a":1}"#]);
}

#[test]
fn tabs_may_stand_where_go_lets_them() {
    assert_eq!(resource("a:\t1\nb: x\t# c\nc: {\t\"d\":\t1 }\n"), [r#"{"a":1,"b":"x","c":{"d":1}}"#]);
}

#[test]
fn strange_line_breaks_break_lines() {
    assert_eq!(resource("a: 1\u{2028}b: 2\u{85}c: x\r d\n"), [r#"{"a":1,"b":2,"c":"x d"}"#]);
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for text in ["[".repeat(10_000), "- ".repeat(10_000), "{a: ".repeat(10_000), "? ".repeat(10_000)] {
        let errors = read_as(&text, Dialect::Resource, &Limits::default()).errors;
        assert_eq!(errors.len(), 1, "{}", &text[..6]);
    }
    let blocks: Vec<_> = (0..1_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert!(resource(blocks.concat())[0].contains("128 levels"));
}

#[test]
fn aliases_count_as_what_they_stand_for() {
    let names = |n: usize| vec![format!("*a{n}"); 10].join(", ");
    let bomb: Vec<_> = (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", names(n - 1))).collect();
    let text = format!("a0: &a0 [{}x]\n{}", "x, ".repeat(9), bomb.concat());
    assert!(resource(text)[0].contains("nodes, aliases expanded"));
    let ladder: Vec<_> = (1..200).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    assert!(resource(format!("a0: &a0 [x]\n{}", ladder.concat()))[0].contains("128 levels"));
}

#[test]
fn limits_are_the_callers() {
    let limits = Limits { bytes: 10, ..Limits::default() };
    assert_eq!(read_as("a: 12345678", Dialect::Resource, &limits).errors[0].message, "larger than 10 bytes");
    let limits = Limits { nodes: 3, ..Limits::default() };
    assert_eq!(read_as("[1, 2]", Dialect::Resource, &limits).documents.len(), 1);
    assert_eq!(read_as("[1, 2, 3]", Dialect::Resource, &limits).errors.len(), 1);
    let limits = Limits { depth: 2, ..Limits::default() };
    assert_eq!(read_as("a: [1]", Dialect::Resource, &limits).documents.len(), 1);
    assert_eq!(read_as("a: [[1]]", Dialect::Resource, &limits).errors.len(), 1);
}

#[test]
fn scalars_in_blocks_and_quotes_are_folded_as_yaml_says() {
    for (text, json) in [
        ("a: |\n  x\n   y\n\n\n", r#"{"a":"x\n y\n"}"#),
        ("a: |+\n  x\n\n", r#"{"a":"x\n\n"}"#),
        ("a: |-\n  x\n\n", r#"{"a":"x"}"#),
        ("a: |2\n   x\n", r#"{"a":" x\n"}"#),
        ("a: |\n  x", r#"{"a":"x"}"#),
        ("a: >\n  x\n  y\n\n  z\n", r#"{"a":"x y\nz\n"}"#),
        ("a: x\n  y\n\n  z # c\n", r#"{"a":"x y\nz"}"#),
        ("a: 'x\n\n  y ''z'''\n", r#"{"a":"x\ny 'z'"}"#),
        ("a: \"x\\\n  y \\\n  z\"\n", r#"{"a":"xy z"}"#),
        ("a: \"\\x41\\u00e9\\U0001F600\\t\"\n", r#"{"a":"Aé😀\t"}"#),
        ("a: http://x:80/#y\n", r#"{"a":"http://x:80/#y"}"#),
        ("- - a\n  - b\n-\n  c: d\n", r#"[["a","b"],{"c":"d"}]"#),
        ("? a\n: b\n", r#"{"a":"b"}"#),
        ("a:\n- b\n-\n", r#"{"a":["b",null]}"#),
    ] {
        assert_eq!(resource(text), [json], "{text:?}");
    }
}

#[test]
fn words_are_stored_once_in_a_file() {
    let stream = read_as("a: web\nb: web\n", Dialect::Resource, &Limits::default());
    let map = stream.documents[0].root.as_map().expect("it is a mapping");
    let text = |key| map.get(key).and_then(|n| n.as_scalar()).map(|s| Arc::as_ptr(&s.text).cast::<u8>());
    assert_eq!(text("a"), text("b"));
    assert!(matches!(&map.entries[0].value.value, Value::Scalar(s) if s.kind == ScalarKind::Str));
}
