//! Generated names: a `ConfigMap` or Secret whose content changed has a new name, and is still the same thing (render.md 12).

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
