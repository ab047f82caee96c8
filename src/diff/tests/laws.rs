//! The laws of diff.md 2.13, over random objects.

use super::super::compare;
use super::*;
use crate::yaml::{Map, Value};
use proptest::prelude::*;

fn leaf() -> impl Strategy<Value = Node> {
    prop_oneof![
        (-3_i64..200).prop_map(Node::int),
        any::<bool>().prop_map(Node::bool),
        "[a-c]{0,3}".prop_map(Node::string),
        prop_oneof![Just("1000m"), Just("1"), Just("1Gi"), Just("1024Mi"), Just("2026-01-01T00:00:00Z")]
            .prop_map(Node::string),
        Just(Node::null()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("name".to_owned()),
        Just("spec".to_owned()),
        Just("containers".to_owned()),
        Just("limits".to_owned()),
        Just("template".to_owned()),
        Just("env".to_owned()),
        Just("value".to_owned()),
        Just("PASSWORD".to_owned()),
        "[a-d]",
    ]
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::seq),
            prop::collection::vec((name(), inner), 0..5).prop_map(|e| Node::map(e.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Node> {
    versions().prop_map(|[one, _, _]| one)
}

/// Three versions of one object.
fn versions() -> impl Strategy<Value = [Node; 3]> {
    let kinds =
        prop_oneof![Just(("apps/v1", "Deployment")), Just(("v1", "ConfigMap")), Just(("x.org/v1", "Widget"))];
    (kinds, [node(), node(), node()])
        .prop_map(|((api, kind), specs)| specs.map(|spec| whole(api, kind, spec)))
}

fn whole(api: &str, kind: &str, spec: Node) -> Node {
    let metadata: Map = [("name", Node::string("x"))].into_iter().collect();
    let fields = [
        ("apiVersion", Node::string(api)),
        ("kind", Node::string(kind)),
        ("metadata", Node::map(metadata)),
        ("spec", spec),
    ];
    Node::map(fields.into_iter().collect())
}

fn reversed(node: &Node) -> Node {
    match &node.value {
        Value::Map(map) => {
            Node::map(map.entries.iter().rev().map(|e| (e.key.text.clone(), reversed(&e.value))).collect())
        }
        Value::Seq(items) => Node::seq(items.iter().map(reversed).collect()),
        _ => node.clone(),
    }
}

/// Fields of `FieldsV1` for about every second mapping key of an object.
fn owned(node: &Node) -> Node {
    let Some(map) = node.as_map() else { return Node::map(Map::new()) };
    let mut fields = Map::new();
    for (key, value) in map.iter() {
        if key.as_bytes().first().is_some_and(|b| b % 2 == 0) || value.as_map().is_some() {
            fields.set(format!("f:{key}"), owned(value));
        }
    }
    Node::map(fields)
}

fn run(d: &Node, b: Option<&Node>, l: &Node, who: &str) -> (ObjectDiff, Vec<FieldDiff>) {
    let (key, _) = ObjectKey::of(l).expect("it has a name");
    let rules = Rules::default();
    let mut manager = manager(who, false, "{}");
    manager.fields = owned(l);
    let live = live(&key, l.clone(), vec![manager]);
    let input = Comparison {
        base: b.map_or(Base::Unknown, Base::Is),
        appliers: &["kustomize-controller"],
        ..Comparison::new(&key, Desired::Is(d), Found::Is(&live), &rules)
    };
    (diff(&input), all_fields(&input))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn nothing_differs_from_itself(x in object()) {
        let (diff, _) = run(&x, Some(&x), &x, "k9s");
        prop_assert_eq!(&diff.verdict, &Verdict::Synced);
        prop_assert!(diff.fields.is_empty() && diff.folded.is_empty());
        prop_assert!(run(&x, None, &x, "k9s").0.fields.is_empty());
        prop_assert!(compare(Some(&x), Some(&x)).is_empty());
    }

    #[test]
    fn order_of_keys_means_nothing([d, l, _] in versions()) {
        let sorted = |mut lines: Vec<String>| { lines.sort(); lines };
        let one = run(&d, Some(&d), &l, "k9s");
        let two = run(&reversed(&d), Some(&reversed(&d)), &reversed(&l), "k9s");
        prop_assert_eq!(one.0.verdict, two.0.verdict);
        prop_assert_eq!(
            sorted(one.1.iter().map(|f| format!("{} {:?}", f.path, f.class)).collect()),
            sorted(two.1.iter().map(|f| format!("{} {:?}", f.path, f.class)).collect())
        );
        prop_assert!(run(&reversed(&d), Some(&d), &d, "k9s").0.verdict.is_synced());
    }

    #[test]
    fn another_name_of_the_manager_changes_attribution_only([d, l, _] in versions()) {
        let classes = |who: &str| -> Vec<_> {
            run(&d, Some(&d), &l, who).1.iter().map(|f| (f.path.clone(), f.class)).collect()
        };
        prop_assert_eq!(classes("robot-one"), classes("robot-two"));
    }

    #[test]
    fn everything_found_is_shown_folded_or_counted([d, b, l] in versions()) {
        let (diff, all) = run(&d, Some(&b), &l, "k9s");
        prop_assert_eq!(diff.fields.len() + diff.folded.len() + diff.hidden, all.len());
    }

    #[test]
    fn a_change_is_seen_from_both_ends([d, l, _] in versions()) {
        prop_assert_eq!(compare(Some(&d), Some(&l)).is_empty(), compare(Some(&l), Some(&d)).is_empty());
    }

    #[test]
    fn results_hold_no_secret(value in "[a-z]{3}canary[a-z]{3}", l in object()) {
        let (key, _) = ObjectKey::of(&l).expect("it has a name");
        let text = format!("{{apiVersion: v1, kind: Secret, metadata: {{name: x}}, stringData: {{k: {value}}}, data: {{j: {value}}}}}");
        let secret = yaml(&text);
        let blinded = blind(&secret, &DigestKey::new([5; 32]));
        for body in [&secret, &blinded] {
            let shown = format!("{:?} {:?}", compare(Some(body), Some(&l)), compare(None, Some(body)));
            prop_assert!(!shown.contains("canary"), "{} {}", key, shown);
        }
    }
}
