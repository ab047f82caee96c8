//! Substitution over single objects.

use super::*;
use crate::render::kustomize::testing::{print, read};
use crate::secret::{Ciphertext, DigestKey};

fn variables(pairs: &[(&str, &str)]) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in pairs {
        variables.set_plain(name, value);
    }
    variables
}

fn done(text: &str, variables: &Variables) -> String {
    substitute(&read(text), variables).map_or_else(|e| e.to_string(), |s| print(&s.body))
}

#[test]
fn the_printed_text_decides_what_a_value_becomes() {
    let variables = variables(&[("PORT", "80"), ("ON", "yes"), ("NOTHING", "")]);
    assert_eq!(done("a: ${PORT}\nb: x${PORT}\n", &variables), "a: 80\nb: x80\n");
    assert_eq!(done("a: ${ON}\nb: ${NOTHING}\nc: ${UNSET:=d}\n", &variables), "a: true\nb: null\nc: d\n");
}

#[test]
fn a_value_can_change_the_tree() {
    assert_eq!(done("a: ${V}\n", &variables(&[("V", "{b: 1}")])), "a:\n  b: 1\n");
    assert!(done("a: '${V} {'\n", &variables(&[("V", "'")])).contains("no longer YAML"));
}

#[test]
fn marks_of_the_file_stay() {
    let body = read("top:\n  a: x\n  b: ${V}\n");
    let result = substitute(&body, &variables(&[("V", "1")])).expect("it is a template");
    let mark = |key| result.body.at_path(&["top", key]).map(|n| (n.mark.line, n.mark.column));
    assert_eq!((mark("a"), mark("b")), (Some((2, 6)), Some((3, 6))));
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let body = read("a: fine\nscript: |\n  echo ${list[@]}\n");
    let error = substitute(&body, &variables(&[("V", "1")])).expect_err("arrays are not known");
    assert_eq!(Some(&error.mark), body.get("script").map(|n| &n.mark));
    assert!(error.cause.contains("`${list[@]}`"), "{}", error.cause);
}

#[test]
fn holes_stay_visible_when_a_source_is_missing() {
    let mut variables = variables(&[("A", "1")]);
    variables.incomplete = true;
    let result = substitute(&read("a: ${A}-${B}\nc: ${C:=d}\n"), &variables).expect("it is a template");
    assert_eq!(print(&result.body), "a: 1-${B}\nc: d\n");
    assert_eq!((result.holes, result.assumed), (vec!["B".to_owned()], vec!["C".to_owned()]));
}

#[test]
fn a_secret_variable_makes_the_whole_leaf_secret() {
    let mut variables = variables(&[("USER", "shop")]);
    variables.set_secret("PASS", &SecretText::from_string("hun\nter2".to_owned()));
    let result =
        substitute(&read("url: 'db://${USER}:${PASS}@x'\nup: ${PASS^^}\nplain: ${USER}\n"), &variables)
            .expect("it is a template");
    let shown = format!("{}{:?}", print(&result.body), result.body);
    assert!(!shown.contains("hunter2") && !shown.contains("HUNTER2"), "{shown}");
    let key = DigestKey::new([3; 32]);
    for (field, expected) in [("url", "db://shop:hunter2@x"), ("up", "HUNTER2")] {
        let Some(Value::Secret(SecretLeaf::Text(text))) = result.body.get(field).map(|n| &n.value) else {
            panic!("{field} is a secret leaf");
        };
        assert_eq!(text.digest(&key), key.digest(expected.as_bytes()), "{field}");
    }
    assert_eq!(result.body.str_at(&["plain"]), Some("shop"));
}

#[test]
fn variables_inside_a_secret_leaf_are_replaced_and_other_leaves_stay() {
    let secret = |text: &str| {
        Node::new(Value::Secret(SecretLeaf::Text(Arc::new(SecretText::from_string(text.to_owned())))))
    };
    let body = Node::map([("a", secret("x-${V}-$$y")), ("b", secret("plain"))].into_iter().collect());
    let result = substitute(&body, &variables(&[("V", "1")])).expect("it is a template");
    let key = DigestKey::new([3; 32]);
    for (field, expected) in [("a", "x-1-$y"), ("b", "plain")] {
        let Some(Value::Secret(SecretLeaf::Text(text))) = result.body.get(field).map(|n| &n.value) else {
            panic!("{field} is a secret leaf");
        };
        assert_eq!(text.digest(&key), key.digest(expected.as_bytes()), "{field}");
    }
}

#[test]
fn a_closed_variable_closes_the_leaf() {
    let mut variables = Variables::default();
    variables.set("P", Variable::Closed(Ciphertext::UNKNOWN));
    let result = substitute(&read("a: x${P}\n"), &variables).expect("it is a template");
    assert!(matches!(result.body.get("a").map(|n| &n.value), Some(Value::Secret(SecretLeaf::Closed(_)))));
}

#[test]
fn nothing_changes_without_templates() {
    let body = read("a: $x\nb: 010\nc: 'yes'\n");
    let result = substitute(&body, &variables(&[("x", "1")])).expect("nothing to do");
    assert_eq!(print(&result.body), print(&body));
}

#[test]
fn names_are_checked() {
    assert_eq!(variables(&[("a-b", "1")]).invalid_name(), Some("a-b"));
    assert_eq!(variables(&[("_a1", "1")]).invalid_name(), None);
}

proptest::proptest! {
    #[test]
    fn any_object_is_substituted_or_refused(text in "[a${}:=x#/ '\"\\-]{0,30}", value in "[a: '\"{}$#-]{0,10}") {
        let body = Node::map([("a", Node::string(text)), ("b", Node::string("kept"))].into_iter().collect());
        let mut own = variables(&[("x", &value)]);
        own.set_secret("a", &SecretText::from_string(value.clone()));
        if let Ok(result) = substitute(&body, &own) {
            proptest::prop_assert!(result.holes.is_empty());
        }
    }
}

#[test]
fn what_grows_beyond_measure_is_refused() {
    let variables = variables(&[("LONG", &"x".repeat(1 << 20)), ("X", "x")]);
    let many = format!("a: {}\n", "${LONG}-".repeat(40));
    assert!(done(&many, &variables).contains("too much"), "many");
    assert!(done("a: ${LONG//x/${LONG}}\n", &variables).contains("beyond what is allowed"), "replaced");
}
