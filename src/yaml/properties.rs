//! What must hold for every tree and every text.

use super::source::{Content, Item, MapPart, SeqPart, Source, Syntax, splice};
use super::{
    Dialect, Limits, Map, Node, Scalar, ScalarKind, Stream, Style, Value, from_json, read_stream, to_json,
    to_masked_string,
};
use proptest::prelude::*;
use std::sync::Arc;

const DIALECTS: [Dialect; 2] = [Dialect::Resource, Dialect::Kustomization];

fn read(text: &[u8], dialect: Dialect) -> Stream {
    read_stream(text, &"x.yaml".into(), dialect, &Limits::default())
}

/// Pieces of text that mean something to YAML, or nearly.
const PIECES: &[&str] = &[
    "a",
    "b: ",
    "- ",
    "? ",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&x ",
    "*x",
    "!!str ",
    "!t ",
    "'",
    "\"",
    "\\",
    "\\n",
    "|\n",
    "|2-\n",
    ">+\n",
    "# c",
    "---\n",
    "...\n",
    "<<: ",
    "é",
    "😀",
    "%YAML 1.1\n",
    "@",
    "`",
    "yes",
    "no",
    "null",
    "~",
    "012",
    "0x1F",
    "1e3",
    ".5",
    "2001-01-01",
    "12:30:45",
    "=",
    "\r\n",
    "\u{85}",
    "long words in a row that make a line of more than eighty columns together with others ",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

/// Any string except for those with line separators: Go's printer puts the indentation behind them into
/// the value.
fn any_text() -> impl Strategy<Value = String> {
    let text = prop_oneof![soup(), any::<String>(), "[ -~]{0,90}"];
    text.prop_map(|text| text.replace(['\u{2028}', '\u{2029}'], ""))
}

fn scalar(text: impl Into<Arc<str>>, kind: ScalarKind) -> Node {
    Node::new(Value::Scalar(Scalar { text: text.into(), kind, style: Style::Plain }))
}

fn leaf() -> impl Strategy<Value = Node> {
    prop_oneof![
        8 => any_text().prop_map(Node::string),
        1 => Just(Node::null()),
        1 => any::<bool>().prop_map(Node::bool),
        1 => any::<i64>().prop_map(Node::int),
        1 => any::<u64>().prop_map(|n| scalar(n.to_string(), ScalarKind::Int)),
        1 => any::<f64>().prop_filter("minus zero loses its sign", |n| n.is_finite() && *n != 0.0)
            .prop_map(|n| scalar(format!("{n:e}"), ScalarKind::Float)),
    ]
}

fn tree() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(4, 24, 5, |inner| {
        let key = any_text().prop_filter("kustomize drops it", |key| key != "<<");
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Node::seq),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|pairs| Node::map(pairs.into_iter().collect::<Map>())),
        ]
    })
}

/// Calls `visit` with every value of the tree.
fn walk<'a, 't>(item: &'a Item<'t>, visit: &mut impl FnMut(&'a Item<'t>)) {
    visit(item);
    match &item.content {
        Content::Map(map) => map.entries().for_each(|entry| walk(&entry.value, visit)),
        Content::Seq(seq) => seq.items().for_each(|item| walk(&item.value, visit)),
        Content::Scalar(_) | Content::Alias(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back_as_it_was(node in tree()) {
        let printed = to_masked_string(&node);
        for dialect in DIALECTS {
            let stream = read(printed.as_bytes(), dialect);
            prop_assert!(stream.errors.is_empty(), "{:?} in {printed:?}", stream.errors);
            let again = stream.documents.first().map_or_else(Node::null, |d| d.root.clone());
            prop_assert_eq!(to_json(&again), to_json(&node), "{}", printed);
            prop_assert_eq!(to_masked_string(&again), printed.clone());
        }
    }

    #[test]
    fn json_reads_back_as_it_was(node in tree()) {
        let json = to_json(&node);
        let again = from_json(json.as_bytes()).expect("it is JSON");
        prop_assert_eq!(to_json(&again), json);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
        for dialect in DIALECTS {
            read(&bytes, dialect);
        }
        let _ = from_json(&bytes);
    }

    #[test]
    fn what_is_read_prints_to_what_reads_the_same(text in soup()) {
        for dialect in DIALECTS {
            for document in read(text.as_bytes(), dialect).documents {
                let printed = to_masked_string(&document.root);
                let again = read(printed.as_bytes(), dialect);
                let json = again.documents.first().map(|d| to_json(&d.root));
                let is_empty = document.root.is_null() || printed == "null\n";
                prop_assert!(is_empty || json == Some(to_json(&document.root)), "{text:?} as {printed:?}");
            }
        }
    }

    #[test]
    fn marks_and_ranges_lie_in_the_text(text in soup()) {
        let stream = read(text.as_bytes(), Dialect::Resource);
        for document in &stream.documents {
            prop_assert!(text.get(document.bytes.clone()).is_some());
            prop_assert!(document.root.mark.line >= document.line);
        }
        for error in &stream.errors {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }

    #[test]
    fn spans_are_the_bytes_of_their_values(text in soup()) {
        for syntax in [Syntax::Yaml, Syntax::Json] {
            let Ok(source) = Source::read(&text, syntax) else { continue };
            for root in source.documents.iter().filter_map(|document| document.root.as_ref()) {
                let mut wrong = Vec::new();
                walk(root, &mut |item| {
                    let raw = text.get(item.span.clone());
                    let plain = item.as_leaf().filter(|l| l.style == Style::Plain && !l.text.contains([' ', '\n']));
                    if raw.is_none() || plain.is_some_and(|leaf| Some(&*leaf.text) != raw) {
                        wrong.push(item.span.clone());
                    }
                });
                prop_assert!(wrong.is_empty(), "{:?} in {:?}", wrong, text);
            }
        }
    }

    #[test]
    fn every_comment_finds_one_place(text in soup()) {
        let Ok(source) = Source::read(&text, Syntax::Yaml) else { return Ok(()) };
        let mut spans = Vec::new();
        for document in &source.documents {
            spans.extend(document.comments.iter().map(|c| c.span.clone()));
            if let Some(root) = &document.root {
                walk(root, &mut |item| match &item.content {
                    Content::Map(map) => map.parts.iter().for_each(|part| match part {
                        MapPart::Comment(comment) => spans.push(comment.span.clone()),
                        MapPart::Entry(entry) => spans.extend(entry.trailing.iter().map(|c| c.span.clone())),
                    }),
                    Content::Seq(seq) => seq.parts.iter().for_each(|part| match part {
                        SeqPart::Comment(comment) => spans.push(comment.span.clone()),
                        SeqPart::Item(item) => spans.extend(item.trailing.iter().map(|c| c.span.clone())),
                    }),
                    Content::Scalar(_) | Content::Alias(_) => {}
                });
            }
        }
        spans.sort_by_key(|span| span.start);
        spans.windows(2).for_each(|pair| assert!(pair[0].end <= pair[1].start));
        prop_assert!(spans.iter().all(|span| text[span.clone()].starts_with('#')));
    }

    #[test]
    fn a_replaced_value_is_the_only_change(text in soup(), choice in any::<prop::sample::Index>()) {
        let Ok(source) = Source::read(&text, Syntax::Yaml) else { return Ok(()) };
        let mut leaves = Vec::new();
        for root in source.documents.iter().filter_map(|document| document.root.as_ref()) {
            walk(root, &mut |item| if item.as_leaf().is_some() { leaves.push(item) });
        }
        // Behind a plain scalar a line may hold a tab alone, behind quotes it may not.
        if leaves.is_empty() || !source.obstacles.is_empty() || text.contains('\t') {
            return Ok(());
        }
        let place = choice.index(leaves.len());
        let changed = splice(&text, &[source.replace(leaves[place], "\"MARK\"")]);
        let again = Source::read(&changed, Syntax::Yaml).map_err(|e| TestCaseError::fail(format!("{e} in {changed:?}")))?;
        let mut texts = Vec::new();
        for root in again.documents.iter().filter_map(|document| document.root.as_ref()) {
            walk(root, &mut |item| texts.extend(item.as_leaf().map(|leaf| leaf.text.to_string())));
        }
        let mut expected: Vec<_> = leaves.iter().filter_map(|i| i.as_leaf()).map(|l| l.text.to_string()).collect();
        "MARK".clone_into(&mut expected[place]);
        prop_assert_eq!(texts, expected, "{:?} became {:?}", text, changed);
    }
}
