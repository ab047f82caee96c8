//! Behaviour of the lossless view on small files.

use super::*;
use crate::yaml::{Dialect, Limits, read_stream, to_masked_string};

fn read(text: &str) -> Source<'_> {
    Source::read(text, Syntax::Yaml).unwrap_or_else(|error| panic!("{error:?} in {text:?}"))
}

fn root<'a, 't>(source: &'a Source<'t>) -> &'a Item<'t> {
    source.documents[0].root.as_ref().expect("the document has a root")
}

fn at<'a, 't>(source: &'a Source<'t>, path: &[&str]) -> &'a Item<'t> {
    path.iter().fold(root(source), |item, key| &item.get(key).expect("the key exists").value)
}

fn marked(sign: &str, comments: &[Comment<'_>]) -> String {
    comments.iter().flat_map(|comment| [sign, &*comment.text]).collect()
}

/// The tree in one line: comments as `#text`, trailing ones behind a tilde.
fn outline(item: &Item<'_>) -> String {
    let trail = |comments: &[Comment<'_>]| marked("~", comments);
    match &item.content {
        Content::Scalar(leaf) => leaf.text.to_string(),
        Content::Alias(name) => format!("*{name}"),
        Content::Map(map) => {
            let parts = map.parts.iter().map(|part| match part {
                MapPart::Comment(comment) => format!("#{}", comment.text),
                MapPart::Entry(e) => format!("{}:{}{}", e.key.text, outline(&e.value), trail(&e.trailing)),
            });
            format!("{{{}}}", parts.collect::<Vec<_>>().join(" "))
        }
        Content::Seq(seq) => {
            let parts = seq.parts.iter().map(|part| match part {
                SeqPart::Comment(comment) => format!("#{}", comment.text),
                SeqPart::Item(item) => format!("{}{}", outline(&item.value), trail(&item.trailing)),
            });
            format!("[{}]", parts.collect::<Vec<_>>().join(" "))
        }
    }
}

fn check_outline(text: &str, expected: &str) {
    let source = read(text);
    let loose = marked("!", &source.documents[0].comments);
    assert_eq!(format!("{}{loose}", outline(root(&source))), expected, "{text}");
}

#[test]
fn comments_on_their_own_line_are_parts_of_the_block_they_stand_in() {
    check_outline("#1\na: b\n#2\nc: d\n#3\n", "{#1 a:b #2 c:d #3}");
    check_outline("a:\n  #1\n  b: c\n  #2\n#3\nd: e\n", "{a:{#1 b:c #2} #3 d:e}");
    check_outline("a:\n- #1\n  x\n#2\n- y\n", "{a:[x~1 #2 y]}");
    check_outline("a:\n- x: 1\n  #1\n  y: 2\n#2\nb: 3\n", "{a:[{x:1 #1 y:2}] #2 b:3}");
    check_outline("a:\n  - x\n  #1\n#2\n", "{a:[x #1] #2}");
    check_outline("a: [x,\n  #1\n  y]\n", "{a:[x #1 y]}");
}

/// As `sops encrypt` was seen to count them, where it seals only what stands below one key.
#[test]
fn comments_below_a_value_belong_to_it_where_what_follows_stands_further_out() {
    check_outline("a:\n  x:\n    - v\n  # c\nm: 1\n", "{a:{x:[v # c]} m:1}");
    check_outline("a:\n  x:\n  - v\n # c\nm: 1\n", "{a:{x:[v # c]} m:1}");
    check_outline("a:\n  x:\n    y: v # l\n  # c\n# d\nm: 1\n", "{a:{x:{y:v~ l # c}} # d m:1}");
    check_outline("a:\n  x:\n    y: {b: 1}\n  # c\n  # d\nm: 1\n", "{a:{x:{y:{b:1} # c # d}} m:1}");
    check_outline("a:\n  x:\n    y:\n\n  # c\n\n  # d\nm: 1\n", "{a:{x:{y: # c # d}} m:1}");
    check_outline("a:\n  x:\n    y: ~\n  # c\n---\nm: 1\n", "{a:{x:{y:~ # c}}}");
    check_outline("a:\n  x:\n  - v\n  # c\nm: 1\n", "{a:{x:[v # c]} m:1}");
    check_outline("a:\n  x:\n  - v\n  # c\n\nm: 1\n", "{a:{x:[v # c]} m:1}");
    check_outline("a:\n  x:\n  - v\n # c\n\nm: 1\n", "{a:{x:[v]} # c m:1}");
    // What follows stands in their own column, or a blank line parts them from it: they are its head, or a foot further out.
    check_outline("a:\n  x:\n    - v\n  # c\n  y: 1\n", "{a:{x:[v] # c y:1}}");
    check_outline("a:\n  x:\n    y: v\n  # c\n\nm: 1\n", "{a:{x:{y:v} # c} m:1}");
    check_outline("a:\n  x:\n    y: v\n    # b\n  # c\nm: 1\n", "{a:{x:{y:v # b} # c} m:1}");
    check_outline("a:\n  x:\n    y: v\n# c\nm: 1\n", "{a:{x:{y:v}} # c m:1}");
    // Behind a bare dash they are a head of what follows; behind the last one nothing of the list does.
    check_outline("a:\n  x:\n    - # c\n    - w\nm: 1\n", "{a:{x:[~ c w]} m:1}");
    check_outline("a:\n  x:\n    - v\n    -  # c\n  y: 1\n", "{a:{x:[v ] # c y:1}}");
    check_outline("a:\n  x: # b\n  # c\n  - \n  # d\n  y: 1\n", "{a:{x:[]~ b # c # d y:1}}");
}

#[test]
fn comments_behind_something_belong_to_it() {
    check_outline("a: b #1\nc: #2\n  d: e #3\n", "{a:b~1 c:{d:e~3}~2}");
    check_outline("- a: b #1\n- c #2\n- # 3\n  d\n", "[{a:b~1} c~2 d~ 3]");
    check_outline("a: | #1\n  x # no comment\nb: {c: d} #2\n", "{a:x # no comment\n~1 b:{c:d}~2}");
    check_outline("--- #1\na: b\n", "{a:b}!1");
}

#[test]
fn spans_are_the_bytes_of_values() {
    let text = "p: plain text  # c\ns: 'it''s'\nd: \"a\\tb\"\nl: |-\n  x\n   y\n\nk: |+\n  x\n\ne:\nf: {a: [1, 2]}\n";
    let source = read(text);
    let raw = |key: &str| &text[at(&source, &[key]).span.clone()];
    assert_eq!(raw("p"), "plain text");
    assert_eq!(raw("s"), "'it''s'");
    assert_eq!(raw("d"), "\"a\\tb\"");
    assert_eq!(raw("l"), "|-\n  x\n   y");
    assert_eq!(raw("k"), "|+\n  x\n");
    assert_eq!(raw("e"), "");
    assert_eq!(raw("f"), "{a: [1, 2]}");
    assert_eq!(&text[at(&source, &["f", "a"]).span.clone()], "[1, 2]");
    assert_eq!(at(&source, &["d"]).as_leaf().map(|leaf| &*leaf.text), Some("a\tb"));
}

#[test]
fn kinds_and_places_are_known() {
    let source = read("a: 1\nb: 'x'\nc:\n  - 2001-01-01\n  - !!str 5\n");
    let kind = |item: &Item<'_>| item.as_leaf().map(|leaf| leaf.kind);
    assert_eq!(kind(at(&source, &["a"])), Some(ScalarKind::Int));
    assert_eq!(kind(at(&source, &["b"])), Some(ScalarKind::Str));
    let list = at(&source, &["c"]).as_seq().expect("c is a list");
    assert_eq!(list.indent, 2);
    let kinds: Vec<_> = list.items().map(|item| kind(&item.value)).collect();
    assert_eq!(kinds, [Some(ScalarKind::Time), Some(ScalarKind::Str)]);
    let tagged = &list.items().next_back().expect("it has items").value;
    assert_eq!((tagged.line, tagged.column, tagged.properties.clone()), (5, 10, Some(34..39)));
}

#[test]
fn what_forbids_writing_is_listed() {
    let source = read("a: &x 1\nb: *x\n<<: {c: 1}\n5: y\na: 2\n? [k]\n: v\nz: {q}\n");
    let kinds: Vec<_> = source.obstacles.iter().map(|o| (o.line, o.kind.clone())).collect();
    assert_eq!(
        kinds,
        [
            (1, ObstacleKind::Anchor("x".into())),
            (2, ObstacleKind::Alias("x".into())),
            (3, ObstacleKind::MergeKey),
            (4, ObstacleKind::KeyNotString("5".into())),
            (5, ObstacleKind::RepeatedKey("a".into())),
            (6, ObstacleKind::KeyNotScalar),
            (8, ObstacleKind::NoColon("q".into())),
        ]
    );
    assert!(root(&source).get("z").is_some());
}

#[test]
fn a_colon_in_a_comment_is_no_place_for_a_value() {
    for text in ["? a # b: ", "? |\n# c: ", "{a # b: \n}"] {
        let source = read(text);
        assert!(matches!(source.obstacles[0].kind, ObstacleKind::NoColon(_)), "{text:?}");
    }
    assert!(read("? a # b\n: # c\n").obstacles.is_empty());
}

#[test]
fn documents_are_counted_and_cut() {
    let text = "# head\n---\na: 1\n--- # second\n---\nb: 2\n...\n";
    let source = read(text);
    let pieces: Vec<_> = source.documents.iter().map(|d| &text[d.span.clone()]).collect();
    assert_eq!(pieces, ["a: 1\n", "", "b: 2\n"]);
    assert!(source.documents[1].root.is_none());
}

fn check_edit(text: &str, edit: impl Fn(&Source<'_>) -> Edit, expected: &str) {
    let source = read(text);
    assert_eq!(splice(text, &[edit(&source)]), expected, "{text}");
}

#[test]
fn a_value_below_its_key_is_indented_where_a_block_scalar_was_not() {
    check_edit("b: # c\n|\n", |s| s.replace(at(s, &["b"]), "y"), "b: # c\n y\n");
    check_edit(
        "a:\n  b:\n\n  # c\n  |\n",
        |s| s.replace(at(s, &["a", "b"]), "y"),
        "a:\n  b:\n\n  # c\n   y\n",
    );
    check_edit("|\n\u{85}---\n", |s| s.replace(root(s), "y"), "y\n\u{85}---\n");
    check_edit(
        "- # c\n|\n",
        |s| s.replace(&root(s).as_seq().expect("a list").items().next().expect("one").value, "y"),
        "- # c\n   y\n",
    );
    check_edit("a:\n    |\n    x\n", |s| s.replace(at(s, &["a"]), "y"), "a:\n    y\n");
}

#[test]
fn one_value_is_replaced_and_nothing_else() {
    check_edit("a: b # c\n", |s| s.replace(at(s, &["a"]), "ENC[x]"), "a: ENC[x] # c\n");
    check_edit("a: |\n  x\n\nb: 1\n", |s| s.replace(at(s, &["a"]), "y"), "a: y\n\nb: 1\n");
    check_edit("a:\nb: 1\n", |s| s.replace(at(s, &["a"]), "y"), "a: y\nb: 1\n");
    check_edit("a: {b: , c: 1}", |s| s.replace(at(s, &["a", "b"]), "y"), "a: {b: y, c: 1}");
    check_edit("a: !!str 1\r\nb: 2\r\n", |s| s.replace(at(s, &["a"]), "x"), "a: !!str x\r\nb: 2\r\n");
}

#[test]
fn an_entry_is_added_behind_the_last_one() {
    let add = |path: &'static [&'static str]| {
        move |s: &Source<'_>| s.insert(at(s, path).as_map().expect("it is a mapping"), "no", "1")
    };
    check_edit("a:\n  b: 1 # c\n  # d\ne: 2\n", add(&["a"]), "a:\n  b: 1 # c\n  \"no\": 1\n  # d\ne: 2\n");
    check_edit("a: 1", add(&[]), "a: 1\n\"no\": 1");
    check_edit("a: 1\r\n", add(&[]), "a: 1\r\n\"no\": 1\r\n");
    check_edit("a:\n  b: |\n    x\n", add(&["a"]), "a:\n  b: |\n    x\n  \"no\": 1\n");
    check_edit("a: {}\n", add(&["a"]), "a: {\"no\": 1}\n");
    check_edit("a: {b: c}\n", add(&["a"]), "a: {b: c, \"no\": 1}\n");
    check_edit("é: {é: {b: 1}}\n", add(&["é", "é"]), "é: {é: {b: 1, \"no\": 1}}\n");
}

#[test]
fn an_entry_is_removed_with_its_lines() {
    let remove = |path: &'static [&'static str], key: &'static str| {
        move |s: &Source<'_>| {
            let map = at(s, path).as_map().expect("it is a mapping");
            s.remove(map, map.get(key).expect("the key exists"))
        }
    };
    check_edit("a: 1 # x\nb: 2\n", remove(&[], "a"), "b: 2\n");
    check_edit("a: 1\nb:\n  c: 2\n  d: 3", remove(&[], "b"), "a: 1");
    check_edit("a: 1\r\nb: |\r\n  x\r\nc: 3\r\n", remove(&[], "b"), "a: 1\r\nc: 3\r\n");
    check_edit("a:\n  b: 1\n", remove(&["a"], "b"), "a:\n  {}\n");
    check_edit("a: {b: 1, c: 2}\n", remove(&["a"], "b"), "a: {c: 2}\n");
    check_edit("a: {b: 1, c: 2}\n", remove(&["a"], "c"), "a: {b: 1}\n");
}

#[test]
fn the_first_entry_of_a_list_item_gives_its_place_to_the_next() {
    let text = "- a: 1\n  b: 2\n";
    let source = read(text);
    let list = root(&source).as_seq().expect("the root is a list");
    let map = list.items().next().and_then(|item| item.value.as_map()).expect("it holds a mapping");
    let edit = source.remove(map, map.get("a").expect("a exists"));
    assert_eq!(splice(text, &[edit]), "- b: 2\n");
}

#[test]
fn a_block_is_appended_to_its_document() {
    check_edit(
        "a: 1\n---\nb: 2",
        |s| s.append(&s.documents[0], "sops:\n  x: 1\n"),
        "a: 1\nsops:\n  x: 1\n---\nb: 2",
    );
    check_edit("a: 1\n---\nb: 2", |s| s.append(&s.documents[1], "sops: 1"), "a: 1\n---\nb: 2\nsops: 1\n");
    check_edit("a: 1\r\n", |s| s.append(&s.documents[0], "b:\n  - 1"), "a: 1\r\nb:\r\n  - 1\r\n");
}

#[test]
fn json_is_read_with_its_own_escapes() {
    let text = "{\n\t\"a\": \"x\\/\\ud83d\\ude00\",\n\t\"b\": 1.0\n}\n";
    let source = Source::read(text, Syntax::Json).expect("it is JSON");
    assert_eq!(at(&source, &["a"]).as_leaf().map(|leaf| &*leaf.text), Some("x/😀"));
    let edit = source.insert(root(&source).as_map().expect("it is an object"), "c<", "2");
    assert_eq!(
        splice(text, &[edit]),
        "{\n\t\"a\": \"x\\/\\ud83d\\ude00\",\n\t\"b\": 1.0,\n\t\"c\\u003c\": 2\n}\n"
    );
}

#[test]
fn unreadable_text_is_an_error_with_its_place() {
    let error = Source::read("a: 1\n---\nb: [\n", Syntax::Yaml).err().expect("it is broken");
    assert_eq!((error.document, error.line), (1, 4));
    let deep = "[".repeat(10_000);
    assert!(Source::read(&deep, Syntax::Yaml).is_err());
    assert!(Source::read("a: \u{0}", Syntax::Json).is_err());
    assert!(Source::read(&"?\n".repeat(1_000_000), Syntax::Yaml).is_err());
    assert!(Source::read(&" ".repeat(11 << 20), Syntax::Yaml).is_err());
}

#[test]
fn plaintext_does_not_show_in_debug_output() {
    let source = read("token: \"can\\u0061ry\"\n");
    let leaf = at(&source, &["token"]).as_leaf().expect("it is a scalar");
    assert!(!format!("{leaf:?} {:?}", source.replace(at(&source, &["token"]), "canary")).contains("canary"));
}

#[test]
fn a_spliced_file_reads_as_expected() {
    let text = "kind: Secret\nstringData:\n  a: &q x\n  b: |\n    y\n";
    let source = read(text);
    let data = at(&source, &["stringData"]).as_map().expect("it is a mapping");
    let edits = [
        source.insert(data, "c", &one_line("yes")),
        source.replace(at(&source, &["stringData", "b"]), "ENC[b]"),
        source.replace(at(&source, &["stringData", "a"]), "ENC[a]"),
    ];
    let sealed = splice(text, &edits);
    let stream = read_stream(sealed.as_bytes(), &"x".into(), Dialect::Resource, &Limits::default());
    assert_eq!(
        to_masked_string(&stream.documents[0].root),
        "kind: Secret\nstringData:\n  a: ENC[a]\n  b: ENC[b]\n  c: \"yes\"\n"
    );
}
