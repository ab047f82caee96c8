//! Generated names: a `ConfigMap` or Secret whose content changed has a new name, and is still the same thing (render.md 12).

use crate::model::ObjectKey;
use std::collections::HashMap;

/// Letters of kustomize's name suffix: hex digits with some replaced, so that no word comes out.
const LETTERS: &str = "2456789bcdfghkmt";
/// Their number.
const LENGTH: usize = 10;

/// The name without its suffix hash; `None` if it has none.
///
/// ```
/// assert_eq!(sealane::diff::base_name("app-config-5hk9g7dkmt"), Some("app-config"));
/// assert_eq!(sealane::diff::base_name("app-config"), None);
/// ```
pub fn base_name(name: &str) -> Option<&str> {
    let (base, hash) = name.rsplit_once('-')?;
    let is_hash = hash.len() == LENGTH && hash.chars().all(|c| LETTERS.contains(c));
    (is_hash && !base.is_empty()).then_some(base)
}

/// Pairs objects that exist on one side only and differ in nothing but the hash in their name: indices into `before`
/// and `after`. Objects that stand on both sides are not looked at. Where several share a base name, they are paired in
/// their order; a rest stays alone.
#[must_use]
pub fn pair_generated(before: &[&ObjectKey], after: &[&ObjectKey]) -> Vec<(usize, usize)> {
    let mut gone: HashMap<(&str, &str, &str), Vec<usize>> = HashMap::new();
    for (index, key) in before.iter().enumerate().filter(|(_, key)| !after.contains(key)) {
        if let Some(family) = family(key) {
            gone.entry(family).or_default().push(index);
        }
    }
    let mut pairs = Vec::new();
    for (index, key) in after.iter().enumerate().filter(|(_, key)| !before.contains(key)) {
        let waiting = family(key).and_then(|family| gone.get_mut(&family)).filter(|w| !w.is_empty());
        if let Some(waiting) = waiting {
            pairs.push((waiting.remove(0), index));
        }
    }
    pairs
}

fn family(key: &ObjectKey) -> Option<(&str, &str, &str)> {
    let generated = key.group.is_empty() && matches!(&*key.kind, "ConfigMap" | "Secret");
    if generated { Some((&*key.kind, &*key.namespace, base_name(&key.name)?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renamed_by_content_is_paired_and_others_are_not() {
        let key = |kind: &str, name: &str| ObjectKey::new("", kind, "shop", name);
        let before = [
            key("ConfigMap", "a-5hk9g7dkmt"),
            key("ConfigMap", "b-5hk9g7dkmt"),
            key("Secret", "a-5hk9g7dkmt"),
            key("ConfigMap", "plain"),
            key("ConfigMap", "same-5hk9g7dkmt"),
        ];
        let after = [
            key("Secret", "a-2222222222"),
            key("ConfigMap", "a-2222222222"),
            key("ConfigMap", "other-2222222222"),
            key("ConfigMap", "plain-2222222222"),
            key("ConfigMap", "same-5hk9g7dkmt"),
        ];
        let pairs = pair_generated(&before.iter().collect::<Vec<_>>(), &after.iter().collect::<Vec<_>>());
        assert_eq!(pairs, [(2, 0), (0, 1)]);
    }
}
