//! Common labels and annotations: added to a kustomization as `kustomize edit add` adds them.

use crate::render::kustomize::{Label, Text};
use std::sync::Arc;

/// Labels or annotations with their places.
pub(super) type Pairs = Vec<(Arc<str>, Text)>;

/// A key that is there already, which only force overrides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken(pub Arc<str>);

/// A pair as `edit add` takes it apart again: at its first colon, with one pair of quotes gone. `None` has no key.
pub(super) fn argument(key: &str, value: &Text, expanded: &str) -> Option<(Arc<str>, Text)> {
    let whole = format!("{key}:{expanded}");
    let (key, text) = whole.split_once(':').filter(|(key, _)| !key.is_empty())?;
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    Some((key.into(), Text::new(inner, &value.mark)))
}

/// Adds pairs to a mapping that is sorted by key.
pub(super) fn add(to: &mut Pairs, pairs: &Pairs, force: bool) -> Result<(), Taken> {
    for (key, value) in pairs {
        match to.binary_search_by(|(own, _)| own.cmp(key)) {
            Ok(_) if !force => return Err(Taken(key.clone())),
            Ok(place) => to[place].1 = value.clone(),
            Err(place) => to.insert(place, (key.clone(), value.clone())),
        }
    }
    Ok(())
}

/// Adds pairs to `labels`: to its first entry without selectors that treats templates the same way, else a new one.
pub(super) fn add_without_selector(
    labels: &mut Vec<Label>,
    pairs: &Pairs,
    templates: bool,
    force: bool,
) -> Result<(), Taken> {
    let is_same = |label: &Label| !label.include_selectors && label.include_templates == templates;
    let place = labels.iter().position(is_same).unwrap_or_else(|| {
        labels.push(Label { include_templates: templates, ..Label::default() });
        labels.len() - 1
    });
    add(&mut labels[place].pairs, pairs, force)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(k, v)| ((*k).into(), Text::made(*v))).collect()
    }

    #[test]
    fn a_key_that_is_there_needs_force() {
        let mut own = pairs(&[("a", "1")]);
        assert_eq!(add(&mut own, &pairs(&[("a", "2")]), false), Err(Taken("a".into())));
        assert_eq!(add(&mut own, &pairs(&[("a", "2"), ("b", "3")]), true), Ok(()));
        let texts: Vec<_> = own.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(texts, [("a", "2"), ("b", "3")]);
    }

    #[test]
    fn labels_go_to_the_first_entry_that_treats_templates_the_same() {
        let other = Label { pairs: pairs(&[("a", "1")]), include_selectors: true, ..Label::default() };
        let same = Label { pairs: pairs(&[("b", "1")]), ..Label::default() };
        let mut labels = vec![other, same];
        // The key `a` of the other entry is no conflict.
        assert_eq!(add_without_selector(&mut labels, &pairs(&[("a", "2")]), false, false), Ok(()));
        assert_eq!((labels.len(), labels[1].pairs.len()), (2, 2));
        assert_eq!(add_without_selector(&mut labels, &pairs(&[("c", "2")]), true, false), Ok(()));
        assert!(labels.len() == 3 && labels[2].include_templates);
    }

    #[test]
    fn arguments_are_cut_at_the_first_colon() {
        let text = Text::made("x");
        let cut =
            |key: &str, value: &str| argument(key, &text, value).map(|(k, v)| (k.to_string(), v.to_string()));
        assert_eq!(cut("a", "b:c"), Some(("a".into(), "b:c".into())));
        assert_eq!(cut("a", "\"q\""), Some(("a".into(), "q".into())));
        assert_eq!(cut("", "v"), None);
    }
}
